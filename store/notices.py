"""The notices outbox: mails that a decision owes, written in its transaction, delivered at least once (erp.notices).

A notice is waiting, sent, failed (the mail server refused it for good) or undeliverable (no address is known). Its
text and its Message-ID are fixed when it is made: a mail that goes out twice is the same message.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from store import epochs, letters
from store.db import Database
from store.domain.actor import Actor
from store.domain.address import valid_address
from store.domain.errors import NothingMatched
from store.domain.text import one_line
from store.letters import NAME_AT_MOST, SUBJECT_AT_MOST, Rejection

__all__ = ["SUBJECT_AT_MOST", "Letter", "Notice", "NoticeSeen", "NoticeState", "Rejection"]

BACKOFF_FIRST_MS = 5_000
BACKOFF_MOST_MS = 15 * 60_000
# What of a notice goes to the mail server.
_SENT = "id, attempts, recipient, address, reply_to, subject, body, message_id, thread_id, created_at"
# Ours by RFC 2606: an id, not a place where mail could go.
_ID_DOMAIN = "payapp.invalid"


class NoticeState(StrEnum):
    """Where a notice stands."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"
    UNDELIVERABLE = "undeliverable"


@dataclass(frozen=True, slots=True)
class NoticeSeen:
    """One notice for screens; moments in milliseconds UTC. ``run_at``: when a waiting one is tried next.

    ``operator``: the login of whose decision it is, "" for nobody's.
    """

    kind: str
    role: str
    recipient: str
    address: str
    state: NoticeState
    attempts: int
    error: str
    created_at: int
    sent_at: int | None
    run_at: int
    invoice_id: int | None
    id: int
    subject: str
    operator: str


@dataclass(frozen=True, slots=True)
class Notice:
    """One claimed notice as it goes to the mail server; ``attempt`` is its fencing token."""

    id: int
    attempt: int
    recipient: str
    address: str
    reply_to: str
    subject: str
    body: str
    message_id: str
    thread_id: str
    created_at: int


# -- what a decision writes ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail that is owed to one person, who has no address ("") or one that may be none.

    ``operator_id``: by whose decision; None: by nobody's. ``once``: what must not be mailed twice; None: nothing.
    """

    kind: str
    role: str
    name: str
    address: str
    subject: str
    body: str
    invoice_id: int | None = None
    thread_id: str = ""
    reply_to: str = ""
    operator_id: int | None = None
    once: str | None = None


def add_rejections(db: Database, by: Actor, company: str, rejections: Sequence[Rejection]) -> None:
    """One notice to the creator and one to the sender of each rejected invoice, in the deciding transaction.

    One person, one mail. A creator of whom the file had no usable address is looked up in the Directory. Who has no
    usable address gets a notice in state undeliverable, for the screens.
    """
    users = users_by_name(db)
    found: list[Letter] = []
    for r in rejections:
        text = letters.rejection(by, company, r)
        found += [about(r, by, "rejection", who, text) for who in people(r, users)]
    post(db, found)


def add_queries(db: Database, by: Actor, company: str, queries: Sequence[Rejection]) -> list[str]:
    """One notice about each of these invoices to its sender, else to its creator, in the deciding transaction.

    Returns the numbers of those whose notice is undeliverable: no usable address is known.
    """
    users = users_by_name(db)
    asked = [(q, asked_of(q, users)) for q in queries]
    post(db, [about(q, by, "query", who, letters.query(by, company, q)) for q, who in asked])
    return [q.name for q, who in asked if not valid_address(who[2])]


def asked_of(query: Rejection, users: Mapping[str, tuple[str, str]]) -> tuple[str, str, str]:
    """Role, name and address of whom a query goes to: the sender, or the creator where nobody sent it or can be mailed."""
    known = {role: (role, name, address) for role, name, address in people(query, users)}
    sender = ("sender", query.sender_name, query.sender_email.strip())
    if valid_address(sender[2]) or (query.sender_name and not valid_address(known["creator"][2])):
        return sender
    return known["creator"]


def about(
    invoice: Rejection, by: Actor, kind: str, who: tuple[str, str, str], text: tuple[str, str]
) -> Letter:
    """A letter about an invoice to that person (role, name, address); an answer goes to who decided."""
    return Letter(
        kind,
        *who,
        *text,
        invoice_id=invoice.invoice_id,
        thread_id=f"<invoice-{invoice.invoice_uuid}@{_ID_DOMAIN}>",
        reply_to=by.email if valid_address(by.email) else "",
        operator_id=by.id,
    )


def post(db: Database, owed: Sequence[Letter]) -> int:
    """Put these letters into the outbox, in the transaction under way; what was mailed ``once`` is left out.

    Whom no mail can reach has a notice in state undeliverable. Returns how many there are more.
    """
    if not owed:
        return 0
    now = db.now()
    return db.executemany(
        "INSERT INTO notices (kind, invoice_id, role, recipient, address, reply_to, subject, body, message_id,"
        " thread_id, state, run_at, error_text, created_at, once, operator_id)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [_row(letter, now) for letter in owed],
    )


def _row(letter: Letter, now: int) -> tuple[Any, ...]:
    known = valid_address(letter.address)
    why = f"{_cut(letter.address)} is not a mail address" if letter.address else "no mail address is known"
    return (
        letter.kind,
        letter.invoice_id,
        letter.role,
        _cut(letter.name),
        letter.address if known else "",
        letter.reply_to,
        one_line(letter.subject)[:SUBJECT_AT_MOST],
        letter.body,
        f"<{uuid.uuid4()}@{_ID_DOMAIN}>",
        letter.thread_id,
        (NoticeState.WAITING if known else NoticeState.UNDELIVERABLE).value,
        now,
        "" if known else why,
        now,
        letter.once,
        letter.operator_id,
    )


def _cut(name: str) -> str:
    """A name as a header bears it: a mail server takes no line of any length."""
    return one_line(name[: 8 * NAME_AT_MOST])[:NAME_AT_MOST]


def users_by_name(db: Database) -> dict[str, tuple[str, str]]:
    """Name and address of the Directory's users by login and by address, case aside; a login counts more."""
    found = db.execute("SELECT login, name, email FROM users ORDER BY active DESC, id").fetchall()
    users: dict[str, tuple[str, str]] = {}
    for key in (0, 2):
        for row in found:
            users.setdefault(row[key].strip().casefold(), (row[1], row[2].strip()))
    return users


def people(rejection: Rejection, users: Mapping[str, tuple[str, str]]) -> Iterator[tuple[str, str, str]]:
    """Role, name and address of who is to know: creator and sender, or one of them where they are the same."""
    name, address = rejection.creator_name, rejection.creator_email.strip()
    login = rejection.creator_login.strip().casefold()
    user = users.get(login) if login else None
    if user:
        name = name or user[0]
        address = address if valid_address(address) else user[1] or address
    sender = (rejection.sender_name, rejection.sender_email.strip())
    yield "creator", name, address
    # A user without an address is known by name; so are two people of whom nothing else is known.
    named = name == sender[0] != "" and not (address or sender[1])
    mailed = address.casefold() == sender[1].casefold() != ""
    if not (named or mailed or user == sender):
        yield "sender", *sender


# -- what screens read -----------------------------------------------------------------------------------------

_SEEN = (
    "SELECT n.kind, n.role, n.recipient, n.address, n.state, n.attempts, n.error_text, n.created_at, n.sent_at, n.run_at,"
    " n.invoice_id, n.id, n.subject, coalesce(u.login, '') FROM notices n LEFT JOIN users u ON u.id = n.operator_id"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which notices: in that state, of that kind, about that invoice; None: any."""

    state: NoticeState | None = None
    kind: str | None = None
    invoice: int | None = None


def of_invoice(db: Database, invoice_id: int) -> list[NoticeSeen]:
    """The notices about an invoice, newest first."""
    return listed(db, Wanted(invoice=invoice_id), None)


def recent(db: Database, limit: int) -> list[NoticeSeen]:
    """The newest notices, newest first."""
    return listed(db, Wanted(), limit)


def listed(db: Database, wanted: Wanted, limit: int | None) -> list[NoticeSeen]:
    """The newest notices that are wanted, at most so many, newest first."""
    asked = {"n.state = ?": wanted.state, "n.kind = ?": wanted.kind, "n.invoice_id = ?": wanted.invoice}
    chosen = {sql: value for sql, value in asked.items() if value is not None}
    where = f" WHERE {' AND '.join(chosen)}" if chosen else ""
    params = [*chosen.values(), *(() if limit is None else (limit,))]
    found = db.execute(
        f"{_SEEN}{where} ORDER BY n.id DESC{'' if limit is None else ' LIMIT ?'}", params
    ).fetchall()
    return [_seen(row) for row in found]


def one(db: Database, number: int) -> tuple[NoticeSeen, Notice]:
    """A notice with its text. Raises NothingMatched."""
    row = db.execute(f"{_SEEN} WHERE n.id = ?", (number,)).fetchone()
    if row is None:
        raise NothingMatched(f"There is no notice {number}", fix="payapp notices list tells their numbers")
    text = db.execute(f"SELECT {_SENT} FROM notices WHERE id = ?", (number,)).fetchone()
    return _seen(row), Notice(*text)


def _seen(row: tuple[Any, ...]) -> NoticeSeen:
    kind, role, recipient, address, state, *rest = row
    return NoticeSeen(kind, role, recipient, address, NoticeState(state), *rest)


def waiting_count(db: Database) -> int:
    """How many mails are still to go."""
    return int(db.execute("SELECT count(*) FROM notices WHERE state = 'waiting'").fetchone()[0])


def waiting(db: Database) -> tuple[int, str]:
    """How many mails are still to go, and why the newest of those that were tried did not; "" for none."""
    error = db.execute(
        "SELECT error_text FROM notices WHERE state = 'waiting' AND error_text <> '' ORDER BY id DESC LIMIT 1"
    ).fetchone()
    return waiting_count(db), str(error[0]) if error else ""


# -- what the mailer does --------------------------------------------------------------------------------------


def claim(db: Database, worker: str, limit: int, lease_ms: int) -> list[Notice]:
    """Claim waiting notices whose time has come, oldest first.

    Raises Displaced where the database is not the one that was adopted: nobody is mailed twice.
    """
    with db.transaction():
        epochs.require(db)
        now = db.now()
        picked = (
            "SELECT id FROM notices WHERE state = 'waiting' AND run_at <= ? AND (lease_until IS NULL OR lease_until < ?)"
            " ORDER BY run_at, id LIMIT ?" + (" FOR UPDATE SKIP LOCKED" if db.postgres else "")
        )
        found = db.execute(
            "UPDATE notices SET worker = ?, lease_until = ?, attempts = attempts + 1"
            f" WHERE id IN ({picked}) RETURNING {_SENT}",
            (worker, now + lease_ms, now, now, limit),
        ).fetchall()
        return sorted((Notice(*row) for row in found), key=lambda notice: notice.id)


def sent(db: Database, worker: str, notice: Notice) -> bool:
    """The mail server took it. False: the claim no longer held, and another worker sends the same message again."""
    return _close(db, worker, notice, "state = 'sent', sent_at = ?, error_text = ''", (db.now(),))


def failed(db: Database, worker: str, notice: Notice, error: str, *, permanent: bool) -> bool:
    """The mail server did not take it: for good, or it waits with its error and is tried again, ever more rarely."""
    if permanent:
        return _close(db, worker, notice, "state = 'failed', error_text = ?", (one_line(error),))
    wait = min(BACKOFF_FIRST_MS << min(notice.attempt - 1, 20), BACKOFF_MOST_MS)
    return _close(db, worker, notice, "run_at = ?, error_text = ?", (db.now() + wait, one_line(error)))


def release(db: Database, worker: str, notices: Sequence[Notice]) -> None:
    """Give back claimed notices that were not tried."""
    with db.transaction():
        for notice in notices:
            _close(db, worker, notice, "attempts = attempts - 1", ())


def expire(db: Database, sole_worker: str) -> int:
    """End the claims of all other workers at once: this one holds the SQLite database's lock, so none of them lives."""
    with db.transaction():
        found = db.execute(
            "UPDATE notices SET worker = NULL, lease_until = NULL"
            " WHERE state = 'waiting' AND worker IS NOT NULL AND worker <> ? RETURNING id",
            (sole_worker,),
        ).fetchall()
        return len(found)


def _close(db: Database, worker: str, notice: Notice, values: str, given: tuple[object, ...]) -> bool:
    with db.transaction():
        found = db.execute(
            f"UPDATE notices SET {values}, worker = NULL, lease_until = NULL"
            " WHERE id = ? AND worker = ? AND attempts = ? AND state = 'waiting' RETURNING id",
            (*given, notice.id, worker, notice.attempt),
        ).fetchone()
        return found is not None
