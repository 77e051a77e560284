"""The worker when the ground moves: a full disk, a database that is away, a newer program; each said in its log."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from export_case import make_bill, queue_jobs, sandbox_on, states, statuses
from people import founded

from erp.connectors import sandbox
from erp.lock import LockLostError, WorkerLock
from erp.worker import OutgrownError, Worker, WorkerSettings
from store import db as database
from store import workers
from store.db import Database
from store.domain.profile import Profile

SETTINGS = WorkerSettings(lease=6.0, poll=0.02)
COUNT = 40
# More than are sent between two heartbeats.
MANY = 200


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 - other processes and threads make it true
            await asyncio.sleep(0.01)


def fill(db: Database) -> None:
    """From now on this connection finds no room for one more page."""
    db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0]}")


def free(db: Database) -> None:
    db.execute("PRAGMA max_page_count = 4294967294")


def each_once(db: Database, books: Path) -> None:
    assert (states(db), statuses(db)) == ({"done": COUNT}, {"synced": COUNT})
    keys = [row.key for row in sandbox.ledger(books)]
    assert sorted(keys) == sorted(make_bill(n).key for n in range(1, COUNT + 1))


@pytest.mark.parametrize("booked", [0, 7])
async def test_a_full_disk_sends_nothing_twice_and_loses_nothing(
    sqlite_db: Database, books: Path, quick: Profile, caplog: pytest.LogCaptureFixture, booked: int
) -> None:
    caplog.set_level(logging.INFO)
    queue_jobs(sqlite_db, [make_bill(n) for n in range(1, COUNT + 1)])
    stop = asyncio.Event()
    worker = Worker(sqlite_db, sandbox_on(books, quick, seconds_per_bill=0.005), None, SETTINGS)
    if not booked:
        await sqlite_db.write(fill)
    task = asyncio.create_task(worker.run(stop))
    try:
        if booked:
            await until(lambda: len(sandbox.ledger(books)) >= booked)
            await sqlite_db.write(fill)
        await until(lambda: "disk is full" in caplog.text)
        sent = len(sandbox.ledger(books))
        assert sent < COUNT
        await sqlite_db.write(free)
        await until(lambda: states(sqlite_db) == {"done": COUNT})
    finally:
        await sqlite_db.write(free)
        stop.set()
        await task
    each_once(sqlite_db, books)


async def test_a_worker_of_an_older_program_drains_and_ends(
    db: Database, books: Path, quick: Profile, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    queue_jobs(db, [make_bill(n) for n in range(1, MANY + 1)])
    worker = Worker(
        db, sandbox_on(books, quick, seconds_per_bill=0.05), None, WorkerSettings(lease=6.0, poll=0.02)
    )
    task = asyncio.create_task(worker.run(asyncio.Event()))
    await until(lambda: len(sandbox.ledger(books)) >= 1)
    await db.write(lambda of: of.execute("UPDATE schema_version SET version = version + 1"))
    with pytest.raises(OutgrownError, match="newer payapp has brought the database up to date"):
        async with asyncio.timeout(30):
            await task
    assert "worker.outgrown" in caplog.text and "worker.drains" in caplog.text
    # What it had begun is written down; nothing is left in its hands, and the rest waits for a program that knows it.
    assert states(db).keys() <= {"done", "pending", "held"}
    assert states(db)["done"] == len(sandbox.ledger(books)) < MANY


async def test_a_worker_whose_lock_file_is_removed_drains_and_another_sends_the_rest(
    sqlite_db: Database, books: Path, quick: Profile, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    queue_jobs(sqlite_db, [make_bill(n) for n in range(1, COUNT + 1)])
    slow = msgspec.structs.replace(quick, parcel=1)
    task = asyncio.create_task(
        Worker(sqlite_db, sandbox_on(books, slow, seconds_per_bill=0.1), None, SETTINGS).run(asyncio.Event())
    )
    await until(lambda: len(sandbox.ledger(books)) >= 1)
    lock = WorkerLock(Path(sqlite_db.url.removeprefix("sqlite:")))
    lock.path.unlink()
    with pytest.raises(LockLostError, match="removed or replaced"):
        async with asyncio.timeout(30):
            await task
    assert "worker.unlocked" in caplog.text and "worker.drains" in caplog.text
    assert 0 < len(sandbox.ledger(books)) < COUNT
    async with asyncio.timeout(60):
        second = Worker(sqlite_db, sandbox_on(books, quick), None, SETTINGS)
        await second.run(asyncio.Event(), until_idle=True)
    each_once(sqlite_db, books)


async def test_a_worker_whose_folder_is_removed_ends(
    tmp_path: Path, books: Path, quick: Profile, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing of it is there any more, and nobody else would end it."""
    caplog.set_level(logging.INFO)
    folder = tmp_path / "gone"
    folder.mkdir()
    own = database.create(f"sqlite:{folder / 'payapp.db'}")
    founded(own)
    task = asyncio.create_task(Worker(own, sandbox_on(books, quick), None, SETTINGS).run(asyncio.Event()))
    await until(lambda: "worker.started" in caplog.text)
    shutil.rmtree(folder)
    with pytest.raises(LockLostError, match="removed or replaced"):
        async with asyncio.timeout(30):
            await task
    own.close()


async def test_a_worker_says_which_program_it_is(db: Database, books: Path, quick: Profile) -> None:
    stop = asyncio.Event()
    task = asyncio.create_task(Worker(db, sandbox_on(books, quick), None, SETTINGS).run(stop))
    await until(lambda: bool(workers.seen(db)))
    (seen,) = workers.seen(db)
    stop.set()
    await task
    assert seen.version and seen.erp == "sandbox"
