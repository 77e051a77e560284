"""Possible duplicates: flagged on both sides when a number is written, cleared when it is one's own again."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from invoice_factory import line, version
from invoice_factory import make as make_any

from erp import profiles
from store import commitments, detail, duplicates, invoices, review
from store.commitments import LineEdit
from store.db import Database
from store.domain.actor import Actor
from store.domain.likeness import Likeness, number_key
from store.domain.selection import Marked
from store.domain.status import Action
from store.intake import example
from store.intake.load import import_file

SANDBOX = profiles.load("sandbox")


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


@pytest.mark.parametrize("number", ["101-[/]", "日本-1", 'O\'Brien "1"'])
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


# -- numbers that restart with each commitment ---------------------------------------------------------------------


def test_two_numbers_that_only_count_applications_are_told_and_need_no_reason(
    db: Database, sender: Actor, approver: Actor
) -> None:
    first = make(db, "2", commitment="SC-1", application=2, erp_status="synced")
    other = make(db, "0-2", commitment="SC-2", application=2)
    own = make(db, "X", commitment="SC-3", application=2, erp_status="not_sent")
    numbered(db, sender, own, "#02")
    # What stands between groups of digits is part of a number.
    assert flagged(db) == set()
    [twin] = detail.detail(db, own).twins
    assert (twin.id, twin.likenesses, twin.open) == (first, (Likeness.RESTARTED,), ())
    assert detail.detail(db, other).twins == ()
    numbered(db, sender, own, "3")
    assert detail.detail(db, own).twins == ()
    ready = make(db, "2", commitment="SC-4", application=2)
    chosen = Marked({ready: version(db, ready)})
    assert review.plan_export(db, approver, chosen, SANDBOX, Action.ACCEPT).alike.count == 0
    assert review.accept(db, approver, chosen, SANDBOX).done == (ready,)


def test_one_that_says_more_is_alike_to_each_of_them(db: Database, sender: Actor) -> None:
    for n in (1, 2, 3):
        make(db, "2", commitment=f"SC-{n}", application=2)
    own = make(db, "X", commitment="SC-9", application=1, erp_status="not_sent")
    numbered(db, sender, own, "2")
    assert flagged(db) == {"SC-1/2", "SC-2/2", "SC-3/2", "SC-9/2"}
    [newest, *_] = detail.detail(db, own).twins
    assert newest.commitment == "SC-3" and newest.open == (Likeness.EXACT,)
    later = make(db, "Y", commitment="SC-4", application=2, erp_status="not_sent")
    numbered(db, sender, later, "2")
    twins = detail.detail(db, later).twins
    assert [twin.id for twin in twins if twin.open] == [own]
    assert {twin.commitment for twin in twins if not twin.open} == {"SC-1", "SC-2", "SC-3"}
    numbered(db, sender, own, "X")
    assert flagged(db) == set()


def test_the_same_amount_in_the_same_period_is_told_of_them_as_of_any(db: Database, sender: Actor) -> None:
    make(db, "2", commitment="SC-1", application=2)
    own = make(db, "2", commitment="SC-2", application=2, erp_status="not_sent")
    billed(db, sender, own, 101_000)
    assert flagged(db) == {"SC-1/2", "SC-2/2"}
    [twin] = detail.detail(db, own).twins
    assert twin.likenesses == (Likeness.AMOUNT, Likeness.RESTARTED) and twin.open == (Likeness.AMOUNT,)


@pytest.mark.parametrize("seed", range(4))
def test_flags_follow_any_edits_as_the_pairs_do(db: Database, sender: Actor, seed: int) -> None:
    chance = random.Random(seed)
    numbers = ["1", "01", "2", "#2", "=2", "=", "==", "A"]
    made = [
        make(db, f"X-{n}", commitment=f"SC-{n}", application=1 + n % 2, erp_status="not_sent")
        for n in range(7)
    ]
    said = dict.fromkeys(made, "")
    for _ in range(25):
        invoice = chance.choice(made)
        said[invoice] = chance.choice([one for one in numbers if one != said[invoice]])
        numbered(db, sender, invoice, said[invoice])
        assert marked(db) == expected(db)
    with db.transaction():
        duplicates.fill(db)
    assert marked(db) == expected(db)


def marked(db: Database) -> set[int]:
    return set(duplicates.flagged(db, [row[0] for row in db.execute("SELECT id FROM invoices").fetchall()]))


def expected(db: Database) -> set[int]:
    """Who has a pair, by comparing each with each."""
    rows = db.execute("SELECT id, number, application FROM invoices").fetchall()
    told = [(number, number_key(text), number_key(text) == str(n)) for number, text, n in rows]
    return {
        number
        for number, key, restarts in told
        for other, same, again in told
        if number != other and key == same and not (restarts and again)
    }


def test_where_the_erp_takes_a_number_once_it_is_edited_before(db: Database, approver: Actor) -> None:
    profile = profiles.load("business-central")
    first = make(db, "2", commitment="SC-1", application=2)
    own = make(db, "2", commitment="SC-2", application=2)
    draft = make(db, "2", commitment="SC-3", application=2, erp_status="not_sent")
    make(db, "2", commitment="SC-4", application=2, vendor_ref="OTHER", vendor="Another vendor")
    chosen = Marked({number: version(db, number) for number in (first, own)})
    # Nor does a reason help: the ERP would refuse it.
    for override in (None, "Two commitments"):
        plan = review.plan_export(db, approver, chosen, profile, Action.ACCEPT, override=override)
        [stays] = plan.stays.first
        assert (plan.count, stays.invoice_id, stays.code) == (1, own, "number.unique")
        assert "2 (SC-1, job 24-101)" in stays.cause and "another ERP invoice number" in stays.fix
    alone = Marked({own: version(db, own)})
    plan = review.plan_export(db, approver, alone, profile, Action.ACCEPT, erp_number="SC-2-2")
    assert (plan.count, plan.stays.count) == (1, 0)
    assert draft not in marked(db)
    # Where the ERP takes it, nothing is blocked.
    assert review.plan_export(db, approver, chosen, SANDBOX, Action.ACCEPT).count == 2
