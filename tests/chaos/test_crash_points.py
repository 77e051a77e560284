"""A crash at every named point of a worker's way, before and after each commit and each send: nothing twice, nothing lost."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from chaos.crashing import COUNT, REFUSED, Crash, Crashes, name_of
from chaos.herd import Herd
from chaos.http_erp import ErpProcess
from chaos.postgres import Postgres


@pytest.fixture
def crashes(herd: Herd, erp: ErpProcess, server: Postgres | None, tmp_path: Path) -> Crashes:
    """An ERP that knows no keys, so that nothing but the fence and the look-up is between a crash and a duplicate."""
    return Crashes(herd, erp, server, tmp_path, enforces_keys=False)


SENDING = {"post:before", "post:halfway", "post:booked", "post:after", "find:before", "find:after"}
COMMITS = ("begin", "turn", "expire", "extend", "release", "claim_lookups", "resolve")


def test_a_crash_at_any_point_is_made_good_by_the_next_worker(
    crashes: Crashes, server: Postgres | None
) -> None:
    # Each name once, where it is first reached.
    first = list({name_of(point.rpartition(" > ")[2]): point for point in reversed(crashes.points())}.items())
    names = {name for name, _ in first}
    steps = {name.partition(".")[2] for name in names}
    assert names >= SENDING
    assert steps >= {f"{step}:{when}" for step in COMMITS for when in ("before", "uncommitted", "after")}
    if server:
        # What was not committed is as if it had not begun: make chaos crashes there too.
        first = [(name, point) for name, point in first if _other(name) not in names]
    found: list[Crash] = list(crashes.at_each([point for _, point in first]))
    assert not [crash.point for crash in found if not crash.died]
    assert not {crash.point: crash.verdict.told() for crash in found if not crash.verdict.good}
    for crash in found:
        # A busy machine may let a sending run into its time-out; then a person must look.
        ended = Counter(crash.verdict.states)
        assert ended["failed"] <= len(REFUSED), crash
        assert ended["done"] + ended["failed"] + ended["parked"] == COUNT, crash


def _other(name: str) -> str:
    """The same moment's other name, before a commit; "" for other points."""
    return name.replace(":before", ":uncommitted") if name.endswith(":before") else ""
