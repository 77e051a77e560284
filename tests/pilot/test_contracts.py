"""Projects, commitments and the way from there to an invoice: created, edited, approved, attached to."""

from __future__ import annotations

from hand import Hand, Start, add_invoice
from textual.widgets import Button, Input

from store.db import Database
from store.domain.text import one_line
from store.models import Project, Vendor
from tui.screens.changes import ChangesScreen
from tui.screens.contracts import ContractsScreen
from tui.screens.edit import EditScreen
from tui.screens.files import FilesScreen
from tui.screens.set_status import StatusScreen


async def listed(hand: Hand, words: str) -> None:
    """The line above the list says that."""
    await hand.until(lambda: words in hand.text("#info"), f"no {words!r}: {hand.text('#info')!r}")


async def pressed(hand: Hand, name: str) -> None:
    """Press a button of the dialog."""
    button = hand.app.screen.query_one(f"#{name}", Button)
    await hand.focus(f"#{name}")
    assert button.has_focus
    await hand.pilot.press("enter")


async def test_a_commitment_lists_its_own_invoices_not_those_of_one_that_begins_alike(
    start: Start, books: Database
) -> None:
    add_invoice(Project.get_by_id(1), Vendor.get_by_id(1), "N-999", "not_sent")
    async with start("mgarcia") as hand:
        await hand.press("m", "6")
        await hand.dialog(ContractsScreen)
        await hand.press("enter")
        await listed(hand, "17 of 17 commitments")
        await hand.press("slash", *"sc-n-99", "enter")
        await listed(hand, "2 of 17 commitments")
        await hand.press("enter")
        await hand.until(lambda: hand.app.screen is hand.commitments)
        await hand.until(lambda: hand.listed() == ["N-99"])


async def test_enter_leads_from_a_project_to_its_commitments_and_from_one_to_its_invoices(
    start: Start,
) -> None:
    async with start("mgarcia") as hand:
        await hand.press("m", "6")
        await hand.dialog(ContractsScreen)
        await listed(hand, "1 of 1 projects")
        await hand.press("enter")
        await listed(hand, "16 of 16 commitments of job 24-101")
        assert " works in " not in hand.text("#foot")
        await hand.press("slash", *"sc-n-99", "enter")
        await listed(hand, "1 of 16 commitments")
        assert hand.app.screen.query_one(Input).value == "sc-n-99"
        await hand.press("enter")
        await hand.until(lambda: hand.app.screen is hand.commitments)
        await hand.until(lambda: hand.listed() == ["N-99"])
        assert hand.view() == "all_invoices"
        await hand.press("m", "6")
        await hand.dialog(ContractsScreen)
        await hand.press("enter")
        await listed(hand, "16 of 16 commitments")
        await hand.press("q")
        await listed(hand, "1 of 1 projects")
        await hand.press("q")
        await hand.until(lambda: hand.app.screen is hand.commitments)


async def test_the_next_invoice_is_typed_line_by_line_created_approved_and_sent(
    start: Start, books: Database
) -> None:
    async with start("mgarcia") as hand:
        await hand.press("i")
        await hand.dialog(EditScreen)
        form = hand.app.screen
        boxes = {name: form.query_one(f"#{name}", Input) for name in ("number", "period", "work", "held")}
        assert [box.value for box in boxes.values()] == ["N-100", "2026-11-01 to 2026-11-30", "0.00", "0.00"]
        # What is typed takes the figure's place, here and on the line below; retainage follows at the rate.
        await hand.press(*"1,250.5", "down", *"99000")
        assert boxes["held"].value == "9900.00"
        assert "Gross 100,250.50   Retainage 10,025.05" in hand.text("#totals")
        assert "Overbilled: line 2 exceeds its scheduled value" in hand.text("#totals")
        assert "!2 Item 2" in hand.text("#lines")
        await hand.press(*["backspace"] * 2)
        assert "Overbilled" not in hand.text("#totals")
        boxes["period"].value = "2026-12"
        await hand.until(lambda: form.query_one("#day", Input).value == "2026-12-31")
        await pressed(hand, "save")
        await hand.says("N-100 is created, a draft")
        row = books.execute(
            "SELECT application, status, period_start, billing_date, gross, retainage, creator_login FROM invoices"
            " WHERE number = 'N-100'"
        ).fetchone()
        assert tuple(row) == (2, "draft", "2026-12-01", "2026-12-31", 224_050, 22_405, "mgarcia")
        await hand.press("2", "slash", *"n-100", "enter", "d")
        await hand.dialog(StatusScreen)
        await hand.press("right", "right", "right", "tab", *"as agreed")
        await pressed(hand, "set")
        await hand.says("1 set to Approved")
        await hand.idle()
        await hand.press("space", "f")
        await hand.says("1 sent to ERP Integrations")


async def test_attachments_come_and_go_while_the_invoice_is_locked(start: Start, books: Database) -> None:
    async with start("mgarcia") as hand:
        await hand.press("3", "slash", *"r-00", "enter", "F")
        await hand.dialog(FilesScreen)
        await hand.press(*"javascript:alert(1)")
        await pressed(hand, "add")
        await hand.until(lambda: "no link that can be attached" in hand.text("#problem"))
        hand.app.screen.query_one("#where", Input).value = "https://acme.example/w%20aiver.pdf"
        await pressed(hand, "add")
        await hand.until(lambda: "waiver" in hand.text("#whole").replace("%20", ""))
        await hand.press("escape")
        await hand.says("R-00 has 1 attachment.")
        await hand.idle()
        await hand.press("F")
        await hand.dialog(FilesScreen)
        await pressed(hand, "remove")
        await hand.until(lambda: hand.text("#whole") == "")
        await hand.press("escape")
        await hand.says("R-00 has 0 attachments.")
        await hand.idle()
        await hand.press("C")
        await hand.dialog(ChangesScreen)
        await listed(hand, "R-00: 2 of 2 changes")
        assert "attachment: https://acme.example/w%20aiver.pdf -> nothing, by mgarcia" in hand.text("#foot")
        actions = books.execute("SELECT action FROM audit_events ORDER BY id DESC LIMIT 2").fetchall()
        assert [row[0] for row in actions] == ["detach", "attach"]


async def test_what_a_box_cannot_show_of_an_imported_number_is_spelled_out_and_stays(
    start: Start, books: Database
) -> None:
    hostile = "N\x1b]2;x\x07\n00\u202e"
    books.execute("UPDATE invoices SET number = ? WHERE number = 'N-00'", (hostile,))
    async with start("mgarcia") as hand:
        await hand.press("m", "2", "2", "e")
        await hand.dialog(EditScreen)
        assert hand.app.screen.query_one("#number", Input).value == one_line(hostile)
        await hand.press("7", *["tab"] * 4)
        await pressed(hand, "save")
        await hand.says("is saved")
    [kept] = books.execute("SELECT count(*) FROM invoices WHERE number = ?", (hostile,)).fetchone()
    assert kept == 1
