"""A reconciliation for the desk: what was sent since a day, compared with what the ERP has, in lines."""

from __future__ import annotations

import asyncio
import calendar
from datetime import date
from typing import TYPE_CHECKING

from store.domain.outcome import Period
from store.reconciling import Reconciliation
from tui.commands import reconcile_text

if TYPE_CHECKING:
    from tui.bootstrap import Books

# So many bills of each class are named.
NAMED = 50


async def lines(books: Books, first: date) -> list[str]:
    """What ``payapp reconcile`` tells of the accounting dates from ``first`` to the end of this month. Reads alone.

    Raises PayappError where the ERP can list its bills and does not.
    """
    from erp import reconciling
    from tui import bootstrap

    profile = books.profile()
    today = date.today()  # noqa: DTZ011 - the month that it is where the user sits
    last = today.replace(day=calendar.monthrange(today.year, today.month)[1])
    # Connectors load libraries of their own.
    connector = await asyncio.to_thread(bootstrap.connector, books)
    try:
        lists = profile.lists and not profile.receipts
        period = Period(first, last, is_open=True)
        with Reconciliation(books.company.erp, period, lists=lists, receipts=profile.receipts) as found:
            await reconciling.compare(books.db, connector, found)
            told: list[str] = []
            await asyncio.to_thread(reconcile_text.print_all, profile, found, None, NAMED, told.append)
            return [line for text in told for line in text.split("\n")]
    finally:
        await connector.close()
