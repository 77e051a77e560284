"""Writing down what became of uncertain and parked invoices: by a reconciliation, or by hand with a comment.

Each is a decision of an approver, in one transaction: the job, its attempts, the invoice and the audit trail. What a
worker's look-up learns meanwhile is fenced off by the job's attempt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from store import audit, directory
from store.db import Database
from store.domain.actor import Actor
from store.domain.errors import BadInput, Disallowed
from store.domain.status import TITLES, TRANSITIONS, Action, ErpStatus, JobState
from store.domain.text import one_line, safe, storable
from store.job import JOB_COLUMNS, Job, end_claims, job_of, log_attempts, marks, move
from store.outcomes import book
from store.reconciling import Reconciliation

# The code of an invoice of which a person has said that the ERP does not have it.
RECONCILED = "reconciled"
COMMENT_MOST = 500
REFERENCE_MOST = 200
_OPEN = (JobState.UNCERTAIN.value, JobState.PARKED.value)
_OPEN_INVOICES = (ErpStatus.UNCERTAIN, ErpStatus.PARKED)


# -- what a reconciliation found ---------------------------------------------------------------------------------


def resolve(db: Database, actor: Actor, found: Reconciliation) -> int:
    """Book what is uncertain or parked here and proven to be in the ERP; returns how many.

    Whatever another worker or person settled since stays as it is. The reconciliation with its counts becomes one event
    of the audit trail, also where it resolved nothing. For approvers.
    """
    booked: list[int] = []
    with db.transaction(), audit.Trail() as trail:
        actor = directory.refresh(db, actor)
        actor.require_approver()
        now = db.now()
        counts = {verdict.value: count for verdict, count in found.counts().items()}
        for page in found.resolvable():
            booked += _book(db, dict(page), now, trail)
        detail = {
            "erp": found.erp,
            "from": found.period.start.isoformat(),
            "to": found.period.end.isoformat(),
            "found": counts,
            "resolved": len(booked),
        }
        audit.record(db, actor, "reconcile", detail, trail)
    found.resolved(booked)
    return len(booked)


def _book(db: Database, references: Mapping[int, str], now: int, trail: audit.Trail) -> list[int]:
    """Those of these jobs that are still open, done with their references; returns their ids."""
    held = _seized(db, "id", list(references), now)
    log_attempts(db, RECONCILED, [(job, "found", "booked", references[job.id]) for job, _ in held], now)
    book(db, [(job, references[job.id]) for job, _ in held], now)
    trail.add(_change(Action.BOOK, job, status, origin_id=references[job.id]) for job, status in held)
    return [job.id for job, _ in held]


def _seized(db: Database, column: str, values: Sequence[int], now: int) -> list[tuple[Job, ErpStatus]]:
    """The open jobs of these ids or invoices, with their invoice's status; whoever asks about them is fenced off.

    An invoice that somebody changed outside payapp is left alone, and so is its job.
    """
    lock = " FOR UPDATE" if db.postgres else ""
    found = db.execute(
        f"SELECT id, invoice_id FROM export_jobs WHERE {column} IN ({marks(values)})"
        f" AND state IN ({marks(_OPEN)}) ORDER BY id{lock}",
        (*values, *_OPEN),
    ).fetchall()
    if not found:
        return []
    invoices = [row[1] for row in found]
    standing = dict(
        db.execute(
            f"SELECT id, erp_status FROM invoices WHERE id IN ({marks(invoices)})"
            f" AND erp_status IN ({marks(_OPEN_INVOICES)}) ORDER BY id{lock}",
            (*invoices, *(status.value for status in _OPEN_INVOICES)),
        ).fetchall()
    )
    ids = [row[0] for row in found if row[1] in standing]
    if not ids:
        return []
    rows = db.execute(
        "UPDATE export_jobs SET attempt = attempt + 1, worker = NULL, lease_until = NULL, updated_at = ?"
        f" WHERE id IN ({marks(ids)}) RETURNING {JOB_COLUMNS}",
        (now, *ids),
    ).fetchall()
    jobs = sorted((job_of(row) for row in rows), key=lambda job: job.id)
    return [(job, ErpStatus(standing[job.invoice_id])) for job in jobs]


def _change(action: Action, job: Job, before: ErpStatus, **after: Any) -> audit.Change:
    target = TRANSITIONS[action].target.value
    return audit.Change(
        "invoice",
        job.invoice_id,
        {"erp_status": before.value},
        {"erp_status": target, "key": job.key, **after},
    )


# -- by hand -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OpenJob:
    """An uncertain or parked invoice with the job that was sent of it; ``why`` nobody knows."""

    invoice_id: int
    name: str
    status: ErpStatus
    job: Job
    why: str


def of_invoice(db: Database, actor: Actor, invoice_id: int) -> OpenJob:
    """The open job of the invoice, for an approver to settle by hand. Raises NotPermitted, Disallowed."""
    actor.require_approver()
    invoice = db.execute("SELECT number, erp_status FROM invoices WHERE id = ?", (invoice_id,)).fetchone()
    if invoice is None:
        raise Disallowed(f"There is no invoice #{invoice_id}", fix="payapp list --view exporting shows them")
    name, status = safe(invoice[0]), invoice[1]
    row = db.execute(
        f"SELECT {JOB_COLUMNS}, error_text FROM export_jobs WHERE invoice_id = ? AND state IN ({marks(_OPEN)})",
        (invoice_id, *_OPEN),
    ).fetchone()
    if row is None:
        raise Disallowed(
            f"{name} cannot be settled by hand",
            why=f"it is {TITLES[ErpStatus(status)]}",
            fix="Only Uncertain and Parked ones can: payapp list --view exporting",
        )
    if status not in _OPEN_INVOICES:
        raise Disallowed(
            f"{name} cannot be settled by hand",
            why=f"it was changed outside payapp: it is {TITLES[ErpStatus(status)]}, and its export is not settled",
            fix="Have it set back to parked by who changed the database",
        )
    return OpenJob(invoice_id, name, ErpStatus(status), job_of(row), safe(row[-1]))


def booked(
    db: Database, actor: Actor, invoice_id: int, reference: str, comment: str, erp_said: str = ""
) -> None:
    """A person has seen the bill in the ERP: the invoice is Synced with that reference.

    ``erp_said`` is what the ERP answered when it was asked about it, kept with the comment. Raises NotPermitted,
    Disallowed for what is neither uncertain nor parked, BadInput for a missing comment, no reference, or one that
    another invoice has.
    """
    comment, reference = _comment(comment), _reference(reference)
    with db.transaction():
        actor = directory.refresh(db, actor)
        job, before, now = _taken(db, actor, invoice_id)
        column = "substr(origin_id, 1, 200)" if db.postgres else "origin_id"
        other = db.execute(
            f"SELECT number FROM invoices WHERE origin_id IS NOT NULL AND {column} = ? AND id <> ?",
            (reference, invoice_id),
        ).fetchone()
        if other:
            raise BadInput(
                f"{reference} cannot be its reference",
                why=f"invoice {safe(other[0])} has it already",
                fix="Look in the ERP again",
            )
        log_attempts(db, RECONCILED, [(job, "hand", "booked", reference)], now)
        book(db, [(job, reference)], now)
        detail = {"comment": comment, "booked": True, "reference": reference, "erp_said": safe(erp_said)}
        audit.record(db, actor, "reconcile", detail, [_change(Action.BOOK, job, before, origin_id=reference)])


def not_booked(
    db: Database, actor: Actor, invoice_id: int, comment: str, *, settle_ms: int, erp_said: str = ""
) -> None:
    """A person has seen that the ERP does not have it and will not get it: Failed to Export, so that it can be retried.

    Raises NotPermitted, BadInput for a missing comment, and Disallowed for what is neither uncertain nor parked, or is
    uncertain while it may still arrive: its settle time is not over, or a worker asks about it right now.
    """
    comment = _comment(comment)
    with db.transaction():
        actor = directory.refresh(db, actor)
        actor.require_approver()
        check_settled(db, invoice_id, settle_ms)
        job, before, now = _taken(db, actor, invoice_id)
        cause = f"{safe(actor.login)} has found that the ERP does not have it: {one_line(comment)}"
        fix = "{invoices.export} exports it again, as a new bill; {invoices.reject} rejects it"
        log_attempts(db, RECONCILED, [(job, "hand", "missing", one_line(comment))], now)
        end_claims(db, JobState.FAILED, [(job.id, RECONCILED, cause)], now, "error_code", "error_text")
        told = (invoice_id, RECONCILED, cause, fix)
        move(db, Action.REFUSE, [told], now, "error_code", "error_cause", "error_fix")
        detail = {"comment": comment, "booked": False, "erp_said": safe(erp_said)}
        change = _change(Action.REFUSE, job, before, error_code=RECONCILED)
        audit.record(db, actor, "reconcile", detail, [change])


def _taken(db: Database, actor: Actor, invoice_id: int) -> tuple[Job, ErpStatus, int]:
    now = db.now()
    name = of_invoice(db, actor, invoice_id).name
    held = _seized(db, "invoice_id", [invoice_id], now)
    if not held:
        raise Disallowed(
            f"{name} cannot be settled by hand", why="it was settled at the same moment", fix="Look again"
        )
    return (*held[0], now)


def check_settled(db: Database, invoice_id: int, settle_ms: int) -> None:
    """Raise Disallowed while an uncertain job may still arrive, or be found."""
    lock = " FOR UPDATE" if db.postgres else ""
    row = db.execute(
        "SELECT send_begun, lease_until FROM export_jobs WHERE invoice_id = ?"
        f" AND state = '{JobState.UNCERTAIN}'{lock}",
        (invoice_id,),
    ).fetchone()
    if row is None:
        return
    now = db.now()
    begun, lease = row
    if lease is not None and lease >= now:
        raise Disallowed(
            "It cannot be settled yet",
            why="a worker asks the ERP about it right now",
            fix="Wait for its answer",
        )
    if begun is not None and begun + settle_ms > now:
        left = -((now - begun - settle_ms) // 1000)
        raise Disallowed(
            "It cannot be settled yet",
            why=f"it was sent a moment ago and may still arrive for {left} s",
            fix="Wait, and look in the ERP again",
        )


def check_words(comment: str, reference: str | None = None) -> None:
    """Raise BadInput where booked() or not_booked() would, for a comment and a reference that cannot be used."""
    _comment(comment)
    if reference is not None:
        _reference(reference)


def _comment(text: str) -> str:
    comment = text.strip()
    if not comment:
        raise BadInput("A comment is needed", why="others must know how you found out", fix="Give --comment")
    if not storable(comment):
        raise BadInput("That comment cannot be used", why="it holds a character that no database stores")
    if len(comment) > COMMENT_MOST:
        raise BadInput(
            "That comment is too long", why=f"it may have {COMMENT_MOST} characters", fix="Shorten it"
        )
    return comment


def _reference(text: str) -> str:
    reference = text.strip()
    if not reference or reference != one_line(reference) or len(reference) > REFERENCE_MOST:
        raise BadInput(
            f"{safe(text)[:40]!r} is not a reference",
            why=f"it is the bill's id in the ERP, of up to {REFERENCE_MOST} plain characters",
            fix="Look it up in the ERP",
        )
    return reference
