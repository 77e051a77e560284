"""The decisions, through their public door, on both databases."""

from collections.abc import Callable
from datetime import date

import msgspec
import pytest
from invoice_factory import line, make, state, version

from erp import profiles
from store import audit, batches, detail, directory, invoices, notices, outbox, periods, review
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
from store.domain.selection import Marked, Matching
from store.domain.status import ProjectView, View
from store.job import Job
from store.query import digest, matched

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
        review.accept(db, approver, Matching(View.READY), PROFILE)


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
    with pytest.raises(NotPermitted, match="created or sent"):
        review.accept(db, approver, mark(db, number), PROFILE)


def test_who_sent_it_does_not_accept_it(db: Database, admin: Actor) -> None:
    number = make(db, erp_status="not_sent", creator="x@y.example")
    review.send(db, admin, mark(db, number))
    with pytest.raises(NotPermitted, match="created or sent"):
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
    seen = digest(matched(db, Matching(View.READY), "USD"))
    make(db, "2", application=2)
    with pytest.raises(Changed):
        review.accept(db, approver, Matching(View.READY, digest=seen), PROFILE)
    now = digest(matched(db, Matching(View.READY), "USD"))
    assert len(review.accept(db, approver, Matching(View.READY, digest=now), PROFILE).done) == 2


def test_expected_control_totals_that_differ_change_nothing(db: Database, approver: Actor) -> None:
    number = make(db)
    for expect in (review.Expectation(count=2), review.Expectation(net=90_001)):
        with pytest.raises(TotalsDiffer):
            review.accept(db, approver, mark(db, number), PROFILE, expect=expect)
    assert state(db, number) == "ready_to_export" and events(db, "accept") == 0
    review.accept(db, approver, mark(db, number), PROFILE, expect=review.Expectation(1, 90_000))


def test_currencies_go_in_batches_of_their_own(db: Database, approver: Actor) -> None:
    dollars, yen = make(db), make(db, "Y-1", commitment="SC-Y", currency="JPY")
    decision = review.accept(db, approver, mark(db, dollars, yen), PROFILE)
    assert [t.currency for t in decision.totals] == ["JPY", "USD"] and len(decision.batches) == 2


def test_a_closed_period_moves_the_default_date_and_blocks_a_given_one(db: Database, approver: Actor) -> None:
    number = make(db)
    periods.put(db, "sandbox", [
        Period(date(2026, 10, 1), date(2026, 10, 31), False), Period(date(2026, 11, 1), date(2026, 11, 30), True),
    ])  # fmt: skip
    plan = review.plan_export(db, approver, mark(db, number), PROFILE)
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
    assert (
        "before the earlier application 1"
        in review.plan_export(db, approver, mark(db, second), PROFILE).warnings[0]
    )


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
    assert [row.id for row in invoices.rows(db, invoices.listing(db, ProjectView.RETURNED).ids)] == [number]
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
    assert [event.what for event in whole.history] == ["send", "reject"]


def test_an_event_says_what_was_before_and_after_and_by_which_rule(db: Database, approver: Actor) -> None:
    number = make(db)
    review.accept(db, approver, mark(db, number), PROFILE)
    before, after, rule = db.execute(
        "SELECT before, after, rule FROM audit_rows WHERE subject = 'invoice' ORDER BY event_id DESC"
    ).fetchone()
    assert msgspec.json.decode(before) == {"erp_status": "ready_to_export"}
    assert msgspec.json.decode(after)["erp_status"] == "queued" and "preparer" in rule
    assert (
        audit.detail_of(db.execute("SELECT detail FROM audit_events ORDER BY id DESC").fetchone()[0])["net"]
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
    assert review.plan_export(db, approver, mark(db, second), PROFILE).stays == ()
    with db.transaction():
        db.execute("UPDATE invoice_lines SET work_now = work_now + 1 WHERE invoice_id = ?", (first,))
    with pytest.raises(Blocked, match=r"1,000\.00 before.*1,000\.01"):
        review.accept(db, approver, mark(db, second), PROFILE)
    assert state(db, second) == "ready_to_export"
