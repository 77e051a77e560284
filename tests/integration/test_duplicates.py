"""Exact duplicates: flagged on both sides when a number is written, cleared when it is one's own again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from invoice_factory import make, version

from store import commitments, detail, duplicates, invoices
from store.db import Database
from store.domain.actor import Actor
from store.intake import example
from store.intake.load import import_file


def flagged(db: Database) -> set[str]:
    ids = [row[0] for row in db.execute("SELECT id FROM invoices").fetchall()]
    return {f"{row.commitment}/{row.number}" for row in invoices.rows(db, ids) if "D" in row.flags}


def numbered(db: Database, who: Actor, invoice: int, number: str) -> None:
    commitments.edit(db, who, invoice, version(db, invoice), number=number)


def test_an_edited_number_flags_both_and_clears_both(db: Database, sender: Actor) -> None:
    make(db, "A-1", commitment="SC-1")
    other = make(db, "A-2", commitment="SC-2", erp_status="not_sent")
    make(db, "A-1", commitment="SC-9", vendor_ref="OTHER", vendor="Another vendor")
    assert flagged(db) == set()
    numbered(db, sender, other, "a-1")
    assert flagged(db) == {"SC-1/A-1", "SC-2/a-1"}
    numbered(db, sender, other, "A-3")
    assert flagged(db) == set()


@pytest.mark.parametrize(
    ("one", "same"), [("ÉT-1", "ét-1"), ("straße", "STRASSE"), ("Ａ-1", "a-1"), ("a-1", "Ａ-1")]
)
def test_case_is_set_aside_in_every_alphabet(db: Database, sender: Actor, one: str, same: str) -> None:
    first = make(db, "X", commitment="SC-1", erp_status="not_sent")
    other = make(db, "Y", commitment="SC-2", erp_status="not_sent")
    numbered(db, sender, first, one)
    assert flagged(db) == set()
    numbered(db, sender, other, same)
    assert flagged(db) == {f"SC-1/{one}", f"SC-2/{same}"}
    assert [twin.id for twin in detail.detail(db, first).twins] == [other]
    numbered(db, sender, first, "Z")
    assert flagged(db) == set()
    numbered(db, sender, other, "z")
    assert len(flagged(db)) == 2


def test_of_three_two_are_left(db: Database, sender: Actor) -> None:
    make(db, "A-1", commitment="SC-1")
    second = make(db, "B", commitment="SC-2", erp_status="not_sent")
    third = make(db, "C", commitment="SC-3", erp_status="not_sent")
    numbered(db, sender, second, "A-1")
    numbered(db, sender, third, "A-1")
    assert len(flagged(db)) == 3
    numbered(db, sender, third, "C")
    assert flagged(db) == {"SC-1/A-1", "SC-2/A-1"}


def test_the_detail_names_the_other_one(db: Database, sender: Actor) -> None:
    first = make(db, "A-1", commitment="SC-1", erp_status="synced")
    other = make(db, "A-2", commitment="SC-2", job="24-202", erp_status="not_sent")
    numbered(db, sender, other, "A-1")
    [twin] = detail.detail(db, other).twins
    assert (twin.id, twin.number, twin.commitment, twin.job, twin.erp_status) == (
        first, "A-1", "SC-1", "24-101", "synced",
    )  # fmt: skip
    assert [twin.id for twin in detail.detail(db, first).twins] == [other]


def test_no_version_rises_and_an_unchanged_edit_writes_nothing(db: Database, sender: Actor) -> None:
    first = make(db, "A-1", commitment="SC-1")
    other = make(db, "A-2", commitment="SC-2", erp_status="not_sent")
    before = version(db, first)
    numbered(db, sender, other, "A-1")
    assert version(db, first) == before
    duplicates.refresh(db, set())
    assert len(flagged(db)) == 2


@pytest.mark.parametrize("number", ["101-[/]\x1b", "日本-1", 'O\'Brien "1"'])
def test_numbers_of_any_writing(db: Database, sender: Actor, number: str) -> None:
    make(db, number, commitment="SC-1")
    other = make(db, "A-2", commitment="SC-2", erp_status="not_sent")
    numbered(db, sender, other, number)
    assert len(flagged(db)) == 2


def test_a_file_that_repeats_a_number_flags_it(db: Database, admin: Actor, tmp_path: Path) -> None:
    example.write(tmp_path / "example")
    for name in example.FILES:
        import_file(db, admin, tmp_path / "example" / name)
    assert flagged(db) == set()
    first = db.execute("SELECT id, number, vendor_id, commitment_id FROM invoices ORDER BY id").fetchone()
    other, was = db.execute(
        "SELECT id, number FROM invoices WHERE commitment_id <> ? ORDER BY id", (first[3],)
    ).fetchone()
    db.execute("UPDATE invoices SET vendor_id = ? WHERE id = ?", (first[2], other))
    db.execute(
        "UPDATE commitments SET vendor_id = ? WHERE id = (SELECT commitment_id FROM invoices WHERE id = ?)",
        (first[2], other),
    )
    listed = json.loads((tmp_path / "example" / "invoices.json").read_text())
    one = next(record for record in listed if record["invoice_number"] == was)
    path = tmp_path / "again.json"
    for number, count in ((first[1].lower(), 2), (was, 0)):
        path.write_text(json.dumps([{**one, "invoice_number": number}]))
        import_file(db, admin, path)
        assert len(flagged(db)) == count
