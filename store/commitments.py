"""The project side: editing an invoice that is not sent, and its approval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import peewee

from store import audit, candidates, detail, directory, duplicates, naming
from store.candidates import Candidate
from store.carrying import carry
from store.db import Database
from store.decision import Decision, Outcome, selected
from store.domain.actor import Actor
from store.domain.errors import BadInput, Changed, Disallowed, Misfooted, NothingMatched
from store.domain.invoice import Line, foot, summarize
from store.domain.money import hash_part, plain
from store.domain.selection import Selection
from store.domain.status import SENDABLE, TITLES, ErpStatus, Status
from store.domain.status import Outcome as Outcomes
from store.domain.text import safe, storable
from store.moving import write_all
from store.planning import Stay, stay


@dataclass(frozen=True, slots=True)
class LineEdit:
    """New values of one G703 line, in minor units; ``stored_now`` is the balance of stored materials."""

    position: int
    work_now: int
    stored_now: int
    held: int
    released: int


def edit(
    db: Database,
    actor: Actor,
    invoice_id: int,
    version: int,
    *,
    number: str | None = None,
    billing_date: date | None = None,
    lines: Sequence[LineEdit] = (),
) -> Decision:
    """Change an invoice that is not sent; None and lines not named stay as they are.

    A changed number or amount of an approved invoice needs approval again before it is sent. Later applications
    follow other amounts, and are named in the notes; Disallowed while one of them is locked. Raises Disallowed while
    it is locked itself, Changed when ``version`` is not the newest, Misfooted, and BadInput for a number in use.
    """
    with db.transaction():
        naming.alone(db)
        actor = directory.refresh(db, actor)
        actor.require_sender()
        before = _editable(db, invoice_id, version)
        old = detail.lines(db, invoice_id)
        new = tuple(_edited(line, {x.position: x for x in lines}) for line in old)
        if new != old:
            _check_later(db, before)
        if wrong := foot(new, {}, before.currency, before.tax):
            raise Misfooted(f"{before.name} does not foot", why=wrong[0], fix="Correct the line")
        values = _values(before, number, billing_date, old, new)
        if not values:
            return Decision((invoice_id,))
        compared = duplicates.known(db, _compared(db, before) if new != old else [invoice_id])
        _write(db, before, values, old, new)
        carried = carry(db, before, old, new) if new != old else []
        duplicates.refresh(db, (), compared)
        audit.record(
            db, actor, "edit", {"invoice": before.number}, [_change(before, values, old, new), *carried]
        )
        notes = tuple(
            f"{safe(c.name)} was made from it and follows; it needs approval again"
            for chunk in candidates.load(db, [change.subject_id for change in carried])
            for c in chunk
        )
    return Decision((invoice_id,), notes=notes)


def _compared(db: Database, before: Candidate) -> list[int]:
    """The invoice, and the later ones of its commitment, whose amounts may follow."""
    found = db.execute(
        "SELECT id FROM invoices WHERE commitment_id = ? AND application >= ?",
        (before.commitment_id, before.application),
    ).fetchall()
    return [row[0] for row in found]


def _editable(db: Database, invoice_id: int, version: int) -> Candidate:
    found = next(candidates.load(db, [invoice_id]), [])
    if not found:
        raise NothingMatched(f"Invoice #{invoice_id} is gone", fix="Refresh the list ({list.refresh})")
    if found[0].erp_status is not ErpStatus.NOT_SENT:
        raise Disallowed(
            f"{safe(found[0].name)} is locked",
            why="it is in ERP Integrations",
            fix="Retrieve it, or have the accounting approver reject it",
        )
    if found[0].version != version:
        raise Changed(
            f"{safe(found[0].name)} was changed by somebody else",
            why="since you opened it",
            fix="Open it again",
        )
    return found[0]


def _check_later(db: Database, before: Candidate) -> None:
    """Refuse other amounts while a later application that was made from these is locked."""
    later = db.execute(
        "SELECT number, erp_status FROM invoices WHERE commitment_id = ? AND application > ? AND erp_status <> ?"
        " ORDER BY application",
        (before.commitment_id, before.application, ErpStatus.NOT_SENT.value),
    ).fetchone()
    if later:
        raise Disallowed(
            f"The amounts of {safe(before.name)} cannot be changed",
            why=f"the later application {safe(later[0])} was made from them, and is {TITLES[ErpStatus(later[1])]}",
            fix="Have that one rejected or retrieved first",
        )


def _edited(line: Line, edits: Mapping[int, LineEdit]) -> Line:
    if line.position not in edits:
        return line
    to = edits[line.position]
    return replace(line, work_now=to.work_now, stored_now=to.stored_now, held=to.held, released=to.released)


def _values(
    before: Candidate, number: str | None, billing_date: date | None, old: Sequence[Line], new: Sequence[Line]
) -> dict[str, Any]:
    """The invoice's columns that change."""
    values: dict[str, Any] = {}
    if number is not None and number.strip() != before.number:
        if not number.strip() or not storable(number):
            raise BadInput("An invoice needs a number", fix="Type letters, digits and dashes")
        values["number"] = number.strip()
        if not before.erp_number:
            values["number_hash"] = hash_part(number)
    if new != old:
        summary = summarize(new, before.tax)
        values |= {
            "gross": summary.gross,
            "retainage": summary.retainage,
            "net": summary.net,
            "completed": summary.completed,
            "retainage_to_date": summary.retainage_to_date,
            "overbilled": any(line.overbilled for line in new),
        }
    if values and before.status in SENDABLE:
        values["status"] = Status.UNDER_REVIEW.value
    if billing_date is not None and billing_date.isoformat() != before.billing_date:
        values["billing_date"] = billing_date.isoformat()
    if values and before.outcome == Outcomes.REJECTED:
        values["changed_since"] = True
    return values


def _change(
    before: Candidate, values: Mapping[str, Any], old: Sequence[Line], new: Sequence[Line]
) -> audit.Change:
    """Before and after of what changed, the lines among it by their position."""
    was = {name: getattr(before, name) for name in values if name in Candidate._fields}
    earlier = {name: _plain(name, value, before.currency) for name, value in was.items()}
    later = {name: _plain(name, value, before.currency) for name, value in values.items()}
    for line, to in zip(old, new, strict=True):
        if line != to:
            earlier[f"line {line.position}"] = _amounts(line, before.currency)
            later[f"line {line.position}"] = _amounts(to, before.currency)
    return audit.Change("invoice", before.id, earlier, later)


def _amounts(line: Line, currency: str) -> str:
    named = {
        "this period": line.work_now,
        "stored": line.stored_now,
        "held": line.held,
        "released": line.released,
    }
    return ", ".join(f"{name} {plain(value, currency)}" for name, value in named.items())


def _plain(name: str, value: Any, currency: str) -> Any:
    return (
        plain(value, currency)
        if name in {"gross", "retainage", "net", "completed", "retainage_to_date"}
        else value
    )


def _write(
    db: Database, before: Candidate, values: Mapping[str, Any], old: Sequence[Line], new: Sequence[Line]
) -> None:
    try:
        write_all(db, [before], **values)
    except peewee.IntegrityError:
        raise BadInput(
            f"The number {safe(str(values.get('number')))} is used on {safe(before.commitment)} already",
            fix="Give another number",
        ) from None
    changed = [line for line, was in zip(new, old, strict=True) if line != was]
    db.executemany(
        "UPDATE invoice_lines SET work_now = ?, stored_now = ?, held = ?, released = ?"
        " WHERE invoice_id = ? AND position = ?",
        [(x.work_now, x.stored_now, x.held, x.released, before.id, x.position) for x in changed],
    )


def set_status(db: Database, actor: Actor, selection: Selection, status: Status) -> Decision:
    """Set the project-side status of invoices that are not sent; what is locked stays and is named."""
    outcome = Outcome()
    with db.transaction(), audit.Trail() as trail:
        actor = directory.refresh(db, actor)
        actor.require_sender()
        chosen = selected(db, selection)
        for chunk in chosen.chunks():
            going = [c for c in chunk if c.erp_status is ErpStatus.NOT_SENT]
            outcome.add(
                [c.id for c in going], [_locked(c) for c in chunk if c.erp_status is not ErpStatus.NOT_SENT]
            )
            write_all(db, going, status=status.value)
            trail.add(
                audit.Change("invoice", c.id, {"status": c.status.value}, {"status": status.value})
                for c in going
            )
        decision = outcome.settled(chosen.changed, "changed")
        audit.record(db, actor, "status", {"status": status.value, "count": len(decision.done)}, trail)
    return decision


def _locked(c: Candidate) -> Stay:
    error = Disallowed(f"{c.name} is locked", why="it is in ERP Integrations", fix="Retrieve it first")
    return stay(c, "state", error)
