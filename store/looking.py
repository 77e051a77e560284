"""What a desk reads of a list in one look: rows around its cursor, the marks that left, what a stroke meets, totals."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from peewee import Expression, fn

from store.db import Database
from store.domain.actor import Actor
from store.domain.money import hash_part
from store.domain.selection import Gesture, Marked, Matching, Selection, Stroke, Totals
from store.domain.status import ProjectView, View
from store.domain.text import one_line
from store.invoices import Row
from store.listing import Listing, Order, begin, place_of, window
from store.models import Invoice
from store.query import in_view
from store.selecting import among, condition, seen, these, totals
from store.view_totals import exceptions


@dataclass(frozen=True, slots=True)
class Stand:
    """Where the cursor of a list stands.

    ``invoice`` is the one under it, None when that is not known; ``place`` counts from 0, ``offset`` from the top of
    the ``height`` rows on the screen. ``anchor`` is the invoice where a range began. ``narrowed``: another filter was
    asked for, and the cursor of an invoice that it hides goes to the top. ``near`` are those that take the place of
    one that left: the ones behind it in their order, then the ones before it, the nearest first.
    """

    invoice: int | None
    place: int
    offset: int
    height: int
    anchor: int | None = None
    narrowed: bool = False
    near: tuple[int, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Page:
    """The rows from place ``first`` on, and the ids of them that a selection by strokes has."""

    first: int
    rows: tuple[Row, ...]
    marked: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Glance:
    """A list around its cursor: the place of the cursor, of a range's beginning, and a page before and behind.

    ``found``: the invoice it stood on is listed. ``begun`` is the listing to complete, None when nothing is missing.
    """

    listing: Listing
    cursor: int
    found: bool
    anchor: int | None
    page: Page
    begun: Listing | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """What is marked: control totals per currency, how many, and how many of them the filter shows."""

    totals: tuple[Totals, ...] = ()
    count: int = 0
    visible: int = 0

    def shifted(self, row: Row, *, marked: bool) -> Tally:
        """The same after one visible invoice more or less."""
        sign = 1 if marked else -1
        found = {t.currency: t for t in self.totals}
        was = found.get(row.currency, Totals(row.currency, 0, 0, 0, 0, 0))
        now = Totals(
            row.currency,
            was.count + sign,
            was.gross + sign * row.gross,
            was.retainage + sign * row.retainage,
            was.net + sign * row.net,
            was.hash_total + sign * hash_part(row.erp_number or row.number),
        )
        found[row.currency] = now
        kept = tuple(t for _, t in sorted(found.items()) if t.count)
        return Tally(kept, self.count + sign, self.visible + sign)


def look(db: Database, order: Order, before: Listing | None, stand: Stand, selection: Selection) -> Glance:
    """The list that was asked for. While the whole of it takes longer, ``before``, the same order as it was, stays.

    Raises BadFilter.
    """
    listing = begin(db, order, 3 * stand.height)
    if listing.complete:
        return see(db, listing, stand, selection)
    shown = _pruned(db, before, stand) if before is not None and before.complete else listing
    return replace(see(db, shown, stand, selection), begun=listing)


def _pruned(db: Database, listing: Listing, stand: Stand) -> Listing:
    """A listing as it was, without those around the cursor that it has not any more."""
    ids, order = listing.ids, listing.order
    if ids is None:
        return listing
    first = max(0, stand.place - stand.offset - stand.height)
    near = ids[first : first + 3 * stand.height]
    here = _listed(db, order, near)
    if len(here) == len(near):
        return listing
    left = array("q", [number for number in near if number in here])
    kept = ids[:first] + left + ids[first + len(near) :]
    return replace(listing, ids=kept, count=len(kept), landmarks={})


def _listed(db: Database, order: Order, ids: Sequence[int]) -> set[int]:
    """Which of these an order has now."""
    here = among(db, _marking(order.view, Stroke(Gesture.MARK, order.query, me=order.me)), ids)
    return here & among(db, order.only, ids) if order.only is not None else here


def see(db: Database, listing: Listing, stand: Stand, selection: Selection) -> Glance:
    """A listing around its cursor, its rows as they are now."""
    place, anchor = (_place(db, listing, number) for number in (stand.invoice, stand.anchor))
    cursor = _neighbour(db, listing, stand) if place is None else place
    top = max(0, min(cursor - stand.offset, listing.count - stand.height))
    first = max(0, top - stand.height)
    rows = page(db, listing, first, top + 2 * stand.height - first, selection)
    return Glance(listing, cursor, place is not None, anchor, rows)


def _neighbour(db: Database, listing: Listing, stand: Stand) -> int:
    """Where the cursor goes when its invoice left; rows above it may have left as well."""
    if stand.narrowed:
        return 0
    here = _listed(db, listing.order, stand.near) if stand.near else ()
    for number in stand.near:
        if number in here and (place := _place(db, listing, number)) is not None:
            return place
    return max(0, min(stand.place, listing.count - 1)) if listing.complete else 0


def _place(db: Database, listing: Listing, number: int | None) -> int | None:
    if number is None:
        return None
    if listing.complete:
        return place_of(db, listing, number)
    known = window(db, listing, 0, listing.count)
    return next((place for place, row in enumerate(known) if row.id == number), None)


def page(db: Database, listing: Listing, first: int, count: int, selection: Selection) -> Page:
    """Rows at these places, and what the selection has of them."""
    rows = window(db, listing, first, count)
    marked = (
        among(db, selection, [row.id for row in rows]) if rows and isinstance(selection, Matching) else ()
    )
    return Page(first, tuple(rows), frozenset(marked))


# -- marks -----------------------------------------------------------------------------------------------------


def left(db: Database, view: View | ProjectView, ids: Collection[int]) -> dict[int, str]:
    """Which of these invoices are not in the view (any more), with their numbers, by id."""
    # The view's condition is a column, so that no index of the view is preferred to the ids.
    select = Invoice.select(Invoice.id, Invoice.number, in_view(view)).where(these(db, ids))
    found = {row[0]: (row[1], row[2]) for row in db.rows(select)}
    gone = [number for number in sorted(ids) if number not in found or not found[number][1]]
    return {number: one_line(found[number][0]) if number in found else f"#{number}" for number in gone}


def versions(db: Database, ids: Collection[int]) -> dict[int, int]:
    """The versions of these invoices now, by id."""
    return dict(db.rows(Invoice.select(Invoice.id, Invoice.version).where(these(db, ids))))


def pairs(
    db: Database, view: View | ProjectView, stroke: Stroke, most: int, ids: Iterable[int] | None = None
) -> list[tuple[int, int]] | None:
    """The (id, version) of what a stroke meets, of ``ids`` alone when they are given; None where more than ``most``."""
    if ids is None:
        return pairs_of(db, _marking(view, stroke), most)
    return _pairs(db, condition(db, _marking(view, stroke), of_few=True) & these(db, ids), most)


def pairs_of(db: Database, selection: Selection, most: int) -> list[tuple[int, int]] | None:
    """The (id, version) of what a selection has; None where more than ``most``."""
    return _pairs(db, condition(db, selection), most)


def _pairs(db: Database, wanted: Expression, most: int) -> list[tuple[int, int]] | None:
    found = db.rows(Invoice.select(Invoice.id, Invoice.version).where(wanted).limit(most + 1))
    return None if len(found) > most else [(row[0], row[1]) for row in found]


def met(db: Database, view: View | ProjectView, stroke: Stroke, ids: Collection[int]) -> set[int]:
    """Which of these invoices a stroke meets."""
    return among(db, _marking(view, stroke), list(ids)) if ids else set()


def count(
    db: Database, view: View | ProjectView, stroke: Stroke, selection: Selection | None = None
) -> tuple[int, int]:
    """How many a stroke meets, and how many of those the selection has."""
    every = _marking(view, stroke)
    many = _size(db, every)
    return many, 0 if selection is None else _both(db, selection, every, many)


def _marking(view: View | ProjectView, stroke: Stroke) -> Matching:
    return Matching(view, (replace(stroke, gesture=Gesture.MARK),))


def _size(db: Database, selection: Matching) -> int:
    return sum(total.count for total in totals(db, selection))


def _both(db: Database, selection: Selection, every: Matching, many: int) -> int:
    """How many of the ``many`` that a stroke meets the selection has too."""
    if isinstance(selection, Marked):
        return len(among(db, every, list(selection.versions)))
    others = exceptions(db, selection)
    if others is not None:
        # All of the view but these.
        return many - len(among(db, every, others))
    wanted = condition(db, selection) & condition(db, every)
    return int(db.rows(Invoice.select(fn.COUNT(Invoice.id)).where(wanted))[0][0])


def tally(
    db: Database,
    view: View | ProjectView,
    selection: Selection,
    query: str,
    me: Actor,
    listed: int | None = None,
) -> Tally:
    """Control totals of what is marked, and how many of it the filter shows. Raises BadFilter.

    ``listed``: how many match the filter, where that is known.
    """
    sums = tuple(totals(db, selection))
    many = len(selection.versions) if isinstance(selection, Marked) else sum(t.count for t in sums)
    visible = many if _hides_none(selection, query) else _shown(db, view, selection, query, me, listed)
    return Tally(sums, many, visible)


def _hides_none(selection: Selection, query: str) -> bool:
    """Whether it is known without reading that the filter shows all of the selection."""
    if not query.strip():
        return True
    if isinstance(selection, Marked) or selection.added:
        return False
    return all(stroke.query == query for stroke in selection.strokes)


def _shown(
    db: Database, view: View | ProjectView, selection: Selection, query: str, me: Actor, listed: int | None
) -> int:
    """How many of a selection a filter matches too."""
    every = Matching(view, (Stroke(Gesture.MARK, query, me=me),))
    if isinstance(selection, Matching) and exceptions(db, selection) is None:
        return _size(db, _within(selection, query))
    if listed is None and isinstance(selection, Matching):
        listed = _size(db, every)
    return _both(db, selection, every, listed or 0)


def shown_part(
    db: Database,
    view: View | ProjectView,
    selection: Selection,
    query: str,
    me: Actor,
    listed: int | None = None,
) -> tuple[Selection | None, int]:
    """The part of a selection that the filter shows, None when that is all or none of it; how many it hides.

    ``listed`` as for tally().
    """
    if _hides_none(selection, query):
        return None, 0
    if isinstance(selection, Marked):
        part, shown = matching_part(db, view, selection, query, me)
        hidden = len(selection.versions) - shown
    else:
        part, shown = _within(selection, query), _shown(db, view, selection, query, me, listed)
        hidden = _size(db, selection) - shown
    return (part if hidden and shown else None), hidden


def matching_part(
    db: Database, view: View | ProjectView, selection: Selection, query: str, me: Actor
) -> tuple[Selection, int]:
    """What of a selection a filter matches too, and how many. Raises BadFilter."""
    if isinstance(selection, Matching):
        part = _within(selection, query)
        return part, _size(db, part)
    every = Matching(view, (Stroke(Gesture.MARK, query, me=me),))
    ids = sorted(among(db, every, list(selection.versions)))
    return Marked({number: selection.versions[number] for number in ids}), len(ids)


def _within(selection: Matching, query: str) -> Matching:
    """The part of a selection, which may be one itself, that a filter matches too: all words of a filter must match."""
    return replace(selection, within=f"{selection.within} {query}".strip())


def sealed(db: Database, selection: Selection) -> tuple[Selection, list[Totals]]:
    """The selection with the digest of what it has now, and its totals: what a question shows and a decision takes."""
    if isinstance(selection, Matching):
        selection = replace(selection, digest=seen(db, selection).digest)
    return selection, totals(db, selection)


def first_rows(
    db: Database, view: View | ProjectView, selection: Selection, most: int, me: Actor
) -> list[Row]:
    """The first rows of a selection in the list's usual order."""
    return window(db, begin(db, Order(view, only=selection, me=me), most), 0, most)
