"""What the desk uses of Textual that Textual does not promise: another version has to be looked at before it is taken."""

from __future__ import annotations

import inspect
import re
from importlib.metadata import version
from pathlib import Path

import pytest
from textual import _ansi_sequences, _xterm_parser
from textual.app import App
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver

from tui.app import DeskApp
from tui.driver import DeskDriver

PROJECT = Path(__file__).parents[2]
LOOK = f"tui/driver.py relies on it; Textual {version('textual')} has it no more: read its drivers/linux_driver.py again"


def source(thing: object) -> str:
    return inspect.getsource(thing)  # type: ignore[arg-type] # modules and classes alike


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (_ansi_sequences, "ANSI_SEQUENCES_KEYS"),
        (_ansi_sequences, "IGNORE_SEQUENCE"),
        (_xterm_parser, "XTermParser"),
        (_xterm_parser.XTermParser, "feed"),
        (_xterm_parser.XTermParser, "tick"),
        (_xterm_parser.XTermParser, "_sequence_to_key_events"),
        (Driver, "process_message"),
        (Driver, "suspend_application_mode"),
        (Driver, "resume_application_mode"),
        (LinuxDriver, "_get_terminal_size"),
        (LinuxDriver, "run_input_thread"),
        (LinuxDriver, "start_application_mode"),
        (LinuxDriver, "close"),
    ],
)
def test_what_the_driver_calls_and_overrides_is_there(owner: object, name: str) -> None:
    assert hasattr(owner, name), f"{name}: {LOOK}"


@pytest.mark.parametrize(
    ("owner", "words"),
    [
        (Driver, "self._app = app"),
        (Driver, "self._debug = debug"),
        (LinuxDriver, "self._file = sys.__stderr__"),
        (LinuxDriver, "WriterThread(self._file)"),
        (LinuxDriver, "self.fileno = "),
        (LinuxDriver, "self.exit_event = Event()"),
        (LinuxDriver, "self.exit_event.set()"),
        (LinuxDriver, "terminal_size = self._get_terminal_size()"),
        (LinuxDriver, "XTermParser(self._debug)"),
        (LinuxDriver, "self.run_input_thread()"),
        (App, "self._driver.close()"),
    ],
)
def test_what_the_driver_sets_is_what_textual_uses(owner: object, words: str) -> None:
    assert words in source(owner), f"{words}: {LOOK}"


def test_only_a_version_that_was_looked_at_is_installed() -> None:
    pinned = re.search(r"^textual==(.+)$", (PROJECT / "constraints.txt").read_text(), re.MULTILINE)
    assert pinned is not None
    assert pinned[1] == version("textual"), f"constraints.txt pins {pinned[1]}: {LOOK}"
    assert '"textual>=8.2,<9"' in (PROJECT / "pyproject.toml").read_text(), LOOK


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def test_a_driver_that_is_closed_leaves_no_pipe_behind(desk_of: object) -> None:
    app = DeskApp(desk_of("jlopez")[0])  # type: ignore[operator] # a fixture
    before = open_files()
    driver = DeskDriver(app)
    driver.close()
    driver.exit_event.set()
    driver.exit_event.clear()
    driver.close()
    assert open_files() == before
    app._feed.close()
