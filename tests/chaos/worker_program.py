"""The harness's workers: real processes, forked from one that has imported everything, to be killed and stopped.

python worker_program.py reads one Task a line and answers "started PID"; when one of its workers ends, "ended PID
CODE", negative for a signal. When its input ends it kills what still runs, and ends.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import selectors
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import msgspec
import psycopg
from chaos import points, switches
from chaos.http_erp import HttpErp

from erp import exporting, worker
from erp.worker import Worker, WorkerSettings
from store import db as database
from store import outcomes
from store.db import Database
from store.domain.errors import StoreError
from store.domain.profile import Profile

__all__ = ["Task", "psycopg", "skewed"]

# Waits that are minutes in the product, in seconds or milliseconds: the run has no time for them.
PATIENCE: dict[ModuleType, dict[str, float]] = {
    outcomes: {"BACKOFF_FIRST_MS": 20, "BACKOFF_MOST_MS": 400},
    worker: {"TROUBLE_FIRST": 0.05, "TROUBLE_MOST": 0.4},
    exporting: {"AGAIN": 0.1, "AT_THE_END": 2.0},
}


class Task(msgspec.Struct):
    """One worker. ``clock``: a file with the milliseconds that this host's clock is wrong by, on SQLite.

    ``record`` is a file for the points it passes, ``crash`` the point at which it kills itself, ``off`` what of the
    protocol is switched off (switches), ``log`` where its log goes.
    """

    url: str
    erp: str
    profile: Profile
    lease: float
    log: str
    until_idle: bool = False
    clock: str = ""
    record: str = ""
    crash: str = ""
    off: str = ""


def skewed(db: Database, clock: str) -> None:
    """Let this database's clock be wrong by what stands in the file; PostgreSQL's own is left alone."""
    if db.postgres or not clock:
        return
    right: Callable[[], int] = db.now
    file = Path(clock)
    db.now = lambda: right() + int(file.read_text() or "0")  # type: ignore[method-assign] # the harness alone does


def work(task: Task) -> None:
    """One worker's life, in its own process."""
    output = os.open(task.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    logging.basicConfig(level=logging.INFO, format=f"%(asctime)s {os.getpid()} %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    for module, waits in PATIENCE.items():
        for name, seconds in waits.items():
            assert hasattr(module, name), f"{module.__name__} has no {name} any more"
            setattr(module, name, seconds)
    passing = points.Points(record=task.record, crash=task.crash)
    if task.record or task.crash:
        passing.watch()
    if task.off == switches.FENCE:
        switches.without_fence()
    asyncio.run(_run(task, passing))


async def _run(task: Task, passing: points.Points) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    db = await _opened(task.url)
    skewed(db, task.clock)
    connector = HttpErp(task.erp, task.profile, reach=passing.reach, **switches.connector_settings(task.off))
    one = Worker(db, connector, None, WorkerSettings(lease=task.lease, poll=0.02))
    await one.run(stop, until_idle=task.until_idle)
    db.close()


async def _opened(url: str) -> Database:
    """The database, however often it is just being restarted."""
    for _ in range(100):
        try:
            return database.open(url)
        except StoreError:
            await asyncio.sleep(0.1)
    return database.open(url)


# -- the process that forks them -----------------------------------------------------------------------------------


class Forge:
    """Forks a worker for each line of its input. One thread, so that a fork copies no lock in use."""

    def __init__(self) -> None:
        self._children: set[int] = set()
        self._input = b""
        self._woken, waker = os.pipe()
        os.set_blocking(waker, False)
        signal.set_wakeup_fd(waker)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> None:
        """Until the input ends."""
        selector = selectors.DefaultSelector()
        selector.register(0, selectors.EVENT_READ)
        selector.register(self._woken, selectors.EVENT_READ)
        while True:
            ready = [key.fd for key, _ in selector.select()]
            if self._woken in ready:
                os.read(self._woken, 4096)
                self._reap()
            if 0 in ready and not self._read():
                break
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)

    def _read(self) -> bool:
        found = os.read(0, 65536)
        self._input += found
        *lines, self._input = self._input.split(b"\n")
        for line in lines:
            self._fork(msgspec.json.decode(line, type=Task))
        return bool(found)

    def _fork(self, task: Task) -> None:
        pid = os.fork()
        if pid:
            self._children.add(pid)
            _say(f"started {pid}")
            return
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.close(0)
            work(task)
            code = 0
        except BaseException:
            logging.getLogger("payapp.worker").exception("the worker fell")
        finally:
            os._exit(code)

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            self._children.discard(pid)
            _say(f"ended {pid} {os.waitstatus_to_exitcode(status)}")


def _say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    gc.freeze()
    Forge().serve()
