"""The tab Activity, driven by keys at 80x24: narrowing, reading on, entries whole, to the invoice, hostile text."""

from __future__ import annotations

from datetime import date

import pytest
from hand import HOSTILE, PROFILE, Hand, Start, add_invoice

from store import audit, review
from store.activity_sources import Entry
from store.db import Database
from store.directory import actor
from store.domain.happening import Kind
from store.domain.selection import Marked
from store.domain.status import ProjectView, View
from store.models import Project, Vendor
from tui.screens import activity
from tui.screens.activity import ActivityScreen
from tui.screens.activity_entry import EntryScreen
from tui.screens.commitments import CommitmentsScreen
from tui.screens.invoices import InvoicesScreen
from tui.screens.more import MoreScreen
from tui.screens.reconciled import ReconciledScreen
from tui.widgets.detail import DetailPane
from tui.widgets.row_table import RowTable


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "TYPING", 0.01)


@pytest.fixture
def happened(books: Database) -> Database:
    """A batch of two, a batch of one, and a rejection whose mails nobody gets."""
    me = actor(books, "jlopez")
    review.accept(books, me, Marked({1: 1, 2: 1}), PROFILE)
    review.accept(books, me, Marked({3: 1}), PROFILE)
    books.execute("UPDATE invoices SET creator_email = '', creator_login = '', sender_id = NULL WHERE id = 4")
    review.reject(books, me, Marked({4: 1}), "Wrong [/] \x1b]52;c;x\x07 total")
    return books


async def open_tab(hand: Hand) -> RowTable[Entry]:
    """The tab, with its list read."""
    await hand.press("m")
    await hand.dialog(MoreScreen)
    await hand.press("4")
    await hand.dialog(ActivityScreen)
    table = hand.app.screen.query_one(RowTable)
    await hand.until(lambda: table.count, "nothing is listed")
    await hand.idle()
    return table


async def test_the_newest_stands_first_and_keys_narrow_the_list(start: Start, happened: Database) -> None:
    async with start() as hand:
        table = await open_tab(hand)
        assert "ACTIVITY" in hand.text("#tabs") and table.rows[0].what.startswith("reject")
        await hand.press("t")
        await hand.until(lambda: {e.kind for e in table.rows} == {Kind.BATCH} and table.count == 2)
        assert hand.text("#info").startswith(" 2 entries, the newest first")
        await hand.press("t", "t", "o")
        await hand.until(
            lambda: {e.outcome for e in table.rows} == {"undeliverable"} and "outcome" in activity_box(hand)
        )
        assert activity_box(hand) == "type:notice outcome:failed"
        assert "undeliverable. R-03: no mail address" in hand.text("#foot")
        await hand.press("backslash", "b")
        await hand.until(lambda: activity_box(hand) == "by:admin" and table.count == 0)
        assert "clears the filter" in "".join("".join(line) for line in table._drawn)
        await hand.press("backslash", "p")
        await hand.until(lambda: activity_box(hand) == "since:today" and table.count > 3)


def activity_box(hand: Hand) -> str:
    screen = hand.app.screen
    assert isinstance(screen, ActivityScreen)
    return screen.box.value


async def test_a_typed_filter_is_looked_for_and_one_that_cannot_be_read_says_why(
    start: Start, happened: Database
) -> None:
    async with start() as hand:
        table = await open_tab(hand)
        await hand.press("slash", *"action:rej", "enter")
        await hand.until(lambda: [e.what.partition(":")[0] for e in table.rows] == ["reject"])
        assert hand.focused(RowTable)
        await hand.press("slash", "space", *"by:zoe")
        await hand.until(lambda: "There is no user 'zoe'" in hand.text("#info"))
        await hand.press(*["backspace"] * 7, "space", *"x:1")
        await hand.until(lambda: "There is no filter 'x'" in hand.text("#info"))
        await hand.press(*["backspace"] * 4)
        await hand.until(lambda: table.count == 1 and "1 entry" in hand.text("#info"))


async def test_enter_shows_it_whole_and_leads_to_one_of_its_invoices(
    start: Start, happened: Database
) -> None:
    async with start() as hand:
        table = await open_tab(hand)
        await hand.press("t")
        await hand.until(lambda: table.count == 2)
        await hand.press("G", "enter")
        await hand.dialog(EntryScreen)
        await hand.until(lambda: "2 invoices, gross" in hand.text("#entry"))
        subjects = hand.app.screen.query_one(RowTable)
        await hand.until(lambda: subjects.count == 2)
        await hand.press("j", "i")
        await hand.until(lambda: hand.app.screen is hand.invoices)
        await hand.until(lambda: hand.view() == View.EXPORTING and hand.focused(DetailPane))
        assert hand.current() == "R-01"


async def test_from_a_batch_to_the_list_of_its_invoices(start: Start, happened: Database) -> None:
    async with start() as hand:
        table = await open_tab(hand)
        await hand.press("t")
        await hand.until(lambda: table.count == 2)
        await hand.press("G", "i")
        await hand.until(lambda: isinstance(hand.app.screen, InvoicesScreen))
        await hand.until(lambda: hand.view() == View.ALL and sorted(hand.listed()) == ["R-00", "R-01"])
        assert hand.invoices.query_text == "batch:1"


async def test_what_was_rejected_is_gone_to_in_the_other_tool(start: Start, happened: Database) -> None:
    async with start() as hand:
        await open_tab(hand)
        await hand.press("i")
        await hand.until(lambda: isinstance(hand.app.screen, CommitmentsScreen))
        await hand.until(lambda: hand.view() == ProjectView.RETURNED and hand.current() == "R-03")


async def test_what_is_about_none_says_so(start: Start, happened: Database) -> None:
    audit.record(happened, actor(happened, "admin"), "company", {"name": "ACME"}, [])
    async with start() as hand:
        await open_tab(hand)
        await hand.press("i")
        assert "Enter lists them" in hand.text("#foot")
        await hand.press("enter")
        await hand.dialog(EntryScreen)
        await hand.until(lambda: "company by admin" in hand.text("#entry"))
        await hand.press("i")
        assert "There is no invoice to go to" in hand.text("#keys")
        await hand.press("escape")
        await hand.dialog(ActivityScreen)


async def test_more_is_read_at_the_end_and_others_doings_show_themselves(
    start: Start, books: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activity, "PAGE", 30)
    monkeypatch.setattr(activity, "FRESH", 40)
    me = actor(books, "admin")
    with books.transaction():
        for n in range(120):
            audit.record(books, me, "status", {"note": f"n{n}"}, [])
    async with start() as hand:
        table = await open_tab(hand)
        before = table.count
        assert 30 <= before < 120 and "more behind them" in hand.text("#info")
        for _ in range(12):
            await hand.press("G")
        assert table.count == 125 and "more behind" not in hand.text("#info")
        was = table.current
        audit.record(books, me, "status", {"note": "newest"}, [])
        await hand.until(lambda: table.count == 126)
        assert table.current == was and "newest" in table.rows[0].what
        assert len({(entry.kind, entry.id) for entry in table.rows}) == 126


async def test_hostile_text_reaches_the_terminal_visibly(start: Start, happened: Database) -> None:
    add_invoice(Project.get_by_id(1), Vendor.get_by_id(3), "H-\x1b[2J", "ready_to_export")
    number = happened.execute("SELECT max(id) FROM invoices").fetchone()[0]
    review.reject(happened, actor(happened, "jlopez"), Marked({number: 1}), HOSTILE)
    async with start() as hand:
        table = await open_tab(hand)
        await hand.press("slash", *"type:notice", "enter")
        await hand.until(lambda: {e.kind for e in table.rows} == {Kind.NOTICE})
        for keys in ((), ("enter",)):
            await hand.press(*keys)
            screen = "\n".join(strip.text for strip in hand.app.screen._compositor.render_strips())
            assert not set(screen) & {"\x1b", "\x07", "\u202e"}
        await hand.until(lambda: "Smith [/] & Co" in hand.text("#entry"))


async def test_a_reconciliation_is_read_from_here(start: Start, happened: Database) -> None:
    asked: list[date] = []

    async def reconcile(first: date) -> list[str]:
        asked.append(first)
        return ["The books agree. \x1b[2J"]

    async with start() as hand:
        await open_tab(hand)
        await hand.press("c")
        assert "This ERP cannot be asked." in hand.text("#foot")
        object.__setattr__(hand.app.desk, "reconcile", reconcile)
        await hand.press("c")
        await hand.dialog(ReconciledScreen)
        await hand.until(lambda: "The books agree. ^[[2J" in hand.text("#told"))
        assert asked[0].day == 1
        await hand.press("escape")
        await hand.dialog(ActivityScreen)
