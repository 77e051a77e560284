"""The keys that decide nothing: moving, marking, filtering, sorting, views, detail, help."""

from __future__ import annotations

import pytest
from hand import HOSTILE, Start, add_invoice
from textual.geometry import Size

from store.db import Database
from store.db import open as open_db
from store.domain.status import ProjectView, View
from store.models import Project, Vendor
from tui.screens.commitments import CommitmentsScreen
from tui.screens.help import HelpScreen
from tui.screens.more import MoreScreen
from tui.screens.too_small import TooSmallScreen
from tui.widgets.detail import DetailPane
from tui.widgets.filter_line import FilterLine
from tui.widgets.invoice_table import InvoiceTable

READY = ["R-00", "R-03", "R-06", "R-09", "R-01", "R-04", "R-07", "R-02", "R-05", "R-08"]


async def test_the_desk_opens_on_ready_to_export_with_the_counts_of_all_views(start: Start) -> None:
    async with start() as hand:
        views = hand.text("#views")
        assert "[1 Ready 10]" in views
        assert "3 Failed 2!" in views
        assert "5 All 13" in views
        assert hand.listed() == READY
        assert "ACME BUILDERS" in hand.text("#header")
        assert "Approver" in hand.text("#header")
        assert hand.invoices.table.height >= 12


async def test_every_moving_key_moves(start: Start) -> None:
    async with start() as hand:
        for key, expected in (
            ("j", 1), ("down", 2), ("k", 1), ("up", 0), ("G", 9), ("g", 0), ("end", 9), ("home", 0),
            ("pagedown", 9), ("pageup", 0), ("n", 1), ("p", 0), ("k", 0),
        ):  # fmt: skip
            await hand.press(key)
            assert hand.invoices.table.cursor == expected, key


async def test_a_long_list_flips_half_a_page_at_its_edge(start: Start, books: Database) -> None:
    with books.transaction():
        for n in range(60):
            add_invoice(Project.get_by_id(1), Vendor.get_by_id(1), f"L-{n:02}", "ready_to_export")
    async with start() as hand:
        table = hand.invoices.table
        await hand.press(*["j"] * table.height)
        assert table.cursor == table.height
        assert table.top == table.height // 2
        await hand.press("G")
        assert table.top == 70 - table.height
        assert all(line.text for line in table._drawn)


async def test_space_and_insert_mark_and_move_down(start: Start) -> None:
    async with start() as hand:
        await hand.press("space", "insert")
        assert hand.marked() == {"R-00", "R-03"}
        assert hand.invoices.table.cursor == 2
        await hand.press("k", "space")
        assert hand.marked() == {"R-00"}


async def test_the_totals_of_what_is_marked_are_the_stores(start: Start) -> None:
    async with start() as hand:
        await hand.press("space", "space")
        foot = hand.text("#foot")
        assert "MARKED 2 " in foot
        # 3,000.00; R-03: 3,090.00; a tenth retained; hash 0 + 3.
        assert "Gross 6,090.00" in foot
        assert "Retainage 609.00" in foot
        assert "Net 5,481.00" in foot
        assert "Hash 3" in foot


async def test_a_range_is_marked_by_the_second_v_and_dropped_by_escape(start: Start) -> None:
    async with start() as hand:
        await hand.press("j", "v", "j", "j", "v")
        assert hand.marked() == {"R-03", "R-06", "R-09"}
        await hand.press("u", "v", "j", "escape", "j")
        assert hand.invoices.table.range_from is None
        assert hand.marked() == set()


async def test_a_marks_clean_ones_again_unmarks_them_and_capital_a_takes_flagged_ones_too(
    start: Start,
) -> None:
    async with start() as hand:
        await hand.press("a")
        assert hand.marked() == set(READY) - {"R-04"}
        await hand.says("1 flagged")
        await hand.press("a")
        assert hand.marked() == set()
        await hand.press("A")
        assert hand.marked() == set(READY)
        assert hand.invoices.table._box == "x"


async def test_invert_unmark_and_undo(start: Start) -> None:
    async with start() as hand:
        await hand.press("space", "asterisk")
        assert hand.marked() == set(READY) - {"R-00"}
        await hand.press("u")
        assert hand.marked() == set()
        await hand.press("z")
        assert hand.marked() == set(READY) - {"R-00"}
        await hand.press("z", "z")
        assert hand.marked() == set()
        await hand.press("z")
        await hand.says("no marking to undo")


async def test_marked_only_and_back(start: Start) -> None:
    async with start() as hand:
        await hand.press("t")
        await hand.says("Nothing is marked")
        await hand.press("space", "space", "t")
        assert hand.listed() == ["R-00", "R-03"]
        await hand.press("t")
        assert hand.listed() == READY


async def test_the_header_box_and_a_rows_box_can_be_clicked(start: Start) -> None:
    async with start() as hand:
        await hand.pilot.click("InvoiceTable", offset=(2, 3))
        await hand.idle()
        assert hand.marked() == {"R-06"}
        assert hand.current() == "R-06"
        await hand.pilot.click("InvoiceTable", offset=(2, 0))
        await hand.until(lambda: len(hand.marked()) == 9)


async def test_the_filter_works_as_it_is_typed_and_marks_survive_it(start: Start) -> None:
    async with start() as hand:
        await hand.press("space", "slash", *"bell")
        assert hand.listed() == ["R-01", "R-04", "R-07"]
        assert "(1 hidden)" in hand.text("#foot")
        await hand.press("escape", "j")
        assert hand.current() == "R-04"
        await hand.press("backslash")
        assert hand.listed() == READY
        assert hand.marked() == {"R-00"}
        assert hand.current() == "R-04"


async def test_a_filter_that_cannot_be_read_points_at_the_word_and_keeps_the_list(start: Start) -> None:
    async with start() as hand:
        await hand.press("slash", *"net>3k", "space", *"foo:x")
        await hand.says("There is no filter 'foo'")
        assert hand.invoices.query_one(FilterLine)._fault.position == 7
        await hand.press("enter", "j")
        assert hand.invoices.table.has_focus


async def test_an_empty_list_names_cause_and_key(start: Start) -> None:
    async with start() as hand:
        await hand.press("slash", *"nobody", "enter")
        table = hand.invoices.table
        assert "None of the 10 in Ready to Export matches. \\ clears" in table._drawn[1].text
        await hand.press("x")
        await hand.says("Nothing is marked")
        await hand.press("backslash", "2")
        assert "Nothing is being exported" in table._drawn[1].text


async def test_sorting_by_the_active_column_and_back_keeps_the_cursor_on_its_invoice(start: Start) -> None:
    async with start() as hand:
        await hand.press("j", "j")
        assert hand.current() == "R-06"
        await hand.press("less_than_sign", "s")
        assert hand.listed() == sorted(READY)
        assert hand.current() == "R-06"
        await hand.press("s")
        assert hand.listed() == sorted(READY, reverse=True)
        assert hand.current() == "R-06"
        await hand.press("greater_than_sign", "greater_than_sign", "s")
        assert "Sort: Job" in hand.text("#filter-info")


async def test_views_by_digit_and_bracket_each_with_its_own_marks(start: Start) -> None:
    async with start() as hand:
        await hand.press("space", "3")
        assert hand.view() == View.FAILED
        assert hand.listed() == ["F-00", "F-01"]
        assert hand.marked() == set()
        await hand.press("right_square_bracket", "right_square_bracket")
        assert hand.view() == View.ALL
        assert (
            "Failed" in "".join(line.text for line in hand.invoices.table._drawn) or hand.app.size.width == 80
        )
        await hand.press("right_square_bracket")
        assert hand.view() == View.READY
        assert hand.marked() == {"R-00"}
        await hand.press("left_square_bracket", "1")
        assert hand.current() == "R-03"


async def test_enter_opens_the_detail_in_place_of_the_list_and_escape_returns(start: Start) -> None:
    async with start() as hand:
        await hand.press("enter")
        assert hand.invoices.has_class("reading")
        await hand.until(lambda: "R-00  Apex Drywall LLC" in hand.text("DetailPane"))
        assert "Contract position" in hand.text("DetailPane")
        await hand.press("n")
        await hand.until(lambda: "R-03" in hand.text("DetailPane"))
        await hand.press("j", "space", "pageup", "end", "home", "k")
        assert "R-03" in hand.text("DetailPane")
        await hand.press("escape")
        assert not hand.invoices.has_class("reading")
        assert hand.invoices.table.has_focus
        assert hand.state("R-03")[0] == "ready_to_export"


async def test_lines_errors_and_history_of_the_invoice(start: Start) -> None:
    async with start() as hand:
        await hand.press("3", "e")
        await hand.until(lambda: "Cost code 03-300 is not in the job" in hand.text("DetailPane"))
        assert "Fix: Add it in the ERP" in hand.text("DetailPane")
        await hand.press("h")
        assert "Nothing has happened" in hand.text("DetailPane")
        await hand.press("l", "end")
        assert "Attachments" in hand.text("DetailPane")


async def test_wide_the_detail_stands_beside_the_list_and_follows_the_cursor(start: Start) -> None:
    async with start(size=(120, 40)) as hand:
        await hand.until(lambda: "R-00" in hand.text("DetailPane"))
        await hand.press("j")
        await hand.until(lambda: "R-03" in hand.text("DetailPane"))
        await hand.press("tab")
        assert hand.invoices.pane.has_focus
        await hand.press("shift+tab")
        assert hand.invoices.table.has_focus


async def test_other_peoples_text_is_harmless_everywhere(start: Start) -> None:
    async with start(size=(120, 40)) as hand:
        await hand.press("G")
        await hand.until(lambda: "R-08" in hand.text("DetailPane"))
        drawn = "".join(line.text for line in hand.invoices.table._drawn) + hand.text("DetailPane")
        assert "Smith [/] & Co" in drawn
        assert not {c for c in drawn if c in "\x1b\x07\u202e"}
        assert HOSTILE not in drawn
        widths = {strip.cell_length for strip in map(hand.invoices.table.render_line, range(12))}
        assert widths == {hand.invoices.table.size.width}


async def test_money_is_never_cut_whatever_its_size(start: Start, books: Database) -> None:
    with books.transaction():
        add_invoice(Project.get_by_id(1), Vendor.get_by_id(1), "BIG", "ready_to_export", -33_333_333_333)
    async with start() as hand:
        await hand.press("5")
        text = "\n".join(line.text for line in hand.invoices.table._drawn)
        assert "(999,999,999.99)" in text
        assert "(899,999,999.99)" in text or "(900,000,000.00)" in text


async def test_help_lists_the_keys_of_the_place_and_closes(start: Start) -> None:
    async with start() as hand:
        for key, close in (("question_mark", "escape"), ("f1", "q"), ("question_mark", "enter")):
            await hand.press(key)
            await hand.dialog(HelpScreen)
            assert "export what is marked" in str(hand.app.screen.query("Static")[1].render())
            await hand.press(close)
            assert hand.app.screen is hand.invoices


async def test_more_opens_the_other_tool(start: Start) -> None:
    async with start() as hand:
        await hand.press("m")
        await hand.dialog(MoreScreen)
        await hand.press("2")
        await hand.until(lambda: isinstance(hand.app.screen, CommitmentsScreen))
        assert hand.view() == ProjectView.RETURNED
        await hand.press("m", "1")
        await hand.until(lambda: hand.app.screen is hand.invoices)


async def test_who_may_not_see_erp_integrations_starts_in_commitments(start: Start) -> None:
    async with start("mgarcia") as hand:
        assert hand.view() == ProjectView.RETURNED
        await hand.press("m", "1")
        await hand.dialog(MoreScreen)
        assert "needs Read Only" in str(hand.app.screen.query("Static")[1].render())


async def test_what_others_do_appears_without_moving_the_cursor_or_losing_marks(
    start: Start, books: Database
) -> None:
    async with start() as hand:
        await hand.press("j", "j", "space", "j")
        assert hand.current() == "R-01"
        other = open_db(books.url)
        other.execute(
            "UPDATE invoices SET erp_status = 'not_sent', version = version + 1 WHERE number = 'R-00'"
        )
        other.close()
        await hand.until(lambda: "R-00" not in hand.listed())
        assert hand.current() == "R-01"
        assert hand.marked() == {"R-06"}
        assert "[1 Ready 9]" in hand.text("#views")


async def test_marks_that_leave_the_view_are_dropped_and_counted(start: Start, books: Database) -> None:
    async with start() as hand:
        await hand.press("space", "space", "slash", *"bell", "enter")
        other = open_db(books.url)
        other.execute(
            "UPDATE invoices SET erp_status = 'not_sent', version = version + 1 WHERE number = 'R-00'"
        )
        other.close()
        await hand.says("1 marked left this view")
        assert hand.marked() == {"R-03"}


async def test_refresh_redraw_cancel_and_the_keys_that_do_them(start: Start) -> None:
    async with start() as hand:
        for key in ("f5", "ctrl+r", "ctrl+l", "escape", "ctrl+g", "f12"):
            await hand.press(key)
            assert hand.app.screen is hand.invoices


async def test_below_80x24_the_desk_says_so_and_takes_no_keys(start: Start) -> None:
    async with start() as hand:
        await hand.pilot.resize_terminal(79, 24)
        await hand.until(lambda: isinstance(hand.app.screen, TooSmallScreen))
        assert "needs 80x24" in str(hand.app.screen.query_one("Static").render())
        await hand.pilot.press("space", "x")
        await hand.pilot.resize_terminal(120, 40)
        await hand.until(lambda: hand.app.screen is hand.invoices)
        assert hand.marked() == set()
        assert hand.app.size == Size(120, 40)


async def test_quit(start: Start) -> None:
    for key in ("q", "f3"):
        async with start() as hand:
            await hand.pilot.press(key)
            await hand.until(lambda: not hand.app.is_running or hand.app._exit)


async def test_keys_typed_behind_a_filter_wait_for_it(start: Start) -> None:
    async with start() as hand:
        for key in ("slash", *"bell", "enter", "space", "j", "space"):
            await hand.pilot.press(key)
        await hand.idle()
        await hand.until(lambda: hand.marked() == {"R-01", "R-07"})
        for key in ("3", "space"):
            await hand.pilot.press(key)
        await hand.idle()
        await hand.press("backslash")
        await hand.until(lambda: hand.listed() == ["F-00", "F-01"])
        assert hand.marked() == set()


async def test_the_same_answer_twice_stays_the_answer(start: Start) -> None:
    async with start() as hand:
        for _ in range(3):
            await hand.press("x")
            await hand.says("Nothing is marked. Space marks")
            await hand.until(lambda: hand.app._answered is None or hand.app._last_key is hand.app._answered)
        assert "changes nothing" not in hand.text("#foot")


# -- what is shown has the keys --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "keys", [("colon", "escape"), ("plus", "escape"), ("minus", "enter"), ("colon", *"sort", "enter")]
)
async def test_a_line_that_is_left_gives_the_keys_back_to_the_detail(
    start: Start, keys: tuple[str, ...]
) -> None:
    async with start() as hand:
        await hand.press("enter", *keys, "space")
        assert hand.invoices.has_class("reading")
        assert hand.focused(DetailPane)
        assert hand.marked() == set()


async def test_another_view_or_tool_leaves_the_detail(start: Start) -> None:
    async with start() as hand:
        for keys in (("enter", "3"), ("right_square_bracket",), ("colon", *"R-05", "enter", "4"), ("1",)):
            await hand.press(*keys)
            assert not hand.invoices.has_class("reading")
            assert hand.focused(InvoiceTable)
        await hand.press("enter", "m")
        await hand.dialog(MoreScreen)
        await hand.press("2")
        await hand.until(lambda: isinstance(hand.app.screen, CommitmentsScreen))
        await hand.press("m", "1")
        await hand.until(lambda: hand.app.screen is hand.invoices)
        assert hand.focused(InvoiceTable)
        await hand.press("space")
        assert len(hand.marked()) == 1


async def test_a_detail_that_has_the_keys_keeps_them_in_a_narrower_window(start: Start) -> None:
    async with start(size=(120, 40)) as hand:
        await hand.press("tab")
        await hand.pilot.resize_terminal(80, 24)
        await hand.idle()
        await hand.press("space")
        assert hand.focused(DetailPane)
        assert hand.invoices.pane.size.width == 80
        assert hand.marked() == set()


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (120, 40), (200, 60)])
async def test_the_period_stands_beside_the_status_and_both_are_whole_where_there_is_room(
    start: Start, books: Database, size: tuple[int, int]
) -> None:
    long = "INVOICE-2026-000123"
    with books.transaction():
        add_invoice(Project.get_by_id(1), Vendor.get_by_id(1), long, "not_sent")
    async with start("mgarcia", size) as hand:
        await hand.press("4")
        drawn = "\n".join(line.text for line in hand.commitments.table._drawn)
        assert "2026-10" in drawn
        assert "2,700.00" in drawn
        assert ("x Rejected" in drawn) == (hand.commitments.table.size.width > 82)
        assert (long in drawn) == (hand.commitments.table.size.width > 82)


# -- what was said -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (("space", "z", "asterisk"), "The last marking is undone."),
        (("space", "z", "A", "t"), "The last marking is undone."),
        (("greater_than_sign", "s"), "Active column"),
        (("0", "s"), "0 does nothing here."),
        (("0", "G", "space", "space"), "does nothing here."),
        (("0", "enter"), "does nothing here."),
        (("0", "slash", "enter"), "does nothing here."),
        (("backslash", "m", "escape"), "There is no filter to clear."),
        (("plus", *"foo:x", "enter", "escape"), "There is no filter"),
        (("3", "v", "escape"), "A range begins here"),
    ],
)
async def test_a_key_that_acts_leaves_no_earlier_sentence_standing(
    start: Start, keys: tuple[str, ...], said: str
) -> None:
    async with start() as hand:
        await hand.press(*keys)
        assert said not in hand.invoices._message


async def test_l_shows_the_g703_lines(start: Start) -> None:
    async with start() as hand:
        await hand.press("l")
        await hand.until(lambda: hand.text("DetailPane").splitlines()[2].startswith("| Lines (G703)"))
        await hand.press("n")
        await hand.until(lambda: "R-03" in hand.text("DetailPane"))
        assert not hand.text("DetailPane").splitlines()[2].startswith("| Lines (G703)")
        await hand.press("l")
        assert hand.text("DetailPane").splitlines()[2].startswith("| Lines (G703)")


async def test_the_keys_that_help_with_an_error_stand_apart(start: Start) -> None:
    async with start() as hand:
        await hand.press("3", "e")
        lines = [line.strip("| ") for line in hand.text("DetailPane").splitlines()]
        assert {"D: dates, description, ERP number", "x: retry", "r: reject"} <= set(lines)
        # Its cost code is not known to the ERP: where that is mended.
        assert "m 3: Mappings" in lines


async def test_what_is_in_the_erp_is_not_said_to_stand_before_an_export(start: Start) -> None:
    async with start() as hand:
        await hand.press("4", "e")
        assert "No errors." in hand.text("DetailPane")
        assert "shows what would stand" not in hand.text("DetailPane")


async def test_the_filter_says_what_it_is_for_at_80(start: Start) -> None:
    async with start() as hand:
        box = hand.invoices.query_one(FilterLine).box
        assert box.size.width > len(box.placeholder)


async def test_a_filter_that_is_not_finished_keeps_the_list_until_the_box_is_left(start: Start) -> None:
    async with start() as hand:
        await hand.press("slash", *"bell")
        # At once: on its way there "net" is a whole word, which nothing has.
        box = hand.invoices.query_one(FilterLine).box
        box.value, box.cursor_position = "bell net>", 9
        await hand.idle()
        assert hand.listed() == ["R-01", "R-04", "R-07"]
        assert "3 of 10" in hand.text("#filter-info")
        await hand.says("net>")
        assert hand.invoices.query_one(FilterLine)._fault.position == 5
        await hand.press("2", "k")
        assert "R-01" in hand.listed()
        assert not hand.invoices._message
        await hand.press("backspace", "backspace", "enter", "space", "x")
        assert hand.listed() == []
        assert hand.marked() == set()
        await hand.says("net>")
