"""Reading the audit trail: its events by who, what, whose and when, each with its rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import msgspec

from store import audit
from store.db import Database
from store.domain.errors import NothingMatched
from store.snapshot import snapshot
from store.statements import run
from store.verifying import Head, head

# So many events are read together.
RUN = 500


@dataclass(frozen=True, slots=True)
class Event:
    """One event; ``at`` in milliseconds UTC, ``origin`` where the actor sat, ``detail`` what the decision was about."""

    id: int
    at: int
    actor: str
    origin: str
    action: str
    detail: dict[str, Any]
    row_count: int
    hash: str


@dataclass(frozen=True, slots=True)
class Row:
    """One subject of an event: its values before and after, and the rule or limit that applied."""

    event: int
    position: int
    subject: str
    subject_id: int
    before: dict[str, Any]
    after: dict[str, Any]
    rule: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events: of that actor's login, action or invoice, from ``since`` up to before ``until`` (milliseconds UTC)."""

    actor: str | None = None
    action: str | None = None
    invoice: int | None = None
    since: int | None = None
    until: int | None = None


_COLUMNS = "id, at, actor, origin, action, detail, row_count, hash"


def newest(db: Database, wanted: Wanted, most: int) -> list[Event]:
    """The newest events that are wanted, at most so many, the newest first."""
    where, given = _condition(wanted)
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM audit_events WHERE {where} ORDER BY id DESC LIMIT ?", (*given, most)
    )
    return [_event(row) for row in rows.fetchall()]


def event(db: Database, number: int) -> Event:
    """One event. Raises NothingMatched."""
    row = db.execute(f"SELECT {_COLUMNS} FROM audit_events WHERE id = ?", (number,)).fetchone()
    if row is None:
        raise NothingMatched(f"There is no event {number}", fix="payapp audit show lists the newest ones")
    return _event(row)


def rows(db: Database, number: int) -> Iterator[Row]:
    """The rows of an event in their order, in bounded memory."""
    sql = (
        "SELECT event_id, position, subject, subject_id, before, after, rule FROM audit_rows"
        f" WHERE event_id = {'%s' if db.postgres else '?'} ORDER BY position"
    )
    for some in run(db, sql, (number,)):
        for row in some:
            number, position, subject, subject_id, before, after, rule = row
            yield Row(
                number,
                position,
                subject,
                subject_id,
                _said(before),
                _said(after),
                rule,
            )


_WHOLE = (
    "id",
    "at",
    "actor_id",
    "actor",
    "origin",
    "action",
    "detail",
    "row_count",
    "rows_digest",
    "prev_hash",
    "hash",
)


def write(db: Database, out: BinaryIO) -> tuple[int, Head]:
    """The whole trail in one moment of it as JSON lines: each event as it is hashed, then its rows; the head last.

    Returns how many events, and the head.
    """
    encode, count = msgspec.json.encode, 0
    with snapshot(db):
        last = 0
        while found := db.execute(
            f"SELECT {', '.join(_WHOLE)} FROM audit_events WHERE id > ? ORDER BY id LIMIT ?", (last, RUN)
        ).fetchall():
            for one in found:
                last, count = one[0], count + 1
                out.write(encode({"event": dict(zip(_WHOLE, one, strict=True))}) + b"\n")
                out.writelines(encode({"row": row}) + b"\n" for row in (rows(db, last) if one[7] else ()))
        newest_one = head(db)
        out.write(encode({"head": newest_one}) + b"\n")
    return count, newest_one


def _condition(wanted: Wanted) -> tuple[str, list[Any]]:
    asked = {
        "actor = ?": wanted.actor,
        "action = ?": wanted.action,
        "at >= ?": wanted.since,
        "at < ?": wanted.until,
        "id IN (SELECT event_id FROM audit_rows WHERE subject = 'invoice' AND subject_id = ?)": wanted.invoice,
    }
    chosen = {sql: value for sql, value in asked.items() if value is not None}
    return " AND ".join(chosen) or "TRUE", list(chosen.values())


def _event(row: tuple[Any, ...]) -> Event:
    number, at, actor, origin, action, detail, row_count, own_hash = row
    return Event(number, at, actor, origin, action, _said(detail), row_count, own_hash)


def _said(text: str) -> dict[str, Any]:
    """Values as they were recorded; of a text that somebody changed into none, the text."""
    try:
        return audit.detail_of(text)
    except msgspec.MsgspecError:
        return {"unreadable": text}
