"""What the connector to the ERP says of invoices that would go, before anything is sent.

A connector that needs no network is asked a chunk at a time: only what it may object to at all is made into bills. What
another one said is put into a plan afterwards. What is refused goes nevertheless, and the ERP refuses it then.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeVar

from store import candidates
from store.called import Called
from store.candidates import Candidate
from store.causes import EFFECTS, REFUSED, WARNED, Cause, Causes, Snag
from store.db import Database
from store.depending import Lines
from store.directory import Company
from store.domain.bill import Bill
from store.domain.checking import Checked, Checker, Doubt, Local
from store.domain.keys import spelled
from store.domain.profile import LINES, Finding
from store.domain.text import one_line, safe
from store.noted import FIELDS
from store.packed import among, packed
from store.planning import Going

if TYPE_CHECKING:
    from store.previewing import Plan

T = TypeVar("T")
_Texts = tuple[str, ...]
# So many texts that nothing stands against are remembered of a doubt.
REMEMBERED = 20_000
# What a doubt over lines may look at: of a line, and of the bill what all bills of a job have in common.
_ACCOUNT, _JOB = "lines.account", "job"
_COLUMNS = {"lines.item_type": "item_type", "lines.description": "description"}
_DAY = "accounting_date"
_OWN: dict[str, Callable[[Candidate], str]] = {
    **FIELDS,
    "terms": attrgetter("terms"),
    "tax_account": attrgetter("tax_account"),
    "payment_hold": attrgetter("payment_hold"),
}


def snags(invoice_id: int, name: str, findings: Iterable[Finding]) -> list[Snag]:
    """What a connector found against the bill of one invoice."""
    return [_snag(invoice_id, name, words(found)) for found in findings]


class Words(NamedTuple):
    """What a finding says, harmless: as many invoices have it as there are."""

    code: str
    cause: str
    fix: str
    kind: str


def words(found: Finding) -> Words:
    """The words of one finding."""
    return Words(
        one_line(found.code), safe(found.cause), safe(spelled(found.fix)), safe(found.kind or found.cause)
    )


def _snag(invoice_id: int, name: str, said: Words) -> Snag:
    return Snag(invoice_id, safe(name), REFUSED, said.code, said.cause, said.fix, kind=said.kind)


def said(plan: Plan, refused: Mapping[int, Sequence[Snag]], checked: Checked) -> Plan:
    """The plan with what a connector said of some of what goes, by id; what warned of the same does so no more."""
    causes, codes = Causes(), dict[str, set[int]]()
    for number in sorted(refused):
        causes.add(refused[number])
        for snag in refused[number]:
            codes.setdefault(snag.code, set()).add(number)
    kept = [_without(one, codes.get(one.code, set())) for one in plan.causes]
    found = [one for one in (*causes.found(), *kept) if one.count]
    warned = sorted({number for one in found if one.effect == WARNED for number in one.ids})
    touched = {**plan.touched, **causes.touched(), WARNED: array("q", warned)}
    return replace(
        plan,
        causes=tuple(sorted(found, key=lambda one: (EFFECTS.index(one.effect), -one.count))),
        touched={effect: ids for effect, ids in touched.items() if len(ids)},
        checked=checked,
    )


def _without(cause: Cause, ids: set[int]) -> Cause:
    if cause.effect != WARNED or not ids:
        return cause
    return replace(cause, ids=array("q", [number for number in cause.ids if number not in ids]))


class _SilentError(Exception):
    """The connector gave no answer; the message says why."""


class Refusing:
    """Puts what would go to a connector that needs no network. Use it as a context, in one thread."""

    def __init__(self, db: Database, company: Company, called: Called, local: Local | None) -> None:
        self._db, self._company, self._called = db, company, called
        self._local = local
        self._stack = ExitStack()
        self._opened: tuple[Checker, _Doubts] | None = None
        self._end = time.monotonic() + (local.seconds if local else 0)
        self._asked = self._left = 0
        self._trouble = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def checked(self) -> Checked | None:
        """How it went; None where there is no connector."""
        return Checked(self._asked, self._left, self._trouble) if self._local else None

    def columns(self, going: Sequence[Going]) -> tuple[str, ...]:
        """What of the lines has to be known for chunk() of these, beside project and cost code."""
        if not self._run(going):
            return ()
        try:
            return self._checker()[1].columns
        except _SilentError as error:
            self._trouble = str(error)
            return ()

    def chunk(self, going: Sequence[Going], lines: Lines) -> dict[int, list[Snag]]:
        """What the connector objects to in these, by invoice; ``lines``: of these, and of others, by columns()."""
        run = self._run(going)
        found: dict[int, list[Snag]] = {}
        try:
            if run:
                found = self._refused(run, lines)
        except _SilentError as error:
            self._trouble, run = str(error), ()
        self._asked += len(run)
        self._left += len(going) - len(run)
        return found

    def _run(self, going: Sequence[Going]) -> Sequence[Going]:
        """Those of these that are put to it."""
        local = self._local
        if local is None or local.opened is None or self._trouble:
            return ()
        return going if local.most is None else going[: max(0, local.most - self._asked)]

    def _checker(self) -> tuple[Checker, _Doubts]:
        """Raises _SilentError."""
        if self._opened is None:
            checker = _answer(self._enter)
            self._opened = checker, _Doubts(self._db, self._company, self._called, checker.doubts)
        return self._opened

    def _enter(self) -> Checker:
        if self._local is None or self._local.opened is None:
            raise _SilentError("there is no connector to ask")
        return self._stack.enter_context(self._local.opened())

    def _refused(self, run: Sequence[Going], lines: Lines) -> dict[int, list[Snag]]:
        self._in_time()
        checker, doubts = self._checker()
        looked, told = doubts.among(run, lines)
        close = [g for g in run if g.candidate.id in looked]
        bills = self._bills(close) if close else []
        # A checker's own errors are those of its bills alone.
        judged = [_answer(partial(self._judged, checker, bill)) for bill in bills]
        found = {
            g.candidate.id: snags(g.candidate.id, g.candidate.name, findings)
            for g, findings in zip(close, judged, strict=True)
            if findings
        }
        names = {g.candidate.id: g.candidate.name for g in run}
        for number, said in told.items():
            if number not in looked:
                found[number] = [_snag(number, names[number], one) for one in said]
        for number, one in doubts.again([g for g in run if g.candidate.id not in found]):
            found[number] = [_snag(number, names[number], one)]
        return found

    def _judged(self, checker: Checker, bill: Bill) -> list[Finding]:
        self._in_time()
        return list(checker.objections(bill))

    def _in_time(self) -> None:
        if time.monotonic() > self._end:
            raise _SilentError("it did not answer in time")

    def _bills(self, close: Sequence[Going]) -> list[Bill]:
        lines = candidates.bill_lines(self._db, [g.sent for g in close], self._called.account)
        name, erp = self._company.name, self._company.erp
        return [
            candidates.bill(g.sent, lines[g.sent.id], company=name, erp=erp, accounting_date=g.day)
            for g in close
        ]


def _answer(ask: Callable[[], T]) -> T:
    """What a connector's own code says. Raises _SilentError for whatever it raises."""
    try:
        return ask()
    except Exception as error:
        raise _SilentError(one_line(str(error)) or type(error).__name__) from error


class _Test(NamedTuple):
    """One doubt, the fields that it looks at, and the texts of these that it let pass."""

    doubt: Doubt
    passed: set[_Texts]

    @property
    def fields(self) -> tuple[str, ...]:
        """What it looks at."""
        return self.doubt.fields

    def texts(self, columns: Mapping[str, Sequence[str]]) -> list[_Texts]:
        """Of a table of texts by field those that it looks at, row by row."""
        return list(zip(*(columns[name] for name in self.fields), strict=True))

    def bad(self, texts: Iterable[_Texts]) -> set[_Texts]:
        """Those of these texts that may be objected to."""
        new = set(texts) - self.passed
        found = {one for one in new if self.doubt.about(*one)}
        if len(self.passed) > REMEMBERED:
            self.passed.clear()
        self.passed.update(new - found)
        return found

    def told(self, texts: _Texts) -> tuple[Words, ...] | None:
        """What the connector says of a bill that has these; None: its bill has to be made for that."""
        told = self.doubt.told
        return None if told is None else tuple(words(one) for one in told(*texts))


class _Doubts:
    """Finds the invoices that a connector may object to. It remembers, so use one for all chunks."""

    def __init__(self, db: Database, company: Company, called: Called, doubts: Sequence[Doubt]) -> None:
        self._db, self._called = db, called
        self._company = company
        tests = [_Test(doubt, set()) for doubt in doubts]
        self._of_lines = [test for test in tests if any(name.startswith(LINES) for name in test.fields)]
        self._own = [test for test in tests if test not in self._of_lines]
        self._fields = {name for test in self._own for name in test.fields}
        # Of those that no two bills may share, hashes of what went: of a million a text each would need much memory.
        self._went = [(test, set[int]()) for test in self._own if test.doubt.again is not None]
        used = {name for test in self._of_lines for name in test.fields}
        self.columns = tuple(column for name, column in _COLUMNS.items() if name in used)
        self._names = tuple(name for name in _COLUMNS if name in used)

    def among(self, run: Sequence[Going], lines: Lines) -> tuple[set[int], dict[int, list[Words]]]:
        """The ids of those of these (one chunk) whose bills the connector has to see; and what it says of others.

        Raises _SilentError.
        """
        looked, told = _answer(lambda: self._by_own(run))
        return looked | self._by_lines(run, lines) if self._of_lines else looked, told

    def again(self, run: Sequence[Going]) -> list[tuple[int, Words]]:
        """Those of these, which nothing else stands against, that cannot go after the others. Raises _SilentError."""
        return _answer(lambda: self._again(run)) if self._went else []

    def _again(self, run: Sequence[Going]) -> list[tuple[int, Words]]:
        found: dict[int, Words] = {}
        for test, went in self._went:
            columns = {name: self._column(name, run) for name in test.fields}
            for g, texts in zip(run, test.texts(columns), strict=True):
                if g.candidate.id in found:
                    continue
                if (key := hash(texts)) not in went:
                    went.add(key)
                elif (again := test.doubt.again) is not None:
                    found[g.candidate.id] = words(again(*texts))
        return list(found.items())

    def _by_own(self, run: Sequence[Going]) -> tuple[set[int], dict[int, list[Words]]]:
        columns = {name: self._column(name, run) for name in self._fields}
        looked, told = set[int](), dict[int, list[Words]]()
        for test in self._own:
            texts = test.texts(columns)
            if not (bad := test.bad(texts)):
                continue
            said = {one: test.told(one) for one in bad}
            for g, own in zip(run, texts, strict=True):
                if own in bad:
                    if (words_of := said[own]) is None:
                        looked.add(g.candidate.id)
                    else:
                        told.setdefault(g.candidate.id, []).extend(words_of)
        return looked, told

    def _column(self, name: str, run: Sequence[Going]) -> list[str]:
        """What the bills of these have in a field."""
        if name == "company":
            return [self._company.name] * len(run)
        if name == _DAY:
            days = {day: day.isoformat() for day in {g.day for g in run}}
            return [days[g.day] for g in run]
        of = _OWN[name]
        return [of(g.sent) for g in run]

    def _by_lines(self, run: Sequence[Going], lines: Lines) -> set[int]:
        job = _OWN[_JOB]
        jobs = {g.sent.project_id: job(g.sent) for g in run}
        bad = _answer(lambda: self._bad([row for row in lines if row[0] in jobs], jobs))
        if not bad:
            return set()
        columns = "".join(f", {name}" for name in self.columns)
        rows = self._db.execute(
            f"SELECT invoice_id, cost_code{columns} FROM invoice_lines WHERE {among(self._db, 'invoice_id')}",
            (packed(self._db, [g.candidate.id for g in run]),),
        ).fetchall()
        projects = {g.candidate.id: g.sent.project_id for g in run}
        return {number for number, *texts in rows if (projects[number], *texts) in bad}

    def _bad(self, lines: Lines, jobs: Mapping[int, str]) -> set[tuple[Any, ...]]:
        """Those of the lines that may be objected to, as they are given."""
        account = self._called.account
        columns = {
            _JOB: [jobs[row[0]] for row in lines],
            _ACCOUNT: [account(row[0], row[1]) or row[1] for row in lines],
            **{name: [row[place] for row in lines] for place, name in enumerate(self._names, 2)},
        }
        found: set[tuple[Any, ...]] = set()
        for test in self._of_lines:
            texts = test.texts(columns)
            if bad := test.bad(texts):
                found.update(tuple(row) for row, own in zip(lines, texts, strict=True) if own in bad)
        return found
