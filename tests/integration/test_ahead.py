"""What another process makes ahead of its writing comes in order, ends with its own error, and is left when nobody takes it."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from invoice_factory import make

from store import candidates
from store.ahead import Maker
from store.db import Database
from store.domain.errors import BadInput, StoreError


def counted(db: Database, most: int) -> Iterator[tuple[int, int]]:
    for _ in range(most):
        yield os.getpid(), int(db.execute("SELECT count(*) FROM parcels").fetchone()[0])


def failing(_db: Database, sentence: str) -> Iterator[int]:
    yield 1
    raise BadInput(sentence, why="so", fix="Look")


def dying(_db: Database, after: int) -> Iterator[int]:
    yield from range(after)
    os.kill(os.getpid(), signal.SIGKILL)


def here_or_dying(_db: Database, parent: int) -> Iterator[str]:
    if os.getpid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    yield "here"


def endless(_db: Database, size: int) -> Iterator[str]:
    while True:
        yield "x" * size


def write(db: Database) -> None:
    db.execute("INSERT INTO parcels (erp, worker, created_at, members) VALUES ('', '', 0, 0)")


def parcels(db: Database) -> int:
    return int(db.execute("SELECT count(*) FROM parcels").fetchone()[0])


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other process finds what these tests make."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))


def test_it_is_made_in_another_process_that_sees_what_was_committed(sqlite_db: Database) -> None:
    found = []
    with Maker[tuple[int, int]]() as maker, sqlite_db.transaction():
        maker.start()
        for process, count in maker.made(sqlite_db, counted, 5):
            write(sqlite_db)
            found.append((process != os.getpid(), count))
    assert found == [(True, 0)] * 5
    assert parcels(sqlite_db) == 5


def test_its_error_comes_where_the_next_would_and_undoes_the_transaction(sqlite_db: Database) -> None:
    with Maker[int]() as maker, pytest.raises(BadInput) as error, sqlite_db.transaction():
        for _ in maker.made(sqlite_db, failing, "no"):
            write(sqlite_db)
    assert (error.value.what, error.value.why, error.value.fix) == ("no", "so", "Look")
    assert parcels(sqlite_db) == 0


def test_the_death_of_the_process_undoes_the_transaction(sqlite_db: Database) -> None:
    with (
        Maker[int]() as maker,
        pytest.raises(StoreError, match="nothing was changed"),
        sqlite_db.transaction(),
    ):
        for _ in maker.made(sqlite_db, dying, 3):
            write(sqlite_db)
    assert parcels(sqlite_db) == 0


def test_what_can_be_made_nowhere_else_is_made_here(
    sqlite_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Maker[str]() as maker, sqlite_db.transaction():
        assert list(maker.made(sqlite_db, here_or_dying, os.getpid())) == ["here"]
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with Maker[str]() as maker, sqlite_db.transaction():
        assert list(maker.made(sqlite_db, here_or_dying, os.getpid())) == ["here"]


def test_who_leaves_early_leaves_no_process_and_no_thread(sqlite_db: Database) -> None:
    maker = Maker[str]()
    with pytest.raises(ZeroDivisionError), maker:
        assert len(next(maker.made(sqlite_db, endless, 100_000))) == 100_000
        raise ZeroDivisionError
    assert maker.ended
    for thread in threading.enumerate():
        if thread.name == "payapp-ahead":
            thread.join(5)
            assert not thread.is_alive()


def test_nothing_of_where_the_user_stands_is_run(
    sqlite_db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONPATH")
    monkeypatch.chdir(tmp_path)
    for name in ("sqlite3", "json", "store"):
        (tmp_path / f"{name}.py").write_text("open('was-run', 'w').close()\n")
    first = make(sqlite_db, "1")
    with Maker[list[candidates.Candidate]]() as maker, sqlite_db.transaction():
        second = make(sqlite_db, "2", application=2)
        [[found]] = maker.made(sqlite_db, candidates.load, [first, second])
    assert found.id == first, "it was made here, where the second is seen"
    assert not (tmp_path / "was-run").exists()
