"""The project's own approval of an invoice: which status one may set at which level, and whose work is it by then."""

from __future__ import annotations

from store.domain.actor import Actor, Level
from store.domain.errors import NotPermitted
from store.domain.status import SENDABLE, Status

# Who prepares an invoice brings it as far as the review; what lets it be sent is an approval.
NEEDED: dict[Status, Level] = {
    status: Level.ADMIN if status in SENDABLE else Level.STANDARD for status in Status
}
_RANK = {level: rank for rank, level in enumerate((Level.NONE, Level.READ_ONLY, Level.STANDARD, Level.ADMIN))}


def settable(actor: Actor) -> tuple[Status, ...]:
    """The statuses that this user may set, in their order."""
    return tuple(status for status, level in NEEDED.items() if _reaches(actor, level))


def may_set(actor: Actor, before: Status, after: Status) -> bool:
    """Whether this user may set ``after`` on an invoice that is ``before``: an approval is an Admin's, and so is its end."""
    return _reaches(actor, NEEDED[before]) and _reaches(actor, NEEDED[after])


def require(actor: Actor, status: Status) -> None:
    """Raise NotPermitted for who may not set the status, or change an invoice that has it."""
    if not _reaches(actor, NEEDED[status]):
        raise NotPermitted(
            f"{actor.login} may not approve invoices, nor change an approved one",
            why=f"{status.value.replace('_', ' ')} needs {NEEDED[status].word} on Commitments, and the level is"
            f" {actor.commitments_level.word}",
            fix="Ask who has Admin on Commitments, or a Directory Admin for the level",
        )


def require_preparer(actor: Actor, doing: str = "create or edit invoices") -> None:
    """Raise NotPermitted for who has less than Standard on Commitments."""
    if not _reaches(actor, Level.STANDARD):
        raise NotPermitted(
            f"{actor.login} may not {doing}",
            why=f"that needs Standard or Admin on Commitments, and the level is {actor.commitments_level.word}",
            fix="Ask a Directory Admin",
        )


def prepares(actor: Actor) -> bool:
    """Whether this user creates and edits invoices: Standard or Admin on Commitments."""
    return _reaches(actor, Level.STANDARD)


def _reaches(actor: Actor, level: Level) -> bool:
    return _RANK[actor.commitments_level] >= _RANK[level]
