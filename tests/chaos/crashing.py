"""One crash at one named point: a worker dies there, the next one finishes, and the ledger is checked."""

from __future__ import annotations

import math
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from chaos import company, points
from chaos.herd import Herd
from chaos.http_erp import ErpProcess
from chaos.postgres import Postgres
from chaos.verdict import Verdict, judge
from chaos.worker_program import Task

from store import db as database
from store import epochs
from store.db import Database
from store.domain.profile import Profile
from store.domain.status import OPEN_JOBS, JobState

# Two bills a parcel. What becomes of the first of each, each time that it arrives.
PLAN = {
    "N-00003": ["refuse"],
    "N-00005": ["lost"],
    "N-00009": ["busy"],
    "N-00011": ["slow"],
    "N-00013": ["dropped"],
}
REFUSED = ["N-00007"]
COUNT = 14
TIMEOUT, LEASE, SETTLE = 0.6, 1.3, 0.15
# Longer than a heartbeat, and shorter than the time-out.
SLOW = (0.5, 0.5)
SECONDS = 30.0
TOGETHER = 10
# Where the worker dies whose successor's own points are crashed at.
FIRST = "post:booked#1"
# So often a point is tried that a run does not pass.
TRIES = 3
OPEN = ", ".join(f"'{state}'" for state in OPEN_JOBS if state is not JobState.PARKED)


@dataclass(frozen=True)
class Crash:
    """What came of a crash at ``point``: whether the worker died there, and what the check found."""

    point: str
    died: bool
    verdict: Verdict

    @property
    def good(self) -> bool:
        """It crashed there, and nothing is twice, lost or wrong."""
        return self.died and self.verdict.good


class Crashes:
    """Crashes on copies of one database with COUNT accepted bills, each with books of its own."""

    def __init__(
        self, herd: Herd, erp: ErpProcess, postgres: Postgres | None, folder: Path, *, enforces_keys: bool
    ) -> None:
        self._herd, self._erp, self._postgres, self._folder = herd, erp, postgres, folder
        self.enforces_keys = enforces_keys
        self.profile: Profile = company.profile(
            enforces_keys=enforces_keys, settle=SETTLE, timeout=TIMEOUT, parcel=2, concurrency=1
        )
        self._template = postgres.empty() if postgres else f"sqlite:{folder / 'payapp.db'}"
        with closing(database.create(self._template)) as db:
            company.found(db, COUNT)
            assert company.Person(db, self.profile, Random(0)).accept(COUNT) == COUNT

    def points(self) -> list[str]:
        """The points that a run without a crash passes, each with its number.

        And those that only a worker passes who comes after a crash, as "post:booked#1 > outbox.expire:before#1".
        """
        clean, after = self._recorded(""), self._recorded(FIRST)
        known = {name_of(point) for point in clean}
        return clean + [f"{FIRST} > {point}" for point in after if name_of(point) not in known]

    def _recorded(self, crash: str) -> list[str]:
        name = f"recorded-{_plain(crash)}"
        record = self._folder / f"{name}.points"
        with self._scene(name) as (db, task):
            self._crash(task, crash)
            task.record = str(record)
            self._finish(task, lambda: self._open(db) == 0)
            verdict = judge(db, self._erp.ledger(self._name(name)))
            assert verdict.good, verdict.told()
        return points.passed(record)

    def _crash(self, task: Task, point: str) -> bool:
        """A worker that dies at the point; whether it did."""
        if not point:
            return False
        task.crash = point
        died = self._herd.wait(self._herd.start(task), SECONDS) == -signal.SIGKILL
        task.crash = ""
        return died

    def at_each(self, names: Sequence[str], *, until: float = math.inf) -> Iterator[Crash]:
        """Crash at each of these points, some of them at the same time; at none after that moment (time.monotonic)."""
        with ThreadPoolExecutor(TOGETHER) as pool:
            tried = pool.map(lambda name: self._reaching(name) if time.monotonic() < until else None, names)
            yield from (crash for crash in tried if crash is not None)

    def _reaching(self, point: str) -> Crash:
        """On a busy machine a run may take another way; the last one counts."""
        for attempt in range(TRIES):
            crash = self.at(point, name=f"{_plain(point)}-{attempt}")
            if crash.died or not crash.verdict.good:
                break
        return crash

    def at(self, point: str, *, name: str = "", off: str = "", **terms: Any) -> Crash:
        """Crash at this point, with something of the protocol switched off where the harness has to find it.

        "": nothing crashes.
        """
        name = name or _plain(point) + off
        with self._scene(name, **terms) as (db, task):
            task.off = off
            died = all(self._crash(task, each) for each in point.split(" > "))
            self._finish(task, lambda: self._open(db) == 0)
            return Crash(point, died, judge(db, self._erp.ledger(self._name(name))))

    def _finish(self, task: Task, ended: Callable[[], bool] = lambda: True) -> None:
        """Workers, one after the other, until nothing is on its way: one ends where the ERP is paused."""
        until = time.monotonic() + SECONDS
        while True:
            pid = self._herd.start(task)
            if self._herd.wait(pid, SECONDS) is None:
                self._herd.send(pid, signal.SIGKILL)
                self._herd.wait(pid, SECONDS)
            if ended() or time.monotonic() > until:
                break
        name = task.erp.rpartition("/")[2]
        while self._erp.state(name)["under_way"] and time.monotonic() < until:
            time.sleep(0.02)

    def _open(self, db: Database) -> int:
        return int(db.execute(f"SELECT count(*) FROM export_jobs WHERE state IN ({OPEN})").fetchone()[0])

    def _name(self, name: str) -> str:
        return f"{self._folder.name}-{name}"

    @contextmanager
    def _scene(self, name: str, **terms: Any) -> Iterator[tuple[Database, Task]]:
        """A copy of the database, books of its own, and the task of a worker between them."""
        given = {"plan": PLAN, "refused": REFUSED, "slow": SLOW, **terms}
        books = self._erp.keep(self._name(name), enforces=self.enforces_keys, **given)
        log = str(self._folder / f"{name}.log")
        with self._copy(name) as url, closing(database.open(url)) as db:
            # What was copied sends nothing until it is adopted.
            epochs.here(db, "copied for one crash")
            yield db, Task(url, books, self.profile, LEASE, log=log, until_idle=True)

    @contextmanager
    def _copy(self, name: str) -> Iterator[str]:
        if self._postgres is None:
            copy = self._folder / f"{name}.db"
            shutil.copy(self._template.removeprefix("sqlite:"), copy)
            yield f"sqlite:{copy}"
            return
        url = self._postgres.copied(self._template)
        try:
            yield url
        finally:
            self._postgres.drop(url)


def name_of(point: str) -> str:
    """The point's name without its number."""
    return point.partition("#")[0]


def _plain(point: str) -> str:
    """The point as a part of a file's name."""
    return re.sub(r"\W", "-", point)
