"""Invoices held against their commitment's schedule of values, the project's cost codes, and sensible sizes."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from store.db import Database
from store.domain.actor import Actor
from store.domain.errors import BadFile
from store.intake import example
from store.intake.load import Result, import_file


@pytest.fixture
def folder(db: Database, admin: Actor, tmp_path: Path) -> Path:
    """The example's folder, its masters imported."""
    for path in example.write(tmp_path / "example")[:5]:
        import_file(db, admin, path)
    return tmp_path / "example"


def edited(folder: Path, name: str, row: int, **values: str) -> Path:
    """The table with cells of one row changed, or of all rows; rows count as in a spreadsheet, 0 for all."""
    with (folder / name).open(newline="") as file:
        rows = list(csv.reader(file))
    for cells in rows[1:] if row == 0 else [rows[row - 1]]:
        for column, value in values.items():
            cells[rows[0].index(column)] = value
    path = folder / f"edited-{name}"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def listed(folder: Path, record: int, item: int | None, **values: Any) -> Path:
    """The JSON list with keys of a record, or of one of its items, changed; the record makes no claims."""
    body = json.loads((folder / "invoices.json").read_text())
    body[record].pop("summary")
    (body[record] if item is None else body[record]["items"][item]).update(values)
    path = folder / "edited.json"
    path.write_text(json.dumps(body))
    return path


def reason(db: Database, who: Actor, path: Path) -> str:
    """The sentence of the refusal, after which nothing came in."""
    before = db.execute("SELECT count(*), sum(version) FROM invoices").fetchone()
    with pytest.raises(BadFile) as caught:
        import_file(db, who, path)
    assert db.execute("SELECT count(*), sum(version) FROM invoices").fetchone() == before
    return str(caught.value)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            {"scheduled_value": "999000.00"},
            (
                "items[0].scheduled_value: it says 999,000.00",
                "schedule of values of commitment SC-201-01 has 60,000.00",
            ),
        ),
        (
            {"line_item_id": 404},
            (
                "items[0].line_item_id: line item 404 is not on the schedule of values of commitment SC-201-01",
            ),
        ),
        (
            {"item_type": "change_order_item", "scheduled_value": "999000.00"},
            ("items[0].item_type: line item 5170101 is a contract_item on the schedule",),
        ),
        (
            {"cost_code_id": None, "wbs_code": {"flat_code": "77-777"}},
            ("items[0].cost_code_id: project 26-201 has no cost code 77-777",),
        ),
        (
            {"description_of_work": "x" * 501},
            ("items[0].description_of_work: it has 501 characters, and may have 500",),
        ),
    ],
)
def test_a_line_that_is_not_the_contracts_is_refused(
    db: Database, admin: Actor, folder: Path, values: dict[str, Any], words: tuple[str, ...]
) -> None:
    text = reason(db, admin, listed(folder, 0, 0, **values))
    assert all(word in text for word in words), text


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"invoice_number": "9" * 5000}, "invoice_number: it has 5,000 characters, and may have 60"),
        ({"billing_date": "2099-10-31"}, "billing_date: 2099-10-31 is more than 10 years from the period"),
        ({"billing_date": "1999-10-31"}, "billing_date: 1999-10-31 is more than 10 years from the period"),
    ],
)
def test_numbers_and_days_beyond_reason_are_refused(
    db: Database, admin: Actor, folder: Path, values: dict[str, Any], word: str
) -> None:
    assert word in reason(db, admin, listed(folder, 0, None, **values))


def test_a_table_is_held_against_the_contract_too(db: Database, admin: Actor, folder: Path) -> None:
    text = reason(db, admin, edited(folder, "invoices.csv", 2, scheduled_value="540000.00"))
    assert "row 2, column scheduled_value: it says 540,000.00" in text
    text = reason(db, admin, edited(folder, "invoices.csv", 3, cost_code="nonsense"))
    assert "row 3, column cost_code: project 26-201 has no cost code nonsense" in text


def test_a_change_order_may_be_new_and_of_its_own_value(db: Database, admin: Actor, folder: Path) -> None:
    path = listed(folder, 1, 3, line_item_id=404, scheduled_value="123456.00")
    assert import_file(db, admin, path).created == 8


def test_a_commitment_without_a_schedule_takes_the_invoices(db: Database, admin: Actor, folder: Path) -> None:
    db.execute("DELETE FROM commitment_lines")
    path = edited(folder, "invoices.csv", 2, scheduled_value="540000.00")
    assert import_file(db, admin, path).created == 4


def test_details_make_up_the_value_of_their_line(db: Database, admin: Actor, folder: Path) -> None:
    body = json.loads((folder / "invoices.json").read_text())[:1]
    body[0].pop("summary")
    whole = body[0]["items"][0]
    rest = whole | {
        "item_type": "contract_detail_item",
        "detail_line_item_id": 2,
        "scheduled_value": "20000.00",
    }
    for key, value in whole.items():
        if isinstance(value, str) and value.replace(".", "").isdigit() and key != "scheduled_value":
            rest[key] = "0.00"
    whole |= {
        "item_type": "contract_detail_item",
        "detail_line_item_id": 1,
        "scheduled_value": "40000.01",
    }
    body[0]["items"].append(rest)
    path = folder / "edited.json"
    path.write_text(json.dumps(body))
    assert "it says 60,000.01, but the schedule of values" in reason(db, admin, path)
    whole["scheduled_value"] = "40000.00"
    path.write_text(json.dumps(body))
    assert import_file(db, admin, path).created == 1


def test_what_is_in_the_books_stays_there_when_the_schedule_changes(
    db: Database, admin: Actor, folder: Path
) -> None:
    import_file(db, admin, folder / "invoices.json")
    db.execute("UPDATE commitment_lines SET scheduled = scheduled + 1")
    assert import_file(db, admin, folder / "invoices.json") == Result("invoices", 0, 0, 8, (), ())
    text = reason(db, admin, listed(folder, 0, 0, scheduled_value="60000.02"))
    assert "it says 60,000.02" in text
    assert "has 60,000.01" in text
    db.execute("UPDATE invoices SET erp_status = 'ready_to_export'")
    assert len(import_file(db, admin, listed(folder, 0, 0, scheduled_value="60000.02")).locked) == 1
