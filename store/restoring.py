"""Restoring a backup into an empty database. It is at another place then: nothing is sent from it until it is adopted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from store import backup, verifying
from store.backup import Manifest, Table
from store.db import Database
from store.domain.errors import BadInput, StoreError


def restore(db: Database, path: Path, told: Callable[[str], None] = lambda _table: None) -> Manifest:
    """Fill a fresh database with a backup, all of it or nothing, and verify its audit trail against the backup's head.

    ``told`` hears each table's name before it is filled. Raises BadInput for what is no backup, spoilt, of another
    schema, or where the database has a company already.
    """
    manifest = backup.read(path)
    models = backup.models_by_table()
    with db.transaction():
        schema = int(db.execute("SELECT version FROM schema_version").fetchone()[0])
        if schema != manifest.schema or [table.name for table in manifest.tables] != list(models):
            raise BadInput(
                f"{path} cannot be restored by this payapp",
                why=f"its schema is {manifest.schema}, this program's is {schema}",
                fix="Restore it with the payapp that made it, and update that one",
            )
        for table in manifest.tables:
            if table.columns != tuple(backup.columns(table.name)):
                raise BadInput(
                    f"{path} is not a backup of payapp",
                    why=f"{table.name} has other columns",
                    fix="Name a file that payapp backup wrote",
                )
        if db.execute("SELECT 1 FROM company").fetchone():
            raise BadInput("The database has a company already", fix="Name an empty one in the settings")
        if not db.postgres:
            # References are looked at when all is there.
            db.execute("PRAGMA defer_foreign_keys = ON")
        for name in ("audit_head", "epochs"):
            db.execute(f"DELETE FROM {name}")
        before = ""
        for table, rows in backup.rows(path, manifest):
            if table.name != before:
                told(table.name)
                before = table.name
            _fill(db, table, rows)
        _count_on(db, manifest)
        found = verifying.verify(db)
        if found.fault_count or found.head.text != manifest.head:
            cause = found.faults[0].cause if found.faults else "its head is not the one of the manifest"
            raise BadInput(
                f"The audit trail of {path} is not as it was written",
                why=cause,
                fix="payapp audit verify tells more in the database it was made from; restore another backup",
            )
    return manifest


def is_empty(db: Database) -> bool:
    """Whether nobody has filled the database, and nobody is about to."""
    try:
        with db.transaction():
            return db.execute("SELECT 1 FROM company").fetchone() is None
    except StoreError:
        return False


def _fill(db: Database, table: Table, rows: Sequence[Sequence[Any]]) -> None:
    if not rows:
        return
    columns = ", ".join(table.columns)
    if db.postgres:
        with db.translated(), db.pw.cursor().copy(f"COPY {table.name} ({columns}) FROM STDIN") as out:
            for row in rows:
                out.write_row(row)
    else:
        marks = ", ".join("?" * len(table.columns))
        db.executemany(f"INSERT INTO {table.name} ({columns}) VALUES ({marks})", rows)


def _count_on(db: Database, manifest: Manifest) -> None:
    """New rows get numbers behind those of the backup. SQLite sees to that itself."""
    if not db.postgres:
        return
    for table in manifest.tables:
        if "id" not in table.columns or not table.rows:
            continue
        own = db.execute("SELECT pg_get_serial_sequence(?, 'id')", (table.name,)).fetchone()[0]
        # Others have ids that somebody gives them.
        if own is not None:
            db.execute(f"SELECT setval(?, (SELECT max(id) FROM {table.name}))", (own,))
