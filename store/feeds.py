"""How a process learns that anything was committed to the database, by itself or by another."""

from __future__ import annotations

import select
import sqlite3
from collections.abc import Callable
from typing import Any

CHANNEL = "payapp"


class ChangeFeed:
    """Tells whether anything was committed since the last question. Ask it from one thread only."""

    def changed(self) -> bool:
        """True once after each commit or group of commits, of this process or another.

        Raises StoreError, or the driver's error, while the database cannot be asked.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Give the connection back."""
        raise NotImplementedError


class SqliteFeed(ChangeFeed):
    """PRAGMA data_version on a connection that never writes: it does not show its own writes.

    ``check`` raises StoreError while the file is not at its place; then so does ``changed``.
    """

    def __init__(self, file: str, check: Callable[[], None]) -> None:
        self._check = check
        self._connection = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._seen = self._version()

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def changed(self) -> bool:  # noqa: D102 - as declared above
        self._check()
        seen, self._seen = self._seen, self._version()
        return seen != self._seen

    def close(self) -> None:  # noqa: D102 - as declared above
        self._connection.close()


class PostgresFeed(ChangeFeed):
    """LISTEN on a connection of its own. While the server is away it says "changed", so that whoever asks finds out."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection = self._connect()

    def _connect(self) -> Any:
        import psycopg

        connection = psycopg.connect(self._url, autocommit=True, connect_timeout=2)
        connection.execute(f"LISTEN {CHANNEL}")
        return connection

    def changed(self) -> bool:  # noqa: D102 - as declared above
        import psycopg

        try:
            if self._connection.closed:
                self._connection = self._connect()
                return True
            if not select.select([self._connection.fileno()], [], [], 0)[0]:
                return False
            return len(list(self._connection.notifies(timeout=0))) > 0
        except psycopg.Error:
            self._connection.close()
            return True

    def close(self) -> None:  # noqa: D102 - as declared above
        self._connection.close()
