"""Whether the database can be written, and whether it is whole: what SQLite's file, references and phases say of it."""

from __future__ import annotations

import contextlib

from store.db import Database
from store.domain.errors import StoreError

_PHASE = "CASE WHEN erp_status IN ('queued', 'uncertain', 'parked') THEN 'exporting' ELSE erp_status END"


class _Undone(Exception):
    """Nothing is kept of what was tried."""


def try_writing(db: Database) -> None:
    """Write something and undo it. Raises StoreError where that cannot be: read-only, a full disk, a standby, the role."""
    with contextlib.suppress(_Undone), db.transaction():
        db.execute("UPDATE company SET name = name")
        raise _Undone


def require_whole(db: Database) -> None:
    """Raise StoreError where the database is spoilt. PostgreSQL looks after all of that itself.

    It reads all of the file: some seconds for a million invoices.
    """
    if db.postgres:
        return
    # An index or a table that cannot be read ends the look itself, with the same sentence.
    found = str(db.execute("PRAGMA quick_check = 1").fetchone()[0])
    if found != "ok":
        raise _spoilt(found.splitlines()[-1])
    if (row := db.execute("PRAGMA foreign_key_check").fetchone()) is not None:
        raise _spoilt(f"a row of {row[0]} refers to one of {row[2]} that is not there")
    sql = f"SELECT min(id) FROM invoices WHERE phase <> {_PHASE} OR sent <> (erp_status <> 'not_sent')"
    if (number := db.execute(sql).fetchone()[0]) is not None:
        raise StoreError(
            f"Invoice #{number} is listed in another view than its status says",
            why="its row was changed by hand",
            fix="UPDATE invoices SET erp_status = erp_status puts it right",
        )


def _spoilt(why: str) -> StoreError:
    return StoreError(
        "The database is spoilt",
        why=why,
        fix="Stop working on it and restore the last backup (docs/restore.md)",
    )
