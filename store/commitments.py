"""The project side: editing an invoice that is not sent, and its approval. Creating one is store/drafting.py's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import peewee

from store import audit, candidates, detail, differences, directory, duplicates, naming
from store.candidates import Candidate
from store.carrying import carry
from store.db import Database
from store.decision import Decision, Outcome, selected
from store.domain import approval, drafting
from store.domain.actor import Actor
from store.domain.errors import BadInput, Changed, Disallowed, Misfooted, NothingMatched
from store.domain.invoice import Line, foot, summarize
from store.domain.money import hash_part, plain
from store.domain.selection import Selection
from store.domain.status import SENDABLE, TITLES, ErpStatus, Status
from store.domain.status import Outcome as Outcomes
from store.domain.text import safe, storable
from store.intake.contract import NUMBER_MOST
from store.moving import write_all
from store.planning import Stay, stay

_DAYS = ("period_start", "period_end", "billing_date")


@dataclass(frozen=True, slots=True)
class LineEdit:
    """New values of one G703 line, in minor units; ``stored_now`` is the balance of stored materials.

    ``held`` None: at the commitment's rate.
    """

    position: int
    work_now: int
    stored_now: int
    held: int | None
    released: int


def edit(
    db: Database,
    actor: Actor,
    invoice_id: int,
    version: int,
    *,
    number: str | None = None,
    billing_date: date | None = None,
    period: tuple[str, str] | None = None,
    lines: Sequence[LineEdit] = (),
) -> Decision:
    """Change an invoice that is not sent; None and lines not named stay as they are. ``period``: first and last ISO day.

    A changed number, period or amount of an approved invoice needs approval again before it is sent. Later applications
    follow other amounts, and are named in the notes; Disallowed while one of them is locked. Raises NotPermitted below
    Standard on Commitments, and of an approved one below Admin; Disallowed while it is locked itself, Changed when
    ``version`` is not the newest, Misfooted, and BadInput for a number in use and days that cannot be.
    """
    with db.transaction():
        naming.alone(db)
        actor = directory.refresh(db, actor)
        approval.require_preparer(actor)
        before = _editable(db, invoice_id, version)
        approval.require(actor, before.status)
        old = detail.lines(db, invoice_id)
        new = edited(old, lines, _rate(db, before))
        if new != old:
            _check_later(db, before)
            _check_approved(db, actor, before)
        if wrong := foot(new, {}, before.currency, before.tax):
            raise Misfooted(f"{before.name} does not foot", why=wrong[0], fix="Correct the line")
        values = _values(before, number, _days(before, period, billing_date), old, new)
        if not values:
            return Decision((invoice_id,))
        compared = duplicates.known(db, _compared(db, before) if new != old else [invoice_id])
        _write(db, before, values, old, new)
        carried = carry(db, before, old, new) if new != old else []
        duplicates.refresh(db, (), compared)
        returned = differences.of(db, [invoice_id, *(change.subject_id for change in carried)])
        differences.flag(db, returned)
        if invoice_id in returned:
            values["changed_since"] = bool(returned[invoice_id].changes)
        audit.record(
            db, actor, "edit", {"invoice": before.number}, [_change(before, values, old, new), *carried]
        )
        notes = drafting.overbilled(values.get("number", before.number), new) if new != old else ()
        notes += tuple(
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
            fix="Have its bill voided in the ERP and unlink it first"
            if later[1] == ErpStatus.SYNCED
            else "Have that one rejected or retrieved first",
        )


def _check_approved(db: Database, actor: Actor, before: Candidate) -> None:
    """Refuse other amounts from who may not end the approval of a later application that follows them."""
    later = db.execute(
        "SELECT status FROM invoices WHERE commitment_id = ? AND application > ? ORDER BY application",
        (before.commitment_id, before.application),
    ).fetchall()
    for (status,) in later:
        approval.require(actor, Status(status))


def _rate(db: Database, before: Candidate) -> int:
    """The commitment's rate of retainage, in basis points."""
    found = db.execute("SELECT retainage_bp FROM commitments WHERE id = ?", (before.commitment_id,))
    return int(found.fetchone()[0])


def edited(lines: Sequence[Line], edits: Sequence[LineEdit], rate_bp: int) -> tuple[Line, ...]:
    """The lines with those edits; ``rate_bp``, in basis points, is for those that name no retainage.

    Raises BadInput for a line that there is not.
    """
    by_position = {edit.position: edit for edit in edits}
    if strange := sorted(by_position.keys() - {line.position for line in lines}):
        raise BadInput(f"There is no line {strange[0]}", fix=f"The lines are 1 to {len(lines)}")
    return tuple(
        _edited(line, by_position[line.position], rate_bp) if line.position in by_position else line
        for line in lines
    )


def _edited(line: Line, to: LineEdit, rate_bp: int) -> Line:
    new = replace(
        line, work_now=to.work_now, stored_now=to.stored_now, held=to.held or 0, released=to.released
    )
    return replace(new, held=drafting.at_rate(new, rate_bp)) if to.held is None else new


def checked_number(number: str) -> str:
    """The number as it is kept. Raises BadInput for one that cannot be an invoice's."""
    if not number.strip() or not storable(number):
        raise BadInput("An invoice needs a number", fix="Type letters, digits and dashes")
    if safe(number.strip()) != number.strip():
        raise BadInput("The number holds control or invisible characters", fix="Type it again")
    if len(number.strip()) > NUMBER_MOST:
        raise BadInput(
            f"The number has {len(number.strip()):,} characters",
            why=f"it may have {NUMBER_MOST}",
            fix="Shorten it",
        )
    return number.strip()


def _days(before: Candidate, period: tuple[str, str] | None, billing_date: date | None) -> dict[str, str]:
    """Period and billing date as far as they change. Raises BadInput for days that do not go together."""
    given = {} if period is None else {"period_start": period[0], "period_end": period[1]}
    if billing_date is not None:
        given["billing_date"] = billing_date.isoformat()
    changed = {name: day for name, day in given.items() if day != getattr(before, name)}
    if changed:
        days = {name: changed.get(name) or getattr(before, name) for name in _DAYS}
        drafting.check_billed(days["billing_date"], days["period_start"], days["period_end"])
    return changed


def _values(
    before: Candidate, number: str | None, days: Mapping[str, str], old: Sequence[Line], new: Sequence[Line]
) -> dict[str, Any]:
    """The invoice's columns that change."""
    values: dict[str, Any] = {name: day for name, day in days.items() if name != "billing_date"}
    if number is not None and number.strip() != before.number:
        values["number"] = checked_number(number)
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
    if "billing_date" in days:
        values["billing_date"] = days["billing_date"]
    if values and before.outcome == Outcomes.REJECTED:
        values["changed_since"] = True
    return values


def _change(
    before: Candidate, values: Mapping[str, Any], old: Sequence[Line], new: Sequence[Line]
) -> audit.Change:
    """Before and after of what changed, the lines among it by their position."""
    total = summarize(old, before.tax)
    of_lines = {
        "completed": total.completed,
        "retainage_to_date": total.retainage_to_date,
        "overbilled": any(line.overbilled for line in old),
    }
    was = {
        name: of_lines[name] if name in of_lines else getattr(before, name)
        for name in values
        if name in of_lines or name in Candidate._fields
    }
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


def set_status(
    db: Database, actor: Actor, selection: Selection, status: Status, comment: str = ""
) -> Decision:
    """Set the project-side status of invoices that are not sent; what is locked, or has it already, stays and is named.

    ``comment`` says why, in the audit trail. Raises NotPermitted for who may not set that status
    (store.domain.approval); of others' approved ones only an Admin ends the approval.
    """
    if not storable(comment):
        raise BadInput("The comment is not text", fix="Type letters, digits and dashes")
    outcome = Outcome()
    said = {"comment": comment.strip()} if comment.strip() else {}
    with db.transaction(), audit.Trail() as trail:
        actor = directory.refresh(db, actor)
        approval.require_preparer(actor, "change the status of invoices")
        approval.require(actor, status)
        chosen = selected(db, selection)
        for chunk in chosen.chunks():
            stays = [found for c in chunk if (found := _status_stays(actor, c, status))]
            kept = {found.invoice_id for found in stays}
            going = [c for c in chunk if c.id not in kept]
            outcome.add([c.id for c in going], stays)
            write_all(db, going, status=status.value)
            trail.add(
                audit.Change("invoice", c.id, {"status": c.status.value}, {"status": status.value, **said})
                for c in going
            )
        decision = outcome.settled(chosen.changed, "changed")
        about = {"status": status.value, "count": len(decision.done), **said}
        audit.record(db, actor, "status", about, trail)
    return decision


def _status_stays(actor: Actor, c: Candidate, status: Status) -> Stay | None:
    """Why the invoice keeps its status; None where it gets the new one."""
    if c.erp_status is not ErpStatus.NOT_SENT:
        return stay(
            c,
            "state",
            Disallowed("it is locked", why="it is in ERP Integrations", fix="Retrieve it first"),
        )
    if c.status is status:
        word = status.value.replace("_", " ")
        return stay(c, "state", Disallowed(f"it is {word} already"))
    if not approval.may_set(actor, c.status, status):
        return stay(
            c,
            "state",
            Disallowed(
                f"it is {c.status.value.replace('_', ' ')}, and ending that needs Admin on Commitments",
                fix="Ask who has Admin on Commitments",
            ),
        )
    return None
