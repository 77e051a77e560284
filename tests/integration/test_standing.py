"""What the queue says of itself: depth, leases, throughput, the breaker, and what nobody knows; in ``payapp status`` too."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from cli_case import Told
from export_case import make_bill, queue_jobs

from erp import profiles
from store import batches, lookup, outbox, standing, workers
from store import db as database
from store.db import Database
from store.domain.outcome import Booked, Later, PostOutcome, Refused, Unknown
from store.job import Job

pytest_plugins = ["cli_case"]

LEASE, SETTLE = 60_000, 1_000


def queued(db: Database, count: int) -> None:
    queue_jobs(db, [make_bill(n) for n in range(1, count + 1)])


def test_an_empty_queue(db: Database) -> None:
    found = standing.of(db, "sandbox")
    assert (found.depth, found.uncertain, found.parked, found.booked_last_minute) == (0, 0, 0, 0)
    assert (found.oldest_at, found.paused, found.leases, found.in_doubt) == (None, False, (), ())


def test_every_job_is_counted_once_where_it_is(db: Database) -> None:
    queued(db, 9)
    db.execute("UPDATE export_jobs SET run_at = ? WHERE id > 7", (db.now() + 600_000,))
    accepted = db.execute("SELECT min(created_at) FROM batches").fetchone()[0]
    sent = outbox.fence(db, "w1", outbox.claim(db, "sandbox", "w1", limit=4, lease_ms=LEASE, concurrency=2))
    begun, ended = sent[3], sent[:3]
    outbox.acknowledge(
        db, "w1", "sandbox",
        [
            (ended[0], Booked(ended[0].key, "B-1")),
            (ended[1], Refused(ended[1].key, "no", "no", "fix")),
            (ended[2], Unknown(ended[2].key, "the line fell dead")),
        ],
        settle_ms=SETTLE,
    )  # fmt: skip
    outbox.claim(db, "sandbox", "w2", limit=2, lease_ms=LEASE, concurrency=2)
    found = standing.of(db, "sandbox")
    assert (found.held, found.pending, found.claimed, found.uncertain, found.parked) == (2, 1, 3, 1, 0)
    assert (found.depth, found.booked_last_minute, found.oldest_at) == (6, 1, accepted)
    assert {(lease.worker, lease.jobs, lease.sending) for lease in found.leases} == {
        ("w1", 1, True), ("w2", 2, False),
    }  # fmt: skip
    assert all(found.now < lease.until <= found.now + LEASE for lease in found.leases)
    (doubt,) = found.in_doubt
    assert (doubt.key, doubt.parked, doubt.cause) == (ended[2].key, False, "the line fell dead")
    assert begun.key != doubt.key
    # Another ERP's queue is another one.
    assert standing.of(db, "files").depth == 0


class Busy:
    """A worker on a connection of its own, which sends one bill whenever it is told to."""

    def __init__(self, db: Database, ends: Callable[[str], PostOutcome]) -> None:
        self._db, self._ends = database.open(db.url), ends
        self._jobs: list[Job] = []

    def step(self) -> None:
        # However often it was not answered.
        self._db.execute("UPDATE erp_state SET failures = 0, open_until = 0")
        results = [(job, self._ends(job.key)) for job in self._jobs]
        _, _, self._jobs = outbox.turn(
            self._db, "sandbox", "w1", results, settle_ms=SETTLE, limit=1, lease_ms=LEASE, concurrency=1
        )

    def before_each(self, monkeypatch: pytest.MonkeyPatch, db: Database, name: str) -> None:
        """From now on it takes a step before each of the database's calls of that name."""
        real = getattr(db, name)

        def stepped(*args: Any) -> Any:
            self.step()
            return real(*args)

        monkeypatch.setattr(db, name, stepped)

    def close(self) -> None:
        self._db.close()


def test_the_numbers_of_the_queue_agree_while_it_moves(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    queued(db, 40)
    busy = Busy(db, lambda key: Unknown(key, "lost"))
    # Whatever that connection asks first, it asks now.
    busy.step()
    with monkeypatch.context() as patched:
        busy.before_each(patched, db, "execute")
        found = standing.of(db, "sandbox")
    assert found.depth + found.uncertain + found.parked == 40
    assert found.uncertain > 0
    busy.close()


def test_the_numbers_of_a_batch_agree_while_it_is_sent(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    queued(db, 40)
    busy = Busy(db, lambda key: Refused(key, "no", "no", "fix"))
    busy.step()
    with monkeypatch.context() as patched:
        busy.before_each(patched, db, "rows")
        batch = batches.progress(db, 1)
    assert (batch.resolved, batch.unresolved + batch.left) == (0, 40)
    assert batch.failed > 0
    busy.close()


def test_a_bill_is_booked_once_however_often_that_is_heard(db: Database) -> None:
    queued(db, 3)
    jobs = outbox.fence(db, "w1", outbox.claim(db, "sandbox", "w1", limit=2, lease_ms=LEASE, concurrency=2))
    results = [(job, Booked(job.key, f"B-{job.id}")) for job in jobs]
    outbox.acknowledge(db, "w1", "sandbox", results[:1], settle_ms=SETTLE)
    # Its lease is over, the look-up finds it, and its sender's reply comes late, and twice.
    db.execute("UPDATE export_jobs SET lease_until = 1 WHERE id = ?", (jobs[1].id,))
    outbox.expire(db, settle_ms=0)
    db.execute("UPDATE export_jobs SET run_at = 0 WHERE id = ?", (jobs[1].id,))
    [again] = lookup.claim_lookups(db, "sandbox", "w2", limit=9, lease_ms=LEASE)
    lookup.resolve(db, "w2", again, results[1][1], profiles.load("sandbox"), sender_dead=False)
    for _ in range(2):
        outbox.acknowledge(db, "w1", "sandbox", results[1:], settle_ms=SETTLE)
    assert standing.of(db, "sandbox").booked_last_minute == 2
    assert standing.of(db, "files").booked_last_minute == 0


def test_a_pause_says_since_how_many_parcels_and_why(db: Database) -> None:
    queued(db, 9)
    for _ in range(3):
        db.execute("UPDATE export_jobs SET run_at = 0")
        jobs = outbox.fence(
            db, "w1", outbox.claim(db, "sandbox", "w1", limit=1, lease_ms=LEASE, concurrency=1)
        )
        outbox.acknowledge(
            db, "w1", "sandbox", [(job, Later(job.key, "503 \x1b[2J gone")) for job in jobs], settle_ms=SETTLE
        )
    found = standing.of(db, "sandbox")
    assert found.paused and found.failures == 3 and found.paused_until > found.now
    assert "\x1b" not in found.failure and found.failure.startswith("503")


def test_status_prints_the_queue_and_who_holds_what(company: Database, told: Told) -> None:
    queued(company, 3)
    workers.register(company, "w1-of-this-test", "desk1", 4711, version="9.9", erp="sandbox")
    jobs = outbox.fence(
        company,
        "w1-of-this-test",
        outbox.claim(company, "sandbox", "w1-of-this-test", limit=2, lease_ms=LEASE, concurrency=1),
    )
    outbox.acknowledge(
        company, "w1-of-this-test", "sandbox", [(jobs[0], Unknown(jobs[0].key, "lost\x9b"))], settle_ms=SETTLE
    )
    company.execute("UPDATE workers SET heartbeat_at = heartbeat_at - 60000")
    code, out, err = told("--as", "jlopez", "status")
    assert code == 0, err
    assert "on their way 2   held 0   due 1   being sent 1" in out
    assert "uncertain 1   parked 0" in out and "the oldest of them was accepted" in out
    assert f"key {jobs[0].key}: uncertain, asked again" in out and "lost<009B>" in out
    assert "process 4711, payapp 9.9, no sign of life since" in out and "1 being sent, its lease ends" in out
    assert "No worker is alive" in out
    said = json.loads(told("--as", "jlopez", "status", "--json")[1])["queue"]
    assert (said["pending"], said["claimed"], said["uncertain"]) == (1, 1, 1)
    assert [lease["worker"] for lease in said["leases"]] == ["w1-of-this-test"]


@pytest.mark.parametrize("count", [standing.NAMED + 5])
def test_of_many_in_doubt_some_are_named_and_all_are_counted(
    company: Database, told: Told, count: int
) -> None:
    queued(company, count)
    company.execute("UPDATE export_jobs SET state = 'parked', error_text = 'nobody knows'")
    found = standing.of(company, "sandbox")
    assert (found.parked, len(found.in_doubt)) == (count, standing.NAMED)
    assert "and 5 more" in told("--as", "jlopez", "status")[1]
