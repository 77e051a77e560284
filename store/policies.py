"""The company's policies about who may export what: each strict or loosened, and loosened only with a comment.

``self``: ``never``, who created or sent an invoice does not accept it; ``review``, he may, and another person signs it off
later (store/signing.py). ``order``: ``block``, an application waits until the earlier ones of its commitment are Synced;
``warn``, it may overtake them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from store import audit, directory
from store.db import Database
from store.domain.actor import Actor
from store.domain.errors import BadInput
from store.domain.text import one_line, safe, storable

COMMENT_MOST = 500
# Of each its values, the strict one first, and what the loose one means.
_VALUES = {"self": ("never", "review"), "order": ("block", "warn")}
_MEANS = {
    "self": {
        "never": "who created or sent an invoice does not export it",
        "review": "one's own invoices may be exported; another person signs them off later",
    },
    "order": {
        "block": "an application waits until the earlier ones of its commitment are Synced",
        "warn": "an application may overtake earlier ones of its commitment, with a warning",
    },
}


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy as it stands; ``comment``, ``by`` (a login) and ``at`` (ms UTC) tell who set it last, and why."""

    name: str
    value: str
    comment: str
    by: str
    at: int | None

    @property
    def loose(self) -> bool:
        """Whether a rule is loosened."""
        return self.value != _VALUES[self.name][0]

    @property
    def means(self) -> str:
        """In words."""
        return _MEANS[self.name][self.value]

    @property
    def who(self) -> str:
        """Who set it, when and why, in brackets behind a blank; "" where nobody did."""
        if self.at is None:
            return ""
        day = datetime.fromtimestamp(self.at / 1000, UTC).date()
        why = f": {one_line(self.comment)}" if self.comment else ""
        return f" (set by {one_line(self.by)}, {day}{why})"

    @property
    def told(self) -> str:
        """The policy with who set it, when and why."""
        return f"{self.name} = {self.value}: {self.means}{self.who}"


class _Said(msgspec.Struct):
    comment: str = ""
    by: str = ""
    at: int | None = None


def policies(db: Database) -> dict[str, Policy]:
    """All of them by name."""
    row = db.execute("SELECT self_policy, order_policy, policy_comments FROM company WHERE id = 1").fetchone()
    said = msgspec.json.decode(row[2], type=dict[str, _Said])
    none = _Said()
    return {
        name: Policy(name, value, of.comment, of.by, of.at)
        for name, value in zip(_VALUES, row[:2], strict=True)
        for of in (said.get(name, none),)
    }


def put(db: Database, by: Actor, name: str, value: str, comment: str) -> Policy:
    """Set a policy; for Directory Admins, audited. Loosening one needs a comment. It holds from the next decision on.

    Raises NotPermitted, and BadInput for another value, no comment, or one that cannot be kept.
    """
    if value not in _VALUES[name]:
        raise BadInput(f"{value!r} is no value of the policy {name}", fix=f"Use {' or '.join(_VALUES[name])}")
    comment = comment.strip()
    if not storable(comment):
        raise BadInput("That comment cannot be used", why="it holds a character that no database stores")
    if len(comment) > COMMENT_MOST:
        raise BadInput(
            "That comment is too long", why=f"it may have {COMMENT_MOST} characters", fix="Shorten it"
        )
    if value != _VALUES[name][0] and not comment:
        raise BadInput(
            f"A comment is needed to set the policy {name} to {value}",
            why="it loosens a rule, and others must know why",
            fix="Add --comment WHY",
        )
    with db.transaction():
        by = directory.refresh(db, by)
        by.require_directory_admin()
        if db.postgres:
            db.execute("SELECT id FROM company WHERE id = 1 FOR UPDATE").fetchone()
        before = policies(db)
        kept = {one.name: {"comment": one.comment, "by": one.by, "at": one.at} for one in before.values()}
        kept[name] = {"comment": comment, "by": by.login, "at": db.now()}
        db.execute(
            f"UPDATE company SET {name}_policy = ?, policy_comments = ? WHERE id = 1",
            (value, json.dumps(kept)),
        )
        column = f"{name}_policy"
        change = audit.Change("company", 1, {column: before[name].value}, {column: value})
        audit.record(db, by, "policy", {"policy": name, "comment": safe(comment)}, [change])
    return policies(db)[name]
