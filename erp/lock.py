"""The lock that makes a worker the only one of a SQLite database, for its life (ARCHITECTURE.md, point 8)."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from store import high_water
from store.high_water import Mark


class WorkerLock:
    """An OS file lock beside the database. It goes with the process, however that ends."""

    def __init__(self, database: Path) -> None:
        self.path = high_water.lock_file(database)
        self._descriptor: int | None = None
        self._mark: Mark | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._descriptor is not None

    def acquire(self) -> bool:
        """Take the lock if nobody has it; returns whether it is held now. Raises OSError for an unwritable folder."""
        if self.held:
            return True
        # The file stays when the lock goes: removing it would let two workers lock two files of one name.
        # Others read the mark in it.
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        return True

    def write(self, mark: Mark) -> None:
        """Write down in the lock file how far the database has come, never less. Raises OSError where that cannot be."""
        if self._descriptor is not None and not (self._mark and mark.behind(self._mark)):
            os.pwrite(self._descriptor, mark.line, 0)
            self._mark = mark

    def release(self) -> None:
        """Let the next worker in."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None
