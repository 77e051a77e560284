"""What the store knows about the records of a file, looked up for some hundred records at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

from store.db import Database
from store.intake.draft import Head, Position

T = TypeVar("T")

# The columns an import decides; written and compared in this order.
CONTENT = (
    "application",
    "number",
    "period_start",
    "period_end",
    "billing_date",
    "status",
    "currency",
    "gross",
    "retainage",
    "net",
    "tax",
    "completed",
    "retainage_to_date",
    "overbilled",
    "final",
    "creator_login",
    "creator_name",
    "creator_email",
)
LINE = (
    "position",
    "item",
    "item_type",
    "cost_code",
    "description",
    "scheduled",
    "work_before",
    "work_now",
    "stored_now",
    "stored_before",
    "moved",
    "total_before",
    "held",
    "released",
    "retainage_before",
)


@dataclass(frozen=True, slots=True)
class Commitment:
    """A commitment as far as its invoices need it."""

    id: int
    source_id: str
    project_id: int
    vendor_id: int
    project: str
    number: str
    currency: str
    opening_application: int


@dataclass(slots=True)
class Stored:
    """An invoice of the store: its identity, state, CONTENT and lines (in LINE's order)."""

    id: int
    source: str
    source_id: str
    commitment_id: int
    version: int
    erp_status: str
    outcome: str | None
    content: tuple[Any, ...]
    lines: list[tuple[Any, ...]] = field(default_factory=list)

    @property
    def application(self) -> int:
        """The number of the application on its commitment."""
        return int(self.content[0])

    @property
    def number(self) -> str:
        """The invoice number."""
        return str(self.content[1])


def ends(rows: Iterable[tuple[Any, ...]]) -> dict[str, Position]:
    """Where each line stands after an application, by item; ``rows`` in LINE's order."""
    return {x[1]: Position(x[6] + x[7] + x[8], (x[14] or 0) + x[12] - x[13], x[8]) for x in rows}


def starts(rows: Iterable[tuple[Any, ...]]) -> dict[str, tuple[int, int]]:
    """From which completed total and retainage each line starts, by item; ``rows`` in LINE's order."""
    return {x[1]: (x[11] or 0, x[14] or 0) for x in rows}


@dataclass(frozen=True, slots=True)
class ScheduleLine:
    """A line of a commitment's schedule of values, with its opening balance."""

    item: str
    item_type: str
    cost_code: str
    description: str
    scheduled: int
    opening: Position


@dataclass(frozen=True, slots=True)
class ProjectFacts:
    """A project's cost codes by their source id and alone, and its billing periods by source id: (start, end)."""

    codes: dict[str, str]
    names: frozenset[str]
    periods: dict[str, tuple[str, str]]


def chunks(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    """The rows in lists of at most ``size``."""
    source = iter(rows)
    while batch := list(islice(source, size)):
        yield batch


def marks(count: int, width: int = 1) -> str:
    """Placeholders for ``count`` keys of ``width`` values: what stands after IN."""
    if width == 1:
        return f"({', '.join('?' * count)})"
    one = f"({', '.join('?' * width)})"
    return f"(VALUES {', '.join([one] * count)})"


_COMMITMENT = (
    "SELECT c.id, c.source_id, c.project_id, c.vendor_id, p.number, c.number, c.currency, c.opening_application"
    " FROM commitments c JOIN projects p ON p.id = c.project_id"
)
_STORED = (
    "SELECT id, source, source_id, commitment_id, version, erp_status, outcome,"
    f" {', '.join(CONTENT)} FROM invoices"
)


def _stored(row: Sequence[Any]) -> Stored:
    return Stored(row[0], row[1], row[2], row[3], row[4], row[5], row[6], tuple(row[7:]))


class Books:
    """Looks up commitments, existing invoices and their neighbours for one source of invoices.

    load() asks for a batch; what it found is there until the next load(). Commitments stay, with the mark that
    tells later whether somebody changed their invoices meanwhile.
    """

    def __init__(self, db: Database, source: str) -> None:
        self.db = db
        self.source = source
        self.commitments: dict[str | tuple[str, str], Commitment] = {}
        self.marks: dict[int, tuple[int, int]] = {}
        self.existing: dict[str, Stored] = {}
        self.at: dict[tuple[int, int], Stored] = {}
        self.numbers: dict[tuple[int, str], tuple[str, str]] = {}
        self.highest: dict[int, int] = {}
        self._schedules: dict[int, list[ScheduleLine]] = {}
        self._projects: dict[int, ProjectFacts] = {}

    def load(self, heads: Sequence[Head]) -> None:
        """Look up everything that deciding about these records needs."""
        self._load_commitments({head.commitment for head in heads})
        found = [(head, c) for head in heads if (c := self.commitments.get(head.commitment))]
        ids = {c.id for _, c in found}
        self._load_schedules(ids)
        self.highest = self._highest(ids)
        places = set()
        for head, commitment in found:
            n = head.application or self.highest.get(commitment.id, 0)
            places |= {(commitment.id, n - 1), (commitment.id, n), (commitment.id, n + 1)}
        stored: dict[int, Stored] = {}
        self._load_stored(stored, "(source, source_id)", [(self.source, head.source_id) for head in heads])
        self.existing = {x.source_id: x for x in stored.values()}
        # An event's application stands in the store, if anywhere: its neighbour is wanted too.
        places |= {
            (x.commitment_id, x.application - 1)
            for head in heads
            if head.application is None and (x := self.existing.get(head.source_id))
        }
        self._load_stored(stored, "(commitment_id, application)", sorted(places))
        self._load_lines(stored)
        self.at = {(x.commitment_id, x.application): x for x in stored.values()}
        self.numbers = {}
        keys = sorted({(c.id, head.number) for head, c in found})
        for some in chunks(keys, 500):
            for row in self.db.execute(
                "SELECT commitment_id, number, source, source_id FROM invoices"
                f" WHERE (commitment_id, number) IN {marks(len(some), 2)}",
                [value for pair in some for value in pair],
            ):
                self.numbers[(row[0], row[1])] = (row[2], row[3])

    def _load_commitments(self, keys: set[str | tuple[str, str]]) -> None:
        fresh = [key for key in keys if key not in self.commitments]
        by_id = sorted(key for key in fresh if isinstance(key, str))
        by_number = sorted(key for key in fresh if isinstance(key, tuple))
        found: list[Commitment] = []
        for some in chunks(by_id, 500):
            for row in self.db.execute(f"{_COMMITMENT} WHERE c.source_id IN {marks(len(some))}", some):
                found.append(Commitment(*row))
                self.commitments[row[1]] = found[-1]
        for pairs in chunks(by_number, 500):
            for row in self.db.execute(
                f"{_COMMITMENT} WHERE (p.number, c.number) IN {marks(len(pairs), 2)}",
                [value for pair in pairs for value in pair],
            ):
                found.append(Commitment(*row))
                self.commitments[(row[4], row[5])] = found[-1]
        self.marks.update(fingerprint(self.db, [c.id for c in found if c.id not in self.marks]))

    def _highest(self, ids: set[int]) -> dict[int, int]:
        found = {}
        for some in chunks(sorted(ids), 500):
            for row in self.db.execute(
                "SELECT commitment_id, max(application) FROM invoices"
                f" WHERE commitment_id IN {marks(len(some))} GROUP BY commitment_id",
                some,
            ):
                found[row[0]] = row[1]
        return found

    def _load_stored(self, into: dict[int, Stored], columns: str, keys: Sequence[tuple[Any, Any]]) -> None:
        for some in chunks(keys, 500):
            for row in self.db.execute(
                f"{_STORED} WHERE {columns} IN {marks(len(some), 2)}",
                [value for pair in some for value in pair],
            ):
                if row[0] not in into:
                    into[row[0]] = _stored(row)

    def beyond(self, commitment: int, application: int, *, later: bool) -> Stored | None:
        """The nearest invoice of the commitment before the application, or after it, however far away."""
        side, order = (">", "ASC") if later else ("<", "DESC")
        row = self.db.execute(
            f"{_STORED} WHERE commitment_id = ? AND application {side} ? ORDER BY application {order} LIMIT 1",
            (commitment, application),
        ).fetchone()
        if row is None:
            return None
        found = {row[0]: _stored(row)}
        self._load_lines(found)
        return found[row[0]]

    def _load_lines(self, stored: dict[int, Stored]) -> None:
        for some in chunks(stored, 500):
            for row in self.db.execute(
                f"SELECT invoice_id, {', '.join(LINE)} FROM invoice_lines"
                f" WHERE invoice_id IN {marks(len(some))} ORDER BY invoice_id, position",
                some,
            ):
                stored[row[0]].lines.append(tuple(row[1:]))

    def schedule(self, commitment: Commitment) -> list[ScheduleLine]:
        """The commitment's schedule of values in its order; of those in the batch that is loaded."""
        return self._schedules.get(commitment.id, [])

    def _load_schedules(self, ids: set[int]) -> None:
        self._schedules = {}
        for some in chunks(sorted(ids), 500):
            for row in self.db.execute(
                "SELECT commitment_id, item, item_type, cost_code, description, scheduled, opening_work,"
                " opening_stored, opening_retainage FROM commitment_lines"
                f" WHERE commitment_id IN {marks(len(some))} ORDER BY commitment_id, position",
                some,
            ):
                opening = Position(row[6] + row[7], row[8], row[7])
                line = ScheduleLine(row[1], row[2], row[3], row[4], row[5], opening)
                self._schedules.setdefault(row[0], []).append(line)

    def project(self, project_id: int) -> ProjectFacts:
        """The project's cost codes and billing periods."""
        known = self._projects.get(project_id)
        if known is None:
            codes = self.db.execute(
                "SELECT source_id, code FROM cost_codes WHERE project_id = ?", (project_id,)
            )
            periods = self.db.execute(
                "SELECT source_id, start_date, end_date FROM billing_periods WHERE project_id = ?"
                " ORDER BY start_date",
                (project_id,),
            )
            by_id = {row[0]: row[1] for row in codes}
            known = self._projects[project_id] = ProjectFacts(
                by_id, frozenset(by_id.values()), {row[0]: (row[1], row[2]) for row in periods}
            )
        return known


def fingerprint(db: Database, ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Per commitment how many invoices it has and the sum of their versions: any change of one changes it."""
    found = dict.fromkeys(ids, (0, 0))
    for some in chunks(ids, 500):
        for row in db.execute(
            "SELECT commitment_id, count(*), sum(version) FROM invoices"
            f" WHERE commitment_id IN {marks(len(some))} GROUP BY commitment_id",
            some,
        ):
            found[row[0]] = (row[1], int(row[2]))
    return found
