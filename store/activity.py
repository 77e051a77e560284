"""Activity: batches, attempts, notices and audit events in one list, the newest first, page by page.

Each of the four is read down its ids, in windows, and the four are merged by time: a page costs the same at any depth of
any number of rows, and needs no index that an export would have to write. Where a filter leaves so little that a page is
not full in time, it says how far back was looked, and the next one goes on there.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time

from store import directory
from store.activity_sources import SOURCES, Asked, Entry, Source
from store.db import Database
from store.domain.actor import Actor
from store.domain.errors import BadInput, NothingMatched
from store.domain.happening import Kind, Wanted
from store.domain.text import one_line
from store.finding import ids_of
from store.snapshot import snapshot

# So many ids are looked through at first; where that costs little, more.
WINDOW, GROWTH = 4_000, 4
LITTLE = 0.02
# So many rows are read at once.
CHUNK = 200
# Ids follow time, but for clocks that step and transactions that overlap: a period begins and ends so much wider.
SLACK_MS = 3_600_000
# Outside of these no time zone's moments can be told.
_FIRST, _LAST = date(1970, 1, 2), date(9999, 12, 30)
# Beyond every id.
_BEYOND = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Place:
    """Where the next page begins: of each kind the ids below these."""

    below: dict[Kind, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries, the newest first, and where the next ones begin.

    ``complete``: there are no more. ``reached``: so far back was looked, in milliseconds UTC, where the time was not
    enough to fill the page; None otherwise.
    """

    entries: tuple[Entry, ...]
    place: Place
    complete: bool
    reached: int | None = None


def page(
    db: Database,
    actor: Actor,
    wanted: Wanted,
    most: int,
    after: Place | None = None,
    seconds: float | None = None,
) -> Page:
    """The newest entries that are wanted, at most so many, behind ``after``; for who may see ERP Integrations.

    ``seconds``: after so long the page ends where it is; None: it is filled however long that takes. Raises
    NotPermitted, BadInput for a user that there is not, NothingMatched for such an invoice.
    """
    actor = directory.refresh(db, actor)
    actor.require_reader()
    until = None if seconds is None else time.monotonic() + seconds
    below = {} if after is None else after.below
    with snapshot(db):
        asked = _asked(db, wanted)
        streams = [
            _Stream(db, source, asked, below.get(source.kind, _BEYOND))
            for source in SOURCES
            if source.kind in wanted.kinds
        ]
        return _merged(streams, most, until)


def _merged(streams: Sequence[_Stream], most: int, until: float | None) -> Page:
    entries: list[Entry] = []
    reached = None
    while len(entries) < most:
        for stream in streams:
            stream.fill(until)
        heads = [stream for stream in streams if stream.waiting]
        # Of one moment the event stands first: it is written last.
        newest = max(heads, key=lambda stream: (stream.waiting[0].at, stream.rank), default=None)
        # What was not looked through may have newer ones down to here.
        open_ = [stream.reached() for stream in streams if not stream.waiting and not stream.ended]
        if open_ and (newest is None or newest.waiting[0].at <= max(open_)):
            reached = max(open_)
            break
        if newest is None:
            break
        entries.append(newest.waiting.pop(0))
    complete = all(stream.ended and not stream.waiting for stream in streams)
    return Page(
        tuple(entries), Place({stream.source.kind: stream.next for stream in streams}), complete, reached
    )


class _Stream:
    """The entries of one kind that are wanted, by id, the highest first."""

    def __init__(self, db: Database, source: Source, asked: Asked, below: int) -> None:
        self.source = source
        self.rank = SOURCES.index(source)
        self.waiting: list[Entry] = []
        self._db, self._asked = db, asked
        self._conditions, self._given = source.conditions(asked)
        highest = db.execute(f"SELECT max(id) FROM {source.table}").fetchone()[0] or 0
        self._below = min(below, highest + 1)
        self._least = 1
        if asked.first is not None:
            self._least = self._first_at(asked.first - SLACK_MS)
        if asked.until is not None:
            self._below = min(self._below, self._first_at(asked.until + SLACK_MS))
        # What an index leads to is not looked for in windows.
        self._window = _BEYOND if asked.invoices else WINDOW

    @property
    def ended(self) -> bool:
        """Whether all of it was looked through."""
        return self._below <= self._least

    @property
    def next(self) -> int:
        """Below which id the next page begins."""
        return self.waiting[0].id + 1 if self.waiting else self._below

    def reached(self) -> int:
        """Down to which moment it was looked through."""
        row = self._db.execute(
            f"SELECT {self.source.at} FROM {self.source.table} WHERE id >= ? ORDER BY id LIMIT 1",
            (self._below,),
        ).fetchone()
        # Nothing was looked at yet: anything may be newer.
        return int(row[0]) if row else _BEYOND

    def fill(self, until: float | None) -> None:
        """Look on until there is one, there are no more, or it is later than ``until``; one window at least."""
        while not self.waiting and not self.ended:
            begun = time.monotonic()
            self._look()
            now = time.monotonic()
            if until is not None and now > until:
                return
            if now - begun < LITTLE:
                self._window = min(self._window * GROWTH, _BEYOND)

    def _look(self) -> None:
        least = max(self._least, self._below - self._window)
        rows = self._db.execute(
            f"{self.source.select} WHERE {self.source.alias}.id < ? AND {self.source.alias}.id >= ?{self._conditions}"
            f" ORDER BY {self.source.alias}.id DESC LIMIT {CHUNK}",
            (self._below, least, *self._given),
        ).fetchall()
        self._db.check()
        self._below = int(rows[-1][0]) if len(rows) == CHUNK else least
        made = map(self.source.entry, rows)
        self.waiting = [entry for entry in made if self._asked.words.spoken_by(entry.text)]

    def _first_at(self, moment: int) -> int:
        """The first id of that moment or later; ids follow time, so it is found by halving."""
        table, at = self.source.table, self.source.at
        low, high = 1, self._below
        while low < high:
            middle = (low + high) // 2
            row = self._db.execute(
                f"SELECT id, {at} FROM {table} WHERE id >= ? ORDER BY id LIMIT 1", (middle,)
            ).fetchone()
            if row is None or row[1] >= moment:
                high = middle
            else:
                low = int(row[0]) + 1
        return low


# -- what is asked for -------------------------------------------------------------------------------------------


def _asked(db: Database, wanted: Wanted) -> Asked:
    """The filter with what its words mean in these books."""
    users: dict[int, str] = {}
    logins: tuple[str, ...] = ()
    if wanted.by:
        known = {row[0]: row[1] for row in db.execute("SELECT id, login FROM users").fetchall()}
        logins = _called(wanted.by, [*known.values(), *directory.NO_PERSON])
        users = {number: login for number, login in known.items() if login in logins}
    invoices = ids_of(db, wanted.invoice) if wanted.invoice else []
    if wanted.invoice and not invoices:
        raise NothingMatched(
            f"There is no invoice {one_line(wanted.invoice)!r}",
            fix="Give its number, or #id; payapp where finds it",
        )
    return Asked(
        outcomes=wanted.outcomes,
        operators=tuple(users) if wanted.by else None,
        logins=logins if wanted.by else None,
        action=wanted.action.lower(),
        invoices=tuple(invoices),
        first=None if wanted.first is None else _midnight(wanted.first),
        until=None
        if wanted.last is None
        else _midnight(min(wanted.last, _LAST - timedelta(days=1)) + timedelta(days=1)),
        words=wanted,
    )


def _called(text: str, logins: Sequence[str]) -> tuple[str, ...]:
    """The logins of that name, case aside; else those that begin so."""
    asked = text.casefold()
    found = [login for login in logins if login.casefold() == asked]
    found = found or [login for login in logins if login.casefold().startswith(asked)]
    if not found:
        raise BadInput(f"There is no user {one_line(text)!r}", fix="payapp users list names them")
    return tuple(found)


def _midnight(day: date) -> int:
    """Where that day begins here, in milliseconds UTC; nothing happened before the first or behind the last that can be told."""
    return int(datetime.combine(min(max(day, _FIRST), _LAST), clock_time.min).astimezone().timestamp() * 1000)


def stamp(db: Database) -> tuple[int, ...]:
    """Another one when anything was added, or a notice or a batch has come further; a few look-ups down indexes."""
    found = [
        int(db.execute(f"SELECT coalesce(max(id), 0) FROM {source.table}").fetchone()[0])
        for source in SOURCES
    ]
    waiting = db.execute("SELECT count(*) FROM notices WHERE state = 'waiting'").fetchone()
    return (*found, int(waiting[0]))


def today(db: Database) -> date:
    """The day it is here, by the database's clock."""
    return datetime.fromtimestamp(db.now() / 1000, UTC).astimezone().date()


def operators(db: Database) -> list[str]:
    """Who the list can be narrowed to: the active users, and those who act without being one."""
    rows = db.execute("SELECT login FROM users WHERE active ORDER BY login").fetchall()
    return [*(row[0] for row in rows), *directory.NO_PERSON]
