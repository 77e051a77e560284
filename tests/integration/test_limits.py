"""Approval limits over more than one invoice, and the policy about the order of applications, on both databases."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from invoice_factory import line, make, state, version

from erp import profiles
from store import db as database
from store import directory, outbox, policies, review
from store.db import Database
from store.domain.actor import Actor
from store.domain.errors import BadInput, Blocked, NotPermitted, PayappError
from store.domain.outcome import Booked, PostOutcome, Refused
from store.domain.selection import Marked
from store.domain.status import Action
from store.job import Job

PROFILE = profiles.load("sandbox")


def limited(db: Database, **limits: int | None) -> Actor:
    """Juan, with these limits in cents."""
    user = directory.find_user(db, "jlopez")
    assert user is not None
    directory.put_user(db, None, replace(user, **limits))  # type: ignore[arg-type] # names of its fields
    return directory.actor(db, "jlopez")


def marked(db: Database, *ids: int) -> Marked:
    return Marked({number: version(db, number) for number in ids})


def rules(db: Database) -> list[str]:
    found = db.execute("SELECT rule FROM audit_rows WHERE rule <> '' ORDER BY event_id, position").fetchall()
    return [row[0] for row in found]


def answer(db: Database, *, booked: bool) -> None:
    """The ERP books or refuses everything that is due."""
    jobs = outbox.claim(db, "sandbox", "w", limit=50, lease_ms=60_000, concurrency=9)
    outbox.fence(db, "w", jobs)
    answers: list[tuple[Job, PostOutcome]] = [
        (job, Booked(job.key, f"B-{job.id}") if booked else Refused(job.key, "x", "no", "")) for job in jobs
    ]
    outbox.acknowledge(db, "w", "sandbox", answers, settle_ms=0)


# Each invoice is of 1,000.00 gross.
def test_a_day_takes_what_fits_and_leaves_the_rest(db: Database) -> None:
    who = limited(db, limit_day=250_000)
    first = make(db, "1", commitment="SC-1")
    credit = make(db, "2", commitment="SC-2", lines=(line(work=-100_000, held=0),))
    third, fourth = (make(db, str(n), commitment=f"SC-{n}") for n in (3, 4))
    plan = review.plan_export(db, who, marked(db, first, credit, third), PROFILE, Action.ACCEPT)
    assert plan.count == 2 and [s.invoice_id for s in plan.stays.first] == [third]
    done = review.accept(db, who, marked(db, first, credit, third), PROFILE)
    assert done.done == (first, credit)
    [left] = done.stays
    assert "over the limit for a day of jlopez" in left.cause
    assert "in 24 hours 3,000.00, limit 2,500.00" in left.cause
    with pytest.raises(NotPermitted, match="for a day"):
        review.accept(db, who, marked(db, fourth), PROFILE)
    assert state(db, third) == state(db, fourth) == "ready_to_export"
    assert rules(db) == ["preparer is not approver; limit a day 2,500.00"] * 2
    # Another approver's exports are no part of it, nor are those of before yesterday.
    db.execute("UPDATE batches SET created_at = created_at - 86400001")
    assert review.accept(db, who, marked(db, third, fourth), PROFILE).done == (third, fourth)


def test_a_commitment_and_period_is_summed_over_decisions(db: Database) -> None:
    who = limited(db, limit_commitment=200_000)
    one, two, three = (make(db, str(n), application=n) for n in (1, 2, 3))
    other = make(db, "4", commitment="SC-2")
    later = make(db, "5", application=4, period_end="2026-11-30")
    assert review.accept(db, who, marked(db, one), PROFILE).done == (one,)
    done = review.accept(db, who, marked(db, two, three, other, later), PROFILE)
    assert done.done == (two, other, later)
    assert "over the limit for a commitment and period of jlopez" in done.stays[0].cause
    assert "of SC-101 for the period 3,000.00, limit 2,000.00" in done.stays[0].cause


def test_what_came_to_nothing_counts_no_more_and_its_retry_counts_again(db: Database) -> None:
    who = limited(db, limit_day=100_000)
    one, two = (make(db, str(n), commitment=f"SC-{n}") for n in (1, 2))
    review.accept(db, who, marked(db, one), PROFILE)
    with pytest.raises(NotPermitted):
        review.accept(db, who, marked(db, two), PROFILE)
    review.recall(db, who, marked(db, one))
    review.accept(db, who, marked(db, two), PROFILE)
    answer(db, booked=False)
    assert state(db, two) == "failed_to_export"
    review.accept(db, who, marked(db, one), PROFILE)
    with pytest.raises(NotPermitted, match="for a day"):
        review.retry(db, who, marked(db, two), PROFILE)


def test_the_sum_of_all_currencies_is_none(db: Database) -> None:
    # What he accepted before he had a limit is no amount of its currency.
    before, dollars = make(db, "0", commitment="SC-E0", currency="EUR"), make(db, "2", commitment="SC-US")
    review.accept(db, limited(db), marked(db, before), PROFILE)
    who = limited(db, limit_day=150_000, limit_commitment=150_000)
    assert review.accept(db, who, marked(db, dollars), PROFILE).done == (dollars,)
    who = limited(db, limit_day=10**12)
    euros = make(db, "1", commitment="SC-EU", currency="EUR")
    with pytest.raises(NotPermitted, match="limit of jlopez is in USD"):
        review.accept(db, who, marked(db, euros), PROFILE)


def test_two_desks_of_one_user_at_the_same_moment_do_not_pass_together(db: Database) -> None:
    who = limited(db, limit_day=150_000)
    ids = [make(db, str(n), commitment=f"SC-{n}") for n in (1, 2)]
    chosen = [marked(db, number) for number in ids]
    start = threading.Barrier(2)
    told: list[object] = []

    def desk(selection: Marked) -> None:
        own = database.open(db.url)
        try:
            start.wait(10)
            told.append(review.accept(own, who, selection, PROFILE).done)
        except PayappError as error:
            told.append(error)
        finally:
            own.close()

    threads = [threading.Thread(target=desk, args=(one,)) for one in chosen]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(isinstance(one, NotPermitted) for one in told) == [False, True]
    assert sorted(state(db, number) for number in ids) == ["queued", "ready_to_export"]


# -- the order of applications ---------------------------------------------------------------------------------------


def test_an_application_waits_for_the_earlier_ones_where_the_policy_says_so(
    db: Database, admin: Actor, approver: Actor
) -> None:
    one, two = make(db, "1"), make(db, "2", application=2)
    alone = make(db, "3", commitment="SC-2")
    policies.put(db, admin, "order", "block", "")
    plan = review.plan_export(db, approver, marked(db, one, two, alone), PROFILE, Action.ACCEPT)
    assert plan.count == 2
    done = review.accept(db, approver, marked(db, one, two, alone), PROFILE)
    assert done.done == (one, alone)
    assert "earlier application of its commitment is not Synced: 1 comes first" in done.stays[0].cause
    answer(db, booked=True)
    assert review.accept(db, approver, marked(db, two), PROFILE).done == (two,)


def test_with_the_policy_warn_it_goes_with_a_warning(db: Database, approver: Actor) -> None:
    make(db, "1")
    two = make(db, "2", application=2)
    plan = review.plan_export(db, approver, marked(db, two), PROFILE, Action.ACCEPT)
    assert any("2 before 1" in warning for warning in plan.warnings)
    assert review.accept(db, approver, marked(db, two), PROFILE).done == (two,)


# -- policies ----------------------------------------------------------------------------------------------------------


def test_a_rule_is_loosened_by_a_directory_admin_with_a_comment_that_is_audited_and_told(
    db: Database, admin: Actor, approver: Actor
) -> None:
    with pytest.raises(BadInput, match="comment is needed"):
        policies.put(db, admin, "self", "review", "  ")
    with pytest.raises(NotPermitted):
        policies.put(db, approver, "self", "review", "me too")
    with pytest.raises(BadInput, match="no value"):
        policies.put(db, admin, "self", "always", "why not")
    with pytest.raises(BadInput, match="too long"):
        policies.put(db, admin, "self", "review", "x" * 501)
    assert directory.company(db).self_policy == "never"
    put = policies.put(db, admin, "self", "review", "One\r\nperson\x1b[2J office")
    assert put.loose and directory.company(db).self_policy == "review"
    assert "set by admin" in put.told and "\x1b" not in put.told and "\n" not in put.told
    row = db.execute("SELECT before, after FROM audit_rows ORDER BY event_id DESC LIMIT 1").fetchone()
    assert tuple(row) == ('{"self_policy":"never"}', '{"self_policy":"review"}')
    # Tightening needs no comment.
    assert not policies.put(db, admin, "self", "never", "").loose


def test_the_policy_of_order_blocks_by_its_own_error(db: Database, admin: Actor, approver: Actor) -> None:
    make(db, "1")
    two = make(db, "2", application=2)
    policies.put(db, admin, "order", "block", "")
    with pytest.raises(Blocked, match="not Synced"):
        review.accept(db, approver, marked(db, two), PROFILE)
