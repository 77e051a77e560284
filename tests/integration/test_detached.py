"""Detached processes, and what is known of processes at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from erp import detached
from erp.lock import LockLostError, WorkerLock
from erp.process import place, proven_dead
from store.high_water import Mark

PROBE = """
import json, os, sys
print("to the log", flush=True)
fds = {int(n): os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{n}")}
said = {"pid": os.getpid(), "sid": os.getsid(0), "fds": fds, "parent": os.getppid()}
with open(sys.argv[1] + ".part", "w") as file:
    json.dump(said, file)
os.rename(sys.argv[1] + ".part", sys.argv[1])
sys.stdin.read()
"""


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_detached_process_has_nothing_of_ours(tmp_path: Path) -> None:
    log, answer = tmp_path / "worker.log", tmp_path / "answer"
    log.write_text("before\n")
    mine, other_end = os.pipe()
    try:
        os.set_inheritable(mine, True)
        pid = detached.start([sys.executable, "-c", PROBE, str(answer)], log)
        wait_for(answer)
    finally:
        os.close(mine)
        os.close(other_end)
    said = json.loads(answer.read_text())
    assert said["pid"] == said["sid"] == pid
    assert said["parent"] != os.getpid()
    assert said["fds"]["0"] == "/dev/null"
    assert said["fds"]["1"] == said["fds"]["2"] == str(log.resolve())
    assert not any(target.startswith("pipe:") for target in said["fds"].values())
    assert log.read_text() == "before\nto the log\n"


def test_what_cannot_be_started_says_why(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="could not be started"):
        detached.start(["/no/such/program"], tmp_path / "worker.log")
    with pytest.raises(OSError, match="could not be started"):
        detached.start([sys.executable, "-c", ""], tmp_path / "no-folder" / "worker.log")


def test_only_a_pid_that_is_gone_from_this_very_place_is_proven_dead() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert not proven_dead(place(), process.pid)
    process.communicate(b"\n")
    assert proven_dead(place(), process.pid)
    assert not proven_dead("elsewhere/00000000", process.pid)
    assert not proven_dead(place().partition("/")[0], process.pid)
    assert not proven_dead(place(), 1)


def test_the_lock_is_one_for_all_names_of_a_database_and_goes_with_its_holder(tmp_path: Path) -> None:
    real, other = tmp_path / "payapp.db", tmp_path / "other.db"
    real.touch()
    other.symlink_to(real)
    first, second = WorkerLock(real), WorkerLock(other)
    assert first.acquire()
    assert first.acquire()
    assert not second.acquire()
    first.release()
    assert second.acquire()
    assert not first.held
    second.release()


@pytest.mark.parametrize("replaced", [False, True])
def test_a_lock_whose_file_is_removed_or_replaced_holds_no_more(tmp_path: Path, replaced: bool) -> None:
    database = tmp_path / "payapp.db"
    first, second = WorkerLock(database), WorkerLock(database)
    assert first.acquire()
    assert (first.held, first.lost) == (True, False)
    first.write(Mark(1, 2, 3, 4))
    first.path.unlink()
    if replaced:
        first.path.write_bytes(b"")
    assert (first.held, first.lost, first.acquire()) == (False, True, False)
    with pytest.raises(LockLostError, match="removed or replaced"):
        first.write(Mark(1, 3, 3, 4))
    assert second.acquire() and second.held
    assert first.path.read_bytes() == b""
