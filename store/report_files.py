"""A report as CSV, and as a worksheet; tui.report_text makes the text."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import IO, Any

from store import sheets
from store.domain.errors import BadInput
from store.domain.money import decimals, to_decimal
from store.domain.report import Column, Kind, Line, Report, whole
from store.domain.text import safe, spreadsheet

_RIGHT = frozenset({Kind.COUNT, Kind.MONEY})


def _filed(report: Report) -> list[tuple[int, Column]]:
    """The columns of a file, with their places: all but what is drawn."""
    return [(n, column) for n, column in enumerate(report.columns) if column.kind is not Kind.BAR]


def write_csv(report: Report, file: IO[bytes]) -> int:
    """Into a file of UTF-8, without totals; returns how many rows. Amounts are plain numbers, text is harmless in a spreadsheet."""
    out = io.TextIOWrapper(file, encoding="utf-8-sig", newline="", write_through=False)
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    columns = _filed(report)
    writer.writerow([column.title for _, column in columns])
    count = 0
    for line in report.rows():
        if not line.total:
            writer.writerow([_csv_cell(line, n, column) for n, column in columns])
            count += 1
    out.flush()
    out.detach()
    return count


def _csv_cell(line: Line, n: int, column: Column) -> Any:
    cell = line.cells[n]
    if cell is None:
        return ""
    if column.kind is Kind.MONEY:
        return to_decimal(whole(cell), line.currency)
    return cell if column.kind is Kind.COUNT else spreadsheet(str(cell))


def write_xlsx(report: Report, head: tuple[str, ...], path: Path, *, replace: bool) -> int:
    """Into a new worksheet with typed cells, a frozen header and totals; returns how many rows.

    Raises as store.sheets.check_place does, and BadInput for more rows than a worksheet holds.
    """
    sheets.check_place(path, replace=replace)
    with sheets.new_file(path, replace=replace) as file, sheets.workbook(file, path.parent) as book:
        return _fill(book, report, head)


def _fill(book: Any, report: Report, head: tuple[str, ...]) -> int:
    sheet = book.add_worksheet(report.title[:31])
    bold = book.add_format({"bold": True})
    formats = {
        False: (None, book.add_format({"num_format": "#,##0"}), sheets.amount_formats(book)),
        True: (bold, book.add_format({"num_format": "#,##0", "bold": True}), sheets.amount_formats(book, bold=True)),
    }  # fmt: skip
    columns = _filed(report)
    sheet.freeze_panes(1, 0)
    for at, (_, column) in enumerate(columns):
        sheet.set_column(at, at, 15 if column.kind in _RIGHT else max(10, column.width))
        sheet.write_string(0, at, column.title, bold)
    place = count = 0
    for place, line in enumerate(report.rows(), 1):
        if place > sheets.SHEET_ROWS - sheets.SPARE_ROWS and not line.total:
            raise BadInput(
                f"The {report.title.lower()} does not fit into a worksheet",
                why=f"it has {sheets.SHEET_ROWS:,} rows, of which the header and the totals take some",
                fix="Write it as CSV, or ask for less",
            )
        words, counts, amounts = formats[line.total]
        count += not line.total
        for at, (n, column) in enumerate(columns):
            cell = line.cells[n]
            if cell is None or cell == "":
                continue
            if column.kind is Kind.MONEY:
                value = to_decimal(whole(cell), line.currency)
                sheet.write_number(place, at, value, amounts[decimals(line.currency)])
            elif isinstance(cell, int):
                sheet.write_number(place, at, cell, counts)
            else:
                sheet.write_string(place, at, safe(cell)[: sheets.CELL_MOST], words)
    for at, note in enumerate((report.title, report.about, *head, *report.notes()), place + 2):
        sheet.write_string(at, 0, safe(note)[: sheets.CELL_MOST])
    return count
