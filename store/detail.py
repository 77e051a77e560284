"""Reading one invoice whole: what the detail pane and ``payapp show`` tell of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec

from store import alike, differences, evidence, holds, invoices, payments
from store.called import named
from store.db import Database
from store.differences import Difference
from store.domain.actor import Actor
from store.domain.errors import BadInput, NothingMatched
from store.domain.hold import Hold
from store.domain.invoice import Line, Summary, summarize
from store.domain.knowing import Kind
from store.domain.likeness import likeness_key, restarts
from store.domain.money import show, to_minor
from store.domain.status import TITLES, ErpStatus, JobState
from store.models import (
    Attachment,
    AuditEvent,
    AuditRow,
    Batch,
    Commitment,
    CommitmentLine,
    ExportAttempt,
    ExportJob,
    Invoice,
    InvoiceLine,
    Notice,
    Project,
    User,
    Vendor,
)
from store.query import joined


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of an invoice's history; ``at`` in milliseconds UTC."""

    at: int
    who: str
    what: str
    detail: str


@dataclass(frozen=True, slots=True)
class Detail:
    """One invoice with everything about it. Amounts are minor units of ``row.currency``.

    ``vendor_ref``: what the ERP calls the vendor by now, by its mapping or the master.
    """

    row: invoices.Row
    vendor_ref: str
    project_name: str
    commitment_title: str
    commitment_kind: str
    commitment_ref: str
    retainage_bp: int
    contract_sum: int
    period_start: str
    period_end: str
    billing_date: str
    accounting_date: str
    description: str
    creator: str
    sender: str
    sent_at: int | None
    batch: int | None
    final: bool
    lines: tuple[Line, ...]
    summary: Summary
    attachments: tuple[tuple[str, str], ...]
    history: tuple[Event, ...]
    # What stands on it, its commitment or vendor now; what blocks comes first.
    holds: tuple[Hold, ...] = ()
    # What the ERP paid of it, and of all invoices of the commitment in its currency; None: it has told of nothing.
    payments: tuple[payments.Payment, ...] = ()
    issued: int | None = None
    twins: tuple[alike.Twin, ...] = ()
    # As what it was delivered, while the ERP's receipt for it is awaited; "" otherwise.
    delivered: str = ""
    # What was changed since it last came back to the project; None: it never did, or the ERP has it by now.
    difference: Difference | None = None


def lines(db: Database, invoice_id: int) -> tuple[Line, ...]:
    """The invoice's G703 lines in order."""
    select = (
        InvoiceLine.select(*(getattr(InvoiceLine, name) for name in Line.__slots__))
        .where(InvoiceLine.invoice == invoice_id)
        .order_by(InvoiceLine.position)
    )
    return tuple(Line(*row) for row in db.rows(select))


def detail(db: Database, invoice_id: int, me: Actor | None = None) -> Detail:
    """The invoice whole. Raises NothingMatched when it is gone."""
    found = invoices.rows(db, [invoice_id], me)
    if not found:
        raise NothingMatched(f"Invoice #{invoice_id} is gone", fix="Refresh the list ({list.refresh})")
    own = lines(db, invoice_id)
    row = db.rows(
        joined(
            Vendor.erp_ref, Project.name, Commitment.title, Commitment.kind, Commitment.erp_ref,
            Commitment.retainage_bp, Invoice.commitment, Invoice.period_start, Invoice.period_end,
            Invoice.billing_date, Invoice.accounting_date, Invoice.description, Invoice.creator_name,
            Invoice.creator_login, User.login, Invoice.sent_at, Invoice.batch, Invoice.final, Invoice.tax,
            Batch.accounting_date, Batch.description, Vendor.source_id, Invoice.project,
        )
        .left_outer_join(User, on=Invoice.sender == User.id)
        .left_outer_join(Batch, on=Invoice.batch == Batch.id)
        .where(Invoice.id == invoice_id)
    )[0]  # fmt: skip
    scheduled = db.rows(
        CommitmentLine.select(CommitmentLine.scheduled).where(CommitmentLine.commitment == row[6])
    )
    files = db.rows(
        Attachment.select(Attachment.filename, Attachment.url)
        .where(Attachment.invoice == invoice_id)
        .order_by(Attachment.id)
    )
    return Detail(
        row=_proven(db, found[0]),
        vendor_ref=named(db, Kind.VENDOR, row[21], row[22]) or row[0],
        project_name=row[1],
        commitment_title=row[2],
        commitment_kind=row[3],
        commitment_ref=row[4],
        retainage_bp=row[5],
        contract_sum=sum(value[0] for value in scheduled),
        period_start=row[7],
        period_end=row[8],
        billing_date=row[9],
        accounting_date=_posted(db, invoice_id, found[0].erp_status) or row[10] or row[19] or "",
        description=row[11] or row[20] or "",
        creator=row[12] or row[13],
        sender=row[14] or "",
        sent_at=row[15],
        batch=row[16],
        final=bool(row[17]),
        lines=own,
        summary=summarize(own, row[18]),
        attachments=tuple((name, url) for name, url in files),
        history=_history(db, found[0]),
        holds=holds.of(db, [invoice_id]).get(invoice_id, ()),
        payments=payments.of_invoice(db, invoice_id),
        issued=payments.issued(db, row[6]).get(found[0].currency),
        twins=_twins(db, found[0]),
        delivered=_delivered(db, found[0]),
        difference=None
        if found[0].erp_status is ErpStatus.SYNCED
        else differences.of(db, [invoice_id]).get(invoice_id),
    )


def _twins(db: Database, row: invoices.Row) -> tuple[alike.Twin, ...]:
    numbers = [number for number in (row.number, row.erp_number) if number]
    weak = any(restarts(likeness_key(number, row.application)) for number in numbers)
    if not weak and "D" not in row.flags and not alike.kin(db):
        return ()
    return alike.twins(db, [row.id], restarted=RESTARTED).get(row.id, ())


def _delivered(db: Database, row: invoices.Row) -> str:
    if row.erp_status is not ErpStatus.EXPORTING:
        return ""
    job = ExportJob.select(ExportJob.erp_ref).where(
        ExportJob.invoice == row.id, ExportJob.state == JobState.SENT.value
    )
    return next((ref or "a file" for (ref,) in db.rows(job)), "")


def _proven(db: Database, row: invoices.Row) -> invoices.Row:
    """A failed one that the ERP has all the same says so first."""
    proof = evidence.of(db, [row.id]).get(row.id) if row.erp_status is ErpStatus.FAILED else None
    if proof is None:
        return row
    error = evidence.blocked(row.id, proof)
    cause = f"{error.what}. Before that was known: {row.error_cause}"
    return replace(row, error_cause=cause, error_fix=error.fix)


def _posted(db: Database, invoice_id: int, state: ErpStatus) -> str:
    """The accounting date that was frozen at the last export; empty where none stands for the invoice now."""
    if state in {ErpStatus.NOT_SENT, ErpStatus.READY}:
        return ""
    job = (
        ExportJob.select(ExportJob.payload)
        .where(ExportJob.invoice == invoice_id)
        # After a restore the ERP may have an earlier revision than the last one.
        .order_by((ExportJob.state == JobState.DONE.value).desc(), ExportJob.revision.desc())
        .limit(1)
    )
    return next((msgspec.json.decode(row[0], type=_Dated).accounting_date for row in db.rows(job)), "")


class _Dated(msgspec.Struct):
    """Of a payload, the accounting date alone."""

    accounting_date: str


def _history(db: Database, row: invoices.Row) -> tuple[Event, ...]:
    """People's decisions from the audit trail, the queue's attempts and the mails, oldest first."""
    decided = db.rows(
        AuditRow.select(AuditEvent.at, AuditEvent.actor, AuditEvent.action, AuditRow.after)
        .join(AuditEvent, on=AuditRow.event == AuditEvent.id)
        .where((AuditRow.subject == "invoice") & (AuditRow.subject_id == row.id))
    )
    tried = db.rows(
        ExportAttempt.select(
            ExportAttempt.at, ExportAttempt.kind, ExportAttempt.outcome, ExportAttempt.evidence
        )
        .join(ExportJob, on=ExportAttempt.job == ExportJob.id)
        .where(ExportJob.invoice == row.id)
    )
    events = [Event(at, who, what, _values(after, row.currency)) for at, who, what, after in decided]
    events += [
        Event(at, "payapp", *_attempt(kind, outcome, evidence)) for at, kind, outcome, evidence in tried
    ]
    mails = db.rows(
        Notice.select(
            Notice.created_at, Notice.kind, Notice.address, Notice.recipient, Notice.state, Notice.error_text
        ).where(Notice.invoice == row.id)
    )
    events += [
        Event(at, "mail", kind, f"to {address or recipient}: {state} {error}".strip())
        for at, kind, address, recipient, state, error in mails
    ]
    events += _around(db, row.id)
    return tuple(sorted(events, key=lambda event: event.at))


def _around(db: Database, invoice_id: int) -> list[Event]:
    """When holds on its commitment and vendor were placed and released."""
    ids = db.rows(Invoice.select(Invoice.commitment, Invoice.vendor).where(Invoice.id == invoice_id))
    found: list[Event] = []
    for hold in holds.around(db, *ids[0]):
        where = f"{hold.scope.value} {hold.on}"
        found.append(Event(hold.placed_at, hold.placed_by, "hold", f"{where}: {hold.why}"))
        if hold.released_at is not None:
            found.append(Event(hold.released_at, hold.released_by, "release", where))
    return found


# What only the machinery reads.
# Of those that share a number which restarts with each commitment so many are told.
RESTARTED = 5
_INTERNAL = frozenset({"key", "number_hash", "payload_sha256", "uuid", "source_id"})
_AMOUNTS = frozenset({"gross", "retainage", "net", "completed", "retainage_to_date", "tax", "paid"})
_WORDS = {
    "erp_status": "ERP status",
    "erp_number": "ERP invoice number",
    "changed_since": "changed since its rejection",
    "held": "on hold",
}
_LINE_AMOUNTS = frozenset({
    "this period", "stored", "held", "released", "scheduled", "work_before", "stored_before", "moved", "total_before",
    "retainage_before",
})  # fmt: skip
_STATES = {state.value: title for state, title in TITLES.items()}
_OUTCOMES = {
    "booked": "booked",
    "refused": "refused by the ERP",
    "later": "not booked yet, tried again later",
    "split": "its parcel was refused, sent again alone",
    "unknown": "no certain answer: it may be booked or not",
    "missing": "the ERP was asked: it does not have it",
}


def _attempt(kind: str, outcome: str, evidence: str) -> tuple[str, str]:
    """One attempt in words: what happened, and the ERP's cause."""
    if kind == "begun":
        return "sent to the ERP", ""
    late = ", told late" if kind == "late" else ""
    if outcome == "booked" and evidence:
        return f"booked as {evidence}{late}", ""
    if outcome == "delivered":
        return f"delivered as {evidence}{late}", ""
    return _OUTCOMES.get(outcome, "no answer") + late, evidence


def _values(after: str, currency: str) -> str:
    """What a decision set, in words; amounts as people read them."""
    values = msgspec.json.decode(after, type=dict[str, object])
    return ", ".join(
        f"{_WORDS.get(name, name.replace('_', ' '))} {_value(name, value, currency)}"
        for name, value in values.items()
        if value not in ("", None) and name not in _INTERNAL
    )


def _value(name: str, value: object, currency: str) -> str:
    text = str(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name == "erp_status":
        return _STATES.get(text, text)
    if name in _AMOUNTS:
        return _money(text, currency)
    if name.startswith("line "):
        return _line(text, currency)
    return text.replace("_", " ") if name == "status" else text


def _line(text: str, currency: str) -> str:
    """A line's values, kept as "this period 1000.00, stored 0.00": the amounts among them with separators."""
    words = []
    for word in text.split(", "):
        name, _, amount = word.rpartition(" ")
        shown = _money(amount, currency) if name in _LINE_AMOUNTS else amount
        words.append(f"{name.replace('_', ' ')} {shown}" if name in _LINE_AMOUNTS else word)
    return ", ".join(words)


def _money(text: str, currency: str) -> str:
    sign = -1 if text.startswith("-") else 1
    try:
        return show(sign * to_minor(text.removeprefix("-"), currency), currency)
    except BadInput:
        return text
