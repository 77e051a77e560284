"""Holds as they stand: what keeps which invoice from being exported or paid, and the one rule of the flag for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from store.candidates import Candidate
from store.db import Database
from store.domain.hold import Hold, HoldEffect, HoldKind, HoldScope, payment_hold
from store.domain.status import ErpStatus
from store.domain.text import safe
from store.packed import among, packed

# The column of a hold, and of an invoice, that says on what it stands.
COLUMNS = {
    HoldScope.INVOICE: ("invoice_id", "id"),
    HoldScope.COMMITMENT: ("commitment_id", "commitment_id"),
    HoldScope.VENDOR: ("vendor_id", "vendor_id"),
}
# An invoice is flagged while a hold is open on it, on its commitment or on its vendor, wherever the invoice stands.
FLAG = " OR ".join(
    f"EXISTS (SELECT 1 FROM holds h WHERE h.released_at IS NULL AND h.{theirs} = invoices.{ours})"
    for theirs, ours in COLUMNS.values()
)
_SELECT = (
    "h.id, h.invoice_id, h.commitment_id, h.vendor_id, coalesce(c.number, v.name, ''), h.kind, h.effect, h.reason,"
    " u.login, h.placed_at, coalesce(r.login, ''), h.released_at"
)
_FROM = (
    " LEFT JOIN commitments c ON c.id = h.commitment_id LEFT JOIN vendors v ON v.id = h.vendor_id"
    " JOIN users u ON u.id = h.placed_by LEFT JOIN users r ON r.id = h.released_by"
)
_EFFECTS = list(HoldEffect)
# So many invoices are named in a sentence.
NAMED = 3


def _hold(row: Sequence[Any]) -> Hold:
    at = next(at for at in (1, 2, 3) if row[at] is not None)
    scope = list(HoldScope)[at - 1]
    return Hold(row[0], scope, row[at], row[4], HoldKind(row[5]), HoldEffect(row[6]), *row[7:])


class Standing:
    """The open holds, for who asks about many invoices: what there is none of is not looked for."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._scopes = [
            scope
            for scope, (column, _) in COLUMNS.items()
            if db.execute(
                f"SELECT 1 FROM holds WHERE released_at IS NULL AND {column} IS NOT NULL LIMIT 1"
            ).fetchone()
        ]

    def of(self, ids: Sequence[int]) -> dict[int, tuple[Hold, ...]]:
        """The open holds that stand on these invoices (one chunk), their commitments or vendors; what blocks comes first."""
        found: dict[int, list[Hold]] = {}
        for scope in self._scopes if ids else ():
            theirs, ours = COLUMNS[scope]
            rows = self._db.execute(
                f"SELECT i.id, {_SELECT} FROM invoices i JOIN holds h ON h.{theirs} = i.{ours}{_FROM}"
                f" WHERE {among(self._db, 'i.id')} AND h.released_at IS NULL AND h.{theirs} IS NOT NULL ORDER BY h.id",
                (packed(self._db, ids),),
            ).fetchall()
            for number, *row in rows:
                found.setdefault(number, []).append(_hold(row))
        return {
            number: tuple(sorted(own, key=lambda hold: _EFFECTS.index(hold.effect)))
            for number, own in found.items()
        }


def of(db: Database, ids: Sequence[int]) -> dict[int, tuple[Hold, ...]]:
    """The open holds that stand on these invoices (a few hundred), by invoice; what blocks comes first."""
    return Standing(db).of(ids)


def on(db: Database, scope: HoldScope, subjects: Sequence[int]) -> dict[int, tuple[Hold, ...]]:
    """The open holds on these invoices, commitments or vendors themselves (one chunk), by their id."""
    column = COLUMNS[scope][0]
    found: dict[int, tuple[Hold, ...]] = {}
    for row in db.execute(
        f"SELECT {_SELECT} FROM holds h{_FROM} WHERE {among(db, f'h.{column}')} AND h.released_at IS NULL"
        f" AND h.{column} IS NOT NULL ORDER BY h.id",
        (packed(db, subjects),),
    ).fetchall():
        hold = _hold(row)
        found[hold.subject_id] = (*found.get(hold.subject_id, ()), hold)
    return found


def around(db: Database, commitment: int, vendor: int) -> list[Hold]:
    """All holds that ever stood on this commitment or this vendor, by the moment they were placed."""
    rows = db.execute(
        f"SELECT {_SELECT} FROM holds h{_FROM} WHERE h.commitment_id = ? UNION ALL"
        f" SELECT {_SELECT} FROM holds h{_FROM} WHERE h.vendor_id = ?",
        (commitment, vendor),
    ).fetchall()
    return sorted(map(_hold, rows), key=lambda hold: (hold.placed_at, hold.id))


def every(db: Database, *, released: bool = False) -> Iterator[tuple[Hold, str]]:
    """The open holds, with ``released`` all of them, newest first, and the number of the invoice that one is on, or ""."""
    last: int | None = None
    while True:
        rows = db.execute(
            f"SELECT {_SELECT}, coalesce(i.number, '') FROM holds h{_FROM} LEFT JOIN invoices i ON i.id = h.invoice_id"
            f" WHERE {'TRUE' if released else 'h.released_at IS NULL'}{'' if last is None else ' AND h.id < ?'}"
            " ORDER BY h.id DESC LIMIT 1000",
            () if last is None else (last,),
        ).fetchall()
        for *row, number in rows:
            yield _hold(row), number
        if len(rows) < 1000:
            return
        last = int(rows[-1][0])


# -- the flag ----------------------------------------------------------------------------------------------------


def flag(db: Database, scope: HoldScope, subjects: Sequence[int]) -> int:
    """Set the flag of all invoices of these by what is open now, in the deciding transaction; returns how many it concerns.

    Whoever decides on one of them meanwhile finds another version: a hold may change what it does and not the flag.
    """
    return int(
        db.execute(
            f"UPDATE invoices SET held = ({FLAG}), version = version + 1, updated_at = ?"
            f" WHERE {among(db, COLUMNS[scope][1])} AND (erp_status <> '{ErpStatus.SYNCED}' OR held <> ({FLAG}))",
            (db.now(), packed(db, subjects)),
        ).rowcount
    )


def flag_new(db: Database, ids: Sequence[int]) -> None:
    """Flag what has come in with these invoices (one chunk), in the transaction that wrote them, after they are written."""
    standing = db.execute(
        "SELECT 1 FROM holds WHERE released_at IS NULL AND (commitment_id IS NOT NULL OR vendor_id IS NOT NULL) LIMIT 1"
    ).fetchone()
    if standing:
        db.execute(
            f"UPDATE invoices SET held = TRUE WHERE {among(db, 'id')} AND NOT held AND ({FLAG})",
            (packed(db, ids),),
        )


# -- what is said of what goes all the same ------------------------------------------------------------------------


class LetGo:
    """Gathers what goes although it is on hold."""

    def __init__(self) -> None:
        self._found: dict[HoldEffect, tuple[list[str], int]] = {
            HoldEffect.PAY: ([], 0),
            HoldEffect.WARN: ([], 0),
        }

    def add(self, candidates: Sequence[Candidate], held: Mapping[int, tuple[Hold, ...]]) -> None:
        """These go; ``held`` are the holds of their chunk."""
        for c in candidates if held else ():
            if found := held.get(c.id):
                paid = payment_hold(found)
                effect = HoldEffect.PAY if paid else HoldEffect.WARN
                names, count = self._found[effect]
                if count < NAMED:
                    names.append(f"{safe(c.number)} ({safe(paid or found[0].told)})")
                self._found[effect] = names, count + 1

    def told(self) -> tuple[str, ...]:
        """A sentence for each way."""
        words = {
            HoldEffect.PAY: "with the ERP's hold on the payment",
            HoldEffect.WARN: "although on hold, with a warning",
        }
        found = []
        for effect, (names, count) in self._found.items():
            if count:
                more = f" and {count - len(names):,} more" if count > len(names) else ""
                goes = "goes" if count == 1 else "go"
                found.append(f"{count:,} {goes} {words[effect]}: {', '.join(names)}{more}")
        return tuple(found)
