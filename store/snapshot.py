"""One moment of the books: what is read in it belongs together, whatever others commit meanwhile."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from store.db import Database


@contextlib.contextmanager
def snapshot(db: Database) -> Iterator[None]:
    """Every statement until the end of the block sees the same state of the database. It keeps nobody from writing.

    For reading alone; PostgreSQL refuses a write in it. Inside a transaction it is a part of that.
    """
    if db.pw.in_transaction():
        yield
        return
    with db.translated():
        if db.postgres:
            with db.pw.atomic():
                db.pw.execute_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                yield
        else:
            with db.pw.atomic("DEFERRED"):
                yield
