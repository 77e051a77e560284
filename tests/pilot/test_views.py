"""Saved views at the list: saved under a name, loaded, edited when they cannot be read any more, deleted when asked."""

from __future__ import annotations

import pytest
from hand import Hand, Start
from textual.widgets import Input, OptionList

from store import directory, saved_views
from store.db import Database
from store.domain.status import ProjectView, View
from store.invoices import SortBy
from tui.screens.ask import AskScreen
from tui.screens.views import ViewsScreen
from tui.widgets.filter_line import FilterLine


def names(db: Database, login: str = "jlopez") -> list[str]:
    return [saved.name for saved in saved_views.views(db, directory.actor(db, login))]


def keep(db: Database, name: str, query: str = "", view: View | ProjectView = View.READY) -> None:
    me = directory.actor(db, "jlopez")
    saved_views.save(db, me, name, view, query, SortBy.NET, descending=True)


def lines(hand: Hand) -> list[str]:
    """What the dialog lists, line by line."""
    shown = hand.app.screen.query_one(OptionList)
    return [str(shown.get_option_at_index(n).prompt) for n in range(shown.option_count)]


async def open_dialog(hand: Hand) -> ViewsScreen:
    await hand.pilot.press("o")
    await hand.dialog(ViewsScreen)
    await hand.idle()
    screen = hand.app.screen
    assert isinstance(screen, ViewsScreen)
    return screen


async def test_the_list_as_it_is_gets_a_name_and_comes_back(start: Start, books: Database) -> None:
    async with start(size=(120, 40)) as hand:
        await hand.press("slash", *"bell", "enter")
        dialog = await open_dialog(hand)
        assert "None yet" in lines(hand)[0]
        await hand.press("s", *"month-end", "enter")
        await hand.says("Saved as month-end")
        assert not isinstance(hand.app.screen, ViewsScreen)
        assert names(books) == ["month-end"]
        assert "View: month-end" in hand.text("#filter-info")
        await hand.press("backslash")
        assert "View:" not in hand.text("#filter-info")
        assert len(hand.listed()) == 10
        dialog = await open_dialog(hand)
        assert lines(hand)[0].split() == ["month-end", "Ready", "to", "Export", "bell", "Vendor", "^"]
        await hand.press("enter")
        assert not dialog.is_attached
        assert hand.listed() == ["R-01", "R-04", "R-07"]
        assert hand.invoices.query_one(FilterLine).box.value == "bell"
        assert "View: month-end" in hand.text("#filter-info")
        await hand.press("less_than_sign", "s")
        assert "View:" not in hand.text("#filter-info")


async def test_a_view_brings_its_view_filter_and_order(start: Start, books: Database) -> None:
    keep(books, "all of apex", "apex", View.ALL)
    async with start() as hand:
        await hand.press("space")
        await open_dialog(hand)
        await hand.press("enter")
        assert hand.view() == View.ALL
        assert (hand.invoices.sort, hand.invoices.descending) == (SortBy.NET, True)
        assert hand.listed()[:3] == ["R-09", "R-06", "R-03"]
        assert set(hand.listed()[3:]) == {"F-00", "F-01", "R-00"}
        assert "View: all of apex" in hand.text("#filter-info")
        await hand.press("1")
        assert hand.marked() == {"R-00"}


async def test_a_view_that_cannot_be_read_says_where_and_can_be_edited(start: Start, books: Database) -> None:
    keep(books, "old", "bell net>1")
    books.execute("UPDATE saved_views SET query = 'bell colour:red'")
    async with start() as hand:
        dialog = await open_dialog(hand)
        await hand.press("enter")
        assert "At character 6" in hand.text("#problem")
        assert "There is no filter 'colour'" in hand.text("#problem")
        assert hand.app.screen is dialog
        await hand.press("e")
        box = dialog.query_one("#query", Input)
        assert (box.has_focus, box.value, box.cursor_position) == (True, "bell colour:red", 5)
        await hand.press("enter")
        assert "There is no filter 'colour'" in hand.text("#problem")
        await hand.press("end", *["backspace"] * 11, "enter")
        assert lines(hand)[0].split()[:5] == ["old", "Ready", "to", "Export", "bell"]
        assert hand.invoices.query_text == ""
        await hand.press("enter")
        assert hand.listed() == ["R-07", "R-04", "R-01"]


async def test_a_name_in_use_is_overwritten_only_after_a_question(start: Start, books: Database) -> None:
    keep(books, "mine", "apex")
    async with start() as hand:
        await open_dialog(hand)
        await hand.press("s", *"mine", "enter")
        await hand.dialog(AskScreen)
        await hand.press("enter")
        assert saved_views.load(books, directory.actor(books, "jlopez"), "mine").query == "apex"
        await hand.press("enter")
        await hand.dialog(AskScreen)
        await hand.press("y")
        await hand.says("Saved as mine")
        assert saved_views.load(books, directory.actor(books, "jlopez"), "mine").query == ""


@pytest.mark.parametrize("key", ["x", "delete"])
async def test_a_view_is_deleted_only_after_a_question(start: Start, books: Database, key: str) -> None:
    keep(books, "one")
    keep(books, "two")
    async with start() as hand:
        await open_dialog(hand)
        await hand.press("down", key)
        await hand.dialog(AskScreen)
        await hand.press("escape")
        assert names(books) == ["one", "two"]
        await hand.press(key)
        await hand.dialog(AskScreen)
        await hand.press("y")
        await hand.until(lambda: names(books) == ["one"])
        await hand.idle()
        assert [line.split()[0] for line in lines(hand)] == ["one"]
        await hand.press("escape")
        assert hand.app.screen is hand.invoices


async def test_the_name_of_a_deleted_view_is_not_shown_any_more(start: Start, books: Database) -> None:
    keep(books, "gone", "apex")
    async with start() as hand:
        await open_dialog(hand)
        await hand.press("enter")
        assert "View: gone" in hand.text("#filter-info")
        await open_dialog(hand)
        await hand.press("x")
        await hand.dialog(AskScreen)
        await hand.press("y")
        await hand.until(lambda: names(books) == [])
        await hand.idle()
        await hand.press("escape")
        assert "View:" not in hand.text("#filter-info")


async def test_letters_in_the_boxes_are_letters(start: Start, books: Database) -> None:
    keep(books, "one")
    async with start() as hand:
        dialog = await open_dialog(hand)
        await hand.press("s", *"sex")
        assert dialog.query_one("#name", Input).value == "sex"
        assert names(books) == ["one"]


async def test_a_bad_name_is_said_and_nothing_is_saved(start: Start, books: Database) -> None:
    async with start() as hand:
        await open_dialog(hand)
        await hand.press("s", "enter")
        assert "A view needs a name" in hand.text("#problem")
        assert names(books) == []


async def test_each_tool_has_its_own_views_and_counts_the_others(start: Start, books: Database) -> None:
    keep(books, "returned", "", ProjectView.RETURNED)
    keep(books, "ready")
    async with start() as hand:
        await open_dialog(hand)
        assert [line.split()[0] for line in lines(hand)] == ["ready"]
        assert "1 more in the other tool" in hand.text("#elsewhere")


async def test_a_hostile_filter_is_shown_harmless_and_fits(start: Start, books: Database) -> None:
    keep(books, "bad", "[/]\x1b]52;c;aGk=\x07" + "建設" * 60)
    for n in range(15):
        keep(books, f"v{n:02}", "x" * 300)
    async with start(size=(80, 24)) as hand:
        dialog = await open_dialog(hand)
        assert "\x1b" not in "".join(lines(hand))
        frame = dialog.query_one(".frame").region
        assert frame.width <= 80 and frame.height <= 20
        assert dialog.query_one("#query").region.bottom <= frame.bottom


async def test_o_twice_opens_one_dialog_and_keys_behind_a_filter_wait_for_it(
    start: Start, books: Database
) -> None:
    async with start() as hand:
        await hand.burst("slash", *"bell", "enter", "o", "o")
        await hand.dialog(ViewsScreen)
        assert sum(isinstance(screen, ViewsScreen) for screen in hand.app.screen_stack) == 1
        assert hand.app.screen.query_one("#query", Input).value == "bell"
