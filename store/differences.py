"""What was changed of an invoice since it came back to the project: what it said then is kept, and compared with what it says.

However it was changed, by an edit, by an import or because an earlier application was corrected, it is the same
difference: between two forms, not a list of edits. What was changed and changed back is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from store.db import Database
from store.domain.actor import Actor
from store.domain.form import Changed, Form, compare, decode, encode, told
from store.domain.invoice import Line
from store.domain.status import Outcome
from store.packed import among, packed

# So many are read together.
_CHUNK = 1000
_HEAD = (
    "SELECT i.id, i.number, v.name, c.number, i.application, i.period_start, i.period_end, i.billing_date, i.currency,"
    " i.gross, i.retainage, i.net, i.tax, i.final"
    " FROM invoices i JOIN vendors v ON v.id = i.vendor_id JOIN commitments c ON c.id = i.commitment_id"
)


@dataclass(frozen=True, slots=True)
class Difference:
    """Since when, why and by whom the invoice was returned, and what of it was changed until now.

    ``outcome``: how it came back. ``at`` in milliseconds UTC, amounts in minor units of ``currency``. No changes: it says
    what it said then.
    """

    invoice_id: int
    outcome: str
    reason: str
    by_id: int
    by: str
    at: int
    currency: str
    changes: tuple[Changed, ...]

    def lines(self) -> tuple[str, ...]:
        """A line of safe text for each change."""
        return tuple(told(self.changes, self.currency))


def keep(db: Database, by: Actor, outcome: Outcome, reasons: Mapping[int, str]) -> None:
    """Keep what these invoices say as they come back to the project, with the reason of each, by id.

    In the deciding transaction. Nothing is changed of them from this moment on: an older flag goes.
    """
    now = db.now()
    for some in _chunks(list(reasons)):
        rows = [
            (number, outcome.value, reasons[number], by.id, now, encode(form))
            for number, form in _forms(db, some)
        ]
        db.executemany(
            "INSERT INTO returned_forms (invoice_id, outcome, reason, by_id, at, content) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (invoice_id) DO UPDATE SET outcome = excluded.outcome, reason = excluded.reason,"
            " by_id = excluded.by_id, at = excluded.at, content = excluded.content",
            rows,
        )
        _flag(db, some, changed=False)


def of(db: Database, ids: Sequence[int]) -> dict[int, Difference]:
    """The difference of those of these invoices that came back once, by id; unchanged ones among them."""
    found: dict[int, Difference] = {}
    for some in _chunks(ids):
        rows = db.execute(
            "SELECT f.invoice_id, f.outcome, f.reason, f.by_id, u.login, f.at, f.content FROM returned_forms f"
            f" JOIN users u ON u.id = f.by_id WHERE {among(db, 'f.invoice_id')}",
            (packed(db, some),),
        ).fetchall()
        now = dict(_forms(db, [row[0] for row in rows]))
        for number, outcome, reason, by_id, by, at, content in rows:
            if (before := decode(content)) is not None:
                after = now[number]
                changes = compare(before, after)
                found[number] = Difference(number, outcome, reason, by_id, by, at, after.currency, changes)
    return found


def flag(db: Database, differences: Mapping[int, Difference]) -> None:
    """The flag "changed since its rejection" of these invoices says what is so, however they were changed."""
    for changed in (True, False):
        some = [number for number, one in differences.items() if bool(one.changes) is changed]
        for chunk in _chunks(some):
            _flag(db, chunk, changed=changed)


def unflag(db: Database, ids: Sequence[int]) -> None:
    """These invoices never came back: whatever was changed of them, nobody who decides has seen them otherwise."""
    for some in _chunks(ids):
        _flag(db, some, changed=False)


def _flag(db: Database, ids: Sequence[int], *, changed: bool) -> None:
    db.execute(
        f"UPDATE invoices SET changed_since = ? WHERE {among(db, 'id')} AND changed_since <> ?",
        (changed, packed(db, ids), changed),
    )


def _chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for first in range(0, len(ids), _CHUNK):
        yield ids[first : first + _CHUNK]


def _forms(db: Database, ids: Sequence[int]) -> Iterator[tuple[int, Form]]:
    """What these invoices (one chunk) say now."""
    if not ids:
        return
    params = (packed(db, ids),)
    lines = _grouped(
        db.execute(
            f"SELECT invoice_id, {', '.join(Line.__slots__)} FROM invoice_lines WHERE {among(db, 'invoice_id')}"
            " ORDER BY invoice_id, position",
            params,
        ).fetchall()
    )
    files = _grouped(
        db.execute(
            f"SELECT invoice_id, filename, url FROM attachments WHERE {among(db, 'invoice_id')} ORDER BY invoice_id, id",
            params,
        ).fetchall()
    )
    for row in db.execute(f"{_HEAD} WHERE {among(db, 'i.id')} ORDER BY i.id", params).fetchall():
        said = (*row[1:-1], bool(row[-1]), lines.get(row[0], []), files.get(row[0], []))
        yield row[0], Form(**dict(zip(Form.__struct_fields__, said, strict=True)))


def _grouped(rows: Sequence[tuple[Any, ...]]) -> dict[int, list[Any]]:
    """The rows by their first value, without it."""
    return {
        number: [tuple(row[1:]) for row in some]
        for number, some in groupby(rows, key=lambda row: int(row[0]))
    }
