"""Holds on vendors and commitments, their kinds and effects: what stays, what goes with a payment hold, what comes in later."""

from __future__ import annotations

import csv
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from export_case import make_bill, queue_jobs, seed_books
from invoice_factory import make, state, version

from erp import profiles
from erp.connectors import sandbox
from erp.connectors.sandbox import Sandbox, SandboxSettings
from store import detail, directory, holding, holding_on, holds, invoices, outbox, review
from store.db import Database
from store.domain.actor import Actor
from store.domain.bill import encode
from store.domain.errors import BadInput, Blocked, Disallowed, NotPermitted
from store.domain.hold import HoldEffect, HoldKind, HoldScope, default_effect
from store.domain.selection import Marked
from store.domain.status import Action
from store.holding_on import Subject
from store.intake import example
from store.intake.load import import_file

PROFILE = profiles.load("sandbox")
WITHOUT = msgspec.structs.replace(
    PROFILE, capabilities=msgspec.structs.replace(PROFILE.capabilities, payment_hold=None)
)
VENDOR, COMMITMENT = HoldScope.VENDOR, HoldScope.COMMITMENT


def mark(db: Database, *ids: int) -> Marked:
    return Marked({number: version(db, number) for number in ids})


def flags(db: Database, *ids: int) -> list[str]:
    return [row.flags for row in invoices.rows(db, ids)]


def accept(db: Database, who: Actor, *ids: int) -> tuple[int, ...]:
    return review.accept(db, who, mark(db, *ids), PROFILE).done


def payload(db: Database, number: int) -> dict[str, Any]:
    row = db.execute(
        "SELECT payload FROM export_jobs WHERE invoice_id = ? ORDER BY id DESC LIMIT 1", (number,)
    ).fetchone()
    found: dict[str, Any] = json.loads(row[0])
    return found


def rule(db: Database, number: int) -> str:
    row = db.execute(
        "SELECT r.rule FROM audit_rows r JOIN audit_events e ON e.id = r.event_id"
        " WHERE e.action = 'accept' AND r.subject_id = ? ORDER BY e.id DESC LIMIT 1",
        (number,),
    ).fetchone()
    return str(row[0])


@pytest.fixture
def three(db: Database) -> tuple[int, int, int]:
    """Two of Apex, on two commitments, and one of Bell."""
    return (
        make(db, "A-1"),
        make(db, "A-2", commitment="SC-102"),
        make(db, "B-1", commitment="SC-103", vendor="Bell [/] & Co", vendor_ref="BELL"),
    )


def subject(db: Database, scope: HoldScope, word: str) -> Subject:
    return holding_on.named(db, scope, word)


def test_a_vendors_hold_keeps_all_of_its_invoices_and_no_others(
    db: Database, approver: Actor, three: tuple[int, int, int]
) -> None:
    first, second, other = three
    apex = subject(db, VENDOR, "APEX")
    assert apex == subject(db, VENDOR, "Apex Drywall LLC")
    done = holding_on.place(db, approver, [apex], "", kind=HoldKind.CONTRACT)
    assert (done.names, done.invoices, done.notes) == (("Apex Drywall LLC",), 2, ())
    assert flags(db, *three) == ["H", "H", ""]
    plan = review.plan_export(db, approver, mark(db, *three), PROFILE, Action.ACCEPT)
    [stays, _] = plan.stays.first
    assert stays.code == "hold" and plan.count == 1
    assert stays.cause.startswith(
        "Its vendor is on hold: vendor Apex Drywall LLC: contract unsigned, placed by jlopez on 20"
    )
    assert accept(db, approver, *three) == (other,)
    released = holding_on.release(db, approver, [apex])
    assert released.invoices == 2 and flags(db, first, second) == ["", ""]
    assert accept(db, approver, first, second) == (first, second)
    told = [
        (e.who, e.what, e.detail) for e in detail.detail(db, first).history if e.what in {"hold", "release"}
    ]
    assert told == [
        ("jlopez", "hold", "vendor Apex Drywall LLC: contract unsigned"),
        ("jlopez", "release", "vendor Apex Drywall LLC"),
    ]


def test_a_commitments_hold_is_about_that_commitment(
    db: Database, approver: Actor, three: tuple[int, int, int]
) -> None:
    holding_on.place(db, approver, [subject(db, COMMITMENT, "SC-102")], "not signed", kind=HoldKind.CONTRACT)
    assert flags(db, *three) == ["", "H", ""]
    assert accept(db, approver, *three) == (three[0], three[2])
    with pytest.raises(Blocked, match="Its commitment is on hold"):
        accept(db, approver, three[1])


@pytest.mark.parametrize(
    ("kind", "with_it", "without"),
    [("waiver", "pay", "block"), ("insurance", "pay", "block"), ("contract", "block", "block"), ("other", "block", "block")],
)  # fmt: skip
def test_what_a_kind_does_by_default(
    db: Database, approver: Actor, kind: str, with_it: str, without: str
) -> None:
    found = []
    for number, profile in ((make(db, "1"), PROFILE), (make(db, "2", application=2), WITHOUT)):
        holding.place(db, approver, mark(db, number), "because", kind=HoldKind(kind), profile=profile)
        found += [hold.effect.value for hold in holds.of(db, [number])[number]]
    assert found == [with_it, without]
    assert default_effect(HoldKind(kind), payment_hold=True) == with_it


def test_a_missing_waiver_does_not_miss_the_cut_off(
    db: Database, approver: Actor, three: tuple[int, int, int]
) -> None:
    first, second, other = three
    apex = subject(db, VENDOR, "APEX")
    holding_on.place(db, approver, [apex], "October's\n missing", kind=HoldKind.WAIVER, profile=PROFILE)
    holding.place(db, approver, mark(db, first), "", kind=HoldKind.INSURANCE, profile=PROFILE)
    plan = review.plan_export(db, approver, mark(db, *three), PROFILE, Action.ACCEPT)
    assert plan.count == 3 and not plan.stays.count
    told = "A-1 (insurance lapsed; lien waiver missing: October's missing), A-2 (lien waiver missing: October's missing)"
    assert plan.warnings == (f"2 go with the ERP's hold on the payment: {told}",)
    shown = review.payload(db, approver, second, PROFILE, Action.ACCEPT)
    decision = review.accept(db, approver, mark(db, *three), PROFILE)
    assert decision.done == three and decision.notes == plan.warnings
    assert payload(db, first)["payment_hold"] == "insurance lapsed; lien waiver missing: October's missing"
    assert payload(db, second)["payment_hold"] == "lien waiver missing: October's missing"
    assert payload(db, second) == json.loads(shown) and "payment_hold" not in payload(db, other)
    assert "the ERP holds its payment" in rule(db, first) and "hold" not in rule(db, other)


def test_where_the_erp_holds_no_payment_nothing_goes_without(
    db: Database, approver: Actor, three: tuple[int, int, int]
) -> None:
    holding_on.place(db, approver, [subject(db, VENDOR, "APEX")], "", kind=HoldKind.WAIVER, profile=PROFILE)
    with pytest.raises(Blocked, match="Its vendor is on hold"):
        review.accept(db, approver, mark(db, three[0]), WITHOUT)
    for profile in (WITHOUT, None):
        with pytest.raises(BadInput, match="takes no payment hold"):
            holding.place(db, approver, mark(db, three[2]), "x", effect=HoldEffect.PAY, profile=profile)


def test_a_warning_warns(db: Database, approver: Actor, three: tuple[int, int, int]) -> None:
    first = three[0]
    holding.place(db, approver, mark(db, first), "look at it", effect=HoldEffect.WARN)
    plan = review.plan_export(db, approver, mark(db, *three), PROFILE, Action.ACCEPT)
    assert plan.warnings[0].startswith(
        "1 goes although on hold, with a warning: A-1 (look at it, placed by jlopez on 20"
    )
    assert accept(db, approver, *three) == three
    assert "payment_hold" not in payload(db, first) and "on hold, with a warning" in rule(db, first)


def test_of_several_the_strictest_counts_and_each_is_released_by_itself(
    db: Database, approver: Actor, admin: Actor, three: tuple[int, int, int]
) -> None:
    first = three[0]
    apex = subject(db, VENDOR, "APEX")
    holding_on.place(db, approver, [apex], "", kind=HoldKind.INSURANCE, profile=PROFILE)
    holding_on.place(db, admin, [apex], "", kind=HoldKind.CONTRACT)
    holding.place(db, approver, mark(db, first), "too", effect=HoldEffect.WARN)
    assert [hold.effect.value for hold in holds.of(db, [first])[first]] == ["block", "pay", "warn"]
    with pytest.raises(Blocked, match="contract unsigned, placed by admin"):
        accept(db, approver, first)
    assert holding.release(db, approver, mark(db, first)).done == (first,)
    assert flags(db, first) == ["H"]
    with pytest.raises(Disallowed, match=r"not on hold itself: vendor Apex .* Release that of its vendor"):
        holding.release(db, approver, mark(db, first))
    holding_on.release(db, approver, [apex], kind=HoldKind.CONTRACT)
    kept = db.execute(
        "SELECT before, after FROM audit_rows WHERE subject = 'vendor' ORDER BY event_id DESC LIMIT 1"
    )
    assert [json.loads(one) for one in kept.fetchone()] == [
        {"held": True, "reason": "contract unsigned"},
        {"held": True},
    ]
    assert flags(db, first) == ["H"] and accept(db, approver, first) == (first,)
    assert payload(db, first)["payment_hold"] == "insurance lapsed"
    assert holding_on.release(db, approver, [apex]).notes == (
        "1 is queued or in the ERP with the payment held: lift it there",
    )
    assert flags(db, first) == [""]


def test_one_of_a_kind_is_open_on_a_vendor(
    db: Database, approver: Actor, admin: Actor, three: tuple[int, int, int]
) -> None:
    both = holding_on.subjects(db, mark(db, *three), VENDOR)
    assert [one.name for one in both] == ["Apex Drywall LLC", "Bell [/] & Co"]
    holding_on.place(db, approver, both[:1], "one")
    assert holding_on.counts(db, both) == (1, 1)
    again = holding_on.place(db, admin, both, "two")
    assert again.names == ("Bell [/] & Co",) and "one, placed by jlopez" in again.stays[0]
    with pytest.raises(Disallowed, match=r"Apex Drywall LLC is on hold already: .*one, placed by jlopez"):
        holding_on.place(db, admin, both, "three")
    holding_on.release(db, admin, both)
    with pytest.raises(Disallowed, match="vendor Apex Drywall LLC is not on hold"):
        holding_on.release(db, admin, both)
    found = [(hold.on, hold.released_by) for hold, _ in holds.every(db, released=True)]
    assert found == [("Bell [/] & Co", "admin"), ("Apex Drywall LLC", "admin")]
    assert list(holds.every(db)) == []


@pytest.mark.parametrize("effect", [HoldEffect.BLOCK, HoldEffect.PAY, HoldEffect.WARN])
def test_what_is_queued_is_taken_back_and_what_is_being_sent_is_told(
    db: Database, approver: Actor, effect: HoldEffect
) -> None:
    ids = queue_jobs(db, [make_bill(n) for n in (1, 2, 3)])
    outbox.begin(db, "sandbox", "w", limit=1, lease_ms=60_000, concurrency=1)
    [row] = db.execute("SELECT id, name FROM vendors").fetchall()
    apex = Subject(VENDOR, *row)
    done = holding_on.place(db, approver, [apex], "wait", effect=effect, profile=PROFILE)
    warns = effect is HoldEffect.WARN
    assert done.recalled == (() if warns else tuple(ids[1:])) and done.invoices == 3
    assert [state(db, number) for number in ids[1:]] == (["queued"] * 2 if warns else ["ready_to_export"] * 2)
    assert state(db, ids[0]) == "exporting" and flags(db, *ids) == ["H"] * 3
    told = " ".join(done.notes)
    assert ("2 were taken back" in told, "1 is on the way to the ERP" in told) == (not warns, not warns)
    assert ("exported again, the ERP holds the payment" in told) == (effect is HoldEffect.PAY)


def test_a_queued_invoice_is_recalled_and_held_in_one(db: Database, approver: Actor) -> None:
    first, second = queue_jobs(db, [make_bill(1), make_bill(2)])
    outbox.begin(db, "sandbox", "w", limit=1, lease_ms=60_000, concurrency=1)
    with pytest.raises(Disallowed, match="it is Exporting"):
        holding.place(db, approver, mark(db, first), "late")
    assert holding.place(db, approver, mark(db, second), "in time").done == (second,)
    assert state(db, second) == "ready_to_export" and flags(db, second) == ["H"]
    # Its job is gone: nothing of it leaves.
    assert outbox.begin(db, "sandbox", "w", limit=9, lease_ms=60_000, concurrency=9)[1] == []


def test_what_goes_with_a_payment_hold_and_is_released_is_lifted_in_the_erp(
    db: Database, approver: Actor, three: tuple[int, int, int]
) -> None:
    apex = subject(db, VENDOR, "APEX")
    holding_on.place(db, approver, [apex], "", kind=HoldKind.WAIVER, profile=PROFILE)
    accept(db, approver, three[0])
    db.execute("UPDATE invoices SET erp_status = 'synced' WHERE id = ?", (three[0],))
    [note] = holding_on.release(db, approver, [apex]).notes
    assert note == "1 is queued or in the ERP with the payment held: lift it there"
    assert flags(db, three[0]) == [""]


COLUMNS = (
    "project,commitment,application,invoice_number,status,period_start,period_end,line_item,cost_code,"
    "scheduled_value,work_previous,work_this_period,total_previous,retainage_previous,retainage_held"
)


def test_what_comes_in_later_is_on_hold_too(
    db: Database, admin: Actor, approver: Actor, tmp_path: Path
) -> None:
    for path in example.write(tmp_path / "example")[:5]:
        import_file(db, admin, path)
    commitment = subject(db, COMMITMENT, "SC-201-05")
    holding_on.place(db, approver, [commitment], "", kind=HoldKind.CONTRACT)
    rows = [
        ["26-201", "SC-201-05", "1", "N-1", "approved", "2026-10-01", "2026-10-31", item, "03-300", value, "0", now, "0", "0", "0"]
        for item, value, now in (("5170801", "54000.00", "16200"), ("5170802", "19600.00", "0"))
    ]  # fmt: skip
    with (tmp_path / "apps.csv").open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS.split(","), *rows])
    import_file(db, admin, tmp_path / "apps.csv")
    number = db.execute("SELECT id FROM invoices").fetchone()[0]
    assert flags(db, number) == ["H"]
    review.send(db, admin, mark(db, number))
    with pytest.raises(Blocked, match="Its commitment is on hold"):
        accept(db, approver, number)


def test_what_was_written_by_another_way_is_flagged_when_it_is_sent(
    db: Database, sender: Actor, approver: Actor, three: tuple[int, int, int]
) -> None:
    holding_on.place(db, approver, [subject(db, VENDOR, "APEX")], "wait")
    number = make(db, "A-9", application=2, erp_status="not_sent")
    assert flags(db, number) == [""]
    review.send(db, sender, mark(db, number))
    assert "H" in flags(db, number)[0]


@pytest.mark.parametrize("login", ["mgarcia", "viewer", "nopush"])
def test_others_hold_no_vendor(
    db: Database, approver: Actor, three: tuple[int, int, int], login: str
) -> None:
    who, apex = directory.actor(db, login), subject(db, VENDOR, "APEX")
    with pytest.raises(NotPermitted):
        holding_on.place(db, who, [apex], "wait")
    holding_on.place(db, approver, [apex], "wait")
    with pytest.raises(NotPermitted):
        holding_on.release(db, who, [apex])
    assert flags(db, *three) == ["H", "H", ""]


@pytest.mark.parametrize("reason", [" \n", "x" * 501, "\x00"])
def test_a_vendors_hold_needs_a_reason_that_is_one(
    db: Database, approver: Actor, three: tuple[int, int, int], reason: str
) -> None:
    with pytest.raises(BadInput):
        holding_on.place(db, approver, [subject(db, VENDOR, "APEX")], reason)
    with pytest.raises(BadInput, match="names no one vendor: none has that name"):
        subject(db, VENDOR, "Nobody")
    assert flags(db, *three) == ["", "", ""]


# -- the bill, and who receives it -------------------------------------------------------------------------------


def test_a_bill_without_a_hold_has_the_bytes_that_it_always_had() -> None:
    text, digest = encode(make_bill(1))
    assert text.endswith('"overrides":[],"terms":"","tax_account":"","unposted":null}')
    # As it was before there were holds of payments.
    assert digest == "51e3d39b4c3803507df6dedc754c3c01cded1aaf252cb6ecc86b74e8fd0a56ea"
    held, _ = encode(make_bill(1, payment_hold="waiver"))
    assert held == text[:-1] + ',"payment_hold":"waiver"}'


async def test_the_sandbox_keeps_why_and_does_not_pay(tmp_path: Path) -> None:
    file = tmp_path / "sandbox.db"
    seed_books(file)
    connector = Sandbox(SandboxSettings(str(file), seconds_per_bill=0), PROFILE)
    bills = [make_bill(n, payment_hold="waiver" if n == 3 else msgspec.UNSET) for n in range(1, 7)]
    booked = await connector.post(bills)
    refs = [one.ref for one in booked if hasattr(one, "ref")]
    paid = [one.bill for some in [page async for page in connector.payments(refs)] for one in some]
    await connector.close()
    assert paid == [refs[5]]
    assert [row.payment_hold for row in sandbox.ledger(file)] == ["", "", "waiver", "", "", ""]


def test_books_of_a_sandbox_of_before_are_read_on(tmp_path: Path) -> None:
    file = tmp_path / "sandbox.db"
    seed_books(file)
    with closing(sqlite3.connect(file)) as books:
        books.execute("ALTER TABLE bills DROP COLUMN payment_hold")
    assert sandbox.ledger(file) == []
