"""Exporting from a script: what it expects, what it waits for, and what it is told when the wait ends early."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_case import PAYAPP, Told
from invoice_factory import make, state

from erp.connectors import sandbox
from store import batches, workers
from store.db import Database
from tui import bootstrap
from tui.bootstrap import Books, start_worker

pytest_plugins = ["cli_case"]
EXPORT = ("--as", "jlopez", "export", "--all", "--yes")


@pytest.fixture
def erp(place: Path, company: Database) -> None:
    """The sandbox knows the vendor APEX, and a batch is not held."""
    sandbox.seed(place / "sandbox.db", [("APEX", "Apex Drywall LLC")], [("24-101", "03-300")], [])
    with company.transaction():
        company.execute("UPDATE company SET hold_ms = 0")


@pytest.fixture
def worker(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that has done its work when its start returns."""

    def start(books: Books) -> bool:
        asyncio.run(bootstrap.worker(books).run(asyncio.Event(), until_idle=True))
        return True

    monkeypatch.setattr("tui.bootstrap.start_worker", start)


@pytest.fixture
def no_worker(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that end before they give a sign of life, and little patience with them."""
    monkeypatch.setattr("tui.bootstrap.start_worker", lambda _books: True)
    monkeypatch.setattr("tui.commands.waiting.WORKER_STARTS", 0.05)


# -- control totals --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("total", ["", " ", "lots", "1e3", "nan", "9,0,0", "900,00", "٩٠٠"])
def test_an_expected_total_that_is_no_amount_is_refused(company: Database, told: Told, total: str) -> None:
    number = make(company)
    code, _, err = told(*EXPORT, "--expect-total", total)
    assert (code, "--expect-total" in err) == (2, True), err
    assert state(company, number) == "ready_to_export"


@pytest.mark.parametrize(("total", "code"), [("900", 6), ("900.00", 6), ("90,000", 0), ("90000.00", 0)])
def test_an_expected_total_is_of_the_currency_that_goes(
    company: Database, told: Told, worker: None, total: str, code: int
) -> None:
    make(company, currency="JPY")
    assert told(*EXPORT, "--expect-total", total)[0] == code


@pytest.mark.parametrize(("command", "goes"), [("export", "R-1"), ("retry", "F-1")])
def test_a_dry_run_of_mixed_states_is_that_of_the_command(
    company: Database, told: Told, command: str, goes: str
) -> None:
    make(company, "F-1", erp_status="failed_to_export")
    make(company, "R-1", commitment="SC-2")
    _, out, _ = told("--as", "jlopez", command, "F-1", "R-1", "--dry-run", "--json")
    plan = json.loads(out)
    assert [row["number"] for row in plan["goes"]] == [goes] and len(plan["stays"]) == 1


def test_an_expected_count_of_none_is_checked(company: Database, told: Told) -> None:
    make(company)
    assert told(*EXPORT, "--expect-count", "0")[0] == 6


# -- waiting ---------------------------------------------------------------------------------------------------


def test_what_stays_and_what_fails_is_told_before_the_one_exit(
    company: Database, erp: None, worker: None, told: Told
) -> None:
    make(company, "1")
    make(company, "2", application=2, creator="jlopez")
    make(company, "3", vendor="Nobody", vendor_ref="NOBODY", commitment="SC-9")
    code, out, err = told(*EXPORT, "--wait")
    assert code == 3
    assert out.index("2 accepted in batch 1") < out.index("batch 1: ok 1  FAIL 1")
    assert "stays: 2" in err and "failed: 3: " in err


def test_json_of_a_wait_is_one_document_with_the_outcomes(
    company: Database, erp: None, worker: None, told: Told
) -> None:
    make(company, "1")
    own = make(company, "2", application=2, creator="jlopez")
    make(company, "3", vendor="Nobody", vendor_ref="NOBODY", commitment="SC-9")
    code, out, _ = told(*EXPORT, "--wait", "--json")
    said = json.loads(out)
    assert code == 3 and [stay["id"] for stay in said["stays"]] == [own]
    (outcome,) = said["outcomes"]
    assert (outcome["batch"], outcome["ok"], outcome["parked"], outcome["left"]) == (1, 1, 0, 0)
    assert [(f["number"], f.keys()) for f in outcome["failed"]] == [("3", {"number", "code", "cause", "fix"})]
    assert all(outcome["failed"][0].values())


def test_a_wait_for_what_all_arrives_exits_0(company: Database, erp: None, worker: None, told: Told) -> None:
    make(company)
    assert told(*EXPORT, "--wait")[0] == 0


def test_what_was_recalled_meanwhile_did_not_arrive(
    company: Database, erp: None, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = make(company)

    def recalled(books: Books) -> bool:
        assert told("--as", "jlopez", "recall", f"#{number}", "--yes")[0] == 0
        return True

    monkeypatch.setattr("tui.bootstrap.start_worker", recalled)
    assert told(*EXPORT, "--wait")[0] == 3


def test_a_wait_gives_up_when_no_worker_lives(
    company: Database, place: Path, no_worker: None, told: Told
) -> None:
    number = make(company)
    code, out, err = told(*EXPORT, "--wait")
    assert code == 1 and "1 accepted in batch 1" in out and "left 1" in out
    assert "no worker starts" in err and "stays queued" in err and str(place / "worker.log") in err
    assert state(company, number) == "queued"
    make(company, "2", application=2)
    code, out, _ = told(*EXPORT, "--wait", "--json")
    assert code == 1 and json.loads(out)["outcomes"][0]["left"] == 1


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('"sandbox"', '"sandbx"', "sandbx"),
        ("sandbox.db", 'sandbox.db"\nfolder = "x', "folder"),
        ("[erp]", "[worker]\nlease = 1\n\n[erp]", "lease"),
    ],
)
def test_settings_with_which_no_worker_starts_are_refused_before_anything_is_accepted(
    company: Database, place: Path, told: Told, old: str, new: str, sentence: str
) -> None:
    number = make(company)
    settings = place / "payapp.toml"
    settings.write_text(settings.read_text().replace(old, new, 1))
    code, _, err = told(*EXPORT, "--wait")
    assert (code, sentence in err) == (2, True), err
    assert state(company, number) == "ready_to_export"


def test_a_worker_that_cannot_be_started_is_a_warning(
    company: Database, place: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = make(company)
    monkeypatch.setattr("tui.bootstrap.start_worker", start_worker)
    (place / "worker.log").mkdir()
    code, out, err = told(*EXPORT)
    assert code == 0 and "1 accepted" in out and "no worker could be started" in err
    assert state(company, number) == "queued"


# -- interrupts ------------------------------------------------------------------------------------------------


def interrupted(*_args: object) -> None:
    raise KeyboardInterrupt


def test_an_interrupt_exits_130_and_claims_nothing(
    company: Database, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.listing.every_id", interrupted)
    code, _, err = told("--as", "jlopez", "list")
    assert (code, err.strip()) == (130, "payapp: interrupted.")


def test_an_interrupted_wait_says_what_goes_on(
    company: Database, no_worker: None, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(company)
    monkeypatch.setattr("tui.commands.waiting.time.sleep", interrupted)
    code, out, err = told(*EXPORT, "--wait")
    assert code == 130 and "1 accepted in batch 1" in out
    assert "batch 1 goes on without you" in err and "nothing was changed" not in err


def test_an_interrupted_wait_still_writes_its_json(
    company: Database, no_worker: None, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = make(company)
    monkeypatch.setattr("tui.commands.waiting.time.sleep", interrupted)
    code, out, _ = told(*EXPORT, "--wait", "--json")
    assert code == 130 and json.loads(out)["done"] == [number] and json.loads(out)["outcomes"][0]["left"] == 1


@pytest.fixture
def detached(company: Database) -> Iterator[None]:
    """Workers that a test starts for good end with it."""
    yield
    for seen in workers.seen(company):
        if str(Path(company.url.removeprefix("sqlite:")).parent) in cmdline(seen.pid):
            os.kill(seen.pid, signal.SIGTERM)


def cmdline(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode()
    except FileNotFoundError:
        return ""


def test_ctrl_c_leaves_the_batch_to_its_worker(
    company: Database, erp: None, detached: None, place: Path
) -> None:
    for n in range(1, 11):
        make(company, str(n), application=n)
    waits = subprocess.Popen(
        [*PAYAPP, *EXPORT, "--wait"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert waits.stdout
    assert waits.stdout.readline() == "10 accepted in batch 1.\n"
    deadline = time.monotonic() + 30
    while not workers.any_alive(company):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    waits.send_signal(signal.SIGINT)
    _, err = waits.communicate(timeout=30)
    assert waits.returncode == 130 and "batch 1 goes on without you" in err and "Traceback" not in err
    while batches.progress(company, 1).running:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert batches.progress(company, 1).done == 10


# -- who is asked, and who may -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("login", "command"),
    [
        ("jlopez", "send"),
        ("jlopez", "retrieve"),
        *(("mgarcia", c) for c in ("export", "retry", "reject", "recall")),
    ],
)
def test_who_may_not_decide_is_not_told_what_there_is(
    company: Database, told: Told, login: str, command: str
) -> None:
    reason = ["--reason", "x"] if command == "reject" else []
    for words in (["nope"], ["--all"], ["--where", "number:nope"]):
        assert told("--as", login, command, *words, *reason, "--yes")[0] == 5


def test_a_no_changes_nothing(company: Database, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    number = make(company)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.confirm", lambda *_args, **_more: False)
    code, _, err = told("--as", "jlopez", "export", f"#{number}")
    assert code == 130 and "Nothing was changed" in err and state(company, number) == "ready_to_export"


@pytest.mark.parametrize("words", [["export"], ["reject", "--reason", "x"]])
def test_a_decision_keeps_its_exit_code_when_its_reader_leaves(
    company: Database, place: Path, words: list[str]
) -> None:
    # No worker can be started there, so that none outlives the test.
    (place / "worker.log").mkdir()
    make(company, "1")
    make(company, "2", application=2, erp_status="exporting")
    done = subprocess.run(
        ["bash", "-c", f"{' '.join(PAYAPP)} --as jlopez {' '.join(words)} 1 2 --yes | true; echo ${{PIPESTATUS[0]}}"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout == "3\n" and "stays: 2" in done.stderr and "Traceback" not in done.stderr
    assert state(company, 1) != "ready_to_export"


def test_the_worker_runs_nothing_of_where_the_user_stands(
    company: Database, told: Told, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    started: list[list[str]] = []

    def start(argv: list[str], _log: Path) -> int:
        started.append(argv)
        return 1

    make(company)
    monkeypatch.setattr("tui.bootstrap.start_worker", start_worker)
    monkeypatch.setattr("erp.detached.start", start)
    assert told(*EXPORT)[0] == 0
    (tmp_path / "click.py").write_text("raise SystemExit('was run')")
    [command] = started
    done = subprocess.run([*command, "--help"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
