"""Sending a returned invoice again: what was changed since is flagged, and mailed to who returned it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from store import differences, directory, letters, notices
from store.candidates import Candidate
from store.db import Database
from store.domain.actor import Actor
from store.domain.status import Outcome
from store.letters import Rejection


def resent(
    db: Database, by: Actor, going: Sequence[Candidate], tell: Callable[[Candidate, str], Rejection]
) -> None:
    """Flag those of these invoices that were changed since they came back, and owe an alert for each that came back.

    In the transaction that sends them. The alert tells the difference, none among it, and goes to who returned it; to
    all approvers where that one does not decide about it now: he is none any more, or sends it himself. Where nobody is
    left, it is undeliverable. ``tell``: what a mail about an invoice tells of it.
    """
    found = differences.of(db, [c.id for c in going])
    differences.flag(db, found)
    # Nobody has seen it otherwise; of one that an earlier version of payapp saw rejected nothing was kept.
    never = [c.id for c in going if c.flagged and c.id not in found and c.outcome != Outcome.REJECTED]
    differences.unflag(db, never)
    if not found:
        return
    users, company = directory.users(db), directory.company(db).name
    owed: list[notices.Letter] = []
    for c in going:
        if (difference := found.get(c.id)) is None:
            continue
        one = tell(c, difference.reason)
        to, instead = _deciders(users, difference, by)
        text = letters.resent(by, company, one, difference, instead=instead)
        owed += [notices.about(one, by, "resend", ("approver", u.name, u.email.strip()), text) for u in to]
        if not to:
            owed.append(notices.about(one, by, "resend", ("approver", difference.by, ""), text))
    notices.post(db, owed)


def _deciders(
    users: Sequence[Actor], difference: differences.Difference, sender: Actor
) -> tuple[list[Actor], bool]:
    """Who is told, and whether that is in place of the one who returned it."""
    approvers = [user for user in users if user.is_approver and user.id != sender.id]
    own = [user for user in approvers if user.id == difference.by_id]
    return (own, False) if own else (approvers, True)
