"""The command line as a script uses it: output, exit codes, refusals."""

import csv
import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from invoice_factory import HOSTILE, make, state

from store import db as database
from store.db import Database
from tui.cli import COMMANDS, run

Told = Callable[..., tuple[int, str, str]]
PAYAPP = [sys.executable, "-m", "tui.cli"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A demo company without invoices, and its settings file in the environment."""
    folder = tmp_path / "demo"
    assert run(["demo", "--empty", "--dir", str(folder)]) == 0
    monkeypatch.setenv("PAYAPP_CONFIG", str(folder / "payapp.toml"))
    return folder


@pytest.fixture
def books(place: Path) -> Iterator[Database]:
    opened = database.open(f"sqlite:{place / 'payapp.db'}")
    yield opened
    opened.close()


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    """Run a command; returns (exit code, standard output, standard error)."""

    def call(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run([str(word) for word in words])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return code, out, err

    return call


def test_list_shows_the_view_with_its_control_totals(books: Database, told: Told) -> None:
    make(books, "101-007")
    make(books, "101-008", application=2)
    code, out, _ = told("--as", "jlopez", "list")
    assert code == 0 and "101-007" in out and "2 invoices   Gross 2,000.00" in out
    code, out, _ = told("--as", "jlopez", "list", "--where", "number:008", "--json")
    record = json.loads(out)
    assert [r["number"] for r in record] == ["101-008"] and record[0]["net"] == "900.00"
    code, out, _ = told("--as", "jlopez", "list", "--csv")
    assert [row["number"] for row in csv.DictReader(io.StringIO(out))] == ["101-007", "101-008"]
    code, out, _ = told("--as", "jlopez", "list", "--view", "failed")
    assert code == 0 and "0 invoices" in out


def test_other_peoples_text_reaches_no_terminal(books: Database, told: Told) -> None:
    number = make(books, "\x1b[2J", vendor=HOSTILE)
    for words in (
        ["list"],
        ["list", "--plain"],
        ["list", "--csv"],
        ["list", "--json"],
        ["show", f"#{number}"],
    ):
        _, out, err = told("--as", "jlopez", *words)
        assert "\x1b" not in out + err and "\x07" not in out and ("json" in words[-1] or "\u202e" not in out)
    told("--as", "jlopez", "reject", f"#{number}", "--reason", "x", "--yes")
    _, _, err = told("--as", "jlopez", "export", f"#{number}", "--yes")
    assert "\x1b" not in err and "cannot be exported" in err


def test_send_export_reject_say_what_they_did(books: Database, told: Told) -> None:
    first, second = (
        make(books, "1", erp_status="not_sent"),
        make(books, "2", application=2, erp_status="not_sent"),
    )
    assert told("--as", "mgarcia", "send", "1", "2", "--yes")[0] == 0
    code, out, _ = told("--as", "jlopez", "reject", "2", "--reason", "wrong", "--yes", "--json")
    assert code == 0 and json.loads(out)["done"] == [second]
    assert (state(books, first), state(books, second)) == ("ready_to_export", "not_sent")
    assert told("--as", "mgarcia", "retrieve", f"#{first}", "--yes")[0] == 0
    assert state(books, first) == "not_sent"


def test_a_dry_run_changes_nothing(books: Database, told: Told) -> None:
    number = make(books)
    code, out, _ = told("--as", "jlopez", "export", "--all", "--dry-run")
    assert code == 0 and "1 would go, 0 would stay" in out and state(books, number) == "ready_to_export"


def test_numbers_come_from_standard_input(
    books: Database, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(books, "1")
    make(books, "2", application=2)
    monkeypatch.setattr("sys.stdin", io.StringIO("1\n2\n"))
    assert told("--as", "jlopez", "reject", "-", "--reason", "x", "--yes")[1].startswith("2 rejected")


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["export", "--all", "--yes"], 4, "No invoice matches"),
        (["export", "nope", "--yes"], 4, "There is no invoice nope"),
        (["export", "--yes"], 2, "Say which invoices"),
        (["export", "x", "--all", "--yes"], 2, "one way only"),
        (["reject", "--all", "--yes"], 2, "needs a reason"),
        (["reject", "--all", "--yes", "--reason", "  "], 2, "needs a reason"),
        (["list", "--where", "colour:red"], 2, "There is no filter"),
        (["list", "--view", "nowhere"], 2, "Invalid value"),
        (["nonsense"], 2, "No such command"),
        (["import"], 2, "Say which files"),
        (["import", "nothing.json"], 1, "nothing.json"),
        (["show", "#99"], 4, "There is no invoice"),
    ],
)
def test_bad_calls_have_their_sentence_and_code(
    place: Path, told: Told, words: list[str], code: int, sentence: str
) -> None:
    found, _, err = told("--as", "jlopez", *words)
    assert (found, sentence in err) == (code, True), err


def test_who_may_not_gets_exit_5(books: Database, told: Told) -> None:
    number = make(books)
    assert told("--as", "mgarcia", "export", f"#{number}", "--yes")[0] == 5
    assert told("--as", "jlopez", "send", f"#{number}", "--yes")[0] == 5
    assert told("--as", "stranger", "list")[0] == 5
    assert state(books, number) == "ready_to_export"


def test_without_a_terminal_a_decision_needs_yes(
    books: Database, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = make(books)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    code, _, err = told("--as", "jlopez", "export", f"#{number}")
    assert code == 2 and "--yes" in err and state(books, number) == "ready_to_export"


def test_control_totals_that_differ_exit_6(books: Database, told: Told) -> None:
    number = make(books)
    for extra in (["--expect-count", "2"], ["--expect-total", "900.01"]):
        assert told("--as", "jlopez", "export", "--all", "--yes", *extra)[0] == 6
    assert state(books, number) == "ready_to_export"


def test_some_that_stay_exit_3(books: Database, told: Told) -> None:
    make(books, "1")
    own = make(books, "2", application=2, creator="jlopez")
    code, _, err = told("--as", "jlopez", "reject", "--all", "--reason", "x", "--yes")
    assert code == 0
    assert state(books, own) == "not_sent"
    make(books, "3", application=3)
    make(books, "4", application=4, creator="jlopez")
    code, _, err = told("--as", "jlopez", "export", "--all", "--yes")
    assert code == 3 and "stays: 4" in err


def test_as_works_in_demo_databases_only(tmp_path: Path, told: Told) -> None:
    config = tmp_path / "real.toml"
    assert told("--config", config, "init", "--company", "ACME")[0] == 0
    code, _, err = told("--config", config, "--as", "jlopez", "list")
    assert code == 5 and "demo databases only" in err
    assert told("--config", config, "list")[0] == 0
    assert told("--config", config, "init", "--company", "ACME")[0] == 2


def test_a_wrong_settings_file_names_file_and_key(tmp_path: Path, told: Told) -> None:
    config = tmp_path / "bad.toml"
    config.write_text('[database]\nurl = "sqlite:x.db"\nurll = 1\n')
    code, _, err = told("--config", config, "list")
    assert code == 2 and "bad.toml" in err and "urll" in err
    code, _, err = told("--config", tmp_path / "none.toml", "list")
    assert code == 2 and "payapp init" in err


def test_an_interrupt_exits_130(books: Database, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("store.invoices.listing", interrupted)
    assert run(["--as", "jlopez", "list"]) == 130


def test_without_a_terminal_the_desk_names_the_command_line(place: Path) -> None:
    done = subprocess.run(
        [*PAYAPP, "--as", "jlopez"], capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 2 and "payapp list" in done.stderr and "Traceback" not in done.stderr


def test_a_dumb_terminal_is_refused(place: Path) -> None:
    parent, child = pty.openpty()
    done = subprocess.run(
        [*PAYAPP, "--as", "jlopez"], stdin=child, stdout=child, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "TERM": "dumb"},
    )  # fmt: skip
    os.close(parent)
    os.close(child)
    assert done.returncode == 2 and "TERM is dumb" in done.stderr


def test_a_reader_that_leaves_early_is_no_error(books: Database, place: Path) -> None:
    for n in range(1, 200):
        make(books, f"{n}", application=n)
    first = subprocess.run(
        f"{sys.executable} -m tui.cli --as jlopez list | head -1", shell=True, capture_output=True, text=True,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert first.stderr == "" and first.stdout.startswith("#")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_has_its_example_and_fits_80_columns(told: Told, command: str) -> None:
    code, out, _ = told(command, "--help")
    assert code == 0 and max(map(len, out.splitlines())) <= 80
    assert f"payapp {command}" in out or command == "users"


def test_users_are_added_by_a_directory_admin_only(tmp_path: Path, place: Path, told: Told) -> None:
    assert told("--as", "jlopez", "users", "add", "new", "--name", "New")[0] == 5
    config = tmp_path / "real.toml"
    told("--config", config, "init", "--company", "ACME")
    assert (
        told("--config", config, "users", "add", "new", "--name", "New", "--erp", "standard", "--can-push")[0]
        == 0
    )
    assert "new" in told("--config", config, "users", "list")[1]


def test_status_tells_where_everything_stands(books: Database, told: Told) -> None:
    make(books)
    code, out, _ = told("status", "--json")
    assert code == 0 and json.loads(out)["views"]["ready"] == 1
    assert "[DEMO]" in told("status")[1]
