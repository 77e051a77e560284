"""make chaos: the long run on both databases, and a table of what was done and what was found.

python tests/chaos/run.py [--jobs 10000] [--kills 500] [--stops 60] [--restarts 50] [--steps 60] [--seed N]
    [--minutes 60] [--databases sqlite postgres] [--only points storms]

Half of each database's jobs go to an ERP that enforces keys, the other half to one that does not. It ends by itself:
after so many minutes no more is broken, and what is on its way gets the time to end. The exit code is 1 where anything
is twice, lost or wrong.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from chaos.crashing import Crash, Crashes
from chaos.herd import Herd
from chaos.http_erp import ErpProcess
from chaos.nemesis import LEASE, Plan, Report, Storm
from chaos.postgres import Postgres

LOST = ("lost", "late", "slow", "dropped", "garbage", "cut", "half", "foreign", "twice")
COLUMNS = (
    "database", "ERP", "jobs", "kills", "stops", "restarts", "clock steps", "replies lost", "booked", "parked",
    "twice", "lost", "unfinished", "wrong", "panel", "wall s", "recovery s: median", "worst", "n", "worst beside other trouble", "seed",
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, number in (("jobs", 10_000), ("kills", 500), ("stops", 60), ("restarts", 50), ("steps", 60)):
        parser.add_argument(f"--{name}", type=int, default=number)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", default=str(random.randrange(10**6)))
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgres"])
    parser.add_argument("--only", nargs="+", default=["points", "storms"])
    parser.add_argument("--keep", action="store_true", help="keep the databases, ledgers and logs")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="payapp-chaos-run-"))
    say(f"seed {given.seed}, {folder}")
    herd, erp = Herd(), ErpProcess(folder)
    server = Postgres() if "postgres" in given.databases else None
    run = Run(given, folder, herd, erp, server)
    try:
        good = run.all()
    finally:
        herd.close()
        erp.close()
        if server:
            server.close()
    if good and not given.keep:
        shutil.rmtree(folder)
    return 0 if good else 1


class Run:
    """What the arguments ask for, over the processes of this run."""

    def __init__(
        self, given: argparse.Namespace, folder: Path, herd: Herd, erp: ErpProcess, server: Postgres | None
    ) -> None:
        self._given, self._folder, self._herd, self._erp, self._server = given, folder, herd, erp, server
        self._until = time.monotonic() + given.minutes * 60
        self._crashed: list[tuple[str, str, list[Crash]]] = []
        self._stormed: list[tuple[str, Report]] = []
        self._one = threading.Lock()

    def all(self) -> bool:
        """Both kinds of ERP, one after the other, the databases beside each other; whether all of it was good."""
        with ThreadPoolExecutor(2) as pool:
            for keyed in (False, True):
                for name, part in (("points", self._points), ("storms", self._storm)):
                    if name in self._given.only:
                        list(pool.map(part, self._given.databases, [keyed] * len(self._given.databases)))
        self._tell()
        crashes = [crash for _, _, found in self._crashed for crash in found]
        return all(crash.good for crash in crashes) and all(report.good for _, report in self._stormed)

    def _points(self, database: str, keyed: bool) -> None:
        crashes = Crashes(
            self._herd,
            self._erp,
            self._on(database),
            self._own("points", database, keyed),
            enforces_keys=keyed,
        )
        names = crashes.points()
        random.Random(self._given.seed).shuffle(names)
        # A quarter of the time for each kind of ERP; the storms have the rest.
        until = time.monotonic() + self._given.minutes * 60 / 4
        tried = list(crashes.at_each(names, until=until))
        # What happens at another moment in each run, such as a heartbeat, may not come so often again.
        found = [crash for crash in tried if crash.died or not crash.verdict.good]
        with self._one:
            self._crashed.append((database, erp_of(keyed), found))
            for crash in found:
                if not crash.good:
                    say(f"{database}, {erp_of(keyed)}, {crash.point}: {crash.verdict.told()}")

    def _storm(self, database: str, keyed: bool) -> None:
        given = self._given
        left = self._until - time.monotonic()
        plan = Plan(
            jobs=given.jobs // 2, kills=given.kills // 2, stops=given.stops // 2, restarts=given.restarts // 2,
            steps=given.steps // 2, keyed=keyed, seed=f"{given.seed}{'k' if keyed else 'l'}",
            # The look-up's half comes first.
            seconds=max(left if keyed else left / 2, 30.0),
        )  # fmt: skip
        report = Storm(
            self._herd, self._erp, self._on(database), self._own("storm", database, keyed), plan
        ).run()
        with self._one:
            self._stormed.append((database, report))
            say(f"{database}, {erp_of(keyed)}: {report.done}, {report.verdict.states}, {report.moods}")
            if not report.good:
                say(report.told())

    def _on(self, database: str) -> Postgres | None:
        return self._server if database == "postgres" else None

    def _own(self, kind: str, database: str, keyed: bool) -> Path:
        own = self._folder / f"{kind}-{database}-{'keys' if keyed else 'look-up'}"
        own.mkdir()
        return own

    def _tell(self) -> None:
        for database, erp, found in self._crashed:
            bad = [crash.point for crash in found if not crash.good]
            say(f"{database}, {erp}: crashed at {len(found)} points, bad: {bad or 'none'}")
        if self._stormed:
            say(f"\n| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
            for database, report in self._stormed:
                say(f"| {' | '.join(row_of(database, report))} |")
            say(
                f"\nRecovery: from kill -9 until the queue has moved on with all its jobs; lease + 1 s is {LEASE + 1:.1f} s."
            )


def row_of(database: str, report: Report) -> list[str]:
    """A run's row of the table."""
    states, moods, verdict = Counter(report.verdict.states), Counter(report.moods), report.verdict
    clean = [one.seconds for one in report.recoveries if one.clean]
    others = [one.seconds for one in report.recoveries if not one.clean]
    values = (
        database, erp_of(report.plan.keyed), verdict.jobs, report.done["kills"], report.done["stops"],
        report.done["restarts"], report.done["steps"], sum(moods[mood] for mood in LOST), verdict.booked,
        states["parked"], len(verdict.duplicates), len(verdict.lost), len(verdict.unfinished), len(verdict.wrong),
        f"{report.samples - len(report.disagreed)}/{report.samples}", f"{report.seconds:.0f}",
        f"{median(clean):.2f}" if clean else "", f"{max(clean):.2f}" if clean else "", len(clean),
        f"{max(others):.2f}" if others else "", report.plan.seed,
    )  # fmt: skip
    return [f"{value:,}" if isinstance(value, int) else str(value) for value in values]


def erp_of(keyed: bool) -> str:
    """What the ERP can do."""
    return "keys" if keyed else "look-up alone"


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
