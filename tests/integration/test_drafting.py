"""Creating, editing, approving and attaching in Commitments, through the store's own doors on both databases."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from invoice_factory import HOSTILE, line, make, state, version

from erp import profiles
from store import attaching, commitments, contracts, detail, directory, drafting, field_history, review
from store import db as database
from store.commitments import LineEdit
from store.db import Database
from store.directory import UserValues
from store.domain.actor import Actor, Level
from store.domain.errors import BadInput, Disallowed, Misfooted, NotPermitted, PayappError
from store.domain.invoice import foot
from store.domain.selection import Marked
from store.domain.status import SENDABLE, Status
from store.verifying import verify

PROFILE = profiles.load("sandbox")


def mark(db: Database, *ids: int) -> Marked:
    return Marked({number: version(db, number) for number in ids})


def commitment(db: Database, invoice: int) -> int:
    return contracts.of_invoice(db, invoice)[0]


@pytest.fixture
def preparer(db: Database) -> Actor:
    """Sam has Standard on Commitments."""
    directory.put_user(
        db,
        directory.actor(db, "admin"),
        UserValues("sam", "Sam Standard", "sam@acme.example", commitments_level=Level.STANDARD),
    )
    return directory.actor(db, "sam")


def create(db: Database, actor: Actor, first: int, **given: Any) -> int:
    return drafting.create(db, actor, commitment(db, first), **given).done[0]


# -- creating ----------------------------------------------------------------------------------------------------


def test_the_next_invoice_is_prefilled_and_goes_all_the_way(
    db: Database, preparer: Actor, sender: Actor, approver: Actor
) -> None:
    first = make(db, "101-007", erp_status="synced")
    made = create(db, preparer, first, lines=[LineEdit(1, 25_000, 5_000, None, 0)])
    found = detail.detail(db, made, approver)
    assert (found.row.number, found.row.application, found.row.status) == ("101-008", 2, "draft")
    assert (found.period_start, found.period_end, found.billing_date) == (
        "2026-11-01",
        "2026-11-30",
        "2026-11-30",
    )
    [own] = found.lines
    assert (own.work_before, own.work_now, own.stored_now, own.total_before) == (
        100_000,
        25_000,
        5_000,
        100_000,
    )
    assert (own.held, own.retainage_before, found.row.gross, found.row.net) == (3_000, 10_000, 30_000, 27_000)
    assert found.creator == "Sam Standard"
    commitments.set_status(db, sender, mark(db, made), Status.APPROVED, "Seen on site")
    review.send(db, sender, mark(db, made), PROFILE)
    assert review.accept(db, approver, mark(db, made), PROFILE).done == (made,)
    assert not verify(db).faults


def test_who_created_an_invoice_does_not_accept_it(db: Database, admin: Actor) -> None:
    first = make(db, "101-007", erp_status="synced")
    made = create(db, admin, first)
    maria = directory.actor(db, "mgarcia")
    commitments.set_status(db, maria, mark(db, made), Status.APPROVED)
    review.send(db, maria, mark(db, made), PROFILE)
    with pytest.raises(PayappError, match="created"):
        review.accept(db, admin, mark(db, made), PROFILE)


def test_the_number_is_one_that_neither_project_nor_vendor_has(db: Database, sender: Actor) -> None:
    first = make(db, "101-007")
    make(db, "101-008", commitment="SC-102")
    assert drafting.propose(db, commitment(db, first)).number == "101-009"
    with pytest.raises(BadInput, match="used on SC-101 already"):
        create(db, sender, first, number=" 101-007 ")
    with pytest.raises(BadInput, match="characters"):
        create(db, sender, first, number="9" * 61)
    with pytest.raises(BadInput, match="control or invisible"):
        create(db, sender, first, number=HOSTILE[:40])
    assert detail.detail(db, create(db, sender, first, number="建設-8")).row.number == "建設-8"


def test_the_period_is_the_projects_next_one(db: Database, sender: Actor) -> None:
    first = make(db)
    _, project = contracts.of_invoice(db, first)
    for n, days in enumerate(
        (("2026-10-01", "2026-10-31"), ("2026-11-03", "2026-11-25"), ("2026-11-26", "2026-12-25"))
    ):
        db.execute(
            "INSERT INTO billing_periods (project_id, source_id, start_date, end_date) VALUES (?, ?, ?, ?)",
            (project, f"b{n}", *days),
        )
    made = drafting.propose(db, commitment(db, first))
    assert (made.period_start, made.period_end, made.billing_date) == (
        "2026-11-03",
        "2026-11-25",
        "2026-11-25",
    )
    with pytest.raises(BadInput, match="more than 10 years"):
        create(db, sender, first, billing_date=date(2006, 1, 1))
    assert (
        detail.detail(db, create(db, sender, first, period=("2027-01-01", "2027-01-31"))).billing_date
        == "2027-01-31"
    )


def test_a_commitment_without_a_schedule_of_values_says_so(db: Database, sender: Actor) -> None:
    first = make(db)
    of = commitment(db, first)
    for table in ("invoice_lines", "invoices", "commitment_lines"):
        where = "" if table != "commitment_lines" else f" WHERE commitment_id = {of}"
        db.execute(f"DELETE FROM {table}{where}")
    with pytest.raises(Disallowed, match="no schedule of values"):
        drafting.create(db, sender, of)


def test_amounts_that_cannot_be_are_refused_and_nothing_is_created(db: Database, sender: Actor) -> None:
    first = make(db)
    with pytest.raises(Misfooted, match="retainage"):
        create(db, sender, first, lines=[LineEdit(1, 1_000, 0, 500_000, 0)])
    with pytest.raises(BadInput, match="no line 7"):
        create(db, sender, first, lines=[LineEdit(7, 1_000, 0, 0, 0)])
    assert db.execute("SELECT count(*) FROM invoices").fetchone()[0] == 1


def test_overbilling_is_flagged_not_refused(db: Database, sender: Actor) -> None:
    first = make(db)
    decision = drafting.create(db, sender, commitment(db, first), lines=[LineEdit(1, 2_000_000, 0, None, 0)])
    assert "line 1 exceeds its scheduled value" in decision.notes[0]
    assert "O" in detail.detail(db, decision.done[0]).row.flags
    [contract] = contracts.contracts(db, sender)
    assert contract.overbilled and contract.balance == -1_100_000
    [made] = decision.done
    over = LineEdit(1, 2_100_000, 0, None, 0)
    [note] = commitments.edit(db, sender, made, version(db, made), lines=[over]).notes
    assert note.endswith("is overbilled: line 1 exceeds its scheduled value")


def test_two_who_create_the_next_one_at_the_same_moment_get_one(db: Database, sender: Actor) -> None:
    first = make(db)
    of = commitment(db, first)

    def attempt(_: int) -> str:
        other = database.open(db.url)
        try:
            drafting.create(other, sender, of, application=2)
        except PayappError as error:
            return type(error).__name__
        else:
            return "created"
        finally:
            other.close()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(attempt, range(2))) == ["Changed", "created"]
    assert db.execute("SELECT count(*) FROM invoices").fetchone()[0] == 2


def test_a_draft_follows_when_the_one_before_it_is_corrected(db: Database, sender: Actor) -> None:
    first = make(db, erp_status="not_sent")
    second = create(db, sender, first, lines=[LineEdit(1, 30_000, 0, None, 0)])
    commitments.edit(db, sender, first, version(db, first), lines=[LineEdit(1, 90_000, 0, None, 0)])
    found = detail.detail(db, second)
    assert (found.summary.gross, found.summary.completed, found.lines[0].total_before) == (
        30_000,
        120_000,
        90_000,
    )
    assert foot(found.lines, {}, "USD") == []


# -- statuses ----------------------------------------------------------------------------------------------------


def test_an_approval_is_an_admins_and_so_is_its_end(db: Database) -> None:
    invoice = make(db, erp_status="not_sent")
    people = {}
    for level in Level:
        one = UserValues(f"u-{level.value}", "U", commitments_level=level)
        directory.put_user(db, directory.actor(db, "admin"), one)
        people[level] = directory.actor(db, one.login)
    # The rule is one for both: the slower one gets a third of the pairs.
    pairs = [pair for pair in itertools.product(Status, Status) if pair[0] is not pair[1]]
    for (before, after), level in itertools.product(pairs[:: 3 if db.postgres else 1], Level):
        db.execute("UPDATE invoices SET status = ?", (before.value,))
        if level is Level.ADMIN or (level is Level.STANDARD and not {before, after} & SENDABLE):
            done = commitments.set_status(db, people[level], mark(db, invoice), after).done
            assert done == (invoice,), (before, after, level)
        else:
            with pytest.raises((NotPermitted, Disallowed), match=r"Admin on Commitments|Standard or Admin"):
                commitments.set_status(db, people[level], mark(db, invoice), after)
            assert detail.detail(db, invoice).row.status == before.value


def test_what_has_the_status_already_is_left_alone(db: Database, sender: Actor) -> None:
    first, second = (
        make(db, erp_status="not_sent"),
        make(db, "2", commitment="SC-2", erp_status="not_sent", status="draft"),
    )
    was = version(db, first)
    decision = commitments.set_status(db, sender, mark(db, first, second), Status.APPROVED)
    assert decision.done == (second,)
    assert [stay.cause for stay in decision.stays] == ["it is approved already"]
    assert version(db, first) == was


def test_who_has_standard_edits_until_it_is_approved(db: Database, preparer: Actor, sender: Actor) -> None:
    invoice = make(db, status="draft", erp_status="not_sent")
    commitments.edit(db, preparer, invoice, version(db, invoice), period=("2026-09-01", "2026-09-30"))
    commitments.set_status(db, sender, mark(db, invoice), Status.APPROVED)
    with pytest.raises(NotPermitted, match="change an approved one"):
        commitments.edit(db, preparer, invoice, version(db, invoice), number="101-002")
    commitments.edit(db, sender, invoice, version(db, invoice), period=("2026-08-01", "2026-08-31"))
    # Another period is another bill: it needs approval again.
    assert detail.detail(db, invoice).row.status == "under_review"


def test_amounts_that_would_end_anothers_approval_are_an_admins(
    db: Database, preparer: Actor, sender: Actor
) -> None:
    first = make(db, status="draft", erp_status="not_sent")
    make(db, "101-002", application=2, erp_status="not_sent")
    change = [LineEdit(1, 90_000, 0, None, 0)]
    with pytest.raises(NotPermitted, match="approve"):
        commitments.edit(db, preparer, first, version(db, first), lines=change)
    assert commitments.edit(db, sender, first, version(db, first), lines=change).done == (first,)


# -- attachments and history -------------------------------------------------------------------------------------


@pytest.mark.parametrize("erp_status", ["not_sent", "ready_to_export", "synced"])
def test_attachments_are_kept_as_given_locked_or_not(db: Database, preparer: Actor, erp_status: str) -> None:
    invoice = make(db, erp_status=erp_status)
    was = version(db, invoice)
    attaching.attach(db, preparer, invoice, " https://acme.example/files/waiver.pdf?x=1 ")
    attaching.attach(db, preparer, invoice, "C:\\plans\\g703.xlsx", "Backup")
    found = attaching.of_invoice(db, invoice)
    assert [(one.name, one.where, one.added_by) for one in found] == [
        ("waiver.pdf", "https://acme.example/files/waiver.pdf?x=1", "sam"),
        ("Backup", "C:\\plans\\g703.xlsx", "sam"),
    ]
    with pytest.raises(BadInput, match="already"):
        attaching.attach(db, preparer, invoice, "C:\\plans\\g703.xlsx", "Backup")
    attaching.detach(db, preparer, invoice, found[0].id)
    assert [one.name for one in attaching.of_invoice(db, invoice)] == ["Backup"]
    assert (state(db, invoice), version(db, invoice)) == (erp_status, was)
    assert not verify(db).faults


@pytest.mark.parametrize(
    "where",
    [
        "",
        "  ",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "https://",
        "http:/x",
        "/a\x1b]52;c;x\x07",
        "/a\u202eb",
        "/a\nb",
        "x" * 2_001,
    ],
)
def test_what_is_neither_path_nor_link_is_refused(db: Database, sender: Actor, where: str) -> None:
    invoice = make(db)
    with pytest.raises(BadInput):
        attaching.attach(db, sender, invoice, where)
    assert attaching.of_invoice(db, invoice) == ()


def test_another_attachment_tells_the_approver_that_a_rejected_one_changed(
    db: Database, sender: Actor, approver: Actor
) -> None:
    invoice = make(db)
    review.reject(db, approver, mark(db, invoice), "The waiver is missing")
    attaching.attach(db, sender, invoice, "/plans/waiver.pdf")
    assert "C" in detail.detail(db, invoice).row.flags


def test_the_history_tells_each_field_who_when_before_and_after(db: Database, sender: Actor) -> None:
    invoice = make(db, erp_status="not_sent")
    commitments.edit(
        db,
        sender,
        invoice,
        version(db, invoice),
        number="101-002",
        lines=[LineEdit(1, 120_000, 0, 11_000, 0)],
    )
    commitments.set_status(db, sender, mark(db, invoice), Status.APPROVED)
    attaching.attach(db, sender, invoice, "/plans/waiver.pdf")
    found = {(one.field, one.before, one.after) for one in field_history.changes(db, invoice)}
    assert {
        ("number", "101-001", "101-002"),
        ("line 1, this period", "1000.00", "1200.00"),
        ("line 1, held", "100.00", "110.00"),
        ("gross", "1000.00", "1200.00"),
        ("completed to date", "1000.00", "1200.00"),
        ("status", "approved", "under_review"),
        ("status", "under_review", "approved"),
        ("attachment", "", "/plans/waiver.pdf"),
    } <= found
    assert {one.who for one in field_history.changes(db, invoice)} == {"mgarcia"}
    narrowed = field_history.changes(db, invoice, "line 1")
    assert {one.field for one in narrowed} == {"line 1, this period", "line 1, held"}


# -- projects and commitments ------------------------------------------------------------------------------------


def test_a_commitment_stands_where_its_newest_application_leaves_it(db: Database, sender: Actor) -> None:
    first = make(db, "101-001", erp_status="synced")
    make(db, "101-002", application=2, erp_status="not_sent", lines=(
        line(before=100_000), replace(line(2, work=5_000, held=500, scheduled=-20_000), item_type="change_order_item"),
    ))  # fmt: skip
    db.execute("UPDATE invoices SET overbilled = ? WHERE number = '101-002'", (True,))
    make(db, "E-1", commitment="SC-EUR", currency="EUR")
    db.execute(
        "INSERT INTO payments (erp, ref, invoice_id, paid_on, amount, currency, pulled_at)"
        " VALUES ('sandbox', 'P1', ?, '2026-11-02', 40000, 'USD', 1)",
        (first,),
    )
    found = {one.number: one for one in contracts.contracts(db, sender)}
    one = found["SC-101"]
    # The change order came with the invoice: the schedule of values has the contract's own line alone.
    assert (one.original, one.changes, one.revised) == (1_000_000, -20_000, 980_000)
    assert (one.billed, one.retainage, one.issued, one.balance) == (205_000, 20_500, 40_000, 775_000)
    assert (one.application, one.invoice, one.overbilled) == (2, "101-002", True)
    assert found["SC-EUR"].issued is None
    sums = {(x.currency, x.commitments, x.billed, x.overbilled) for x in contracts.projects(found.values())}
    assert sums == {("USD", 1, 205_000, 1), ("EUR", 1, 100_000, 0)}
    with pytest.raises(NotPermitted):
        contracts.contracts(db, directory.actor(db, "viewer"))
