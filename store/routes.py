"""The orders of the lists: the keys that rows are sorted by, and the indexes that have them sorted already.

Behind the column that is asked for stand, where many rows share a value, the vendor's order (place, application,
number), and last of all the id: no two rows are equal. Descending is the reverse of all of it. Texts are compared by
code point on both databases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from store.db import Database
from store.domain.status import ProjectView, View
from store.invoices import SortBy
from store.models import Invoice, Project
from store.sizes import INDEXES

# The index that has state, currency and amounts.
AMOUNTS = "invoices_status"
# All invoices by gross.
GROSS = "invoices_gross"
# All invoices by period, then in the order of their vendors.
PERIODS = "invoices_period"
# The views whose invoices are all in one state: there the order by status is the vendors'.
_ONE_STATE = frozenset(
    {View.READY, View.FAILED, View.SYNCED, ProjectView.RETURNED, ProjectView.NOT_SENT},
)
_AMOUNTS = {SortBy.GROSS: Invoice.gross, SortBy.RETAINAGE: Invoice.retainage, SortBy.NET: Invoice.net}


@dataclass(frozen=True, slots=True)
class Route:
    """How to go through a view in an order.

    ``keys`` are the columns to sort by, the id last. ``index`` has them sorted; where it is None, ``cover`` is an
    index that at least holds what is sorted by, and ``walk`` one that has them sorted for all invoices.
    """

    keys: tuple[Any, ...]
    index: str | None = None
    cover: str | None = None
    walk: str | None = None
    joins: bool = False


def view_index(view: View | ProjectView) -> str | None:
    """The index that has the view in the order of its vendors, with places and numbers; None for small views."""
    return INDEXES.get(view)


def route(db: Database, view: View | ProjectView, sort: SortBy) -> Route:
    """The way through a view in an order."""
    number = _by_code_point(db, Invoice.number)
    vendors = (Invoice.place, Invoice.application, number, Invoice.id)
    if sort is SortBy.VENDOR or (sort is SortBy.STATUS and view in _ONE_STATE):
        return Route(vendors, view_index(view))
    if sort is SortBy.NUMBER:
        ready = view is View.READY
        index = "invoices_ready_number" if ready else None
        return Route((number, Invoice.id), index, None if ready else view_index(view))
    if sort in _AMOUNTS:
        cover = None if view is ProjectView.RETURNED else AMOUNTS
        return Route((_AMOUNTS[sort], Invoice.id), cover=cover)
    if sort is SortBy.JOB:
        return Route((_by_code_point(db, Project.number), *vendors), joins=True)
    if sort is SortBy.PERIOD:
        return Route((_by_code_point(db, Invoice.period_end), *vendors), walk=PERIODS)
    return Route((_by_code_point(db, Invoice.erp_status), *vendors))


def _by_code_point(db: Database, column: Any) -> Any:
    return column.collate('"C"') if db.postgres else column


def ordering(keys: Sequence[Any], *, descending: bool) -> list[Any]:
    """The keys for an ORDER BY."""
    return [key.desc() if descending else key.asc() for key in keys]
