"""The desk's lists: an order of invoices, how many there are, windows of rows, and where an invoice stands in it."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from peewee import Expression

from store.db import Database
from store.domain.actor import Actor
from store.domain.selection import Selection
from store.domain.status import ProjectView, View
from store.invoices import Row, SortBy, rows
from store.matching import matching
from store.models import Commitment, Invoice, Project, Vendor
from store.query import in_view, joined
from store.selecting import condition

# Behind every order stand commitment, application and id, so that equal rows keep their places.
_ORDERS: dict[SortBy, Any] = {
    SortBy.VENDOR: Vendor.name,
    SortBy.NUMBER: Invoice.number,
    SortBy.JOB: Project.number,
    SortBy.PERIOD: Invoice.period_end,
    SortBy.GROSS: Invoice.gross,
    SortBy.RETAINAGE: Invoice.retainage,
    SortBy.NET: Invoice.net,
    SortBy.STATUS: Invoice.erp_status,
}


@dataclass(frozen=True, slots=True)
class Order:
    """What a list shows and in which order. ``only``: none but those of that selection; ``me``: whose flags count."""

    view: View | ProjectView
    query: str = ""
    sort: SortBy = SortBy.VENDOR
    descending: bool = False
    only: Selection | None = None
    me: Actor | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """An order as it was read. Not ``complete``: ``count`` rows are known so far, ``complete`` reads the rest.

    ``ids`` in order, or None where windows come straight from an index.
    """

    order: Order
    count: int
    complete: bool = True
    ids: array[int] | None = None


def begin(db: Database, order: Order, first: int) -> Listing:
    """What can be shown at once: the whole listing, or its ``first`` rows when the rest takes longer.

    Raises BadFilter for a query that cannot be read.
    """
    return complete(db, Listing(order, 0, complete=False))


def complete(db: Database, listing: Listing) -> Listing:
    """The whole of a listing that was begun. Call it in the counting thread: it may take a second at a million."""
    order = listing.order
    first = _ORDERS[order.sort]
    select = (
        joined(Invoice.id)
        .where(wanted(db, order))
        .order_by(
            first.desc() if order.descending else first.asc(),
            Commitment.number, Invoice.application, Invoice.id,
        )
    )  # fmt: skip
    ids = array("q", (row[0] for row in db.rows(select)))
    return replace(listing, count=len(ids), complete=True, ids=ids)


def every_id(db: Database, order: Order) -> array[int]:
    """The ids of an order, for whoever goes through all of it. Raises BadFilter."""
    ids = complete(db, Listing(order, 0, complete=False)).ids
    return ids if ids is not None else array("q")


def wanted(db: Database, order: Order) -> Expression:
    """The condition of an order. Raises BadFilter."""
    found = in_view(order.view)
    matches = matching(db, order.query, order.me)
    if matches is not None:
        found &= matches
    return found & condition(db, order.only) if order.only is not None else found


def window(db: Database, listing: Listing, first: int, count: int) -> list[Row]:
    """The rows at these places as they are now. Fewer than asked for: the listing is no longer what the store has."""
    assert listing.ids is not None
    return rows(db, listing.ids[max(0, first) : first + count], listing.order.me)


def place_of(db: Database, listing: Listing, invoice_id: int) -> int | None:
    """Where the invoice stands in the order, from 0; None where it does not."""
    assert listing.ids is not None
    return listing.ids.index(invoice_id) if invoice_id in listing.ids else None


def between(
    db: Database, listing: Listing, one: int, other: int, most: int
) -> Sequence[tuple[int, int]] | None:
    """The (id, version) pairs from one invoice to the other in the order, both included; None where more than ``most``.

    Empty where one of the two is not listed any more.
    """
    places = [place_of(db, listing, number) for number in (one, other)]
    if None in places:
        return ()
    low, high = sorted(place for place in places if place is not None)
    if high - low + 1 > most:
        return None
    return [(row.id, row.version) for row in window(db, listing, low, high - low + 1)]
