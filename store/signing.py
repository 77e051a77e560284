"""Exports of one's own invoices under the policy ``self = review``: marked, listed, and signed off by another person.

What was recalled, refused, unlinked or reset needs no sign-off any more; its next export is listed by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from store import audit, candidates, directory
from store.db import Database
from store.decision import Decision, settle
from store.domain.actor import Actor
from store.domain.errors import BadInput, Disallowed, NotPermitted
from store.domain.status import ErpStatus, JobState
from store.domain.text import storable
from store.invoices import is_own
from store.job import marks
from store.packed import among, packed
from store.planning import Stay, stay

AGREED, OBJECTED = "agreed", "objected"
COMMENT_MOST = 500
# So many are listed: those that wait, the oldest first, then the others, the newest first.
LISTED = 2000
# An export that came to nothing is no reason to look.
_STANDS = f"NOT EXISTS (SELECT 1 FROM export_jobs j WHERE j.invoice_id = s.invoice_id AND j.revision = s.revision AND j.state IN ('{JobState.CANCELLED}', '{JobState.FAILED}'))"


@dataclass(frozen=True, slots=True)
class SignOff:
    """One export of a user's own invoice; amounts in minor units, moments in ms UTC, people by their logins.

    ``verdict``: "" while it waits, else "agreed" or "objected". ``state``: where the invoice stands now.
    """

    id: int
    invoice_id: int
    number: str
    vendor: str
    currency: str
    gross: int
    net: int
    state: ErpStatus
    reference: str
    batch: int
    operator: str
    made_at: int
    signed_by: str
    signed_at: int | None
    verdict: str
    comment: str


def expect(db: Database, actor: Actor, own: Sequence[tuple[int, int, int]]) -> None:
    """These (invoice, revision, batch) were accepted by who prepared them: in the deciding transaction."""
    if own:
        now = db.now()
        db.executemany(
            "INSERT INTO sign_offs (invoice_id, revision, batch_id, operator_id, made_at) VALUES (?, ?, ?, ?, ?)",
            [(*one, actor.id, now) for one in own],
        )


def told(own: int) -> tuple[str, ...]:
    """What is said of a decision with so many of one's own."""
    if not own:
        return ()
    each = "1 is your own and waits" if own == 1 else f"{own:,} are your own and wait"
    return (f"{each} for another person's sign-off (SELF)",)


def of_batch(db: Database, batch: int) -> int:
    """How many exports of a batch were of who pressed it."""
    return int(db.execute("SELECT count(*) FROM sign_offs WHERE batch_id = ?", (batch,)).fetchone()[0])


def waiting(db: Database) -> int:
    """How many wait for another person's sign-off."""
    found = db.execute(f"SELECT count(*) FROM sign_offs s WHERE s.signed_at IS NULL AND {_STANDS}")
    return int(found.fetchone()[0])


_COLUMNS = (
    "SELECT s.id, s.invoice_id, i.number, v.name, i.currency, i.gross, i.net, i.erp_status, coalesce(i.origin_id, ''),"
    " s.batch_id, o.login, s.made_at, coalesce(u.login, ''), s.signed_at, s.verdict, s.comment FROM sign_offs s"
    " JOIN invoices i ON i.id = s.invoice_id JOIN vendors v ON v.id = i.vendor_id JOIN users o ON o.id = s.operator_id"
    " LEFT JOIN users u ON u.id = s.signed_by"
)


def listed(db: Database, actor: Actor, *, everything: bool = False) -> list[SignOff]:
    """Those that wait, the oldest first; with ``everything`` the signed ones behind them, the newest first.

    Raises NotPermitted for who may not see ERP Integrations.
    """
    directory.refresh(db, actor).require_reader()
    found = _rows(db, f"s.signed_at IS NULL AND {_STANDS} ORDER BY s.id", LISTED)
    if everything:
        found += _rows(
            db, "s.signed_at IS NOT NULL ORDER BY s.signed_at DESC, s.id DESC", LISTED - len(found)
        )
    return found


def _rows(db: Database, where: str, most: int, *given: Any) -> list[SignOff]:
    rows = db.execute(f"{_COLUMNS} WHERE {where} LIMIT ?", (*given, most)).fetchall()
    return [SignOff(*(*row[:7], ErpStatus(row[7]), *row[8:])) for row in rows]


def sign(db: Database, actor: Actor, ids: Sequence[int], *, agree: bool, comment: str = "") -> Decision:
    """Sign these off (ids of SignOff): agree, or object with a comment. One decision, audited.

    For approvers; never for who exported, created, edited or sent the invoice: such a one stays. Raises NotPermitted,
    BadInput for an objection without a comment, Disallowed where nothing of it waits.
    """
    comment = _comment(comment, needed=not agree)
    verdict = AGREED if agree else OBJECTED
    with db.transaction():
        actor = directory.refresh(db, actor)
        actor.require_approver("sign exports off")
        lock = " FOR UPDATE OF s" if db.postgres else ""
        rows = db.execute(
            f"SELECT s.id, s.invoice_id, s.operator_id, s.signed_at FROM sign_offs s WHERE {among(db, 's.id')}"
            f" AND {_STANDS} ORDER BY s.id{lock}",
            (packed(db, ids),),
        ).fetchall()
        waits = [row for row in rows if row[3] is None]
        if not waits:
            raise Disallowed(
                "None of these waits for a sign-off",
                why="it was signed off, or its export came to nothing",
                fix="payapp sign-off lists what waits",
            )
        barred = _barred(db, actor, waits)
        done = [row for row in waits if row[1] not in barred]
        stays = tuple(barred[row[1]] for row in waits if row[1] in barred)
        settle([row[1] for row in done], stays, (), "signed off")
        now = db.now()
        db.execute(
            "UPDATE sign_offs SET signed_by = ?, signed_at = ?, verdict = ?, comment = ?"
            f" WHERE id IN ({marks(done)})",
            (actor.id, now, verdict, comment, *(row[0] for row in done)),
        )
        changes = [
            audit.Change(
                "invoice", row[1], {"sign-off": ""}, {"sign-off": verdict}, "signed off by another person"
            )
            for row in done
        ]
        audit.record(db, actor, "sign off", {"verdict": verdict, "comment": comment}, changes)
    return Decision(tuple(row[1] for row in done), stays)


def _barred(db: Database, actor: Actor, waits: Sequence[Any]) -> Mapping[int, Stay]:
    """Those that this user may not sign off, by invoice: he exported or prepared them himself."""
    operators = {row[1]: row[2] for row in waits}
    ids = sorted(operators)
    prepared = candidates.prepared(db, ids, actor)
    found: dict[int, Stay] = {}
    for chunk in candidates.load(db, ids):
        for c in chunk:
            own = c.id in prepared or is_own(actor, c.creator_login, c.creator_email, c.sender_id)
            if operators[c.id] == actor.id or own:
                error = NotPermitted(
                    "Nobody signs off what he exported, created, edited or sent himself",
                    why=f"{actor.login} did so",
                    fix="Leave it to another approver",
                )
                found[c.id] = stay(c, "permission", error, error.what)
    return found


def _comment(text: str, *, needed: bool) -> str:
    comment = text.strip()
    if needed and not comment:
        raise BadInput("An objection needs a comment", why="others must know what is wrong", fix="Enter it")
    if not storable(comment):
        raise BadInput("That comment cannot be used", why="it holds a character that no database stores")
    if len(comment) > COMMENT_MOST:
        raise BadInput(
            "That comment is too long", why=f"it may have {COMMENT_MOST} characters", fix="Shorten it"
        )
    return comment
