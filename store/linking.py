"""An invoice and its bill in the ERP, as the ERP is asked about it before the two are parted or brought together.

What is read here goes to the ERP and comes back to store.undoing with what it said: there it holds only for the invoice and
the export that it was about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from store import candidates, directory
from store.called import Called
from store.candidates import Candidate
from store.db import Database
from store.domain.actor import Actor
from store.domain.bill import encode, idempotency_key
from store.domain.errors import BadInput
from store.domain.status import ErpStatus, JobState
from store.job import JOB_COLUMNS, Job, job_of
from store.lookup import LATER_REVISIONS

# So many are asked about for one decision.
MOST = 100


class Presence(StrEnum):
    """Whether the ERP has the bill."""

    THERE = "there"
    GONE = "gone"
    # It did not answer.
    SILENT = "silent"
    # It can tell nothing of what became of it, like a folder.
    UNKNOWABLE = "unknowable"


@dataclass(frozen=True, slots=True)
class ErpSaid:
    """What the ERP said of a bill; ``words`` for people and the audit trail.

    ``booked`` is its reference under one of payapp's keys, ``key`` that key: "" where it was not found by any.
    """

    presence: Presence
    words: str
    booked: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """An invoice as it stood when the ERP was asked, in this version; ``at``: a moment before that, in ms UTC.

    ``reference`` is its bill's in the ERP, "" where it has none; ``by_hand``: a person said so. ``job`` is its export; one that was never exported has that of the bill
    that it would send, with the id 0. ``keys``: other keys under which the ERP may have it, of its earlier revisions
    and of later ones that a restore may have lost.
    """

    invoice_id: int
    version: int
    name: str
    status: ErpStatus
    reference: str
    job: Job | None
    keys: tuple[str, ...]
    by_hand: bool = False
    at: int = 0


def links(db: Database, actor: Actor, ids: Sequence[int]) -> list[Link]:
    """Those of these invoices that there are, in the order of their ids. For approvers; at most MOST."""
    actor = directory.refresh(db, actor)
    actor.require_approver("unlink, reset or mark exported")
    if len(ids) > MOST:
        raise BadInput(
            f"At most {MOST} at once",
            why=f"{len(ids):,} are chosen, and the ERP is asked about each",
            fix="Choose fewer",
        )
    found: list[Link] = []
    for chunk in candidates.load(db, sorted(set(ids))):
        found += [_link(db, c) for c in chunk]
    return found


def _link(db: Database, c: Candidate) -> Link:
    reference = db.execute("SELECT coalesce(origin_id, '') FROM invoices WHERE id = ?", (c.id,)).fetchone()[0]
    job = _synced_job(db, c, reference) if c.erp_status is ErpStatus.SYNCED else _next_job(db, c)
    sent = db.execute(
        "SELECT idem_key FROM export_jobs WHERE invoice_id = ? AND sends > 0 ORDER BY revision", (c.id,)
    ).fetchall()
    later = [idempotency_key(c.uuid, c.revision + n) for n in range(1, LATER_REVISIONS + 1)]
    own = "" if job is None else job.key
    keys = tuple(key for key in dict.fromkeys([*(row[0] for row in sent), *later]) if key != own)
    return Link(c.id, c.version, c.name, c.erp_status, reference, job, keys, _by_hand(db, job), db.now())


def _by_hand(db: Database, job: Job | None) -> bool:
    """Whether the newest word that the ERP has this one is a person's."""
    if job is None:
        return False
    row = db.execute(
        "SELECT kind FROM export_attempts WHERE job_id = ? AND outcome = 'booked' ORDER BY id DESC LIMIT 1",
        (job.id,),
    ).fetchone()
    return row is not None and row[0] == "hand"


def _synced_job(db: Database, c: Candidate, reference: str) -> Job | None:
    """The export that made it Synced; None where none is known."""
    row = db.execute(
        f"SELECT {JOB_COLUMNS} FROM export_jobs WHERE invoice_id = ? AND state = '{JobState.DONE}'"
        " ORDER BY CASE WHEN erp_ref = ? THEN 0 ELSE 1 END, revision DESC LIMIT 1",
        (c.id, reference),
    ).fetchone()
    return None if row is None else job_of(row)


def _next_job(db: Database, c: Candidate) -> Job:
    """What its next export would be: the ERP is asked by its bill."""
    company = directory.company(db)
    called = Called(db, company.erp)
    [taken] = called.taken([c])
    lines = candidates.bill_lines(db, [taken], called.account)[c.id]
    day = candidates.day_of(c.accounting_date or c.period_end)
    bill = candidates.bill(taken, lines, company=company.name, erp=company.erp, accounting_date=day)
    return Job(0, c.id, 0, bill.key, *encode(bill), None, False, 0)
