"""The notices outbox on both databases: who is told what, once; and its claims."""

from __future__ import annotations

from dataclasses import replace

import pytest
from export_case import HOSTILE, make_bill, queue_jobs

from store import directory, notices
from store.db import Database
from store.directory import UserValues
from store.domain.actor import Actor
from store.notices import Notice, NoticeState, Rejection

LEASE = 60_000


@pytest.fixture
def rejection(db: Database) -> Rejection:
    bill = make_bill(1)
    [invoice] = queue_jobs(db, [bill])
    return Rejection(
        invoice_id=invoice,
        invoice_uuid=bill.key.rpartition(":")[0],
        name="101-007",
        vendor="Apex Drywall LLC",
        project="24-101 Tower",
        commitment="SC-1",
        period="2026-10-01 to 2026-10-31",
        gross="13,833.33 USD",
        reason="The retainage is wrong.\nSee line 3.",
        creator_name="Maria Garcia",
        creator_email="mgarcia@acme.example",
        sender_name="Sam Sender",
        sender_email="sam@acme.example",
    )


def add(db: Database, by: Actor, *rejections: Rejection) -> None:
    with db.transaction():
        notices.add_rejections(db, by, "ACME BUILDERS", rejections)


def claim(db: Database, worker: str = "w1", limit: int = 10) -> list[Notice]:
    return notices.claim(db, worker, limit, LEASE)


def told(db: Database, rejection: Rejection) -> list[tuple[str, str, str]]:
    return sorted((n.role, n.address, n.state.value) for n in notices.of_invoice(db, rejection.invoice_id))


def test_creator_and_sender_are_told_once_each(db: Database, approver: Actor, rejection: Rejection) -> None:
    add(db, approver, rejection)
    assert told(db, rejection) == [
        ("creator", "mgarcia@acme.example", "waiting"),
        ("sender", "sam@acme.example", "waiting"),
    ]
    assert notices.waiting_count(db) == 2


def test_one_person_gets_one_mail(db: Database, approver: Actor, rejection: Rejection) -> None:
    add(db, approver, replace(rejection, sender_email="MGarcia@ACME.example "))
    assert told(db, rejection) == [("creator", "mgarcia@acme.example", "waiting")]


@pytest.mark.parametrize(
    "address", ["", "nobody", "a@b\r\nBcc: x@y.example", "a b@c.example", "<a@b.example>", "é@b.example"]
)
def test_who_cannot_be_addressed_shows_as_undeliverable(
    db: Database, approver: Actor, rejection: Rejection, address: str
) -> None:
    add(db, approver, replace(rejection, creator_email=address))
    assert told(db, rejection) == [
        ("creator", "", "undeliverable"),
        ("sender", "sam@acme.example", "waiting"),
    ]
    [seen] = [n for n in notices.recent(db, 10) if n.state is NoticeState.UNDELIVERABLE]
    assert seen.error
    assert seen.error.isprintable()
    assert len(claim(db)) == 1


@pytest.mark.parametrize("login", ["zora", "ZORA ", "Zora@Acme.example"])
@pytest.mark.parametrize("address", ["", " ", "no address"])
def test_the_directory_knows_the_address_that_the_file_did_not_have(
    db: Database, approver: Actor, rejection: Rejection, login: str, address: str
) -> None:
    directory.put_user(db, None, UserValues("zora", "Zora Novak", "zora@acme.example"))
    add(db, approver, replace(rejection, creator_login=login, creator_email=address, creator_name=""))
    assert told(db, rejection) == [
        ("creator", "zora@acme.example", "waiting"),
        ("sender", "sam@acme.example", "waiting"),
    ]
    assert {notice.recipient for notice in claim(db)} == {"Zora Novak", "Sam Sender"}


def test_the_files_own_address_counts_before_the_directorys(
    db: Database, approver: Actor, rejection: Rejection
) -> None:
    add(db, approver, replace(rejection, creator_login="viewer", creator_email="private@home.example"))
    assert told(db, rejection)[0] == ("creator", "private@home.example", "waiting")


@pytest.mark.parametrize("address", ["", "mgarcia@acme.example", "private@home.example"])
def test_creator_and_sender_of_one_login_are_one_person(
    db: Database, approver: Actor, rejection: Rejection, address: str
) -> None:
    sender = replace(rejection, sender_name="Maria Garcia", sender_email="mgarcia@acme.example")
    add(
        db,
        approver,
        replace(sender, creator_login="MGarcia", creator_name="M. Garcia", creator_email=address),
    )
    assert told(db, rejection) == [("creator", address or "mgarcia@acme.example", "waiting")]


def test_a_user_without_an_address_who_created_and_sent_it_is_one_notice(
    db: Database, approver: Actor, rejection: Rejection
) -> None:
    directory.put_user(db, None, UserValues("sam", "Sam Sender"))
    add(
        db,
        approver,
        replace(rejection, creator_login="sam", creator_name="S.", creator_email="", sender_email=""),
    )
    assert told(db, rejection) == [("creator", "", "undeliverable")]


def test_a_login_counts_more_than_an_address_and_who_is_here_more_than_who_left(
    db: Database, approver: Actor, rejection: Rejection
) -> None:
    directory.put_user(db, None, UserValues("a", "A", "x@acme.example"))
    directory.put_user(db, None, UserValues("x@acme.example", "X", "real@acme.example"))
    directory.put_user(db, None, UserValues("left", "Left", "left@acme.example"))
    # As older books may have it.
    db.execute("UPDATE users SET active = ?, login = 'X@ACME.example' WHERE name = 'Left'", (False,))
    add(db, approver, replace(rejection, creator_login="x@acme.example", creator_email=""))
    assert told(db, rejection)[0] == ("creator", "real@acme.example", "waiting")


def test_two_unknown_people_are_two_notices_and_one_unknown_person_is_one(
    db: Database, approver: Actor, rejection: Rejection
) -> None:
    unknown = replace(rejection, creator_email="", sender_email="")
    add(db, approver, unknown)
    assert [role for role, _, _ in told(db, rejection)] == ["creator", "sender"]
    add(db, approver, replace(unknown, sender_name="Maria Garcia"))
    assert len(notices.recent(db, 10)) == 3


def test_the_mail_says_what_happened_why_and_what_to_do(
    db: Database, approver: Actor, rejection: Rejection
) -> None:
    add(db, approver, rejection)
    notice = claim(db)[0]
    assert notice.subject == "Invoice 101-007 of Apex Drywall LLC was rejected for export"
    assert notice.reply_to == approver.email
    for part in (
        "Juan Lopez rejected subcontractor invoice 101-007 of Apex Drywall LLC.",
        "    The retainage is wrong.\n    See line 3.",
        "24-101 Tower",
        "SC-1",
        "2026-10-01 to 2026-10-31",
        "13,833.33 USD",
        "Commitments tool, Invoices tab",
        "ACME BUILDERS",
    ):
        assert part in notice.body


def test_mails_about_one_invoice_thread_and_have_ids_of_their_own(
    db: Database, approver: Actor, rejection: Rejection
) -> None:
    add(db, approver, rejection)
    add(db, approver, rejection)
    found = claim(db)
    assert len({notice.message_id for notice in found}) == 4
    assert {notice.thread_id for notice in found} == {f"<invoice-{rejection.invoice_uuid}@payapp.invalid>"}


def test_hostile_text_stays_text(db: Database, approver: Actor, rejection: Rejection) -> None:
    nasty = "x\r\nBcc: evil@example.org\r\n\r\n\x1b[2J\u202e" + HOSTILE
    add(
        db,
        approver,
        replace(rejection, vendor=nasty, name=nasty, creator_name=nasty, reason=nasty, project=nasty),
    )
    for notice in claim(db):
        assert "\n" not in notice.subject + notice.recipient
        assert "\r" not in notice.body
        assert "\x1b" not in notice.body
        assert "\u202e" not in notice.body
        assert len(notice.subject) <= notices.SUBJECT_AT_MOST
        assert not any(line.startswith("Bcc") for line in notice.body.splitlines())


def test_nothing_stays_of_a_decision_that_is_undone(
    db: Database, approver: Actor, rejection: Rejection
) -> None:
    with pytest.raises(KeyError), db.transaction():
        notices.add_rejections(db, approver, "ACME", [rejection])
        raise KeyError
    assert notices.recent(db, 10) == []


# -- claims ----------------------------------------------------------------------------------------------------


def test_a_claimed_notice_is_nobody_elses_until_its_lease_runs_out(
    db: Database, approver: Actor, rejection: Rejection
) -> None:
    add(db, approver, rejection)
    first = claim(db, limit=1)
    assert [n.id for n in claim(db, "w2")] == [first[0].id + 1]
    assert claim(db, "w3") == []
    db.execute("UPDATE notices SET lease_until = 1")
    again = claim(db, "w3", limit=1)
    assert (again[0].id, again[0].message_id) == (first[0].id, first[0].message_id)
    assert not notices.sent(db, "w1", first[0])
    assert notices.sent(db, "w3", again[0])
    assert {n.state for n in notices.recent(db, 10)} == {NoticeState.SENT, NoticeState.WAITING}


def test_a_temporary_refusal_waits_ever_longer_up_to_a_quarter_of_an_hour(
    db: Database, approver: Actor, rejection: Rejection
) -> None:
    add(db, approver, replace(rejection, sender_email=rejection.creator_email))
    waits = []
    for _ in range(12):
        [notice] = claim(db)
        before = db.now()
        assert notices.failed(db, "w1", notice, "451 try\r\nlater", permanent=False)
        [seen] = notices.recent(db, 1)
        waits.append(round((seen.run_at - before) / 1000))
        assert (seen.state, seen.error) == (NoticeState.WAITING, "451 try later")
        assert claim(db) == []
        db.execute("UPDATE notices SET run_at = 0")
    assert waits == [5, 10, 20, 40, 80, 160, 320, 640, 900, 900, 900, 900]


def test_a_permanent_refusal_ends_it(db: Database, approver: Actor, rejection: Rejection) -> None:
    add(db, approver, rejection)
    assert notices.failed(db, "w1", claim(db, limit=1)[0], "550 unknown", permanent=True)
    assert sorted(n.state for n in notices.recent(db, 10)) == ["failed", "waiting"]
    assert notices.waiting_count(db) == 1


def test_what_was_not_tried_goes_back_untouched(db: Database, approver: Actor, rejection: Rejection) -> None:
    add(db, approver, rejection)
    notices.release(db, "w1", claim(db))
    assert [n.attempt for n in claim(db, "w2")] == [1, 1]
