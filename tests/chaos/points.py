"""Named points of a worker's way, before and after every commit and every send, and a crash at one of them.

A point is "outbox.claim:before", "outbox.claim:uncommitted" or "outbox.claim:after", with "#n" for its nth time. The
names are those of the functions that the worker runs, so that none is missing that a run passes.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from store.db import Database


class Points:
    """Where this process has been. At ``crash`` it kills itself; ``record`` gets a line for each point."""

    def __init__(self, *, record: str = "", crash: str = "") -> None:
        self._crash = crash
        self._record = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if record else None
        self._passed: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._running = threading.local()

    def reach(self, name: str) -> None:
        """The process is at the point of that name."""
        with self._lock:
            self._passed[name] += 1
            point = f"{name}#{self._passed[name]}"
        if self._record is not None:
            os.write(self._record, f"{point}\n".encode())
        if point == self._crash:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        """From now on every write of every database of this process passes its points."""
        write, transaction, points = Database.write, Database.transaction, self

        async def watched(db: Database, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            name = f"{fn.__module__.rpartition('.')[2]}.{fn.__name__}"

            def passing(db: Database, *args: Any, **kwargs: Any) -> Any:
                points._running.name = name
                points.reach(f"{name}:before")
                try:
                    found = fn(db, *args, **kwargs)
                finally:
                    points._running.name = ""
                points.reach(f"{name}:after")
                return found

            return await write(db, passing, *args, **kwargs)

        @contextlib.contextmanager
        def committing(db: Database) -> Iterator[None]:
            outermost = not db.pw.in_transaction()
            with transaction(db):
                yield
                if outermost and (name := getattr(points._running, "name", "")):
                    points.reach(f"{name}:uncommitted")

        Database.write = watched  # type: ignore[method-assign,assignment] # the harness alone watches it
        Database.transaction = committing  # type: ignore[method-assign,assignment] # likewise


def passed(record: Path) -> list[str]:
    """The points of a recorded run, each once, in the order in which they were reached."""
    return list(dict.fromkeys(record.read_text().split()))
