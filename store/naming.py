"""Whoever writes names and numbers does it alone: places and the flag of duplicates follow from all that there are."""

from __future__ import annotations

from store.db import Database

# "paya" plus one: what those that write names wait for each other at, on PostgreSQL.
_LOCK = 0x70617962


def alone(db: Database) -> None:
    """Wait until no other transaction writes names of vendors, or numbers of commitments or invoices.

    Call it first thing in the transaction, before a row is read. SQLite has one writer anyway. Raises StoreError
    when it takes too long.
    """
    if db.postgres:
        db.execute("SELECT pg_advisory_xact_lock(?)", (_LOCK,))
