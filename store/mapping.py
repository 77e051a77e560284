"""What our codes are called in the ERP, as an accounting approver says it: for all jobs, or for one of them.

Everything here is about the company's own ERP; what another one called them stays until it is the company's again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from store import audit, directory
from store.called import EVERYWHERE, ONLY
from store.db import Database
from store.domain.actor import Actor
from store.domain.errors import BadInput, Changed, NothingMatched, PayappError
from store.domain.knowing import Kind
from store.domain.text import safe, storable

# No ERP of which a profile is known has longer codes or names.
TARGET_MOST = 100
_DOING = "change mappings"


class Want(NamedTuple):
    """What a code is to be called; ``job`` is a project's number, "" all jobs. ``row`` is that of a file, from 1.

    ``target`` "" takes the mapping away. ``was``: refuse where it is another one by now; None: whatever it is.
    """

    kind: Kind
    code: str
    target: str
    job: str = ""
    row: int = 0
    was: str | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """How many mappings were made, changed and removed, and how many were as they should be."""

    made: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0


class Fault(NamedTuple):
    """What is wrong with a row of a file: the row, its column and why. ``why`` is safe()."""

    row: int
    column: str
    why: str


class BadRows(BadInput):
    """A file of mappings has rows that cannot be used; nothing was changed."""

    def __init__(self, name: str, faults: Sequence[Fault], *, shown: int = 20) -> None:
        told = [f"row {fault.row}, column {fault.column}: {fault.why}" for fault in faults[:shown]]
        more = f"\n  and {len(faults) - shown:,} more" if len(faults) > shown else ""
        super().__init__(
            f"{safe(name)} has {len(faults):,} {'row' if len(faults) == 1 else 'rows'} that cannot be used",
            why="nothing was changed\n  " + "\n  ".join(told) + more,
        )
        self.faults = tuple(faults)


class _BadColumn(Exception):
    """Which of the values is no good, as a file's column names it, and why."""

    def __init__(self, column: str, why: str, fix: str = "") -> None:
        super().__init__(why)
        self.column, self.why, self.fix = column, why, fix


class _Place(NamedTuple):
    """What a mapping is of: the code as the store has it, and the project's id or EVERYWHERE."""

    kind: Kind
    code: str
    project: int
    job: str


def put(db: Database, actor: Actor, want: Want) -> Done:
    """Say what a code is called, or with target "" that it is called nothing of its own any more. Audited.

    Raises NotPermitted for who is no approver, BadInput for a code, job or target that cannot be, Changed where it is
    called something else by now than ``want.was``, NothingMatched where there is nothing to take away.
    """
    actor.require_approver(_DOING)
    try:
        place = _Codes(db).place(want)
        target = _target(want.target)
    except _BadColumn as bad:
        raise BadInput(f"That {bad.column} cannot be used", why=bad.why, fix=bad.fix) from None
    done = _write(db, actor, [(place, target, want.was)], {})
    if not target and not done.removed:
        raise NothingMatched(
            f"{_told(place)} has no mapping", fix="payapp erp map --list shows those there are"
        )
    return done


def put_all(
    db: Database, actor: Actor, name: str, wants: Iterable[Want], faults: Iterable[Fault] = ()
) -> Done:
    """As put(), for the rows of the file ``name``: all of them or, with every fault named, none.

    ``faults`` are those that are known already. Raises BadRows, and NotPermitted as put() does; a row without a target is a fault.
    """
    actor.require_approver(_DOING)
    codes, faults = _Codes(db), list(faults)
    going: list[tuple[_Place, str, str | None]] = []
    rows: dict[_Place, int] = {}
    for want in wants:
        try:
            place = codes.place(want)
            target = _target(want.target)
            if not target:
                raise _BadColumn("target", "it is empty")
            if place in rows:
                raise _BadColumn("code", f"it stands in row {rows[place]} already")
        except _BadColumn as bad:
            faults.append(Fault(want.row, bad.column, bad.why))
            continue
        rows[place] = want.row
        going.append((place, target, want.was))
    if faults:
        raise BadRows(name, sorted(faults))
    if not going:
        raise NothingMatched(f"{safe(name)} has no rows", fix="Its columns are kind, code, target and job")
    return _write(db, actor, going, {"file": name})


def _target(text: str) -> str:
    """The target as it is kept. Raises _BadColumn."""
    target = text.strip()
    if not storable(target) or safe(target) != target:
        why = (
            f"{safe(target)[:TARGET_MOST]} holds a character that cannot be seen, or that no database stores"
        )
        raise _BadColumn("target", why)
    if len(target) > TARGET_MOST:
        raise _BadColumn("target", f"it may have {TARGET_MOST} characters, and has {len(target)}")
    return target


def _told(place: _Place) -> str:
    """How a sentence calls it."""
    code = "" if place.kind in {Kind.TAX, Kind.TERMS} else f" {safe(place.code) or '(none)'}"
    return f"{place.kind.value.capitalize()}{code}" + (f" of job {safe(place.job)}" if place.job else "")


# -- which code is meant ---------------------------------------------------------------------------------------


# Where a project names a cost code.
_LINES = {"commitment_lines": "commitments", "invoice_lines": "invoices"}
_OF_A_PROJECT = (
    "SELECT 1 FROM cost_codes WHERE project_id = ? AND code = ?",
    *(
        f"SELECT 1 FROM {owners} o JOIN {lines} l ON l.{owners[:-1]}_id = o.id"
        " WHERE o.project_id = ? AND l.cost_code = ? LIMIT 1"
        for lines, owners in _LINES.items()
    ),
)


class _Codes:
    """Finds what a person calls a code; what it reads of the masters it reads once."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def place(self, want: Want) -> _Place:
        """What the mapping is of. Raises _BadColumn."""
        for column, text in (("code", want.code), ("job", want.job)):
            if not storable(text):
                raise _BadColumn(column, "it holds a character that no database stores")
        code, job = want.code.strip(), want.job.strip()
        project = self._project(job, "job") if job else EVERYWHERE
        if not want.target.strip() and (want.kind.value, code, project) in self._mapped:
            # It goes, even where a master has another code by now.
            return _Place(want.kind, code, project, self._numbers[project] if project else "")
        match want.kind:
            case Kind.VENDOR:
                code = self._vendor(code)
            case Kind.JOB:
                if job:
                    raise _BadColumn("job", "a job itself is called the same everywhere")
                code = self._numbers[self._project(code, "code")]
            case Kind.COMMITMENT:
                project = self._commitment(code, project)
            case Kind.ACCOUNT:
                self._cost_code(code, project)
            case Kind.TAX | Kind.TERMS:
                if code not in {"", ONLY}:
                    raise _BadColumn("code", f"an invoice names no {want.kind.value} of its own: use {ONLY}")
                code = ONLY
        return _Place(want.kind, code, project, self._numbers[project] if project else "")

    @cached_property
    def _mapped(self) -> set[tuple[str, str, int]]:
        rows = self._db.execute("SELECT kind, code, coalesce(project_id, 0) FROM mappings").fetchall()
        return {(kind, code, int(project)) for kind, code, project in rows}

    @cached_property
    def _projects(self) -> dict[str, int]:
        rows = self._db.execute("SELECT id, number, source_id FROM projects").fetchall()
        return {source: number for number, _, source in rows} | {name: number for number, name, _ in rows}

    @cached_property
    def _numbers(self) -> dict[int, str]:
        rows = self._db.execute("SELECT id, number FROM projects").fetchall()
        return {int(number): str(name) for number, name in rows}

    @cached_property
    def _vendors(self) -> tuple[set[str], dict[str, set[str]]]:
        """The ids of all vendors, and those that have a name or ERP id."""
        ids: set[str] = set()
        named: dict[str, set[str]] = {}
        rows = self._db.execute("SELECT source_id, name, erp_ref FROM vendors").fetchall()
        for source, name, ref in rows:
            ids.add(source)
            for text in {name, ref} - {""}:
                named.setdefault(text, set()).add(source)
        return ids, named

    @cached_property
    def _accounts(self) -> set[str]:
        rows = self._db.execute(
            "SELECT DISTINCT code FROM cost_codes UNION SELECT DISTINCT cost_code FROM commitment_lines"
        ).fetchall()
        return {code for (code,) in rows}

    @cached_property
    def _commitments(self) -> dict[str, list[int]]:
        """The projects that have a commitment of that number."""
        found: dict[str, list[int]] = {}
        for number, project in self._db.execute("SELECT number, project_id FROM commitments").fetchall():
            found.setdefault(number, []).append(int(project))
        return found

    def _project(self, job: str, column: str) -> int:
        if job not in self._projects:
            raise _BadColumn(column, f"there is no job {safe(job) or '(none)'}", "Give a job's number")
        return self._projects[job]

    def _vendor(self, code: str) -> str:
        ids, named = self._vendors
        if code in ids:
            return code
        found = named.get(code, set())
        if len(found) > 1:
            why = f"{len(found)} vendors are called {safe(code)}: {', '.join(map(safe, sorted(found)[:5]))}"
            raise _BadColumn("code", why, "Give the vendor's id")
        if not found:
            raise _BadColumn(
                "code", f"there is no vendor {safe(code) or '(none)'}", "Give a vendor's id or name"
            )
        return next(iter(found))

    def _commitment(self, code: str, project: int) -> int:
        """The project of the commitment of that number."""
        jobs = self._commitments.get(code, [])
        if project in jobs:
            return project
        if project != EVERYWHERE or not jobs:
            where = f" in job {safe(self._numbers[project])}" if project != EVERYWHERE else ""
            raise _BadColumn("code", f"there is no commitment {safe(code) or '(none)'}{where}")
        if len(jobs) > 1:
            raise _BadColumn(
                "job", f"{len(jobs)} jobs have a commitment {safe(code)}", "Name the job (--job NUMBER)"
            )
        return jobs[0]

    def _cost_code(self, code: str, project: int) -> None:
        """Refuse what no invoice can name."""
        if project == EVERYWHERE and code in self._accounts:
            return
        # A project without cost codes lets its invoices name any.
        asked: list[tuple[str, tuple[object, ...]]] = [
            ("SELECT 1 FROM invoice_lines WHERE cost_code = ? LIMIT 1", (code,))
        ]
        if project != EVERYWHERE:
            asked = [(sql, (project, code)) for sql in _OF_A_PROJECT]
        if not any(self._db.execute(sql, parameters).fetchone() for sql, parameters in asked):
            where = f" in job {safe(self._numbers[project])}" if project != EVERYWHERE else ""
            why = f"there is no cost code {safe(code) or '(none)'}{where}"
            raise _BadColumn("code", why, "payapp erp map --list shows those there are")


# -- writing ---------------------------------------------------------------------------------------------------


def _write(
    db: Database,
    actor: Actor,
    wants: Sequence[tuple[_Place, str, str | None]],
    detail: dict[str, str],
) -> Done:
    with db.transaction():
        if db.postgres:
            # Readers go on; of two who write the same code the second sees what the first has written.
            db.execute("LOCK TABLE mappings IN SHARE ROW EXCLUSIVE MODE")
        actor = directory.refresh(db, actor)
        actor.require_approver(_DOING)
        erp = directory.company(db).erp
        there = {
            (kind, code, project): (int(number), str(target))
            for number, kind, code, project, target in db.execute(
                "SELECT id, kind, code, coalesce(project_id, 0), target FROM mappings WHERE erp = ?", (erp,)
            ).fetchall()
        }
        writer = _Writer(db, actor, erp)
        for place, target, was in wants:
            number, before = there.get((place.kind.value, place.code, place.project), (0, ""))
            if was is not None and was != before:
                raise _changed(place, before)
            writer.write(place, number, before, target)
        writer.finish(detail)
    return writer.done


def _changed(place: _Place, now: str) -> PayappError:
    called = f"it is {safe(now)} by now" if now else "it has none by now"
    return Changed(
        f"The mapping of {_told(place)} was changed by somebody else", why=called, fix="Look at it again"
    )


class _Writer:
    """Writes mappings in the transaction under way, and what the audit trail keeps of them."""

    def __init__(self, db: Database, actor: Actor, erp: str) -> None:
        self._db, self._actor, self._erp = db, actor, erp
        self._now = db.now()
        self._changes: list[audit.Change] = []
        self._made = self._changed = self._removed = self._unchanged = 0

    @property
    def done(self) -> Done:
        """What was done so far."""
        return Done(self._made, self._changed, self._removed, self._unchanged)

    def write(self, place: _Place, number: int, before: str, target: str) -> None:
        """The code is called that; ``number`` is its mapping's, 0 where it has none."""
        if before == target:
            self._unchanged += 1
            return
        who = (self._actor.id, self._now)
        if not number:
            project = None if place.project == EVERYWHERE else place.project
            number = self._db.execute(
                "INSERT INTO mappings (erp, kind, project_id, code, target, set_by, set_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
                (self._erp, place.kind.value, project, place.code, target, *who),
            ).fetchone()[0]
            self._made += 1
        elif target:
            self._db.execute(
                "UPDATE mappings SET target = ?, set_by = ?, set_at = ? WHERE id = ?", (target, *who, number)
            )
            self._changed += 1
        else:
            self._db.execute("DELETE FROM mappings WHERE id = ?", (number,))
            self._removed += 1
        named = {"kind": place.kind.value, "code": place.code, "job": place.job}
        values = [{**named, "target": text} if text else {} for text in (before, target)]
        self._changes.append(audit.Change("mapping", int(number), values[0], values[1]))

    def finish(self, detail: dict[str, str]) -> None:
        """The event of the audit trail, where anything changed."""
        if not self._changes:
            return
        counts = {"made": self._made, "changed": self._changed, "removed": self._removed}
        audit.record(self._db, self._actor, "map", {"erp": self._erp, **counts, **detail}, self._changes)
