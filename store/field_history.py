"""The history of an invoice field by field: who changed what, when, from what to what. From the audit trail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from store.db import Database

# What only the machinery reads, or follows from other fields.
_INTERNAL = frozenset({"key", "number_hash", "payload_sha256", "uuid", "source_id"})
_NAMES = {
    "erp_status": "ERP status",
    "erp_number": "ERP invoice number",
    "changed_since": "changed since its rejection",
    "held": "on hold",
    "retainage_to_date": "retainage to date",
    "completed": "completed to date",
}
# The parts of a line's value, which stands in words: "this period 1000.00, stored 0.00".
_PARTS = {
    "this period", "stored", "held", "released", "scheduled", "work_before", "stored_before", "moved", "total_before",
    "retainage_before",
}  # fmt: skip
_decode = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that a decision changed; ``at`` in milliseconds UTC, values as they were recorded ("" for nothing)."""

    at: int
    who: str
    origin: str
    action: str
    field: str
    before: str
    after: str


def changes(db: Database, invoice_id: int, field: str = "") -> list[FieldChange]:
    """What was changed of the invoice, oldest first; ``field`` narrows it to those whose name has that in it."""
    rows = db.execute(
        "SELECT e.at, e.actor, e.origin, e.action, r.before, r.after FROM audit_rows r"
        " JOIN audit_events e ON e.id = r.event_id WHERE r.subject = 'invoice' AND r.subject_id = ?"
        " ORDER BY r.event_id, r.position",
        (invoice_id,),
    ).fetchall()
    found = [
        FieldChange(at, who, origin, action, *one)
        for at, who, origin, action, before, after in rows
        for one in _fields(_decode(before), _decode(after))
    ]
    wanted = field.casefold()
    return [one for one in found if wanted in one.field.casefold()]


def _fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Name, value before and value after of each field that differs."""
    for name in dict.fromkeys((*before, *after)):
        was, now = before.get(name), after.get(name)
        if name in _INTERNAL or was == now or (was in ("", None) and now in ("", None)):
            continue
        if name.startswith("line ") and _PARTS & {*_parts(was), *_parts(now)}:
            yield from _line(name, _parts(was), _parts(now))
        else:
            yield _NAMES.get(name, name.replace("_", " ")), _word(was), _word(now)


def _line(name: str, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    for part in dict.fromkeys((*before, *after)):
        was, now = before.get(part, ""), after.get(part, "")
        if was != now:
            yield f"{name}, {part.replace('_', ' ')}", was, now


def _parts(value: Any) -> dict[str, str]:
    """The parts of a line's value by their names; what is none of them stays with the one before."""
    found: dict[str, str] = {}
    for word in str(value or "").split(", "):
        name, _, amount = word.rpartition(" ")
        if name:
            found[name] = amount
    return found


def _word(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
