"""Every gesture that marks, as ids and as strokes of filters: both mark the same, show it and decide on it."""

from __future__ import annotations

import pytest
from hand import Hand, Start, add_invoice

from store.db import Database
from store.db import open as open_db
from store.domain.selection import Marked, Matching
from store.models import Project, Vendor
from tui.screens.ask import AskScreen
from tui.screens.confirm import ConfirmExport
from tui.widgets.filter_line import FilterLine
from tui.widgets.query_line import QueryInput, QueryLine

READY = ["R-00", "R-03", "R-06", "R-09", "R-01", "R-04", "R-07", "R-02", "R-05", "R-08"]
ALL, FLAGGED, BELL = set(READY), {"R-04"}, {"R-01", "R-04", "R-07"}
FILTER = ("slash", *"bell", "enter")
FEW = 2


@pytest.fixture(params=["ids", "strokes"])
def strokes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether what a gesture meets is more than is read by its ids."""
    if request.param == "strokes":
        monkeypatch.setattr("tui.widgets.marks.LIMIT", FEW)
    return bool(request.param == "strokes")


def boxes(hand: Hand) -> set[str]:
    """The numbers whose box is drawn as marked."""
    table = hand.invoices.table
    drawn = zip(table.rows, table._drawn, strict=False)
    assert all(line.prefix for _, line in drawn)
    return {row.number for row, line in zip(table.rows, table._drawn, strict=False) if "[x]" in line.prefix}


def others_take(books: Database, number: str) -> None:
    other = open_db(books.url)
    other.execute(
        "UPDATE invoices SET erp_status = 'not_sent', version = version + 1 WHERE number = ?", (number,)
    )
    other.close()


GESTURES: list[tuple[tuple[str, ...], set[str]]] = [
    (("A",), ALL),
    (("a",), ALL - FLAGGED),
    (("a", "a"), set()),
    (("A", "a"), FLAGGED),
    (("asterisk",), ALL),
    (("space", "asterisk"), ALL - {"R-00"}),
    (("A", "space"), ALL - {"R-00"}),
    (("A", "space", "k", "space"), ALL),
    (("A", "space", "asterisk"), {"R-00"}),
    (("A", "space", "A"), ALL),
    (("A", "space", "space", "z"), ALL - {"R-00"}),
    (("A", "u"), set()),
    (("A", "u", "z"), ALL),
    ((*FILTER, "A"), BELL),
    ((*FILTER, "a", "backslash", "A"), ALL),
    (("A", *FILTER, "asterisk"), ALL - BELL),
    (("space", *FILTER, "A"), BELL | {"R-00"}),
    (("space", *FILTER, "A", "backslash", "asterisk"), ALL - BELL - {"R-00"}),
    ((*FILTER, "A", "space", "backslash", "asterisk"), ALL - BELL | {"R-01"}),
    (("A", *FILTER, "space", "j", "backslash", "a"), ALL),
    (("A", *FILTER, "a"), ALL - BELL | FLAGGED),
    ((*FILTER, "a", "a"), set()),
    (("plus", *"bell", "enter"), BELL - FLAGGED),
    (("A", "minus", *"bell", "enter"), ALL - BELL),
    (("space", "plus", *"bell", "enter", "minus", *"r-01", "enter"), {"R-00", "R-07"}),
    (("A", "space", "t", "asterisk"), set()),
    (("A", "t", "a"), FLAGGED),
    (("A", "space", "t", "A"), ALL - {"R-00"}),
    (("A", "j", "v", "j", "v"), ALL),
    (("A", "u", "v", "j", "v"), {"R-00", "R-03"}),
]


@pytest.mark.parametrize(("keys", "expected"), GESTURES, ids=[" ".join(keys) for keys, _ in GESTURES])
async def test_what_a_gesture_marks(
    start: Start, strokes: bool, keys: tuple[str, ...], expected: set[str]
) -> None:
    async with start() as hand:
        await hand.press(*keys)
        assert hand.marked() == expected
        assert boxes(hand) == expected & set(hand.listed())
        hidden = len(expected - set(hand.listed()))
        foot = hand.text("#foot")
        assert (f"MARKED {len(expected)} " in foot) == bool(expected)
        assert (f"({hidden} hidden)" in foot) == bool(hidden)
        listed = set(hand.listed())
        assert hand.invoices.table._box == (
            " " if not expected and not isinstance(hand.invoices.marks.value, Matching)
            else "x" if listed and listed <= expected else "-"
        )  # fmt: skip


@pytest.mark.parametrize(("keys", "expected"), GESTURES[:12], ids=[" ".join(k) for k, _ in GESTURES[:12]])
async def test_the_same_in_one_burst(
    start: Start, strokes: bool, keys: tuple[str, ...], expected: set[str]
) -> None:
    async with start() as hand:
        await hand.burst(*keys)
        assert hand.marked() == expected
        assert boxes(hand) == expected & set(hand.listed())


async def test_beyond_the_limit_marks_are_strokes_and_below_it_ids(start: Start, strokes: bool) -> None:
    async with start() as hand:
        await hand.press("space")
        assert isinstance(hand.invoices.marks.value, Marked)
        await hand.press("A")
        assert isinstance(hand.invoices.marks.value, Matching if strokes else Marked)
        assert "Gross 31,350.00" in hand.text("#foot")
        await hand.press("space")
        assert "MARKED 9 " in hand.text("#foot")


@pytest.mark.parametrize("keys", [("A", "x"), (*FILTER, "a", "x"), ("plus", *"bell", "enter", "x")])
async def test_a_decision_in_the_same_burst_has_all_the_marks(
    start: Start, strokes: bool, keys: tuple[str, ...]
) -> None:
    async with start() as hand:
        await hand.burst(*keys)
        await hand.dialog(ConfirmExport)
        assert len(hand.marked_at_list()) == (10 if keys[0] == "A" else 2)


async def test_what_is_exported_by_strokes_is_marked_no_more(start: Start, strokes: bool) -> None:
    async with start() as hand:
        await hand.press("a", "x")
        await hand.dialog(ConfirmExport)
        await hand.pilot.press("y")
        await hand.says("9 accepted for export")
        await hand.until(lambda: hand.listed() == ["R-04"])
        await hand.idle()
        assert hand.marked() == set()
        assert hand.invoices.marks.empty
        assert "fewer" not in hand.invoices._message


async def test_values_are_set_on_what_strokes_mark(start: Start, books: Database, strokes: bool) -> None:
    async with start() as hand:
        await hand.press(*FILTER, "A", "D")
        await hand.until(lambda: hand.app.screen.query("#text"))
        await hand.dialog(type(hand.app.screen))
        hand.app.screen.query_one("#text").value = "Draw 5"  # type: ignore[attr-defined] # an Input, by its id
        await hand.focus("#save")
        await hand.pilot.press("enter")
        await hand.says("3 changed")
        await hand.idle()
        rows = books.execute("SELECT number FROM invoices WHERE description = 'Draw 5'").fetchall()
        assert {row[0] for row in rows} == BELL
        assert hand.marked() == BELL
        assert "when they were marked" not in hand.invoices._message


async def test_approving_what_strokes_mark_touches_only_what_is_not_approved(
    start: Start, books: Database, strokes: bool
) -> None:
    books.execute("UPDATE invoices SET status = 'pending_owner_approval' WHERE number = 'N-99'")
    async with start("mgarcia") as hand:
        await hand.press("2", "A", "y")
        await hand.dialog(AskScreen)
        await hand.pilot.press("y")
        await hand.says("2 approved. 1 left alone")
        found = books.execute("SELECT number, status FROM invoices WHERE number LIKE 'N-%' ORDER BY number")
        assert [tuple(row) for row in found] == [
            ("N-00", "approved"), ("N-01", "approved"), ("N-99", "pending_owner_approval"),
        ]  # fmt: skip


async def test_marks_by_strokes_that_become_fewer_or_more_are_told_once(
    start: Start, books: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.widgets.marks.LIMIT", FEW)
    async with start() as hand:
        await hand.press("A")
        others_take(books, "R-03")
        await hand.says("1 fewer matches than when they were marked: 9 are marked now")
        await hand.press("j", "f5")
        assert "when they were marked" not in hand.invoices._message
        with books.transaction():
            add_invoice(Project.get_by_id(1), Vendor.get_by_id(1), "NEW", "ready_to_export")
        await hand.says("1 more matches than when they were marked: 10 are marked now")
        assert "NEW" in hand.marked()


async def test_a_range_of_more_than_the_limit_is_refused_with_what_to_do(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.widgets.marks.LIMIT", FEW)
    async with start() as hand:
        await hand.press("v", "G", "v")
        await hand.says(f"More than {FEW} lie between")
        assert hand.marked() == set()
        await hand.press("v", "k", "v")
        assert hand.marked() == {"R-05", "R-08"}


# -- by a query --------------------------------------------------------------------------------------------------


async def test_a_query_marks_beyond_the_filter_and_says_what_is_flagged(start: Start, strokes: bool) -> None:
    async with start() as hand:
        await hand.press("slash", *"apex", "enter", "plus", *"bell", "enter")
        assert hand.marked() == BELL - FLAGGED
        assert hand.listed() == ["R-00", "R-03", "R-06", "R-09"]
        await hand.says("All 2 clean matches of bell are marked; 1 flagged one not")
        assert not hand.invoices.query_one(QueryLine).open
        assert hand.invoices.table.has_focus


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (("slash", *"zebra", "enter", "a"), "Nothing matches, and nothing was marked."),
        (("slash", *"zebra", "enter", "A"), "Nothing matches, and nothing was marked."),
        (("slash", *"r-00", "enter", "a"), "The one clean match is marked."),
        (("slash", *"r-00", "enter", "A"), "The one match is marked."),
        (("slash", *"flag:C", "enter", "a"),
         "Nothing clean matches, and nothing was marked. One flagged one does: Space marks one, A all of them."),
        (("plus", *"zebra", "enter"), "Nothing matches zebra, and nothing was marked."),
        (("plus", *"r-00", "enter"), "The one clean match of r-00 is marked."),
        (("minus", *"zebra", "enter"), "Nothing matches zebra, and nothing was unmarked."),
        (("minus", *"r-00", "enter"), "The one match of r-00 is unmarked."),
    ],
)  # fmt: skip
async def test_of_one_match_and_of_none_it_is_said_so(start: Start, keys: tuple[str, ...], said: str) -> None:
    async with start() as hand:
        await hand.press(*keys)
        await hand.until(lambda: hand.invoices._message == said, said)


async def test_a_query_that_cannot_be_read_points_at_the_word_and_escape_leaves(start: Start) -> None:
    async with start() as hand:
        await hand.press("plus", *"net>3k", "space", *"foo:x", "enter")
        await hand.says("There is no filter 'foo'")
        line = hand.invoices.query_one(QueryLine)
        assert line._fault.position == 7
        assert hand.focused(QueryInput)
        assert line.box.value == "net>3k foo:x"
        await hand.press("escape", "space")
        assert not line.open
        assert hand.marked() == {"R-00"}
        assert hand.invoices.query_one(FilterLine).box.value == ""


async def test_an_empty_query_marks_nothing(start: Start) -> None:
    async with start() as hand:
        await hand.burst("plus", "enter", "space")
        assert hand.marked() == {"R-00"}


async def test_a_query_that_is_overtaken_by_another_view_marks_nothing(start: Start) -> None:
    async with start() as hand:
        await hand.press("plus", *"bell")
        await hand.press("escape", "3")
        assert hand.marked() == set()
        await hand.press("1")
        assert hand.marked() == set()
