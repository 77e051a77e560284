"""Every code of ours with what the ERP calls it, where that comes from, and whether the ERP said it has that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from store import directory, known
from store.called import ONLY
from store.db import Database
from store.domain.actor import Actor
from store.domain.knowing import Kind
from store.domain.status import ErpStatus
from store.domain.text import fold


class Origin(StrEnum):
    """Where the ERP's name of a code comes from."""

    MAPPING = "mapping"
    MASTER = "master"
    SAME = "same"
    DEFAULT = "default"
    NONE = "none"


class Row(NamedTuple):
    """One code of ours: ``job`` is a project's number, "" all jobs; ``target`` what the ERP calls it.

    ``known``: whether the ERP said it has it, None where it was not asked; ``asked_at`` when, in ms UTC, 0 never.
    ``needed``: an invoice in Ready to Export or Failed to Export names it; None where nobody looked.
    """

    kind: Kind
    code: str
    name: str
    job: str
    target: str
    origin: Origin
    known: bool | None = None
    asked_at: int = 0
    needed: bool | None = None

    @property
    def unmapped(self) -> bool:
        """Whether neither a mapping nor a master says what the ERP calls it, and there is no default for it."""
        return self.origin in {Origin.SAME, Origin.NONE}

    @property
    def wanting(self) -> bool:
        """Whether somebody has to look: it has no name in the ERP, or the ERP said it has not got that."""
        return self.origin is Origin.NONE or self.known is False


_KINDS = {kind: place for place, kind in enumerate(Kind)}


def rows(db: Database, actor: Actor, *, needed: bool = False) -> list[Row]:
    """All codes, those that somebody has to look at first; for who may see ERP Integrations.

    A cost code stands there once for all jobs, and once more for each job that has another name for it. ``needed``:
    look which of them the invoices in Ready to Export and Failed to Export name; at a million that takes seconds.
    """
    actor = directory.refresh(db, actor)
    actor.require_reader()
    erp = directory.company(db).erp
    listing = _Listing(db, erp)
    found = [*listing.rows()]
    found += listing.orphans({(row.kind.value, row.code, row.job) for row in found})
    told = {
        kind: known.of(
            db, erp, kind, sorted({row.target for row in found if row.kind is kind and row.target})
        )
        for kind in Kind
    }
    made = []
    wanted = _Needed(db, found) if needed else None
    for row in found:
        fact = told[row.kind].get(row.target)
        made.append(row._replace(
            known=fact.known if fact else None, asked_at=fact.asked_at if fact else 0,
            needed=None if wanted is None else wanted.has(row),
        ))  # fmt: skip
    return sorted(made, key=lambda row: (not row.wanting, _KINDS[row.kind], row.code, row.job))


class Searchable:
    """The rows with their words folded once: narrowing very many of them as somebody types costs milliseconds."""

    def __init__(self, found: Sequence[Row]) -> None:
        self.rows = found
        self._words = [_haystack(row) for row in found]

    def matching(self, text: str, *, wanting: bool = False) -> list[Row]:
        """Those whose kind, code, name, job or name in the ERP have all of these words in them, case aside.

        ``wanting``: only those that somebody has to look at, or that no mapping and no master names.
        """
        words = fold(text).split()
        return [
            row
            for row, own in zip(self.rows, self._words, strict=True)
            if all(word in own for word in words) and (not wanting or row.wanting or row.unmapped)
        ]


def stamp(db: Database) -> tuple[int, ...]:
    """Another one when a mapping, or what the ERP said of a code, has changed since; cheap enough for every commit."""
    mapped = db.execute(
        "SELECT count(*), coalesce(max(set_at), 0), coalesce(max(id), 0) FROM mappings"
    ).fetchone()
    said = db.execute("SELECT count(*), coalesce(max(asked_at), 0) FROM erp_facts").fetchone()
    return (*map(int, mapped), *map(int, said))


def searchable(db: Database, actor: Actor) -> Searchable:
    """As rows(), to be narrowed."""
    return Searchable(rows(db, actor))


def _haystack(row: Row) -> str:
    job = row.job or "all jobs"
    said = "" if row.known is None else "known" if row.known else "gone"
    return fold(f"{row.kind} {row.code} {row.name} {job} {row.target} {row.origin} {said}")


class _Listing:
    """Reads masters and mappings once, and makes the rows of each kind."""

    def __init__(self, db: Database, erp: str) -> None:
        self._db = db
        self._targets: dict[tuple[str, str, int], str] = {
            (kind, code, int(project)): target
            for kind, code, project, target in db.execute(
                "SELECT kind, code, coalesce(project_id, 0), target FROM mappings WHERE erp = ?", (erp,)
            ).fetchall()
        }
        self._jobs: dict[int, tuple[str, str, str]] = {
            int(number): (name, title, ref)
            for number, name, title, ref in db.execute(
                "SELECT id, number, name, erp_ref FROM projects"
            ).fetchall()
        }

    def rows(self) -> Iterator[Row]:
        """All of them."""
        yield from self._vendors()
        yield from self._projects()
        yield from self._commitments()
        yield from self._accounts()
        for kind in (Kind.TAX, Kind.TERMS):
            yield self._row(kind, ONLY, "", 0, "", Origin.DEFAULT)
            yield from self._of_jobs(kind, {ONLY: ""})

    def _row(self, kind: Kind, code: str, name: str, project: int, ref: str, otherwise: Origin) -> Row:
        job = self._jobs[project][0] if project in self._jobs else ""
        if (target := self._targets.get((kind.value, code, project))) is not None:
            return Row(kind, code, name, job, target, Origin.MAPPING)
        if ref:
            return Row(kind, code, name, job, ref, Origin.MASTER)
        return Row(kind, code, name, job, code if otherwise is Origin.SAME else "", otherwise)

    def orphans(self, there: set[tuple[str, str, str]]) -> Iterator[Row]:
        """Mappings of codes that no master has by now."""
        for (kind, code, project), target in self._targets.items():
            job = self._jobs[project][0] if project in self._jobs else ""
            if kind in _KINDS and (kind, code, job) not in there:
                yield Row(Kind(kind), code, "", job, target, Origin.MAPPING)

    def _of_jobs(self, kind: Kind, names: dict[str, str]) -> Iterator[Row]:
        """The mappings of single jobs."""
        for (of, code, project), target in self._targets.items():
            if of == kind.value and project and code in names and project in self._jobs:
                yield Row(kind, code, names[code], self._jobs[project][0], target, Origin.MAPPING)

    def _vendors(self) -> Iterator[Row]:
        found = self._db.execute("SELECT source_id, name, erp_ref FROM vendors").fetchall()
        for code, name, ref in found:
            yield self._row(Kind.VENDOR, code, name, 0, ref, Origin.NONE)
        yield from self._of_jobs(Kind.VENDOR, {code: name for code, name, _ in found})

    def _projects(self) -> Iterator[Row]:
        for number, title, ref in self._jobs.values():
            yield self._row(Kind.JOB, number, title, 0, ref, Origin.SAME)

    def _commitments(self) -> Iterator[Row]:
        found = self._db.execute("SELECT number, title, project_id, erp_ref FROM commitments").fetchall()
        for number, title, project, ref in found:
            yield self._row(Kind.COMMITMENT, number, title, int(project), ref, Origin.SAME)

    def _accounts(self) -> Iterator[Row]:
        found = self._db.execute("SELECT code, name, project_id, erp_ref FROM cost_codes").fetchall()
        names: dict[str, str] = {}
        refs: dict[str, set[str]] = {}
        for code, name, _, ref in found:
            names[code] = names.get(code) or name
            refs.setdefault(code, set()).add(ref)
        for (code,) in self._db.execute("SELECT DISTINCT cost_code FROM commitment_lines").fetchall():
            names.setdefault(code, "")
        for kind, code, _ in self._targets:
            if kind == Kind.ACCOUNT:
                names.setdefault(code, "")
        # What every job calls the same is said once.
        everywhere = {code: next(iter(own)) for code, own in refs.items() if len(own) == 1}
        for code, name in names.items():
            if (
                len(refs.get(code, ())) > 1
                and "" not in refs[code]
                and (Kind.ACCOUNT, code, 0) not in self._targets
            ):
                # Every job has a name of its own for it.
                continue
            yield self._row(Kind.ACCOUNT, code, name, 0, everywhere.get(code, ""), Origin.SAME)
        yield from self._of_jobs(Kind.ACCOUNT, names)
        for code, name, project, ref in found:
            own = (Kind.ACCOUNT.value, code, int(project)) in self._targets
            above = (Kind.ACCOUNT.value, code, 0) in self._targets
            if ref and not own and not above and code not in everywhere:
                yield Row(Kind.ACCOUNT, code, name, self._jobs[int(project)][0], ref, Origin.MASTER)


class _Needed:
    """What the invoices in Ready to Export and Failed to Export name."""

    def __init__(self, db: Database, found: Iterable[Row]) -> None:
        open_ = f"i.erp_status IN ('{ErpStatus.READY.value}', '{ErpStatus.FAILED.value}')"
        self._named: set[tuple[Kind, str, str]] = set()
        rows = db.execute(
            "SELECT v.source_id, p.number, c.number FROM commitments c JOIN vendors v ON v.id = c.vendor_id"
            " JOIN projects p ON p.id = c.project_id"
            f" WHERE EXISTS (SELECT 1 FROM invoices i WHERE i.commitment_id = c.id AND {open_})"
        ).fetchall()
        for vendor, job, commitment in rows:
            self._named |= {(Kind.VENDOR, vendor, ""), (Kind.VENDOR, vendor, job), (Kind.JOB, job, "")}
            self._named.add((Kind.COMMITMENT, commitment, job))
        own = {(row.code, row.job) for row in found if row.kind is Kind.ACCOUNT and row.job}
        codes = db.execute(
            "SELECT DISTINCT l.cost_code, p.number FROM invoices i JOIN invoice_lines l ON l.invoice_id = i.id"
            f" JOIN projects p ON p.id = i.project_id WHERE {open_}"
        ).fetchall()
        for code, job in codes:
            # What a job has a name of its own for is not taken from that of all jobs.
            self._named.add((Kind.ACCOUNT, code, job if (code, job) in own else ""))

    def has(self, row: Row) -> bool:
        """Whether one of them names this code, where it is the row's name that counts."""
        return (row.kind, row.code, row.job) in self._named
