"""Filters that an index of the lists answers alone: words, vendors, jobs and commitments, by place and number.

They mean what store.matching makes of them, and take a tenth of the time at full size: the names are few, are matched
once and become places; the numbers are read from the index, without a row of the table.
"""

from __future__ import annotations

import unicodedata
from functools import reduce
from operator import and_
from typing import Any

from peewee import SQL, Expression, NodeList

from store.db import FOLD, Database
from store.domain.actor import Actor
from store.domain.filter import Term, parse
from store.domain.text import fold
from store.matching import matching
from store.models import Invoice

# PostgreSQL folds a letter as its locale does; as store.matching has it.
_POSTGRES = "NORMALIZE({0}, NFKC) ILIKE %s"
# LIKE on SQLite knows ASCII's capitals alone, which is all that most names have.
_SQLITE = (
    f"CASE WHEN length({{0}}) = length(CAST({{0}} AS BLOB)) THEN {{0}} LIKE ? ESCAPE '\\'"
    f" ELSE {FOLD}({{0}}) LIKE ? ESCAPE '\\' END"
)
_ODD = "length(number) <> length(CAST(number AS BLOB))"
_COLUMNS = {
    "": ("vendor", "job", "commitment"),
    "vendor": ("vendor",),
    "job": ("job",),
    "commitment": ("commitment",),
}


def met(db: Database, text: str, me: Actor | None) -> Expression | None:
    """The condition of a filter, the cheaper way where there is one; None when it has no terms. Raises BadInput."""
    found = by_place(db, text)
    return found if found is not None else matching(db, text, me)


def by_place(db: Database, text: str) -> Expression | None:
    """The condition of a filter, on place and number alone; None where it asks for something else.

    Raises BadFilter.
    """
    terms = parse(text)
    if not terms or not all(_coverable(term) for term in terms):
        return None
    return reduce(and_, [_condition(db, term) for term in terms])


def _coverable(term: Term) -> bool:
    return term == Term(term.key, text=term.text, negated=term.negated) and term.key in _COLUMNS


def _condition(db: Database, term: Term) -> Expression:
    found = _named(db, term)
    if not term.key:
        found = found | _numbered(db, term.text)
    return ~found if term.negated else found


def _named(db: Database, term: Term) -> Expression:
    """The invoices in the places of the commitments that the term names."""
    parts: list[str] = []
    params: list[str] = []

    def has(column: str) -> str:
        sql, values = _has(db, column, term.text)
        params.extend(values)
        return sql

    for name in _COLUMNS[term.key]:
        match name:
            case "vendor":
                parts.append(f"vendor_id IN (SELECT id FROM vendors WHERE {has('name')})")
            case "job":
                parts.append(
                    f"project_id IN (SELECT id FROM projects WHERE {has('number')} OR {has('name')})"
                )
            case _:
                parts.append(has("number"))
    return Expression(
        Invoice.place, "IN", SQL(f"(SELECT place FROM commitments WHERE {' OR '.join(parts)})", params)
    )


def _has(db: Database, column: str, text: str) -> tuple[str, list[str]]:
    if db.postgres:
        return _POSTGRES.format(column), [_contained(unicodedata.normalize("NFKC", text))]
    return _SQLITE.format(column), [_contained(fold(text))] * 2


def _contained(text: str) -> str:
    for character in "\\%_":
        text = text.replace(character, f"\\{character}")
    return f"%{text}%"


def _numbered(db: Database, text: str) -> Expression:
    """The invoices whose number contains the text."""
    if db.postgres:
        pattern = _contained(unicodedata.normalize("NFKC", text))
        return _clause(SQL("NORMALIZE("), Invoice.number, SQL(", NFKC) ILIKE %s", [pattern]))
    like = _contained(fold(text))
    odd = f"(SELECT id FROM invoices INDEXED BY invoices_odd_number WHERE {_ODD}"
    plain = _clause(Invoice.number, SQL("LIKE ? ESCAPE '\\'", [like]))
    if not db.execute(f"SELECT EXISTS {odd})").fetchone()[0]:
        return plain
    plain &= Expression(Invoice.id, "NOT IN", SQL(f"{odd})"))
    folded = SQL(f"{odd} AND {FOLD}(number) LIKE ? ESCAPE '\\')", [like])
    return plain | Expression(Invoice.id, "IN", folded)


def _clause(*nodes: Any) -> Expression:
    """The SQL of the nodes as it stands: Peewee has a meaning of its own for LIKE."""
    return Expression(NodeList(nodes), "=", SQL("TRUE"))
