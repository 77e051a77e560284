"""docs/json.md says what ``--json`` writes: every name that it has, and no other."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from cli_case import Told
from invoice_factory import make

from store.db import Database

pytest_plugins = ["cli_case"]

PAGE = (Path(__file__).parents[2] / "docs" / "json.md").read_text(encoding="utf-8")
NAMES = {
    command: set(re.findall(r"`(\w+)`", names))
    for command, names in re.findall(r"^\| `([a-z ]+)` \|[^|]*\| (.*) \|$", PAGE, re.MULTILINE)
}
# What each needs besides to have something to tell.
WORDS = {"show": ["101-007"], "where": ["101-007"], "export": ["101-007", "--yes"]}


def test_the_page_is_read() -> None:
    assert len(NAMES) == 14 and "net" in NAMES["list"]


@pytest.mark.parametrize("command", sorted(NAMES))
def test_what_is_written_has_the_names_of_the_page(company: Database, told: Told, command: str) -> None:
    make(company, "101-007")
    if command == "holds list":
        assert told("--as", "jlopez", "holds", "place", "101-007", "--reason", "waits", "--yes")[0] == 0
    code, out, err = told("--as", "jlopez", *command.split(), *WORDS.get(command, []), "--json")
    assert code == 0, err
    said = json.loads(out)
    assert set(said[0] if isinstance(said, list) else said) == NAMES[command]
