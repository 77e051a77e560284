"""The kinds of tables, and the columns that tell them apart (docs/intake.md describes every column)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from store.domain.errors import BadFile
from store.domain.text import safe

VENDORS = "vendors"
PROJECTS = "projects"
COST_CODES = "cost-codes"
PERIODS = "billing-periods"
COMMITMENTS = "commitments"
USERS = "users"
INVOICES = "invoices"


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a kind: those that must be there, and those that may."""

    required: tuple[str, ...]
    optional: tuple[str, ...]

    @property
    def known(self) -> frozenset[str]:
        """All of them."""
        return frozenset((*self.required, *self.optional))


# In the order in which they are to be imported.
KINDS: dict[str, Columns] = {
    VENDORS: Columns(("name",), ("vendor_id", "erp_ref")),
    PROJECTS: Columns(("number", "name"), ("project_id", "erp_ref")),
    COST_CODES: Columns(("project", "code", "name"), ("cost_code_id", "erp_ref")),
    PERIODS: Columns(("project", "start_date", "end_date"), ("period_id",)),
    COMMITMENTS: Columns(
        ("number", "project", "vendor", "title", "kind", "line_item", "scheduled_value"),
        (
            "commitment_id",
            "currency",
            "retainage_percent",
            "erp_ref",
            "opening_application",
            "item_type",
            "cost_code",
            "description",
            "opening_work",
            "opening_stored",
            "opening_retainage",
        ),
    ),
    USERS: Columns(
        ("login", "name"),
        ("email", "erp_level", "commitments_level", "directory_level", "can_push", "limit_invoice"),
    ),
    INVOICES: Columns(
        (
            "project",
            "commitment",
            "application",
            "invoice_number",
            "status",
            "period_start",
            "period_end",
            "line_item",
            "scheduled_value",
            "work_previous",
            "work_this_period",
            "retainage_held",
        ),
        (
            "invoice_id",
            "commitment_id",
            "billing_date",
            "currency",
            "created_by_name",
            "created_by_login",
            "created_by_email",
            "final",
            "tax",
            "gross",
            "retainage",
            "net",
            "item_type",
            "cost_code",
            "description",
            "stored_previous",
            "stored_now",
            "materials_moved",
            "retainage_released",
            "total_previous",
            "retainage_previous",
            "total_completed",
            "bill_line",
        ),
    ),
}


def known_kinds() -> str:
    """The sentence that names what can be imported."""
    return f"known are Procore's subcontractor invoices (JSON) and the tables {', '.join(KINDS)}"


def recognise(file: str, header: Sequence[str], kind: str | None) -> str:
    """The kind of table with this header; ``kind`` fixes it.

    Raises BadFile for a header that is none of them, or names columns that the kind does not have: a misspelt column
    must not be taken for a missing one.
    """
    columns = set(header)
    fitting = [name for name, known in KINDS.items() if columns.issuperset(known.required)]
    # The most demanding fit: the columns of one kind may hold those of another.
    found = kind or max(fitting, key=lambda name: len(KINDS[name].required), default="")
    if not found:
        raise BadFile(
            f"{safe(file)} has a header that payapp does not know",
            why=f"its columns are {safe(', '.join(header[:20]))}; {known_kinds()}",
            fix="payapp import --template KIND writes each one's header",
        )
    missing = [name for name in KINDS[found].required if name not in columns]
    if missing:
        raise BadFile(
            f"{safe(file)} is not a table of {found}",
            why=f"the columns {', '.join(missing)} are missing",
            fix=f"payapp import --template {found} writes the header",
        )
    unknown = sorted(columns - KINDS[found].known)
    if unknown:
        raise BadFile(
            f"{safe(file)} has columns that {found} do not have",
            why=safe(", ".join(unknown)),
            fix=f"Remove or rename them; known are {', '.join([*KINDS[found].required, *KINDS[found].optional])}",
        )
    return found
