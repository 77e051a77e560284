"""What an ERP bears, on both databases and across workers: the breaker's one probe, the pace, the concurrency."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from export_case import make_bill, queue_jobs, states

from erp import profiles
from store import db as database
from store import due, lookup, outbox
from store.db import Database
from store.domain.outcome import Booked, Later, Missing, PostOutcome, Refused, Split, Unknown
from store.job import Job

LEASE = 60_000
WORKERS = 6


def begin(db: Database, worker: str = "w1", **bears: Any) -> list[Job]:
    given = {"limit": 2, "lease_ms": LEASE, "concurrency": 1, **bears}
    return outbox.begin(db, "sandbox", worker, **given)[1]


def ask(db: Database, worker: str = "w1", **bears: Any) -> list[Job]:
    return lookup.claim_lookups(db, "sandbox", worker, **{"limit": 5, "lease_ms": LEASE, **bears})


def end(db: Database, jobs: list[Job], outcome: type[Any], worker: str = "w1") -> None:
    said: dict[type[Any], tuple[str, ...]] = {
        Booked: ("R",),
        Refused: ("period.closed", "it is closed", "another date"),
    }
    results: list[tuple[Job, PostOutcome]] = [
        (job, outcome(job.key, *said.get(outcome, ("503",)))) for job in jobs
    ]
    outbox.acknowledge(db, worker, "sandbox", results, settle_ms=0)


def queued(db: Database, count: int) -> None:
    queue_jobs(db, [make_bill(n) for n in range(1, count + 1)])


def state(db: Database, columns: str) -> tuple[Any, ...]:
    return tuple(db.execute(f"SELECT {columns} FROM erp_state").fetchone())


def passed(db: Database) -> None:
    """Let every waiting time be over, and the pause, and the pace."""
    db.execute("UPDATE export_jobs SET run_at = 0")
    db.execute("UPDATE erp_state SET open_until = 0, pace_at = 0")


def silent(db: Database) -> None:
    """The ERP has not answered so often that it is paused, and that pause is over."""
    for _ in range(outbox.BREAKER_AFTER):
        end(db, begin(db), Later)
        passed(db)


# -- the breaker -----------------------------------------------------------------------------------------------


def test_one_worker_alone_probes_and_the_row_says_which(db: Database) -> None:
    queued(db, 6)
    silent(db)
    [probe] = begin(db)
    assert state(db, "probe") == (f"parcel {probe.parcel}",)
    assert db.now() < state(db, "probe_until")[0] <= db.now() + LEASE
    assert begin(db, "w2", concurrency=9) == []
    end(db, [probe], Booked)
    assert state(db, "failures, open_until, probe, probe_until, error_text") == (0, 0, "", 0, "")
    assert len(begin(db, "w2")) == 2


@pytest.mark.parametrize("outcome", [Refused, Split])
def test_a_refusal_is_an_answer(db: Database, outcome: type[Any]) -> None:
    queued(db, 6)
    silent(db)
    end(db, begin(db), outcome)
    assert state(db, "failures, open_until, probe") == (0, 0, "")


@pytest.mark.parametrize("outcome", [Later, Unknown])
def test_a_probe_that_is_not_answered_pauses_again(db: Database, outcome: type[Any]) -> None:
    queued(db, 6)
    silent(db)
    end(db, begin(db), outcome)
    failures, until, probe, error = state(db, "failures, open_until, probe, error_text")
    assert (failures, probe, error) == (outbox.BREAKER_AFTER + 1, "", "503")
    assert until > db.now()
    assert begin(db, "w2") == []


def test_a_probe_that_asked_nothing_says_nothing(db: Database) -> None:
    queued(db, 6)
    silent(db)
    [job] = begin(db)
    stray: PostOutcome = Refused(job.key, "payload.changed", "it was changed", "look", asked=False)
    outbox.acknowledge(db, "w1", "sandbox", [(job, stray)], settle_ms=0)
    assert state(db, "failures, probe") == (outbox.BREAKER_AFTER, "")
    assert len(begin(db, "w2")) == 1


def test_a_probe_whose_worker_died_is_followed_by_another(db: Database) -> None:
    queued(db, 6)
    silent(db)
    [lost] = begin(db)
    db.execute("UPDATE export_jobs SET lease_until = 1 WHERE id = ?", (lost.id,))
    outbox.expire(db, settle_ms=60_000)
    assert begin(db, "w2") == []
    db.execute("UPDATE erp_state SET probe_until = 1")
    assert len(begin(db, "w2")) == 1


def test_what_began_before_the_pause_does_not_lengthen_it_and_its_answer_ends_it(db: Database) -> None:
    queued(db, 12)
    parcels = [begin(db, f"w{n}", concurrency=5) for n in range(5)]
    for n in range(4):
        end(db, parcels[n], Later, f"w{n}")
    failures, until = state(db, "failures, open_until")
    assert failures == outbox.BREAKER_AFTER
    assert db.now() < until <= db.now() + 8_000
    end(db, parcels[4], Booked, "w4")
    assert state(db, "failures, open_until") == (0, 0)


def test_a_late_reply_says_nothing_of_the_erp_now(db: Database) -> None:
    queued(db, 6)
    old = begin(db, "w0")
    db.execute("UPDATE export_jobs SET lease_until = 1 WHERE worker = 'w0'")
    outbox.expire(db, settle_ms=60_000)
    silent(db)
    end(db, old, Booked, "w0")
    assert state(db, "failures") == (outbox.BREAKER_AFTER,)


def uncertain(db: Database, count: int) -> None:
    """So many whose reply was lost, due for a look-up, and as many that wait."""
    queued(db, 2 * count)
    end(db, begin(db, limit=count), Unknown)
    passed(db)


def test_nobody_is_asked_about_anything_while_the_erp_is_paused(db: Database) -> None:
    uncertain(db, 2)
    db.execute("UPDATE erp_state SET failures = 3, open_until = ?", (db.now() + 5_000,))
    assert ask(db) == []
    todo = due.of(db, "sandbox")
    assert todo.paused
    assert todo.lookup == todo.export == state(db, "open_until")[0]


def test_a_look_up_may_be_the_one_that_probes(db: Database) -> None:
    uncertain(db, 2)
    db.execute("UPDATE erp_state SET failures = 3")
    [job] = ask(db)
    assert ask(db, "w2") == begin(db, "w2") == []
    assert state(db, "probe") == ("look-up by w1",)
    assert outbox.heard(db, "sandbox", "w1", [Unknown(job.key, "timed out")])
    assert state(db, "failures, probe, error_text") == (4, "", "timed out")
    passed(db)
    db.execute("UPDATE export_jobs SET lease_until = NULL")
    assert len(ask(db)) == 1
    assert not outbox.heard(db, "sandbox", "w1", [Missing(job.key)])
    assert len(begin(db, "w2")) == 2


def test_no_answer_to_a_look_up_pauses_no_erp_that_answers_others(db: Database) -> None:
    uncertain(db, 2)
    db.execute("UPDATE erp_state SET failures = 0")
    for _ in range(5):
        assert not outbox.heard(db, "sandbox", "w1", [Unknown("k", "garbage")])
    assert state(db, "failures") == (0,)


def test_an_erp_that_answers_nobody_uses_up_no_jobs_look_ups(db: Database) -> None:
    uncertain(db, 1)
    for _ in range(lookup.UNANSWERED_AT_MOST + 1):
        db.execute("UPDATE export_jobs SET run_at = 0 WHERE state = 'uncertain'")
        [job] = ask(db)
        answer = Unknown(job.key, "down")
        lookup.resolve(db, "w1", job, answer, profiles.load("sandbox"), sender_dead=False, silent=True)
    assert states(db) == {"uncertain": 1, "held": 1}


# -- the pace --------------------------------------------------------------------------------------------------


def test_requests_keep_their_pace_whoever_sends_them(db: Database) -> None:
    queued(db, 6)
    jobs = begin(db, rate=2)
    at = state(db, "pace_at")[0]
    assert 29_000 < at - db.now() <= 30_000
    end(db, jobs, Booked)
    assert begin(db, "w2", rate=2) == []
    todo = due.of(db, "sandbox")
    assert todo.export == at
    assert not todo.is_due(todo.export)
    assert 0 < (todo.wait_ms(notices=False) or 0) <= 30_000
    passed(db)
    assert len(begin(db, "w2", rate=2)) == 2


def test_a_look_up_is_a_request_too_and_goes_first(db: Database) -> None:
    uncertain(db, 2)
    assert begin(db, rate=60) == []
    assert len(ask(db, rate=60)) == 2
    assert state(db, "pace_at")[0] > db.now()
    assert ask(db, "w2", rate=60) == begin(db, "w2", rate=60) == []
    db.execute("UPDATE erp_state SET pace_at = 0")
    assert len(begin(db, "w2", rate=60)) == 2


def test_what_finds_nothing_to_send_uses_up_no_request(db: Database) -> None:
    assert begin(db, rate=1) == ask(db, rate=1) == []
    assert state(db, "pace_at") == (0,)


@pytest.mark.parametrize("column", ["open_until", "pace_at"])
def test_a_moment_that_a_clock_put_back_has_left_ahead_stops_nothing(db: Database, column: str) -> None:
    queued(db, 2)
    begin(db, limit=0)
    db.execute(f"UPDATE erp_state SET {column} = ?", (db.now() + 3_600_000,))
    todo = due.of(db, "sandbox")
    assert todo.is_due(todo.export)
    assert not todo.paused
    assert len(begin(db, rate=60)) == 2


# -- how many at once ------------------------------------------------------------------------------------------


def at_once(db: Database, concurrency: int) -> list[list[Job]]:
    """What each of the workers begins, all at the same moment, each with its own connection."""
    handles = [database.open(db.url) for _ in range(WORKERS)]
    ready = Barrier(WORKERS)

    def work(n: int) -> list[Job]:
        ready.wait()
        try:
            return begin(handles[n], f"w{n}", concurrency=concurrency)
        finally:
            handles[n].pw.close()

    try:
        with ThreadPoolExecutor(WORKERS) as threads:
            return list(threads.map(work, range(WORKERS)))
    finally:
        for handle in handles:
            handle.close()


def test_no_more_parcels_are_under_way_than_the_erp_bears_however_many_workers(db: Database) -> None:
    queued(db, 2 * WORKERS)
    begun = at_once(db, 3)
    assert sorted(len(jobs) for jobs in begun) == [0, 0, 0, 2, 2, 2]
    assert len({job.id for jobs in begun for job in jobs}) == 6


def test_of_many_workers_one_probes(db: Database) -> None:
    queued(db, 2 * WORKERS)
    silent(db)
    assert sorted(len(jobs) for jobs in at_once(db, WORKERS)) == [0] * (WORKERS - 1) + [1]
