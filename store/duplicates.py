"""Exact duplicates: invoices of one vendor that carry the same number, case aside, wherever they came from.

The flag on an invoice follows what the store has: whoever writes a number says which were written, and both sides of
every pair are marked or cleared in the same transaction. Fuzzy ones are another matter.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from store.db import Database
from store.domain.status import ErpStatus

NAMED = 5
# A vendor's id and an invoice number as it was written.
Key = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Twin:
    """An invoice that has the same vendor and number as another one."""

    id: int
    number: str
    commitment: str
    job: str
    erp_status: ErpStatus
    source: str


def keys(db: Database, ids: Sequence[int]) -> set[Key]:
    """Vendor and number of these invoices as they are now: ask before they are changed."""
    if not ids:
        return set()
    found = db.execute(
        f"SELECT vendor_id, number FROM invoices WHERE id IN ({', '.join('?' * len(ids))})", list(ids)
    )
    return {(row[0], row[1]) for row in found.fetchall()}


def refresh(db: Database, written: Collection[Key], left: Collection[Key] = ()) -> None:
    """Flag the invoices that have one of these vendors and numbers when there are several; clear where one is alone.

    ``written``: of new invoices, which carry no flag yet. ``left``: what changed invoices had before, and what they
    have now. A statement each however many there are, and rows whose flag is right are not written. No version rises:
    the flag is a warning, and nothing that was decided on is different. Call it in the transaction that writes the
    numbers.
    """
    _mark(db, {*written, *left}, several=True)
    _mark(db, left, several=False)


def _mark(db: Database, wanted: Collection[Key], *, several: bool) -> None:
    if not wanted:
        return
    given = json.dumps([list(key) for key in wanted], separators=(",", ":"))
    listed = (
        "SELECT DISTINCT (value->>0)::bigint AS vendor, lower(value->>1) AS number"
        " FROM json_array_elements(?::json) AS given(value)"
        if db.postgres
        else "SELECT DISTINCT json_extract(value, '$[0]') AS vendor, lower(json_extract(value, '$[1]')) AS number"
        " FROM json_each(?)"
    )
    # How many there are is told by the index alone; rows are looked at where a flag may have to change.
    db.execute(
        f"WITH given_keys AS MATERIALIZED ({listed}), counted AS MATERIALIZED"
        " (SELECT i.vendor_id, lower(i.number) AS number FROM given_keys k"
        " JOIN invoices i ON i.vendor_id = k.vendor AND lower(i.number) = k.number"
        f" GROUP BY i.vendor_id, lower(i.number) HAVING count(*) {'>' if several else '='} 1)"
        " UPDATE invoices SET duplicate = ? FROM counted WHERE invoices.vendor_id = counted.vendor_id"
        " AND lower(invoices.number) = counted.number AND invoices.duplicate <> ?",
        (given, several, several),
    )


def twins(db: Database, invoice_id: int, limit: int = NAMED) -> tuple[Twin, ...]:
    """The other invoices with this one's vendor and number, newest first."""
    found: Iterable[tuple[int, str, str, str, str, str]] = db.execute(
        "SELECT other.id, other.number, c.number, p.number, other.erp_status, other.source FROM invoices own"
        " JOIN invoices other ON other.vendor_id = own.vendor_id AND lower(other.number) = lower(own.number)"
        " AND other.id <> own.id"
        " JOIN commitments c ON c.id = other.commitment_id JOIN projects p ON p.id = other.project_id"
        " WHERE own.id = ? ORDER BY other.id DESC LIMIT ?",
        (invoice_id, limit),
    ).fetchall()
    return tuple(Twin(row[0], row[1], row[2], row[3], ErpStatus(row[4]), row[5]) for row in found)
