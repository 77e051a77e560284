"""Tables, CSV or XLSX, as rows of texts under named columns."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path

from store.domain.text import safe
from store.intake import sheet_faults, textfile
from store.intake.report import damaged

# What an XLSX may unpack to: beyond it the sheet would not fit into memory, and a bomb looks the same.
_UNPACKED = 2 << 30


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its number as a spreadsheet shows it, and its cells by column; every column of the header is there."""

    number: int
    cells: dict[str, str]


@dataclass(slots=True)
class Table:
    """A table's header (column names in small letters) and its rows, read once, as they come."""

    file: str
    header: tuple[str, ...]
    rows: Iterator[Row]


def open_table(path: Path) -> Table:
    """The table in a CSV or XLSX file. Raises BadFile where it is neither, here or while the rows are read."""
    raw = _xlsx(path) if path.suffix.lower() == ".xlsx" else _csv(path)
    number, first = next(((n, cells) for n, cells in raw if any(cells)), (0, []))
    if not first:
        raise damaged(path.name, "it is empty", "The first row names the columns")
    header = tuple(name.strip().lower() for name in first)
    while header and not header[-1]:
        header = header[:-1]
    doubles = sorted({safe(name) for name in header if header.count(name) > 1 or not name})
    if doubles:
        raise damaged(
            path.name, f"row {number} names a column twice or not at all: {', '.join(doubles) or 'empty'}"
        )
    return Table(path.name, header, _under(path.name, header, raw))


def _under(file: str, header: tuple[str, ...], raw: Iterator[tuple[int, Sequence[str]]]) -> Iterator[Row]:
    width = len(header)
    for number, cells in raw:
        if len(cells) != width:
            if not any(cells):
                continue
            if len(cells) < width or any(cells[width:]):
                raise damaged(
                    file, f"row {number} has {len(cells)} cells, but the header names {width} columns"
                )
        elif not any(cells):
            continue
        yield Row(number, dict(zip(header, cells, strict=False)))


def _csv(path: Path) -> Iterator[tuple[int, list[str]]]:
    """RFC 4180 with commas. The number of a row is that of the line it begins in, counted from 1."""
    reader = csv.reader(textfile.lines(path), strict=True)
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise damaged(
                path.name, f"row {number} is not CSV: {error}", "Save it as CSV with commas and double quotes"
            ) from error
        yield number, cells


def _xlsx(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The first sheet."""
    import python_calamine

    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _UNPACKED:
                raise damaged(path.name, "it is too large", "Save it as CSV")
            sheet_faults.check(archive)
        sheet = python_calamine.CalamineWorkbook.from_path(path).get_sheet_by_index(0)
        rows = sheet.iter_rows()
    except OSError as error:
        raise damaged(path.name, error.strerror or str(error)) from error
    except sheet_faults.Fault as fault:
        raise damaged(
            path.name, str(fault), "Correct it, or let the spreadsheet calculate it, and save it again"
        ) from None
    except (
        zipfile.BadZipFile,
        python_calamine.CalamineError,
        ValueError,
        IndexError,
    ) as error:
        raise damaged(path.name, f"it is not an XLSX file: {error}") from error
    first = (sheet.start or (0, 0))[1] + 1
    for number, cells in enumerate(rows, 1):
        yield number, [_cell(path.name, number, column, cell) for column, cell in enumerate(cells, first)]


def _cell(file: str, row: int, column: int, value: object) -> str:
    """The cell as its exact text. A spreadsheet's number is a float: its shortest form is what was typed."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float) and not abs(value) < 2**53:
        raise damaged(
            file,
            f"row {row}, column {sheet_faults.letters(column)} holds a number too large for a spreadsheet to keep exactly",
            "Format it as text and type it again",
        )
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else f"{Decimal(repr(value)):f}"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    raise damaged(file, f"row {row} holds a time where a date or a text belongs")
