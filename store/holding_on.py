"""Deciding on holds of commitments and vendors: all their invoices, and those that come in later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from store import audit, directory, holds, outbox
from store.candidates import load as load_candidates
from store.db import Database
from store.domain.actor import Actor
from store.domain.errors import BadInput, Changed, Disallowed
from store.domain.hold import HoldEffect, HoldKind, HoldScope
from store.domain.profile import Profile
from store.domain.selection import Selection
from store.domain.status import OPEN_JOBS, ErpStatus
from store.domain.text import safe
from store.holding import BACK, Want, checked, end, held_there, insert, lift, of_kind, pays, values_of
from store.models import Invoice
from store.moving import write_all
from store.packed import among, packed
from store.query import joined
from store.selecting import condition

_TABLES = {HoldScope.COMMITMENT: ("commitments", "number"), HoldScope.VENDOR: ("vendors", "name")}


@dataclass(frozen=True, slots=True)
class Subject:
    """A commitment or vendor that holds can stand on."""

    scope: HoldScope
    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Settled:
    """What was done to commitments or vendors: ``names`` of those, and of the others why not.

    ``invoices``: how many of theirs that are not synced it concerns; ``recalled``: how many of them were taken back from
    the queue. ``notes`` are sentences about what is with the ERP already.
    """

    names: tuple[str, ...]
    stays: tuple[str, ...]
    invoices: int
    recalled: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()


def subjects(db: Database, selection: Selection, scope: HoldScope) -> list[Subject]:
    """The commitments or vendors of the selected invoices, by name."""
    column = {HoldScope.COMMITMENT: Invoice.commitment, HoldScope.VENDOR: Invoice.vendor}[scope]
    ids = [row[0] for row in db.rows(joined(column).where(condition(db, selection)).distinct())]
    table, name = _TABLES[scope]
    found: list[Subject] = []
    for first in range(0, len(ids), 1000):
        found += [
            Subject(scope, *row)
            for row in db.execute(
                f"SELECT id, {name} FROM {table} WHERE {among(db, 'id')}",
                (packed(db, ids[first : first + 1000]),),
            ).fetchall()
        ]
    return sorted(found, key=lambda subject: subject.name)


def counts(db: Database, found: Sequence[Subject]) -> tuple[int, int]:
    """How many of these (all of one scope) are on hold, and how many are not."""
    ids = [subject.id for subject in found]
    held = sum(len(holds.on(db, found[0].scope, ids[at : at + 1000])) for at in range(0, len(ids), 1000))
    return held, len(ids) - held


def named(db: Database, scope: HoldScope, word: str) -> Subject:
    """The commitment with that number or ERP id, the vendor with that name or ERP id. Raises BadInput for none or several."""
    table, name = _TABLES[scope]
    found = db.execute(
        f"SELECT id, {name} FROM {table} WHERE {name} = ? OR erp_ref = ? ORDER BY id LIMIT 2", (word, word)
    ).fetchall()
    if len(found) != 1:
        many = "several have" if found else "none has"
        raise BadInput(
            f"{safe(word)!r} names no one {scope.value}",
            why=f"{many} that {'number' if scope is HoldScope.COMMITMENT else 'name'} or ERP id",
            fix="Give its ERP id" if found else "Write it as it stands in the list",
        )
    return Subject(scope, *found[0])


def place(
    db: Database,
    actor: Actor,
    wanted: Sequence[Subject],
    reason: str,
    *,
    kind: HoldKind = HoldKind.OTHER,
    effect: HoldEffect | None = None,
    profile: Profile | None = None,
) -> Settled:
    """Put commitments or vendors (all of one scope) on hold: all their invoices, and those that come in later.

    For approvers. What of theirs is queued and not sent yet is taken back to Ready in the same transaction, unless the hold
    only warns; what is with the ERP already is told in a note. Raises as place(), Disallowed where all are on hold already.
    """
    want = checked(Want(reason, kind, effect), profile)
    with db.transaction(), audit.Trail() as trail:
        actor = directory.refresh(db, actor)
        actor.require_approver()
        scope, ids = _seized(db, wanted)
        standing = holds.on(db, scope, ids)
        taken = {number: hold for number, own in standing.items() for hold in own if hold.kind is want.kind}
        going = [subject for subject in wanted if subject.id not in taken]
        _some(
            going,
            [f"{safe(s.name)} is on hold already: {safe(taken[s.id].told)}" for s in wanted if s.id in taken],
        )
        fresh = [subject.id for subject in going]
        queued = _where(db, scope, fresh, (ErpStatus.QUEUED,)) if want.effect is not HoldEffect.WARN else []
        cancelled = sorted(outbox.cancel(db, queued))
        insert(db, actor, scope, fresh, want)
        count = holds.flag(db, scope, fresh)
        if want.effect is not HoldEffect.WARN:
            _none_came(set(_where(db, scope, fresh, (ErpStatus.QUEUED,))) - set(queued))
        for chunk in load_candidates(db, cancelled):
            write_all(db, chunk, erp_status=BACK, batch_id=None)
            trail.add(
                audit.Change(
                    "invoice", c.id, {"erp_status": c.erp_status.value}, {"erp_status": BACK}, "hold"
                )
                for c in chunk
            )
        trail.add(audit.Change(scope.value, s.id, {}, {"held": True, **values_of(want)}) for s in going)
        audit.record(
            db,
            actor,
            "hold",
            {**values_of(want), "on": [s.name for s in going][:100], "count": len(going)},
            trail,
        )
        away = len(_where(db, scope, fresh, (ErpStatus.EXPORTING, ErpStatus.UNCERTAIN, ErpStatus.PARKED)))
        away += len(queued) - len(cancelled)
    return Settled(
        tuple(s.name for s in going),
        tuple(taken[s.id].told for s in wanted if s.id in taken),
        count,
        tuple(cancelled),
        _notes(want, len(cancelled), away),
    )


def _notes(want: Want, recalled: int, away: int) -> tuple[str, ...]:
    found = []
    if recalled:
        again = "; exported again, the ERP holds the payment" if want.effect is HoldEffect.PAY else ""
        found.append(f"{recalled:,} {'was' if recalled == 1 else 'were'} taken back from the queue{again}")
    if away and want.effect is not HoldEffect.WARN:
        found.append(
            f"{away:,} {'is' if away == 1 else 'are'} on the way to the ERP already and not stopped: hold the payment there"
        )
    return tuple(found)


def _none_came(new: set[int]) -> None:
    if new:
        raise Changed(
            "Others exported some of these invoices at the same moment",
            why="nothing was changed by you",
            fix="Place the hold again",
        )


def release(
    db: Database, actor: Actor, wanted: Sequence[Subject], *, kind: HoldKind | None = None
) -> Settled:
    """End the holds on these commitments or vendors (all of one scope), whoever placed them; ``kind``: of that kind alone.

    For approvers. Raises Disallowed where none is on hold.
    """
    with db.transaction(), audit.Trail() as trail:
        actor = directory.refresh(db, actor)
        actor.require_approver()
        scope, ids = _seized(db, wanted)
        standing = of_kind(holds.on(db, scope, ids), kind)
        going = [subject for subject in wanted if subject.id in standing]
        free = tuple(
            f"{scope.value} {subject.name} is not on hold" for subject in wanted if subject.id not in standing
        )
        _some(going, [safe(one) for one in free])
        freed = [subject.id for subject in going]
        ended = [hold for number in freed for hold in standing[number]]
        end(db, actor, ended)
        left = holds.on(db, scope, freed)
        count = holds.flag(db, scope, freed)
        trail.add(
            audit.Change(
                scope.value,
                s.id,
                {"held": True, "reason": "; ".join(hold.why for hold in standing[s.id])},
                {"held": s.id in left},
            )
            for s in going
        )
        audit.record(db, actor, "release", {"on": [s.name for s in going][:100], "count": len(going)}, trail)
        gone = held_there(db, scope, freed) if pays(ended) else 0
    notes = (lift(gone),) if gone else ()
    return Settled(tuple(s.name for s in going), free, count, notes=notes)


def _seized(db: Database, wanted: Sequence[Subject]) -> tuple[HoldScope, list[int]]:
    """Their scope and ids, and nobody else holds or releases them; what is coming in for them is waited for."""
    if not wanted:
        raise BadInput("Nothing was named", fix="Name a commitment or a vendor")
    scope, ids = wanted[0].scope, sorted(subject.id for subject in wanted)
    if db.postgres:
        # Whoever inserts an invoice of theirs locks their row for its reference.
        db.execute(
            f"SELECT id FROM {_TABLES[scope][0]} WHERE {among(db, 'id')} ORDER BY id FOR UPDATE",
            (packed(db, ids),),
        ).fetchall()
        # A worker takes a job before its invoice, and so does this: nobody waits for one who waits for him.
        states = ", ".join(f"'{state}'" for state in OPEN_JOBS)
        db.execute(
            f"SELECT j.id FROM export_jobs j JOIN invoices i ON i.id = j.invoice_id"
            f" WHERE {among(db, f'i.{holds.COLUMNS[scope][1]}')} AND j.state IN ({states}) ORDER BY j.id FOR UPDATE OF j",
            (packed(db, ids),),
        ).fetchall()
    return scope, ids


def _some(going: Sequence[Subject], refused: Sequence[str]) -> None:
    if not going:
        more = f" (and {len(refused) - 1:,} more)" if len(refused) > 1 else ""
        raise Disallowed(f"{refused[0]}{more}", fix="payapp holds list shows what is on hold")


def _where(db: Database, scope: HoldScope, ids: Sequence[int], states: Sequence[ErpStatus]) -> list[int]:
    """The invoices of these that stand there, by id."""
    column = holds.COLUMNS[scope][1]
    found = db.execute(
        f"SELECT id FROM invoices WHERE {among(db, column)} AND erp_status IN ({', '.join('?' * len(states))}) ORDER BY id",
        (packed(db, ids), *(state.value for state in states)),
    ).fetchall()
    return [row[0] for row in found]
