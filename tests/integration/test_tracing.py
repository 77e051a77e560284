"""Where is my invoice: found by what is known of it, and told where it is, since when, who has it, what was paid."""

from __future__ import annotations

import pytest
from invoice_factory import HOSTILE, make, version

from erp import profiles
from store import directory, finding, holding, outbox, payments, review, tracing
from store.db import Database
from store.directory import UserValues, find_user
from store.domain.actor import Actor
from store.domain.errors import NotPermitted
from store.domain.hold import HoldKind
from store.domain.knowing import Paid
from store.domain.outcome import Booked, PostOutcome, Refused, Unknown
from store.domain.selection import Marked
from store.domain.whereabouts import Holder, Whereabouts
from store.job import Job

PROFILE = profiles.load("sandbox")


def mark(db: Database, *ids: int) -> Marked:
    return Marked({number: version(db, number) for number in ids})


def where(db: Database, who: Actor, text: str) -> Whereabouts:
    [(found, told)] = tracing.find(db, who, text)
    assert found.id == told.id and found.since == told.since
    return told


def numbers(db: Database, who: Actor, text: str) -> list[str]:
    return [found.number for found in finding.find(db, who, text)]


def sent_now(db: Database) -> list[Job]:
    db.execute("UPDATE export_jobs SET run_at = 0 WHERE state IN ('held', 'pending')")
    return outbox.fence(db, "w1", outbox.claim(db, "sandbox", "w1", limit=9, lease_ms=60_000, concurrency=1))


def end(db: Database, outcome: PostOutcome, job: Job) -> None:
    outbox.acknowledge(db, "w1", "sandbox", [(job, outcome)], settle_ms=0)


def booked(db: Database, approver: Actor, number: str, ref: str) -> int:
    made = make(db, number, commitment=f"SC-{number}", creator="pm")
    review.accept(db, approver, mark(db, made), PROFILE)
    [job] = sent_now(db)
    end(db, Booked(job.key, ref), job)
    return made


def paid(db: Database, invoice: int, ref: str, *told: tuple[str, str, str]) -> None:
    heard = [
        Paid(bill=ref, ref=name, day=day, amount=amount, currency="USD", method="check")
        for name, day, amount in told
    ]
    pulled = payments.replace(db, None, "sandbox", [payments.Asked(invoice, ref)], heard)
    assert pulled.changed == 1 and not pulled.unread


def test_it_is_followed_from_the_project_to_the_erp(
    db: Database, approver: Actor, sender: Actor, admin: Actor
) -> None:
    made = make(db, "W-1", erp_status="not_sent", creator="pm", status="under_review")
    told = where(db, approver, "W-1")
    assert told.where == "In Commitments, Under review, not sent yet" and told.holder is Holder.PROJECT
    assert told.hands == "the project (Maria Garcia), to approve it" and told.payment == ""
    db.execute("UPDATE invoices SET status = 'approved'")
    assert where(db, approver, "W-1").hands == "the project (Maria Garcia), to send it"

    review.send(db, sender, mark(db, made), PROFILE)
    told = where(db, approver, "W-1")
    sent_at = db.execute("SELECT sent_at FROM invoices").fetchone()[0]
    assert (told.where, told.since) == ("Ready to Export, sent by mgarcia", sent_at)
    assert (told.holder, told.hands) == (Holder.APPROVERS, "the approvers: admin, jlopez")

    review.accept(db, approver, mark(db, made), PROFILE)
    told = where(db, approver, "W-1")
    assert (told.where, told.holder, told.hands) == (
        "Queued, batch 1 by jlopez",
        Holder.QUEUE,
        "the export queue",
    )
    [job] = sent_now(db)
    assert where(db, approver, "W-1").hands == "the export queue: it is being sent"
    end(db, Unknown(job.key, "no reply"), job)
    told = where(db, approver, "W-1")
    assert told.where == "Uncertain, batch 1 by jlopez" and "asks the ERP" in told.hands
    begun = db.execute("SELECT send_begun FROM export_jobs").fetchone()[0]
    assert told.since == begun


def test_what_failed_says_why_and_who_decides(sqlite_db: Database, approver: Actor) -> None:
    made = make(sqlite_db, "W-2", creator="pm")
    review.accept(sqlite_db, approver, mark(sqlite_db, made), PROFILE)
    [job] = sent_now(sqlite_db)
    end(sqlite_db, Refused(job.key, "x", "Cost code is unknown", "Add it"), job)
    told = where(sqlite_db, approver, "W-2")
    assert told.where == "Failed to Export: Cost code is unknown" and told.holder is Holder.APPROVERS


def test_what_came_back_says_who_sent_it_back_and_why(
    sqlite_db: Database, approver: Actor, sender: Actor
) -> None:
    made = make(sqlite_db, "W-3", creator="pm")
    sqlite_db.execute("UPDATE invoices SET sender_id = ?, sent_at = 1", (sender.id,))
    review.reject(sqlite_db, approver, mark(sqlite_db, made), "Wrong total\nsee line 2")
    told = where(sqlite_db, approver, "W-3")
    assert told.where == "In Commitments, rejected by jlopez: Wrong total see line 2"
    assert told.hands == "the project (mgarcia), to correct and send it again"
    assert told.since == sqlite_db.execute("SELECT outcome_at FROM invoices").fetchone()[0]


def test_what_is_in_the_erp_tells_its_payments(db: Database, approver: Actor) -> None:
    made = booked(db, approver, "W-4", "BILL-4")
    told = where(db, approver, "bill-4")
    assert (told.where, told.holder) == ("Synced as BILL-4", Holder.ERP)
    assert told.payment == "No payment was told by the ERP" and told.paid is None
    paid(db, made, "BILL-4", ("CHK-1", "2026-11-10", "400.00"))
    assert (
        where(db, approver, "W-4").payment
        == "Paid 400.00 USD on 2026-11-10 (CHK-1); 500.00 of 900.00 is open"
    )
    paid(db, made, "BILL-4", ("CHK-1", "2026-11-10", "400.00"), ("CHK-2", "2026-11-12", "500.00"))
    told = where(db, approver, "chk-2")
    assert told.payment == "Paid 900.00 USD last on 2026-11-12 (CHK-2)" and len(told.payments) == 2


def test_found_by_an_amount_and_by_its_vendor_with_it(db: Database, approver: Actor) -> None:
    make(db, "A-1")
    make(db, "B-1", commitment="SC-2", vendor="Bell Mechanical", vendor_ref="BELL")
    for text in ("1,000.00", "$1,000.00", "1000.00", "1,000", "900.00"):
        assert set(numbers(db, approver, text)) == {"A-1", "B-1"}, text
    for text in ("bell 1,000.00", "1,000.00 BELL", "mechanical 900.00"):
        assert numbers(db, approver, text) == ["B-1"], text
    for text in ("bell 1.00", "zebra 1,000.00", "1,00", "1000,00", "(1,000.00)"):
        assert numbers(db, approver, text) == [], text


def test_nobody_is_told_where_nobody_may_accept_it(
    sqlite_db: Database, admin: Actor, approver: Actor
) -> None:
    make(sqlite_db, "W-5", creator="jlopez")
    told = where(sqlite_db, admin, "W-5")
    assert told.hands == "the approvers: admin"
    user = find_user(sqlite_db, "admin")
    assert user is not None
    directory.put_user(sqlite_db, None, UserValues("admin", "Ada", directory_level=user.directory_level))
    told = where(sqlite_db, approver, "W-5")
    assert (told.holder, told.hands) == (Holder.NOBODY, "nobody: there is no approver who may accept it")


def test_a_hold_is_told(sqlite_db: Database, approver: Actor) -> None:
    made = make(sqlite_db, "W-6")
    holding.place(
        sqlite_db, approver, mark(sqlite_db, made), "waiting for " + HOSTILE[:40], kind=HoldKind.OTHER
    )
    [hold] = where(sqlite_db, approver, "W-6").holds
    assert hold.startswith("It is on hold: waiting for") and "placed by jlopez" in hold and "\x1b" not in hold


def test_who_sees_no_tool_is_told_nothing(sqlite_db: Database, admin: Actor) -> None:
    make(sqlite_db, "W-7")
    directory.put_user(sqlite_db, admin, UserValues("nobody", "Nobody"))
    with pytest.raises(NotPermitted):
        tracing.find(sqlite_db, directory.actor(sqlite_db, "nobody"), "W-7")
    assert tracing.find(sqlite_db, admin, "nothing like it") == []
