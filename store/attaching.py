"""Attachments of invoices: paths or links, kept as they are given. Nothing is opened, fetched or run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from store import audit, candidates, differences, directory
from store.candidates import Candidate
from store.db import Database
from store.decision import Decision
from store.domain import approval
from store.domain.actor import Actor
from store.domain.errors import BadInput, NothingMatched
from store.domain.status import ErpStatus, Outcome
from store.domain.text import safe
from store.moving import write_all

MOST = 2_000
NAME_MOST = 200
# So many attachments have an invoice at most.
COUNT_MOST = 100
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


@dataclass(frozen=True, slots=True)
class Attachment:
    """One attachment: its name, the path or link, and who added it when (ms UTC); None: it came with the invoice."""

    id: int
    name: str
    where: str
    added_by: str | None
    added_at: int | None


def of_invoice(db: Database, invoice_id: int) -> tuple[Attachment, ...]:
    """The attachments of an invoice, oldest first."""
    rows = db.execute(
        "SELECT a.id, a.filename, a.url, u.login, a.added_at FROM attachments a LEFT JOIN users u ON u.id = a.added_by"
        " WHERE a.invoice_id = ? ORDER BY a.id",
        (invoice_id,),
    )
    return tuple(Attachment(*row) for row in rows.fetchall())


def checked(where: str) -> str:
    """The path or link as it is kept. Raises BadInput for what is neither."""
    where = where.strip()
    if not where:
        raise BadInput("An attachment needs a path or a link", fix="Type /plans/waiver.pdf or https://…")
    _check_text("The path or link", where, MOST)
    scheme = _SCHEME.match(where)
    if scheme is None:
        return where
    try:
        host = urlsplit(where).hostname
    except ValueError:
        host = None
    if scheme.group().lower() not in {"http:", "https:"} or not host:
        raise BadInput(
            f"{safe(where[:60])} is no link that can be attached",
            why="a link begins with http:// or https:// and a host; a path has no colon behind its first word",
            fix="Give such a link, or a path",
        )
    return where


def _check_text(what: str, text: str, most: int) -> None:
    if safe(text) != text:
        raise BadInput(f"{what} holds control or invisible characters", fix="Type it again")
    if len(text) > most:
        raise BadInput(f"{what} has {len(text):,} characters", why=f"it may have {most:,}", fix="Shorten it")


def named(where: str) -> str:
    """What an attachment is called where nobody gave it a name: the last part of its path."""
    path = urlsplit(where).path if _SCHEME.match(where) else where.replace("\\", "/")
    return path.rstrip("/").rpartition("/")[2][:NAME_MOST] or where[:NAME_MOST]


def attach(db: Database, actor: Actor, invoice_id: int, where: str, name: str = "") -> Decision:
    """Add a path or link to an invoice, locked or not. Raises NotPermitted below Standard on Commitments, and BadInput."""
    where = checked(where)
    name = name.strip() or named(where)
    _check_text("The name", name, NAME_MOST)
    with db.transaction():
        actor, invoice = _begin(db, actor, invoice_id)
        there = of_invoice(db, invoice_id)
        if any((one.where, one.name) == (where, name) for one in there):
            raise BadInput(f"{safe(name)} is attached to {safe(invoice.name)} already")
        if len(there) >= COUNT_MOST:
            raise BadInput(f"{safe(invoice.name)} has {COUNT_MOST} attachments, and may not have more")
        db.execute(
            "INSERT INTO attachments (invoice_id, filename, url, added_by, added_at) VALUES (?, ?, ?, ?, ?)",
            (invoice_id, name, where, actor.id, db.now()),
        )
        change = audit.Change("invoice", invoice_id, {}, {"attachment": _told(name, where)})
        _finish(db, actor, invoice, "attach", change)
    return Decision((invoice_id,))


def detach(db: Database, actor: Actor, invoice_id: int, attachment_id: int) -> Decision:
    """Take an attachment away, of an invoice locked or not; the audit trail keeps what it was.

    Raises NotPermitted below Standard on Commitments, and NothingMatched when it is gone.
    """
    with db.transaction():
        actor, invoice = _begin(db, actor, invoice_id)
        own = next((one for one in of_invoice(db, invoice_id) if one.id == attachment_id), None)
        if own is None:
            raise NothingMatched(
                f"{safe(invoice.name)} has no such attachment",
                fix="payapp invoice attachments NUMBER lists them",
            )
        db.execute("DELETE FROM attachments WHERE id = ?", (attachment_id,))
        change = audit.Change(
            "invoice", invoice_id, {"attachment": _told(own.name, own.where)}, {"attachment": ""}
        )
        _finish(db, actor, invoice, "detach", change)
    return Decision((invoice_id,))


def _told(name: str, where: str) -> str:
    return where if named(where) == name else f"{name}: {where}"


def _begin(db: Database, actor: Actor, invoice_id: int) -> tuple[Actor, Candidate]:
    actor = directory.refresh(db, actor)
    approval.require_preparer(actor, "change the attachments of invoices")
    if db.postgres:
        # Nobody discards it meanwhile.
        db.execute("SELECT 1 FROM invoices WHERE id = ? FOR KEY SHARE", (invoice_id,))
    found = next(candidates.load(db, [invoice_id]), [])
    if not found:
        raise NothingMatched(f"Invoice #{invoice_id} is gone", fix="Refresh the list ({list.refresh})")
    return actor, found[0]


def _finish(db: Database, actor: Actor, invoice: Candidate, action: str, change: audit.Change) -> None:
    """Audited; and a returned invoice differs from the one that was rejected."""
    if invoice.erp_status in {ErpStatus.NOT_SENT, ErpStatus.READY} and (
        found := differences.of(db, [invoice.id])
    ):
        differences.flag(db, found)
    elif invoice.erp_status is ErpStatus.NOT_SENT and invoice.outcome == Outcome.REJECTED:
        write_all(db, [invoice], changed_since=True)
    audit.record(db, actor, action, {"invoice": invoice.number}, [change])
