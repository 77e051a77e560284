"""The database goes away under an open desk and comes back: nothing is decided into a file that nobody will read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from hand import PROFILE, Counter, Hand, Start
from invoice_factory import make
from people import founded

from store import db as database
from store import directory, invoices, review
from store.db import Database
from store.domain.errors import StoreError
from store.domain.selection import Marked
from tui.app import DeskApp
from tui.bootstrap import Desk
from tui.screens.confirm import ConfirmExport
from tui.screens.gestures import GestureScreen

GONE = "The database is not where it was"


def place(db: Database) -> Path:
    return Path(db.url.removeprefix("sqlite:"))


def queued(db: Database) -> int:
    """By this thread's connection, which stays with the file that was opened."""
    return int(db.execute("SELECT count(*) FROM invoices WHERE erp_status = 'queued'").fetchone()[0])


def replace(db: Database, folder: Path) -> None:
    """Another company's file in the place of that one."""
    for end in ("-wal", "-shm", ""):
        Path(f"{place(db)}{end}").rename(folder / f"away.db{end}")
    other = database.create(db.url)
    founded(other)
    other.close()


async def test_a_file_that_is_moved_away_is_told_and_nothing_is_decided_until_it_is_back(
    start: Start, books: Database, tmp_path: Path
) -> None:
    async with start() as hand:
        await hand.press("space", "x")
        await hand.dialog(ConfirmExport)
        away = place(books).rename(tmp_path / "away.db")
        await hand.says(f"{GONE}, {place(books)}: the file was moved or deleted. Put it back")
        await hand.pilot.press("y")
        await hand.until(lambda: not isinstance(hand.app.screen, ConfirmExport))
        await hand.idle()
        await hand.press("j", "x")
        await hand.says(GONE)
        assert not isinstance(hand.app.screen, ConfirmExport)
        assert queued(books) == 0
        assert not place(books).exists()
        away.rename(place(books))
        await hand.says("The database is there again.")
        await hand.press("x")
        await hand.dialog(ConfirmExport)
        await hand.pilot.press("y")
        await hand.until(lambda: queued(books) == 1, "it goes on")


async def test_a_file_in_the_place_of_the_opened_one_is_neither_read_nor_written(
    start: Start, books: Database, tmp_path: Path
) -> None:
    async with start() as hand:
        replace(books, tmp_path)
        await hand.says(f"{GONE}, {place(books)}: another file has taken its place")
        await hand.press("space", "x")
        await hand.says(GONE)
        me = hand.app.desk.me
        with pytest.raises(StoreError, match="another file"):
            await books.write(review.accept, me, Marked({1: 1}), PROFILE)
        # This thread has no connection yet: one that it opened now would be to the other file.
        with pytest.raises(StoreError, match="another file"):
            await books.look(invoices.counts)
        assert queued(books) == 0
        with closing(sqlite3.connect(place(books))) as there:
            assert there.execute("SELECT count(*) FROM invoices").fetchone() == (0,)


def test_a_transaction_whose_file_goes_meanwhile_is_not_committed(books: Database, tmp_path: Path) -> None:
    def decide() -> None:
        with books.transaction():
            books.execute("UPDATE invoices SET erp_status = 'queued'")
            place(books).rename(tmp_path / "away.db")

    with pytest.raises(StoreError, match="start payapp anew"):
        decide()
    assert queued(books) == 0


@pytest.fixture
def served(postgres_url: str) -> Iterator[Database]:
    """A company on a PostgreSQL server, with two invoices."""
    opened = database.create(postgres_url)
    founded(opened)
    for n in (1, 2):
        make(opened, f"101-00{n}", application=n)
    yield opened
    opened.close()


def cut(url: str) -> int:
    """Every connection to that database is ended by its server; how many there were."""
    with psycopg.connect(url, autocommit=True) as own:
        rows = own.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchall()
    return len(rows)


async def test_connections_that_the_server_cuts_are_opened_anew(served: Database) -> None:
    worker = Counter()
    me = directory.actor(served, "jlopez")
    app = DeskApp(Desk(served, me, directory.company(served), PROFILE, worker.ensure))
    async with app.run_test(size=(80, 24)) as pilot:
        hand = Hand(app, pilot, worker)
        await hand.until(lambda: isinstance(app.screen, GestureScreen) and app.screen._counts)
        await hand.press("a")
        assert cut(served.url) >= 2
        # A call may meet its cut connection and say so; the next one has a new one.
        for _ in range(4):
            await hand.press("x")
            if isinstance(app.screen, ConfirmExport):
                break
            await hand.says("The database did not answer")
        await hand.dialog(ConfirmExport)
        cut(served.url)
        await hand.pilot.press("y")
        await hand.until(lambda: not isinstance(app.screen, ConfirmExport))
        await hand.idle()
        with psycopg.connect(served.url) as own:
            states = {row[0] for row in own.execute("SELECT erp_status FROM invoices").fetchall()}
        assert states in ({"queued"}, {"ready_to_export"})
        if states == {"ready_to_export"}:
            await hand.says("The database did not answer")
