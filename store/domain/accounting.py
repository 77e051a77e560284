"""The accounting date of an export, judged by the ERP's accounting periods (PRODUCT.md, "Words")."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from store.domain.errors import Blocked
from store.domain.outcome import Period


def default_date(periods: Sequence[Period], period_end: date) -> date:
    """The billing period's end if that period is open in the ERP, else the first day of the next open one.

    Where the ERP's periods are unknown it is the billing period's end. Raises Blocked when nothing later is open.
    """
    if not periods or is_open(periods, period_end):
        return period_end
    for period in periods:
        if period.is_open and period.start > period_end:
            return period.start
    raise Blocked(
        f"No accounting period of the ERP is open from {period_end} on",
        fix="Open the period in the ERP, or give another accounting date ({invoices.export-values})",
    )


def is_open(periods: Sequence[Period], day: date) -> bool:
    """Whether the ERP takes that accounting date; unknown periods block nothing here, the ERP itself decides."""
    return not periods or any(p.is_open and p.start <= day <= p.end for p in periods)
