"""The measuring through a pty measures what it says, and nothing where nothing is shown."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bench.figures import OURS, SMALL, Board
from bench.pty_bench import Meter, UnmeasuredError


@pytest.fixture
def shell() -> Iterator[Meter]:
    """A program that answers each line with a longer one."""
    meter = Meter(["sh", "-c", "echo ready; while read x; do echo $x$x; done"], limit=5)
    yield meter
    meter.close()


def shows(text: str, lines: object) -> bool:
    return text in str(lines)


def test_a_key_is_measured_until_the_screen_shows_it_and_counted_whole(shell: Meter) -> None:
    start = shell.start(lambda lines: shows("ready", lines), "the start")
    assert 0 < start.text <= start.shown
    assert start.memory > 0
    reply = shell.timed("abc\r", lambda lines: shows("abcabc", lines), "twice")
    assert 0 < reply.first <= reply.shown
    assert reply.size == len("abc\r\nabcabc\r\n")


def test_what_the_screen_never_shows_is_not_measured(shell: Meter) -> None:
    shell.start(lambda lines: shows("ready", lines), "the start")
    shell.patience = 0.2
    with pytest.raises(UnmeasuredError, match="never"):
        shell.timed("abc\r", lambda lines: shows("abcd", lines), "something else")


def test_what_the_screen_showed_before_is_not_measured(shell: Meter) -> None:
    shell.start(lambda lines: shows("ready", lines), "the start")
    with pytest.raises(UnmeasuredError, match="before"):
        shell.timed("x", lambda lines: shows("ready", lines), "what was there")


def test_the_table_holds_medians_against_their_targets() -> None:
    board = Board()
    board.note("cursor move", "ms", 1, 2, 90)
    board.note("cursor move", "ms", 3, source=SMALL)
    board.note("cursor move", "ms", 17, source="DataTable")
    board.note("page", "B", 5300, source=OURS)
    head, _, moved, paged = board.table().splitlines()
    assert [cell.strip() for cell in head.split("|")[1:-1]][:3] == ["what", "unit", "median"]
    cells = [cell.strip() for cell in moved.split("|")[1:-1]]
    assert cells == ["cursor move", "ms", "2", "90", "3", "<= 5", "yes", "3", "DataTable 17"]
    assert "no: 100 over" in paged
    assert board.missed() == ["page, B"]
