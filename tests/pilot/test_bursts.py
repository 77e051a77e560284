"""Keys of one burst: each acts on the list and the marks that it was pressed at, or not at all."""

from __future__ import annotations

import pytest
from hand import Hand, Start
from textual.app import App

from store.db import Database
from store.domain.status import View
from tui.screens.confirm import ConfirmExport
from tui.screens.dialog import Dialog
from tui.screens.export_values import ExportValuesScreen


def marked_in(hand: Hand, view: View) -> int:
    return len(hand.invoices._marks[view].versions) if view in hand.invoices._marks else 0


@pytest.mark.parametrize(
    ("keys", "before"), [(("space",), 1), (("v", "j", "v"), 2), (("A",), 10), (("asterisk",), 10)]
)
async def test_a_mark_stays_in_the_view_that_it_was_pressed_in(
    start: Start, keys: tuple[str, ...], before: int
) -> None:
    async with start() as hand:
        await hand.burst(*keys, "5")
        assert hand.view() == View.ALL
        assert hand.marked() == set()
        assert marked_in(hand, View.READY) == before


async def test_marking_all_that_is_overtaken_by_another_view_marks_nothing_there(start: Start) -> None:
    async with start() as hand:
        await hand.burst("a", "5")
        assert hand.marked() == set()
        await hand.says("Nothing was marked")


async def test_keys_for_a_view_that_is_left_again_are_dropped_and_counted(start: Start) -> None:
    async with start() as hand:
        await hand.burst("5", "space", "A", "4")
        await hand.idle()
        assert hand.marked() == set()
        assert marked_in(hand, View.ALL) == 0
        await hand.says("2 keys dropped")


async def test_a_decision_behind_a_marking_has_all_of_it(start: Start) -> None:
    async with start() as hand:
        await hand.burst("a", "x")
        await hand.dialog(ConfirmExport)
        assert "9 in USD" in hand.text("#totals")


async def test_a_decision_acts_on_the_view_and_the_marks_of_its_key(start: Start) -> None:
    async with start() as hand:
        await hand.press("3", "space", "1", "space")
        await hand.burst("x", "3", "space")
        await hand.dialog(ConfirmExport)
        assert str(hand.app.screen.query("Static").first().render()).startswith("Export")
        await hand.pilot.press("y")
        await hand.says("1 accepted for export")
        assert hand.state("R-00")[0] == "queued"
        assert hand.state("F-00")[0] == hand.state("F-01")[0] == "failed_to_export"


async def test_what_is_set_is_set_on_the_invoice_that_was_under_the_cursor(
    start: Start, books: Database
) -> None:
    async with start() as hand:
        await hand.burst("D", "j", "j")
        await hand.dialog(ExportValuesScreen)
        hand.app.screen.query_one("#text").value = "Draw 5"  # type: ignore[attr-defined] # an Input, by its id
        await hand.focus("#save")
        await hand.pilot.press("enter")
        await hand.says("1 changed")
        rows = books.execute("SELECT number FROM invoices WHERE description = 'Draw 5'").fetchall()
        assert [row[0] for row in rows] == ["R-00"]


async def test_under_a_filter_that_cannot_be_read_nothing_is_listed_marked_or_decided(start: Start) -> None:
    async with start() as hand:
        await hand.press("space")
        await hand.burst("slash", *"net", "greater_than_sign", *"abc", "enter", "a", "A", "x")
        await hand.idle()
        assert hand.listed() == []
        assert "abc" in hand.invoices.table._drawn[1].text
        assert hand.marked() == {"R-00"}
        assert hand.app.screen is hand.invoices
        await hand.says("clears the filter")
        await hand.press("backslash")
        assert len(hand.listed()) == 10
        assert hand.current() == "R-03"
        await hand.press("x")
        await hand.dialog(ConfirmExport)


async def test_keys_behind_a_filter_act_on_its_matches(start: Start) -> None:
    async with start() as hand:
        await hand.burst("slash", *"bell", "enter", "a", "x")
        await hand.dialog(ConfirmExport)
        assert hand.marked_at_list() == {"R-01", "R-07"}


@pytest.mark.parametrize("keys", [("x", "r"), ("r", "x"), ("x", "x"), ("d", "D"), ("x", "Z")])
async def test_one_decision_at_a_time(start: Start, keys: tuple[str, str]) -> None:
    async with start() as hand:
        await hand.press("space")
        await hand.burst(*keys)
        await hand.until(lambda: isinstance(hand.app.screen, Dialog))
        await hand.says("one decision at a time")
        await hand.dialog(Dialog)
        app: App[None] = hand.app
        assert sum(isinstance(screen, Dialog) for screen in app.screen_stack) == 1
        await hand.press("escape")
        assert hand.app.screen is hand.invoices
        await hand.press("x")
        await hand.dialog(ConfirmExport)
