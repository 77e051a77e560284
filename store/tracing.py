"""Where is my invoice: of each that was found where it stands, since when, who has it, and what was paid of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from store import directory, finding, holds, invoices, payments
from store.db import Database
from store.domain.actor import Actor
from store.domain.status import SENDABLE, TITLES, ErpStatus, JobState, Outcome, Status
from store.domain.text import one_line
from store.domain.whereabouts import Holder, Whereabouts
from store.finding import Found
from store.job import marks
from store.snapshot import snapshot

# So many approvers are named.
NAMED = 3
# The decisions that bring an invoice back to Commitments, by what the outcome is then.
_BACK = {
    Outcome.REJECTED: "reject",
    Outcome.RETRIEVED: "retrieve",
    Outcome.UNLINKED: "unlink",
    Outcome.RESET: "reset",
}


class _Row(NamedTuple):
    """What of an invoice tells where it is."""

    id: int
    status: str
    outcome: str
    reason: str
    outcome_at: int | None
    creator: str
    creator_login: str
    creator_email: str
    sender: str
    sender_id: int | None
    sent_at: int | None
    created_at: int
    updated_at: int
    gross: int
    due: int
    currency: str
    cause: str
    erp: str
    job_state: str
    job_at: int | None
    job_error: str
    send_begun: int | None
    batch: int | None
    batch_at: int | None
    operator: str


_SELECT = (
    "SELECT i.id, i.status, coalesce(i.outcome, ''), i.outcome_reason, i.outcome_at, i.creator_name, i.creator_login,"
    " i.creator_email, coalesce(s.login, ''), i.sender_id, i.sent_at, i.created_at, i.updated_at, i.gross, i.net + i.tax,"
    " i.currency, i.error_cause, coalesce(j.erp, ''), coalesce(j.state, ''), j.updated_at, coalesce(j.error_text, ''),"
    " j.send_begun, b.id, b.created_at, coalesce(o.login, '') FROM invoices i LEFT JOIN users s ON s.id = i.sender_id"
    # The newest export of it; after a restore the ERP may have an earlier one.
    " LEFT JOIN export_jobs j ON j.id = (SELECT x.id FROM export_jobs x WHERE x.invoice_id = i.id"
    f" ORDER BY CASE WHEN x.state = '{JobState.DONE}' THEN 0 ELSE 1 END, x.revision DESC LIMIT 1)"
    " LEFT JOIN batches b ON b.id = j.batch_id LEFT JOIN users o ON o.id = b.operator_id WHERE i.id IN ({})"
)


def find(db: Database, actor: Actor, text: str, limit: int = 20) -> list[tuple[Found, Whereabouts]]:
    """What store.finding finds, each with where it is; raises as that does. At a million it costs milliseconds."""
    with snapshot(db):
        found = finding.find(db, actor, text, limit)
        known = whereabouts(db, found)
        return [
            (replace(one, since=told.since), told) for one in found if (told := known.get(one.id)) is not None
        ]


def whereabouts(db: Database, found: Sequence[Found]) -> dict[int, Whereabouts]:
    """Where these invoices are (some dozens), by id."""
    ids = [one.id for one in found]
    if not ids:
        return {}
    rows = [_Row(*row) for row in db.execute(_SELECT.format(marks(ids)), ids).fetchall()]
    held = holds.of(db, ids)
    deciders = _Deciders(db, wanted=any(one.erp_status in _DECIDED for one in found))
    told = {}
    states = {one.id: one for one in found}
    for row in rows:
        one = states[row.id]
        where, since, holder, hands = _placed(db, one, row, deciders)
        paid = payments.of_invoice(db, row.id) if one.erp_status is ErpStatus.SYNCED else ()
        told[row.id] = Whereabouts(
            row.id, where, since, holder, hands,
            tuple(f"{hold.what}: {one_line(hold.told)}" for hold in held.get(row.id, ())),
            row.currency, row.due,
            sum(payment.amount for payment in paid) if paid else None,
            tuple((payment.day, payment.ref, payment.amount) for payment in paid),
        )  # fmt: skip
    return told


# Where an approver decides next.
_DECIDED = (ErpStatus.READY, ErpStatus.FAILED)
_Placed = tuple[str, int, Holder, str]


def _placed(db: Database, one: Found, row: _Row, deciders: _Deciders) -> _Placed:
    """Where it stands, since when, who has it, and that in words."""
    title = TITLES[one.erp_status]
    batch = f"batch {row.batch} by {row.operator}" if row.batch else ""
    match one.erp_status:
        case ErpStatus.NOT_SENT:
            return _in_commitments(db, row)
        case ErpStatus.READY:
            sent = f", sent by {row.sender}" if row.sender else ""
            return f"{title}{sent}", row.sent_at or row.updated_at, *deciders.of(row)
        case ErpStatus.QUEUED:
            return f"{title}, {batch}", row.batch_at or row.updated_at, Holder.QUEUE, "the export queue"
        case ErpStatus.EXPORTING:
            if row.job_state == JobState.SENT:
                return (
                    f"{title}: delivered, {batch}",
                    row.job_at or 0,
                    Holder.ERP,
                    "the ERP: its receipt is awaited",
                )
            return (
                f"{title}, {batch}",
                row.send_begun or row.updated_at,
                Holder.QUEUE,
                "the export queue: it is being sent",
            )
        case ErpStatus.UNCERTAIN:
            since = row.send_begun or row.updated_at
            return f"{title}, {batch}", since, Holder.QUEUE, "payapp: it asks the ERP whether it is there"
        case ErpStatus.PARKED:
            why = f": {one_line(row.job_error)}" if row.job_error else ""
            return (
                f"{title}{why}",
                row.job_at or row.updated_at,
                Holder.APPROVERS,
                "the approvers: payapp reconcile settles it",
            )
        case ErpStatus.FAILED:
            why = f": {one_line(row.cause)}" if row.cause else ""
            return f"{title}{why}", row.job_at or row.updated_at, *deciders.of(row)
    named = f" as {one_line(one.origin_id)}" if one.origin_id else ""
    return f"{title}{named}", row.job_at or row.updated_at, Holder.ERP, "the ERP"


def _in_commitments(db: Database, row: _Row) -> _Placed:
    """With the project: what came back, or was never sent."""
    person = one_line(row.sender or row.creator or row.creator_login)
    whose = f"the project ({person})" if person else "the project"
    status = Status(row.status)
    word = status.value.replace("_", " ").capitalize()
    if row.outcome:
        by = _who(db, row)
        why = f": {one_line(row.reason)}" if row.reason else ""
        where = f"In Commitments, {row.outcome}{f' by {by}' if by else ''}{why}"
        return (
            where,
            row.outcome_at or row.updated_at,
            Holder.PROJECT,
            f"{whose}, to correct and send it again",
        )
    ready = "to send it" if status in SENDABLE else "to approve it"
    return f"In Commitments, {word}, not sent yet", row.created_at, Holder.PROJECT, f"{whose}, {ready}"


def _who(db: Database, row: _Row) -> str:
    """Who brought it back, as the audit trail has it."""
    action = _BACK.get(Outcome(row.outcome)) if row.outcome in set(Outcome) else None
    found = db.execute(
        "SELECT e.actor FROM audit_rows r JOIN audit_events e ON e.id = r.event_id"
        " WHERE r.subject = 'invoice' AND r.subject_id = ? AND e.action = ? ORDER BY e.id DESC LIMIT 1",
        (row.id, action),
    ).fetchone()
    return str(found[0]) if found else ""


class _Deciders:
    """Who may accept or reject what, read once."""

    def __init__(self, db: Database, *, wanted: bool) -> None:
        self._approvers = directory.approvers(db) if wanted else []
        self._own = directory.company(db).self_policy != "never" if wanted else False

    def of(self, row: _Row) -> tuple[Holder, str]:
        """The approvers who may decide about it, the first of them by login."""
        able = [user for user in self._approvers if self._may(user, row)]
        if not able:
            return Holder.NOBODY, "nobody: there is no approver who may accept it"
        named = ", ".join(user.login for user in able[:NAMED])
        more = f" and {len(able) - NAMED} more" if len(able) > NAMED else ""
        return Holder.APPROVERS, f"the approvers: {named}{more}"

    def _may(self, user: Actor, row: _Row) -> bool:
        within = user.limit_invoice is None or abs(row.gross) <= user.limit_invoice
        own = invoices.is_own(user, row.creator_login, row.creator_email, row.sender_id)
        return within and (self._own or not own)
