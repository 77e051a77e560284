"""Marks that follow one's own changes, results that stay, marked ones only; Commitments asks above one invoice."""

from __future__ import annotations

import pytest
from hand import Hand, Start
from textual.widgets import Input

from store.db import Database
from store.db import open as open_db
from tui.screens.ask import AskScreen
from tui.screens.confirm import ConfirmExport
from tui.screens.export_values import ExportValuesScreen


async def describe(hand: Hand, *keys: str) -> None:
    await hand.press(*keys, "D")
    await hand.dialog(ExportValuesScreen)
    hand.app.screen.query_one("#text", Input).value = "Month end"
    await hand.focus("#save")
    await hand.pilot.press("enter")
    await hand.says("changed.")
    await hand.idle()


async def test_undoing_a_marking_behind_ones_own_change_accuses_nobody(start: Start) -> None:
    async with start() as hand:
        await describe(hand, "space", "space")
        await hand.press("z", "x")
        await hand.dialog(ConfirmExport)
        assert "1 in USD" in hand.text("#totals")
        assert "Changed by others" not in hand.text("#plan")


async def test_the_marks_of_other_views_and_hidden_ones_follow_too(start: Start) -> None:
    async with start() as hand:
        await hand.press("5", "slash", *"r-00", "enter", "space", "backslash", "1", "space")
        await hand.press("slash", *"bell", "enter", "space")
        await describe(hand)
        assert set(hand.invoices.marks.versions.values()) == {2}
        await hand.press("5")
        assert set(hand.invoices.marks.versions.values()) == {2}


async def test_others_decisions_are_added_to_the_result_and_named(start: Start, books: Database) -> None:
    async with start() as hand:
        await describe(hand, "space", "space")
        other = open_db(books.url)
        other.execute(
            "UPDATE invoices SET erp_status = 'not_sent', version = version + 1 WHERE number = 'R-00'"
        )
        other.close()
        await hand.says("1 marked left this view: others decided on R-00.")
        assert hand.invoices._message.startswith("2 changed. ")


async def test_skipped_ones_that_leave_the_view_are_told_once(start: Start, books: Database) -> None:
    async with start() as hand:
        await hand.press("space", "space", "x")
        await hand.dialog(ConfirmExport)
        # The desk learns of it with its own decision only.
        assert hand.app._next_look is not None
        hand.app._next_look.cancel()
        other = open_db(books.url)
        other.execute(
            "UPDATE invoices SET erp_status = 'not_sent', version = version + 1 WHERE number = 'R-00'"
        )
        other.close()
        # What goes is counted anew, without the one that another took.
        hand.app.screen.query_one("#text", Input).value = "Draw 5"
        await hand.until(lambda: "1 in USD" in hand.text("#totals"))
        await hand.pilot.press("y")
        await hand.says("Skipped, changed by others: R-00")
        await hand.until(lambda: hand.marked() == set())
        await hand.idle()
        assert hand.invoices._message.startswith("Batch 1: 1 accepted")
        assert "left this view" not in hand.invoices._message


async def test_marked_only_follows_the_marks_and_ends_with_the_last(start: Start) -> None:
    async with start() as hand:
        await hand.press("space", "space", "space", "t", "g", "space")
        assert hand.listed() == ["R-03", "R-06"]
        await hand.press("u")
        assert not hand.invoices.only_marked
        assert len(hand.listed()) == 10
        await hand.press("z", "t")
        assert len(hand.listed()) == 2
        await hand.press("escape")
        assert len(hand.listed()) == 10


@pytest.mark.parametrize(("key", "word"), [("f", "Send"), ("y", "Approve"), ("r", "Retrieve")])
async def test_commitments_asks_before_many(start: Start, books: Database, key: str, word: str) -> None:
    async with start("mgarcia") as hand:
        view, first = ("3", "R-00") if key == "r" else ("2", "N-00")
        if key == "f":
            books.execute("UPDATE invoices SET status = 'approved' WHERE number = 'N-00'")
        before = hand.state(first)
        await hand.press(view, "A", key)
        await hand.dialog(AskScreen)
        assert str(hand.app.screen.query("Static").first().render()).startswith(f"{word} ")
        assert "in USD   Net " in hand.text("#about")
        await hand.press("enter")
        assert hand.app.screen is hand.commitments
        assert hand.state(first) == before
        await hand.press(key)
        await hand.dialog(AskScreen)
        await hand.pilot.press("y")
        await hand.says({"f": "sent to ERP", "y": "2 approved. 1 left alone", "r": "retrieved"}[key])


async def test_approving_touches_only_what_is_not_approved(start: Start, books: Database) -> None:
    books.execute("UPDATE invoices SET status = 'pending_owner_approval' WHERE number = 'N-99'")
    async with start("mgarcia") as hand:
        await hand.press("space", "y")
        await hand.says("Nothing was approved")
        status = books.execute("SELECT status FROM invoices WHERE number = 'N-99'").fetchone()[0]
        assert status == "pending_owner_approval"
