"""The lock that makes a worker the only one of a SQLite database, for its life (ARCHITECTURE.md, point 8)."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from store import high_water
from store.domain.errors import PayappError
from store.high_water import Mark


class LockLostError(PayappError):
    """The lock file was removed or replaced: another worker may hold the one that is there now."""

    title = "Worker"


class WorkerLock:
    """An OS file lock beside the database. It goes with the process, however that ends."""

    def __init__(self, database: Path) -> None:
        self.path = high_water.lock_file(database)
        self._descriptor: int | None = None
        self._mark: Mark | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock, on the file that is at its place now: no other can."""
        return self._descriptor is not None and self._in_place(self._descriptor)

    @property
    def lost(self) -> bool:
        """Whether it was taken, and its file is gone or another one: whoever locks that is not kept out."""
        return self._descriptor is not None and not self._in_place(self._descriptor)

    def acquire(self) -> bool:
        """Take the lock if nobody has it; returns whether it is held now. Raises OSError for an unwritable folder."""
        if self._descriptor is not None:
            return self.held
        # The file stays when the lock goes: removing it would let two workers lock two files of one name.
        # Others read the mark in it.
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Somebody may have removed it in between all the same.
            taken = self._in_place(descriptor)
        except BlockingIOError:
            taken = False
        except BaseException:
            os.close(descriptor)
            raise
        if taken:
            self._descriptor = descriptor
        else:
            os.close(descriptor)
        return taken

    def write(self, mark: Mark) -> None:
        """Write down in the lock file how far the database has come, never less.

        Raises OSError where that cannot be, and as require() does.
        """
        self.require()
        if self._descriptor is not None and not (self._mark and mark.behind(self._mark)):
            os.pwrite(self._descriptor, mark.line, 0)
            self._mark = mark

    def require(self) -> None:
        """Raise LockLostError where the lock was taken and its file is not at its place any more."""
        if self.lost:
            raise LockLostError(
                "This worker has lost its lock",
                why=f"{self.path.name} was removed or replaced, so another worker may have taken it",
                fix="Leave that file where it is, and start the worker again",
            )

    def release(self) -> None:
        """Let the next worker in."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None

    def _in_place(self, descriptor: int) -> bool:
        """Whether the open file is the one that the path names."""
        try:
            return os.path.samestat(os.fstat(descriptor), self.path.stat())
        except OSError:
            return False
