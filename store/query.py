"""The filter language and selections as SQL."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from decimal import Decimal
from functools import reduce
from operator import and_, or_
from typing import Any

from peewee import Expression, ModelSelect, fn

from store.db import Database
from store.domain.errors import BadInput, Changed
from store.domain.filter import Term, parse
from store.domain.money import decimals
from store.domain.selection import Marked, Matching, Selection
from store.domain.status import VIEW_STATES, ErpStatus, Outcome, ProjectView, View
from store.models import Commitment, Invoice, Project, Vendor

MONEY = {"gross": Invoice.gross, "retainage": Invoice.retainage, "net": Invoice.net}


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


def matching(text: str, currency: str) -> Expression | None:
    """The condition of a filter; None when it has no terms. Amounts are in the company's ``currency``."""
    conditions = [_condition(term, currency) for term in parse(text)]
    return reduce(and_, conditions) if conditions else None


def _condition(term: Term, currency: str) -> Expression:
    found = _money(term, currency) if term.key in MONEY else _text(term)
    return ~found if term.negated else found


def _money(term: Term, currency: str) -> Expression:
    column = MONEY[term.key]
    bounds: list[Expression] = []
    if term.low is not None:
        low = _scaled(term.low, currency)
        bounds.append(column > low if term.strict else column >= low)
    if term.high is not None:
        high = _scaled(term.high, currency)
        bounds.append(column < high if term.strict else column <= high)
    if not bounds:
        raise BadInput(f"{term.key} has no bound", fix=f"Write {term.key}:10k..50k")
    return reduce(and_, bounds)


def _scaled(amount: Decimal, currency: str) -> int:
    return int(amount.scaleb(decimals(currency)))


def _contains(column: Any, text: str) -> Expression:
    """Case-insensitive, with the wildcards of LIKE taken literally."""
    found: Expression = fn.LOWER(column).contains(text.lower())
    return found


def _text(term: Term) -> Expression:
    text = term.text
    match term.key:
        case "":
            columns = (Vendor.name, Project.number, Project.name, Commitment.number, Invoice.number)
            return reduce(or_, [_contains(column, text) for column in columns])
        case "vendor":
            return _contains(Vendor.name, text)
        case "job":
            return _contains(Project.number, text) | _contains(Project.name, text)
        case "commitment":
            return _contains(Commitment.number, text)
        case "number":
            return _contains(Invoice.number, text) | _contains(Invoice.erp_number, text)
        case "period":
            found: Expression = Invoice.period_end.startswith(text)
            return found
        case "status":
            return (Invoice.erp_status == text) | (Invoice.status == text)
        case "batch":
            if not text.isascii() or not text.isdigit():
                raise BadInput(f"{text!r} is not a batch number", fix="Write batch:118")
            return Invoice.batch == int(text)
        case _:
            return _contains(Invoice.error_code, text) | _contains(Invoice.error_cause, text)


def select_ids(db: Database, selection: Selection, currency: str) -> tuple[list[int], list[int]]:
    """The ids a selection stands for, and those of the marked ones that others changed since they were seen.

    Call it in the deciding transaction. Raises Changed when a filter's digest is not the one that was shown.
    """
    if isinstance(selection, Marked):
        return _marked(db, selection)
    rows = matched(db, selection, currency)
    if selection.digest is not None and digest(rows) != selection.digest:
        raise Changed(
            "What matches has changed since it was shown",
            why="others changed invoices meanwhile",
            fix="Look at the list again (F5) and decide again",
        )
    return [row[0] for row in rows], []


def matched(db: Database, selection: Matching, currency: str) -> list[tuple[int, int]]:
    """The (id, version) pairs of a filter, by id, exceptions left out."""
    query = joined(Invoice.id, Invoice.version).where(in_view(selection.view))
    condition = matching(selection.query, currency)
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
