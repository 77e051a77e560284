"""What a reconciliation or a person writes down of uncertain and parked invoices, on both databases."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from export_case import make_bill, queue_jobs, states, statuses
from invoice_factory import make, version
from reconciling_case import Told, V, as_listed, compared, export, park, refs, uncertain

from erp.connectors.sandbox import Sandbox
from store import adopting, audit, directory, lookup, outbox, resolving, review
from store.db import Database
from store.detail import detail
from store.domain.actor import Actor
from store.domain.bill import Bill, decode
from store.domain.errors import BadInput, Blocked, Changed, Disallowed, NotPermitted
from store.domain.outcome import Booked, Missing, Unknown
from store.domain.selection import Marked
from store.job import JOB_COLUMNS, Job, job_of, log_attempts

pytest_plugins = ["reconciling_case"]


def event(db: Database) -> tuple[str, str, dict[str, Any], list[tuple[Any, ...]]]:
    """The newest event of the audit trail: who, what, its detail, its rows."""
    number, who, what, detail = db.execute(
        "SELECT id, actor, action, detail FROM audit_events ORDER BY id DESC LIMIT 1"
    ).fetchone()
    rows = db.execute(
        "SELECT subject_id, before, after FROM audit_rows WHERE event_id = ? ORDER BY position", (number,)
    ).fetchall()
    return who, what, audit.detail_of(detail), [(n, json.loads(b), json.loads(a)) for n, b, a in rows]


def invoice(db: Database, number: int) -> tuple[Any, ...]:
    return tuple(
        db.execute(
            "SELECT erp_status, origin_id, error_code, error_cause FROM invoices WHERE id = ?", (number,)
        ).fetchone()
    )


def evidence(db: Database) -> list[tuple[Any, ...]]:
    """What was added to the attempts by a reconciliation or by hand."""
    return [
        tuple(row)
        for row in db.execute(
            "SELECT kind, outcome, evidence FROM export_attempts WHERE worker = 'reconciled' ORDER BY id"
        ).fetchall()
    ]


def settle_over(db: Database) -> None:
    db.execute("UPDATE export_jobs SET send_begun = 1 WHERE send_begun IS NOT NULL")


# -- by the ERP's answer -------------------------------------------------------------------------------------------


async def test_what_the_erp_has_is_booked_with_its_reference_evidence_and_audit(
    db: Database, erp: Sandbox, books: Path, approver: Actor
) -> None:
    parked = make_bill(1)
    [first] = await uncertain(db, erp, [parked])
    park(db)
    [second] = await uncertain(db, erp, [make_bill(2)])
    [third] = await uncertain(db, None, [make_bill(3)])
    async with compared(db, erp) as (of, named):
        assert [f.invoice_id for f in named[V.FOUND]] == [first, second]
        assert [f.invoice_id for f in named[V.NOT_FOUND]] == [third]
        assert resolving.resolve(db, approver, of) == 2
        counts = of.counts()
        assert counts == {V.RESOLVED: 2, V.NOT_FOUND: 1} and not of.differs and of.open
    ref = refs(books)
    assert invoice(db, first) == ("synced", ref[parked.key], "", "")
    assert invoice(db, second) == ("synced", ref[make_bill(2).key], "", "")
    assert invoice(db, third)[0] == "uncertain"
    assert states(db) == {"done": 2, "uncertain": 1}
    assert evidence(db) == [("found", "booked", ref[make_bill(n).key]) for n in (1, 2)]
    who, what, detail, rows = event(db)
    assert (who, what, detail["resolved"]) == ("jlopez", "reconcile", 2)
    assert (detail["from"], detail["to"]) == ("2026-10-01", "2026-10-31")
    assert detail["found"] == {"found": 2, "not_found": 1}
    assert [(n, b["erp_status"], a["erp_status"], a["origin_id"]) for n, b, a in rows] == [
        (first, "parked", "synced", ref[parked.key]),
        (second, "uncertain", "synced", ref[make_bill(2).key]),
    ]
    async with compared(db, erp) as (of, named):
        assert of.counts() == {V.AGREES: 2, V.NOT_FOUND: 1}


async def test_reading_alone_changes_nothing(db: Database, erp: Sandbox) -> None:
    await uncertain(db, erp, [make_bill(1)])
    before = db.execute("SELECT * FROM export_jobs").fetchall()
    async with compared(db, erp) as (of, _):
        assert of.differs
    assert db.execute("SELECT * FROM export_jobs").fetchall() == before
    assert statuses(db) == {"uncertain": 1} and evidence(db) == []


async def test_what_differs_is_resolved_and_still_told(db: Database, approver: Actor) -> None:
    bill = make_bill(1)
    [number] = await uncertain(db, None, [bill])
    async with compared(db, Told([[as_listed(bill, "R-1", gross="100.02")]])) as (of, _):
        assert resolving.resolve(db, approver, of) == 1
        assert of.counts() == {V.DIFFERS: 1} and of.differs
    assert invoice(db, number)[:2] == ("synced", "R-1")


async def test_what_is_there_twice_is_left_to_a_person(db: Database, approver: Actor) -> None:
    bill = make_bill(1)
    await uncertain(db, None, [bill])
    async with compared(db, Told([[as_listed(bill, "R-1"), as_listed(bill, "R-2")]])) as (of, _):
        assert resolving.resolve(db, approver, of) == 0
    assert statuses(db) == {"uncertain": 1}


@pytest.mark.parametrize("login", ["viewer", "nopush", "mgarcia"])
async def test_only_an_approver_resolves(db: Database, erp: Sandbox, login: str) -> None:
    [number] = await uncertain(db, erp, [make_bill(1)])
    who = directory.actor(db, login)
    async with compared(db, erp) as (of, _):
        with pytest.raises(NotPermitted):
            resolving.resolve(db, who, of)
    with pytest.raises(NotPermitted):
        resolving.booked(db, who, number, "R-1", "seen")
    with pytest.raises(NotPermitted):
        resolving.not_booked(db, who, number, "gone", settle_ms=0)
    assert statuses(db) == {"uncertain": 1}


async def test_a_right_that_was_taken_away_ends_at_once(db: Database, erp: Sandbox, approver: Actor) -> None:
    await uncertain(db, erp, [make_bill(1)])
    async with compared(db, erp) as (of, _):
        db.execute("UPDATE users SET can_push = ? WHERE login = 'jlopez'", (False,))
        with pytest.raises(NotPermitted):
            resolving.resolve(db, approver, of)


async def test_a_look_up_under_way_is_fenced_off(
    db: Database, erp: Sandbox, books: Path, approver: Actor, quick: Any
) -> None:
    bill = make_bill(1)
    [number] = await uncertain(db, erp, [bill])
    db.execute("UPDATE export_jobs SET run_at = 0")
    [asking] = lookup.claim_lookups(db, "sandbox", "w2", limit=10, lease_ms=60_000)
    async with compared(db, erp) as (of, _):
        assert resolving.resolve(db, approver, of) == 1
    for _ in range(3):
        assert lookup.resolve(db, "w2", asking, Missing(bill.key), quick, sender_dead=True) == "done"
    assert invoice(db, number)[:2] == ("synced", refs(books)[bill.key])


async def test_what_was_settled_meanwhile_stays_as_it_is(db: Database, erp: Sandbox, approver: Actor) -> None:
    [number] = await uncertain(db, erp, [make_bill(1)])
    [changed] = await uncertain(db, erp, [make_bill(2)])
    async with compared(db, erp) as (of, _):
        resolving.booked(db, approver, number, "BY-HAND", "seen in the ERP")
        db.execute("UPDATE invoices SET erp_status = 'ready_to_export' WHERE id = ?", (changed,))
        assert resolving.resolve(db, approver, of) == 0
    assert invoice(db, number)[:2] == ("synced", "BY-HAND")
    assert invoice(db, changed)[0] == "ready_to_export"
    with pytest.raises(Disallowed, match="changed outside payapp"):
        resolving.booked(db, approver, changed, "R-9", "seen")


# -- by hand ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["parked", "uncertain"])
async def test_a_person_has_seen_it_in_the_erp(db: Database, approver: Actor, state: str) -> None:
    bill = make_bill(1)
    [number] = await uncertain(db, None, [bill])
    if state == "parked":
        park(db)
    resolving.booked(db, approver, number, " R-77 ", "seen on screen\nby Ann", "it did not answer")
    assert invoice(db, number) == ("synced", "R-77", "", "")
    assert states(db) == {"done": 1} and evidence(db) == [("hand", "booked", "R-77")]
    who, what, detail, rows = event(db)
    assert (who, what) == ("jlopez", "reconcile")
    assert detail == {
        "comment": "seen on screen\nby Ann", "booked": True, "reference": "R-77", "erp_said": "it did not answer",
    }  # fmt: skip
    assert rows == [
        (number, {"erp_status": state}, {"erp_status": "synced", "key": bill.key, "origin_id": "R-77"})
    ]


@pytest.mark.parametrize("state", ["parked", "uncertain"])
async def test_a_person_has_seen_that_it_is_not_there_and_it_goes_again_under_a_new_key(
    db: Database, approver: Actor, quick: Any, state: str
) -> None:
    bill = make_bill(1)
    [number] = await uncertain(db, None, [bill])
    if state == "parked":
        park(db)
    settle_over(db)
    resolving.not_booked(db, approver, number, "not in the list of October", settle_ms=1000)
    status, origin, code, cause = invoice(db, number)
    assert (status, origin, code) == ("failed_to_export", None, "reconciled")
    assert cause == "jlopez has found that the ERP does not have it: not in the list of October"
    assert states(db) == {"failed": 1}
    assert evidence(db) == [("hand", "missing", "not in the list of October")]
    assert event(db)[3] == [
        (number, {"erp_status": state}, {"erp_status": "failed_to_export", "key": bill.key, "error_code": "reconciled"})
    ]  # fmt: skip


async def test_what_may_still_arrive_is_not_given_up(db: Database, approver: Actor) -> None:
    bill = make_bill(1)
    [number] = await uncertain(db, None, [bill])
    with pytest.raises(Disallowed, match="may still arrive for"):
        resolving.not_booked(db, approver, number, "gone", settle_ms=3_600_000)
    db.execute("UPDATE export_jobs SET run_at = 0")
    settle_over(db)
    lookup.claim_lookups(db, "sandbox", "w2", limit=10, lease_ms=60_000)
    with pytest.raises(Disallowed, match="a worker asks the ERP"):
        resolving.not_booked(db, approver, number, "gone", settle_ms=0)
    db.execute("UPDATE export_jobs SET lease_until = 1")
    resolving.not_booked(db, approver, number, "gone", settle_ms=0)
    assert statuses(db) == {"failed_to_export": 1}


async def test_what_is_neither_uncertain_nor_parked_is_refused_with_what_why_and_fix(
    db: Database, erp: Sandbox, approver: Actor
) -> None:
    [synced] = await export(db, erp, [make_bill(1)])
    [queued] = queue_jobs(db, [make_bill(2)])
    for number, word in ((synced, "Synced"), (queued, "Queued")):
        with pytest.raises(Disallowed) as seen:
            resolving.booked(db, approver, number, "R-9", "seen")
        with pytest.raises(Disallowed) as gone:
            resolving.not_booked(db, approver, number, "gone", settle_ms=0)
        for error in (seen.value, gone.value):
            assert "cannot be settled by hand" in error.what and word in error.why
            assert "payapp list" in error.fix
    assert statuses(db) == {"synced": 1, "queued": 1}


@pytest.mark.parametrize("comment", ["", "  \n", "x" * 501, "a\x00b", "\ud800"])
async def test_without_a_comment_nothing_is_settled(db: Database, approver: Actor, comment: str) -> None:
    [number] = await uncertain(db, None, [make_bill(1)])
    park(db)
    with pytest.raises(BadInput, match="omment"):
        resolving.booked(db, approver, number, "R-1", comment)
    with pytest.raises(BadInput, match="omment"):
        resolving.not_booked(db, approver, number, comment, settle_ms=0)
    assert statuses(db) == {"parked": 1}


@pytest.mark.parametrize("reference", ["", " ", "a\x1bb", "a\nb", "\u202eR", "x" * 201])
async def test_what_is_no_reference_is_refused(db: Database, approver: Actor, reference: str) -> None:
    [number] = await uncertain(db, None, [make_bill(1)])
    with pytest.raises(BadInput, match="is not a reference"):
        resolving.booked(db, approver, number, reference, "seen")


async def test_a_reference_belongs_to_one_invoice(
    db: Database, erp: Sandbox, books: Path, approver: Actor
) -> None:
    await export(db, erp, [make_bill(1)])
    [number] = await uncertain(db, None, [make_bill(2)])
    with pytest.raises(BadInput, match="invoice 00001 has it already"):
        resolving.booked(db, approver, number, refs(books)[make_bill(1).key], "seen")
    assert invoice(db, number)[0] == "uncertain"


async def test_a_late_reply_after_a_persons_word_is_kept_as_evidence_and_changes_nothing(
    db: Database, approver: Actor
) -> None:
    bill = make_bill(1)
    [number] = queue_jobs(db, [bill])
    jobs: list[Job] = outbox.fence(
        db, "w1", outbox.claim(db, "sandbox", "w1", limit=1, lease_ms=60_000, concurrency=1)
    )
    db.execute("UPDATE export_jobs SET lease_until = 1")
    outbox.expire(db, settle_ms=0)
    settle_over(db)
    resolving.not_booked(db, approver, number, "gone", settle_ms=0)
    late = outbox.acknowledge(db, "w1", "sandbox", [(jobs[0], Booked(bill.key, "R-1"))], settle_ms=0)
    assert late == jobs and statuses(db) == {"failed_to_export": 1}
    async with compared(db, Told([[as_listed(bill, "R-1")]])) as (_, named):
        # It was there after all: the next reconciliation says so.
        assert [f.references for f in named[V.UNEXPECTED]] == [("R-1",)]


# -- what the answer was about --------------------------------------------------------------------------------------


def sent(db: Database, worker: str = "w1") -> Job:
    """The one job that is due, claimed and fenced."""
    [job] = outbox.begin(db, "sandbox", worker, limit=1, lease_ms=60_000, concurrency=9)[1]
    return job


@pytest.mark.parametrize("there", [True, False])
async def test_an_answer_about_one_sending_is_not_written_down_of_a_later_one(
    db: Database, approver: Actor, quick: Any, there: bool
) -> None:
    """While the person thought, the worker's look-up sent it again, and the ERP booked that."""
    bill = make_bill(1)
    [number] = await uncertain(db, None, [bill])
    asked = resolving.of_invoice(db, approver, number).job
    for _ in range(lookup.MISSES_THAT_COUNT):
        db.execute("UPDATE export_jobs SET run_at = 0")
        [looked] = lookup.claim_lookups(db, "sandbox", "w2", limit=10, lease_ms=60_000)
        lookup.resolve(db, "w2", looked, Missing(bill.key), quick, sender_dead=True)
    again = sent(db)
    outbox.acknowledge(db, "w1", "sandbox", [(again, Unknown(bill.key, "reply lost"))], settle_ms=0)
    settle_over(db)
    with pytest.raises(Changed, match="meanwhile"):
        if there:
            resolving.booked(db, approver, number, "R-1", "seen", asked=asked)
        else:
            resolving.not_booked(db, approver, number, "not there", settle_ms=0, asked=asked)
    assert invoice(db, number)[0] == "uncertain" and evidence(db) == []
    now = resolving.of_invoice(db, approver, number).job
    resolving.booked(db, approver, number, "R-1", "seen", asked=now)
    assert invoice(db, number)[:2] == ("synced", "R-1")


# -- proof that the ERP booked it under a key that was given up -------------------------------------------------------


def failed_and_there(db: Database, approver: Actor, quick: Any) -> int:
    """Lost, said by hand not to be there, and then the reply of its sending comes: booked as R-7."""
    number = make(db)
    review.accept(db, approver, Marked({number: version(db, number)}), quick)
    db.execute("UPDATE export_jobs SET run_at = 0")
    job = sent(db)
    db.execute("UPDATE export_jobs SET lease_until = 1")
    outbox.expire(db, settle_ms=0)
    settle_over(db)
    resolving.not_booked(db, approver, number, "not in the list", settle_ms=0)
    outbox.acknowledge(db, "w1", "sandbox", [(job, Booked(job.key, "R-7"))], settle_ms=0)
    assert states(db) == {"failed": 1}
    return number


def late(db: Database) -> None:
    """A reply that its sender was late with is kept with the one job: booked as R-7."""
    job = job_of(db.execute(f"SELECT {JOB_COLUMNS} FROM export_jobs").fetchone())
    log_attempts(db, "w1", [(job, "late", "booked", "R-7")], 1)


def marked(db: Database, number: int) -> Marked:
    return Marked({number: version(db, number)})


async def test_what_the_erp_is_proven_to_have_is_neither_retried_nor_rejected_and_can_be_settled(
    db: Database, approver: Actor, quick: Any
) -> None:
    number = failed_and_there(db, approver, quick)
    other = make(db, "101-002", application=2)
    decisions: tuple[Callable[[], review.Decision], ...] = (
        lambda: review.retry(db, approver, marked(db, number), quick),
        lambda: review.reject(db, approver, marked(db, number), "wrong"),
    )
    for decide in decisions:
        with pytest.raises(Blocked, match="booked it already, as R-7") as refused:
            decide()
        assert f"payapp reconcile '#{number}' --booked R-7" in str(refused.value)
    both = Marked({n: version(db, n) for n in (number, other)})
    decision = review.reject(db, approver, both, "wrong")
    assert decision.done == (other,) and [(s.invoice_id, s.code) for s in decision.stays] == [
        (number, "booked")
    ]
    assert states(db) == {"failed": 1}
    told = detail(db, number, approver).row
    assert told.error_cause.startswith("The ERP has booked it already, as R-7. Before")
    assert "--booked R-7" in told.error_fix
    resolving.booked(db, approver, number, "R-7", "it was there after all")
    assert invoice(db, number) == ("synced", "R-7", "", "") and states(db) == {"done": 1}
    assert event(db)[3][0][1:] == (
        {"erp_status": "failed_to_export"},
        {"erp_status": "synced", "key": event(db)[3][0][2]["key"], "origin_id": "R-7"},
    )


async def test_what_was_voided_in_the_erp_is_free_again(db: Database, approver: Actor, quick: Any) -> None:
    number = failed_and_there(db, approver, quick)
    for undone in ("", "R-8"):
        with pytest.raises(Disallowed, match="booked it, as R-7"):
            resolving.not_booked(db, approver, number, "voided", settle_ms=0, undone=undone)
    resolving.not_booked(db, approver, number, "voided", settle_ms=0, undone="R-7")
    assert invoice(db, number)[0] == "failed_to_export"
    assert event(db)[3][0][1] == {"in_erp_as": "R-7"}
    assert review.retry(db, approver, marked(db, number), quick).done == (number,)


async def test_not_booked_is_refused_where_a_late_reply_says_booked(
    db: Database, approver: Actor, quick: Any
) -> None:
    bill = make_bill(1)
    [number] = await uncertain(db, None, [bill])
    park(db)
    settle_over(db)
    late(db)
    with pytest.raises(Disallowed, match="booked it, as R-7") as refused:
        resolving.not_booked(db, approver, number, "not there", settle_ms=0)
    assert "--booked R-7" in refused.value.fix
    assert invoice(db, number)[0] == "parked"


async def test_a_recalled_invoice_that_the_erp_is_proven_to_have_is_not_accepted_again(
    db: Database, approver: Actor, quick: Any
) -> None:
    number = make(db)
    review.accept(db, approver, marked(db, number), quick)
    review.recall(db, approver, marked(db, number))
    late(db)
    decisions: tuple[Callable[[], review.Decision], ...] = (
        lambda: review.accept(db, approver, marked(db, number), quick),
        lambda: review.reject(db, approver, marked(db, number), "wrong"),
    )
    for decide in decisions:
        with pytest.raises(Blocked, match="booked it already, as R-7"):
            decide()
    resolving.booked(db, approver, number, "R-7", "seen")
    assert invoice(db, number)[:2] == ("synced", "R-7")


async def test_what_failed_and_has_no_proof_against_it_is_settled_only_as_booked(
    db: Database, approver: Actor, quick: Any
) -> None:
    """A reconciliation found it in the ERP: then to void the only bill is not the only way out."""
    bill = make_bill(1)
    [number] = await uncertain(db, None, [bill])
    settle_over(db)
    resolving.not_booked(db, approver, number, "gone", settle_ms=0)
    with pytest.raises(Disallowed, match="knows of no bill"):
        resolving.not_booked(db, approver, number, "gone", settle_ms=0)
    resolving.booked(db, approver, number, "R-1", "the reconciliation lists it")
    async with compared(db, Told([[as_listed(bill, "R-1")]])) as (of, _):
        assert of.counts() == {V.AGREES: 1}


# -- under the key of another revision ----------------------------------------------------------------------------------


def recalled_after_a_restore(
    db: Database, approver: Actor, quick: Any, *, corrected: bool
) -> tuple[int, Bill, Job]:
    """Adopted, recalled and accepted again: the invoice, its first bill, and the second's job, claimed for a look-up."""
    number = make(db)
    review.accept(db, approver, marked(db, number), quick)
    first = decode(*db.execute("SELECT payload, payload_sha256 FROM export_jobs").fetchone())
    adopting.adopt(db, approver, "restored", settle_ms=0)
    review.recall(db, approver, marked(db, number))
    if corrected:
        db.execute("UPDATE invoices SET gross = 50000, retainage = 5000, net = 45000, version = version + 1")
        db.execute("UPDATE invoice_lines SET work_now = 50000, held = 5000")
    review.accept(db, approver, marked(db, number), quick)
    db.execute("UPDATE export_jobs SET run_at = 0")
    [job] = lookup.claim_lookups(db, "sandbox", "w2", limit=10, lease_ms=60_000)
    assert first.key in lookup.keys(db, [job])[job.id]
    return number, first, job


async def test_found_under_a_recalled_revision_with_its_amounts_it_is_that_bill(
    db: Database, approver: Actor, quick: Any
) -> None:
    number, first, job = recalled_after_a_restore(db, approver, quick, corrected=False)
    assert lookup.resolve(db, "w2", job, Booked(first.key, "R-1"), quick, sender_dead=False) == "done"
    assert invoice(db, number)[:2] == ("synced", "R-1")
    async with compared(db, Told([[as_listed(first, "R-1")]])) as (of, _):
        assert of.counts() == {V.AGREES: 1}
    # The next key of it is one that nobody has used.
    jobs = db.execute("SELECT revision, state FROM export_jobs ORDER BY revision").fetchall()
    assert [tuple(row) for row in jobs] == [(1, "done"), (2, "cancelled")]
    assert db.execute("SELECT revision FROM invoices").fetchone()[0] == 2


async def test_found_under_a_recalled_revision_with_other_amounts_a_person_must_look(
    db: Database, approver: Actor, quick: Any
) -> None:
    number, first, job = recalled_after_a_restore(db, approver, quick, corrected=True)
    assert lookup.resolve(db, "w2", job, Booked(first.key, "R-1"), quick, sender_dead=False) == "parked"
    status, origin, _, cause = invoice(db, number)
    assert (status, origin) == ("parked", None)
    assert "R-1, accepted earlier with gross 1000.00, retainage 100.00, net 900.00 USD" in cause
    assert "here it has gross 500.00, retainage 50.00, net 450.00 USD" in cause
    there = Told([[as_listed(first, "R-1")]])
    async with compared(db, there) as (of, named):
        # Nobody is told to void the only bill of it.
        [found] = named[V.FOUND]
        assert of.counts() == {V.FOUND: 1} and "void" not in found.fix
        assert ("gross", "500.00", "1000.00") in [(d.field, d.here, d.there) for d in found.differences]
        assert resolving.resolve(db, approver, of) == 0
    with pytest.raises(Disallowed, match="booked it, as R-1"):
        resolving.not_booked(db, approver, number, "gone", settle_ms=0)
    resolving.booked(db, approver, number, "R-1", "it is its bill")
    async with compared(db, there) as (of, named):
        assert of.counts() == {V.DIFFERS: 1}


async def test_found_under_a_later_revision_a_person_must_look_and_nobody_voids_it(
    db: Database, approver: Actor, quick: Any
) -> None:
    number = make(db)
    review.accept(db, approver, marked(db, number), quick)
    adopting.adopt(db, approver, "restored", settle_ms=0)
    db.execute("UPDATE export_jobs SET run_at = 0")
    [job] = lookup.claim_lookups(db, "sandbox", "w2", limit=10, lease_ms=60_000)
    later = msgspec.structs.replace(
        decode(job.payload, job.payload_sha256), key=lookup.keys(db, [job])[job.id][1], gross="800.00"
    )
    assert lookup.resolve(db, "w2", job, Booked(later.key, "R-3"), quick, sender_dead=False) == "parked"
    assert "R-3, from a revision that these books do not know (here gross 1000.00" in invoice(db, number)[3]
    async with compared(db, Told([[as_listed(later, "R-3")]])) as (of, named):
        assert of.counts() == {V.FOUND: 1} and "--booked" in named[V.FOUND][0].fix
    resolving.booked(db, approver, number, "R-3", "it is its bill")
    async with compared(db, Told([[as_listed(later, "R-3")]])) as (of, named):
        assert of.counts() == {V.DIFFERS: 1} and named[V.DIFFERS][0].references == ("R-3",)
