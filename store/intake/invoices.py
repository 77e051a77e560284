"""Invoices from any source into the store, in two passes: judge and spool, then write in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from store import audit, directory
from store.db import Database
from store.domain.actor import Actor
from store.intake.books import CONTENT, LINE, Books, chunks, fingerprint
from store.intake.chain import Chain, Scene, Verdict
from store.intake.draft import Draft, Head
from store.intake.report import Refused, Report, Result
from store.intake.spool import Parcel, Spool
from store.intake.write import stale, write

_BATCH = 500
# "paya" plus one: what two imports on PostgreSQL wait for each other at.
_LOCK = 0x70617962


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
                actor = directory.refresh(db, actor)
                actor.require_sender()
                if db.postgres:
                    db.execute("SELECT pg_advisory_xact_lock(?)", (_LOCK,))
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
    books = Books(db, source.name)
    chain = Chain(books, source.word)
    count = 0
    for batch in chunks(source.read(), _BATCH):
        books.load([record.head for record in batch if not isinstance(record, Refused)])
        for record in batch:
            if isinstance(record, Refused):
                found.report.add(record.where, record.reason)
            elif record.head.ordinal in excluded:
                found.report.add(*excluded[record.head.ordinal])
                chain.refuse(record.head)
            else:
                _one(chain, record, found)
        count += len(batch)
        if progress:
            progress(count)
    found.marks = books.marks
    return {ordinal: (where, reason) for ordinal, where, reason in chain.unmatched.values()}


def _one(chain: Chain, record: Record, found: _Pass) -> None:
    scene = chain.scene(record.head)
    if isinstance(scene, str):
        found.report.add(record.place("commitment", None), scene)
        chain.refuse(record.head)
        return
    draft, problems = record.draft(scene)
    verdict = problems or chain.judge(scene, draft)
    if isinstance(verdict, list):
        for where, reason in verdict:
            found.report.add(where, reason)
        chain.refuse(record.head)
    elif verdict.action == "locked":
        found.locked.append(verdict.name)
    elif verdict.action == "same":
        found.unchanged += 1
    else:
        found.created += verdict.action == "create"
        found.updated += verdict.action == "update"
        found.spool.put(parcel(verdict))


def parcel(verdict: Verdict) -> Parcel:
    """The verdict as what pass two writes."""
    existing, c = verdict.existing, verdict.commitment
    before: dict[str, Any] = {}
    after = {name: verdict.content[i] for i, name in _KEY_VALUES}
    if existing:
        before, after = _difference(existing.content, existing.lines, verdict.content, verdict.lines)
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
        before=before,
        after=after,
    )


_KEY_VALUES = [
    (CONTENT.index(name), name)
    for name in (
        "number",
        "application",
        "status",
        "period_end",
        "currency",
        "gross",
        "retainage",
        "net",
        "tax",
    )
]


def _difference(
    content: tuple[Any, ...],
    lines: list[tuple[Any, ...]],
    new: tuple[Any, ...],
    new_lines: list[tuple[Any, ...]],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values that differ, before and after; those of a line under "line N"."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for name, old, fresh in zip(CONTENT, content, new, strict=True):
        if old != fresh:
            before[name], after[name] = old, fresh
    for n in range(max(len(lines), len(new_lines))):
        old_line = dict(zip(LINE, lines[n], strict=True)) if n < len(lines) else {}
        new_line = dict(zip(LINE, new_lines[n], strict=True)) if n < len(new_lines) else {}
        if old_line != new_line:
            names = [name for name in LINE if old_line.get(name) != new_line.get(name)]
            before[f"line {n + 1}"] = {name: old_line[name] for name in names if old_line}
            after[f"line {n + 1}"] = {name: new_line[name] for name in names if new_line}
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
    audit.record(db, actor, "import", detail, write(db, source.name, found.spool.read(), db.now()))
    return Result(
        "invoices",
        found.created,
        found.updated,
        found.unchanged,
        tuple(found.locked),
        tuple(found.report.problems),
    )
