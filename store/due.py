"""What a worker has to do, and when: read without writing anything, before it claims."""

from __future__ import annotations

from dataclasses import dataclass

from store import gate
from store.db import Database
from store.domain.status import JobState

# The earliest moment at which a row may be taken: its own time, or the end of the lease upon it.
_FREE = "min(CASE WHEN lease_until IS NULL OR lease_until < run_at THEN run_at ELSE lease_until + 1 END)"


@dataclass(frozen=True, slots=True)
class Due:
    """Moments in milliseconds of the database's clock, ``now`` included; None: nothing of that kind.

    ``export``: the earliest held or pending job. ``lookup``: the earliest uncertain job, or job that looks first, that may
    be asked about. Neither comes before the breaker and the pace let a request through. ``lease``: the first claim to run
    out. ``notice``: the earliest mail.
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
    """What is due for this ERP and the mail, in one statement: a job on its way from one state to another is seen once."""
    now = db.now()
    row = db.execute(
        "SELECT (SELECT open_until FROM erp_state WHERE erp = ?), (SELECT pace_at FROM erp_state WHERE erp = ?),"
        f" (SELECT run_at FROM export_jobs WHERE state IN ('{JobState.HELD}', '{JobState.PENDING}') AND NOT look_first"
        " AND erp = ? ORDER BY run_at, id LIMIT 1),"
        f" (SELECT {_FREE} FROM export_jobs WHERE state = '{JobState.UNCERTAIN}' AND erp = ?),"
        f" (SELECT {_FREE} FROM export_jobs WHERE look_first AND state IN ('{JobState.HELD}', '{JobState.PENDING}')"
        " AND erp = ?),"
        f" (SELECT min(lease_until) FROM export_jobs WHERE state = '{JobState.CLAIMED}' AND erp = ?),"
        f" (SELECT count(*) FROM export_jobs WHERE state = '{JobState.CLAIMED}' AND erp = ?),"
        f" (SELECT {_FREE} FROM notices WHERE state = 'waiting')",
        (erp,) * 7,
    ).fetchone()
    until, pace, export, uncertain, unsent, lease, claimed, notice = row
    opens = gate.opens(until or 0, pace or 0, now)
    lookup = min((moment for moment in (uncertain, unsent) if moment is not None), default=None)
    return Due(
        now=now,
        export=None if export is None else max(export, opens),
        lookup=None if lookup is None else max(lookup, opens),
        lease=lease,
        notice=notice,
        paused=gate.opens(until or 0, 0, now) > now,
        claimed=claimed,
    )
