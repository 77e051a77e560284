"""An export outlives the desk that pressed it and the worker that began it: real processes, a real terminal."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from terminal import Terminal

PAYAPP = str(Path(sys.executable).parent / "payapp")
COUNT = 200


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Path]:
    """A demo company of 200 invoices whose sandbox takes 20 ms a bill; the workers started there end with it."""
    folder = tmp_path / "demo"
    subprocess.run([PAYAPP, "demo", "--no-open", "--rows", str(COUNT), "--dir", str(folder)], check=True)
    config = folder / "payapp.toml"
    config.write_text(config.read_text() + "seconds_per_bill = 0.02\n")
    yield folder
    for (pid,) in rows(folder, "SELECT pid FROM workers WHERE stopped_at IS NULL"):
        if str(folder) in cmdline(pid):
            os.kill(pid, signal.SIGTERM)


def cmdline(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode()
    except FileNotFoundError:
        return ""


def rows(folder: Path, sql: str, file: str = "payapp.db") -> list[tuple[int, ...]]:
    connection = sqlite3.connect(folder / file, timeout=30)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def desk(folder: Path) -> Terminal:
    terminal = Terminal([PAYAPP, "--config", str(folder / "payapp.toml"), "--as", "jlopez"])
    terminal.shows("q quit")
    return terminal


def wait(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited for {what}"
        time.sleep(0.05)


def done(folder: Path) -> int:
    return rows(folder, "SELECT count(*) FROM export_jobs WHERE state IN ('done', 'failed')")[0][0]


def parked(folder: Path) -> int:
    return rows(folder, "SELECT count(*) FROM export_jobs WHERE state = 'parked'")[0][0]


def assert_exactly_once(folder: Path, *, waiting: int = 0) -> None:
    """The sandbox's own ledger holds each synced invoice once, and nothing else; amounts equal. ``waiting``: are parked."""
    ledger = rows(folder, "SELECT key, gross FROM bills ORDER BY key", "sandbox.db")
    synced = rows(
        folder,
        "SELECT j.idem_key, printf('%.2f', i.gross / 100.0) FROM invoices i JOIN export_jobs j ON j.invoice_id = i.id"
        " WHERE i.erp_status = 'synced' AND j.state = 'done' ORDER BY j.idem_key",
    )
    assert ledger == synced
    assert rows(folder, "SELECT count(*) FROM export_jobs WHERE state NOT IN ('done', 'failed')") == [
        (waiting,)
    ]


def press_export(terminal: Terminal) -> None:
    terminal.type("A", "x")
    terminal.shows("Export:")
    terminal.press("y")
    terminal.shows("BATCH 1")


@pytest.mark.parametrize("leaving", ["quits", "hangs up"])
def test_the_export_goes_on_without_the_desk_and_a_new_desk_shows_it(demo: Path, leaving: str) -> None:
    first = desk(demo)
    press_export(first)
    wait(lambda: 0 < done(demo) < COUNT, "the middle of the export")
    if leaving == "quits":
        first.press("q")
        assert first.ended() == 0
        first.close()
    else:
        os.close(first.master)
        os.waitpid(first.pid, 0)
    assert done(demo) < COUNT, "the export was over before the desk left: nothing was shown"
    second = desk(demo)
    second.shows("BATCH 1 by jlopez")
    assert f"{COUNT}/{COUNT}  ok" in second.shows(f"{COUNT}/{COUNT}")
    second.close()
    third = desk(demo)
    third.press("b")
    third.shows(f"{COUNT}/{COUNT}  ok")
    third.close()
    assert_exactly_once(demo)


def test_a_killed_worker_is_succeeded_and_nothing_is_booked_twice(demo: Path) -> None:
    terminal = desk(demo)
    press_export(terminal)
    wait(lambda: done(demo) > 20, "the middle of the export")
    [(pid,)] = rows(demo, "SELECT pid FROM workers WHERE stopped_at IS NULL")
    os.kill(pid, signal.SIGKILL)
    assert done(demo) < COUNT
    # What the dead one was sending and the ERP refuses the second time waits for a person: the first may still arrive.
    wait(lambda: done(demo) + parked(demo) == COUNT, "the end of the export")
    assert parked(demo) <= 10
    terminal.shows(f"{done(demo)}/{COUNT}")
    terminal.close()
    assert len(rows(demo, "SELECT id FROM workers")) > 1
    assert_exactly_once(demo, waiting=parked(demo))
