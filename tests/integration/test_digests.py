"""The failure digest: a batch that has come to rest with failures is told to its operator, once, with causes and fixes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from export_case import HOSTILE, make_bill, queue_jobs, sandbox_on, seed_books
from mail_server import MailServer

from erp.notices import Mailer, MailSettings
from erp.worker import Worker, WorkerSettings
from store import db as database
from store import digests, notices, review
from store.db import Database
from store.domain.actor import Actor
from store.domain.profile import Profile
from store.domain.selection import Marked


def written(db: Database) -> list[tuple[str, str, str]]:
    rows = db.execute("SELECT address, subject, body FROM notices WHERE kind = 'digest' ORDER BY id")
    return [tuple(row) for row in rows.fetchall()]


def batch(db: Database, count: int = 3) -> list[int]:
    """A batch of that many; all of it is on its way."""
    first = db.execute("SELECT count(*) FROM invoices").fetchone()[0]
    return queue_jobs(db, [make_bill(n) for n in range(first + 1, first + count + 1)])


def end(db: Database, *invoices: int, state: str, code: str = "", fix: str = "") -> None:
    status = {"done": "synced", "failed": "failed_to_export", "parked": "parked"}.get(
        state, "ready_to_export"
    )
    for invoice in invoices:
        db.execute(
            "UPDATE export_jobs SET state = ?, error_code = ?, error_text = ? WHERE invoice_id = ?",
            (state, code, f"{code} is wrong" if code else "", invoice),
        )
        db.execute(
            "UPDATE invoices SET erp_status = ?, error_code = ?, error_fix = ? WHERE id = ?",
            (status, code, fix, invoice),
        )


def test_it_is_written_when_the_batch_has_come_to_rest_and_once(db: Database) -> None:
    one, two, three = batch(db)
    end(db, one, state="done")
    end(db, two, state="failed", code="vendor.unknown", fix="Map the vendor ({list.more})")
    assert not digests.waiting(db)
    assert digests.write(db) == 0
    end(db, three, state="failed", code="vendor.unknown", fix="Map the vendor ({list.more})")
    assert digests.waiting(db)
    assert [digests.write(db), digests.write(db)] == [1, 0]
    assert not digests.waiting(db)
    [(address, subject, body)] = written(db)
    assert address == "jlopez@acme.example"
    assert subject == "Batch 1: 2 failed to export, of 3"
    for part in (
        "  1 of 3 are Synced, 2 failed, 0 are parked, 0 were taken back.",
        "  2 x vendor.unknown, one of them: vendor.unknown is wrong",
        "      Fix: Map the vendor (m)",
    ):
        assert part in body.splitlines(), part


@pytest.mark.parametrize("state", ["held", "pending", "claimed", "sent", "uncertain"])
def test_what_is_on_its_way_still_is_waited_for(sqlite_db: Database, state: str) -> None:
    one, two, _ = batch(sqlite_db)
    end(sqlite_db, one, two, state="failed", code="x")
    sqlite_db.execute("UPDATE export_jobs SET state = ? WHERE invoice_id = ?", (state, one))
    assert digests.write(sqlite_db) == 0
    assert written(sqlite_db) == []


def test_a_batch_without_failures_is_no_news(sqlite_db: Database) -> None:
    one, two, three = batch(sqlite_db)
    end(sqlite_db, one, two, state="done")
    end(sqlite_db, three, state="cancelled")
    assert digests.write(sqlite_db) == 0
    assert not digests.waiting(sqlite_db)


def test_parked_ones_are_told_as_well(sqlite_db: Database) -> None:
    one, two, three = batch(sqlite_db)
    end(sqlite_db, one, two, state="done")
    end(sqlite_db, three, state="parked")
    assert digests.write(sqlite_db) == 1
    [(_, subject, body)] = written(sqlite_db)
    assert subject == "Batch 1: 1 parked, of 3"
    assert "payapp reconcile settles them" in body


def test_what_was_rejected_since_is_no_failure_any_more(sqlite_db: Database, approver: Actor) -> None:
    one, two, three = batch(sqlite_db)
    end(sqlite_db, one, state="failed", code="x")
    end(sqlite_db, two, three, state="done")
    version = sqlite_db.execute("SELECT version FROM invoices WHERE id = ?", (one,)).fetchone()[0]
    review.reject(sqlite_db, approver, Marked({one: version}), "No")
    assert digests.write(sqlite_db) == 0


def test_each_batch_has_its_own_and_old_ones_are_nobodys_news(db: Database) -> None:
    for invoices in (batch(db), batch(db), batch(db)):
        end(db, *invoices, state="failed", code="x")
    db.execute("UPDATE batches SET created_at = 1 WHERE id = 1")
    assert digests.write(db) == 2
    assert [subject for _, subject, _ in written(db)] == [
        "Batch 2: 3 failed to export, of 3",
        "Batch 3: 3 failed to export, of 3",
    ]


def test_where_the_operator_is_no_user_any_more_all_approvers_are_told(sqlite_db: Database) -> None:
    end(sqlite_db, *batch(sqlite_db), state="failed", code="x")
    sqlite_db.execute("UPDATE users SET active = ? WHERE login = 'jlopez'", (False,))
    digests.write(sqlite_db)
    [(address, _, body)] = written(sqlite_db)
    assert address == "ada@acme.example"
    assert "is no user any more" in body
    [seen] = notices.recent(sqlite_db, 5)
    assert seen.role == "approver"


def test_of_two_workers_one_writes_it(db: Database) -> None:
    end(db, *batch(db), state="failed", code="x")
    other = database.open(db.url)
    try:
        assert [digests.write(db), digests.write(other)] == [1, 0]
    finally:
        other.close()


def test_cause_and_fix_are_those_of_one_invoice(db: Database) -> None:
    one, two, three = batch(db)
    end(db, one, state="failed", code="x", fix="zz the fix of the first")
    end(db, two, three, state="failed", code="x", fix="aa the fix of others")
    db.execute("UPDATE export_jobs SET error_text = 'yy the cause of the first' WHERE invoice_id = ?", (one,))
    db.execute("UPDATE export_jobs SET error_text = 'bb' WHERE invoice_id > ?", (one,))
    digests.write(db)
    [(_, _, body)] = written(db)
    assert "yy the cause of the first" in body
    assert "Fix: zz the fix of the first" in body


def test_many_causes_are_the_most_frequent_first_and_the_rest_is_counted(sqlite_db: Database) -> None:
    ids = batch(sqlite_db, 40)
    for n, invoice in enumerate(ids):
        end(sqlite_db, invoice, state="failed", code=f"code.{n % 20:02}" if n < 30 else "often")
    digests.write(sqlite_db)
    [(_, _, body)] = written(sqlite_db)
    rows = [row for row in body.splitlines() if " x " in row]
    assert rows[0].startswith("  10 x often")
    assert len(rows) == digests.CODES
    assert "more, of other causes" in body
    assert "and 5 more" in body


def test_hostile_text_stays_text(sqlite_db: Database) -> None:
    nasty = "x\r\nBcc: evil@example.org\r\n\r\n\x1b[2J\u202e" + HOSTILE * 40
    ids = batch(sqlite_db)
    end(sqlite_db, *ids, state="failed", code=nasty, fix=nasty)
    sqlite_db.execute("UPDATE invoices SET number = number || ?", (nasty,))
    digests.write(sqlite_db)
    [(_, subject, body)] = written(sqlite_db)
    assert len(subject) <= notices.SUBJECT_AT_MOST
    assert not any(c in subject + body.replace("\n", "") for c in "\r\n\x1b\u202e\x07")
    assert not any(row.lstrip().startswith("Bcc") for row in body.splitlines())
    assert len(body) < 6_000


async def test_the_worker_mails_it_when_the_queue_comes_to_rest(
    db: Database, tmp_path: Path, quick: Profile
) -> None:
    books = tmp_path / "sandbox.db"
    seed_books(books)
    queue_jobs(db, [make_bill(1), make_bill(2, vendor="V-9")])
    with MailServer() as server:
        mail = MailSettings(
            host="127.0.0.1", sender="payapp@acme.example", port=server.port, tls="none", summary_at=""
        )
        worker = Worker(db, sandbox_on(books, quick), Mailer(mail), WorkerSettings(lease=6.0, poll=0.02))
        async with asyncio.timeout(30):
            await worker.run(asyncio.Event(), until_idle=True)
        [message] = server.messages
    assert message["To"] == "Juan Lopez <jlopez@acme.example>"
    assert message["Subject"] == "Batch 1: 1 failed to export, of 2"
    assert "vendor.unknown" in message.get_content()
    assert db.execute("SELECT operator_id FROM notices").fetchone()[0] is not None
