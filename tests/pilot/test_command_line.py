"""The command line: runs commands, goes to any invoice, and takes what is typed at once."""

from __future__ import annotations

from hand import Hand, Start
from textual import events

from store.db import Database
from store.domain.status import ProjectView, View
from tui.screens.commitments import CommitmentsScreen
from tui.screens.help import HelpScreen
from tui.screens.invoices import InvoicesScreen
from tui.widgets.command_line import CommandInput, CommandLine
from tui.widgets.detail import DetailPane


def line(hand: Hand) -> CommandLine:
    return hand.app.screen.query_one(CommandLine)


def offered(hand: Hand) -> str:
    return hand.text("#command-list")


async def test_it_lists_commands_and_invoices_as_one_types(start: Start) -> None:
    async with start() as hand:
        await hand.press("colon", *"reject")
        assert "r F8" in offered(hand) and "with a reason" in offered(hand)
        await hand.press(*["backspace"] * 6, *"S-00")
        assert "S-00" in offered(hand) and "+ Synced" in offered(hand) and "B-1" in offered(hand)
        await hand.press("escape")
        assert not line(hand).display and hand.current() == "R-00"


async def test_the_chosen_invoice_tells_where_it_is_who_has_it_and_what_was_paid(
    start: Start, books: Database
) -> None:
    books.execute(
        "INSERT INTO payments (erp, ref, invoice_id, paid_on, amount, currency, pulled_at)"
        " SELECT 'sandbox', 'CHK-1', id, '2026-11-10', net, 'USD', 1 FROM invoices WHERE number = 'S-00'"
    )
    async with start() as hand:
        await hand.press("colon", *"chk-1")
        assert "Synced as B-1, since" in offered(hand) and "With the ERP. Paid 2,700.00 USD" in offered(hand)
        await hand.press(*["backspace"] * 5, *"R-0")
        first = " ".join(offered(hand).split())
        assert "Ready to Export, sent by mgarcia, since" in first
        assert "With the approvers: admin, jlopez." in first
        await hand.press(*["backspace"] * 3, *"N-99")
        assert "rejected: Wrong [/] retainage on line 1" in offered(hand)
        await hand.press(*["backspace"] * 4, *"reject")
        assert "With " not in offered(hand)


async def test_enter_goes_to_an_invoice_in_another_view_and_opens_it(start: Start) -> None:
    async with start() as hand:
        await hand.press("slash", *"apex", "enter")
        await hand.press("colon", *"S-00", "enter")
        assert (hand.view(), hand.current()) == (View.SYNCED, "S-00")
        assert hand.focused(DetailPane) and hand.invoices.query_text == ""
        assert hand.invoices.pane.invoice_id == hand.invoices.table.current


async def test_what_is_typed_at_once_arrives_and_the_keys_behind_it_wait(start: Start) -> None:
    async with start() as hand:
        await hand.burst("colon", *"F-01", "enter", "escape", "space")
        assert (hand.view(), hand.current()) == (View.FAILED, "F-01")
        assert hand.marked() == {"F-01"}


async def test_a_returned_one_is_in_the_other_tool(start: Start) -> None:
    async with start() as hand:
        await hand.burst("colon", *"N-99", "enter", "x")
        await hand.until(lambda: isinstance(hand.app.screen, CommitmentsScreen))
        await hand.idle()
        assert (hand.view(), hand.current()) == (ProjectView.RETURNED, "N-99")
        await hand.press("colon", *"R-05", "enter")
        await hand.until(lambda: isinstance(hand.app.screen, InvoicesScreen))
        await hand.idle()
        assert (hand.view(), hand.current()) == (View.READY, "R-05")


async def test_who_sees_no_commitments_is_told(start: Start) -> None:
    async with start("viewer") as hand:
        await hand.press("colon", *"N-99", "enter")
        await hand.says("is in Commitments, which you may not see")
        assert isinstance(hand.app.screen, InvoicesScreen)


async def test_a_command_runs_by_its_name_or_as_it_is_chosen(start: Start) -> None:
    async with start() as hand:
        await hand.burst("colon", *"mark-every", "enter")
        assert len(hand.marked()) == 10
        await hand.press("colon", *"unmark all", "enter")
        assert hand.marked() == set()
        await hand.burst("colon", *"Help", "enter")
        await hand.dialog(HelpScreen)


async def test_several_meant_at_once_are_asked_about(start: Start) -> None:
    async with start() as hand:
        await hand.burst("colon", *"R-0", "enter", "space")
        await hand.says("are meant by 'R-0'")
        assert line(hand).display and hand.marked() == set()
        await hand.press("down", "enter")
        assert hand.focused(DetailPane)


async def test_nothing_of_that_name_and_nothing_at_all(start: Start) -> None:
    async with start() as hand:
        await hand.burst("colon", *"zebra", "enter")
        await hand.says("Nothing is called 'zebra'")
        await hand.press("escape")
        await hand.burst("colon", "enter", "space")
        assert not line(hand).display and hand.marked() == {"R-00"}


async def test_ctrl_p_opens_it_and_a_hostile_vendor_stays_text(start: Start) -> None:
    async with start() as hand:
        await hand.press("ctrl+p", *"smith")
        assert line(hand).display and "Smith [/] & Co" in offered(hand)
        assert "\x1b" not in offered(hand) and "\u202e" not in offered(hand)


async def test_a_window_that_loses_the_focus_keeps_the_line(start: Start) -> None:
    async with start() as hand:
        await hand.press("colon", "S")
        hand.app.post_message(events.AppBlur())
        await hand.until(lambda: hand.app.focused is None)
        assert line(hand).display
        hand.app.post_message(events.AppFocus())
        await hand.until(lambda: hand.focused(CommandInput))
        await hand.press(*"-00", "enter")
        assert hand.current() == "S-00"
