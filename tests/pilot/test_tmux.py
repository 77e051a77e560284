"""The desk within tmux and GNU screen: keys arrive, the window is drawn, and detaching changes nothing."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from desks import desks, ended_with, wait_until
from terminal import PAYAPP, Terminal, demo_company

TMUX, SCREEN = shutil.which("tmux"), shutil.which("screen")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = demo_company(tmp_path_factory.mktemp("within") / "demo", 60)
    with ended_with(made):
        yield made


class Tmux:
    """A tmux server of its own, without anybody's configuration."""

    def __init__(self, socket: Path) -> None:
        self._start = [str(TMUX), "-S", str(socket), "-f", "/dev/null"]

    def __call__(self, *words: str) -> str:
        return subprocess.run([*self._start, *words], capture_output=True, text=True, check=True).stdout

    def text(self) -> str:
        return self("capture-pane", "-p")

    def left(self) -> bool:
        """Esc, until the dialog that took no keys at first has gone."""
        self("send-keys", "Escape")
        return "MARKED 2" in self.text()

    def shows(self, text: str) -> None:
        wait_until(lambda: text in self.text(), f"{text!r} in tmux")


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    if not TMUX:
        pytest.skip("needs tmux: apt-get install tmux")
    made = Tmux(tmp_path / "socket")
    yield made
    made("kill-server")


def test_in_tmux_keys_arrive_and_nothing_is_lost_by_detaching(tmux: Tmux, settings: Path) -> None:
    command = shlex.join(["env", "PAYAPP_WELCOME=no", PAYAPP, "--config", str(settings), "--as", "jlopez"])
    tmux("-u", "new-session", "-d", "-x", "80", "-y", "24", command)
    tmux.shows(">[ ]")
    tmux("send-keys", "Space", "Down", "IC")
    tmux.shows("MARKED 2")
    tmux("send-keys", "/")
    tmux("send-keys", "-l", "drywall")
    tmux("send-keys", "Enter")
    tmux.shows("Filter: drywall")
    tmux("send-keys", "\\")
    tmux.shows("60 of 60")
    tmux("send-keys", "F6")
    tmux.shows("Export: ACME BUILDERS")
    tmux.shows("y: export")
    wait_until(tmux.left, "the dialog to be left")
    # Pasted as tmux pastes, with brackets where the program asked for them.
    tmux("set-buffer", "xy")
    tmux("paste-buffer", "-p")
    tmux.shows("Pasted text does nothing")
    tmux("resize-window", "-x", "40", "-y", "10")
    tmux.shows("payapp needs 80x24")
    tmux("resize-window", "-x", "120", "-y", "40")
    tmux.shows("MARKED 2")
    tmux("send-keys", "q")
    wait_until(lambda: not desks(settings), "the desk to end")
    # The last window was the session, and the session the server.
    tmux("new-session", "-d", "sh")


def test_in_screen_keys_arrive(settings: Path, tmp_path: Path) -> None:
    if not SCREEN:
        pytest.skip("needs GNU screen: apt-get install screen")
    (tmp_path / "rc").write_text("startup_message off\n")
    folder = tmp_path / "sockets"
    folder.mkdir(mode=0o700)
    command = [PAYAPP, "--config", str(settings), "--as", "jlopez"]
    terminal = Terminal(
        [SCREEN, "-U", "-c", str(tmp_path / "rc"), "-S", f"payapp{os.getpid()}", *command],
        env={"SCREENDIR": str(folder), "TERM": "xterm"},
    )
    terminal.shows("q quit")
    terminal.shows(">[ ]")
    terminal.type(" ", "\x1b[B", " ")
    terminal.shows("MARKED 2")
    terminal.type("Enter")
    terminal.shows("Lines (G703)")
    # GNU screen would keep Esc for the key after it if the desk asked for the mouse.
    terminal.press("Escape")
    terminal.shows(">[ ]")
    terminal.press("\x1b[17~")
    terminal.shows("Export: ACME BUILDERS")
    terminal.type("Escape")
    terminal.shows("q quit")
    terminal.press("q")
    assert terminal.ended() == 0
    terminal.close()
