"""A sending whose end nobody has proven: nothing takes the invoice from it, and a look before its sender's death is none."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from export_case import make_bill, queue_jobs, statuses

from erp.connectors.sandbox import Sandbox, SandboxSettings
from erp.exporting import Exporting
from erp.process import place
from store import lookup, outbox, review, workers
from store.db import Database
from store.domain.actor import Actor
from store.domain.bill import Bill
from store.domain.errors import PayappError
from store.domain.outcome import Answer, Later, Missing, PostOutcome, Refused, Unknown
from store.domain.profile import Profile
from store.domain.status import JobState
from store.job import Job

LEASE = 60_000
on_postgresql = pytest.mark.parametrize("db_url", ["postgres"], indirect=True)


@pytest.fixture
def keyless(quick: Profile) -> Profile:
    return msgspec.structs.replace(quick, enforces_keys=False)


def sending(db: Database, worker: str = "w1") -> Job:
    db.execute("UPDATE export_jobs SET run_at = 0")
    claimed = outbox.claim(db, "sandbox", worker, limit=1, lease_ms=LEASE, concurrency=1)
    [job] = outbox.fence(db, worker, claimed)
    return job


def ended(db: Database, job: Job, outcome: PostOutcome, worker: str = "w1") -> None:
    outbox.acknowledge(db, worker, "sandbox", [(job, outcome)], settle_ms=0)


def missing(db: Database, profile: Profile, *, dead: bool) -> JobState:
    """Ask about it, and be told that the ERP does not have it."""
    db.execute("UPDATE export_jobs SET run_at = 0")
    [job] = lookup.claim_lookups(db, "sandbox", "w2", limit=1, lease_ms=LEASE)
    return lookup.resolve(db, "w2", job, Missing(job.key), profile, sender_dead=dead)


def test_what_waits_to_be_sent_again_is_not_recalled(db: Database, approver: Actor, quick: Profile) -> None:
    """The first sending may still arrive; recalled and accepted again, the invoice would be paid under two keys."""
    [invoice] = queue_jobs(db, [make_bill(1)])
    job = sending(db)
    ended(db, job, Unknown(job.key, "the ERP did not answer in time"))
    missing(db, quick, dead=False)
    assert missing(db, quick, dead=False) is JobState.PENDING
    batch = db.execute("SELECT batch_id FROM invoices WHERE id = ?", (invoice,)).fetchone()[0]
    with pytest.raises(PayappError, match="is being sent"):
        review.recall_batch(db, approver, batch)
    # A later sending that certainly booked nothing proves nothing of the first one.
    again = sending(db)
    ended(db, again, Later(again.key, "503"))
    assert outbox.cancel(db, [invoice]) == set()
    assert statuses(db) == {"queued": 1}


def test_what_the_erp_has_turned_away_is_recalled(db: Database) -> None:
    [invoice] = queue_jobs(db, [make_bill(1)])
    job = sending(db)
    ended(db, job, Later(job.key, "503"))
    assert outbox.cancel(db, [invoice]) == {invoice}


def test_missing_while_its_sender_lived_does_not_count(db: Database, keyless: Profile) -> None:
    """It may have been sent after that look, by a sender that died since."""
    queue_jobs(db, [make_bill(1)])
    job = sending(db)
    ended(db, job, Unknown(job.key, "?"))
    assert missing(db, keyless, dead=False) is JobState.UNCERTAIN
    assert missing(db, keyless, dead=True) is JobState.UNCERTAIN
    assert missing(db, keyless, dead=True) is JobState.PENDING


def waiting() -> subprocess.Popen[bytes]:
    """A process that does nothing until it is killed."""
    return subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)


class Deadly(Sandbox):
    """While it is asked, and before it answers, the sender dies."""

    sender: subprocess.Popen[bytes]

    async def find(self, bills: Sequence[Bill]) -> Sequence[Answer]:
        self.sender.kill()
        self.sender.wait()
        return [Missing(bill.key) for bill in bills]


@on_postgresql
async def test_a_sender_that_dies_while_the_erp_is_asked_may_have_sent_after_the_answer(
    db: Database, books: Path, keyless: Profile
) -> None:
    erp = Deadly(SandboxSettings(str(books)), keyless)
    erp.sender = waiting()
    try:
        queue_jobs(db, [make_bill(1)])
        workers.register(db, "w1", place(), erp.sender.pid)
        job = sending(db)
        ended(db, job, Unknown(job.key, "?"))
        exporting = Exporting(db, erp, "w2", lease=60.0, lock=None)
        for _ in range(2):
            db.execute("UPDATE export_jobs SET run_at = 0")
            await exporting.look_up()
        # The second look is the first one of which the sender was known to be dead.
        assert db.execute("SELECT state, misses FROM export_jobs").fetchone() == (JobState.UNCERTAIN, 1)
    finally:
        erp.sender.kill()
        erp.sender.communicate()
        await erp.close()


NO = Refused("", "period.closed", "the period is closed", "open it")


def refused(db: Database, job: Job) -> JobState:
    """It goes out once more, and the ERP refuses it; the state that it is in then."""
    again = sending(db, "w2")
    assert again.key == job.key
    ended(db, again, msgspec.structs.replace(NO, key=job.key), "w2")
    return JobState(db.execute("SELECT state FROM export_jobs").fetchone()[0])


@pytest.mark.parametrize(("dead", "keys"), [(True, False), (False, True), (True, True)])
def test_a_refusal_says_nothing_of_an_earlier_sending_that_may_still_arrive(
    db: Database, quick: Profile, dead: bool, keys: bool
) -> None:
    """Failed, it would be retried under another key, and paid twice when the first one arrives.

    Keys let an ERP take longer over a bill than its settle, so that a death proves nothing there.
    """
    profile = msgspec.structs.replace(quick, enforces_keys=keys)
    queue_jobs(db, [make_bill(1)])
    job = sending(db)
    ended(db, job, Unknown(job.key, "the ERP did not answer in time"))
    missing(db, profile, dead=dead)
    assert missing(db, profile, dead=dead) is JobState.PENDING
    assert refused(db, job) is (JobState.PARKED if keys else JobState.FAILED)
    assert statuses(db) == ({"parked": 1} if keys else {"failed_to_export": 1})
    cause = db.execute("SELECT error_cause FROM invoices WHERE erp_status <> 'not_sent'").fetchone()[0]
    assert "the period is closed" in cause
    assert ("may still arrive" in cause) is keys


def test_the_death_of_the_last_sender_says_nothing_of_the_one_before(
    db: Database, quick: Profile, keyless: Profile
) -> None:
    queue_jobs(db, [make_bill(1)])
    job = sending(db, "w1")
    ended(db, job, Unknown(job.key, "lost"))
    missing(db, quick, dead=False)
    missing(db, quick, dead=False)
    second = sending(db, "w3")
    ended(db, second, Unknown(job.key, "lost"), "w3")
    missing(db, keyless, dead=True)
    missing(db, keyless, dead=True)
    assert refused(db, job) is JobState.PARKED


def test_one_answer_after_the_senders_death_is_not_two(
    db: Database, quick: Profile, keyless: Profile
) -> None:
    queue_jobs(db, [make_bill(1)])
    job = sending(db)
    ended(db, job, Unknown(job.key, "lost"))
    missing(db, quick, dead=False)
    missing(db, keyless, dead=True)
    assert refused(db, job) is JobState.PARKED


def test_what_the_erp_put_off_before_it_refused_is_failed(db: Database) -> None:
    queue_jobs(db, [make_bill(1)])
    job = sending(db)
    ended(db, job, Later(job.key, "503"))
    assert refused(db, job) is JobState.FAILED
