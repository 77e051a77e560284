"""Bills that were delivered, and receipts of them, for the tests of receipts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from export_case import queue_jobs

from erp import profiles
from store import outbox, receipts, review
from store.db import Database
from store.domain.actor import Actor
from store.domain.bill import Bill
from store.domain.outcome import Delivered, PostOutcome
from store.domain.selection import Marked
from store.job import Job
from store.receipt_fates import Fate
from store.receipts import Reading

WORKER = "6b0c1a3e-0000-4000-8000-000000000001"
HEADER = "key,vendor,number,reference,amount,status,error\n"
XERO = (
    "ContactName,EmailAddress,InvoiceNumber,Reference,InvoiceDate,DueDate,Total,Description,Quantity,UnitAmount,Currency,"
    "Type,Status\n"
)
QUICKBOOKS = ",Trans #,Type,Date,Num,Name,Memo,Amount\n"


def sent(db: Database, bills: list[Bill], outcome: Callable[[Job], PostOutcome] | None) -> list[int]:
    """These bills after one sending by a worker; without an outcome it died before it was written down."""
    ids = queue_jobs(db, bills)
    _, jobs = outbox.begin(db, "sandbox", WORKER, limit=100, lease_ms=60_000, concurrency=4)
    assert [job.key for job in jobs] == [bill.key for bill in bills]
    if outcome is not None:
        outbox.acknowledge(db, WORKER, "sandbox", [(job, outcome(job)) for job in jobs], settle_ms=0)
    return ids


def delivered(db: Database, *bills: Bill) -> list[int]:
    return sent(db, list(bills), lambda job: Delivered(job.key, f"payapp-1.csv/{job.id}"))


def take(db: Database, actor: Actor, *lines: str, header: str = HEADER) -> Reading:
    return receipts.take(db, actor, "receipt.csv", (header + "\n".join(lines) + "\n").encode())


def fates(reading: Reading) -> list[Fate]:
    return [told.fate for told in reading.told]


def invoice(db: Database, number: int) -> tuple[Any, ...]:
    return tuple(
        db.execute(
            "SELECT erp_status, origin_id, error_code, error_cause FROM invoices WHERE id = ?", (number,)
        ).fetchone()
    )


def marked(db: Database, *numbers: int) -> Marked:
    rows = db.execute(
        f"SELECT id, version FROM invoices WHERE id IN ({', '.join('?' * len(numbers))})", numbers
    )
    return Marked(dict(tuple(row) for row in rows.fetchall()))


def export(db: Database, approver: Actor, number: int) -> None:
    review.retry(db, approver, marked(db, number), profiles.load("sandbox"))
