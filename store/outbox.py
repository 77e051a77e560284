"""The export queue's rows: claim, fence, acknowledge, expire (ARCHITECTURE.md, "The export").

The invoice's state is the queue: every step here moves the job and its invoice in one transaction. A worker begins
(claims and fences), sends, and takes a turn: it acknowledges and begins the next in one. Whatever it is late for is
fenced off by worker, attempt and lease. Times are milliseconds of the database's clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

from store import epochs, gate
from store.db import CLOCK, Database
from store.domain.outcome import Answer, Booked, Delivered, Later, Missing, PostOutcome, Unknown
from store.domain.status import Action, ErpStatus, JobState
from store.domain.text import safe
from store.job import (
    JOB_COLUMNS,
    Job,
    chunks,
    groups,
    job_of,
    log_attempts,
    marks,
    move,
    strand,
    update_each,
    written,
)
from store.outcomes import UNPROVEN, backoff_ms, book_late, evidence, known, settle, stop_the_next, unrefused
from store.packed import among, packed
from store.pipeline import later, pipelined

BREAKER_AFTER = gate.BREAKER_AFTER
# So many jobs at once make PostgreSQL's statistics of the queue useless.
ANALYZE_FROM = 10_000


# Invoice, revision, batch, key, erp, payload, sha256, accounting date as ISO day, due at, and whether the ERP is asked
# about it before it is sent.
Row = tuple[int, int, int, str, str, str, str, str, int, bool]


def enqueue(db: Database, rows: Sequence[Row]) -> None:
    """Add held jobs, in the deciding transaction."""
    now = db.now()
    # FAIL: what a statement did before an error is undone with the transaction, and no page is kept aside for that.
    for chunk in chunks([(*row, JobState.HELD.value, False, now) for row in rows]):
        db.execute(
            f"INSERT{'' if db.postgres else ' OR FAIL'} INTO export_jobs (invoice_id, revision, batch_id, idem_key, erp, payload, payload_sha256,"
            f" accounting_date, run_at, look_first, state, alone, updated_at) VALUES {groups(chunk)}",
            tuple(chain.from_iterable(chunk)),
        )
    grown(db, len(rows))


def grown(db: Database, count: int) -> None:
    """So many jobs were enqueued in the transaction under way, at once or in parts."""
    if db.postgres and count >= ANALYZE_FROM:
        # Until its statistics say how long the queue is, PostgreSQL sorts all of it for every claim; its own look
        # comes only every minute. SKIP LOCKED: another's ANALYZE does as well.
        db.execute("ANALYZE (SKIP_LOCKED) export_jobs")


def seize(db: Database, invoice_ids: Sequence[int]) -> None:
    """Lock what of these invoices can be cancelled, till the transaction's end, before some of it at a time is.

    In the order of their ids, as everybody who takes several jobs does: nobody waits for one who waits for them.
    """
    if db.postgres:
        db.execute(
            f"SELECT count(*) FROM (SELECT id FROM export_jobs WHERE {among(db, 'invoice_id')}"
            f" AND state IN ('{JobState.HELD}', '{JobState.PENDING}', '{JobState.CLAIMED}') ORDER BY id FOR UPDATE) AS own",
            (packed(db, invoice_ids),),
        ).fetchone()


def cancel(db: Database, invoice_ids: Sequence[int]) -> set[int]:
    """Cancel the open jobs of these invoices that nothing was sent of; returns the invoices whose job was cancelled.

    A worker that has claimed such a job finds at its fence that it no longer holds. A job that waits to be sent again
    stays where an earlier sending has no proven end: that may still arrive, and the next export has another key.
    """
    done: set[int] = set()
    for chunk in chunks(invoice_ids):
        found = db.execute(
            f"UPDATE export_jobs SET state = '{JobState.CANCELLED}', worker = NULL, lease_until = NULL, updated_at = ?"
            f" WHERE invoice_id IN ({marks(chunk)}) AND send_begun IS NULL AND (sends = 0 OR NOT {UNPROVEN})"
            f" AND state IN ('{JobState.HELD}', '{JobState.PENDING}', '{JobState.CLAIMED}') RETURNING invoice_id",
            (db.now(), *chunk),
        ).fetchall()
        done.update(row[0] for row in found)
    return done


# -- what a worker does ----------------------------------------------------------------------------------------


def claim(
    db: Database,
    erp: str,
    worker: str,
    *,
    limit: int,
    lease_ms: int,
    concurrency: int,
    rate: int | None = None,
) -> list[Job]:
    """Claim due jobs of one ERP, oldest first, as one parcel (or one job that must go alone).

    Returns nothing while the ERP's breaker is open, its next request must wait (``rate``: requests a minute), or as many
    parcels are under way as it bears, on all hosts. What looks first is not for it. Raises Displaced where the database
    is not the one that was adopted.
    """
    with db.transaction(), pipelined(db):
        epochs.require(db)
        seen, chosen = _due(db, erp, limit=limit, lease_ms=lease_ms, concurrency=concurrency, rate=rate)
        jobs = take(db, seen, worker, [job for job, _ in chosen], lease_ms=lease_ms, fenced=False)
        if jobs:
            gate.passed(db, seen, _parcel(jobs[0]), lease_ms=lease_ms, rate=rate)
    return jobs


def begin(
    db: Database,
    erp: str,
    worker: str,
    *,
    limit: int,
    lease_ms: int,
    concurrency: int,
    rate: int | None = None,
) -> tuple[int, list[Job]]:
    """Claim as claim() does and fence in one transaction: how many were claimed, and the jobs that may be sent now.

    A job whose invoice was changed outside payapp is closed, and is not among them.
    """
    with db.transaction(), pipelined(db):
        epochs.require(db)
        seen, chosen = _due(db, erp, limit=limit, lease_ms=lease_ms, concurrency=concurrency, rate=rate)
        fit = [job for job, status in chosen if status == ErpStatus.QUEUED]
        gone = [job for job, status in chosen if status != ErpStatus.QUEUED]
        for state in (JobState.HELD, JobState.PENDING) if gone else ():
            strand(db, None, state, Action.BEGIN, gone, seen.now)
        jobs = take(db, seen, worker, fit, lease_ms=lease_ms, fenced=True)
        if jobs:
            gate.passed(db, seen, _parcel(jobs[0]), lease_ms=lease_ms, rate=rate)
            _begun(db, worker, jobs, seen.now)
    return len(chosen), jobs


def turn(
    db: Database,
    erp: str,
    worker: str,
    results: Sequence[tuple[Job, PostOutcome]],
    *,
    settle_ms: int,
    limit: int,
    lease_ms: int,
    concurrency: int,
    rate: int | None = None,
) -> tuple[list[Job], int, list[Job]]:
    """Acknowledge one parcel and begin the next in one transaction: what acknowledge() and begin() return."""
    with db.transaction(), pipelined(db):
        late = acknowledge(db, worker, erp, results, settle_ms=settle_ms)
        claimed, jobs = begin(
            db, erp, worker, limit=limit, lease_ms=lease_ms, concurrency=concurrency, rate=rate
        )
    return late, claimed, jobs


def _due(
    db: Database, erp: str, *, limit: int, lease_ms: int, concurrency: int, rate: int | None
) -> tuple[gate.Gate, list[tuple[Job, str]]]:
    """What may go now as one parcel, locked, each job with its invoice's state; and the ERP's row, locked before."""
    look = gate.look(db, erp, rate=rate)
    # Its order is that of the index, so that it reads no more of a long queue than it takes.
    found = db.execute(
        f"SELECT {JOB_COLUMNS}, (SELECT erp_status FROM invoices WHERE invoices.id = export_jobs.invoice_id)"
        f" FROM export_jobs WHERE state IN ('{JobState.HELD}', '{JobState.PENDING}') AND NOT look_first AND erp = ?"
        f" AND run_at <= {f'(SELECT {CLOCK})' if db.postgres else '?'} ORDER BY run_at, id LIMIT ?"
        f"{' FOR UPDATE OF export_jobs SKIP LOCKED' if db.postgres else ''}",
        (erp, limit) if db.postgres else (erp, db.now(), limit),
    )
    seen = look()
    due = [(job_of(row), str(row[-1])) for row in found.fetchall()]
    most = seen.parcel(limit, lease_ms, concurrency)
    if due and due[0][0].alone:
        chosen = due[: min(1, most)]
    else:
        chosen = [pair for pair in due if not pair[0].alone][:most]
    return seen, sorted(chosen, key=lambda pair: pair[0].id)


def take(
    db: Database, seen: gate.Gate, worker: str, jobs: Sequence[Job], *, lease_ms: int, fenced: bool
) -> list[Job]:
    """Write the claim on jobs that this transaction has locked, and with ``fenced`` the fence; the jobs as they are now."""
    if not jobs:
        return []
    parcel = seen.next_parcel
    with_id = ("id, ", "?, ", (parcel,)) if parcel else ("", "", ())
    made = db.execute(
        f"INSERT INTO parcels ({with_id[0]}erp, worker, created_at, members) VALUES ({with_id[1]}?, ?, ?, ?) RETURNING id",
        (*with_id[2], seen.erp, worker, seen.now, len(jobs)),
    )
    parcel = parcel or made.fetchone()[0]
    fence, begun = (", send_begun = ?, sends = sends + 1", (seen.now,)) if fenced else ("", ())
    taken = written(
        db,
        "export_jobs",
        f"state = '{JobState.CLAIMED}', attempt = attempt + 1, worker = ?, lease_until = ?, parcel = ?, updated_at = ?"
        f"{fence}",
        (worker, seen.now + lease_ms, parcel, seen.now, *begun),
        [(job.id,) for job in jobs],
    )

    def check() -> None:
        if len(taken()) < len(jobs):
            raise RuntimeError("jobs that were locked are gone")

    later(check)
    return [replace(job, attempt=job.attempt + 1, parcel=parcel) for job in jobs]


def _begun(db: Database, worker: str, jobs: Sequence[Job], now: int) -> None:
    """The sending of these jobs, whose fence was just written, begins."""
    move(db, Action.BEGIN, [(job.invoice_id,) for job in jobs], now)
    log_attempts(db, worker, [(job, "begun", "", "") for job in jobs], now)


def _parcel(job: Job) -> str:
    """What erp_state calls the parcel of that job, should it be the one that probes."""
    return f"parcel {job.parcel}"


def fence(db: Database, worker: str, jobs: Sequence[Job]) -> list[Job]:
    """Mark that the sending begins. Send only what comes back: for the others the claim no longer holds."""
    with db.transaction():
        now = db.now()
        strays = strand(db, worker, JobState.CLAIMED, Action.BEGIN, jobs, now)
        begun = update_each(
            db,
            "export_jobs",
            "send_begun = ?, sends = sends + 1, updated_at = ?",
            (now, now),
            [(job.id, job.attempt) for job in jobs if job not in strays],
            ("attempt",),
            f"worker = ? AND state = '{JobState.CLAIMED}' AND export_jobs.attempt = own.attempt AND lease_until > ?"
            " AND send_begun IS NULL",
            (worker, now),
        )
        held = [job for job in jobs if job.id in begun]
        _begun(db, worker, held, now)
    return held


def acknowledge(
    db: Database, worker: str, erp: str, results: Sequence[tuple[Job, PostOutcome]], *, settle_ms: int
) -> list[Job]:
    """Write down what became of fenced jobs, and move their invoices, in one transaction.

    Returns the jobs whose claim no longer held: a bill that the ERP has booked is booked where nobody sends it now, and
    every outcome is kept as late evidence. Of a job that is not there any more (gone()) nothing is written down.
    """
    with db.transaction(), pipelined(db):
        now, held, moved = _held(db, worker, [job for job, _ in results])
        # Every outcome starts from the same state of the invoice as a lost reply does.
        strays = strand(db, worker, JobState.CLAIMED, Action.LOSE, moved, now) if moved else frozenset()
        late = [
            (job, outcome)
            for job, outcome in results
            if (job.id, job.attempt) not in held and job not in strays
        ]
        here = known(db, [job for job, _ in late]) | strays
        log_attempts(
            db,
            worker,
            [
                (job, "ended" if (job.id, job.attempt) in held else "late", *evidence(outcome))
                for job, outcome in results
                if (job.id, job.attempt) in held or job in here
            ],
            now,
        )
        ended = [(job, outcome) for job, outcome in results if (job.id, job.attempt) in held]
        settle(db, [(job, outcome, *held[job.id, job.attempt]) for job, outcome in ended], now, settle_ms)
        if ended:
            _hear(db, erp, _parcel(ended[0][0]), [outcome for _, outcome in ended])
        book_late(db, [(job, o.ref) for job, o in late if job in here and isinstance(o, Booked)], now)
        # Its receipt will come, and its next revision would be the same bill once more.
        delivered = [(job, o.ref) for job, o in late if job in here and isinstance(o, Delivered)]
        stop_the_next(db, unrefused(db, delivered), now)
    return [job for job, _ in late]


def gone(db: Database, jobs: Sequence[Job]) -> list[Job]:
    """Those that this database does not have: it was restored to before they were accepted."""
    here = known(db, jobs)
    return [job for job in jobs if job not in here]


def _held(
    db: Database, worker: str, jobs: Sequence[Job]
) -> tuple[int, dict[tuple[int, int], tuple[int, int]], list[Job]]:
    """Now; when it began and how often it was deferred, of each whose fence still holds, by id and attempt; the strays.

    They are locked till the transaction's end. An earlier attempt that is answered in the same turn is none of them, for it
    is late. A stray's invoice is not being exported any more.
    """
    lock = " ORDER BY id FOR UPDATE OF export_jobs" if db.postgres else ""
    found = db.execute(
        "SELECT id, attempt, idem_key, payload_sha256, send_begun, deferrals,"
        " (SELECT erp_status FROM invoices WHERE invoices.id = export_jobs.invoice_id),"
        f" {CLOCK if db.postgres else '0'} FROM export_jobs WHERE {among(db, 'id')} AND worker = ?"
        f" AND state = '{JobState.CLAIMED}' AND send_begun IS NOT NULL{lock}",
        (packed(db, [job.id for job in jobs]), worker),
    ).fetchall()
    rows = {(row[0], row[1], row[2], row[3]): row for row in found}
    now = (found[0][7] if found else 0) or db.now()
    held: dict[tuple[int, int], tuple[int, int]] = {}
    strays: list[Job] = []
    for job in jobs:
        row = rows.get((job.id, job.attempt, job.key, job.payload_sha256))
        if row is not None and row[6] == ErpStatus.EXPORTING:
            held[job.id, job.attempt] = (row[4], row[5])
        elif row is not None:
            strays.append(job)
    return now, held, strays


def release(db: Database, worker: str) -> int:
    """Give back what this worker claimed and has not begun to send; returns how many."""
    with db.transaction():
        return len(_give_back(db, "worker = ?", (worker,), db.now()))


def expire(
    db: Database, *, settle_ms: int, sole_worker: str | None = None, sending: Sequence[int] = ()
) -> tuple[int, int]:
    """End the claims whose lease ran out: (given back to the queue, now uncertain).

    ``sole_worker``: the worker that holds this SQLite database's lock. No other can live, so no other's claim holds.
    ``sending``: jobs that the calling process is busy with itself; whatever the clock says, they are not lost.
    """
    with db.transaction():
        now = db.now()
        which, given = ("worker <> ?", sole_worker) if sole_worker else ("lease_until < ?", now)
        which = f"{which} AND NOT {among(db, 'id')}"
        values = (given, packed(db, sending))
        back = _give_back(db, which, values, now)
        lost = db.execute(
            f"UPDATE export_jobs SET state = '{JobState.UNCERTAIN}', run_at = send_begun + ?, worker = NULL,"
            f" lease_until = NULL, misses = 0, deferrals = 0, updated_at = ?, error_text = 'the worker was lost while sending'"
            f" WHERE state = '{JobState.CLAIMED}' AND send_begun IS NOT NULL AND {which} RETURNING {JOB_COLUMNS}",
            (settle_ms, now, *values),
        ).fetchall()
        jobs = [job_of(row) for row in lost]
        strays = strand(db, None, JobState.UNCERTAIN, Action.LOSE, jobs, now)
        move(db, Action.LOSE, [(job.invoice_id,) for job in jobs if job not in strays], now)
        return len(back), len(lost)


def extend(db: Database, worker: str, jobs: Sequence[Job], lease_ms: int) -> None:
    """Keep alive this worker's claims on the jobs that it is busy with; a lease that ran out stays out."""
    with db.transaction():
        now = db.now()
        db.executemany(
            "UPDATE export_jobs SET lease_until = ? WHERE id = ? AND worker = ? AND attempt = ? AND lease_until > ?"
            f" AND (state IN ('{JobState.CLAIMED}', '{JobState.UNCERTAIN}') OR look_first)",
            [(now + lease_ms, job.id, worker, job.attempt, now) for job in jobs],
        )


# -- shared steps ----------------------------------------------------------------------------------------------


def _give_back(db: Database, which: str, given: tuple[Any, ...], now: int) -> list[Any]:
    return list(
        db.execute(
            f"UPDATE export_jobs SET state = '{JobState.PENDING}', worker = NULL, lease_until = NULL, parcel = NULL,"
            f" updated_at = ? WHERE state = '{JobState.CLAIMED}' AND send_begun IS NULL AND {which} RETURNING id",
            (now, *given),
        ).fetchall()
    )


def _hear(db: Database, erp: str, name: str, outcomes: Sequence[PostOutcome]) -> None:
    """Pause an ERP that does not answer instead of failing what it was not asked about. A refusal is an answer."""
    asked = [o for o in outcomes if getattr(o, "asked", True)]
    if not asked:
        gate.unasked(db, erp, name)
    elif all(isinstance(o, Later | Unknown) for o in asked):
        gate.silent(db, erp, name, safe(getattr(asked[0], "cause", "")), backoff_ms)
    else:
        gate.answered(db, erp)


def heard(db: Database, erp: str, worker: str, answers: Sequence[Answer]) -> bool:
    """What a look-up of this worker says about the ERP itself; none: nobody was asked. Returns whether it is paused.

    One without an answer counts as the ERP's silence only where it was the request that probes.
    """
    name = gate.look_up_of(worker)
    with db.transaction():
        if any(isinstance(answer, Booked | Delivered | Missing) for answer in answers):
            gate.answered(db, erp)
        elif answers:
            cause = next((answer.cause for answer in answers if isinstance(answer, Unknown)), "")
            gate.silent(db, erp, name, safe(cause), backoff_ms, first=False)
        else:
            gate.unasked(db, erp, name)
        return gate.paused(db, erp)
