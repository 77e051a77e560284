"""The audit trail: append-only, one chained event per decision, with before and after values per subject.

An event's hash covers its own values, the digest of its rows and the hash of the event before it. The head row is
locked last in the deciding transaction, so that concurrent writers cannot fork the chain.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from types import TracebackType
from typing import Any, NamedTuple, Self

import msgspec

from store.db import Database
from store.domain.actor import Actor


class Change(NamedTuple):
    """One subject of an event: its values before and after, and the rule or limit that applied.

    A struct is for very many subjects with the same values: its fields stand in the order of their names.
    """

    subject: str
    subject_id: int
    before: Mapping[str, Any] | msgspec.Struct
    after: Mapping[str, Any] | msgspec.Struct
    rule: str = ""


# A subject of an event as it is kept: subject, id, before and after as JSON, rule.
Row = tuple[str, int, str, str, str]

_encode = msgspec.json.Encoder(order="deterministic").encode
_lines = msgspec.json.Encoder(order="deterministic").encode_lines
_decode = msgspec.json.Decoder(tuple[int, str, int, str, str, str]).decode
# Rows beyond so many bytes wait on disk.
SPOOLED = 4_000_000


def _json(value: Any) -> str:
    return _encode(value).decode()


def row(
    subject: str,
    number: int,
    before: Mapping[str, Any] | msgspec.Struct,
    after: Mapping[str, Any] | msgspec.Struct,
    rule: str,
) -> Row:
    """A change as it is kept."""
    return subject, number, _encode(before).decode(), _encode(after).decode(), rule


class Trail:
    """The rows of an event that is still growing, in bounded memory. Use it as a context; then record() takes it.

    An event's row is written once, with the digest of its rows, so the rows wait until they are all there; or with
    ``db``, an SQLite database that checks no references in the transaction under way, they stand there before it.
    """

    def __init__(self, db: Database | None = None) -> None:
        self.count = 0
        self._db = db
        # While the write lock is held nobody else takes the next number.
        self.event = db.execute("SELECT event_id + 1 FROM audit_head").fetchone()[0] if db else 0
        self._digest = hashlib.sha256()
        self._spool = tempfile.SpooledTemporaryFile(max_size=SPOOLED)  # noqa: SIM115 - closed with this context

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self._spool.close()

    def add(self, changes: Iterable[Change]) -> None:
        """These subjects belong to the event too."""
        self.add_rows([row(*change) for change in changes])

    def add_rows(self, made: Sequence[Row]) -> None:
        """As add(), of what row() has made."""
        rows = [(at, *one) for at, one in enumerate(made, self.count + 1)]
        self.count += len(rows)
        lines = _lines(rows)
        self._digest.update(lines)
        if self._db is None:
            self._spool.write(lines)
        else:
            _insert(self._db, self.event, rows)

    @property
    def digest(self) -> str:
        """The digest of the rows so far."""
        return self._digest.hexdigest()

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """The rows again, in their order."""
        self._spool.seek(0)
        for line in self._spool:
            yield _decode(line)


def record(
    db: Database, actor: Actor, action: str, detail: Mapping[str, Any], changes: Iterable[Change] | Trail
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
    changes: Iterable[Change] | Trail,
) -> int:
    """As record(), for who is no user of the Directory: the worker, the set-up."""
    if isinstance(changes, Trail):
        return _append(db, (actor_id, login, origin), action, detail, changes)
    with Trail() as trail:
        trail.add(changes)
        return _append(db, (actor_id, login, origin), action, detail, trail)


def _append(
    db: Database, who: tuple[int | None, str, str], action: str, detail: Mapping[str, Any], trail: Trail
) -> int:
    # The lock: whoever comes second waits here, and chains to our event.
    head = db.execute(
        "UPDATE audit_head SET event_id = event_id + 1 WHERE id = 1 RETURNING event_id, hash"
    ).fetchone()
    event, previous = int(head[0]), str(head[1])
    at, text = db.now(), _json(detail)
    own = (event, at, *who, action, text, trail.count, trail.digest, previous)
    digest_of_event = hash_of(own)
    db.execute(
        "INSERT INTO audit_events (id, at, actor_id, actor, origin, action, detail, row_count, rows_digest,"
        " prev_hash, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*own, digest_of_event),
    )
    if trail.event not in {0, event}:
        raise RuntimeError("another event was recorded meanwhile")
    if trail.count and not trail.event:
        db.executemany(f"{_INSERT} (?, ?, ?, ?, ?, ?, ?)", ((event, *kept) for kept in trail.rows()))
    db.execute("UPDATE audit_head SET hash = ? WHERE id = 1", (digest_of_event,))
    return event


def hash_of(own: tuple[Any, ...]) -> str:
    """The hash of an event: id, moment, actor's id, login and origin, action, detail, count and digest of rows, the hash before."""
    return hashlib.sha256(_encode(own)).hexdigest()


def line(row: tuple[Any, ...]) -> bytes:
    """What the digest of an event's rows takes of one: position, subject, its id, before, after, rule."""
    return _lines((row,))


_INSERT = "INSERT INTO audit_rows (event_id, position, subject, subject_id, before, after, rule) VALUES"


def _insert(db: Database, event: int, rows: Sequence[tuple[Any, ...]]) -> None:
    # Several at once: a statement opens every index anew.
    for first in range(0, len(rows), 500):
        some = rows[first : first + 500]
        groups = ", ".join([f"({event}, ?, ?, ?, ?, ?, ?)"] * len(some))
        db.execute(f"{_INSERT} {groups}", tuple(chain.from_iterable(some)))


def detail_of(text: str) -> dict[str, Any]:
    """The detail of an event as it was recorded."""
    return msgspec.json.decode(text, type=dict[str, Any])
