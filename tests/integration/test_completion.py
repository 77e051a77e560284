"""What the shells complete, and the manual page."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cli_case import Told
from invoice_factory import make

from store.db import Database
from tui.cli import COMMANDS

pytest_plugins = ["cli_case"]

SCRIPT = """
payapp() { "$PYTHON" -m tui.cli "$@"; }
eval "$(payapp completion bash)"
compopt() { :; }
env() { command env "${@:1:2}" "$PYTHON" -m tui.cli; }
COMP_LINE=$1 COMP_POINT=${#1}
_payapp_completion payapp
[ ${#COMPREPLY[@]} = 0 ] || printf '%s\\n' "${COMPREPLY[@]}"
"""


def completed(place: Path, line: str) -> list[str]:
    """What bash offers behind that line."""
    done = subprocess.run(
        ["bash", "--norc", "-c", SCRIPT, "bash", line], check=True, capture_output=True, text=True,
        env={"PYTHON": sys.executable, "PATH": "/usr/bin:/bin", "PAYAPP_CONFIG": str(place / "payapp.toml")},
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.fixture
def books(place: Path, company: Database) -> Path:
    """Where the settings of a company with three invoices are."""
    with company.transaction():
        make(company, "101-007")
        make(company, "101-008", vendor="$(touch oops) [/]", commitment="SC-9")
        make(company, "$(reboot)", commitment="SC-9", application=2)
    return place


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("payapp recon", ["reconcile "]),
        ("payapp audit v", ["verify "]),
        ("payapp --as ", ["jlopez ", "kchen ", "mgarcia "]),
        ("payapp --as jlopez export 101-00", ["101-008 ", "101-007 "]),
        ("payapp --as jlopez show 101-007", ["101-007 "]),
        ("payapp --as nobody show 101-00", []),
        ("payapp --as jlopez list --where sta", ["status:"]),
        ("payapp --as jlopez list --where status:fa", ["failed "]),
        ("payapp --as jlopez list --where 'net>10k status:fa", ["net>10k status:failed"]),
        ("payapp --as jlopez list --view sy", ["synced "]),
        # A number that a shell would run is not offered.
        ("payapp --as jlopez show '$", []),
    ],
)
def test_bash_completes_values_too(books: Path, line: str, offered: list[str]) -> None:
    assert sorted(completed(books, line)) == sorted(offered)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_what_a_shell_gets_is_a_script_of_its_own(told: Told, shell: str, tmp_path: Path) -> None:
    code, out, _ = told("completion", shell)
    assert code == 0 and "payapp" in out and f"{shell}_complete" in out
    if shutil.which(shell):
        script = tmp_path / "script"
        script.write_text(out, encoding="utf-8")
        assert subprocess.run([shell, "-n", script], check=False, capture_output=True).stderr == b""


def test_a_shell_must_be_named(told: Told) -> None:
    code, _, err = told("completion")
    assert code == 2 and "payapp completion bash" in err
    code, _, err = told("completion", "tcsh")
    assert code == 2 and "'tcsh' is not one of" in err


def test_the_manual_has_every_command(told: Told) -> None:
    code, out, _ = told("man")
    assert code == 0 and out.startswith(".TH PAYAPP 1")
    assert all(rf".SS payapp {name}".replace("-", r"\-") in out for name in COMMANDS if name != "gateway")
    assert r"payapp export 101\-007 101\-008" in out
    # No line but a request begins like one.
    known = (".TH", ".SH", ".SS", ".PP", ".TP", ".B", ".nf", ".fi")
    assert all(line.startswith(known) for line in out.splitlines() if line[:1] in {".", "'"})
