"""Filters that an index of the lists answers alone: words, vendors, jobs and commitments, by place and number.

They mean what store.matching makes of them, and take a tenth of the time at full size: the names are few, are matched
once and become places; the numbers are read from the index, without a row of the table.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import reduce
from operator import and_

from peewee import SQL, Expression

from store.db import FOLD, Database
from store.domain.actor import Actor
from store.domain.filter import Term, parse
from store.domain.text import fold
from store.matching import matching
from store.models import Invoice

# As store.matching.contains and has compare; LIKE on SQLite knows ASCII's capitals alone, all that most names have.
_POSTGRES = "NORMALIZE({0}, NFKC) ILIKE %s"
_POSTGRES_PLAIN = "{0} ILIKE %s"
_SQLITE = (
    f"CASE WHEN length({{0}}) = length(CAST({{0}} AS BLOB)) THEN {{0}} LIKE ? ESCAPE '\\'"
    f" ELSE {FOLD}({{0}}) LIKE ? ESCAPE '\\' END"
)
# That a column has a text, which contained() makes its parameter.
LIKE = "LIKE ? ESCAPE '\\'"
_SQLITE_PLAIN = f"{{0}} {LIKE}"
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
    return placed(db, terms) if terms and all(is_placed(term) for term in terms) else None


def placed(db: Database, terms: Sequence[Term]) -> Expression:
    """The condition of terms that are all placed; at least one."""
    return reduce(and_, [_condition(db, term) for term in terms])


def is_placed(term: Term) -> bool:
    """Whether place and number alone tell who meets the term."""
    plainly = Term(term.key, text=term.text, negated=term.negated, exact=term.exact)
    return term == plainly and term.key in _COLUMNS


def _condition(db: Database, term: Term) -> Expression:
    found = _named(db, term)
    if not term.key:
        found = found | _numbered(db, term.text)
    return ~found if term.negated else found


def _named(db: Database, term: Term) -> Expression:
    """The invoices in the places of the commitments that the term names."""
    parts: list[str] = []
    params: list[str] = []

    def has(column: str, *, plain: bool = False) -> str:
        if term.exact:
            params.append(term.text)
            return f"{column} = {'%s' if db.postgres else '?'}"
        sql, values = _has(db, column, term.text, plain=plain)
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
                parts.append(has("number", plain=True))
    return Expression(
        Invoice.place, "IN", SQL(f"(SELECT place FROM commitments WHERE {' OR '.join(parts)})", params)
    )


def _has(db: Database, column: str, text: str, *, plain: bool) -> tuple[str, list[str]]:
    """The condition that the column has the text; ``plain``: numbers, where ASCII is compared as it is stored."""
    plain = plain and text.isascii()
    if db.postgres:
        sql = _POSTGRES_PLAIN if plain else _POSTGRES
        return sql.format(column), [contained(unicodedata.normalize("NFKC", text))]
    sql = _SQLITE_PLAIN if plain else _SQLITE
    return sql.format(column), [contained(fold(text))] * sql.count("?")


def contained(text: str) -> str:
    """The pattern of LIKE for what has the text."""
    for character in "\\%_":
        text = text.replace(character, f"\\{character}")
    return f"%{text}%"


def _numbered(db: Database, text: str) -> Expression:
    """The invoices whose number contains the text."""
    sql, params = _has(db, '"t1"."number"', text, plain=True)
    found: Expression = Expression(SQL(f"({sql})", params), "=", SQL("TRUE"))
    return found
