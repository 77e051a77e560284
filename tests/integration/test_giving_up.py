"""Readings that are given up at any moment: Interrupted is all that leaves, and the loop never waits for the server."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from typing import Any

import pytest
from list_books import Line, write

from store import calls, listing, selecting, statements
from store.db import Database
from store.domain.errors import Interrupted, StoreError
from store.domain.selection import every
from store.domain.status import View
from store.invoices import SortBy
from store.listing import Order
from store.models import Invoice
from tui.screens.counting import Counting

ROUNDS = 120


def book(count: int) -> list[Line]:
    return [
        Line(
            n, "Bell", "24-101", "Tower", "1", 1, n, f"101-{n:03}", "ready_to_export", None, "USD", 100,
            "2026-10-31", False, "pm",
        )
        for n in range(1, count + 1)
    ]  # fmt: skip


def ids(db: Database) -> int:
    """All ids, a few rows at a time."""
    sql, params = statements.compiled(db, Invoice.select(Invoice.id))
    return sum(len(rows) for rows in statements.run(db, sql, params))


def listed(db: Database) -> int:
    order = Order(View.READY, "net>0", SortBy.NET)
    whole = listing.complete(db, listing.begin(db, order, 10))
    return len(listing.window(db, whole, 0, whole.count))


def totals(db: Database) -> int:
    return selecting.totals(db, every(View.READY))[0].count


async def test_in_a_storm_nothing_but_interrupted_leaves(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statements, "RUN", 5)
    monkeypatch.setattr(listing, "SMALL", 0)
    write(db, book(60))
    chance = random.Random(3)
    left = 3

    async def reads(ask: Any, reading: Any) -> None:
        nonlocal left
        for _ in range(ROUNDS):
            with contextlib.suppress(Interrupted):
                assert await ask(reading) == 60
        left -= 1

    async def strikes() -> None:
        while left:
            db.interrupt(chance.choice(("read", "count", "look")))
            await asyncio.sleep(chance.random() * 0.005)

    await asyncio.gather(reads(db.read, listed), reads(db.count, totals), reads(db.look, ids), strikes())
    assert await db.read(listed) == await db.count(totals) == await db.look(ids) == 60


# Of SQLite there is no server that could cut it.
@pytest.mark.parametrize("db_url", ["postgres"], indirect=True)
async def test_a_connection_cut_between_two_rows_is_told(db: Database) -> None:
    write(db, book(60))

    def cut(db: Database) -> None:
        pid = db.execute("SELECT pg_backend_pid()").fetchone()[0]
        sql, params = statements.compiled(db, Invoice.select(Invoice.id))
        for _ in statements.run(db, sql, params):
            asyncio.run_coroutine_threadsafe(db.write(ended, pid), loop).result()

    def ended(db: Database, pid: int) -> None:
        db.execute("SELECT pg_terminate_backend(?)", (pid,))

    loop = asyncio.get_running_loop()
    for ask in (db.read, db.count, db.look):
        with pytest.raises(StoreError):
            await ask(cut)
        assert await ask(totals) == 60


def test_giving_up_never_waits_for_a_server_that_is_slow_to_hear_it() -> None:
    hearing, heard = threading.Event(), threading.Event()
    in_time: list[bool] = []

    class Slow:
        def cancel_safe(self, *, timeout: float) -> None:
            assert timeout > 0
            hearing.set()
            in_time.append(heard.wait(5))

    under_way = calls.Calls()
    with pytest.raises(Interrupted), under_way.under_way("count", Slow()):
        under_way.interrupt("count")
        assert hearing.wait(20)
        # Another one while the first is still being told: were it to wait, nobody would go on.
        under_way.interrupt("count")
        under_way.interrupt("read")
        heard.set()
        under_way.check()
    assert in_time[0]


async def test_the_queue_of_slow_readings_goes_on_after_any_error() -> None:
    done: list[str] = []

    async def fails() -> None:
        raise KeyError

    async def works() -> None:
        done.append("works")

    told: list[str] = []
    begun: list[Any] = []
    counting = Counting({"fails": fails, "works": works}, begun.append, lambda: None, told.append)
    counting.want("fails")
    counting.want("works")
    await begun[0]()
    assert done == ["works"]
    assert "KeyError" in told[0]
    counting.want("works")
    await begun[1]()
    assert done == ["works", "works"]
