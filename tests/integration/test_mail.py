"""Delivery to a real SMTP server: once each, over one connection, through STARTTLS and AUTH, and when it refuses."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from export_case import make_bill, queue_jobs, sandbox_on
from invoice_factory import make, version
from mail_server import MailServer, certificate, free_port, login

from erp.notices import Mailer, MailSettings
from erp.worker import Worker, WorkerSettings
from store import asking, notices, review
from store.db import Database
from store.domain.actor import Actor
from store.domain.errors import BadInput
from store.domain.profile import Profile
from store.domain.selection import Marked
from store.notices import NoticeSeen, Rejection

SENDER = "payapp@acme.example"


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as running:
        yield running


def settings(port: int, **values: Any) -> MailSettings:
    return MailSettings(
        **{
            "host": "127.0.0.1",
            "sender": SENDER,
            "port": port,
            "tls": "none",
            "timeout": 5.0,
            "summary_at": "",
            **values,
        }
    )


def reject(db: Database, by: Actor, *addresses: str, **values: Any) -> None:
    """One rejected invoice per address."""
    bills = [make_bill(n) for n in range(1, len(addresses) + 1)]
    ids = queue_jobs(db, bills, erp="nobody")
    with db.transaction():
        notices.add_rejections(
            db,
            by,
            "ACME BUILDERS",
            [
                dataclasses.replace(
                    Rejection(
                        invoice_id=number,
                        invoice_uuid=bill.key.rpartition(":")[0],
                        name=bill.number,
                        vendor="Apex",
                        project="24-101",
                        commitment="SC-1",
                        period="October",
                        gross="1.00",
                        reason="Wrong retainage",
                        creator_name="Maria",
                        creator_email=address,
                        sender_name="Maria",
                        sender_email=address,
                    ),
                    **values,
                )
                for number, bill, address in zip(ids, bills, addresses, strict=True)
            ],
        )


def seen(db: Database) -> dict[str, NoticeSeen]:
    return {notice.address: notice for notice in notices.recent(db, 100)}


def again(db: Database) -> None:
    """Let every waiting time be over."""
    db.execute("UPDATE notices SET run_at = 0, lease_until = NULL WHERE state = 'waiting'")


async def test_mails_arrive_once_each_over_one_connection(
    db: Database, approver: Actor, server: MailServer
) -> None:
    reject(db, approver, *(f"u{n}@acme.example" for n in range(1, 8)))
    mailer = Mailer(settings(server.port))
    assert await mailer.deliver(db, "w1") == 7
    assert await mailer.deliver(db, "w1") == 0
    assert [to for _, to, _ in server.taken] == [[f"u{n}@acme.example"] for n in range(1, 8)]
    assert {sender for sender, _, _ in server.taken} == {SENDER}
    assert len(server.sessions) == 1
    assert {notice.state for notice in seen(db).values()} == {"sent"}
    assert all(notice.sent_at for notice in seen(db).values())


async def test_the_message_answers_to_the_approver_and_threads_by_invoice(
    sqlite_db: Database, approver: Actor, server: MailServer
) -> None:
    reject(sqlite_db, approver, "maria@acme.example", reason="Das Einbehalten ist falsch: 東京 " + "x" * 300)
    await Mailer(settings(server.port)).deliver(sqlite_db, "w1")
    [message] = server.messages
    thread = f"<invoice-{make_bill(1).key.rpartition(':')[0]}@payapp.invalid>"
    assert message["From"] == SENDER
    assert message["To"] == "Maria <maria@acme.example>"
    assert message["Reply-To"] == "jlopez@acme.example"
    assert message["Subject"] == "Invoice 101-001 of Apex was rejected for export"
    assert message["In-Reply-To"] == message["References"] == thread
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"].datetime.tzinfo is not None
    assert "Das Einbehalten ist falsch: 東京" in message.get_content()
    assert message.get_content_type() == "text/plain"
    assert max(len(line) for line in server.taken[0][2].splitlines()) <= 998


async def test_a_mail_that_goes_out_twice_is_the_same_message(
    sqlite_db: Database, approver: Actor, server: MailServer
) -> None:
    reject(sqlite_db, approver, "maria@acme.example")
    mailer = Mailer(settings(server.port))
    await mailer.deliver(sqlite_db, "w1")
    # The server took it, and the worker died before it could write that down.
    sqlite_db.execute("UPDATE notices SET state = 'waiting', sent_at = NULL")
    await mailer.deliver(sqlite_db, "w2")
    first, second = (content for _, _, content in server.taken)
    assert first == second


HEADERS = ("Auto-Submitted", "Content-Transfer-Encoding", "Content-Type", "Date", "From", "In-Reply-To", "MIME-Version",
    "Message-ID", "References", "Reply-To", "Subject", "To")  # fmt: skip
ADDED_BY_THE_SERVER = {"X-Peer", "X-MailFrom", "X-RcptTo"}
ENCODED = "=?utf-8?q?a=0D=0ABcc:_evil=40example.org?="


@pytest.mark.parametrize(
    "text",
    [
        "x\r\nBcc: evil@example.org",
        "x\nBcc: evil@example.org\n\nbody",
        ENCODED,
        f'"{ENCODED}" <evil@example.org>',
        "evil@example.org, other@example.org",
        "a\u2028Bcc: evil@example.org",
        "Müller " + ENCODED,
        "東京" * 60,
        "x" * 400,
        '"; evil@example.org; "',
        pytest.param("x" * 1_000_000, id="1 MB"),
        " \t ",
        "\u202eBcc: evil@example.org\ufeff\x85Bcc: evil@example.org\x0b\x0c",
        "<evil@example.org>",
        "undisclosed-recipients:;",
    ],
)
async def test_no_header_can_be_injected(
    sqlite_db: Database, approver: Actor, server: MailServer, text: str
) -> None:
    reject(
        sqlite_db,
        approver,
        "maria@acme.example",
        vendor=text,
        name=text,
        creator_name=text,
        reason=text,
        sender_name=text,
    )
    assert await Mailer(settings(server.port)).deliver(sqlite_db, "w1") == 1
    [message] = server.messages
    assert sorted(set(message.keys()) - ADDED_BY_THE_SERVER) == sorted(HEADERS)
    assert [address.addr_spec for address in message["To"].addresses] == ["maria@acme.example"]
    for header in ("To", "Subject"):
        assert "\r" not in message[header]
        assert "\n" not in message[header]
    assert message["Subject"].endswith("was rejected for export")
    # No server takes a longer line.
    assert max(map(len, server.taken[0][2].split(b"\r\n"))) <= 998
    # The reader sees what was written, not what it would decode to.
    assert ("=?utf-8?q?a" in message["Subject"]) is (ENCODED in text)


async def test_lines_of_dots_and_from_arrive_as_they_were_written(
    sqlite_db: Database, approver: Actor, server: MailServer
) -> None:
    reject(sqlite_db, approver, "maria@acme.example", reason=".\r\n..\r\nFrom me\r\nQUIT\r\n.\r\nlast")
    assert await Mailer(settings(server.port)).deliver(sqlite_db, "w1") == 1
    [message] = server.messages
    body = message.get_content().replace("\r\n", "\n")
    assert "    .\n    ..\n    From me\n    QUIT\n    .\n    last\n" in body


@pytest.mark.parametrize(
    "reason",
    ["x" * 10_000_000, " " * 10_000_000, "\r\n\t ", "a\x00b"],
    ids=["10 MB", "10 MB of blanks", "blank lines", "NUL"],
)
def test_a_reason_that_cannot_be_is_refused_and_mails_nobody(
    sqlite_db: Database, approver: Actor, reason: str
) -> None:
    invoice = make(sqlite_db)
    with pytest.raises(BadInput):
        review.reject(sqlite_db, approver, Marked({invoice: version(sqlite_db, invoice)}), reason)
    with pytest.raises(BadInput):
        asking.ask(sqlite_db, approver, Marked({invoice: version(sqlite_db, invoice)}), reason)
    assert seen(sqlite_db) == {}


async def test_one_refusal_is_final_another_waits_and_the_rest_go(
    db: Database, approver: Actor, server: MailServer
) -> None:
    server.replies = {
        "gone@acme.example": "550 5.1.1 no such user",
        "full@acme.example": "451 4.2.0 try later",
    }
    reject(db, approver, "gone@acme.example", "full@acme.example", "maria@acme.example")
    assert await Mailer(settings(server.port)).deliver(db, "w1") == 1
    found = seen(db)
    assert (found["gone@acme.example"].state, found["gone@acme.example"].error) == (
        "failed",
        "550 5.1.1 no such user",
    )
    assert (found["full@acme.example"].state, found["full@acme.example"].error) == (
        "waiting",
        "451 4.2.0 try later",
    )
    assert found["maria@acme.example"].state == "sent"
    server.replies.clear()
    again(db)
    assert await Mailer(settings(server.port)).deliver(db, "w1") == 1
    assert seen(db)["full@acme.example"].state == "sent"


@pytest.mark.parametrize(
    ("reply", "state"), [("554 5.6.0 not like this", "failed"), ("452 4.3.1 full", "waiting")]
)
async def test_a_refused_message_is_final_or_waits(
    sqlite_db: Database, approver: Actor, server: MailServer, reply: str, state: str
) -> None:
    server.data = reply
    reject(sqlite_db, approver, "maria@acme.example")
    assert await Mailer(settings(server.port)).deliver(sqlite_db, "w1") == 0
    assert seen(sqlite_db)["maria@acme.example"].state == state


async def test_a_mail_over_which_the_server_hangs_up_keeps_no_other_from_going(
    db: Database, approver: Actor, server: MailServer
) -> None:
    server.replies = {"poison@acme.example": "421 4.7.0 go away"}
    reject(db, approver, "a@acme.example", "poison@acme.example", "b@acme.example", "c@acme.example")
    mailer = Mailer(settings(server.port))
    assert await mailer.deliver(db, "w1") == 1
    # The others are due at once, in a connection of their own; the one that ended it waits.
    assert await mailer.deliver(db, "w1") == 2
    found = seen(db)
    assert [found[f"{name}@acme.example"].attempts for name in ("a", "poison", "b", "c")] == [1, 1, 1, 1]
    assert found["poison@acme.example"].state == "waiting"
    assert found["poison@acme.example"].run_at > found["poison@acme.example"].created_at


async def test_a_server_that_is_down_loses_nothing_and_is_tried_again(db: Database, approver: Actor) -> None:
    port = free_port()
    reject(db, approver, "a@acme.example", "b@acme.example")
    mailer = Mailer(settings(port))
    assert await mailer.deliver(db, "w1") == 0
    assert notices.waiting_count(db) == 2
    assert all("connect" in notice.error.lower() for notice in seen(db).values())
    assert await mailer.deliver(db, "w1") == 0  # not before its time
    again(db)
    with MailServer(port) as server:
        assert await mailer.deliver(db, "w1") == 2
        assert len(server.taken) == 2


async def test_a_server_that_wants_us_to_log_in_is_our_settings_fault(
    sqlite_db: Database, approver: Actor, server: MailServer
) -> None:
    server.replies = {"maria@acme.example": "530 5.7.0 Authentication required"}
    reject(sqlite_db, approver, "maria@acme.example")
    assert await Mailer(settings(server.port)).deliver(sqlite_db, "w1") == 0
    notice = seen(sqlite_db)["maria@acme.example"]
    assert notice.state == "waiting"
    assert "530" in notice.error


# -- STARTTLS and AUTH -----------------------------------------------------------------------------------------


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[tuple[MailServer, Path]]:
    cert, context = certificate(tmp_path)
    options: dict[str, Any] = {"tls_context": context, "require_starttls": True, "auth_required": True}
    with MailServer(authenticator=login("payapp", "s3cret"), **options) as server:
        yield server, cert


async def test_starttls_and_a_password_from_a_file(
    sqlite_db: Database, approver: Actor, secured: tuple[MailServer, Path], tmp_path: Path
) -> None:
    server, cert = secured
    secret = tmp_path / "password"
    secret.write_text("s3cret\n")
    secret.chmod(0o600)
    reject(sqlite_db, approver, "maria@acme.example")
    mail = settings(server.port, tls="starttls", ca_file=str(cert), user="payapp", password_file=str(secret))
    assert await Mailer(mail).deliver(sqlite_db, "w1") == 1


async def test_a_password_from_the_environment(
    sqlite_db: Database, approver: Actor, secured: tuple[MailServer, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, cert = secured
    mail = settings(server.port, tls="starttls", ca_file=str(cert), user="payapp", password_env="MAIL_PW")
    reject(sqlite_db, approver, "maria@acme.example")
    monkeypatch.delenv("MAIL_PW", raising=False)
    assert await Mailer(mail).deliver(sqlite_db, "w1") == 0
    assert "MAIL_PW" in seen(sqlite_db)["maria@acme.example"].error
    monkeypatch.setenv("MAIL_PW", "wrong")
    again(sqlite_db)
    assert await Mailer(mail).deliver(sqlite_db, "w1") == 0
    assert "535" in seen(sqlite_db)["maria@acme.example"].error
    assert "wrong" not in seen(sqlite_db)["maria@acme.example"].error
    monkeypatch.setenv("MAIL_PW", "s3cret")
    again(sqlite_db)
    assert await Mailer(mail).deliver(sqlite_db, "w1") == 1


async def test_a_certificate_that_nobody_vouches_for_gets_no_password(
    sqlite_db: Database, approver: Actor, secured: tuple[MailServer, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, _ = secured
    monkeypatch.setenv("MAIL_PW", "s3cret")
    reject(sqlite_db, approver, "maria@acme.example")
    mail = settings(server.port, tls="starttls", user="payapp", password_env="MAIL_PW")
    assert await Mailer(mail).deliver(sqlite_db, "w1") == 0
    assert "certificate" in seen(sqlite_db)["maria@acme.example"].error.lower()


# -- by the worker ---------------------------------------------------------------------------------------------


async def test_the_worker_mails_what_is_due(
    db: Database, approver: Actor, server: MailServer, books: Path, quick: Profile
) -> None:
    reject(db, approver, *(f"u{n}@acme.example" for n in range(1, 61)))
    worker = Worker(
        db, sandbox_on(books, quick), Mailer(settings(server.port)), WorkerSettings(lease=6.0, poll=0.02)
    )
    async with asyncio.timeout(30):
        await worker.run(asyncio.Event(), until_idle=True)
    assert len({to[0] for _, to, _ in server.taken}) == len(server.taken) == 60
    assert notices.waiting_count(db) == 0
