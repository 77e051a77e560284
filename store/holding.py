"""Deciding on holds: an approver keeps invoices from being exported or paid; store.holding_on all of a vendor's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from peewee import fn

from store import audit, directory, holds, outbox
from store.candidates import Candidate
from store.control_models import Hold as OpenHold
from store.db import Database
from store.decision import Decision, Outcome, selected
from store.domain.actor import Actor
from store.domain.errors import BadInput, Disallowed
from store.domain.hold import Hold, HoldEffect, HoldKind, HoldScope, default_effect
from store.domain.profile import Profile
from store.domain.selection import Selection
from store.domain.status import TITLES, TRANSITIONS, Action, ErpStatus
from store.domain.text import storable
from store.models import Invoice
from store.moving import write_all
from store.packed import among, packed
from store.planning import Stay, stay
from store.query import joined
from store.selecting import condition

REASON_MOST = 500
HOLDABLE = frozenset({ErpStatus.READY, ErpStatus.FAILED, ErpStatus.QUEUED})
# What has a frozen bill that goes, or went, to the ERP.
FROZEN = (ErpStatus.QUEUED, ErpStatus.EXPORTING, ErpStatus.UNCERTAIN, ErpStatus.PARKED, ErpStatus.SYNCED)
BACK = TRANSITIONS[Action.RECALL].target.value


@dataclass(frozen=True, slots=True)
class Want:
    """A hold to be placed: what is waited for, what it does (None: what its kind does by default), in whose words."""

    reason: str
    kind: HoldKind = HoldKind.OTHER
    effect: HoldEffect | None = None


def counts(db: Database, selection: Selection) -> tuple[int, int]:
    """How many invoices of a selection are on hold themselves, and how many are not."""
    chosen = condition(db, selection)
    own = OpenHold.select(OpenHold.invoice_id).where(
        OpenHold.released_at.is_null() & OpenHold.invoice_id.is_null(False)
    )
    select = joined(fn.COUNT(Invoice.id))
    held = int(db.rows(select.where(chosen & Invoice.id.in_(own)))[0][0])
    return held, int(db.rows(select.where(chosen))[0][0]) - held


def place(
    db: Database,
    actor: Actor,
    selection: Selection,
    reason: str,
    *,
    kind: HoldKind = HoldKind.OTHER,
    effect: HoldEffect | None = None,
    profile: Profile | None = None,
) -> Decision:
    """Put Ready and Failed invoices on hold until it is released; a queued one is recalled first, in the same transaction.

    For approvers. A hold outlives a rejection: the invoice that is sent again is still on hold. On each one of a kind is
    open: others' holds stay as they are, and are named among those that stay. ``profile``: the ERP's; without one no payment
    can be held there. Raises BadInput without a reason where the kind says none, for an effect that the ERP does not have,
    and as every decision does (store.review).
    """
    want = checked(Want(reason, kind, effect), profile)
    outcome = Outcome()
    with db.transaction(), audit.Trail() as trail:
        actor = directory.refresh(db, actor)
        actor.require_approver()
        chosen = selected(db, selection)
        outbox.seize(db, chosen.ids)
        for chunk in chosen.chunks():
            standing = holds.on(db, HoldScope.INVOICE, [c.id for c in chunk])
            going, stays = _placeable(db, chunk, standing, want)
            outcome.add([c.id for c in going], stays)
            _hold_back(db, going)
            insert(db, actor, HoldScope.INVOICE, [c.id for c in going], want)
            trail.add(_placed(c, want) for c in going)
        decision = outcome.settled(chosen.changed, "placed on hold")
        audit.record(db, actor, "hold", {**values_of(want), "count": len(decision.done)}, trail)
    return decision


def _hold_back(db: Database, going: Sequence[Candidate]) -> None:
    """Flag these; what was queued is Ready again."""
    write_all(db, [c for c in going if c.erp_status is not ErpStatus.QUEUED], held=True)
    queued = [c for c in going if c.erp_status is ErpStatus.QUEUED]
    write_all(db, queued, erp_status=BACK, batch_id=None, held=True)


def _placed(c: Candidate, want: Want) -> audit.Change:
    before, after = ({}, {})
    if c.erp_status is ErpStatus.QUEUED:
        before, after = {"erp_status": c.erp_status.value}, {"erp_status": BACK}
    return audit.Change("invoice", c.id, before, {**after, "held": True, **values_of(want)})


def release(db: Database, actor: Actor, selection: Selection, *, kind: HoldKind | None = None) -> Decision:
    """End the holds on these invoices themselves, whoever placed them; ``kind``: only those of that kind.

    For approvers; those without such a hold stay. What stands on their commitments and vendors goes on: store.holding_on ends it.
    """
    outcome = Outcome()
    gone = 0
    with db.transaction(), audit.Trail() as trail:
        actor = directory.refresh(db, actor)
        actor.require_approver()
        chosen = selected(db, selection)
        for chunk in chosen.chunks():
            standing = of_kind(holds.on(db, HoldScope.INVOICE, [c.id for c in chunk]), kind)
            going = [c for c in chunk if c.id in standing]
            around = holds.of(db, [c.id for c in chunk if c.id not in standing])
            outcome.add(
                [c.id for c in going], [_free(c, around.get(c.id, ())) for c in chunk if c.id not in standing]
            )
            end(db, actor, [hold for c in going for hold in standing[c.id]])
            left = holds.of(db, [c.id for c in going])
            for still in (True, False):
                write_all(db, [c for c in going if (c.id in left) is still], held=still)
            trail.add(_released(c, standing[c.id], still=c.id in left) for c in going)
            gone += held_there(db, HoldScope.INVOICE, [c.id for c in going if pays(standing[c.id])])
        notes = (lift(gone),) if gone else ()
        decision = outcome.settled(chosen.changed, "released", notes=notes)
        audit.record(db, actor, "release", {"count": len(decision.done)}, trail)
    return decision


def of_kind(found: Mapping[int, tuple[Hold, ...]], kind: HoldKind | None) -> dict[int, tuple[Hold, ...]]:
    """The holds of that kind, by what they stand on; None: of every kind."""
    if kind is None:
        return dict(found)
    kept = {number: tuple(hold for hold in own if hold.kind is kind) for number, own in found.items()}
    return {number: own for number, own in kept.items() if own}


def _released(c: Candidate, ended: Sequence[Hold], *, still: bool) -> audit.Change:
    before = {"held": True, "reason": "; ".join(hold.why for hold in ended)}
    return audit.Change("invoice", c.id, before, {"held": still})


def pays(found: Iterable[Hold]) -> bool:
    """Whether one of them holds the payment in the ERP."""
    return any(hold.effect is HoldEffect.PAY for hold in found)


def lift(count: int) -> str:
    """A note: so many invoices go, or went, to the ERP with a payment hold, which is lifted there."""
    return (
        f"{count:,} {'is' if count == 1 else 'are'} queued or in the ERP with the payment held: lift it there"
    )


def held_there(db: Database, scope: HoldScope, ids: Sequence[int]) -> int:
    """How many invoices of these (one chunk) go, or went, to the ERP with a payment hold."""
    row = db.execute(
        "SELECT count(DISTINCT i.id) FROM invoices i JOIN export_jobs j ON j.invoice_id = i.id AND j.revision = i.revision"
        f" WHERE {among(db, f'i.{holds.COLUMNS[scope][1]}')} AND i.erp_status IN ({', '.join('?' * len(FROZEN))})"
        " AND j.payload LIKE ?",
        (packed(db, ids), *(status.value for status in FROZEN), '%,"payment_hold":"%'),
    ).fetchone()
    return int(row[0])


def _free(c: Candidate, around: Sequence[Hold]) -> Stay:
    if around:
        where = around[0].scope.value
        error = Disallowed(
            f"{c.name} is not on hold itself", why=around[0].told, fix=f"Release that of its {where}"
        )
    else:
        error = Disallowed(f"{c.name} is not on hold", fix="{invoices.hold} places one on it")
    return stay(c, "state", error)


def _placeable(
    db: Database, chunk: Sequence[Candidate], standing: Mapping[int, tuple[Hold, ...]], want: Want
) -> tuple[list[Candidate], list[Stay]]:
    """Those that a hold can be placed on, the queued ones of them recalled, and the others with their sentence."""
    refused = {c.id: error for c in chunk if (error := _not_placed(c, standing.get(c.id, ()), want))}
    queued = [c.id for c in chunk if c.erp_status is ErpStatus.QUEUED and c.id not in refused]
    begun = set(queued) - outbox.cancel(db, queued)
    refused |= {c.id: _unholdable(c, "it is being sent") for c in chunk if c.id in begun}
    return (
        [c for c in chunk if c.id not in refused],
        [stay(c, "state", refused[c.id]) for c in chunk if c.id in refused],
    )


def _not_placed(c: Candidate, standing: Sequence[Hold], want: Want) -> Disallowed | None:
    same = next((hold for hold in standing if hold.kind is want.kind), None)
    if same is not None:
        return Disallowed(f"{c.name} is on hold already", why=same.told, fix="{invoices.hold} releases it")
    if c.erp_status not in HOLDABLE or (want.effect is HoldEffect.WARN and c.erp_status is ErpStatus.QUEUED):
        return _unholdable(c, f"it is {TITLES[c.erp_status]}")
    return None


def _unholdable(c: Candidate, why: str) -> Disallowed:
    return Disallowed(
        f"{c.name} cannot be placed on hold", why=why, fix="Only what is not being sent yet can"
    )


# -- what all holds have in common --------------------------------------------------------------------------------


def insert(db: Database, actor: Actor, scope: HoldScope, ids: Sequence[int], want: Want) -> None:
    """Open a hold on each of these, in the deciding transaction. ``want`` is checked()."""
    now = db.now()
    effect = (want.effect or HoldEffect.BLOCK).value
    db.executemany(
        f"INSERT INTO holds ({holds.COLUMNS[scope][0]}, kind, effect, reason, placed_by, placed_at) VALUES (?, ?, ?, ?, ?, ?)",
        [(number, want.kind.value, effect, want.reason, actor.id, now) for number in ids],
    )


def end(db: Database, actor: Actor, ended: Sequence[Hold]) -> None:
    """Release these, in the deciding transaction."""
    now = db.now()
    db.executemany(
        "UPDATE holds SET released_by = ?, released_at = ? WHERE id = ?",
        [(actor.id, now, hold.id) for hold in ended],
    )


def values_of(want: Want) -> dict[str, str]:
    """What the audit trail keeps of it."""
    return {"kind": want.kind.value, "effect": (want.effect or HoldEffect.BLOCK).value, "reason": want.reason}


def checked(want: Want, profile: Profile | None) -> Want:
    """With its reason trimmed and its effect named. Raises BadInput."""
    text = want.reason.strip()
    if not text and want.kind is HoldKind.OTHER:
        raise BadInput("A hold needs a reason", why="others must know what is waited for", fix="Enter it")
    if not storable(text):
        raise BadInput("That reason cannot be used", why="it holds a character that no database stores")
    if len(text) > REASON_MOST:
        raise BadInput(
            "That reason is too long", why=f"it may have {REASON_MOST} characters", fix="Shorten it"
        )
    can = profile is not None and profile.capabilities.payment_hold is True
    if want.effect is HoldEffect.PAY and not can:
        name = profile.title if profile is not None else "The ERP"
        raise BadInput(
            f"{name} takes no payment hold from payapp",
            why="the bill would be paid there",
            fix="Let the hold block, or warn",
        )
    return Want(text, want.kind, want.effect or default_effect(want.kind, payment_hold=can))
