"""The worker with the sandbox, on both databases."""

from __future__ import annotations

import asyncio
from pathlib import Path

from export_case import make_bill, queue_jobs, sandbox_on, states, statuses

from erp.connectors import sandbox
from erp.worker import Worker, WorkerSettings
from store.db import Database
from store.domain.profile import Profile

SETTINGS = WorkerSettings(lease=6.0, poll=0.02)


async def test_exports_what_is_queued_and_books_each_once(db: Database, books: Path, quick: Profile) -> None:
    bills = [make_bill(n) for n in range(1, 26)]
    queue_jobs(db, bills)
    connector = sandbox_on(books, quick)

    async with asyncio.timeout(20):
        await Worker(db, connector, None, SETTINGS).run(asyncio.Event(), until_idle=True)
    await connector.close()

    assert states(db) == {"done": 25}
    assert statuses(db) == {"synced": 25}
    booked = {row.key: (row.ref, row.gross) for row in sandbox.ledger(books)}
    assert {key: gross for key, (_, gross) in booked.items()} == {bill.key: bill.gross for bill in bills}
    for uuid, origin in db.execute("SELECT uuid, origin_id FROM invoices").fetchall():
        assert origin == booked[f"{uuid}:1"][0]
