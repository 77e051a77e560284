"""The dialogs before a decision: everything they show can be reached, nothing that was typed is lost."""

from __future__ import annotations

import pytest
from hand import Hand, Start, add_invoice
from textual.containers import VerticalScroll
from textual.widgets import Button, Input, OptionList

from store import review
from store.db import Database
from store.directory import actor
from store.domain.selection import Marked
from store.models import Project, Vendor
from tui.screens.confirm import ConfirmExport
from tui.screens.dry_run import DryRunScreen
from tui.screens.edit import EditScreen
from tui.screens.export_values import ExportValuesScreen
from tui.screens.hold import HoldScreen
from tui.screens.reject import ReasonBox, RejectScreen

TOO_LONG = "A-NUMBER-THAT-IS-TOO-LONG"


async def opened(hand: Hand, kind: type, *keys: str) -> None:
    await hand.press(*keys)
    await hand.dialog(kind)


def long_plan() -> None:
    """More to tell than 24 rows hold."""
    project, vendor = Project.get_by_id(1), Vendor.get_by_id(1)
    add_invoice(project, vendor, TOO_LONG, "ready_to_export")
    for n in range(30):
        add_invoice(project, vendor, f"CR-{n:02}", "ready_to_export", -5_000 - 10 * n)


# -- confirm ---------------------------------------------------------------------------------------------------


async def test_the_time_without_keys_begins_with_the_first_picture(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[tuple[int, bool]] = []
    pictured = ConfirmExport._pictured

    def noted(self: ConfirmExport) -> None:
        rows.append((self.query_one("#cancel").region.height, self.armed))
        pictured(self)

    monkeypatch.setattr(ConfirmExport, "_pictured", noted)
    async with start() as hand:
        await opened(hand, ConfirmExport, "space", "x")
        height, armed = rows[0]
        assert height > 0 and not armed
        assert hand.focused(Button)


async def test_a_dialog_that_is_told_of_no_picture_takes_keys_all_the_same(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ConfirmExport, "call_after_refresh", lambda *_: False)
    async with start() as hand:
        await hand.press("space", "x")
        await hand.until(lambda: getattr(hand.app.screen, "armed", False))
        await hand.press("escape")
        assert hand.app.screen is hand.invoices


@pytest.mark.parametrize(("down", "up"), [("pagedown", "pageup"), ("down", "up"), ("j", "k")])
async def test_the_plan_scrolls_while_cancel_has_the_focus(
    start: Start, books: Database, down: str, up: str
) -> None:
    long_plan()
    async with start() as hand:
        await opened(hand, ConfirmExport, "A", "x")
        scroll = hand.app.screen.query_one(".scroll", VerticalScroll)
        assert hand.focused(Button)
        assert scroll.max_scroll_y > 0
        assert hand.text("#how").startswith("PgDn: more")
        await hand.press(down)
        await hand.until(lambda: scroll.scroll_y > 0)
        await hand.press(*[down] * 30)
        await hand.until(lambda: scroll.scroll_y == scroll.max_scroll_y)
        await hand.until(lambda: "PgDn" not in hand.text("#how"))
        await hand.press(*[up] * 30)
        await hand.until(lambda: scroll.scroll_y == 0)
        await hand.until(lambda: "PgDn: more" in hand.text("#how"))
        assert isinstance(hand.app.screen, ConfirmExport)
        assert hand.focused(Button)
    assert books.execute("SELECT count(*) FROM export_jobs").fetchone()[0] == 0


async def test_a_short_plan_has_no_more(start: Start) -> None:
    async with start() as hand:
        await opened(hand, ConfirmExport, "space", "x")
        assert hand.text("#how") == "y: export   Tab: fields   Enter, Esc: cancel"


async def test_letters_belong_to_the_field_that_has_the_focus(start: Start) -> None:
    async with start() as hand:
        await opened(hand, ConfirmExport, "A", "x")
        await hand.focus("#text")
        await hand.press("j", "k")
        assert hand.app.screen.query_one("#text", Input).value == "jk"


async def test_the_plan_tells_what_stays_then_the_largest_then_credits_and_flagged(
    start: Start, books: Database
) -> None:
    project, vendor = Project.get_by_id(1), Vendor.get_by_id(1)
    add_invoice(project, vendor, TOO_LONG, "ready_to_export")
    add_invoice(project, vendor, "CR-1", "ready_to_export", -5_000)
    async with start() as hand:
        await opened(hand, ConfirmExport, "A", "slash", *"bell", "enter", "x")
        plan = hand.text("#plan")
        places = [
            plan.index(word)
            for word in (
                "Cannot go, and stays",
                "Largest",
                "Credits (1)",
                "Flagged (1)",
                "Hidden by the filter",
            )
        ]
        assert places == sorted(places)
    assert books.execute("SELECT count(*) FROM export_jobs").fetchone()[0] == 0


async def test_the_first_tab_is_the_accounting_date_however_long_the_plan(
    start: Start, books: Database
) -> None:
    long_plan()
    async with start() as hand:
        await opened(hand, ConfirmExport, "A", "x")
        assert hand.app.screen.query_one(".scroll", VerticalScroll).max_scroll_y > 0
        await hand.burst("tab", *"2026-10-1y", "tab", *"yes", "tab")
        assert isinstance(hand.app.screen, ConfirmExport)
        assert hand.app.screen.query_one("#day", Input).value == "2026-10-1y"
        assert hand.app.screen.query_one("#text", Input).value == "yes"
        assert hand.focused(Button)
    assert books.execute("SELECT count(*) FROM export_jobs").fetchone()[0] == 0


async def test_the_plan_takes_the_rows_that_the_rest_leaves_and_every_credit_can_be_reached(
    start: Start, books: Database
) -> None:
    long_plan()
    async with start() as hand:
        await opened(hand, ConfirmExport, "A", "x")
        scroll, frame = hand.app.screen.query_one(".scroll"), hand.app.screen.query_one(".frame")
        await hand.until(lambda: frame.outer_size.height == 24)
        shown = [child for child in frame.children if child.display]
        rows = sum(child.outer_size.height + child.styles.margin.height for child in shown)
        assert rows + frame.gutter.height == 24 and scroll.size.height >= 11
        assert all(f"CR-{n:02}" in hand.text("#plan") for n in range(30))
        await hand.press(*["pagedown"] * 12)
        await hand.until(lambda: scroll.scroll_y == scroll.max_scroll_y)
        assert scroll.virtual_size.height >= len(hand.text("#plan").split("\n"))
    async with start(size=(80, 50)) as hand:
        await opened(hand, ConfirmExport, "A", "x")
        scroll = hand.app.screen.query_one(".scroll")
        await hand.until(lambda: scroll.size.height > 24)


async def test_a_bad_date_keeps_its_sentence_when_y_is_pressed(start: Start) -> None:
    async with start() as hand:
        await opened(hand, ConfirmExport, "space", "x")
        await hand.burst("tab", *"2026-13-01", "enter")
        await hand.until(lambda: "is not a date" in hand.text("#problem"))
        await hand.press("y")
        assert hand.text("#problem") == "'2026-13-01' is not a date. Write it as 2026-10-31."
        assert isinstance(hand.app.screen, ConfirmExport)


async def test_v_tells_both_counts_and_back_needs_no_second_look(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with start() as hand:
        await opened(hand, ConfirmExport, "A", "slash", *"bell", "enter", "x")
        await hand.press("v")
        await hand.until(lambda: "3 in USD" in hand.text("#totals"))
        assert hand.text("#hidden") == "Visible ones only (3); v takes the 7 hidden ones in again"
        monkeypatch.setattr(review, "plan_export", None)
        await hand.press("v")
        assert "10 in USD" in hand.text("#totals")
        await hand.press("v")
        assert "3 in USD" in hand.text("#totals")
        await hand.pilot.press("y")
        await hand.says("3 accepted")


@pytest.mark.parametrize(("key", "kind"), [("x", ConfirmExport), ("d", DryRunScreen)])
async def test_those_that_failed_tell_why_before_they_go_again(start: Start, key: str, kind: type) -> None:
    async with start() as hand:
        await hand.press("3")
        await opened(hand, kind, "A", key)
        if key == "x":
            assert "Failed last time (2)" in hand.text("#plan")
            assert "F-00: Cost code 03-300 is not in the job" in hand.text("#plan")
        else:
            assert "2    Failed last time: Cost code 03-300 is not in the job" in hand.causes()


# -- keys of one burst -----------------------------------------------------------------------------------------


async def test_keys_typed_fast_land_where_tab_has_led(start: Start) -> None:
    async with start("mgarcia") as hand:
        await opened(hand, EditScreen, "e")
        boxes = {name: hand.app.screen.query_one(f"#{name}", Input) for name in ("work", "stored", "held")}
        before = [box.value for box in boxes.values()]
        await hand.burst("tab", "7")
        # Retainage follows what is stored, at the commitment's rate.
        assert [boxes[name].value for name in boxes] == [before[0], "7", "100.70"]
        await hand.burst("shift+tab", "1", "2", "tab", "tab", "5", "6")
        assert [boxes[name].value for name in boxes] == ["12", "7", "56"]


async def test_enter_in_a_burst_goes_on_with_what_was_typed_before_it(start: Start) -> None:
    async with start("mgarcia") as hand:
        await opened(hand, EditScreen, "e")
        work, released = (hand.app.screen.query_one(f"#{name}", Input) for name in ("work", "released"))
        await hand.burst("tab", "tab", "tab", "backspace", "5", "enter", "backspace", "3")
        assert (work.value, released.value) == ("3", "0.00")
        await hand.burst("up")
        assert (work.value, released.value) == ("1000.00", "5.00")


@pytest.mark.parametrize(
    ("key", "kind", "told"), [("H", HoldScreen, "on hold"), ("r", RejectScreen, "1 rejected")]
)
async def test_a_reason_and_its_button_in_one_burst(start: Start, key: str, kind: type, told: str) -> None:
    async with start() as hand:
        await opened(hand, kind, "space", key)
        await hand.burst(*"Wrong", "tab", "tab", "enter", "x", "x")
        await hand.says(told)
        assert hand.app.screen is hand.invoices


# -- reject ----------------------------------------------------------------------------------------------------


async def test_each_target_recalls_for_itself_and_loses_nothing(start: Start, books: Database) -> None:
    review.reject(books, actor(books, "jlopez"), Marked({2: 1}), "Older reason")
    review.reject(books, actor(books, "jlopez"), Marked({3: 1}), "Newer reason")
    async with start() as hand:
        await opened(hand, RejectScreen, "space", "space", "r")
        box = hand.app.screen.query_one(ReasonBox)
        await hand.press(*"Mine", "up", *"! ")
        assert box.text == "! Newer reason"
        await hand.press("up")
        assert box.text == "Older reason"
        await hand.press("shift+tab", "o")
        assert box.text == ""
        await hand.press(*"Own")
        await hand.press("up", "down")
        assert box.text == "Own"
        await hand.press("escape")
        assert box.text == "Older reason"
        await hand.press("down")
        assert box.text == "! Newer reason"
        await hand.press("down")
        assert box.text == "Mine"
        await hand.press("tab", "tab")
        await hand.pilot.press("enter")
        await hand.says("2 rejected")
        assert {hand.state("R-00")[2], hand.state("R-03")[2]} == {"Own", "Mine"}


async def test_of_one_invoice_the_list_is_no_stop_on_the_way_to_the_buttons(start: Start) -> None:
    async with start() as hand:
        await opened(hand, RejectScreen, "space", "r")
        assert hand.text("#how") == "Tab: buttons   Up: earlier reasons"
        await hand.press("shift+tab")
        assert not hand.focused(OptionList)
        await hand.focus("#reason")
        await hand.press("tab")
        assert hand.focused(Button)
    async with start() as hand:
        await opened(hand, RejectScreen, "space", "space", "r")
        assert hand.text("#how") == "Tab: list, buttons   o in the list: its own"


# -- the approver's values -------------------------------------------------------------------------------------


async def save(hand: Hand) -> None:
    await hand.focus("#save")
    await hand.pilot.press("enter")


def values(db: Database, number: str) -> tuple[str | None, str, str]:
    row = db.execute(
        "SELECT accounting_date, description, erp_number FROM invoices WHERE number = ?", (number,)
    ).fetchone()
    return row[0], row[1], row[2]


@pytest.fixture
def given(books: Database) -> Database:
    """R-00 has a date, a description and a number; R-03 a description."""
    books.execute(
        "UPDATE invoices SET accounting_date = '2026-10-05', description = 'Draw 5', erp_number = 'ERP-7'"
        " WHERE number = 'R-00'"
    )
    books.execute("UPDATE invoices SET description = 'Draw 6' WHERE number = 'R-03'")
    return books


async def test_the_values_of_a_single_invoice_are_shown_and_changed_one_by_one(
    start: Start, given: Database
) -> None:
    async with start() as hand:
        await opened(hand, ExportValuesScreen, "D")
        day, text = (hand.app.screen.query_one(box, Input) for box in ("#day", "#text"))
        await hand.until(lambda: (day.value, text.value) == ("2026-10-05", "Draw 5"))
        await save(hand)
        await hand.until(lambda: hand.app.screen is hand.invoices)
        assert hand.invoices._message == ""
        await opened(hand, ExportValuesScreen, "D")
        hand.app.screen.query_one("#text", Input).value = "Draw 9"
        await save(hand)
        await hand.says("1 changed")
        assert values(given, "R-00") == ("2026-10-05", "Draw 9", "ERP-7")


@pytest.mark.parametrize("nothing", ["", "-"])
async def test_a_description_and_a_number_can_be_taken_away_a_date_not(
    start: Start, given: Database, nothing: str
) -> None:
    async with start() as hand:
        await opened(hand, ExportValuesScreen, "D")
        day, text, number = (hand.app.screen.query_one(box, Input) for box in ("#day", "#text", "#number"))
        await hand.until(lambda: day.value)
        day.value = text.value = number.value = nothing
        await save(hand)
        await hand.until(lambda: "can be changed, not taken away" in hand.text("#problem"))
        day.value = "2026-10-05"
        await save(hand)
        await hand.says("1 changed")
        assert values(given, "R-00") == ("2026-10-05", "", "")


async def test_of_several_nothing_is_shown_and_a_dash_takes_all_descriptions_away(
    start: Start, given: Database
) -> None:
    async with start() as hand:
        await opened(hand, ExportValuesScreen, "space", "space", "D")
        text = hand.app.screen.query_one("#text", Input)
        assert (text.value, text.placeholder) == ("", "(several)")
        text.value = "-"
        await save(hand)
        await hand.says("2 changed")
        assert values(given, "R-00") == ("2026-10-05", "", "ERP-7")
        assert values(given, "R-03")[1] == ""
