"""One export job: its row, and the steps that claiming, sending and looking up share.

Each step moves the job and its invoice together; call them in a transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from store.db import Database
from store.domain.status import TRANSITIONS, Action, JobState
from store.domain.text import safe


@dataclass(frozen=True, slots=True)
class Job:
    """One claimed job; ``attempt`` is its fencing token. ``worker`` of a look-up is the look-up's own."""

    id: int
    invoice_id: int
    attempt: int
    key: str
    payload: str
    payload_sha256: str
    parcel: int | None
    alone: bool
    sends: int


JOB_COLUMNS = "id, invoice_id, attempt, idem_key, payload, payload_sha256, parcel, alone, sends"


def job_of(row: Sequence[Any]) -> Job:
    """The job of a row of JOB_COLUMNS."""
    return Job(row[0], row[1], row[2], row[3], row[4], row[5], row[6], bool(row[7]), row[8])


def end_claim(db: Database, job: Job, state: JobState, now: int, **values: Any) -> None:
    """Close the claim on a job with its new state and values."""
    columns = ", ".join(f"{name} = ?" for name in values)
    db.execute(
        f"UPDATE export_jobs SET state = ?, worker = NULL, lease_until = NULL, updated_at = ?, {columns} WHERE id = ?",
        (state.value, now, *values.values(), job.id),
    )


def move(db: Database, action: Action, invoice_ids: Sequence[int], now: int, **values: Any) -> None:
    """Move invoices by the table of transitions. An invoice in another state is a defect, and nothing is written."""
    transition = TRANSITIONS[action]
    sources = ", ".join(f"'{source}'" for source in transition.sources)
    columns = "".join(f", {name} = ?" for name in values)
    for chunk in chunks(invoice_ids):
        found = db.execute(
            f"UPDATE invoices SET erp_status = ?, version = version + 1, updated_at = ?{columns}"
            f" WHERE id IN ({marks(chunk)}) AND erp_status IN ({sources}) RETURNING id",
            (transition.target.value, now, *values.values(), *chunk),
        ).fetchall()
        if len(found) != len(chunk):
            strays = sorted(set(chunk) - {row[0] for row in found})
            raise RuntimeError(f"{action}: invoices {strays} are not in the state of their job")


def log_attempts(db: Database, worker: str, rows: Sequence[tuple[Job, str, str, str]], now: int) -> None:
    """Append (job, kind, outcome, evidence) to the attempts; nothing of them is ever changed."""
    db.executemany(
        "INSERT INTO export_attempts (job_id, attempt, parcel, worker, kind, outcome, evidence, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (job.id, job.attempt, job.parcel, worker, kind, outcome, evidence, now)
            for job, kind, outcome, evidence in rows
        ],
    )


def strand(
    db: Database, worker: str | None, state: JobState, action: Action, jobs: Sequence[Job], now: int
) -> frozenset[Job]:
    """Park the jobs whose invoice is in no state from which the queue's ``action`` goes, and return them.

    Somebody changed it outside payapp. Nothing is sent for it and nothing of it is moved: a person must look, and
    its neighbours go on. Only jobs in ``state`` that ``worker`` holds are parked; None: nobody holds them.
    """
    sources = ", ".join(f"'{source}'" for source in TRANSITIONS[action].sources)
    strays: dict[int, str] = {}
    for chunk in chunks([job.invoice_id for job in jobs]):
        strays |= dict(
            db.execute(
                f"SELECT id, erp_status FROM invoices WHERE id IN ({marks(chunk)}) AND erp_status NOT IN ({sources})",
                tuple(chunk),
            ).fetchall()
        )
    parked = set()
    for job in (job for job in jobs if job.invoice_id in strays):
        found = db.execute(
            f"UPDATE export_jobs SET state = '{JobState.PARKED}', worker = NULL, lease_until = NULL, updated_at = ?,"
            f" error_text = ? WHERE id = ? AND attempt = ? AND state = '{state}'"
            f" AND {'worker IS NULL' if worker is None else 'worker = ?'} RETURNING id",
            (
                now,
                f"its invoice was changed outside payapp: it is {safe(strays[job.invoice_id])}",
                job.id,
                job.attempt,
                *([] if worker is None else [worker]),
            ),
        ).fetchone()
        if found:
            parked.add(job)
    return frozenset(parked)


def marks(chunk: Sequence[Any]) -> str:
    """Question marks for an IN list."""
    return ", ".join("?" * len(chunk))


def chunks(ids: Sequence[int], size: int = 500) -> list[Sequence[int]]:
    """The ids in runs that one statement bears."""
    return [ids[n : n + size] for n in range(0, len(ids), size)]
