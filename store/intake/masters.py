"""Masters from tables: vendors, projects, cost codes, billing periods; commitments and users have modules of their own.

Records are known by the source's id, or without one by what makes them unique for people (a number, a code).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from store import audit, directory, naming, places
from store.audit import Change
from store.db import Database
from store.domain.actor import Actor, Level
from store.domain.errors import BadInput, NotPermitted
from store.intake import kinds
from store.intake.books import marks
from store.intake.report import Report, Result
from store.intake.tabular import Row, Table
from store.intake.values import day, key, text


@dataclass(slots=True)
class Wanted:
    """A master record as the file has it. ``source_id`` is "" where the file gives none; ``natural`` is its other key.

    ``values`` are its columns in the store but for the source id; ``lines`` is a commitment's schedule of values.
    """

    row: int
    source_id: str
    natural: tuple[Any, ...]
    values: dict[str, Any]
    lines: list[tuple[Any, ...]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """What people call it, and its source id where it has no other."""
        return ":".join(str(part) for part in self.natural)


@dataclass(slots=True)
class Known:
    """A master record of the store."""

    id: int
    source_id: str
    natural: tuple[Any, ...]
    values: dict[str, Any]
    lines: list[tuple[Any, ...]] = field(default_factory=list)


@dataclass(slots=True)
class Tally:
    """What came of the records of one file."""

    report: Report
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    changes: list[Change] = field(default_factory=list)


class Cells:
    """The cells of one row, taken with their checks; the first that is wrong raises BadRow."""

    def __init__(self, row: Row) -> None:
        self.row = row

    def _take(self, column: str, read: Callable[[str], Any]) -> Any:
        try:
            return read(self.row.cells.get(column, ""))
        except BadInput as error:
            raise BadRow(column, str(error)) from None

    def key(self, column: str) -> str:
        """A text that must be there."""
        return str(self._take(column, key))

    def text(self, column: str) -> str:
        """A text that may be empty or missing."""
        return str(self._take(column, text))

    def day(self, column: str) -> str:
        """An ISO day."""
        return str(self._take(column, day))

    def read(self, column: str, read: Callable[[str], Any]) -> Any:
        """Whatever ``read`` makes of the cell; it raises BadInput."""
        return self._take(column, read)


class BadRow(Exception):
    """A row is no good, in this column."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(reason)
        self.column = column
        self.reason = reason


def import_masters(
    db: Database,
    actor: Actor,
    kind: str,
    table: Table,
    *,
    partial: bool,
    progress: Callable[[int], None] | None,
) -> Result:
    """Read, check and write the table's masters in one transaction with one audit event.

    Users need Admin on the Directory, all others that or Admin on Commitments. Raises BadFile, NotPermitted.
    """
    from store.intake import commitments, users

    readers: Mapping[str, Callable[[Database, Actor, Sequence[Row], Tally, bool], None]] = {
        kinds.VENDORS: _vendors,
        kinds.PROJECTS: _projects,
        kinds.COST_CODES: _cost_codes,
        kinds.PERIODS: _periods,
        kinds.COMMITMENTS: commitments.take,
        kinds.USERS: users.take,
    }
    _permit(directory.refresh(db, actor), kind)
    rows = list(table.rows)
    tally = Tally(Report(table.file, partial))
    with db.transaction():
        naming.alone(db)
        actor = directory.refresh(db, actor)
        _permit(actor, kind)
        readers[kind](db, actor, rows, tally, partial)
        tally.report.settle()
        detail = {
            "file": table.file,
            "kind": kind,
            "created": tally.created,
            "updated": tally.updated,
            "unchanged": tally.unchanged,
            "problems": tally.report.count,
        }
        audit.record(db, actor, "import", detail, tally.changes)
    if progress:
        progress(len(rows))
    problems = tuple(tally.report.problems)
    return Result(kind, tally.created, tally.updated, tally.unchanged, (), problems)


def _permit(actor: Actor, kind: str) -> None:
    if kind == kinds.USERS or Level.ADMIN not in {actor.directory_level, actor.commitments_level}:
        if kind == kinds.USERS:
            actor.require_directory_admin()
        raise_for = actor.directory_level is not Level.ADMIN
        if raise_for:
            raise NotPermitted(
                f"{actor.login} may not import {kind}",
                why="that needs Admin on the Directory or on Commitments",
                fix="Ask a Directory Admin",
            )


# -- what the files hold ---------------------------------------------------------------------------------------


def read_rows(rows: Sequence[Row], tally: Tally, read: Callable[[Row, Cells], Wanted]) -> list[Wanted]:
    """The records of rows that stand for themselves; what is wrong goes to the report."""
    found = []
    for row in rows:
        try:
            found.append(read(row, Cells(row)))
        except BadRow as bad:
            tally.report.add(f"row {row.number}, column {bad.column}", bad.reason)
    return found


def _vendors(db: Database, _actor: Actor, rows: Sequence[Row], tally: Tally, _partial: bool) -> None:
    def read(row: Row, cells: Cells) -> Wanted:
        values = {"name": cells.key("name"), "erp_ref": cells.text("erp_ref")}
        return Wanted(row.number, cells.text("vendor_id"), (values["name"],), values)

    known = [
        Known(x[0], x[1], (x[2],), {"name": x[2], "erp_ref": x[3]})
        for x in db.execute("SELECT id, source_id, name, erp_ref FROM vendors")
    ]
    # Two vendors may share a name; their ids then tell them apart.
    upsert(db, "vendors", "vendor", known, read_rows(rows, tally, read), tally, unique=False)
    places.refresh(db)


def _projects(db: Database, _actor: Actor, rows: Sequence[Row], tally: Tally, _partial: bool) -> None:
    def read(row: Row, cells: Cells) -> Wanted:
        number = cells.key("number")
        values = {"number": number, "name": cells.key("name"), "erp_ref": cells.text("erp_ref")}
        return Wanted(row.number, cells.text("project_id"), (number,), values)

    known = [
        Known(x[0], x[1], (x[2],), {"number": x[2], "name": x[3], "erp_ref": x[4]})
        for x in db.execute("SELECT id, source_id, number, name, erp_ref FROM projects")
    ]
    upsert(db, "projects", "project", known, read_rows(rows, tally, read), tally)


def _cost_codes(db: Database, _actor: Actor, rows: Sequence[Row], tally: Tally, _partial: bool) -> None:
    projects = project_ids(db)

    def read(row: Row, cells: Cells) -> Wanted:
        project, number = find_project(cells, projects)
        code = cells.key("code")
        values = {
            "project_id": project,
            "code": code,
            "name": cells.text("name"),
            "erp_ref": cells.text("erp_ref"),
        }
        return Wanted(row.number, cells.text("cost_code_id"), (number, code), values)

    known = [
        Known(x[0], x[1], (x[2], x[4]), {"project_id": x[3], "code": x[4], "name": x[5], "erp_ref": x[6]})
        for x in db.execute(
            "SELECT c.id, c.source_id, p.number, c.project_id, c.code, c.name, c.erp_ref"
            " FROM cost_codes c JOIN projects p ON p.id = c.project_id"
        )
    ]
    upsert(db, "cost_codes", "cost code", known, read_rows(rows, tally, read), tally)


def _periods(db: Database, _actor: Actor, rows: Sequence[Row], tally: Tally, _partial: bool) -> None:
    projects = project_ids(db)

    def read(row: Row, cells: Cells) -> Wanted:
        project, number = find_project(cells, projects)
        start, end = cells.day("start_date"), cells.day("end_date")
        if end < start:
            raise BadRow("end_date", f"{end} is before the start, {start}")
        values = {"project_id": project, "start_date": start, "end_date": end}
        return Wanted(row.number, cells.text("period_id"), (number, start), values)

    known = [
        Known(x[0], x[1], (x[2], x[4]), {"project_id": x[3], "start_date": x[4], "end_date": x[5]})
        for x in db.execute(
            "SELECT b.id, b.source_id, p.number, b.project_id, b.start_date, b.end_date"
            " FROM billing_periods b JOIN projects p ON p.id = b.project_id"
        )
    ]
    upsert(db, "billing_periods", "billing period", known, read_rows(rows, tally, read), tally)


def project_ids(db: Database) -> dict[str, tuple[int, str]]:
    """Id and number of each project, by its number and, where no number is the same, by its source id."""
    rows = db.execute("SELECT id, number, source_id FROM projects").fetchall()
    found = {row[2]: (row[0], row[1]) for row in rows}
    return found | {row[1]: (row[0], row[1]) for row in rows}


def find_project(cells: Cells, projects: Mapping[str, tuple[int, str]]) -> tuple[int, str]:
    """Id and number of the project that the row names. Raises BadRow."""
    name = cells.key("project")
    if name not in projects:
        raise BadRow("project", f"there is no project {name}: import the projects first")
    return projects[name]


# -- and what becomes of it ------------------------------------------------------------------------------------


def matched(
    known: Sequence[Known], wanted: Sequence[Wanted], subject: str, tally: Tally, *, unique: bool = True
) -> list[tuple[Wanted, Known | None]]:
    """Each record with the one of the store that it stands for; doubles and other people's keys are reported.

    ``unique``: no two records may have the same natural key.
    """
    by_id = {x.source_id: x for x in known}
    by_natural: dict[tuple[Any, ...], list[Known]] = {}
    for x in known:
        by_natural.setdefault(x.natural, []).append(x)
    seen: dict[tuple[Any, ...], int] = {}
    pairs: list[tuple[Wanted, Known | None]] = []
    for want in wanted:
        same = by_natural.get(want.natural, [])
        mine = by_id.get(want.source_id or want.name)
        if mine is None and not want.source_id and len(same) == 1:
            mine = same[0]
        ours = want.source_id or (mine.source_id if mine else want.name)
        keys: list[tuple[Any, ...]] = [("id", ours)]
        if unique:
            keys.append(("natural", *want.natural))
        if double := next((seen[k] for k in keys if k in seen), None):
            tally.report.add(f"row {want.row}", f"{subject} {want.name} stands in row {double} already")
        elif mine is None and not want.source_id and len(same) > 1:
            tally.report.add(f"row {want.row}", f"several vendors are called {want.name}: give the vendor_id")
        elif unique and (other := next((x for x in same if x is not mine), None)):
            reason = f"{subject} {want.name} is here already, with the id {other.source_id}"
            tally.report.add(f"row {want.row}", reason)
        else:
            pairs.append((want, mine))
        seen |= dict.fromkeys(keys, want.row)
    return pairs


def upsert(
    db: Database,
    table: str,
    subject: str,
    known: Sequence[Known],
    wanted: Sequence[Wanted],
    tally: Tally,
    *,
    unique: bool = True,
) -> None:
    """Insert the new records, update those that differ, count the rest."""
    pairs = matched(known, wanted, subject, tally, unique=unique)
    write(db, table, subject, pairs, tally)


def write(
    db: Database, table: str, subject: str, pairs: Sequence[tuple[Wanted, Known | None]], tally: Tally
) -> list[tuple[int, Wanted, Known | None]]:
    """Insert and update; returns (id, record, the store's) of those that are new or differ, lines included."""
    fresh = [want for want, mine in pairs if mine is None]
    changed = [(want, mine) for want, mine in pairs if mine and want.values != mine.values]
    written: list[tuple[int, Wanted, Known | None]] = []
    if fresh:
        names = ("id", "source_id", *fresh[0].values)
        ids = db.allocate(table, len(fresh))
        db.executemany(
            f"INSERT INTO {table} ({', '.join(names)}) VALUES {marks(len(names))}",
            [
                (number, want.source_id or want.name, *want.values.values())
                for number, want in zip(ids, fresh, strict=True)
            ],
        )
        written += [(number, want, None) for number, want in zip(ids, fresh, strict=True)]
    if changed:
        columns = ", ".join(f"{name} = ?" for name in changed[0][0].values)
        db.executemany(
            f"UPDATE {table} SET {columns} WHERE id = ?",
            [(*want.values.values(), mine.id) for want, mine in changed],
        )
    written += [
        (mine.id, want, mine)
        for want, mine in pairs
        if mine and (want.values != mine.values or want.lines != mine.lines)
    ]
    for number, want, mine in written:
        old = mine.values if mine else {}
        names_of = [name for name, value in want.values.items() if old.get(name, ...) != value]
        before = {name: old[name] for name in names_of if name in old}
        after = {name: want.values[name] for name in names_of}
        if mine and want.lines != mine.lines:
            before["lines"], after["lines"] = len(mine.lines), len(want.lines)
        tally.changes.append(Change(subject, number, before, after, "import"))
    tally.created += len(fresh)
    tally.updated += len(written) - len(fresh)
    tally.unchanged += len(pairs) - len(written)
    return written
