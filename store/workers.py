"""Workers: who is alive, for the desk that starts one when nobody is, and for status."""

from __future__ import annotations

from dataclasses import dataclass

from store.db import Database, outgrown

# A worker whose last heartbeat is older is taken for dead by the desk (never by the export protocol).
ALIVE_MS = 5_000


@dataclass(frozen=True, slots=True)
class WorkerSeen:
    """One worker; moments in milliseconds UTC of the database's clock. ``version`` is its program's."""

    id: str
    host: str
    pid: int
    started_at: int
    heartbeat_at: int
    version: str
    erp: str
    alive: bool


def register(db: Database, worker: str, host: str, pid: int, *, version: str = "", erp: str = "") -> None:
    """A worker starts; its id is a fresh uuid per process."""
    with db.transaction():
        now = db.now()
        db.execute(
            "INSERT INTO workers (id, host, pid, started_at, heartbeat_at, version, erp) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (worker, host, pid, now, now, version, erp),
        )


def beat(db: Database, worker: str) -> bool:
    """The worker is alive; returns whether its program still is of the database's schema.

    One statement, no transaction: a heartbeat is no news that wakes desks by NOTIFY.
    """
    db.execute("UPDATE workers SET heartbeat_at = ? WHERE id = ?", (db.now(), worker))
    return not outgrown(db)


def stopped(db: Database, worker: str) -> None:
    """The worker has given back what it held, and ends."""
    with db.transaction():
        db.execute("UPDATE workers SET stopped_at = ? WHERE id = ?", (db.now(), worker))


def seen(db: Database) -> list[WorkerSeen]:
    """Workers that have not said that they stopped, newest first."""
    now = db.now()
    found = db.execute(
        "SELECT id, host, pid, started_at, heartbeat_at, version, erp FROM workers WHERE stopped_at IS NULL"
        " ORDER BY started_at DESC"
    ).fetchall()
    return [
        WorkerSeen(worker, host, pid, started, beat, version, erp, alive=now - beat <= ALIVE_MS)
        for worker, host, pid, started, beat, version, erp in found
    ]


def any_alive(db: Database) -> bool:
    """Whether a worker has given a sign of life in the last five seconds."""
    return any(worker.alive for worker in seen(db))
