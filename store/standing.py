"""Where the export queue stands: how much waits, who holds what, how fast it goes, and why it does not."""

from __future__ import annotations

from dataclasses import dataclass

from store.db import Database
from store.domain.status import JobState

# Throughput is what was booked in the last so many milliseconds, found among so many of the newest attempts.
MINUTE_MS = 60_000
NEWEST = 100_000
# The oldest of them are named, of claims and of uncertain jobs alike.
NAMED = 20
# What waits to be sent, and what is looked for first: as their two indexes have them.
WAITING = (
    f"state IN ('{JobState.HELD}', '{JobState.PENDING}') AND NOT look_first",
    f"look_first AND state IN ('{JobState.HELD}', '{JobState.PENDING}')",
)


@dataclass(frozen=True, slots=True)
class Lease:
    """What one worker holds of one parcel; ``sending``: its sending has begun, so that the ERP may have it."""

    worker: str
    parcel: int | None
    jobs: int
    until: int
    sending: bool


@dataclass(frozen=True, slots=True)
class InDoubt:
    """An invoice of which nobody knows whether the ERP has it; ``parked``: a person must look."""

    invoice_id: int
    key: str
    parked: bool
    cause: str
    asked_next: int


@dataclass(frozen=True, slots=True)
class QueueStanding:
    """The queue of one ERP. Moments are milliseconds UTC of the database's clock, ``now`` included.

    ``held`` wait for the end of their batch's hold or of their pause, ``pending`` are due, ``claimed`` are in a
    worker's hands. ``oldest_at`` is when the oldest that is on its way was accepted. ``booked_last_minute`` is what
    the ERP took within the last 60 s, up to NEWEST. ``paused_until``: the breaker is open until then, 0 for closed;
    ``failures`` are the parcels in a row without an answer, ``failure`` the newest one's cause. ``next_request_at``:
    the ERP's rate limit lets the next request go then. ``awaiting`` were delivered and wait for a receipt, the oldest
    since ``awaiting_since``.
    """

    now: int
    held: int
    pending: int
    claimed: int
    uncertain: int
    parked: int
    oldest_at: int | None
    booked_last_minute: int
    paused_until: int
    failures: int
    failure: str
    next_request_at: int
    leases: tuple[Lease, ...]
    in_doubt: tuple[InDoubt, ...]
    awaiting: int = 0
    awaiting_since: int | None = None

    @property
    def depth(self) -> int:
        """How many are on their way to the ERP."""
        return self.held + self.pending + self.claimed

    @property
    def paused(self) -> bool:
        """Whether the breaker is open."""
        return self.paused_until > self.now


def of(db: Database, erp: str) -> QueueStanding:
    """Where that ERP's queue stands now."""
    now = db.now()
    held, pending, claimed, uncertain, parked, awaiting = _counted(db, erp, now)
    state = db.execute(
        "SELECT open_until, failures, error_text, pace_at FROM erp_state WHERE erp = ?", (erp,)
    ).fetchone()
    until, failures, cause, pace = state or (0, 0, "", 0)
    return QueueStanding(
        now=now,
        held=held,
        pending=pending,
        claimed=claimed,
        uncertain=uncertain,
        parked=parked,
        oldest_at=_oldest(db, erp),
        booked_last_minute=_booked(db, erp, now - MINUTE_MS),
        paused_until=until if until > now else 0,
        failures=failures,
        failure=cause,
        next_request_at=pace if pace > now else 0,
        leases=_leases(db, erp),
        in_doubt=_in_doubt(db, erp),
        awaiting=awaiting,
        awaiting_since=_awaited_since(db, erp) if awaiting else None,
    )


def _awaited_since(db: Database, erp: str) -> int | None:
    found = db.execute(
        f"SELECT min(updated_at) FROM export_jobs WHERE state = '{JobState.SENT}' AND erp = ?", (erp,)
    )
    since = found.fetchone()[0]
    return None if since is None else int(since)


def _counted(db: Database, erp: str, now: int) -> tuple[int, int, int, int, int, int]:
    """How many are held back until some moment, due, claimed, uncertain, parked and awaited.

    One statement, so that they agree. Others commit between two statements, and what moved meanwhile would be counted twice, or not at all.
    """
    waiting = (
        "SELECT coalesce(sum(CASE WHEN run_at > ? THEN 1 ELSE 0 END), 0),"
        " coalesce(sum(CASE WHEN run_at > ? THEN 0 ELSE 1 END), 0), 0, 0, 0, 0 FROM export_jobs WHERE"
    )
    parts = [f"{waiting} {which} AND erp = ?" for which in WAITING]
    values: list[int | str] = [now, now, erp] * len(WAITING)
    for place, state in enumerate((JobState.CLAIMED, JobState.UNCERTAIN, JobState.PARKED, JobState.SENT), 2):
        columns = ", ".join("count(*)" if at == place else "0" for at in range(6))
        parts.append(f"SELECT {columns} FROM export_jobs WHERE state = '{state}' AND erp = ?")
        values.append(erp)
    rows = db.execute(" UNION ALL ".join(parts), tuple(values)).fetchall()
    held, pending, claimed, uncertain, parked, awaiting = (
        sum(int(row[at]) for row in rows) for at in range(6)
    )
    return held, pending, claimed, uncertain, parked, awaiting


def _oldest(db: Database, erp: str) -> int | None:
    """Jobs are numbered as they are accepted: the least of each kind, and of these the least."""
    found = [
        db.execute(f"SELECT min(id) FROM export_jobs WHERE {which} AND erp = ?", (erp,)).fetchone()[0]
        for which in (
            *WAITING,
            f"state = '{JobState.CLAIMED}'",
            f"state = '{JobState.UNCERTAIN}'",
            f"state = '{JobState.PARKED}'",
        )
    ]
    known = [number for number in found if number is not None]
    if not known:
        return None
    row = db.execute(
        "SELECT b.created_at FROM export_jobs j JOIN batches b ON b.id = j.batch_id WHERE j.id = ?",
        (min(known),),
    ).fetchone()
    return int(row[0])


def _booked(db: Database, erp: str, since: int) -> int:
    """Each bill once, however often it was heard of; a late reply alone does not always book it."""
    newest = "SELECT job_id, at, kind, outcome FROM export_attempts ORDER BY id DESC LIMIT ?"
    found = db.execute(
        f"SELECT count(DISTINCT job_id) FROM ({newest}) AS newest JOIN export_jobs ON export_jobs.id = job_id"
        f" WHERE at >= ? AND outcome = 'booked' AND kind IN ('ended', 'late', 'found') AND state = '{JobState.DONE}'"
        " AND erp = ?",
        (NEWEST, since, erp),
    )
    return int(found.fetchone()[0])


def _leases(db: Database, erp: str) -> tuple[Lease, ...]:
    found = db.execute(
        "SELECT worker, parcel, count(*), min(lease_until), count(send_begun) FROM export_jobs"
        f" WHERE state = '{JobState.CLAIMED}' AND erp = ? GROUP BY worker, parcel ORDER BY min(lease_until) LIMIT ?",
        (erp, NAMED),
    ).fetchall()
    return tuple(
        Lease(worker or "", parcel, jobs, until or 0, bool(sending))
        for worker, parcel, jobs, until, sending in found
    )


def _in_doubt(db: Database, erp: str) -> tuple[InDoubt, ...]:
    found: list[InDoubt] = []
    # Each in the order of its index.
    for state, order in ((JobState.PARKED, "id"), (JobState.UNCERTAIN, "run_at, id")):
        rows = db.execute(
            f"SELECT invoice_id, idem_key, error_text, run_at FROM export_jobs WHERE state = '{state}' AND erp = ?"
            f" ORDER BY {order} LIMIT ?",
            (erp, NAMED),
        ).fetchall()
        found += [
            InDoubt(invoice, key, state is JobState.PARKED, cause, 0 if state is JobState.PARKED else run_at)
            for invoice, key, cause, run_at in rows
        ]
    return tuple(found[:NAMED])
