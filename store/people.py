"""Reading the Directory: its users, what each may do, and how they came to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from store import directory
from store.db import Database
from store.domain.actor import Actor, Level, UserValues
from store.domain.errors import NothingMatched, NotPermitted
from store.domain.rights import WORDS, value
from store.domain.text import safe

# So many changes of a user are told.
HISTORY_MOST = 200


class Event(NamedTuple):
    """A change of a user's rights: when (ms UTC), by whom, from where, and what of it in words, safe()."""

    id: int
    at: int
    who: str
    origin: str
    changes: tuple[str, ...]


def people(db: Database, actor: Actor, *, removed: bool = False) -> list[UserValues]:
    """The users by login; ``removed``: those too that may not act any more. Who has no level on the Directory sees himself."""
    actor = directory.refresh(db, actor)
    found = directory.everybody(db)
    if actor.directory_level is Level.NONE:
        return [user for user in found if user.login == actor.login]
    return [user for user in found if removed or user.active]


def stamp(db: Database) -> int:
    """Another one when anything about any user was changed."""
    # Added to, it is no end of an index to begin at: behind the last user there may be a million invoices.
    found = db.execute("SELECT max(event_id + 0) FROM audit_rows WHERE subject = 'user'").fetchone()[0]
    return int(found or 0)


def one(db: Database, actor: Actor, login: str) -> UserValues:
    """That user, active or not. Raises NotPermitted for who may see himself alone, NothingMatched for who is not there."""
    actor = directory.refresh(db, actor)
    _require_reader(actor, login)
    found = directory.find_user(db, login)
    if found is None:
        raise NothingMatched(
            f"{safe(login)} is not in the Directory", fix="payapp users list --all shows who is"
        )
    return found


def history(db: Database, actor: Actor, login: str, most: int = HISTORY_MOST) -> list[Event]:
    """The last changes of that user, newest first, from the audit trail. Raises as one() does."""
    currency = directory.company(db).currency
    one(db, actor, login)
    rows = db.execute(
        "SELECT e.id, e.at, e.actor, e.origin, r.before, r.after FROM audit_rows r JOIN audit_events e ON e.id = r.event_id"
        " WHERE r.subject = 'user' AND r.subject_id = (SELECT id FROM users WHERE login = ?)"
        " ORDER BY e.id DESC, r.position LIMIT ?",
        (login, most),
    ).fetchall()
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    told = [
        Event(number, at, who, origin, _changes(decode(old), decode(new), currency))
        for number, at, who, origin, old, new in rows
    ]
    return [event for event in told if event.changes]


def _require_reader(actor: Actor, login: str) -> None:
    if actor.directory_level is Level.NONE and actor.login != login:
        raise NotPermitted(
            f"{actor.login} may not see {safe(login)} in the Directory",
            why="that needs Read Only or more on the Directory",
            fix="Ask a Directory Admin",
        )


def _changes(before: Mapping[str, Any], after: Mapping[str, Any], currency: str) -> tuple[str, ...]:
    """What is another value than before, in words: ``Can Push to Accounting: no -> yes``."""
    found = []
    for name, word in WORDS.items():
        if name not in after or before.get(name) == after[name]:
            continue
        new = value(name, after[name], currency)
        found.append(
            f"{word}: {value(name, before[name], currency)} -> {new}" if name in before else f"{word}: {new}"
        )
    return tuple(found)
