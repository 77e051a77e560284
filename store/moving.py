"""Writing invoices in a decision: each one only as it was when the decision was made."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from store import phases
from store.candidates import Candidate
from store.db import Database
from store.domain.errors import Changed
from store.domain.status import ErpStatus
from store.packed import among, packed

# Columns that refer to another table. On SQLite a statement that sets one keeps a copy of every page it touches, those
# of all indexes too, which doubles its time; alone they touch few.
_REFERRING = ("batch_id", "sender_id")
# SQLite's page cache while very many are decided, in KiB: pages that do not fit are written twice and more.
_ROOM = 32_000


@contextlib.contextmanager
def room(db: Database) -> Iterator[None]:
    """For the transaction in it a larger page cache on SQLite; what is not needed takes no memory.

    Nor does its commit copy the log into the database, which takes as long as the commit itself and more: the next one
    does, which is the worker's as a rule. References are not checked: what is written in it refers to rows that the
    transaction itself has read or written, and nobody else writes any.
    """
    if db.postgres:
        yield
        return
    given = {"cache_size": -_ROOM, "wal_autocheckpoint": 0, "foreign_keys": 0}
    before = {name: db.execute(f"PRAGMA {name}").fetchone()[0] for name in given}
    try:
        for name, value in given.items():
            db.execute(f"PRAGMA {name} = {value}")
        yield
    finally:
        for name, value in before.items():
            db.execute(f"PRAGMA {name} = {value}")


def unchecked(db: Database) -> bool:
    """Whether SQLite checks no references now, and so keeps no copies of the pages that a statement touches."""
    return not db.postgres and not db.execute("PRAGMA foreign_keys").fetchone()[0]


def write(db: Database, columns: Sequence[str], rows: Sequence[tuple[Candidate, Sequence[Any]]]) -> None:
    """Set the columns of each invoice to its values, and raise its version by one.

    On PostgreSQL another decision may commit between this one's look and its write. Such an invoice has another
    version by then: Changed is raised, and the whole decision is undone.
    """
    if not rows:
        return
    now = db.now()
    apart = [] if db.postgres else [at for at, name in enumerate(columns) if name in _REFERRING]
    together = [at for at in range(len(columns)) if at not in apart]
    beside = _beside(db, columns, rows)
    assignments = "".join(f"{name} = ?, " for name in (*(columns[at] for at in together), *beside))
    touched = db.executemany(
        f"UPDATE invoices SET {assignments}version = version + 1, updated_at = ? WHERE id = ? AND version = ?",
        [
            (*[values[at] for at in together], *beside.values(), now, candidate.id, candidate.version)
            for candidate, values in rows
        ],
    )
    if touched != len(rows):
        raise _others()
    for at in apart:
        _set(db, columns[at], [(candidate.id, values[at]) for candidate, values in rows])


def _beside(
    db: Database, columns: Sequence[str], rows: Sequence[tuple[Candidate, Sequence[Any]]]
) -> dict[str, str | int]:
    """What goes with the status that these rows set, where they all set the same."""
    if "erp_status" not in columns:
        return {}
    at = columns.index("erp_status")
    targets = {values[at] for _, values in rows}
    if len(targets) > 1:
        return {}
    return phases.moved(db, ErpStatus(targets.pop()), {candidate.erp_status for candidate, _ in rows})


def _set(db: Database, column: str, rows: Sequence[tuple[int, Any]]) -> None:
    """Set the column of invoices that were just written; few values, of many invoices each."""
    ids: dict[Any, list[int]] = {}
    for number, value in rows:
        ids.setdefault(value, []).append(number)
    for value, these in ids.items():
        db.execute(f"UPDATE invoices SET {column} = ? WHERE {among(db, 'id')}", (value, packed(db, these)))


def write_same(
    db: Database, versions: Mapping[int, int], values: Mapping[str, Any], setting: str, *, batch_id: int
) -> None:
    """Set the columns of all these invoices (versions by id) to the same values, in one statement; raises as write().

    ``setting`` is one more, as SQL.
    """
    now = db.now()
    sets = "".join(f"{name} = ?, " for name in values)
    update = f"invoices SET {sets}{setting}, version = version + 1, updated_at = ?"
    if db.postgres:
        touched = db.execute(
            f"UPDATE {update}, batch_id = ? FROM unnest(?::bigint[], ?::bigint[]) AS own (own_id, seen)"
            " WHERE id = own.own_id AND version = own.seen",
            (*values.values(), now, batch_id, list(versions), list(versions.values())),
        ).rowcount
    else:
        together = unchecked(db)
        # FAIL: what it did before an error is undone with the transaction, and no page is kept aside for that.
        touched = db.execute(
            f"UPDATE OR FAIL {update}{', batch_id = ?' if together else ''} FROM json_each(?) AS own"
            " WHERE invoices.id = CAST(own.key AS INTEGER) AND version = own.value",
            (
                *values.values(),
                now,
                *((batch_id,) if together else ()),
                json.dumps(versions, separators=(",", ":")),
            ),
        ).rowcount
        if not together:
            _set(db, "batch_id", [(number, batch_id) for number in versions])
    if touched != len(versions):
        raise _others()


def _others() -> Changed:
    return Changed(
        "Others decided on some of these invoices at the same moment",
        why="nothing was changed by you",
        fix="Look at the list again ({list.refresh}) and decide again",
    )


def write_all(db: Database, going: Sequence[Candidate], **values: Any) -> None:
    """As write, with the same values for all of them."""
    write(db, tuple(values), [(candidate, tuple(values.values())) for candidate in going])
