"""Decisions while others decide: what is carried out is what was shown, on both databases."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import pytest
from invoice_factory import make, version

from erp import profiles
from store import asking, candidates, commitments, holding, review, selecting
from store import db as database
from store.candidates import Candidate
from store.db import Database
from store.decision import Decision
from store.domain.actor import Actor
from store.domain.errors import Changed
from store.domain.selection import Marked, Selection, every
from store.domain.status import Action, ProjectView, Status, View

PROFILE = profiles.load("sandbox")
Decide = Callable[[Database, Actor, Selection], Decision]

# Every decision, the status its invoices come from, and the view that lists them.
DECISIONS: dict[str, tuple[str, View | ProjectView, Decide]] = {
    "accept": ("ready_to_export", View.READY, lambda db, me, chosen: review.accept(db, me, chosen, PROFILE)),
    "retry": ("failed_to_export", View.FAILED, lambda db, me, chosen: review.retry(db, me, chosen, PROFILE)),
    "reject": ("ready_to_export", View.READY, lambda db, me, chosen: review.reject(db, me, chosen, "why")),
    "retrieve": ("ready_to_export", View.READY, review.retrieve),
    "recall": ("queued", View.ALL, review.recall),
    "send": ("not_sent", ProjectView.NOT_SENT, review.send),
    "values": (
        "ready_to_export",
        View.READY,
        lambda db, me, chosen: review.set_export_values(db, me, chosen, description="mine"),
    ),
    "status": (
        "not_sent",
        ProjectView.NOT_SENT,
        lambda db, me, chosen: commitments.set_status(db, me, chosen, Status.DRAFT),
    ),
    "hold": ("ready_to_export", View.READY, lambda db, me, chosen: holding.place(db, me, chosen, "why")),
    "release": ("ready_to_export", View.READY, holding.release),
    "ask": ("ready_to_export", View.READY, lambda db, me, chosen: asking.ask(db, me, chosen, "Which?")),
}


@pytest.fixture
def elsewhere(db: Database) -> Iterator[Database]:
    """Another's connection; on SQLite, where nobody else writes during a decision, the same one."""
    if not db.postgres:
        yield db
        return
    other = database.open(db.url)
    yield other
    other.close()


def prepared(db: Database, name: str, admin: Actor) -> tuple[int, int]:
    """Two invoices that the decision could be made on."""
    status = DECISIONS[name][0]
    if name == "recall":
        first, second = (make(db, str(n), application=n) for n in (1, 2))
        review.accept(db, admin, marked(db, first, second), PROFILE)
    else:
        first, second = (make(db, str(n), application=n, erp_status=status) for n in (1, 2))
    if name == "release":
        holding.place(db, admin, marked(db, first, second), "waiting")
    return first, second


def marked(db: Database, *ids: int) -> Marked:
    return Marked({number: version(db, number) for number in ids})


def between(patch: pytest.MonkeyPatch, db: Database, intrude: Callable[[], object]) -> None:
    """Let others commit once, after the selection is checked and before its invoices are read."""
    real, done = candidates.load, [False]

    def load(to: Database, ids: Sequence[int]) -> Iterator[list[Candidate]]:
        if to is db and not done[0]:
            done[0] = True
            intrude()
        return real(to, ids)

    patch.setattr(candidates, "load", load)


def contents(db: Database) -> list[tuple[object, ...]]:
    rows = db.execute("SELECT id, erp_status, status, description, held, version FROM invoices ORDER BY id")
    return [tuple(row) for row in rows.fetchall()]


@pytest.mark.parametrize("name", DECISIONS)
def test_a_marked_one_that_changes_during_the_decision_stays_and_is_named(
    db: Database, elsewhere: Database, admin: Actor, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    first, second = prepared(db, name, admin)
    chosen = marked(db, first, second)
    sql = "UPDATE invoices SET erp_number = 'OTHER-9', version = version + 1 WHERE id = ?"
    between(monkeypatch, db, lambda: elsewhere.execute(sql, (second,)))
    decision = DECISIONS[name][2](db, admin, chosen)
    assert decision.done == (first,) and decision.changed == ("2",)
    assert contents(db)[1][-1] == chosen.versions[second] + 1


@pytest.mark.parametrize("name", DECISIONS)
def test_a_filter_of_which_one_changes_during_the_decision_is_refused(
    db: Database, elsewhere: Database, admin: Actor, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    _, second = prepared(db, name, admin)
    chosen = every(DECISIONS[name][1])
    chosen = dataclasses.replace(chosen, digest=selecting.seen(db, chosen).digest)
    before = contents(db)
    sql = "UPDATE invoices SET erp_number = 'OTHER-9', version = version + 1 WHERE id = ?"
    between(monkeypatch, db, lambda: elsewhere.execute(sql, (second,)))
    with pytest.raises(Changed):
        DECISIONS[name][2](db, admin, chosen)
    if db.postgres:
        before[1] = (*before[1][:-1], int(str(before[1][-1])) + 1)
    # On SQLite the intruder's change is undone with the decision that it was made in.
    assert contents(db) == before
    assert db.execute("SELECT count(*) FROM notices").fetchone()[0] == 0


def test_thousands_are_each_compared(
    db: Database, elsewhere: Database, approver: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "CHUNK", 2)
    ids = [make(db, str(n), application=n) for n in range(1, 8)]
    sql = "UPDATE invoices SET version = version + 1 WHERE number IN ('3', '7')"
    between(monkeypatch, db, lambda: elsewhere.execute(sql))
    decision = review.accept(db, approver, marked(db, *ids), PROFILE)
    assert len(decision.done) == 5 and decision.changed == ("3", "7")


def test_when_all_marked_ones_change_during_the_decision_nothing_is_done(
    db: Database, elsewhere: Database, approver: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = make(db)
    between(monkeypatch, db, lambda: elsewhere.execute("UPDATE invoices SET version = version + 1"))
    with pytest.raises(Exception, match="others changed 101-001 meanwhile"):
        review.accept(db, approver, marked(db, number), PROFILE)
    assert db.execute("SELECT count(*) FROM export_jobs").fetchone()[0] == 0


@pytest.mark.parametrize(
    ("sql", "counts"),
    [
        ("UPDATE vendors SET erp_ref = 'OTHER'", True),
        ("UPDATE vendors SET name = 'Other'", True),
        ("UPDATE projects SET erp_ref = 'OTHER'", True),
        ("UPDATE commitments SET erp_ref = 'OTHER' WHERE number = 'SC-101'", True),
        (
            "INSERT INTO cost_codes (project_id, source_id, code, name, erp_ref) VALUES (1, 'x', '03-300', '', 'OTHER')",
            True,
        ),
        ("UPDATE commitments SET erp_ref = 'OTHER' WHERE number = 'SC-2'", False),
    ],
)
@pytest.mark.parametrize("action", [Action.ACCEPT, Action.RETRY])
def test_masters_that_are_mapped_otherwise_since_the_plan_refuse_it(
    db: Database, approver: Actor, action: Action, sql: str, *, counts: bool
) -> None:
    number = make(db, erp_status="ready_to_export" if action is Action.ACCEPT else "failed_to_export")
    make(db, "9", commitment="SC-2", job="24-101")
    decide = review.accept if action is Action.ACCEPT else review.retry
    plan = review.plan_export(db, approver, marked(db, number), PROFILE, action)
    db.execute(sql)
    expect = review.Expectation(plan.count, None, plan.masters)
    if counts:
        with pytest.raises(Changed, match="What the ERP calls"):
            decide(db, approver, marked(db, number), PROFILE, expect=expect)
        assert db.execute("SELECT count(*) FROM export_jobs").fetchone()[0] == 0
        plan = review.plan_export(db, approver, marked(db, number), PROFILE, action)
        expect = review.Expectation(plan.count, None, plan.masters)
    assert decide(db, approver, marked(db, number), PROFILE, expect=expect).done == (number,)
