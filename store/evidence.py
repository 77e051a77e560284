"""Proof that the ERP booked an invoice under a key that was given up here: such an invoice must not go out again.

A reply may come after its job failed or was recalled, and a look-up may find a bill that nobody expected. Each is kept
with the job's attempts. It counts until the job is done with it, or somebody has said by hand that the bill is gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from store.candidates import Candidate
from store.db import Database
from store.domain.errors import Blocked
from store.domain.status import ErpStatus, JobState
from store.domain.text import safe
from store.packed import among, packed

# Between the reference and the key of what a look-up has found under another key than it was sent with.
UNDER = " under "
# The kind of an attempt that a receipt wrote down (store/receipts.py).
RECEIPT = "receipt"
REFUSED_BY_RECEIPT = f"SELECT 1 FROM export_attempts r WHERE r.job_id = {{}} AND r.kind = '{RECEIPT}' AND r.outcome = 'refused'"
# Only these can have been given up: what was never accepted has revision 0.
_FREE = (ErpStatus.READY, ErpStatus.FAILED)


class Proof(NamedTuple):
    """The job whose bill the ERP has booked, the key it has it under, and its reference there."""

    job: int
    key: str
    reference: str


def of(db: Database, invoices: Sequence[int]) -> dict[int, Proof]:
    """The newest proof of each of these invoices that has one, by invoice."""
    if not invoices:
        return {}
    rows = db.execute(
        "SELECT j.invoice_id, j.id, j.idem_key, a.evidence FROM export_jobs j JOIN export_attempts a ON a.job_id = j.id"
        f" WHERE {among(db, 'j.invoice_id')} AND j.state <> '{JobState.DONE}' AND (a.outcome = 'booked'"
        # What was delivered after it was given up may be booked any moment, unless its receipt has refused it: one key is
        # delivered once.
        " AND a.kind IN ('late', 'found', 'ended') OR a.outcome = 'delivered' AND a.kind IN ('late', 'found')"
        f" AND j.state IN ('{JobState.FAILED}', '{JobState.CANCELLED}') AND NOT EXISTS"
        f" ({REFUSED_BY_RECEIPT.format('a.job_id')})) AND NOT EXISTS (SELECT 1 FROM export_attempts u"
        " WHERE u.job_id = a.job_id AND u.id > a.id AND u.kind = 'hand' AND u.outcome = 'missing') ORDER BY a.id",
        (packed(db, invoices),),
    ).fetchall()
    found: dict[int, Proof] = {}
    for invoice, job, key, said in rows:
        uuid = key.rpartition(":")[0]
        reference, mark, other = said.rpartition(f"{UNDER}{uuid}:")
        found[invoice] = (
            Proof(job, f"{uuid}:{other}", reference) if mark and other.isdigit() else Proof(job, key, said)
        )
    return found


def among_these(db: Database, chunk: Sequence[Candidate]) -> dict[int, Proof]:
    """As of(), for invoices that a decision is about; those that were never accepted cost nothing."""
    return of(db, [c.id for c in chunk if c.revision > 0 and c.erp_status in _FREE])


def held(db: Database, chunks: Iterable[list[Candidate]]) -> Iterator[list[Candidate]]:
    """The chunks, each when nobody can add a proof any more until this transaction has ended.

    On SQLite that is so from its beginning. On PostgreSQL an attempt refers to its job, which is locked here.
    """
    for chunk in chunks:
        again = [c.id for c in chunk if c.revision > 0] if db.postgres else []
        if again:
            db.execute(
                f"SELECT id FROM export_jobs WHERE {among(db, 'invoice_id')} ORDER BY id FOR UPDATE",
                (packed(db, again),),
            ).fetchall()
        yield chunk


def blocked(invoice: int, proof: Proof) -> Blocked:
    """Why such an invoice stays, and what helps."""
    reference = safe(proof.reference)
    return Blocked(
        f"The ERP has booked it already, as {reference}",
        why="exported again it would be paid twice",
        fix=f"payapp reconcile '#{invoice}' --booked {reference} --comment WHY makes it Synced; if the bill was voided in"
        " the ERP, --not-booked instead of --booked and the reference frees it",
    )
