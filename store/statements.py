"""Compiled queries, so that their SQL can be told an index, and their rows as they are found.

``sql`` and ``params`` are as compiled() returns them: with the placeholders of the driver.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from typing import Any

import peewee

from store.db import Database
from store.driver_errors import CANCELLED

# So many rows of a large result are in memory at once.
RUN = 4096


def compiled(db: Database, query: peewee.BaseQuery) -> tuple[str, Sequence[Any]]:
    """The SQL of a Peewee query and its parameters, as the driver takes them: for run() and first()."""
    sql, params = db.pw.get_sql_context().sql(query).query()
    return str(sql), params


def fetch(db: Database, sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    """All the rows of a compiled query."""
    with db.translated():
        db.check()
        return list(db.pw.execute_sql(sql, params).fetchall())


def run(db: Database, sql: str, params: Sequence[Any]) -> Iterator[list[tuple[Any, ...]]]:
    """The rows of a compiled query, some thousands at a time: never all of them in memory."""
    with db.translated():
        db.check()
        if not db.postgres:
            cursor = db.pw.execute_sql(sql, params)
            while rows := cursor.fetchmany(RUN):
                db.check()
                yield rows
            return
        with db.pw.atomic(), db.pw.connection().cursor(name="payapp_run") as held:
            held.execute(sql, params)
            while rows := held.fetchmany(RUN):
                db.check()
                yield rows


def first(
    db: Database, sql: str, params: Sequence[Any], count: int, seconds: float
) -> tuple[list[tuple[Any, ...]], bool]:
    """The first rows of a compiled query that are found in so many seconds, and whether the time sufficed."""
    with db.translated():
        db.check()
        if db.postgres:
            return _first_postgres(db, sql, params, count, seconds)
        connection, until = db.pw.connection(), time.monotonic() + seconds
        found: list[tuple[Any, ...]] = []
        late = False

        def over() -> bool:
            nonlocal late
            late = time.monotonic() > until
            return late

        connection.set_progress_handler(over, 20_000)
        try:
            cursor = connection.execute(f"{sql} LIMIT {count}", params)
            while (row := cursor.fetchone()) is not None:
                found.append(row)
            cursor.close()
        except sqlite3.OperationalError:
            if not late:
                raise
            db.check()
        finally:
            connection.set_progress_handler(None, 0)
    return found, not late


def _first_postgres(
    db: Database, sql: str, params: Sequence[Any], count: int, seconds: float
) -> tuple[list[tuple[Any, ...]], bool]:
    try:
        with db.pw.atomic():
            db.pw.execute_sql(f"SET LOCAL statement_timeout = {max(1, int(seconds * 1000))}")
            found = list(db.pw.execute_sql(f"{sql} LIMIT {count}", params).fetchall())
            db.pw.execute_sql("SET LOCAL statement_timeout = 0")
    except peewee.OperationalError as error:
        if getattr(getattr(error, "orig", None), "sqlstate", None) != CANCELLED:
            raise
        db.check()
        return [], False
    return found, True
