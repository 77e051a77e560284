"""The filter language and selections as SQL."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from decimal import Decimal
from functools import reduce
from operator import and_, or_
from typing import Any

from peewee import SQL, Expression, ModelSelect, fn

from store.db import FOLD, Database
from store.domain.errors import BadInput, Changed
from store.domain.filter import Term, parse
from store.domain.money import EXCEPTIONS
from store.domain.selection import Marked, Matching, Selection
from store.domain.status import VIEW_STATES, ErpStatus, Outcome, ProjectView, View
from store.domain.text import fold
from store.models import Commitment, Invoice, Project, Vendor

MONEY = {"gross": Invoice.gross, "retainage": Invoice.retainage, "net": Invoice.net}
# The greatest integer of both databases.
ID_MOST = 2**63 - 1


def joined(*columns: Any) -> ModelSelect[Invoice]:
    """A select over invoices with vendor, project and commitment joined."""
    return (
        Invoice.select(*columns)
        .join(Commitment, on=Invoice.commitment == Commitment.id)
        .join(Vendor, on=Invoice.vendor == Vendor.id)
        .join(Project, on=Invoice.project == Project.id)
    )


def in_view(view: View | ProjectView) -> Expression:
    """The invoices of a view of ERP Integrations or of Commitments."""
    if isinstance(view, View):
        return Invoice.erp_status << [state.value for state in VIEW_STATES[view]]
    match view:
        case ProjectView.RETURNED:
            return (Invoice.erp_status == ErpStatus.NOT_SENT.value) & (
                Invoice.outcome == Outcome.REJECTED.value
            )
        case ProjectView.NOT_SENT:
            return Invoice.erp_status == ErpStatus.NOT_SENT.value
        case ProjectView.SENT:
            return Invoice.erp_status != ErpStatus.NOT_SENT.value
        case ProjectView.ALL:
            return Invoice.id.is_null(False)


def matching(db: Database, text: str) -> Expression | None:
    """The condition of a filter on invoices; None when it has no terms.

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


def row_id(text: str) -> int | None:
    """The id of a row that digits name; None for what is no id that a row can have."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(ID_MOST)) else None
    return number if number is not None and number <= ID_MOST else None


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
    """The (id, version) pairs of a filter, by id, exceptions left out."""
    query = joined(Invoice.id, Invoice.version).where(in_view(selection.view))
    condition = matching(db, selection.query)
    if condition is not None:
        query = query.where(condition)
    return [
        (row[0], row[1]) for row in db.rows(query.order_by(Invoice.id)) if row[0] not in selection.exceptions
    ]


def digest(rows: Sequence[tuple[int, int]]) -> str:
    """The digest of (id, version) pairs in the order of their ids."""
    text = "\n".join(f"{number} {version}" for number, version in rows)
    return hashlib.sha256(text.encode()).hexdigest()


def _marked(db: Database, selection: Marked) -> tuple[list[int], list[int]]:
    ids = sorted(selection.versions)
    now: dict[int, int] = {}
    for first in range(0, len(ids), 500):
        chunk = ids[first : first + 500]
        now.update(db.rows(Invoice.select(Invoice.id, Invoice.version).where(Invoice.id << chunk)))
    same = [number for number in ids if now.get(number) == selection.versions[number]]
    return same, [number for number in ids if now.get(number) != selection.versions[number]]
