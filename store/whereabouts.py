"""Whether the SQLite file is still where it was opened: an open connection follows its file wherever that is moved."""

from __future__ import annotations

import os
from pathlib import Path

from store.domain.errors import StoreError


class Whereabouts:
    """The file that was opened. Without it what a connection writes goes into a file that nobody will read.

    ``path`` is made absolute, for a process may change its folder; the file has to be there.
    """

    def __init__(self, path: Path) -> None:
        self._path = os.path.abspath(path)  # noqa: PTH100 - resolving links would follow them for ever after
        self._file = self._found()

    def check(self) -> None:
        """Raises StoreError while something else, or nothing, stands where the file was. Costs a few microseconds."""
        found = self._found()
        if found == self._file:
            return
        raise StoreError(
            f"The database is not where it was, {self._path}",
            why="another file has taken its place" if found else "the file was moved or deleted",
            fix="Put it back, with its -wal file, or start payapp anew; until then nothing is read or decided",
        )

    def _found(self) -> tuple[int, int] | None:
        """The file's identity; None when there is none to be seen."""
        try:
            found = os.stat(self._path)  # noqa: PTH116 - a quarter of the cost, before every call
        except OSError:
            return None
        return found.st_dev, found.st_ino
