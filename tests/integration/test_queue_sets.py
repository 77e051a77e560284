"""The queue's steps over whole parcels: each job by itself, the statements for all, and quick in a long queue."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest
from export_case import make_bill, queue_jobs, sandbox_on, states, statuses

from erp.worker import Worker, WorkerSettings
from store import db as database
from store import outbox
from store.db import Database
from store.domain.errors import PayappError
from store.domain.outcome import Booked, Later, PostOutcome, Refused, Split, Unknown
from store.domain.profile import Profile
from store.driver_errors import explained
from store.job import Job

LEASE = 60_000
SETTLE = 5_000
on_postgresql = pytest.mark.parametrize("db_url", ["postgres"], indirect=True)


def claim(db: Database, worker: str = "w1") -> list[Job]:
    return outbox.claim(db, "sandbox", worker, limit=100, lease_ms=LEASE, concurrency=1)


def sending(db: Database, count: int) -> list[Job]:
    queue_jobs(db, [make_bill(n) for n in range(1, count + 1)])
    return outbox.fence(db, "w1", claim(db))


def job_row(db: Database, job: Job, columns: str) -> tuple[Any, ...]:
    return tuple(db.execute(f"SELECT {columns} FROM export_jobs WHERE id = ?", (job.id,)).fetchone())


def invoice_row(db: Database, job: Job, columns: str) -> tuple[Any, ...]:
    return tuple(db.execute(f"SELECT {columns} FROM invoices WHERE id = ?", (job.invoice_id,)).fetchone())


def test_the_fence_judges_each_job_of_a_parcel_by_itself(db: Database) -> None:
    queue_jobs(db, [make_bill(n) for n in range(1, 8)])
    jobs = claim(db)
    spoilt = ["worker = 'w9'", "attempt = 2", "state = 'cancelled'", "lease_until = 1", "send_begun = 1"]
    for job, change in zip(jobs, spoilt, strict=False):
        db.execute(f"UPDATE export_jobs SET {change} WHERE id = ?", (job.id,))
    assert outbox.fence(db, "w1", jobs) == jobs[5:]
    assert statuses(db) == {"queued": 5, "exporting": 2}
    begun = db.execute("SELECT job_id FROM export_attempts WHERE kind = 'begun' ORDER BY job_id").fetchall()
    assert [row[0] for row in begun] == [job.id for job in jobs[5:]]
    assert [job_row(db, job, "sends")[0] for job in jobs] == [0, 0, 0, 0, 0, 1, 1]


def test_jobs_of_one_parcel_in_different_attempts_pass_together(db: Database) -> None:
    queue_jobs(db, [make_bill(n) for n in range(1, 4)])
    db.execute("UPDATE export_jobs SET attempt = id * 10")
    jobs = claim(db)
    assert len({job.attempt for job in jobs}) == 3
    assert outbox.fence(db, "w1", jobs) == jobs
    crossed = [(job, Booked(job.key, "R")) for job in jobs]
    db.execute("UPDATE export_jobs SET attempt = ? WHERE id = ?", (jobs[1].attempt, jobs[0].id))
    assert outbox.acknowledge(db, "w1", "sandbox", crossed, settle_ms=SETTLE) == [jobs[0]]


def test_every_outcome_of_a_parcel_is_its_own_jobs(db: Database) -> None:
    jobs = sending(db, 9)
    outcomes: list[PostOutcome] = [
        Booked(jobs[0].key, "BILL-0"),
        Booked(jobs[1].key, "BILL-1"),
        Refused(jobs[2].key, "vendor.unknown", "no vendor", "add it"),
        Refused(jobs[3].key, "period.closed", "closed\x1b", "another date"),
        Later(jobs[4].key, "busy"),
        Split(jobs[5].key, "one is bad"),
        Unknown(jobs[6].key, "lost"),
        Booked(jobs[7].key, "BILL-7"),
        Booked(jobs[8].key, "BILL-8"),
    ]
    db.execute("UPDATE export_jobs SET deferrals = 2 WHERE id = ?", (jobs[4].id,))
    db.execute("UPDATE export_jobs SET attempt = 9 WHERE id = ?", (jobs[7].id,))
    db.execute("UPDATE invoices SET erp_status = 'not_sent' WHERE id = ?", (jobs[8].invoice_id,))
    begun = job_row(db, jobs[6], "send_begun")[0]
    late = outbox.acknowledge(db, "w1", "sandbox", list(zip(jobs, outcomes, strict=True)), settle_ms=SETTLE)
    assert late == [jobs[7]]
    assert [job_row(db, job, "state, erp_ref") for job in jobs[:2]] == [
        ("done", "BILL-0"),
        ("done", "BILL-1"),
    ]
    assert [invoice_row(db, job, "erp_status, origin_id") for job in jobs[:2]] == [
        ("synced", "BILL-0"),
        ("synced", "BILL-1"),
    ]
    errors = "error_code, error_cause, error_fix"
    assert invoice_row(db, jobs[2], errors) == ("vendor.unknown", "no vendor", "add it")
    assert invoice_row(db, jobs[3], errors) == ("period.closed", "closed^[", "another date")
    waiting = "state, deferrals, alone, error_text, send_begun"
    assert job_row(db, jobs[4], waiting) == ("pending", 3, False, "busy", None)
    assert job_row(db, jobs[5], waiting) == ("pending", 0, True, "one is bad", None)
    assert job_row(db, jobs[4], "run_at")[0] > job_row(db, jobs[5], "run_at")[0]
    assert job_row(db, jobs[6], "state, run_at") == ("uncertain", begun + SETTLE)
    assert states(db) == {"done": 2, "failed": 2, "pending": 2, "uncertain": 1, "claimed": 1, "parked": 1}
    ended = dict(db.execute("SELECT job_id, kind FROM export_attempts WHERE kind <> 'begun'").fetchall())
    assert [ended[job.id] for job in jobs] == ["ended"] * 7 + ["late"] * 2
    free = db.execute("SELECT count(*) FROM export_jobs WHERE worker IS NOT NULL").fetchone()[0]
    assert free == 1


def test_a_parcel_takes_as_many_statements_as_one_job(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = []
    execute = Database.execute
    for first, size in ((1, 1), (100, 60)):
        queue_jobs(db, [make_bill(n) for n in range(first, first + size)])
        jobs = claim(db)
        said: list[str] = []

        def heard(db: Database, sql: str, params: Any = (), said: list[str] = said) -> Any:
            said.append(sql)
            return execute(db, sql, params)

        with monkeypatch.context() as patch:
            patch.setattr(Database, "execute", heard)
            # It runs its statement once for each row.
            patch.delattr(Database, "executemany")
            held = outbox.fence(db, "w1", jobs)
            booked = [(job, Booked(job.key, "R")) for job in held]
            assert outbox.acknowledge(db, "w1", "sandbox", booked, settle_ms=SETTLE) == []
        assert len(held) == size
        counts.append(len(said))
    assert counts[0] == counts[1]


# -- PostgreSQL's plans ------------------------------------------------------------------------------------------


@on_postgresql
def test_statistics_from_before_an_export_of_many_do_not_lead_every_move_through_them(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = sending(db, 3)
    db.execute(
        "INSERT INTO invoices (uuid, source, source_id, commitment_id, project_id, vendor_id, application, number,"
        " period_start, period_end, billing_date, status, erp_status, currency, gross, retainage, net, completed,"
        " retainage_to_date, created_at, updated_at) SELECT n::text, source, n::text, commitment_id, project_id,"
        " vendor_id, n, n::text, period_start, period_end, billing_date, status, 'ready_to_export', currency, gross,"
        " retainage, net, completed, retainage_to_date, created_at, updated_at"
        " FROM invoices, generate_series(1000, 5000) n WHERE id = ?",
        (jobs[0].invoice_id,),
    )
    db.execute("UPDATE invoices SET erp_status = 'ready_to_export'")
    db.execute("VACUUM ANALYZE invoices")
    db.execute("UPDATE invoices SET erp_status = 'exporting'")
    plans: list[str] = []
    execute = Database.execute

    def planned(db: Database, sql: str, params: Any = ()) -> Any:
        if "UPDATE invoices" in sql:
            plans.append(" ".join(row[0] for row in execute(db, f"EXPLAIN {sql}", params).fetchall()))
        return execute(db, sql, params)

    monkeypatch.setattr(Database, "execute", planned)
    done: list[tuple[Job, PostOutcome]] = [(job, Booked(job.key, "R")) for job in jobs]
    assert outbox.acknowledge(db, "w1", "sandbox", done, settle_ms=SETTLE) == []
    assert len(plans) == 1
    assert "invoices_pkey" in plans[0] and "invoices_status" not in plans[0], plans[0]


@pytest.mark.parametrize(("most", "known"), [(4, False), (3, True), (2, True)])
@on_postgresql
def test_many_new_jobs_make_the_queues_statistics_new(
    db: Database, monkeypatch: pytest.MonkeyPatch, most: int, known: bool
) -> None:
    monkeypatch.setattr(outbox, "ANALYZE_FROM", most)
    queue_jobs(db, [make_bill(n) for n in range(1, 4)])
    rows = db.execute("SELECT reltuples FROM pg_class WHERE relname = 'export_jobs'").fetchone()[0]
    assert (rows == 3) is known


@on_postgresql
async def test_a_worker_outlives_a_lock_that_somebody_holds(
    db: Database, books: Path, quick: Profile
) -> None:
    queue_jobs(db, [make_bill(1)])
    hasty = database.open(f"{db.url}&options=-c%20lock_timeout%3D20ms")
    waited = threading.Event()

    def heard(error: Exception, url: str) -> PayappError:
        sentence = explained(error, url)
        if "locked" in str(sentence):
            waited.set()
        return sentence

    try:
        with pytest.MonkeyPatch.context() as patch, psycopg.connect(db.url) as holder:
            patch.setattr("store.db.explained", heard)
            # Jobs that are locked a claim skips; for the ERP's row it waits.
            holder.execute("INSERT INTO erp_state (erp) VALUES ('sandbox')")
            settings = WorkerSettings(lease=6.0, poll=0.02)
            worker = Worker(hasty, sandbox_on(books, quick), None, settings)
            running = asyncio.create_task(worker.run(asyncio.Event(), until_idle=True))
            async with asyncio.timeout(30):
                assert await asyncio.to_thread(waited.wait, 30)
                holder.rollback()
                await running
    finally:
        hasty.close()
    assert states(db) == {"done": 1}
