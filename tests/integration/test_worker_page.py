"""docs/worker.md and its unit: the commands run, the log's events are those of the code, the unit starts what there is."""

from __future__ import annotations

import configparser
import re
import shlex
from pathlib import Path

import pytest
from cli_case import Told

from erp.settings import WorkerSettings
from store.db import Database
from tui.cli import run

pytest_plugins = ["cli_case"]

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "worker.md").read_text(encoding="utf-8")
COMMANDS = [
    shlex.split(line, comments=True)
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
]
# A dotted name given to the log, also where it is made of another one.
EVENTS = re.compile(r'(?:eventlog\.\w+\(\s*|_troubled\()"([a-z]+(?:\.[a-z]+)?)"')


@pytest.fixture
def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    # Names of units have capitals.
    parser.optionxform = str  # type: ignore[assignment,method-assign] # as configparser's own docs do it
    parser.read_string((ROOT / "docs" / "payapp-worker.service").read_text(encoding="utf-8"))
    return parser


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_commands_run(company: Database, told: Told, words: list[str]) -> None:
    assert words[0] == "payapp"
    # The one that stays is told to end when there is nothing to do.
    ends = ["--idle-exit", "0.1"] if words[1:] == ["worker"] else []
    acting = ["--as", "jlopez"] if words[1] == "status" else []
    assert told(*acting, *words[1:], *ends)[0] == 0


def test_every_event_of_the_log_is_told() -> None:
    told_of = set(re.findall(r"`([a-z]+(?:\.[a-z]+)?)`", PAGE))
    said = {
        event for file in (ROOT / "erp").rglob("*.py") for event in EVENTS.findall(file.read_text("utf-8"))
    }
    assert len(said) > 15
    assert said <= told_of


def test_the_unit_starts_the_worker_and_lets_it_drain(unit: configparser.ConfigParser) -> None:
    service = unit["Service"]
    program, *words = shlex.split(service["ExecStart"])
    assert Path(program).name == "payapp"
    assert run([*words, "--help"]) == 0
    assert service["KillSignal"] == "SIGTERM"
    assert int(service["TimeoutStopSec"]) > WorkerSettings().lease
    assert service["Environment"].startswith("PAYAPP_CONFIG=")
