"""Invoices with their names, a view's condition, ids: what every query over invoices begins with."""

from __future__ import annotations

from typing import Any

from peewee import Expression, ModelSelect

from store.domain.status import VIEW_STATES, ErpStatus, Outcome, ProjectView, View
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


def row_id(text: str) -> int | None:
    """The id of a row that digits name; None for what is no id that a row can have."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(ID_MOST)) else None
    return number if number is not None and number <= ID_MOST else None
