"""The desk on a real pty: bursts of keys, poor terminals, hang-ups."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from terminal import Terminal

PAYAPP = str(Path(sys.executable).parent / "payapp")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo company that nobody changes."""
    folder = tmp_path_factory.mktemp("terminal") / "demo"
    subprocess.run([PAYAPP, "demo", "--no-open", "--rows", "60", "--dir", str(folder)], check=True)
    return folder


def desk(demo: Path, *words: str, **env: str) -> Terminal:
    terminal = Terminal([PAYAPP, "--config", str(demo / "payapp.toml"), "--as", "jlopez", *words], env=env)
    terminal.shows("q quit")
    terminal.settle()
    return terminal


@pytest.fixture
def opened(demo: Path) -> Iterator[Terminal]:
    terminal = desk(demo)
    yield terminal
    terminal.close()


def test_keys_typed_in_one_burst_act_one_after_the_other(opened: Terminal) -> None:
    opened.press("/vendor:drywall\r j ")
    opened.shows("Filter: vendor:drywall")
    opened.shows("MARKED 2")


def test_a_burst_that_would_export_does_not(opened: Terminal, demo: Path) -> None:
    opened.press("Axy\ry\r")
    opened.shows("Export:")
    opened.settle()
    assert "Batch" not in opened.text()
    opened.type("Escape")
    opened.shows("Ready 60")


@pytest.mark.parametrize("term", ["xterm", "screen-256color", "vt100", "linux", "putty"])
def test_it_draws_on_every_terminal(demo: Path, term: str) -> None:
    terminal = desk(demo, TERM=term)
    assert "SUBCONTRACTOR INVOICES" in terminal.text()
    # No colours beyond the sixteen, on any of them.
    assert b"[38;2;" not in terminal.written
    assert b"[38;5;" not in terminal.written
    terminal.press("q")
    assert terminal.ended() == 0
    terminal.close()


def test_no_color_sends_no_colour(demo: Path) -> None:
    terminal = desk(demo, NO_COLOR="1")
    import re

    codes = {c for run in re.findall(rb"\x1b\[([0-9;]*)m", bytes(terminal.written)) for c in run.split(b";")}
    assert not codes & {
        str(n).encode() for n in (*range(30, 39), *range(40, 49), *range(90, 98), *range(100, 108))
    }
    terminal.close()


def test_ascii_draws_with_ascii_alone(demo: Path) -> None:
    terminal = desk(demo, "--ascii", LANG="C", LC_ALL="C")
    terminal.type("Space", "x")
    terminal.shows("Export:")
    frame = "".join(c for line in terminal.screen.display for c in line if not c.isascii())
    assert not set(frame) & set("─│┌┐└┘━┃▇█▁")
    terminal.close()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_hang_up_ends_it_and_leaves_the_terminal_as_it_was(demo: Path, number: signal.Signals) -> None:
    terminal = desk(demo)
    os.kill(terminal.pid, number)
    terminal.ended()
    # The alternate screen is left and the cursor shown again.
    assert b"\x1b[?1049l" in terminal.written
    assert b"\x1b[?25h" in terminal.written
    terminal.close()


def test_idle_it_writes_nothing(opened: Terminal) -> None:
    opened.settle()
    before = len(opened.written)
    for _ in range(20):
        opened.read(0.1)
    assert len(opened.written) == before


def test_the_word_of_another_desk_arrives_by_itself(demo: Path, opened: Terminal) -> None:
    opened.shows("Ready 60")
    command = [PAYAPP, "--config", str(demo / "payapp.toml"), "--as", "mgarcia", "retrieve"]
    words = subprocess.run(
        [PAYAPP, "--config", str(demo / "payapp.toml"), "--as", "jlopez", "list", "--plain"],
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    subprocess.run([*command, words[0], "--yes"], check=True, capture_output=True)
    opened.shows("Ready 59")
    subprocess.run(
        [PAYAPP, "--config", str(demo / "payapp.toml"), "--as", "mgarcia", "send", words[0], "--yes"],
        check=True, capture_output=True,
    )  # fmt: skip
    opened.shows("Ready 60")
