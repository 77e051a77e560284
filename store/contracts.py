"""Reading the Commitments tool: projects and their commitments, each with what is billed, retained and paid of it.

Amounts are minor units of the commitment's currency, and never added across currencies.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from store import directory
from store.db import Database
from store.domain.actor import Actor
from store.domain.errors import NothingMatched
from store.domain.invoice import CONTRACT_ITEM
from store.domain.status import ErpStatus


@dataclass(frozen=True, slots=True)
class Contract:
    """One commitment as its newest application here leaves it; without one as the opening balance does.

    ``original`` and ``changes`` are G702 lines 1 and 2, ``billed`` line 4 (completed and stored to date), ``retainage``
    line 5 (what is retained to date). ``issued`` is what the ERP paid of its invoices; None: it has told of nothing.
    ``application``, ``invoice``, ``erp_status`` and ``outcome`` are those of the newest application, if there is one.
    ``overbilled``: a line of it exceeds its scheduled value, or all of it the revised sum.
    """

    id: int
    project_id: int
    job: str
    project: str
    number: str
    title: str
    vendor: str
    kind: str
    currency: str
    retainage_bp: int
    original: int
    changes: int
    billed: int
    retainage: int
    issued: int | None
    application: int
    invoice: str
    erp_status: ErpStatus | None
    outcome: str
    overbilled: bool

    @property
    def revised(self) -> int:
        """The contract sum to date: original and change orders."""
        return self.original + self.changes

    @property
    def balance(self) -> int:
        """What is left to bill."""
        return self.revised - self.billed


@dataclass(frozen=True, slots=True)
class ProjectSums:
    """All commitments of a project in one currency, added up."""

    job: str
    project: str
    currency: str
    commitments: int
    original: int
    changes: int
    billed: int
    retainage: int
    issued: int | None
    overbilled: int

    @property
    def revised(self) -> int:
        """The contract sums to date."""
        return self.original + self.changes

    @property
    def balance(self) -> int:
        """What is left to bill."""
        return self.revised - self.billed


# The newest application of each commitment.
_NEWEST = (
    " LEFT JOIN invoices i ON i.id ="
    " (SELECT x.id FROM invoices x WHERE x.commitment_id = c.id ORDER BY x.application DESC LIMIT 1)"
)


def contracts(db: Database, me: Actor, job: str = "") -> list[Contract]:
    """All commitments, or those of one job, by job and number. Raises NotPermitted for who may not see Commitments."""
    directory.refresh(db, me).require_project_reader()
    narrowed, values = (" WHERE p.number = ?", (job,)) if job else ("", ())
    scheduled = _sums(
        db.execute(
            "SELECT l.commitment_id, l.item_type, sum(l.scheduled), sum(l.opening_work + l.opening_stored),"
            " sum(l.opening_retainage) FROM commitment_lines l JOIN commitments c ON c.id = l.commitment_id"
            f" JOIN projects p ON p.id = c.project_id{narrowed} GROUP BY l.commitment_id, l.item_type",
            values,
        ).fetchall()
    )
    # What stands on the newest application alone: change orders that came with it, or all where there is no schedule.
    beside = _sums(
        db.execute(
            "SELECT c.id, l.item_type, sum(l.scheduled) FROM commitments c JOIN projects p ON p.id = c.project_id"
            f"{_NEWEST} JOIN invoice_lines l ON l.invoice_id = i.id LEFT JOIN commitment_lines s"
            " ON s.commitment_id = c.id AND s.item = l.item"
            f"{narrowed}{' AND' if narrowed else ' WHERE'} s.id IS NULL GROUP BY c.id, l.item_type",
            values,
        ).fetchall()
    )
    # The payments first: there are fewer of them than invoices.
    paid = dict(
        db.execute(
            "SELECT i.commitment_id, sum(p.amount) FROM"
            " (SELECT invoice_id, currency, sum(amount) AS amount FROM payments GROUP BY invoice_id, currency) AS p"
            " CROSS JOIN invoices i WHERE i.id = p.invoice_id AND i.erp_status = ? AND p.currency = i.currency"
            " GROUP BY i.commitment_id",
            (ErpStatus.SYNCED.value,),
        ).fetchall()
    )
    rows = db.execute(
        "SELECT c.id, c.project_id, p.number, p.name, c.number, c.title, v.name, c.kind, c.currency, c.retainage_bp,"
        " i.application, i.number, i.erp_status, i.outcome, i.completed, i.retainage_to_date, i.overbilled"
        " FROM commitments c JOIN projects p ON p.id = c.project_id JOIN vendors v ON v.id = c.vendor_id"
        f"{_NEWEST}{narrowed}",
        values,
    ).fetchall()
    rows.sort(key=lambda row: (row[2], row[4], row[0]))
    return [
        _contract(row, scheduled.get(row[0], {}), beside.get(row[0], {}), paid.get(row[0])) for row in rows
    ]


_Sums = dict[str, tuple[int, ...]]


def _sums(rows: Iterable[Sequence[Any]]) -> dict[int, _Sums]:
    """Sums by commitment and type of line. PostgreSQL hands sums over as Decimal."""
    found: dict[int, _Sums] = {}
    for commitment, kind, *sums in rows:
        found.setdefault(commitment, {})[kind] = tuple(map(int, sums))
    return found


def _contract(row: Sequence[Any], scheduled: _Sums, beside: _Sums, paid: int | None) -> Contract:
    original = scheduled.get(CONTRACT_ITEM, (0, 0, 0))[0]
    if not scheduled:
        original = beside.get(CONTRACT_ITEM, (0,))[0]
    changes = sum(
        sums[0] for source in (scheduled, beside) for kind, sums in source.items() if kind != CONTRACT_ITEM
    )
    billed, retainage = row[14], row[15]
    if billed is None:
        billed = sum(sums[1] for sums in scheduled.values())
        retainage = sum(sums[2] for sums in scheduled.values())
    state = None if row[12] is None else ErpStatus(row[12])
    over = bool(row[16]) or billed > original + changes >= 0
    issued = None if paid is None else int(paid)
    newest = (row[10] or 0, row[11] or "", state, row[13] or "")
    return Contract(*(*row[:10], original, changes, billed, retainage, issued, *newest, over))


def stamp(db: Database) -> int:
    """What tells whether others changed what contracts() reads: the last event of the audit trail."""
    return int(db.execute("SELECT event_id FROM audit_head").fetchone()[0])


def by_project(db: Database, me: Actor) -> list[ProjectSums]:
    """All projects that have commitments, as contracts() has them. Raises NotPermitted."""
    return projects(contracts(db, me))


def projects(found: Iterable[Contract]) -> list[ProjectSums]:
    """The commitments added up by job and currency, in the order in which the jobs come."""
    groups: dict[tuple[str, str], list[Contract]] = {}
    for one in found:
        groups.setdefault((one.job, one.currency), []).append(one)
    return [_project(own) for own in groups.values()]


def _project(own: Sequence[Contract]) -> ProjectSums:
    issued = [one.issued for one in own if one.issued is not None]
    return ProjectSums(
        own[0].job,
        own[0].project,
        own[0].currency,
        len(own),
        sum(one.original for one in own),
        sum(one.changes for one in own),
        sum(one.billed for one in own),
        sum(one.retainage for one in own),
        sum(issued) if issued else None,
        sum(one.overbilled for one in own),
    )


def of_invoice(db: Database, invoice_id: int) -> tuple[int, int]:
    """The ids of the invoice's commitment and project. Raises NothingMatched when it is gone."""
    row = db.execute("SELECT commitment_id, project_id FROM invoices WHERE id = ?", (invoice_id,)).fetchone()
    if row is None:
        raise NothingMatched(f"Invoice #{invoice_id} is gone", fix="Refresh the list ({list.refresh})")
    return row[0], row[1]
