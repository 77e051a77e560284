"""Deciding: send, retrieve, accept, reject, retry, recall — each a single transaction.

Every decision re-reads the user's rights, resolves its selection, checks each invoice against the table of
transitions and the rules, writes what can go, names what stays and why, and appends one event to the audit trail.
All raise NothingMatched for an empty selection, NotPermitted for who may not, and the first refusal's own error when
nothing at all could go.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date

from store import audit, candidates, directory, duplicates, evidence, holds, naming, notices, outbox
from store.accepting import accept, retry
from store.called import Called
from store.candidates import Candidate
from store.db import Database
from store.decision import Decision, Expectation, Outcome, allowed, selected
from store.differences import keep
from store.domain.actor import Actor
from store.domain.errors import BadInput, Blocked, Disallowed
from store.domain.money import hash_part, show
from store.domain.profile import Phase, Profile
from store.domain.selection import Marked, Selection
from store.domain.status import SENDABLE, TRANSITIONS, Action, ErpStatus
from store.domain.status import Outcome as Outcomes
from store.domain.text import safe, storable
from store.moving import write, write_all
from store.noted import Noted, blocking, require_invoices
from store.packed import among, packed
from store.planning import Stay, check_values, noted_stay, stay
from store.previewing import LISTED, Plan, payload, plan_export
from store.resending import resent

__all__ = [
    "LISTED", "Decision", "Expectation", "Plan", "Stay", "accept", "payload", "plan_export", "recall", "recall_batch", "recent_reasons",
    "reject", "retrieve", "retry", "send", "set_export_values",
]  # fmt: skip
REASON_MOST = 2000
# So many notes are told of one rejection; the rest is counted.
NOTES_TOLD = 50
# So many later applications are named in one.
NAMED = 3


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
    outcome, notes = Outcome(), _Notes()
    with db.transaction(), audit.Trail() as trail:
        actor = directory.refresh(db, actor)
        actor.require_approver()
        company = directory.company(db)
        chosen = selected(db, selection)
        outbox.seize(db, chosen.ids)
        for movable, stays in allowed(chosen, Action.REJECT):
            free, booked = _unbooked(db, movable)
            going, begun = _recalled(db, free)
            outcome.add([c.id for c in going], stays + booked + begun)
            told = {c.id: own.get(c.id, reason).strip() for c in going}
            if not all(told.values()):
                _check_reason("", needed=True)
            _return(db, going, Action.REJECT, told)
            keep(db, actor, Outcomes.REJECTED, told)
            notices.add_rejections(db, actor, company.name, [notice_of(c, told[c.id]) for c in going])
            trail.add(
                audit.Change(
                    "invoice",
                    c.id,
                    {"erp_status": c.erp_status.value},
                    {
                        "erp_status": ErpStatus.NOT_SENT.value,
                        "outcome": Outcomes.REJECTED.value,
                        "reason": told[c.id],
                    },
                )
                for c in going
            )
            notes.add(going)
        decision = outcome.settled(chosen.changed, "rejected", notes=notes.told(db))
        audit.record(db, actor, "reject", {"reason": reason.strip(), "count": len(decision.done)}, trail)
    return decision


def _unbooked(db: Database, movable: Sequence[Candidate]) -> tuple[list[Candidate], list[Stay]]:
    """Take out those that the ERP has booked under a key that was given up: corrected, they would be paid twice."""
    proofs = evidence.among_these(db, movable)
    refused = [(c, evidence.blocked(c.id, proofs[c.id])) for c in movable if c.id in proofs]
    stays = [stay(c, "booked", error, error.what) for c, error in refused]
    return [c for c in movable if c.id not in proofs], stays


def _recalled(db: Database, movable: Sequence[Candidate]) -> tuple[list[Candidate], list[Stay]]:
    """Recall the queued ones among these first; those whose sending has begun stay."""
    queued = [c.id for c in movable if c.erp_status is ErpStatus.QUEUED]
    return _split_begun(movable, set(queued) - outbox.cancel(db, queued), Action.REJECT)


def _several(names: Sequence[str]) -> str:
    """The first of them, and a verb that fits."""
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more} {'was' if len(names) == 1 else 'were'}"


class _Notes:
    """The later applications in ERP Integrations that were made from the rejected ones."""

    def __init__(self) -> None:
        self._rejected: list[tuple[int, int, str]] = []

    def add(self, going: Sequence[Candidate]) -> None:
        """These are rejected."""
        self._rejected += [(c.commitment_id, c.application, c.number) for c in going]

    def told(self, db: Database) -> tuple[str, ...]:
        """A sentence for each of the first of them. Call it when all are rejected: one rejected too is no news."""
        found: list[str] = []
        more = 0
        for first in range(0, len(self._rejected), candidates.CHUNK):
            run = self._rejected[first : first + candidates.CHUNK]
            later = self._later(db, {commitment for commitment, _, _ in run})
            for commitment, application, number in run:
                names = [safe(name) for place, name in later.get(commitment, ()) if place > application]
                if names and len(found) < NOTES_TOLD:
                    found.append(
                        f"{_several(names)} made from {safe(number)}, which is rejected: check "
                        + ("it too" if len(names) == 1 else "them")
                    )
                elif names:
                    more += 1
        if more:
            found.append(
                f"Of {more:,} more rejected ones later applications are in ERP Integrations: check them too"
            )
        return tuple(found)

    def _later(self, db: Database, commitments: Collection[int]) -> dict[int, list[tuple[int, str]]]:
        """The applications that are in ERP Integrations, by commitment."""
        rows = db.execute(
            f"SELECT commitment_id, application, number FROM invoices WHERE {among(db, 'commitment_id')}"
            f" AND erp_status <> '{ErpStatus.NOT_SENT}' ORDER BY commitment_id, application",
            (packed(db, commitments),),
        ).fetchall()
        found: dict[int, list[tuple[int, str]]] = {}
        for commitment, application, number in rows:
            found.setdefault(commitment, []).append((application, number))
        return found


def _check_reason(text: str, *, needed: bool) -> None:
    if needed and not text.strip():
        raise BadInput(
            "A rejection needs a reason", why="the project must know what to correct", fix="Enter it"
        )
    if len(text) > REASON_MOST:
        raise BadInput(
            "That reason is too long", why=f"it may have {REASON_MOST} characters", fix="Shorten it"
        )
    if not storable(text):
        raise BadInput("That reason cannot be used", why="it holds a character that no database stores")


def recall(db: Database, actor: Actor, selection: Selection) -> Decision:
    """Take queued invoices back to Ready to Export, as long as nothing of them was sent."""
    outcome = Outcome()
    with db.transaction(), audit.Trail() as trail:
        actor = directory.refresh(db, actor)
        actor.require_approver()
        chosen = selected(db, selection)
        outbox.seize(db, chosen.ids)
        for movable, stays in allowed(chosen, Action.RECALL):
            begun = {c.id for c in movable} - outbox.cancel(db, [c.id for c in movable])
            going, sent = _split_begun(movable, begun, Action.RECALL)
            outcome.add([c.id for c in going], stays + sent)
            write_all(db, going, erp_status=TRANSITIONS[Action.RECALL].target.value, batch_id=None)
            trail.add(_moves(Action.RECALL, going))
        decision = outcome.settled(chosen.changed, "recalled")
        audit.record(db, actor, Action.RECALL.value, {"count": len(decision.done)}, trail)
    return decision


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
                fix="What arrived is under Synced ({list.view-4}), what failed under Failed to Export ({list.view-3})",
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
    day = accounting_date.isoformat() if accounting_date else None
    values = {"accounting_date": day, "description": description, "erp_number": erp_number}
    given = {name: value.strip() for name, value in values.items() if value is not None}
    if not given:
        raise BadInput("There is nothing to change", fix="Give an accounting date, a description or a number")
    outcome = Outcome()
    with db.transaction(), audit.Trail() as trail:
        if erp_number is not None:
            naming.alone(db)
        actor = directory.refresh(db, actor)
        actor.require_approver()
        chosen = selected(db, selection)
        check_values(len(chosen.ids), description, erp_number)
        for chunk in chosen.chunks():
            going = [c for c in chunk if c.erp_status in {ErpStatus.READY, ErpStatus.FAILED}]
            outcome.add([c.id for c in going], [_unchangeable(c) for c in chunk if c not in going])
            compared = duplicates.known(db, [c.id for c in going if erp_number is not None])
            _set_values(db, going, given)
            duplicates.refresh(db, (), compared)
            trail.add(
                audit.Change("invoice", c.id, {name: getattr(c, name) for name in given}, given)
                for c in going
            )
        decision = outcome.settled(chosen.changed, "changed")
        audit.record(db, actor, "export values", given, trail)
    return decision


def _unchangeable(c: Candidate) -> Stay:
    error = Disallowed(
        f"{c.name} cannot be changed", why=f"it is {c.erp_status.value}", fix="Only Ready and Failed ones can"
    )
    return stay(c, "state", error, error.why)


def _set_values(db: Database, going: Sequence[Candidate], given: Mapping[str, str]) -> None:
    columns: dict[str, str | int] = dict(given)
    if "erp_number" in given and going:
        # It is given to one invoice alone.
        columns["number_hash"] = hash_part(given["erp_number"] or going[0].number)
    write_all(db, going, **columns)


def recent_reasons(db: Database, actor: Actor, limit: int = 10) -> list[str]:
    """The reasons this user gave last, newest first, each once."""
    found = db.execute(
        "SELECT detail FROM audit_events WHERE action = 'reject' AND actor_id = ? ORDER BY id DESC LIMIT 100",
        (actor.id,),
    ).fetchall()
    return list(dict.fromkeys(audit.detail_of(row[0]).get("reason", "") for row in found))[:limit]


# -- project: send, retrieve --------------------------------------------------------------------------------------


def send(db: Database, actor: Actor, selection: Selection, profile: Profile | None = None) -> Decision:
    """Send approved invoices from Commitments to ERP Integrations; they are locked from then on.

    ``profile``: the ERP's, whose rules of the phase ``save`` are judged; None: the company's ERP has none. What breaks one
    stays, with the cause and the fix. Raises Blocked where the integration takes no subcontractor invoices.
    """
    outcome = Outcome()
    with db.transaction(), audit.Trail() as trail:
        actor = directory.refresh(db, actor)
        actor.require_sender()
        chosen = selected(db, selection)
        target = TRANSITIONS[Action.SEND].target.value
        saving = None if profile is None else _Saving(db, profile)
        for movable, stays in allowed(chosen, Action.SEND):
            going = [c for c in movable if c.status in SENDABLE]
            unapproved = [_unapproved(c) for c in movable if c.status not in SENDABLE]
            stopped = {} if saving is None else saving.stopped(going)
            going = [c for c in going if c.id not in stopped]
            outcome.add([c.id for c in going], [*stays, *unapproved, *stopped.values()])
            write_all(db, going, erp_status=target, outcome=None, sender_id=actor.id, sent_at=db.now())
            holds.flag_new(db, [c.id for c in going])
            resent(db, actor, going, notice_of)
            trail.add(_moves(Action.SEND, going))
        decision = outcome.settled(chosen.changed, "sent")
        audit.record(db, actor, Action.SEND.value, {"count": len(decision.done)}, trail)
    return decision


class _Saving:
    """What the ERP's profile wants of an invoice when it is sent."""

    def __init__(self, db: Database, profile: Profile) -> None:
        require_invoices(profile)
        company = directory.company(db)
        self._called = Called(db, company.erp)
        self._noted = Noted(db, company, profile, self._called, Phase.SAVE)

    def stopped(self, chunk: Sequence[Candidate]) -> dict[int, Stay]:
        """Those of one chunk that break a rule of the phase ``save``, by id."""
        notes = self._noted.of(self._called.taken(chunk))
        return {c.id: noted_stay(c, found) for c in chunk if (found := blocking(notes.get(c.id, ())))}


def _unapproved(c: Candidate) -> Stay:
    error = Blocked(f"Its status is {c.status.value}", fix="It must be approved before it is sent")
    return stay(c, "status", error, error.what)


def retrieve(db: Database, actor: Actor, selection: Selection) -> Decision:
    """Take invoices back into Commitments before they are accepted or rejected."""
    outcome = Outcome()
    with db.transaction(), audit.Trail() as trail:
        actor = directory.refresh(db, actor)
        actor.require_sender()
        chosen = selected(db, selection)
        for going, stays in allowed(chosen, Action.RETRIEVE):
            outcome.add([c.id for c in going], stays)
            _return(db, going, Action.RETRIEVE, {c.id: "" for c in going})
            trail.add(_moves(Action.RETRIEVE, going))
        decision = outcome.settled(chosen.changed, "retrieved")
        audit.record(db, actor, Action.RETRIEVE.value, {"count": len(decision.done)}, trail)
    return decision


# -- shared steps -------------------------------------------------------------------------------------------------


def _split_begun(
    going: Sequence[Candidate], begun: set[int], action: Action
) -> tuple[list[Candidate], list[Stay]]:
    """Take out those whose sending has begun, so that their queued job could not be cancelled."""
    stays = []
    for c in going:
        if c.id in begun:
            error = Disallowed(f"{c.name} is being sent", fix=TRANSITIONS[action].fix)
            stays.append(stay(c, "state", error, "is being sent"))
    return [c for c in going if c.id not in begun], stays


def _return(db: Database, going: Sequence[Candidate], action: Action, reasons: Mapping[int, str]) -> None:
    """Back to Commitments: not sent, with the outcome and its reason, and without what the approver had given."""
    transition = TRANSITIONS[action]
    outcome = transition.outcome.value if transition.outcome else None
    now = db.now()
    renamed = duplicates.known(db, [c.id for c in going if c.erp_number])
    columns = ("erp_status", "outcome", "outcome_reason", "outcome_at", "batch_id", "error_code", "error_cause",
               "error_fix", "accounting_date", "description", "erp_number", "number_hash")  # fmt: skip
    write(db, columns, [
        (c, (transition.target.value, outcome, reasons[c.id], now, None, "", "", "", None, "", "", hash_part(c.number)))
        for c in going
    ])  # fmt: skip
    duplicates.refresh(db, (), renamed)


def _moves(action: Action, going: Sequence[Candidate]) -> Iterator[audit.Change]:
    target = TRANSITIONS[action].target.value
    for c in going:
        yield audit.Change("invoice", c.id, {"erp_status": c.erp_status.value}, {"erp_status": target})


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
