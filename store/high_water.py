"""How far a database has come, as its worker wrote it down outside of it: one that was put back is behind that.

The mark is one line. On SQLite it stands in the worker's lock file (erp/lock.py), written before each parcel is sent; on
PostgreSQL in a file of each worker's machine, written with its heartbeat. So a copy from before, put in the database's
place, does not bring its own along.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from store.db import Database

_WORD = "payapp-mark"
# Longer than any mark: a later one covers an earlier one whole.
_WIDTH = 120
_LATEST = (
    "SELECT coalesce((SELECT max(id) FROM epochs), 0),"
    " coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'export_attempts'), 0),"
    " coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'export_jobs'), 0),"
    " (SELECT event_id FROM audit_head)"
)
_LATEST_POSTGRES = (
    "SELECT coalesce((SELECT max(id) FROM epochs), 0), coalesce((SELECT max(id) FROM export_attempts), 0),"
    " coalesce((SELECT max(id) FROM export_jobs), 0), (SELECT event_id FROM audit_head)"
)


@dataclass(frozen=True, slots=True)
class Mark:
    """The greatest ids that were committed: the epoch, and in it attempts, jobs and audit events."""

    epoch: int
    attempts: int
    jobs: int
    events: int

    def behind(self, other: Mark) -> bool:
        """Whether a database that has come this far is older than one that came as far as ``other``."""
        if self.epoch != other.epoch:
            return self.epoch < other.epoch
        return self.attempts < other.attempts or self.jobs < other.jobs or self.events < other.events

    @property
    def line(self) -> bytes:
        """As it is written into the lock file, always of one length."""
        numbers = f"{self.epoch} {self.attempts} {self.jobs} {self.events}"
        return f"{_WORD} {numbers}".ljust(_WIDTH - 1).encode() + b"\n"


def lock_file(database: Path) -> Path:
    """The worker's lock file of this SQLite database, by its real name: two names of one database are one lock."""
    real = database.resolve()
    return real.with_name(real.name + ".worker.lock")


def of(db: Database) -> Mark:
    """How far this database has come."""
    return Mark(*db.execute(_LATEST_POSTGRES if db.postgres else _LATEST).fetchone())


def written(db: Database) -> Mark | None:
    """The mark that a worker has written for this database; None where none is here that can be read."""
    try:
        words = _file(db).read_text(encoding="ascii").split()
        if words[:1] != [_WORD]:
            return None
        return Mark(*map(int, words[1:]))
    except (OSError, ValueError, TypeError):
        return None


def write(db: Database) -> None:
    """Write down how far this PostgreSQL database has come, among what this user's programs keep on this machine.

    Never less than is written there. Raises OSError where nothing can be kept. An SQLite database's mark is written by
    who holds its lock.
    """
    known, mark, file = written(db), of(db), _file(db)
    if known is not None and mark.behind(known):
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.pwrite(descriptor, mark.line, 0)
    finally:
        os.close(descriptor)


def _file(db: Database) -> Path:
    if not db.postgres:
        return lock_file(Path(db.pw.database))
    # A snapshot of the server that is started again, anywhere, is the same one by this.
    number = db.execute("SELECT oid::bigint FROM pg_database WHERE datname = current_database()").fetchone()[
        0
    ]
    allowed = db.execute("SELECT has_function_privilege('pg_control_system()', 'execute')").fetchone()[0]
    system = "unknown"
    if allowed:
        system = db.execute("SELECT system_identifier FROM pg_control_system()").fetchone()[0]
    return platformdirs.user_state_path("payapp") / f"{system}-{number}.mark"
