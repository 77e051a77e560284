"""Whether the audit trail is as it was written: every event's hash, its chain, its rows, and the head.

A changed byte, a row or event that is missing or in another place is found and located by its event. What was cut off
at the end together with the head shows only against a head that was kept elsewhere: reports and mails print it.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any

from store import audit
from store.db import Database
from store.domain.errors import BadInput, StoreError
from store.snapshot import snapshot
from store.statements import run

# So many events are looked at together.
RUN = 2000
# So many faults are told one by one; of a trail that was changed everywhere the first ones say enough.
TOLD = 1000
_HEAD = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Head:
    """The newest event and its hash; ``text`` is as it is printed: ``1204:9f3c…``, all of its 64 digits."""

    event: int
    hash: str

    @property
    def text(self) -> str:
        """As verify() takes it."""
        return f"{self.event}:{self.hash}"


@dataclass(frozen=True, slots=True)
class Fault:
    """One place where the trail is not as it was written; ``event`` is where, 0: the head."""

    event: int
    cause: str


@dataclass(slots=True)
class Verified:
    """What a verification saw: how many events and rows, the head, and the first faults of ``fault_count``."""

    events: int = 0
    rows: int = 0
    head: Head = field(default_factory=lambda: Head(0, ""))
    faults: list[Fault] = field(default_factory=list)
    fault_count: int = 0

    def add(self, event: int, cause: str) -> None:
        """One fault more."""
        self.fault_count += 1
        if self.fault_count <= TOLD:
            self.faults.append(Fault(event, cause))


def head(db: Database) -> Head:
    """The head now: what reports and mails print. Where somebody removed it, that of an empty trail."""
    row = db.execute("SELECT event_id, hash FROM audit_head WHERE id = 1").fetchone()
    return Head(*row) if row else Head(0, "")


def parse_head(text: str) -> Head:
    """A printed head. Raises BadInput."""
    found = _HEAD.fullmatch(text.strip())
    if found is None:
        raise BadInput(
            f"{text!r} is not a head of the audit trail", fix="Give it as it was printed: EVENT:64 hex digits"
        )
    return Head(int(found[1]), found[2])


# After so many events it is told how far the walk has come.
_TOLD_EACH = 500


def verify(db: Database, kept: Head | None = None, told: Callable[[int], None] | None = None) -> Verified:
    """Walk the whole trail in one moment of it. ``kept``: a head that was printed earlier, which must be in it.

    Bounded memory; others go on writing. ``told`` hears the number of events walked so far.
    """
    try:
        return _walked(db, kept, told)
    except StoreError as error:
        if db.postgres or "UTF-8" not in error.why:
            raise
    # Bytes that no text has were put somewhere: they are read as what no text has, so that their place is told.
    with _any_bytes(db):
        return _walked(db, kept, told)


@contextlib.contextmanager
def _any_bytes(db: Database) -> Iterator[None]:
    connection = db.pw.connection()
    before = connection.text_factory
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    try:
        yield
    finally:
        connection.text_factory = before


def _walked(db: Database, kept: Head | None, told: Callable[[int], None] | None) -> Verified:
    found = Verified()
    with snapshot(db):
        found.head = head(db)
        last, previous, kept_hash = 0, "", None
        for event in _events(db):
            found.events += 1
            if told is not None and not found.events % _TOLD_EACH:
                told(found.events)
            if event[0] < 1:
                found.add(event[0], "it was put there: the first event is 1")
                continue
            _follows(found, event, last, previous)
            last, previous = event[0], event[10]
            if kept is not None and last == kept.event:
                kept_hash = previous
        _ends(found, last, previous)
        _strays(found, db, last)
        if kept is not None and kept_hash != kept.hash:
            was = "is not there any more" if kept_hash is None else "has another hash now"
            found.add(kept.event, f"event {kept.event}, the head that was printed, {was}")
    return found


def _events(db: Database) -> Iterator[Row]:
    """Every event in order, each with the count, digest and places of its rows behind its own columns."""
    columns = "id, at, actor_id, actor, origin, action, detail, row_count, rows_digest, prev_hash, hash"
    last = _LEAST
    while events := db.execute(
        f"SELECT {columns} FROM audit_events WHERE id > ? ORDER BY id LIMIT ?", (last, RUN)
    ).fetchall():
        first, last = events[0][0], events[-1][0]
        of = _rows(db, first, last)
        for event in events:
            yield (*event, *of.get(event[0], (0, _EMPTY, None)))


# No event has this number: SQLite's smallest integer, and PostgreSQL's.
_LEAST = -(2**63)
_EMPTY = hashlib.sha256().hexdigest()
# In place of a row that has bytes which no text has: no row is written so.
_NO_TEXT = b"?\n"


def _rows(db: Database, first: int, last: int) -> dict[int, tuple[int, str, int | None]]:
    """Count and digest of the rows of these events, and the first place that is not filled in order."""
    held = "%s" if db.postgres else "?"
    sql = (
        "SELECT event_id, position, subject, subject_id, before, after, rule FROM audit_rows"
        f" WHERE event_id BETWEEN {held} AND {held} ORDER BY event_id, position"
    )
    rows = (row for some in run(db, sql, (first, last)) for row in some)
    found = {}
    for event, own in groupby(rows, key=itemgetter(0)):
        digest, count, gap = hashlib.sha256(), 0, None
        for row in own:
            count += 1
            if gap is None and row[1] != count:
                gap = count
            digest.update(_line(row[1:]))
        found[event] = (count, digest.hexdigest(), gap)
    return found


def _line(row: Row) -> bytes:
    try:
        return audit.line(row)
    except UnicodeEncodeError:
        return _NO_TEXT


def _hash(own: Row) -> str:
    try:
        return audit.hash_of(own)
    except UnicodeEncodeError:
        return ""


def _follows(found: Verified, event: Row, last: int, previous: str) -> None:
    """Look at one event behind the one before it."""
    number, (count, digest, gap) = event[0], event[11:]
    found.rows += count
    if number != last + 1:
        missing = f"event {last + 1} is" if number == last + 2 else f"events {last + 1} to {number - 1} are"
        found.add(last + 1, f"{missing} missing")
    elif event[9] != previous:
        found.add(number, "it does not follow the event before it: one of them was put there or changed")
    if _hash(event[:10]) != event[10]:
        found.add(number, "its hash is not that of what it says")
    if gap is not None or count != event[7]:
        where = f": row {gap} is missing" if gap is not None else ""
        found.add(number, f"it has {count:,} rows and was written with {_count(event[7])}{where}")
    elif digest != event[8]:
        found.add(number, "one of its rows was changed, or two changed places")


def _ends(found: Verified, last: int, previous: str) -> None:
    head = found.head
    if head.event != last:
        found.add(0, f"the head is event {head.event}, and the last event is {last}")
    elif head.hash != previous:
        found.add(0, f"the head has another hash than event {last}")


def _strays(found: Verified, db: Database, last: int) -> None:
    """Rows of no event, before the first or behind the last; of one that is missing between them its absence is told."""
    for sql in (
        "SELECT min(event_id) FROM audit_rows WHERE event_id < 1",
        "SELECT min(event_id) FROM audit_rows WHERE event_id > ?",
    ):
        number = db.execute(sql, (last,) if "?" in sql else ()).fetchone()[0]
        if number is not None:
            found.add(number, "it has rows and is not there")


def _count(value: object) -> str:
    # SQLite keeps text in a column of numbers too.
    return f"{value:,}" if isinstance(value, int) else repr(value)
