"""Deciding: send, retrieve, accept, reject, retry, recall — each a single transaction.

Every decision re-reads the user's rights, resolves its selection, checks each invoice against the table of
transitions and the rules, writes what can go, names what stays and why, and appends one event to the audit trail.
All raise NothingMatched for an empty selection, NotPermitted for who may not, and the first refusal's own error when
nothing at all could go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from store import audit, candidates, directory, notices, outbox
from store.accepting import Plan, accept, plan_export, retry
from store.candidates import Candidate
from store.db import Database
from store.decision import Decision, Expectation, allowed, selected, settle
from store.domain.actor import Actor
from store.domain.errors import BadInput, Blocked, Disallowed
from store.domain.money import hash_part, show
from store.domain.selection import Marked, Selection
from store.domain.status import SENDABLE, TRANSITIONS, Action, ErpStatus, Outcome
from store.domain.text import safe, storable
from store.moving import write, write_all
from store.planning import Stay, check_values, stay

__all__ = [
    "Decision", "Expectation", "Plan", "Stay", "accept", "plan_export", "recall", "recall_batch", "recent_reasons",
    "reject", "retrieve", "retry", "send", "set_export_values",
]  # fmt: skip
REASON_MOST = 2000


# -- accounting: reject, recall, the approver's values ------------------------------------------------------------


def reject(
    db: Database,
    actor: Actor,
    selection: Selection,
    reason: str,
    *,
    reasons: Mapping[int, str] | None = None,
) -> Decision:
    """Reject with a reason: the invoices leave ERP Integrations and are editable in Commitments again.

    ``reasons`` overrides the reason for single invoices, by id. A queued invoice is recalled first; one that is being
    sent stays. Creator and sender are notified once each, through the notices outbox.
    """
    own = dict(reasons or {})
    for text in (reason, *own.values()):
        _check_reason(text, needed=text is not reason or not own)
    with db.transaction():
        actor = directory.refresh(db, actor)
        actor.require_approver()
        company = directory.company(db)
        ids, changed = selected(db, selection)
        going, stays = allowed(db, ids, Action.REJECT)
        queued = [c.id for c in going if c.erp_status is ErpStatus.QUEUED]
        recalled = outbox.cancel(db, queued)
        going, begun = _split_begun(going, set(queued) - recalled, Action.REJECT)
        stays += begun
        settle([c.id for c in going], stays, changed, "rejected")
        told = {c.id: own.get(c.id, reason).strip() for c in going}
        if not all(told.values()):
            _check_reason("", needed=True)
        _return(db, going, Action.REJECT, told)
        notices.add_rejections(db, actor, company.name, [notice_of(c, told[c.id]) for c in going])
        audit.record(db, actor, "reject", {"reason": reason.strip(), "count": len(going)}, [
            audit.Change(
                "invoice",
                c.id,
                {"erp_status": c.erp_status.value},
                {"erp_status": ErpStatus.NOT_SENT.value, "outcome": Outcome.REJECTED.value, "reason": told[c.id]},
            )
            for c in going
        ])  # fmt: skip
        notes = _invalidated(db, going)
    return Decision(tuple(c.id for c in going), tuple(stays), changed, notes=notes)


def _invalidated(db: Database, going: Sequence[Candidate]) -> tuple[str, ...]:
    """The later applications in ERP Integrations that were made from the rejected ones."""
    found = []
    for c in going:
        later = db.execute(
            "SELECT number FROM invoices WHERE commitment_id = ? AND application > ? AND erp_status <> ?"
            " ORDER BY application",
            (c.commitment_id, c.application, ErpStatus.NOT_SENT.value),
        ).fetchall()
        if later:
            names = ", ".join(safe(row[0]) for row in later)
            found.append(f"{names} was made from {safe(c.number)}, which is rejected: check it too")
    return tuple(found)


def _check_reason(text: str, *, needed: bool) -> None:
    if needed and not text.strip():
        raise BadInput(
            "A rejection needs a reason", why="the project must know what to correct", fix="Enter it"
        )
    if not storable(text):
        raise BadInput("That reason cannot be used", why="it holds a character that no database stores")
    if len(text) > REASON_MOST:
        raise BadInput(
            "That reason is too long", why=f"it may have {REASON_MOST} characters", fix="Shorten it"
        )


def recall(db: Database, actor: Actor, selection: Selection) -> Decision:
    """Take queued invoices back to Ready to Export, as long as nothing of them was sent."""
    with db.transaction():
        actor = directory.refresh(db, actor)
        actor.require_approver()
        ids, changed = selected(db, selection)
        going, stays = allowed(db, ids, Action.RECALL)
        recalled = outbox.cancel(db, [c.id for c in going])
        going, begun = _split_begun(going, {c.id for c in going} - recalled, Action.RECALL)
        stays += begun
        settle([c.id for c in going], stays, changed, "recalled")
        write_all(db, going, erp_status=TRANSITIONS[Action.RECALL].target.value, batch_id=None)
        _record(db, actor, Action.RECALL, going)
    return Decision(tuple(c.id for c in going), tuple(stays), changed)


def recall_batch(db: Database, actor: Actor, batch: int) -> Decision:
    """Take back what of a batch was not sent yet. Raises Disallowed when all of it was."""
    with db.transaction():
        directory.refresh(db, actor).require_approver()
        found = db.execute(
            f"SELECT id, version FROM invoices WHERE batch_id = ? AND erp_status = '{ErpStatus.QUEUED}'",
            (batch,),
        ).fetchall()
        if not found:
            raise Disallowed(
                f"Batch {batch} cannot be recalled",
                why="nothing of it waits in the queue any more",
                fix="What arrived is under Synced (4), what failed under Failed to Export (3)",
            )
        return recall(db, actor, Marked({row[0]: row[1] for row in found}))


def set_export_values(
    db: Database,
    actor: Actor,
    selection: Selection,
    *,
    accounting_date: date | None = None,
    description: str | None = None,
    erp_number: str | None = None,
) -> Decision:
    """Set what the approver may change before an export; None leaves a value as it is.

    ``erp_number`` is for one invoice; "" takes it back to the invoice's own number.
    """
    with db.transaction():
        actor = directory.refresh(db, actor)
        actor.require_approver()
        ids, changed = selected(db, selection)
        check_values(len(ids), description, erp_number)
        going, stays = [], []
        for chunk in candidates.load(db, ids):
            for c in chunk:
                if c.erp_status in {ErpStatus.READY, ErpStatus.FAILED}:
                    going.append(c)
                else:
                    error = Disallowed(
                        f"{c.name} cannot be changed",
                        why=f"it is {c.erp_status.value}",
                        fix="Only Ready and Failed ones can",
                    )
                    stays.append(stay(c, "state", error))
        settle([c.id for c in going], stays, changed, "changed")
        day = accounting_date.isoformat() if accounting_date else None
        _set_values(
            db, actor, going, {"accounting_date": day, "description": description, "erp_number": erp_number}
        )
    return Decision(tuple(c.id for c in going), tuple(stays), changed)


def _set_values(
    db: Database, actor: Actor, going: Sequence[Candidate], values: Mapping[str, str | None]
) -> None:
    given: dict[str, str | int] = {name: value.strip() for name, value in values.items() if value is not None}
    if not given:
        raise BadInput("There is nothing to change", fix="Give an accounting date, a description or a number")
    before = [{name: getattr(c, name) for name in given} for c in going]
    after = dict(given)
    if "erp_number" in given:
        given["number_hash"] = hash_part(str(given["erp_number"]) or going[0].number)
    write_all(db, going, **given)
    changes = [audit.Change("invoice", c.id, old, after) for c, old in zip(going, before, strict=True)]
    audit.record(db, actor, "export values", after, changes)


def recent_reasons(db: Database, actor: Actor, limit: int = 10) -> list[str]:
    """The reasons this user gave last, newest first, each once."""
    found = db.execute(
        "SELECT detail FROM audit_events WHERE action = 'reject' AND actor_id = ? ORDER BY id DESC LIMIT 100",
        (actor.id,),
    ).fetchall()
    return list(dict.fromkeys(audit.detail_of(row[0]).get("reason", "") for row in found))[:limit]


# -- project: send, retrieve --------------------------------------------------------------------------------------


def send(db: Database, actor: Actor, selection: Selection) -> Decision:
    """Send approved invoices from Commitments to ERP Integrations; they are locked from then on."""
    with db.transaction():
        actor = directory.refresh(db, actor)
        actor.require_sender()
        ids, changed = selected(db, selection)
        movable, stays = allowed(db, ids, Action.SEND)
        going = []
        for c in movable:
            if c.status in SENDABLE:
                going.append(c)
            else:
                error = Blocked(
                    f"Its status is {c.status.value}", fix="It must be approved before it is sent"
                )
                stays.append(stay(c, "status", error))
        settle([c.id for c in going], stays, changed, "sent")
        target = TRANSITIONS[Action.SEND].target.value
        write_all(db, going, erp_status=target, outcome=None, sender_id=actor.id, sent_at=db.now())
        _record(db, actor, Action.SEND, going)
    return Decision(tuple(c.id for c in going), tuple(stays), changed)


def retrieve(db: Database, actor: Actor, selection: Selection) -> Decision:
    """Take invoices back into Commitments before they are accepted or rejected."""
    with db.transaction():
        actor = directory.refresh(db, actor)
        actor.require_sender()
        ids, changed = selected(db, selection)
        going, stays = allowed(db, ids, Action.RETRIEVE)
        settle([c.id for c in going], stays, changed, "retrieved")
        _return(db, going, Action.RETRIEVE, {c.id: "" for c in going})
        _record(db, actor, Action.RETRIEVE, going)
    return Decision(tuple(c.id for c in going), tuple(stays), changed)


# -- shared steps -------------------------------------------------------------------------------------------------


def _split_begun(
    going: Sequence[Candidate], begun: set[int], action: Action
) -> tuple[list[Candidate], list[Stay]]:
    """Take out those whose sending has begun, so that their queued job could not be cancelled."""
    stays = []
    for c in going:
        if c.id in begun:
            error = Disallowed(f"{c.name} is being sent", fix=TRANSITIONS[action].fix)
            stays.append(stay(c, "state", error))
    return [c for c in going if c.id not in begun], stays


def _return(db: Database, going: Sequence[Candidate], action: Action, reasons: Mapping[int, str]) -> None:
    """Back to Commitments: not sent, with the outcome and its reason, and without what the approver had given."""
    transition = TRANSITIONS[action]
    outcome = transition.outcome.value if transition.outcome else None
    now = db.now()
    columns = ("erp_status", "outcome", "outcome_reason", "outcome_at", "batch_id", "error_code", "error_cause",
               "error_fix", "accounting_date", "description", "erp_number", "number_hash")  # fmt: skip
    write(db, columns, [
        (c, (transition.target.value, outcome, reasons[c.id], now, None, "", "", "", None, "", "", hash_part(c.number)))
        for c in going
    ])  # fmt: skip


def _record(db: Database, actor: Actor, action: Action, going: Sequence[Candidate]) -> None:
    target = TRANSITIONS[action].target.value
    audit.record(db, actor, action.value, {"count": len(going)}, [
        audit.Change("invoice", c.id, {"erp_status": c.erp_status.value}, {"erp_status": target}) for c in going
    ])  # fmt: skip


def notice_of(c: Candidate, reason: str) -> notices.Rejection:
    """What a mail about the invoice tells of it, with the reason or the question."""
    return notices.Rejection(
        invoice_id=c.id,
        invoice_uuid=c.uuid,
        name=c.number,
        vendor=c.vendor,
        project=c.project,
        commitment=c.commitment,
        period=f"{c.period_start} to {c.period_end}",
        gross=f"{show(c.gross, c.currency)} {c.currency}",
        reason=reason,
        creator_name=c.creator_name,
        creator_email=c.creator_email,
        creator_login=c.creator_login,
        sender_name=c.sender_name,
        sender_email=c.sender_email,
    )
