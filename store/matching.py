"""The filter language as SQL.

Every condition is true or false for every invoice, never NULL: a ``-`` before it, and a stroke that takes away what it
meets, must reach the invoices that have no value there.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import reduce
from operator import and_, or_
from typing import Any

from peewee import SQL, Expression, fn

from store import phases
from store.db import FOLD, Database
from store.domain.actor import Actor
from store.domain.errors import BadInput
from store.domain.filter import ANY, MONEY_KEYS, NONE, Term, parse
from store.domain.money import EXCEPTIONS
from store.domain.status import VIEW_STATES, ErpStatus, Outcome, View
from store.domain.text import fold
from store.models import Commitment, Invoice, Project, User, Vendor
from store.owning import own
from store.query import ID_MOST

MONEY = {"gross": Invoice.gross, "retainage": Invoice.retainage, "net": Invoice.net}
# So many ids of vendors, jobs or commitments stand in the statement; more are left to the database.
IDS_MOST = 400
DAY_MS = 86_400_000


def matching(db: Database, text: str, me: Actor | None = None) -> Expression | None:
    """The condition of a filter on invoices; None when it has no terms. ``me`` is whose flags count.

    An amount is in major units of each invoice's own currency: ``net>1000`` is a thousand dollars or a thousand yen.
    Raises BadFilter for a filter that cannot be read, BadInput for flags that depend on who acts, without ``me``.
    """
    conditions = [_condition(db, term, me) for term in parse(text)]
    return reduce(and_, conditions) if conditions else None


def of_terms(db: Database, terms: Sequence[Term], me: Actor | None = None) -> Expression:
    """As ``matching``, of terms that were read already; at least one."""
    return reduce(and_, [_condition(db, term, me) for term in terms])


def _condition(db: Database, term: Term, me: Actor | None) -> Expression:
    match term.key:
        case key if key in MONEY_KEYS:
            found = _money(term)
        case "age":
            found = _age(db, term)
        case "batch":
            found = _known(Invoice.batch) & _between(Invoice.batch, term.low, term.high, term)
        case "period":
            found = _days(Invoice.period_end, term)
        case "acct":
            unset = Invoice.accounting_date.is_null()
            found = unset if term.text == NONE else ~unset & _days(Invoice.accounting_date, term)
        case "status":
            found = _status(term.text)
        case "flag":
            found = _flag(db, term.text, me)
        case _:
            found = _text(db, term)
    return ~found if term.negated else found


def _known(column: Any) -> Expression:
    """Before a condition on a column that may be NULL: with it the whole is false there, not NULL."""
    found: Expression = column.is_null(False)
    return found


def _between(column: Any, low: Any, high: Any, term: Term) -> Expression:
    """The column within the term's bounds, those that are there."""
    if low is not None and low == high and not term.strict:
        exactly: Expression = column == low
        return exactly
    bounds: list[Expression] = []
    if low is not None:
        bounds.append(column > low if term.strict else column >= low)
    if high is not None:
        bounds.append(column < high if term.strict else column <= high)
    return reduce(and_, bounds)


# -- amounts, days, numbers ------------------------------------------------------------------------------------


def _money(term: Term) -> Expression:
    usual = Invoice.currency.not_in([code for codes in EXCEPTIONS.values() for code in codes])
    found = [Invoice.currency.in_(codes) & _amount(term, places) for places, codes in EXCEPTIONS.items()]
    return reduce(or_, [usual & _amount(term, 2), *found])


def _amount(term: Term, places: int) -> Expression:
    """The term's bounds for currencies with that many decimals, in whole minor units that let the same amounts pass."""
    low, high = term.low, term.high
    below, above = (_around(low, places)) if low is not None else (None, None)
    under, over = (_around(high, places)) if high is not None else (None, None)
    # Between two minor units: what is more than it is what is more than the lower one, and so on.
    return _between(MONEY[term.key], below if term.strict else above, over if term.strict else under, term)


def _around(amount: Decimal, places: int) -> tuple[int, int]:
    """The whole minor units next to an amount, below and above; both are its own where it has them."""
    numerator, denominator = amount.as_integer_ratio()
    below, rest = divmod(numerator * 10**places, denominator)
    return _bounded(below), _bounded(below + bool(rest))


def _bounded(minor: int) -> int:
    """Within what a database's integers hold; no invoice's amount comes near the ends."""
    return max(-ID_MOST, min(minor, ID_MOST))


def _days(column: Any, term: Term) -> Expression:
    return _between(column, term.first or None, term.last or None, term)


def _age(db: Database, term: Term) -> Expression:
    """Whole days since the invoice was sent, or since its billing date began in UTC where it never was."""
    now = db.now()
    oldest = youngest = None
    if term.low is not None:
        youngest = int(term.low) + term.strict
    if term.high is not None:
        oldest = int(term.high) - term.strict
    today = datetime.fromtimestamp(now / 1000, UTC).date()
    sent, billed = [], []
    if youngest is not None:
        sent.append(Invoice.sent_at <= now - youngest * DAY_MS)
        billed.append(Invoice.billing_date <= _days_before(today, youngest))
    if oldest is not None:
        sent.append(Invoice.sent_at > now - (oldest + 1) * DAY_MS)
        billed.append(Invoice.billing_date >= _days_before(today, oldest))
    never = Invoice.sent_at.is_null()
    found: Expression = (~never & reduce(and_, sent)) | (never & reduce(and_, billed))
    return found


def _days_before(today: date, days: int) -> str:
    try:
        return (today - timedelta(days)).isoformat()
    except OverflowError:
        return (date.min if days > 0 else date.max).isoformat()


# -- states and flags ------------------------------------------------------------------------------------------


def _status(word: str) -> Expression:
    found: Expression
    if word in set(Outcome):
        found = (Invoice.phase == ErpStatus.NOT_SENT.value) & (
            _known(Invoice.outcome) & (Invoice.outcome == word)
        )
    elif word in set(ErpStatus):
        phase = phases.of(ErpStatus(word))
        found = Invoice.phase == phase.value
        if phase in VIEW_STATES[View.EXPORTING]:
            found = found & (Invoice.erp_status == word)
    else:
        found = Invoice.status == word
    return found


def _flag(db: Database, letters: str, me: Actor | None) -> Expression:
    if me is None and (letters in {ANY, NONE} or set(letters) & {"S", "L"}):
        raise BadInput(
            f"flag:{letters} depends on who asks",
            why="S and L are flags of a user",
            fix="Say who acts (--as)",
        )
    if letters in {ANY, NONE}:
        return flagged(db, me) if letters == ANY else ~flagged(db, me)
    flags = {
        "D": Invoice.duplicate,
        "H": Invoice.held,
        "O": Invoice.overbilled,
        "C": Invoice.changed_since,
    }
    found = [_true(flags[letter]) for letter in letters if letter in flags]
    if me is not None and "S" in letters:
        found.append(own(db, me))
    if me is not None and "L" in letters:
        found.append(_over(me))
    return reduce(or_, found)


def _true(column: Any) -> Expression:
    """A column of truth values as a condition."""
    return Expression(column, "=", True)


def _over(me: Actor) -> Expression:
    found: Expression = (
        Invoice.id.is_null() if me.limit_invoice is None else fn.ABS(Invoice.gross) > me.limit_invoice
    )
    return found


def flagged(db: Database, me: Actor | None) -> Expression:
    """The invoices with a flag, as invoices.Row has them."""
    found: Expression = Invoice.overbilled | Invoice.changed_since | Invoice.duplicate | Invoice.held
    if me is None:
        return found
    found |= own(db, me)
    return found if me.limit_invoice is None else found | _over(me)


# -- texts -----------------------------------------------------------------------------------------------------


def contains(db: Database, column: Any, text: str) -> Expression:
    """Case-insensitive and compatibility-normalised, with the wildcards of LIKE taken literally.

    SQLite folds as store.domain.text.fold does. PostgreSQL lowers each letter as its locale does: there "STRASSE"
    does not find "Straße", and in a database of locale C only ASCII letters have two cases.
    """
    if db.postgres:
        found: Expression = fn.NORMALIZE(column, SQL("NFKC")).contains(unicodedata.normalize("NFKC", text))
    else:
        found = getattr(fn, FOLD)(column).contains(fold(text))
    return found


def has(db: Database, column: Any, text: str) -> Expression:
    """As ``contains``, for a column of many rows: ASCII letters and digits are compared as they are stored.

    No function is called per row then; a full-width letter in such a column is found by itself alone.
    """
    if not text.isascii():
        return contains(db, column, text)
    found: Expression = column.contains(text)
    return found


def _is(_db: Database, column: Any, text: str) -> Expression:
    found: Expression = column == text
    return found


def _named(
    db: Database, key: Any, columns: Sequence[Any], text: str, *, exact: bool = False
) -> Expression | None:
    """The invoices whose vendor, project, commitment or sender (``key``) has the text; None where none of those has it.

    By their ids: the names are few, the invoices many. ``exact``: the text is all of the name.
    """
    model = key.rel_model
    compare = _is if exact else has if model is Commitment else contains
    names = reduce(or_, [compare(db, column, text) for column in columns])
    select = model.select(model.id).where(names)
    ids = [row[0] for row in db.rows(select.limit(IDS_MOST + 1))]
    if not ids:
        return None
    found: Expression = key.in_(ids if len(ids) <= IDS_MOST else select)
    return found


def _any(conditions: Sequence[Expression | None]) -> Expression:
    """Any of those that are there; none of them is nothing."""
    known = [condition for condition in conditions if condition is not None]
    return reduce(or_, known) if known else Invoice.id.is_null()


def _text(db: Database, term: Term) -> Expression:
    text = term.text
    match term.key:
        case "":
            return _any([
                _named(db, Invoice.vendor, [Vendor.name], text),
                _named(db, Invoice.project, [Project.number, Project.name], text),
                _named(db, Invoice.commitment, [Commitment.number], text),
                has(db, Invoice.number, text),
            ])  # fmt: skip
        case "vendor":
            return _any([_named(db, Invoice.vendor, [Vendor.name], text, exact=term.exact)])
        case "job":
            columns = [Project.number, Project.name]
            return _any([_named(db, Invoice.project, columns, text, exact=term.exact)])
        case "commitment":
            return _any([_named(db, Invoice.commitment, [Commitment.number], text, exact=term.exact)])
        case "number":
            return has(db, Invoice.number, text) | has(db, Invoice.erp_number, text)
        case "ref":
            return _known(Invoice.origin_id) & has(db, fn.COALESCE(Invoice.origin_id, ""), text)
        case "sent-by":
            named = _named(db, Invoice.sender, [User.login, User.name], text)
            return _any([named and _known(Invoice.sender) & named])
        case _:
            return has(db, Invoice.error_code, text) | has(db, Invoice.error_cause, text)
