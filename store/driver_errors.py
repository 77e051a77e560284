"""What the errors of the database's driver mean to a person, and what helps."""

from __future__ import annotations

import sqlite3

import peewee

from store.domain.errors import PayappError, StoreError

# PostgreSQL's SQLSTATE for a statement that was cancelled, by a person or by its own time limit.
CANCELLED = "57014"
# PostgreSQL's SQLSTATE for what the role is not allowed.
_DENIED = "42501"
# PostgreSQL's SQLSTATEs for: lock not available, deadlock detected, serialization failure.
_HELD_UP = frozenset({"55P03", "40P01", "40001"})


def of_driver(error: Exception) -> bool:
    """Whether a driver raised it, sqlite3 or psycopg, or Peewee around one."""
    if isinstance(error, (peewee.PeeweeException, sqlite3.Error)):
        return True
    # psycopg is installed where PostgreSQL is spoken to.
    return type(error).__module__.partition(".")[0] == "psycopg"


def is_cancelled(error: Exception) -> bool:
    """Whether somebody ended the statement."""
    return "interrupted" in str(error).lower() or _state(error) == CANCELLED


def _state(error: Exception) -> str | None:
    found: str | None = getattr(getattr(error, "orig", error), "sqlstate", None)
    return found


def _first_of(error: Exception) -> Exception:
    """The error that ended a transaction.

    SQLite undoes one by itself on some, a full disk among them; that the ROLLBACK after it finds none is an error too.
    """
    while "no transaction is active" in str(error) and isinstance(error.__context__, Exception):
        error = error.__context__
    return error


def explained(error: Exception, url: str) -> PayappError:
    """The sentence for an error of the driver, or of Peewee around it, at the database of that URL."""
    error = _first_of(error)
    if isinstance(error, PayappError):
        return error
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    low = text.lower()
    held_up = _state(error) in _HELD_UP
    if "locked" in low or "busy" in low or held_up:
        return StoreError(
            "The database is locked",
            why="another program is writing to it and did not finish in time",
            fix="Try again in a moment; nothing was changed",
        )
    if _state(error) == _DENIED:
        return StoreError(
            "The database role may not do that",
            why=text,
            fix="An upgrade needs the tables' owner, who then runs payapp role again (docs/postgres.md)",
        )
    if "readonly" in low or "read-only" in low:
        return StoreError(
            "The database is read-only",
            why=text,
            fix="Give your user write access to the file and its folder",
        )
    if "not a database" in low:
        return StoreError(
            f"{url.removeprefix('sqlite:')} is not a payapp database", why=text, fix="Name another file"
        )
    if "unable to open" in low:
        return StoreError("The database cannot be opened", why=text, fix="Check the path and its permissions")
    if "malformed" in low:
        return StoreError(
            "The database is spoilt",
            why=text,
            fix="Stop working on it and restore the last backup (docs/restore.md)",
        )
    if "full" in low and "disk" in low:
        return StoreError("The disk is full", why=text, fix="Free some space; nothing was changed")
    return StoreError(
        "The database did not answer", why=text, fix="Check it with payapp status and try again"
    )
