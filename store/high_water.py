"""How far an SQLite database has come, as its worker wrote it down beside it: one that was put back is behind that.

The mark is one line in the worker's lock file (erp/lock.py). It stands outside the database, so that a copy from before,
put in the database's place, does not bring its own along.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

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
    """How far this SQLite database has come."""
    return Mark(*db.execute(_LATEST).fetchone())


def written(db: Database) -> Mark | None:
    """The mark beside this SQLite database; None where no worker has written one that can be read."""
    try:
        words = lock_file(Path(db.pw.database)).read_text(encoding="ascii").split()
        if words[:1] != [_WORD]:
            return None
        return Mark(*map(int, words[1:]))
    except (OSError, ValueError, TypeError):
        return None
