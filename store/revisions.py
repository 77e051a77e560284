"""What the ERP has under the key of another revision than the one that waits here, after a restore.

The frozen bill of that revision tells whether it is the same bill. Where it is not, or nobody knows, a person must look:
the invoice would be called Synced with amounts that the ERP does not have.
"""

from __future__ import annotations

from typing import Any

from store.db import Database
from store.domain.bill import Bill, decode, revision_of
from store.domain.outcome import Booked, Delivered
from store.domain.status import JobState
from store.domain.text import safe
from store.job import Job

_AMOUNTS = ("currency", "gross", "retainage", "net")
_FROZEN = "revision, idem_key, payload, payload_sha256, accounting_date"


def adopt(db: Database, job: Job, answer: Booked | Delivered) -> str:
    """Give the job the revision that the ERP has; or say why a person must look: its amounts are others, or unknown.

    The job that was recalled under that revision takes this one's. In the transaction that books the job. A later export
    of the invoice comes under a key that the ERP does not know, whatever becomes of this one.
    """
    db.execute(
        "UPDATE invoices SET revision = ? WHERE id = ? AND revision < ?",
        (revision_of(answer.key), job.invoice_id, revision_of(answer.key)),
    )
    reference = safe(answer.ref)
    row = db.execute(
        f"SELECT id, {_FROZEN} FROM export_jobs WHERE idem_key = ? AND invoice_id = ? AND state = ?",
        (answer.key, job.invoice_id, JobState.CANCELLED.value),
    ).fetchone()
    here = _bill(job.payload, job.payload_sha256)
    there = _bill(row[3], row[4]) if row else None
    if there is None:
        return (
            f"the ERP has it as {reference}, from a revision that these books do not know (here {_told(here)}):"
            " compare the amounts"
        )
    if here is None or _amounts(here) != _amounts(there):
        return (
            f"the ERP has it as {reference}, accepted earlier with {_told(there)}; here it has {_told(here)}"
        )
    _exchange(db, job.id, row)
    return ""


def _exchange(db: Database, job: int, other: tuple[Any, ...]) -> None:
    """The two jobs change revisions, with all that is frozen with one."""
    own = db.execute(f"SELECT {_FROZEN} FROM export_jobs WHERE id = ?", (job,)).fetchone()
    put = (
        "UPDATE export_jobs SET revision = ?, idem_key = ?, payload = ?, payload_sha256 = ?, accounting_date = ?"
        " WHERE id = ?"
    )
    # A revision and a key are of one job alone at every moment.
    db.execute(put, (-own[0], f"{own[1]}-", *own[2:], job))
    db.execute(put, (*own, other[0]))
    db.execute(put, (*other[1:], job))


def _bill(payload: str, digest: str) -> Bill | None:
    try:
        return decode(payload, digest)
    except ValueError:
        return None


def _amounts(bill: Bill) -> tuple[str, ...]:
    return tuple(getattr(bill, name) for name in _AMOUNTS)


def _told(bill: Bill | None) -> str:
    if bill is None:
        return "amounts that cannot be read"
    return f"gross {bill.gross}, retainage {bill.retainage}, net {bill.net} {safe(bill.currency)}"
