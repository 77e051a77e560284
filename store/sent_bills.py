"""What was sent to an ERP: the export jobs of a period with their frozen bills, as a reconciliation reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from store.db import Database
from store.domain.bill import Bill, decode
from store.domain.money import plain, to_minor
from store.domain.outcome import Period
from store.domain.status import ErpStatus, JobState
from store.job import marks

PAGE = 500
# A job in one of these states was sent, if not from here: before the database was restored.
_KNOWN = (JobState.DONE, JobState.UNCERTAIN, JobState.PARKED)
# Its receipt is awaited, though after a restore its sending may not be known.
_AWAITED = (JobState.SENT,)
_KEY = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):[0-9]+")


class Standing(StrEnum):
    """Where a job stands, as far as the ERP should know of it."""

    SYNCED = "synced"
    # Uncertain or parked.
    OPEN = "open"
    UNDER_WAY = "under_way"
    # Failed, cancelled, or its invoice was taken back since.
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class SentBill:
    """One job with its bill; amounts are plain decimals, texts as they are stored.

    ``counted``: it was sent, to this ERP, in the period; if not from here, before this database was restored. ``moved_at``
    is when its job was last written, in ms of the database's clock. ``name`` is the invoice's number, ``fault`` what was
    changed in the database since it was sent, "" for nothing. ``unreleased`` is the retainage of it that the ERP does not
    release, let pass by the company's policy, in minor units: ``retainage`` and ``net`` are as sent.
    """

    job: int
    invoice: int
    key: str
    name: str
    vendor_name: str
    state: str
    standing: Standing
    counted: bool
    moved_at: int
    fault: str
    reference: str
    vendor: str
    number: str
    accounting_date: str
    currency: str
    gross: str
    retainage: str
    net: str
    unreleased: int = 0


_COLUMNS = (
    "j.id, j.invoice_id, j.idem_key, j.revision, j.state, j.sends, j.erp, j.accounting_date, j.erp_ref, j.payload,"
    " j.look_first, j.updated_at, j.payload_sha256, i.number, i.erp_status, i.revision,"
    " i.origin_id, i.currency, i.gross, i.retainage, i.net"
)
_FROM = "FROM export_jobs j JOIN invoices i ON i.id = j.invoice_id"


def pages(db: Database, erp: str, period: Period) -> Iterator[list[SentBill]]:
    """Everything that was sent to the ERP with an accounting date of the period, some at a time.

    Also what a restored database found in the ERP, or asks about, without having sent it.
    """
    # The indexes keep days by their bytes.
    day = 'j.accounting_date COLLATE "C"' if db.postgres else "j.accounting_date"
    states = ", ".join(f"'{state}'" for state in _KNOWN)
    awaited = f"j.sends = 0 AND j.state = '{JobState.SENT}'"
    for which in ("j.sends > 0", f"j.sends = 0 AND j.state IN ({states})", awaited):
        after = (period.start.isoformat(), 0)
        while rows := db.execute(
            f"SELECT {_COLUMNS} {_FROM} WHERE {which} AND j.erp = ? AND ({day}, j.id) > (?, ?) AND {day} <= ?"
            f" ORDER BY {day}, j.id LIMIT {PAGE}",
            (erp, *after, period.end.isoformat()),
        ).fetchall():
            after = (rows[-1][7], rows[-1][0])
            yield [_read(row, erp, period) for row in rows]


def by_key(db: Database, keys: Sequence[str], erp: str, period: Period) -> list[SentBill]:
    """The jobs of these keys, sent or not, whatever their period; at most PAGE of them."""
    rows = db.execute(
        f"SELECT {_COLUMNS} {_FROM} WHERE j.idem_key IN ({marks(keys)})", tuple(keys)
    ).fetchall()
    return [_read(row, erp, period) for row in rows]


def of_invoices(db: Database, invoices: Sequence[int], erp: str, period: Period) -> list[SentBill]:
    """The jobs of these invoices that were acknowledged, or of which nobody knows, whatever their period."""
    rows = db.execute(
        f"SELECT {_COLUMNS} {_FROM} WHERE j.invoice_id IN ({marks(invoices)}) AND j.state IN ({marks(_KNOWN)}) AND j.erp = ?",
        (*invoices, *(state.value for state in _KNOWN), erp),
    ).fetchall()
    return [_read(row, erp, period) for row in rows]


def by_reference(db: Database, references: Sequence[str], erp: str, period: Period) -> list[SentBill]:
    """The acknowledged jobs of these references, whatever their period; at most PAGE of them."""
    # As the index has it: no entry of PostgreSQL's has more than 200 characters.
    column = "substr(i.origin_id, 1, 200)" if db.postgres else "i.origin_id"
    rows = db.execute(
        f"SELECT {_COLUMNS} {_FROM} WHERE i.origin_id IS NOT NULL AND {column} IN ({marks(references)})"
        " AND j.erp_ref = i.origin_id AND j.erp = ?",
        (*(text[:200] if db.postgres else text for text in references), erp),
    ).fetchall()
    return [_read(row, erp, period) for row in rows]


def invoices_of(db: Database, keys: Sequence[str]) -> dict[str, tuple[int, str]]:
    """Id and number of the invoices that keys of unknown revisions belong to, by key; at most PAGE of them."""
    uuids = {match[1]: key for key in keys if (match := _KEY.fullmatch(key))}
    if not uuids:
        return {}
    rows = db.execute(
        f"SELECT uuid, id, number FROM invoices WHERE uuid IN ({marks(list(uuids))})", tuple(uuids)
    )
    known = {uuid: (number, name) for uuid, number, name in rows.fetchall()}
    return {key: known[match[1]] for key in keys if (match := _KEY.fullmatch(key)) and match[1] in known}


def open_outside(db: Database, erp: str, period: Period) -> int:
    """How many uncertain or parked jobs of the ERP have an accounting date outside of the period."""
    return sum(
        db.execute(
            f"SELECT count(*) FROM export_jobs WHERE state = '{state}' AND erp = ?"
            " AND NOT (accounting_date >= ? AND accounting_date <= ?)",
            (erp, period.start.isoformat(), period.end.isoformat()),
        ).fetchone()[0]
        for state in (JobState.UNCERTAIN, JobState.PARKED)
    )


def _read(row: Sequence[Any], erp: str, period: Period) -> SentBill:
    (job, invoice, key, revision, state, sends, sent_to, day, reference, payload, look_first, moved_at, digest, name,
     erp_status, newest, origin, currency, *minor) = row  # fmt: skip
    bill, fault = _bill(payload, digest)
    # By its reference too: a look-up, or a person, may have found an earlier revision in the ERP.
    linked = state == JobState.DONE and erp_status == ErpStatus.SYNCED
    linked = linked and (revision == newest or (bool(reference) and reference == origin))
    amounts = [plain(amount, currency) for amount in minor]
    if bill is not None and not fault and linked and [bill.gross, bill.retainage, bill.net] != amounts:
        fault = "the invoice's amounts were changed in the database since it was sent"
    gross, retainage, net = (bill.gross, bill.retainage, bill.net) if bill else amounts
    return SentBill(
        job=job,
        invoice=invoice,
        key=key,
        name=name,
        vendor_name=bill.vendor_name if bill else "",
        state=state,
        standing=_standing(state, linked=linked, known=bool(sends or look_first or state in _AWAITED)),
        counted=(sends > 0 or state in (*_KNOWN, *_AWAITED))
        and sent_to == erp
        and period.start.isoformat() <= day <= period.end.isoformat(),
        moved_at=moved_at,
        fault=fault,
        reference=reference,
        vendor=bill.vendor if bill else "",
        number=bill.number if bill else "",
        accounting_date=day,
        currency=bill.currency if bill else currency,
        gross=gross,
        retainage=retainage,
        net=net,
        unreleased=_unreleased(bill),
    )


def _unreleased(bill: Bill | None) -> int:
    """Of what will not post by policy the retainage: the rest is tax, which is in no bill's net."""
    if bill is None or bill.unposted is None:
        return 0
    lost, tax = to_minor(bill.unposted, bill.currency), to_minor(bill.tax, bill.currency)
    released = -sum(min(to_minor(line.retainage, bill.currency), 0) for line in bill.lines)
    if lost == tax:
        return 0
    return lost if lost == released else lost - tax


def _standing(state: str, *, linked: bool, known: bool) -> Standing:
    """``known``: it was sent from here, or a restored database asks the ERP about it first."""
    if linked:
        return Standing.SYNCED
    if state in {JobState.UNCERTAIN, JobState.PARKED}:
        return Standing.OPEN
    # What was never sent from here should not be there either.
    gone = state in {JobState.DONE, JobState.FAILED, JobState.CANCELLED} or not known
    return Standing.GONE if gone else Standing.UNDER_WAY


def _bill(payload: str, digest: str) -> tuple[Bill | None, str]:
    """The bill, and what is wrong with its bytes."""
    fault = "the stored bill was changed in the database since it was accepted"
    try:
        return decode(payload, digest), ""
    except (ValueError, msgspec.MsgspecError):
        pass
    try:
        return msgspec.json.decode(payload, type=Bill), fault
    except msgspec.MsgspecError:
        return None, fault
