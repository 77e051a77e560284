"""The calls under way in the database's reading threads, and how they are given up."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from store.domain.errors import Interrupted

# Seconds between two strikes, of the first and at most; and what one may take.
AGAIN, LONGEST = 0.02, 1.0
PATIENCE = 3.0


@dataclass(slots=True, eq=False)
class _Call:
    connection: Any
    given_up: bool = False
    # Held by a strike, and by the end of the call: the next call is never struck instead of this one.
    striking: threading.Lock = field(default_factory=threading.Lock)
    ended: threading.Event = field(default_factory=threading.Event)


class Calls:
    """At most one call a thread; a call that is given up raises Interrupted at its next statement at the latest."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[str, _Call] = {}
        self._mine = threading.local()

    @contextlib.contextmanager
    def under_way(self, thread: str, connection: Any) -> Iterator[None]:
        """In the thread itself: a call begins and ends."""
        call = _Call(connection)
        self._mine.call = call
        with self._lock:
            self._under_way[thread] = call
        try:
            yield
        finally:
            with self._lock:
                del self._under_way[thread]
            with call.striking:
                call.ended.set()
            self._mine.call = None
            self._mine.struck = call.given_up

    def check(self, *, struck: bool = False) -> None:
        """In the thread itself: raises Interrupted when its call was given up.

        With ``struck`` its statement was ended by somebody: also when the call before was given up, as PostgreSQL
        may hear of that late.
        """
        call = getattr(self._mine, "call", None)
        if call is not None and (call.given_up or (struck and getattr(self._mine, "struck", False))):
            raise Interrupted("It was given up", why="something newer was asked for")

    def interrupt(self, thread: str) -> None:
        """From any thread: give up the call that is under way there, if there is one."""
        with self._lock:
            call = self._under_way.get(thread)
            if call is None or call.given_up or _writes(call.connection):
                return
            call.given_up = True
        # PostgreSQL is told over a connection of its own, which may take a while.
        threading.Thread(target=self._strike, args=(call,), daemon=True).start()

    def _strike(self, call: _Call) -> None:
        """Until the call ends: what strikes between two statements, or just before one begins, is lost."""
        pause = AGAIN
        while not call.ended.is_set():
            # Never under the lock that interrupt() takes: telling PostgreSQL may last.
            with call.striking:
                if call.ended.is_set():
                    return
                if isinstance(call.connection, sqlite3.Connection):
                    call.connection.interrupt()
                else:
                    # Where it cannot be told the call ends by itself, and its result is not used.
                    with contextlib.suppress(Exception):
                        call.connection.cancel_safe(timeout=PATIENCE)
            call.ended.wait(pause)
            pause = min(2 * pause, LONGEST)


def _writes(connection: Any) -> bool:
    return isinstance(connection, sqlite3.Connection) and connection.in_transaction
