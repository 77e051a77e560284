"""Uncertain jobs: ask the ERP before anything is sent again (ARCHITECTURE.md, "The export", point 6).

A job is uncertain when its sending began and no proof of its outcome came back. It is claimed for look-up only.
"""

from __future__ import annotations

from dataclasses import dataclass

from store.db import Database
from store.domain.outcome import Answer, Booked, Missing, Unknown
from store.domain.profile import Profile
from store.domain.status import Action, JobState
from store.domain.text import safe
from store.job import JOB_COLUMNS, Job, end_claims, job_of, log_attempts, move, strand
from store.outbox import backoff_ms, book

# "Not found" counts when it was answered twice, the profile's settle apart.
MISSES_THAT_COUNT = 2
# After so many look-ups without any answer a person must look.
UNANSWERED_AT_MOST = 12


def claim_lookups(db: Database, erp: str, worker: str, *, limit: int, lease_ms: int) -> list[Job]:
    """Claim uncertain jobs whose settle time is over. They stay uncertain."""
    with db.transaction():
        now = db.now()
        picked = (
            f"SELECT id FROM export_jobs WHERE state = '{JobState.UNCERTAIN}' AND run_at <= ? AND erp = ?"
            " AND (lease_until IS NULL OR lease_until < ?) ORDER BY run_at, id LIMIT ?"
            + (" FOR UPDATE SKIP LOCKED" if db.postgres else "")
        )
        found = db.execute(
            "UPDATE export_jobs SET worker = ?, lease_until = ?, attempt = attempt + 1, updated_at = ?"
            f" WHERE id IN ({picked}) RETURNING {JOB_COLUMNS}",
            (worker, now + lease_ms, now, now, erp, now, limit),
        ).fetchall()
        return sorted((job_of(row) for row in found), key=lambda job: job.id)


def late_reference(db: Database, job: Job) -> str | None:
    """The ERP's reference from a reply that came after its acknowledgement was fenced off, if there is one."""
    row = db.execute(
        "SELECT evidence FROM export_attempts WHERE job_id = ? AND kind = 'late' AND outcome = 'booked'",
        (job.id,),
    ).fetchone()
    return str(row[0]) if row else None


@dataclass(frozen=True, slots=True)
class Sender:
    """The worker that began the last sending of a job; ``stopped``: it has said that it ended."""

    id: str
    host: str
    pid: int
    stopped: bool


def sender(db: Database, job: Job) -> Sender | None:
    """Who sent it last; None where no worker of that id is known here (another database's, before a restore)."""
    row = db.execute(
        "SELECT w.id, w.host, w.pid, w.stopped_at FROM export_attempts a JOIN workers w ON w.id = a.worker"
        " WHERE a.job_id = ? AND a.kind = 'begun' ORDER BY a.id DESC LIMIT 1",
        (job.id,),
    ).fetchone()
    return Sender(row[0], row[1], row[2], row[3] is not None) if row else None


def park(db: Database, worker: str, job: Job, why: str) -> None:
    """Leave an uncertain job that nobody can ask about to a person. Does nothing where the claim no longer holds."""
    with db.transaction():
        held = db.execute(
            f"SELECT 1 FROM export_jobs WHERE id = ? AND worker = ? AND attempt = ? AND state = '{JobState.UNCERTAIN}'"
            + (" FOR UPDATE" if db.postgres else ""),
            (job.id, worker, job.attempt),
        ).fetchone()
        if held:
            _park(db, job, why, db.now())


def resolve(
    db: Database, worker: str, job: Job, answer: Answer, profile: Profile, *, sender_dead: bool
) -> JobState:
    """Write down the ERP's answer about an uncertain job; returns the state it is in now.

    ``sender_dead``: the process that sent it is proven dead. Without it, and without an ERP that enforces keys,
    "not found" cannot be told from "not yet", and the job is parked for a person.
    """
    with db.transaction():
        now = db.now()
        lock = " FOR UPDATE" if db.postgres else ""
        row = db.execute(
            f"SELECT misses, deferrals FROM export_jobs WHERE id = ? AND worker = ? AND attempt = ?"
            f" AND state = '{JobState.UNCERTAIN}'{lock}",
            (job.id, worker, job.attempt),
        ).fetchone()
        if row is None:
            state = db.execute("SELECT state FROM export_jobs WHERE id = ?", (job.id,)).fetchone()[0]
            return JobState(state)
        if strand(db, worker, JobState.UNCERTAIN, Action.PARK, [job], now):
            found = (
                (job, "late", "booked", answer.ref) if isinstance(answer, Booked) else (job, "late", "", "")
            )
            log_attempts(db, worker, [found], now)
            return JobState.PARKED
        misses, unanswered = row
        match answer:
            case Booked():
                log_attempts(db, worker, [(job, "found", "booked", answer.ref)], now)
                book(db, [(job, answer.ref)], now)
                return JobState.DONE
            case Missing():
                log_attempts(db, worker, [(job, "found", "missing", "")], now)
                return _missing(db, job, misses + 1, profile, now, sender_dead=sender_dead)
            case Unknown():
                log_attempts(db, worker, [(job, "found", "unknown", safe(answer.cause))], now)
                return _unanswered(db, job, unanswered + 1, answer.cause, profile, now)


def _missing(
    db: Database, job: Job, misses: int, profile: Profile, now: int, *, sender_dead: bool
) -> JobState:
    settle = round(profile.settle * 1000)
    if misses < MISSES_THAT_COUNT:
        end_claims(db, JobState.UNCERTAIN, [(job.id, misses, now + settle)], now, "misses", "run_at")
        return JobState.UNCERTAIN
    if profile.enforces_keys or sender_dead:
        return _again(db, job, now)
    return _park(db, job, "the ERP does not have it now, and cannot rule out that it still arrives", now)


def _unanswered(db: Database, job: Job, tries: int, cause: str, profile: Profile, now: int) -> JobState:
    if not profile.finds:
        # An ERP that enforces keys answers a replay with the first bill; one that does neither needs a person.
        return (
            _again(db, job, now) if profile.enforces_keys else _park(db, job, "this ERP cannot be asked", now)
        )
    if tries >= UNANSWERED_AT_MOST:
        return _park(db, job, f"the ERP did not answer {tries} look-ups: {cause}", now)
    row = (job.id, tries, now + backoff_ms(tries), safe(cause))
    end_claims(db, JobState.UNCERTAIN, [row], now, "deferrals", "run_at", "error_text")
    return JobState.UNCERTAIN


def _again(db: Database, job: Job, now: int) -> JobState:
    """Back to the queue with the same key and the same bytes, alone: a parcel is never regrouped."""
    row = (job.id, now, 0, 0, True)
    end_claims(db, JobState.PENDING, [row], now, "run_at", "misses", "deferrals", "alone")
    move(db, Action.RESEND, [(job.invoice_id,)], now)
    return JobState.PENDING


def _park(db: Database, job: Job, why: str, now: int) -> JobState:
    end_claims(db, JobState.PARKED, [(job.id, safe(why))], now, "error_text")
    fix = "Look for it in the ERP by vendor and number; payapp never sends it again by itself"
    row = (job.invoice_id, "uncertain", safe(why), fix)
    move(db, Action.PARK, [row], now, "error_code", "error_cause", "error_fix")
    return JobState.PARKED
