"""Whole lists without a row of the table, on SQLite: an index walked in order, and who is met, told by other indexes.

At a million a look into the table costs as much as ten rows of an index. So the ids that a filter on amounts or
periods meets, or that a view has, are read from the index that knows them, and picked from the walk. Of the filters on flags, ERP
references and numbers, an index names the few invoices that can meet them.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from peewee import Expression

from store import statements
from store.db import Database
from store.domain.actor import Actor
from store.domain.filter import NONE, Term
from store.domain.selection import Matching
from store.domain.status import ProjectView, View
from store.matching import MONEY, of_terms
from store.models import Invoice
from store.query import in_view, led
from store.routes import AMOUNTS, PERIODS, Route, ordering, view_index
from store.searching import LIKE, contained, is_placed, placed
from store.selecting import through_index
from store.view_totals import MOST, flagged_ids


class Members:
    """A set of ids that takes a byte for each up to the last, where Python's own takes sixty."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self.count = 0

    def add(self, ids: Sequence[int]) -> None:
        """These too; there is at least one, and each comes once."""
        # Others may insert between two statements.
        self._reach(max(ids))
        known = self._bytes
        for number in ids:
            known[number] = 1
        self.count += len(ids)

    def picked(self, ids: Sequence[int]) -> list[int]:
        """Which of these are among them, in their order."""
        self._reach(max(ids, default=0))
        known = self._bytes
        return [number for number in ids if known[number]]

    def _reach(self, last: int) -> None:
        self._bytes.extend(bytes(max(0, last + 1 - len(self._bytes))))


def walked(
    db: Database,
    view: View | ProjectView,
    terms: tuple[Term, ...],
    only: Matching | None,
    way: Route,
    *,
    descending: bool,
) -> array[int] | None:
    """The ids of a list in its order; None where other ways are shorter, or the only ones."""
    money = [term for term in terms if term.key in MONEY]
    periods = [term for term in terms if term.key == "period"]
    names = [term for term in terms if term not in money and term not in periods]
    index = way.index or way.walk
    known = view_index(view)
    if db.postgres or index is None or known is None or not all(is_placed(term) for term in names):
        return None
    if money and view is ProjectView.RETURNED:
        return None
    found = placed(db, names) if names else None
    if only is not None:
        if (marked := through_index(db, only)) is None:
            return None
        found = marked if found is None else found & marked
    if found is not None and index not in {known, PERIODS}:
        # It has no places.
        return None
    parts: list[Members] = []
    if money:
        parts.append(_members(db, in_view(view) & of_terms(db, money), AMOUNTS))
    elif index == PERIODS and view is not ProjectView.ALL:
        parts.append(_members(db, in_view(view), known))
    if periods:
        parts.append(_members(db, of_terms(db, periods), PERIODS))
    if not all(part.count for part in parts):
        return array("q")
    where = in_view(ProjectView.ALL if index == PERIODS else view)
    select = Invoice.select(Invoice.id).where(where if found is None else where & found)
    sql, params = statements.compiled(db, select.order_by(*ordering(way.keys, descending=descending)))
    ids = array("q")
    for rows in statements.run(db, led(db, sql, index), params):
        some = [row[0] for row in rows]
        for part in parts:
            some = part.picked(some)
        ids.extend(some)
    return ids


def _members(db: Database, wanted: Expression, index: str) -> Members:
    members = Members()
    sql, params = statements.compiled(db, Invoice.select(Invoice.id).where(wanted))
    for rows in statements.run(db, led(db, sql, index), params):
        members.add([row[0] for row in rows])
    return members


# -- few -------------------------------------------------------------------------------------------------------


def few(db: Database, terms: tuple[Term, ...], me: Actor | None, *, quickly: bool) -> list[int] | None:
    """Ids among which all are that meet the filter; None where no index names so few.

    ``quickly``: from those indexes alone that have few of all invoices.
    """
    if db.postgres:
        return None
    for term in terms:
        if term.negated:
            continue
        if term.key == "flag" and term.text != NONE and (flagged := flagged_ids(db, me)) is not None:
            return sorted(flagged)
        if (
            term.key == "ref"
            and not quickly
            and (found := _having(db, "origin_id", "invoices_origin", term)) is not None
        ):
            return found
        if term.key == "number" and not quickly:
            own = _having(db, "number", "invoices_placed", term)
            given = _having(db, "erp_number", "invoices_erp_number", term)
            if own is not None and given is not None:
                return sorted({*own, *given})
    return None


# The conditions of the partial indexes, as their migrations have them.
_PARTS = {
    "invoices_origin": "origin_id IS NOT NULL",
    "invoices_erp_number": "erp_number <> ''",
    "invoices_placed": "TRUE",
}


def _having(db: Database, column: str, index: str, term: Term) -> list[int] | None:
    if not term.text.isascii():
        return None
    rows = db.execute(
        f"SELECT id FROM invoices INDEXED BY {index} WHERE {_PARTS[index]} AND {column} {LIKE} LIMIT {MOST + 1}",
        (contained(term.text),),
    ).fetchall()
    return [row[0] for row in rows] if len(rows) <= MOST else None
