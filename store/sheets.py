"""Writing what is listed or marked into a file: CSV, XLSX or a text report, a few hundred rows at a time."""

from __future__ import annotations

import contextlib
import csv
import os
import tempfile
import threading
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

from store import directory, invoices
from store.db import Database
from store.domain.actor import Actor
from store.domain.errors import BadInput, PayappError
from store.domain.money import decimals, hash_part, show, to_decimal
from store.domain.selection import Totals
from store.domain.status import TITLES, View
from store.domain.text import one_line, safe, spreadsheet, storable
from store.invoices import Row
from store.listing import Order, every_id

CHUNK = 500
# What a worksheet holds, and how many of its rows the header and the totals of all currencies may take.
SHEET_ROWS, SPARE_ROWS = 1_048_576, 200
TITLES_OF_COLUMNS = (
    "Id", "Flags", "Invoice", "ERP invoice number", "Vendor", "Job", "Commitment", "Application", "Period",
    "Currency", "Gross", "Retainage", "Net", "Status", "ERP status", "Error", "ERP reference",
)  # fmt: skip
# The columns that hold numbers, from 0: id and application, and the amounts.
_WHOLE, _MONEY = (0, 7), (10, 11, 12)
# Characters that a worksheet's cell holds.
CELL_MOST = 32_767


class Format(StrEnum):
    """What a file is written as; the value is the ending of its name."""

    CSV = "csv"
    XLSX = "xlsx"
    REPORT = "txt"


class Stopped(PayappError):
    """The writing was given up; there is no file."""

    title = "Not written"


class Exists(BadInput):
    """There is a file of that name already."""


@dataclass(frozen=True, slots=True)
class Written:
    """A file that was written, with the control totals of its invoices."""

    path: Path
    count: int
    totals: tuple[Totals, ...]


def write(
    db: Database,
    actor: Actor,
    order: Order,
    path: Path,
    form: Format,
    *,
    replace: bool = False,
    stop: threading.Event | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Written:
    """Write the invoices of an order into a new file that its owner alone may read (0600).

    Whole or not at all: it is written beside its place and moved there. ``stop`` gives up at the next few hundred rows;
    ``progress`` is told rows written and rows in all. Raises Exists where there is a file and ``replace`` is not
    given, BadInput for a place that cannot be written to and for more rows than a worksheet holds, NotPermitted for
    who may not see the tool, Stopped.
    """
    actor = directory.refresh(db, actor)
    actor.require_reader() if isinstance(order.view, View) else actor.require_project_reader()
    check_place(path, replace=replace)
    ids = every_id(db, order)
    if form is Format.XLSX and len(ids) > SHEET_ROWS - SPARE_ROWS:
        raise BadInput(
            f"{len(ids):,} invoices do not fit into a worksheet",
            why=f"it has {SHEET_ROWS:,} rows, of which the header and the totals take some",
            fix="Write CSV, or narrow the filter ({list.filter})",
        )
    sums = Sums()
    rows = sums.over(_rows(db, ids, order.me, stop, progress))
    with new_file(path, replace=replace) as file:
        match form:
            case Format.CSV:
                _csv(file, rows)
            case Format.XLSX:
                _xlsx(file, rows, sums, path.parent)
            case Format.REPORT:
                _report(file, rows, sums, directory.company(db).name, actor, order)
    return Written(path, sums.count, sums.totals)


def write_apart(db: Database, *args: Any, **kwargs: Any) -> Written:
    """As write(), in a thread of its own: the connection that it took there is given back."""
    try:
        return write(db, *args, **kwargs)
    finally:
        db.pw.close()


class Sums:
    """Control totals of the rows that went by: what stands in the file, whatever the store has by then."""

    def __init__(self) -> None:
        self._sums: dict[str, list[int]] = {}

    def over(self, rows: Iterator[Row]) -> Iterator[Row]:
        """The rows, counted as they pass."""
        for row in rows:
            own = self._sums.setdefault(row.currency, [0, 0, 0, 0, 0])
            hashed = hash_part(row.erp_number or row.number)
            for n, value in enumerate((1, row.gross, row.retainage, row.net, hashed)):
                own[n] += value
            yield row

    @property
    def count(self) -> int:
        """How many went by."""
        return sum(own[0] for own in self._sums.values())

    @property
    def totals(self) -> tuple[Totals, ...]:
        """One per currency, in the order of the codes."""
        return tuple(Totals(currency, *own) for currency, own in sorted(self._sums.items()))


def _rows(
    db: Database, ids: array[int], me: Actor | None, stop: threading.Event | None,
    progress: Callable[[int, int], None] | None,
) -> Iterator[Row]:  # fmt: skip
    for first in range(0, len(ids), CHUNK):
        if stop is not None and stop.is_set():
            raise Stopped("Nothing was written", why="it was given up")
        yield from invoices.rows(db, ids[first : first + CHUNK], me)
        if progress is not None:
            progress(min(first + CHUNK, len(ids)), len(ids))


# -- the place -------------------------------------------------------------------------------------------------


def check_place(path: Path, *, replace: bool) -> None:
    """Raise Exists where there is a file and it is not to be replaced, BadInput for a place that cannot be one."""
    if not storable(str(path)):
        raise BadInput("That is no name of a file", why="it holds a character that none can have")
    if path.is_dir():
        raise BadInput(f"{safe(str(path))} is a folder", fix="Name a file in it")
    if path.exists() and not replace:
        raise Exists(f"{safe(str(path))} is there already", fix="Name another file, or replace it")
    if not path.parent.is_dir():
        raise BadInput(f"There is no folder {safe(str(path.parent))}", fix="Make it first, or name another")


@contextlib.contextmanager
def new_file(path: Path, *, replace: bool) -> Iterator[IO[bytes]]:
    """A file beside the place, of the owner alone; moved there when the block ends well."""
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".payapp-")
    except OSError as error:
        raise _unwritable(path, error) from None
    made = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if replace:
            made.replace(path)
        else:
            _place(made, path)
    except FileExistsError:
        made.unlink(missing_ok=True)
        raise Exists(f"{safe(str(path))} is there already", fix="Name another file, or replace it") from None
    except OSError as error:
        made.unlink(missing_ok=True)
        raise _unwritable(path, error) from None
    except BaseException:
        made.unlink(missing_ok=True)
        raise


def _place(made: Path, path: Path) -> None:
    """Move it there; a link refuses what came there meanwhile, where a move would overwrite it."""
    try:
        path.hardlink_to(made)
    except FileExistsError:
        raise
    except OSError:
        # A file system without links.
        if path.exists():
            raise FileExistsError from None
        made.replace(path)
    else:
        made.unlink()


def _unwritable(path: Path, error: OSError) -> BadInput:
    return BadInput(
        f"{safe(str(path))} cannot be written", why=error.strerror or str(error), fix="Name another place"
    )


# -- the formats -----------------------------------------------------------------------------------------------


def _values(row: Row) -> tuple[Any, ...]:
    return (
        row.id, row.flags, row.number, row.erp_number, row.vendor, row.job, row.commitment, row.application,
        row.period, row.currency, row.gross, row.retainage, row.net, row.status, TITLES[row.erp_status],
        row.error_cause, row.origin_id,
    )  # fmt: skip


def _csv(file: IO[bytes], rows: Iterator[Row]) -> None:
    """UTF-8 with a mark that tells spreadsheets so; amounts as plain numbers, text cells harmless."""
    import io

    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="", write_through=False)
    # Each text is quoted: where cells end at semicolons one could begin a formula in the midst of it.
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(TITLES_OF_COLUMNS)
    for row in rows:
        writer.writerow(
            [
                to_decimal(value, row.currency)
                if n in _MONEY
                else value
                if n in _WHOLE
                else spreadsheet(value)
                for n, value in enumerate(_values(row))
            ]
        )
    text.flush()
    text.detach()


def _xlsx(file: IO[bytes], rows: Iterator[Row], sums: Sums, folder: Path) -> None:
    """Typed cells, written row by row: text is text whatever it begins with, an amount a number of its currency."""
    with workbook(file, folder) as book:
        _fill(book, rows, sums)


@contextlib.contextmanager
def workbook(file: IO[bytes], folder: Path) -> Iterator[Any]:
    """A workbook that is written row by row, in bounded memory, and takes no text for a formula or a link."""
    from xlsxwriter import Workbook

    with tempfile.TemporaryDirectory(dir=folder, prefix=".payapp-") as scratch:
        options = {
            "constant_memory": True,
            "tmpdir": scratch,
            "strings_to_formulas": False,
            "strings_to_urls": False,
        }
        book = Workbook(file, options)
        try:
            yield book
        finally:
            book.close()


def amount_formats(book: Any, *, bold: bool = False) -> dict[int, Any]:
    """A format of a cell for amounts, by the decimals of their currency."""
    patterns = {places: "#,##0" + ("." + "0" * places if places else "") for places in (0, 2, 3)}
    return {places: book.add_format({"num_format": text, "bold": bold}) for places, text in patterns.items()}


def _fill(book: Any, rows: Iterator[Row], sums: Sums) -> None:
    sheet = book.add_worksheet("Invoices")
    bold = book.add_format({"bold": True})
    money, strong = amount_formats(book), amount_formats(book, bold=True)
    sheet.freeze_panes(1, 0)
    sheet.set_column(2, 6, 16)
    sheet.set_column(_MONEY[0], _MONEY[-1], 14)
    for n, title in enumerate(TITLES_OF_COLUMNS):
        sheet.write_string(0, n, title, bold)
    for line, row in enumerate(rows, 1):
        for n, value in enumerate(_values(row)):
            if n in _MONEY:
                sheet.write_number(line, n, to_decimal(value, row.currency), money[decimals(row.currency)])
            elif n in _WHOLE:
                sheet.write_number(line, n, value)
            elif value:
                sheet.write_string(line, n, safe(value)[:CELL_MOST])
    for line, t in enumerate(sums.totals, sums.count + 1):
        sheet.write_string(line, 2, f"Total of {t.count:,}", bold)
        sheet.write_string(line, 9, t.currency, bold)
        for n, value in zip(_MONEY, (t.gross, t.retainage, t.net), strict=True):
            sheet.write_number(line, n, to_decimal(value, t.currency), strong[decimals(t.currency)])


def _report(
    file: IO[bytes], rows: Iterator[Row], sums: Sums, company: str, actor: Actor, order: Order
) -> None:
    """Plain text, a line an invoice, then the control totals of each currency."""
    now = datetime.now(UTC).astimezone()
    title = order.view.value.replace("_", " ").capitalize()
    head = [
        f"{one_line(company)}: subcontractor invoices, {title}",
        f"written {now:%Y-%m-%d %H:%M} by {one_line(actor.login)}"
        + (f", filter: {one_line(order.query)}" if order.query else ""),
        "",
        _report_line("Fl", "Invoice", "Vendor", "Job", "Period", "Gross", "Retainage", "Net", "ERP status"),
    ]
    for text in head:
        file.write(f"{text}\n".encode())
    for row in rows:
        amounts = (show(value, row.currency) for value in (row.gross, row.retainage, row.net))
        text = _report_line(
            row.flags, row.number, row.vendor, row.job, row.period, *amounts, TITLES[row.erp_status]
        )
        file.write(f"{text}\n".encode())
    file.write(b"\nControl totals\n")
    for t in sums.totals:
        amounts_of = f"gross {show(t.gross, t.currency)}  retainage {show(t.retainage, t.currency)}"
        file.write(
            f"{t.currency}  {t.count:,} invoices  {amounts_of}  net {show(t.net, t.currency)}"
            f"  hash {t.hash_total:,}\n".encode()
        )
    if not sums.totals:
        file.write(b"0 invoices\n")


def _report_line(*cells: str) -> str:
    flags, number, vendor, job, period, gross, retainage, net, state = map(one_line, cells)
    return (
        f"{flags:<6} {number:<16} {vendor[:28]:<28} {job:<10} {period:<7} {gross:>18} {retainage:>16} {net:>18}  {state}"
    ).rstrip()
