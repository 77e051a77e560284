"""The decisions, through their public door, on both databases."""

import dataclasses
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from invoice_factory import line, make, state, version

from erp import profiles
from store import audit, batches, commitments, detail, directory, invoices, notices, outbox, periods, review
from store.db import Database
from store.directory import UserValues
from store.domain.actor import Actor, Level
from store.domain.bill import decode
from store.domain.errors import (
    BadInput,
    Blocked,
    Changed,
    Disallowed,
    NothingMatched,
    NotPermitted,
    TotalsDiffer,
)
from store.domain.outcome import Booked, Period, Refused
from store.domain.selection import Marked, every
from store.domain.status import Action, ProjectView, Status, View
from store.job import Job
from store.listing import Order, every_id
from store.selecting import digest, matched

PROFILE = profiles.load("sandbox")


def mark(db: Database, *ids: int) -> Marked:
    return Marked({number: version(db, number) for number in ids})


def events(db: Database, action: str) -> int:
    return int(db.execute("SELECT count(*) FROM audit_events WHERE action = ?", (action,)).fetchone()[0])


def export(db: Database, worker: str = "w1", *, refusal: bool = False) -> list[Job]:
    """Play a worker: claim, fence, acknowledge all that is due with one kind of outcome."""
    jobs = outbox.claim(db, "sandbox", worker, limit=100, lease_ms=60_000, concurrency=1)
    held = outbox.fence(db, worker, jobs)
    made = [(job, refused(job.key) if refusal else Booked(job.key, f"BILL-{job.id}")) for job in held]
    outbox.acknowledge(db, worker, "sandbox", made, settle_ms=1000)
    return held


def refused(key: str) -> Refused:
    return Refused(key, "number.long", "the number is too long", "D: give a shorter one")


def test_accept_queues_the_invoice_with_a_frozen_payload(db: Database, approver: Actor) -> None:
    number = make(db)
    decision = review.accept(db, approver, mark(db, number), PROFILE, description="October")
    assert decision.done == (number,) and state(db, number) == "queued"
    payload, sha256, key, revision = db.execute(
        "SELECT payload, payload_sha256, idem_key, revision FROM export_jobs WHERE invoice_id = ?", (number,)
    ).fetchone()
    bill = decode(payload, sha256)
    assert (bill.gross, bill.retainage, bill.net, bill.key) == ("1000.00", "100.00", "900.00", key)
    assert bill.description == "October" and bill.accounting_date == date(2026, 10, 31) and revision == 1
    batch = batches.progress(db, decision.batches[0])
    assert (batch.count, batch.gross, batch.net, batch.hash_total) == (1, 100000, 90000, 101001)
    assert events(db, "accept") == 1


def test_the_payload_of_one_key_never_changes(db: Database, approver: Actor) -> None:
    number = make(db)
    review.accept(db, approver, mark(db, number), PROFILE)
    payload, sha256 = db.execute("SELECT payload, payload_sha256 FROM export_jobs").fetchone()
    with pytest.raises(ValueError, match="not the one"):
        decode(payload.replace("900.00", "901.00"), sha256)


def test_what_is_booked_is_synced_with_its_reference(db: Database, approver: Actor) -> None:
    number = make(db)
    review.accept(db, approver, mark(db, number), PROFILE)
    export(db)
    assert state(db, number) == "synced"
    assert invoices.rows(db, [number])[0].origin_id.startswith("BILL-")


def test_a_failed_one_is_retried_under_a_new_revision(db: Database, approver: Actor) -> None:
    number = make(db)
    review.accept(db, approver, mark(db, number), PROFILE)
    export(db, refusal=True)
    row = invoices.rows(db, [number])[0]
    assert (row.erp_status, row.error_cause) == ("failed_to_export", "the number is too long")
    review.set_export_values(db, approver, mark(db, number), erp_number="SHORT")
    review.retry(db, approver, mark(db, number), PROFILE)
    keys = [row[0] for row in db.execute("SELECT idem_key FROM export_jobs ORDER BY revision").fetchall()]
    assert len(keys) == 2 and keys[0].endswith(":1") and keys[1].endswith(":2")
    export(db)
    assert state(db, number) == "synced"
    posted = db.execute("SELECT payload, payload_sha256 FROM export_jobs WHERE revision = 2").fetchone()
    assert decode(*posted).number == "SHORT"


def test_an_empty_selection_is_refused(db: Database, approver: Actor) -> None:
    with pytest.raises(NothingMatched, match="Nothing is marked"):
        review.accept(db, approver, Marked({}), PROFILE)
    with pytest.raises(NothingMatched, match="Nothing matches"):
        review.accept(db, approver, every(View.READY), PROFILE)


@pytest.mark.parametrize("reason", ["", "   ", "\n\t"])
def test_an_empty_reason_is_refused(db: Database, approver: Actor, reason: str) -> None:
    number = make(db)
    with pytest.raises(BadInput, match="needs a reason"):
        review.reject(db, approver, mark(db, number), reason)
    assert state(db, number) == "ready_to_export"


@pytest.mark.parametrize("login", ["mgarcia", "viewer", "nopush"])
def test_who_lacks_level_or_privilege_may_not_decide(db: Database, login: str) -> None:
    number = make(db, creator="someone@else.example")
    actor = directory.actor(db, login)
    decisions: tuple[Callable[[], object], ...] = (
        lambda: review.accept(db, actor, mark(db, number), PROFILE),
        lambda: review.reject(db, actor, mark(db, number), "no"),
        lambda: review.recall(db, actor, mark(db, number)),
        lambda: review.set_export_values(db, actor, mark(db, number), description="x"),
    )
    for decide in decisions:
        with pytest.raises(NotPermitted):
            decide()
    assert state(db, number) == "ready_to_export"


def test_a_revoked_privilege_ends_at_the_next_action(db: Database, approver: Actor) -> None:
    number = make(db)
    directory.put_user(db, None, UserValues("jlopez", "Juan Lopez", "", Level.STANDARD))
    with pytest.raises(NotPermitted, match="Can Push to Accounting"):
        review.accept(db, approver, mark(db, number), PROFILE)


def test_nobody_grants_the_privilege_to_himself(db: Database) -> None:
    directory.put_user(db, None, UserValues("boss", "Boss", "", directory_level=Level.ADMIN))
    boss = directory.actor(db, "boss")
    with pytest.raises(NotPermitted, match="to himself"):
        directory.put_user(
            db, boss, UserValues("boss", "Boss", "", Level.ADMIN, directory_level=Level.ADMIN, can_push=True)
        )


@pytest.mark.parametrize("creator", ["jlopez", "JLopez@ACME.example"])
def test_who_created_it_does_not_accept_it(db: Database, approver: Actor, creator: str) -> None:
    number = make(db, creator=creator)
    with pytest.raises(NotPermitted, match="created, edited or sent"):
        review.accept(db, approver, mark(db, number), PROFILE)


def test_who_sent_it_does_not_accept_it(db: Database, admin: Actor) -> None:
    number = make(db, erp_status="not_sent", creator="x@y.example")
    review.send(db, admin, mark(db, number))
    with pytest.raises(NotPermitted, match="created, edited or sent"):
        review.accept(db, admin, mark(db, number), PROFILE)


def test_the_limit_holds_by_absolute_gross(db: Database, approver: Actor) -> None:
    directory.put_user(
        db, None, UserValues("jlopez", "J", "", Level.STANDARD, can_push=True, limit_invoice=99_999)
    )
    credit = make(db, lines=(line(work=-100_000, held=0),))
    with pytest.raises(NotPermitted, match="over the limit"):
        review.accept(db, approver, mark(db, credit), PROFILE)


def test_what_cannot_go_stays_and_the_rest_goes(db: Database, approver: Actor) -> None:
    good = make(db, "1")
    own = make(db, "2", application=2, creator="jlopez")
    synced = make(db, "3", application=3, erp_status="synced")
    nameless = make(db, "4", commitment="SC-4", vendor="No Ref", vendor_ref="")
    decision = review.accept(db, approver, mark(db, good, own, synced, nameless), PROFILE)
    assert decision.done == (good,)
    assert {s.invoice_id: s.code for s in decision.stays} == {
        own: "permission", synced: "state", nameless: "vendor.present",
    }  # fmt: skip
    assert all(s.cause and s.fix for s in decision.stays)
    assert state(db, own) == "ready_to_export"


def test_marked_ones_that_others_changed_are_skipped_and_named(db: Database, approver: Actor) -> None:
    first, second = make(db, "1"), make(db, "2", application=2)
    marked = mark(db, first, second)
    review.set_export_values(db, approver, mark(db, second), description="other desk")
    decision = review.accept(db, approver, marked, PROFILE)
    assert decision.done == (first,) and decision.changed == ("2",)
    assert state(db, second) == "ready_to_export"


def test_a_filter_that_shows_something_else_now_is_refused(db: Database, approver: Actor) -> None:
    make(db, "1")
    seen = digest(matched(db, every(View.READY)))
    make(db, "2", application=2)
    with pytest.raises(Changed):
        review.accept(db, approver, every(View.READY, digest=seen), PROFILE)
    now = digest(matched(db, every(View.READY)))
    assert len(review.accept(db, approver, every(View.READY, digest=now), PROFILE).done) == 2


def test_expected_control_totals_that_differ_change_nothing(db: Database, approver: Actor) -> None:
    number = make(db)
    for expect in (review.Expectation(count=2), review.Expectation(net=Decimal("900.01"))):
        with pytest.raises(TotalsDiffer):
            review.accept(db, approver, mark(db, number), PROFILE, expect=expect)
    assert state(db, number) == "ready_to_export" and events(db, "accept") == 0
    review.accept(db, approver, mark(db, number), PROFILE, expect=review.Expectation(1, Decimal("900.00")))


def test_currencies_go_in_batches_of_their_own(db: Database, approver: Actor) -> None:
    dollars, yen = make(db), make(db, "Y-1", commitment="SC-Y", currency="JPY")
    decision = review.accept(db, approver, mark(db, dollars, yen), PROFILE)
    assert [t.currency for t in decision.totals] == ["JPY", "USD"] and len(decision.batches) == 2


def test_a_closed_period_moves_the_default_date_and_blocks_a_given_one(db: Database, approver: Actor) -> None:
    number = make(db)
    periods.put(db, "sandbox", [
        Period(date(2026, 10, 1), date(2026, 10, 31), False), Period(date(2026, 11, 1), date(2026, 11, 30), True),
    ])  # fmt: skip
    plan = review.plan_export(db, approver, mark(db, number), PROFILE, Action.ACCEPT)
    assert plan.dates == (("2026-11-01", 1),) and "another month" in plan.warnings[0]
    with pytest.raises(Blocked, match="closed period"):
        review.accept(db, approver, mark(db, number), PROFILE, accounting_date=date(2026, 10, 15))
    assert state(db, number) == "ready_to_export"


def test_one_cent_off_in_the_store_blocks_the_export(db: Database, approver: Actor) -> None:
    number = make(db)
    with db.transaction():
        db.execute("UPDATE invoices SET gross = gross + 1, net = net + 1 WHERE id = ?", (number,))
    with pytest.raises(Blocked, match=r"1,000\.01.*1,000\.00"):
        review.accept(db, approver, mark(db, number), PROFILE)


def test_an_earlier_application_that_is_not_synced_warns(db: Database, approver: Actor) -> None:
    make(db, "1", erp_status="not_sent")
    second = make(db, "2", application=2)
    [warning] = review.plan_export(db, approver, mark(db, second), PROFILE, Action.ACCEPT).warnings
    assert "2 before 1" in warning


@pytest.mark.parametrize(("action", "goes"), [(Action.ACCEPT, "R-1"), (Action.RETRY, "F-1")])
def test_a_plan_of_mixed_states_is_that_of_its_action(
    db: Database, approver: Actor, action: Action, goes: str
) -> None:
    failed = make(db, "F-1", erp_status="failed_to_export")
    ready = make(db, "R-1", commitment="SC-2")
    chosen = mark(db, failed, ready)
    plan = review.plan_export(db, approver, chosen, PROFILE, action)
    assert [row.number for row in plan.goes.first] == [goes] and plan.stays.count == 1
    other = failed if action is Action.ACCEPT else ready
    with pytest.raises(Disallowed):
        review.payload(db, approver, other, PROFILE, action)
    decide = review.accept if action is Action.ACCEPT else review.retry
    assert decide(db, approver, chosen, PROFILE).done == tuple(row.id for row in plan.goes.first)


def test_a_number_longer_than_the_intake_takes_is_refused(db: Database, approver: Actor) -> None:
    number = make(db, erp_status="failed_to_export")
    with pytest.raises(BadInput, match="may have 60 characters, and has 61"):
        review.set_export_values(db, approver, mark(db, number), erp_number="x" * 61)
    with pytest.raises(BadInput, match="ERP invoice number is too long"):
        review.retry(db, approver, mark(db, number), PROFILE, erp_number="x" * 61)
    review.set_export_values(db, approver, mark(db, number), erp_number="x" * 60)


def test_reject_returns_the_invoice_and_notifies_creator_and_sender_once(
    db: Database, approver: Actor, sender: Actor
) -> None:
    number = make(db, erp_status="not_sent", creator="creator@acme.example")
    review.send(db, sender, mark(db, number))
    review.reject(db, approver, mark(db, number), "Retainage must be 10 %")
    row = invoices.rows(db, [number])[0]
    assert (row.erp_status, row.outcome, row.outcome_reason) == (
        "not_sent",
        "rejected",
        "Retainage must be 10 %",
    )
    assert row.status == "approved"
    assert {n.address for n in notices.of_invoice(db, number)} == {
        "creator@acme.example",
        "mgarcia@acme.example",
    }
    assert [row.id for row in invoices.rows(db, every_id(db, Order(ProjectView.RETURNED)))] == [number]
    assert review.recent_reasons(db, approver) == ["Retainage must be 10 %"]


def test_an_override_replaces_the_reason_of_one_invoice(db: Database, approver: Actor) -> None:
    first, second = make(db, "1"), make(db, "2", application=2)
    review.reject(db, approver, mark(db, first, second), "common", reasons={second: "special"})
    assert [row.outcome_reason for row in invoices.rows(db, [first, second])] == ["common", "special"]


def test_no_address_leaves_the_rejection_standing(db: Database, approver: Actor) -> None:
    number = make(db, creator="nobody")
    review.reject(db, approver, mark(db, number), "x")
    assert {n.state for n in notices.of_invoice(db, number)} == {"undeliverable"}
    assert state(db, number) == "not_sent"


def test_reject_of_a_queued_invoice_recalls_it_in_the_same_transaction(db: Database, approver: Actor) -> None:
    number = make(db)
    review.accept(db, approver, mark(db, number), PROFILE)
    review.reject(db, approver, mark(db, number), "x")
    assert state(db, number) == "not_sent"
    assert db.execute("SELECT state FROM export_jobs").fetchone()[0] == "cancelled"
    assert export(db) == []


def test_what_is_being_sent_can_be_neither_rejected_nor_recalled(db: Database, approver: Actor) -> None:
    number = make(db)
    review.accept(db, approver, mark(db, number), PROFILE)
    jobs = outbox.claim(db, "sandbox", "w1", limit=10, lease_ms=60_000, concurrency=1)
    assert outbox.fence(db, "w1", jobs)
    decisions: tuple[Callable[[], object], ...] = (
        lambda: review.reject(db, approver, mark(db, number), "x"),
        lambda: review.recall(db, approver, mark(db, number)),
    )
    for decide in decisions:
        with pytest.raises(Disallowed):
            decide()
    assert state(db, number) == "exporting"


def test_a_claim_does_not_stop_a_recall_but_the_recall_stops_the_sending(
    db: Database, approver: Actor
) -> None:
    number = make(db)
    decision = review.accept(db, approver, mark(db, number), PROFILE)
    jobs = outbox.claim(db, "sandbox", "w1", limit=10, lease_ms=60_000, concurrency=1)
    review.recall_batch(db, approver, decision.batches[0])
    assert outbox.fence(db, "w1", jobs) == []
    assert state(db, number) == "ready_to_export"
    again = review.accept(db, approver, mark(db, number), PROFILE)
    assert again.done == (number,)
    keys = {row[0][-2:] for row in db.execute("SELECT idem_key FROM export_jobs").fetchall()}
    assert keys == {":1", ":2"}


def test_a_batch_whose_jobs_have_gone_cannot_be_recalled(db: Database, approver: Actor) -> None:
    number = make(db)
    decision = review.accept(db, approver, mark(db, number), PROFILE)
    export(db)
    with pytest.raises(Disallowed, match="cannot be recalled"):
        review.recall_batch(db, approver, decision.batches[0])


def test_sending_needs_an_approved_status_and_locks(db: Database, sender: Actor) -> None:
    draft, good = (
        make(db, "1", erp_status="not_sent", status="draft"),
        make(db, "2", application=2, erp_status="not_sent"),
    )
    decision = review.send(db, sender, mark(db, draft, good))
    assert decision.done == (good,) and decision.stays[0].code == "status"
    with pytest.raises(Disallowed):
        review.send(db, sender, mark(db, good))
    review.retrieve(db, sender, mark(db, good))
    assert state(db, good) == "not_sent"


def test_only_one_open_job_per_invoice(db: Database, approver: Actor) -> None:
    number = make(db)
    review.accept(db, approver, mark(db, number), PROFILE)
    with pytest.raises(Disallowed):
        review.accept(db, approver, mark(db, number), PROFILE)
    assert db.execute("SELECT count(*) FROM export_jobs").fetchone()[0] == 1


def test_an_erp_number_is_for_one_invoice(db: Database, approver: Actor) -> None:
    first, second = make(db, "1"), make(db, "2", application=2)
    with pytest.raises(BadInput, match="for one invoice"):
        review.set_export_values(db, approver, mark(db, first, second), erp_number="X")


def test_a_description_has_thirty_characters(db: Database, approver: Actor) -> None:
    number = make(db)
    with pytest.raises(BadInput, match="30"):
        review.accept(db, approver, mark(db, number), PROFILE, description="x" * 31)


def test_every_decision_is_one_chained_event(db: Database, approver: Actor, sender: Actor) -> None:
    number = make(db, erp_status="not_sent")
    review.send(db, sender, mark(db, number))
    review.reject(db, approver, mark(db, number), "x")
    rows = db.execute("SELECT id, prev_hash, hash FROM audit_events ORDER BY id").fetchall()
    assert [row[1] for row in rows[1:]] == [row[2] for row in rows[:-1]] and rows[0][1] == ""
    assert db.execute("SELECT event_id, hash FROM audit_head").fetchone()[:2] == (rows[-1][0], rows[-1][2])
    whole = detail.detail(db, number)
    assert [event.what for event in whole.history if event.who != "mail"] == ["send", "reject"]


def test_an_event_says_what_was_before_and_after_and_by_which_rule(db: Database, approver: Actor) -> None:
    number = make(db)
    review.accept(db, approver, mark(db, number), PROFILE)
    before, after, rule = db.execute(
        "SELECT before, after, rule FROM audit_rows WHERE subject = 'invoice' ORDER BY event_id DESC"
    ).fetchone()
    assert msgspec.json.decode(before) == {"erp_status": "ready_to_export", "number": "101-001"}
    assert msgspec.json.decode(after)["erp_status"] == "queued" and "preparer" in rule
    assert (
        audit.detail_of(db.execute("SELECT detail FROM audit_events ORDER BY id DESC").fetchone()[0])[
            "batches"
        ][0]["net"]
        == "900.00"
    )


def test_a_failing_audit_takes_the_decision_with_it(
    db: Database, approver: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = make(db)

    def broken(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("no audit")

    monkeypatch.setattr(audit, "record", broken)
    with pytest.raises(RuntimeError):
        review.reject(db, approver, mark(db, number), "x")
    assert state(db, number) == "ready_to_export" and notices.of_invoice(db, number) == []


def test_a_previous_application_that_has_changed_since_blocks_the_next_one(
    db: Database, approver: Actor
) -> None:
    first = make(db, "1", erp_status="synced")
    second = make(db, "2", application=2, lines=(line(work=50_000, before=100_000, held=5_000),))
    assert review.plan_export(db, approver, mark(db, second), PROFILE, Action.ACCEPT).stays.count == 0
    with db.transaction():
        db.execute("UPDATE invoice_lines SET work_now = work_now + 1 WHERE invoice_id = ?", (first,))
    with pytest.raises(Blocked, match=r"1,000\.00 before.*1,000\.01"):
        review.accept(db, approver, mark(db, second), PROFILE)
    assert state(db, second) == "ready_to_export"


OCTOBER = Period(date(2026, 10, 1), date(2026, 10, 31), is_open=True)
NOVEMBER = Period(date(2026, 11, 1), date(2026, 11, 30), is_open=True)


def posted(db: Database) -> str:
    """The accounting date of the newest job."""
    payload, sha256 = db.execute(
        "SELECT payload, payload_sha256 FROM export_jobs ORDER BY id DESC"
    ).fetchone()
    return decode(payload, sha256).accounting_date.isoformat()


def test_a_date_that_a_rule_worked_out_is_worked_out_again(db: Database, approver: Actor) -> None:
    number = make(db)
    periods.put(db, "sandbox", [OCTOBER, NOVEMBER])
    review.accept(db, approver, mark(db, number), PROFILE)
    assert posted(db) == "2026-10-31" == detail.detail(db, number).accounting_date
    review.recall(db, approver, mark(db, number))
    periods.put(db, "sandbox", [msgspec.structs.replace(OCTOBER, is_open=False), NOVEMBER])
    review.accept(db, approver, mark(db, number), PROFILE)
    assert posted(db) == "2026-11-01"


def test_a_date_that_the_approver_gave_survives_a_failure_and_ends_with_a_rejection(
    db: Database, approver: Actor
) -> None:
    number = make(db)
    review.accept(db, approver, mark(db, number), PROFILE, accounting_date=date(2026, 11, 15))
    export(db, refusal=True)
    review.retry(db, approver, mark(db, number), PROFILE, erp_number="SHORT")
    assert posted(db) == "2026-11-15"
    export(db, refusal=True)
    review.reject(db, approver, mark(db, number), "x")
    assert detail.detail(db, number).accounting_date == ""
    assert invoices.rows(db, [number])[0].erp_number == ""


def test_retry_repairs_the_number_of_one_invoice_in_one_event(db: Database, approver: Actor) -> None:
    first, second = make(db, "1"), make(db, "2", application=2, period_end="2026-11-30")
    review.accept(db, approver, mark(db, first, second), PROFILE)
    export(db, refusal=True)
    with pytest.raises(BadInput, match="for one invoice"):
        review.retry(db, approver, mark(db, first, second), PROFILE, erp_number="X")
    decision = review.retry(db, approver, mark(db, first), PROFILE, erp_number="X-77")
    assert decision.totals[0].hash_total == 77
    assert events(db, "retry") == 1
    assert events(db, "export values") == 0


def test_amounts_that_a_locked_later_application_was_made_from_stay(
    db: Database, approver: Actor, sender: Actor
) -> None:
    first = make(db, "1")
    second = make(db, "2", application=2)
    decision = review.reject(db, approver, mark(db, first), "wrong")
    assert decision.notes == ("2 was made from 1, which is rejected: check it too",)
    change = commitments.LineEdit(1, 80_000, 0, 8_000, 0)
    with pytest.raises(Disallowed, match="later application 2"):
        commitments.edit(db, sender, first, version(db, first), lines=[change])
    commitments.edit(db, sender, first, version(db, first), number="1-A")
    assert state(db, second) == "ready_to_export"


def test_later_applications_follow_a_corrected_one(db: Database, approver: Actor, sender: Actor) -> None:
    first = make(db, "1", erp_status="not_sent")
    second = make(db, "2", application=2, erp_status="not_sent", period_end="2026-11-30")
    third = make(db, "3", application=3, erp_status="not_sent", period_end="2026-12-31")
    change = commitments.LineEdit(1, 80_000, 20_000, 8_000, 0)
    decision = commitments.edit(db, sender, first, version(db, first), lines=[change])
    assert [note[:10] for note in decision.notes] == ["2 (SC-101)", "3 (SC-101)"]
    rows = {row.number: row for row in invoices.rows(db, [first, second, third])}
    # The materials stored in the first are not billed again by the second; what it bills itself stays.
    assert [rows[n].gross for n in "123"] == [100_000, 80_000, 100_000]
    assert {row.status for row in rows.values()} == {"under_review"}
    assert [detail.detail(db, n).summary.completed for n in (first, second, third)] == [
        100_000,
        180_000,
        280_000,
    ]
    assert [detail.detail(db, n).summary.retainage_to_date for n in (first, second, third)] == [
        8_000,
        18_000,
        28_000,
    ]
    commitments.set_status(db, sender, mark(db, first, second, third), Status.APPROVED)
    review.send(db, sender, mark(db, first, second, third))
    assert len(review.accept(db, approver, mark(db, first, second, third), PROFILE).done) == 3
    assert events(db, "edit") == 1


@pytest.mark.parametrize("figure", ["held", "stored_now"])
def test_retainage_and_materials_of_the_previous_application_are_compared_too(
    db: Database, approver: Actor, figure: str
) -> None:
    first, second = make(db, "1", erp_status="synced"), make(db, "2", application=2)
    with db.transaction():
        db.execute(f"UPDATE invoice_lines SET {figure} = {figure} + 1 WHERE invoice_id = ?", (first,))
    with pytest.raises(Blocked, match="previous application"):
        review.accept(db, approver, mark(db, second), PROFILE)


def test_a_limit_is_in_the_companys_currency(db: Database, approver: Actor) -> None:
    limited = UserValues(
        "jlopez", "J", "jlopez@acme.example", Level.STANDARD, can_push=True, limit_invoice=10**9
    )
    directory.put_user(db, None, limited)
    dinars = make(db, currency="KWD")
    with pytest.raises(NotPermitted, match="is in USD"):
        review.accept(db, approver, mark(db, dinars), PROFILE)


@pytest.mark.parametrize(
    "change", [{"limit_invoice": None}, {"email": "other@acme.example"}, {"can_push": False}]
)
def test_nobody_changes_what_decides_over_his_own_accepting(db: Database, change: dict[str, Any]) -> None:
    mine = UserValues("boss", "Boss", "boss@x.example", Level.ADMIN, Level.ADMIN, Level.ADMIN, True, 100)
    directory.put_user(db, None, mine)
    boss = directory.actor(db, "boss")
    with pytest.raises(NotPermitted, match="his own"):
        directory.put_user(db, boss, dataclasses.replace(mine, **change))
    directory.put_user(db, boss, dataclasses.replace(mine, name="The Boss"))
    assert directory.find_user(db, "boss") == dataclasses.replace(mine, name="The Boss")


def test_the_last_directory_admin_stays(db: Database, admin: Actor) -> None:
    ada = directory.find_user(db, "admin")
    assert ada
    with pytest.raises(BadInput, match="last Directory Admin"):
        directory.put_user(db, admin, dataclasses.replace(ada, active=False))


@pytest.mark.parametrize("way", ["sent it before", "edited it"])
def test_who_ever_prepared_it_does_not_accept_it(db: Database, admin: Actor, sender: Actor, way: str) -> None:
    number = make(db, erp_status="not_sent", creator="x@y.example")
    if way == "edited it":
        change = commitments.LineEdit(1, 50_000, 0, 5_000, 0)
        commitments.edit(db, admin, number, version(db, number), lines=[change])
        commitments.set_status(db, sender, mark(db, number), Status.APPROVED)
    else:
        review.send(db, admin, mark(db, number))
        review.retrieve(db, sender, mark(db, number))
    review.send(db, sender, mark(db, number))
    with pytest.raises(NotPermitted, match="created, edited or sent"):
        review.accept(db, admin, mark(db, number), PROFILE)


def test_what_a_revoked_user_accepted_goes_back_to_ready_unless_it_is_being_sent(
    db: Database, admin: Actor, approver: Actor
) -> None:
    going = make(db, "1")
    review.accept(db, approver, mark(db, going), PROFILE)
    jobs = outbox.claim(db, "sandbox", "w1", limit=1, lease_ms=60_000, concurrency=1)
    outbox.fence(db, "w1", jobs)
    held = make(db, "2", application=2)
    review.accept(db, approver, mark(db, held), PROFILE)
    juan = directory.find_user(db, "jlopez")
    assert juan
    directory.put_user(db, admin, dataclasses.replace(juan, can_push=False))
    assert (state(db, held), state(db, going)) == ("ready_to_export", "exporting")
    whole = detail.detail(db, held)
    assert [event.who for event in whole.history if event.what == "user"] == ["admin"]


def test_a_preview_is_for_approvers_alone(db: Database, sender: Actor) -> None:
    number = make(db)
    with pytest.raises(NotPermitted):
        review.plan_export(db, sender, mark(db, number), PROFILE, Action.ACCEPT)
    with pytest.raises(NotPermitted):
        review.recall_batch(db, sender, 999)


def test_two_currencies_are_one_decision_and_one_event(db: Database, approver: Actor) -> None:
    dollars, yen = make(db), make(db, "Y-1", commitment="SC-Y", currency="JPY")
    review.accept(db, approver, mark(db, dollars, yen), PROFILE)
    assert events(db, "accept") == 1


def test_an_edit_says_which_lines_it_changed(db: Database, sender: Actor) -> None:
    number = make(db, erp_status="not_sent", lines=(line(1), line(2)))
    changes = [commitments.LineEdit(1, 120_000, 0, 10_000, 0), commitments.LineEdit(2, 80_000, 0, 10_000, 0)]
    commitments.edit(db, sender, number, version(db, number), lines=changes)
    before, after = db.execute("SELECT before, after FROM audit_rows ORDER BY event_id DESC").fetchone()
    assert "this period 1000.00" in msgspec.json.decode(before)["line 1"]
    assert "this period 1200.00" in msgspec.json.decode(after)["line 1"]


def test_the_bill_has_the_erps_name_of_a_cost_code(db: Database, approver: Actor) -> None:
    number = make(db)
    with db.transaction():
        project = db.execute("SELECT project_id FROM invoices").fetchone()[0]
        db.execute(
            "INSERT INTO cost_codes (project_id, source_id, code, name, erp_ref) VALUES (?, 'x', '03-300', 'C', '3300')",
            (project,),
        )
    review.accept(db, approver, mark(db, number), PROFILE)
    payload, sha256 = db.execute("SELECT payload, payload_sha256 FROM export_jobs").fetchone()
    assert {(line.cost_code, line.account) for line in decode(payload, sha256).lines} == {("03-300", "3300")}


def test_every_broken_rule_of_the_profile_is_told(db: Database, approver: Actor) -> None:
    number = make(db, "", vendor_ref="")
    [told] = review.plan_export(db, approver, mark(db, number), PROFILE, Action.ACCEPT).stays.first
    assert "vendor" in told.cause
    assert "number" in told.cause


def test_a_character_that_no_database_stores_is_named(db: Database, approver: Actor) -> None:
    number = make(db)
    with pytest.raises(BadInput, match="no database stores"):
        review.accept(db, approver, mark(db, number), PROFILE, description="a\x00")
    with pytest.raises(BadInput, match="no database stores"):
        review.reject(db, approver, mark(db, number), "a\x00")


def test_the_directory_knows_the_creator_where_the_file_gave_a_login_alone(
    db: Database, approver: Actor, sender: Actor
) -> None:
    number = make(db, erp_status="not_sent", creator="mgarcia")
    review.send(db, sender, mark(db, number))
    review.reject(db, approver, mark(db, number), "x")
    [notice] = notices.of_invoice(db, number)
    assert (notice.address, notice.state) == ("mgarcia@acme.example", "waiting")
