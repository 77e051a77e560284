"""What an Export writes, made from what is read: jobs with their bills, and the audit trail's rows, part by part.

Of very many invoices another process makes it (store.ahead): what goes in and comes out is plain values.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from store import audit, evidence, outbox
from store.bill_texts import Texts, digest, quoted
from store.called import Called
from store.db import Database
from store.decision import Chosen
from store.domain.actor import Actor
from store.domain.bill import idempotency_key
from store.domain.selection import Totals
from store.domain.status import TRANSITIONS, ErpStatus
from store.holds import LetGo
from store.mapped import Mapped
from store.planning import OVERRIDDEN, SELF, Going, Judge, Stay, Terms, check_values
from store.posting import Posted, Posting
from store.selecting import Picked
from store.sums import Sums


class Asked(NamedTuple):
    """What to make: of these invoices, in these versions, what one press of an approver does; when the jobs are due."""

    actor: Actor
    terms: Terms
    picked: Picked
    marked: bool
    due: int


class Part(NamedTuple):
    """Some of the invoices, ready to be written: batches by currency, versions by batch and id, jobs, audit rows.

    ``special`` are those of them whose number changes or that may be let pass as duplicates: the writer looks at them.
    ``own`` are the approver's own, under review: invoice, revision and batch.
    """

    done: list[int]
    stays: list[Stay]
    batches: dict[str, int]
    versions: dict[int, dict[int, int]]
    jobs: list[outbox.Row]
    rows: list[audit.Row]
    special: list[Going]
    own: list[tuple[int, int, int]]


class End(NamedTuple):
    """After the last part: control totals, and the numbers that others changed.

    ``masters``: the digest of what the masters say; ``let``: that of the pairs which an override let pass. ``posting``: what
    posts otherwise than invoiced, by the company's policy. ``held``: what goes although it is on hold, in sentences.
    """

    totals: tuple[Totals, ...]
    masters: str
    let: str
    posting: tuple[Posted, ...]
    changed: list[str]
    held: tuple[str, ...] = ()


def parts(db: Database, asked: Asked) -> Iterator[Part | End]:
    """All of it, in the order of the ids. It reads only."""
    terms, sums, mapped, posting, let_go = asked.terms, Sums(), Mapped(), Posting(), LetGo()
    chosen = Chosen(db, asked.picked._replace(changed=array("q")), marked=asked.marked)
    numbers = _Numbers(db)
    called = Called(db, terms.company.erp)
    texts = Texts(db, terms.company.name, terms.company.erp, called.account)
    chunks = evidence.held(db, chosen.chunks())
    check_values(len(chosen.ids), terms.description, terms.erp_number)
    judge = Judge(db, asked.actor, terms)
    for going, stays in map(judge.chunk, chunks):
        sums.add(going)
        mapped.add(going)
        posting.add(going)
        let_go.add([g.candidate for g in going], judge.held)
        yield _part(asked, numbers, texts, going, stays)
    yield End(
        sums.totals(), mapped.digest(called), judge.let, posting.posted(), chosen.changed, let_go.told()
    )


class _Numbers:
    """The numbers of the batches of one press, one per currency."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._numbers: dict[str, int] = {}
        self._first = None if db.postgres else db.allocate("batches", 1)[0]

    def of(self, currency: str) -> int:
        """The number of the currency's batch, which may not be there yet."""
        if currency not in self._numbers:
            # SQLite's next ones are known for as long as the write lock is held, to every connection.
            first = self._first if self._first is not None else self._db.allocate("batches", 1)[0]
            self._numbers[currency] = first + (0 if self._db.postgres else len(self._numbers))
        return self._numbers[currency]


def _part(asked: Asked, numbers: _Numbers, texts: Texts, going: Sequence[Going], stays: list[Stay]) -> Part:
    terms = asked.terms
    batches = {currency: numbers.of(currency) for currency in sorted({g.sent.currency for g in going})}
    versions: dict[int, dict[int, int]] = {number: {} for number in batches.values()}
    days = {day: day.isoformat() for day in {g.day for g in going}}
    lines = texts.lines([g.sent for g in going])
    target = TRANSITIONS[terms.action].target.value
    erp, due = terms.company.erp, asked.due
    jobs: list[outbox.Row] = []
    rows: list[audit.Row] = []
    own: list[tuple[int, int, int]] = []
    for c, sent, day, rule in going:
        number, revision, batch, on = c.id, c.revision + 1, batches[sent.currency], days[day]
        versions[batch][number] = c.version
        key = idempotency_key(c.uuid, revision)
        told, name = quoted(key), quoted(sent.erp_number or sent.number)
        payload = texts.bill(sent, told, name, lines[number], on)
        jobs.append((
            number, revision, batch, key, erp, payload, digest(payload), on, due, False,
        ))  # fmt: skip
        was = name if sent.erp_number == c.erp_number else quoted(c.erp_number or c.number)
        before = f'{{"erp_status":"{c.erp_status.value}","number":{was}}}'
        after = f'{{"accounting_date":"{on}","batch":{batch},"erp_status":"{target}","key":{told},"number":{name}}}'
        rows.append(("invoice", number, before, after, rule))
        if rule.startswith(SELF):
            own.append((number, revision, batch))
    done = [g.candidate.id for g in going]
    return Part(done, stays, batches, versions, jobs, rows, _special(terms, going), own)


def _special(terms: Terms, going: Sequence[Going]) -> list[Going]:
    if terms.erp_number is not None:
        return list(going)
    if terms.override is None:
        return []
    return [g for g in going if g.rule.endswith(OVERRIDDEN) or g.candidate.erp_status is ErpStatus.FAILED]
