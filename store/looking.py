"""What a desk reads of a list in one look: rows around its cursor, the marks that left, what a stroke meets, totals."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from peewee import Expression, fn

from store.db import Database
from store.domain.actor import Actor
from store.domain.money import hash_part
from store.domain.selection import Gesture, Marked, Matching, Selection, Stroke, Totals
from store.domain.status import ProjectView, View
from store.domain.text import one_line
from store.invoices import Row
from store.listing import Listing, Order, begin, place_of, window
from store.matching import matching
from store.models import Invoice
from store.query import in_view
from store.selecting import among, condition, seen, these, totals


@dataclass(frozen=True, slots=True)
class Stand:
    """Where the cursor of a list stands.

    ``invoice`` is the one under it, None when that is not known; ``place`` counts from 0, ``offset`` from the top of
    the ``height`` rows on the screen. ``anchor`` is the invoice where a range began. ``narrowed``: another filter was
    asked for, and the cursor of an invoice that it hides goes to the top.
    """

    invoice: int | None
    place: int
    offset: int
    height: int
    anchor: int | None = None
    narrowed: bool = False


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
    shown = before if before is not None and before.complete else listing
    return replace(see(db, shown, stand, selection), begun=listing)


def see(db: Database, listing: Listing, stand: Stand, selection: Selection) -> Glance:
    """A listing around its cursor, its rows as they are now."""
    place, anchor = (_place(db, listing, number) for number in (stand.invoice, stand.anchor))
    if place is not None:
        cursor = place
    elif stand.narrowed or not listing.complete:
        cursor = 0
    else:
        cursor = max(0, min(stand.place, listing.count - 1))
    top = max(0, min(cursor - stand.offset, listing.count - stand.height))
    first = max(0, top - stand.height)
    rows = page(db, listing, first, top + 2 * stand.height - first, selection)
    return Glance(listing, cursor, place is not None, anchor, rows)


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
    wanted = _met(db, view, stroke)
    return _pairs(db, wanted if ids is None else wanted & these(db, ids), most)


def pairs_of(db: Database, selection: Selection, most: int) -> list[tuple[int, int]] | None:
    """The (id, version) of what a selection has; None where more than ``most``."""
    return _pairs(db, condition(db, selection), most)


def _pairs(db: Database, wanted: Expression, most: int) -> list[tuple[int, int]] | None:
    found = db.rows(Invoice.select(Invoice.id, Invoice.version).where(wanted).limit(most + 1))
    return None if len(found) > most else [(row[0], row[1]) for row in found]


def met(db: Database, view: View | ProjectView, stroke: Stroke, ids: Collection[int]) -> set[int]:
    """Which of these invoices a stroke meets."""
    return among(db, Matching(view, (replace(stroke, gesture=Gesture.MARK),)), list(ids)) if ids else set()


def count(
    db: Database, view: View | ProjectView, stroke: Stroke, selection: Selection | None = None
) -> tuple[int, int]:
    """How many a stroke meets, and how many of those the selection has."""
    wanted = _met(db, view, stroke)
    both = 0 if selection is None else _count(db, wanted & condition(db, selection))
    return _count(db, wanted), both


def _met(db: Database, view: View | ProjectView, stroke: Stroke) -> Expression:
    return condition(db, Matching(view, (replace(stroke, gesture=Gesture.MARK),)))


def _count(db: Database, wanted: Expression) -> int:
    return int(db.rows(Invoice.select(fn.COUNT(Invoice.id)).where(wanted))[0][0])


def tally(db: Database, view: View | ProjectView, selection: Selection, query: str, me: Actor) -> Tally:
    """Control totals of what is marked, and how many of it the filter shows. Raises BadFilter."""
    sums = tuple(totals(db, selection))
    many = len(selection.versions) if isinstance(selection, Marked) else sum(t.count for t in sums)
    visible = _count(db, _visible(db, view, selection, query, me)) if query.strip() else many
    return Tally(sums, many, visible)


def _visible(
    db: Database, view: View | ProjectView, selection: Selection, query: str, me: Actor
) -> Expression:
    wanted = in_view(view) & condition(db, selection)
    matches = matching(db, query, me)
    return wanted if matches is None else wanted & matches


def shown_part(
    db: Database, view: View | ProjectView, selection: Selection, query: str, me: Actor
) -> tuple[Selection | None, int]:
    """The part of a selection that the filter shows, None when that is all or none of it; how many it hides."""
    if not query.strip():
        return None, 0
    part, shown = matching_part(db, view, selection, query, me)
    if isinstance(selection, Marked):
        hidden = len(selection.versions) - shown
    else:
        hidden = _count(db, condition(db, selection)) - shown
    return (part if hidden and shown else None), hidden


def matching_part(
    db: Database, view: View | ProjectView, selection: Selection, query: str, me: Actor
) -> tuple[Selection, int]:
    """What of a selection a filter matches too, and how many. Raises BadFilter."""
    wanted = _visible(db, view, selection, query, me)
    if isinstance(selection, Matching):
        return replace(selection, within=query), _count(db, wanted)
    ids = [row[0] for row in db.rows(Invoice.select(Invoice.id).where(wanted))]
    return Marked({number: selection.versions[number] for number in ids}), len(ids)


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
