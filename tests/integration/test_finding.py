"""Finding any invoice: by every name that it has, wherever it stands, for whoever may see it."""

from __future__ import annotations

import pytest
from invoice_factory import HOSTILE, make

from store import directory, finding
from store.db import Database
from store.directory import UserValues
from store.domain.actor import Actor
from store.domain.errors import NotPermitted
from store.domain.status import ProjectView, View


def numbers(db: Database, who: Actor, text: str) -> list[str]:
    return [found.number for found in finding.find(db, who, text)]


@pytest.fixture
def ids(db: Database) -> dict[str, int]:
    made = {
        "101-007": make(db, "101-007"),
        "101-008": make(db, "101-008", application=2, erp_status="synced"),
        "X-1": make(
            db, "X-1", commitment="SC-2", vendor="Bell Mechanical", vendor_ref="BELL", erp_status="not_sent"
        ),
        "Ä[/]": make(
            db, "Ä[/]", commitment="SC-3", vendor=HOSTILE, vendor_ref="H", erp_status="failed_to_export"
        ),
    }
    db.execute("UPDATE invoices SET origin_id = 'BILL-77', erp_number = 'DELTA-7' WHERE number = '101-008'")
    db.execute("UPDATE invoices SET outcome = 'rejected', outcome_at = 5 WHERE number = 'X-1'")
    return made


def test_by_each_name_that_it_has(db: Database, approver: Actor, ids: dict[str, int]) -> None:
    assert numbers(db, approver, "101-007") == ["101-007"]
    assert numbers(db, approver, "101-") == ["101-008", "101-007"]
    assert numbers(db, approver, "x-1") == ["X-1"]
    assert numbers(db, approver, "bill-77") == numbers(db, approver, "delta-7") == ["101-008"]
    assert numbers(db, approver, f"#{ids['X-1']}") == numbers(db, approver, str(ids["X-1"])) == ["X-1"]
    uuid = db.execute("SELECT uuid FROM invoices WHERE number = 'X-1'").fetchone()[0]
    assert numbers(db, approver, uuid.upper()) == ["X-1"]
    assert numbers(db, approver, "mechan") == ["X-1"]
    assert numbers(db, approver, "[/]") == ["Ä[/]"]
    assert set(numbers(db, approver, "900.00")) == set(ids)
    assert set(numbers(db, approver, "1,000.00")) == set(ids)


@pytest.mark.parametrize(
    "text", ["", " ", "nothing like it", "#99999999999999999999", "#x", "\x00", "%", "_", "1e9", "-1.00"]
)
def test_what_names_none(db: Database, approver: Actor, ids: dict[str, int], text: str) -> None:
    assert numbers(db, approver, text) == []


def test_where_each_stands(db: Database, approver: Actor, ids: dict[str, int]) -> None:
    by_number = {name: finding.find(db, approver, name)[0] for name in ids}
    assert [by_number[n].view for n in ("101-007", "101-008", "X-1", "Ä[/]")] == [
        View.READY, View.SYNCED, None, View.FAILED,
    ]  # fmt: skip
    assert by_number["X-1"].project_view is ProjectView.RETURNED and by_number["X-1"].since == 5
    assert by_number["101-008"].origin_id == "BILL-77"


def test_no_more_than_asked_for(db: Database, approver: Actor, ids: dict[str, int]) -> None:
    assert len(finding.find(db, approver, "1,000.00", 2)) == 2


def test_who_sees_one_tool_finds_and_who_sees_none_does_not(
    db: Database, admin: Actor, ids: dict[str, int]
) -> None:
    assert numbers(db, directory.actor(db, "viewer"), "X-1") == ["X-1"]
    directory.put_user(db, admin, UserValues("nobody", "Nobody"))
    with pytest.raises(NotPermitted):
        finding.find(db, directory.actor(db, "nobody"), "X-1")
