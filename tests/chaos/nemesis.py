"""A run with everything that goes wrong at once: workers killed and stopped, the database restarted, the clock stepped.

The nemesis takes its deeds from a list shuffled by the seed; beside it a person accepts, recalls, retries and rejects,
and a watcher looks at the panel's numbers and at what the killed ones held.
"""

from __future__ import annotations

import heapq
import signal
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Literal

from chaos.company import Person, found, profile, refreshed
from chaos.herd import Herd
from chaos.http_erp import ErpProcess
from chaos.postgres import Postgres
from chaos.verdict import Verdict, judge
from chaos.watching import Recovery, Watcher
from chaos.worker_program import Task, skewed

from store import db as database
from store.db import Database
from store.domain.errors import PayappError
from store.domain.status import OPEN_JOBS, JobState

TIMEOUT, LEASE = 0.6, 1.6
WORKERS = 3
# The person's hold, in milliseconds: while it lasts a batch can be recalled whole.
HOLD = 150
# With more on their way nothing new goes wrong for some seconds.
BACKLOG = 250
# So much of a run's time something may go wrong; the rest is for what is on its way then.
RAGING = 0.65
OPEN = ", ".join(f"'{state}'" for state in OPEN_JOBS if state is not JobState.PARKED)
TROUBLE = {
    "lost": 0.05, "late": 0.03, "slow": 0.02, "busy": 0.05, "dropped": 0.03, "refuse": 0.05, "garbage": 0.03,
    "cut": 0.03, "half": 0.02, "foreign": 0.02, "twice": 0.02, "later": 0.03,
}  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """How much of everything. ``keyed``: the ERP enforces keys, and may book whatever it takes arbitrarily late;
    else it books what it takes within the profile's settle, and the look-up is all there is. ``seconds`` is the end.
    """

    jobs: int
    kills: int
    stops: int
    restarts: int = 0
    steps: int = 0
    keyed: bool = True
    seed: str = "1"
    seconds: float = 60.0
    pace: float = 0.12
    off: Literal["", "fence", "look-up", "key"] = ""


@dataclass
class Report:
    """What a run did, and what the check found."""

    plan: Plan
    verdict: Verdict
    seconds: float
    done: dict[str, int]
    moods: dict[str, int]
    recoveries: list[Recovery] = field(default_factory=list)
    samples: int = 0
    disagreed: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Each accepted invoice once in the ledger, and the panel never ahead of it."""
        return self.verdict.good and not self.disagreed

    def told(self) -> str:
        """What is wrong, with the seed that shows it again."""
        return f"seed {self.plan.seed}\n{self.verdict.told()}\n" + "\n".join(self.disagreed[:5])


class Storm:
    """One run. ``server`` is restarted; None: on SQLite."""

    def __init__(
        self, herd: Herd, erp: ErpProcess, server: Postgres | None, folder: Path, plan: Plan
    ) -> None:
        self._herd, self._erp, self._server, self._folder, self._plan = herd, erp, server, folder, plan
        self._chance = Random(plan.seed)
        self._clock = folder / "clock"
        self._clock.write_text("0")
        self._url = server.empty() if server else f"sqlite:{folder / 'payapp.db'}"
        settle = 0.3 if plan.keyed else 1.0
        self.profile = profile(
            enforces_keys=plan.keyed, settle=settle, timeout=TIMEOUT, parcel=5, concurrency=8 if server else 2
        )
        self._name = f"{folder.name}-{plan.seed}"
        late = (TIMEOUT, 3.0) if plan.keyed else (0.1, 0.3)
        self._books = erp.keep(
            self._name, seed=plan.seed, enforces=plan.keyed, moods=TROUBLE, find_trouble=0.08, refuses=0.03, never=0.01,
            takes=(0.005, 0.06), late=late, slow=(TIMEOUT, 1.0),
        )  # fmt: skip
        self._pids: list[int] = []
        self._stopped: list[tuple[float, int]] = []
        self._done = dict.fromkeys(("kills", "stops", "restarts", "steps"), 0)

    def run(self) -> Report:
        """Until everything is done and every job has come to its end, or the time is over."""
        began = time.monotonic()
        with closing(database.create(self._url)) as db:
            found(db, self._plan.jobs, hold_ms=HOLD)
            skewed(db, str(self._clock))
            person = Person(db, self.profile, self._chance)
            watcher = Watcher(self._url, self._erp.ledger(self._name))
            try:
                self._pids = [self._start() for _ in range(WORKERS if self._server else 2)]
                whole = self._rage(db, person, watcher, began + self._plan.seconds * RAGING)
                self._settle(db, person, began + self._plan.seconds, rest=whole)
            finally:
                self._end()
                watcher.close()
            verdict = judge(db, self._erp.ledger(self._name))
            done = self._done | person.done
        if self._server and verdict.good:
            self._server.drop(self._url)
        moods = self._erp.state(self._name)["moods"]
        return Report(
            self._plan, verdict, time.monotonic() - began, done, moods, watcher.recoveries, watcher.samples,
            watcher.disagreed,
        )  # fmt: skip

    # -- the deeds ---------------------------------------------------------------------------------------------

    def _rage(self, db: Database, person: Person, watcher: Watcher, until: float) -> bool:
        """Deed after deed; whether there was time for all of them."""
        plan = self._plan
        deeds: list[Callable[[], None]] = [
            *[lambda: self._kill(db, watcher)] * plan.kills,
            *[lambda: self._stop(db, watcher)] * plan.stops,
            *[lambda: self._restart(db, watcher)] * (plan.restarts if self._server else 0),
            *[lambda: self._step(watcher)] * (0 if self._server else plan.steps),
        ]
        self._chance.shuffle(deeds)
        # The queue lasts until the last deed: each has its share of the jobs before it.
        shares = len(deeds) + 1
        accepted = person.accept(plan.jobs // shares + 1)
        for number, deed in enumerate(deeds, 1):
            if time.monotonic() > until:
                return False
            time.sleep(self._chance.uniform(0, plan.pace))
            self._go_on()
            deed()
            if accepted < plan.jobs * (number + 1) // shares:
                accepted += person.accept(plan.jobs * (number + 1) // shares - accepted)
            if self._chance.random() < 0.6:
                person.meddle(3)
            self._keep_up(db)
        return True

    def _keep_up(self, db: Database) -> None:
        """A machine that is busy with other things gets a moment when too much is on its way."""
        until = time.monotonic() + 5
        while time.monotonic() < until and self._left(db) > BACKLOG:
            self._go_on()
            time.sleep(0.05)

    def _kill(self, db: Database, watcher: Watcher) -> None:
        pid = self._victim(db)
        self._herd.send(pid, signal.SIGKILL)
        watcher.killed(pid, time.monotonic())
        self._herd.wait(pid, 10)
        self._pids.remove(pid)
        self._pids.append(self._start())
        self._done["kills"] += 1

    def _stop(self, db: Database, watcher: Watcher) -> None:
        """Stop one past its lease; it goes on later, and may be killed while it stands still."""
        pid = self._victim(db)
        seconds = LEASE * self._chance.uniform(1.1, 1.8)
        watcher.disturbed(seconds + 0.5)
        self._herd.send(pid, signal.SIGSTOP)
        heapq.heappush(self._stopped, (time.monotonic() + seconds, pid))
        self._done["stops"] += 1

    def _go_on(self, *, all_of_them: bool = False) -> None:
        while self._stopped and (all_of_them or self._stopped[0][0] <= time.monotonic()):
            self._herd.send(heapq.heappop(self._stopped)[1], signal.SIGCONT)

    def _restart(self, db: Database, watcher: Watcher) -> None:
        assert self._server is not None
        began = time.monotonic()
        self._server.restart()
        refreshed(db)
        watcher.disturbed(0.5, since=began)
        self._done["restarts"] += 1

    def _step(self, watcher: Watcher) -> None:
        """The host's clock jumps, to up to two seconds beside the right time."""
        watcher.disturbed(LEASE)
        partial = self._clock.with_suffix(".new")
        partial.write_text(str(self._chance.randrange(-2000, 2000)))
        partial.rename(self._clock)
        self._done["steps"] += 1

    def _victim(self, db: Database) -> int:
        """One that has claims in its hands, where there is one within a second."""
        until = time.monotonic() + 1
        asleep = {pid for _, pid in self._stopped}
        while time.monotonic() < until:
            holding = [pid for pid in _holding(db) if pid in self._pids and pid not in asleep]
            if holding:
                return self._chance.choice(sorted(holding))
            time.sleep(0.01)
        return self._chance.choice(self._pids)

    def _start(self) -> int:
        return self._herd.start(
            Task(
                self._url, self._books, self.profile, LEASE, log=str(self._folder / "workers.log"),
                clock=str(self._clock), off=self._plan.off,
            )
        )  # fmt: skip

    # -- the end -----------------------------------------------------------------------------------------------

    def _settle(self, db: Database, person: Person, until: float, *, rest: bool) -> None:
        """Nothing goes wrong any more but the ERP: accept the rest, retry what was refused, wait for the last job.

        Without time for all deeds the rest of the jobs is left alone.
        """
        self._go_on(all_of_them=True)
        if not self._server:
            self._clock.write_text("0")
        for last in (person.accept, person.retry) if rest else (person.retry,):
            last(self._plan.jobs)
            while time.monotonic() < until and not self._at_rest(db):
                time.sleep(0.1)

    def _at_rest(self, db: Database) -> bool:
        return self._left(db) == 0 and not self._erp.state(self._name)["under_way"]

    def _left(self, db: Database) -> int:
        """How many jobs are on their way; as many as can be while the database is away."""
        try:
            row = db.execute(f"SELECT count(*) FROM export_jobs WHERE state IN ({OPEN})").fetchone()
        except PayappError:
            refreshed(db)
            return sys.maxsize
        return int(row[0])

    def _end(self) -> None:
        self._go_on(all_of_them=True)
        for pid in self._pids:
            self._herd.send(pid, signal.SIGTERM)
        for pid in self._pids:
            if self._herd.wait(pid, 15) is None:
                sys.stderr.write(f"worker {pid} did not end\n")
                self._herd.send(pid, signal.SIGKILL)
                self._herd.wait(pid, 5)
        until = time.monotonic() + 5
        while self._erp.state(self._name)["under_way"] and time.monotonic() < until:
            time.sleep(0.05)


def _holding(db: Database) -> set[int]:
    """The pids of workers that have claims."""
    try:
        rows: list[Any] = db.execute(
            "SELECT DISTINCT w.pid FROM export_jobs j JOIN workers w ON w.id = j.worker"
            f" WHERE j.state = '{JobState.CLAIMED}'"
        ).fetchall()
    except PayappError:
        refreshed(db)
        return set()
    return {row[0] for row in rows}
