"""A program on a pty, measured from outside: its start, what a key costs, its memory, and what it does while idle.

Times are milliseconds until the screen shows what was waited for, never until just anything was written: each gesture
comes with a condition on the screen, and Unmeasured is raised where it is not met.
"""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from terminal import Terminal

Condition = Callable[[Sequence[str]], object]

# What a terminal is asked at the start, and what it says: synchronised output is known, nothing else.
_ASKED = re.compile(rb"\x1b\[(?:\?(\d+)\$p|(0?c)|(>0?c)|(6n)|(5n))|\x1b\](1[01]);\?(?:\x07|\x1b\\)")
# What pyte would take for something else.
_PRIVATE = re.compile(rb"\x1b\[[<>=][0-9;]*[a-zA-Z]|\x1b\[\?[0-9;]*\$p|\x1b[=>]")
# A reply has ended when nothing came for so long, in seconds.
QUIET = 0.07


class UnmeasuredError(AssertionError):
    """The screen never showed what was to be measured."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a key cost: ms to the first byte and until it was shown, bytes until silence, ms of CPU, all threads."""

    first: float
    shown: float
    size: int
    cpu: float


@dataclass(frozen=True, slots=True)
class Start:
    """The start: ms until the first text and until what was waited for; ms of CPU and resident memory, in MB, then."""

    text: float
    shown: float
    cpu: float
    memory: float


class Meter(Terminal):
    """Starts ``argv`` on a pty of that size; ``limit`` is how many seconds anything may take."""

    def __init__(
        self, argv: Sequence[str], *, columns: int = 80, rows: int = 24, env: Mapping[str, str] | None = None,
        limit: float = 60,
    ) -> None:  # fmt: skip
        self._begun = time.perf_counter()
        super().__init__(argv, columns=columns, rows=rows, env=env, patience=limit)
        self.ended_early = False

    # -- reading -----------------------------------------------------------------------------------------------

    def take(self, seconds: float) -> tuple[float, bytes] | None:
        """What came first within that time, and when; its questions are answered, the screen is not fed yet."""
        if self.ended_early or not select.select([self.master], [], [], max(0.0, seconds))[0]:
            return None
        try:
            data = os.read(self.master, 65536)
        except OSError:
            data = b""
        now = time.perf_counter()
        if not data:
            self.ended_early = True
            return None
        for asked in _ASKED.finditer(data):
            os.write(self.master, _answer(asked))
        return now, data

    def read(self, seconds: float) -> bool:
        """As Terminal's, with what a terminal answers."""
        chunk = self.take(seconds)
        if chunk:
            self.draw(chunk[1])
        return chunk is not None

    def draw(self, data: bytes) -> None:
        """Bring the screen up to these bytes."""
        self.written += data
        self.stream.feed(_PRIVATE.sub(b"", data))

    def lines(self) -> Sequence[str]:
        """The screen's lines."""
        return [line.rstrip() for line in self.screen.display]

    def picture(self) -> list[object]:
        """The screen's lines with their attributes: what moves a cursor bar writes no other text."""
        looks = []
        for y in range(self.screen.lines):
            line = self.screen.buffer[y]
            looks.append(
                tuple(
                    (c.data, c.reverse, c.bg, c.bold) for c in (line[x] for x in range(self.screen.columns))
                )
            )
        return list(looks)

    # -- measuring ---------------------------------------------------------------------------------------------

    def start(self, condition: Condition, what: str) -> Start:
        """Wait for the first screen, from the moment of the fork."""
        text = shown = 0.0
        while not shown:
            for when, data in self._reply(self._begun, what):
                self.draw(data)
                lines = self.lines()
                if not text and any(lines):
                    text = (when - self._begun) * 1000
                if not shown and condition(lines):
                    shown = (when - self._begun) * 1000
        return Start(text, shown, cpu_ms(self.pid), memory(self.pid)[0])

    def timed(self, key: str, condition: Condition, what: str) -> Reply:
        """Type a key by its name, or text in one write, and wait until the screen meets the condition.

        Raises UnmeasuredError where it never does, or where it met it before: then the key would have shown nothing.
        """
        if condition(self.lines()):
            raise UnmeasuredError(f"{what}: the screen shows it before {key!r} is pressed\n{self.text()}")
        cpu, sent = cpu_ms(self.pid), time.perf_counter()
        self.press(key)
        first = shown = 0.0
        size = 0
        while not shown:
            for when, data in self._reply(sent, f"{what}: {key!r}"):
                first = first or (when - sent) * 1000
                size += len(data)
                self.draw(data)
                if not shown and condition(self.lines()):
                    shown = (when - sent) * 1000
        return Reply(first, shown, size, cpu_ms(self.pid) - cpu)

    def press_untimed(self, key: str) -> None:
        """Type a key and let the program come to rest."""
        self.press(key)
        self.rest()

    def _reply(self, sent: float, what: str) -> list[tuple[float, bytes]]:
        """What comes until it is quiet again. Fed to the screen afterwards only, so that feeding is not measured."""
        chunks: list[tuple[float, bytes]] = []
        while True:
            now = time.perf_counter()
            end = chunks[-1][0] + QUIET if chunks else sent + self.patience
            if now >= end:
                break
            chunk = self.take(end - now)
            if chunk:
                chunks.append(chunk)
            elif self.ended_early:
                break
        if not chunks:
            raise UnmeasuredError(f"{what} was never shown; the screen is\n{self.text()}")
        return chunks

    def rest(self, seconds: float = 0.35) -> None:
        """Let it come to rest: what follows a key later is not the next key's. The end falls into no fixed phase."""
        end = time.perf_counter() + 10
        while self.read(seconds) and time.perf_counter() < end:
            pass
        time.sleep(time.perf_counter_ns() // 1000 % 17 / 1000)

    def idle(self, seconds: float) -> tuple[int, float]:
        """Bytes written and ms of CPU a second while nobody types."""
        self.rest(1.0)
        cpu, size = cpu_ms(self.pid), 0
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0 and not self.ended_early:
            chunk = self.take(left)
            if chunk:
                size += len(chunk[1])
                self.draw(chunk[1])
        if self.ended_early:
            raise UnmeasuredError(f"it ended while idle\n{self.text()}")
        return size, (cpu_ms(self.pid) - cpu) / seconds


def _answer(asked: re.Match[bytes]) -> bytes:
    mode, plain, secondary, place, _, colour = asked.groups()
    if mode:
        return b"\x1b[?" + mode + (b";2$y" if mode == b"2026" else b";0$y")
    if colour:
        return b"\x1b]" + colour + b";rgb:0000/0000/0000\x1b\\"
    if plain:
        return b"\x1b[?62;22c"
    if secondary:
        return b"\x1b[>41;354;0c"
    return b"\x1b[1;1R" if place else b"\x1b[0n"


# -- the process ---------------------------------------------------------------------------------------------------


def family(pid: int) -> list[int]:
    """The process and all that it started."""
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        for children in Path(f"/proc/{one}/task").glob("*/children"):
            try:
                todo += map(int, children.read_text().split())
            except OSError:
                continue
    return found


def cpu_ms(pid: int) -> float:
    """CPU so far in ms, of all threads that live."""
    total = 0.0
    for one in family(pid):
        for stat in Path(f"/proc/{one}/task").glob("*/schedstat"):
            try:
                total += int(stat.read_text().split()[0]) / 1e6
            except (OSError, IndexError):
                continue
    return total


def memory(pid: int) -> tuple[float, float]:
    """Resident memory now and at its peak, in MB, of the process and its children."""
    sums = {"VmRSS": 0, "VmHWM": 0}
    for one in family(pid):
        try:
            status = Path(f"/proc/{one}/status").read_text()
        except OSError:
            continue
        for name, size in re.findall(r"^(VmRSS|VmHWM):\s+(\d+)", status, re.MULTILINE):
            sums[name] += int(size)
    return sums["VmRSS"] / 1024, sums["VmHWM"] / 1024


def bare_interpreter() -> float:
    """What this Python takes to start and end with nothing to do, in ms."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return (time.perf_counter() - begun) * 1000


def plain_environment() -> None:
    """Take out of the environment what would bend the measuring: sizes, colours, and uncompiled modules at each start."""
    for name in (
        "LINES", "COLUMNS", "TMUX", "NO_COLOR", "STY", "COLORTERM", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED",
        "PYTHONPROFILEIMPORTTIME",
    ):  # fmt: skip
        os.environ.pop(name, None)
