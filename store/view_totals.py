"""Control totals of whole views, and of a view without some: from an index, never row by row from the table."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from typing import Any

from peewee import SQL, Expression, fn

from store import owning, phases, statements
from store.db import Database
from store.domain.actor import Actor
from store.domain.selection import Gesture, Matching, Totals
from store.domain.status import VIEW_STATES, ErpStatus, ProjectView, View
from store.models import Invoice
from store.query import led

# The one index that has all that is summed.
_INDEX = "invoices_status"
# More exceptions than this are not cheaper to take away than to leave out.
MOST = 50_000
_COLUMNS: tuple[Any, ...] = (Invoice.gross, Invoice.retainage, Invoice.net, Invoice.number_hash)


def summed(db: Database, wanted: Expression, index: str | None = None) -> list[Totals]:
    """Control totals of the invoices that meet the condition, by currency; ``index`` finds them on SQLite."""
    query = (
        Invoice.select(Invoice.currency, fn.COUNT(SQL("*")), *map(fn.SUM, _COLUMNS))
        .where(wanted)
        .group_by(Invoice.currency)
    )
    # In the order of the codes: a database's collation has one of its own.
    sql, params = statements.compiled(db, query)
    found = statements.fetch(db, led(db, sql, index), params)
    return sorted((Totals(row[0], *map(int, row[1:])) for row in found), key=lambda t: t.currency)


def of_view(db: Database, view: View | ProjectView) -> list[Totals]:
    """Control totals of all that a view has."""
    return db.remembered(("totals", view), lambda: _of_view(db, view))


def phases_of(view: View | ProjectView) -> tuple[ErpStatus, ...]:
    """The phases that a view's invoices are in; all in them are its, but for those returned."""
    if isinstance(view, View):
        return phases.of_all(VIEW_STATES[view])
    if view in {ProjectView.NOT_SENT, ProjectView.RETURNED}:
        return (ErpStatus.NOT_SENT,)
    return phases.of_all(VIEW_STATES[View.ALL]) + ((ErpStatus.NOT_SENT,) if view is ProjectView.ALL else ())


def _of_view(db: Database, view: View | ProjectView) -> list[Totals]:
    found: dict[str, Totals] = {}
    for phase in phases_of(view):
        for currency in currencies(db, phase):
            where = (Invoice.phase == phase.value) & (Invoice.currency == currency)
            select = Invoice.select(fn.COUNT(SQL("*")), *map(fn.SUM, _COLUMNS)).where(where)
            sql, params = statements.compiled(db, select)
            row = statements.fetch(db, led(db, sql, _INDEX), params)[0]
            _add(found, Totals(currency, *(int(value or 0) for value in row)), 1)
    return _there(found)


def currencies(db: Database, phase: ErpStatus) -> list[str]:
    """The currencies of a phase, from one to the next in the index."""
    found: list[str] = []
    led_by = "" if db.postgres else f" INDEXED BY {_INDEX}"
    while True:
        row = db.execute(
            f"SELECT min(currency) FROM invoices{led_by} WHERE phase = ? AND currency > ?",
            (phase.value, found[-1] if found else ""),
        ).fetchone()
        if row[0] is None:
            return found
        found.append(row[0])


def without(totals: Iterable[Totals], others: Iterable[Totals]) -> list[Totals]:
    """Totals less those of a part of them."""
    found = {total.currency: total for total in totals}
    for other in others:
        _add(found, other, -1)
    return _there(found)


def _add(found: dict[str, Totals], more: Totals, sign: int) -> None:
    was = found.get(more.currency, Totals(more.currency, 0, 0, 0, 0, 0))
    found[more.currency] = Totals(
        more.currency,
        was.count + sign * more.count,
        was.gross + sign * more.gross,
        was.retainage + sign * more.retainage,
        was.net + sign * more.net,
        was.hash_total + sign * more.hash_total,
    )


def _there(found: Mapping[str, Totals]) -> list[Totals]:
    return [total for _, total in sorted(found.items()) if total.count]


def exceptions(db: Database, selection: Matching) -> array[int] | None:
    """What the whole of a view has that the selection has not; None for one that is no whole view, or for too many.

    Ids that the view has not may be among them.
    """
    if selection.within or selection.view is ProjectView.RETURNED or len(selection.strokes) != 1:
        return None
    stroke = selection.strokes[0]
    if stroke.query.strip() or stroke.gesture is Gesture.UNMARK:
        return None
    found = set(selection.removed)
    if stroke.clean:
        if (flagged := flagged_ids(db, stroke.me)) is None:
            return None
        found |= flagged
    found -= selection.added
    return array("q", sorted(found)) if len(found) <= MOST else None


def flagged_ids(db: Database, me: Actor | None) -> set[int] | None:
    """The ids of all invoices with a flag, as store.matching.flagged() means it; None where more than MOST."""
    found: set[int] = set()
    for ids in _flagged(db, me):
        found.update(ids)
        if len(found) > MOST:
            return None
    return found


def _flagged(db: Database, me: Actor | None) -> Iterable[list[int]]:
    """The ids of the invoices with a flag, as store.matching.flagged() means it, flag by flag; some past MOST."""
    yield _ids(db, "invoices_flagged", "overbilled OR changed_since OR duplicate OR held")
    if me is None:
        return
    yield _ids(db, "invoices_sender", "sender_id = ?", me.id)
    for created, index in owning.created(db, me):
        sql, params = statements.compiled(db, Invoice.select(Invoice.id).where(created).limit(MOST + 1))
        yield [row[0] for row in statements.fetch(db, led(db, sql, index), params)]
    if me.limit_invoice is not None:
        yield _ids(db, "invoices_status", "abs(gross) > ?", me.limit_invoice)


def _ids(db: Database, index: str, where: str, *params: Any) -> list[int]:
    led_by = "" if db.postgres else f" INDEXED BY {index}"
    rows = db.execute(f"SELECT id FROM invoices{led_by} WHERE {where} LIMIT {MOST + 1}", params)
    return [row[0] for row in rows.fetchall()]
