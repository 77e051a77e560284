"""The invoices that a decision is about, read with all that the rules look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import lru_cache
from itertools import groupby
from typing import Any, NamedTuple

from msgspec import UNSET

from store.db import Database
from store.domain.actor import Actor
from store.domain.bill import Bill, BillLine, Written, idempotency_key
from store.domain.invoice import Line
from store.domain.money import plain
from store.domain.status import ErpStatus, Status
from store.packed import among, packed


class Candidate(NamedTuple):
    """One invoice before a decision; amounts in minor units of its currency, days ISO text.

    ``flagged``: it has a flag that is not the reader's own (duplicate, hold, overbilled, changed since rejection).
    """

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
    flagged: bool
    vendor_id: int
    terms: str = ""
    tax_account: str = ""
    # The ERP's own warnings that were let pass.
    overrides: tuple[str, ...] = ()
    # What of net and tax the ERP drops by the company's policy, as a plain decimal.
    unposted: str | None = None
    # Why the ERP shall hold its payment; "": it shall not.
    payment_hold: str = ""

    @property
    def posted_number(self) -> str:
        """The ERP invoice number: the approver's, else the invoice's own."""
        return self.erp_number or self.number

    @property
    def name(self) -> str:
        """How a sentence calls it."""
        return f"{self.number} ({self.commitment})"


_make = Candidate._make
_STATUS = tuple(Candidate._fields).index("status")
_STATUSES = {status.value: status for status in Status}
_ERP_STATUSES = {status.value: status for status in ErpStatus}
# In the order of the fields.
_SELECT = (
    "SELECT i.id, i.uuid, i.version, i.revision, i.number, i.erp_number, i.application, i.commitment_id, i.project_id,"
    " i.status, i.erp_status, coalesce(i.outcome, ''), i.currency, i.gross, i.retainage, i.net, i.tax, i.period_start,"
    " i.period_end, i.billing_date, coalesce(i.accounting_date, ''), i.description, i.batch_id, i.creator_login,"
    " i.creator_name, i.creator_email, i.sender_id, coalesce(u.name, ''), coalesce(u.email, ''), v.name, v.erp_ref,"
    " p.number, p.erp_ref, c.number, c.erp_ref, i.duplicate OR i.held OR i.overbilled OR i.changed_since,"
    " i.vendor_id FROM invoices i JOIN commitments c ON c.id = i.commitment_id JOIN vendors v ON v.id = i.vendor_id"
    " JOIN projects p ON p.id = i.project_id LEFT JOIN users u ON u.id = i.sender_id"
)
# So many at once: enough that a statement costs little, few enough that a million need no memory.
CHUNK = 1000


def load(db: Database, ids: Sequence[int]) -> Iterator[list[Candidate]]:
    """The invoices by id, so many at a time. Call it in the deciding transaction."""
    sql = f"{_SELECT} WHERE {among(db, 'i.id')} ORDER BY i.id"
    for first in range(0, len(ids), CHUNK):
        rows = db.execute(sql, (packed(db, ids[first : first + CHUNK]),)).fetchall()
        yield [_candidate(row) for row in rows]


def _candidate(row: Sequence[Any]) -> Candidate:
    statuses = _STATUSES[row[_STATUS]], _ERP_STATUSES[row[_STATUS + 1]]
    return _make((*row[:_STATUS], *statuses, *row[_STATUS + 2 :], "", "", (), None, ""))


def lines(db: Database, ids: Sequence[int]) -> dict[int, tuple[Line, ...]]:
    """The G703 lines of these invoices (one chunk), by invoice."""
    found = db.execute(
        f"SELECT invoice_id, {', '.join(Line.__slots__)} FROM invoice_lines"
        f" WHERE {among(db, 'invoice_id')} ORDER BY invoice_id, position",
        (packed(db, ids),),
    ).fetchall()
    return {
        number: tuple(Line(*row[1:]) for row in rows)
        for number, rows in groupby(found, key=lambda row: int(row[0]))
    }


# A line that may break a rule of store.domain.invoice.foot; what it says "right" to breaks none.
_RIGHT = (
    "l.work_now + l.stored_now - l.stored_before + l.moved = l.work_before + l.work_now + l.stored_now - l.total_before"
    " AND (0 <= l.retainage_before AND l.retainage_before <= l.total_before"
    " OR l.total_before <= l.retainage_before AND l.retainage_before <= 0)"
    " AND (0 <= l.retainage_before + l.held - l.released"
    " AND l.retainage_before + l.held - l.released <= l.work_before + l.work_now + l.stored_now"
    " OR l.work_before + l.work_now + l.stored_now <= l.retainage_before + l.held - l.released"
    " AND l.retainage_before + l.held - l.released <= 0)"
)


def unfooted(db: Database, ids: Sequence[int]) -> set[int]:
    """Of these invoices (one chunk) those that foot() has to look at: every one of the others foots."""
    found = db.execute(
        f"SELECT i.id FROM invoices i JOIN invoice_lines l ON l.invoice_id = i.id WHERE {among(db, 'i.id')}"
        " GROUP BY i.id, i.gross, i.retainage, i.net"
        f" HAVING sum(CASE WHEN {_RIGHT} THEN 0 ELSE 1 END) = 0"
        " AND sum(l.work_before + l.work_now + l.stored_now - l.total_before) = i.gross"
        " AND sum(l.held - l.released) = i.retainage AND i.gross - i.retainage = i.net",
        (packed(db, ids),),
    )
    # What has no lines is not among those that foot.
    return set(ids).difference(row[0] for row in found.fetchall())


def outdated(db: Database, ids: Sequence[int]) -> dict[int, tuple[str, str, int, int]]:
    """Of these invoices (one chunk) those whose previous application in the store has other figures by now.

    By invoice: the first such line's item, the figure's name, what this one was made from, and what it is.
    """
    ours = ("own.total_before", "own.stored_before", "own.retainage_before")
    theirs = (
        "coalesce(before.work_before + before.work_now + before.stored_now, 0)",
        "coalesce(before.stored_now, 0)",
        "coalesce(coalesce(before.retainage_before, 0) + before.held - before.released, 0)",
    )
    differ = " OR ".join(f"coalesce({a} <> {b}, TRUE)" for a, b in zip(ours, theirs, strict=True))
    found = db.execute(
        f"SELECT own.invoice_id, own.item, {', '.join(ours)}, {', '.join(theirs)} FROM invoices i"
        " JOIN invoices p ON p.commitment_id = i.commitment_id AND p.application = i.application - 1"
        " JOIN invoice_lines own ON own.invoice_id = i.id"
        " LEFT JOIN invoice_lines before ON before.invoice_id = p.id AND before.item = own.item"
        f" WHERE {among(db, 'i.id')} AND ({differ}) ORDER BY own.invoice_id, own.position",
        (packed(db, ids),),
    )
    wrong: dict[int, tuple[str, str, int, int]] = {}
    for number, item, *figures in found.fetchall():
        for name, ours_now, theirs_now in zip(
            ("completed to date", "stored", "retainage"), figures[:3], figures[3:], strict=True
        ):
            if ours_now != theirs_now:
                wrong.setdefault(number, (item, name, ours_now, theirs_now))
    return wrong


def prepares(db: Database, actor: Actor) -> bool:
    """Whether this user ever sent or edited anything."""
    found = db.execute(
        "SELECT 1 FROM audit_events WHERE actor_id = ? AND action IN ('send', 'edit') LIMIT 1", (actor.id,)
    )
    return found.fetchone() is not None


def prepared(db: Database, ids: Sequence[int], actor: Actor) -> set[int]:
    """Of these invoices (one chunk) those that this user ever sent or edited."""
    found = db.execute(
        "SELECT DISTINCT r.subject_id FROM audit_rows r JOIN audit_events e ON e.id = r.event_id"
        f" WHERE r.subject = 'invoice' AND {among(db, 'r.subject_id')}"
        " AND e.actor_id = ? AND e.action IN ('send', 'edit')",
        (packed(db, ids), actor.id),
    )
    return {row[0] for row in found.fetchall()}


def bill_lines(
    db: Database, chunk: Sequence[Candidate], account: Callable[[int, str], str]
) -> dict[int, list[BillLine]]:
    """The lines of these invoices' bills, by invoice; ``account`` says what the ERP calls a project's cost code."""
    made: dict[int, list[BillLine]] = {c.id: [] for c in chunk}
    projects = {c.id: c.project_id for c in chunk}
    currencies = {c.id: c.currency for c in chunk}
    found = db.execute(
        "SELECT invoice_id, position, item_type, cost_code, description,"
        " work_before + work_now + stored_now - coalesce(total_before, 0), held - released FROM invoice_lines"
        f" WHERE {among(db, 'invoice_id')} ORDER BY invoice_id, position",
        (packed(db, made),),
    ).fetchall()
    for number, position, kind, code, description, amount, retained in found:
        currency = currencies[number]
        made[number].append(
            BillLine(
                position, kind, code, description, plain(amount, currency), plain(retained, currency),
                account(projects[number], code),
            )
        )  # fmt: skip
    return made


# Of very many invoices the days are few.
day_of = lru_cache(4096)(date.fromisoformat)


@lru_cache(4096)
def _iso(text: str) -> str:
    return day_of(text).isoformat()


def bill(of: Candidate, own: Sequence[BillLine], *, company: str, erp: str, accounting_date: date) -> Bill:
    """The bill that this invoice's next revision sends, with the candidate's own number and description."""
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
        period_start=day_of(of.period_start),
        period_end=day_of(of.period_end),
        invoice_date=day_of(of.billing_date),
        accounting_date=accounting_date,
        description=of.description,
        gross=plain(of.gross, of.currency),
        retainage=plain(of.retainage, of.currency),
        net=plain(of.net, of.currency),
        tax=plain(of.tax, of.currency),
        lines=tuple(own),
        overrides=of.overrides,
        terms=of.terms,
        tax_account=of.tax_account,
        unposted=of.unposted,
        payment_hold=of.payment_hold or UNSET,
    )


def written(
    of: Candidate, own: Sequence[BillLine], *, company: str, erp: str, accounting_date: str
) -> Written:
    """As bill(), for very many of them; ``accounting_date`` is an ISO day."""
    currency = of.currency
    return Written(
        f"{of.uuid}:{of.revision + 1}", erp, company, currency, of.vendor_ref, of.vendor, of.project_ref or of.project,
        of.commitment_ref or of.commitment, of.application, of.erp_number or of.number, _iso(of.period_start),
        _iso(of.period_end), _iso(of.billing_date), accounting_date, of.description, plain(of.gross, currency),
        plain(of.retainage, currency), plain(of.net, currency), plain(of.tax, currency), own,
        of.overrides, terms=of.terms, tax_account=of.tax_account, unposted=of.unposted,
        payment_hold=of.payment_hold or UNSET,
    )  # fmt: skip
