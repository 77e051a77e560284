"""Exact duplicates: invoices of one vendor that carry the same number, case aside, wherever they came from.

The flag on an invoice follows what the store has: whoever writes a number says which were written, and both sides of
every pair are marked or cleared in the same transaction. Fuzzy ones are another matter.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from store.db import Database
from store.domain.status import ErpStatus
from store.domain.text import fold

NAMED = 5
_CHUNK = 2000
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
    have now. A few statements however many there are, and rows whose flag is right are not written. No version rises:
    the flag is a warning, and nothing that was decided on is different. Call it in the transaction that writes the
    numbers.
    """
    _fold(db, {*left, *(key for key in written if not key[1].isascii())})
    _mark(db, {*written, *left}, several=True)
    _mark(db, left, several=False)


def refold(db: Database) -> None:
    """Flag what differs in case beyond ASCII alone, of all invoices: for a database that comes up to date."""
    octets = "octet_length(number)" if db.postgres else "length(CAST(number AS BLOB))"
    rows = db.execute(f"SELECT DISTINCT vendor_id, number FROM invoices WHERE {octets} <> length(number)")
    found = [(row[0], row[1]) for row in rows.fetchall()]
    for first in range(0, len(found), _CHUNK):
        _fold(db, found[first : first + _CHUNK])
    # Flags only when all are folded: two of a pair may stand apart.
    for first in range(0, len(found), _CHUNK):
        refresh(db, (), found[first : first + _CHUNK])


def _given(db: Database, rows: Iterable[Sequence[Any]], *names: str) -> tuple[str, str]:
    """A select of these rows, a vendor's id first and then texts, and its one parameter."""
    given = json.dumps([list(row) for row in rows], separators=(",", ":"))
    if db.postgres:
        texts = ", ".join(f"value->>{n} AS {name}" for n, name in enumerate(names, 1))
        return (
            f"SELECT (value->>0)::bigint AS vendor, {texts} FROM json_array_elements(?::json) AS g(value)",
            given,
        )
    texts = ", ".join(f"json_extract(value, '$[{n}]') AS {name}" for n, name in enumerate(names, 1))
    return f"SELECT json_extract(value, '$[0]') AS vendor, {texts} FROM json_each(?)", given


def _fold(db: Database, wanted: Collection[Key]) -> None:
    """Keep the folded number where it is not what both databases make of it: where it has more than ASCII."""
    if not wanted:
        return
    rows = [(vendor, number, None if number.isascii() else fold(number)) for vendor, number in wanted]
    listed, given = _given(db, rows, "number", "folded")
    differs = "IS DISTINCT FROM" if db.postgres else "IS NOT"
    db.execute(
        f"WITH given_keys AS MATERIALIZED ({listed}) UPDATE invoices SET twin = k.folded FROM given_keys k"
        f" WHERE invoices.number = k.number AND invoices.vendor_id = k.vendor AND invoices.twin {differs} k.folded",
        (given,),
    )


def _mark(db: Database, wanted: Collection[Key], *, several: bool) -> None:
    if not wanted:
        return
    listed, given = _given(db, {(vendor, fold(number)) for vendor, number in wanted}, "number")
    # How many there are is told by the index alone; rows are looked at where a flag may have to change.
    db.execute(
        f"WITH given_keys AS MATERIALIZED ({listed}), counted AS MATERIALIZED"
        " (SELECT i.vendor_id, k.number FROM given_keys k"
        " JOIN invoices i ON i.vendor_id = k.vendor AND coalesce(i.twin, lower(i.number)) = k.number"
        f" GROUP BY i.vendor_id, k.number HAVING count(*) {'>' if several else '='} 1)"
        " UPDATE invoices SET duplicate = ? FROM counted WHERE invoices.vendor_id = counted.vendor_id"
        " AND coalesce(invoices.twin, lower(invoices.number)) = counted.number AND invoices.duplicate <> ?",
        (given, several, several),
    )


def twins(db: Database, invoice_id: int, limit: int = NAMED) -> tuple[Twin, ...]:
    """The other invoices with this one's vendor and number, newest first."""
    found: Iterable[tuple[int, str, str, str, str, str]] = db.execute(
        "SELECT other.id, other.number, c.number, p.number, other.erp_status, other.source FROM invoices own"
        " JOIN invoices other ON other.vendor_id = own.vendor_id"
        " AND coalesce(other.twin, lower(other.number)) = coalesce(own.twin, lower(own.number))"
        " AND other.id <> own.id"
        " JOIN commitments c ON c.id = other.commitment_id JOIN projects p ON p.id = other.project_id"
        " WHERE own.id = ? ORDER BY other.id DESC LIMIT ?",
        (invoice_id, limit),
    ).fetchall()
    return tuple(Twin(row[0], row[1], row[2], row[3], ErpStatus(row[4]), row[5]) for row in found)
