"""A disk that is full while very much is decided: nothing of it was done, it is said, and what follows is checked again."""

from __future__ import annotations

import pytest
from invoice_factory import make, state

from erp import profiles
from store import review, verifying
from store.db import Database
from store.domain.actor import Actor
from store.domain.errors import StoreError
from store.domain.selection import every
from store.domain.status import View


def test_a_full_disk_undoes_an_export_and_says_so(sqlite_db: Database, approver: Actor) -> None:
    for number in range(1, 13):
        make(sqlite_db, f"{number}", commitment=f"SC-{number}")
    head = verifying.head(sqlite_db)
    pages = sqlite_db.execute("PRAGMA page_count").fetchone()[0]
    sqlite_db.execute(f"PRAGMA max_page_count = {pages + 1}")
    with pytest.raises(StoreError, match="The disk is full"):
        review.accept(sqlite_db, approver, every(View.READY), profiles.load("sandbox"))
    sqlite_db.execute(f"PRAGMA max_page_count = {pages * 100}")
    assert {state(sqlite_db, number) for number in range(1, 13)} == {"ready_to_export"}
    assert verifying.head(sqlite_db) == head
    assert sqlite_db.execute("PRAGMA foreign_keys").fetchone()[0] == 1
    assert len(review.accept(sqlite_db, approver, every(View.READY), profiles.load("sandbox")).done) == 12
    assert sqlite_db.execute("PRAGMA foreign_key_check").fetchall() == []
