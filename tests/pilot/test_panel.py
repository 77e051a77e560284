"""The lines around a list and the panel of the newest batch: what they say fits, and the list keeps its rows."""

from __future__ import annotations

import dataclasses

import pytest
from hand import PROFILE, VENDORS, Start
from rich.cells import cell_len

from store import audit, batches, detail, payments, review
from store.batches import Failure, Progress
from store.db import Database
from store.decision import Decision
from store.directory import actor
from store.domain.selection import Marked, Totals
from store.domain.status import ErpStatus
from store.invoices import SortBy
from store.planning import Stay
from tui.keymap import Place
from tui.screens.listing_text import filter_info, foot, marked_line, outcome
from tui.text import short_status, wrapped
from tui.widgets.bar import Line
from tui.widgets.columns import Widths, fit, heading
from tui.widgets.detail import describe
from tui.widgets.export_panel import report

FAILURE = Failure(
    1, "101-021", "Delta Steel", "vendor.unknown", "Vendor V-17 is not in the ERP",
    "Add the vendor to the ERP, then x retries it",
)  # fmt: skip


def text(lines: list[Line]) -> list[str]:
    return ["".join(part.text for part in line) for line in lines]


def exported(db: Database, *ids: int) -> int:
    """One batch of these invoices; its number."""
    return review.accept(db, actor(db, "jlopez"), Marked(dict.fromkeys(ids, 1)), PROFILE).batches[0]


def refuse(db: Database, *ids: int) -> None:
    """As the worker writes it down: the jobs failed, their invoices say why."""
    for number in ids:
        db.execute(
            "UPDATE export_jobs SET state = 'failed', error_code = ?, error_text = ? WHERE invoice_id = ?",
            (FAILURE.code, FAILURE.cause, number),
        )
        db.execute(
            "UPDATE invoices SET erp_status = 'failed_to_export', version = version + 1, error_code = ?,"
            " error_cause = ?, error_fix = ? WHERE id = ?",
            (FAILURE.code, FAILURE.cause, FAILURE.fix, number),
        )


def version(db: Database, number: int) -> int:
    return int(db.execute("SELECT version FROM invoices WHERE id = ?", (number,)).fetchone()[0])


@pytest.fixture
def failed(books: Database) -> Progress:
    """A batch of five; three of it failed."""
    batch = exported(books, 1, 2, 3, 5, 6)
    refuse(books, 1, 2, 3)
    return batches.progress(books, batch)


@pytest.mark.parametrize("width", [80, 100, 160])
def test_what_waits_for_a_receipt_is_told_with_since_when_and_is_not_called_done(
    books: Database, width: int
) -> None:
    number = exported(books, 1, 2, 3)
    books.execute("UPDATE export_jobs SET state = 'sent' WHERE invoice_id <> 1")
    books.execute("UPDATE export_jobs SET state = 'done' WHERE invoice_id = 1")
    batch = batches.progress(books, number)
    lines = text(report(batch, width, 0, 8))
    assert all(cell_len(one) <= width for one in lines)
    assert "1/3  ok 1  left 0  no receipt yet 2  since 20" in lines[1]
    assert "done" not in lines[1]
    assert ("payapp receipt FILE" in lines[1]) is (width > 80)


def test_a_payment_is_told_with_its_check_and_an_amount_is_never_cut(books: Database) -> None:
    check = payments.Payment("CHK-\x1b[2J0042", "2026-11-05", 900_00, "USD", "check")
    paid = dataclasses.replace(detail.detail(books, 1), payments=(check,))
    lines = text(describe(paid, 60, "lines"))
    [line] = [one for one in lines if one.startswith("2026-11-05")]
    assert line.startswith("2026-11-05 check CHK-^[[2J0042") and line.endswith(" 900.00")
    assert all(line.endswith("900.00") for line in text(describe(paid, 24, "lines")) if "2026-11-05" in line)


@pytest.mark.parametrize("width", [40, 78])
def test_the_detail_of_what_was_delivered_says_what_it_waits_for(books: Database, width: int) -> None:
    exported(books, 1, 2)
    books.execute("UPDATE invoices SET erp_status = 'exporting' WHERE id IN (1, 2)")
    books.execute("UPDATE export_jobs SET state = 'sent', erp_ref = 'payapp-1.iif/1' WHERE invoice_id = 1")
    waits = " ".join(text(describe(detail.detail(books, 1), width, "lines")))
    assert "Delivered as payapp-1.iif/1; its receipt is awaited: payapp receipt FILE" in waits
    assert "receipt" not in " ".join(text(describe(detail.detail(books, 2), width, "lines")))


def test_a_failure_has_its_line_and_its_fix_another_and_the_keys_come_last(failed: Progress) -> None:
    batch = dataclasses.replace(failed, failures=(FAILURE,) * 3)
    title, cause, fix, keys = text(report(batch, 80, 0, 4))
    assert title.startswith("-- BATCH 1 started ")
    assert title.endswith("[##########.......] 3/5  ok 0  FAIL 3  left 2")
    assert cause == "  101-021  Delta Steel  FAIL  vendor.unknown: Vendor V-17 is not in the ERP"
    assert fix == "    Fix: Add the vendor to the ERP, then x retries it"
    assert keys == "  and 2 more (3)  3: view  e: error  x: retry  r: reject"


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("lines", [4, 5, 8])
def test_no_line_is_wider_than_the_panel_and_none_too_many(failed: Progress, width: int, lines: int) -> None:
    long = dataclasses.replace(FAILURE, number="9" * 40, vendor=VENDORS[2], cause="why " * 50, fix="so " * 50)
    found = text(report(dataclasses.replace(failed, failures=(long, FAILURE, FAILURE)), width, 9, lines))
    assert len(found) <= lines
    assert max(map(cell_len, found)) <= width
    assert sum("FAIL  " in line for line in found[1:]) == (2 if lines == 8 else 1)
    assert "Z: recall, 9 s left" in found[-1]


@pytest.mark.parametrize("lines", [4, 5])
def test_at_80_columns_a_million_has_its_bar_and_the_time_it_takes(failed: Progress, lines: int) -> None:
    batch = dataclasses.replace(
        failed, id=118, count=1_000_000, done=197, failed=3, left=999_800, eta_ms=16_620_000, failures=(FAILURE,) * 3
    )  # fmt: skip
    said = " ".join(text(report(batch, 80, 0, lines))[: lines - 3])
    assert "BATCH 118" in said
    assert "200/1,000,000  ok 197  FAIL 3  left 999,800  ETA 4 h 37" in said
    assert "[......" in said
    half = dataclasses.replace(batch, count=400, left=200, eta_ms=130_000)
    said = " ".join(text(report(half, 80, 0, lines))[: lines - 3])
    assert "#####....." in said
    assert said.endswith("200/400  ok 197  FAIL 3  left 200  ETA 2:10")


def test_of_a_long_cause_the_end_is_told(failed: Progress) -> None:
    number = "2026-08-DELTA-00090"
    why = f"ERP invoice number {number} has 19 characters; the ERP takes 15"
    for cause, told in (
        (why, "  2026-08-DELTA-0~  FAIL  ~has 19 characters; the ERP takes 15"),
        ("Cost code 03-300 is not in the job 24-101 of the ERP", None),
        ("x" * 90, "  2026-08-DELTA-0~  FAIL  " + "x" * 53 + "~"),
    ):
        long = dataclasses.replace(FAILURE, number=number, cause=cause)
        line = text(report(dataclasses.replace(failed, failures=(long,)), 80, 0, 4))[1]
        assert line == (told or f"  2026-08-DELTA-0~  FAIL  {cause}")
        assert cell_len(line) <= 80


def test_what_was_rejected_or_retried_fails_no_more(books: Database, failed: Progress) -> None:
    who = actor(books, "jlopez")
    assert (failed.failed, failed.resolved, len(failed.failures)) == (3, 0, 3)
    review.reject(books, who, Marked({1: version(books, 1)}), "Wrong vendor")
    review.retry(books, who, Marked({2: version(books, 2)}), PROFILE)
    now = batches.progress(books, failed.id)
    assert [failure.invoice_id for failure in now.failures] == [3]
    assert (now.failed, now.resolved, now.unresolved) == (3, 2, 1)
    assert "3/5  ok 0  FAIL 1  resolved since 2  left 2" in "\n".join(text(report(now, 80, 0, 4)))
    review.reject(books, who, Marked({3: version(books, 3)}), "Wrong vendor")
    assert len(report(batches.progress(books, failed.id), 80, 0, 4)) == 2


def test_a_batch_that_was_recalled_whole_says_so(books: Database) -> None:
    batch = exported(books, 1)
    review.recall_batch(books, actor(books, "jlopez"), batch)
    said = text(report(batches.progress(books, batch), 80, 0, 4))[1]
    assert said.endswith("] 0/0  recalled 1: all of it")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_list_keeps_twelve_rows_beside_failures(
    start: Start, failed: Progress, size: tuple[int, int]
) -> None:
    async with start(size=size) as hand:
        await hand.until(lambda: "BATCH 1" in hand.text("ExportPanel"))
        await hand.until(lambda: hand.invoices.query_one("ExportPanel").size.height >= 4)
        await hand.until(lambda: hand.invoices.table.height >= 12)
        said = hand.text("ExportPanel").split("\n")
        assert sum(line.startswith("    Fix: Add the vendor") for line in said) == (2 if size[1] > 24 else 1)
        assert "more (3)" in said[-1]
        assert failed.unresolved == 3


# -- the lines around a list -----------------------------------------------------------------------------------

TOTALS = Totals("USD", 296, 3_812_345_678, 381_234_567, 3_431_111_111, 30_001_209_412)


def test_control_totals_take_a_second_line_where_one_is_too_short() -> None:
    first, second, keys = text(foot(marked_line(296, 3, [TOTALS], 80), "", 80, Place.LIST))
    assert first == " MARKED 296 (3 hidden)   Gross 38,123,456.78   Retainage 3,812,345.67"
    assert second.split() == ["Net", "34,311,111.11", "Hash", "30,001,209,412"]
    assert "q quit" in keys
    said = text(foot(marked_line(296, 3, [TOTALS], 80), "Done.", 80, Place.LIST))
    assert said[:2] == [" MARKED 296 (3 hidden)  Net 34,311,111.11", " Done."]
    assert len(text([*foot(marked_line(296, 3, [TOTALS], 120), "", 120)])[0].split()) == 12


def test_currencies_that_do_not_fit_are_counted_and_no_amount_is_cut() -> None:
    several = [dataclasses.replace(TOTALS, currency=c) for c in ("CAD", "EUR", "GBP", "USD")]
    line = text([marked_line(1184, 0, several, 80).one])[0]
    assert line.count("Net 34,311,111.11") == 2
    assert line.endswith("  and 2 more")


def test_the_outcome_of_a_decision_fits_beside_the_totals() -> None:
    stays = tuple(
        Stay(n, f"102-0{n:02}", "cost_code", "Cost code 03-300 is not in the job " * 4, "x") for n in range(9)
    )
    note = "102-022 was made from 102-015, which is rejected: check it too"
    for decision in (
        Decision((1,), stays),
        Decision((1,), stays[:1]),
        Decision((1,), (), notes=(note,) * 7),
        Decision((1,), (), tuple(f"102-0{n:02}" for n in range(40))),
    ):
        said = f"Batch 118: 1,184 accepted for export. Z recalls within 10 s.{outcome(decision)}"
        assert len(wrapped(said, 78)) <= 2, said
        assert text(foot(marked_line(0, 0, [], 80), said, 80))[0].startswith(" Nothing marked")
    later = "2026-08-DELTA-00090, 106-015, 106-022 were made from 2026-07-DELTA-00030, which is rejected: check them"
    assert outcome(Decision((1,), notes=(later,))) == f" {later}."
    whole = outcome(Decision((1,), stays, ("102-030",), notes=(note, note)))
    assert whole.startswith(" 102-000 and 8 more stay, d tells: Cost code 03-300")
    assert whole.endswith(f"Skipped, changed by others: 102-030. {note} and 1 more.")
    assert len(wrapped("9 rejected; they are in Commitments again." + whole, 78)) <= 3


def test_a_message_that_is_too_long_shows_that_it_goes_on() -> None:
    assert text(foot(marked_line(0, 0, [], 80), "word " * 90, 80))[2].endswith("~")


def test_the_filter_s_text_does_not_touch_the_count() -> None:
    assert filter_info(300, 300, SortBy.VENDOR, descending=False, only_marked=False).startswith("  300 of")


@pytest.mark.parametrize("width", [80, 79, 110])
@pytest.mark.parametrize("state", list(ErpStatus))
def test_a_status_is_a_glyph_and_a_word_however_narrow(width: int, state: ErpStatus) -> None:
    columns = fit(width, Widths(16, 13, 14), with_status=True)
    last = columns[-1]
    assert last.name == "status"
    assert last.width >= 8
    assert 4 + sum(column.width + 1 for column in columns) <= width
    assert "period" not in [column.name for column in columns] or width == 110
    assert cell_len(short_status(state)) <= last.width
    assert len(short_status(state).split(" ")[1]) >= 5
    titles = [title for title, _ in heading(columns, SortBy.STATUS, SortBy.STATUS, descending=False)]
    assert titles[-1].strip() in {"Status^", "ERP status^"}


async def test_the_view_of_all_says_the_status_in_words(start: Start) -> None:
    async with start() as hand:
        await hand.press("5")
        drawn = "\n".join(line.text for line in hand.invoices.table._drawn)
        for word in ("= Ready", "! Failed", "+ Synced"):
            assert word in drawn


# -- history ---------------------------------------------------------------------------------------------------


def test_the_history_speaks_the_accountant_s_language(books: Database) -> None:
    exported(books, 1)
    job = books.execute("SELECT id, idem_key, revision FROM export_jobs").fetchone()
    tried = (("begun", "", ""), ("ended", "refused", "vendor.unknown: Vendor V1 unknown"), ("begun", "", ""),
             ("ended", "unknown", "time-out"), ("found", "missing", ""), ("late", "booked", "SBX-000015"))  # fmt: skip
    for n, (kind, result, evidence) in enumerate(tried):
        books.execute(
            "INSERT INTO export_attempts (job_id, attempt, worker, kind, outcome, evidence, at)"
            " VALUES (?, 1, 'f484aba1-0000', ?, ?, ?, ?)",
            (job[0], kind, result, evidence, books.now() + n),
        )
    with books.transaction():
        change = audit.Change(
            "invoice", 1, {}, {"net": "61945.60", "line 2": "this period -1200.50, held 5.00"}
        )
        audit.record(books, actor(books, "jlopez"), "edit", {}, [change])
    lines = text(describe(detail.detail(books, 1), 200, "history"))
    said = "\n".join(line[17:] if line[:2] == "20" else line for line in lines)
    for words in (
        "payapp sent to the ERP",
        "payapp refused by the ERP\n  vendor.unknown: Vendor V1 unknown",
        "payapp no certain answer: it may be booked or not\n  time-out",
        "payapp the ERP was asked: it does not have it",
        "payapp booked as SBX-000015, told late",
        "ERP status Queued",
        "  line 2 this period (1,200.50), held 5.00, net 61,945.60",
    ):
        assert words in said
    assert job[1] not in said
    assert "f484aba1" not in said
    assert "worker" not in said


@pytest.mark.parametrize(
    ("width", "said"),
    [
        (60, "Retainage held 10.0 % (contract 7.5 %)"),
        (50, "Ret. held 10.0 % (contract 7.5 %)"),
        # The pane of a window of 120 has 38.
        (41, "Held 10.0 % (contract 7.5 %)"),
        (39, "Held 10.0 % (contr. 7.5 %)"),
        (32, "Held 10.0 % (7.5 %)"),
    ],
)
def test_the_rate_of_the_retainage_is_whole_at_every_width(books: Database, width: int, said: str) -> None:
    found = detail.detail(books, 1)
    held = dataclasses.replace(
        found,
        retainage_bp=750,
        summary=dataclasses.replace(found.summary, completed=1_234_567_800, retainage_to_date=123_456_780),
    )
    line = next(line for line in text(describe(held, width, "lines")) if "eld " in line)
    assert line == said.ljust(width - 12) + "1,234,567.80"
