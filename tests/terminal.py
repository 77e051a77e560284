"""A program on a real pty with a real screen behind it (pyte): what a person would type and read."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyte

PAYAPP = str(Path(sys.executable).parent / "payapp")
# What leaves a terminal as a shell expects it: no alternate screen, no mouse, no bracketed paste, a cursor.
RESTORED = (
    b"\x1b[?1049l",
    b"\x1b[?25h",
    b"\x1b[?1000l",
    b"\x1b[?1003l",
    b"\x1b[?2004l",
    b"\x1b[?1004l",
    b"\x1b[<u",
)

KEYS = {
    "Space": " ", "Enter": "\r", "Escape": "\x1b", "Tab": "\t", "Up": "\x1b[A", "Down": "\x1b[B", "Backspace": "\x7f",
    "PgDn": "\x1b[6~", "PgUp": "\x1b[5~", "Home": "\x1b[H", "End": "\x1b[F",
}  # fmt: skip


def demo_company(folder: Path, rows: int = 60, *desk: str) -> Path:
    """A demo company of so many invoices in that folder, with these lines under [desk]; returns its settings file."""
    subprocess.run([PAYAPP, "demo", "--no-open", "--rows", str(rows), "--dir", str(folder)], check=True)
    settings = folder / "payapp.toml"
    if desk:
        with settings.open("a") as file:
            file.write("\n[desk]\n" + "\n".join(desk) + "\n")
    return settings


class Terminal:
    """Starts ``argv`` on a pty. ``patience`` is in seconds: how long to wait for what must come; ``env`` is laid over
    this process's own, None takes a variable away.
    """

    def __init__(
        self, argv: Sequence[str], *, columns: int = 80, rows: int = 24, env: Mapping[str, str | None] | None = None,
        cwd: str | os.PathLike[str] | None = None, patience: float = 30,
    ) -> None:  # fmt: skip
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.patience = patience
        self.written = bytearray()
        # Whether the screen was at rest and nothing has come or gone since.
        self._rested = False
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            # The child never comes back from here, whatever happens.
            try:
                if cwd:
                    os.chdir(cwd)
                # What pytest's processes have in COLUMNS is not this terminal's width.
                laid = {
                    **os.environ,
                    "COLUMNS": None,
                    "LINES": None,
                    "TERM": "xterm-256color",
                    "LC_ALL": "C.UTF-8",
                    "PAYAPP_WELCOME": "no",
                    **(env or {}),
                }
                os.execvpe(argv[0], list(argv), {k: v for k, v in laid.items() if v is not None})
            finally:
                os._exit(127)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def text(self) -> str:
        """The screen as it stands."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    def read(self, seconds: float) -> bool:
        """Take what the program writes within that time; whether there was anything."""
        if not select.select([self.master], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return False
        self._rested = False
        self.written += data
        self.stream.feed(data)
        return bool(data)

    def until(self, condition: Callable[[str], bool], what: str) -> str:
        """Read until the screen meets the condition; returns the screen."""
        end = time.monotonic() + self.patience
        while not condition(self.text()):
            if time.monotonic() > end:
                raise AssertionError(f"waited for {what}; the screen is\n{self.text()}")
            self.read(0.1)
        return self.text()

    def shows(self, text: str) -> str:
        """Wait until the text is on the screen."""
        return self.until(lambda screen: text in screen, repr(text))

    def settle(self, quiet: float = 0.4) -> None:
        """Read until nothing has come for so long: longer than a dialog drops typed-ahead keys."""
        if self._rested and not self.read(0):
            return
        end = time.monotonic() + self.patience
        while self.read(quiet):
            assert time.monotonic() < end, "the program does not come to rest"
        self._rested = True

    def type(self, *keys: str) -> None:
        """Type keys by name, or text, each after the screen has come to rest."""
        for key in keys:
            self.settle()
            self.press(key)
        self.settle()

    def press(self, key: str) -> None:
        """Type one key at once, whatever the screen does."""
        self.feed(KEYS.get(key, key).encode())

    def feed(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._rested = False
        os.write(self.master, data)

    def resize(self, columns: int, rows: int) -> None:
        """Another size, as a window's owner gives it."""
        self._rested = False
        self.screen.resize(rows, columns)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def ended(self) -> int:
        """Wait for the program's end; its exit code."""
        end = time.monotonic() + self.patience
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = 0
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() > end:
                raise AssertionError(f"the program does not end; the screen is\n{self.text()}")
            if self.master < 0 or not self.read(0.05):
                time.sleep(0.02)

    def close(self) -> None:
        """Hang up, and end the program if it is still there."""
        self.hang_up()
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)

    def hang_up(self) -> None:
        """Take the terminal away, once."""
        if self.master >= 0:
            os.close(self.master)
            self.master = -1
