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
    the ERP's rate limit lets the next request go then.
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
    held, pending = _waiting(db, erp, now)
    state = db.execute(
        "SELECT open_until, failures, error_text, pace_at FROM erp_state WHERE erp = ?", (erp,)
    ).fetchone()
    until, failures, cause, pace = state or (0, 0, "", 0)
    return QueueStanding(
        now=now,
        held=held,
        pending=pending,
        claimed=_count(db, erp, JobState.CLAIMED),
        uncertain=_count(db, erp, JobState.UNCERTAIN),
        parked=_count(db, erp, JobState.PARKED),
        oldest_at=_oldest(db, erp),
        booked_last_minute=_booked(db, now - MINUTE_MS),
        paused_until=until if until > now else 0,
        failures=failures,
        failure=cause,
        next_request_at=pace if pace > now else 0,
        leases=_leases(db, erp),
        in_doubt=_in_doubt(db, erp),
    )


def _waiting(db: Database, erp: str, now: int) -> tuple[int, int]:
    """How many are held back until some moment, and how many are due."""
    held = pending = 0
    for which in WAITING:
        later, due = db.execute(
            "SELECT coalesce(sum(CASE WHEN run_at > ? THEN 1 ELSE 0 END), 0),"
            f" coalesce(sum(CASE WHEN run_at > ? THEN 0 ELSE 1 END), 0) FROM export_jobs WHERE {which} AND erp = ?",
            (now, now, erp),
        ).fetchone()
        held, pending = held + int(later), pending + int(due)
    return held, pending


def _count(db: Database, erp: str, state: JobState) -> int:
    found = db.execute(f"SELECT count(*) FROM export_jobs WHERE state = '{state}' AND erp = ?", (erp,))
    return int(found.fetchone()[0])


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


def _booked(db: Database, since: int) -> int:
    newest = "SELECT at, outcome FROM export_attempts ORDER BY id DESC LIMIT ?"
    found = db.execute(
        f"SELECT count(*) FROM ({newest}) AS newest WHERE at >= ? AND outcome = 'booked'", (NEWEST, since)
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
