"""Statements that go out together, and a database that refuses some of them for a while: then it goes on as before."""

from __future__ import annotations

from collections.abc import Iterator

import peewee
import pytest
from export_case import make_bill, queue_jobs, states

from store import db as database
from store import outbox
from store.db import Database
from store.domain.errors import StoreError
from store.domain.outcome import Booked, PostOutcome
from store.job import Job

LIMITS = {"limit": 2, "lease_ms": 60_000, "concurrency": 9}
# psycopg prepares a statement when it has gone out five times.
FAILURES = 6


def refuse(db: Database, table: str, event: str) -> None:
    """From now on nothing may be written there, as on a disk that is full."""
    if not db.postgres:
        db.execute(f"CREATE TRIGGER boom BEFORE {event} ON {table} BEGIN SELECT RAISE(FAIL, 'no space'); END")
        return
    db.execute(
        "CREATE FUNCTION boom() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RAISE EXCEPTION 'no space' USING ERRCODE = '53100'; END $$"
    )
    db.execute(f"CREATE TRIGGER boom BEFORE {event} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION boom()")


def allow(db: Database, table: str) -> None:
    db.execute(f"DROP TRIGGER boom{f' ON {table}' if db.postgres else ''}")


@pytest.fixture
def other(db: Database) -> Iterator[Database]:
    """Somebody else at the same database: what he does clears nothing of what the worker's connection knows."""
    opened = database.open(db.url)
    yield opened
    opened.close()


def turned(db: Database, jobs: list[Job]) -> list[Job]:
    results: list[tuple[Job, PostOutcome]] = [(job, Booked(job.key, f"R{job.id}")) for job in jobs]
    late, _, following = outbox.turn(db, "sandbox", "w1", results, settle_ms=1, **LIMITS)
    assert late == []
    return following


@pytest.mark.parametrize("before", [0, 1])
@pytest.mark.parametrize(("table", "event"), [("parcels", "INSERT"), ("export_attempts", "INSERT")])
def test_what_failed_in_a_pipeline_spoils_nothing_that_comes_after_it(
    db: Database, other: Database, table: str, event: str, before: int
) -> None:
    queue_jobs(db, [make_bill(n) for n in range(1, 41)])
    _, jobs = outbox.begin(db, "sandbox", "w1", **LIMITS)
    for _ in range(before):
        jobs = turned(db, jobs)
    refuse(other, table, event)
    for _ in range(FAILURES):
        with pytest.raises((StoreError, peewee.IntegrityError)):
            turned(db, jobs)
    allow(other, table)
    while jobs:
        jobs = turned(db, jobs)
    assert states(db) == {"done": 40}
