"""The ERP's accounting periods as last fetched: the default accounting date and "closed" are judged by them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from store.db import Database
from store.domain.outcome import Period

# What did not change is not said anew within so many ms: every write wakes the desks.
FRESH_MS = 60_000


def put(db: Database, erp: str, periods: Sequence[Period]) -> None:
    """Replace what is known of this ERP's periods. Where nothing changed the time of asking alone is, once a minute.

    Of several that begin on one day an open one counts before a closed one, and the longer one before the shorter.
    """
    begun: dict[date, Period] = {}
    for period in sorted(periods, key=lambda period: (period.start, period.is_open, period.end)):
        begun[period.start] = period
    wanted = list(begun.values())
    if wanted == of(db, erp):
        asked = asked_at(db, erp)
        if asked is not None and not asked <= (now := db.now()) < asked + FRESH_MS:
            with db.transaction():
                db.execute("UPDATE erp_periods SET fetched_at = ? WHERE erp = ?", (now, erp))
        return
    with db.transaction():
        now = db.now()
        db.execute("DELETE FROM erp_periods WHERE erp = ?", (erp,))
        db.executemany(
            "INSERT INTO erp_periods (erp, start_date, end_date, is_open, fetched_at) VALUES (?, ?, ?, ?, ?)",
            [(erp, p.start.isoformat(), p.end.isoformat(), p.is_open, now) for p in wanted],
        )


def asked_at(db: Database, erp: str) -> int | None:
    """When the ERP was asked for its periods last, in ms UTC; None where none are known."""
    row = db.execute("SELECT max(fetched_at) FROM erp_periods WHERE erp = ?", (erp,)).fetchone()
    return None if row is None or row[0] is None else int(row[0])


def of(db: Database, erp: str) -> list[Period]:
    """This ERP's periods by start; empty where it has none to tell, or was not asked yet."""
    found = db.execute(
        "SELECT start_date, end_date, is_open FROM erp_periods WHERE erp = ? ORDER BY start_date", (erp,)
    ).fetchall()
    return [Period(date.fromisoformat(row[0]), date.fromisoformat(row[1]), bool(row[2])) for row in found]
