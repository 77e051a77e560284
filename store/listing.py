"""The desk's lists: an order of invoices, how many there are, windows of rows, and where an invoice stands in it.

A whole view in an order that an index has is never read as a whole: windows come from the index. Everything else is an
array of ids, 8.6 MB a million.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from peewee import SQL, EnclosedNodeList, Expression, Value
from peewee import fn as peewee_fn

from store import statements
from store.db import Database
from store.domain.actor import Actor
from store.domain.filter import parse
from store.domain.selection import Marked, Selection
from store.domain.status import ProjectView, View
from store.invoices import Row, SortBy, rows
from store.leading import leading
from store.matching import MONEY, matching
from store.models import Invoice, Project
from store.narrowing import few, walked
from store.query import in_view, led, unaided
from store.routes import AMOUNTS, Route, ordering, route, view_index
from store.searching import by_place
from store.selecting import as_query, condition, these
from store.sizes import size

# Views up to here are read whole at once.
SMALL = 20_000
# So long the first rows of a larger one may take, in seconds: where they come in order, and where all must be sorted.
WALKING = 0.045
SORTING = 0.25
# So many places are remembered with their keys.
LANDMARKS = 64

_Key = tuple[Any, ...]


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

    ``ids`` in order, or None where windows come straight from an index. ``landmarks`` are the keys of rows by their
    places, so that the next window begins at the one before.
    """

    order: Order
    count: int
    complete: bool = True
    ids: array[int] | None = None
    landmarks: dict[int, _Key] = field(default_factory=dict, compare=False, repr=False)


def begin(db: Database, order: Order, first: int) -> Listing:
    """What can be shown at once: the whole listing, or its ``first`` rows when the rest takes longer.

    Where even those cannot be had at once there are fewer, perhaps none, and the listing is not complete.
    Raises BadFilter for a query that cannot be read.
    """
    listing = Listing(order, 0, complete=False)
    if _indexed(db, order) or _is_small(db, order):
        return complete(db, listing)
    if order.only is None and not parse(order.query):
        known = leading(db, order.view, order.sort, first, SORTING, descending=order.descending)
        if known is not None:
            return replace(listing, count=len(known), ids=array("q", known))
    way = route(db, order.view, order.sort)
    if (whole := _short(db, order, way, quickly=True)) is not None:
        return replace(listing, count=len(whole), complete=True, ids=whole)
    covered = _covered(db, order)
    walking = way.index is not None and (covered is None or way.index == view_index(order.view))
    index = way.index if walking else view_index(order.view) if covered is not None else way.cover
    if index is None and not isinstance(order.only, Marked):
        # Every row of the table would have to be read before the first one is known.
        return replace(listing, ids=array("q"))
    select = _select(db, order, way, covered, alone=index is not None)
    sql, params = statements.compiled(db, select)
    seconds = WALKING if walking else SORTING
    found, sufficed = statements.first(db, led(db, sql, index), params, first + 1, seconds)
    ids = array("q", [row[0] for row in found[:first]])
    return Listing(order, len(ids), complete=sufficed and len(found) <= first, ids=ids)


def complete(db: Database, listing: Listing) -> Listing:
    """The whole of a listing that was begun. Call it in the counting thread: it may take a second at a million."""
    order = listing.order
    if _indexed(db, order):
        return replace(listing, count=size(db, order.view), complete=True, ids=None)
    way = route(db, order.view, order.sort)
    small = _is_small(db, order)
    ids = None if small else _short(db, order, way, quickly=False)
    if ids is not None:
        return replace(listing, count=len(ids), complete=True, ids=ids)
    covered = _covered(db, order)
    if covered is not None or small:
        index = view_index(order.view)
    elif order.query and all(term.key in MONEY for term in parse(order.query)):
        index = AMOUNTS
    else:
        index = way.cover if not order.query else None
    if isinstance(order.only, Marked):
        index = None
    sql, params = statements.compiled(db, _select(db, order, way, covered, alone=index is not None or small))
    ids = array("q")
    for some in statements.run(db, led(db, sql, index), params):
        ids.extend([row[0] for row in some])
    return replace(listing, count=len(ids), complete=True, ids=ids)


def _short(db: Database, order: Order, way: Route, *, quickly: bool) -> array[int] | None:
    """The whole of a list by one of the ways past the table; None where there is none.

    ``quickly``: those alone that take milliseconds.
    """
    terms, only = parse(order.query), order.only
    if isinstance(only, Marked):
        return None
    if only is not None and (query := as_query(only, order.me)) is not None:
        terms, only = terms + parse(query), None
    if (some := few(db, terms, order.me, quickly=quickly)) is not None:
        view = in_view(order.view, unaided(db))
        wanted = these(db, some) & _wanted(db, order, None, view)
        select = Invoice.select(Invoice.id)
        if way.joins:
            select = select.join(Project, on=Invoice.project == Project.id)
        found = db.rows(select.where(wanted).order_by(*ordering(way.keys, descending=order.descending)))
        return array("q", [row[0] for row in found])
    if quickly:
        return None
    return walked(db, order.view, terms, only, way, descending=order.descending)


def every_id(db: Database, order: Order) -> array[int]:
    """The ids of an order, for whoever goes through all of it. Raises BadFilter."""
    whole = complete(db, Listing(order, 0, complete=False))
    if whole.ids is not None:
        return whole.ids
    ids = array("q")
    way = route(db, order.view, order.sort)
    sql, params = statements.compiled(db, _select(db, order, way, None, alone=True))
    for some in statements.run(db, led(db, sql, way.index), params):
        ids.extend([row[0] for row in some])
    return ids


def wanted(db: Database, order: Order) -> Expression:
    """The condition of an order. Raises BadFilter."""
    return _wanted(db, order, _covered(db, order), in_view(order.view))


def _wanted(db: Database, order: Order, covered: Expression | None, found: Expression) -> Expression:
    matches = covered if covered is not None else matching(db, order.query, order.me)
    if matches is not None:
        found &= matches
    return found & condition(db, order.only) if order.only is not None else found


def _covered(db: Database, order: Order) -> Expression | None:
    """The filter as a condition that the index of the view answers; None where it cannot, or has no such index."""
    return by_place(db, order.query) if view_index(order.view) and order.only is None else None


def _indexed(db: Database, order: Order) -> bool:
    way = route(db, order.view, order.sort)
    return way.index is not None and order.only is None and not parse(order.query)


def _is_small(db: Database, order: Order) -> bool:
    if isinstance(order.only, Marked):
        return len(order.only.versions) <= SMALL
    some = Invoice.select(Invoice.id).where(in_view(order.view)).limit(1).offset(SMALL)
    sql, params = statements.compiled(db, some)
    return not statements.fetch(db, led(db, sql, view_index(order.view)), params)


def _select(db: Database, order: Order, way: Route, covered: Expression | None, *, alone: bool) -> Any:
    """The ids of an order; ``alone``: the view is what chooses the index."""
    view = in_view(order.view) if alone else in_view(order.view, unaided(db))
    select = Invoice.select(Invoice.id)
    if way.joins:
        select = select.join(Project, on=Invoice.project == Project.id)
    select = select.where(_wanted(db, order, covered, view))
    return select.order_by(*ordering(way.keys, descending=order.descending))


# -- windows ---------------------------------------------------------------------------------------------------


def window(db: Database, listing: Listing, first: int, count: int) -> list[Row]:
    """The rows at these places as they are now. Fewer than asked for: the listing is no longer what the store has."""
    first = max(0, first)
    count = min(count, listing.count - first)
    if count <= 0:
        return []
    if listing.ids is not None:
        return rows(db, listing.ids[first : first + count], listing.order.me)
    keys = _keys(db, listing, first, count)
    if len(listing.landmarks) >= LANDMARKS:
        listing.landmarks.clear()
    if keys:
        listing.landmarks.update({first: keys[0], first + len(keys) - 1: keys[-1]})
    return rows(db, [key[-1] for key in keys], listing.order.me)


def _keys(db: Database, listing: Listing, first: int, count: int) -> list[_Key]:
    """The keys of the rows at these places, from whichever known place is nearest."""
    end = first + count
    ways: list[tuple[int, bool, _Key | None]] = [(first, True, None), (listing.count - end, False, None)]
    for place, known in list(listing.landmarks.items()):
        if place <= first:
            ways.append((first - place, True, known))
        elif place >= end - 1:
            ways.append((place - end + 1, False, known))
    offset, forwards, key = min(ways, key=lambda way: way[0])
    order = listing.order
    way = route(db, order.view, order.sort)
    descending = order.descending == forwards
    where = in_view(order.view)
    if key is not None:
        where &= _compared(way.keys, "<=" if descending else ">=", key)
    select = Invoice.select(*way.keys).where(where).order_by(*ordering(way.keys, descending=descending))
    found = _led(db, select.limit(count).offset(offset), way)
    return found if forwards else found[::-1]


def _compared(keys: Sequence[Any], operator: str, key: _Key) -> Expression:
    values = EnclosedNodeList([Value(value) for value in key])
    return Expression(EnclosedNodeList(list(keys)), operator, values)


def _led(db: Database, select: Any, way: Route) -> list[_Key]:
    sql, params = statements.compiled(db, select)
    return statements.fetch(db, led(db, sql, way.index), params)


# -- places ----------------------------------------------------------------------------------------------------


def place_of(db: Database, listing: Listing, invoice_id: int) -> int | None:
    """Where the invoice stands in the order, from 0; None where it does not."""
    if listing.ids is not None:
        try:
            return listing.ids.index(invoice_id)
        except ValueError:
            return None
    order = listing.order
    way = route(db, order.view, order.sort)
    key = _key(db, order, way, invoice_id)
    if key is None:
        return None
    place = _before(db, order, way, key)
    return listing.count - 1 - place if order.descending else place


def _key(db: Database, order: Order, way: Route, invoice_id: int) -> _Key | None:
    select = Invoice.select(*way.keys).where((Invoice.id == invoice_id) & in_view(order.view))
    return next(iter(db.rows(select)), None)


def _before(db: Database, order: Order, way: Route, key: _Key) -> int:
    """How many rows of the view stand before the key in rising order: of the half that has fewer, if that is known."""
    first, view = way.keys[0], in_view(order.view)
    within = view & (first == key[0]) & _compared(way.keys[1:], "<", key[1:])
    if not _is_far(db, view, way, key[0]):
        return _counted(db, view & Expression(first, "<", key[0]), way) + _counted(db, within, way)
    after = _counted(db, view & (first > key[0]), way)
    same = _counted(db, view & (first == key[0]), way)
    return size(db, order.view) - after - same + _counted(db, within, way)


def _is_far(db: Database, view: Expression, way: Route, value: int | str) -> bool:
    """Whether more rows probably stand before the value than behind it. A wrong guess costs time alone."""
    ends = [Invoice.select(fn(way.keys[0])).where(view) for fn in (peewee_fn.MIN, peewee_fn.MAX)]
    low, high = (_led(db, end, way)[0][0] for end in ends)
    return low is not None and 2 * _weight(value) > _weight(low) + _weight(high)


def _weight(value: int | str) -> int:
    """A place as it is; of a number its first characters, read as digits."""
    if isinstance(value, int):
        return value
    return int("".join(str(min(max(ord(c) - ord("0"), 0), 9)) for c in value[:12].ljust(12, "0")))


def _counted(db: Database, where: Expression, way: Route) -> int:
    return int(_led(db, Invoice.select(peewee_fn.COUNT(SQL("*"))).where(where), way)[0][0])


def between(
    db: Database, listing: Listing, one: int, other: int, most: int
) -> Sequence[tuple[int, int]] | None:
    """The (id, version) pairs from one invoice to the other in the order, both included; None where more than ``most``.

    Empty where one of the two is not listed any more.
    """
    if listing.ids is not None:
        places = [place_of(db, listing, number) for number in (one, other)]
        if None in places:
            return ()
        low, high = sorted(place for place in places if place is not None)
        return _versions(db, listing.ids[low : high + 1]) if high - low < most else None
    order = listing.order
    way = route(db, order.view, order.sort)
    ends = [key for number in (one, other) if (key := _key(db, order, way, number)) is not None]
    if len(ends) < 2:
        return ()
    first, last = sorted(ends)
    where = in_view(order.view) & _compared(way.keys, ">=", first) & _compared(way.keys, "<=", last)
    select = Invoice.select(Invoice.id, Invoice.version).where(where)
    pairs = _led(db, select.order_by(*ordering(way.keys, descending=order.descending)).limit(most + 1), way)
    return [(row[0], row[1]) for row in pairs] if len(pairs) <= most else None


def _versions(db: Database, ids: array[int]) -> list[tuple[int, int]]:
    """The pairs of those that are still there, in their order."""
    found = dict(db.rows(Invoice.select(Invoice.id, Invoice.version).where(these(db, ids))))
    return [(number, found[number]) for number in ids if number in found]
