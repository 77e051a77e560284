"""Discarding what was created by mistake: what goes, what stays, and what is left of it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from cli_case import Told
from invoice_factory import HOSTILE, line, make, state, version

from erp import profiles
from store import (
    attaching,
    commitments,
    contracts,
    directory,
    discarding,
    drafting,
    duplicates,
    field_history,
    review,
)
from store.commitments import LineEdit
from store.db import Database
from store.directory import UserValues
from store.domain.actor import Actor, Level
from store.domain.errors import Disallowed, NotPermitted, PayappError
from store.domain.selection import Marked
from store.domain.status import Status
from store.verifying import verify

pytest_plugins = ["cli_case"]
PROFILE = profiles.load("sandbox")


def mark(db: Database, *ids: int) -> Marked:
    return Marked({number: version(db, number) for number in ids})


def create(db: Database, actor: Actor, first: int, **given: Any) -> int:
    return drafting.create(db, actor, contracts.of_invoice(db, first)[0], **given).done[0]


def counts(db: Database) -> list[int]:
    return [
        db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in ("invoices", "invoice_lines", "attachments", "likenesses")
    ]


@pytest.fixture
def preparer(db: Database) -> Actor:
    """Sam has Standard on Commitments."""
    directory.put_user(
        db,
        directory.actor(db, "admin"),
        UserValues("sam", "Sam Standard", "sam@acme.example", commitments_level=Level.STANDARD),
    )
    return directory.actor(db, "sam")


def test_a_draft_is_gone_but_for_the_audit_trail_and_its_number_is_free(
    db: Database, preparer: Actor
) -> None:
    first = make(db, "101-007", erp_status="synced")
    before = counts(db)
    made = create(db, preparer, first, lines=[LineEdit(1, 25_000, 0, None, 0)])
    attaching.attach(db, preparer, made, "/plans/waiver.pdf")
    assert discarding.discard(db, preparer, mark(db, made), "wrong commitment").done == (made,)
    assert counts(db) == before
    row = db.execute(
        "SELECT e.actor, e.action, e.detail, r.before FROM audit_events e JOIN audit_rows r ON r.event_id = e.id"
        " WHERE r.subject_id = ? ORDER BY e.id DESC LIMIT 1",
        (made,),
    ).fetchone()
    assert row[:2] == ("sam", "discard") and "wrong commitment" in row[2]
    said = msgspec.json.decode(row[3])
    assert (said["number"], said["gross"], said["attachments"]) == ("101-008", "250.00", "/plans/waiver.pdf")
    assert not verify(db).faults
    assert field_history.changes(db, made)[-1].action == "discard"
    again = create(db, preparer, first)
    assert again > made
    assert db.execute("SELECT number, application FROM invoices WHERE id = ?", (again,)).fetchone()[:2] == (
        "101-008",
        2,
    )


def test_what_looked_like_it_looks_like_nothing_then(db: Database, preparer: Actor) -> None:
    first = make(db, "101-007", erp_status="synced")
    twin = make(db, "102-001", commitment="SC-102", lines=(line(work=50_000, held=5_000),))
    made = create(db, preparer, first, number="102-001")
    flagged = "SELECT duplicate FROM invoices WHERE id = ?"
    assert db.execute(flagged, (twin,)).fetchone()[0]
    discarding.discard(db, preparer, mark(db, made))
    assert not db.execute(flagged, (twin,)).fetchone()[0]
    assert duplicates.known(db, [made]) == []


def test_only_what_was_created_here_and_never_sent_goes(db: Database, preparer: Actor, sender: Actor) -> None:
    first = make(db, "101-007", erp_status="not_sent", status="draft")
    with pytest.raises(Disallowed, match="it came from a file"):
        discarding.discard(db, preparer, mark(db, first))
    made = create(db, preparer, first)
    commitments.set_status(db, sender, mark(db, made), Status.APPROVED)
    with pytest.raises(PayappError, match="approved, and ending that needs Admin"):
        discarding.discard(db, preparer, mark(db, made))
    review.send(db, sender, mark(db, made), PROFILE)
    with pytest.raises(Disallowed, match="locked"):
        discarding.discard(db, sender, mark(db, made))
    review.retrieve(db, sender, mark(db, made))
    with pytest.raises(Disallowed, match="it was sent once"):
        discarding.discard(db, sender, mark(db, made))
    assert state(db, made) == "not_sent"
    reader = directory.actor(db, "viewer")
    with pytest.raises(NotPermitted, match="may not discard invoices"):
        discarding.discard(db, reader, mark(db, made))


def test_the_newest_application_goes_first(db: Database, preparer: Actor) -> None:
    first = make(db, "101-007", erp_status="synced")
    second = create(db, preparer, first)
    third = create(db, preparer, first)
    fourth = create(db, preparer, first)
    with pytest.raises(Disallowed, match="the later application 101-010 was made from it"):
        discarding.discard(db, preparer, mark(db, second, third))
    done = discarding.discard(db, preparer, mark(db, third, fourth))
    assert set(done.done) == {third, fourth}
    # Whoever had marked what is gone is told so.
    seen = Marked({fourth: 1, second: version(db, second)})
    assert commitments.set_status(db, preparer, seen, Status.UNDER_REVIEW).changed == (f"#{fourth}",)
    with pytest.raises(PayappError, match="gone"):
        attaching.attach(db, preparer, fourth, "/plans/a.pdf")


def test_from_the_command_line_after_a_question(told: Told, company: Database) -> None:
    first = make(company, "101-007", erp_status="synced", vendor=HOSTILE)
    create(company, directory.actor(company, "mgarcia"), first)
    code, _, err = told("invoice", "discard", "101-008", "--as", "mgarcia")
    assert (code, "needs a yes" in err) == (2, True)
    assert told("invoice", "discard", "101-008", "--yes", "--as", "jlopez")[0] == 5
    code, out, _ = told("invoice", "discard", "101-008", "--yes", "--comment", "twice", "--as", "mgarcia")
    assert (code, "1 discarded" in out) == (0, True)
    assert company.execute("SELECT count(*) FROM invoices").fetchone()[0] == 1
    assert told("activity", "--as", "mgarcia")[0] in {0, 5}
    code, out, _ = told("activity", "--as", "jlopez")
    assert (code, "discard" in out) == (0, True)
