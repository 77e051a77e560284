"""Which files of a drop folder the bills went out in, as the answers to their sending tell: an archive must have them."""

from __future__ import annotations

from store.db import Database

# So many bills back.
BILLS = 2000


def newest(db: Database, erp: str) -> tuple[str, ...]:
    """The names of the files that were written last for this ERP, the newest first."""
    rows = db.execute(
        "SELECT a.evidence FROM export_attempts a JOIN export_jobs j ON j.id = a.job_id WHERE j.erp = ?"
        " AND a.kind IN ('ended', 'late', 'found') AND a.outcome IN ('booked', 'delivered')"
        f" AND a.evidence LIKE ? ORDER BY a.id DESC LIMIT {BILLS}",
        (erp, "payapp-%/%"),
    ).fetchall()
    return tuple(dict.fromkeys(row[0].partition("/")[0] for row in rows))
