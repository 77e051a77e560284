"""Holds, queries, the clipboard and files, pressed at a list."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hand import Hand, Start

from store import notices
from tui.screens.ask_by_mail import AskByMailScreen
from tui.screens.confirm import ConfirmExport
from tui.screens.gestures import GestureScreen
from tui.screens.hold import HoldScreen
from tui.screens.writing import WriteScreen
from tui.widgets.text_box import TextBox


async def to_list(hand: Hand) -> None:
    await hand.until(lambda: isinstance(hand.app.screen, GestureScreen))
    await hand.idle()


def written(folder: Path) -> Path:
    """The one file that was written there."""
    [path] = folder.glob("invoices-ready-*")
    return path


async def held(hand: Hand, number: str) -> bool:
    found = hand.app.desk.db.execute("SELECT held FROM invoices WHERE number = ?", (number,)).fetchone()
    return bool(found[0])


# -- holds -----------------------------------------------------------------------------------------------------


async def test_a_hold_is_placed_with_a_reason_and_released(start: Start) -> None:
    async with start() as hand:
        await hand.press("H")
        await hand.dialog(HoldScreen)
        await hand.press("tab", "tab", "enter")
        await hand.until(lambda: "needs a reason" in hand.text("#problem"))
        await hand.until(lambda: hand.focused(TextBox))
        await hand.press(*"waiver", "tab", "tab", "enter")
        await to_list(hand)
        await hand.says("1 placed on hold.")
        assert await held(hand, "R-00") and hand.current() == "R-00"
        await hand.press("enter")
        assert (
            "Export leaves it where it is" in hand.invoices.pane.text and "waiver" in hand.invoices.pane.text
        )
        await hand.press("escape", "a")
        assert "R-00" not in hand.marked()
        await hand.press("u", "H")
        await hand.dialog(HoldScreen)
        assert "waiver, placed by jlopez" in str(hand.app.screen.query_one(".about").render())
        await hand.press("enter")
        await to_list(hand)
        assert await held(hand, "R-00")
        await hand.press("H")
        await hand.dialog(HoldScreen)
        await hand.press("tab", "enter")
        await hand.says("1 released.")
        assert not await held(hand, "R-00")


async def test_of_marked_ones_that_are_both_it_asks_which(start: Start) -> None:
    async with start() as hand:
        await hand.press("H")
        await hand.dialog(HoldScreen)
        await hand.press(*"one", "tab", "tab", "enter")
        await to_list(hand)
        await hand.press("A", "H")
        await hand.dialog(HoldScreen)
        assert "1 invoice on hold, 9 not" in str(hand.app.screen.query_one(".title").render())
        await hand.press("tab", "tab", "enter")
        await to_list(hand)
        await hand.says("1 released.")
        assert not await held(hand, "R-00") and not await held(hand, "R-03")


async def test_export_leaves_a_held_one_where_it_is(start: Start) -> None:
    async with start() as hand:
        await hand.press("H")
        await hand.dialog(HoldScreen)
        await hand.press(*"wait", "tab", "tab", "enter")
        await to_list(hand)
        await hand.press("A", "x")
        await hand.dialog(ConfirmExport)
        await hand.press("y")
        await to_list(hand)
        await hand.until(lambda: hand.state("R-01")[0] == "queued")
        assert hand.state("R-00")[0] == "ready_to_export"


# -- queries ---------------------------------------------------------------------------------------------------


async def test_a_query_is_mailed_and_nothing_is_rejected(start: Start) -> None:
    async with start() as hand:
        await hand.press("i")
        await hand.dialog(AskByMailScreen)
        assert "Maria Garcia <mgarcia@acme.example>" in str(hand.app.screen.query_one(".about").render())
        await hand.press("tab", "tab", "enter")
        await hand.until(lambda: "needs a question" in hand.text("#problem"))
        await hand.until(lambda: hand.focused(TextBox))
        await hand.press(*"Which week", "tab", "tab", "enter")
        await to_list(hand)
        await hand.says("1 invoice asked about.")
        [mail] = notices.recent(hand.app.desk.db, 10)
        assert (mail.kind, mail.address, hand.state("R-00")[0]) == (
            "query",
            "mgarcia@acme.example",
            "ready_to_export",
        )
        await hand.until(lambda: hand.worker.calls)
        await hand.press("h")
        assert "Which week" in hand.invoices.pane.text


async def test_escape_mails_nothing(start: Start) -> None:
    async with start() as hand:
        await hand.press("space", "space", "i")
        await hand.dialog(AskByMailScreen)
        assert "about 2" not in str(hand.app.screen.query_one(".about").render())
        await hand.press(*"x", "escape")
        await to_list(hand)
        assert notices.recent(hand.app.desk.db, 10) == []


# -- copying ---------------------------------------------------------------------------------------------------


async def test_the_number_is_copied_and_shown(start: Start) -> None:
    async with start() as hand:
        await hand.press("c")
        await hand.says("R-00 copied, if your terminal allows it.")
        assert hand.app.clipboard == "R-00"
        await hand.press("space", "space", "c")
        await hand.says("2 numbers copied")
        assert hand.app.clipboard == "R-00\nR-03"


async def test_a_hostile_number_is_copied_harmless_and_too_many_are_refused(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.screens.tools.COPIED_MOST", 2)
    async with start() as hand:
        hand.app.desk.db.execute("UPDATE invoices SET number = 'a\x1b]52;c;x\x07' WHERE number = 'R-00'")
        await hand.press("f5", "c")
        await hand.says("copied")
        assert not set("\x1b\x07\n") & set(hand.app.clipboard)
        await hand.press("A", "c")
        await hand.says("2 numbers can be copied at once: 10 are marked.")


# -- files -----------------------------------------------------------------------------------------------------


async def test_marked_ones_are_written_and_what_is_there_is_asked_about(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with start() as hand:
        await hand.press("space", "space", "slash", *"apex", "enter", "w")
        await hand.dialog(WriteScreen)
        assert "[marked 2]  listed 4   all of Ready to Export" in hand.text("#what")
        await hand.focus("#file")
        [default] = [box.value for box in hand.app.screen.query("#file").results()]  # type: ignore[attr-defined]
        assert default.startswith("invoices-ready-20") and default.endswith(".csv")
        await hand.press("enter", "enter")
        await hand.says("is written: 2 invoices, net")
        path = written(tmp_path)
        assert path.suffix == ".csv"
        assert len(path.read_text().splitlines()) == 3 and stat.S_IMODE(path.stat().st_mode) == 0o600
        path.write_text("mine")
        await hand.press("w")
        await hand.dialog(WriteScreen)
        await hand.focus("#file")
        await hand.press("enter", "enter")
        await hand.until(lambda: "is there already" in hand.text("#problem"))
        assert path.read_text() == "mine"
        await hand.press("enter")
        await to_list(hand)
        await hand.until(lambda: path.read_text() != "mine")


@pytest.mark.parametrize(("steps", "ending"), [(1, "xlsx"), (2, "txt")])
async def test_the_format_is_chosen_and_the_name_follows(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int, ending: str
) -> None:
    monkeypatch.chdir(tmp_path)
    async with start() as hand:
        await hand.press("w")
        await hand.dialog(WriteScreen)
        await hand.press("tab", *["right"] * steps, "tab", "enter", "enter")
        await hand.says("is written: 10 invoices")
        path = written(tmp_path)
        assert path.suffix == f".{ending}"


async def test_a_name_that_is_typed_replaces_the_one_that_is_offered(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with start() as hand:
        await hand.press("w")
        await hand.dialog(WriteScreen)
        await hand.press("tab", "tab", *"none/a.csv", "enter", "enter")
        await hand.until(lambda: "none" in hand.text("#problem"))
        # What was refused is mended where it is wrong.
        await hand.press("end", *["backspace"] * 10, *"mine.csv", "enter", "enter")
        await hand.says("mine.csv is written: 10 invoices")


async def test_a_place_that_cannot_be_is_told_in_the_dialog(start: Start) -> None:
    async with start("mgarcia") as hand:
        await hand.press("w")
        await hand.dialog(WriteScreen)
        await hand.focus("#file")
        await hand.press("ctrl+u", *"/no/such/place.csv", "enter", "enter")
        await hand.until(lambda: "There is no folder /no/such" in hand.text("#problem"))
        await hand.press("escape")
        await to_list(hand)
