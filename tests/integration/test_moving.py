"""What a decision writes of many invoices, and what it leaves of the database's settings, on both databases."""

from __future__ import annotations

import pytest
from list_books import Line, write

from store import candidates, moving
from store.db import Database
from store.domain.errors import Changed


def line(n: int) -> Line:
    return Line(
        n, "Bell", "24-101", "Tower", "1", 1, n, f"101-{n:03}", "ready_to_export", None, "USD", 100,
        "2026-10-31", False, "pm",
    )  # fmt: skip


def batches(db: Database) -> list[int]:
    return [
        db.execute(
            "INSERT INTO batches (operator_id, created_at, erp, currency, count, gross, retainage, net, hash_total,"
            " hold_until) VALUES ((SELECT min(id) FROM users), 0, 'sandbox', ?, 0, 0, 0, 0, 0, 0) RETURNING id",
            (currency,),
        ).fetchone()[0]
        for currency in ("USD", "EUR")
    ]


def stored(db: Database) -> list[tuple[int, str, int | None, int]]:
    found = db.execute("SELECT id, erp_status, batch_id, version FROM invoices ORDER BY id").fetchall()
    return [tuple(row) for row in found]


def test_each_invoice_gets_its_own_values_and_one_version_more(db: Database) -> None:
    write(db, [line(n) for n in range(1, 5)])
    with db.transaction():
        usd, eur = batches(db)
        chunk = next(iter(candidates.load(db, [1, 2, 3])))
        given = (("queued", usd), ("synced", eur), ("queued", None))
        moving.write(db, ("erp_status", "batch_id"), list(zip(chunk, given, strict=True)))
    assert stored(db) == [
        (1, "queued", usd, 2), (2, "synced", eur, 2), (3, "queued", None, 2), (4, "ready_to_export", None, 1),
    ]  # fmt: skip


def test_what_has_another_version_by_now_undoes_all(db: Database) -> None:
    write(db, [line(1), line(2)])
    chunk = next(iter(candidates.load(db, [1, 2])))
    db.execute("UPDATE invoices SET version = 7 WHERE id = 2")
    with pytest.raises(Changed), db.transaction():
        usd, _ = batches(db)
        moving.write_all(db, chunk, erp_status="queued", batch_id=usd)
    assert stored(db) == [(1, "ready_to_export", None, 1), (2, "ready_to_export", None, 7)]


def test_the_room_of_a_large_decision_is_given_back(db: Database) -> None:
    if db.postgres:
        with moving.room(db):
            assert db.execute("SELECT 1").fetchone()[0] == 1
        return
    before = db.execute("PRAGMA cache_size").fetchone()[0]
    with pytest.raises(ValueError, match="no"), moving.room(db), db.transaction():
        assert db.execute("PRAGMA cache_size").fetchone()[0] < before
        raise ValueError("no")
    assert db.execute("PRAGMA cache_size").fetchone()[0] == before
