"""Queries by mail: who gets them, what they say, that nothing else happens, and that a real server takes them."""

from __future__ import annotations

import pytest
from invoice_factory import HOSTILE, make, state, version
from mail_server import MailServer

from erp.notices import Mailer, MailSettings
from store import asking, detail, notices, review
from store.asking import Asked
from store.db import Database
from store.directory import UserValues, put_user
from store.domain.actor import Actor
from store.domain.errors import BadInput, Disallowed, NotPermitted
from store.domain.selection import Marked


def mark(db: Database, *ids: int) -> Marked:
    return Marked({number: version(db, number) for number in ids})


def mails(db: Database) -> list[tuple[str, str, str, str]]:
    return [(n.kind, n.role, n.address, n.state.value) for n in notices.recent(db, 100)]


def test_the_sender_is_asked_and_the_invoice_stays_as_it_is(
    db: Database, approver: Actor, sender: Actor
) -> None:
    number = make(db, "101-007", erp_status="not_sent", creator="pm@acme.example")
    review.send(db, sender, mark(db, number))
    seen = mark(db, number)
    assert asking.recipients(db, approver, seen) == (Asked("Maria Garcia", "mgarcia@acme.example", 1),)
    decision = asking.ask(db, approver, seen, "Which week?\nSee line 3.")
    assert decision.done == (number,) and decision.notes == ()
    assert mails(db) == [("query", "sender", "mgarcia@acme.example", "waiting")]
    assert state(db, number) == "ready_to_export" and mark(db, number) == seen
    [notice] = notices.claim(db, "w1", 10, 60_000)
    assert notice.subject == "Query about invoice 101-007 of Apex Drywall LLC"
    assert notice.reply_to == approver.email
    assert "    Which week?\n    See line 3.\n" in notice.body
    assert "stays where it is" in notice.body and "Please answer this mail." in notice.body
    history = {(e.who, e.what): e.detail for e in detail.detail(db, number).history}
    assert "Which week?" in history["jlopez", "query"]
    assert history["mail", "query"] == "to mgarcia@acme.example: waiting"


def test_without_a_sender_the_creator_is_asked(db: Database, approver: Actor) -> None:
    number = make(db, creator="pm@acme.example")
    asking.ask(db, approver, mark(db, number), "Which week?")
    assert mails(db) == [("query", "creator", "pm@acme.example", "waiting")]


def test_of_whom_no_address_is_known_the_notes_say_so(db: Database, approver: Actor) -> None:
    number = make(db, "101-007", creator="nobody")
    decision = asking.ask(db, approver, mark(db, number), "Which week?")
    assert decision.notes == ("Nobody can be mailed about 101-007: no mail address is known",)
    assert mails(db) == [("query", "creator", "", "undeliverable")]


def test_it_threads_with_the_other_mails_about_the_invoice(db: Database, approver: Actor) -> None:
    number = make(db)
    asking.ask(db, approver, mark(db, number), "Which week?")
    review.reject(db, approver, mark(db, number), "Wrong week")
    found = notices.claim(db, "w1", 10, 60_000)
    assert len(found) == 2 and len({n.thread_id for n in found}) == 1


def test_hostile_text_stays_text(db: Database, approver: Actor) -> None:
    number = make(db, "1\r\nBcc: x@evil.example", vendor=HOSTILE)
    asking.ask(db, approver, mark(db, number), "x\r\nBcc: evil@example.org\r\n\x1b[2J\u202e")
    [notice] = notices.claim(db, "w1", 10, 60_000)
    assert not set("\r\n\x1b\u202e") & set(notice.subject)
    assert not set("\r\x1b\u202e") & set(notice.body)
    assert not any(line.startswith("Bcc") for line in notice.body.splitlines())


def test_an_approver_without_an_address_is_named_instead(db: Database, admin: Actor, approver: Actor) -> None:
    put_user(
        db,
        admin,
        UserValues("jlopez", "Juan Lopez", "", approver.erp_level, approver.commitments_level, can_push=True),
    )
    asking.ask(db, approver, mark(db, make(db)), "Which week?")
    [notice] = notices.claim(db, "w1", 10, 60_000)
    assert notice.reply_to == "" and "Please answer Juan Lopez." in notice.body


def test_who_may_not_accept_may_not_ask(db: Database, sender: Actor) -> None:
    with pytest.raises(NotPermitted):
        asking.ask(db, sender, mark(db, make(db)), "Which week?")
    assert mails(db) == []


@pytest.mark.parametrize(
    ("text", "word"), [(" ", "needs a question"), ("x" * 2001, "too long"), ("\ud800", "cannot")]
)
def test_a_question_that_cannot_be_one(db: Database, approver: Actor, text: str, word: str) -> None:
    with pytest.raises(BadInput, match=word):
        asking.ask(db, approver, mark(db, make(db)), text)


def test_what_is_not_sent_is_not_asked_about(db: Database, approver: Actor) -> None:
    with pytest.raises(Disallowed, match="not in ERP Integrations"):
        asking.ask(db, approver, mark(db, make(db, erp_status="not_sent")), "Which week?")


def test_too_many_at_once_are_refused(db: Database, approver: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "QUERIES_MOST", 1)
    both = mark(db, make(db, "1"), make(db, "2", application=2))
    with pytest.raises(BadInput, match="2 are selected"):
        asking.ask(db, approver, both, "Which week?")
    assert mails(db) == []


async def test_a_real_server_takes_it(db: Database, approver: Actor) -> None:
    asking.ask(db, approver, mark(db, make(db, "101-007")), "Which week, Müller?")
    with MailServer() as server:
        mailer = Mailer(
            MailSettings(host="127.0.0.1", sender="payapp@acme.example", port=server.port, tls="none")
        )
        assert await mailer.deliver(db, "w1") == 1
        [message] = server.messages
    assert message["Subject"] == "Query about invoice 101-007 of Apex Drywall LLC"
    assert message["Reply-To"] == "jlopez@acme.example" and message["In-Reply-To"]
    assert "Which week, Müller?" in message.get_content()
    assert mails(db)[0][3] == "sent"
