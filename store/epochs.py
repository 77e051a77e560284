"""Where the database was adopted, and whether it is that one still: what was copied or restored sends nothing.

Each row of ``epochs`` names a place, and the newest counts. The first one is written when the database is made; an admin
adds one when it was copied or restored (store/adopting.py), and from then on what was known before is looked for in
the ERP before anything of it is sent.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import weakref
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import peewee

from store import high_water
from store.db import Database
from store.domain.errors import PayappError
from store.domain.text import one_line
from store.pipeline import later

# The place of a copy that is for trying out.
COPY = '{"copy": true}'
_MACHINE = Path("/etc/machine-id")
_UNKNOWN = "unknown"
# PostgreSQL's lock on which epoch is the newest.
_LOCK = 1885434211
_WHAT = "Nothing is sent from this database"
_ADOPT = "Stop every worker of the other one, then an admin of ERP Integrations runs payapp adopt"
# Which part of a place differs, the weightiest first, and what that means.
_DIFFERENT = {
    "engine": "it was moved from one kind of database to another",
    "machine": "it was adopted on another machine",
    "file": "{before} was adopted, and this is {now}, a copy or the same one moved",
    "inode": "another file has taken the place of the one that was adopted, restored or copied back",
    "system": "it was adopted on another PostgreSQL server",
    "database": "another database of this server was adopted, and this is a copy",
    "tables": "its tables were made anew, as they are loaded from a dump",
    "timeline": "a standby was promoted, or the server was restored to an earlier moment",
}
# PostgreSQL connections on which the place was found right, and of which epoch: it changes under none of them without
# ending it, but another process may raise the next epoch.
_right: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()


class Displaced(PayappError):
    """The database is not where it was adopted, or older than what ran here: nothing is sent from it."""

    title = "Not adopted"


# -- where it is -----------------------------------------------------------------------------------------------


def place(db: Database) -> str:
    """Where the database is now, as a row of ``epochs`` keeps it."""
    return json.dumps(_parts(db), sort_keys=True)


def _parts(db: Database) -> dict[str, Any]:
    if not db.postgres:
        found = os.stat(db.pw.database)  # noqa: PTH116 - it stands before every parcel
        file = _real(db.pw.database, found.st_dev, found.st_ino)
        return {"engine": "sqlite", "machine": _machine(), "file": file, "inode": found.st_ino}
    own = db.execute(
        "SELECT (SELECT oid::bigint FROM pg_database WHERE datname = current_database()), 'epochs'::regclass::oid::bigint,"
        " has_function_privilege('pg_control_system()', 'execute'),"
        " has_function_privilege('pg_current_wal_lsn()', 'execute')"
        " AND has_function_privilege('pg_walfile_name(pg_lsn)', 'execute')"
    ).fetchone()
    parts = {
        "engine": "postgresql",
        "database": own[0],
        "tables": own[1],
        "system": _UNKNOWN,
        "timeline": _UNKNOWN,
    }
    if own[2]:
        parts["system"] = str(db.execute("SELECT system_identifier FROM pg_control_system()").fetchone()[0])
    if own[3]:
        parts["timeline"] = db.execute(
            # The control file names a new timeline only after the next checkpoint.
            "SELECT CASE WHEN NOT pg_is_in_recovery()"
            " THEN ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer END"
        ).fetchone()[0]
    return parts


@lru_cache(maxsize=4)
def _real(name: str, _device: int, _inode: int) -> str:
    """The file's real name, as a database can hold it; it is another one only for another file."""
    return os.fsencode(os.path.realpath(name)).decode("utf-8", "backslashreplace")


@cache
def _machine() -> str:
    """This machine, in a way that tells nobody its id; "" where it has none."""
    with contextlib.suppress(OSError):
        if own := _MACHINE.read_text(encoding="ascii", errors="replace").strip():
            return hashlib.sha256(f"payapp {own}".encode()).hexdigest()[:16]
    return ""


# -- whether it is there ---------------------------------------------------------------------------------------


def trouble(db: Database) -> str | None:
    """Why nothing is sent from this database, with the fix; None: it is the one that was adopted."""
    error = _displaced(db)
    return None if error is None else str(error)


def require(db: Database) -> None:
    """Raise Displaced where the database is not the one that was adopted.

    Call it in the transaction that claims or accepts. On PostgreSQL a connection on which it was right is right as
    long as it lives and no other epoch was raised; that is read with what the transaction reads anyway, and raised by
    the end of its pipeline.
    """
    if not db.postgres:
        _require(db)
        return
    newest = db.execute("SELECT max(id) FROM epochs")

    def check() -> None:
        connection, epoch = db.pw.connection(), newest.fetchone()[0]
        if epoch is None or _right.get(connection) != epoch:
            _require(db)
            _right[connection] = epoch

    later(check)


def _require(db: Database) -> None:
    error = _displaced(db)
    if error is not None:
        raise error


def _displaced(db: Database) -> Displaced | None:
    row = db.execute("SELECT place FROM epochs ORDER BY id DESC LIMIT 1").fetchone()
    if row is None:
        return Displaced(_WHAT, why="it was never adopted", fix=_ADOPT)
    if row[0] == COPY:
        return Displaced(
            _WHAT, why="it is a copy for trying out", fix="payapp adopt makes it the one that sends"
        )
    now = _parts(db)
    if now.get("timeline", "") is None:
        return Displaced(_WHAT, why="it is a standby", fix="Name the primary server in database.url")
    if why := _difference(json.loads(row[0]), now):
        return Displaced(_WHAT, why=why, fix=_ADOPT)
    if (mark := high_water.written(db)) is not None and high_water.of(db).behind(mark):
        return Displaced(_WHAT, why="it is older than what ran here, so it was restored", fix=_ADOPT)
    return None


def _difference(before: dict[str, Any], now: dict[str, Any]) -> str:
    """What the first part that differs means; "" when none does."""
    for part, meaning in _DIFFERENT.items():
        if before.get(part) != now.get(part):
            shown = {"before": one_line(str(before.get(part))), "now": one_line(str(now.get(part)))}
            return meaning.format(**shown)
    return ""


# -- epochs ----------------------------------------------------------------------------------------------------


def found(db: Database, *, fresh: bool) -> None:
    """The first epoch of a database that has none: here. ``fresh``: it was made just now, and is older than nothing."""
    if db.execute("SELECT 1 FROM epochs LIMIT 1").fetchone() is not None:
        return
    # Who opens it at the same moment writes the same.
    with contextlib.suppress(peewee.IntegrityError), db.transaction():
        append(db, None, "founded", place(db), after=None if fresh else 0)


def here(db: Database, reason: str) -> None:
    """Another epoch without a look at the ERP: for books of which nothing was ever exported elsewhere."""
    with db.transaction():
        append(db, None, reason, place(db))


def append(db: Database, actor: int | None, reason: str, where: str, *, after: int | None = None) -> int:
    """Write the next epoch, in the transaction under way; returns its id.

    It is greater than that of the mark that is here, which is of another epoch from then on. ``after``: greater than
    this alone.
    """
    if db.postgres:
        db.execute("SELECT pg_advisory_xact_lock(?)", (_LOCK,))
    newest = int(db.execute("SELECT coalesce(max(id), 0) FROM epochs").fetchone()[0])
    if after is None:
        mark = high_water.written(db)
        after = mark.epoch if mark else 0
    epoch = max(newest, after) + 1
    db.execute(
        "INSERT INTO epochs (id, raised_at, raised_by, reason, place) VALUES (?, ?, ?, ?, ?)",
        (epoch, db.now(), actor, reason, where),
    )
    return epoch


def stays(db: Database) -> None:
    """No other epoch is raised until this transaction has ended, so that who adopts sees what it has accepted.

    Call it first. On SQLite there is no other transaction.
    """
    if db.postgres:
        db.execute("SELECT pg_advisory_xact_lock_shared(?)", (_LOCK,))


def looks_first(db: Database) -> int | None:
    """When the last epoch was raised by an admin, in milliseconds UTC; None: never.

    What was known then is looked for in the ERP before it is sent.
    """
    row = db.execute("SELECT max(raised_at) FROM epochs WHERE raised_by IS NOT NULL").fetchone()
    return None if row[0] is None else int(row[0])


def look_first(db: Database, batches: Sequence[int]) -> None:
    """Of what was accepted in these batches, mark what may have been exported before the epoch was raised.

    That is what was known then, and what bills a period that had begun: what the restore lost may come in again, as a
    record made later. In the deciding transaction.
    """
    raised = looks_first(db)
    if raised is None:
        return
    day = datetime.fromtimestamp(raised / 1000, UTC).date().isoformat()
    for batch in batches:
        db.execute(
            "UPDATE export_jobs SET look_first = TRUE WHERE batch_id = ? AND invoice_id IN"
            " (SELECT id FROM invoices WHERE batch_id = ? AND (created_at <= ? OR period_start <= ?))",
            (batch, batch, raised, day),
        )
