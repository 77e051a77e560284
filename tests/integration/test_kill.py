"""kill -9 in the middle of an export: the next worker finishes, and the ledger holds each accepted invoice once."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest
from export_case import hasty, make_bill, queue_jobs, sandbox_on, states, statuses

from erp.connectors import sandbox
from erp.worker import Worker, WorkerSettings
from store.db import Database

COUNT = 200
LEASE = 2.5
PROGRAM = Path(__file__).parents[1] / "worker_process.py"


def start(url: str, books: Path, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, str(PROGRAM), url, str(books), "0.01", str(LEASE)], stdout=output, stderr=output
        )


def killed_after(process: subprocess.Popen[bytes], books: Path, booked: int, log: Path) -> None:
    """Let it book that many, then kill it without warning."""
    deadline = time.monotonic() + 60
    while len(sandbox.ledger(books)) < booked:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.005)
    process.kill()
    process.wait()


@pytest.mark.parametrize("kills", [(63,), (25, 74, 117)], ids=["once", "thrice"])
async def test_a_killed_worker_loses_nothing_and_books_nothing_twice(
    db: Database, books: Path, tmp_path: Path, kills: tuple[int, ...]
) -> None:
    bills = [make_bill(n) for n in range(1, COUNT + 1)]
    queue_jobs(db, bills)
    log = tmp_path / "worker.log"
    for booked in kills:
        killed_after(start(db.url, books, log), books, booked, log)
    assert len(sandbox.ledger(books)) < COUNT

    last = Worker(db, sandbox_on(books, hasty()), None, WorkerSettings(lease=LEASE, poll=0.02))
    async with asyncio.timeout(90):
        await last.run(asyncio.Event(), until_idle=True)

    assert states(db) == {"done": COUNT}
    assert statuses(db) == {"synced": COUNT}
    ledger = sandbox.ledger(books)
    assert sorted((row.key, row.gross, row.retainage, row.net) for row in ledger) == sorted(
        (bill.key, bill.gross, bill.retainage, bill.net) for bill in bills
    )
    origins = dict(db.execute("SELECT idem_key, erp_ref FROM export_jobs").fetchall())
    assert origins == {row.key: row.ref for row in ledger}
