"""Accepting for export and retrying: from a selection to batches of held jobs, in one transaction."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import NamedTuple

import msgspec

from store import (
    audit,
    candidates,
    directory,
    duplicates,
    epochs,
    evidence,
    naming,
    outbox,
    overriding,
    phases,
)
from store.ahead import ahead
from store.called import Called
from store.db import Database
from store.decision import Decision, Expectation, Outcome, selected
from store.domain.actor import Actor
from store.domain.bill import sealed
from store.domain.errors import Changed, TotalsDiffer
from store.domain.money import hash_part, plain, show, to_decimal
from store.domain.profile import Profile
from store.domain.selection import Selection, Totals
from store.domain.status import TRANSITIONS, Action, ErpStatus
from store.mapped import Mapped
from store.moving import room, write_same
from store.planning import Going, Terms, walk
from store.sums import Sums

# More invoices than these are read and made in another thread while the last ones are written.
AHEAD = 2000
# What one invoice takes in the transaction, as a rule at most.
MS_EACH = 0.1
# A hold that so many ms of it would be missing from begins anew at the end of the transaction.
MISSING_MS = 2000
# What is left to do then takes at most such a part of what the rest took.
LEFT = 0.25


def accept(
    db: Database,
    actor: Actor,
    selection: Selection,
    profile: Profile,
    *,
    accounting_date: date | None = None,
    description: str | None = None,
    override: str | None = None,
    expect: Expectation | None = None,
) -> Decision:
    """Accept for export: Ready to Export invoices go into the queue, one batch per currency, held first.

    What a rule blocks stays Ready; a possible duplicate does unless ``override`` says why it may go. Raises
    TotalsDiffer when ``expect`` is not what would go; then nothing goes.
    """
    with _deciding(db) as apart:
        company = directory.company(db)
        why = overriding.reason(override)
        terms = Terms(Action.ACCEPT, company, profile, accounting_date, description, override=why)
        return _export(db, actor, selection, terms, expect, apart=apart)


def retry(
    db: Database,
    actor: Actor,
    selection: Selection,
    profile: Profile,
    *,
    accounting_date: date | None = None,
    description: str | None = None,
    erp_number: str | None = None,
    override: str | None = None,
    expect: Expectation | None = None,
) -> Decision:
    """Send failed invoices again, each as a new revision: their refusal was proven.

    ``erp_number`` repairs the number of one invoice; "" takes it back to its own. ``override`` says why what may be a
    duplicate, here or as the ERP has it, goes all the same.
    """
    with _deciding(db) as apart:
        if erp_number is not None:
            naming.alone(db)
        company = directory.company(db)
        why = overriding.reason(override)
        terms = Terms(Action.RETRY, company, profile, accounting_date, description, erp_number, why)
        return _export(db, actor, selection, terms, expect, apart=apart)


@contextlib.contextmanager
def _deciding(db: Database) -> Iterator[bool]:
    """The deciding transaction; whether another connection sees what it sees, since nothing was written in it."""
    apart = not db.postgres and not db.pw.in_transaction()
    with room(db), db.transaction():
        yield apart


def _export(
    db: Database, actor: Actor, selection: Selection, terms: Terms, expect: Expectation | None, *, apart: bool
) -> Decision:
    epochs.stays(db)
    epochs.require(db)
    actor = directory.refresh(db, actor)
    actor.require_approver()
    chosen = selected(db, selection)
    outcome, sums, mapped = Outcome(), Sums(), Mapped()
    batches = _Batches(db, actor, terms, len(chosen.ids))
    called = Called(db, terms.company.erp)

    def parts() -> Iterator[_Part]:
        chunks = evidence.held(db, chosen.chunks())
        for going, stays in walk(db, actor, len(chosen.ids), chunks, terms):
            outcome.add((g.candidate.id for g in going), stays)
            sums.add(going)
            mapped.add(going)
            yield _part(db, terms, batches, going, called)

    with audit.Trail() as trail:
        far = apart and len(chosen.ids) > AHEAD
        with ahead(db, parts()) if far else contextlib.nullcontext(parts()) as made:
            for part in made:
                batches.make(part.batches)
                trail.add(overriding.record(db, actor, terms, part.going))
                renamed = [g.candidate.id for g in part.going if terms.erp_number is not None]
                compared = duplicates.known(db, renamed)
                _queue(db, terms, part)
                duplicates.refresh(db, (), compared)
                trail.add(part.changes(terms))
        totals = sums.totals()
        decision = outcome.settled(
            chosen.changed, "exported", batches=tuple(batches.of(t.currency) for t in totals), totals=totals
        )
        _expected(totals, expect)
        if expect is not None and expect.masters not in {None, mapped.digest(called)}:
            raise Changed(
                "What the ERP calls a vendor, job, commitment or cost code of these has changed since it was shown",
                why="nothing was changed by you",
                fix="Look at the list again ({list.refresh}) and decide again",
            )
        for t in totals:
            batches.close(t)
        epochs.look_first(db, decision.batches)
        outbox.grown(db, len(decision.done))
        detail = {
            "erp": terms.company.erp, "batches": [_control(batches.of(t.currency), t) for t in totals]
        }  # fmt: skip
        audit.record(db, actor, terms.action.value, detail, trail)
    batches.hold()
    return decision


def _expected(totals: Sequence[Totals], expect: Expectation | None) -> None:
    if expect is None:
        return
    count = sum(t.count for t in totals)
    if expect.count is not None and expect.count != count:
        raise TotalsDiffer(
            f"{count} invoices would go, expected {expect.count}", fix="Nothing was changed; look again"
        )
    nets = [to_decimal(t.net, t.currency) for t in totals]
    if expect.net is not None and nets != [expect.net]:
        shown = ", ".join(f"{show(t.net, t.currency)} {t.currency}" for t in totals)
        raise TotalsDiffer(
            f"The net is {shown}, expected {expect.net:,}", fix="Nothing was changed; look again"
        )


class _Batches:
    """The batches of one press, one per currency: made with its first invoice, with its totals after the last."""

    def __init__(self, db: Database, actor: Actor, terms: Terms, count: int) -> None:
        self._db, self._actor, self._terms = db, actor, terms
        self._numbers: dict[str, int] = {}
        self._made: set[str] = set()
        self._first = None if db.postgres else db.allocate("batches", 1)[0]
        self._began = db.now()
        hold = terms.company.hold_ms
        # The hold begins when the transaction has ended, and that of very many takes its time.
        self.due = self._began + hold + (round(count * MS_EACH) if hold else 0)

    def of(self, currency: str) -> int:
        """The number of the currency's batch, which may not be there yet."""
        if currency not in self._numbers:
            # SQLite's next ones are known for as long as the write lock is held, to every connection.
            taken = 0 if self._db.postgres else len(self._numbers)
            first = self._first if self._first is not None else self._db.allocate("batches", 1)[0]
            self._numbers[currency] = first + taken
        return self._numbers[currency]

    def make(self, currencies: Iterable[str]) -> None:
        """The batches of these currencies are there."""
        terms = self._terms
        day = terms.accounting_date.isoformat() if terms.accounting_date else None
        for currency in currencies:
            if currency in self._made:
                continue
            self._made.add(currency)
            self._db.execute(
                "INSERT INTO batches (id, operator_id, created_at, erp, currency, accounting_date, description, count,"
                " gross, retainage, net, hash_total, hold_until) VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0, 0, ?)",
                (
                    self._numbers[currency], self._actor.id, self._db.now(), terms.company.erp, currency, day,
                    terms.description or "", self.due,
                ),
            )  # fmt: skip

    def hold(self) -> None:
        """Everything is written: the hold begins now, when it took longer than was thought."""
        now, hold = self._db.now(), self._terms.company.hold_ms
        if not hold or now + hold - self.due < MISSING_MS:
            return
        self.due = now + hold + round(LEFT * (now - self._began))
        for number in self._numbers.values():
            self._db.execute("UPDATE batches SET hold_until = ? WHERE id = ?", (self.due, number))
            self._db.execute("UPDATE export_jobs SET run_at = ? WHERE batch_id = ?", (self.due, number))

    def close(self, totals: Totals) -> None:
        """All of it is there: its totals."""
        self._db.execute(
            "UPDATE batches SET count = ?, gross = ?, retainage = ?, net = ?, hash_total = ? WHERE id = ?",
            (
                totals.count, totals.gross, totals.retainage, totals.net, totals.hash_total,
                self.of(totals.currency),
            ),
        )  # fmt: skip


class _Before(msgspec.Struct, gc=False):
    erp_status: ErpStatus
    number: str


class _After(msgspec.Struct, gc=False):
    accounting_date: str
    batch: int
    erp_status: str
    key: str
    number: str


class _Part(NamedTuple):
    """Some of the invoices that go, ready to be written: batches by currency, versions by batch and id, jobs."""

    batches: dict[str, int]
    versions: dict[int, dict[int, int]]
    going: Sequence[Going]
    jobs: list[outbox.Row]

    def changes(self, terms: Terms) -> Iterator[audit.Change]:
        """What the audit trail keeps of each of them."""
        target = TRANSITIONS[terms.action].target.value
        for (c, sent, day, rule), job in zip(self.going, self.jobs, strict=True):
            after = _After(day.isoformat(), self.batches[sent.currency], target, job[3], sent.posted_number)
            before = _Before(c.erp_status, c.posted_number)
            yield audit.Change("invoice", c.id, before, after, rule)


def _part(
    db: Database,
    terms: Terms,
    batches: _Batches,
    going: Sequence[Going],
    called: Called,
) -> _Part:
    numbers = {currency: batches.of(currency) for currency in sorted({g.sent.currency for g in going})}
    versions: dict[int, dict[int, int]] = {number: {} for number in numbers.values()}
    company, due = terms.company, batches.due
    days = {day: day.isoformat() for day in {g.day for g in going}}
    lines = candidates.bill_lines(db, [g.sent for g in going], called.account)
    jobs: list[outbox.Row] = []
    for c, sent, day, _ in going:
        batch = numbers[sent.currency]
        versions[batch][c.id] = c.version
        bill = candidates.written(
            sent, lines[c.id], company=company.name, erp=company.erp, accounting_date=days[day]
        )
        jobs.append((
            c.id, c.revision + 1, batch, bill.key, company.erp, *sealed(bill), days[day], due, False,
        ))  # fmt: skip
    return _Part(numbers, versions, going, jobs)


def _queue(db: Database, terms: Terms, part: _Part) -> None:
    """The invoices queued, then their jobs: who comes second at the same invoice is stopped by its version.

    The invoice keeps a date and number that the approver gave, never one that a rule worked out: the rule works it
    out again at the next export.
    """
    # Only what changes: every index of a column that is set is written anew.
    transition = TRANSITIONS[terms.action]
    given: dict[str, str | int | bool] = {
        "erp_status": transition.target.value, "error_code": "", "error_cause": "", "error_fix": "",
        "changed_since": False, **phases.moved(db, transition.target, transition.sources),
    }  # fmt: skip
    if terms.accounting_date is not None:
        given["accounting_date"] = terms.accounting_date.isoformat()
    if terms.description is not None:
        given["description"] = terms.description
    if terms.erp_number is not None and part.going:
        # It is given to one invoice alone.
        given |= {"erp_number": terms.erp_number, "number_hash": hash_part(part.going[0].sent.posted_number)}
    for batch, versions in part.versions.items():
        write_same(db, versions, given, "revision = revision + 1", batch_id=batch)
    outbox.enqueue(db, part.jobs)


def _control(batch: int, totals: Totals) -> dict[str, str | int]:
    """A batch's control totals as the audit trail keeps them."""
    return {
        "batch": batch,
        "currency": totals.currency,
        "count": totals.count,
        "gross": plain(totals.gross, totals.currency),
        "retainage": plain(totals.retainage, totals.currency),
        "net": plain(totals.net, totals.currency),
        "hash": totals.hash_total,
    }
