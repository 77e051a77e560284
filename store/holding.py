"""Deciding on holds: an approver keeps Ready and Failed invoices from being exported, with a reason, and lets them go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from peewee import fn

from store import audit, directory, holds
from store.candidates import Candidate
from store.db import Database
from store.decision import Decision, Outcome, selected
from store.domain.actor import Actor
from store.domain.errors import BadInput, Disallowed
from store.domain.selection import Selection
from store.domain.status import TITLES, ErpStatus
from store.domain.text import storable
from store.holds import Hold
from store.models import Invoice
from store.moving import write_all
from store.planning import Stay, stay
from store.query import joined
from store.selecting import condition

REASON_MOST = 500
HOLDABLE = frozenset({ErpStatus.READY, ErpStatus.FAILED})


def counts(db: Database, selection: Selection) -> tuple[int, int]:
    """How many invoices of a selection are on hold, and how many are not."""
    select = joined(Invoice.held, fn.COUNT(Invoice.id)).where(condition(db, selection)).group_by(Invoice.held)
    found = {bool(held): int(count) for held, count in db.rows(select)}
    return found.get(True, 0), found.get(False, 0)


def place(db: Database, actor: Actor, selection: Selection, reason: str) -> Decision:
    """Put Ready and Failed invoices on hold: Export leaves them where they are until the hold is released.

    For approvers. A hold outlives a rejection: the invoice that is sent again is still on hold. Others' holds stay as they are, and are named among those that stay. Raises BadInput without a
    reason, and as every decision does (store.review).
    """
    reason = _checked(reason)
    outcome = Outcome()
    with db.transaction(), audit.Trail() as trail:
        actor = directory.refresh(db, actor)
        actor.require_approver()
        chosen = selected(db, selection)
        now = db.now()
        for chunk in chosen.chunks():
            going, stays = _placeable(chunk, holds.of(db, [c.id for c in chunk]))
            outcome.add([c.id for c in going], stays)
            write_all(db, going, held=True)
            db.executemany(
                "INSERT INTO holds (invoice_id, reason, placed_by, placed_at) VALUES (?, ?, ?, ?)",
                [(c.id, reason, actor.id, now) for c in going],
            )
            trail.add(
                audit.Change("invoice", c.id, {"held": False}, {"held": True, "reason": reason})
                for c in going
            )
        decision = outcome.settled(chosen.changed, "placed on hold")
        audit.record(db, actor, "hold", {"reason": reason, "count": len(decision.done)}, trail)
    return decision


def release(db: Database, actor: Actor, selection: Selection) -> Decision:
    """End the holds on these invoices, whoever placed them. For approvers; those without a hold stay."""
    outcome = Outcome()
    with db.transaction(), audit.Trail() as trail:
        actor = directory.refresh(db, actor)
        actor.require_approver()
        chosen = selected(db, selection)
        now = db.now()
        for chunk in chosen.chunks():
            held = holds.of(db, [c.id for c in chunk])
            going = [c for c in chunk if c.id in held]
            outcome.add([c.id for c in going], [_free(c) for c in chunk if c.id not in held])
            write_all(db, going, held=False)
            db.executemany(
                "UPDATE holds SET released_by = ?, released_at = ? WHERE invoice_id = ? AND released_at IS NULL",
                [(actor.id, now, c.id) for c in going],
            )
            trail.add(
                audit.Change("invoice", c.id, {"held": True, "reason": held[c.id].reason}, {"held": False})
                for c in going
            )
        decision = outcome.settled(chosen.changed, "released")
        audit.record(db, actor, "release", {"count": len(decision.done)}, trail)
    return decision


def _free(c: Candidate) -> Stay:
    return stay(c, "state", Disallowed(f"{c.name} is not on hold", fix="{invoices.hold} places one on it"))


def _placeable(chunk: Sequence[Candidate], held: Mapping[int, Hold]) -> tuple[list[Candidate], list[Stay]]:
    """Those that a hold can be placed on, and the others with their sentence."""
    going: list[Candidate] = []
    stays: list[Stay] = []
    for c in chunk:
        error = _not_placed(c, held.get(c.id))
        if error is None:
            going.append(c)
        else:
            stays.append(stay(c, "state", error))
    return going, stays


def _not_placed(c: Candidate, held: Hold | None) -> Disallowed | None:
    if held is not None:
        return Disallowed(f"{c.name} is on hold already", why=held.told, fix="{invoices.hold} releases it")
    if c.erp_status not in HOLDABLE:
        return Disallowed(
            f"{c.name} cannot be placed on hold",
            why=f"it is {TITLES[c.erp_status]}",
            fix="Only Ready and Failed ones can",
        )
    return None


def _checked(reason: str) -> str:
    text = reason.strip()
    if not text:
        raise BadInput("A hold needs a reason", why="others must know what is waited for", fix="Enter it")
    if not storable(text):
        raise BadInput("That reason cannot be used", why="it holds a character that no database stores")
    if len(text) > REASON_MOST:
        raise BadInput(
            "That reason is too long", why=f"it may have {REASON_MOST} characters", fix="Shorten it"
        )
    return text
