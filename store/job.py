"""One export job: its row, and the steps that claiming, sending and looking up share.

Each step moves the job and its invoice together; call them in a transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar

from store import phases
from store.db import Database
from store.domain.status import TRANSITIONS, Action, JobState
from store.domain.text import safe
from store.pipeline import later

R = TypeVar("R")
_ARRAYS = {int: "bigint[]", bool: "boolean[]", str: "text[]"}


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


def end_claims(
    db: Database, state: JobState, rows: Sequence[tuple[Any, ...]], now: int, *columns: str
) -> None:
    """Close the claims on jobs with their new state. Each row: the job's id, then its values of ``columns``.

    A job that goes back to the queue has not begun.
    """
    begun = ", send_begun = NULL" if state is JobState.PENDING else ""
    settings = f"state = ?, worker = NULL, lease_until = NULL, updated_at = ?{begun}"
    written(db, "export_jobs", settings, (state.value, now), rows, columns)


def move(db: Database, action: Action, rows: Sequence[tuple[Any, ...]], now: int, *columns: str) -> None:
    """Move invoices by the table of transitions. Each row: the invoice's id, then its values of ``columns``.

    An invoice in another state is a defect: RuntimeError, and nothing is written.
    """
    transition = TRANSITIONS[action]
    sources = ", ".join(f"'{source}'" for source in transition.sources)
    beside = phases.moved(db, transition.target, transition.sources)
    moved = written(
        db,
        "invoices",
        f"erp_status = ?, {''.join(f'{name} = ?, ' for name in beside)}version = version + 1, updated_at = ?",
        (transition.target.value, *beside.values(), now),
        rows,
        columns,
        # An expression, so that the rows are found by id: statistics from before an Export of many say that the index
        # on the status is a shorter way to queued invoices.
        f"coalesce(erp_status, '') IN ({sources})",
    )

    def check() -> None:
        if strays := sorted({row[0] for row in rows} - moved()):
            raise RuntimeError(f"{action}: invoices {strays} are not in the state of their job")

    later(check)


def update_each(
    db: Database,
    table: str,
    settings: str,
    values: tuple[Any, ...],
    rows: Sequence[tuple[Any, ...]],
    columns: Sequence[str] = (),
    where: str = "TRUE",
    given: tuple[Any, ...] = (),
) -> set[int]:
    """As written(), and at once: the ids of the rows that it touched."""
    return written(db, table, settings, values, rows, columns, where, given)()


def written(
    db: Database,
    table: str,
    settings: str,
    values: tuple[Any, ...],
    rows: Sequence[tuple[Any, ...]],
    columns: Sequence[str] = (),
    where: str = "TRUE",
    given: tuple[Any, ...] = (),
) -> Callable[[], set[int]]:
    """One UPDATE for rows by their ids, each with values of its own. What it returns gives the ids that it touched.

    ``settings`` with its ``values`` are for all of them, a row is an id and its values of ``columns``. ``where`` with
    its ``given`` may compare with them as ``own.COLUMN``: such a column is set to what it is. A column's values are all
    of one type, and not None.
    """
    sets = "".join(f", {name} = own.{name}" for name in columns)
    cursors = [
        db.execute(
            f"WITH own ({', '.join(['own_id', *columns])}) AS ({source})"
            f" UPDATE {table} SET {settings}{sets} FROM own WHERE id = own.own_id AND {where} RETURNING id",
            (*own, *values, *given),
        )
        for source, own in sources_of(db, rows)
    ]
    return lambda: {row[0] for cursor in cursors for row in cursor.fetchall()}


def sources_of(db: Database, rows: Sequence[tuple[Any, ...]]) -> Iterator[tuple[str, Sequence[Any]]]:
    """The rows as SQL that yields them, with its parameters, in as many parts as it takes.

    On PostgreSQL one part whose text is the same for any number of rows, so that it is prepared once.
    """
    if not db.postgres:
        for chunk in chunks(rows):
            yield f"VALUES {groups(chunk)}", tuple(chain.from_iterable(chunk))
    elif rows:
        types = ", ".join(f"?::{_ARRAYS[type(value)]}" for value in rows[0])
        yield f"SELECT * FROM unnest({types})", [list(column) for column in zip(*rows, strict=True)]


def log_attempts(db: Database, worker: str, rows: Sequence[tuple[Job, str, str, str]], now: int) -> None:
    """Append (job, kind, outcome, evidence) to the attempts; nothing of them is ever changed."""
    logged = [
        # A job that was never in a parcel is of none.
        (job.id, job.attempt, job.key, job.parcel or 0, kind, outcome, evidence)
        for job, kind, outcome, evidence in rows
    ]
    for source, own in sources_of(db, logged):
        db.execute(
            f"WITH own (job_id, attempt, idem_key, parcel, kind, outcome, evidence) AS ({source}) INSERT INTO"
            " export_attempts (job_id, attempt, idem_key, parcel, worker, kind, outcome, evidence, at)"
            " SELECT job_id, attempt, idem_key, nullif(parcel, 0),"
            f" {'?::text' if db.postgres else '?'}, kind, outcome, evidence, {'?::bigint' if db.postgres else '?'}"
            " FROM own",
            (*own, worker, now),
        )


def strand(
    db: Database, worker: str | None, state: JobState, action: Action, jobs: Sequence[Job], now: int
) -> frozenset[Job]:
    """Close the jobs whose invoice is in no state from which the queue's ``action`` goes, and return them.

    Somebody changed it outside payapp. Nothing is sent for it and nothing of it is moved, and its neighbours go on.
    A job of which something may have been sent is parked, for a person must look; one that never left is cancelled,
    so that its invoice is free again. Only jobs in ``state`` that ``worker`` holds; None: nobody holds them.
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
    stranded = [job for job in jobs if job.invoice_id in strays]
    closed = update_each(
        db,
        "export_jobs",
        f"state = CASE WHEN send_begun IS NULL AND sends = 0 THEN '{JobState.CANCELLED}' ELSE '{JobState.PARKED}' END,"
        " worker = NULL, lease_until = NULL, updated_at = ?",
        (now,),
        [
            (
                job.id,
                f"its invoice was changed outside payapp: it is {safe(strays[job.invoice_id])}",
                job.attempt,
            )
            for job in stranded
        ],
        ("error_text", "attempt"),
        f"export_jobs.attempt = own.attempt AND state = '{state}'"
        f" AND {'worker IS NULL' if worker is None else 'worker = ?'}"
        # The invoice of one that has begun is where it belongs.
        f"{' AND send_begun IS NULL' if action is Action.BEGIN else ''}",
        () if worker is None else (worker,),
    )
    return frozenset(job for job in stranded if job.id in closed)


def marks(chunk: Sequence[Any]) -> str:
    """Question marks for an IN list."""
    return ", ".join("?" * len(chunk))


def groups(rows: Sequence[tuple[Any, ...]]) -> str:
    """Question marks for a VALUES list of these rows, which are of one length."""
    return ", ".join([f"({marks(rows[0])})"] * len(rows))


def chunks(rows: Sequence[R], size: int = 500) -> list[Sequence[R]]:
    """The rows in runs that one statement bears."""
    return [rows[n : n + size] for n in range(0, len(rows), size)]
