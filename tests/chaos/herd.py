"""The harness's hand on its workers: it starts, kills, stops and continues them, each by its pid, and no others."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from queue import Queue

import msgspec
from chaos.worker_program import Task

PROGRAM = Path(__file__).with_name("worker_program.py")


class Herd:
    """All workers of a run. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._starting = threading.Lock()
        self._started: Queue[int] = Queue()
        self._news = threading.Condition()
        self._codes: dict[int, int] = {}
        self._alive: set[int] = set()
        self._handles: dict[int, int] = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def start(self, task: Task) -> int:
        """Start a worker; its pid."""
        assert self._process.stdin is not None
        with self._starting:
            self._process.stdin.write(msgspec.json.encode(task) + b"\n")
            self._process.stdin.flush()
            return self._started.get(timeout=30)

    def lives(self, pid: int) -> bool:
        """Whether it has not ended yet; a stopped one lives."""
        with self._news:
            return pid in self._alive

    def send(self, pid: int, what: signal.Signals) -> None:
        """Send one of our own workers a signal; nothing where it has ended."""
        with self._news:
            if (handle := self._handles.get(pid)) is not None:
                # By its own handle: a pid may be somebody else's by now.
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(handle, what)

    def wait(self, pid: int, seconds: float) -> int | None:
        """Its exit code, negative for a signal; None when it still runs after so many seconds."""
        until = time.monotonic() + seconds
        with self._news:
            while pid in self._alive:
                if not self._news.wait(max(until - time.monotonic(), 0)):
                    return None
            return self._codes[pid]

    def close(self) -> None:
        """Kill what still runs, and end."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._reader.join(10)
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            word, *numbers = line.decode().split()
            pid = int(numbers[0])
            with self._news:
                if word == "started":
                    self._begun(pid)
                else:
                    self._ended(pid, int(numbers[1]))
                self._news.notify_all()
            if word == "started":
                self._started.put(pid)

    def _begun(self, pid: int) -> None:
        self._alive.add(pid)
        with contextlib.suppress(ProcessLookupError):
            self._handles[pid] = os.pidfd_open(pid)

    def _ended(self, pid: int, code: int) -> None:
        self._alive.discard(pid)
        self._codes[pid] = code
        if (handle := self._handles.pop(pid, None)) is not None:
            os.close(handle)
