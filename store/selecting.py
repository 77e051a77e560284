"""Selections as SQL: the condition, the ids in a decision, the digest of what was seen, control totals."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

from peewee import SQL, Expression, fn

from store.db import Database
from store.domain.errors import Changed
from store.domain.selection import Gesture, Marked, Matching, Selection, Stroke, Totals
from store.matching import flagged, matching
from store.models import Invoice
from store.query import in_view, joined


def among(db: Database, selection: Selection, ids: Sequence[int]) -> set[int]:
    """Which of these invoices the selection has."""
    select = Invoice.select(Invoice.id).where(these(db, ids) & condition(db, selection))
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


def condition(db: Database, selection: Selection) -> Expression:
    """The invoices of a selection. Raises BadFilter for a stroke's filter that cannot be read."""
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
    if (visible := matching(db, selection.within, me)) is not None:
        marked = marked & visible
    return in_view(selection.view) & marked


def _met(db: Database, stroke: Stroke) -> Expression:
    met = matching(db, stroke.query, stroke.me)
    found: Expression = met if met is not None else Invoice.id.is_null(False)
    return found & ~flagged(stroke.me) if stroke.clean else found


def _after(before: Expression | None, gesture: Gesture, met: Expression) -> Expression | None:
    """What is marked after a stroke; None is nothing."""
    match gesture:
        case Gesture.MARK:
            return met if before is None else before | met
        case Gesture.UNMARK:
            return None if before is None else before & ~met
        case Gesture.INVERT:
            return met if before is None else (before & ~met) | (~before & met)


def select_ids(db: Database, selection: Selection) -> tuple[list[int], list[int]]:
    """The ids a selection stands for, and those of the marked ones that others changed since they were seen.

    Call it in the deciding transaction. Raises Changed when a filter's digest is not the one that was shown.
    """
    if isinstance(selection, Marked):
        return _marked(db, selection)
    rows = matched(db, selection)
    if selection.digest is not None and digest(rows) != selection.digest:
        raise Changed(
            "What matches has changed since it was shown",
            why="others changed invoices meanwhile",
            fix="Look at the list again (F5) and decide again",
        )
    return [row[0] for row in rows], []


def matched(db: Database, selection: Matching) -> list[tuple[int, int]]:
    """The (id, version) pairs that strokes mark, by id."""
    query = joined(Invoice.id, Invoice.version).where(condition(db, selection))
    return [(row[0], row[1]) for row in db.rows(query.order_by(Invoice.id))]


def digest(rows: Sequence[tuple[int, int]]) -> str:
    """The digest of (id, version) pairs in the order of their ids."""
    text = "\n".join(f"{number} {version}" for number, version in rows)
    return hashlib.sha256(text.encode()).hexdigest()


def _marked(db: Database, selection: Marked) -> tuple[list[int], list[int]]:
    ids = sorted(selection.versions)
    now = dict(db.rows(Invoice.select(Invoice.id, Invoice.version).where(these(db, ids))))
    same = [number for number in ids if now.get(number) == selection.versions[number]]
    return same, [number for number in ids if now.get(number) != selection.versions[number]]


def totals(db: Database, selection: Selection) -> list[Totals]:
    """Control totals of a selection, one per currency, never added across; empty when nothing is selected.

    Of marked invoices those that others changed since are left out, as a decision would.
    """
    if isinstance(selection, Marked):
        return totals_of(db, _marked(db, selection)[0])
    return _totals(db, condition(db, selection))


def totals_of(db: Database, ids: Sequence[int]) -> list[Totals]:
    """Control totals of these invoices, one per currency in the order of the codes."""
    return _totals(db, these(db, ids))


def _totals(db: Database, wanted: Expression) -> list[Totals]:
    columns: tuple[Any, ...] = (Invoice.gross, Invoice.retainage, Invoice.net, Invoice.number_hash)
    query = (
        Invoice.select(Invoice.currency, fn.COUNT(Invoice.id), *map(fn.SUM, columns))
        .where(wanted)
        .group_by(Invoice.currency)
        .order_by(Invoice.currency)
    )
    return [Totals(currency, *map(int, sums)) for currency, *sums in db.rows(query)]
