"""Exports of one's own invoices under the policy ``self = review``, and their sign-off by another person, on both databases."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from invoice_factory import make, state, version

from erp import profiles
from store import audit, batches, directory, outbox, policies, review, signing
from store.db import Database
from store.domain.actor import Actor, Level
from store.domain.errors import BadInput, Disallowed, NotPermitted
from store.domain.outcome import Refused
from store.domain.selection import Marked
from store.domain.status import Action

PROFILE = profiles.load("sandbox")


def marked(db: Database, *ids: int) -> Marked:
    return Marked({number: version(db, number) for number in ids})


@pytest.fixture
def own(db: Database, admin: Actor) -> int:
    """An invoice that Ada sent herself, under the policy ``review``."""
    policies.put(db, admin, "self", "review", "Ada is alone here")
    number = make(db, erp_status="not_sent", creator="x@y.example")
    review.send(db, admin, marked(db, number))
    return number


def test_ones_own_goes_under_review_marked_in_the_trail_and_listed(
    db: Database, admin: Actor, own: int
) -> None:
    other = make(db, "2", commitment="SC-2")
    plan = review.plan_export(db, admin, marked(db, own, other), PROFILE, Action.ACCEPT)
    assert plan.count == 2
    [told] = [warning for warning in plan.warnings if "your own" in warning]
    assert told.startswith("1 is your own") and "Ada is alone here" in told
    done = review.accept(db, admin, marked(db, own, other), PROFILE)
    assert done.done == (own, other)
    rows = db.execute(
        "SELECT subject_id, rule FROM audit_rows WHERE rule <> '' ORDER BY subject_id"
    ).fetchall()
    assert [tuple(row) for row in rows] == [
        (own, "self under review; no limit"), (other, "preparer is not approver; no limit"),
    ]  # fmt: skip
    detail = db.execute("SELECT detail FROM audit_events WHERE action = 'accept'").fetchone()[0]
    assert audit.detail_of(detail)["self"]["count"] == 1
    [one] = signing.listed(db, admin)
    assert (one.invoice_id, one.operator, one.batch, one.verdict) == (own, "admin", done.batches[0], "")
    assert signing.waiting(db) == 1
    assert batches.progress(db, done.batches[0]).own == 1


def test_without_the_policy_nothing_of_it_holds(db: Database, admin: Actor, own: int) -> None:
    policies.put(db, admin, "self", "never", "")
    with pytest.raises(NotPermitted, match="created, edited or sent"):
        review.accept(db, admin, marked(db, own), PROFILE)
    assert signing.waiting(db) == 0


def test_a_limit_holds_for_ones_own_too(db: Database, admin: Actor, own: int) -> None:
    ada = directory.find_user(db, "admin")
    assert ada is not None
    directory.put_user(db, None, replace(ada, limit_day=10))
    with pytest.raises(NotPermitted, match="limit for a day"):
        review.accept(db, admin, marked(db, own), PROFILE)


def test_another_person_agrees_and_nobody_signs_twice(
    db: Database, admin: Actor, approver: Actor, own: int
) -> None:
    review.accept(db, admin, marked(db, own), PROFILE)
    [one] = signing.listed(db, approver)
    with pytest.raises(NotPermitted, match="Nobody signs off what he exported"):
        signing.sign(db, admin, [one.id], agree=True)
    for login in ("viewer", "nopush", "mgarcia"):
        with pytest.raises(NotPermitted):
            signing.sign(db, directory.actor(db, login), [one.id], agree=True)
    assert signing.sign(db, approver, [one.id], agree=True, comment="seen the contract").done == (own,)
    assert signing.waiting(db) == 0 and signing.listed(db, approver) == []
    [signed] = signing.listed(db, approver, everything=True)
    assert (signed.signed_by, signed.verdict, signed.comment) == ("jlopez", "agreed", "seen the contract")
    row = db.execute(
        "SELECT e.actor, e.action, r.subject_id, r.after FROM audit_rows r JOIN audit_events e ON e.id = r.event_id"
        " ORDER BY e.id DESC LIMIT 1"
    ).fetchone()
    assert tuple(row[:3]) == ("jlopez", "sign off", own) and json.loads(row[3]) == {"sign-off": "agreed"}
    with pytest.raises(Disallowed, match="None of these waits"):
        signing.sign(db, approver, [one.id], agree=True)


def test_an_objection_says_why_and_moves_nothing(
    db: Database, admin: Actor, approver: Actor, own: int
) -> None:
    review.accept(db, admin, marked(db, own), PROFILE)
    [one] = signing.listed(db, approver)
    with pytest.raises(BadInput, match="needs a comment"):
        signing.sign(db, approver, [one.id], agree=False, comment=" \n ")
    signing.sign(db, approver, [one.id], agree=False, comment="not in the contract")
    [signed] = signing.listed(db, approver, everything=True)
    assert (signed.verdict, signed.comment) == ("objected", "not in the contract")
    assert state(db, own) == "queued"


def test_who_sent_it_once_does_not_sign_it_though_another_exported_it(
    db: Database, admin: Actor, approver: Actor, own: int
) -> None:
    # Juan becomes a sender, sends it once, and it comes back; Ada sends it again and exports it.
    juan = directory.find_user(db, "jlopez")
    assert juan is not None
    review.retrieve(db, admin, marked(db, own))
    directory.put_user(db, None, replace(juan, commitments_level=Level.ADMIN))
    review.send(db, directory.actor(db, "jlopez"), marked(db, own))
    review.retrieve(db, admin, marked(db, own))
    review.send(db, admin, marked(db, own))
    review.accept(db, admin, marked(db, own), PROFILE)
    [one] = signing.listed(db, approver)
    with pytest.raises(NotPermitted, match="Nobody signs off"):
        signing.sign(db, approver, [one.id], agree=True)


def test_what_came_to_nothing_waits_for_nobody_and_its_next_export_is_listed(
    db: Database, admin: Actor, approver: Actor, own: int
) -> None:
    review.accept(db, admin, marked(db, own), PROFILE)
    [one] = signing.listed(db, approver)
    review.recall(db, admin, marked(db, own))
    assert signing.waiting(db) == 0
    with pytest.raises(Disallowed):
        signing.sign(db, approver, [one.id], agree=True)
    review.accept(db, admin, marked(db, own), PROFILE)
    jobs = outbox.claim(db, "sandbox", "w", limit=50, lease_ms=60_000, concurrency=9)
    outbox.fence(db, "w", jobs)
    outbox.acknowledge(
        db, "w", "sandbox", [(job, Refused(job.key, "x", "no", "")) for job in jobs], settle_ms=0
    )
    assert signing.waiting(db) == 0
    review.retry(db, admin, marked(db, own), PROFILE)
    assert [row.id > one.id for row in signing.listed(db, approver)] == [True]
