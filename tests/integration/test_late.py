"""A reply that comes after its claim has ended: a bill that the ERP has booked is booked, and of nothing else it says anything."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from export_case import make_bill, queue_jobs, sandbox_on, states, statuses
from invoice_factory import make, version

from erp import exporting
from erp.connectors.sandbox import Sandbox, SandboxSettings
from erp.exporting import Exporting
from store import lookup, outbox, resolving, review
from store.db import Database
from store.domain.actor import Actor
from store.domain.bill import Bill, encode
from store.domain.outcome import Booked, Later, Missing, PostOutcome, Refused, Unknown
from store.domain.profile import Profile
from store.domain.selection import Marked
from store.domain.status import JobState
from store.job import Job

LEASE = 60_000


def begun(db: Database, count: int = 1) -> list[Job]:
    queue_jobs(db, [make_bill(n) for n in range(1, count + 1)])
    _, jobs = outbox.begin(db, "sandbox", "w1", limit=9, lease_ms=LEASE, concurrency=1)
    return jobs


def over(db: Database) -> None:
    """The leases have run out."""
    db.execute("UPDATE export_jobs SET lease_until = 1")
    outbox.expire(db, settle_ms=0)
    db.execute("UPDATE export_jobs SET run_at = 0")


def asked(db: Database) -> Job:
    [job] = lookup.claim_lookups(db, "sandbox", "w2", limit=1, lease_ms=LEASE)
    return job


def told(db: Database, job: Job, outcome: PostOutcome) -> list[Job]:
    return outbox.acknowledge(db, "w1", "sandbox", [(job, outcome)], settle_ms=0)


def kinds(db: Database) -> list[tuple[str, str]]:
    return [
        tuple(row) for row in db.execute("SELECT kind, outcome FROM export_attempts ORDER BY id").fetchall()
    ]


def synced(db: Database) -> bool:
    row = db.execute("SELECT erp_status, origin_id FROM invoices").fetchone()
    return bool(tuple(row) == ("synced", "R-1") and states(db) == {"done": 1})


@pytest.mark.parametrize("looked_up", [False, True])
def test_what_is_uncertain_is_booked_and_who_asks_about_it_is_fenced_off(
    db: Database, quick: Profile, looked_up: bool
) -> None:
    [job] = begun(db)
    over(db)
    look = asked(db) if looked_up else None
    assert told(db, job, Booked(job.key, "R-1")) == [job]
    assert synced(db)
    assert kinds(db)[-1] == ("late", "booked")
    if look:
        assert lookup.resolve(db, "w2", look, Missing(job.key), quick, sender_dead=True) is JobState.DONE
        assert synced(db)


def test_two_attempts_of_a_job_that_are_answered_in_one_turn_are_told_apart(
    db: Database, quick: Profile
) -> None:
    [first] = begun(db)
    over(db)
    while states(db) != {"pending": 1}:
        lookup.resolve(db, "w2", asked(db), Missing(first.key), quick, sender_dead=True)
        db.execute("UPDATE export_jobs SET run_at = 0")
    _, [second] = outbox.begin(db, "sandbox", "w1", limit=9, lease_ms=LEASE, concurrency=1)
    assert second.id == first.id and second.attempt > first.attempt
    answered: list[tuple[Job, PostOutcome]] = [
        (first, Booked(first.key, "R-1")),
        (second, Later(second.key, "busy")),
    ]
    assert outbox.acknowledge(db, "w1", "sandbox", answered, settle_ms=0) == [first]
    assert {("late", "booked"), ("ended", "later")} <= set(kinds(db))
    # What holds counts; the same key goes again, and the ERP answers with the bill that it has.
    assert states(db) == {"pending": 1} and statuses(db) == {"queued": 1}


def test_what_is_parked_is_booked(db: Database) -> None:
    [job] = begun(db)
    over(db)
    lookup.park(db, "w2", asked(db), "nobody can ask")
    assert statuses(db) == {"parked": 1}
    told(db, job, Booked(job.key, "R-1"))
    assert synced(db)
    assert db.execute("SELECT error_code, error_cause, error_fix FROM invoices").fetchone() == ("", "", "")


@pytest.mark.parametrize("state", ["failed", "cancelled", "claimed", "pending"])
def test_what_waits_for_nobody_or_is_sent_again_keeps_it_as_evidence(db: Database, state: str) -> None:
    [job] = begun(db)
    over(db)
    db.execute("UPDATE export_jobs SET state = ?, worker = 'w2'", (state,))
    before = statuses(db)
    assert told(db, job, Booked(job.key, "R-1")) == [job]
    assert (states(db), statuses(db)) == ({state: 1}, before)
    assert lookup.late_reference(db, job) == "R-1"


def test_another_late_outcome_moves_nothing(db: Database) -> None:
    [job] = begun(db)
    over(db)
    told(db, job, Refused(job.key, "closed", "the period is closed", "open it"))
    assert statuses(db) == {"uncertain": 1}


def test_an_invoice_that_was_changed_outside_is_left_alone(db: Database) -> None:
    [job] = begun(db)
    over(db)
    lookup.park(db, "w2", asked(db), "nobody can ask")
    db.execute("UPDATE invoices SET erp_status = 'not_sent'")
    assert told(db, job, Booked(job.key, "R-1")) == [job]
    assert (states(db), statuses(db)) == ({"parked": 1}, {"not_sent": 1})


def test_the_reply_to_another_bill_of_the_same_key_books_nothing(db: Database) -> None:
    """After a restore the invoice may have been corrected, and accepted again under its first key."""
    [job] = begun(db)
    other = replace(job, payload_sha256=encode(make_bill(1, description="November"))[1])
    assert told(db, other, Booked(job.key, "R-1")) == [other]
    assert states(db) == {"claimed": 1}
    over(db)
    told(db, other, Booked(job.key, "R-1"))
    assert statuses(db) == {"uncertain": 1}


@pytest.mark.parametrize("ended", [False, True])
def test_a_reply_for_a_job_whose_id_is_anothers_since_a_restore_is_dropped(db: Database, ended: bool) -> None:
    [job, beside] = begun(db, 2)
    if ended:
        over(db)
    key, (payload, sha256) = make_bill(7).key, encode(make_bill(7))
    outlived = replace(job, key=key, payload=payload, payload_sha256=sha256)
    results: list[tuple[Job, PostOutcome]] = [
        (outlived, Booked(key, "R-7")),
        (beside, Booked(beside.key, "R-2")),
    ]
    late = outbox.acknowledge(db, "w1", "sandbox", results, settle_ms=0)
    assert late == ([outlived, beside] if ended else [outlived])
    assert outbox.gone(db, late) == [outlived]
    assert states(db) == {"uncertain" if ended else "claimed": 1, "done": 1}
    assert lookup.late_reference(db, job) is None
    assert db.execute("SELECT count(*) FROM export_attempts WHERE job_id = ?", (job.id,)).fetchone() == (1,)


def test_a_reply_that_was_written_down_for_another_key_is_no_proof(db: Database) -> None:
    [job] = begun(db)
    over(db)
    db.execute("UPDATE export_jobs SET state = 'failed'")
    told(db, job, Booked(job.key, "R-1"))
    assert lookup.late_reference(db, replace(job, key=make_bill(7).key)) is None


def test_a_refusal_that_another_worker_heard_proves_nothing_of_this_sending(db: Database) -> None:
    """The attempt of one number before a restore is not that of the same number after it."""
    [job] = begun(db)
    outbox.acknowledge(
        db, "before", "sandbox", [(job, Refused(job.key, "closed", "closed", ""))], settle_ms=0
    )
    db.execute("UPDATE export_jobs SET state = 'pending', send_begun = NULL, worker = NULL")
    db.execute("UPDATE invoices SET erp_status = 'queued'")
    assert outbox.cancel(db, [job.invoice_id]) == set()


# -- the worker ------------------------------------------------------------------------------------------------------


class Restored(Sandbox):
    """While it books, the database is restored to before the invoices were accepted."""

    db: Database

    async def post(self, bills: Sequence[Bill]) -> Sequence[Booked | Refused | Later | Unknown]:
        def restore(db: Database) -> None:
            db.execute("DELETE FROM export_attempts")
            db.execute("DELETE FROM export_jobs")

        await self.db.write(restore)
        return await super().post(bills)


async def test_a_worker_that_outlives_a_restore_says_what_it_cannot_write_down(
    db: Database, books: Path, quick: Profile, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    erp = Restored(SandboxSettings(str(books)), quick)
    erp.db = db
    queue_jobs(db, [make_bill(1)])
    worker = Exporting(db, erp, "w1", lease=60.0, lock=None)
    async with asyncio.timeout(30):
        _, jobs = await worker.begin(lambda: True)
        await worker.send(jobs, lambda: False, asyncio.Event())
    await erp.close()
    assert "acknowledge.gone" in caplog.text and make_bill(1).key in caplog.text
    assert states(db) == {}


async def test_an_outcome_that_fits_nothing_is_left_to_the_lease(
    db: Database,
    books: Path,
    quick: Profile,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    tries: list[int] = []

    def defective(*_: Any, **__: Any) -> Any:
        tries.append(1)
        raise RuntimeError("invoices [1] are not in the state of their job")

    monkeypatch.setattr(outbox, "acknowledge", defective)
    monkeypatch.setattr(exporting, "AGAIN", 0.0)
    queue_jobs(db, [make_bill(1)])
    erp = sandbox_on(books, quick)
    worker = Exporting(db, erp, "w1", lease=60.0, lock=None)
    async with asyncio.timeout(30):
        _, jobs = await worker.begin(lambda: True)
        await worker.send(jobs, lambda: False, asyncio.Event())
    await erp.close()
    assert len(tries) == exporting.DEFECTS
    assert caplog.text.count("acknowledge.defect") == exporting.DEFECTS
    # Its lease ends, and the ERP is asked.
    over(db)
    assert statuses(db) == {"uncertain": 1}


# -- what is asked about -----------------------------------------------------------------------------------------------


def test_no_more_is_claimed_for_look_up_than_there_is_room_for(db: Database) -> None:
    begun(db, 6)
    over(db)
    if db.postgres:
        # A plan that would look into the choice once a row, and find others free each time.
        for name in ("hashjoin", "mergejoin", "hashagg", "sort", "material", "seqscan", "memoize"):
            db.execute(f"SELECT set_config('enable_{name}', 'off', FALSE)")
    assert len(lookup.claim_lookups(db, "sandbox", "w2", limit=2, lease_ms=LEASE)) == 2


def test_the_next_revision_is_not_sent_when_the_first_turns_out_to_be_booked(
    db: Database, approver: Actor, quick: Profile
) -> None:
    """By hand it was said not to be there, and retried; then the reply of the first sending comes."""
    number = make(db, "101-001")
    review.accept(db, approver, Marked({number: version(db, number)}), quick)
    db.execute("UPDATE export_jobs SET run_at = 0")
    _, [job] = outbox.begin(db, "sandbox", "w1", limit=9, lease_ms=LEASE, concurrency=1)
    over(db)
    db.execute("UPDATE export_jobs SET send_begun = 1")
    resolving.not_booked(db, approver, number, "looked for it by number", settle_ms=1)
    review.retry(db, approver, Marked({number: version(db, number)}), quick)
    told(db, job, Booked(job.key, "R-1"))
    assert states(db) == {"failed": 1, "parked": 1}
    db.execute("UPDATE export_jobs SET run_at = 0 WHERE state <> 'parked'")
    assert outbox.begin(db, "sandbox", "w2", limit=9, lease_ms=LEASE, concurrency=1) == (0, [])
    status, cause = db.execute("SELECT erp_status, error_cause FROM invoices").fetchone()
    assert status == "parked" and "the ERP has it already as R-1" in cause
