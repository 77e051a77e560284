"""A large demo has all its indexes at the end, and the same books as without the haste."""

import pytest

from store import demo, directory
from store.db import Database
from store.late_indexes import late


def indexes(db: Database) -> list[tuple[str, ...]]:
    """All there are, as they were made."""
    if db.postgres:
        sql = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
    else:
        sql = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY 1"
    return [tuple(row) for row in db.execute(sql).fetchall()]


def test_what_waited_is_there_again(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    before = indexes(db)
    monkeypatch.setattr(demo, "_LATE", 100)
    demo.seed(db, directory.actor(db, "admin"), 150)
    assert indexes(db) == before
    assert db.execute("SELECT count(*) FROM invoices").fetchone()[0] == 150
    placed = db.execute("SELECT count(*) FROM invoices WHERE place > 0 AND phase = 'not_sent'").fetchone()[0]
    assert placed == 150


def test_a_filling_that_fails_leaves_them_as_they_were(db: Database) -> None:
    before = indexes(db)
    with pytest.raises(ZeroDivisionError), db.transaction(), late(db):
        assert len(indexes(db)) < len(before)
        raise ZeroDivisionError
    assert indexes(db) == before
