"""Invoices from any source into the store, in two passes: judge and spool, then write in one transaction."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, Protocol

from store import alike, audit, directory, duplicates, naming
from store.db import Database
from store.domain.actor import Actor
from store.domain.money import plain
from store.domain.status import Outcome
from store.intake.books import CONTENT, LINE, Books, Stored, chunks, fingerprint
from store.intake.chain import Chain, Scene, Verdict
from store.intake.draft import Draft, Head
from store.intake.report import SHOWN, Refused, Report, Result
from store.intake.spool import Parcel, Spool
from store.intake.write import stale, write

_BATCH = 500
# How many records may wait for an application that the file brings later: they wait in memory.
_WAITING = 2000


class Record(Protocol):
    """One invoice of a file as its source's module has read it."""

    @property
    def head(self) -> Head:
        """What it is known by."""

    def place(self, field: str, line: int | None) -> str:
        """The words for where a field stands."""

    def draft(self, scene: Scene) -> tuple[Draft, list[tuple[str, str]]]:
        """The draft, and what is wrong with single values of it: (where, reason)."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file of invoices: ``name`` of what it came from ("procore", "payapp"), ``file`` its base name.

    ``read`` reads it from the start, as often as it is called; a record that is no good comes as Refused. ``word`` is
    what a record's ordinal counts.
    """

    name: str
    file: str
    read: Callable[[], Iterator[Record | Refused]]
    word: str = "record"


@dataclass(slots=True)
class _Pass:
    """Pass one's findings."""

    report: Report
    spool: Spool
    marks: dict[int, tuple[int, int]] = field(default_factory=dict)
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    locked: list[str] = field(default_factory=list)


def import_invoices(
    db: Database, actor: Actor, source: Source, *, partial: bool, progress: Callable[[int], None] | None
) -> Result:
    """Read, check and write the file's invoices, with one audit event.

    Raises BadFile, NotPermitted and Changed; then nothing has changed.
    """
    excluded: dict[int, tuple[str, str]] = {}
    attempts = 2
    while True:
        report = Report(source.file, partial)
        found = _Pass(report, Spool())
        try:
            unmatched = _judge(db, source, found, excluded, progress)
            if unmatched and partial:
                # Left out, what builds on it may no longer come in either: judge the file again without it.
                excluded.update(unmatched)
                continue
            for where, reason in unmatched.values():
                report.add(where, reason)
            report.settle()
            with db.transaction():
                naming.alone(db)
                actor = directory.refresh(db, actor)
                actor.require_sender()
                if fingerprint(db, list(found.marks)) == found.marks:
                    return _write(db, actor, source, found)
            attempts -= 1
            if not attempts:
                raise stale()
        finally:
            found.spool.close()


def _judge(
    db: Database,
    source: Source,
    found: _Pass,
    excluded: dict[int, tuple[str, str]],
    progress: Callable[[int], None] | None,
) -> dict[int, tuple[str, str]]:
    """Pass one. Returns the records that contradict later applications of the store: (where, reason) by ordinal."""
    judge = _Judge(Chain(Books(db, source.name), source.word), found, excluded)
    count = 0
    for batch in chunks(source.read(), _BATCH):
        judge.batch(batch)
        count += len(batch)
        if progress:
            progress(count)
    judge.finish()
    found.marks = judge.chain.books.marks
    return {ordinal: (where, reason) for ordinal, where, reason in judge.chain.unmatched.values()}


class _Judge:
    """Judges records batch by batch. One whose previous application is unknown waits for it, should it come later."""

    def __init__(self, chain: Chain, found: _Pass, excluded: dict[int, tuple[str, str]]) -> None:
        self.chain = chain
        self.found = found
        self.excluded = excluded
        self.waiting: dict[tuple[int, int], Record] = {}

    def batch(self, records: Sequence[Record | Refused], *, wait: bool = True) -> None:
        """Judge the records, and those that waited for one of them."""
        while records:
            self.chain.books.load([record.head for record in records if not isinstance(record, Refused)])
            released: list[Record] = []
            for record in records:
                if isinstance(record, Refused):
                    self.found.report.add(record.where, record.reason)
                elif place := self._one(record, wait=wait):
                    released += filter(None, [self.waiting.pop(place, None)])
            records = released

    def finish(self) -> None:
        """Judge what has waited in vain."""
        left = sorted(self.waiting.values(), key=lambda record: record.head.application or 0)
        self.waiting.clear()
        for some in chunks(left, _BATCH):
            self.batch(some, wait=False)

    def _one(self, record: Record, *, wait: bool) -> tuple[int, int] | None:
        """Judge one record; returns commitment and application, or None where it waits or has none."""
        chain, found, head = self.chain, self.found, record.head
        if head.ordinal in self.excluded:
            found.report.add(*self.excluded[head.ordinal])
            return chain.refuse(head)
        scene = chain.scene(head)
        if isinstance(scene, tuple):
            found.report.add(record.place(scene[0], None), scene[1])
            return chain.refuse(head)
        place = (scene.commitment.id, scene.application)
        needed = (place[0], place[1] - 1)
        wait = wait and len(self.waiting) < _WAITING
        if scene.before is None and wait and needed not in self.waiting and needed not in chain.refused:
            self.waiting[needed] = record
            return None
        draft, problems = record.draft(scene)
        verdict = problems or chain.judge(scene, draft)
        if isinstance(verdict, list):
            for where, reason in verdict:
                found.report.add(where, reason)
            return chain.refuse(head)
        if verdict.action == "locked":
            found.locked.append(verdict.name)
        elif verdict.action == "same":
            found.unchanged += 1
        else:
            found.created += verdict.action == "create"
            found.updated += verdict.action == "update"
            found.spool.put(parcel(verdict))
        return place


def parcel(verdict: Verdict) -> Parcel:
    """The verdict as what pass two writes."""
    existing, c = verdict.existing, verdict.commitment
    before: dict[str, Any] = {}
    after = {name: _shown(name, verdict.content[i], c.currency) for i, name in _KEY_VALUES}
    if existing:
        before, after = _difference(existing, verdict, c.currency)
    return Parcel(
        source_id=verdict.draft.source_id,
        commitment=c.id,
        project=c.project_id,
        vendor=c.vendor_id,
        content=verdict.content,
        lines=verdict.lines,
        attachments=verdict.draft.attachments,
        origin_id=verdict.draft.origin_id,
        invoice=existing.id if existing else 0,
        version=existing.version if existing else 0,
        marked=bool(existing and existing.outcome == Outcome.REJECTED and after.keys() - {"status"}),
        before=before,
        after=after,
    )


_KEY_VALUES = [
    (CONTENT.index(name), name)
    for name in ("number", "application", "status", "period_end", "gross", "retainage", "net", "tax")
]
_AMOUNTS = frozenset({"gross", "retainage", "net", "tax", "completed", "retainage_to_date", *LINE[5:]})
# As people call the columns of a line; the others go by their own names.
_TITLES = {"work_now": "this period", "stored_now": "stored"}


def _shown(name: str, value: Any, currency: str) -> Any:
    return plain(value, currency) if name in _AMOUNTS and value is not None else value


def _difference(old: Stored, new: Verdict, currency: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values that differ, before and after; those of a line in words under "line N"."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for name, was, is_now in zip(CONTENT, old.content, new.content, strict=True):
        if was != is_now:
            before[name], after[name] = _shown(name, was, currency), _shown(name, is_now, currency)
    nothing = (None,) * len(LINE)
    for n, (was, is_now) in enumerate(zip_longest(old.lines, new.lines, fillvalue=nothing), 1):
        names = [i for i, name in enumerate(LINE) if was[i] != is_now[i]]
        for values, line in ((before, was), (after, is_now)):
            words = [f"{_TITLES.get(LINE[i], LINE[i])} {_shown(LINE[i], line[i], currency)}" for i in names]
            if words:
                values[f"line {n}"] = ", ".join(words) if line is not nothing else ""
    return before, after


def _write(db: Database, actor: Actor, source: Source, found: _Pass) -> Result:
    detail = {
        "file": source.file,
        "kind": "invoices",
        "created": found.created,
        "updated": found.updated,
        "unchanged": found.unchanged,
        "locked": len(found.locked),
        "problems": found.report.count,
    }
    came = array("q")
    audit.record(db, actor, "import", detail, write(db, source.name, found.spool.read(), db.now(), came))
    flagged = duplicates.flagged(db, came)
    others = alike.unsettled(db, flagged[:SHOWN])
    return Result(
        "invoices",
        found.created,
        found.updated,
        found.unchanged,
        tuple(found.locked),
        tuple(found.report.problems),
        tuple(
            f"{name}: {alike.named(others[number])}" for number, name in alike.names(db, list(others)).items()
        ),
        len(flagged),
    )
