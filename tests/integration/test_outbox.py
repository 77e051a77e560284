"""The queue's rows on both databases: claim, fence, acknowledge, expire, look up, and what each is fenced off by."""

from __future__ import annotations

import msgspec
import pytest
from export_case import make_bill, queue_jobs, states, statuses

from erp import profiles
from store import lookup, outbox, workers
from store.db import Database
from store.domain.bill import encode
from store.domain.outcome import Booked, Later, Missing, PostOutcome, Refused, Split, Unknown
from store.domain.profile import Profile
from store.domain.status import JobState
from store.job import Job

LEASE = 60_000
SETTLE = 1_000


@pytest.fixture
def keyed() -> Profile:
    return profiles.load("sandbox")


def claim(db: Database, worker: str = "w1", limit: int = 10, lease_ms: int = LEASE) -> list[Job]:
    return outbox.claim(db, "sandbox", worker, limit=limit, lease_ms=lease_ms, concurrency=1)


def acknowledge(db: Database, job: Job, outcome: PostOutcome, worker: str = "w1") -> list[Job]:
    return outbox.acknowledge(db, worker, "sandbox", [(job, outcome)], settle_ms=SETTLE)


def sending(db: Database, count: int = 1, worker: str = "w1") -> list[Job]:
    """Jobs whose sending has begun."""
    queue_jobs(db, [make_bill(n) for n in range(1, count + 1)])
    return outbox.fence(db, worker, claim(db, worker, limit=count))


def uncertain(db: Database) -> Job:
    """One uncertain job, claimed for look-up by w2."""
    [job] = sending(db)
    acknowledge(db, job, Unknown(job.key, "lost"))
    return ask(db)


def ask(db: Database) -> Job:
    """The uncertain job, its settle time over, claimed for look-up by w2."""
    passed(db)
    [found] = lookup.claim_lookups(db, "sandbox", "w2", limit=10, lease_ms=LEASE)
    return found


def passed(db: Database) -> None:
    """Let every waiting time be over."""
    db.execute("UPDATE export_jobs SET run_at = 0")


def run_out(db: Database) -> None:
    """Let every lease be over."""
    db.execute("UPDATE export_jobs SET lease_until = 1 WHERE lease_until IS NOT NULL")


def evidence(db: Database) -> list[tuple[str, str]]:
    return [
        tuple(row) for row in db.execute("SELECT kind, outcome FROM export_attempts ORDER BY id").fetchall()
    ]


# -- claim -----------------------------------------------------------------------------------------------------


def test_claims_the_oldest_due_as_one_parcel_and_nothing_twice(db: Database) -> None:
    queue_jobs(db, [make_bill(n) for n in range(1, 6)])
    first = claim(db, limit=3)
    assert [job.key for job in first] == [make_bill(n).key for n in (1, 2, 3)]
    assert len({job.parcel for job in first}) == 1
    assert claim(db, "w2") == []  # the ERP bears one parcel at a time
    for job in outbox.fence(db, "w1", first):
        acknowledge(db, job, Booked(job.key, "R"))
    assert [job.key for job in claim(db, "w2")] == [make_bill(n).key for n in (4, 5)]


def test_a_held_job_waits_for_its_time(db: Database) -> None:
    queue_jobs(db, [make_bill(1)])
    db.execute("UPDATE export_jobs SET run_at = ?", (db.now() + 60_000,))
    assert claim(db) == []


def test_a_cancelled_job_is_lost_at_the_fence(db: Database) -> None:
    [invoice] = queue_jobs(db, [make_bill(1)])
    jobs = claim(db)
    assert outbox.cancel(db, [invoice]) == {invoice}
    assert outbox.fence(db, "w1", jobs) == []


def test_what_began_cannot_be_cancelled(db: Database) -> None:
    [job] = sending(db)
    assert outbox.cancel(db, [job.invoice_id]) == set()
    assert states(db) == {"claimed": 1}


# -- fence -----------------------------------------------------------------------------------------------------


def test_the_fence_holds_for_the_claims_worker_alone(db: Database) -> None:
    queue_jobs(db, [make_bill(1)])
    jobs = claim(db)
    assert outbox.fence(db, "w2", jobs) == []
    assert outbox.fence(db, "w1", jobs) == jobs
    assert statuses(db) == {"exporting": 1}


def test_the_fence_is_passed_once(db: Database) -> None:
    jobs = sending(db)
    assert outbox.fence(db, "w1", jobs) == []


def test_the_fence_does_not_hold_after_the_lease(db: Database) -> None:
    queue_jobs(db, [make_bill(1)])
    jobs = claim(db)
    run_out(db)
    assert outbox.fence(db, "w1", jobs) == []


def test_the_fence_does_not_hold_for_an_earlier_attempt(db: Database) -> None:
    queue_jobs(db, [make_bill(1)])
    old = claim(db)
    outbox.release(db, "w1")
    new = claim(db)
    assert outbox.fence(db, "w1", old) == []
    assert outbox.fence(db, "w1", new) == new


@pytest.mark.parametrize(("sends", "state"), [(0, "cancelled"), (1, "parked")])
def test_a_job_whose_invoice_was_changed_by_hand_stays_and_its_neighbour_is_sent(
    db: Database, sends: int, state: str
) -> None:
    first, _ = queue_jobs(db, [make_bill(1), make_bill(2)])
    db.execute("UPDATE invoices SET erp_status = 'ready_to_export' WHERE id = ?", (first,))
    # Something of it was sent before: it may be in the ERP, whatever was said of it then.
    db.execute("UPDATE export_jobs SET sends = ? WHERE invoice_id = ?", (sends, first))
    held = outbox.fence(db, "w1", claim(db))
    assert [job.key for job in held] == [make_bill(2).key]
    assert states(db) == {state: 1, "claimed": 1}
    error = db.execute("SELECT error_text FROM export_jobs WHERE invoice_id = ?", (first,)).fetchone()[0]
    assert error == "its invoice was changed outside payapp: it is ready_to_export"


def test_an_invoice_whose_job_never_left_can_be_exported_again(db: Database) -> None:
    [invoice] = queue_jobs(db, [make_bill(1)])
    db.execute("UPDATE invoices SET erp_status = 'ready_to_export'")
    assert outbox.fence(db, "w1", claim(db)) == []
    db.execute("UPDATE invoices SET erp_status = 'queued'")
    with db.transaction():
        batch = db.execute("SELECT batch_id FROM invoices").fetchone()[0]
        outbox.enqueue(
            db, [(invoice, 2, batch, "key:2", "sandbox", *encode(make_bill(1)), "2026-10-31", 0, False)]
        )
    assert [job.key for job in outbox.fence(db, "w1", claim(db))] == ["key:2"]


# -- acknowledge -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "state", "status"),
    [
        (Booked("", "SBX-1"), "done", "synced"),
        (Refused("", "vendor.unknown", "no such vendor", "add it"), "failed", "failed_to_export"),
        (Later("", "closed"), "pending", "queued"),
        (Split("", "all refused"), "pending", "queued"),
        (Unknown("", "no reply"), "uncertain", "uncertain"),
    ],
)
def test_an_outcome_moves_job_and_invoice_together(
    db: Database, outcome: PostOutcome, state: str, status: str
) -> None:
    [job] = sending(db)
    assert acknowledge(db, job, msgspec.structs.replace(outcome, key=job.key)) == []
    assert states(db) == {state: 1}
    assert statuses(db) == {status: 1}
    assert evidence(db) == [("begun", ""), ("ended", type(outcome).__name__.lower())]


def test_a_refusal_shows_its_code_cause_and_fix(db: Database) -> None:
    [job] = sending(db)
    acknowledge(db, job, Refused(job.key, "period.closed", "the \x1b[2J period is closed", "D: another date"))
    row = db.execute("SELECT error_code, error_cause, error_fix FROM invoices").fetchone()
    assert tuple(row) == ("period.closed", "the ^[[2J period is closed", "D: another date")


@pytest.mark.parametrize("change", ["worker = 'w9'", "attempt = attempt + 1", "state = 'failed'"])
def test_a_late_acknowledgement_is_fenced_off_and_kept_as_evidence(db: Database, change: str) -> None:
    [job] = sending(db)
    db.execute(f"UPDATE export_jobs SET {change}")
    db.execute("UPDATE invoices SET erp_status = 'uncertain'")
    assert acknowledge(db, job, Booked(job.key, "SBX-1")) == [job]
    assert statuses(db) == {"uncertain": 1}
    assert evidence(db)[-1] == ("late", "booked")
    assert lookup.late_reference(db, job) == "SBX-1"


def test_a_parcel_refused_whole_goes_again_one_by_one(db: Database) -> None:
    jobs = sending(db, 3)
    outbox.acknowledge(
        db, "w1", "sandbox", [(job, Split(job.key, "one is bad")) for job in jobs], settle_ms=SETTLE
    )
    passed(db)
    for _ in jobs:
        [alone] = claim(db)
        assert alone.alone
        [held] = outbox.fence(db, "w1", [alone])
        acknowledge(db, held, Booked(held.key, f"R{held.id}"))
    assert states(db) == {"done": 3}


def test_an_invoice_changed_by_hand_does_not_take_its_neighbours_proof_along(db: Database) -> None:
    first, second = sending(db, 2)
    db.execute("UPDATE invoices SET erp_status = 'not_sent' WHERE id = ?", (first.invoice_id,))
    outbox.acknowledge(
        db, "w1", "sandbox", [(first, Booked(first.key, "A")), (second, Booked(second.key, "B"))], settle_ms=0
    )
    assert states(db) == {"parked": 1, "done": 1}
    assert ("late", "booked") in evidence(db)


# -- leases ----------------------------------------------------------------------------------------------------


def test_a_lease_that_ran_out_gives_back_what_was_not_begun_and_doubts_the_rest(db: Database) -> None:
    queue_jobs(db, [make_bill(1), make_bill(2)])
    jobs = claim(db)
    outbox.fence(db, "w1", jobs[:1])
    assert outbox.expire(db, settle_ms=SETTLE) == (0, 0)
    run_out(db)
    assert outbox.expire(db, settle_ms=SETTLE) == (1, 1)
    assert states(db) == {"pending": 1, "uncertain": 1}
    assert statuses(db) == {"queued": 1, "uncertain": 1}


def test_the_lock_decides_takeover_whatever_the_clock_says(db: Database) -> None:
    sending(db, 1, "dead")
    assert outbox.expire(db, settle_ms=SETTLE, sole_worker="dead") == (0, 0)
    assert outbox.expire(db, settle_ms=SETTLE, sole_worker="new") == (0, 1)


def test_expiry_goes_on_beside_an_invoice_that_was_changed_by_hand(db: Database) -> None:
    first, _ = sending(db, 2)
    db.execute("UPDATE invoices SET erp_status = 'synced' WHERE id = ?", (first.invoice_id,))
    run_out(db)
    outbox.expire(db, settle_ms=SETTLE)
    assert states(db) == {"parked": 1, "uncertain": 1}


def test_a_heartbeat_keeps_what_is_held_and_revives_nothing(db: Database) -> None:
    [job] = sending(db)
    before = db.execute("SELECT lease_until FROM export_jobs").fetchone()[0]
    outbox.extend(db, "w1", [job], LEASE * 2)
    assert db.execute("SELECT lease_until FROM export_jobs").fetchone()[0] > before
    run_out(db)
    outbox.extend(db, "w1", [job], LEASE)
    assert db.execute("SELECT lease_until FROM export_jobs").fetchone()[0] == 1


# -- look-up ---------------------------------------------------------------------------------------------------


def test_an_uncertain_job_is_never_claimed_for_sending(db: Database) -> None:
    [job] = sending(db)
    acknowledge(db, job, Unknown(job.key, "lost"))
    passed(db)
    assert claim(db) == []


def test_it_is_not_asked_about_before_its_settle_time(db: Database) -> None:
    [job] = sending(db)
    outbox.acknowledge(db, "w1", "sandbox", [(job, Unknown(job.key, "lost"))], settle_ms=3_600_000)
    assert lookup.claim_lookups(db, "sandbox", "w2", limit=10, lease_ms=LEASE) == []


def test_found_means_synced(db: Database, keyed: Profile) -> None:
    job = uncertain(db)
    assert lookup.resolve(db, "w2", job, Booked(job.key, "SBX-7"), keyed, sender_dead=False) is JobState.DONE
    assert tuple(db.execute("SELECT erp_status, origin_id FROM invoices").fetchone()) == ("synced", "SBX-7")


def test_an_answer_about_an_invoice_that_was_set_to_exporting_by_hand_is_for_a_person(
    db: Database, keyed: Profile
) -> None:
    job = uncertain(db)
    db.execute("UPDATE invoices SET erp_status = 'exporting'")
    assert lookup.resolve(db, "w2", job, Missing(job.key), keyed, sender_dead=True) is JobState.PARKED
    assert statuses(db) == {"exporting": 1}
    [error] = db.execute("SELECT error_text FROM export_jobs").fetchone()
    assert error == "its invoice was changed outside payapp: it is exporting"


def test_missing_counts_when_it_was_said_twice_and_goes_again_alone_with_its_key(
    db: Database, keyed: Profile
) -> None:
    job = uncertain(db)
    assert lookup.resolve(db, "w2", job, Missing(job.key), keyed, sender_dead=False) is JobState.UNCERTAIN
    assert lookup.claim_lookups(db, "sandbox", "w2", limit=10, lease_ms=LEASE) == []  # settle apart
    again = ask(db)
    assert lookup.resolve(db, "w2", again, Missing(job.key), keyed, sender_dead=False) is JobState.PENDING
    [sent] = outbox.fence(db, "w2", claim(db, "w2"))
    assert (sent.key, sent.payload, sent.alone, sent.sends) == (job.key, job.payload, True, 1)


@pytest.mark.parametrize(("dead", "state"), [(False, JobState.PARKED), (True, JobState.PENDING)])
def test_without_keys_a_missing_one_goes_again_only_when_its_sender_is_dead(
    db: Database, keyed: Profile, dead: bool, state: JobState
) -> None:
    unkeyed = msgspec.structs.replace(keyed, enforces_keys=False)
    job = uncertain(db)
    lookup.resolve(db, "w2", job, Missing(job.key), unkeyed, sender_dead=dead)
    assert lookup.resolve(db, "w2", ask(db), Missing(job.key), unkeyed, sender_dead=dead) is state


def test_an_erp_that_never_answers_leaves_it_to_a_person(db: Database, keyed: Profile) -> None:
    state = JobState.UNCERTAIN
    job = uncertain(db)
    for _ in range(lookup.UNANSWERED_AT_MOST):
        assert state is JobState.UNCERTAIN
        state = lookup.resolve(db, "w2", job, Unknown(job.key, "down"), keyed, sender_dead=True)
        job = ask(db) if state is JobState.UNCERTAIN else job
    assert state is JobState.PARKED
    assert statuses(db) == {"parked": 1}


def test_deferrals_do_not_use_up_the_look_ups(db: Database, keyed: Profile) -> None:
    [job] = sending(db)
    db.execute("UPDATE export_jobs SET deferrals = 50")
    acknowledge(db, job, Unknown(job.key, "lost"))
    found = ask(db)
    assert (
        lookup.resolve(db, "w2", found, Unknown(job.key, "?"), keyed, sender_dead=False) is JobState.UNCERTAIN
    )


def test_an_answer_to_an_earlier_look_up_changes_nothing(db: Database, keyed: Profile) -> None:
    job = uncertain(db)
    run_out(db)
    [newer] = lookup.claim_lookups(db, "sandbox", "w3", limit=10, lease_ms=LEASE)
    assert lookup.resolve(db, "w2", job, Missing(job.key), keyed, sender_dead=True) is JobState.UNCERTAIN
    assert lookup.resolve(db, "w3", newer, Booked(job.key, "R"), keyed, sender_dead=True) is JobState.DONE


def test_a_person_gets_what_nobody_can_ask_about(db: Database) -> None:
    job = uncertain(db)
    lookup.park(db, "w9", job, "not mine")
    assert states(db) == {"uncertain": 1}
    lookup.park(db, "w2", job, "the payload was changed")
    assert statuses(db) == {"parked": 1}
    cause, fix = db.execute("SELECT error_cause, error_fix FROM invoices").fetchone()
    assert cause == "the payload was changed"
    assert "payapp never sends it again by itself" in fix and "payapp reconcile" in fix


def test_the_sender_of_an_uncertain_job_is_known_and_whether_it_has_ended(db: Database) -> None:
    workers.register(db, "w1", "host/1", 4711)
    job = uncertain(db)
    assert lookup.sender(db, job) == lookup.Sender("w1", "host/1", 4711, stopped=False)
    workers.stopped(db, "w1")
    assert lookup.sender(db, job) == lookup.Sender("w1", "host/1", 4711, stopped=True)


# -- the breaker -----------------------------------------------------------------------------------------------


def test_an_erp_that_does_not_answer_is_paused_then_probed_with_one(db: Database) -> None:
    queue_jobs(db, [make_bill(n) for n in range(1, 9)])
    for _ in range(outbox.BREAKER_AFTER):
        jobs = outbox.fence(db, "w1", claim(db, limit=4))
        assert len(jobs) == 4
        outbox.acknowledge(
            db, "w1", "sandbox", [(job, Later(job.key, "503")) for job in jobs], settle_ms=SETTLE
        )
        passed(db)
    assert claim(db) == []  # paused: nobody's invoice fails
    assert states(db) == {"held": 4, "pending": 4}
    db.execute("UPDATE erp_state SET open_until = 0")
    [probe] = outbox.fence(db, "w1", claim(db, limit=4))
    assert outbox.claim(db, "sandbox", "w2", limit=4, lease_ms=LEASE, concurrency=9) == []
    acknowledge(db, probe, Booked(probe.key, "R"))
    assert len(claim(db, limit=4)) == 4


def test_one_that_answers_with_refusals_is_not_paused(db: Database) -> None:
    for job in sending(db, 9):
        acknowledge(db, job, Refused(job.key, "c", "cause", "fix"))
    assert tuple(db.execute("SELECT failures, open_until FROM erp_state").fetchone()) == (0, 0)
