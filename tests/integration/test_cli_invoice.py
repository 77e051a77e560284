"""``payapp commitments`` and ``payapp invoice``: an invoice made, edited and sent from a script."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from cli_case import Told
from invoice_factory import HOSTILE, make

from store.db import Database

pytest_plugins = ["cli_case"]


@pytest.fixture
def first(company: Database) -> int:
    """The one application that there is, on a commitment of a hostile vendor."""
    return make(company, "101-007", erp_status="synced", vendor=HOSTILE)


def test_an_invoice_is_made_edited_approved_and_sent(told: Told, first: int, tmp_path: Path) -> None:
    assert first == 1
    said = told("invoice", "new", "SC-101", "--line", "item-1:work=1,250.00", "--as", "mgarcia")
    assert said[:2] == (
        0,
        (
            "101-008 is created, a draft: #2, application 2 of SC-101, 2026-11-01 to 2026-11-30.\n"
            "Gross 1,250.00   Retainage 125.00   Net 1,125.00 USD   Completed 2,250.00 of 10,000.00\n"
        ),
    )
    code, lines, _ = told("invoice", "lines", "101-008", "--as", "mgarcia")
    [row] = csv.DictReader(io.StringIO(lines))
    assert (code, row["line_item"], row["work_this_period"], row["retainage_held"]) == (
        0,
        "item-1",
        "1250.00",
        "125.00",
    )
    row |= {"work_this_period": "1,500.00", "retainage_held": ""}
    file = tmp_path / "lines.csv"
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, row)
        writer.writeheader()
        writer.writerow(row)
    code, text, _ = told(
        "invoice", "edit", "101-008", "--lines", file, "--number", "101-008A", "--json", "--as", "mgarcia"
    )
    saved = json.loads(text)
    assert (code, saved["number"], saved["gross"], saved["retainage"]) == (0, "101-008A", "1500.00", "150.00")
    assert told("invoice", "status", "approved", "101-008A", "--comment", "seen", "--as", "mgarcia")[0] == 0
    assert told("invoice", "attach", "101-008A", "/plans/a.pdf", "--as", "mgarcia")[0] == 0
    assert told("send", "101-008A", "--yes", "--as", "mgarcia")[0] == 0
    code, _, err = told("invoice", "edit", "101-008A", "--line", "item-1:work=1", "--as", "mgarcia")
    assert (code, "is locked" in err) == (1, True)
    assert "/plans/a.pdf" in told("show", "101-008A", "--as", "jlopez")[1]
    code, text, _ = told("invoice", "history", "101-008A", "--field", "retainage", "--json", "--as", "jlopez")
    assert [(x["field"], x["before"], x["after"]) for x in json.loads(text)][-1][:1] == ("retainage to date",)
    code, text, _ = told("commitments", "--json", "--as", "mgarcia")
    [one] = json.loads(text)
    assert (one["billed"], one["retainage_held"], one["balance"], one["invoice"], one["vendor"]) == (
        "2500.00", "250.00", "7500.00", "101-008A", HOSTILE,
    )  # fmt: skip
    code, text, _ = told("commitments", "--as", "mgarcia")
    assert code == 0 and "\x1b" not in text and "\u202e" not in text


def test_nothing_is_made_by_a_dry_run_or_by_who_may_not(told: Told, company: Database, first: int) -> None:
    del first
    code, text, _ = told("invoice", "new", "SC-101", "--dry-run", "--json", "--as", "mgarcia")
    assert (code, json.loads(text)["number"]) == (0, "101-008")
    assert told("invoice", "new", "SC-101", "--as", "jlopez")[0] == 5
    assert told("invoice", "new", "SC-999", "--as", "mgarcia")[0] == 4
    assert told("commitments", "--as", "jlopez")[0] == 0
    assert company.execute("SELECT count(*) FROM invoices").fetchone()[0] == 1


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--line", "item-1:work=1,5"], "'1,5' is not an amount"),
        (["--line", "item-1:works=1"], "cannot be read"),
        (["--line", "item-9:work=1"], "no line item item-9"),
        (["--line", "item-1:work=1", "--line", "item-1:work=2"], "given twice"),
        (["--period", "2026-13"], "is not a period"),
        (["--number", "101-007"], "used on SC-101 already"),
    ],
)
def test_what_cannot_be_read_is_named(
    told: Told, company: Database, first: int, words: list[str], why: str
) -> None:
    del first
    code, _, err = told("invoice", "new", "SC-101", *words, "--as", "mgarcia")
    assert (code, why in err) == (2, True), err
    assert company.execute("SELECT count(*) FROM invoices").fetchone()[0] == 1


def test_everything_wrong_in_a_file_of_lines_is_told_at_once(told: Told, first: int, tmp_path: Path) -> None:
    del first
    file = tmp_path / "lines.csv"
    file.write_text("line_item,work_this_period,scheduled_value\nitem-1,abc,1\nitem-2,1,\nitem-1,3,\n")
    code, _, err = told("invoice", "new", "SC-101", "--lines", file, "--as", "mgarcia")
    assert code == 1
    for part in (
        "row 2, column scheduled_value: it says 1.00",
        "'abc'",
        "row 3: there is no line item item-2",
        "row 4: line item item-1",
    ):
        assert part in err
