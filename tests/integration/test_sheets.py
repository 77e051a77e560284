"""Files written from a list: what stands in them, that no cell becomes a formula, and that nothing is overwritten."""

from __future__ import annotations

import asyncio
import csv
import stat
import threading
import zipfile
from pathlib import Path

import pytest
from invoice_factory import HOSTILE, line, make, version
from python_calamine import CalamineWorkbook

from store import directory, sheets
from store.db import Database
from store.domain.actor import Actor
from store.domain.errors import BadInput, NotPermitted
from store.domain.selection import Marked
from store.domain.status import ProjectView, View
from store.listing import Order
from store.sheets import Exists, Format, Stopped

FORMULA = '=HYPERLINK("http://evil")'


@pytest.fixture
def order(db: Database, approver: Actor) -> Order:
    make(db, FORMULA, vendor=HOSTILE, vendor_ref="H", commitment="SC-0")
    make(db, "101-007", lines=(line(work=-100_000, held=-10_000, before=200_000),))
    make(db, "Y-1", commitment="SC-Y", currency="JPY", vendor="建設", vendor_ref="Y")
    make(db, "S-1", commitment="SC-S", erp_status="synced")
    return Order(View.READY, me=approver)


def write(db: Database, who: Actor, order: Order, path: Path, form: Format) -> sheets.Written:
    return sheets.write(db, who, order, path, form)


def test_csv_has_harmless_text_and_plain_numbers(
    db: Database, approver: Actor, order: Order, tmp_path: Path
) -> None:
    path = tmp_path / "out.csv"
    written = write(db, approver, order, path, Format.CSV)
    assert (written.count, [t.currency for t in written.totals]) == (3, ["JPY", "USD"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = {row["Invoice"]: row for row in csv.DictReader(file)}
    assert set(rows) == {"'" + FORMULA, "101-007", "Y-1"}
    assert (rows["101-007"]["Gross"], rows["101-007"]["Net"]) == ("-1000.00", "-900.00")
    assert rows["Y-1"]["Gross"] == "100000" and rows["Y-1"]["Vendor"] == "建設"
    # A text is one cell wherever cells end; an amount is none.
    assert ',"建設",' in path.read_text(encoding="utf-8") and ",-1000.00," in path.read_text(encoding="utf-8")
    assert "\x1b" not in path.read_text(encoding="utf-8") and "\u202e" not in path.read_text(encoding="utf-8")


def test_xlsx_has_typed_cells_and_totals_per_currency(
    db: Database, approver: Actor, order: Order, tmp_path: Path
) -> None:
    path = tmp_path / "out.xlsx"
    write(db, approver, order, path, Format.XLSX)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.glob(".payapp*")] == []
    header, *rows = CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()
    assert header == list(sheets.TITLES_OF_COLUMNS)
    by_number = {row[2]: row for row in rows}
    assert by_number[FORMULA][10] == 1000.0 and by_number["101-007"][12] == -900.0
    assert [(row[2], row[9], row[10]) for row in rows[3:]] == [
        ("Total of 1", "JPY", 100000.0), ("Total of 2", "USD", 0.0),
    ]  # fmt: skip
    xml = zipfile.ZipFile(path).read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in xml and 'state="frozen"' in xml


def test_the_report_ends_with_control_totals(
    db: Database, approver: Actor, order: Order, tmp_path: Path
) -> None:
    path = tmp_path / "out.txt"
    write(db, approver, order, path, Format.REPORT)
    text = path.read_text()
    assert "ACME BUILDERS: subcontractor invoices, Ready" in text and "by jlopez" in text
    assert "(1,000.00)" in text
    assert "USD  2 invoices  gross 0.00  retainage 0.00  net 0.00  hash 101,007" in text
    assert "\x1b" not in text


@pytest.mark.parametrize("form", list(Format))
def test_an_empty_list_and_marked_ones_alone(
    db: Database, approver: Actor, order: Order, tmp_path: Path, form: Format
) -> None:
    nothing = Order(View.FAILED, me=approver)
    assert write(db, approver, nothing, tmp_path / f"none.{form}", form).count == 0
    number = db.execute("SELECT id FROM invoices WHERE number = 'Y-1'").fetchone()[0]
    marked = Order(View.READY, only=Marked({number: version(db, number)}), me=approver)
    assert write(db, approver, marked, tmp_path / f"one.{form}", form).count == 1


def test_what_is_there_stays_unless_it_is_to_be_replaced(
    db: Database, approver: Actor, order: Order, tmp_path: Path
) -> None:
    path = tmp_path / "out.csv"
    path.write_text("mine")
    with pytest.raises(Exists, match="is there already"):
        write(db, approver, order, path, Format.CSV)
    assert path.read_text() == "mine"
    sheets.write(db, approver, order, path, Format.CSV, replace=True)
    assert path.read_text() != "mine" and stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("name", "word"), [("", "is a folder"), ("no/such/out.csv", "no folder"), ("\x00", "no name of a file")]
)
def test_a_place_that_cannot_be(
    db: Database, approver: Actor, order: Order, tmp_path: Path, name: str, word: str
) -> None:
    with pytest.raises(BadInput, match=word):
        write(db, approver, order, tmp_path / name, Format.CSV)


@pytest.mark.parametrize("form", list(Format))
def test_given_up_leaves_nothing(
    db: Database, approver: Actor, order: Order, tmp_path: Path, form: Format
) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        sheets.write(db, approver, order, tmp_path / "out", form, stop=stop)
    assert list(tmp_path.glob("*out*")) == list(tmp_path.glob(".payapp*")) == []


def test_more_than_a_worksheet_holds_is_refused(
    db: Database, approver: Actor, order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheets, "SHEET_ROWS", sheets.SPARE_ROWS + 2)
    with pytest.raises(BadInput, match="3 invoices do not fit into a worksheet"):
        write(db, approver, order, tmp_path / "out.xlsx", Format.XLSX)


def test_who_may_not_see_the_tool_writes_nothing(
    db: Database, sender: Actor, order: Order, tmp_path: Path
) -> None:
    viewer = directory.actor(db, "viewer")
    with pytest.raises(NotPermitted):
        write(db, sender, order, tmp_path / "out.csv", Format.CSV)
    with pytest.raises(NotPermitted):
        write(db, viewer, Order(ProjectView.ALL), tmp_path / "out.csv", Format.CSV)
    assert list(tmp_path.glob("out*")) == []


async def test_in_a_thread_of_its_own_it_gives_its_connection_back(
    db: Database, approver: Actor, order: Order, tmp_path: Path
) -> None:
    written = await asyncio.to_thread(
        sheets.write_apart, db, approver, order, tmp_path / "out.csv", Format.CSV
    )
    assert written.count == 3
    with pytest.raises(Exists):
        await asyncio.to_thread(sheets.write_apart, db, approver, order, tmp_path / "out.csv", Format.CSV)
    assert not db.pw.is_closed()
    assert await asyncio.to_thread(db.pw.is_closed)


def test_progress_is_told(db: Database, approver: Actor, order: Order, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    sheets.write(
        db,
        approver,
        order,
        tmp_path / "out.csv",
        Format.CSV,
        progress=lambda done, count: told.append((done, count)),
    )
    assert told == [(3, 3)]
