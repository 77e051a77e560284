"""Letting a warning of a possible duplicate pass: with a reason, by who may accept the invoice, for that pair alone.

An override of another invoice counts for these two and what they have in common: another one that comes later warns
again. Each counts until the invoice is sent anew, also one of what the ERP refused as similar to bills of its own: it
counts beside those that it named, and then the ERP is heard again. Rows are only ever added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from store import alike, audit
from store.alike import Twin
from store.db import Database
from store.domain.actor import Actor
from store.domain.errors import BadInput
from store.domain.likeness import Likeness
from store.domain.text import storable
from store.planning import OVERRIDDEN, Going, Stay, Terms

REASON_MOST = 2000
# Of what the ERP said so much is kept with the override.
_SAID_MOST = 500
_CODES = frozenset(Likeness)


@dataclass(frozen=True, slots=True)
class Possible:
    """An invoice that needs an override, or would have one: the others it looks like, and what the ERP ``said``."""

    id: int
    name: str
    others: tuple[Twin, ...]
    said: str


def reason(text: str | None) -> str | None:
    """The reason of an override as it is kept; None: none is given. Raises BadInput for one that says nothing."""
    if text is None:
        return None
    if not text.strip():
        raise BadInput(
            "An override needs a reason",
            why="whoever looks later must know why it was let pass",
            fix="Enter it",
        )
    if not storable(text):
        raise BadInput("That reason cannot be used", why="it holds a character that no database stores")
    if len(text) > REASON_MOST:
        raise BadInput(
            "That reason is too long", why=f"it may have {REASON_MOST} characters", fix="Shorten it"
        )
    return text.strip()


class Needing:
    """Gathers, of an export, what goes or stays as a possible duplicate. Only flagged and refused ones are looked at."""

    def __init__(self, db: Database, terms: Terms) -> None:
        self._db, self._terms = db, terms
        self._names: dict[int, str] = {}

    def add(self, going: Sequence[Going], stays: Sequence[Stay]) -> None:
        """These go, and these stay."""
        for s in stays:
            if s.code in _CODES:
                self._names[s.invoice_id] = s.name
        # What goes and was let pass is told by its rule.
        found = {g.candidate.id for g in going if g.rule.endswith(OVERRIDDEN)}
        found |= alike.refused(self._db, [g.sent for g in going]).keys()
        self._names |= {g.candidate.id: g.candidate.name for g in going if g.candidate.id in found}

    def count(self) -> int:
        """How many."""
        return len(self._names)

    def first(self, most: int) -> tuple[Possible, ...]:
        """The first of them, with the others."""
        ids = sorted(self._names)[:most]
        others = alike.unsettled(self._db, ids, self._terms.erp_number)
        said = alike.said(self._db, ids)
        return tuple(
            Possible(number, self._names[number], others.get(number, ()), said.get(number, ("", ""))[0])
            for number in ids
        )


def record(db: Database, actor: Actor, terms: Terms, going: Sequence[Going]) -> list[audit.Change]:
    """Write the overrides of those among these that need one, in the deciding transaction; returns the audit's changes.

    ``terms.override`` is the reason; None: nothing is written. Call it before the invoices change.
    """
    if terms.override is None:
        return []
    looked = [g.candidate.id for g in going if g.rule.endswith(OVERRIDDEN)]
    others = alike.unsettled(db, looked, terms.erp_number) if looked else {}
    # The reason is of what was refused: what goes under another vendor or number carries none.
    said = alike.refused(db, [g.sent for g in going])
    rules = {g.candidate.id: g.rule for g in going}
    revisions = {g.candidate.id: g.candidate.revision + 1 for g in going}
    rows: list[tuple[int, str, str]] = []
    changes: list[audit.Change] = []
    for number in sorted({*others, *said}):
        twins = others.get(number, ())
        rows += [
            (number, one.value, alike.subject(twin.id, revisions[number]))
            for twin in twins
            for one in twin.open
        ]
        after = {"override": terms.override}
        if twins:
            after["possible duplicate of"] = alike.named(twins)
        if number in said:
            cause, revision = said[number]
            rows.append((number, Likeness.SIMILAR.value, alike.said_of(revision, cause[:_SAID_MOST])))
            after["refused by the ERP"] = cause
        changes.append(audit.Change("invoice", number, {}, after, rules[number]))
    if rows:
        now = db.now()
        db.executemany(
            "INSERT INTO overrides (invoice_id, code, other, comment, made_by, made_at) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            [(*row, terms.override, actor.id, now) for row in rows],
        )
    return changes
