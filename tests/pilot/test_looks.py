"""What is looked at before a decision: lists of hidden ones, payloads, templates, and what others change meanwhile."""

from __future__ import annotations

import dataclasses
import gc
import threading
from collections.abc import Callable
from typing import cast

import pytest
from hand import Counter, Hand, Start, add_invoice
from textual.widgets import Input

from store import looking, review
from store.db import Database
from store.db import open as open_db
from store.models import Project, Vendor
from tui.app import DeskApp
from tui.bootstrap import Desk
from tui.screens.confirm import ConfirmExport
from tui.screens.dry_list import DryListScreen
from tui.screens.dry_run import DryRunScreen
from tui.screens.payload import PayloadScreen
from tui.screens.regarding import MANY, unhindered
from tui.screens.reject import ReasonBox, RejectScreen


async def opened(hand: Hand, kind: type, *keys: str) -> None:
    await hand.press(*keys)
    await hand.dialog(kind)


def elsewhere(books: Database, sql: str) -> None:
    """Another desk changes something."""
    other = open_db(books.url)
    other.execute(sql)
    other.close()


@pytest.fixture
def by_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    """A marks by its filter already when it meets more than two."""
    monkeypatch.setattr("tui.widgets.marks.LIMIT", 2)


# -- confirm -----------------------------------------------------------------------------------------------------


async def test_above_the_company_s_net_the_count_is_typed(start: Start, books: Database) -> None:
    books.execute("UPDATE company SET confirm_net = 548100")
    async with start() as hand:
        await opened(hand, ConfirmExport, "space", "space", "x")
        assert "Net 5,481.00" in hand.text("#totals")
        assert not hand.app.screen.query_one("#count-field").display
        await hand.press("escape")
        books.execute("UPDATE company SET confirm_net = 548099")
    async with start() as hand:
        await opened(hand, ConfirmExport, "space", "space", "x")
        await hand.press("y")
        assert "More than 5,480.99 USD net: type 2 first" in hand.text("#problem")
        await hand.press("2", "enter")
        await hand.pilot.press("y")
        await hand.says("2 accepted")


async def test_d_lists_what_the_confirmation_only_counts(
    start: Start, books: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, vendor = Project.get_by_id(1), Vendor.get_by_id(1)
    for n in range(7):
        add_invoice(project, vendor, f"A-NUMBER-THAT-IS-TOO-LONG-{n}", "ready_to_export")
    async with start() as hand:
        await opened(hand, ConfirmExport, "A", "x")
        plan = hand.text("#plan")
        assert "Cannot go, and stays (7)" in plan and "  7: Invoice number \u2026 has" in plan
        assert "LONG-3 (SC-" not in plan
        await opened(hand, DryRunScreen, "d")
        assert "7  Blocked: cannot go, and stays" in hand.causes()
        await opened(hand, DryListScreen, "enter")
        for n in range(7):
            assert f"Invoice number A-NUMBER-THAT-IS-TOO-LONG-{n} has" in hand.text("#about")
            await hand.press("j")
        await hand.press("escape", "escape")
        assert isinstance(hand.app.screen, ConfirmExport)


async def test_hidden_ones_are_listed_whatever_becomes_of_them(start: Start, books: Database) -> None:
    add_invoice(Project.get_by_id(1), Vendor.get_by_id(1), "A-NUMBER-THAT-IS-TOO-LONG", "ready_to_export")
    async with start() as hand:
        await hand.press("A", "slash", *"bell", "enter")
        await opened(hand, ConfirmExport, "x")
        assert "Hidden by the filter (8)" in hand.text("#plan")
        assert "Cannot go, and stays (1)" in hand.text("#plan")
        await hand.press("v")
        await hand.until(lambda: "Cannot go" not in hand.text("#plan"))
        await hand.press("v")
        await hand.until(lambda: "Hidden by the filter (8)" in hand.text("#plan"))


@pytest.mark.usefixtures("by_filter")
async def test_other_matches_are_told_and_what_was_typed_stays(start: Start, books: Database) -> None:
    async with start() as hand:
        await opened(hand, ConfirmExport, "A", "x")
        assert "10 in USD" in hand.text("#totals")
        hand.app.screen.query_one("#text", Input).value = "October"
        first = cast("ConfirmExport", hand.app.screen)
        await hand.until(lambda: first._plan is None)
        await hand.until(lambda: first._plan is not None)
        elsewhere(books, "UPDATE invoices SET version = version + 1 WHERE number = 'R-07'")
        elsewhere(books, "UPDATE invoices SET erp_status = 'synced' WHERE number = 'R-08'")
        await hand.pilot.press("y")
        await hand.until(lambda: isinstance(hand.app.screen, ConfirmExport) and hand.app.screen is not first)
        await hand.dialog(ConfirmExport)
        assert "has changed since it was shown: 1 left, 1 changed (R-07, R-08)" in hand.text("#problem")
        assert hand.app.screen.query_one("#text", Input).value == "October"
        assert "9 in USD" in hand.text("#totals")
        assert hand.state("R-00")[0] == "ready_to_export"
        await hand.pilot.press("y")
        await hand.says("9 accepted")
        told = books.execute("SELECT DISTINCT description FROM invoices WHERE erp_status = 'queued'")
        assert [row[0] for row in told.fetchall()] == ["October"]


@pytest.mark.usefixtures("by_filter")
async def test_after_a_change_what_the_filter_hides_is_looked_at_anew(start: Start, books: Database) -> None:
    async with start() as hand:
        await hand.press("A", "slash", *"bell", "enter")
        await opened(hand, ConfirmExport, "x")
        assert "7 of them hidden by the filter" in hand.text("#hidden")
        first = hand.app.screen
        elsewhere(books, "UPDATE invoices SET erp_status = 'synced' WHERE number IN ('R-00', 'R-03')")
        await hand.pilot.press("y")
        await hand.until(lambda: isinstance(hand.app.screen, ConfirmExport) and hand.app.screen is not first)
        await hand.dialog(ConfirmExport)
        assert "5 of them hidden by the filter: v visible only, y all 8" in hand.text("#hidden")
        assert "Hidden by the filter (5)" in hand.text("#plan")


async def test_a_long_look_is_told_and_esc_leaves_it(
    start: Start, books: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.screens.regarding.PATIENCE", 0.0)
    entered, gone = threading.Event(), threading.Event()
    real = review.plan_export

    def slow(db: Database, *args: object, **kwargs: object) -> review.Plan:
        entered.set()
        assert gone.wait(10)
        return real(db, *args, **kwargs)  # type: ignore[arg-type] # as they came

    monkeypatch.setattr(review, "plan_export", slow)
    async with start() as hand:
        await hand.press("space", "space")
        await hand.pilot.press("x")
        await hand.says("Looking at 2 invoices… Esc leaves")
        await hand.until(entered.is_set)
        await hand.pilot.press("j")
        assert hand.app.screen is hand.invoices
        await hand.pilot.press("escape")
        gone.set()
        await hand.says("Left; nothing was changed")
        assert hand.marked() == {"R-00", "R-03"}
        monkeypatch.setattr(review, "plan_export", real)
        await opened(hand, ConfirmExport, "x")


@pytest.mark.usefixtures("by_filter")
async def test_what_is_marked_by_a_filter_is_counted_within_sight_and_esc_leaves(
    start: Start, books: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.screens.regarding.PATIENCE", 0.0)
    gone = threading.Event()
    async with start() as hand:
        await hand.press("A", "slash", *"bell", "enter")
        real = looking.shown_part

        def slow(db: Database, *args: object) -> object:
            assert gone.wait(10)
            return real(db, *args)  # type: ignore[arg-type] # as they came

        monkeypatch.setattr(looking, "shown_part", slow)
        await hand.pilot.press("x")
        await hand.says("Looking at what is marked… Esc leaves")
        await hand.pilot.press("escape")
        await hand.says("Left; nothing was changed")
        gone.set()
        monkeypatch.setattr(looking, "shown_part", real)
        await opened(hand, ConfirmExport, "x")


async def test_a_long_decision_is_told_from_its_key_press_on(
    start: Start, books: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = threading.Event()
    real = review.accept

    def slow(db: Database, *args: object, **kwargs: object) -> review.Decision:
        assert gone.wait(10)
        return real(db, *args, **kwargs)  # type: ignore[arg-type] # as they came

    monkeypatch.setattr(review, "accept", slow)
    async with start() as hand:
        await opened(hand, ConfirmExport, "space", "space", "x")
        await hand.pilot.press("y")
        await hand.says("Exporting 2 invoices…")
        await hand.pilot.press("x")
        await hand.says("Exporting 2 invoices… is still under way: one decision at a time.")
        gone.set()
        await hand.says("2 accepted")


def test_what_the_desk_froze_at_its_start_stays_frozen() -> None:
    gc.freeze()
    try:
        before = gc.get_freeze_count()
        with unhindered(MANY), unhindered(MANY):
            pass
        assert gc.get_freeze_count() > before // 2
    finally:
        gc.unfreeze()
    with unhindered(MANY):
        with unhindered(MANY):
            assert gc.get_freeze_count()
        assert gc.get_freeze_count()
    assert not gc.get_freeze_count()


# -- the dry run -------------------------------------------------------------------------------------------------


async def test_the_dry_run_shows_the_payload_of_the_one_under_the_cursor_first(
    start: Start, books: Database
) -> None:
    async with start() as hand:
        await opened(hand, DryRunScreen, "space", "space", "k", "d")
        await opened(hand, PayloadScreen, "p")
        await hand.until(lambda: '"number": "R-03"' in hand.text("#payload"))
        assert "Payload 1 of 2" in hand.text("#which")
        await hand.press("n")
        await hand.until(lambda: '"number": "R-00"' in hand.text("#payload"))
        assert '"gross": "3000.00"' in hand.text("#payload")
        await hand.press("n", "p")
        await hand.until(lambda: '"number": "R-03"' in hand.text("#payload"))
        await hand.press("escape", "escape")
        assert hand.app.screen is hand.invoices
    assert books.execute("SELECT count(*) FROM export_jobs").fetchone()[0] == 0


async def test_a_payload_reaches_the_screen_through_the_one_door(start: Start, books: Database) -> None:
    async with start() as hand:
        await opened(hand, DryRunScreen, "slash", *"R-02", "enter", "space", "d")
        await opened(hand, PayloadScreen, "p")
        await hand.until(lambda: "evil" in hand.text("#payload"))
        assert "\x1b" not in hand.text("#payload") and "\u202e" not in hand.text("#payload")


# -- reject ------------------------------------------------------------------------------------------------------


async def test_the_reason_modal_tells_the_net_and_who_is_mailed(start: Start, books: Database) -> None:
    books.execute("UPDATE invoices SET creator_email = '', creator_login = 'gone' WHERE number = 'R-03'")
    async with start() as hand:
        await opened(hand, RejectScreen, "space", "space", "r")
        assert hand.text("#totals") == "2 in USD   Net 5,481.00"
        note = hand.text(".note")
        assert "2 persons are mailed the reason, 3 mails; 1 has no address" in note


async def test_templates_come_with_down_and_the_draft_stays(
    desk_of: Callable[[str], tuple[Desk, Counter]],
) -> None:
    desk, counter = desk_of("jlopez")
    app = DeskApp(dataclasses.replace(desk, templates=("No lien waiver.", "Wrong [/] retainage.")))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        hand = Hand(app, pilot, counter)
        await hand.idle()
        await opened(hand, RejectScreen, "space", "r")
        box = app.screen.query_one(ReasonBox)
        assert "Down: templates" in hand.text("#word")
        await hand.press(*"Mine", "down")
        assert box.text == "No lien waiver."
        await hand.press("down", "down")
        assert box.text == "Wrong [/] retainage."
        await hand.press("up", "up")
        assert box.text == "Mine"
        await hand.press("down", *"Yes: ", "tab", "tab")
        await hand.pilot.press("enter")
        await hand.says("1 rejected")
        assert hand.state("R-00")[2] == "Yes: No lien waiver."


@pytest.mark.usefixtures("by_filter")
async def test_a_rejection_by_filter_tells_what_joined_and_keeps_the_reason(
    start: Start, books: Database
) -> None:
    async with start() as hand:
        await opened(hand, RejectScreen, "A", "r")
        assert "Reject 10 invoices" in str(hand.app.screen.query("Static").first().render())
        await hand.press(*"Wrong")
        elsewhere(books, "UPDATE invoices SET erp_status = 'ready_to_export' WHERE number = 'S-00'")
        first = hand.app.screen
        await hand.press("tab", "tab")
        await hand.pilot.press("enter")
        await hand.until(lambda: isinstance(hand.app.screen, RejectScreen) and hand.app.screen is not first)
        await hand.dialog(RejectScreen)
        assert "1 joined (S-00)" in hand.text("#problem")
        assert hand.app.screen.query_one(ReasonBox).text == "Wrong"
        assert "Reject 11 invoices" in str(hand.app.screen.query("Static").first().render())
        await hand.press("tab", "tab")
        await hand.pilot.press("enter")
        await hand.says("11 rejected")


# -- the detail --------------------------------------------------------------------------------------------------


async def test_the_g703_columns_have_the_form_s_letters_and_add_up(start: Start) -> None:
    async with start(size=(200, 40)) as hand:
        await hand.until(lambda: "Retainage held 10.0 % (contract 10 %)" in hand.text("DetailPane"))
        lines = hand.text("DetailPane").splitlines()
        heading = next(line for line in lines if "E Work" in line)
        letters = ("C Scheduled", "D Previous", "E Work", "F Stored", "G To date", "Retainage")
        assert [heading.index(name) for name in letters] == sorted(heading.index(name) for name in letters)
        row = next(line for line in lines if "1 Item 1" in line)
        before, work, stored, total = (float(cell.replace(",", "")) for cell in row.split()[-5:-1])
        assert before + work + stored == total > 0
