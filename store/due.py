"""What a worker has to do, and when: read without writing anything, before it claims."""

from __future__ import annotations

from dataclasses import dataclass

from store.db import Database
from store.domain.status import JobState


@dataclass(frozen=True, slots=True)
class Due:
    """Moments in milliseconds of the database's clock, ``now`` included; None: nothing of that kind.

    ``export``: the earliest held or pending job, not before the breaker lets one through. ``lookup``: the earliest
    uncertain job that may be asked about. ``lease``: the first claim to run out. ``notice``: the earliest mail.
    ``paused``: the breaker is open. ``claimed``: jobs in some worker's hands.
    """

    now: int
    export: int | None
    lookup: int | None
    lease: int | None
    notice: int | None
    paused: bool
    claimed: int

    @property
    def open(self) -> bool:
        """Whether any job is still on its way."""
        return self.export is not None or self.lookup is not None or self.claimed > 0

    def is_due(self, moment: int | None) -> bool:
        """Whether that moment has come."""
        return moment is not None and moment <= self.now

    def wait_ms(self, notices: bool) -> int | None:
        """How long until the next of these moments; None: only a change brings work."""
        moments = [self.export, self.lookup, self.lease, self.notice if notices else None]
        ahead = [moment - self.now for moment in moments if moment is not None]
        return max(min(ahead), 0) if ahead else None


def of(db: Database, erp: str) -> Due:
    """What is due for this ERP and the mail, by one read each."""
    now = db.now()
    pause = db.execute("SELECT open_until FROM erp_state WHERE erp = ?", (erp,)).fetchone()
    until = pause[0] if pause else 0
    export = db.execute(
        f"SELECT run_at FROM export_jobs WHERE state IN ('{JobState.HELD}', '{JobState.PENDING}') AND erp = ?"
        " ORDER BY run_at, id LIMIT 1",
        (erp,),
    ).fetchone()
    lookup = _free(db, "export_jobs", f"state = '{JobState.UNCERTAIN}' AND erp = ?", (erp,))
    claims = db.execute(
        f"SELECT min(lease_until), count(*) FROM export_jobs WHERE state = '{JobState.CLAIMED}' AND erp = ?",
        (erp,),
    ).fetchone()
    notice = _free(db, "notices", "state = 'waiting'", ())
    return Due(
        now=now,
        export=max(export[0], until) if export else None,
        lookup=lookup,
        lease=claims[0],
        notice=notice,
        paused=until > now,
        claimed=claims[1],
    )


def _free(db: Database, table: str, which: str, given: tuple[str, ...]) -> int | None:
    """The earliest moment at which a row may be taken: its own time, or the end of the lease upon it."""
    row = db.execute(
        f"SELECT min(CASE WHEN lease_until IS NULL OR lease_until < run_at THEN run_at ELSE lease_until + 1 END)"
        f" FROM {table} WHERE {which}",
        given,
    ).fetchone()
    return None if row[0] is None else int(row[0])
