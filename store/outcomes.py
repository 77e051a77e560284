"""What becomes of a job whose sending has an outcome: booked, refused, deferred, in doubt, parked. One transaction each.

A refusal proves nothing of an earlier sending of the same bill that nobody has heard of since: such a job is parked, for
the next export has another key.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from store.db import Database
from store.domain.likeness import joined
from store.domain.outcome import Booked, Delivered, Later, PostOutcome, Refused, Split, Unknown
from store.domain.status import Action, ErpStatus, JobState
from store.domain.text import safe
from store.job import Job, chunks, end_claims, marks, move, written

BACKOFF_FIRST_MS = 1_000
BACKOFF_MOST_MS = 300_000
# Kept with an answer that counts against the sending before it: who sent it can send no more, and the profile's settle is
# all that this ERP takes over a bill.
SENDER_ENDED = "its sender has ended"
# An answer "missing" counts when it was given twice (store/lookup.py waits the profile's settle between).
ANSWERS_THAT_PROVE = 2
_FIX = (
    "Look for it in the ERP by vendor and number; payapp never sends it again by itself."
    " payapp reconcile asks the ERP, and settles it by hand (--help)"
)
# A sending of the job began of which nobody has proven that the ERP booked nothing: the ERP has not said so, and has not
# said twice that it has no such bill when that sender was dead. Of the one before it such an answer says nothing.
UNPROVEN = (
    "EXISTS (SELECT 1 FROM export_attempts b WHERE b.job_id = export_jobs.id AND b.kind = 'begun' AND NOT EXISTS"
    " (SELECT 1 FROM export_attempts e WHERE e.job_id = b.job_id AND e.attempt = b.attempt"
    " AND e.idem_key = b.idem_key AND e.worker = b.worker AND e.kind IN ('ended', 'late') AND e.outcome IN ('later', 'split', 'refused'))"
    " AND (SELECT count(*) FROM export_attempts f WHERE f.job_id = b.job_id AND f.id > b.id AND f.kind = 'found'"
    f" AND f.outcome = 'missing' AND f.evidence = '{SENDER_ENDED}' AND NOT EXISTS (SELECT 1 FROM export_attempts n"
    f" WHERE n.job_id = b.job_id AND n.kind = 'begun' AND n.id > b.id AND n.id < f.id)) < {ANSWERS_THAT_PROVE})"
)


def backoff_ms(tries: int) -> int:
    """How long to wait after so many tries: doubling, with jitter of half, at most five minutes."""
    whole = min(BACKOFF_FIRST_MS << min(tries, 20), BACKOFF_MOST_MS)
    return whole // 2 + random.randrange(whole // 2 + 1)  # noqa: S311 - jitter guards a server, not a secret


def unproven(db: Database, jobs: Sequence[Job]) -> set[int]:
    """Which of these jobs, by id, have a sending that may still arrive at the ERP."""
    found: set[int] = set()
    for chunk in chunks(jobs):
        rows = db.execute(
            f"SELECT id FROM export_jobs WHERE id IN ({marks(chunk)}) AND {UNPROVEN}",
            tuple(job.id for job in chunk),
        ).fetchall()
        found.update(row[0] for row in rows)
    return found


def evidence(outcome: PostOutcome) -> tuple[str, str]:
    """The outcome's word, and the ERP's reference or the cause, as kept with the attempt."""
    match outcome:
        case Booked():
            return "booked", outcome.ref
        case Delivered():
            return "delivered", outcome.ref
        case Refused():
            return "refused", safe(f"{outcome.code}: {outcome.cause}")
        case Later():
            return "later", safe(outcome.cause)
        case Split():
            return "split", safe(outcome.cause)
        case Unknown():
            return "unknown", safe(outcome.cause)


def settle(
    db: Database, ended: Sequence[tuple[Job, PostOutcome, int, int]], now: int, settle_ms: int
) -> None:
    """Close each job with its outcome, given when its sending began and how often it was deferred before."""
    book(db, [(job, o.ref) for job, o, _, _ in ended if isinstance(o, Booked)], now)
    deliver(db, [(job, o.ref) for job, o, _, _ in ended if isinstance(o, Delivered)], now)
    refused = [(job, o) for job, o, _, _ in ended if isinstance(o, Refused)]
    open_still = unproven(db, [job for job, _ in refused if job.sends])
    _refuse(db, [(job, o) for job, o in refused if job.id not in open_still], now)
    for job, outcome in refused:
        if job.id in open_still:
            park(
                db,
                job,
                f"the ERP refuses it now ({outcome.cause}), and an earlier sending may still arrive",
                now,
            )
    _defer(db, [(job, o, before) for job, o, _, before in ended if isinstance(o, Later | Split)], now)
    _doubt(db, [(job, o, begun + settle_ms) for job, o, begun, _ in ended if isinstance(o, Unknown)], now)


def book(db: Database, booked: Sequence[tuple[Job, str]], now: int, action: Action = Action.BOOK) -> None:
    """The ERP has them: the jobs are done and their invoices synced by ``action``, each with its reference."""
    rows = [(job.id, ref, "", "") for job, ref in booked]
    end_claims(db, JobState.DONE, rows, now, "erp_ref", "error_code", "error_text")
    synced = [(job.invoice_id, ref, "", "", "") for job, ref in booked]
    move(db, action, synced, now, "origin_id", "error_code", "error_cause", "error_fix")


def deliver(db: Database, delivered: Sequence[tuple[Job, str]], now: int) -> None:
    """They lie where the ERP takes them from: the jobs are sent, and nobody's.

    Their invoices stay Exporting until a receipt says what became of them (store/receipts.py).
    """
    rows = [(job.id, ref, "", "") for job, ref in delivered]
    end_claims(db, JobState.SENT, rows, now, "erp_ref", "error_code", "error_text")


def known(db: Database, jobs: Sequence[Job]) -> set[Job]:
    """Those that are still here with their key. After a restore the id of a job may be another invoice's."""
    found: set[tuple[int, str]] = set()
    for chunk in chunks(jobs):
        rows = db.execute(
            f"SELECT id, idem_key FROM export_jobs WHERE id IN ({marks(chunk)})",
            tuple(job.id for job in chunk),
        ).fetchall()
        found.update((row[0], row[1]) for row in rows)
    return {job for job in jobs if (job.id, job.key) in found}


def book_late(db: Database, late: Sequence[tuple[Job, str]], now: int) -> None:
    """Book those whose reply came after their claim had ended, where nobody sends them now: uncertain and parked ones.

    Whoever asks about such a job is fenced off. It must be the bill that was sent, and its invoice be where it belongs.
    """
    lock = " ORDER BY id FOR UPDATE" if db.postgres else ""
    states, statuses = (JobState.UNCERTAIN, JobState.PARKED), (ErpStatus.UNCERTAIN, ErpStatus.PARKED)
    for chunk in chunks(late):
        rows = db.execute(
            f"SELECT id, idem_key, payload_sha256 FROM export_jobs WHERE id IN ({marks(chunk)})"
            f" AND state IN ({marks(states)}){lock}",
            (*(job.id for job, _ in chunk), *states),
        ).fetchall()
        same = {tuple(row) for row in rows}
        waiting = [pair for pair in chunk if (pair[0].id, pair[0].key, pair[0].payload_sha256) in same]
        if not waiting:
            continue
        rows = db.execute(
            f"SELECT id FROM invoices WHERE id IN ({marks(waiting)}) AND erp_status IN ({marks(statuses)}){lock}",
            (*(job.invoice_id for job, _ in waiting), *statuses),
        ).fetchall()
        there = {row[0] for row in rows}
        booked = [(job, ref) for job, ref in waiting if job.invoice_id in there]
        written(db, "export_jobs", "attempt = attempt + 1", (), [(job.id,) for job, _ in booked])
        book(db, booked, now)
    stop_the_next(db, late, now)


def unrefused(db: Database, delivered: Sequence[tuple[Job, str]]) -> list[tuple[Job, str]]:
    """Those of what was delivered that no receipt has refused: one key is delivered once."""
    return [
        pair
        for pair in delivered
        if db.execute(
            "SELECT 1 FROM export_attempts WHERE job_id = ? AND kind = 'receipt' AND outcome = 'refused'",
            (pair[0].id,),
        ).fetchone()
        is None
    ]


def stop_the_next(db: Database, late: Sequence[tuple[Job, str]], now: int) -> None:
    """The ERP has them after all, and their next revision waits to be sent: it is parked, for a person must look."""
    waiting = (JobState.HELD, JobState.PENDING)
    lock = " FOR UPDATE OF n" if db.postgres else ""
    for job, ref in late:
        rows = db.execute(
            f"SELECT n.id FROM export_jobs n JOIN export_jobs o ON o.invoice_id = n.invoice_id AND o.id <> n.id"
            f" JOIN invoices i ON i.id = n.invoice_id WHERE o.id = ? AND o.idem_key = ? AND n.state IN ({marks(waiting)})"
            f" AND i.erp_status = '{ErpStatus.QUEUED}'{lock}",
            (job.id, job.key, *waiting),
        ).fetchall()
        for (number,) in rows:
            written(db, "export_jobs", "attempt = attempt + 1", (), [(number,)])
            why = f"the ERP has it already as {ref}, by an export of before whose reply came late"
            park(db, replace(job, id=number), why, now, Action.SET_ASIDE)


def _refuse(db: Database, refused: Sequence[tuple[Job, Refused]], now: int) -> None:
    """The ERP has proven not to have them: the jobs failed and their invoices say why and what helps."""
    rows = [(job.id, safe(o.code), safe(o.cause), joined(o.similar)) for job, o in refused]
    end_claims(db, JobState.FAILED, rows, now, "error_code", "error_text", "similar_to")
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


def park(db: Database, job: Job, why: str, now: int, action: Action = Action.PARK) -> None:
    """Nobody can know: the job waits for a person, and its invoice says why."""
    end_claims(db, JobState.PARKED, [(job.id, safe(why))], now, "error_text")
    row = (job.invoice_id, "uncertain", safe(why), _FIX)
    move(db, action, [row], now, "error_code", "error_cause", "error_fix")
