"""Templates of the tables: the header and an example that imports as it stands, in the order of kinds.KINDS."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from store.domain.errors import BadInput
from store.domain.text import safe
from store.intake import kinds

_ROWS: dict[str, list[dict[str, str]]] = {
    kinds.VENDORS: [{"vendor_id": "", "name": "Example Drywall LLC", "erp_ref": "EXDRYWALL"}],
    kinds.PROJECTS: [{"project_id": "", "number": "99-001", "name": "Example Project", "erp_ref": "99-001"}],
    kinds.COST_CODES: [
        {
            "cost_code_id": "",
            "project": "99-001",
            "code": "09-250",
            "name": "Gypsum board",
            "erp_ref": "09-250",
        }
    ],
    kinds.PERIODS: [
        {"period_id": "", "project": "99-001", "start_date": "2026-10-01", "end_date": "2026-10-31"}
    ],
    kinds.COMMITMENTS: [
        {
            "commitment_id": "",
            "number": "SC-EXAMPLE",
            "project": "99-001",
            "vendor": "Example Drywall LLC",
            "title": "Drywall",
            "kind": "subcontract",
            "currency": "",
            "retainage_percent": "10",
            "erp_ref": "SC-EXAMPLE",
            "opening_application": "3",
            "line_item": "1",
            "item_type": "contract_item",
            "cost_code": "09-250",
            "description": "Level 1",
            "scheduled_value": "50000.00",
            "opening_work": "20000.00",
            "opening_stored": "1500.00",
            "opening_retainage": "2150.00",
        }
    ],
    kinds.USERS: [
        {
            "login": "example",
            "name": "Example User",
            "email": "user@example.com",
            "erp_level": "read_only",
            "commitments_level": "none",
            "directory_level": "none",
            "can_push": "no",
            "limit_invoice": "",
        }
    ],
    kinds.INVOICES: [
        {
            "invoice_id": "",
            "commitment_id": "",
            "project": "99-001",
            "commitment": "SC-EXAMPLE",
            "application": "4",
            "invoice_number": "EXAMPLE-4",
            "status": "approved",
            "period_start": "2026-10-01",
            "period_end": "2026-10-31",
            "billing_date": "2026-10-31",
            "currency": "",
            "created_by_name": "Example User",
            "created_by_login": "user@example.com",
            "created_by_email": "",
            "final": "no",
            "tax": "0.00",
            "gross": "4500.00",
            "retainage": "450.00",
            "net": "4050.00",
            "line_item": "1",
            "item_type": "contract_item",
            "cost_code": "09-250",
            "description": "Level 1",
            "scheduled_value": "50000.00",
            "work_previous": "21000.00",
            "work_this_period": "3000.00",
            "stored_previous": "1500.00",
            "stored_now": "2000.00",
            "materials_moved": "1000.00",
            "total_previous": "21500.00",
            "retainage_previous": "2150.00",
            "retainage_held": "450.00",
            "retainage_released": "0.00",
            "total_completed": "26000.00",
            "bill_line": "4500.00",
        }
    ],
}


def write(kind: str, path: Path) -> None:
    """Write the template of a kind (kinds.KINDS) as CSV or XLSX, by the path's suffix.

    Raises BadInput for another kind or suffix, and where the file is there already.
    """
    if kind not in kinds.KINDS:
        raise BadInput(f"There is no template of {safe(kind)!r}", fix=f"Name one of {', '.join(kinds.KINDS)}")
    path = Path(path)
    table = rows(kind)
    if path.suffix.lower() == ".csv":
        text = io.StringIO(newline="")
        csv.writer(text).writerows(table)
        content = text.getvalue().encode()
    elif path.suffix.lower() == ".xlsx":
        content = _xlsx(kind, table)
    else:
        raise BadInput(
            f"A template is no {safe(path.suffix) or 'file without suffix'}", fix="Name it .csv or .xlsx"
        )
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError as error:
        raise BadInput(f"{safe(str(path))} is there already", fix="Name another file") from error
    except OSError as error:
        raise BadInput(f"{safe(str(path))} cannot be written", why=error.strerror or str(error)) from error


def rows(kind: str) -> list[Sequence[str]]:
    """The template's rows, the header first."""
    columns = [*_ROWS[kind][0]]
    return [columns, *([row[column] for column in columns] for row in _ROWS[kind])]


def _xlsx(kind: str, table: Sequence[Sequence[str]]) -> bytes:
    import xlsxwriter

    content = io.BytesIO()
    book = xlsxwriter.Workbook(content, {"in_memory": True, "strings_to_urls": False})
    sheet = book.add_worksheet(kind)
    # As text: a spreadsheet would make a date of the number 24-101, and drop the zero of 03.
    as_text = book.add_format({"num_format": "@"})
    heading = book.add_format({"bold": True, "num_format": "@"})
    sheet.set_column(0, len(table[0]) - 1, 18, as_text)
    for number, cells in enumerate(table):
        for column, cell in enumerate(cells):
            sheet.write_string(number, column, cell, as_text if number else heading)
    sheet.freeze_panes(1, 0)
    book.close()
    return content.getvalue()
