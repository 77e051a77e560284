"""Asking the ERP before anything is sent (ARCHITECTURE.md, "The export", points 6 and 11).

A job is uncertain when its sending began and no proof of its outcome came back. A job that looks first waits in the queue,
held or pending, and may have been sent before the database was restored. Both are claimed for look-up only; while
nothing of it was sent from here, a job that looks first can be recalled like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from store import epochs, gate, revisions
from store.db import Database
from store.domain.bill import idempotency_key
from store.domain.outcome import Answer, Booked, Delivered, Missing, Unknown
from store.domain.profile import Profile
from store.domain.status import Action, JobState
from store.domain.text import safe
from store.evidence import UNDER
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
)
from store.outcomes import ANSWERS_THAT_PROVE, SENDER_ENDED, backoff_ms, book, deliver
from store.outcomes import park as leave

# "Not found" counts when it was answered twice, the profile's settle apart.
MISSES_THAT_COUNT = ANSWERS_THAT_PROVE
# Kept instead of their number: it was missing once, while its sender may have lived and sent it afterwards.
WHILE_IT_LIVED = -1
# After so many look-ups without any answer a person must look.
UNANSWERED_AT_MOST = 12
# Before the restore a job may have been recalled and accepted again so often, each time under the next revision.
LATER_REVISIONS = 4

_UNCERTAIN = f"state = '{JobState.UNCERTAIN}'"
# As the index export_jobs_look has it.
_UNSENT = f"look_first AND state IN ('{JobState.HELD}', '{JobState.PENDING}')"


def claim_lookups(
    db: Database, erp: str, worker: str, *, limit: int, lease_ms: int, rate: int | None = None
) -> list[Job]:
    """Claim uncertain jobs whose settle time is over, then jobs that look first and are due. Their states stay.

    A look-up is a request like any other: none while the ERP is paused, one alone where it probes, and each at its pace
    (``rate``: requests a minute). Raises Displaced where the database is not the one that was adopted.
    """
    with db.transaction():
        epochs.require(db)
        seen = gate.look(db, erp, rate=None)()
        now, limit = seen.now, seen.look_up(limit, lease_ms)
        found: list[Job] = []
        for which in (_UNCERTAIN, _UNSENT):
            room = max(0, limit - len(found))
            if which is _UNSENT and rate is not None:
                # Each is asked for under several keys, and an ERP with a pace gets one request.
                room = min(room, max(limit // (1 + LATER_REVISIONS), 1))
            picked = (
                f"SELECT id FROM export_jobs WHERE {which} AND run_at <= ? AND erp = ?"
                " AND (lease_until IS NULL OR lease_until < ?) ORDER BY run_at, id LIMIT ?"
                + (" FOR UPDATE SKIP LOCKED" if db.postgres else "")
            )
            rows = db.execute(
                # Chosen once: a plan that looks into it for each row would choose others each time.
                f"WITH picked AS MATERIALIZED ({picked}) UPDATE export_jobs SET worker = ?, lease_until = ?,"
                " attempt = attempt + 1, updated_at = ? WHERE id IN (SELECT id FROM picked)"
                f" RETURNING {JOB_COLUMNS}",
                (now, erp, now, room, worker, now + lease_ms, now),
            ).fetchall()
            found += sorted((job_of(row) for row in rows), key=lambda job: job.id)
        if found:
            gate.passed(db, seen, gate.look_up_of(worker), lease_ms=lease_ms, rate=rate)
        return found


def waiting(db: Database) -> int:
    """How many jobs wait in the queue to be looked for first."""
    return int(db.execute(f"SELECT count(*) FROM export_jobs WHERE {_UNSENT}").fetchone()[0])


def keys(db: Database, jobs: Sequence[Job]) -> dict[int, list[str]]:
    """What else to ask for, of those of the claimed jobs that look first, by the job's id.

    The keys of the revisions that may have followed before the restore, and of those that were recalled since without
    having been looked for to the end.
    """
    found: dict[int, list[str]] = {}
    for chunk in chunks(jobs):
        rows = db.execute(
            "SELECT j.id, i.uuid, j.revision, o.revision FROM export_jobs j JOIN invoices i ON i.id = j.invoice_id"
            " LEFT JOIN export_jobs o ON o.invoice_id = j.invoice_id AND o.look_first AND o.revision < j.revision"
            f" AND o.state = '{JobState.CANCELLED}' WHERE j.id IN ({marks(chunk)}) AND j.look_first"
            " ORDER BY j.id, o.revision",
            tuple(job.id for job in chunk),
        ).fetchall()
        for number, uuid, revision, recalled in rows:
            later = range(revision + 1, revision + LATER_REVISIONS + 1)
            own = found.setdefault(number, [idempotency_key(uuid, n) for n in later])
            if recalled is not None:
                own.append(idempotency_key(uuid, recalled))
    return found


def late_reference(db: Database, job: Job) -> str | None:
    """The ERP's reference from a reply that came after its acknowledgement was fenced off, if there is one."""
    row = db.execute(
        "SELECT evidence FROM export_attempts WHERE job_id = ? AND idem_key = ? AND kind = 'late' AND outcome = 'booked'",
        (job.id, job.key),
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


class _Held(NamedTuple):
    """A job whose look-up claim still holds: where it is, and how often it was missing and unanswered before."""

    state: JobState
    misses: int
    unanswered: int
    looks_first: bool

    @property
    def unsent(self) -> bool:
        """It waits in the queue: its invoice is queued, not uncertain."""
        return self.state is not JobState.UNCERTAIN


def _held(db: Database, worker: str, job: Job) -> _Held | None:
    lock = " FOR UPDATE" if db.postgres else ""
    row = db.execute(
        "SELECT state, misses, deferrals, look_first FROM export_jobs WHERE id = ? AND worker = ? AND attempt = ?"
        f" AND idem_key = ? AND ({_UNCERTAIN} OR {_UNSENT}){lock}",
        (job.id, worker, job.attempt, job.key),
    ).fetchone()
    return None if row is None else _Held(JobState(row[0]), row[1], row[2], bool(row[3]))


def park(db: Database, worker: str, job: Job, why: str) -> None:
    """Leave a job that nobody can ask about to a person. Does nothing where the claim no longer holds."""
    with db.transaction():
        held = _held(db, worker, job)
        if held is not None:
            _park(db, job, held, why, db.now())


def resolve(
    db: Database,
    worker: str,
    job: Job,
    answer: Answer,
    profile: Profile,
    *,
    sender_dead: bool,
    silent: bool = False,
) -> JobState:
    """Write down the ERP's answer about a job that was claimed for look-up; returns the state it is in now.

    ``answer`` is about all the keys that were asked for: booked under any of them, missing under all.
    ``sender_dead``: the process that sent an uncertain one was proven dead before the ERP was asked. Without it, and
    without an ERP that enforces keys, "not found" cannot be told from "not yet", and the job is parked for a person.
    ``silent``: the ERP is paused, for it answers nobody; then no answer says nothing about this job.
    """
    with db.transaction():
        now = db.now()
        held = _held(db, worker, job)
        if held is None:
            state = db.execute("SELECT state FROM export_jobs WHERE id = ?", (job.id,)).fetchone()[0]
            return JobState(state)
        # Of an uncertain job's steps this one goes from there alone; the others begin elsewhere too.
        action = Action.SET_ASIDE if held.unsent else Action.RESEND
        if strand(db, worker, held.state, action, [job], now):
            found = (
                (job, "late", "booked", answer.ref) if isinstance(answer, Booked) else (job, "late", "", "")
            )
            log_attempts(db, worker, [found], now)
            state = db.execute("SELECT state FROM export_jobs WHERE id = ?", (job.id,)).fetchone()[0]
            return JobState(state)
        match answer:
            case Booked():
                under = "" if answer.key == job.key else f"{UNDER}{answer.key}"
                log_attempts(db, worker, [(job, "found", "booked", answer.ref + under)], now)
                return _found(db, job, held, answer, now)
            case Delivered():
                under = "" if answer.key == job.key else f"{UNDER}{answer.key}"
                log_attempts(db, worker, [(job, "found", "delivered", answer.ref + under)], now)
                return _delivered(db, job, held, answer, now)
            case Missing():
                # An ERP that enforces keys may have a settle that is shorter than a bill takes: its keys protect.
                proof = SENDER_ENDED if sender_dead and not profile.enforces_keys else ""
                log_attempts(db, worker, [(job, "found", "missing", proof)], now)
                return _missing(db, job, held, profile, now, sender_dead=sender_dead)
            case Unknown():
                log_attempts(db, worker, [(job, "found", "unknown", safe(answer.cause))], now)
                tries = held.unanswered + (0 if silent else 1)
                return _unanswered(db, job, held, tries, answer.cause, profile, now)


def _found(db: Database, job: Job, held: _Held, answer: Booked, now: int) -> JobState:
    if answer.key != job.key and (why := revisions.adopt(db, job, answer)):
        return _park(db, job, held, why, now)
    book(db, [(job, answer.ref)], now, Action.FIND if held.unsent else Action.BOOK)
    return JobState.DONE


def _delivered(db: Database, job: Job, held: _Held, answer: Delivered, now: int) -> JobState:
    if answer.key != job.key and (why := revisions.adopt(db, job, answer)):
        return _park(db, job, held, why, now)
    db.execute("UPDATE export_jobs SET look_first = FALSE WHERE id = ?", (job.id,))
    deliver(db, [(job, answer.ref)], now)
    move(db, Action.AWAIT, [(job.invoice_id,)], now)
    return JobState.SENT


def _missing(
    db: Database, job: Job, held: _Held, profile: Profile, now: int, *, sender_dead: bool
) -> JobState:
    counts = held.unsent or profile.enforces_keys or sender_dead
    if not counts and held.misses == WHILE_IT_LIVED:
        return _park(
            db, job, held, "the ERP does not have it now, and cannot rule out that it still arrives", now
        )
    misses = max(held.misses, 0) + 1 if counts else WHILE_IT_LIVED
    if misses < MISSES_THAT_COUNT:
        again = now + round(profile.settle * 1000)
        end_claims(db, held.state, [(job.id, misses, again)], now, "misses", "run_at")
        return held.state
    return _free(db, job, now) if held.unsent else _again(db, job, now)


def _unanswered(
    db: Database, job: Job, held: _Held, tries: int, cause: str, profile: Profile, now: int
) -> JobState:
    if not profile.finds:
        # An ERP that enforces keys answers a replay with the first bill; one that does neither needs a person.
        if not profile.enforces_keys:
            return _park(db, job, held, "this ERP cannot be asked", now)
        return _free(db, job, now) if held.unsent else _again(db, job, now)
    # What was not sent from here can wait for an answer, and be recalled meanwhile.
    if tries >= UNANSWERED_AT_MOST and not held.unsent:
        return _park(db, job, held, f"the ERP did not answer {tries} look-ups: {cause}", now)
    row = (job.id, tries, now + backoff_ms(tries), safe(cause))
    end_claims(db, held.state, [row], now, "deferrals", "run_at", "error_text")
    return held.state


def _free(db: Database, job: Job, now: int) -> JobState:
    """The ERP does not have it: it is sent like any other."""
    row = (job.id, now, 0, 0, False, "")
    end_claims(db, JobState.PENDING, [row], now, "run_at", "misses", "deferrals", "look_first", "error_text")
    return JobState.PENDING


def _again(db: Database, job: Job, now: int) -> JobState:
    """Back to the queue with the same key and the same bytes, alone: a parcel is never regrouped."""
    row = (job.id, now, 0, 0, True, False)
    end_claims(db, JobState.PENDING, [row], now, "run_at", "misses", "deferrals", "alone", "look_first")
    move(db, Action.RESEND, [(job.invoice_id,)], now)
    return JobState.PENDING


def _park(db: Database, job: Job, held: _Held, why: str, now: int) -> JobState:
    leave(db, job, why, now, Action.SET_ASIDE if held.unsent else Action.PARK)
    return JobState.PARKED
