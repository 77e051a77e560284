"""A list of which only a window is loaded, or of which only the first rows are known; what others take from it."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hand import Hand, Start, add_invoice

from store import listing as lists
from store.db import Database
from store.db import open as open_db
from store.listing import Listing, Order
from store.models import Project, Vendor
from tui.screens.confirm import ConfirmExport

FIRST = 4


@pytest.fixture
def long(books: Database) -> Database:
    """70 are ready."""
    with books.transaction():
        for n in range(60):
            add_invoice(Project.get_by_id(1), Vendor.get_by_id(1), f"L-{n:02}", "ready_to_export")
    return books


def others(books: Database, sql: str) -> None:
    other = open_db(books.url)
    other.execute(sql)
    other.close()


def take(books: Database, number: str) -> None:
    others(
        books,
        f"UPDATE invoices SET erp_status = 'not_sent', version = version + 1 WHERE number = '{number}'",
    )


async def test_keys_that_need_the_row_under_the_cursor_wait_for_it(start: Start, long: Database) -> None:
    async with start() as hand:
        await hand.burst("G", "space", "x")
        await hand.dialog(ConfirmExport)
        assert hand.marked_at_list() == {"R-08"}
        assert "1 in USD" in hand.text("#totals")


async def test_a_range_over_what_is_not_loaded_is_marked_whole(start: Start, long: Database) -> None:
    async with start() as hand:
        await hand.burst("j", "v", "G", "k", "v")
        assert len(hand.marked()) == 68
        await hand.burst("u", "G", "v", "g", "v")
        assert len(hand.marked()) == 70


async def test_only_a_window_and_its_neighbours_are_loaded(start: Start, long: Database) -> None:
    async with start() as hand:
        table = hand.invoices.table
        assert table.count == 70
        assert len(table.rows) <= 3 * table.height
        await hand.press("G")
        assert all(line.text for line in table._drawn)
        assert hand.current() == "R-08"


async def test_the_cursor_keeps_its_invoice_and_its_place_on_the_screen(start: Start, long: Database) -> None:
    async with start() as hand:
        table = hand.invoices.table
        await hand.press("pagedown", "pagedown", "j", "j")
        number, offset = hand.current(), table.cursor - table.top
        take(long, "R-00")
        await hand.until(lambda: table.count == 69)
        assert (hand.current(), table.cursor - table.top) == (number, offset)
        await hand.burst("s", "s")
        assert hand.current() == number


async def test_an_invoice_that_vanishes_under_the_cursor_leaves_it_on_its_neighbour(
    start: Start, books: Database
) -> None:
    async with start() as hand:
        await hand.press("j")
        take(books, "R-03")
        await hand.says("R-03 is not listed any more")
        assert hand.current() == "R-06"
        await hand.press("space")
        assert hand.marked() == {"R-06"}
        await hand.press("G")
        take(books, "R-08")
        await hand.says("R-08 is not listed any more")
        assert hand.current() == "R-05"


async def test_what_others_change_between_the_look_and_the_mark_is_marked_as_it_was_seen(
    start: Start, books: Database
) -> None:
    async with start() as hand:
        assert hand.app._next_look is not None
        hand.app._next_look.cancel()
        others(books, "UPDATE invoices SET net = net + 1, version = version + 1 WHERE number = 'R-00'")
        await hand.press("A")
        seen = hand.invoices.marks.versions
        assert {number: version for number, version in seen.items() if version != 1} == {}
        await hand.press("x")
        await hand.dialog(ConfirmExport)
        assert "9 in USD" in hand.text("#totals")


# -- first rows ----------------------------------------------------------------------------------------------------


@dataclass
class Slow:
    """Listings that are incomplete at first: the rest of each waits for ``open``, in the thread that counts."""

    gate: threading.Event
    begun: int = 0
    completed: int = 0


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    slow = Slow(threading.Event())

    def begin(db: Database, order: Order, first: int) -> Listing:
        slow.begun += 1
        ids = lists.every_id(db, order)[:FIRST]
        return Listing(order, len(ids), complete=False, ids=array("q", ids))

    def complete(db: Database, listing: Listing) -> Listing:
        assert slow.gate.wait(30)
        slow.completed += 1
        return lists.complete(db, listing)

    monkeypatch.setattr("store.looking.begin", begin)
    monkeypatch.setattr("tui.screens.reading.complete", complete)
    yield slow
    slow.gate.set()


async def filtered(hand: Hand, slow: Slow, query: str) -> None:
    """A filter of which the first rows are shown, and no more."""
    await hand.until(lambda: hand.invoices.table.listing.complete)
    await hand.idle()
    slow.gate.clear()
    for key in ("slash", *query, "enter"):
        await hand.pilot.press(key)
    await hand.until(lambda: hand.invoices.table.listing.order.query == query)


async def test_the_first_rows_stand_at_once_and_the_rest_follows_without_moving_anything(
    start: Start, slow: Slow
) -> None:
    slow.gate.set()
    async with start() as hand:
        table = hand.invoices.table
        await filtered(hand, slow, "r-0")
        assert table.count == FIRST
        assert "4+ of 10" in hand.text("#filter-info")
        assert hand.current() == "R-00"
        for key in ("j", "space"):
            await hand.pilot.press(key)
        await hand.until(lambda: hand.marked() == {"R-03"})
        assert hand.current() == "R-06"
        slow.gate.set()
        await hand.until(lambda: table.count == 10)
        assert "10 of 10" in hand.text("#filter-info")
        assert hand.current() == "R-06"


async def test_what_lies_beyond_the_first_rows_is_waited_for(start: Start, slow: Slow) -> None:
    slow.gate.set()
    async with start() as hand:
        table = hand.invoices.table
        await filtered(hand, slow, "r-0")
        for key in ("G", "space"):
            await hand.pilot.press(key)
        assert table.turns.waiting == 2
        assert table.cursor == 0
        slow.gate.set()
        await hand.until(lambda: hand.marked() == {"R-08"})


async def test_another_list_is_not_kept_waiting_by_one_that_is_not_asked_for_any_more(
    start: Start, slow: Slow
) -> None:
    slow.gate.set()
    async with start() as hand:
        table = hand.invoices.table
        await filtered(hand, slow, "r-0")
        for key in ("slash", *"1", "enter", "space"):
            await hand.pilot.press(key)
        await hand.until(lambda: table.listing.order.query == "r-01")
        await hand.until(lambda: hand.marked() == {"R-01"})
        slow.gate.set()
        await hand.idle()
        assert hand.listed() == ["R-01"]


async def test_others_changes_show_while_the_rest_is_read_and_keep_the_whole_list(
    start: Start, books: Database, slow: Slow
) -> None:
    slow.gate.set()
    async with start() as hand:
        table = hand.invoices.table
        await filtered(hand, slow, "r-0")
        slow.gate.set()
        await hand.until(lambda: table.count == 10)
        await hand.idle()
        await hand.press("G")
        slow.gate.clear()
        others(books, "UPDATE invoices SET gross = 7777700, version = version + 1 WHERE number = 'R-08'")
        await hand.until(lambda: "77,777.00" in table._drawn[9].text)
        assert table.count == 10
        assert hand.current() == "R-08"
        slow.gate.set()
        await hand.idle()
        assert (table.count, hand.current()) == (10, "R-08")


async def test_what_others_take_away_is_gone_before_the_list_is_read_again(
    start: Start, books: Database, slow: Slow
) -> None:
    slow.gate.set()
    async with start() as hand:
        table = hand.invoices.table
        await filtered(hand, slow, "r-0")
        slow.gate.set()
        await hand.until(lambda: table.count == 10)
        await hand.idle()
        slow.gate.clear()
        await hand.pilot.press("j")
        take(books, "R-03")
        await hand.says("R-03 is not listed any more")
        assert (table.count, hand.current()) == (9, "R-06")


# -- sorting what is not known as a whole ---------------------------------------------------------------------------


@pytest.mark.parametrize("keys", [("s",), ("less_than_sign", "s")])
async def test_after_a_sort_the_cursor_stays_on_its_invoice_although_other_rows_are_known_first(
    start: Start, slow: Slow, long: Database, keys: tuple[str, ...]
) -> None:
    slow.gate.set()
    async with start() as hand:
        table = hand.invoices.table
        await hand.until(lambda: table.listing.complete)
        await hand.press("pagedown", "pagedown", "j")
        number, listed = hand.current(), hand.listed()
        slow.gate.clear()
        for key in (*keys, "space"):
            await hand.pilot.press(key)
        await hand.says("Sorting…")
        assert (hand.current(), hand.listed(), hand.marked()) == (number, listed, set())
        slow.gate.set()
        await hand.until(lambda: hand.marked() == {number})
        assert table.listing.order.sort is hand.invoices.sort
        assert "Sorting" not in hand.text("#foot")


async def test_a_sort_behind_a_jump_keeps_the_invoice_that_was_jumped_to(
    start: Start, slow: Slow, long: Database
) -> None:
    slow.gate.set()
    async with start() as hand:
        await hand.until(lambda: hand.invoices.table.listing.complete)
        await hand.burst("G", "s", "space")
        await hand.until(lambda: hand.marked() == {"R-08"})


async def test_an_invoice_among_the_first_rows_is_shown_in_its_new_order_at_once(
    start: Start, slow: Slow
) -> None:
    slow.gate.set()
    async with start() as hand:
        table = hand.invoices.table
        await hand.until(lambda: table.listing.complete)
        await hand.idle()
        slow.gate.clear()
        for key in ("less_than_sign", "s"):
            await hand.pilot.press(key)
        await hand.until(lambda: table.count == FIRST)
        assert hand.current() == "R-00"


# -- what takes the place of one that left ---------------------------------------------------------------------------


async def test_after_a_decision_the_cursor_stands_on_the_first_one_behind_that_is_still_there(
    start: Start,
) -> None:
    async with start() as hand:
        await hand.press("g", "v", "j", "j", "j", "v", "x")
        await hand.dialog(ConfirmExport)
        await hand.pilot.press("y")
        await hand.says("4 accepted for export")
        await hand.until(lambda: len(hand.listed()) == 6)
        assert hand.current() == "R-01"


async def test_where_none_behind_is_left_the_cursor_stands_on_the_last_one_before(
    start: Start, books: Database
) -> None:
    async with start() as hand:
        await hand.press("G", "k")
        others(
            books,
            "UPDATE invoices SET erp_status = 'not_sent', version = version + 1"
            " WHERE number IN ('R-00', 'R-02', 'R-05', 'R-08')",
        )
        await hand.says("R-05 is not listed any more")
        assert hand.current() == "R-07"
