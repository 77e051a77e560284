"""When the ERP last answered, and the first-run card."""

from __future__ import annotations

from export_case import make_bill, queue_jobs

from store import outbox, signs, workers
from store.db import Database
from store.domain.actor import Actor
from store.domain.outcome import Booked, Later


def test_the_last_answer_counts_and_before_it_the_workers_sign_of_life(db: Database) -> None:
    assert signs.last_sync(db) is None
    workers.register(db, "w1", "here", 1)
    beaten = signs.last_sync(db)
    assert beaten == db.execute("SELECT heartbeat_at FROM workers").fetchone()[0]
    queue_jobs(db, [make_bill(1), make_bill(2)])
    jobs = outbox.claim(db, "sandbox", "w1", limit=10, lease_ms=60_000, concurrency=1)
    outbox.fence(db, "w1", jobs)
    outbox.acknowledge(db, "w1", "sandbox", [(jobs[0], Later(jobs[0].key, "busy"))], settle_ms=1000)
    assert signs.last_sync(db) == beaten
    outbox.acknowledge(db, "w1", "sandbox", [(jobs[1], Booked(jobs[1].key, "B-1"))], settle_ms=1000)
    answered = db.execute("SELECT at FROM export_attempts WHERE outcome = 'booked'").fetchone()[0]
    assert signs.last_sync(db) == answered


def test_the_card_is_put_away_once_and_by_each_user(db: Database, approver: Actor, sender: Actor) -> None:
    events = db.execute("SELECT count(*) FROM audit_events").fetchone()[0]
    assert not signs.welcomed(db, approver)
    signs.welcome(db, approver)
    at = db.execute("SELECT welcomed_at FROM users WHERE login = 'jlopez'").fetchone()[0]
    signs.welcome(db, approver)
    assert db.execute("SELECT welcomed_at FROM users WHERE login = 'jlopez'").fetchone()[0] == at
    assert signs.welcomed(db, approver) and not signs.welcomed(db, sender)
    assert db.execute("SELECT count(*) FROM audit_events").fetchone()[0] == events
