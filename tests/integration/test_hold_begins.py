"""The hold of a batch begins when all of it is written, however long that takes."""

from __future__ import annotations

from itertools import count

import pytest
from invoice_factory import make, version

from erp import profiles
from store import recalling, review
from store.db import Database
from store.domain.actor import Actor
from store.domain.selection import Marked

HOLD = 10_000


@pytest.mark.parametrize("step", [1, 4_000])
def test_what_is_accepted_can_be_recalled_for_all_of_the_hold(
    db: Database, approver: Actor, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Each look at the clock is ``step`` ms later: as long takes the writing."""
    db.execute("UPDATE company SET hold_ms = ?", (HOLD,))
    marked = Marked({number: version(db, number) for number in (make(db, "1"), make(db, "2", application=2))})
    clock = count(db.now(), step)
    monkeypatch.setattr(Database, "now", lambda _: next(clock))
    decision = review.accept(db, approver, marked, profiles.load("sandbox"))
    written = next(clock) - step
    hold_until = db.execute("SELECT hold_until FROM batches").fetchone()[0]
    assert written + HOLD - 2_000 <= hold_until <= written + 2 * HOLD
    assert {row[0] for row in db.execute("SELECT run_at FROM export_jobs").fetchall()} == {hold_until}
    assert [batch.id for batch in recalling.held(db, approver, []).own] == list(decision.batches)
