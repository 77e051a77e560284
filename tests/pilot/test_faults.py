"""What breaks beside the desk becomes a sentence; what was decided before it stands, and is told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hand import Hand, Start
from terminal import Terminal
from textual.widgets import Input

from store import detail, review
from store.db import Database
from store.domain.errors import StoreError
from tui.screens.confirm import ConfirmExport
from tui.screens.edit import EditScreen
from tui.widgets.invoice_table import InvoiceTable

PAYAPP = str(Path(sys.executable).parent / "payapp")


def broken(*_args: object, **_kwargs: object) -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(11, "Resource temporarily unavailable"), "No worker could be started: Resource temporarily"),
        (StoreError("The log is full"), "No worker could be started: The log is full"),
        (RuntimeError("x"), "Something went wrong inside payapp: RuntimeError; nothing more was done"),
    ],
)
async def test_a_decision_stands_when_no_worker_can_be_started(
    start: Start, error: Exception, words: str
) -> None:
    async with start() as hand:

        async def refuse() -> None:
            raise error

        object.__setattr__(hand.app.desk, "ensure_worker", refuse)
        await hand.press("space", "x")
        await hand.dialog(ConfirmExport)
        await hand.pilot.press("y")
        await hand.says(words)
        await hand.idle()
        assert hand.invoices._message.startswith("Batch 1: 1 accepted for export. ")
        assert hand.state("R-00")[0] == "queued"


@pytest.mark.parametrize(("module", "name"), [(review, "plan_export"), (detail, "detail")])
async def test_a_fault_is_told_and_the_desk_lives_on(
    start: Start, monkeypatch: pytest.MonkeyPatch, module: object, name: str
) -> None:
    async with start() as hand:
        monkeypatch.setattr(module, name, broken)
        await hand.press("space", "enter" if name == "detail" else "x")
        await hand.says("Something went wrong inside payapp: ZeroDivisionError")
        monkeypatch.undo()
        await hand.press("escape", "x")
        await hand.dialog(ConfirmExport)


async def test_a_fault_while_the_list_is_read_is_told(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    async with start() as hand:
        monkeypatch.setattr("store.looking.begin", broken)
        await hand.press("5")
        await hand.says("Something went wrong inside payapp")
        await hand.press("A")
        assert hand.marked() == set()
        monkeypatch.undo()
        await hand.press("f5")
        assert len(hand.listed()) == 13


async def test_keys_after_one_that_broke_are_dropped_and_told(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with start() as hand:
        monkeypatch.setattr(InvoiceTable, "_mark", broken)
        await hand.burst("5", "space", "j", "j", "x")
        await hand.says("ZeroDivisionError; nothing more was done. 3 keys after it were dropped. Press F5")
        table = hand.invoices.table
        assert (table.turns.waiting, table.cursor, hand.app.screen) == (0, 0, hand.invoices)
        monkeypatch.undo()
        await hand.press("j")
        assert table.cursor == 1


async def saving(hand: Hand) -> None:
    await hand.press("e")
    await hand.dialog(EditScreen)
    hand.app.screen.query_one("#number", Input).value = "N-100"
    await hand.focus("#save")
    await hand.pilot.press("enter")


async def test_a_fault_of_a_form_is_told_in_the_form(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    async with start("mgarcia") as hand:
        monkeypatch.setattr("store.commitments.edit", broken)
        await saving(hand)
        await hand.until(lambda: "Something went wrong inside payapp" in hand.text("#problem"))


async def test_a_lost_tender_of_the_queue_is_told(
    start: Start, books: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with start() as hand:
        monkeypatch.setattr("store.due.of", broken)
        await hand.app._tend()
        await hand.says("Something went wrong inside payapp")


def test_a_desk_that_broke_says_so_with_its_exit_code(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    subprocess.run([PAYAPP, "demo", "--no-open", "--rows", "20", "--dir", str(folder)], check=True)
    plug = tmp_path / "plug"
    plug.mkdir()
    (plug / "sitecustomize.py").write_text(
        "import tui.screens.gestures as g\n"
        "def broken(self):\n    raise ZeroDivisionError\n"
        "g.GestureScreen.action_help = broken\n"
    )
    path = os.pathsep.join([str(plug), os.environ.get("PYTHONPATH", "")])
    terminal = Terminal(
        [PAYAPP, "--config", str(folder / "payapp.toml"), "--as", "jlopez"], env={"PYTHONPATH": path}
    )
    terminal.shows("q quit")
    terminal.press("?")
    assert terminal.ended() == 1
    terminal.close()
