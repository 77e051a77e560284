"""Reading batches: what one press of Export accepted together, and how far it has come.

The numbers come from the queue's rows, so that every desk shows the same, whoever pressed and whoever sends.
"""

from __future__ import annotations

from dataclasses import dataclass

from peewee import Expression, Value, fn

from store import signing
from store.db import Database
from store.domain.keys import spelled
from store.domain.status import JobState
from store.models import Batch, ExportAttempt, ExportJob, Invoice, User, Vendor
from store.posting import Posted


@dataclass(frozen=True, slots=True)
class Failure:
    """One invoice of a batch that the ERP refused, with the plain cause and the fix."""

    invoice_id: int
    number: str
    vendor: str
    code: str
    cause: str
    fix: str


@dataclass(frozen=True, slots=True)
class Progress:
    """One batch; amounts in minor units, moments in milliseconds UTC of the database's clock.

    ``left`` are held, queued or being sent; ``awaiting`` wait for a receipt, the oldest since ``awaiting_since``; ``eta_ms`` is the time that what is left will take at the pace of what
    was acknowledged, None while nothing was. ``failed`` counts every refusal of the ERP, ``resolved`` those of them
    whose invoice was rejected or retried since; ``failures`` are the others. ``posted``: what of it posts otherwise than
    invoiced, by the company's policy. ``own``: how many were of who exported them (SELF).
    """

    id: int
    operator: str
    created_at: int
    hold_until: int
    now: int
    currency: str
    count: int
    gross: int
    retainage: int
    net: int
    hash_total: int
    accounting_date: str
    description: str
    done: int
    failed: int
    resolved: int
    left: int
    uncertain: int
    parked: int
    cancelled: int
    eta_ms: int | None
    failures: tuple[Failure, ...]
    awaiting: int = 0
    awaiting_since: int | None = None
    posted: Posted | None = None
    own: int = 0

    @property
    def recallable(self) -> bool:
        """Whether the batch is still held, so that Z takes it back whole."""
        return self.left > 0 and self.hold_until > self.now

    @property
    def running(self) -> bool:
        """Whether anything of it may still change without a person."""
        return self.left + self.uncertain > 0

    @property
    def unresolved(self) -> int:
        """How many failures still wait for a person."""
        return self.failed - self.resolved

    @property
    def recalled_whole(self) -> bool:
        """Whether nothing of it is left to export, because all of it was taken back."""
        return self.cancelled >= self.count


_LEFT = (JobState.HELD, JobState.PENDING, JobState.CLAIMED)


def recent(db: Database, limit: int = 5, *, failures: int = 5) -> list[Progress]:
    """The newest batches, newest first, each with its first failures."""
    ids = db.rows(Batch.select(Batch.id).order_by(Batch.id.desc()).limit(limit))
    return [progress(db, row[0], failures=failures) for row in ids]


def progress(db: Database, batch: int, *, failures: int = 5) -> Progress:
    """How far one batch has come."""
    row = db.rows(
        Batch.select(
            User.login, Batch.created_at, Batch.hold_until, Batch.currency, Batch.count, Batch.gross,
            Batch.retainage, Batch.net, Batch.hash_total, Batch.accounting_date, Batch.description,
            Batch.policy_count, Batch.policy_due, Batch.policy_lost,
        )
        .join(User, on=Batch.operator == User.id)
        .where(Batch.id == batch)
    )[0]  # fmt: skip
    states, unresolved = _counted(db, batch)
    done, failed = states.get(JobState.DONE, 0), states.get(JobState.FAILED, 0)
    cancelled = states.get(JobState.CANCELLED, 0)
    parted = _parted(db, batch) if cancelled else 0
    done, cancelled = done + parted, cancelled - parted
    left = sum(states.get(state, 0) for state in _LEFT)
    awaiting = states.get(JobState.SENT, 0)
    return Progress(
        id=batch,
        operator=row[0],
        created_at=row[1],
        hold_until=row[2],
        now=db.now(),
        currency=row[3],
        count=row[4],
        gross=row[5],
        retainage=row[6],
        net=row[7],
        hash_total=row[8],
        accounting_date=row[9] or "",
        description=row[10],
        done=done,
        failed=failed,
        resolved=failed - unresolved,
        left=left,
        uncertain=states.get(JobState.UNCERTAIN, 0),
        parked=states.get(JobState.PARKED, 0),
        cancelled=cancelled,
        eta_ms=_eta(db, batch, done + failed + awaiting, left),
        failures=_failures(db, batch, failures),
        awaiting=awaiting,
        awaiting_since=_awaited_since(db, batch) if awaiting else None,
        posted=Posted(row[3], *row[11:]) if row[11] else None,
        own=signing.of_batch(db, batch),
    )


def _parted(db: Database, batch: int) -> int:
    """How many were booked, and unlinked or reset since: the batch did arrive."""
    of = (
        (ExportJob.batch == batch) & (ExportJob.state == JobState.CANCELLED.value) & (ExportJob.erp_ref != "")
    )
    return int(db.rows(ExportJob.select(fn.COUNT(ExportJob.id)).where(of))[0][0])


def _awaited_since(db: Database, batch: int) -> int | None:
    """Since when the first of them waits: one row, however many there are, for every desk asks at every change."""
    of = (ExportJob.batch == batch) & (ExportJob.state == JobState.SENT.value)
    rows = db.rows(ExportJob.select(ExportJob.updated_at).where(of).order_by(ExportJob.id).limit(1))
    return int(rows[0][0]) if rows else None


def _eta(db: Database, batch: int, ended: int, left: int) -> int | None:
    if not ended or not left:
        return None
    first, last = db.rows(
        ExportAttempt.select(fn.MIN(ExportAttempt.at), fn.MAX(ExportAttempt.at))
        .join(ExportJob, on=ExportAttempt.job == ExportJob.id)
        .where(ExportJob.batch == batch)
    )[0]
    return None if first is None or last <= first else (last - first) * left // ended


def _still_failed(batch: int) -> Expression:
    """The failed jobs of the batch whose invoice nobody has decided on: reject and retry take it out of its batch."""
    return (ExportJob.batch == batch) & (ExportJob.state == JobState.FAILED.value) & (Invoice.batch == batch)


def _counted(db: Database, batch: int) -> tuple[dict[str, int], int]:
    """The batch's jobs by state, and how many failures wait for a person: one statement, so that they agree.

    Others commit between two statements, and then more failures may wait than there were.
    """
    by_state = (
        ExportJob.select(ExportJob.state, fn.COUNT(ExportJob.id), Value(0))
        .where(ExportJob.batch == batch)
        .group_by(ExportJob.state)
    )
    waiting = (
        ExportJob.select(Value(JobState.FAILED.value), Value(0), fn.COUNT(ExportJob.id))
        .join(Invoice, on=ExportJob.invoice == Invoice.id)
        .where(_still_failed(batch))
    )
    states: dict[str, int] = {}
    unresolved = 0
    for state, count, still in db.rows(by_state.union_all(waiting)):
        states[state] = states.get(state, 0) + int(count)
        unresolved += int(still)
    return states, unresolved


def _failures(db: Database, batch: int, limit: int) -> tuple[Failure, ...]:
    found = db.rows(
        ExportJob.select(
            Invoice.id,
            Invoice.number,
            Vendor.name,
            ExportJob.error_code,
            ExportJob.error_text,
            Invoice.error_fix,
        )
        .join(Invoice, on=ExportJob.invoice == Invoice.id)
        .join(Vendor, on=Invoice.vendor == Vendor.id)
        .where(_still_failed(batch))
        .order_by(ExportJob.updated_at.desc(), ExportJob.id.desc())
        .limit(limit)
    )
    return tuple(
        Failure(number, name, vendor, code, cause, spelled(fix))
        for number, name, vendor, code, cause, fix in found
    )
