"""People at the desks of one company, as rules of a hypothesis state machine: press, recall, reject, retry, send."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
)
from protocol_model import BEGAN, HOLD, INVOICES, Books, Kept

from store import directory, review
from store.domain.errors import Blocked, Disallowed
from store.domain.money import plain
from store.domain.profile import Profile
from store.domain.selection import Marked
from store.domain.status import ErpStatus, JobState

WHICH = st.integers(0, 3)


class Company(RuleBasedStateMachine):
    """The books of one company and people at its desks; what the workers and the ERP do comes on top."""

    books: Books
    # Of the ERP.
    profile: Profile

    def __init__(self) -> None:
        super().__init__()
        self.db = self.books.copy()
        self.clock = BEGAN
        self.books.set_clock(self.db, self.clock)
        self.juan = directory.actor(self.db, "jlopez")
        self.maria = directory.actor(self.db, "mgarcia")
        found = self.db.execute("SELECT id, uuid, net FROM invoices ORDER BY id").fetchall()
        self.invoices: dict[int, tuple[str, str]] = {row[0]: (row[1], plain(row[2], "USD")) for row in found}
        # Where people have put an invoice that is not in the queue's hands.
        self.aside = dict.fromkeys(self.invoices, ErpStatus.READY)
        self.revisions: Counter[int] = Counter()
        # By key; every job that ever was. And the newest one of each invoice.
        self.jobs: dict[str, Kept] = {}
        self.newest: dict[int, Kept] = {}

    # -- people ------------------------------------------------------------------------------------------------

    def those(self, *states: ErpStatus) -> list[int]:
        return [number for number in self.invoices if self.status(number) in states]

    def status(self, number: int) -> ErpStatus:
        return self.aside.get(number) or self.newest[number].status

    def marked(self, numbers: list[int]) -> Marked:
        versions = dict(self.db.execute("SELECT id, version FROM invoices").fetchall())
        return Marked({number: versions[number] for number in numbers})

    @rule(count=st.integers(1, INVOICES))
    @precondition(lambda self: self.those(ErpStatus.READY))
    def press(self, count: int) -> None:
        self.exported(review.accept, self.those(ErpStatus.READY)[:count])

    @rule(which=WHICH)
    @precondition(lambda self: self.those(ErpStatus.FAILED))
    def retry(self, which: int) -> None:
        self.exported(review.retry, [pick(self.those(ErpStatus.FAILED), which)])

    def keeps(self, number: int) -> bool:
        """Whether a rule keeps the invoice from being exported."""
        return number not in self.invoices

    def heard_late(self, kept: Kept) -> None:
        """The ERP was heard to have it after it was given up."""
        raise AssertionError(kept)

    def exported(self, export: Callable[..., review.Decision], chosen: list[int]) -> None:
        try:
            decision = export(self.db, self.juan, self.marked(chosen), self.profile)
        except Blocked:
            assert all(map(self.keeps, chosen))
        else:
            self.queued(decision, [number for number in chosen if not self.keeps(number)])

    def queued(self, decision: review.Decision, chosen: list[int]) -> None:
        assert sorted(decision.done) == sorted(chosen)
        [batch] = decision.batches
        hold = self.db.execute("SELECT hold_until FROM batches WHERE id = ?", (batch,)).fetchone()[0]
        assert hold >= self.clock + HOLD
        for number in chosen:
            self.revisions[number] += 1
            key = f"{self.invoices[number][0]}:{self.revisions[number]}"
            self.jobs[key] = self.newest[number] = Kept(number, key, batch, hold)
            self.aside.pop(number, None)

    @rule(which=WHICH)
    @precondition(lambda self: self.those(ErpStatus.QUEUED, ErpStatus.EXPORTING, ErpStatus.UNCERTAIN))
    def recall(self, which: int) -> None:
        batch = pick(sorted({kept.batch for kept in self.newest.values() if kept.open}), which)
        going = {n for n, kept in self.newest.items() if kept.batch == batch and kept.recallable}
        try:
            decision = review.recall_batch(self.db, self.juan, batch)
        except Disallowed:
            assert not going
        else:
            assert set(decision.done) == going
            self.taken_back(going, ErpStatus.READY)

    @rule(which=WHICH)
    @precondition(lambda self: self.jobs)
    def reject(self, which: int) -> None:
        number = pick(sorted(self.newest), which)
        can = self.status(number) in {ErpStatus.READY, ErpStatus.FAILED} or self.newest[number].recallable
        try:
            review.reject(self.db, self.juan, self.marked([number]), "Wrong")
        except Disallowed:
            assert not can
        else:
            assert can
            self.taken_back({number}, ErpStatus.NOT_SENT)

    def taken_back(self, numbers: set[int], status: ErpStatus) -> None:
        for number in numbers:
            if self.newest[number].recallable:
                self.newest[number].free(JobState.CANCELLED)
            self.aside[number] = status

    @rule(which=WHICH)
    @precondition(lambda self: self.those(ErpStatus.NOT_SENT))
    def send_from_commitments(self, which: int) -> None:
        number = pick(self.those(ErpStatus.NOT_SENT), which)
        review.send(self.db, self.maria, self.marked([number]))
        self.aside[number] = ErpStatus.READY


T = TypeVar("T")


def pick(some: Sequence[T], which: int) -> T:
    return some[which % len(some)]


def take_out(some: list[T], which: int) -> T:
    return some.pop(which % len(some))
