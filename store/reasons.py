"""What the reason modal shows before a rejection: what is rejected, who is mailed, the reasons given before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from peewee import fn

from store import awaited, candidates, invoices, notices
from store.db import Database
from store.decision import selected, settle
from store.domain.actor import Actor
from store.domain.address import valid_address
from store.domain.errors import Disallowed
from store.domain.selection import Matching, Selection, Totals
from store.domain.status import PAST, Action, check
from store.models import Invoice, User
from store.query import joined
from store.review import recent_reasons
from store.selecting import Seen, seen, these, totals_of

# So many invoices are listed for reasons of their own.
LISTED = 200
_RUN = 5000


@dataclass(frozen=True, slots=True)
class Rejecting:
    """What a rejection of this selection is about; ``rows`` are its first, ``recalled`` the reasons given last.

    ``selection`` is to be decided on: by filters it has the digest of what was ``seen``. ``people`` are mailed, in
    ``mails`` letters; of ``silent`` ones no address is known.
    """

    selection: Selection
    seen: Seen | None
    count: int
    totals: tuple[Totals, ...]
    rows: tuple[invoices.Row, ...]
    recalled: tuple[str, ...]
    people: int
    silent: int
    mails: int


def rejecting(db: Database, actor: Actor, selection: Selection) -> Rejecting:
    """What to show before a rejection. Raises NothingMatched for an empty selection.

    Disallowed when none of it can be, or others changed all that was marked.
    """
    found = seen(db, selection) if isinstance(selection, Matching) else None
    chosen = selected(db, selection, found)
    ids = chosen.ids
    if not ids:
        settle([], [], chosen.changed, PAST[Action.REJECT])
    _check(db, ids)
    if isinstance(selection, Matching) and found is not None:
        selection = replace(selection, digest=found.digest)
    mailed: set[str] = set()
    silent: set[tuple[str, str]] = set()
    mails = 0
    users = notices.users_by_name(db)
    for count, values in _prepared_by(db, ids):
        for _, name, address in notices.people(values, users):
            if valid_address(address):
                mailed.add(address.casefold())
                mails += count
            else:
                silent.add((name, address))
    return Rejecting(
        selection, found, len(ids), tuple(totals_of(db, ids)), tuple(invoices.rows(db, ids[:LISTED], actor)),
        tuple(recent_reasons(db, actor)), len(mailed), len(silent), mails,
    )  # fmt: skip


def _check(db: Database, ids: Sequence[int]) -> None:
    """Some of these can be rejected, or the refusal of the first: nobody writes reasons in vain."""
    refused: Disallowed | None = None
    for chunk in candidates.load(db, ids):
        delivered = awaited.among_these(db, chunk)
        for c in chunk:
            try:
                check(Action.REJECT, c.erp_status, c.name, awaited=c.id in delivered)
            except Disallowed as error:
                refused = refused or error
            else:
                return
    if refused is not None:
        refused.what += f" (and {len(ids) - 1:,} more)" if len(ids) > 1 else ""
        raise refused


def _prepared_by(db: Database, ids: Sequence[int]) -> list[tuple[int, notices.Rejection]]:
    """How many invoices each pair of creator and sender has, and the two as a notice wants them."""
    columns: tuple[Any, ...] = (
        Invoice.creator_login, Invoice.creator_name, Invoice.creator_email, User.name, User.email,
    )  # fmt: skip
    counts: dict[tuple[str, ...], int] = {}
    for first in range(0, len(ids), _RUN):
        query = (
            joined(*columns, fn.COUNT(Invoice.id))
            .left_outer_join(User, on=Invoice.sender == User.id)
            .where(these(db, ids[first : first + _RUN]))
            .group_by(*columns)
        )
        for *who, count in db.rows(query):
            people = tuple(text or "" for text in who)
            counts[people] = counts.get(people, 0) + int(count)
    return [(count, _letter(*who)) for who, count in counts.items()]


def _letter(login: str, name: str, email: str, sender: str, sender_email: str) -> notices.Rejection:
    return notices.Rejection(
        0, "", "", "", "", "", "", "", "", name, email, sender, sender_email, creator_login=login
    )  # fmt: skip
