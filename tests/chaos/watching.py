"""Beside a run: whether the panel is ever ahead of the ledger, and how soon what a killed worker held moves on."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue

from chaos.company import refreshed
from chaos.verdict import Ledger

from store import batches
from store import db as database
from store.db import Database
from store.domain.errors import PayappError
from store.domain.status import JobState

# Between two looks, in seconds: what a recovery is measured too long by, at most.
EVERY = 0.02
# Every so many looks one batch's panel is compared with the ledger.
PANEL_EVERY = 12


@dataclass(frozen=True)
class Recovery:
    """From a worker's kill -9 to the moment when none of its jobs was claimed by it any more.

    ``clean``: nothing else went wrong at that time: no stopped worker, no restart, no step of the clock.
    """

    jobs: int
    seconds: float
    clean: bool


class Watcher:
    """A thread with a connection of its own. Times are of time.monotonic()."""

    def __init__(self, url: str, ledger: Path) -> None:
        self.recoveries: list[Recovery] = []
        self.samples = 0
        self.disagreed: list[str] = []
        self._url = url
        self._ledger = Ledger(ledger)
        self._ended = threading.Event()
        self._fresh: Queue[tuple[int, float]] = Queue()
        self._dead: dict[int, tuple[float, int]] = {}
        self._disturbances: list[tuple[float, float]] = []
        self._thread = threading.Thread(target=self._watch, name="chaos-watcher")
        self._thread.start()

    def killed(self, pid: int, at: float) -> None:
        """The worker of this pid was killed at that time."""
        self._fresh.put((pid, at))

    def disturbed(self, seconds: float, *, since: float | None = None) -> None:
        """For so long from now, or since that moment, something else is wrong too."""
        now = time.monotonic()
        self._disturbances.append((since or now, now + seconds))

    def close(self) -> None:
        """Stop watching."""
        self._ended.set()
        self._thread.join(30)

    def _watch(self) -> None:
        with closing(database.open(self._url)) as db:
            looks = 0
            while not self._ended.wait(EVERY):
                looks += 1
                try:
                    self._look(db)
                    if looks % PANEL_EVERY == 0:
                        self._panel(db)
                except PayappError:
                    refreshed(db)

    def _look(self, db: Database) -> None:
        fresh: list[tuple[int, float]] = []
        with contextlib.suppress(Empty):
            while True:
                fresh.append(self._fresh.get_nowait())
        for pid, at in fresh:
            self._dead[pid] = (at, 0)
        if not self._dead:
            return
        rows = db.execute(
            "SELECT w.pid, count(*) FROM export_jobs j JOIN workers w ON w.id = j.worker"
            f" WHERE j.state = '{JobState.CLAIMED}' GROUP BY w.pid"
        ).fetchall()
        now, held = time.monotonic(), dict(tuple(row) for row in rows)
        for pid, (at, most) in list(self._dead.items()):
            if pid in held:
                self._dead[pid] = (at, max(most, held[pid]))
                continue
            del self._dead[pid]
            # It may have held nothing; then there is nothing to recover.
            if most:
                self.recoveries.append(Recovery(most, now - at, clean=not self._overlaps(at, now)))

    def _overlaps(self, begin: float, end: float) -> bool:
        return any(begin < last and end > first for first, last in self._disturbances)

    def _panel(self, db: Database) -> None:
        """One of the newest batches: what the panel calls done is in the ledger already."""
        shown = batches.recent(db, 3, failures=0)
        # Read after the panel: what it counted was booked before.
        keys = {row["key"] for row in self._ledger.read()}
        for one in shown:
            own = db.execute("SELECT idem_key FROM export_jobs WHERE batch_id = ?", (one.id,)).fetchall()
            having = Counter(row[0] in keys for row in own)[True]
            self.samples += 1
            if one.done > having:
                self.disagreed.append(
                    f"batch {one.id}: the panel shows {one.done} done, the ledger has {having}"
                )
            parts = one.done + one.failed + one.left + one.uncertain + one.parked + one.cancelled
            if parts != one.count:
                self.disagreed.append(f"batch {one.id}: the panel's parts are {parts} of {one.count}")
