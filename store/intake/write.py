"""Pass two: parcels become rows, some thousands at a time, in the transaction under way."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from store import differences, duplicates, holds
from store.audit import Change
from store.db import Database
from store.domain.bill import invoice_uuid
from store.domain.errors import Changed
from store.domain.likeness import same_amount
from store.domain.money import hash_part
from store.domain.status import ErpStatus
from store.intake.books import CONTENT, LINE, chunks, marks
from store.intake.spool import Parcel

_CHUNK = 2000
_NEW = (
    "id",
    "uuid",
    "source",
    "source_id",
    "commitment_id",
    "project_id",
    "vendor_id",
    *CONTENT,
    "number_hash",
    "erp_status",
    "origin_id",
    "created_at",
    "updated_at",
)
_INSERT = (
    f"INSERT INTO invoices ({', '.join(_NEW)}, place)"
    f" VALUES ({', '.join('?' * len(_NEW))}, (SELECT place FROM commitments WHERE id = ?))"
)
_INSERT_LINE = f"INSERT INTO invoice_lines (invoice_id, {', '.join(LINE)}) VALUES {marks(len(LINE) + 1)}"
_INSERT_FILE = "INSERT INTO attachments (invoice_id, filename, url) VALUES (?, ?, ?)"
# An accountant's own ERP number stays, and so does its part of the hash total.
_UPDATE = (
    f"UPDATE invoices SET {', '.join(f'{name} = ?' for name in CONTENT)},"
    " number_hash = CASE WHEN erp_number = '' THEN ? ELSE number_hash END,"
    " erp_status = ?, origin_id = ?, changed_since = (changed_since OR ?),"
    " version = version + 1, updated_at = ? WHERE id = ?"
)


def stale() -> Changed:
    """The error when somebody else wrote to the same invoices while the file was being read."""
    return Changed(
        "The file was not imported",
        why="somebody else changed invoices of the same commitments meanwhile",
        fix="Import it again",
    )


def write(
    db: Database, source: str, parcels: Iterable[Parcel], now: int, came: array[int] | None = None
) -> Iterator[Change]:
    """Write the parcels of one source, and yield the audit trail's change for each that is written.

    ``now`` in milliseconds. ``came`` takes the ids of what is written. Raises Changed where an invoice to update is no longer the one that was looked at.
    """
    for some in chunks(parcels, _CHUNK):
        fresh = [parcel for parcel in some if not parcel.invoice]
        known = [parcel for parcel in some if parcel.invoice]
        ids = db.allocate("invoices", len(fresh)) if fresh else []
        pairs = list(zip(ids, fresh, strict=True))
        written = [_known(number, parcel) for number, parcel in pairs]
        if pairs:
            db.executemany(_INSERT, [_row(number, source, parcel, now) for number, parcel in pairs])
        before = duplicates.known(db, [parcel.invoice for parcel in known])
        if known:
            _update(db, known, now)
            pairs += [(parcel.invoice, parcel) for parcel in known]
        db.executemany(_INSERT_LINE, [(number, *line) for number, parcel in pairs for line in parcel.lines])
        duplicates.refresh(db, written, before)
        holds.flag_new(db, [number for number, _ in pairs])
        files = [(number, *file) for number, parcel in pairs for file in parcel.attachments]
        if files:
            db.executemany(_INSERT_FILE, files)
        # What came back and now says again what it said then is not changed.
        differences.flag(db, differences.of(db, [parcel.invoice for parcel in known]))
        if came is not None:
            came.extend(number for number, _ in pairs)
        for number, parcel in pairs:
            yield Change("invoice", number, parcel.before, parcel.after, "import")


def _status(parcel: Parcel) -> str:
    # A bill that the ERP has already must never be sent to it.
    return ErpStatus.NOT_SENT.value if parcel.origin_id is None else ErpStatus.SYNCED.value


def _row(number: int, source: str, parcel: Parcel, now: int) -> tuple[Any, ...]:
    return (
        number,
        invoice_uuid(source, parcel.source_id),
        source,
        parcel.source_id,
        parcel.commitment,
        parcel.project,
        parcel.vendor,
        *parcel.content,
        hash_part(parcel.content[1]),
        _status(parcel),
        parcel.origin_id,
        now,
        now,
        parcel.commitment,
    )


_AT = {
    name: CONTENT.index(name) for name in ("number", "application", "currency", "period_end", "gross", "net")
}


def _known(number: int, parcel: Parcel) -> duplicates.Known:
    """What of a new invoice is compared with others."""
    said = {name: parcel.content[at] for name, at in _AT.items()}
    amount = same_amount(said["gross"], said["net"])
    return duplicates.Known(
        number,
        parcel.vendor,
        said["number"],
        "",
        said["application"],
        said["currency"],
        said["period_end"],
        amount,
    )


def _update(db: Database, known: Sequence[Parcel], now: int) -> None:
    ids = [parcel.invoice for parcel in known]
    for some in chunks(known, 500):
        lock = " FOR UPDATE" if db.postgres else ""
        found = db.execute(
            f"SELECT id, version, erp_status FROM invoices WHERE id IN {marks(len(some))}{lock}",
            [parcel.invoice for parcel in some],
        ).fetchall()
        expected = {(parcel.invoice, parcel.version, ErpStatus.NOT_SENT.value) for parcel in some}
        if {tuple(row) for row in found} != expected:
            raise stale()
    db.executemany(
        _UPDATE,
        [
            (
                *parcel.content,
                hash_part(parcel.content[1]),
                _status(parcel),
                parcel.origin_id,
                parcel.marked,
                now,
                parcel.invoice,
            )
            for parcel in known
        ],
    )
    db.executemany("DELETE FROM invoice_lines WHERE invoice_id = ?", [(number,) for number in ids])
    # What people attached here stays.
    db.executemany(
        "DELETE FROM attachments WHERE invoice_id = ? AND added_by IS NULL", [(number,) for number in ids]
    )
