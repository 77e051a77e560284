"""The export queue's rows: claim, fence, acknowledge, look up, expire (ARCHITECTURE.md, "The export").

The invoice's state is the queue: every step here moves the job and its invoice in one transaction. A worker calls
them in the order claim, fence, (send), acknowledge; whatever it is late for is fenced off by worker, attempt and
lease. Times are milliseconds of the database's clock.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from store import epochs
from store.db import Database
from store.domain.outcome import Booked, Later, PostOutcome, Refused, Split, Unknown
from store.domain.status import Action, JobState
from store.domain.text import safe
from store.job import (
    JOB_COLUMNS,
    Job,
    chunks,
    end_claims,
    job_of,
    log_attempts,
    marks,
    move,
    strand,
    update_each,
)

BACKOFF_FIRST_MS = 1_000
BACKOFF_MOST_MS = 300_000
BREAKER_AFTER = 3
# So many jobs at once make PostgreSQL's statistics of the queue useless.
ANALYZE_FROM = 10_000


def backoff_ms(tries: int) -> int:
    """How long to wait after so many tries: doubling, with jitter of half, at most five minutes."""
    whole = min(BACKOFF_FIRST_MS << min(tries, 20), BACKOFF_MOST_MS)
    return whole // 2 + random.randrange(whole // 2 + 1)  # noqa: S311 - jitter guards a server, not a secret


def enqueue(db: Database, rows: Sequence[tuple[int, int, int, str, str, str, str, str, int, bool]]) -> None:
    """Add held jobs, in the deciding transaction.

    Each row: invoice, revision, batch, key, erp, payload, sha256, accounting date as ISO day, due at, and whether the
    ERP is asked about it before it is sent.
    """
    now = db.now()
    db.executemany(
        "INSERT INTO export_jobs (invoice_id, revision, batch_id, idem_key, erp, payload, payload_sha256,"
        " accounting_date, run_at, look_first, state, alone, updated_at)"
        f" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '{JobState.HELD}', ?, ?)",
        [(*row, False, now) for row in rows],
    )
    grown(db, len(rows))


def grown(db: Database, count: int) -> None:
    """So many jobs were enqueued in the transaction under way, at once or in parts."""
    if db.postgres and count >= ANALYZE_FROM:
        # Until its statistics say how long the queue is, PostgreSQL sorts all of it for every claim; its own look
        # comes only every minute. SKIP LOCKED: another's ANALYZE does as well.
        db.execute("ANALYZE (SKIP_LOCKED) export_jobs")


def cancel(db: Database, invoice_ids: Sequence[int]) -> set[int]:
    """Cancel the open jobs of these invoices that nothing was sent of; returns the invoices whose job was cancelled.

    A worker that has claimed such a job finds at its fence that it no longer holds.
    """
    done: set[int] = set()
    for chunk in chunks(invoice_ids):
        found = db.execute(
            f"UPDATE export_jobs SET state = '{JobState.CANCELLED}', worker = NULL, lease_until = NULL, updated_at = ?"
            f" WHERE invoice_id IN ({marks(chunk)}) AND send_begun IS NULL"
            f" AND state IN ('{JobState.HELD}', '{JobState.PENDING}', '{JobState.CLAIMED}') RETURNING invoice_id",
            (db.now(), *chunk),
        ).fetchall()
        done.update(row[0] for row in found)
    return done


# -- what a worker does ----------------------------------------------------------------------------------------


def claim(db: Database, erp: str, worker: str, *, limit: int, lease_ms: int, concurrency: int) -> list[Job]:
    """Claim due jobs of one ERP, oldest first, as one parcel (or one job that must go alone).

    Returns nothing while the ERP's breaker is open or as many parcels are under way as it bears, on all hosts. What
    looks first is not for it. Raises Displaced where the database is not the one that was adopted.
    """
    with db.transaction():
        epochs.require(db)
        now = db.now()
        row = _erp_row(db, erp)
        if row[0] > now:
            return []
        busy = db.execute(
            f"SELECT count(DISTINCT parcel) FROM export_jobs WHERE erp = ? AND state = '{JobState.CLAIMED}'",
            (erp,),
        ).fetchone()[0]
        probing = row[1] >= BREAKER_AFTER
        if busy >= (1 if probing else concurrency):
            return []
        due = f"state IN ('{JobState.HELD}', '{JobState.PENDING}') AND NOT look_first AND run_at <= ? AND erp = ?"
        first = db.execute(
            f"SELECT alone FROM export_jobs WHERE {due} ORDER BY run_at, id LIMIT 1", (now, erp)
        ).fetchone()
        if first is None:
            return []
        alone = bool(first[0])
        parcel = db.execute(
            "INSERT INTO parcels (erp, worker, created_at, members) VALUES (?, ?, ?, 0) RETURNING id",
            (erp, worker, now),
        ).fetchone()[0]
        picked = f"SELECT id FROM export_jobs WHERE {due} AND alone = ? ORDER BY run_at, id LIMIT ?"
        if db.postgres:
            picked += " FOR UPDATE SKIP LOCKED"
            picked = f"WITH due AS MATERIALIZED ({picked}) "
        update = (
            f"UPDATE export_jobs SET state = '{JobState.CLAIMED}', attempt = attempt + 1, worker = ?, lease_until = ?,"
            " parcel = ?, updated_at = ? WHERE id IN "
        )
        chosen = (now, erp, alone, 1 if alone or probing else limit)
        given = (worker, now + lease_ms, parcel, now)
        if db.postgres:
            found = db.execute(
                f"{picked}{update}(SELECT id FROM due) RETURNING {JOB_COLUMNS}", (*chosen, *given)
            ).fetchall()
        else:
            found = db.execute(f"{update}({picked}) RETURNING {JOB_COLUMNS}", (*given, *chosen)).fetchall()
        db.execute("UPDATE parcels SET members = ? WHERE id = ?", (len(found), parcel))
        return sorted((job_of(row) for row in found), key=lambda job: job.id)


def _erp_row(db: Database, erp: str) -> tuple[int, int]:
    """The ERP's breaker (open until, failures in a row), locked until the transaction's end."""
    db.execute("INSERT INTO erp_state (erp) VALUES (?) ON CONFLICT (erp) DO NOTHING", (erp,))
    lock = " FOR UPDATE" if db.postgres else ""
    row = db.execute(f"SELECT open_until, failures FROM erp_state WHERE erp = ?{lock}", (erp,)).fetchone()
    return int(row[0]), int(row[1])


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
        move(db, Action.BEGIN, [(job.invoice_id,) for job in held], now)
        log_attempts(db, worker, [(job, "begun", "", "") for job in held], now)
    return held


def acknowledge(
    db: Database, worker: str, erp: str, results: Sequence[tuple[Job, PostOutcome]], *, settle_ms: int
) -> list[Job]:
    """Write down what became of fenced jobs, and move their invoices, in one transaction.

    Returns the jobs whose claim no longer held: their outcome is kept as late evidence for the next look-up.
    """
    with db.transaction():
        now = db.now()
        # Every outcome starts from the same state of the invoice as a lost reply does.
        strays = strand(db, worker, JobState.CLAIMED, Action.LOSE, [job for job, _ in results], now)
        held = _held(db, worker, [job for job, _ in results])
        log_attempts(
            db,
            worker,
            [(job, "ended" if job.id in held else "late", *_evidence(outcome)) for job, outcome in results],
            now,
        )
        _settle(db, [(job, o, *held[job.id]) for job, o in results if job.id in held], now, settle_ms)
        _breaker(db, erp, [outcome for _, outcome in results], now)
    return [job for job, _ in results if job.id not in held and job not in strays]


def _held(db: Database, worker: str, jobs: Sequence[Job]) -> dict[int, tuple[int, int]]:
    """When it began and how often it was deferred, of each job whose fence still holds, by id; locked till the end."""
    held: dict[int, tuple[int, int]] = {}
    attempts = {job.id: job.attempt for job in jobs}
    lock = " FOR UPDATE" if db.postgres else ""
    for chunk in chunks(sorted(attempts)):
        found = db.execute(
            f"SELECT id, attempt, send_begun, deferrals FROM export_jobs WHERE id IN ({marks(chunk)}) AND worker = ?"
            f" AND state = '{JobState.CLAIMED}' AND send_begun IS NOT NULL ORDER BY id{lock}",
            (*chunk, worker),
        ).fetchall()
        held |= {row[0]: (row[2], row[3]) for row in found if row[1] == attempts[row[0]]}
    return held


def _evidence(outcome: PostOutcome) -> tuple[str, str]:
    """The outcome's word, and the ERP's reference or the cause, as kept with the attempt."""
    match outcome:
        case Booked():
            return "booked", outcome.ref
        case Refused():
            return "refused", safe(f"{outcome.code}: {outcome.cause}")
        case Later():
            return "later", safe(outcome.cause)
        case Split():
            return "split", safe(outcome.cause)
        case Unknown():
            return "unknown", safe(outcome.cause)


def _settle(
    db: Database, ended: Sequence[tuple[Job, PostOutcome, int, int]], now: int, settle_ms: int
) -> None:
    """Close each job with its outcome, given when its sending began and how often it was deferred before."""
    book(db, [(job, o.ref) for job, o, _, _ in ended if isinstance(o, Booked)], now)
    _refuse(db, [(job, o) for job, o, _, _ in ended if isinstance(o, Refused)], now)
    _defer(db, [(job, o, before) for job, o, _, before in ended if isinstance(o, Later | Split)], now)
    _doubt(db, [(job, o, begun + settle_ms) for job, o, begun, _ in ended if isinstance(o, Unknown)], now)


def book(
    db: Database, booked: Sequence[tuple[Job, str]], now: int, action: Action = Action.BOOK
) -> None:
    """The ERP has them: the jobs are done and their invoices synced by ``action``, each with its reference."""
    rows = [(job.id, ref, "", "") for job, ref in booked]
    end_claims(db, JobState.DONE, rows, now, "erp_ref", "error_code", "error_text")
    synced = [(job.invoice_id, ref, "", "", "") for job, ref in booked]
    move(db, action, synced, now, "origin_id", "error_code", "error_cause", "error_fix")


def _refuse(db: Database, refused: Sequence[tuple[Job, Refused]], now: int) -> None:
    """The ERP has proven not to have them: the jobs failed and their invoices say why and what helps."""
    rows = [(job.id, safe(o.code), safe(o.cause)) for job, o in refused]
    end_claims(db, JobState.FAILED, rows, now, "error_code", "error_text")
    told = [(job.invoice_id, safe(o.code), safe(o.cause), safe(o.fix)) for job, o in refused]
    move(db, Action.REFUSE, told, now, "error_code", "error_cause", "error_fix")


def _defer(db: Database, deferred: Sequence[tuple[Job, Later | Split, int]], now: int) -> None:
    """The ERP has not booked them and may do so later: back to the queue, alone where the parcel was refused."""
    rows = [
        (job.id, now + backoff_ms(before), safe(o.cause), before + 1, job.alone)
        if isinstance(o, Later)
        else (job.id, now, safe(o.cause), before, True)
        for job, o, before in deferred
    ]
    end_claims(db, JobState.PENDING, rows, now, "run_at", "error_text", "deferrals", "alone")
    move(db, Action.DEFER, [(job.invoice_id,) for job, _, _ in deferred], now)


def _doubt(db: Database, lost: Sequence[tuple[Job, Unknown, int]], now: int) -> None:
    """Nobody knows: the jobs are uncertain, and may be asked about from their moment on."""
    rows = [(job.id, moment, safe(o.cause), 0, 0) for job, o, moment in lost]
    end_claims(db, JobState.UNCERTAIN, rows, now, "run_at", "error_text", "misses", "deferrals")
    move(db, Action.LOSE, [(job.invoice_id,) for job, _, _ in lost], now)


def release(db: Database, worker: str) -> int:
    """Give back what this worker claimed and has not begun to send; returns how many."""
    with db.transaction():
        return len(_give_back(db, "worker = ?", (worker,), db.now()))


def expire(db: Database, *, settle_ms: int, sole_worker: str | None = None) -> tuple[int, int]:
    """End the claims whose lease ran out: (given back to the queue, now uncertain).

    ``sole_worker``: the worker that holds this SQLite database's lock. No other can live, so no other's claim holds.
    """
    with db.transaction():
        now = db.now()
        which, given = ("worker <> ?", sole_worker) if sole_worker else ("lease_until < ?", now)
        back = _give_back(db, which, (given,), now)
        lost = db.execute(
            f"UPDATE export_jobs SET state = '{JobState.UNCERTAIN}', run_at = send_begun + ?, worker = NULL,"
            f" lease_until = NULL, misses = 0, deferrals = 0, updated_at = ?, error_text = 'the worker was lost while sending'"
            f" WHERE state = '{JobState.CLAIMED}' AND send_begun IS NOT NULL AND {which} RETURNING {JOB_COLUMNS}",
            (settle_ms, now, given),
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


def _breaker(db: Database, erp: str, outcomes: Sequence[PostOutcome], now: int) -> None:
    """Pause an ERP that does not answer instead of failing what it was not asked about."""
    failed = [o for o in outcomes if isinstance(o, Later | Unknown)]
    if len(failed) < len(outcomes):
        db.execute(
            "UPDATE erp_state SET failures = 0, open_until = 0, error_text = '' WHERE erp = ? AND failures > 0",
            (erp,),
        )
    elif failed:
        failures = _erp_row(db, erp)[1] + 1
        wait = backoff_ms(failures) if failures >= BREAKER_AFTER else 0
        db.execute(
            "UPDATE erp_state SET failures = ?, open_until = ?, error_text = ? WHERE erp = ?",
            (failures, now + wait if wait else 0, safe(failed[0].cause), erp),
        )
