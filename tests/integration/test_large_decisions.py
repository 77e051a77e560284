"""Decisions over more invoices than one chunk holds, and what a plan tells of them, on both databases."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from datetime import date

import msgspec
import pytest
from invoice_factory import line, make, state, version

from erp import profiles
from store import (
    accepting,
    audit,
    candidates,
    commitments,
    directory,
    holding,
    notices,
    reasons,
    review,
    selecting,
)
from store.db import Database
from store.directory import UserValues
from store.domain.actor import Actor, Level
from store.domain.bill import decode, invoice_uuid
from store.domain.errors import BadInput, Changed, Interrupted, NotPermitted, TotalsDiffer
from store.domain.money import hash_part
from store.domain.profile import Kind, Rule
from store.domain.selection import Marked, every
from store.domain.status import Action, ProjectView, Status, View

PROFILE = profiles.load("sandbox")
# Three chunks, the last of them not full.
MANY = 2 * candidates.CHUNK + 17


def multiply(db: Database, count: int) -> None:
    """The one invoice so many times, each on a commitment of its own."""
    base = make(db, "1")
    columns = [
        row[0] for row in db.execute("SELECT * FROM invoices WHERE id = ?", (base,)).description
    ]  # fmt: skip
    skipped = {"id", "uuid", "source_id", "number", "commitment_id", "number_hash", "phase", "sent"}
    kept = ", ".join(name for name in columns if name not in skipped)
    with db.transaction():
        db.executemany(
            "INSERT INTO commitments (source_id, project_id, vendor_id, number, title, kind, currency, erp_ref)"
            " SELECT ?, project_id, vendor_id, ?, title, kind, currency, erp_ref FROM commitments WHERE id = 1",
            [(f"c{n}", f"C-{n}") for n in range(2, count + 1)],
        )
        db.executemany(
            f"INSERT INTO invoices (uuid, source_id, number, commitment_id, number_hash, {kept})"
            f" SELECT ?, ?, ?, c.id, ?, {', '.join(f'i.{name}' for name in kept.split(', '))}"
            " FROM invoices i, commitments c WHERE i.id = ? AND c.source_id = ?",
            [
                (invoice_uuid("test", str(n)), str(n), str(n), hash_part(str(n)), base, f"c{n}")
                for n in range(2, count + 1)
            ],
        )
        db.execute(
            "INSERT INTO invoice_lines SELECT i.id, l.position, l.item, l.item_type, l.cost_code, l.description,"
            " l.scheduled, l.work_before, l.work_now, l.stored_now, l.stored_before, l.moved, l.total_before, l.held,"
            " l.released, l.retainage_before FROM invoices i, invoice_lines l WHERE l.invoice_id = ? AND i.id <> ?",
            (base, base),
        )


def one(db: Database, sql: str, *values: object) -> tuple[object, ...]:
    return tuple(db.execute(sql, values).fetchone())


# Made here; on SQLite by another process too.
@pytest.mark.parametrize("ahead", [MANY, MANY - 1])
def test_thousands_go_in_one_batch_with_exact_totals_and_one_event(
    db: Database, approver: Actor, monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    monkeypatch.setattr(accepting, "AHEAD", ahead)
    multiply(db, MANY)
    plan = review.plan_export(db, approver, every(View.READY), PROFILE, Action.ACCEPT)
    assert plan.count == plan.goes.count == MANY and len(plan.goes.first) == review.LISTED
    assert plan.seen is not None
    confirmed = dataclasses.replace(every(View.READY), digest=plan.seen.digest)
    decision = review.accept(
        db, approver, confirmed, PROFILE, expect=review.Expectation(MANY, None)
    )  # fmt: skip
    [totals] = decision.totals
    assert decision.done == tuple(plan.seen.ids) and totals == plan.totals[0]
    wanted = (MANY, 100_000 * MANY, 10_000 * MANY, 90_000 * MANY, MANY * (MANY + 1) // 2)
    assert one(db, "SELECT count, gross, retainage, net, hash_total FROM batches") == wanted
    assert one(db, "SELECT count(*), count(DISTINCT idem_key) FROM export_jobs") == (MANY, MANY)
    action, count, digest = one(
        db, "SELECT action, row_count, rows_digest FROM audit_events ORDER BY id DESC LIMIT 1"
    )
    rows = db.execute(
        "SELECT position, subject, subject_id, before, after, rule FROM audit_rows"
        " WHERE event_id = (SELECT max(id) FROM audit_events) ORDER BY position"
    ).fetchall()
    with audit.Trail() as trail:
        trail.add(
            audit.Change(subject, number, msgspec.json.decode(before), msgspec.json.decode(after), rule)
            for _, subject, number, before, after, rule in rows
        )
        assert (action, count, digest) == ("accept", MANY, trail.digest)
    payload, sha256 = db.execute(
        "SELECT payload, payload_sha256 FROM export_jobs ORDER BY id DESC LIMIT 1"
    ).fetchone()
    assert decode(payload, sha256).number == str(MANY)


def test_every_decision_crosses_chunks(db: Database, admin: Actor, sender: Actor, approver: Actor) -> None:
    multiply(db, MANY)
    everyone = every(View.ALL)
    assert len(review.set_export_values(db, approver, everyone, description="October").done) == MANY
    assert len(review.accept(db, approver, everyone, PROFILE).done) == MANY
    assert len(review.recall(db, approver, everyone).done) == MANY
    assert len(review.retrieve(db, sender, everyone).done) == MANY
    marked = Marked(dict(db.execute("SELECT id, version FROM invoices").fetchall()))
    assert len(review.send(db, sender, marked).done) == MANY
    assert len(holding.place(db, approver, everyone, "No lien waiver").done) == MANY
    assert one(db, "SELECT count(*) FROM holds WHERE released_at IS NULL") == (MANY,)
    assert len(holding.release(db, approver, everyone).done) == MANY
    assert one(db, "SELECT count(*) FROM holds WHERE released_at IS NULL") == (0,)
    assert len(review.reject(db, admin, everyone, "No lien waiver").done) == MANY
    assert len(commitments.set_status(db, sender, every(ProjectView.NOT_SENT), Status.DRAFT).done) == MANY
    counts = db.execute("SELECT action, row_count FROM audit_events WHERE action <> 'user' ORDER BY id")
    assert {(row[0], row[1]) for row in counts.fetchall()} == {
        (action, MANY)
        for action in (
            "export values",
            "accept",
            "recall",
            "retrieve",
            "send",
            "hold",
            "release",
            "reject",
            "status",
        )
    }
    assert one(db, "SELECT count(*) FROM invoices WHERE description <> ''") == (0,)


def test_a_total_that_is_not_expected_undoes_all_chunks(db: Database, approver: Actor) -> None:
    multiply(db, MANY)
    with pytest.raises(TotalsDiffer, match="expected 1"):
        review.accept(db, approver, every(View.READY), PROFILE, expect=review.Expectation(1, None))
    assert one(db, "SELECT count(*) FROM export_jobs") == (0,)
    assert one(db, "SELECT count(*) FROM batches") == (0,)
    assert one(db, "SELECT count(*) FROM invoices WHERE erp_status <> 'ready_to_export'") == (0,)


def test_when_nothing_of_thousands_can_go_all_of_them_are_counted(db: Database, approver: Actor) -> None:
    multiply(db, MANY)
    directory.put_user(
        db, None, UserValues("jlopez", "J", "", Level.STANDARD, can_push=True, limit_invoice=1)
    )
    with pytest.raises(NotPermitted, match=f"and {MANY - 1:,} more"):
        review.accept(db, approver, every(View.READY), PROFILE)
    plan = review.plan_export(db, approver, every(View.READY), PROFILE, Action.ACCEPT)
    [group] = plan.groups
    assert (group.code, group.cause, group.count) == ("permission", "It is over the limit of jlopez", MANY)
    assert (plan.count, plan.stays.count, len(plan.stays.first)) == (0, MANY, review.LISTED)
    assert plan.totals == () and plan.largest == ()


# -- what differs ------------------------------------------------------------------------------------------------


def test_the_refusal_of_other_matches_can_tell_how_they_differ(db: Database, approver: Actor) -> None:
    first, second, third = (make(db, str(n), application=n) for n in (1, 2, 3))
    plan = review.plan_export(db, approver, every(View.READY), PROFILE, Action.ACCEPT)
    assert plan.seen is not None and list(plan.seen.ids) == [first, second, third]
    assert plan.seen.digest == selecting.digest(selecting.matched(db, every(View.READY)))
    review.set_export_values(db, approver, Marked({second: version(db, second)}), description="x")
    review.reject(db, approver, Marked({third: version(db, third)}), "x")
    joined = make(db, "9", commitment="SC-9")
    with pytest.raises(Changed):
        review.accept(db, approver, every(View.READY, digest=plan.seen.digest), PROFILE)
    found = selecting.difference(db, every(View.READY), plan.seen)
    assert (found.joined, found.left, found.changed) == (1, 1, 1)
    assert found.first == (second, third, joined)
    assert str(found) == "1 joined, 1 left, 1 changed"
    now = selecting.seen(db, every(View.READY))
    assert str(selecting.difference(db, every(View.READY), now)) == ""


# -- what a plan tells -------------------------------------------------------------------------------------------


def test_a_plan_tells_what_the_filter_hides(db: Database, approver: Actor) -> None:
    numbers = [make(db, f"A-{n}", application=n) for n in (1, 2)]
    hidden = make(db, "B-1", commitment="SC-B", vendor="Other", vendor_ref="OTHER")
    plan = review.plan_export(
        db, approver, every(View.READY), PROFILE, Action.ACCEPT, visible=every(View.READY, "number:A-")
    )
    assert plan.hidden.count == 1 and [row.id for row in plan.hidden.first] == [hidden]
    marks = Marked(dict.fromkeys((*numbers, hidden), 1))
    plan = review.plan_export(db, approver, marks, PROFILE, Action.ACCEPT, visible=Marked({numbers[0]: 1}))
    assert [row.id for row in plan.hidden.first] == [numbers[1], hidden]
    assert review.plan_export(db, approver, marks, PROFILE, Action.ACCEPT).hidden.count == 0


def test_a_plan_tells_credits_flagged_and_the_five_largest(db: Database, approver: Actor) -> None:
    made = [make(db, str(n), commitment=f"SC-{n}", lines=(line(work=1000 * n, held=0),)) for n in range(1, 8)]
    credit = make(db, "C", commitment="SC-C", lines=(line(work=-9_000, held=0),))
    flagged = make(db, "F", commitment="SC-F", lines=(line(work=2_000_000, held=0),))
    db.execute("UPDATE invoices SET overbilled = ? WHERE id = ?", (True, flagged))
    plan = review.plan_export(db, approver, every(View.READY), PROFILE, Action.ACCEPT, listed=1)
    assert [row.id for row in plan.largest] == [flagged, credit, *made[:3:-1]][:5]
    assert (plan.credits.count, plan.credits.first[0].id) == (1, credit)
    assert (plan.flagged.count, plan.flagged.first[0].flags) == (1, "O")
    assert (plan.goes.count, len(plan.goes.first)) == (9, 1)


def test_rules_on_any_field_of_the_bill_hold_in_the_plan_and_in_the_decision(
    db: Database, approver: Actor
) -> None:
    rules = [
        Rule("company", Kind.MAX_LENGTH, "the company is long", "r", "test", 3),
        Rule("gross", Kind.POSITIVE, "gross {value} is not positive", "r", "test"),
        Rule("number", Kind.NUMERIC, "number {value} is not digits", "r", "test"),
        Rule("period_end", Kind.MAX_LENGTH, "the period is long", "r", "test", 9),
    ]
    good, credit = make(db, "1"), make(db, "2", commitment="SC-2", lines=(line(work=-5_000, held=0),))
    letters = make(db, "A-1", commitment="SC-3")
    wanted = {rules[0]: {good, credit, letters}, rules[1]: {credit}, rules[2]: {letters},
              rules[3]: {good, credit, letters}}  # fmt: skip
    for rule, staying in wanted.items():
        profile = msgspec.structs.replace(PROFILE, rules=(rule,))
        plan = review.plan_export(db, approver, every(View.READY), profile, Action.ACCEPT)
        assert {stay.invoice_id for stay in plan.stays.first} == staying
        assert {stay.code for stay in plan.stays.first} == {f"{rule.field}.{rule.kind}"}


@pytest.mark.parametrize(
    "change",
    [
        "work_now = work_now + 1",
        "total_before = NULL",
        "retainage_before = NULL",
        "stored_before = stored_before + 1",
        "held = held + 1",
        "retainage_before = total_before + 1",
        "released = held + retainage_before + 1",
    ],
)
def test_the_short_look_lets_nothing_pass_that_does_not_foot(
    db: Database, approver: Actor, change: str
) -> None:
    good, bad = make(db, "1"), make(db, "2", commitment="SC-2")
    db.execute(f"UPDATE invoice_lines SET {change} WHERE invoice_id = ?", (bad,))
    plan = review.plan_export(db, approver, every(View.READY), PROFILE, Action.ACCEPT)
    assert [stay.invoice_id for stay in plan.stays.first] == [bad]
    assert plan.groups[0].cause == "Its amounts do not foot"
    assert [row.id for row in plan.goes.first] == [good]


def test_an_invoice_without_lines_does_not_foot(db: Database, approver: Actor) -> None:
    number = make(db)
    db.execute("DELETE FROM invoice_lines")
    [told] = review.plan_export(db, approver, Marked({number: 1}), PROFILE, Action.ACCEPT).stays.first
    assert "it has no lines" in told.cause


def test_what_is_overtaken_is_counted_over_commitments(db: Database, approver: Actor) -> None:
    for commitment, applications in (("SC-1", (1, 2, 3)), ("SC-2", (1, 2))):
        for n in applications:
            make(db, f"{commitment}/{n}", application=n, commitment=commitment)
    chosen = {
        number: 1
        for number, name in db.execute("SELECT id, number FROM invoices").fetchall()
        if name in {"SC-1/2", "SC-1/3", "SC-2/1", "SC-2/2"}
    }
    [warning] = review.plan_export(db, approver, Marked(chosen), PROFILE, Action.ACCEPT).warnings
    assert warning.startswith("2 would go before an application that is not synced: SC-1/2 before SC-1/1,")
    db.execute("UPDATE invoices SET erp_status = 'synced' WHERE number = 'SC-1/1'")
    assert review.plan_export(db, approver, Marked(chosen), PROFILE, Action.ACCEPT).warnings == ()


def test_the_payload_shown_is_the_payload_frozen(db: Database, approver: Actor) -> None:
    number = make(db)
    shown = review.payload(db, approver, number, PROFILE, Action.ACCEPT, date(2026, 10, 15))
    review.accept(db, approver, Marked({number: 1}), PROFILE, accounting_date=date(2026, 10, 15))
    frozen = db.execute("SELECT payload FROM export_jobs").fetchone()[0]
    assert msgspec.json.format(frozen.encode(), indent=2).decode() == shown


def test_a_look_can_be_left(db: Database, approver: Actor) -> None:
    """The call that is given up raises at its next statement."""
    make(db)
    gone = threading.Event()

    async def leave() -> None:
        begun, loop = asyncio.Event(), asyncio.get_running_loop()

        def slow(store: Database) -> None:
            loop.call_soon_threadsafe(begun.set)
            assert gone.wait(10)
            review.plan_export(store, approver, every(View.READY), PROFILE, Action.ACCEPT)

        task = asyncio.ensure_future(db.look(slow))
        await begun.wait()
        db.interrupt("look")
        gone.set()
        await task

    with pytest.raises(Interrupted):
        asyncio.run(leave())


# -- rejecting ---------------------------------------------------------------------------------------------------


def test_who_is_mailed_is_told_before_a_rejection(db: Database, approver: Actor, sender: Actor) -> None:
    made = [
        make(db, str(n), commitment=f"SC-{n}", creator=creator, erp_status="not_sent")
        for n, creator in enumerate(("pat@acme.example", "pat@acme.example", "nobody"), 1)
    ]
    review.send(db, sender, Marked(dict.fromkeys(made, 1)))
    asked = reasons.rejecting(db, approver, every(View.READY))
    assert (asked.count, asked.people, asked.silent, asked.mails) == (3, 2, 1, 5)
    assert asked.totals[0].count == 3 and [row.id for row in asked.rows] == made
    decision = review.reject(db, approver, asked.selection, "x")
    assert len(decision.done) == 3
    sent = [n.address for number in made for n in notices.of_invoice(db, number) if n.address]
    assert (len(sent), len(set(sent))) == (asked.mails, asked.people)


def test_a_rejection_by_filter_refuses_what_was_not_shown(db: Database, approver: Actor) -> None:
    make(db, "1")
    asked = reasons.rejecting(db, approver, every(View.READY))
    late = make(db, "2", application=2)
    with pytest.raises(Changed):
        review.reject(db, approver, asked.selection, "x")
    assert state(db, late) == "ready_to_export" and asked.seen is not None
    assert str(selecting.difference(db, every(View.READY), asked.seen)) == "1 joined"


# -- the company's policy ----------------------------------------------------------------------------------------


def test_an_admin_sets_above_what_the_count_is_typed(db: Database, admin: Actor, approver: Actor) -> None:
    assert directory.company(db).confirm_net is None
    set_now = directory.set_confirmation(db, admin, 100, 5_000_000)
    assert (set_now.confirm_count, set_now.confirm_net) == (100, 5_000_000)
    assert one(db, "SELECT action FROM audit_events ORDER BY id DESC LIMIT 1") == ("company",)
    with pytest.raises(NotPermitted):
        directory.set_confirmation(db, approver, 1, None)
    with pytest.raises(BadInput):
        directory.set_confirmation(db, admin, 1, -1)
