"""Unlink, reset and mark exported: what is decided about an invoice and a bill that is, or is not, in the ERP.

Nothing is sent. The ERP is asked first (store.linking, erp.linking), and its answer holds only for the version and the export
that it was about. An invoice that is parted from its bill is exported again under another key, so it is parted only when the
ERP has said that it has no bill of it under any key, or on the word of an Admin where it cannot be asked. Its export is
cancelled then, and what the ERP said is kept with it: whatever is heard of it later counts as proof (store/evidence.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from store import (
    audit,
    candidates,
    differences,
    directory,
    duplicates,
    evidence,
    holds,
    limits,
    naming,
    outbox,
    payments,
    policies,
    resolving,
    signing,
)
from store.called import Called
from store.candidates import Candidate
from store.db import Database
from store.decision import Decision, settle
from store.domain.actor import Actor, Level
from store.domain.bill import encode, idempotency_key, revision_of
from store.domain.errors import Changed, Disallowed, NotPermitted, PayappError
from store.domain.money import hash_part
from store.domain.profile import Profile
from store.domain.status import TRANSITIONS, Action, ErpStatus, JobState, check
from store.domain.text import one_line, safe
from store.job import JOB_COLUMNS, Job, end_claims, job_of, log_attempts
from store.linking import ErpSaid, Link, Presence
from store.moving import write
from store.packed import among, packed
from store.planning import SELF, Judge, Stay, Terms, stay

STILL_THERE, DELETE_IT = "The requisition is still in your ERP system", "Please delete it before retrying"
# How a batch says that nothing of it was sent.
MARKED = "Marked exported"
ON_HOLD = "on hold"
DONE_BY_HAND = "marked exported"
_GONE_RULE = "the ERP has no bill of it"
_WORD_RULE = "on the word of an Admin of ERP Integrations"


# -- parting ---------------------------------------------------------------------------------------------------------


def unlink(
    db: Database, actor: Actor, asked: Sequence[tuple[Link, ErpSaid]], comment: str, *, settle_ms: int
) -> Decision:
    """Part Synced invoices from their bills, which are gone from the ERP: editable in Commitments again.

    ``settle_ms``: how long a sending may still arrive. For approvers; where the ERP cannot be asked, for an Admin of ERP
    Integrations who is one. Raises NotPermitted, BadInput for a missing comment, and the first refusal when nothing goes.
    """
    return _part(db, actor, Action.UNLINK, asked, comment, settle_ms)


def reset(
    db: Database, actor: Actor, asked: Sequence[tuple[Link, ErpSaid]], comment: str, *, settle_ms: int
) -> Decision:
    """As unlink(), of what is stuck: also where the ERP does not answer, or a person linked it to somebody else's bill.

    For an Admin of ERP Integrations who is an approver. What was exported and is there, or is there under one of payapp's
    keys, is never reset. Where the ERP did not answer, it is asked before the next export is sent.
    """
    return _part(db, actor, Action.RESET, asked, comment, settle_ms)


def _part(
    db: Database,
    actor: Actor,
    action: Action,
    asked: Sequence[tuple[Link, ErpSaid]],
    comment: str,
    settle_ms: int,
) -> Decision:
    resolving.check_words(comment)
    comment = one_line(comment.strip())
    said = {link.invoice_id: (link, answer) for link, answer in asked}
    with db.transaction():
        actor = directory.refresh(db, actor)
        actor.require_approver(PARTING[action])
        if action is Action.RESET:
            actor.require_erp_admin()
        _seize(db, list(said))
        going: list[tuple[Candidate, Link, ErpSaid]] = []
        stays: list[Stay] = []
        changed: list[str] = []
        for chunk in candidates.load(db, sorted(said)):
            for c in chunk:
                link, answer = said[c.id]
                if c.version != link.version or _moved(db, link):
                    changed.append(one_line(c.number))
                elif (error := _keeps(db, actor, action, c, link, answer, settle_ms)) is not None:
                    stays.append(stay(c, _code(answer), error, error.what))
                else:
                    going.append((c, link, answer))
        settle([c.id for c, _, _ in going], stays, changed, DONE[action])
        notes = _later(db, [c.id for c, _, _ in going], DONE[action])
        changes = _write(db, action, going, comment)
        if (outcome := TRANSITIONS[action].outcome) is not None:
            differences.keep(db, actor, outcome, {c.id: comment for c, _, _ in going})
        detail = {"comment": comment, "count": len(going)}
        audit.record(db, actor, action.value, detail, changes)
    return Decision(tuple(c.id for c, _, _ in going), tuple(stays), tuple(changed), notes=notes)


def _later(db: Database, ids: Sequence[int], done: str) -> tuple[str, ...]:
    """A sentence for each that later applications in ERP Integrations were made from."""
    rows = db.execute(
        "SELECT i.number, min(l.number), count(*) FROM invoices i JOIN invoices l ON l.commitment_id = i.commitment_id"
        f" AND l.application > i.application AND l.erp_status <> '{ErpStatus.NOT_SENT}' WHERE {among(db, 'i.id')}"
        f" AND NOT {among(db, 'l.id')} GROUP BY i.id, i.number ORDER BY i.id",
        (packed(db, ids), packed(db, ids)),
    ).fetchall()
    return tuple(
        f"{one_line(later)}{f' and {count - 1:,} more' if count > 1 else ''} came after {one_line(number)}, which is {done}:"
        " check what its correction means for them"
        for number, later, count in rows
    )


PARTING = {Action.UNLINK: "unlink an invoice", Action.RESET: "reset an invoice"}
DONE = {Action.UNLINK: "unlinked", Action.RESET: "reset"}


def _code(answer: ErpSaid) -> str:
    return "state" if answer.presence is Presence.GONE else f"erp.{answer.presence.value}"


def _seize(db: Database, ids: Sequence[int]) -> None:
    """Nobody adds a proof, and nobody sends, until this transaction has ended. On SQLite that is so anyway."""
    if db.postgres:
        db.execute(
            f"SELECT id FROM export_jobs WHERE {among(db, 'invoice_id')} ORDER BY id FOR UPDATE",
            (packed(db, ids),),
        ).fetchall()


def _moved(db: Database, link: Link) -> bool:
    """Whether its export is not the one any more that the ERP was asked about."""
    if link.job is None or not link.job.id:
        return False
    row = db.execute(
        "SELECT state, attempt, idem_key FROM export_jobs WHERE id = ?", (link.job.id,)
    ).fetchone()
    return row is None or tuple(row) != (JobState.DONE.value, link.job.attempt, link.job.key)


def _keeps(
    db: Database, actor: Actor, action: Action, c: Candidate, link: Link, answer: ErpSaid, settle_ms: int
) -> PayappError | None:
    """Why the invoice keeps its bill; None: the two can be parted."""
    try:
        check(action, c.erp_status, c.name)
    except Disallowed as error:
        return error
    if (left := _under_way(db, link, settle_ms)) > 0:
        return Disallowed(
            "It was sent a moment ago",
            why=f"an earlier sending of it could still arrive for {left} s after the ERP was asked",
            fix="Wait, then try again",
        )
    match answer.presence:
        case Presence.GONE:
            return None
        case Presence.THERE if action is Action.UNLINK or answer.booked or not link.by_hand:
            return Disallowed(STILL_THERE, fix=DELETE_IT)
        case Presence.SILENT if action is Action.UNLINK:
            return Disallowed(
                "The ERP did not say whether it still has it",
                why=safe(answer.words),
                fix="Try again when it answers; an Admin of ERP Integrations may reset it (payapp reset)",
            )
        case Presence.UNKNOWABLE if actor.erp_level is not Level.ADMIN:
            return NotPermitted(
                "This ERP cannot be asked whether it still has it",
                why=safe(answer.words),
                fix="An Admin of ERP Integrations looks there, and unlinks it",
            )
        case _:
            return None


def _under_way(db: Database, link: Link, settle_ms: int) -> int:
    """For how many seconds a sending without a reply could arrive after the ERP was asked: what was sent once was answered."""
    row = db.execute(
        "SELECT max(send_begun) FROM export_jobs WHERE invoice_id = ? AND sends > 1", (link.invoice_id,)
    ).fetchone()
    return 0 if row[0] is None else max(0, -((link.at - int(row[0]) - settle_ms) // 1000))


def _write(
    db: Database, action: Action, going: Sequence[tuple[Candidate, Link, ErpSaid]], comment: str
) -> list[audit.Change]:
    transition, now = TRANSITIONS[action], db.now()
    outcome = transition.outcome.value if transition.outcome else None
    ids = [c.id for c, _, _ in going]
    renamed = duplicates.known(db, [c.id for c, _, _ in going if c.erp_number])
    paid = payments.forget(db, ids)
    for _, link, answer in going:
        _cancel(db, action, link, answer, comment, now)
    columns = ("erp_status", "outcome", "outcome_reason", "outcome_at", "batch_id", "origin_id", "error_code",
               "error_cause", "error_fix", "accounting_date", "description", "erp_number", "number_hash")  # fmt: skip
    write(db, columns, [
        (c, (transition.target.value, outcome, comment, now, None, None, "", "", "", None, "", "", hash_part(c.number)))
        for c, _, _ in going
    ])  # fmt: skip
    duplicates.refresh(db, (), renamed)
    return [
        audit.Change(
            "invoice",
            c.id,
            {"erp_status": c.erp_status.value, "origin_id": link.reference, **({"paid": paid[c.id]} if c.id in paid else {})},
            {
                "erp_status": transition.target.value, "origin_id": "", "outcome": outcome, "reason": comment,
                "erp_said": safe(answer.words), "key": link.job.key if link.job else "",
            },
            _GONE_RULE if answer.presence is Presence.GONE else _WORD_RULE,
        )
        for c, link, answer in going
    ]  # fmt: skip


def _cancel(db: Database, action: Action, link: Link, answer: ErpSaid, comment: str, now: int) -> None:
    """Its export stands for no bill any more: what is heard of it from now on is proof that there is one."""
    if link.job is None:
        return
    silent = answer.presence is Presence.SILENT
    touched = db.execute(
        f"UPDATE export_jobs SET state = '{JobState.CANCELLED}', attempt = attempt + 1, look_first = ?, updated_at = ?"
        f" WHERE id = ? AND attempt = ? AND state = '{JobState.DONE}'",
        (silent, now, link.job.id, link.job.attempt),
    ).rowcount
    if touched != 1:
        raise Changed(
            f"{link.name} was changed at the same moment", why="nothing was changed by you", fix="Look again"
        )
    told = [link.job]
    if answer.presence is Presence.GONE:
        # The ERP was asked for all of its revisions.
        told += [job for job in _given_up(db, link) if job.id != link.job.id]
    words = f"{action.value}: {comment} (the ERP: {safe(answer.words)})"
    log_attempts(db, DONE[action], [(job, "hand", "missing", words) for job in told], now)


def _given_up(db: Database, link: Link) -> list[Job]:
    """The exports of it of which there is a proof."""
    proof = evidence.of(db, [link.invoice_id]).get(link.invoice_id)
    if proof is None:
        return []
    row = db.execute(f"SELECT {JOB_COLUMNS} FROM export_jobs WHERE id = ?", (proof.job,)).fetchone()
    return [job_of(row)]


def look_first(db: Database, jobs: Sequence[outbox.Row]) -> None:
    """Of jobs that were just enqueued, those whose bill may be in the ERP under a key that was given up unasked look first.

    That is what was reset while the ERP did not answer. First exports cost nothing. In the deciding transaction.
    """
    again = [row[0] for row in jobs if row[1] > 1]
    if not again:
        return
    rows = db.execute(
        f"SELECT DISTINCT invoice_id FROM export_jobs WHERE {among(db, 'invoice_id')} AND look_first"
        f" AND state = '{JobState.CANCELLED}'",
        (packed(db, again),),
    ).fetchall()
    if rows:
        db.execute(
            f"UPDATE export_jobs SET look_first = TRUE WHERE {among(db, 'invoice_id')} AND state = '{JobState.HELD}'",
            (packed(db, [row[0] for row in rows]),),
        )


# -- bringing together -------------------------------------------------------------------------------------------------


def mark_exported(
    db: Database,
    actor: Actor,
    link: Link,
    said: ErpSaid,
    reference: str,
    comment: str,
    profile: Profile,
    *,
    accounting_date: date | None = None,
) -> Decision:
    """A Ready or Failed invoice was entered in the ERP by other means, as ``reference``: Synced, and nothing is sent.

    Its bill is frozen as it would have been sent, so that a reconciliation compares the two; ``accounting_date`` is the
    ERP's own, by default the invoice's or its period's end. It is a decision to pay: the rules of an export about who may
    decide hold. Raises NotPermitted, BadInput, Disallowed, Blocked, Changed.
    """
    resolving.check_words(comment, reference)
    comment, reference = one_line(comment.strip()), reference.strip()
    with db.transaction():
        naming.alone(db)
        actor = limits.alone(db, directory.refresh(db, actor))
        actor.require_approver("mark an invoice exported")
        _seize(db, [link.invoice_id])
        [c] = next(candidates.load(db, [link.invoice_id]))
        check(Action.MARK_EXPORTED, c.erp_status, c.name)
        if c.version != link.version:
            raise Changed(
                f"{c.name} was changed since the ERP was asked", why="nothing was changed", fix="Look again"
            )
        if (proof := evidence.of(db, [c.id]).get(c.id)) is not None:
            raise evidence.blocked(c.id, proof)
        _can_be(actor, c, said, reference)
        resolving.check_free(db, c.id, reference)
        company = directory.company(db)
        judge = Judge(db, actor, Terms(Action.ACCEPT, company, profile, accounting_date, None))
        rule = judge.permitted(c)
        # The bill is there, whatever is waited for: only its payment can still be held.
        held = holds.of(db, [c.id]).get(c.id, ())
        rule += f"; {ON_HOLD}" if held else ""
        day = accounting_date or date.fromisoformat(c.accounting_date or c.period_end)
        [taken] = Called(db, company.erp).taken([c])
        payload, digest = encode(judge.bill(taken, day))
        now = db.now()
        batch = _batch(db, actor, c, company.erp, day)
        key = idempotency_key(c.uuid, c.revision + 1)
        row = (c.id, c.revision + 1, batch, key, company.erp, payload, digest, day.isoformat(), now, False)
        _link_up(db, c, row, reference, now)
        own = rule.startswith(SELF)
        if own:
            signing.expect(db, actor, [(c.id, c.revision + 1, batch)])
        after = {
            "erp_status": ErpStatus.SYNCED.value, "origin_id": reference, "batch": batch, "erp_said": safe(said.words),
            "accounting_date": day.isoformat(), "key": key,
        }  # fmt: skip
        change = audit.Change("invoice", c.id, {"erp_status": c.erp_status.value}, after, rule)
        detail = {
            "comment": comment, "reference": reference,
            **({"self": {"count": 1, "policy": policies.policies(db)["self"].told}} if own else {}),
        }  # fmt: skip
        audit.record(db, actor, Action.MARK_EXPORTED.value, detail, [change])
    waits = (f"Hold its payment in the ERP: it is on hold ({safe(held[0].told)})",) if held else ()
    return Decision((c.id,), batches=(batch,), notes=(*waits, *signing.told(int(own))))


def _can_be(actor: Actor, c: Candidate, said: ErpSaid, reference: str) -> None:
    """Raise Disallowed where what the ERP said stands against that reference."""
    if said.booked and revision_of(said.key) > c.revision:
        raise Disallowed(
            f"{c.name} is in the ERP already",
            why=f"it has it as {safe(said.booked)}, by an export",
            fix="Export it: the ERP answers with that bill, and books nothing again",
        )
    if said.booked:
        raise Disallowed(
            f"{c.name} is in the ERP already",
            why=f"it has it as {safe(said.booked)}, by an export",
            fix=f"payapp reconcile '#{c.id}' --booked {safe(said.booked)} --comment WHY",
        )
    if said.presence is Presence.GONE:
        raise Disallowed(
            f"{c.name} cannot be marked exported",
            why=f"the ERP has no bill {safe(reference)}",
            fix="Look up the reference in the ERP",
        )
    if said.presence is Presence.SILENT and actor.erp_level is not Level.ADMIN:
        raise Disallowed(
            f"{c.name} cannot be marked exported now",
            why=f"the ERP did not say whether it has {safe(reference)}: {safe(said.words)}",
            fix="Try again when it answers; an Admin of ERP Integrations may do it without",
        )


def _batch(db: Database, actor: Actor, c: Candidate, erp: str, day: date) -> int:
    """A batch of its own, as an export would have one."""
    now = db.now()
    row = db.execute(
        "INSERT INTO batches (operator_id, created_at, erp, currency, accounting_date, description, count, gross,"
        " retainage, net, hash_total, hold_until) VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?) RETURNING id",
        (
            actor.id, now, erp, c.currency, day.isoformat(), MARKED, c.gross, c.retainage, c.net,
            hash_part(c.posted_number), now,
        ),
    ).fetchone()  # fmt: skip
    return int(row[0])


def _link_up(db: Database, c: Candidate, row: outbox.Row, reference: str, now: int) -> None:
    """The invoice Synced, and its export done by a person's word: nobody has seen it wait."""
    columns = ("erp_status", "origin_id", "batch_id", "revision", "error_code", "error_cause", "error_fix",
               "changed_since")  # fmt: skip
    write(db, columns, [(c, (ErpStatus.SYNCED.value, reference, row[2], row[1], "", "", "", False))])
    outbox.enqueue(db, [row])
    found = db.execute(f"SELECT {JOB_COLUMNS} FROM export_jobs WHERE idem_key = ?", (row[3],)).fetchone()
    job = job_of(found)
    log_attempts(db, DONE_BY_HAND, [(job, "hand", "booked", reference)], now)
    end_claims(db, JobState.DONE, [(job.id, reference)], now, "erp_ref")
