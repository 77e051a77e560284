"""Indexes that wait until a fresh database is filled: one that is made of sorted rows costs a part of what its inserts do."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from store.db import Database

_TABLES = ("invoices", "audit_rows")
# What filling itself looks up: numbers and applications (unique), and the amounts of a vendor.
_NEEDED = frozenset({"invoices_amount"})


@contextlib.contextmanager
def late(db: Database) -> Iterator[None]:
    """Within the block these tables have none of the indexes that only readers need; they are made at its end.

    Call it in the transaction that fills a database that nobody reads yet: it locks whole tables.
    """
    waiting = _indexes(db)
    for name, _ in waiting:
        db.execute(f"DROP INDEX {name}")
    yield
    for _, sql in waiting:
        db.execute(sql)


def _indexes(db: Database) -> list[tuple[str, str]]:
    """Name and SQL of each."""
    tables = ", ".join(f"'{table}'" for table in _TABLES)
    if db.postgres:
        sql = f"SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename IN ({tables})"
    else:
        sql = f"SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ({tables})"
    found = db.execute(f"{sql} ORDER BY 1").fetchall()
    return [(name, text) for name, text in found if "UNIQUE" not in text.upper() and name not in _NEEDED]
