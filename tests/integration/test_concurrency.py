"""Two desks decide on one invoice at the same moment, on a real PostgreSQL: one decision stands, whole.

On SQLite the write lock of the first one's transaction makes the second wait from its first statement on.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import permutations
from typing import Any
from unittest.mock import patch

import psycopg
import pytest
from invoice_factory import make, state, version
from people import founded

from erp import profiles
from store import candidates, commitments, directory, holding_on, outbox, review
from store import db as database
from store.commitments import LineEdit
from store.db import Database
from store.decision import Decision
from store.domain.errors import Blocked, Changed, Disallowed, PayappError
from store.domain.hold import HoldScope
from store.domain.outcome import Booked
from store.domain.selection import Marked
from store.domain.status import OPEN_JOBS, Status

PROFILE = profiles.load("sandbox")
Decide = Callable[[Database, int], Any]


def marked(db: Database, number: int) -> Marked:
    return Marked({number: version(db, number)})


def accept(db: Database, number: int) -> Any:
    return review.accept(db, directory.actor(db, "jlopez"), marked(db, number), PROFILE)


def retry(db: Database, number: int) -> Any:
    return review.retry(db, directory.actor(db, "jlopez"), marked(db, number), PROFILE)


def reject(db: Database, number: int) -> Any:
    return review.reject(db, directory.actor(db, "jlopez"), marked(db, number), "wrong")


def retrieve(db: Database, number: int) -> Any:
    return review.retrieve(db, directory.actor(db, "mgarcia"), marked(db, number))


def values(db: Database, number: int) -> Any:
    return review.set_export_values(
        db, directory.actor(db, "jlopez"), marked(db, number), erp_number="OTHER-9"
    )


def export(db: Database, number: int) -> None:
    """Accept, and play the worker to the end."""
    accept(db, number)
    jobs = outbox.fence(db, "w", outbox.claim(db, "sandbox", "w", limit=9, lease_ms=60_000, concurrency=1))
    outbox.acknowledge(db, "w", "sandbox", [(j, Booked(j.key, "BILL-1")) for j in jobs], settle_ms=1)


def send(db: Database, number: int) -> Any:
    return review.send(db, directory.actor(db, "mgarcia"), marked(db, number))


def edit(db: Database, number: int) -> Any:
    change = LineEdit(1, 50_000, 0, 5_000, 0)
    return commitments.edit(db, directory.actor(db, "mgarcia"), number, version(db, number), lines=[change])


def status(db: Database, number: int) -> Any:
    return commitments.set_status(
        db, directory.actor(db, "mgarcia"), marked(db, number), Status.REVISE_AND_RESUBMIT
    )


@pytest.fixture
def desks(postgres_url: str) -> Iterator[tuple[Database, Database]]:
    first = database.create(postgres_url)
    founded(first)
    second = database.open(postgres_url)
    yield first, second
    second.close()
    first.close()


def facts(db: Database, number: int) -> tuple[Any, ...]:
    """All of the invoice and its jobs, but for the moments."""
    row = db.execute(
        "SELECT erp_status, status, outcome, gross, origin_id, erp_number, version FROM invoices WHERE id = ?",
        (number,),
    ).fetchone()
    jobs = db.execute(
        "SELECT state, revision FROM export_jobs WHERE invoice_id = ? ORDER BY id", (number,)
    ).fetchall()
    return (*row, *jobs)


def collide(
    desks: tuple[Database, Database], first: Decide, second: Decide, number: int
) -> PayappError | None:
    """Run ``first`` up to its write of invoices, then ``second`` whole, then the rest; what refused ``first``."""
    mine, other = desks
    reached, go = threading.Event(), threading.Event()
    plain: dict[str, Callable[..., Any]] = {"execute": mine.execute, "executemany": mine.executemany}
    refused: list[PayappError] = []

    def paused(name: str) -> Callable[..., Any]:
        def writing(sql: str, *args: Any) -> Any:
            if sql.startswith("UPDATE invoices"):
                reached.set()
                assert go.wait(20)
            return plain[name](sql, *args)

        return writing

    def run() -> None:
        try:
            first(mine, number)
        except PayappError as error:
            refused.append(error)
        finally:
            reached.set()
            mine.pw.close()

    thread = threading.Thread(target=run)
    with (
        patch.object(mine, "execute", paused("execute")),
        patch.object(mine, "executemany", paused("executemany")),
    ):
        thread.start()
        assert reached.wait(20)
        second(other, number)
        stands = facts(other, number)
        go.set()
        thread.join(20)
    assert not thread.is_alive()
    assert facts(other, number) == stands, "the first one's decision came over the second one's"
    return refused[0] if refused else None


@pytest.mark.parametrize(
    ("first", "second"),
    [p for p in permutations([accept, reject, retrieve, values, export], 2) if p[0] is not export],
)
def test_one_decision_stands_in_erp_integrations(
    desks: tuple[Database, Database], first: Decide, second: Decide
) -> None:
    number = make(desks[0])
    assert isinstance(collide(desks, first, second, number), Changed)
    is_open = (
        desks[0]
        .execute(
            f"SELECT count(*) FROM export_jobs WHERE state IN ({', '.join(repr(s.value) for s in OPEN_JOBS)})"
        )
        .fetchone()[0]
    )
    assert is_open == (state(desks[0], number) == "queued")


def hold_vendor(db: Database, _number: int) -> Any:
    apex = holding_on.named(db, HoldScope.VENDOR, "APEX")
    return holding_on.place(db, directory.actor(db, "jlopez"), [apex], "insurance lapsed")


@pytest.mark.parametrize(("first", "second"), permutations([accept, hold_vendor], 2))
def test_nothing_is_exported_past_a_vendors_hold_of_the_same_moment(
    desks: tuple[Database, Database], first: Decide, second: Decide
) -> None:
    number = make(desks[0])
    assert isinstance(collide(desks, first, second, number), Changed)
    if second is hold_vendor:
        with pytest.raises(Blocked, match="Its vendor is on hold"):
            accept(desks[0], number)
    else:
        assert hold_vendor(desks[0], number).recalled == (number,)


def test_what_comes_in_while_its_vendor_is_held_is_flagged(desks: tuple[Database, Database]) -> None:
    mine, other = desks
    make(mine)
    with mine.transaction():
        mine.execute(
            "INSERT INTO invoices (uuid, source, source_id, commitment_id, project_id, vendor_id, application, number,"
            " period_start, period_end, billing_date, status, currency, gross, retainage, net, completed,"
            " retainage_to_date, created_at, updated_at, place) SELECT 'x', 'x', 'x', commitment_id, project_id, vendor_id,"
            " 2, 'LATE', period_start, period_end, billing_date, status, currency, gross, retainage, net, completed,"
            " retainage_to_date, created_at, updated_at, place FROM invoices"
        )
        thread = threading.Thread(target=lambda: (hold_vendor(other, 0), other.pw.close()))
        thread.start()
        with psycopg.connect(mine.url, autocommit=True) as looking:
            while thread.is_alive() and not waits(looking):
                pass
        assert thread.is_alive(), "the hold did not wait for what comes in"
    thread.join(20)
    assert mine.execute("SELECT count(*) FROM invoices WHERE held").fetchone() == (2,)


@pytest.mark.parametrize(("first", "second"), permutations([retry, reject, values], 2))
def test_one_decision_stands_over_a_failed_invoice(
    desks: tuple[Database, Database], first: Decide, second: Decide
) -> None:
    number = make(desks[0], erp_status="failed_to_export")
    assert isinstance(collide(desks, first, second, number), Changed)


@pytest.mark.parametrize(("first", "second"), permutations([send, edit, status], 2))
def test_one_decision_stands_in_commitments(
    desks: tuple[Database, Database], first: Decide, second: Decide
) -> None:
    number = make(desks[0], erp_status="not_sent")
    assert isinstance(collide(desks, first, second, number), Changed)


def test_a_recall_and_a_fence_at_the_same_moment_are_one_after_the_other(
    desks: tuple[Database, Database],
) -> None:
    number = make(desks[0])
    accept(desks[0], number)
    jobs = outbox.claim(desks[0], "sandbox", "w", limit=9, lease_ms=60_000, concurrency=1)
    version_seen = marked(desks[0], number)
    begun: list[Any] = []

    def recall(db: Database, _number: int) -> Any:
        return review.recall(db, directory.actor(db, "jlopez"), version_seen)

    def fence() -> None:
        begun.extend(outbox.fence(desks[1], "w", jobs))
        desks[1].pw.close()

    # The fence waits for the recall's lock on the job, and finds it cancelled.
    mine = desks[0]
    plain = mine.executemany
    thread = threading.Thread(target=fence)

    def paused(*args: Any) -> int:
        if not thread.ident:
            thread.start()
        return plain(*args)

    with patch.object(mine, "executemany", paused):
        recall(mine, number)
    thread.join(20)
    assert begun == []
    assert state(mine, number) == "ready_to_export"
    with pytest.raises(Disallowed):
        review.recall(mine, directory.actor(mine, "jlopez"), marked(mine, number))


def waits(connection: psycopg.Connection[Any]) -> bool:
    """Whether another one waits for a lock in this database."""
    found = connection.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    ).fetchone()
    return found is not None and found[0] > 0


@pytest.mark.parametrize("decide", [review.recall, partial(review.reject, reason="wrong")])
def test_a_decision_on_several_jobs_takes_them_in_the_order_in_which_everybody_does(
    desks: tuple[Database, Database], monkeypatch: pytest.MonkeyPatch, decide: Callable[..., Decision]
) -> None:
    mine, other = desks
    monkeypatch.setattr(candidates, "CHUNK", 1)
    ids = [make(mine), make(mine, "101-002", application=2)]
    # The later invoice has the earlier job.
    for number in reversed(ids):
        accept(mine, number)
    both = Marked({number: version(mine, number) for number in ids})
    juan = directory.actor(mine, "jlopez")

    def decided() -> Decision:
        with contextlib.closing(mine.pw):
            return decide(mine, juan, both)

    with ThreadPoolExecutor(1) as pool:
        with other.transaction():
            lock = "SELECT id FROM export_jobs WHERE invoice_id = ? FOR UPDATE"
            other.execute(lock, (ids[1],))
            decision = pool.submit(decided)
            with psycopg.connect(other.url, autocommit=True) as watch:
                while not waits(watch) and not decision.done():
                    pass
            other.execute(lock, (ids[0],))
        assert decision.result().done == tuple(ids)
