"""The desk on a real pty: bursts of keys, poor terminals, hang-ups."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from terminal import PAYAPP, RESTORED, Terminal, demo_company

NAME = "A 大成 Mü"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo company that nobody changes; its first vendor has a name that no ASCII terminal can show."""
    folder = tmp_path_factory.mktemp("terminal") / "demo"
    demo_company(folder)
    with closing(sqlite3.connect(folder / "payapp.db")) as db, db:
        db.execute("UPDATE vendors SET name = ? WHERE name = (SELECT min(name) FROM vendors)", [NAME])
    return folder


def desk(demo: Path, *words: str, **env: str | None) -> Terminal:
    terminal = Terminal([PAYAPP, "--config", str(demo / "payapp.toml"), "--as", "jlopez", *words], env=env)
    terminal.shows("q quit")
    terminal.settle()
    return terminal


@pytest.fixture
def opened(demo: Path) -> Iterator[Terminal]:
    terminal = desk(demo)
    yield terminal
    terminal.close()


def state(demo: Path) -> list[tuple[object, ...]]:
    """What no key of these tests may change."""
    with closing(sqlite3.connect(demo / "payapp.db")) as db:
        found = db.execute("SELECT id, erp_status, outcome, version FROM invoices ORDER BY id").fetchall()
        return [*found, *db.execute("SELECT count(*) FROM batches")]


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


@pytest.mark.parametrize(
    "term", ["xterm", "xterm-256color", "screen", "screen-256color", "vt100", "linux", "putty", "rxvt"]
)
def test_it_draws_on_every_terminal(demo: Path, term: str) -> None:
    terminal = desk(demo, TERM=term, COLORTERM="truecolor", COLUMNS="200")
    assert "SUBCONTRACTOR INVOICES" in terminal.text()
    # No colours beyond the sixteen, on any of them.
    assert b"[38;2;" not in terminal.written
    assert b"[38;5;" not in terminal.written
    terminal.press("q")
    assert terminal.ended() == 0
    terminal.close()


def test_no_color_sends_no_colour(demo: Path) -> None:
    terminal = desk(demo, NO_COLOR="1", COLORTERM="truecolor")
    codes = {c for run in re.findall(rb"\x1b\[([0-9;]*)m", bytes(terminal.written)) for c in run.split(b";")}
    assert not codes & {
        str(n).encode() for n in (*range(30, 39), *range(40, 49), *range(90, 98), *range(100, 108))
    }
    terminal.close()


@pytest.mark.parametrize(
    "env",
    [{"LC_ALL": "C"}, {"LC_ALL": None, "LANG": "C"}, {"LC_ALL": None, "LANG": None}, {"LC_ALL": "POSIX"}],
)
def test_a_locale_without_utf8_gets_ascii_alone(demo: Path, env: dict[str, str | None]) -> None:
    terminal = desk(demo, **env)
    assert "A ???? M?" in terminal.text()
    terminal.type("Space", "x")
    terminal.shows("Export:")
    assert "+-----" in terminal.text()
    assert terminal.written.isascii()
    terminal.close()


def test_with_utf8_names_are_shown_as_they_are(opened: Terminal) -> None:
    assert NAME.encode() in opened.written


def test_ascii_can_be_asked_for(demo: Path) -> None:
    terminal = desk(demo, "--ascii")
    assert terminal.written.isascii()
    terminal.close()


def test_bytes_that_are_no_utf8_are_typed_and_harm_nothing(opened: Terminal) -> None:
    opened.type("/")
    opened.feed(b"\xe9\xff\xc3")
    opened.settle()
    opened.type("zz")
    opened.shows("None of the 60 in Ready to Export matches.")
    opened.type("Enter", "\\")
    opened.shows("60 of 60")


def test_the_mouse_is_asked_for_unless_it_is_the_terminals(demo: Path, opened: Terminal) -> None:
    assert b"\x1b[?1000h" in opened.written
    terminal = desk(demo, "--no-mouse")
    assert not re.search(rb"\x1b\[\?(9|100[0-35-6]|1015|1016)h", bytes(terminal.written))
    terminal.press("q")
    assert terminal.ended() == 0
    terminal.close()


@pytest.mark.parametrize("term", ["dumb", "", None])
def test_a_terminal_that_cannot_draw_is_refused_with_the_command_line_way(
    demo: Path, term: str | None
) -> None:
    terminal = Terminal([PAYAPP, "--config", str(demo / "payapp.toml"), "--as", "jlopez"], env={"TERM": term})
    assert terminal.ended() == 2
    assert "payapp list, export and reject" in re.sub(r"\s+", " ", terminal.text())
    assert b"\x1b" not in terminal.written
    terminal.close()


def test_without_a_terminal_it_is_refused_and_what_it_names_exists() -> None:
    refused = subprocess.run([PAYAPP], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert refused.returncode == 2
    assert "payapp list, export and reject" in refused.stderr
    for word in ("list", "export", "reject"):
        assert subprocess.run([PAYAPP, word, "--help"], capture_output=True).returncode == 0


# -- what arrives ----------------------------------------------------------------------------------------------


def paste(text: str) -> bytes:
    return b"\x1b[200~" + text.encode() + b"\x1b[201~"


def test_pasted_text_never_acts_and_is_text_in_a_box(opened: Terminal, demo: Path) -> None:
    before = state(demo)
    opened.feed(paste("ax y\rq"))
    opened.shows("Pasted text does nothing outside a text box. / opens the filter.")
    assert "MARKED" not in opened.text() or "MARKED 0" in opened.text()
    opened.type("/")
    opened.feed(paste("vendor:\x1b]0;dry\x07\u202ewall\r\nnet>1"))
    opened.shows("vendor:]0;drywall net>1")
    opened.type("Enter", "\\")
    opened.shows("60 of 60")
    opened.type("a", "x")
    opened.shows("Export:")
    opened.feed(paste("y"))
    opened.settle()
    assert "Export:" in opened.text()
    assert state(demo) == before


def test_letters_of_escape_sequences_decide_nothing(opened: Terminal, demo: Path) -> None:
    before = state(demo)
    opened.type("a")
    opened.shows("MARKED")
    for last in map(chr, range(0x3A, 0x7F)):
        if last not in "PQRSTVWXYZ\\]":
            opened.feed(f"\x1bO{last}".encode())
    opened.feed(b"\x1bO2P\x1bO5D\x1b[1;5R\x1b[1;2Q")
    opened.settle()
    # One of them is the keypad's slash, which opens the filter: the foot is that of the place.
    assert "quit" in opened.text()
    assert "Export:" not in opened.text()
    assert state(demo) == before


def test_escape_and_the_key_behind_it_are_two_keys_however_fast(opened: Terminal, demo: Path) -> None:
    before = state(demo)
    opened.feed(b"/drywall\x1bj ")
    opened.shows("MARKED 1")
    opened.feed(b"\x1b3")
    opened.shows("[3 Failed")
    opened.feed(b"\x1b]")
    opened.shows("[4 Synced")
    opened.feed(b"\x1b[")
    opened.shows("[3 Failed")
    opened.feed(b"1")
    opened.shows("MARKED 1")
    # In a question that it leaves the second key decides nothing.
    opened.type("x")
    opened.shows("Export:")
    opened.settle()
    opened.feed(b"\x1by")
    opened.until(lambda screen: "Export:" not in screen, "the question to be left")
    opened.settle()
    assert state(demo) == before
    opened.feed(b"\x1bOw\x1b[15~")
    opened.shows("Everything is read anew.")


@pytest.mark.parametrize(
    ("key", "sequences", "shows"),
    [
        ("F1", (b"\x1bOP", b"\x1b[11~", b"\x1b[[A"), "Keys: ERP Integrations"),
        ("F6", (b"\x1b[17~", b"\x1bOV"), "Export:"),
        ("F8", (b"\x1b[19~", b"\x1bOX"), "They return to the project"),
    ],
)
def test_function_keys_arrive_in_every_dialect(
    opened: Terminal, key: str, sequences: tuple[bytes, ...], shows: str
) -> None:
    opened.type("Space")
    for sequence in sequences:
        opened.feed(sequence)
        opened.shows(shows)
        opened.settle()
        # F12 of xterm, and of PuTTY's VT100+ mode.
        opened.feed(b"\x1b[24~" if sequence.startswith(b"\x1b[") else b"\x1bO]")
        opened.until(lambda screen: shows not in screen, f"{key} to be left")


def test_keys_of_the_keypad_are_its_digits_and_signs(opened: Terminal) -> None:
    opened.feed(b"\x1bOr")
    opened.shows("Nothing is being exported")
    opened.feed(b"\x1bOq")
    opened.shows(">[ ]")
    opened.feed(b"\x1bOM")
    opened.shows("Lines (G703)")


# -- how it goes -----------------------------------------------------------------------------------------------


def is_restored(written: bytearray) -> bool:
    return all(written.rfind(sequence) > written.rfind(b"\x1b[?1049h") for sequence in RESTORED)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_leaves_the_terminal_as_it_was(demo: Path, number: signal.Signals) -> None:
    terminal = desk(demo)
    terminal.type("Space", "x")
    terminal.shows("Export:")
    os.kill(terminal.pid, number)
    assert terminal.ended() == 0
    assert is_restored(terminal.written)
    terminal.close()


def test_a_terminal_that_goes_away_ends_it(demo: Path) -> None:
    terminal = desk(demo)
    terminal.press("j")
    terminal.hang_up()
    terminal.ended()
    terminal.close()


BROKEN = """
import sys
from tui import app, cli
from tui.screens.gestures import GestureScreen
GestureScreen.action_redraw = lambda self: 1 / 0
sys.argv = ["payapp", *sys.argv[1:]]
cli.main()
"""


def test_a_crash_leaves_the_terminal_as_it_was(demo: Path) -> None:
    terminal = Terminal(
        [sys.executable, "-c", BROKEN, "--config", str(demo / "payapp.toml"), "--as", "jlopez"]
    )
    terminal.shows("q quit")
    terminal.settle()
    terminal.feed(b"\x0c")
    assert terminal.ended() == 1
    assert is_restored(terminal.written)
    assert "ZeroDivisionError" in terminal.text()
    terminal.close()


def test_stopped_it_gives_the_terminal_back_and_fg_draws_it_again(demo: Path) -> None:
    command = f"{PAYAPP} --config {demo / 'payapp.toml'} --as jlopez"
    terminal = Terminal(["bash", "--norc", "-i"], env={"PS1": "shell> "})
    terminal.shows("shell>")
    terminal.type(f"{command}\r")
    terminal.shows("q quit")
    terminal.type("Space")
    terminal.shows("MARKED 1")
    for stop in (b"\x1a", "outside"):
        if isinstance(stop, bytes):
            terminal.feed(stop)
        else:
            os.kill(child_of(terminal.pid), signal.SIGTSTP)
        terminal.shows("Stopped")
        terminal.settle()
        assert is_restored(terminal.written)
        terminal.type("echo $((6*7))\r")
        terminal.shows("42")
        terminal.feed(b"fg\r")
        terminal.shows("MARKED 1")
        terminal.shows("SUBCONTRACTOR INVOICES")
    terminal.type("j", "Space")
    terminal.shows("MARKED 2")
    terminal.type("q")
    terminal.shows("shell>")
    assert is_restored(terminal.written)
    terminal.close()


def child_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def test_stopped_for_good_and_continued_it_draws_again(opened: Terminal) -> None:
    os.kill(opened.pid, signal.SIGSTOP)
    os.waitpid(opened.pid, os.WUNTRACED)
    opened.screen.reset()
    os.kill(opened.pid, signal.SIGCONT)
    opened.shows("SUBCONTRACTOR INVOICES")
    opened.type("Space")
    opened.shows("MARKED 1")


def test_what_the_terminal_lost_is_written_again(opened: Terminal) -> None:
    opened.screen.reset()
    opened.feed(b"\x0c")
    for words in ("SUBCONTRACTOR INVOICES", "Filter By", "Nothing marked", "q quit"):
        opened.shows(words)


def test_without_a_shell_there_is_nothing_to_stop_for(opened: Terminal) -> None:
    opened.feed(b"\x1a")
    opened.shows("There is no shell to go to: q quits.")


def test_too_small_and_back_with_a_dialog_open(opened: Terminal, demo: Path) -> None:
    before = state(demo)
    opened.type("Space", "x")
    opened.shows("Export:")
    opened.resize(20, 5)
    opened.until(lambda screen: "payapp needs" in screen, "the smallest size")
    opened.type("y", "Enter", "y")
    opened.resize(80, 24)
    opened.shows("Export:")
    opened.shows("y: export")
    opened.resize(20, 5)
    opened.resize(120, 40)
    opened.shows("y: export")
    assert state(demo) == before
    opened.type("Escape")
    opened.shows("MARKED 1")


def test_after_a_while_without_a_key_it_quits(tmp_path: Path) -> None:
    settings = demo_company(tmp_path / "demo", 5, "idle_minutes = 0.05")
    terminal = Terminal([PAYAPP, "--config", str(settings), "--as", "jlopez"])
    terminal.shows("q quit")
    began = len(terminal.written)
    terminal.type("j")
    assert len(terminal.written) > began
    assert terminal.ended() == 0
    assert is_restored(terminal.written)
    assert "closed, 0.05 minutes without a key. A running export goes on" in terminal.text()
    terminal.close()


def test_a_keymap_counts_everywhere_and_a_wrong_one_keeps_the_desk_shut(tmp_path: Path) -> None:
    settings = demo_company(tmp_path / "demo", 5, 'keymap = "mine.toml"')
    command = [PAYAPP, "--config", str(settings), "--as", "jlopez"]
    (tmp_path / "demo" / "mine.toml").write_text(
        '[keys]\ntable.mark = ["=", "ctrl+t"]\n"list.quit" = ["Z", "f3"]\n'
    )
    shut = Terminal(command)
    assert shut.ended() == 2
    assert "line 3: list.quit takes Z from invoices.recall" in " ".join(shut.text().split())
    assert b"\x1b[?1049h" not in shut.written
    shut.close()
    (tmp_path / "demo" / "mine.toml").write_text(
        '[keys]\ntable.mark = ["=", "ctrl+t"]\n"list.quit" = ["K", "f3"]\n'
    )
    terminal = Terminal(command)
    terminal.shows("= mark")
    terminal.shows("K quit")
    terminal.type("=", " ", "\x14")
    terminal.shows("MARKED 2")
    terminal.type("q")
    terminal.shows("q does nothing here.")
    terminal.type("?")
    for _ in range(5):
        if "= Ctrl+T" not in terminal.text():
            terminal.type("PgDn")
    terminal.shows("= Ctrl+T")
    terminal.type("Escape", "K")
    assert terminal.ended() == 0
    terminal.close()


def test_the_command_shows_and_checks_a_keymap(tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    file.write_text('[keys]\n"table.mrk" = "x"\n"list.quit" = []\n')
    checked = subprocess.run([PAYAPP, "keys", "--check", str(file)], capture_output=True, text=True)
    assert checked.returncode == 2
    assert f"{file}: line 2: there is no action 'table.mrk'" in checked.stderr
    assert "line 3: list.quit has no key" in checked.stderr
    file.write_text('[keys]\n"table.mark" = "="\n')
    assert subprocess.run([PAYAPP, "keys", "--check", str(file)], capture_output=True).returncode == 0
    shown = subprocess.run([PAYAPP, "keys", str(file)], capture_output=True, text=True, check=True).stdout
    assert re.search(r"^table\.mark += ", shown, re.MULTILINE)
    assert re.search(r"^confirm\.commit +y ", shown, re.MULTILINE)


# -- at rest ---------------------------------------------------------------------------------------------------


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
