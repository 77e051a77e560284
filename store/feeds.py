"""How a process learns that anything was committed to the database, by itself or by another."""

from __future__ import annotations

import select
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
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
    """LISTEN on a connection of its own. While the server is away it says "changed", so that whoever asks finds out.

    A lost connection is made anew in a thread: a server that does not answer takes its time, and nobody waits for it.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection = self._connect()
        self._coming: Future[Any] | None = None

    def _connect(self) -> Any:
        import psycopg

        connection = psycopg.connect(self._url, autocommit=True, connect_timeout=2)
        connection.execute(f"LISTEN {CHANNEL}")
        return connection

    def changed(self) -> bool:  # noqa: D102 - as declared above
        import psycopg

        if self._connection.closed:
            self._renew()
            return True
        try:
            if not select.select([self._connection.fileno()], [], [], 0)[0]:
                return False
            return len(list(self._connection.notifies(timeout=0))) > 0
        except psycopg.Error:
            self._connection.close()
            return True

    def _renew(self) -> None:
        """Have a connection made, or take the one that was; what was committed meanwhile is not told by it."""
        if self._coming is None:
            self._coming = Future()
            Thread(target=self._make, args=(self._coming,), name="payapp-listen", daemon=True).start()
        elif self._coming.done():
            coming, self._coming = self._coming, None
            if coming.exception() is None:
                self._connection = coming.result()

    def _make(self, coming: Future[Any]) -> None:
        try:
            connection = self._connect()
        except Exception as error:  # noqa: BLE001 - whatever it was, it is tried again
            coming.set_exception(error)
        else:
            coming.set_result(connection)

    def close(self) -> None:  # noqa: D102 - as declared above
        self._connection.close()
        if self._coming is not None:
            # One that is made only now is of no use to anybody.
            self._coming.add_done_callback(_close)


def _close(coming: Future[Any]) -> None:
    if coming.exception() is None:
        coming.result().close()
