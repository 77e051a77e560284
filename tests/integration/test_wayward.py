"""The worker at an ERP, a connector and a clock that do everything wrong: nothing is sent twice, nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from export_case import make_bill, queue_jobs, states, statuses

from erp import worker as worker_module
from erp.connectors import sandbox
from erp.connectors.sandbox import Sandbox, SandboxSettings
from erp.worker import Worker, WorkerSettings
from store import outbox
from store.db import Database
from store.domain.bill import Bill
from store.domain.errors import StoreError
from store.domain.outcome import Booked, Refused
from store.domain.profile import Profile

SETTINGS = WorkerSettings(lease=6.0, poll=0.02)
Mood = Callable[[Sequence[Bill]], Awaitable[Any]]


class Wayward(Sandbox):
    """The sandbox; ``mood`` comes first, and what it returns is the reply instead. Counts every bill that is posted."""

    def __init__(self, books: Path, profile: Profile, mood: Mood) -> None:
        super().__init__(SandboxSettings(str(books), seconds_per_bill=0.0), profile)
        self.mood = mood
        self.posted: list[str] = []

    async def post(self, bills: Sequence[Bill]) -> Any:
        self.posted += [bill.key for bill in bills]
        replied = await self.mood(bills)
        return await super().post(bills) if replied is None else replied


def once(mood: Mood) -> Mood:
    """The mood for the first parcel alone."""
    parcels: list[None] = []

    async def first(bills: Sequence[Bill]) -> Any:
        parcels.append(None)
        return await mood(bills) if len(parcels) == 1 else None

    return first


async def finish(db: Database, connector: Sandbox, settings: WorkerSettings = SETTINGS) -> None:
    async with asyncio.timeout(60):
        await Worker(db, connector, None, settings).run(asyncio.Event(), until_idle=True)


def queued(db: Database, count: int) -> list[Bill]:
    bills = [make_bill(n) for n in range(1, count + 1)]
    queue_jobs(db, bills)
    return bills


def assert_each_once(db: Database, books: Path, bills: list[Bill]) -> None:
    assert statuses(db) == {"synced": len(bills)}
    rows = sandbox.ledger(books)
    assert sorted(row.key for row in rows) == sorted(bill.key for bill in bills)
    references = {row.key.rpartition(":")[0]: row.ref for row in rows}
    assert dict(db.execute("SELECT uuid, origin_id FROM invoices").fetchall()) == references


# -- the connector ---------------------------------------------------------------------------------------------


async def raises(_: Sequence[Bill]) -> Any:
    raise RuntimeError("a defect \x1b[2J of the connector")


async def hangs(_: Sequence[Bill]) -> Any:
    await asyncio.Event().wait()


async def says_nothing(_: Sequence[Bill]) -> Any:
    return []


async def says_garbage(_: Sequence[Bill]) -> Any:
    return [None, 7, "booked", {"key": make_bill(1).key}]


async def answers_for_another(bills: Sequence[Bill]) -> Any:
    """The parcel has the first two; the third waits in the queue, and the last is nobody's."""
    assert len(bills) == 2
    return [Booked(make_bill(3).key, "STRAY"), Booked("nobody:1", "STRAY")]


async def says_two_things(bills: Sequence[Bill]) -> Any:
    return [said for bill in bills for said in (Booked(bill.key, "A"), Booked(bill.key, "B"))]


async def books_and_refuses(bills: Sequence[Bill]) -> Any:
    return [said for bill in bills for said in (Booked(bill.key, "A"), Refused(bill.key, "no", "no", "no"))]


@pytest.mark.parametrize(
    "mood",
    [raises, hangs, says_nothing, says_garbage, answers_for_another, says_two_things, books_and_refuses],
    ids=lambda mood: mood.__name__,
)
async def test_a_reply_that_proves_nothing_is_looked_up(
    db: Database, books: Path, quick: Profile, mood: Mood
) -> None:
    bills = queued(db, 3)
    connector = Wayward(books, msgspec.structs.replace(quick, parcel=2, timeout=1.0), once(mood))
    await finish(db, connector)
    assert_each_once(db, books, bills)
    # The first two were never in the ERP: asked for, missing, and sent again with their keys; the third went once.
    assert sorted(connector.posted) == sorted([bill.key for bill in bills] + [b.key for b in bills[:2]])


async def test_a_reply_that_proves_nothing_of_what_was_booked_is_found(
    db: Database, books: Path, quick: Profile
) -> None:
    bills = queued(db, 3)
    connector = Wayward(books, quick, once(says_nothing))

    async def books_first(sent: Sequence[Bill]) -> Any:
        await Sandbox.post(connector, sent)
        return [Booked("nobody:1", "STRAY")]

    connector.mood = once(books_first)
    await finish(db, connector)
    assert_each_once(db, books, bills)
    assert sorted(connector.posted) == sorted(bill.key for bill in bills)


async def test_an_invoice_that_was_changed_by_hand_while_it_was_sent_is_for_a_person(
    db: Database, books: Path, quick: Profile
) -> None:
    bills = queued(db, 2)

    async def somebody(_: Sequence[Bill]) -> None:
        await db.write(
            lambda db: db.execute("UPDATE invoices SET erp_status = 'ready_to_export' WHERE number = '00001'")
        )

    connector = Wayward(books, quick, once(somebody))
    await finish(db, connector)
    assert states(db) == {"parked": 1, "done": 1}
    assert sorted(connector.posted) == sorted(bill.key for bill in bills)


# -- the worker ------------------------------------------------------------------------------------------------


async def test_a_lease_that_cannot_be_extended_stops_the_next_fence(
    db: Database, books: Path, quick: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    bills = queued(db, 4)
    monkeypatch.setattr(worker_module, "BEAT_AT_MOST", 0.02)
    extend, turn, acknowledge = outbox.extend, outbox.turn, outbox.acknowledge
    failures = [0]
    writes: list[str] = []

    def cannot(*args: Any) -> None:
        if not writes:
            failures[0] += 1
            raise StoreError("The database did not answer")
        extend(*args)

    def turned(*args: Any, **kwargs: Any) -> Any:
        writes.append("turn")
        return turn(*args, **kwargs)

    def acknowledged(*args: Any, **kwargs: Any) -> Any:
        writes.append("acknowledge")
        return acknowledge(*args, **kwargs)

    async def until_it_failed(_: Sequence[Bill]) -> None:
        # The second time, the worker has heard of the first.
        while failures[0] < 2:  # noqa: ASYNC110 - the heartbeat's thread counts
            await asyncio.sleep(0.005)

    monkeypatch.setattr(outbox, "extend", cannot)
    monkeypatch.setattr(outbox, "turn", turned)
    monkeypatch.setattr(outbox, "acknowledge", acknowledged)
    patient = msgspec.structs.replace(quick, parcel=2, timeout=2.5)
    await finish(db, Wayward(books, patient, once(until_it_failed)))
    assert writes[0] == "acknowledge"
    assert_each_once(db, books, bills)


async def test_a_fence_that_took_longer_than_the_lease_bears_is_not_sent_on(
    db: Database, books: Path, quick: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    bills = queued(db, 2)
    begin, skew = outbox.begin, [0.0]

    def late(*args: Any, **kwargs: Any) -> Any:
        found = begin(*args, **kwargs)
        if found[0] and not skew[0]:
            skew[0] = SETTINGS.lease
        return found

    monkeypatch.setattr(outbox, "begin", late)
    monkeypatch.setattr(
        "erp.exporting.Exporting._clock", staticmethod(lambda: asyncio.get_running_loop().time() + skew[0])
    )

    async def as_usual(_: Sequence[Bill]) -> None:
        return None

    connector = Wayward(books, quick, as_usual)
    async with asyncio.timeout(60):
        stop = asyncio.Event()
        running = asyncio.create_task(Worker(db, connector, None, SETTINGS).run(stop))
        while not skew[0]:  # noqa: ASYNC110 - the writing thread makes it true
            await asyncio.sleep(0.01)
        assert connector.posted == []
        db.execute("UPDATE export_jobs SET lease_until = 1")
        while states(db) != {"done": 2}:  # noqa: ASYNC110 - likewise
            await asyncio.sleep(0.01)
        stop.set()
        await running
    assert_each_once(db, books, bills)
    assert sorted(connector.posted) == sorted(bill.key for bill in bills)


# -- the clock -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [3_600_000, -3_600_000])
async def test_a_clock_that_steps_while_a_parcel_is_out_sends_nothing_twice(
    sqlite_db: Database, books: Path, quick: Profile, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    skew = [0]
    right = Database.now
    monkeypatch.setattr(Database, "now", lambda db: right(db) + skew[0])
    bills = queued(sqlite_db, 4)
    # Every heartbeat sees the new time.
    monkeypatch.setattr(worker_module, "BEAT_AT_MOST", 0.02)

    async def steps(_: Sequence[Bill]) -> None:
        skew[0] += step
        await asyncio.sleep(0.2)

    connector = Wayward(books, msgspec.structs.replace(quick, parcel=2), once(steps))
    if step < 0:
        # What waits for a moment of the clock before it was put back must not wait for it to come again.
        sqlite_db.execute("UPDATE export_jobs SET run_at = 0")
    await finish(sqlite_db, connector)
    assert_each_once(sqlite_db, books, bills)
    assert sorted(connector.posted) == sorted(bill.key for bill in bills)


@pytest.mark.parametrize("step", [3_600_000, -3_600_000])
async def test_a_clock_that_steps_between_a_lost_reply_and_its_look_up_sends_nothing_twice(
    sqlite_db: Database, books: Path, quick: Profile, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    skew = [0]
    right = Database.now
    monkeypatch.setattr(Database, "now", lambda db: right(db) + skew[0])
    bills = queued(sqlite_db, 2)
    connector = Wayward(books, quick, once(says_nothing))

    async def books_and_steps(sent: Sequence[Bill]) -> Any:
        await Sandbox.post(connector, sent)
        raise ConnectionResetError

    connector.mood = once(books_and_steps)
    async with asyncio.timeout(60):
        stop = asyncio.Event()
        running = asyncio.create_task(Worker(sqlite_db, connector, None, SETTINGS).run(stop))
        while "uncertain" not in states(sqlite_db) and "done" not in states(sqlite_db):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        skew[0] = step
        # A moment of the time before is not waited for: settle is counted from when the sending began.
        sqlite_db.execute("UPDATE export_jobs SET run_at = 0 WHERE state = 'uncertain'")
        while states(sqlite_db) != {"done": 2}:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        stop.set()
        await running
    assert_each_once(sqlite_db, books, bills)
    assert sorted(connector.posted) == sorted(bill.key for bill in bills)
