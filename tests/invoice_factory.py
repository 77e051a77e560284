"""Invoices in any state, put into a database directly: where a test begins."""

from __future__ import annotations

from typing import Any, cast

import peewee

from store import duplicates, places
from store.db import Database
from store.domain.bill import invoice_uuid
from store.domain.invoice import CONTRACT_ITEM, Line, summarize
from store.domain.money import hash_part
from store.models import TABLES, Commitment, CommitmentLine, Invoice, InvoiceLine, Project, Vendor

HOSTILE = "[/] \x1b]52;c;aGFjaw==\x07\u202e" + "建設" + "x" * 290


def line(
    position: int = 1, *, work: int = 100_000, before: int = 0, held: int = 10_000, scheduled: int = 1_000_000
) -> Line:
    """A line of work alone: this period ``work``, completed before ``before``."""
    return Line(
        position, f"item-{position}", CONTRACT_ITEM, "03-300", "Concrete", scheduled, before, work, 0, 0, 0, before,
        held, 0, before // 10,
    )  # fmt: skip


def make(
    db: Database,
    number: str = "101-001",
    *,
    application: int = 1,
    vendor: str = "Apex Drywall LLC",
    vendor_ref: str = "APEX",
    commitment: str = "SC-101",
    job: str = "24-101",
    status: str = "approved",
    erp_status: str = "ready_to_export",
    currency: str = "USD",
    creator: str = "mgarcia@acme.example",
    period_end: str = "2026-10-31",
    lines: tuple[Line, ...] | None = None,
) -> int:
    """One invoice; returns its id. Vendor, project and commitment are made when they are not there."""
    own = lines or (line(before=(application - 1) * 100_000),)
    total = summarize(own)
    with db.pw.bind_ctx(TABLES, bind_refs=False, bind_backrefs=False), db.transaction():
        who, _ = once(Vendor, source_id=vendor_ref, defaults={"name": vendor, "erp_ref": vendor_ref})
        where, _ = once(Project, source_id=job, defaults={"number": job, "name": f"Project {job}"})
        what, new = once(
            Commitment,
            source_id=commitment,
            defaults={
                "project": where, "vendor": who, "number": commitment, "title": "Drywall", "kind": "subcontract",
                "currency": currency, "retainage_bp": 1000, "erp_ref": commitment,
            },
        )  # fmt: skip
        if new:
            places.refresh(db)
            what = Commitment.get_by_id(what.id)
            CommitmentLine.create(
                commitment=what, position=1, item="item-1", item_type=CONTRACT_ITEM, cost_code="03-300",
                description="Concrete", scheduled=1_000_000,
            )  # fmt: skip
        row = Invoice.create(
            uuid=invoice_uuid("test", f"{commitment}/{application}"), source="test",
            source_id=f"{commitment}/{application}", commitment=what, project=where, vendor=who,
            application=application, number=number, period_start=period_end[:8] + "01", period_end=period_end,
            billing_date=period_end, status=status, erp_status=erp_status, currency=currency, gross=total.gross,
            retainage=total.retainage, net=total.net, completed=total.completed,
            retainage_to_date=total.retainage_to_date, creator_login=creator, creator_name="Maria Garcia",
            creator_email=creator if "@" in creator else "", number_hash=hash_part(number), created_at=db.now(),
            updated_at=db.now(), place=what.place,
        )  # fmt: skip
        number_of = duplicates.known(db, [row.id])[0]
        rows = [(vendor_id, key, row.id) for vendor_id, key in number_of.numbers()]
        db.executemany("INSERT INTO likenesses (vendor_id, number, invoice_id) VALUES (?, ?, ?)", rows)
        for one in own:
            InvoiceLine.create(invoice=row, **{name: getattr(one, name) for name in Line.__slots__})
    return int(row.id)


def once(model: type[peewee.Model], **values: Any) -> tuple[Any, bool]:
    """The row of those values, and whether it was made now."""
    found: tuple[Any, bool] = cast("Any", model).get_or_create(**values)
    return found


def state(db: Database, invoice: int) -> str:
    """The invoice's ERP status as it stands in the table."""
    return str(db.execute("SELECT erp_status FROM invoices WHERE id = ?", (invoice,)).fetchone()[0])


def version(db: Database, invoice: int) -> int:
    """The invoice's version as it stands in the table."""
    return int(db.execute("SELECT version FROM invoices WHERE id = ?", (invoice,)).fetchone()[0])
