"""The invoices that a decision is about, read with all that the rules look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from store.db import Database
from store.domain.actor import Actor
from store.domain.bill import Bill, BillLine, idempotency_key
from store.domain.invoice import Line
from store.domain.money import plain
from store.domain.status import ErpStatus, Status
from store.models import Commitment, CostCode, Invoice, InvoiceLine, Project, User, Vendor
from store.query import joined


@dataclass(frozen=True, slots=True)
class Candidate:
    """One invoice before a decision; amounts in minor units of its currency, days ISO text."""

    id: int
    uuid: str
    version: int
    revision: int
    number: str
    erp_number: str
    application: int
    commitment_id: int
    project_id: int
    status: Status
    erp_status: ErpStatus
    outcome: str
    currency: str
    gross: int
    retainage: int
    net: int
    tax: int
    period_start: str
    period_end: str
    billing_date: str
    accounting_date: str
    description: str
    batch: int | None
    creator_login: str
    creator_name: str
    creator_email: str
    sender_id: int | None
    sender_name: str
    sender_email: str
    vendor: str
    vendor_ref: str
    project: str
    project_ref: str
    commitment: str
    commitment_ref: str

    @property
    def posted_number(self) -> str:
        """The ERP invoice number: the approver's, else the invoice's own."""
        return self.erp_number or self.number

    @property
    def name(self) -> str:
        """How a sentence calls it."""
        return f"{self.number} ({self.commitment})"


_COLUMNS = (
    Invoice.id, Invoice.uuid, Invoice.version, Invoice.revision, Invoice.number, Invoice.erp_number,
    Invoice.application, Invoice.commitment, Invoice.project, Invoice.status, Invoice.erp_status, Invoice.outcome, Invoice.currency,
    Invoice.gross, Invoice.retainage, Invoice.net, Invoice.tax, Invoice.period_start, Invoice.period_end,
    Invoice.billing_date, Invoice.accounting_date, Invoice.description, Invoice.batch, Invoice.creator_login,
    Invoice.creator_name, Invoice.creator_email, Invoice.sender, User.name, User.email, Vendor.name, Vendor.erp_ref,
    Project.number, Project.erp_ref, Commitment.number, Commitment.erp_ref,
)  # fmt: skip
_CHUNK = 500


def load(db: Database, ids: Sequence[int]) -> Iterator[list[Candidate]]:
    """The invoices by id, a few hundred at a time. Call it in the deciding transaction."""
    for first in range(0, len(ids), _CHUNK):
        chunk = list(ids[first : first + _CHUNK])
        select = (
            joined(*_COLUMNS)
            .left_outer_join(User, on=Invoice.sender == User.id)
            .where(Invoice.id << chunk)
            .order_by(Invoice.id)
        )
        yield [_candidate(row) for row in db.rows(select)]


def _candidate(row: tuple[object, ...]) -> Candidate:
    values = dict(zip(Candidate.__slots__, row, strict=True))
    values["status"] = Status(str(values["status"]))
    values["erp_status"] = ErpStatus(str(values["erp_status"]))
    for name in ("outcome", "accounting_date", "sender_name", "sender_email"):
        values[name] = values[name] or ""
    return Candidate(**values)  # type: ignore[arg-type] # the columns stand in the order of the fields


def lines(db: Database, ids: Sequence[int]) -> dict[int, tuple[Line, ...]]:
    """The G703 lines of these invoices (a few hundred), by invoice."""
    select = (
        InvoiceLine.select(InvoiceLine.invoice, *(getattr(InvoiceLine, name) for name in Line.__slots__))
        .where(InvoiceLine.invoice << list(ids))
        .order_by(InvoiceLine.invoice, InvoiceLine.position)
    )
    return {
        number: tuple(Line(*row[1:]) for row in rows)
        for number, rows in groupby(db.rows(select), key=lambda row: int(row[0]))
    }


def outdated(db: Database, ids: Sequence[int]) -> dict[int, tuple[str, str, int, int]]:
    """Of these invoices (a few hundred) those whose previous application in the store has other figures by now.

    By invoice: the first such line's item, the figure's name, what this one was made from, and what it is.
    """
    found = db.execute(
        "SELECT own.invoice_id, own.item, own.total_before, own.stored_before, own.retainage_before,"
        " coalesce(before.work_before + before.work_now + before.stored_now, 0), coalesce(before.stored_now, 0),"
        " coalesce(coalesce(before.retainage_before, 0) + before.held - before.released, 0)"
        " FROM invoices i"
        " JOIN invoices p ON p.commitment_id = i.commitment_id AND p.application = i.application - 1"
        " JOIN invoice_lines own ON own.invoice_id = i.id"
        " LEFT JOIN invoice_lines before ON before.invoice_id = p.id AND before.item = own.item"
        f" WHERE i.id IN ({', '.join('?' * len(ids))}) ORDER BY own.invoice_id, own.position",
        list(ids),
    )
    wrong: dict[int, tuple[str, str, int, int]] = {}
    for number, item, *figures in found.fetchall():
        for name, ours, theirs in zip(
            ("completed to date", "stored", "retainage"), figures[:3], figures[3:], strict=True
        ):
            if ours != theirs:
                wrong.setdefault(number, (item, name, ours, theirs))
    return wrong


def cost_codes(db: Database) -> dict[tuple[int, str], str]:
    """What the ERP calls a cost code where it has another name: by project id and code."""
    query = CostCode.select(CostCode.project, CostCode.code, CostCode.erp_ref).where(CostCode.erp_ref != "")
    return {(project, code): ref for project, code, ref in db.rows(query)}


def prepared(db: Database, ids: Sequence[int], actor: Actor) -> set[int]:
    """Of these invoices (a few hundred) those that this user ever sent or edited."""
    found = db.execute(
        "SELECT DISTINCT r.subject_id FROM audit_rows r JOIN audit_events e ON e.id = r.event_id"
        f" WHERE r.subject = 'invoice' AND r.subject_id IN ({', '.join('?' * len(ids))})"
        " AND e.actor_id = ? AND e.action IN ('send', 'edit')",
        [*ids, actor.id],
    )
    return {row[0] for row in found.fetchall()}


def bill(
    of: Candidate,
    own: Sequence[Line],
    *,
    company: str,
    erp: str,
    accounting_date: date,
    description: str,
    codes: Mapping[tuple[int, str], str],
) -> Bill:
    """The bill that this invoice's next revision sends."""
    return Bill(
        key=idempotency_key(of.uuid, of.revision + 1),
        erp=erp,
        company=company,
        currency=of.currency,
        vendor=of.vendor_ref,
        vendor_name=of.vendor,
        job=of.project_ref or of.project,
        commitment=of.commitment_ref or of.commitment,
        application=of.application,
        number=of.posted_number,
        period_start=date.fromisoformat(of.period_start),
        period_end=date.fromisoformat(of.period_end),
        invoice_date=date.fromisoformat(of.billing_date),
        accounting_date=accounting_date,
        description=description,
        gross=plain(of.gross, of.currency),
        retainage=plain(of.retainage, of.currency),
        net=plain(of.net, of.currency),
        tax=plain(of.tax, of.currency),
        lines=tuple(
            BillLine(
                line.position, line.item_type, codes.get((of.project_id, line.cost_code), line.cost_code), line.description,
                plain(line.amount, of.currency), plain(line.retainage, of.currency),
            )
            for line in own
        ),
    )  # fmt: skip
