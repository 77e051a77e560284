"""What may be a duplicate stays until somebody says why it goes; that counts for the pair alone, on both databases."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from invoice_factory import line, make, state, version

from erp import profiles
from store import alike, detail, directory, duplicates, mapping, outbox, overriding, review
from store import db as database
from store.db import Database
from store.decision import Decision, Expectation
from store.domain.actor import Actor
from store.domain.bill import decode
from store.domain.errors import BadInput, Blocked, Changed, NotPermitted, PayappError
from store.domain.knowing import Kind
from store.domain.likeness import Likeness
from store.domain.outcome import Booked, Refused
from store.domain.selection import Marked
from store.domain.status import Action
from store.intake import example
from store.intake.load import import_file
from store.mapping import Want

PROFILE = profiles.load("sandbox")
WHY = "Two floors, two invoices"


def mark(db: Database, *ids: int) -> Marked:
    return Marked({number: version(db, number) for number in ids})


def invoice(db: Database, number: str, n: int, *, work: int = 0, **values: str) -> int:
    """An invoice of the one vendor on its commitment ``n``, compared with those that are there."""
    made = make(db, number, commitment=f"SC-{n}", lines=(line(work=work or 100_000 + n * 1_000),), **values)  # type: ignore[arg-type]
    with db.transaction():
        duplicates.refresh(db, duplicates.known(db, [made]))
    return made


def answer(db: Database, refusal: str = "", similar: tuple[str, ...] = ()) -> list[str]:
    """Play a worker to the end; returns the overrides that the bills carried."""
    jobs = outbox.fence(db, "w", outbox.claim(db, "sandbox", "w", limit=9, lease_ms=60_000, concurrency=1))
    made = [
        (
            job,
            Refused(job.key, str(refusal), f"{refusal}: BILL-7 is like it", "", similar=similar)
            if refusal
            else Booked(job.key, "B"),
        )
        for job in jobs
    ]
    carried = [",".join(decode(job.payload, job.payload_sha256).overrides) for job in jobs]
    outbox.acknowledge(db, "w", "sandbox", made, settle_ms=1)
    return carried


def rows(db: Database) -> set[tuple[int, str, str]]:
    found = db.execute("SELECT invoice_id, code, comment FROM overrides").fetchall()
    return {(row[0], row[1], row[2]) for row in found}


@pytest.mark.parametrize(
    ("other_state", "number", "work", "code"),
    [
        ("not_sent", "a-7", 0, Likeness.EXACT),
        ("ready_to_export", "a-7", 0, Likeness.EXACT),
        ("exporting", "A 007", 0, Likeness.NUMBER),
        ("synced", "B-1", 109_000, Likeness.AMOUNT),
    ],
)
def test_it_stays_with_the_other_invoice_as_the_cause(
    db: Database, approver: Actor, other_state: str, number: str, work: int, code: Likeness
) -> None:
    invoice(db, "A-7", 9, erp_status=other_state)
    own = invoice(db, number, 2, work=work)
    plan = review.plan_export(db, approver, mark(db, own), PROFILE, Action.ACCEPT)
    [stays] = plan.stays.first
    assert stays.code == code
    assert "A-7 (SC-9, job 24-101, " in stays.cause
    assert "override" in stays.fix
    assert plan.count == 0
    assert [possible.id for possible in plan.alike.first] == [own]
    with pytest.raises(Blocked, match="may be a duplicate of A-7"):
        review.accept(db, approver, mark(db, own), PROFILE)
    assert state(db, own) == "ready_to_export"


def test_with_a_reason_it_goes_and_the_reason_is_kept(db: Database, approver: Actor) -> None:
    other = invoice(db, "A-7", 1, erp_status="synced")
    own, clean = invoice(db, "a7", 2, work=101_000), invoice(db, "C", 3)
    plan = review.plan_export(db, approver, mark(db, own, clean), PROFILE, Action.ACCEPT, override=WHY)
    assert (plan.count, plan.stays.count, plan.alike.count) == (2, 0, 1)
    assert rows(db) == set()
    decision = review.accept(db, approver, mark(db, own, clean), PROFILE, override=f" {WHY} ")
    assert decision.done == (own, clean)
    assert rows(db) == {(own, Likeness.NUMBER, WHY), (own, Likeness.AMOUNT, WHY)}
    [twin] = detail.detail(db, own).twins
    assert twin.id == other
    assert {by.who for by in twin.overrides if by} == {"jlopez"} and twin.open == ()
    told = [event.detail for event in detail.detail(db, own).history]
    assert any(WHY in text and "A-7 (SC-1" in text for text in told)
    rules = db.execute(
        "SELECT subject_id, rule FROM audit_rows r JOIN audit_events e ON e.id = r.event_id WHERE action = 'accept'"
    ).fetchall()
    assert {number for number, rule in rules if "let pass" in rule} == {own}


def test_it_counts_for_the_pair_alone_and_again_after_a_recall(db: Database, approver: Actor) -> None:
    invoice(db, "A-7", 1, erp_status="synced")
    own = invoice(db, "A7", 2)
    review.accept(db, approver, mark(db, own), PROFILE, override=WHY)
    review.recall(db, approver, mark(db, own))
    review.accept(db, approver, mark(db, own), PROFILE)
    review.recall(db, approver, mark(db, own))
    later = invoice(db, "a-07", 3)
    [stays] = review.plan_export(db, approver, mark(db, own), PROFILE, Action.ACCEPT).stays.first
    assert "a-07 (SC-3" in stays.cause and "SC-1" not in stays.cause
    # The other side of a pair was not asked about.
    others = alike.unsettled(db, [later])[later]
    assert [twin.commitment for twin in others] == ["SC-2", "SC-1"]


def test_two_of_one_press_are_others_of_each_other(db: Database, approver: Actor) -> None:
    both = invoice(db, "A-7", 1), invoice(db, "A-7", 2)
    with pytest.raises(Blocked):
        review.accept(db, approver, mark(db, *both), PROFILE)
    assert review.accept(db, approver, mark(db, *both), PROFILE, override=WHY).done == both
    assert rows(db) == {(number, Likeness.EXACT, WHY) for number in both}


def test_who_may_not_accept_it_may_not_override_it(db: Database, sender: Actor, approver: Actor) -> None:
    invoice(db, "A-7", 1)
    own = invoice(db, "A-7", 2, creator="jlopez@acme.example")
    with pytest.raises(NotPermitted):
        review.accept(db, sender, mark(db, own), PROFILE, override=WHY)
    plan = review.plan_export(db, approver, mark(db, own), PROFILE, Action.ACCEPT, override=WHY)
    [stays] = plan.stays.first
    assert stays.code == "permission"
    assert rows(db) == set()


def test_a_reason_that_says_nothing_is_refused(db: Database, approver: Actor) -> None:
    own = invoice(db, "A-7", 1)
    for decide in (review.accept, review.retry):
        for text in ("", "  ", "a\x00b", "x" * 2001):
            with pytest.raises(BadInput):
                decide(db, approver, mark(db, own), PROFILE, override=text)
    assert state(db, own) == "ready_to_export"


def test_nothing_is_recorded_where_nothing_was_let_pass(db: Database, approver: Actor) -> None:
    review.accept(db, approver, mark(db, invoice(db, "A-7", 1)), PROFILE, override=WHY)
    assert rows(db) == set()


def test_what_the_erp_takes_for_a_duplicate_goes_again_with_the_override(
    db: Database, approver: Actor, sender: Actor
) -> None:
    own = invoice(db, "A-7", 1)
    review.accept(db, approver, mark(db, own), PROFILE)
    assert answer(db, Likeness.SIMILAR) == [""]
    # Without a reason the ERP is asked again: what was like it may be gone there.
    plan = review.plan_export(db, approver, mark(db, own), PROFILE, Action.RETRY)
    assert plan.count == 1 and "BILL-7" in plan.alike.first[0].said
    review.retry(db, approver, mark(db, own), PROFILE)
    assert answer(db, Likeness.SIMILAR) == [""]
    review.retry(db, approver, mark(db, own), PROFILE, override=WHY)
    assert rows(db) == {(own, Likeness.SIMILAR, WHY)}
    assert answer(db, "period.closed") == [Likeness.SIMILAR]
    review.retry(db, approver, mark(db, own), PROFILE)
    assert answer(db, "period.closed") == [Likeness.SIMILAR]
    # Sent anew it is another bill, of which the ERP is heard again.
    review.reject(db, approver, mark(db, own), "wrong")
    db.execute("UPDATE overrides SET made_at = made_at - 10")
    review.send(db, sender, mark(db, own))
    review.accept(db, approver, mark(db, own), PROFILE)
    assert answer(db) == [""]


@pytest.mark.parametrize(("given", "stays"), [("b 02", True), ("C-3", False), ("", False)])
def test_a_number_that_is_given_is_compared(
    db: Database, approver: Actor, given: str, *, stays: bool
) -> None:
    invoice(db, "B-2", 1, erp_status="synced")
    own = invoice(db, "A-1", 2, erp_status="failed_to_export")
    review.set_export_values(db, approver, mark(db, own), erp_number="B-2")
    assert review.plan_export(db, approver, mark(db, own), PROFILE, Action.RETRY).stays.count == 1
    plan = review.plan_export(db, approver, mark(db, own), PROFILE, Action.RETRY, erp_number=given)
    assert plan.stays.count == stays
    if not stays:
        review.retry(db, approver, mark(db, own), PROFILE, erp_number=given)
        assert duplicates.flagged(db, [own]) == []


def test_of_two_who_give_the_same_number_at_once_the_second_is_warned(
    db: Database, db_url: str, approver: Actor
) -> None:
    both = [invoice(db, f"A-{n}", n, erp_status="failed_to_export") for n in (1, 2)]
    gate = threading.Barrier(2)

    def one(number: int) -> Decision:
        mine = database.open(db_url)
        try:
            gate.wait(30)
            return review.retry(
                mine, directory.actor(mine, "jlopez"), mark(mine, number), PROFILE, erp_number="X-9"
            )
        finally:
            mine.close()

    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(one, number) for number in both]
        errors = [future.exception(60) for future in futures]
    assert [type(error) for error in errors if error] == [Blocked]
    assert sorted(state(db, number) for number in both) == ["failed_to_export", "queued"]


def test_very_many_others_are_counted_and_the_newest_let_pass(
    db: Database, approver: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duplicates, "MOST", 3)
    for n in range(2, 8):
        invoice(db, "A-1", n, erp_status="synced")
    own = invoice(db, "A-1", 1)
    [stays] = review.plan_export(db, approver, mark(db, own), PROFILE, Action.ACCEPT).stays.first
    assert "and 1 more" in stays.cause
    review.accept(db, approver, mark(db, own), PROFILE, override=WHY)
    assert len(alike.twins(db, [own])[own]) == 3
    review.recall(db, approver, mark(db, own))
    invoice(db, "a 01", 9)
    with pytest.raises(PayappError, match="SC-9"):
        review.accept(db, approver, mark(db, own), PROFILE)


def test_an_import_says_what_looks_like_what(db: Database, admin: Actor, tmp_path: Path) -> None:
    folder = tmp_path / "example"
    example.write(folder)
    for name in example.FILES:
        assert import_file(db, admin, folder / name).alike_count == 0
    own = db.execute(
        "SELECT i.id, i.number, o.number FROM invoices i JOIN invoices o ON o.vendor_id = i.vendor_id AND o.id <> i.id"
        " WHERE i.erp_status = 'not_sent' ORDER BY i.id"
    ).fetchone()
    listed = json.loads((folder / "invoices.json").read_text())
    record = next(one for one in listed if one["invoice_number"] == own[1])
    again = tmp_path / "again.json"
    again.write_text(json.dumps([{**record, "invoice_number": f"{own[2]}.".lower()}]))
    result = import_file(db, admin, again)
    assert result.alike_count == 1
    assert own[2] in result.alike[0] and "zeros or punctuation" in result.alike[0]


def test_reasons_are_kept_as_they_were_meant(db: Database) -> None:
    assert overriding.reason(" a ") == "a" and overriding.reason(None) is None


def test_a_twin_that_comes_while_the_override_is_looked_at_is_not_let_pass_unseen(
    db: Database, approver: Actor
) -> None:
    invoice(db, "A-7", 1, erp_status="synced")
    own = invoice(db, "A7", 2)
    seen = mark(db, own)

    def expected() -> Expectation:
        plan = review.plan_export(db, approver, seen, PROFILE, Action.ACCEPT, override=WHY)
        return Expectation(plan.count, None, plan.masters, plan.let)

    before = expected()
    later = invoice(db, "a 07", 3)
    with pytest.raises(Changed, match="not those that were shown"):
        review.accept(db, approver, seen, PROFILE, override=WHY, expect=before)
    assert (rows(db), state(db, own)) == (set(), "ready_to_export")
    review.accept(db, approver, seen, PROFILE, override=WHY, expect=expected())
    assert {row[0] for row in db.execute("SELECT other FROM overrides").fetchall()} >= {
        f"invoice {later}, revision 1"
    }


def test_the_erps_warning_is_let_pass_for_the_number_and_vendor_that_it_refused(
    db: Database, approver: Actor
) -> None:
    own = invoice(db, "A-7", 1)
    review.accept(db, approver, mark(db, own), PROFILE)
    assert answer(db, Likeness.SIMILAR) == [""]
    # Repaired in the same press: the reason is of the refused number, and nobody has seen what the other is like.
    for number, asked in ((None, 1), ("B-9", 0)):
        plan = review.plan_export(db, approver, mark(db, own), PROFILE, Action.RETRY, erp_number=number)
        assert plan.alike.count == asked
    review.retry(db, approver, mark(db, own), PROFILE, erp_number="B-9", override=WHY)
    assert (answer(db, Likeness.SIMILAR), rows(db)) == ([""], set())
    review.retry(db, approver, mark(db, own), PROFILE, override=WHY)
    assert answer(db, "period.closed") == [Likeness.SIMILAR]
    review.set_export_values(db, approver, mark(db, own), erp_number="C-1")
    review.retry(db, approver, mark(db, own), PROFILE)
    assert answer(db, "period.closed") == [""]
    review.set_export_values(db, approver, mark(db, own), erp_number="B-9")
    mapping.put(db, approver, Want(Kind.VENDOR, "APEX", "ELSE"))
    review.retry(db, approver, mark(db, own), PROFILE)
    assert answer(db, "period.closed") == [""]
    mapping.put(db, approver, Want(Kind.VENDOR, "APEX", ""))
    review.retry(db, approver, mark(db, own), PROFILE)
    assert answer(db) == [Likeness.SIMILAR]


def test_the_erps_warning_is_let_pass_for_the_bills_that_it_named(db: Database, approver: Actor) -> None:
    own, other = invoice(db, "A-7", 1), invoice(db, "B", 2)
    review.accept(db, approver, mark(db, own, other), PROFILE)
    answer(db, Likeness.SIMILAR, similar=("15", "12"))
    review.retry(db, approver, mark(db, own), PROFILE, override=WHY)
    # Another one was entered there meanwhile: it is refused again, for that one.
    assert answer(db, Likeness.SIMILAR, similar=("17",)) == ["duplicate.similar:12,15"]
    review.retry(db, approver, mark(db, own), PROFILE)
    assert answer(db, Likeness.SIMILAR, similar=("17",)) == ["duplicate.similar:12,15"]
    review.retry(db, approver, mark(db, own), PROFILE, override=WHY)
    assert answer(db, "period.closed") == ["duplicate.similar:12,15,17"]
    review.set_export_values(db, approver, mark(db, own), erp_number="C-1")
    review.retry(db, approver, mark(db, own, other), PROFILE)
    assert answer(db) == ["", ""]


def test_what_was_rejected_and_is_sent_anew_is_asked_about_again(
    db: Database, sender: Actor, approver: Actor
) -> None:
    invoice(db, "A-7", 1, erp_status="synced")
    own = invoice(db, "A-7", 2)
    for _ in range(2):
        review.accept(db, approver, mark(db, own), PROFILE, override=WHY)
        review.recall(db, approver, mark(db, own))
        # Nothing was sent anew: what was said still counts.
        review.accept(db, approver, mark(db, own), PROFILE)
        review.reject(db, approver, mark(db, own), "It is the same delivery after all")
        review.send(db, sender, mark(db, own), PROFILE)
        with pytest.raises(Blocked, match="may be a duplicate of A-7"):
            review.accept(db, approver, mark(db, own), PROFILE)
        [twin] = detail.detail(db, own).twins
        assert twin.open == (Likeness.EXACT,)
    assert len(db.execute("SELECT 1 FROM overrides").fetchall()) == 2


@pytest.mark.parametrize("how", ["master", "mapping"])
def test_vendors_that_are_one_in_the_erp_are_compared_with_each_other(
    db: Database, approver: Actor, how: str
) -> None:
    invoice(db, "A-7", 1, erp_status="synced")
    own = invoice(db, "a7", 2, vendor="Apex Drywall", vendor_ref="APEX-2")
    clean = invoice(db, "B", 3, vendor="Apex Drywall", vendor_ref="APEX-2")
    assert detail.detail(db, own).twins == ()
    if how == "master":
        db.execute("UPDATE vendors SET erp_ref = 'APEX' WHERE source_id = 'APEX-2'")
    else:
        mapping.put(db, approver, Want(Kind.VENDOR, "APEX-2", "APEX", "24-101"))
    plan = review.plan_export(db, approver, mark(db, own, clean), PROFILE, Action.ACCEPT)
    [stays] = plan.stays.first
    assert (stays.invoice_id, stays.code) == (own, Likeness.NUMBER) and "A-7 (SC-1" in stays.cause
    [possible] = plan.alike.first
    assert [twin.commitment for twin in possible.others] == ["SC-1"]
    assert [twin.commitment for twin in detail.detail(db, own).twins] == ["SC-1"]
    assert review.accept(db, approver, mark(db, own, clean), PROFILE).done == (clean,)
    assert review.accept(db, approver, mark(db, own), PROFILE, override=WHY).done == (own,)
    assert rows(db) == {(own, Likeness.NUMBER, WHY)}
    if how == "mapping":
        # Called something else there, it is another vendor.
        mapping.put(db, approver, Want(Kind.VENDOR, "APEX-2", "OTHER", "24-101"))
        assert detail.detail(db, own).twins == ()
