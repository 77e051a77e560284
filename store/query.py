"""Invoices with their names, a view's condition, ids: what every query over invoices begins with."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from peewee import SQL, Expression, ModelSelect, NodeList

from store import phases
from store.db import Database
from store.domain.status import CAME_BACK, VIEW_STATES, ErpStatus, ProjectView, View
from store.models import Commitment, Invoice, Project, Vendor

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


def plainly(column: Any) -> Any:
    """A column for in_view(), where the view may choose the index."""
    return column


def in_view(view: View | ProjectView, spelled: Callable[[Any], Any] = plainly) -> Expression:
    """The invoices of a view of ERP Integrations or of Commitments; ``spelled`` writes the column that tells.

    The values are literals: the databases recognise their partial indexes by them.
    """
    if view in {View.ALL, ProjectView.SENT}:
        return Expression(spelled(Invoice.sent), "=", SQL("1"))
    column = spelled(Invoice.phase)
    if view is ProjectView.ALL:
        return Invoice.id.is_null(False)
    if view is ProjectView.RETURNED:
        outcomes = ", ".join(f"'{outcome.value}'" for outcome in CAME_BACK)
        back = Expression(Invoice.outcome, "IN", SQL(f"({outcomes})"))
        return Expression(column, "=", _literal(ErpStatus.NOT_SENT)) & back
    (phase,) = phases.of_all(VIEW_STATES[view]) if isinstance(view, View) else (ErpStatus.NOT_SENT,)
    return Expression(column, "=", _literal(phase))


def _literal(value: StrEnum) -> SQL:
    return SQL(f"'{value.value}'")


def unaided(db: Database) -> Callable[[Any], Any]:
    """A column for in_view(), where the view shall not choose the index: it has most of the invoices."""
    return plainly if db.postgres else lambda column: NodeList((SQL("+"), column))


def led(db: Database, sql: str, index: str | None) -> str:
    """The compiled query over invoices, told by which index to go; PostgreSQL's statistics tell it themselves."""
    if index is None or db.postgres:
        return sql
    return sql.replace('FROM "invoices" AS "t1"', f'FROM "invoices" AS "t1" INDEXED BY {index}', 1)


def row_id(text: str) -> int | None:
    """The id of a row that digits name; None for what is no id that a row can have."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(ID_MOST)) else None
    return number if number is not None and number <= ID_MOST else None
