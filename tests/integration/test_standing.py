"""What the queue says of itself: depth, leases, throughput, the breaker, and what nobody knows; in ``payapp status`` too."""

from __future__ import annotations

import json

import pytest
from cli_case import Told
from export_case import make_bill, queue_jobs

from store import outbox, standing, workers
from store.db import Database
from store.domain.outcome import Booked, Later, Refused, Unknown

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
