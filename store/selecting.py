"""Selections as SQL: the condition, the ids in a decision, the digest of what was seen, control totals."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from peewee import SQL, Expression

from store import statements
from store.db import Database
from store.domain.actor import Actor
from store.domain.errors import Changed
from store.domain.selection import Gesture, Marked, Matching, Selection, Stroke, Totals
from store.domain.status import ProjectView
from store.matching import flagged
from store.models import Invoice
from store.query import in_view, plainly, unaided
from store.searching import by_place, met
from store.sizes import INDEXES, is_most
from store.view_totals import exceptions, of_view, summed, without

# So many rows are held at once.
RUN = 5000


def among(db: Database, selection: Selection, ids: Sequence[int]) -> set[int]:
    """Which of these invoices the selection has."""
    select = Invoice.select(Invoice.id).where(these(db, ids) & condition(db, selection, of_few=True))
    return {row[0] for row in db.rows(select)}


def these(db: Database, ids: Iterable[int]) -> Expression:
    """The invoices with these ids, however many; one parameter carries them all."""
    if db.postgres:
        return Expression(Invoice.id, "=", SQL("ANY(%s::bigint[])", [list(ids)]))
    return Expression(
        Invoice.id,
        "IN",
        SQL("(SELECT value FROM json_each(?))", [json.dumps(list(ids), separators=(",", ":"))]),
    )


def condition(db: Database, selection: Selection, *, of_few: bool = False) -> Expression:
    """The invoices of a selection. Raises BadFilter for a stroke's filter that cannot be read.

    ``of_few``: something else narrows the query down, and the view shall not choose its index.
    """
    if isinstance(selection, Marked):
        return these(db, selection.versions)
    found: Expression | None = None
    for stroke in selection.strokes:
        found = _after(found, stroke.gesture, _met(db, stroke))
    marked = found if found is not None else Invoice.id.is_null()
    if selection.removed:
        marked = marked & ~these(db, selection.removed)
    if selection.added:
        marked = marked | these(db, selection.added)
    me = next((stroke.me for stroke in selection.strokes if stroke.me is not None), None)
    if (visible := met(db, selection.within, me)) is not None:
        marked = marked & visible
    crowd = of_few or is_most(db, selection.view)
    return in_view(selection.view, unaided(db) if crowd else plainly) & marked


def as_query(selection: Matching, me: Actor | None) -> str | None:
    """The filter that meets in the view what strokes mark of it, for this reader; None where no filter does."""
    if len(selection.strokes) != 1 or selection.removed or selection.added:
        return None
    stroke = selection.strokes[0]
    if stroke.gesture is Gesture.UNMARK or stroke.clean or stroke.me != me:
        return None
    return f"{stroke.query} {selection.within}"


def through_index(db: Database, selection: Matching) -> Expression | None:
    """What strokes mark of their view, as a condition on place, number and id alone; None where it asks for more."""
    others = exceptions(db, selection)
    if others is not None:
        rest: Expression = ~these(db, others)
        return rest
    texts = [selection.within, *(stroke.query for stroke in selection.strokes)]
    if any(stroke.clean for stroke in selection.strokes):
        return None
    if any(text.strip() and by_place(db, text) is None for text in texts):
        return None
    return condition(db, replace(selection, view=ProjectView.ALL))


def _met(db: Database, stroke: Stroke) -> Expression:
    matches = met(db, stroke.query, stroke.me)
    found: Expression = matches if matches is not None else Invoice.id.is_null(False)
    return found & ~flagged(db, stroke.me) if stroke.clean else found


def _after(before: Expression | None, gesture: Gesture, met: Expression) -> Expression | None:
    """What is marked after a stroke; None is nothing."""
    match gesture:
        case Gesture.MARK:
            return met if before is None else before | met
        case Gesture.UNMARK:
            return None if before is None else before & ~met
        case Gesture.INVERT:
            return met if before is None else (before & ~met) | (~before & met)


@dataclass(frozen=True, slots=True)
class Seen:
    """The (id, version) pairs of a selection at one moment, by id, and their digest."""

    ids: array[int]
    versions: array[int]
    digest: str


@dataclass(frozen=True, slots=True)
class Difference:
    """How a selection differs from what was seen of it: the numbers of ids, and the first ids of all three."""

    joined: int
    left: int
    changed: int
    first: tuple[int, ...]

    def __str__(self) -> str:
        parts = ((self.joined, "joined"), (self.left, "left"), (self.changed, "changed"))
        return ", ".join(f"{count:,} {word}" for count, word in parts if count)


def seen(db: Database, selection: Matching) -> Seen:
    """What strokes mark now; its digest is that of digest(matched(…)). 16 bytes an invoice."""
    ids, versions, text = array("q"), array("q"), hashlib.sha256()
    query = Invoice.select(Invoice.id, Invoice.version).where(condition(db, selection)).order_by(Invoice.id)
    for rows in statements.run(db, *statements.compiled(db, query)):
        lines = "\n".join(f"{number} {version}" for number, version in rows)
        text.update(f"\n{lines}".encode() if ids else lines.encode())
        ids.extend(row[0] for row in rows)
        versions.extend(row[1] for row in rows)
    return Seen(ids, versions, text.hexdigest())


def difference(db: Database, selection: Matching, before: Seen, first: int = 5) -> Difference:
    """How what strokes mark now differs from what was seen before."""
    now = seen(db, selection)
    counts = {"joined": 0, "left": 0, "changed": 0}
    named: list[int] = []
    old = new = 0
    while old < len(before.ids) or new < len(now.ids):
        mine = before.ids[old] if old < len(before.ids) else None
        theirs = now.ids[new] if new < len(now.ids) else None
        what = ""
        if theirs is None or (mine is not None and mine < theirs):
            what = "left"
        elif mine is None or theirs < mine:
            what = "joined"
        elif before.versions[old] != now.versions[new]:
            what = "changed"
        if what:
            counts[what] += 1
            if len(named) < first:
                named.append(theirs if what == "joined" and theirs is not None else before.ids[old])
        old += what != "joined"
        new += what != "left"
    return Difference(counts["joined"], counts["left"], counts["changed"], tuple(named))


def ids_of(db: Database, selection: Selection) -> Sequence[int]:
    """The ids that a selection has now, in their order; of marked ones those that others changed too."""
    if isinstance(selection, Marked):
        return array("q", sorted(selection.versions))
    return seen(db, selection).ids


class Picked(NamedTuple):
    """The ids a selection stands for with the versions it was checked against; marked ones that others changed."""

    ids: Sequence[int]
    versions: Sequence[int]
    changed: Sequence[int]


def select_ids(db: Database, selection: Selection, found: Seen | None = None) -> Picked:
    """What a selection stands for, and those of the marked ones that others changed since they were seen.

    Call it in the deciding transaction. ``found``: what seen() has told of it in there already. Raises Changed when a
    filter's digest is not the one that was shown; difference() tells how.
    """
    if isinstance(selection, Marked):
        return _marked(db, selection)
    found = found or seen(db, selection)
    if selection.digest is not None and found.digest != selection.digest:
        raise Changed(
            "What matches has changed since it was shown",
            why="others changed invoices meanwhile",
            fix="Look at the list again ({list.refresh}) and decide again",
        )
    return Picked(found.ids, found.versions, array("q"))


def matched(db: Database, selection: Matching) -> list[tuple[int, int]]:
    """The (id, version) pairs that strokes mark, by id."""
    query = Invoice.select(Invoice.id, Invoice.version).where(condition(db, selection))
    return [(row[0], row[1]) for row in db.rows(query.order_by(Invoice.id))]


def digest(rows: Sequence[tuple[int, int]]) -> str:
    """The digest of (id, version) pairs in the order of their ids."""
    text = "\n".join(f"{number} {version}" for number, version in rows)
    return hashlib.sha256(text.encode()).hexdigest()


def _marked(db: Database, selection: Marked) -> Picked:
    ids = array("q", sorted(selection.versions))
    same, changed = array("q"), array("q")
    for first in range(0, len(ids), RUN):
        run = ids[first : first + RUN]
        now = dict(db.rows(Invoice.select(Invoice.id, Invoice.version).where(these(db, run))))
        for number in run:
            (same if now.get(number) == selection.versions[number] else changed).append(number)
    return Picked(same, array("q", (selection.versions[number] for number in same)), changed)


def totals(db: Database, selection: Selection) -> list[Totals]:
    """Control totals of a selection, one per currency, never added across; empty when nothing is selected.

    Of marked invoices those that others changed since are left out, as a decision would.
    """
    if isinstance(selection, Marked):
        return totals_of(db, _marked(db, selection).ids)
    others = exceptions(db, selection)
    if others is None:
        part = _taken_away(selection)
        if part is not None and selection.view is not ProjectView.RETURNED:
            return without(of_view(db, selection.view), _summed(db, part))
        return _summed(db, selection)
    whole = of_view(db, selection.view)
    if not others:
        return whole
    return without(whole, summed(db, in_view(selection.view, unaided(db)) & these(db, others)))


def _taken_away(selection: Matching) -> Matching | None:
    """What one filter meets, where all of the view but that is selected; else None."""
    if selection.within or selection.removed or selection.added or len(selection.strokes) != 2:
        return None
    first, second = selection.strokes
    queries = first.query.strip(), second.query.strip()
    if first.clean or second.clean:
        return None
    if (
        queries[0]
        and not queries[1]
        and second.gesture is Gesture.INVERT
        and first.gesture is not Gesture.UNMARK
    ):
        return replace(selection, strokes=(replace(first, gesture=Gesture.MARK),))
    if (
        queries[1]
        and not queries[0]
        and first.gesture is not Gesture.UNMARK
        and second.gesture is not Gesture.MARK
    ):
        # All is marked by then: to unmark and to invert are the same.
        return replace(selection, strokes=(replace(second, gesture=Gesture.MARK),))
    return None


def _summed(db: Database, selection: Matching) -> list[Totals]:
    """Of strokes whose filters the view's index answers, through that index."""
    index = INDEXES.get(selection.view)
    if index and all(by_place(db, stroke.query) is not None for stroke in selection.strokes):
        marked = condition(db, replace(selection, view=ProjectView.ALL))
        return summed(db, in_view(selection.view) & marked, index)
    return summed(db, condition(db, selection))


def totals_of(db: Database, ids: Sequence[int]) -> list[Totals]:
    """Control totals of these invoices, one per currency in the order of the codes."""
    return summed(db, these(db, ids))
