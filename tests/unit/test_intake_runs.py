"""Runs of applications, and what may start where after a gap."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from store.intake.draft import Position
from store.intake.runs import Judged, Runs, short


@given(st.permutations(list(range(1, 9))), st.integers(1, 8))
def test_in_whatever_order_they_come_the_neighbours_are_known(order: list[int], count: int) -> None:
    runs, seen = Runs(), set(order[:count])
    for n in order[:count]:
        runs.add(1, Judged(n, n, []), first=n == 1)
    assert runs.highest(1) == max(seen)
    for n in set(range(1, 10)) - seen:
        below, above = runs.below(1, n), runs.above(1, n)
        assert (below.application if below else 0) == max((x for x in seen if x < n), default=0)
        # The first application of all starts where nothing can come before it.
        assert (above.application if above else 0) == min((x for x in seen if x > n), default=0)
        ending = runs.ending(1, n - 1)
        assert (ending.application if ending else 0) == (n - 1 if n - 1 in seen else 0)


def test_a_line_starts_no_shorter_than_it_stood_in_its_direction() -> None:
    stood = {"a": Position(100, 0, 0), "b": Position(-100, 0, 0), "c": Position(0, 0, 0)}
    rows = [("a", 500, 100), ("b", -500, -100), ("c", -500, -7), ("d", 500, 7), ("e", 500, None)]
    assert short(stood, rows) == {}
    rows = [("a", 500, 99), ("b", -500, -99), ("c", -500, 1), ("d", 500, -1)]
    assert short(stood, rows) == {"a": (100, 99), "b": (-100, -99), "c": (0, 1), "d": (0, -1)}
    assert short(stood, []) == {"a": (100, 0), "b": (-100, 0)}
