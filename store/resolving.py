"""Writing down what became of uncertain and parked invoices: by a reconciliation, or by hand with a comment.

By hand also what failed or was recalled here and is in the ERP all the same. Each is a decision of an approver, in one transaction: the job, its attempts, the invoice and the audit trail. What a
worker's look-up learns meanwhile is fenced off by the job's attempt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from store import audit, directory, evidence
from store.db import Database
from store.domain.actor import Actor
from store.domain.errors import BadInput, Changed, Disallowed
from store.domain.status import TITLES, TRANSITIONS, Action, ErpStatus, JobState
from store.domain.text import one_line, safe, storable
from store.evidence import Proof
from store.job import JOB_COLUMNS, Job, end_claims, job_of, log_attempts, marks, move
from store.outcomes import book, deliver
from store.reconciling import Reconciliation

# The code of an invoice of which a person has said that the ERP does not have it.
RECONCILED = "reconciled"
COMMENT_MOST = 500
REFERENCE_MOST = 200
_OPEN = (JobState.UNCERTAIN.value, JobState.PARKED.value)
_OPEN_INVOICES = (ErpStatus.UNCERTAIN, ErpStatus.PARKED)
# By hand also what waits for a receipt that never comes.
_BY_HAND = (*_OPEN, JobState.SENT.value)
# Given up here; in the ERP all the same.
_GIVEN_UP = (JobState.FAILED.value, JobState.CANCELLED.value)
_FREE = (ErpStatus.READY, ErpStatus.FAILED)


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
            booked += (_deliver if found.receipts else _book)(db, dict(page), now, trail)
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


def _deliver(db: Database, references: Mapping[int, str], now: int, trail: audit.Trail) -> list[int]:
    """As _book(), where the ERP has yet to say what it makes of them: their receipts are awaited."""
    held = _seized(db, "id", list(references), now)
    log_attempts(db, RECONCILED, [(job, "found", "delivered", references[job.id]) for job, _ in held], now)
    deliver(db, [(job, references[job.id]) for job, _ in held], now)
    move(db, Action.AWAIT, [(job.invoice_id,) for job, _ in held], now)
    trail.add(_change(Action.AWAIT, job, status) for job, status in held)
    return [job.id for job, _ in held]


def _seized(
    db: Database,
    column: str,
    values: Sequence[int],
    now: int,
    *,
    given_up: bool = False,
    by_hand: bool = False,
) -> list[tuple[Job, ErpStatus]]:
    """The jobs of these ids or invoices that can be settled, with their invoice's status; look-ups are fenced off.

    Open ones, or with ``given_up`` failed and cancelled ones. An invoice that somebody changed outside payapp is left alone, and so is its job.
    """
    lock = " FOR UPDATE" if db.postgres else ""
    jobs_in: tuple[str, ...] = _BY_HAND if by_hand else _OPEN
    # Of an invoice no other job is open, so that what is being sent is not among them.
    invoices_in: tuple[ErpStatus, ...] = (*_OPEN_INVOICES, ErpStatus.EXPORTING) if by_hand else _OPEN_INVOICES
    if given_up:
        jobs_in, invoices_in = _GIVEN_UP, _FREE
    found = db.execute(
        f"SELECT id, invoice_id FROM export_jobs WHERE {column} IN ({marks(values)})"
        f" AND state IN ({marks(jobs_in)}) ORDER BY id{lock}",
        (*values, *jobs_in),
    ).fetchall()
    if not found:
        return []
    invoices = [row[1] for row in found]
    standing = dict(
        db.execute(
            f"SELECT id, erp_status FROM invoices WHERE id IN ({marks(invoices)})"
            f" AND erp_status IN ({marks(invoices_in)}) ORDER BY id{lock}",
            (*invoices, *(status.value for status in invoices_in)),
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
    """An invoice with the job of it that a person can settle; ``why`` nobody knows what became of it.

    Uncertain or parked; or given up here and in the ERP all the same. ``proof`` is what payapp has that the ERP
    booked it, if it has any.
    """

    invoice_id: int
    name: str
    status: ErpStatus
    job: Job
    why: str
    proof: Proof | None

    @property
    def given_up(self) -> bool:
        """It failed or was recalled here."""
        return self.status in _FREE


def of_invoice(db: Database, actor: Actor, invoice_id: int) -> OpenJob:
    """The job of the invoice that an approver can settle by hand. Raises NotPermitted, Disallowed."""
    directory.refresh(db, actor).require_approver()
    invoice = db.execute("SELECT number, erp_status FROM invoices WHERE id = ?", (invoice_id,)).fetchone()
    if invoice is None:
        raise Disallowed(f"There is no invoice #{invoice_id}", fix="payapp list --view exporting shows them")
    name, status = safe(invoice[0]), invoice[1]
    row = db.execute(
        f"SELECT {JOB_COLUMNS}, error_text, state FROM export_jobs WHERE invoice_id = ? AND state IN ({marks(_BY_HAND)})",
        (invoice_id, *_BY_HAND),
    ).fetchone()
    proof = evidence.of(db, [invoice_id]).get(invoice_id)
    if row is None and status in _FREE:
        row = _given_up(db, invoice_id, ErpStatus(status), proof)
        if row is not None:
            return OpenJob(invoice_id, name, ErpStatus(status), job_of(row), safe(row[-1]), proof)
    if row is None:
        raise Disallowed(
            f"{name} cannot be settled by hand",
            why=f"it is {TITLES[ErpStatus(status)]}",
            fix="Only Uncertain and Parked ones can: payapp list --view exporting",
        )
    awaited = row[-1] == JobState.SENT and status == ErpStatus.EXPORTING
    if status not in _OPEN_INVOICES and not awaited:
        raise Disallowed(
            f"{name} cannot be settled by hand",
            why=f"it was changed outside payapp: it is {TITLES[ErpStatus(status)]}, and its export is not settled",
            fix="Have it set back to parked by who changed the database",
        )
    return OpenJob(invoice_id, name, ErpStatus(status), job_of(row), safe(row[-2]), proof)


def sent_keys(db: Database, job: Job) -> list[str]:
    """The keys under which other revisions of its invoice were sent from here."""
    rows = db.execute(
        "SELECT idem_key FROM export_jobs WHERE invoice_id = ? AND id <> ? AND sends > 0 ORDER BY revision",
        (job.invoice_id, job.id),
    ).fetchall()
    return [row[0] for row in rows]


def _given_up(db: Database, invoice_id: int, status: ErpStatus, proof: Proof | None) -> Any:
    """The job that the proof is of; else, of what failed, the one that was sent last. None: there is none."""
    if proof is None and status is not ErpStatus.FAILED:
        return None
    which, value = ("id = ?", proof.job) if proof else ("invoice_id = ? AND sends > 0", invoice_id)
    states = _GIVEN_UP if proof else (JobState.FAILED.value,)
    return db.execute(
        f"SELECT {JOB_COLUMNS}, error_text FROM export_jobs WHERE {which} AND state IN ({marks(states)})"
        " ORDER BY revision DESC LIMIT 1",
        (value, *states),
    ).fetchone()


def booked(
    db: Database,
    actor: Actor,
    invoice_id: int,
    reference: str,
    comment: str,
    erp_said: str = "",
    *,
    asked: Job | None = None,
) -> None:
    """A person has seen the bill in the ERP: the invoice is Synced with that reference.

    ``erp_said`` is what the ERP answered when it was asked about it, kept with the comment; ``asked`` the job as the
    person was asked about it. Raises NotPermitted, Disallowed for what cannot be settled, Changed where it was looked up
    or sent since it was asked about, BadInput for a missing comment, no reference, or one that another invoice has.
    """
    comment, reference = _comment(comment), _reference(reference)
    with db.transaction():
        actor = directory.refresh(db, actor)
        of, job, now = _taken(db, actor, invoice_id, asked)
        check_free(db, invoice_id, reference)
        action = Action.FIND if of.given_up else Action.BOOK
        log_attempts(db, RECONCILED, [(job, "hand", "booked", reference)], now)
        book(db, [(job, reference)], now, action)
        detail = {"comment": comment, "booked": True, "reference": reference, "erp_said": safe(erp_said)}
        audit.record(db, actor, "reconcile", detail, [_change(action, job, of.status, origin_id=reference)])


def not_booked(
    db: Database,
    actor: Actor,
    invoice_id: int,
    comment: str,
    *,
    settle_ms: int,
    erp_said: str = "",
    asked: Job | None = None,
    undone: str = "",
) -> None:
    """A person has seen that the ERP does not have it and will not get it: Failed to Export, so that it can be retried.

    ``asked`` is the job as the person was asked about it; ``undone`` the reference that payapp has proof of and that the
    ERP, asked for it, has no longer. What failed or was recalled stays where it is, and is free again. Raises
    NotPermitted, BadInput for a missing comment, Changed where it was looked up or sent since it was asked about, and
    Disallowed for what cannot be settled, what the ERP is proven to have, and what is uncertain while it may still
    arrive: its settle time is not over, or a worker asks about it right now.
    """
    comment = _comment(comment)
    with db.transaction():
        actor = directory.refresh(db, actor)
        actor.require_approver()
        check_settled(db, invoice_id, settle_ms)
        of, job, now = _taken(db, actor, invoice_id, asked)
        check_unproven(of, undone)
        _say_missing(db, of, job, one_line(comment), now)
        if of.given_up:
            before = {"in_erp_as": of.proof.reference if of.proof else ""}
            change = audit.Change("invoice", invoice_id, before, {"in_erp_as": "", "key": job.key})
        else:
            cause = f"{safe(actor.login)} has found that the ERP does not have it: {one_line(comment)}"
            fix = "{invoices.export} exports it again, as a new bill; {invoices.reject} rejects it"
            end_claims(db, JobState.FAILED, [(job.id, RECONCILED, cause)], now, "error_code", "error_text")
            told = (invoice_id, RECONCILED, cause, fix)
            move(db, Action.REFUSE, [told], now, "error_code", "error_cause", "error_fix")
            change = _change(Action.REFUSE, job, of.status, error_code=RECONCILED)
        detail = {"comment": comment, "booked": False, "erp_said": safe(erp_said)}
        audit.record(db, actor, "reconcile", detail, [change])


def check_unproven(of: OpenJob, undone: str) -> None:
    """Raise Disallowed where payapp has proof that the ERP has it, but for a bill that is proven to be gone.

    Also for what was given up and has no proof against it: there is nothing to say of it.
    """
    if of.proof is None:
        if of.given_up:
            raise Disallowed(
                f"{of.name} cannot be settled by hand",
                why=f"it is {TITLES[of.status]}: payapp knows of no bill of it",
                fix="payapp reconcile asks the ERP",
            )
        return
    if of.proof.reference != undone:
        reference = safe(of.proof.reference)
        raise Disallowed(
            f"{of.name} is in the ERP",
            why=f"the ERP has answered that it booked it, as {reference}",
            fix=f"payapp reconcile '#{of.invoice_id}' --booked {reference} --comment WHY; or void it in the ERP first",
        )


def _say_missing(db: Database, of: OpenJob, job: Job, why: str, now: int) -> None:
    """With the job's attempts, and with those of the job that the proof against it is of."""
    told = [job]
    if of.proof is not None and of.proof.job != job.id:
        row = db.execute(f"SELECT {JOB_COLUMNS} FROM export_jobs WHERE id = ?", (of.proof.job,)).fetchone()
        told.append(job_of(row))
    log_attempts(db, RECONCILED, [(one, "hand", "missing", why) for one in told], now)


def _taken(db: Database, actor: Actor, invoice_id: int, asked: Job | None) -> tuple[OpenJob, Job, int]:
    now = db.now()
    of = of_invoice(db, actor, invoice_id)
    held = _seized(db, "id", [of.job.id], now, given_up=of.given_up, by_hand=True)
    if not held:
        raise Disallowed(
            f"{of.name} cannot be settled by hand", why="it was settled at the same moment", fix="Look again"
        )
    job, status = held[0]
    if asked is not None and (job.id, job.attempt - 1, job.sends) != (asked.id, asked.attempt, asked.sends):
        raise Changed(
            f"{of.name} is not as it was when you were asked",
            why="it was sent or looked for in the ERP meanwhile",
            fix="Look in the ERP again, then give the command again",
        )
    # What came in before its rows were locked counts too.
    proof = evidence.of(db, [invoice_id]).get(invoice_id)
    return replace(of, status=status, proof=proof), job, now


def check_free(db: Database, invoice_id: int, reference: str) -> None:
    """Raise BadInput where another invoice has that reference in the ERP."""
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
