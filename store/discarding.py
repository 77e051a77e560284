"""Discarding invoices that were created here by mistake and never sent: nothing of them is left but the audit trail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from store import audit, candidates, detail, directory, duplicates, naming
from store.attaching import of_invoice
from store.candidates import Candidate
from store.db import Database
from store.decision import Decision, Outcome, selected
from store.domain import approval
from store.domain.actor import Actor
from store.domain.errors import BadInput, Changed, Disallowed, PayappError
from store.domain.money import plain
from store.domain.selection import Selection
from store.domain.status import ErpStatus
from store.domain.text import safe, storable
from store.drafting import SOURCE
from store.packed import among, packed
from store.planning import Stay, stay


def discard(db: Database, actor: Actor, selection: Selection, comment: str = "") -> Decision:
    """Discard invoices created in payapp that were never sent; the others stay and are named.

    The newest application of a commitment goes first: one that a later one was made from stays while that one is there.
    What it said stands in the audit trail, with ``comment``, why. Raises NotPermitted below Standard on Commitments; one
    that is approved stays for who may not end the approval. What never was in ERP Integrations is in none of its tables.
    """
    if not storable(comment):
        raise BadInput("The comment is not text", fix="Type letters, digits and dashes")
    outcome = Outcome()
    said = {"comment": comment.strip()} if comment.strip() else {}
    with db.transaction(), audit.Trail() as trail:
        naming.alone(db)
        actor = directory.refresh(db, actor)
        approval.require_preparer(actor, "discard invoices")
        chosen = selected(db, selection)
        found = [c for chunk in chosen.chunks() for c in chunk]
        # Of a commitment the last application first.
        found.sort(key=lambda c: (c.commitment_id, -c.application))
        ours = _ours(db, [c.id for c in found])
        going, stays = _divided(db, actor, found, ours)
        outcome.add([c.id for c in going], stays)
        trail.add(_change(db, c) for c in going)
        _remove(db, going)
        decision = outcome.settled(chosen.changed, "discarded")
        audit.record(db, actor, "discard", {"count": len(decision.done), **said}, trail)
    return decision


def _ours(db: Database, ids: Sequence[int]) -> set[int]:
    """Those of these invoices that were created here and never sent."""
    rows = db.execute(
        f"SELECT id FROM invoices WHERE {among(db, 'id')} AND source = ? AND sent_at IS NULL AND revision = 0",
        (packed(db, ids), SOURCE),
    )
    return {row[0] for row in rows.fetchall()}


def _divided(
    db: Database, actor: Actor, found: Sequence[Candidate], ours: set[int]
) -> tuple[list[Candidate], list[Stay]]:
    going: list[Candidate] = []
    stays: list[Stay] = []
    gone: set[int] = set()
    for c in found:
        if (error := _refusal(actor, c, ours=c.id in ours) or _later(db, c, gone)) is not None:
            stays.append(stay(c, "state", error))
        else:
            going.append(c)
            gone.add(c.id)
    return going, stays


def _refusal(actor: Actor, c: Candidate, *, ours: bool) -> PayappError | None:
    if c.erp_status is not ErpStatus.NOT_SENT:
        return Disallowed("it is locked", why="it is in ERP Integrations", fix="Retrieve it first")
    if not ours or c.outcome:
        return Disallowed(
            "only what was created in payapp and never sent is discarded",
            why="it was sent once" if c.outcome else "it came from a file",
            fix="Correct it and send it, or leave it where it is",
        )
    if not approval.may_set(actor, c.status, c.status):
        return Disallowed(
            f"it is {c.status.value.replace('_', ' ')}, and ending that needs Admin on Commitments",
            fix="Ask who has Admin on Commitments",
        )
    return None


def _later(db: Database, c: Candidate, gone: set[int]) -> PayappError | None:
    rows = db.execute(
        "SELECT id, number FROM invoices WHERE commitment_id = ? AND application > ? ORDER BY application DESC",
        (c.commitment_id, c.application),
    )
    for number, name in rows.fetchall():
        if number not in gone:
            return Disallowed(
                f"the later application {safe(name)} was made from it", fix="Discard that one first"
            )
    return None


def _change(db: Database, c: Candidate) -> audit.Change:
    """All that the invoice said."""
    before = {
        "number": c.number,
        "application": c.application,
        "commitment": c.commitment,
        "status": c.status.value,
        **{name: getattr(c, name) for name in ("period_start", "period_end", "billing_date")},
        **{name: plain(getattr(c, name), c.currency) for name in ("gross", "retainage", "net")},
        "currency": c.currency,
    }
    for line in detail.lines(db, c.id):
        amounts = {
            "this period": line.work_now,
            "stored": line.stored_now,
            "held": line.held,
            "released": line.released,
        }
        told = (f"{name} {plain(value, c.currency)}" for name, value in amounts.items())
        before[f"line {line.position}"] = ", ".join(told)
    if files := [one.where for one in of_invoice(db, c.id)]:
        before["attachments"] = ", ".join(files)
    return audit.Change("invoice", c.id, before, {"discarded": True})


def _remove(db: Database, going: Sequence[Candidate]) -> None:
    """Raises Changed where somebody else changed one of them at the same moment."""
    ids = [c.id for c in going]
    for some in _chunks(ids):
        given = (packed(db, some),)
        if db.postgres:
            # Who attaches a file to one of them waits, and finds it gone.
            db.execute(f"SELECT id FROM invoices WHERE {among(db, 'id')} ORDER BY id FOR UPDATE", given)
        compared = duplicates.known(db, some)
        for table in ("attachments", "invoice_lines"):
            db.execute(f"DELETE FROM {table} WHERE {among(db, 'invoice_id')}", given)
        versions = {c.id: c.version for c in going}
        touched = db.executemany(
            "DELETE FROM invoices WHERE id = ? AND version = ?",
            [(number, versions[number]) for number in some],
        )
        if touched != len(some):
            raise Changed(
                "Others changed some of these invoices at the same moment",
                why="nothing was discarded",
                fix="Look at the list again ({list.refresh}) and decide again",
            )
        duplicates.refresh(db, (), compared)


def _chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for first in range(0, len(ids), candidates.CHUNK):
        yield ids[first : first + candidates.CHUNK]
