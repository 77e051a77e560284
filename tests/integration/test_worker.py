"""The worker with the sandbox, on both databases: the whole protocol, in good days and bad ones."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from export_case import PERIODS, make_bill, queue_jobs, sandbox_on, states, statuses

from erp.connector import ParcelRefusedError
from erp.connectors import sandbox
from erp.connectors.sandbox import Sandbox, SandboxSettings
from erp.process import place
from erp.worker import Worker, WorkerRunningError, WorkerSettings
from store import due, outbox, periods, workers
from store.db import Database
from store.domain.bill import Bill
from store.domain.errors import SettingsError, StoreError
from store.domain.outcome import Booked
from store.domain.profile import Profile
from store.job import JOB_COLUMNS, job_of

SETTINGS = WorkerSettings(lease=6.0, poll=0.02)


class Moody(Sandbox):
    """The sandbox, with something before or instead of each parcel."""

    def __init__(self, books: Path, profile: Profile, mood: Callable[[Sequence[Bill]], Any]) -> None:
        super().__init__(SandboxSettings(str(books), seconds_per_bill=0.0), profile)
        self.mood = mood
        self.parcels: list[int] = []

    async def post(self, bills: Sequence[Bill]) -> Any:
        self.parcels.append(len(bills))
        replied = await self.mood(bills)
        return await super().post(bills) if replied is None else replied


async def finish(db: Database, connector: Any, settings: WorkerSettings = SETTINGS) -> None:
    """Run a worker until nothing is left."""
    async with asyncio.timeout(30):
        await Worker(db, connector, None, settings).run(asyncio.Event(), until_idle=True)


@asynccontextmanager
async def running(worker: Worker) -> AsyncIterator[asyncio.Event]:
    """The worker at work; its stop event. It is drained at the end."""
    stop = asyncio.Event()
    task = asyncio.create_task(worker.run(stop))
    try:
        yield stop
    finally:
        stop.set()
        async with asyncio.timeout(20):
            await task


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - other processes and threads make it true
            await asyncio.sleep(0.01)


def assert_each_once(db: Database, books: Path, bills: list[Bill]) -> None:
    assert statuses(db) == {"synced": len(bills)}
    rows = sandbox.ledger(books)
    assert sorted((row.key, row.gross, row.net) for row in rows) == sorted(
        (b.key, b.gross, b.net) for b in bills
    )
    references = {row.key.rpartition(":")[0]: row.ref for row in rows}
    assert dict(db.execute("SELECT uuid, origin_id FROM invoices").fetchall()) == references


def queued(db: Database, count: int) -> list[Bill]:
    bills = [make_bill(n) for n in range(1, count + 1)]
    queue_jobs(db, bills)
    return bills


async def test_exports_what_is_queued_and_books_each_once(db: Database, books: Path, quick: Profile) -> None:
    bills = queued(db, 25)
    await finish(db, sandbox_on(books, quick))
    assert_each_once(db, books, bills)


async def test_wakes_for_what_is_queued_later(db: Database, books: Path, quick: Profile) -> None:
    async with running(Worker(db, sandbox_on(books, quick), None, SETTINGS)):
        await until(lambda: workers.any_alive(db))
        bills = queued(db, 3)
        await until(lambda: states(db) == {"done": 3})
    assert_each_once(db, books, bills)


async def test_a_held_batch_leaves_when_its_hold_is_over(
    sqlite_db: Database, books: Path, quick: Profile
) -> None:
    bills = queued(sqlite_db, 2)
    sqlite_db.execute("UPDATE export_jobs SET run_at = ?", (sqlite_db.now() + 400,))
    await finish(sqlite_db, sandbox_on(books, quick))
    assert_each_once(sqlite_db, books, bills)


# -- refusals --------------------------------------------------------------------------------------------------


async def test_what_the_erp_refuses_fails_alone_with_cause_and_fix(
    db: Database, books: Path, quick: Profile
) -> None:
    queue_jobs(db, [make_bill(1), make_bill(2, number="SUB-2026-10-0000101"), make_bill(3, vendor="V-9")])
    await finish(db, sandbox_on(books, quick))
    assert statuses(db) == {"synced": 1, "failed_to_export": 2}
    rows = db.execute(
        "SELECT error_code, error_fix FROM invoices WHERE error_code <> '' ORDER BY id"
    ).fetchall()
    assert [row[0] for row in rows] == ["number.too_long", "vendor.unknown"]
    assert rows[0][1].startswith("{invoices.export-values}:")


async def test_a_parcel_refused_whole_goes_again_one_by_one(
    db: Database, books: Path, quick: Profile
) -> None:
    bad = make_bill(4).key

    async def all_or_nothing(bills: Sequence[Bill]) -> None:
        if any(bill.key == bad for bill in bills):
            raise ParcelRefusedError("one of them is bad")

    connector = Moody(books, quick, all_or_nothing)
    queued(db, 5)
    await finish(db, connector)
    assert connector.parcels == [5, 1, 1, 1, 1, 1]
    assert statuses(db) == {"synced": 4, "failed_to_export": 1}
    assert (
        db.execute("SELECT error_cause FROM invoices WHERE error_code <> ''").fetchone()[0]
        == "one of them is bad"
    )


async def test_a_payload_changed_in_the_database_never_leaves(
    db: Database, books: Path, quick: Profile
) -> None:
    queued(db, 2)
    db.execute("UPDATE export_jobs SET payload = replace(payload, '100.01', '999.01')")
    await finish(db, sandbox_on(books, quick))
    assert [row.gross for row in sandbox.ledger(books)] == ["100.02"]
    assert db.execute("SELECT error_code FROM invoices WHERE erp_status = 'failed_to_export'").fetchone()[
        0
    ] == ("payload.changed")


# -- doubt -----------------------------------------------------------------------------------------------------


async def test_lost_replies_are_looked_up_and_never_booked_twice(
    db: Database, books: Path, quick: Profile
) -> None:
    bills = queued(db, 12)
    await finish(db, sandbox_on(books, quick, lose_replies=1.0))
    assert_each_once(db, books, bills)
    # Everything was found: nothing was sent a second time.
    assert db.execute("SELECT max(sends) FROM export_jobs").fetchone()[0] == 1


async def test_a_parcel_that_timed_out_is_not_split_and_goes_again_when_it_is_missing(
    db: Database, books: Path, quick: Profile
) -> None:
    first = True

    async def hang_once(_: Sequence[Bill]) -> None:
        nonlocal first
        if first:
            first = False
            await asyncio.Event().wait()

    connector = Moody(books, msgspec.structs.replace(quick, timeout=0.3), hang_once)
    bills = queued(db, 3)
    await finish(db, connector)
    assert_each_once(db, books, bills)
    words = db.execute("SELECT outcome FROM export_attempts WHERE kind <> 'begun' ORDER BY id").fetchall()
    assert [row[0] for row in words[:3]] == ["unknown"] * 3
    assert [row[0] for row in words].count("missing") == 6  # twice each, settle apart
    assert connector.parcels == [3, 1, 1, 1]


async def test_an_erp_without_keys_gets_nothing_twice_and_a_person_decides(
    db: Database, books: Path, quick: Profile
) -> None:
    async def lost(_: Sequence[Bill]) -> None:
        raise ConnectionResetError

    queued(db, 1)
    connector = Moody(books, msgspec.structs.replace(quick, enforces_keys=False), lost)
    await finish(db, connector)
    assert statuses(db) == {"parked": 1}
    assert connector.parcels == [1]


def abandoned(db: Database, pid: int) -> Bill:
    """One job whose sender, at that pid of this machine, was lost while sending."""
    [bill] = queued(db, 1)
    workers.register(db, "dead", place(), pid)
    jobs = outbox.claim(db, "sandbox", "dead", limit=1, lease_ms=60_000, concurrency=1)
    outbox.fence(db, "dead", jobs)
    outbox.expire(db, settle_ms=0, sole_worker="new")
    return bill


async def test_a_reply_that_came_too_late_answers_the_look_up(
    db: Database, books: Path, quick: Profile
) -> None:
    bill = abandoned(db, 1)
    row = db.execute(f"SELECT {JOB_COLUMNS} FROM export_jobs").fetchone()
    outbox.acknowledge(db, "dead", "sandbox", [(job_of(row), Booked(bill.key, "SBX-77"))], settle_ms=0)
    await finish(db, sandbox_on(books, quick))
    assert tuple(db.execute("SELECT erp_status, origin_id FROM invoices").fetchone()) == ("synced", "SBX-77")
    assert sandbox.ledger(books) == []


async def test_without_keys_it_goes_again_only_when_its_sender_is_proven_dead(
    db: Database, books: Path, quick: Profile
) -> None:
    # The sender's pid is this process's own, alive: on PostgreSQL nothing is proven, on SQLite the lock proves it.
    bill = abandoned(db, os.getpid())
    await finish(db, sandbox_on(books, msgspec.structs.replace(quick, enforces_keys=False)))
    if db.postgres:
        assert statuses(db) == {"parked": 1}
        assert sandbox.ledger(books) == []
    else:
        assert_each_once(db, books, [bill])


@pytest.mark.parametrize("db_url", ["postgres"], indirect=True)
async def test_on_postgresql_a_pid_that_is_gone_is_proof(db: Database, books: Path, quick: Profile) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])  # noqa: ASYNC220 - it is over at once
    process.wait()
    bill = abandoned(db, process.pid)
    await finish(db, sandbox_on(books, msgspec.structs.replace(quick, enforces_keys=False)))
    assert_each_once(db, books, [bill])


async def test_a_bad_week(db: Database, books: Path, quick: Profile) -> None:
    bills = queued(db, 60)
    for seed in range(100):
        # A paused ERP ends a run; here its pause is over at once.
        db.execute("UPDATE erp_state SET open_until = 0, failures = 0")
        db.execute("UPDATE export_jobs SET run_at = 0 WHERE state = 'pending'")
        await finish(db, sandbox_on(books, quick, lose_replies=0.3, reports_unavailable=0.3, seed=seed))
        if set(states(db)) == {"done"}:
            break
    assert_each_once(db, books, bills)


async def test_an_unreachable_erp_pauses_the_queue_and_fails_nothing(
    db: Database, books: Path, quick: Profile
) -> None:
    queued(db, 3)
    await finish(db, sandbox_on(books, quick, reports_unavailable=1.0))
    assert statuses(db) == {"queued": 3}
    assert sandbox.ledger(books) == []
    assert db.execute("SELECT failures FROM erp_state").fetchone()[0] >= outbox.BREAKER_AFTER


# -- its own life ----------------------------------------------------------------------------------------------


def test_a_lease_must_outlast_two_timeouts(sqlite_db: Database, books: Path, quick: Profile) -> None:
    with pytest.raises(SettingsError, match=r"worker\.lease"):
        Worker(sqlite_db, sandbox_on(books, quick), None, WorkerSettings(lease=2 * quick.timeout))


async def test_told_to_stop_it_finishes_what_it_sends_and_gives_the_rest_back(
    db: Database, books: Path, quick: Profile
) -> None:
    queued(db, 40)
    worker = Worker(db, sandbox_on(books, quick, seconds_per_bill=0.02), None, SETTINGS)
    async with running(worker):
        await until(lambda: bool(sandbox.ledger(books)))
    found = states(db)
    assert set(found) == {"done", "held"}
    assert found["done"] == len(sandbox.ledger(books))
    assert not workers.any_alive(db)
    await finish(db, sandbox_on(books, quick))
    assert states(db) == {"done": 40}


async def test_it_ends_when_there_is_nothing_to_do_for_so_long(
    db: Database, books: Path, quick: Profile
) -> None:
    bills = queued(db, 3)
    async with asyncio.timeout(20):
        worker = Worker(
            db, sandbox_on(books, quick), None, WorkerSettings(lease=6.0, poll=0.02, idle_exit=0.2)
        )
        await worker.run(asyncio.Event())
    assert_each_once(db, books, bills)


async def test_it_fetches_the_accounting_periods(db: Database, books: Path, quick: Profile) -> None:
    async with running(Worker(db, sandbox_on(books, quick), None, SETTINGS)):
        await until(lambda: tuple(periods.of(db, "sandbox")) == PERIODS)


async def test_an_acknowledgement_is_tried_until_the_database_is_back(
    db: Database, books: Path, quick: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The turn tries to write it down first, then the acknowledgement alone.
    real, away = outbox.acknowledge, [StoreError("The database is locked")] * 3

    def acknowledge(*args: Any, **kwargs: Any) -> Any:
        if away:
            raise away.pop()
        return real(*args, **kwargs)

    monkeypatch.setattr(outbox, "acknowledge", acknowledge)
    bills = queued(db, 3)
    await finish(db, sandbox_on(books, quick))
    assert_each_once(db, books, bills)
    assert db.execute("SELECT max(sends) FROM export_jobs").fetchone()[0] == 1


async def test_after_a_failed_heartbeat_nothing_is_begun(
    sqlite_db: Database, books: Path, quick: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_beat, real_begin, real_due = workers.beat, outbox.begin, due.of
    beats, claims, looks = [0], [0], [0]

    def beat(*args: Any) -> None:
        beats[0] += 1
        raise StoreError("The database did not answer")

    def begin(*args: Any, **kwargs: Any) -> Any:
        claims[0] += 1
        return real_begin(*args, **kwargs)

    def look(*args: Any) -> Any:
        looks[0] += 1
        return real_due(*args)

    monkeypatch.setattr(workers, "beat", beat)
    monkeypatch.setattr(outbox, "begin", begin)
    monkeypatch.setattr(due, "of", look)
    async with running(Worker(sqlite_db, sandbox_on(books, quick), None, SETTINGS)):
        await until(lambda: beats[0] > 0)
        bills = queued(sqlite_db, 1)
        before = looks[0]
        await until(lambda: looks[0] > before + 2)
        assert claims == [0]
        monkeypatch.setattr(workers, "beat", real_beat)
        await until(lambda: states(sqlite_db) == {"done": 1})
    assert_each_once(sqlite_db, books, bills)


async def test_a_defect_in_one_step_does_not_end_the_worker(
    sqlite_db: Database, books: Path, quick: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, defects = outbox.take, [RuntimeError("a defect")]

    def take(*args: Any, **kwargs: Any) -> Any:
        if defects:
            raise defects.pop()
        return real(*args, **kwargs)

    monkeypatch.setattr(outbox, "take", take)
    bills = queued(sqlite_db, 3)
    await finish(sqlite_db, sandbox_on(books, quick))
    assert_each_once(sqlite_db, books, bills)


async def test_its_log_is_one_line_an_event_and_shows_no_control_characters(
    sqlite_db: Database, books: Path, quick: Profile, caplog: pytest.LogCaptureFixture
) -> None:
    async def shout(_: Sequence[Bill]) -> None:
        raise ParcelRefusedError("bad \x1b]52;c;x\x07\r\nevent=forged")

    caplog.set_level(logging.INFO, "payapp.worker")
    queued(sqlite_db, 1)
    await finish(sqlite_db, Moody(books, quick, shout))
    lines = [record.getMessage() for record in caplog.records if record.name == "payapp.worker"]
    assert all(line.isprintable() and line.startswith("event=") for line in lines)
    events = {line.split()[0] for line in lines}
    assert {"event=worker.started", "event=parcel.sent", "event=job.ended", "event=worker.stopped"} <= events


# -- one on SQLite, many on PostgreSQL -------------------------------------------------------------------------


async def test_on_sqlite_a_second_worker_says_so_or_waits_for_its_turn(
    sqlite_db: Database, books: Path, quick: Profile
) -> None:
    first, second = (Worker(sqlite_db, sandbox_on(books, quick), None, SETTINGS) for _ in range(2))
    async with running(first) as stop:
        await until(lambda: workers.any_alive(sqlite_db))
        third = Worker(sqlite_db, sandbox_on(books, quick), None, SETTINGS)
        with pytest.raises(WorkerRunningError, match="Another worker"):
            await third.run(asyncio.Event(), wait=False)
        impatient = Worker(
            sqlite_db, sandbox_on(books, quick), None, WorkerSettings(lease=6.0, idle_exit=0.1)
        )
        await impatient.run(asyncio.Event())
        async with running(second):
            stop.set()
            await until(lambda: [w.id for w in workers.seen(sqlite_db)] == [second.id])
            bills = queued(sqlite_db, 2)
            await until(lambda: states(sqlite_db) == {"done": 2})
    assert_each_once(sqlite_db, books, bills)


async def test_on_sqlite_the_lock_takes_over_at_once_whatever_the_lease(
    sqlite_db: Database, books: Path, quick: Profile
) -> None:
    bills = queued(sqlite_db, 3)
    claimed = outbox.claim(sqlite_db, "sandbox", "dead", limit=2, lease_ms=3_600_000, concurrency=1)
    outbox.fence(sqlite_db, "dead", claimed[:1])
    await finish(sqlite_db, sandbox_on(books, quick))
    assert_each_once(sqlite_db, books, bills)


on_postgresql = pytest.mark.parametrize("db_url", ["postgres"], indirect=True)


@on_postgresql
async def test_on_postgresql_many_share_the_queue(db: Database, books: Path, quick: Profile) -> None:
    bills = queued(db, 60)
    several = msgspec.structs.replace(quick, concurrency=3, parcel=4)
    async with asyncio.timeout(30):
        await asyncio.gather(
            *(
                Worker(db, sandbox_on(books, several, seconds_per_bill=0.005), None, SETTINGS).run(
                    asyncio.Event(), until_idle=True
                )
                for _ in range(3)
            )
        )
    assert_each_once(db, books, bills)
    senders = db.execute("SELECT count(DISTINCT worker) FROM export_attempts").fetchone()[0]
    assert senders > 1


@on_postgresql
async def test_on_postgresql_cut_connections_are_made_anew(db: Database, books: Path, quick: Profile) -> None:
    queued(db, 40)
    worker = Worker(db, sandbox_on(books, quick, seconds_per_bill=0.01), None, SETTINGS)

    def reached(count: int) -> bool:
        return len(sandbox.ledger(books)) >= count

    async with running(worker):
        for booked in (5, 15, 25):
            await until(partial(reached, booked))
            cut(db.url)
        await until(lambda: done_count(db.url) == 40)
    assert len(sandbox.ledger(books)) == 40
    assert len({row.key for row in sandbox.ledger(books)}) == 40


def cut(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def done_count(url: str) -> int:
    with psycopg.connect(url) as other:
        row = other.execute("SELECT count(*) FROM export_jobs WHERE state = 'done'").fetchone()
    return row[0] if row else 0
