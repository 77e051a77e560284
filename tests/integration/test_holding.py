"""Holds: who may place and release them, what they stop, and what is remembered of them."""

from __future__ import annotations

import pytest
from invoice_factory import make, state, version

from erp import profiles
from store import detail, holding, invoices, review
from store.db import Database
from store.domain.actor import Actor
from store.domain.errors import BadInput, Blocked, Changed, Disallowed, NothingMatched, NotPermitted
from store.domain.selection import Marked, every
from store.domain.status import Action, View

PROFILE = profiles.load("sandbox")


def mark(db: Database, *ids: int) -> Marked:
    return Marked({number: version(db, number) for number in ids})


def flags(db: Database, number: int) -> str:
    return invoices.rows(db, [number])[0].flags


def test_a_held_invoice_stays_and_says_who_holds_it_and_why(db: Database, approver: Actor) -> None:
    held, free = make(db, "1"), make(db, "2", application=2)
    decision = holding.place(db, approver, mark(db, held), " lien waiver [/] missing ")
    assert decision.done == (held,) and flags(db, held) == "H"
    plan = review.plan_export(db, approver, mark(db, held), PROFILE, Action.ACCEPT)
    assert [(s.code, s.fix) for s in plan.stays.first] == [("hold", "Release it (H)")]
    assert "It is on hold: lien waiver [/] missing, placed by jlopez on 20" in plan.stays.first[0].cause
    accepted = review.accept(db, approver, mark(db, held, free), PROFILE)
    assert accepted.done == (free,) and state(db, held) == "ready_to_export"


def test_nothing_but_held_ones_is_refused(db: Database, approver: Actor) -> None:
    number = make(db)
    holding.place(db, approver, mark(db, number), "waiting")
    with pytest.raises(Blocked, match="It is on hold"):
        review.accept(db, approver, mark(db, number), PROFILE)


def test_a_failed_one_on_hold_is_not_retried(db: Database, approver: Actor) -> None:
    number = make(db, erp_status="failed_to_export")
    holding.place(db, approver, mark(db, number), "waiting")
    with pytest.raises(Blocked, match="It is on hold"):
        review.retry(db, approver, mark(db, number), PROFILE)


def test_a_released_one_goes_and_its_history_tells_both(db: Database, approver: Actor, admin: Actor) -> None:
    number = make(db)
    holding.place(db, approver, mark(db, number), "waiting")
    found = detail.detail(db, number)
    assert [(hold.reason, hold.placed_by) for hold in found.holds] == [("waiting", "jlopez")]
    assert holding.release(db, admin, mark(db, number)).done == (number,)
    found = detail.detail(db, number)
    assert not found.holds and found.row.flags == ""
    told = [(event.who, event.what, event.detail) for event in found.history]
    assert told == [
        ("jlopez", "hold", "effect block, on hold yes, kind other, reason waiting"),
        ("admin", "release", "on hold no"),
    ]
    assert review.accept(db, approver, mark(db, number), PROFILE).done == (number,)


def test_a_hold_is_placed_once_and_again_after_its_release(db: Database, approver: Actor) -> None:
    number = make(db)
    holding.place(db, approver, mark(db, number), "waiting")
    with pytest.raises(Disallowed, match="on hold already: waiting, placed by jlopez"):
        holding.place(db, approver, mark(db, number), "again")
    holding.release(db, approver, mark(db, number))
    with pytest.raises(Disallowed, match="is not on hold"):
        holding.release(db, approver, mark(db, number))
    holding.place(db, approver, mark(db, number), "again")
    assert db.execute("SELECT count(*) FROM holds").fetchone()[0] == 2


def test_of_a_mixed_selection_the_others_stay(db: Database, approver: Actor) -> None:
    first, second = make(db, "1"), make(db, "2", application=2)
    holding.place(db, approver, mark(db, first), "waiting")
    assert holding.counts(db, mark(db, first, second)) == (1, 1)
    assert holding.counts(db, every(View.READY)) == (1, 1)
    decision = holding.place(db, approver, mark(db, first, second), "both")
    assert decision.done == (second,) and [s.invoice_id for s in decision.stays] == [first]
    assert holding.release(db, approver, every(View.READY)).done == (first, second)


@pytest.mark.parametrize("erp_status", ["queued", "exporting", "uncertain", "parked", "synced", "not_sent"])
def test_only_ready_and_failed_ones_are_held(db: Database, approver: Actor, erp_status: str) -> None:
    number = make(db, erp_status=erp_status)
    with pytest.raises(Disallowed, match="cannot be placed on hold"):
        holding.place(db, approver, mark(db, number), "waiting")
    assert flags(db, number) == ""


@pytest.mark.parametrize("login", ["sender", "viewer"])
def test_others_neither_place_nor_release(db: Database, approver: Actor, sender: Actor, login: str) -> None:
    from store import directory

    who = sender if login == "sender" else directory.actor(db, "viewer")
    number = make(db)
    with pytest.raises(NotPermitted):
        holding.place(db, who, mark(db, number), "waiting")
    holding.place(db, approver, mark(db, number), "waiting")
    with pytest.raises(NotPermitted):
        holding.release(db, who, mark(db, number))
    assert flags(db, number) == "H"


@pytest.mark.parametrize(
    ("reason", "word"), [(" \n", "needs a reason"), ("x" * 501, "too long"), ("\x00", "cannot")]
)
def test_a_reason_that_cannot_be_one(db: Database, approver: Actor, reason: str, word: str) -> None:
    number = make(db)
    with pytest.raises(BadInput, match=word):
        holding.place(db, approver, mark(db, number), reason)


def test_what_others_changed_is_skipped_and_nothing_selected_is_refused(
    db: Database, approver: Actor
) -> None:
    number = make(db, "1")
    with pytest.raises(Disallowed, match="others changed 1"):
        holding.place(db, approver, Marked({number: 99}), "waiting")
    with pytest.raises(NothingMatched):
        holding.release(db, approver, Marked({}))
    with pytest.raises(Changed):
        holding.place(db, approver, every(View.READY, digest="another"), "waiting")
    assert flags(db, number) == ""


def test_a_hold_outlives_a_rejection_until_somebody_releases_it(
    db: Database, approver: Actor, sender: Actor
) -> None:
    number = make(db)
    holding.place(db, approver, mark(db, number), "lien waiver missing")
    review.reject(db, approver, mark(db, number), "Send the waiver")
    review.send(db, sender, mark(db, number))
    with pytest.raises(Blocked, match="lien waiver missing"):
        review.accept(db, approver, mark(db, number), PROFILE)
    holding.release(db, approver, mark(db, number))
    assert review.accept(db, approver, mark(db, number), PROFILE).done == (number,)
