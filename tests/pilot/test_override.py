"""The last look before an export: possible duplicates with the others' names, and one reason that lets them go."""

from __future__ import annotations

from typing import cast

import pytest
from hand import PROFILE, Hand, Start, add_invoice
from invoice_factory import version
from textual.widgets import Input

from store import directory, duplicates, review
from store.db import Database
from store.domain.selection import Marked
from store.models import Project, Vendor
from tui.screens.confirm import ConfirmExport
from tui.screens.dry_run import DryRunScreen
from tui.screens.payload import PayloadScreen

WHY = "two floors, yes"


@pytest.fixture
def pair(books: Database) -> tuple[int, int]:
    """One that looks like a synced one, and one that looks like the first."""
    project, vendor = Project.get_by_id(1), Vendor.get_by_id(2)
    with books.transaction():
        made = [
            add_invoice(project, vendor, number, state, work)
            for number, state, work in (
                ("Q-07", "synced", 7_000),
                ("q7", "ready_to_export", 8_000),
                ("Z-1", "ready_to_export", 8_000),
            )
        ]
        duplicates.refresh(books, duplicates.known(books, made))
    return made[1], made[2]


async def confirming(hand: Hand, *keys: str) -> str:
    await hand.press(*keys)
    await hand.dialog(ConfirmExport)
    return hand.text("#plan")


async def test_without_a_reason_they_stay_and_the_others_go(
    start: Start, books: Database, pair: tuple[int, int]
) -> None:
    async with start() as hand:
        plan = await confirming(hand, "A", "x")
        assert plan.startswith("Possible duplicates (2): each stays unless Override says why it goes")
        assert "q7 (SC-q7)" in plan and "Q-07 (SC-Q-07, job 24-101, Synced)" in plan
        assert "Cannot go" not in plan
        assert hand.text("#totals").startswith("10 in USD")
        await hand.press("y")
        await hand.until(lambda: hand.state("R-00")[0] == "queued")
        assert hand.state("q7")[0] == hand.state("Z-1")[0] == "ready_to_export"
    assert books.execute("SELECT count(*) FROM overrides").fetchone()[0] == 0


async def test_one_reason_for_all_of_them_takes_them_along_in_the_same_press(
    start: Start, books: Database, pair: tuple[int, int]
) -> None:
    async with start() as hand:
        await confirming(hand, "A", "x")
        await hand.press("tab", "tab", "tab")
        assert hand.app.focused is hand.app.screen.query_one("#override", Input)
        await hand.burst(*WHY, "enter")
        await hand.until(lambda: hand.text("#totals").startswith("12 in USD"))
        assert hand.text("#plan").startswith("Possible duplicates (2): they go, with the reason in Override")
        await hand.press("y")
        await hand.until(lambda: hand.state("q7")[0] == "queued")
        assert hand.state("Z-1")[0] == "queued"
    found = books.execute("SELECT DISTINCT invoice_id, comment FROM overrides ORDER BY invoice_id").fetchall()
    assert [tuple(row) for row in found] == [(number, WHY) for number in pair]
    assert books.execute("SELECT count(DISTINCT batch_id) FROM export_jobs").fetchone()[0] == 1


async def test_what_is_listed_from_there_goes_with_the_reason_too(
    start: Start, books: Database, pair: tuple[int, int]
) -> None:
    async with start() as hand:
        await hand.press("slash", *"q7", "enter", "space")
        await confirming(hand, "x")
        await hand.press("d")
        await hand.dialog(DryRunScreen)
        assert "It may be a duplicate" in hand.causes()
        await hand.press("escape")
        await hand.focus("#override")
        await hand.burst(*WHY, "enter")
        await hand.until(lambda: hand.text("#totals").startswith("1 in USD"))
        await hand.press("d")
        await hand.dialog(DryRunScreen)
        await hand.press("p")
        await hand.until(lambda: '"number": "q7"' in payload_of(hand))
        assert "BLOCKED" not in payload_of(hand)
        await hand.press("escape")
        assert "It may be a duplicate" not in hand.causes()


async def test_a_retry_lets_the_warning_of_the_erp_pass_with_a_reason(start: Start, books: Database) -> None:
    with books.transaction():
        books.execute(
            "UPDATE invoices SET error_code = 'duplicate.similar', error_cause = 'It has BILL-7, which is like it',"
            " revision = 1 WHERE number = 'F-00'"
        )
    async with start() as hand:
        plan = await confirming(hand, "3", "A", "x")
        assert "Possible duplicates (1): a reason in Override lets the ERP's own warning pass" in plan
        assert plan.count("It has BILL-7, which is like it") == 1
        await hand.focus("#override")
        await hand.burst(*WHY, "enter")
        # The plan is made anew for the reason.
        screen = cast("ConfirmExport", hand.app.screen)
        await hand.until(lambda: screen._plan is not None)
        await hand.press("y")
        await hand.until(lambda: hand.state("F-00")[0] == "queued")
    found = books.execute("SELECT payload FROM export_jobs ORDER BY id").fetchall()
    assert ['"overrides":["duplicate.similar"]' in row[0] for row in found] == [True, False]


def payload_of(hand: Hand) -> str:
    """What a payload's screen says; nothing before it is there."""
    return hand.text("#payload") if isinstance(hand.app.screen, PayloadScreen) else ""


async def test_where_nothing_looks_alike_there_is_no_field_for_it(start: Start) -> None:
    async with start() as hand:
        await confirming(hand, "A", "x")
        assert not hand.app.screen.query_one("#override-field").display
        assert "Possible duplicates" not in hand.text("#plan")


async def test_the_detail_names_the_other_one_and_who_let_it_pass(
    start: Start, books: Database, pair: tuple[int, int]
) -> None:
    async with start() as hand:
        await hand.press("slash", *"q7", "enter", "enter")
        await hand.until(lambda: "Q-07" in detail_of(hand))
        assert "a number that differs in case, zeros or punctuation alone" in detail_of(hand)
        assert "let pass by" not in detail_of(hand)
    me = directory.actor(books, "jlopez")
    review.accept(books, me, Marked({pair[0]: version(books, pair[0])}), PROFILE, override=WHY)
    async with start() as hand:
        await hand.press("5", "slash", *"q7", "enter", "enter")
        await hand.until(lambda: "let pass by jlopez" in detail_of(hand))
        assert WHY in detail_of(hand)
        await hand.press("h")
        await hand.until(lambda: "possible duplicate of Z-1" in detail_of(hand))
        assert f"override {WHY}" in detail_of(hand) and "Q-07" in detail_of(hand)


def detail_of(hand: Hand) -> str:
    """The detail pane, its lines joined as they were before they were broken."""
    return " ".join(hand.text("DetailPane").split())
