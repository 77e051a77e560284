"""The walk in README, typed exactly as printed, in a real terminal, with a real mail server and real processes."""

from __future__ import annotations

import os
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mail_server import MailServer
from terminal import Terminal

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where the walk happens; the workers that were started there end with it."""
    yield tmp_path
    for file in tmp_path.glob("*/payapp.db"):
        with sqlite3.connect(file) as connection:
            pids = [row[0] for row in connection.execute("SELECT pid FROM workers WHERE stopped_at IS NULL")]
        connection.close()
        for pid in pids:
            if b"tui.cli" in cmdline(pid) and str(tmp_path).encode() in cmdline(pid):
                os.kill(pid, signal.SIGTERM)


def cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return b""


def blocks(text: str) -> list[tuple[str, list[str]]]:
    """The console and keys blocks of a page, in order."""
    found = re.findall(r"^```(console|keys)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [(kind, body.splitlines()) for kind, body in found]


class Walker:
    """Types a page's commands into one shell environment, and its keys into the desk that the last command opened."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        # As for a reader: the card of a first run comes.
        self.env = {"PAYAPP_WELCOME": "", "PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(folder)}
        self.desk: Terminal | None = None
        self.screens: list[str] = []

    def console(self, lines: list[str]) -> None:
        for line in lines:
            command = line.removeprefix("$ ").replace("127.0.0.1:2525", f"127.0.0.1:{self.port}")
            if command.startswith("export PATH"):
                continue
            if command.startswith("export "):
                name, value = command.removeprefix("export ").split("=", 1)
                self.env[name] = value
                continue
            words = shlex.split(command)
            if words[0] == "payapp" and len(words) == 3 and words[1] == "--as":
                self.desk = Terminal(
                    [str(BIN / "payapp"), *words[1:]], env=self.env, cwd=self.folder, columns=80, rows=24
                )
                self.desk.until(lambda screen: "q quit" in screen or "Five keys" in screen, "the desk")
                continue
            done = subprocess.run(
                words, env={**os.environ, **self.env}, cwd=self.folder, capture_output=True, text=True,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
            assert done.returncode == 0, f"{command}: {done.stderr}"

    def keys(self, lines: list[str]) -> None:
        assert self.desk is not None
        for line in lines:
            keys = re.split(r"\s{2,}", line)[0]
            if keys.startswith("wait: "):
                self.desk.shows(keys.removeprefix("wait: "))
            elif keys.startswith('"'):
                self.desk.type(keys.strip('"'))
            else:
                self.desk.type(*keys.split())
            self.screens.append(self.desk.text())
        if keys == "q":
            assert self.desk.ended() == 0
            self.desk.close()


def test_the_walk_of_the_readme(folder: Path, mail: MailServer) -> None:
    walker = Walker(folder, mail.port)
    parts = blocks((ROOT / "README.md").read_text(encoding="utf-8"))
    assert [kind for kind, _ in parts].count("keys") >= 2
    for kind, lines in parts:
        walker.console(lines) if kind == "console" else walker.keys(lines)
    found = rows(folder / "walk" / "payapp.db", "SELECT number, erp_status FROM invoices")
    states: dict[str, str] = dict(found)
    assert states.pop("201-008") == "ready_to_export", walker.screens
    assert set(states.values()) == {"synced"}, walker.screens[-1]
    numbers = [row[0] for row in rows(folder / "walk" / "sandbox.db", "SELECT number FROM bills")]
    assert len(numbers) == len(set(numbers)) == len(states)
    assert "DELTA-0007" in numbers
    end = time.monotonic() + 30
    # The approver has mails of his own: the daily summary, and what was changed since he rejected it.
    while (
        not (hers := [each for each in mail.messages if "mgarcia@" in each["To"]]) and time.monotonic() < end
    ):
        time.sleep(0.1)
    [message] = hers
    assert "201-008" in message["Subject"]
    assert "Retainage is 5 percent by contract" in message.get_content()


def rows(file: Path, sql: str) -> list[Any]:
    connection = sqlite3.connect(file)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()
