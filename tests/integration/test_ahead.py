"""What is made ahead of its writing comes in order, ends with its own error, and is left when nobody takes it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from store.ahead import ahead
from store.db import Database


def test_it_is_made_in_another_thread_that_sees_what_was_committed(sqlite_db: Database) -> None:
    def made() -> Iterator[tuple[int, int]]:
        for _ in range(5):
            count = sqlite_db.execute("SELECT count(*) FROM parcels").fetchone()[0]
            yield threading.get_ident(), count

    with sqlite_db.transaction(), ahead(sqlite_db, made()) as items:
        found = []
        for thread, count in items:
            sqlite_db.execute("INSERT INTO parcels (erp, worker, created_at, members) VALUES ('', '', 0, 0)")
            found.append((thread != threading.get_ident(), count))
    assert found == [(True, 0)] * 5
    assert sqlite_db.execute("SELECT count(*) FROM parcels").fetchone()[0] == 5


def test_its_error_comes_where_the_next_would_and_undoes_the_transaction(sqlite_db: Database) -> None:
    def made() -> Iterator[int]:
        yield 1
        raise KeyError("gone")

    with pytest.raises(KeyError), sqlite_db.transaction(), ahead(sqlite_db, made()) as items:
        for _ in items:
            sqlite_db.execute("INSERT INTO parcels (erp, worker, created_at, members) VALUES ('', '', 0, 0)")
    assert sqlite_db.execute("SELECT count(*) FROM parcels").fetchone()[0] == 0


def test_who_leaves_early_waits_for_no_more_than_is_being_made(sqlite_db: Database) -> None:
    count = 0

    def made() -> Iterator[int]:
        nonlocal count
        while True:
            count += 1
            yield count

    with pytest.raises(ZeroDivisionError), ahead(sqlite_db, made()) as items:
        next(items)
        raise ZeroDivisionError
    assert "payapp-ahead" not in {thread.name for thread in threading.enumerate()}
    assert count < 10
