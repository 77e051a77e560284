"""Possible duplicates: flagged on both sides when a number is written, cleared when it is one's own again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from invoice_factory import line, version
from invoice_factory import make as make_any

from store import commitments, detail, invoices, review
from store.commitments import LineEdit
from store.db import Database
from store.domain.actor import Actor
from store.domain.likeness import Likeness
from store.domain.selection import Marked
from store.intake import example
from store.intake.load import import_file


def make(db: Database, number: str, *, commitment: str, **values: Any) -> int:
    """An invoice with an amount of its own, by its commitment."""
    values.setdefault("lines", (line(work=100_000 + 1_000 * int(commitment.split("-")[1])),))
    return make_any(db, number, commitment=commitment, **values)


def flagged(db: Database) -> set[str]:
    ids = [row[0] for row in db.execute("SELECT id FROM invoices").fetchall()]
    return {f"{row.commitment}/{row.number}" for row in invoices.rows(db, ids) if "D" in row.flags}


def numbered(db: Database, who: Actor, invoice: int, number: str) -> None:
    commitments.edit(db, who, invoice, version(db, invoice), number=number)


def billed(db: Database, who: Actor, invoice: int, work: int, held: int = 10_000) -> None:
    commitments.edit(db, who, invoice, version(db, invoice), lines=[LineEdit(1, work, 0, held, 0)])


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


def test_no_version_rises_on_the_other_side(db: Database, sender: Actor) -> None:
    first = make(db, "A-1", commitment="SC-1")
    other = make(db, "A-2", commitment="SC-2", erp_status="not_sent")
    before = version(db, first)
    numbered(db, sender, other, "A-1")
    assert version(db, first) == before
    assert len(flagged(db)) == 2


@pytest.mark.parametrize(
    ("one", "same"), [("INV-0012", "inv 12"), ("24-112", "24/0112"), ("007", "7"), ("2026.10.A", "2026-10-a")]
)
def test_case_zeros_and_punctuation_are_set_aside(db: Database, sender: Actor, one: str, same: str) -> None:
    first = make(db, one, commitment="SC-1")
    other = make(db, "other", commitment="SC-2", erp_status="not_sent")
    numbered(db, sender, other, same)
    assert flagged(db) == {f"SC-1/{one}", f"SC-2/{same}"}
    [twin] = detail.detail(db, other).twins
    assert (twin.id, twin.likenesses) == (first, (Likeness.NUMBER,))


def test_an_edited_amount_flags_both_and_clears_both(db: Database, sender: Actor) -> None:
    make(db, "A-1", commitment="SC-1")
    other = make(db, "B-2", commitment="SC-2", erp_status="not_sent")
    make(db, "C-3", commitment="SC-3", period_end="2026-09-30", lines=(line(work=101_000),))
    make(db, "D-4", commitment="SC-4", currency="CAD", lines=(line(work=101_000),))
    make(db, "E-5", commitment="SC-5", vendor_ref="OTHER", vendor="Another", lines=(line(work=101_000),))
    billed(db, sender, other, 101_000)
    assert flagged(db) == {"SC-1/A-1", "SC-2/B-2"}
    [twin] = detail.detail(db, other).twins
    assert twin.likenesses == (Likeness.AMOUNT,)
    billed(db, sender, other, 101_001)
    assert flagged(db) == set()


def test_what_is_alike_in_another_way_keeps_its_flag(db: Database, sender: Actor) -> None:
    make(db, "A-1", commitment="SC-1")
    other = make(db, "A-2", commitment="SC-2", erp_status="not_sent")
    numbered(db, sender, other, "A-1")
    billed(db, sender, other, 101_000)
    [twin] = detail.detail(db, other).twins
    assert twin.likenesses == (Likeness.EXACT, Likeness.AMOUNT)
    numbered(db, sender, other, "A-3")
    assert len(flagged(db)) == 2
    billed(db, sender, other, 102_000)
    assert flagged(db) == set()


def test_amounts_that_follow_are_compared_too(db: Database, sender: Actor) -> None:
    first = make(db, "1", commitment="SC-1", erp_status="not_sent")
    make(db, "2", commitment="SC-1", application=2, erp_status="not_sent", period_end="2026-11-30")
    make(db, "A", commitment="SC-2", period_end="2026-11-30", lines=(line(work=81_000),))
    commitments.edit(db, sender, first, version(db, first), lines=[LineEdit(1, 101_000, 20_000, 10_000, 0)])
    assert flagged(db) == {"SC-1/2", "SC-2/A"}


def test_nothing_billed_is_nobodys_duplicate(db: Database, sender: Actor) -> None:
    nothing = (line(work=0, held=0),)
    make(db, "A-1", commitment="SC-1", lines=nothing)
    other = make(db, "B-2", commitment="SC-2", erp_status="not_sent")
    billed(db, sender, other, 0, held=0)
    assert flagged(db) == set()


def test_an_erp_number_is_compared_too_as_long_as_it_is_given(
    db: Database, sender: Actor, approver: Actor
) -> None:
    first = make(db, "A-1", commitment="SC-1", creator="else@acme.example")
    make(db, "B-2", commitment="SC-2")
    review.set_export_values(db, approver, Marked({first: version(db, first)}), erp_number="b 02")
    assert len(flagged(db)) == 2
    review.reject(db, approver, Marked({first: version(db, first)}), "Wrong job")
    assert flagged(db) == set()


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
