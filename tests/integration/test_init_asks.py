"""``payapp init`` on a terminal asks for what it is not told, and looks at each answer; without one it wants flags."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from cli_case import Told
from terminal import PAYAPP, Terminal

from tui import settings

pytest_plugins = ["cli_case"]


def test_without_a_terminal_flags_are_needed(tmp_path: Path, told: Told) -> None:
    code, _, err = told("--config", tmp_path / "payapp.toml", "init")
    assert code == 2 and "--company" in err and "without a terminal" in err
    assert list(tmp_path.iterdir()) == []


def answered(folder: Path, *lines: tuple[str, str]) -> str:
    """What stands on the screen when each question has had its answer."""
    desk = Terminal([PAYAPP, "--config", "payapp.toml", "init"], env={}, cwd=folder, columns=100, rows=40)
    try:
        for question, answer in lines:
            desk.shows(question)
            desk.type(answer, "Enter")
        screen = desk.shows("Next:")
        assert desk.ended() == 0
        return screen
    finally:
        desk.close()


def test_on_a_terminal_it_asks_and_looks_at_each_answer(tmp_path: Path) -> None:
    answered(
        tmp_path, ("to try it out?", "n"), ("Company:", "ACME [/]"), ("Its currency", "usd"), ("Error:", "EUR"),
        ("Which ERP", "sap"), ("There is no ERP profile 'sap'", "files"), ("Its drop folder", "out"),
        ("Your name:", "Ada Admin"), ("Your mail address", "ada"), ("is no mail address", "ada@acme.example"),
    )  # fmt: skip
    assert settings.load(tmp_path / "payapp.toml").erp.options == {"folder": "out"}
    connection = sqlite3.connect(tmp_path / "payapp.db")
    assert connection.execute("SELECT name, currency, erp FROM company").fetchall() == [
        ("ACME [/]", "EUR", "files")
    ]
    assert connection.execute("SELECT name, email FROM users").fetchall() == [
        ("Ada Admin", "ada@acme.example")
    ]
    connection.close()


@pytest.mark.parametrize("address", ["https://tryton.acme.example"])
def test_of_tryton_it_asks_where_it_is(tmp_path: Path, address: str) -> None:
    answered(
        tmp_path, ("to try it out?", "n"), ("Company:", "ACME"), ("Its currency", "USD"), ("Which ERP", "tryton"),
        ("Its address", "acme"), ("is no address", address), ("Its database", "books"), ("user there", "payapp"),
        ("Your name:", "Ada"), ("Your mail address", ""),
    )  # fmt: skip
    options = settings.load(tmp_path / "payapp.toml").erp.options
    assert (options["url"], options["database"], options["user"]) == (address, "books", "payapp")
