"""A crash at every named point of a worker's way, before and after each commit and each send: nothing twice, nothing lost."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from chaos.crashing import COUNT, REFUSED, Crash, Crashes
from chaos.herd import Herd
from chaos.http_erp import ErpProcess
from chaos.postgres import Postgres


@pytest.fixture
def crashes(herd: Herd, erp: ErpProcess, server: Postgres | None, tmp_path: Path) -> Crashes:
    """An ERP that knows no keys, so that nothing but the fence and the look-up is between a crash and a duplicate."""
    return Crashes(herd, erp, server, tmp_path, enforces_keys=False)


def test_a_crash_at_any_point_is_made_good_by_the_next_worker(crashes: Crashes) -> None:
    recorded = crashes.points()
    first = [point for point in recorded if point.endswith("#1")]
    assert {
        "post:before#1",
        "post:halfway#1",
        "post:booked#1",
        "post:after#1",
        "find:before#1",
        "find:after#1",
    } <= set(first)
    for step in (
        "claim",
        "begin",
        "turn",
        "fence",
        "acknowledge",
        "expire",
        "extend",
        "release",
        "claim_lookups",
        "resolve",
    ):
        named = {point.partition(".")[2] for point in first}
        if any(name.startswith(f"{step}:") for name in named):
            assert {f"{step}:before#1", f"{step}:uncommitted#1", f"{step}:after#1"} <= named
    found: list[Crash] = list(crashes.at_each(first))
    assert not [crash.point for crash in found if not crash.died]
    assert not {crash.point: crash.verdict.told() for crash in found if not crash.verdict.good}
    for crash in found:
        # A busy machine may let a sending run into its time-out; then a person must look.
        ended = Counter(crash.verdict.states)
        assert ended["failed"] <= len(REFUSED), crash
        assert ended["done"] + ended["failed"] + ended["parked"] == COUNT, crash
