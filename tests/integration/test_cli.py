"""The command line as a script uses it: output, exit codes, refusals."""

import csv
import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from cli_case import PAYAPP, Told
from invoice_factory import HOSTILE, make, state

from store.db import Database

pytest_plugins = ["cli_case"]


def test_list_shows_the_view_with_its_control_totals(company: Database, told: Told) -> None:
    make(company, "101-007")
    make(company, "101-008", application=2)
    code, out, _ = told("--as", "jlopez", "list")
    assert code == 0 and "101-007" in out and "2 invoices   Gross 2,000.00" in out
    code, out, _ = told("--as", "jlopez", "list", "--where", "number:008", "--json")
    record = json.loads(out)
    assert [r["number"] for r in record] == ["101-008"] and record[0]["net"] == "900.00"
    code, out, _ = told("--as", "jlopez", "list", "--csv")
    assert [row["number"] for row in csv.DictReader(io.StringIO(out))] == ["101-007", "101-008"]
    code, out, _ = told("--as", "jlopez", "list", "--view", "failed")
    assert code == 0 and "0 invoices" in out


def test_other_peoples_text_reaches_no_terminal(company: Database, told: Told) -> None:
    number = make(company, "\x1b[2J", vendor=HOSTILE)
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


def test_send_export_reject_say_what_they_did(company: Database, told: Told) -> None:
    first, second = (
        make(company, "1", erp_status="not_sent"),
        make(company, "2", application=2, erp_status="not_sent"),
    )
    assert told("--as", "mgarcia", "send", "1", "2", "--yes")[0] == 0
    code, out, _ = told("--as", "jlopez", "reject", "2", "--reason", "wrong", "--yes", "--json")
    assert code == 0 and json.loads(out)["done"] == [second]
    assert (state(company, first), state(company, second)) == ("ready_to_export", "not_sent")
    assert told("--as", "mgarcia", "retrieve", f"#{first}", "--yes")[0] == 0
    assert state(company, first) == "not_sent"


def test_a_dry_run_changes_nothing(company: Database, told: Told) -> None:
    number = make(company)
    code, out, _ = told("--as", "jlopez", "export", "--all", "--dry-run")
    # It would go, and the sandbox, which knows no such vendor, would refuse it.
    assert code == 3 and "1 would go, 0 would stay" in out and state(company, number) == "ready_to_export"


def test_numbers_come_from_standard_input(
    company: Database, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(company, "1")
    make(company, "2", application=2)
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


def test_who_may_not_gets_exit_5(company: Database, told: Told) -> None:
    number = make(company)
    assert told("--as", "mgarcia", "export", f"#{number}", "--yes")[0] == 5
    assert told("--as", "jlopez", "send", f"#{number}", "--yes")[0] == 5
    assert told("--as", "stranger", "list")[0] == 5
    assert state(company, number) == "ready_to_export"


def test_without_a_terminal_a_decision_needs_yes(
    company: Database, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = make(company)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    code, _, err = told("--as", "jlopez", "export", f"#{number}")
    assert code == 2 and "--yes" in err and state(company, number) == "ready_to_export"


def test_control_totals_that_differ_exit_6(company: Database, told: Told) -> None:
    number = make(company)
    for extra in (["--expect-count", "2"], ["--expect-total", "900.01"]):
        assert told("--as", "jlopez", "export", "--all", "--yes", *extra)[0] == 6
    assert state(company, number) == "ready_to_export"


def test_some_that_stay_exit_3(company: Database, told: Told) -> None:
    make(company, "1")
    own = make(company, "2", application=2, creator="jlopez")
    code, _, err = told("--as", "jlopez", "reject", "--all", "--reason", "x", "--yes")
    assert code == 0
    assert state(company, own) == "not_sent"
    make(company, "3", application=3)
    make(company, "4", application=4, creator="jlopez")
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


def test_a_reader_that_leaves_early_is_no_error(company: Database, place: Path) -> None:
    for n in range(1, 200):
        make(company, f"{n}", application=n)
    first = subprocess.run(
        f"{sys.executable} -m tui.cli --as jlopez list | head -1", shell=True, capture_output=True, text=True,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert first.stderr == "" and first.stdout.startswith("#")


def test_users_are_added_by_a_directory_admin_only(tmp_path: Path, place: Path, told: Told) -> None:
    assert told("--as", "jlopez", "users", "add", "new", "--name", "New")[0] == 5
    config = tmp_path / "real.toml"
    told("--config", config, "init", "--company", "ACME")
    assert (
        told("--config", config, "users", "add", "new", "--name", "New", "--erp", "standard", "--can-push")[0]
        == 0
    )
    assert "new" in told("--config", config, "users", "list")[1]
