"""The filter language as SQL."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from decimal import Decimal
from functools import reduce
from operator import and_, or_
from typing import Any

from peewee import SQL, Expression, fn

from store.db import FOLD, Database
from store.domain.actor import Actor
from store.domain.errors import BadInput
from store.domain.filter import Term, parse
from store.domain.money import EXCEPTIONS
from store.domain.text import fold
from store.models import Commitment, Invoice, Project, Vendor
from store.query import ID_MOST, row_id

MONEY = {"gross": Invoice.gross, "retainage": Invoice.retainage, "net": Invoice.net}


def matching(db: Database, text: str, me: Actor | None = None) -> Expression | None:
    """The condition of a filter on invoices; None when it has no terms. ``me`` is whose flags count.

    An amount is in major units of each invoice's own currency: ``net>1000`` is a thousand dollars or a thousand yen.
    Raises BadInput for a filter that cannot be read.
    """
    conditions = [_condition(db, term) for term in parse(text)]
    return reduce(and_, conditions) if conditions else None


def _condition(db: Database, term: Term) -> Expression:
    found = _money(term) if term.key in MONEY else _text(db, term)
    return ~found if term.negated else found


def _money(term: Term) -> Expression:
    if term.low is None and term.high is None:
        raise BadInput(f"{term.key} has no bound", fix=f"Write {term.key}:10k..50k")
    usual = Invoice.currency.not_in([code for codes in EXCEPTIONS.values() for code in codes])
    found = [Invoice.currency.in_(codes) & _between(term, places) for places, codes in EXCEPTIONS.items()]
    return reduce(or_, [usual & _between(term, 2), *found])


def _between(term: Term, places: int) -> Expression:
    """The term's bounds for currencies with that many decimals, in whole minor units that let the same amounts pass."""
    column = MONEY[term.key]
    bounds: list[Expression] = []
    if term.low is not None:
        below, above = _around(term.low, places)
        bounds.append(column > below if term.strict else column >= above)
    if term.high is not None:
        below, above = _around(term.high, places)
        bounds.append(column < above if term.strict else column <= below)
    return reduce(and_, bounds)


def _around(amount: Decimal, places: int) -> tuple[int, int]:
    """The whole minor units next to an amount, below and above; both are its own where it has them."""
    numerator, denominator = amount.as_integer_ratio()
    below, rest = divmod(numerator * 10**places, denominator)
    return _bounded(below), _bounded(below + bool(rest))


def _bounded(minor: int) -> int:
    """Within what a database's integers hold; no invoice's amount comes near the ends."""
    return max(-ID_MOST, min(minor, ID_MOST))


def _contains(db: Database, column: Any, text: str) -> Expression:
    """Case-insensitive and compatibility-normalised, with the wildcards of LIKE taken literally.

    SQLite folds as store.domain.text.fold does. PostgreSQL lowers each letter as its locale does: there "STRASSE"
    does not find "Straße", and in a database of locale C only ASCII letters have two cases.
    """
    if db.postgres:
        found: Expression = fn.NORMALIZE(column, SQL("NFKC")).contains(unicodedata.normalize("NFKC", text))
    else:
        found = getattr(fn, FOLD)(column).contains(fold(text))
    return found


def _named(db: Database, key: Any, columns: Sequence[Any], text: str) -> Expression:
    """The invoices whose vendor, project or commitment (``key``) has the text in one of its ``columns``.

    By their ids: the names are few, the invoices many.
    """
    model = key.rel_model
    names = reduce(or_, [_contains(db, column, text) for column in columns])
    found: Expression = key.in_(model.select(model.id).where(names))
    return found


def _text(db: Database, term: Term) -> Expression:
    text = term.text
    match term.key:
        case "":
            return reduce(or_, [
                _named(db, Invoice.vendor, [Vendor.name], text),
                _named(db, Invoice.project, [Project.number, Project.name], text),
                _named(db, Invoice.commitment, [Commitment.number], text),
                _contains(db, Invoice.number, text),
            ])  # fmt: skip
        case "vendor":
            return _named(db, Invoice.vendor, [Vendor.name], text)
        case "job":
            return _named(db, Invoice.project, [Project.number, Project.name], text)
        case "commitment":
            return _named(db, Invoice.commitment, [Commitment.number], text)
        case "number":
            return _contains(db, Invoice.number, text) | _contains(db, Invoice.erp_number, text)
        case "period":
            found: Expression = Invoice.period_end.startswith(text)
            return found
        case "status":
            return (Invoice.erp_status == text) | (Invoice.status == text)
        case "batch":
            number = row_id(text)
            if number is None:
                raise BadInput(f"{text[:40]!r} is not a batch number", fix="Write batch:118")
            return Invoice.batch == number
        case _:
            return _contains(db, Invoice.error_code, text) | _contains(db, Invoice.error_cause, text)


def flagged(me: Actor | None) -> Expression:
    """The invoices with a flag, as invoices.Row has them."""
    found = Invoice.overbilled | Invoice.changed_since | Invoice.duplicate | Invoice.held
    if me is None:
        return found
    mine = [name for name in {me.login.lower(), me.email.lower()} if name]
    own = (
        (Invoice.sender == me.id)
        | fn.LOWER(Invoice.creator_login).in_(mine)
        | fn.LOWER(Invoice.creator_email).in_(mine)
    )
    found |= fn.COALESCE(own, False)
    return found if me.limit_invoice is None else found | (fn.ABS(Invoice.gross) > me.limit_invoice)
