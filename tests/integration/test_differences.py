"""What was changed since a rejection: by edit, by import, by a corrected earlier application; flagged, shown and mailed."""

from __future__ import annotations

import pytest
from invoice_factory import HOSTILE, line, make, version

from store import attaching, commitments, detail, differences, directory, notices, review, undoing
from store.commitments import LineEdit
from store.db import Database
from store.domain.actor import Actor, Level
from store.domain.selection import Marked
from store.domain.status import ErpStatus, Status
from store.linking import ErpSaid, Link, Presence


def reject(db: Database, by: Actor, invoice: int, reason: str = "The retainage is wrong") -> None:
    review.reject(db, by, Marked({invoice: version(db, invoice)}), reason)


def send(db: Database, by: Actor, invoice: int) -> None:
    row = db.execute("SELECT status FROM invoices WHERE id = ?", (invoice,)).fetchone()
    if row[0] != Status.APPROVED:
        commitments.set_status(db, by, Marked({invoice: version(db, invoice)}), Status.APPROVED)
    review.send(db, by, Marked({invoice: version(db, invoice)}))


def correct(db: Database, by: Actor, invoice: int, work: int) -> None:
    edit = LineEdit(1, work, 0, work // 10, 0)
    commitments.edit(db, by, invoice, version(db, invoice), lines=[edit])


def alerts(db: Database, invoice: int) -> list[tuple[str, str, str]]:
    rows = db.execute(
        "SELECT address, subject, body FROM notices WHERE kind = 'resend' AND invoice_id = ? ORDER BY id",
        (invoice,),
    )
    return [tuple(row) for row in rows.fetchall()]


def flagged(db: Database, invoice: int) -> bool:
    return bool(db.execute("SELECT changed_since FROM invoices WHERE id = ?", (invoice,)).fetchone()[0])


def told(db: Database, invoice: int) -> tuple[str, ...]:
    return differences.of(db, [invoice])[invoice].lines()


def test_what_was_edited_is_told_to_who_rejected_it(db: Database, approver: Actor, sender: Actor) -> None:
    invoice = make(db)
    reject(db, approver, invoice)
    correct(db, sender, invoice, 120_000)
    send(db, sender, invoice)
    [(address, subject, body)] = alerts(db, invoice)
    assert address == approver.email
    assert subject == "Invoice 101-001 of Apex Drywall LLC was sent again, 5 changes"
    assert "Maria Garcia sent subcontractor invoice 101-001" in body
    assert "    The retainage is wrong" in body
    assert "    Gross 1,000.00 -> 1,200.00" in body
    assert "    Line 1 Concrete: E Work 1,000.00 -> 1,200.00" in body
    assert flagged(db, invoice)


def test_the_answer_goes_to_the_sender_and_the_mails_about_it_thread(
    sqlite_db: Database, approver: Actor, sender: Actor
) -> None:
    invoice = make(sqlite_db)
    reject(sqlite_db, approver, invoice)
    send(sqlite_db, sender, invoice)
    rows = sqlite_db.execute(
        "SELECT kind, reply_to, thread_id, operator_id FROM notices ORDER BY id"
    ).fetchall()
    assert sorted({(row[0], row[1], row[3]) for row in rows}) == [
        ("rejection", approver.email, approver.id),
        ("resend", sender.email, sender.id),
    ]
    assert len({row[2] for row in rows}) == 1


def test_nothing_changed_says_so_and_takes_the_flag_away(
    db: Database, approver: Actor, sender: Actor
) -> None:
    invoice = make(db)
    reject(db, approver, invoice)
    correct(db, sender, invoice, 120_000)
    assert flagged(db, invoice)
    correct(db, sender, invoice, 100_000)
    send(db, sender, invoice)
    [(_, subject, body)] = alerts(db, invoice)
    assert subject.endswith("was sent again, unchanged")
    assert "Nothing of it was changed since." in body
    assert not flagged(db, invoice)


def test_an_invoice_that_was_never_rejected_alerts_nobody(
    db: Database, approver: Actor, sender: Actor
) -> None:
    invoice = make(db, erp_status="not_sent")
    send(db, sender, invoice)
    review.retrieve(db, sender, Marked({invoice: version(db, invoice)}))
    send(db, sender, invoice)
    assert alerts(db, invoice) == []
    assert differences.of(db, [invoice]) == {}


def test_what_changes_between_a_retrieval_and_the_next_sending_counts_too(
    db: Database, approver: Actor, sender: Actor
) -> None:
    invoice = make(db)
    reject(db, approver, invoice)
    send(db, sender, invoice)
    review.retrieve(db, sender, Marked({invoice: version(db, invoice)}))
    correct(db, sender, invoice, 120_000)
    send(db, sender, invoice)
    assert [subject.rpartition(", ")[2] for _, subject, _ in alerts(db, invoice)] == [
        "unchanged",
        "5 changes",
    ]
    assert flagged(db, invoice)


def test_another_rejection_begins_anew(db: Database, approver: Actor, sender: Actor) -> None:
    invoice = make(db)
    reject(db, approver, invoice)
    correct(db, sender, invoice, 120_000)
    send(db, sender, invoice)
    reject(db, approver, invoice, "Still wrong")
    assert not flagged(db, invoice)
    assert told(db, invoice) == ()
    assert differences.of(db, [invoice])[invoice].reason == "Still wrong"


def test_what_a_corrected_earlier_application_brings_counts(
    db: Database, approver: Actor, sender: Actor
) -> None:
    first, second = make(db), make(db, "101-002", application=2, lines=(line(before=100_000),))
    reject(db, approver, second)
    reject(db, approver, first)
    correct(db, sender, first, 120_000)
    assert "Line 1 Concrete: D Previous 1,000.00 -> 1,200.00" in told(db, second)
    send(db, sender, first)
    send(db, sender, second)
    assert flagged(db, second)
    assert "D Previous 1,000.00 -> 1,200.00" in alerts(db, second)[0][2]


def test_the_flag_says_what_is_so_right_after_an_edit(db: Database, approver: Actor, sender: Actor) -> None:
    first = make(db)
    second = make(db, "101-002", application=2, lines=(line(before=100_000),))
    third = make(db, "101-003", application=3, erp_status="not_sent", lines=(line(before=200_000),))
    reject(db, approver, second)
    reject(db, approver, first)
    correct(db, sender, first, 120_000)
    # What never came back has no rejection that it could differ from.
    assert [flagged(db, one) for one in (first, second, third)] == [True, True, False]
    correct(db, sender, first, 100_000)
    assert [flagged(db, one) for one in (first, second, third)] == [False, False, False]


def test_what_never_came_back_has_not_changed_for_who_decides(
    db: Database, approver: Actor, sender: Actor
) -> None:
    first = make(db)
    second = make(db, "101-002", application=2, erp_status="not_sent", lines=(line(before=100_000),))
    reject(db, approver, first)
    correct(db, sender, first, 120_000)
    send(db, sender, first)
    send(db, sender, second)
    assert [flagged(db, first), flagged(db, second)] == [True, False]


def test_an_attachment_that_comes_while_it_is_ready_counts_and_goes_again(
    db: Database, approver: Actor, sender: Actor
) -> None:
    invoice = make(db)
    reject(db, approver, invoice)
    send(db, sender, invoice)
    attaching.attach(db, sender, invoice, "/plans/waiver.pdf")
    assert (flagged(db, invoice), told(db, invoice)) == (True, ("Attachment waiver.pdf: added",))
    [own] = attaching.of_invoice(db, invoice)
    attaching.detach(db, sender, invoice, own.id)
    assert (flagged(db, invoice), told(db, invoice)) == (False, ())


def test_lines_and_attachments_that_come_and_go_count_however_they_do(
    db: Database, approver: Actor, sender: Actor
) -> None:
    invoice = make(db, lines=(line(), line(2, work=50_000, held=5_000)))
    add = "INSERT INTO attachments (invoice_id, filename, url) VALUES (?, ?, ?)"
    db.execute(add, (invoice, "waiver.pdf", "a"))
    db.execute(add, (invoice, "gone.pdf", "b"))
    reject(db, approver, invoice)
    db.execute("DELETE FROM invoice_lines WHERE invoice_id = ? AND position = 2", (invoice,))
    db.execute(
        "INSERT INTO invoice_lines (invoice_id, position, item, item_type, cost_code, description, scheduled,"
        " work_before, work_now, stored_now, stored_before, moved, total_before, held, released, retainage_before)"
        " VALUES (?, 2, 'other', 'change_order_item', '03-300', 'Steel', 100000, 0, 7000, 0, 0, 0, 0, 700, 0, 0)",
        (invoice,),
    )
    db.execute("DELETE FROM attachments WHERE filename = 'gone.pdf'")
    db.execute("UPDATE attachments SET url = 'c' WHERE filename = 'waiver.pdf'")
    db.execute(add, (invoice, "new.pdf", "d"))
    assert told(db, invoice) == (
        "Line 2 Steel: new, this bill 70.00",
        "Line 2 Concrete: removed, its bill was 500.00",
        "Attachment waiver.pdf: replaced",
        "Attachment gone.pdf: removed",
        "Attachment new.pdf: added",
    )


def test_all_other_approvers_are_told_where_who_rejected_it_is_none_any_more(
    sqlite_db: Database, approver: Actor, sender: Actor, admin: Actor
) -> None:
    invoice = make(sqlite_db)
    reject(sqlite_db, approver, invoice)
    was = directory.find_user(sqlite_db, approver.login)
    assert was is not None
    sqlite_db.execute("UPDATE users SET can_push = ? WHERE id = ?", (False, approver.id))
    send(sqlite_db, sender, invoice)
    [(address, _, body)] = alerts(sqlite_db, invoice)
    assert address == admin.email
    assert "jlopez rejected it on" in body
    assert letters_say_why(body)


def letters_say_why(body: str) -> bool:
    return "does not decide about it now" in body


def test_who_rejected_it_and_sends_it_himself_is_not_told_but_the_others_are(
    sqlite_db: Database, approver: Actor, admin: Actor
) -> None:
    invoice = make(sqlite_db)
    reject(sqlite_db, admin, invoice)
    send(sqlite_db, admin, invoice)
    assert [address for address, _, _ in alerts(sqlite_db, invoice)] == [approver.email]


def test_where_nobody_decides_the_alert_is_undeliverable_and_the_sending_stands(
    sqlite_db: Database, approver: Actor, sender: Actor
) -> None:
    invoice = make(sqlite_db)
    reject(sqlite_db, approver, invoice)
    sqlite_db.execute("UPDATE users SET can_push = ?", (False,))
    send(sqlite_db, sender, invoice)
    [seen] = [n for n in notices.of_invoice(sqlite_db, invoice) if n.kind == "resend"]
    assert (seen.state, seen.recipient) == (notices.NoticeState.UNDELIVERABLE, "jlopez")


def test_what_was_unlinked_is_compared_with_what_was_exported(
    db: Database, approver: Actor, sender: Actor
) -> None:
    invoice = make(db)
    reject(db, approver, invoice)
    correct(db, sender, invoice, 110_000)
    db.execute("UPDATE invoices SET erp_status = 'synced', origin_id = 'B-1' WHERE id = ?", (invoice,))
    link = Link(invoice, version(db, invoice), "101-001", ErpStatus.SYNCED, "B-1", None, ())
    gone = ErpSaid(Presence.GONE, "it has no bill of it")
    undoing.unlink(db, approver, [(link, gone)], "voided in the ERP", settle_ms=0)
    correct(db, sender, invoice, 120_000)
    send(db, sender, invoice)
    [(_, _, body)] = alerts(db, invoice)
    assert "You unlinked it on" in body
    assert "    voided in the ERP" in body
    assert "E Work 1,100.00 -> 1,200.00" in body


def test_the_detail_tells_it_to_the_approver(db: Database, approver: Actor, sender: Actor) -> None:
    invoice = make(db)
    reject(db, approver, invoice)
    correct(db, sender, invoice, 120_000)
    send(db, sender, invoice)
    found = detail.detail(db, invoice, approver)
    assert "C" in found.row.flags
    assert found.difference is not None
    assert "Net 900.00 -> 1,080.00" in found.difference.lines()


def test_hostile_text_stays_text_in_the_alert(sqlite_db: Database, approver: Actor, sender: Actor) -> None:
    nasty = "x\r\nBcc: evil@example.org\r\n\r\n\x1b[2J\u202e" + HOSTILE
    invoice = make(sqlite_db, nasty, vendor=nasty, job=nasty[:80])
    reject(sqlite_db, approver, invoice, nasty)
    sqlite_db.execute("UPDATE invoice_lines SET description = ? WHERE invoice_id = ?", (nasty * 20, invoice))
    sqlite_db.execute("UPDATE users SET name = ? WHERE id = ?", (nasty, sender.id))
    send(sqlite_db, directory.actor(sqlite_db, "mgarcia"), invoice)
    [(_, subject, body)] = alerts(sqlite_db, invoice)
    assert "\n" not in subject
    assert len(subject) <= notices.SUBJECT_AT_MOST
    assert not any(c in body for c in "\r\x1b\u202e\x07")
    assert not any(line.startswith("Bcc") for line in body.splitlines())
    assert len(body) < 4_000


@pytest.mark.parametrize("text", ["", "{", '{"number": 3}'])
def test_a_form_that_cannot_be_read_any_more_is_no_difference_and_stops_nothing(
    sqlite_db: Database, approver: Actor, sender: Actor, text: str
) -> None:
    invoice = make(sqlite_db)
    reject(sqlite_db, approver, invoice)
    sqlite_db.execute("UPDATE returned_forms SET content = ?", (text,))
    send(sqlite_db, sender, invoice)
    assert differences.of(sqlite_db, [invoice]) == {}


def test_a_reader_of_the_directory_is_told_nothing(
    sqlite_db: Database, approver: Actor, sender: Actor
) -> None:
    directory.put_user(
        sqlite_db, None, directory.UserValues("idle", "I. Dle", "idle@acme.example", Level.STANDARD)
    )
    invoice = make(sqlite_db)
    reject(sqlite_db, approver, invoice)
    sqlite_db.execute("UPDATE users SET can_push = ? WHERE login = 'jlopez'", (False,))
    send(sqlite_db, sender, invoice)
    assert "idle@acme.example" not in [address for address, _, _ in alerts(sqlite_db, invoice)]
