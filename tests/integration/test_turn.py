"""Begin and turn on both databases: claim and fence in one transaction, with the last parcel's acknowledgement."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from export_case import make_bill, queue_jobs, states, statuses

from store import db as database
from store import outbox
from store.db import Database
from store.domain.errors import StoreError
from store.domain.outcome import Booked, PostOutcome, Split, Unknown
from store.job import Job

LEASE = 60_000
SETTLE = 1_000


def begin(db: Database, worker: str = "w1", limit: int = 10) -> tuple[int, list[Job]]:
    return outbox.begin(db, "sandbox", worker, limit=limit, lease_ms=LEASE, concurrency=1)


def turn(
    db: Database, results: list[tuple[Job, PostOutcome]], worker: str = "w1", limit: int = 10
) -> tuple[list[Job], int, list[Job]]:
    return outbox.turn(
        db, "sandbox", worker, results, settle_ms=SETTLE, limit=limit, lease_ms=LEASE, concurrency=1
    )


def booked(jobs: list[Job]) -> list[tuple[Job, PostOutcome]]:
    return [(job, Booked(job.key, f"R{job.id}")) for job in jobs]


def queued(db: Database, count: int) -> list[int]:
    return queue_jobs(db, [make_bill(n) for n in range(1, count + 1)])


@contextlib.contextmanager
def commits_of(db: Database) -> Iterator[list[str]]:
    """The transactions that end meanwhile."""
    ended: list[str] = []
    commit = db.pw.commit

    def committed() -> None:
        ended.append("commit")
        commit()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(db.pw, "commit", committed)
        yield ended


def test_what_begins_is_claimed_and_fenced(db: Database) -> None:
    queued(db, 3)
    claimed, jobs = begin(db, limit=2)
    assert claimed == 2
    assert [(job.key, job.attempt, job.sends) for job in jobs] == [(make_bill(n).key, 1, 0) for n in (1, 2)]
    assert states(db) == {"claimed": 2, "held": 1}
    assert statuses(db) == {"exporting": 2, "queued": 1}
    rows = db.execute(
        "SELECT worker, sends, parcel, attempt FROM export_jobs WHERE send_begun IS NOT NULL"
        " AND lease_until = send_begun + ? ORDER BY id",
        (LEASE,),
    ).fetchall()
    assert [tuple(row) for row in rows] == [("w1", 1, jobs[0].parcel, 1)] * 2
    logged = db.execute("SELECT job_id, attempt, parcel, worker, kind FROM export_attempts ORDER BY id")
    assert [tuple(row) for row in logged.fetchall()] == [
        (job.id, 1, job.parcel, "w1", "begun") for job in jobs
    ]
    assert tuple(db.execute("SELECT id, members FROM parcels").fetchone()) == (jobs[0].parcel, 2)


def test_what_has_begun_passes_no_fence_again_and_is_nobody_elses(db: Database) -> None:
    queued(db, 2)
    _, jobs = begin(db)
    assert outbox.fence(db, "w1", jobs) == []
    assert states(db) == {"claimed": 2}
    assert begin(db, "w2") == (0, [])
    assert outbox.release(db, "w1") == 0


def test_a_turn_is_one_commit(db: Database) -> None:
    queued(db, 4)
    _, jobs = begin(db, limit=2)
    with commits_of(db) as commits:
        late, claimed, following = turn(db, booked(jobs), limit=2)
    assert (late, claimed, len(following), commits) == ([], 2, 2, ["commit"])
    assert states(db) == {"done": 2, "claimed": 2}
    assert statuses(db) == {"synced": 2, "exporting": 2}


def test_a_turn_with_nothing_left_acknowledges(db: Database) -> None:
    queued(db, 2)
    _, jobs = begin(db)
    assert turn(db, booked(jobs)) == ([], 0, [])
    assert statuses(db) == {"synced": 2}


def test_a_turn_that_is_late_books_what_nobody_sends_now_and_goes_on(db: Database) -> None:
    queued(db, 3)
    _, jobs = begin(db, limit=2)
    db.execute("UPDATE export_jobs SET lease_until = 1 WHERE id = ?", (jobs[0].id,))
    outbox.expire(db, settle_ms=SETTLE)
    late, _, following = turn(db, booked(jobs))
    assert late == jobs[:1]
    assert states(db) == {"done": 2, "claimed": 1}
    assert [job.key for job in following] == [make_bill(3).key]
    kinds = db.execute("SELECT kind FROM export_attempts WHERE job_id = ? ORDER BY id", (jobs[0].id,))
    assert [row[0] for row in kinds.fetchall()] == ["begun", "late"]


@pytest.mark.parametrize("step", ["take", "acknowledge"])
def test_a_turn_is_all_or_nothing(db: Database, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    queued(db, 3)
    _, jobs = begin(db, limit=2)

    def fails(*_: Any, **__: Any) -> Any:
        raise StoreError("The database did not answer")

    with monkeypatch.context() as patch:
        patch.setattr(outbox, step, fails)
        with pytest.raises(StoreError):
            turn(db, booked(jobs))
    assert states(db) == {"claimed": 2, "held": 1}
    assert outbox.acknowledge(db, "w1", "sandbox", booked(jobs), settle_ms=SETTLE) == []
    assert states(db) == {"done": 2, "held": 1}


def test_a_parcel_refused_whole_is_fenced_again_one_by_one(db: Database) -> None:
    queued(db, 3)
    _, jobs = begin(db)
    _, _, alone = turn(db, [(job, Split(job.key, "one is bad")) for job in jobs])
    for job in jobs:
        assert [(one.key, one.attempt, one.alone) for one in alone] == [(job.key, 2, True)]
        assert outbox.fence(db, "w1", alone) == []
        _, _, alone = turn(db, booked(alone))
    begun = db.execute("SELECT count(*) FROM export_attempts WHERE kind = 'begun'").fetchone()[0]
    assert (begun, states(db)) == (6, {"done": 3})


def test_what_goes_alone_takes_no_neighbour_and_holds_up_none(db: Database) -> None:
    queued(db, 4)
    db.execute("UPDATE export_jobs SET alone = (id IN (SELECT max(id) FROM export_jobs))")
    _, jobs = begin(db)
    assert len(jobs) == 3
    _, _, last = turn(db, booked(jobs))
    assert [job.key for job in last] == [make_bill(4).key]


@pytest.mark.parametrize(("sends", "state"), [(0, "cancelled"), (1, "parked")])
@pytest.mark.parametrize("waiting", ["held", "pending"])
def test_a_job_whose_invoice_was_changed_by_hand_is_closed_and_its_neighbour_begins(
    db: Database, sends: int, state: str, waiting: str
) -> None:
    first, _ = queued(db, 2)
    db.execute("UPDATE invoices SET erp_status = 'synced' WHERE id = ?", (first,))
    db.execute("UPDATE export_jobs SET sends = ?, state = ? WHERE invoice_id = ?", (sends, waiting, first))
    claimed, jobs = begin(db)
    assert (claimed, [job.key for job in jobs]) == (2, [make_bill(2).key])
    assert states(db) == {state: 1, "claimed": 1}
    assert statuses(db) == {"synced": 1, "exporting": 1}
    error = db.execute("SELECT error_text FROM export_jobs WHERE invoice_id = ?", (first,)).fetchone()[0]
    assert error == "its invoice was changed outside payapp: it is synced"


def test_an_invoice_that_changes_between_the_look_and_the_fence_undoes_it(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = queued(db, 2)
    take = outbox.take

    def meanwhile(*args: Any, **kwargs: Any) -> list[Job]:
        db.execute("UPDATE invoices SET erp_status = 'not_sent' WHERE id = ?", (first,))
        return take(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "take", meanwhile)
        with pytest.raises(RuntimeError, match="not in the state"):
            begin(db)
    assert states(db) == {"held": 2}
    assert len(begin(db)[1]) == 2


def test_one_whose_reply_was_lost_does_not_begin_again(db: Database) -> None:
    queued(db, 2)
    _, jobs = begin(db, limit=1)
    _, _, following = turn(db, [(jobs[0], Unknown(jobs[0].key, "lost"))])
    assert [job.key for job in following] == [make_bill(2).key]
    db.execute("UPDATE export_jobs SET run_at = 0")
    assert turn(db, booked(following)) == ([], 0, [])
    assert states(db) == {"uncertain": 1, "done": 1}


@pytest.mark.parametrize("db_url", ["postgres"], indirect=True)
def test_a_decision_under_way_is_not_waited_for(db: Database) -> None:
    [first, _] = queued(db, 2)
    desk = database.open(db.url)
    try:
        with desk.transaction():
            assert outbox.cancel(desk, [first]) == {first}
            _, jobs = begin(db)
        assert [job.key for job in jobs] == [make_bill(2).key]
    finally:
        desk.close()
    assert states(db) == {"cancelled": 1, "claimed": 1}


@pytest.mark.parametrize("db_url", ["postgres"], indirect=True)
def test_a_long_queue_that_is_held_is_not_read_for_the_few_that_are_due(db: Database) -> None:
    queued(db, 2)
    db.execute(
        "INSERT INTO export_jobs (invoice_id, revision, batch_id, idem_key, erp, payload, payload_sha256, state, run_at,"
        " updated_at) SELECT j.invoice_id, n, j.batch_id, n::text, 'sandbox', '', '', 'cancelled', 9000000000000, 0"
        " FROM (SELECT * FROM export_jobs ORDER BY id LIMIT 1) j, generate_series(2, 4000) n"
    )
    db.execute("DROP INDEX export_jobs_open")
    db.execute("UPDATE export_jobs SET state = 'held' WHERE state = 'cancelled'")
    plans: list[str] = []
    execute = Database.execute

    def planned(db: Database, sql: str, params: Any = ()) -> Any:
        if "FOR UPDATE OF export_jobs SKIP" in sql:
            rows = execute(db, f"EXPLAIN (ANALYZE, BUFFERS OFF) {sql}", params).fetchall()
            plans.append(" ".join(row[0] for row in rows))
        return execute(db, sql, params)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "execute", planned)
        _, jobs = begin(db)
    assert len(jobs) == 2
    assert "export_jobs_due" in plans[0] and "Sort" not in plans[0], plans[0]
    assert "Rows Removed by Filter: " not in plans[0].partition("SubPlan")[0], plans[0]
