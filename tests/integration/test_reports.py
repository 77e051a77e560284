"""The reports: they foot, they never add currencies, and no text of others gets through them."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
import zipfile
from datetime import date, timedelta
from pathlib import Path

import pytest
from cli_case import Told
from export_case import make_bill, queue_jobs
from invoice_factory import HOSTILE, line, make
from python_calamine import CalamineWorkbook

from store import directory, report_files, reports, review
from store.db import Database
from store.domain.actor import Actor
from store.domain.errors import BadInput, NotPermitted
from store.domain.report import Column, Kind, Line, Report, footed
from store.domain.selection import Marked
from store.domain.status import View
from store.listing import Order
from store.reconciliation import reconciliation
from store.report_parts import Span
from tui import report_text

pytest_plugins = ["cli_case"]

TODAY = date.today()  # noqa: DTZ011 - the reports' days are this machine's
SPAN = Span(TODAY - timedelta(days=2), TODAY + timedelta(days=1))
OCTOBER = Span(date(2026, 10, 1), date(2026, 10, 31))


def book(db: Database, invoices: list[int]) -> None:
    """The ERP has acknowledged these."""
    with db.transaction():
        for number in invoices:
            db.execute(
                "UPDATE export_jobs SET state = 'done', sends = 1, erp_ref = ? WHERE invoice_id = ?",
                (f"B-{number}", number),
            )
            db.execute(
                "UPDATE invoices SET erp_status = 'synced', origin_id = ? WHERE id = ?",
                (f"B-{number}", number),
            )


def shown(report: Report) -> list[str]:
    """The text of a report."""
    return list(report_text.lines(report, ("head",)))


@pytest.fixture
def mixed(db: Database, approver: Actor) -> Order:
    make(db, "=1+1", vendor=HOSTILE, vendor_ref="H", commitment="SC-0")
    make(db, "101-007", lines=(line(work=-100_000, held=-10_000, before=200_000),))
    make(db, "Y-1", commitment="SC-Y", currency="JPY", vendor="建設" * 20, vendor_ref="Y")
    return Order(View.READY, me=approver)


def test_an_edit_list_foots_a_currency_each(db: Database, approver: Actor, mixed: Order) -> None:
    text = shown(reports.edit_list(db, approver, mixed))
    rule = text.index("-" * 80)
    assert [one.split() for one in text[rule + 1 : rule + 3]] == [
        ["Total", "JPY", "100,000", "10,000", "90,000"],
        ["Total", "USD", "0.00", "0.00", "0.00"],
    ]
    assert "USD  2  gross 0.00  retainage 0.00  net 0.00  hash 101,018" in text
    assert all("\x1b" not in one and "\u202e" not in one for one in text)
    from rich.cells import cell_len

    assert max(map(cell_len, text)) <= 80


def test_an_amount_is_never_cut() -> None:
    columns = (Column("Vendor", width=6), Column("Net", Kind.MONEY, 5, footed=True))
    lines = [Line("USD", ("Apex Drywall", 123_456_789_00))]
    report = Report("r", "R", "about", columns, lambda: footed(columns, lines), "nothing")
    assert "Apex ~ 123,456,789.00" in shown(report)


def test_aging_sorts_by_the_days_since_it_was_sent(db: Database, approver: Actor) -> None:
    now = db.now()
    for n, days in enumerate((0, 7, 8, 30, 31, 60, 61, 400), 1):
        made = make(db, f"101-{n:03d}", commitment=f"SC-{n}")
        with db.transaction():
            db.execute("UPDATE invoices SET sent_at = ? WHERE id = ?", (now - days * 86_400_000, made))
    make(db, "S-1", commitment="SC-S", erp_status="synced")
    make(db, "N-1", commitment="SC-N", erp_status="not_sent")
    rows = [each for each in reports.aging(db, approver).rows() if not each.total]
    assert [(row.cells[1], row.cells[3], row.cells[4]) for row in rows] == [
        ("0-7 days", 2, 180_000), ("8-14 days", 1, 90_000), ("15-30 days", 1, 90_000),
        ("31-60 days", 2, 180_000), ("over 60 days", 2, 180_000),
    ]  # fmt: skip
    assert [row.cells[5] for row in rows] == [20, 10, 10, 20, 20]


def test_what_was_sent_is_what_became_of_it(db: Database, approver: Actor) -> None:
    invoices = queue_jobs(db, [make_bill(n) for n in range(1, 5)])
    book(db, invoices[:2])
    returned = make(db, "R-1", commitment="SC-R", job="24-102")
    review.reject(db, approver, Marked({returned: 1}), "no")
    rows = list(reconciliation(db, approver, OCTOBER).rows())
    by = {str(row.cells[0]): row.cells[2:] for row in rows}
    assert by["Acknowledged by the ERP"] == (2, 20_003, 1_800, 18_203)
    # What nobody has begun to send is not among them.
    assert by["Sent, all of these"] == (2, 20_003, 1_800, 18_203)
    assert "Rejected, not sent again" not in by or by["Rejected, not sent again"][0] == 0
    rejected = list(reconciliation(db, approver, SPAN).rows())
    assert [row.cells[2:] for row in rejected if row.cells[0] == "Rejected, not sent again"] == [
        (1, 100_000, 10_000, 90_000)
    ]
    journal = [row for row in reports.journal(db, approver, OCTOBER).rows() if not row.total]
    assert [row.cells[1] for row in journal] == ["101-001", "101-002"]


def test_batches_failures_and_deeds(db: Database, approver: Actor) -> None:
    invoices = queue_jobs(db, [make_bill(n) for n in range(1, 4)])
    with db.transaction():
        db.execute("UPDATE batches SET gross = 30006, retainage = 2700, net = 27306, hash_total = 303006")
        for number in invoices[:2]:
            db.execute(
                "UPDATE invoices SET erp_status = 'failed_to_export', error_code = 'period.closed',"
                " error_cause = ?, error_fix = 'Open it' WHERE id = ?",
                (f"closed \x1b[2J {number}", number),
            )
    batch = next(reports.control_totals(db, approver, SPAN).rows())
    assert batch.cells[4:9] == (3, 30_006, 2_700, 27_306, 303_006)
    failures = [row for row in reports.failures(db, approver).rows() if not row.total]
    assert [row.cells[:4] for row in failures] == [("period.closed", "USD", 2, 18_203)]
    text = "\n".join(shown(reports.failures(db, approver)))
    assert "closed" in text and "\x1b" not in text
    review.reject(db, approver, Marked({make(db, "R-1", commitment="SC-R", job="24-102"): 1}), "no")
    deeds = {row.cells[1]: row.cells[2:4] for row in reports.activity(db, approver, SPAN).rows()}
    assert deeds["batches accepted"] == (1, 3) and deeds["rejected"] == (1, 1)


def test_what_was_tried_again_is_counted_once(db: Database, approver: Actor) -> None:
    failed, paid, waits = queue_jobs(db, [make_bill(n) for n in range(1, 4)])
    again = (
        "INSERT INTO export_jobs (invoice_id, revision, batch_id, idem_key, erp, payload, payload_sha256, accounting_date,"
        " state, sends, erp_ref, run_at, updated_at) SELECT invoice_id, revision + 1, batch_id, idem_key || '+', erp, payload,"
        " payload_sha256, accounting_date, ?, ?, ?, run_at, updated_at FROM export_jobs WHERE invoice_id = ?"
    )
    with db.transaction():
        db.execute("UPDATE export_jobs SET state = 'failed', sends = 1")
        db.execute(again, ("done", 1, "B-2", paid))
        # A retry that nobody has begun to send: the failure is still the last word.
        db.execute(again, ("pending", 0, "", waits))
        db.execute(
            "UPDATE invoices SET erp_status = 'synced', origin_id = 'B-2', revision ="
            " (SELECT max(revision) FROM export_jobs WHERE invoice_id = invoices.id) WHERE id = ?",
            (paid,),
        )
    rows = list(reconciliation(db, approver, OCTOBER).rows())
    by = {str(row.cells[0]): row.cells[2:] for row in rows}
    counts = {word: values[0] for word, values in by.items()}
    assert counts["Sent, all of these"] == 3 and counts["Acknowledged by the ERP"] == 1
    assert counts["Failed, recalled or unlinked"] == 2 and counts["Earlier tries of these"] == 1
    above = [row.cells[2:] for row in rows[: [row.total for row in rows].index(True)]]
    assert [sum(values) for values in zip(*above, strict=True)] == list(by["Sent, all of these"])
    assert failed != waits


def test_a_batch_is_what_became_of_it(db: Database, approver: Actor) -> None:
    queue_jobs(db, [make_bill(n) for n in range(1, 5)])
    states = ("done", "failed", "cancelled", "held")
    with db.transaction():
        jobs = [row[0] for row in db.execute("SELECT id FROM export_jobs ORDER BY id").fetchall()]
        for job, state in zip(jobs, states, strict=True):
            db.execute("UPDATE export_jobs SET state = ? WHERE id = ?", (state, job))
    report = reports.control_totals(db, approver, SPAN)
    titles = [column.title for column in report.columns]
    batch = next(report.rows())
    told = dict(zip(titles, batch.cells, strict=True))
    assert [told[name] for name in ("Synced", "Failed", "Open", "Cancelled")] == [1, 1, 1, 1]
    assert told["Count"] == 4


def test_amounts_in_millions_still_fit(db: Database, approver: Actor) -> None:
    queue_jobs(db, [make_bill(1)])
    with db.transaction():
        db.execute(
            "UPDATE batches SET count = 9999, gross = 9876543210, net = 9876543210, hash_total = 9876543210"
        )
    text = shown(reports.control_totals(db, approver, SPAN))
    row = next(one for one in text if "98,765,432.10" in one)
    assert len(row) <= 80 and row.endswith("9,876,543,210") and "hash 9,876,543,210" in " ".join(text)


def test_bars_of_different_currencies_are_not_compared(db: Database, approver: Actor, mixed: Order) -> None:
    assert mixed.view is View.READY
    bars = {row.currency: row.cells[5] for row in reports.aging(db, approver).rows() if not row.total}
    assert bars == {"USD": 0, "JPY": 20}
    make(db, "101-009", commitment="SC-9")
    bars = {row.currency: row.cells[5] for row in reports.aging(db, approver).rows() if not row.total}
    assert bars == {"USD": 20, "JPY": 20}


def test_who_sees_nothing_gets_no_report(db: Database) -> None:
    sender = directory.actor(db, "mgarcia")
    for report in (reports.aging, reports.failures):
        with pytest.raises(NotPermitted):
            report(db, sender)
    with pytest.raises(NotPermitted):
        reports.journal(db, sender, SPAN)


def test_a_worksheet_is_typed_frozen_and_foots(
    db: Database, approver: Actor, mixed: Order, tmp_path: Path
) -> None:
    path = tmp_path / "list.xlsx"
    count = report_files.write_xlsx(reports.edit_list(db, approver, mixed), ("head",), path, replace=False)
    assert count == 3
    rows = CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()
    header, body = rows[0], rows[1:4]
    gross = header.index("Gross")
    assert [type(row[gross]) for row in body] == [float] * 3
    assert {row[header.index("Invoice")] for row in body} == {"=1+1", "101-007", "Y-1"}
    totals = {row[0]: row[gross] for row in rows[4:6]}
    assert totals == {"Total JPY": 100_000.0, "Total USD": 0.0}
    sheet = zipfile.ZipFile(path).read("xl/worksheets/sheet1.xml").decode()
    assert '<pane ySplit="1"' in sheet and "<f>" not in sheet


def test_what_no_worksheet_holds_is_refused(
    db: Database, approver: Actor, mixed: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.sheets.SHEET_ROWS", 202)
    path = tmp_path / "list.xlsx"
    with pytest.raises(BadInput, match="does not fit into a worksheet"):
        report_files.write_xlsx(reports.edit_list(db, approver, mixed), ("head",), path, replace=False)
    assert not list(tmp_path.glob("*.xlsx")) and not list(tmp_path.glob(".payapp-*"))


def test_csv_is_for_programs(db: Database, approver: Actor, mixed: Order) -> None:
    out = io.BytesIO()
    assert report_files.write_csv(reports.edit_list(db, approver, mixed), out) == 3
    rows = list(csv.DictReader(io.StringIO(out.getvalue().decode("utf-8-sig"))))
    assert len(rows) == 3 and {row["Invoice"] for row in rows} == {"'=1+1", "101-007", "Y-1"}
    assert {row["Gross"] for row in rows} == {"1000.00", "-1000.00", "100000"}


# -- the command -------------------------------------------------------------------------------------------------

NAMES = ("edit-list", "journal", "totals", "reconciliation", "aging", "failures", "activity")


@pytest.mark.parametrize("name", NAMES)
def test_every_report_comes_in_every_form(company: Database, told: Told, name: str, tmp_path: Path) -> None:
    make(company, "101-007")
    code, out, _ = told("--as", "jlopez", "report", name)
    assert code == 0 and "Audit head " in out and "ACME BUILDERS" in out
    assert all(len(each) <= 80 for each in out.splitlines())
    code, out, _ = told("--as", "jlopez", "report", name, "--json")
    document = json.loads(out)
    assert code == 0 and document["report"] == name
    # Programs rely on the names that the page has.
    page = (Path(__file__).parents[2] / "docs" / "reports.md").read_text(encoding="utf-8")
    named = next(one for one in page.splitlines() if one.startswith(f"| {name} |"))
    for row in document["rows"]:
        assert set(row) == {*re.findall(r"`(\w+)`", named), "currency", "total"}
    path = tmp_path / "out.xlsx"
    assert told("--as", "jlopez", "report", name, "--xlsx", path)[0] == 0 and path.exists()
    code, _, err = told("--as", "jlopez", "report", name, "--xlsx", path)
    assert code == 2 and "is there already" in err
    assert told("--as", "jlopez", "report", name, "--xlsx", path, "--replace")[0] == 0


def test_csv_goes_to_standard_output(company: Database, place: Path) -> None:
    import subprocess

    make(company, "101-007")
    done = subprocess.run(
        [sys.executable, "-m", "tui.cli", "--config", str(place / "payapp.toml"), "--as", "jlopez", "report", "edit-list",
         "--csv"],
        check=True, capture_output=True,
    )  # fmt: skip
    assert b'"101-007"' in done.stdout and done.stdout.startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize("form", ["--csv", "--json"])
def test_who_has_no_standard_output_is_no_mistake(company: Database, place: Path, form: str) -> None:
    import subprocess

    make(company, "101-007")
    words = [sys.executable, "-m", "tui.cli", "--config", str(place / "payapp.toml"), "--as", "jlopez", "report",
             "edit-list", form]  # fmt: skip
    done = subprocess.run(["sh", "-c", '"$@" >&-', "sh", *words], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_json_is_one_document_a_row_a_line(company: Database, told: Told) -> None:
    for n in range(3):
        make(company, f"101-00{n}", commitment=f"SC-{n}", vendor=HOSTILE if n else "Apex")
    code, out, _ = told("--as", "jlopez", "report", "edit-list", "--json")
    document = json.loads(out)
    assert code == 0 and list(document) == ["report", "about", "head", "rows", "notes"]
    assert [row["total"] for row in document["rows"]] == [False, False, False, True]
    assert sum('"invoice":' in each for each in out.splitlines()) == 4


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("journal", "--from", "2026-10-31", "--to", "2026-10-01"), "is after --to"),
        (("totals", "--to", "9999-12-31"), "is no day of a report"),
        (("activity", "--from", "0001-01-01"), "is no day of a report"),
        (("aging", "--csv", "--json"), "are given together"),
        (("aging", "--replace"), "means nothing without --xlsx"),
        (("edit-list", "--where", "net>>"), "is not an amount"),
    ],
)
def test_what_cannot_be_meant_is_said(
    company: Database, told: Told, words: tuple[str, ...], said: str
) -> None:
    code, out, err = told("--as", "jlopez", "report", *words)
    assert code == 2 and out == "" and said in err
