"""Adopting a database that was copied or restored: from here on it is the one that sends, and it looks before it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from store import audit, directory, epochs
from store.db import Database
from store.domain.actor import Actor
from store.domain.errors import BadInput
from store.domain.status import OPEN_JOBS, Action, JobState
from store.domain.text import storable
from store.job import JOB_COLUMNS, Job, job_of, move, strand

COMMENT_MOST = 2000
_OPEN = ", ".join(f"'{state}'" for state in OPEN_JOBS)
# What went out for good is not looked for: its receipt will tell.
_LOOKED_FOR = ", ".join(f"'{state}'" for state in OPEN_JOBS if state is not JobState.SENT)


@dataclass(frozen=True, slots=True)
class Adopted:
    """The epoch that was raised, and the open jobs by what becomes of them.

    ``queued`` are looked up before they are sent, ``uncertain`` as every uncertain one is, ``parked`` stay for a person,
    ``awaiting`` wait for their receipts.
    """

    epoch: int
    queued: int
    uncertain: int
    parked: int
    awaiting: int = 0


def adopt(db: Database, actor: Actor, comment: str, *, settle_ms: int, copy: bool = False) -> Adopted:
    """Make this database the one that sends, by an admin of ERP Integrations (in a demo: by an approver).

    Every claim ends, and every open job is looked for in the ERP first, from ``settle_ms`` on: what another worker was
    sending has arrived by then. Every other worker of what this is a copy of must have ended.
    ``copy``: say instead that it is for trying out, and sends nothing.
    """
    if not comment.strip() or not storable(comment) or len(comment) > COMMENT_MOST:
        raise BadInput(
            "Adopting a database needs a comment",
            why=f"the audit trail keeps why; up to {COMMENT_MOST} characters",
            fix="Say what happened with --comment",
        )
    with db.transaction():
        actor = directory.refresh(db, actor)
        if directory.company(db).demo:
            actor.require_approver()
        else:
            actor.require_erp_admin()
        before = db.execute("SELECT place FROM epochs ORDER BY id DESC LIMIT 1").fetchone()
        place = epochs.COPY if copy else epochs.place(db)
        epoch = epochs.append(db, actor.id, comment.strip(), place)
        counts = {} if copy else _look_first(db, settle_ms)
        adopted = Adopted(
            epoch,
            counts.get(JobState.HELD, 0) + counts.get(JobState.PENDING, 0),
            counts.get(JobState.UNCERTAIN, 0),
            counts.get(JobState.PARKED, 0),
            counts.get(JobState.SENT, 0),
        )
        detail: dict[str, Any] = {
            "epoch": epoch,
            "comment": comment.strip(),
            "before": before[0] if before else "",
            "place": place,
            "queued": adopted.queued,
            "uncertain": adopted.uncertain,
            "parked": adopted.parked,
            "awaiting": adopted.awaiting,
        }
        audit.record(db, actor, "adopt", detail, [])
    return adopted


def _look_first(db: Database, settle_ms: int) -> dict[str, int]:
    """End all claims and mark the open jobs; returns how many there are by state."""
    now = db.now()
    begun = _marked(db, now, now + settle_ms)
    strays = strand(db, None, JobState.UNCERTAIN, Action.LOSE, begun, now)
    move(db, Action.LOSE, [(job.invoice_id,) for job in begun if job not in strays], now)
    counted = db.execute(f"SELECT state, count(*) FROM export_jobs WHERE state IN ({_OPEN}) GROUP BY state")
    return {str(state): int(count) for state, count in counted.fetchall()}


def _marked(db: Database, now: int, not_before: int) -> list[Job]:
    """Mark the open jobs, whose claims end; returns those whose sending had begun.

    On PostgreSQL one statement that locks them in the order of their ids, as who writes down their outcomes does: what
    a worker begins or ends at this moment is waited for, and seen as it left it.
    """
    begun = f"state = '{JobState.CLAIMED}' AND send_begun IS NOT NULL"
    update = (
        f"UPDATE export_jobs SET look_first = TRUE, state = CASE WHEN state <> '{JobState.CLAIMED}' THEN state"
        f" WHEN send_begun IS NULL THEN '{JobState.PENDING}' ELSE '{JobState.UNCERTAIN}' END,"
        " worker = NULL, lease_until = NULL, misses = 0, deferrals = 0, updated_at = ?,"
        " run_at = CASE WHEN run_at < ? THEN ? ELSE run_at END"
    )
    values = (now, not_before, not_before)
    if db.postgres:
        found = db.execute(
            f"WITH own AS MATERIALIZED (SELECT id AS own_id, {begun} AS begun FROM export_jobs WHERE state IN ({_LOOKED_FOR})"
            f" ORDER BY id FOR UPDATE), marked AS ({update} FROM own WHERE id = own_id RETURNING {JOB_COLUMNS}, begun)"
            f" SELECT {JOB_COLUMNS} FROM marked WHERE begun ORDER BY id",
            values,
        ).fetchall()
    else:
        found = db.execute(f"SELECT {JOB_COLUMNS} FROM export_jobs WHERE {begun}").fetchall()
        db.execute(f"{update} WHERE state IN ({_LOOKED_FOR})", values)
    return [job_of(row) for row in found]
