"""The audit trail: append-only, one chained event per decision, with before and after values per subject.

An event's hash covers its own values, the digest of its rows and the hash of the event before it. The head row is
locked last in the deciding transaction, so that concurrent writers cannot fork the chain.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from store.db import Database
from store.domain.actor import Actor


@dataclass(frozen=True, slots=True)
class Change:
    """One subject of an event: its values before and after, and the rule or limit that applied."""

    subject: str
    subject_id: int
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    rule: str = ""


def _json(value: Any) -> str:
    return msgspec.json.encode(value, order="deterministic").decode()


def record(
    db: Database, actor: Actor, action: str, detail: Mapping[str, Any], changes: Iterable[Change]
) -> int:
    """Append one event to the chain, in the transaction under way; returns its id.

    ``detail`` says what the decision was about (reason, batch, control totals, rule); it and the changes' values
    must be JSON-encodable. Times are the database clock's.
    """
    return append(db, actor.id, actor.login, actor.origin, action, detail, changes)


def append(
    db: Database,
    actor_id: int | None,
    login: str,
    origin: str,
    action: str,
    detail: Mapping[str, Any],
    changes: Iterable[Change],
) -> int:
    """As record(), for who is no user of the Directory: the worker, the set-up."""
    rows = [
        (n, c.subject, c.subject_id, _json(c.before), _json(c.after), c.rule)
        for n, c in enumerate(changes, 1)
    ]
    digest = hashlib.sha256()
    for row in rows:
        digest.update(_json(row).encode() + b"\n")
    # The lock: whoever comes second waits here, and chains to our event.
    head = db.execute(
        "UPDATE audit_head SET event_id = event_id + 1 WHERE id = 1 RETURNING event_id, hash"
    ).fetchone()
    event, previous = int(head[0]), str(head[1])
    at, text = db.now(), _json(detail)
    own = (event, at, actor_id, login, origin, action, text, len(rows), digest.hexdigest(), previous)
    digest_of_event = hashlib.sha256(_json(own).encode()).hexdigest()
    db.execute(
        "INSERT INTO audit_events (id, at, actor_id, actor, origin, action, detail, row_count, rows_digest,"
        " prev_hash, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*own, digest_of_event),
    )
    if rows:
        db.executemany(
            "INSERT INTO audit_rows (event_id, position, subject, subject_id, before, after, rule)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(event, *row) for row in rows],
        )
    db.execute("UPDATE audit_head SET hash = ? WHERE id = 1", (digest_of_event,))
    return event


def detail_of(text: str) -> dict[str, Any]:
    """The detail of an event as it was recorded."""
    return msgspec.json.decode(text, type=dict[str, Any])
