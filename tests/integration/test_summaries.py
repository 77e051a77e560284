"""The daily summary: what it says, to whom, and once a day whatever several workers do."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from export_case import sandbox_on
from invoice_factory import HOSTILE, line, make, version
from mail_server import MailServer

from erp.notices import Mailer, MailSettings
from erp.worker import Worker, WorkerSettings
from store import db as database
from store import directory, notices, review, summaries, verifying
from store.db import Database
from store.directory import UserValues
from store.domain.actor import Actor, Level
from store.domain.errors import NotPermitted
from store.domain.profile import Profile
from store.domain.selection import Marked
from store.epochs import Displaced

DAY = "2026-11-23"


def written(db: Database) -> list[tuple[str, str, str]]:
    rows = db.execute("SELECT address, subject, body FROM notices WHERE kind = 'summary' ORDER BY id")
    return [tuple(row) for row in rows.fetchall()]


def write(db: Database, day: str = DAY) -> int:
    return summaries.write(db, day, summaries.gather(db))


def fail(db: Database, invoice: int, code: str = "vendor.unknown") -> None:
    db.execute(
        "UPDATE invoices SET erp_status = 'failed_to_export', error_code = ?, error_cause = 'The vendor is unknown',"
        " error_fix = 'Map it' WHERE id = ?",
        (code, invoice),
    )


def test_it_tells_what_waits_how_much_since_when_and_why_it_failed(db: Database, admin: Actor) -> None:
    first = make(db)
    make(db, "102-001", vendor="Bell", vendor_ref="BELL", commitment="SC-102")
    make(db, "103-001", vendor="Euro", vendor_ref="EURO", commitment="SC-103", currency="EUR")
    broken = make(db, "104-001", vendor="Delta", vendor_ref="DELTA", commitment="SC-104")
    fail(db, broken)
    db.execute("UPDATE invoices SET sent_at = ? WHERE id = ?", (db.now() - 51 * 86_400_000, first))
    assert write(db) == 2
    assert sorted(address for address, _, _ in written(db)) == ["ada@acme.example", "jlopez@acme.example"]
    _, subject, body = written(db)[1]
    assert subject == "ERP Integrations Daily Summary: ACME BUILDERS, 2026-11-23"
    for part in (
        "Ready to Export: 3 invoices",
        "  EUR  Gross 1,000.00   Retainage 100.00   Net 900.00",
        "  USD  Gross 2,000.00   Retainage 200.00   Net 1,800.00",
        "  Oldest: 101-001 of Apex Drywall LLC, sent 51 days ago",
        "Exporting: 0 invoices",
        "Failed to Export: 1 invoice",
        "  1 x vendor.unknown: The vendor is unknown",
        "      Fix: Map it",
        f"Audit trail: {verifying.head(db).text}",
        "payapp users summary off",
    ):
        assert part in body.splitlines() or part in body, part
    assert max(map(len, body.splitlines())) <= 100


def test_cause_and_fix_of_a_code_are_those_of_one_invoice(db: Database) -> None:
    for n, (cause, fix) in enumerate((("yy first", "zz first"), ("aa other", "bb other")), 1):
        broken = make(db, f"N-{n}", commitment=f"SC-{n}")
        fail(db, broken)
        db.execute("UPDATE invoices SET error_cause = ?, error_fix = ? WHERE id = ?", (cause, fix, broken))
    [failing] = summaries.gather(db).causes
    assert (failing.count, failing.cause, failing.fix) == (2, "yy first", "zz first")


def test_nobody_without_work_is_mailed(sqlite_db: Database) -> None:
    assert write(sqlite_db) == 0
    assert written(sqlite_db) == []


def test_readers_and_who_opted_out_are_not_mailed_and_who_opts_in_again_is(
    db: Database, approver: Actor
) -> None:
    make(db)
    directory.set_summary(db, approver, wanted=False)
    write(db)
    assert [address for address, _, _ in written(db)] == ["ada@acme.example"]
    directory.set_summary(db, approver, wanted=True)
    write(db, "2026-11-24")
    assert [address for address, _, _ in written(db)[1:]] == ["ada@acme.example", "jlopez@acme.example"]


def test_who_sent_all_that_waits_has_no_work_and_the_others_are_told_of_it(
    db: Database, admin: Actor, approver: Actor
) -> None:
    invoice = make(db, erp_status="not_sent")
    review.send(db, admin, Marked({invoice: version(db, invoice)}))
    write(db)
    assert [address for address, _, _ in written(db)] == [approver.email]


def test_what_is_ones_own_among_others_is_counted(sqlite_db: Database, admin: Actor) -> None:
    invoice = make(sqlite_db, erp_status="not_sent")
    review.send(sqlite_db, admin, Marked({invoice: version(sqlite_db, invoice)}))
    make(sqlite_db, "102-001", commitment="SC-102")
    write(sqlite_db)
    bodies = {address: body for address, _, body in written(sqlite_db)}
    assert "  1 created or sent by you: another approver exports them" in bodies["ada@acme.example"]
    assert "created or sent by you" not in bodies["jlopez@acme.example"]


def test_one_a_day_and_the_next_day_another(db: Database) -> None:
    make(db)
    assert [write(db), write(db), write(db, "2026-11-24"), write(db)] == [2, 0, 2, 0]


def test_a_clock_that_was_years_ahead_once_does_not_end_the_summaries(db: Database) -> None:
    make(db)
    assert [write(db, "2031-01-01"), write(db), write(db)] == [2, 2, 0]


def test_of_two_workers_at_the_same_moment_one_writes(db: Database) -> None:
    make(db)
    waiting = summaries.gather(db)
    other = database.open(db.url)
    try:
        assert summaries.missing(db, DAY)
        assert summaries.missing(other, DAY)
        assert [summaries.write(db, DAY, waiting), summaries.write(other, DAY, waiting)] == [2, 0]
    finally:
        other.close()
    assert len(written(db)) == 2


def test_an_admin_gives_it_now_to_who_has_none_of_the_day(
    db: Database, admin: Actor, approver: Actor
) -> None:
    make(db)
    directory.set_summary(db, approver, wanted=False)
    write(db)
    directory.set_summary(db, approver, wanted=True)
    assert summaries.write(db, DAY, summaries.gather(db), admin) == 1
    assert summaries.write(db, DAY, summaries.gather(db), admin) == 0
    assert [address for address, _, _ in written(db)] == ["ada@acme.example", "jlopez@acme.example"]
    events = db.execute(
        "SELECT actor, detail FROM audit_events WHERE action = 'summary' ORDER BY id"
    ).fetchall()
    assert [row[0] for row in events] == ["admin", "admin"]
    assert not summaries.missing(db, DAY)


def test_what_an_admin_gave_before_the_hour_leaves_the_hour_to_the_worker(db: Database, admin: Actor) -> None:
    assert summaries.write(db, DAY, summaries.gather(db), admin) == 0
    make(db)
    assert write(db) == 2
    assert (write(db), summaries.missing(db, DAY)) == (0, False)


def test_who_is_no_admin_gives_nothing(sqlite_db: Database, approver: Actor) -> None:
    make(sqlite_db)
    with pytest.raises(NotPermitted):
        summaries.write(sqlite_db, DAY, summaries.gather(sqlite_db), approver)
    assert written(sqlite_db) == []


def test_a_database_that_was_copied_mails_nobody(sqlite_db: Database) -> None:
    make(sqlite_db)
    sqlite_db.execute('UPDATE epochs SET place = \'{"engine": "sqlite", "file": "elsewhere"}\'')
    with pytest.raises(Displaced):
        write(sqlite_db)


def test_a_user_without_an_address_shows_as_undeliverable(sqlite_db: Database) -> None:
    directory.put_user(sqlite_db, None, UserValues("zoe", "Zoe", "", Level.STANDARD, can_push=True))
    make(sqlite_db)
    write(sqlite_db)
    [seen] = [n for n in notices.recent(sqlite_db, 10) if n.state is notices.NoticeState.UNDELIVERABLE]
    assert (seen.recipient, seen.error) == ("Zoe", "no mail address is known")


def test_hostile_text_stays_text(sqlite_db: Database) -> None:
    nasty = "x\r\nBcc: evil@example.org\r\n\r\n\x1b[2J\u202e" + HOSTILE
    broken = make(sqlite_db, nasty, vendor=nasty)
    fail(sqlite_db, broken, nasty)
    sqlite_db.execute(
        "UPDATE invoices SET error_cause = ?, error_fix = ?, sent_at = 1", (nasty * 50, nasty * 50)
    )
    sqlite_db.execute("UPDATE company SET name = ?", (nasty,))
    write(sqlite_db)
    for _, subject, body in written(sqlite_db):
        assert "\n" not in subject
        assert len(subject) <= notices.SUBJECT_AT_MOST
        assert not any(c in body for c in "\r\x1b\u202e\x07")
        assert not any(row.lstrip().startswith("Bcc") for row in body.splitlines())
        assert len(body) < 5_000


def test_parked_and_changed_ones_are_told(sqlite_db: Database) -> None:
    make(sqlite_db, erp_status="parked")
    changed = make(sqlite_db, "102-001", commitment="SC-102", lines=(line(),))
    sqlite_db.execute("UPDATE invoices SET changed_since = ? WHERE id = ?", (True, changed))
    write(sqlite_db)
    body = written(sqlite_db)[0][2]
    assert "  1 changed since their rejection (flag C)" in body
    assert "  1 parked: a person must look in the ERP; payapp reconcile settles them" in body


async def test_a_worker_mails_them_at_their_hour_and_two_workers_once(
    db: Database, books: Path, quick: Profile
) -> None:
    make(db)
    with MailServer() as server:
        # Midnight is always past; the machine of the test may be anywhere.
        mail = MailSettings(
            host="127.0.0.1", sender="payapp@acme.example", port=server.port, tls="none", summary_at="00:00"
        )
        for _ in range(2):
            worker = Worker(db, sandbox_on(books, quick), Mailer(mail), WorkerSettings(lease=6.0, poll=0.02))
            async with asyncio.timeout(30):
                await worker.run(asyncio.Event(), until_idle=True)
        told = sorted(str(message["To"]) for message in server.messages)
    assert told == ["Ada Admin <ada@acme.example>", "Juan Lopez <jlopez@acme.example>"]
    assert notices.waiting_count(db) == 0


async def test_before_their_hour_a_worker_writes_none(
    sqlite_db: Database, books: Path, quick: Profile
) -> None:
    make(sqlite_db)
    mail = MailSettings(host="127.0.0.1", sender="payapp@acme.example", tls="none", summary_at="")
    worker = Worker(sqlite_db, sandbox_on(books, quick), Mailer(mail), WorkerSettings(lease=6.0, poll=0.02))
    async with asyncio.timeout(30):
        await worker.run(asyncio.Event(), until_idle=True)
    assert written(sqlite_db) == []


def test_one_who_reviews_himself_counts_his_own_as_work(sqlite_db: Database, admin: Actor) -> None:
    invoice = make(sqlite_db, erp_status="not_sent")
    review.send(sqlite_db, admin, Marked({invoice: version(sqlite_db, invoice)}))
    sqlite_db.execute("UPDATE company SET self_policy = 'review'")
    assert summaries.gather(sqlite_db).work(admin.id) == 1
    assert replace(summaries.gather(sqlite_db), own={admin.id: 1}).work(admin.id) == 0
