"""Desks in other people's terminals: what must be true of them, and the processes that belong to their books."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path


def cmdline(pid: int) -> list[str]:
    """The words of that process; none when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def processes(settings: Path) -> dict[int, list[str]]:
    """The Python processes on those books, and their words."""
    pids = (int(name.name) for name in Path("/proc").iterdir() if name.name.isdigit())
    found = {pid: cmdline(pid) for pid in pids if pid != os.getpid()}
    return {pid: words for pid, words in found.items() if str(settings) in words and "python" in words[0]}


def desks(settings: Path) -> list[int]:
    """The desks that are open on those books."""
    return [pid for pid, words in processes(settings).items() if "worker" not in words]


def wait_until(condition: Callable[[], bool], what: str, patience: float = 30) -> None:
    """Look again and again until it is so."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, f"waited for {what}"
        time.sleep(0.05)


@contextmanager
def ended_with(settings: Path) -> Iterator[None]:
    """What still runs on those books at the end is ended: workers outlive their desks."""
    try:
        yield
    finally:
        for pid in processes(settings):
            os.kill(pid, signal.SIGTERM)


def count(settings: Path, erp_status: str) -> int:
    """How many invoices are in that state."""
    with closing(sqlite3.connect(settings.parent / "payapp.db")) as db:
        query = "SELECT count(*) FROM invoices WHERE erp_status = ?"
        return int(db.execute(query, [erp_status]).fetchone()[0])
