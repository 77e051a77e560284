"""Which bills the lines of a receipt are of: the jobs by key, or by vendor and number, locked, with where they stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from store.db import Database
from store.domain.bill import Bill, decode
from store.domain.money import plain, to_minor
from store.domain.status import ErpStatus, JobState
from store.job import JOB_COLUMNS, Job, chunks, job_of, marks
from store.receipt_lines import Line

PAGE = 500
# These were sent and given up: refused, or taken for lost.
GIVEN_UP = (JobState.FAILED, JobState.CANCELLED)
# In these nobody has heard yet what the ERP made of it, and where their invoices stand.
AWAITED = {
    JobState.SENT: (ErpStatus.EXPORTING,),
    JobState.UNCERTAIN: (ErpStatus.UNCERTAIN,),
    JobState.PARKED: (ErpStatus.PARKED,),
}


class _Named(msgspec.Struct):
    """Of a payload, what names the bill."""

    vendor: str
    number: str


@dataclass(frozen=True, slots=True)
class Match:
    """A job that a line names, with where it and its invoice stand. ``bill``: None where its bytes were changed.

    ``newer`` and ``older``: something of a later or an earlier export of the invoice was sent too. ``begun``: when its
    sending began, in ms of the database's clock; None where it was not sent from here.
    """

    job: Job
    state: JobState
    status: ErpStatus
    reference: str
    newer: bool
    older: bool
    bill: Bill | None
    begun: int | None


def of(db: Database, erp: str, lines: Sequence[Line], read_at: int | None = None) -> list[list[Match]]:
    """Of each line the jobs that it may be of, all of them locked until the transaction's end.

    ``read_at``: the receipt was read already, then. By a name it says nothing of what was sent after that.
    """
    by_key = _by_key(db, [line.key for line in lines if line.key])
    by_number = _by_number(db, erp, [line for line in lines if not line.key])
    found = [
        [number for number in (by_key.get(line.key),) if number is not None]
        if line.key
        else by_number.get(_pair(line), [])
        for line in lines
    ]
    matches = _locked(db, erp, sorted({number for own in found for number in own}))
    return [
        [match for number in own if (match := matches.get(number)) and (line.key or _before(match, read_at))]
        for line, own in zip(lines, found, strict=True)
    ]


def _before(match: Match, read_at: int | None) -> bool:
    return read_at is None or (match.begun is not None and match.begun <= read_at)


def references(db: Database, lines: Sequence[Line]) -> dict[str, int]:
    """The invoices that have these lines' references already, by reference."""
    found: dict[str, int] = {}
    column = "substr(origin_id, 1, 200)" if db.postgres else "origin_id"
    for chunk in chunks([line.reference for line in lines if line.reference]):
        rows = db.execute(
            f"SELECT origin_id, id FROM invoices WHERE origin_id IS NOT NULL AND {column} IN ({marks(chunk)})",
            tuple(text[:200] if db.postgres else text for text in chunk),
        )
        found |= {row[0]: row[1] for row in rows.fetchall()}
    return found


def bill_of(payload: str, digest: str) -> Bill | None:
    """The frozen bill; None where its bytes are not those that were accepted."""
    try:
        return decode(payload, digest)
    except (ValueError, msgspec.MsgspecError):
        return None


def payable(bill: Bill) -> str:
    """What the bill adds to accounts payable, net and tax less what will not post by policy, as a plain decimal."""
    minor = to_minor(bill.net, bill.currency) + to_minor(bill.tax, bill.currency)
    minor -= to_minor(bill.unposted or "0", bill.currency)
    return plain(minor, bill.currency)


def _pair(line: Line) -> tuple[str, str]:
    return line.vendor, line.number


def _by_key(db: Database, keys: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for chunk in chunks(keys):
        rows = db.execute(
            f"SELECT idem_key, id FROM export_jobs WHERE idem_key IN ({marks(chunk)})", tuple(chunk)
        )
        found |= {row[0]: row[1] for row in rows.fetchall()}
    return found


def _by_number(db: Database, erp: str, lines: Sequence[Line]) -> dict[tuple[str, str], list[int]]:
    """The jobs of the bills with that vendor and number that wait, were booked, or were sent and given up."""
    wanted = {_pair(line) for line in lines}
    found: dict[tuple[str, str], list[int]] = {}
    if not wanted:
        return found
    for state in AWAITED:
        last = 0
        while rows := db.execute(
            f"SELECT id, payload FROM export_jobs WHERE state = '{state}' AND erp = ? AND id > ? ORDER BY id LIMIT {PAGE}",
            (erp, last),
        ).fetchall():
            last = rows[-1][0]
            _gather(rows, wanted, found)
    # As the index has it: no entry of PostgreSQL's has more than 200 characters.
    renumbered = "substr(i.erp_number, 1, 200)" if db.postgres else "i.erp_number"
    ended = (JobState.DONE.value, *(state.value for state in GIVEN_UP))
    for numbers in chunks(sorted({number for _, number in wanted})):
        which = marks(numbers)
        for own in (f"i.number IN ({which})", f"i.erp_number <> '' AND {renumbered} IN ({which})"):
            rows = db.execute(
                "SELECT j.id, j.payload FROM invoices i JOIN export_jobs j ON j.invoice_id = i.id"
                f" WHERE {own} AND j.erp = ? AND j.state IN ({marks(ended)}) AND (j.state = ? OR j.sends > 0) ORDER BY j.id",
                (*numbers, erp, *ended, JobState.DONE.value),
            ).fetchall()
            _gather(rows, wanted, found)
    return found


def _gather(
    rows: Sequence[Sequence[Any]], wanted: set[tuple[str, str]], into: dict[tuple[str, str], list[int]]
) -> None:
    for number, payload in rows:
        try:
            named = msgspec.json.decode(payload, type=_Named)
        except msgspec.MsgspecError:
            continue
        pair = (named.vendor, named.number)
        if pair in wanted and number not in into.setdefault(pair, []):
            into[pair].append(number)


def _locked(db: Database, erp: str, ids: Sequence[int]) -> dict[int, Match]:
    """These jobs of the ERP, first the jobs and then their invoices locked, each in the order of the ids."""
    lock = " FOR UPDATE" if db.postgres else ""
    found: dict[int, Match] = {}
    for chunk in chunks(ids):
        rows = db.execute(
            f"SELECT {JOB_COLUMNS}, state, erp_ref, send_begun FROM export_jobs WHERE id IN ({marks(chunk)}) AND erp = ?"
            f" ORDER BY id{lock}",
            (*chunk, erp),
        ).fetchall()
        jobs = [(job_of(row), JobState(row[-3]), row[-2], row[-1]) for row in rows]
        if not jobs:
            continue
        invoices = [job.invoice_id for job, _, _, _ in jobs]
        statuses = dict(
            db.execute(
                f"SELECT id, erp_status FROM invoices WHERE id IN ({marks(invoices)}) ORDER BY id{lock}",
                tuple(invoices),
            ).fetchall()
        )
        others = _revisions(db, invoices)
        for job, state, reference, begun in jobs:
            own = others.get(job.invoice_id, [])
            found[job.id] = Match(
                job, state, ErpStatus(statuses[job.invoice_id]), reference,
                newer=any(number > job.id for number in own), older=any(number < job.id for number in own),
                bill=bill_of(job.payload, job.payload_sha256), begun=begun,
            )  # fmt: skip
    return found


def _revisions(db: Database, invoices: Sequence[int]) -> dict[int, list[int]]:
    """All exports of these invoices of which something was sent, by invoice."""
    found: dict[int, list[int]] = {}
    rows = db.execute(
        f"SELECT invoice_id, id FROM export_jobs WHERE invoice_id IN ({marks(invoices)}) AND sends > 0",
        tuple(invoices),
    )
    for invoice, job in rows.fetchall():
        found.setdefault(invoice, []).append(job)
    return found
