"""The desk through a real sshd: what is typed and read over the wire, and a connection that drops."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from desks import count, desks, ended_with, wait_until
from sshd_case import Server, needs_sshd, sshd
from terminal import PAYAPP, Terminal, demo_company

pytestmark = needs_sshd


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("sshd")
    with sshd(folder, {"AuthorizedKeysFile": folder / "user.pub"}) as running:
        yield running


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The settings of a demo company; whatever runs on its books ends with these tests."""
    made = demo_company(tmp_path_factory.mktemp("far") / "demo", 60)
    with ended_with(made):
        yield made


def far_desk(server: Server, settings: Path, term: str) -> Terminal:
    command = server.command(PAYAPP, "--config", str(settings), "--as", "jlopez")
    terminal = Terminal(command, env={"TERM": term})
    terminal.shows(">[ ]")
    return terminal


@pytest.mark.parametrize("term", ["xterm", "screen-256color", "vt100"])
def test_the_whole_way_from_a_filter_to_an_export(server: Server, settings: Path, term: str) -> None:
    synced = count(settings, "synced")
    terminal = far_desk(server, settings, term)
    terminal.press("/drywall\r")
    terminal.shows("Filter: drywall")
    for key in ("Down", "Up", "Space"):
        terminal.press(key)
    terminal.shows("MARKED 1")
    terminal.press("Up")
    terminal.press("Enter")
    terminal.shows("Lines (G703)")
    terminal.press("Escape")
    terminal.shows(">[x]")
    terminal.press("x")
    terminal.shows("Export: ACME BUILDERS")
    terminal.type("y")
    terminal.shows("accepted for export")
    assert b"\x1b[38;" not in terminal.written
    assert b"\x1b[48;" not in terminal.written
    terminal.press("q")
    assert terminal.ended() == 0
    assert b"\x1b[?1049l" in terminal.written
    terminal.close()
    wait_until(lambda: count(settings, "synced") == synced + 1, "the export to be done")


def test_a_connection_that_drops_ends_the_desk_and_not_the_export(server: Server, settings: Path) -> None:
    synced = count(settings, "synced")
    terminal = far_desk(server, settings, "xterm")
    terminal.press(" " * 8)
    terminal.shows("MARKED 8")
    terminal.press("x")
    terminal.shows("Export: ACME BUILDERS")
    terminal.type("y")
    terminal.shows("8 accepted for export")
    assert desks(settings)
    os.kill(terminal.pid, signal.SIGKILL)
    wait_until(lambda: not desks(settings), "the desk to end")
    wait_until(lambda: count(settings, "synced") == synced + 8, "the export to be done")
    terminal.close()
