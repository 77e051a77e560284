"""What a hand meets: keys stay in sight whatever is said, another window size is drawn anew, the next key is told."""

from __future__ import annotations

import pytest
from hand import PROFILE, Hand, Start, add_invoice
from textual import events
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from store import review
from store.db import Database
from store.directory import actor
from store.domain.selection import Marked
from store.models import InvoiceLine, Project, Vendor
from tui.screens.ask_by_mail import AskByMailScreen
from tui.screens.confirm import ConfirmExport
from tui.screens.edit import EditScreen
from tui.screens.export_values import ExportValuesScreen
from tui.screens.hold import HoldScreen
from tui.screens.reject import RejectScreen
from tui.screens.views import ViewsScreen
from tui.screens.writing import WriteScreen
from tui.widgets.choice_line import ChoiceLine
from tui.widgets.command_line import CommandLine
from tui.widgets.export_panel import ExportPanel
from tui.widgets.query_line import QueryInput, QueryLine
from tui.widgets.text_box import TextBox


async def opened(hand: Hand, kind: type, *keys: str) -> None:
    await hand.press(*keys)
    await hand.dialog(kind)


def whole(hand: Hand, selector: str | type[Widget]) -> bool:
    """Whether all of it is inside the window, on one row at least."""
    place = hand.app.screen.query_one(selector).region
    return place.height > 0 and place.bottom < hand.app.size.height


def uncut(hand: Hand, selector: str) -> bool:
    """Whether a line of text has the cells that it needs."""
    widget = hand.app.screen.query_one(selector, Static)
    return len(str(widget.render())) <= widget.size.width


def refused_batch(db: Database, count: int) -> None:
    """A batch that has ended with so many failures."""
    ids = range(1, count + 1)
    review.accept(db, actor(db, "jlopez"), Marked(dict.fromkeys(ids, 1)), PROFILE)
    error = (
        "vendor.unknown",
        "Vendor V-17 is not in the ERP",
        "Add the vendor to the ERP, then x retries it",
    )
    for number in ids:
        db.execute(
            "UPDATE export_jobs SET state = 'failed', error_code = ?, error_text = ? WHERE invoice_id = ?",
            (*error[:2], number),
        )
        db.execute(
            "UPDATE invoices SET erp_status = 'failed_to_export', error_code = ?, error_cause = ?, error_fix = ?"
            " WHERE id = ?",
            (*error, number),
        )


# -- another window --------------------------------------------------------------------------------------------


async def test_the_panel_of_a_batch_that_has_ended_follows_the_window(start: Start, books: Database) -> None:
    refused_batch(books, 4)
    async with start() as hand:
        await hand.press("b")
        assert len(hand.text(ExportPanel.__name__).splitlines()) == 4
        await hand.pilot.resize_terminal(120, 40)
        await hand.until(lambda: len(hand.text(ExportPanel.__name__).splitlines()) == 7)
        await hand.until(lambda: hand.app.screen.query_one(ExportPanel).size.height == 7)
        assert "vendor.unknown" in hand.text(ExportPanel.__name__)
        await hand.pilot.resize_terminal(120, 24)
        await hand.until(lambda: hand.app.screen.query_one(ExportPanel).size.height == 4)


async def test_the_list_of_the_command_line_follows_the_window(start: Start) -> None:
    async with start(size=(120, 40)) as hand:
        await hand.press("colon", *"R-0")
        line = hand.app.screen.query_one(CommandLine)
        await hand.until(lambda: line.listed_for == "R-0")
        await hand.pilot.resize_terminal(80, 24)
        await hand.until(lambda: max(map(len, hand.text("#command-list").splitlines())) <= 80)
        assert "USD" in hand.text("#command-list")
        await hand.pilot.resize_terminal(120, 40)
        await hand.until(lambda: len(hand.text("#command-list").splitlines()[0]) == 120)


# -- the buttons stay in sight -----------------------------------------------------------------------------------


async def test_what_is_said_in_a_full_confirmation_pushes_nothing_out(start: Start, books: Database) -> None:
    project, vendor = Project.get_by_id(1), Vendor.get_by_id(1)
    for n in range(30):
        add_invoice(project, vendor, f"CR-{n:02}", "ready_to_export", -5_000 - 10 * n)
    books.execute("UPDATE company SET confirm_count = 3")
    async with start() as hand:
        await opened(hand, ConfirmExport, "A", "x")
        assert whole(hand, "#cancel")
        hand.app.post_message(events.Paste("y"))
        await hand.until(lambda: "Pasted text does nothing" in hand.text("#problem"))
        await hand.until(lambda: whole(hand, "#cancel") and whole(hand, "#how"))
        # No filter opens behind a dialog.
        assert "filter" not in hand.text("#problem")


async def test_lines_and_a_long_refusal_leave_the_edit_form_its_buttons(
    start: Start, books: Database
) -> None:
    invoice = int(books.execute("SELECT id FROM invoices WHERE number = 'N-00'").fetchone()[0])
    first = InvoiceLine.get(InvoiceLine.invoice == invoice)
    for position in range(3, 21):
        values = {**first.__data__, "position": position, "work_now": 0, "held": 0}
        values.pop("id", None)
        InvoiceLine.create(**values)
    async with start("mgarcia") as hand:
        await opened(hand, EditScreen, "2", "e")
        assert hand.text("#how").startswith("Up, Down: line 1 of 20")
        assert whole(hand, "#save") and uncut(hand, "#how")
        shown = len(hand.text("#lines").splitlines())
        screen = hand.app.screen
        assert isinstance(screen, EditScreen)
        screen.trouble("The amounts cannot be changed: a later application was made from them. " * 4)
        await hand.until(lambda: whole(hand, "#save"))
        assert len(hand.text("#lines").splitlines()) < shown
        await hand.pilot.resize_terminal(120, 40)
        await hand.until(lambda: len(hand.text("#lines").splitlines()) == 21)
        assert "a later application" in hand.text("#problem")


# -- the next key is told ----------------------------------------------------------------------------------------


async def test_how_to_go_on_is_whole_beside_the_buttons(start: Start) -> None:
    async with start() as hand:
        await opened(hand, RejectScreen, "space", "space", "r")
        assert hand.text("#how").endswith("its own")
        assert uncut(hand, "#how")
        await hand.press("escape")
        await opened(hand, ExportValuesScreen, "D")
        assert "Tab: go on" in hand.text(".how")
        assert not hand.app.screen.query_one("#problem").display


async def test_the_foot_of_saved_views_tells_the_keys_of_where_they_go(start: Start) -> None:
    async with start() as hand:
        await opened(hand, ViewsScreen, "o")
        assert hand.text("#how").startswith("Enter loads")
        await hand.press("s")
        await hand.until(lambda: hand.text("#how").startswith("Enter saves"))
        assert uncut(hand, "#how")


async def test_enter_goes_on_from_a_line_of_choices(start: Start) -> None:
    async with start() as hand:
        await opened(hand, WriteScreen, "w")
        assert hand.focused(ChoiceLine)
        await hand.press("enter", "enter")
        assert hand.focused(Input)


async def test_a_query_for_marks_is_completed_and_its_foot_says_so(start: Start) -> None:
    async with start() as hand:
        await hand.press("plus", *"ven", "tab", "tab")
        box = hand.invoices.query_one(QueryLine).box
        assert box.value.startswith('vendor:"Apex') and isinstance(box, QueryInput)
        assert "Enter marks them" in hand.text("#query-hint")
        await hand.says("1 of ")
        assert "Tab complete" in hand.text("#foot") or "x EXPORT" not in hand.text("#foot")
        await hand.press("enter")
        assert hand.marked() == {"R-00", "R-03", "R-06", "R-09"}


async def test_tab_behind_the_only_choice_completes_what_comes_next(start: Start) -> None:
    async with start() as hand:
        await hand.press("slash", *"ven", "tab")
        box = hand.invoices.query_one(QueryLine).screen.query_one("#filter-box", Input)
        assert box.value == "vendor:"
        await hand.press("tab")
        assert box.value == 'vendor:"Apex Drywall LLC"'
        await hand.press("tab")
        assert box.value == 'vendor:"Bell Mechanical"'


async def test_unmarking_nothing_is_nothing_to_take_back(start: Start) -> None:
    async with start() as hand:
        await hand.press("space", "u", "u", "z")
        await hand.says("The last marking is undone")
        assert hand.marked() == {"R-00"}


# -- others meanwhile --------------------------------------------------------------------------------------------


def others_change(db: Database) -> None:
    db.execute("UPDATE invoices SET version = version + 1 WHERE number = 'R-00'")


@pytest.mark.parametrize(
    ("kind", "key", "box", "send", "what"),
    [
        (HoldScreen, "H", "#reason", "#place", "Nothing was placed on hold"),
        (AskByMailScreen, "i", "#question", "#send", "Nothing was asked about"),
    ],
)
async def test_what_others_changed_meanwhile_is_said_and_what_was_written_is_kept(
    start: Start, books: Database, kind: type, key: str, box: str, send: str, what: str
) -> None:
    async with start() as hand:
        await opened(hand, kind, key)
        hand.app.screen.query_one(box, TextBox).text = "Which period is it?"
        others_change(books)
        await hand.focus(send)
        await hand.pilot.press("enter")
        await hand.says(f"{what}: others changed R-00 meanwhile.")
        await opened(hand, kind, key)
        assert hand.app.screen.query_one(box, TextBox).text == "Which period is it?"
        assert what in hand.text("#problem")
        await hand.focus(send)
        await hand.pilot.press("enter")
        await hand.says("1 ")
        # It was for that one, and is saved now.
        await opened(hand, kind, "j", "j", key)
        assert hand.app.screen.query_one(box, TextBox).text == ""
        assert hand.focused(TextBox) or hand.focused(Button)


async def test_an_edit_that_others_have_made_meanwhile_is_told_in_the_form(
    start: Start, books: Database
) -> None:
    async with start("mgarcia") as hand:
        await opened(hand, EditScreen, "2", "e")
        hand.app.screen.query_one("#day", Input).value = "2026-10-20"
        books.execute("UPDATE invoices SET version = version + 1 WHERE number = 'N-00'")
        await hand.focus("#save")
        await hand.pilot.press("enter")
        await hand.until(lambda: "was changed by somebody else" in hand.text("#problem"))
        assert hand.app.screen.query_one("#day", Input).value == "2026-10-20"
        assert whole(hand, "#save")
