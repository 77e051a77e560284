"""The Directory at the desk: listing, changing, removing, what a user sees of himself, and who is removed while he works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hand import HOSTILE, PROFILE, Counter, Hand, Start, number_of
from textual.widgets import Button, Input

from store import directory, review
from store.db import Database
from store.domain.actor import Level, UserValues
from store.domain.selection import Marked
from tui.app import DeskApp
from tui.bootstrap import Desk
from tui.screens.ask import AskScreen
from tui.screens.changes import ChangesScreen
from tui.screens.directory import DirectoryScreen
from tui.screens.listing import ListingScreen
from tui.screens.more import MoreScreen
from tui.screens.user_form import UserForm
from tui.screens.user_page import UserPage
from tui.widgets.choice_line import ChoiceLine
from tui.widgets.row_table import RowTable


async def open_tool(hand: Hand) -> RowTable[UserValues]:
    """The Directory, with its list read."""
    await hand.press("m")
    await hand.dialog(MoreScreen)
    await hand.press("5")
    await hand.dialog(DirectoryScreen)
    table = hand.app.screen.query_one(RowTable)
    await hand.until(lambda: table.count, "nothing is listed")
    await hand.idle()
    return table


def user(db: Database, login: str) -> UserValues:
    found = directory.find_user(db, login)
    assert found is not None
    return found


async def form(hand: Hand, key: str = "e") -> None:
    await hand.press(key)
    await hand.dialog(UserForm)


async def save(hand: Hand) -> None:
    hand.app.screen.query_one("#save", Button).focus()
    await hand.press("enter")


async def test_an_admin_grants_by_keys_and_is_told_what_it_means(start: Start, books: Database) -> None:
    async with start("admin") as hand:
        table = await open_tool(hand)
        assert "2 may accept, 1 Directory Admin" in hand.text("#info")
        assert hand.text("#header").rstrip().endswith("admin  Admin")
        await hand.press("slash", *"viewer", "enter")
        assert table.count == 1 and "decides nothing there" in hand.text("#foot")
        await form(hand)
        # Name, mail, level on ERP Integrations: one step to the right is Standard.
        await hand.press("tab", "tab", "right")
        assert "without Can Push to Accounting" in hand.text("#means")
        await hand.press("tab", "tab", "tab", "right")
        assert "Accepts and rejects invoices for export" in hand.text("#means")
        await hand.press("tab", *"50,000", "tab", "tab", *"200000")
        assert "50,000.00 an invoice, 200,000.00 a day" in hand.text("#means")
        await save(hand)
        await hand.dialog(DirectoryScreen)
        vera = user(books, "viewer")
        assert (vera.erp_level, vera.can_push, vera.limit_invoice, vera.limit_day) == (
            Level.STANDARD, True, 5_000_000, 20_000_000,
        )  # fmt: skip
        assert "viewer is changed. Accepts and rejects" in hand.text("#foot")
        await hand.press("h")
        await hand.dialog(UserPage)
        await hand.until(lambda: "by admin (desk)" in hand.text("#user"))
        assert "Can Push to Accounting: no -> yes" in hand.text("#user")


async def test_a_new_user_is_added_and_one_who_cannot_be_is_refused_in_the_form(
    start: Start, books: Database
) -> None:
    async with start("admin") as hand:
        await open_tool(hand)
        await form(hand, "n")
        await hand.press(*"zoe", "enter", "enter", *"nobody", "enter")
        await save(hand)
        assert "A user needs a name" in hand.text("#problem")
        hand.app.screen.query_one("#name", Input).value = "Zoe Zimmer"
        await save(hand)
        await hand.until(lambda: "'nobody' is no mail address" in hand.text("#problem"))
        hand.app.screen.query_one("#email", Input).value = "zoe@acme.example"
        hand.app.screen.query_one("#limit_day", Input).value = "lots"
        await save(hand)
        assert "lots" in hand.text("#problem") and directory.find_user(books, "zoe") is None
        hand.app.screen.query_one("#limit_day", Input).value = ""
        hand.app.screen.query_one("#login", Input).value = "jlopez"
        await save(hand)
        await hand.until(lambda: "jlopez is in the Directory already" in hand.text("#problem"))
        hand.app.screen.query_one("#login", Input).value = "zoe"
        await save(hand)
        await hand.dialog(DirectoryScreen)
        assert user(books, "zoe") == UserValues("zoe", "Zoe Zimmer", "zoe@acme.example")
        assert "zoe is in the Directory." in hand.text("#foot")


async def test_nobody_grants_himself_and_the_last_admin_stays(start: Start, books: Database) -> None:
    directory.put_user(books, None, replace(user(books, "admin"), can_push=False))
    async with start("admin") as hand:
        await open_tool(hand)
        await form(hand)
        hand.app.screen.query_one("#can_push", ChoiceLine).choose(1)
        await save(hand)
        await hand.until(lambda: "Nobody grants Can Push to Accounting to himself" in hand.text("#problem"))
        await hand.press("escape", "x")
        await hand.dialog(AskScreen)
        await hand.press("y")
        await hand.until(lambda: "last Directory Admin" in hand.text("#foot"))
        assert not user(books, "admin").can_push and user(books, "admin").active


async def test_one_is_removed_after_a_question_and_what_he_accepted_comes_back(
    start: Start, books: Database
) -> None:
    first = books.execute("SELECT id, version FROM invoices WHERE number = 'R-00'").fetchone()
    review.accept(books, directory.actor(books, "jlopez"), Marked({first[0]: first[1]}), PROFILE)
    async with start("admin") as hand:
        table = await open_tool(hand)
        await hand.press("j", "x")
        await hand.dialog(AskScreen)
        assert "goes back to Ready to Export" in hand.text("#about")
        await hand.press("enter")
        assert user(books, "jlopez").active
        await hand.press("x")
        await hand.dialog(AskScreen)
        await hand.press("y")
        await hand.until(lambda: not user(books, "jlopez").active)
        await hand.until(lambda: "1 that he had accepted is Ready to Export again" in hand.text("#foot"))
        assert hand.state("R-00")[0] == "ready_to_export" and number_of(books, first[0]) == "R-00"
        assert "jlopez" not in [row.login for row in table.rows]
        await hand.press("u", "g", "j")
        assert table.current is not None and table.current.login == "jlopez"
        await hand.press("x")
        await hand.dialog(AskScreen)
        await hand.press("y")
        await hand.until(lambda: user(books, "jlopez").active)


async def test_what_another_admin_changed_meanwhile_is_not_written_over(
    start: Start, books: Database
) -> None:
    async with start("admin") as hand:
        await open_tool(hand)
        await hand.press("j")
        await form(hand)
        directory.put_user(books, None, replace(user(books, "jlopez"), limit_invoice=100))
        await save(hand)
        await hand.until(lambda: "was changed by somebody else" in hand.text("#problem"))
        assert user(books, "jlopez").limit_invoice == 100


async def test_who_has_no_level_sees_himself_and_chooses_his_own_summary(
    start: Start, books: Database
) -> None:
    async with start("jlopez") as hand:
        table = await open_tool(hand)
        assert [row.login for row in table.rows] == ["jlopez"]
        assert "You see yourself here" in hand.text("#info") and "edit" not in hand.text("#foot")
        await hand.press("e")
        assert "jlopez may not change the Directory" in hand.text("#foot").replace("\n ", " ")
        await hand.press("s")
        await hand.until(lambda: "not mailed to you any more" in hand.text("#foot"))
        assert not user(books, "jlopez").summary


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_form_shows_its_buttons_and_hostile_names_reach_no_terminal(
    start: Start, books: Database, size: tuple[int, int]
) -> None:
    books.execute("UPDATE users SET name = ?, email = ? WHERE login = 'viewer'", (HOSTILE, HOSTILE))
    async with start("admin", size=size) as hand:
        await open_tool(hand)
        await hand.press("G")
        listed = "\n".join(strip.text for strip in hand.app.screen._compositor.render_strips())
        await form(hand)
        screen = "\n".join(strip.text for strip in hand.app.screen._compositor.render_strips())
        assert "Cancel" in screen and "Save" in screen
        await hand.press("tab", "tab", "tab")
        hand.app.screen.query_one("#limit_day", Input).value = "5"
        await save(hand)
        await hand.dialog(DirectoryScreen)
        await hand.press("enter")
        await hand.dialog(UserPage)
        await hand.until(lambda: "Limit per day" in hand.text("#user"))
        page = "\n".join(strip.text for strip in hand.app.screen._compositor.render_strips())
        for text in (listed, screen, page):
            assert not set(text) & {"\x1b", "\x07", "\u202e"}
    kept = user(books, "viewer")
    assert (kept.name, kept.email, kept.limit_day) == (HOSTILE, HOSTILE, 500)


# -- while he works --------------------------------------------------------------------------------------------


async def test_who_is_removed_while_his_desk_is_open_is_told_and_out(start: Start, books: Database) -> None:
    async with start("jlopez") as hand:
        await hand.press("space", "r")
        directory.put_user(books, None, replace(user(books, "jlopez"), active=False))
        await hand.until(lambda: hand.app.ended)
        assert "jlopez is not a user of this company" in str(hand.app.ended)
    assert hand.state("R-00")[0] == "ready_to_export"


async def test_a_tool_that_he_may_not_see_any_more_is_not_seen(start: Start, books: Database) -> None:
    async with start("viewer") as hand:
        directory.put_user(books, None, replace(user(books, "viewer"), erp_level=Level.NONE))
        await hand.until(lambda: hand.app.ended)
        assert "that needs Read Only on ERP Integrations" in str(hand.app.ended)


async def test_a_list_that_is_no_tool_stays_open_whatever_others_change(
    start: Start, books: Database
) -> None:
    async with start("mgarcia") as hand:
        # Maria, who sees Commitments alone.
        await hand.press("4", "C")
        await hand.dialog(ChangesScreen)
        directory.put_user(books, None, replace(user(books, "mgarcia"), summary=False, can_push=True))
        await hand.until(lambda: hand.app.desk.me.can_push)
        await hand.idle()
        assert hand.app.ended is None and isinstance(hand.app.screen, ChangesScreen)


async def test_who_may_see_no_invoices_has_the_directory_and_nothing_below_it(
    desk_of: Callable[[str], tuple[Desk, Counter]], books: Database
) -> None:
    directory.put_user(books, None, UserValues("clerk", "Cora Clerk", directory_level=Level.READ_ONLY))
    desk, counter = desk_of("clerk")
    app = DeskApp(desk)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        hand = Hand(app, pilot, counter)
        await hand.dialog(DirectoryScreen)
        await hand.until(lambda: app.screen.query_one(RowTable).count == 6)
        assert not [screen for screen in app.screen_stack if isinstance(screen, ListingScreen)]
        await hand.press("m", "2")
        assert isinstance(app.screen, MoreScreen)
        await hand.press("escape")
        await hand.pilot.press("q")
        await hand.until(lambda: not app.is_running or app._exit)


async def test_a_right_that_is_granted_or_taken_counts_without_another_log_in(
    start: Start, books: Database
) -> None:
    async with start("nopush") as hand:
        assert hand.text("#header").rstrip().endswith("nopush  Standard")
        directory.put_user(books, None, replace(user(books, "nopush"), can_push=True))
        await hand.until(lambda: hand.text("#header").rstrip().endswith("nopush  Approver"))
        directory.put_user(books, None, replace(user(books, "nopush"), can_push=False))
        await hand.until(lambda: hand.text("#header").rstrip().endswith("nopush  Standard"))
        await hand.press("space", "x")
        await hand.says("Can Push to Accounting is missing")
