"""Every key of the filter language, and its negation, against plain Python over the same invoices, on both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from invoice_factory import make

from store import directory
from store.db import Database
from store.domain.actor import Actor
from store.domain.errors import BadInput
from store.domain.filter import KEYS, BadFilter
from store.domain.selection import Gesture, Matching, Stroke
from store.domain.status import ProjectView
from store.invoices import rows
from store.listing import Order, every_id
from store.matching import DAY_MS
from store.selecting import matched

Record = dict[str, Any]
# The columns that a filter asks about, of invoices with every state and with nothing where nothing may be.
_INVOICES: tuple[Record, ...] = (
    {},
    {"erp_status": "not_sent", "status": "draft", "sent": None, "billing_date": "2026-03-01"},
    {"erp_status": "not_sent", "outcome": "rejected", "sent": 40, "sender": None},
    {"erp_status": "not_sent", "outcome": "retrieved", "status": "under_review", "sent": None},
    {"erp_status": "ready_to_export", "outcome": "rejected", "changed_since": True, "sent": 0.5},
    {"erp_status": "queued", "batch": 1, "accounting_date": "2026-10-31", "sent": 29.9, "held": True},
    {"erp_status": "exporting", "batch": 2, "accounting_date": "2026-11-01", "sent": 30.1, "duplicate": True},
    {"erp_status": "uncertain", "batch": 2, "accounting_date": "2026-09-30", "overbilled": True, "sent": 31.1},
    {"erp_status": "failed_to_export", "batch": 3, "error_code": "cost_code.unknown", "sent": 61.2,
     "error_cause": "Cost code 03-300 is not in the job 100%", "gross": 9_000_000},
    {"erp_status": "synced", "batch": 3, "origin_id": "BILL-7_1", "erp_number": "INV-9", "sent": 365.5},
    {"erp_status": "synced", "batch": 1, "origin_id": "bill-82", "sender": "jlopez", "duplicate": True,
     "period_end": "2026-09-30", "gross": -9_000_000, "net": -8_100_000},
    {"erp_status": "parked", "status": "approved_as_noted", "creator_login": "JLopez", "period_end": "2025-12-31"},
)  # fmt: skip


@pytest.fixture
def books(db: Database) -> list[Record]:
    """The invoices as plain records, oldest first."""
    now = db.now()
    users = dict(db.execute("SELECT login, id FROM users").fetchall())
    for number in (1, 2, 3):
        db.execute(
            "INSERT INTO batches (id, operator_id, created_at, erp, currency, count, gross, retainage, net, hash_total,"
            " hold_until) VALUES (?, ?, 0, 'sandbox', 'USD', 1, 0, 0, 0, 0, 0)",
            (number, users["jlopez"]),
        )
    for n, given in enumerate(_INVOICES):
        vendor = ("Apex Drywall", "Bell Mechanical", "Delta % Steel")[n % 3]
        made = make(
            db, f"{100 + n}-A", vendor=vendor, vendor_ref=vendor, commitment=f"SC-{n % 5}{n % 3}", application=n + 1,
            job=f"24-10{n % 2}",
        )  # fmt: skip
        values: Record = {"sent": 10, "sender": "mgarcia", "gross": 100_000 * n, "net": 90_000 * n, **given}
        sent, sender = values.pop("sent"), values.pop("sender")
        values["sent_at"] = None if sent is None else now - int(sent * DAY_MS)
        values["sender_id"] = None if sender is None or sent is None else users[sender]
        if "batch" in values:
            values["batch_id"] = values.pop("batch")
        columns = ", ".join(f"{name} = ?" for name in values)
        db.execute(f"UPDATE invoices SET {columns} WHERE id = ?", (*values.values(), made))
    db.execute("UPDATE users SET limit_invoice = 5000000 WHERE login = 'jlopez'")
    return list(_records(db))


def _records(db: Database) -> Iterator[Record]:
    cursor = db.execute(
        "SELECT i.*, v.name AS vendor, p.number AS job, p.name AS job_name, c.number AS commitment,"
        " COALESCE(u.login, '') AS sender_login, COALESCE(u.name, '') AS sender_name FROM invoices i"
        " JOIN vendors v ON v.id = i.vendor_id JOIN projects p ON p.id = i.project_id"
        " JOIN commitments c ON c.id = i.commitment_id LEFT JOIN users u ON u.id = i.sender_id ORDER BY i.id"
    )
    names = [column[0] for column in cursor.description]
    for row in cursor.fetchall():
        yield dict(zip(names, row, strict=True))


def _has(*fields: str, text: str) -> Callable[[Record], bool]:
    return lambda r: any(text.lower() in (r[field] or "").lower() for field in fields)


def _days(r: Record) -> int:
    now = datetime.now(UTC)
    if r["sent_at"] is not None:
        return int((now.timestamp() * 1000 - r["sent_at"]) // DAY_MS)
    return (now.date() - date.fromisoformat(r["billing_date"])).days


def _day(r: Record) -> str:
    return r["accounting_date"] or ""


_ALL: tuple[tuple[str, Callable[[Record], bool]], ...] = (
    ("apex", _has("vendor", "job", "job_name", "commitment", "number", text="apex")),
    ("24-101", _has("vendor", "job", "job_name", "commitment", "number", text="24-101")),
    ("SC-3", _has("vendor", "job", "job_name", "commitment", "number", text="SC-3")),
    ("105-a", _has("vendor", "job", "job_name", "commitment", "number", text="105-a")),
    ("0", _has("vendor", "job", "job_name", "commitment", "number", text="0")),
    ("nobody", lambda _: False),
    ('vendor="Apex Drywall"', lambda r: r["vendor"] == "Apex Drywall"),
    ("vendor=Apex", lambda _: False),
    ("job=24-101", lambda r: r["job"] == "24-101"),
    ("commitment=SC-11", lambda r: r["commitment"] == "SC-11"),
    ("commitment=SC-1", lambda _: False),
    ("vendor:BELL", _has("vendor", text="bell")),
    ('vendor:"% s"', _has("vendor", text="% s")),
    ("vendor:nobody", lambda _: False),
    ("job:24-101", _has("job", "job_name", text="24-101")),
    ("job:project", lambda _: True),
    ("commitment:sc-1", _has("commitment", text="sc-1")),
    ("number:inv", _has("number", "erp_number", text="inv")),
    ("number:11", _has("number", "erp_number", text="11")),
    ("period:2026-10", lambda r: r["period_end"].startswith("2026-10")),
    ("period:2026", lambda r: r["period_end"].startswith("2026")),
    ("period:2026-09-30", lambda r: r["period_end"] == "2026-09-30"),
    ("period:2025-12..2026-09", lambda r: "2025-12-01" <= r["period_end"] <= "2026-09-30"),
    ("period<2026", lambda r: r["period_end"] < "2026"),
    ("period>2026-09", lambda r: r["period_end"] > "2026-09-30"),
    ("gross>9000", lambda r: r["gross"] > 900_000),
    ("gross:1k..5k", lambda r: 100_000 <= r["gross"] <= 500_000),
    ("net<=1800", lambda r: r["net"] <= 180_000),
    ("net:..-1", lambda r: r["net"] <= -100),
    ("retainage=100", lambda r: r["retainage"] == 10_000),
    ("age>30", lambda r: _days(r) > 30),
    ("age>=30", lambda r: _days(r) >= 30),
    ("age<30", lambda r: _days(r) < 30),
    ("age<=30", lambda r: _days(r) <= 30),
    ("age:30", lambda r: _days(r) == 30),
    ("age:30..61", lambda r: 30 <= _days(r) <= 61),
    ("age:..0", lambda r: _days(r) <= 0),
    ("age:365..", lambda r: _days(r) >= 365),
    ("age>999999", lambda _: False),
    ("age>-999999", lambda _: True),
    ("acct:2026-10", lambda r: _day(r).startswith("2026-10")),
    ("acct:2026-10-31..2026-11-01", lambda r: _day(r) in {"2026-10-31", "2026-11-01"}),
    ("acct:none", lambda r: r["accounting_date"] is None),
    ("acct<2026-10", lambda r: bool(_day(r)) and _day(r) < "2026-10"),
    ("acct>2026-10", lambda r: _day(r) > "2026-10-31"),
    ("batch:3", lambda r: r["batch_id"] == 3),
    ("batch:1..2", lambda r: r["batch_id"] in {1, 2}),
    ("batch<2", lambda r: r["batch_id"] == 1),
    ("ref:bill", _has("origin_id", text="bill")),
    ("ref:7_", _has("origin_id", text="7_")),
    ("error:COST_CODE.", _has("error_code", "error_cause", text="cost_code.")),
    ("error:100%", _has("error_code", "error_cause", text="100%")),
    ("sent-by:mgar", _has("sender_login", "sender_name", text="mgar")),
    ('sent-by:"juan lopez"', _has("sender_login", "sender_name", text="juan lopez")),
    ("sent-by:nobody", lambda _: False),
    ("sent-by:a", _has("sender_login", "sender_name", text="a")),
    ("status:ready", lambda r: r["erp_status"] == "ready_to_export"),
    ("status:failed", lambda r: r["erp_status"] == "failed_to_export"),
    ("status:not-sent", lambda r: r["erp_status"] == "not_sent"),
    ("status:rejected", lambda r: (r["erp_status"], r["outcome"]) == ("not_sent", "rejected")),
    ("status:retrieved", lambda r: (r["erp_status"], r["outcome"]) == ("not_sent", "retrieved")),
    ("status:approved", lambda r: r["status"] == "approved"),
    ("status:under-review", lambda r: r["status"] == "under_review"),
    ("flag:D", lambda r: "D" in r["flags"]),
    ("flag:HO", lambda r: bool({"H", "O"} & set(r["flags"]))),
    ("flag:c", lambda r: "C" in r["flags"]),
    ("flag:S", lambda r: "S" in r["flags"]),
    ("flag:LC", lambda r: bool({"L", "C"} & set(r["flags"]))),
    ("flag:any", lambda r: bool(r["flags"])),
    ("flag:none", lambda r: not r["flags"]),
)  # fmt: skip


def test_every_key_is_looked_at() -> None:
    keys = {
        query.replace(">", ":").replace("<", ":").replace("=", ":").partition(":")[0] for query, _ in _ALL
    }
    assert set(KEYS) <= keys


def test_every_key_and_its_negation_find_what_plain_python_finds(db: Database, books: list[Record]) -> None:
    me = directory.actor(db, "jlopez")
    shown = {row.id: row.flags for row in rows(db, [r["id"] for r in books], me)}
    assert set("".join(shown.values())) == set("DHOCSL")
    for r in books:
        r["flags"] = shown[r["id"]]
    for query, wanted in _ALL:
        expected = {r["number"] for r in books if wanted(r)}
        assert _found(db, query, me) == expected, query
        assert _found(db, f"-{query}", me) == {r["number"] for r in books} - expected, f"-{query}"


def test_what_a_filter_takes_away_reaches_those_without_a_value(db: Database, books: list[Record]) -> None:
    """Strokes negate conditions themselves; a NULL in one would lose invoices from both sides."""
    me = directory.actor(db, "jlopez")
    for query, _ in _ALL:
        taken = Matching(ProjectView.ALL, (Stroke(Gesture.MARK, me=me), Stroke(Gesture.UNMARK, query, me=me)))
        assert len(matched(db, taken)) == len(books) - len(_found(db, query, me)), query


def test_terms_are_all_asked_for_at_once(db: Database, books: list[Record]) -> None:
    assert _found(db, "apex -status:synced batch:1..3") == {"106-A"}
    assert _found(db, "  ") == {r["number"] for r in books}


@pytest.mark.parametrize("query", ["flag:S", "flag:DL", "flag:any", "-flag:none"])
def test_flags_of_a_user_need_a_user(db: Database, books: list[Record], query: str) -> None:
    with pytest.raises(BadInput, match="depends on who asks"):
        _found(db, query)


def test_without_a_limit_nothing_is_over_it(db: Database, books: list[Record]) -> None:
    me = replace(directory.actor(db, "jlopez"), limit_invoice=None)
    assert _found(db, "flag:L", me) == set()
    assert len(_found(db, "-flag:L", me)) == len(books)


def test_as_many_words_and_characters_as_are_allowed_are_answered(db: Database, books: list[Record]) -> None:
    assert _found(db, "-status:ready " * 50) == {
        r["number"] for r in books if r["erp_status"] != "ready_to_export"
    }
    assert _found(db, "x" * 400 + " " + "-" + "y" * 400) == set()
    with pytest.raises(BadFilter):
        _found(db, "x " * 51)


def test_more_names_than_are_listed_by_id_are_found_too(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.matching.IDS_MOST", 1)
    for n in range(3):
        make(db, f"A-{n}", vendor=f"Apex {n}", vendor_ref=f"V{n}", commitment=f"SC-{n}", job=f"J{n}")
    for query in ("vendor:apex", "job:project", "commitment:sc", "apex"):
        assert len(_found(db, query)) == 3, query
        assert _found(db, f"-{query}") == set(), query


def _found(db: Database, query: str, me: Actor | None = None) -> set[str]:
    ids = every_id(db, Order(ProjectView.ALL, query, me=me))
    return {row.number for row in rows(db, ids)}
