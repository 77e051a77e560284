"""Whose an invoice is, as SQL: its creator's login or address is a user's, case aside in every alphabet.

The databases fold ASCII letters alike and all others each in its own way. So values of ASCII alone are compared by an
index on what lower() makes of them, and all others, which are few, by what Python makes of them.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any

from peewee import SQL, Expression, NodeList, fn

from store import statements
from store.db import Database
from store.domain.actor import Actor
from store.models import Invoice
from store.query import led

# Of a value so many characters are indexed: PostgreSQL has no index entry of more than 2,700 bytes.
HEAD = 200
# The columns, with the indexes of values of ASCII alone and of others; 0002_desk.sql has them.
COLUMNS = (
    (Invoice.creator_login, "invoices_creator", "invoices_creator_beyond"),
    (Invoice.creator_email, "invoices_creator_email", "invoices_creator_email_beyond"),
)


def names(me: Actor) -> set[str]:
    """The login and the address of a user, case-folded: what the creator is compared with."""
    return {me.login.casefold(), me.email.casefold()} - {""}


def created(db: Database, me: Actor) -> list[tuple[Expression, str]]:
    """The conditions under which the user created an invoice, each with the index of SQLite that knows it."""
    mine = names(me)
    plain = sorted(name for name in mine if name.isascii())
    found: list[tuple[Expression, str]] = []
    for column, index, beyond in COLUMNS:
        if plain:
            lower = NodeList((SQL("lower("), _head(column), SQL(")")))
            heads = sorted({name[:HEAD] for name in plain})
            found += [
                (Expression(lower, "=", head) & fn.LOWER(column).in_(plain) & ~_beyond(db, column), index)
                for head in heads
            ]
        if values := _values(db, column, beyond, mine):
            heads = sorted({value[:HEAD] for value in values})
            found += [
                (Expression(_head(column), "=", head) & column.in_(values) & _beyond(db, column), beyond)
                for head in heads
            ]
    return found


def own(db: Database, me: Actor) -> Expression:
    """The invoices that this user created or sent: as invoices.is_own has it."""
    sent: Expression = Invoice.sender.is_null(False) & (Invoice.sender == me.id)
    return reduce(or_, [condition for condition, _ in created(db, me)], sent)


def _values(db: Database, column: Any, index: str, mine: set[str]) -> list[str]:
    """The column's values beyond ASCII that are one of these names."""

    def distinct(what: Any, where: Expression) -> list[str]:
        sql, params = statements.compiled(db, Invoice.select(what).where(where).distinct())
        return [row[0] for row in statements.fetch(db, led(db, sql, index), params)]

    beyond = _beyond(db, column)
    near = [head for head in distinct(_head(column), beyond) if len(head) == HEAD or head.casefold() in mine]
    if not near:
        return []
    whole = distinct(column, beyond & Expression(_head(column), "IN", near))
    return sorted(value for value in whole if value.casefold() in mine)


def _head(column: Any) -> NodeList:
    return NodeList((SQL("substr("), column, SQL(f", 1, {HEAD})")))


def _beyond(db: Database, column: Any) -> Expression:
    """Values that are not of ASCII alone, in the words of the indexes."""
    octets = ("octet_length(", ")") if db.postgres else ("length(CAST(", " AS BLOB))")
    length = NodeList((SQL("length("), column, SQL(")")))
    return Expression(NodeList((SQL(octets[0]), column, SQL(octets[1]))), "<>", length)
