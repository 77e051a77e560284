"""Trying a notice again that the mail server refused, that had nobody to go to or bounced, or that waits for its next turn."""

from __future__ import annotations

from collections.abc import Sequence

from store import audit, directory, notices
from store.db import Database
from store.domain.actor import Actor
from store.domain.address import valid_address
from store.domain.errors import BadInput, Disallowed
from store.domain.text import one_line
from store.notices import NoticeSeen, NoticeState


def retry(db: Database, actor: Actor, numbers: Sequence[int], address: str | None = None) -> int:
    """Have these notices tried again at once, one of them to another ``address``; returns how many. Audited.

    For Admins on ERP Integrations. Each goes as the same message as before. Raises NothingMatched for a number that there
    is not, Disallowed for what the mail server has taken for that address already or a worker has in hand, and BadInput for an address
    that is none, for several at one address, or where none is known.
    """
    if address is not None and (len(numbers) != 1 or not valid_address(address)):
        raise BadInput(
            f"{one_line(address)!r} is not a mail address"
            if len(numbers) == 1
            else "Each notice has its own reader",
            fix="Give one notice, and an address like name@example.com",
        )
    with db.transaction():
        actor = directory.refresh(db, actor)
        actor.require_erp_admin()
        now, changes = db.now(), []
        for number in numbers:
            seen, _ = notices.one(db, number)
            to = address or seen.address
            _check_retry(db, number, seen, to, now)
            db.execute(
                "UPDATE notices SET state = 'waiting', address = ?, run_at = ?, error_text = '', worker = NULL,"
                " lease_until = NULL, sent_at = NULL WHERE id = ?",
                (to, now, number),
            )
            before = {"state": seen.state.value, "address": seen.address}
            after = {"state": NoticeState.WAITING.value, "address": to}
            changes.append(audit.Change("notice", number, before, after))
        audit.record(db, actor, "retry notices", {"count": len(changes)}, changes)
    return len(changes)


def _check_retry(db: Database, number: int, seen: NoticeSeen, to: str, now: int) -> None:
    """Raise for a notice that cannot be tried again. Locks it: a worker that would claim it comes after this decision."""
    lock = " FOR UPDATE" if db.postgres else ""
    state, lease = db.execute(
        f"SELECT state, lease_until FROM notices WHERE id = ?{lock}", (number,)
    ).fetchone()
    # What bounced later stands as sent; to whom it went it does not go again.
    if state == NoticeState.SENT and to.casefold() == seen.address.casefold():
        raise Disallowed(
            f"Notice {number} was sent already",
            why=f"the mail server took it for {one_line(seen.address)}",
            fix=f"If it bounced: payapp notices retry {number} --to ANOTHER",
        )
    if state == NoticeState.WAITING and lease is not None and lease >= now:
        raise Disallowed(
            f"Notice {number} is being sent", why="a worker has it", fix="Look again in a minute"
        )
    if not to:
        raise BadInput(
            f"Notice {number} has nobody to go to",
            why=f"no mail address of {one_line(seen.recipient) or 'its reader'} is known",
            fix=f"payapp notices retry {number} --to ADDRESS",
        )
