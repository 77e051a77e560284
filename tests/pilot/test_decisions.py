"""What is decided at the desk: export, retry, reject, recall, the approver's values, and the Commitments tool."""

from __future__ import annotations

import pytest
from hand import Hand, Start, add_invoice
from textual import events
from textual.widgets import Input, OptionList, TextArea

from store import review
from store.db import Database
from store.db import open as open_db
from store.directory import actor
from store.domain.selection import Marked
from store.models import Project, Vendor
from tui.screens.ask import AskScreen
from tui.screens.confirm import ConfirmExport
from tui.screens.dry_run import DryRunScreen
from tui.screens.edit import EditScreen
from tui.screens.export_values import ExportValuesScreen
from tui.screens.reject import ReasonBox, RejectScreen


@pytest.fixture
def held(books: Database) -> Database:
    """The books with a hold of a minute."""
    books.execute("UPDATE company SET hold_ms = 60000")
    return books


# -- export ----------------------------------------------------------------------------------------------------


async def confirming(hand: Hand, *keys: str) -> None:
    await hand.press(*keys)
    await hand.dialog(ConfirmExport)


async def test_export_shows_what_goes_and_y_commits_exactly_that(start: Start, books: Database) -> None:
    async with start() as hand:
        await confirming(hand, "space", "space", "x")
        assert "Sandbox ERP" in str(hand.app.screen.query("Static").first().render())
        assert "2 in USD  Gross 6,090.00  Retainage 609.00" in hand.text("#totals")
        assert "Net 5,481.00  Hash 3" in hand.text("#totals")
        assert "Largest (2)" in hand.text("#plan")
        await hand.pilot.press("y")
        await hand.says("Batch 1: 2 accepted for export.")
        await hand.idle()
        assert hand.state("R-00")[0] == hand.state("R-03")[0] == "queued"
        assert hand.marked() == set()
        assert hand.worker.calls == 1
        assert "BATCH 1" in hand.text("ExportPanel")


@pytest.mark.parametrize("key", ["enter", "escape", "f12"])
async def test_enter_and_the_first_focus_mean_cancel(start: Start, key: str) -> None:
    async with start() as hand:
        await confirming(hand, "space", "f6")
        await hand.press(key)
        assert hand.app.screen is hand.invoices
        assert hand.state("R-00")[0] == "ready_to_export"
        assert hand.marked() == {"R-00"}


async def test_keys_and_pasted_text_in_the_first_quarter_second_are_dropped(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ConfirmExport.GUARD == 0.25
    # However slow the machine is, the keys of this test come within the time.
    monkeypatch.setattr(ConfirmExport, "GUARD", 600.0)
    async with start() as hand:
        await hand.press("space")
        await hand.pilot.press("x")
        await hand.until(lambda: isinstance(hand.app.screen, ConfirmExport))
        await hand.pilot.press("y")
        hand.app.post_message(events.Paste("y"))
        await hand.pilot.press("y")
        assert isinstance(hand.app.screen, ConfirmExport)
        assert hand.state("R-00")[0] == "ready_to_export"


async def test_hidden_ones_are_named_and_can_be_left_out(start: Start) -> None:
    async with start() as hand:
        await hand.press("a", "slash", *"bell", "enter")
        await confirming(hand, "x")
        assert "7 of them hidden by the filter: v visible only, y all 9" in hand.text("#hidden")
        assert "Hidden by the filter (7)" in hand.text("#plan")
        await hand.press("v")
        await hand.until(lambda: "2 in USD" in hand.text("#totals"))
        assert "Visible ones only" in hand.text("#hidden")
        await hand.pilot.press("y")
        await hand.says("2 accepted")
        assert hand.state("R-01")[0] == "queued"
        assert hand.state("R-00")[0] == "ready_to_export"


async def test_the_date_and_the_description_are_taken_and_a_bad_date_is_refused(
    start: Start, books: Database
) -> None:
    async with start() as hand:
        await confirming(hand, "space", "x")
        await hand.focus("#day")
        await hand.press(*"2026-13-01", "enter")
        await hand.until(lambda: "is not a date" in hand.text("#problem"))
        await hand.press("y")
        assert isinstance(hand.app.screen, ConfirmExport)
        hand.app.screen.query_one("#day", Input).value = "2026-10-15"
        hand.app.screen.query_one("#text", Input).value = "October draw"
        await hand.until(lambda: "2026-10-15 (1)" in hand.text("#plan"))
        await hand.pilot.press("y")
        await hand.says("1 accepted")
        row = books.execute(
            "SELECT accounting_date, description FROM invoices WHERE number = 'R-00'"
        ).fetchone()
        assert tuple(row) == ("2026-10-15", "October draw")


async def test_what_cannot_go_is_shown_with_cause_and_fix_and_stays_marked(
    start: Start, books: Database
) -> None:
    add_invoice(Project.get_by_id(1), Vendor.get_by_id(1), "A-NUMBER-THAT-IS-TOO-LONG", "ready_to_export")
    async with start() as hand:
        await confirming(hand, "A", "x")
        assert "Cannot go, and stays (1)" in hand.text("#plan")
        assert "has more than 15 characters" in hand.text("#plan")
        assert "Set a shorter ERP invoice number (D)" in hand.text("#plan")
        await hand.pilot.press("y")
        await hand.says("10 accepted")
        await hand.says("A-NUMBER-THAT-IS-TOO-LONG (SC-A-NUMBER-THAT-IS-TOO-LONG) stay")
        await hand.until(lambda: hand.marked() == {"A-NUMBER-THAT-IS-TOO-LONG"})


async def test_above_the_company_s_count_the_count_is_typed(start: Start, books: Database) -> None:
    books.execute("UPDATE company SET confirm_count = 3")
    async with start() as hand:
        await confirming(hand, "a", "x")
        await hand.press("y")
        assert "type 9 first" in hand.text("#problem")
        await hand.press("8", "enter", "y")
        assert isinstance(hand.app.screen, ConfirmExport)
        await hand.press("backspace", "9", "enter")
        await hand.pilot.press("y")
        await hand.says("9 accepted")


async def test_what_others_changed_is_skipped_and_named(start: Start, books: Database) -> None:
    async with start() as hand:
        await hand.press("space", "space")
        other = open_db(books.url)
        other.execute("UPDATE invoices SET version = version + 1, description = 'x' WHERE number = 'R-00'")
        other.close()
        await confirming(hand, "x")
        assert "Changed by others, skipped (1): R-00" in hand.text("#plan")
        await hand.pilot.press("y")
        await hand.says(
            "Skipped, changed by others: R-00. It is still marked: unmark and mark again (Space)."
        )
        assert hand.state("R-00")[0] == "ready_to_export"


async def test_a_mark_that_others_outdated_is_renewed_by_marking_again(start: Start, books: Database) -> None:
    async with start() as hand:
        await hand.press("space")
        other = open_db(books.url)
        other.execute("UPDATE invoices SET version = version + 1, description = 'x' WHERE number = 'R-00'")
        other.close()
        await confirming(hand, "x")
        assert "unmark and mark again (Space)" in hand.text("#plan")
        await hand.press("escape", "f5", "r")
        await hand.says("others changed R-00 meanwhile. Look again; a mark keeps what was seen:")
        assert "unmark and mark again (Space)" in hand.invoices._message
        await hand.press("g", "space", "g", "space")
        await confirming(hand, "x")
        await hand.pilot.press("y")
        await hand.says("1 accepted for export")
        assert hand.state("R-00")[0] == "queued"


async def test_in_failed_x_retries(start: Start) -> None:
    async with start() as hand:
        await confirming(hand, "3", "space", "x")
        assert str(hand.app.screen.query("Static").first().render()).startswith("Retry")
        await hand.pilot.press("y")
        await hand.says("accepted")
        assert hand.state("F-00")[0] == "queued"


async def test_a_dry_run_changes_nothing(start: Start) -> None:
    async with start() as hand:
        await hand.press("a", "d")
        await hand.dialog(DryRunScreen)
        assert "9  Would go" in hand.causes()
        await hand.press("q")
        assert hand.state("R-00")[0] == "ready_to_export"
        assert hand.app.screen is hand.invoices


# -- recall and progress ---------------------------------------------------------------------------------------


async def test_a_held_batch_is_recalled_with_capital_z(start: Start, held: Database) -> None:
    async with start() as hand:
        await confirming(hand, "space", "space", "x")
        await hand.pilot.press("y")
        await hand.says("Batch 1: 2 accepted for export.")
        await hand.until(lambda: "Z recalls it" in hand.text("ExportPanel"))
        await hand.pilot.press("Z")
        await hand.says("Batch 1: 2 recalled")
        assert hand.state("R-00")[0] == "ready_to_export"
        await hand.until(lambda: "recalled 2" in hand.text("ExportPanel"))
        await hand.press("Z")
        await hand.says("No batch is held")


async def test_the_panel_shows_the_store_s_progress_with_causes_and_can_be_hidden(
    start: Start, books: Database
) -> None:
    async with start() as hand:
        await hand.press("b")
        await hand.says("No batch has been exported")
        other = open_db(books.url)
        decision = review.accept(
            other, actor(other, "jlopez"), Marked({1: 1, 2: 1, 3: 1}), hand.app.desk.profile
        )
        assert decision.done == (1, 2, 3)
        await hand.until(lambda: "left 3" in hand.text("ExportPanel"))
        with other.transaction():
            other.execute("UPDATE export_jobs SET state = 'done' WHERE invoice_id = 1")
            other.execute(
                "UPDATE export_jobs SET state = 'failed', error_code = 'vendor.unknown',"
                " error_text = 'Vendor [/] V2 unknown' WHERE invoice_id = 2"
            )
            other.execute("UPDATE export_jobs SET state = 'uncertain' WHERE invoice_id = 3")
        other.close()
        await hand.until(lambda: "2/3  ok 1  FAIL 1  left 0  uncertain 1" in hand.text("ExportPanel"))
        assert "vendor.unknown: Vendor [/] V2 unknown" in hand.text("ExportPanel")
        assert "x: retry  r: reject" in hand.text("ExportPanel")
        assert hand.invoices.table.height >= 12
        await hand.press("b")
        assert not hand.invoices.query_one("ExportPanel").display
        await hand.press("b")
        assert hand.invoices.query_one("ExportPanel").display


# -- reject ----------------------------------------------------------------------------------------------------


async def rejecting(hand: Hand, *keys: str) -> None:
    await hand.press(*keys)
    await hand.dialog(RejectScreen)


async def test_reject_needs_a_reason_and_commits_on_its_button_only(start: Start, books: Database) -> None:
    async with start() as hand:
        await rejecting(hand, "space", "space", "r")
        assert "Reject 2 invoices" in str(hand.app.screen.query("Static").first().render())
        await hand.press("backspace", "tab", "tab", "enter")
        await hand.until(lambda: "needs a reason" in hand.text("#problem"))
        await hand.press(*"Wrong", "enter", *"[/]")
        assert isinstance(hand.app.screen, RejectScreen)
        await hand.press("tab", "backspace")
        assert isinstance(hand.app.screen, RejectScreen)
        await hand.press("tab")
        await hand.pilot.press("enter")
        await hand.says("2 rejected; they are in Commitments again")
        assert hand.state("R-00") == ("not_sent", "rejected", "Wrong\n[/]")
        assert hand.worker.calls == 1
        assert books.execute("SELECT count(*) FROM notices").fetchone()[0] > 0


async def test_an_invoice_can_have_a_reason_of_its_own(start: Start) -> None:
    async with start() as hand:
        await rejecting(hand, "space", "space", "f8")
        await hand.press(*"All", "shift+tab")
        assert hand.focused(OptionList)
        await hand.press("down", "o")
        assert hand.focused(TextArea)
        assert "Reason for R-03 alone" in hand.text("#word")
        await hand.press(*"Own", "escape")
        assert hand.app.screen.query_one(ReasonBox).text == "All"
        await hand.press("tab", "tab")
        await hand.pilot.press("enter")
        await hand.says("2 rejected")
        assert hand.state("R-00")[2] == "All"
        assert hand.state("R-03")[2] == "Own"


async def test_earlier_reasons_are_recalled_with_up(start: Start, books: Database) -> None:
    review.reject(books, actor(books, "jlopez"), Marked({1: 1}), "First reason")
    review.reject(books, actor(books, "jlopez"), Marked({2: 1}), "Second reason")
    async with start() as hand:
        await rejecting(hand, "space", "r")
        box = hand.app.screen.query_one(ReasonBox)
        await hand.press("up")
        assert box.text == "Second reason"
        await hand.press("up")
        assert box.text == "First reason"
        await hand.press("down", "down")
        assert box.text == ""
        await hand.press("escape")
        assert hand.app.screen is hand.invoices


# -- the approver's values -------------------------------------------------------------------------------------


async def test_capital_d_sets_date_description_and_number_of_the_invoice_under_the_cursor(
    start: Start, books: Database
) -> None:
    async with start() as hand:
        await hand.press("D")
        await hand.dialog(ExportValuesScreen)
        await hand.press(*"2026-10-0x", "enter", *"Draw 5", "enter", *"ERP-7", "enter", "enter", "tab", "tab")
        assert isinstance(hand.app.screen, ExportValuesScreen)
        await hand.focus("#save")
        await hand.press("enter")
        assert "is not a date" in hand.text("#problem")
        hand.app.screen.query_one("#day", Input).value = "2026-10-05"
        await hand.focus("#save")
        await hand.pilot.press("enter")
        await hand.says("1 changed")
        row = books.execute(
            "SELECT accounting_date, description, erp_number FROM invoices WHERE number = 'R-00'"
        ).fetchone()
        assert tuple(row) == ("2026-10-05", "Draw 5", "ERP-7")


async def test_marks_follow_the_desk_s_own_changes(start: Start, books: Database) -> None:
    async with start() as hand:
        await hand.press("space", "space", "D")
        await hand.dialog(ExportValuesScreen)
        assert not hand.app.screen.query("#number")
        hand.app.screen.query_one("#text", Input).value = "Month end"
        await hand.focus("#save")
        await hand.pilot.press("enter")
        await hand.says("2 changed")
        await hand.idle()
        assert hand.invoices.marks.versions == {1: 2, 4: 2}
        await confirming(hand, "x")
        assert "2 in USD" in hand.text("#totals")


@pytest.mark.parametrize(
    ("view", "status", "told"),
    [
        (
            "4",
            "synced",
            "cannot be rejected: it is Synced. The ERP has booked it: void it there, then unlink it.",
        ),
        ("2", "exporting", "cannot be rejected: it is Exporting. Wait until its export has ended"),
        ("2", "uncertain", "cannot be rejected: it is Uncertain. Wait: the worker asks the ERP"),
        ("2", "parked", "cannot be rejected: it is Parked. Look in the ERP whether it is there"),
    ],
)
async def test_what_cannot_be_rejected_is_refused_before_a_reason_is_written(
    start: Start, books: Database, view: str, status: str, told: str
) -> None:
    books.execute("UPDATE invoices SET erp_status = ? WHERE number = 'S-00'", (status,))
    async with start() as hand:
        await hand.press(view, "space", "r")
        await hand.says(told)
        assert hand.app.screen is hand.invoices


async def test_a_synced_one_that_is_to_be_retrieved_is_named_once_with_a_way_that_works(start: Start) -> None:
    async with start("mgarcia") as hand:
        await hand.press("3", "slash", *"S-00", "enter", "space", "r")
        await hand.says("S-00 (SC-S-00) stays: cannot be retrieved: it is Synced. The ERP has booked it:")
        assert hand.commitments._message.count("S-00 (SC-S-00)") == 1


# -- who may not -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "does"),
    [
        ("x", "export"),
        ("r", "reject"),
        ("d", "try what an export would do"),
        ("D", "change accounting dates, descriptions or ERP invoice numbers"),
        ("Z", "recall a batch"),
        ("H", "place or release a hold"),
        ("i", "mail a query about invoices here"),
    ],
)
async def test_a_key_that_is_off_says_why(start: Start, key: str, does: str) -> None:
    async with start("viewer") as hand:
        await hand.press("space", key)
        await hand.says(f"viewer may not {does}: that needs")
        assert "the level is Read Only" in hand.invoices._message
        assert hand.app.screen is hand.invoices
    async with start("nopush") as hand:
        await hand.press("space", key)
        await hand.says("Can Push to Accounting is missing")


@pytest.mark.parametrize("key", ["x", "r", "d"])
async def test_without_marks_the_key_that_marks_is_named(start: Start, key: str) -> None:
    async with start() as hand:
        await hand.press(key)
        await hand.says("Nothing is marked")


async def test_other_views_cannot_export(start: Start) -> None:
    async with start() as hand:
        await hand.press("4", "space", "x")
        await hand.says("Nothing can be exported from Synced")


# -- Commitments -----------------------------------------------------------------------------------------------


async def test_a_rejected_invoice_is_found_edited_approved_and_sent_again(
    start: Start, books: Database
) -> None:
    async with start("mgarcia", size=(120, 40)) as hand:
        assert hand.listed() == ["N-99"]
        await hand.until(lambda: "REJECTED: Wrong [/] retainage" in hand.text("DetailPane"))
        await hand.press("e")
        await hand.dialog(EditScreen)
        held = hand.app.screen.query_one("#held", Input)
        held.value = "not money"
        await hand.until(lambda: "is not an amount" in hand.text("#problem"))
        held.value = "50.00"
        await hand.until(lambda: "Retainage 250.00" in hand.text("#totals"))
        await hand.press("down")
        work = hand.app.screen.query_one("#work", Input)
        assert work.value == "2000.00"
        work.value = "200,000.00"
        await hand.until(lambda: "Overbilled: line 2" in hand.text("#totals"))
        work.value = "2100.00"
        await hand.focus("#save")
        await hand.pilot.press("enter")
        await hand.says("N-99 is saved")
        await hand.press("space", "y")
        await hand.says("1 approved")
        await hand.idle()
        await hand.press("f")
        await hand.says("1 sent to ERP Integrations")
        row = books.execute(
            "SELECT erp_status, gross, retainage, changed_since FROM invoices WHERE number = 'N-99'"
        ).fetchone()
        # Retainage of the second line was at the commitment's rate, and followed.
        assert tuple(row) == ("ready_to_export", 310_000, 26_000, 1)
        await hand.press("3")
        assert "N-99" in hand.listed()


async def test_a_refused_edit_keeps_the_form_open(start: Start, books: Database) -> None:
    async with start("mgarcia") as hand:
        await hand.press("e")
        await hand.dialog(EditScreen)
        await hand.focus("#save")
        await hand.press("enter")
        assert "Nothing was changed" in hand.text("#problem")
        other = open_db(books.url)
        other.execute("UPDATE invoices SET version = version + 1 WHERE number = 'N-99'")
        other.close()
        hand.app.screen.query_one("#number", Input).value = "N-100"
        await hand.pilot.press("enter")
        await hand.until(lambda: "changed by somebody else" in hand.text("#problem"))
        await hand.press("escape")
        assert hand.app.screen is hand.commitments


async def test_what_is_sent_can_be_retrieved_until_it_is_decided(start: Start) -> None:
    async with start("mgarcia") as hand:
        await hand.press("3", "slash", *"R-00", "enter", "space", "r")
        await hand.says("1 retrieved")
        assert hand.state("R-00")[:2] == ("not_sent", "retrieved")


@pytest.mark.parametrize("few", [False, True], ids=["ids", "strokes"])
@pytest.mark.parametrize(
    ("key", "view", "sql", "said"),
    [
        ("r", "3", "UPDATE invoices SET erp_status = 'synced' WHERE erp_status <> 'not_sent'",
         "cannot be retrieved: it is Synced"),
        ("f", "2", "UPDATE invoices SET status = 'draft' WHERE erp_status = 'not_sent'",
         "It must be approved before it is sent"),
    ],
)  # fmt: skip
async def test_what_cannot_go_at_all_is_refused_without_a_question(
    start: Start,
    books: Database,
    monkeypatch: pytest.MonkeyPatch,
    few: bool,
    key: str,
    view: str,
    sql: str,
    said: str,
) -> None:
    books.execute(sql)
    if few:
        monkeypatch.setattr("tui.widgets.marks.LIMIT", 1)
    async with start("mgarcia") as hand:
        await hand.press(view, "A", key)
        await hand.says(said)
        assert "more)" in hand.commitments._message
        assert hand.app.screen is hand.commitments
        books.execute(
            "UPDATE invoices SET status = 'approved', erp_status = 'ready_to_export' WHERE number = 'R-00'"
        )
        books.execute("UPDATE invoices SET status = 'approved' WHERE number = 'N-00'")
        await hand.press("u", "A", key)
        await hand.dialog(AskScreen)


async def test_one_that_is_rejected_is_told_as_one(start: Start) -> None:
    async with start() as hand:
        await rejecting(hand, "space", "r")
        await hand.press(*"Wrong", "tab", "tab")
        await hand.pilot.press("enter")
        await hand.says("1 rejected; it is in Commitments again.")


async def test_sending_what_is_not_approved_says_so(start: Start) -> None:
    async with start("mgarcia") as hand:
        await hand.press("2", "slash", *"N-00", "enter", "space", "f")
        await hand.says("approved before it is sent")


@pytest.mark.parametrize(
    ("key", "does"),
    [
        ("f", "send invoices to ERP Integrations"),
        ("r", "retrieve invoices"),
        ("y", "approve invoices"),
        ("e", "edit invoices"),
    ],
)
async def test_commitments_keys_that_are_off_say_why(start: Start, key: str, does: str) -> None:
    async with start() as hand:
        await hand.press("m", "2")
        await hand.until(lambda: hand.app.screen is hand.commitments)
        await hand.press("space", key)
        await hand.says(f"jlopez may not {does}: that needs")
