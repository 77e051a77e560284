"""The command line on a demo company: what its tests stand on. A plugin: ``pytest_plugins = ["cli_case"]``.

PYTEST_DONT_REWRITE: tests import its names as well.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from store import db as database
from store.db import Database
from tui.cli import run

Told = Callable[..., tuple[int, str, str]]
PAYAPP = [sys.executable, "-m", "tui.cli"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A demo company without invoices, and its settings file in the environment; this process starts no worker."""
    monkeypatch.setattr("tui.bootstrap.start_worker", lambda _books: False)
    folder = tmp_path / "demo"
    assert run(["demo", "--empty", "--dir", str(folder)]) == 0
    monkeypatch.setenv("PAYAPP_CONFIG", str(folder / "payapp.toml"))
    return folder


@pytest.fixture
def company(place: Path) -> Iterator[Database]:
    """The open database of that company."""
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
