"""Which invoices were delivered, so that their receipts are awaited: nobody takes them back meanwhile."""

from __future__ import annotations

from collections.abc import Sequence

from store.candidates import Candidate
from store.db import Database
from store.domain.status import ErpStatus, JobState
from store.packed import among, packed


def among_these(db: Database, chunk: Sequence[Candidate]) -> set[int]:
    """Those of them that were delivered, by id; those that are not Exporting cost nothing."""
    exporting = [c.id for c in chunk if c.erp_status is ErpStatus.EXPORTING]
    if not exporting:
        return set()
    sql = f"SELECT invoice_id FROM export_jobs WHERE {among(db, 'invoice_id')} AND state = '{JobState.SENT}'"
    return {row[0] for row in db.execute(sql, (packed(db, exporting),)).fetchall()}
