"""Reading ends with the right to it: every read of the store looks the user up again, whoever he was when he came."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from invoice_factory import make

from store import (
    activity,
    activity_whole,
    contracts,
    directory,
    finding,
    mapping_list,
    people,
    receipts,
    reports,
    resolving,
    saved_views,
    signing,
    tracing,
)
from store.db import Database
from store.domain.actor import Actor
from store.domain.errors import NotPermitted
from store.domain.happening import Kind, Wanted
from store.domain.status import View
from store.invoices import SortBy

Read = Callable[[Database, Actor], Any]
# Of ERP Integrations, of Commitments, of either; the last are everybody's own.
ERP: dict[str, Read] = {
    "activity": lambda db, me: activity.page(db, me, Wanted(), 10),
    "entry": lambda db, me: activity_whole.whole(db, me, Kind.AUDIT, 1),
    "mappings": mapping_list.rows,
    "sign-off": signing.listed,
    "receipts": lambda db, me: list(receipts.awaited(db, me, "sandbox")),
    "overview": reports.waiting,
    "aging": reports.aging,
}
PROJECT: dict[str, Read] = {
    "commitments": contracts.contracts,
    "projects": contracts.by_project,
}
EITHER: dict[str, Read] = {
    "finding": lambda db, me: finding.find(db, me, "101-001"),
    "where": lambda db, me: tracing.find(db, me, "101-001"),
}
OWN: dict[str, Read] = {
    "directory": people.people,
    "saved views": saved_views.views,
    "save a view": lambda db, me: saved_views.save(
        db, me, "mine", View.READY, "", SortBy.VENDOR, descending=False, replace=True
    ),
}


@pytest.fixture
def stage(sqlite_db: Database) -> Database:
    make(sqlite_db, "101-001")
    return sqlite_db


def test_who_may_not_see_a_tool_any_more_reads_nothing_of_it(stage: Database, admin: Actor) -> None:
    def refused(reads: dict[str, Read]) -> set[str]:
        found = set()
        for name, read in reads.items():
            try:
                read(stage, admin)
            except NotPermitted:
                found.add(name)
        return found

    every = ERP | PROJECT | EITHER | OWN
    assert refused(every) == set()
    stage.execute("UPDATE users SET erp_level = 'none' WHERE login = 'admin'")
    assert refused(every) == {*ERP}
    stage.execute(
        "UPDATE users SET erp_level = 'read_only', commitments_level = 'none' WHERE login = 'admin'"
    )
    assert refused(every) == {*PROJECT}
    stage.execute("UPDATE users SET erp_level = 'none' WHERE login = 'admin'")
    assert refused(every) == {*ERP, *PROJECT, *EITHER}
    stage.execute("UPDATE users SET active = ? WHERE login = 'admin'", (False,))
    assert refused(every) == {*every}


def test_what_may_be_settled_by_hand_is_told_to_who_is_an_approver_now(
    stage: Database, approver: Actor
) -> None:
    stage.execute("UPDATE users SET can_push = ? WHERE login = 'jlopez'", (False,))
    with pytest.raises(NotPermitted, match="Can Push to Accounting is missing"):
        resolving.of_invoice(stage, approver, 1)
    assert directory.actor(stage, "jlopez").sees_erp
