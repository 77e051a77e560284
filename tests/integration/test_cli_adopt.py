"""payapp adopt, status and the worker's command on copied books."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_case import Told
from invoice_factory import make

from store import db as database
from store.db import Database

pytest_plugins = ["cli_case"]


@pytest.fixture
def copy(place: Path, company: Database, told: Told, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A copy of the demo's folder with one queued invoice, as the settings name it from here on."""
    make(company)
    assert told("--as", "jlopez", "export", "101-001", "--yes")[0] == 0
    shutil.copytree(place, place.parent / "copy")
    monkeypatch.setenv("PAYAPP_CONFIG", str(place.parent / "copy" / "payapp.toml"))
    opened = database.open(f"sqlite:{place.parent / 'copy' / 'payapp.db'}")
    yield opened
    opened.close()


def test_a_fresh_demo_is_at_its_place(place: Path, told: Told) -> None:
    code, out, _ = told("--as", "jlopez", "status")
    assert code == 0 and "Nothing is sent" not in out
    assert json.loads(told("--as", "jlopez", "status", "--json")[1])["nothing_is_sent"] == ""


def test_status_and_export_say_what_a_copy_is_and_what_to_do(copy: Database, told: Told) -> None:
    out = told("--as", "jlopez", "status")[1]
    assert "Nothing is sent from this database" in out and "payapp adopt" in out
    assert "payapp adopt" in json.loads(told("--as", "jlopez", "status", "--json")[1])["nothing_is_sent"]
    make(copy, "101-002", application=2)
    code, _, err = told("--as", "jlopez", "export", "101-002", "--yes")
    assert code == 1 and "payapp adopt" in err
    assert told("--as", "jlopez", "recall", "101-001", "--yes")[0] == 0


def test_a_worker_on_a_copy_sends_nothing_and_leaves(
    copy: Database, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    copy.execute("UPDATE export_jobs SET run_at = 0")
    assert told("worker", "--until-idle")[0] == 0
    assert "worker.displaced" in caplog.text
    assert copy.execute("SELECT sum(sends), max(attempt) FROM export_jobs").fetchone() == (0, 0)


def test_adopting_asks_says_what_it_did_and_is_told_by_status(copy: Database, told: Told) -> None:
    assert told("adopt", "--as", "jlopez", "--comment", "moved")[0] == 2  # nobody can be asked here
    assert told("adopt", "--as", "mgarcia", "--comment", "moved", "--yes")[0] == 5
    assert told("adopt", "--as", "jlopez", "--yes")[0] == 2
    code, out, err = told("adopt", "--as", "jlopez", "--comment", "moved", "--yes")
    assert code == 0 and "1 queued" in out and "was adopted" in err
    out = told("--as", "jlopez", "status")[1]
    assert "Nothing is sent" not in out and "1 are looked for in the ERP" in out


def test_a_copy_for_trying_out(copy: Database, told: Told) -> None:
    assert told("adopt", "--as", "jlopez", "--copy", "--comment", "training", "--yes")[0] == 0
    assert "for trying out" in told("--as", "jlopez", "status")[1]
