"""Whose turn it is to write: SQLite's lock is looked for often, and had soon after it is free."""

from __future__ import annotations

import contextlib
import time

import peewee

# How often the lock is looked for, in seconds. SQLite's own waiting sleeps longer and longer, up to 0.1, while those
# who come and go quickly take the lock.
LOOK = 0.001


def in_turn(pw: peewee.Database, begun: contextlib.ExitStack) -> None:
    """Begin a transaction that ends with the stack; waits as long as the connection does for any lock."""
    if not isinstance(pw, peewee.SqliteDatabase):
        begun.enter_context(pw.atomic())
        return
    most = int(pw.execute_sql("PRAGMA busy_timeout").fetchone()[0])
    until = time.monotonic() + most / 1000
    pw.execute_sql("PRAGMA busy_timeout = 0")
    try:
        while not _begun(pw, begun, last=time.monotonic() >= until):
            time.sleep(LOOK)
    finally:
        pw.execute_sql(f"PRAGMA busy_timeout = {most}")


def _begun(pw: peewee.Database, begun: contextlib.ExitStack, *, last: bool) -> bool:
    """Whether the lock was free; when it is the last look its error is raised."""
    try:
        begun.enter_context(pw.atomic())
    except peewee.OperationalError as error:
        if last or "locked" not in str(error):
            raise
        return False
    return True
