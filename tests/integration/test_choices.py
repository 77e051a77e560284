"""What completes a filter, from books with hostile names; what is inserted finds what it was made of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from invoice_factory import HOSTILE, make

from store import invoices
from store.choices import MOST, choices, harmless
from store.db import Database
from store.domain.completing import Choice, complete_at
from store.domain.filter import parse
from store.domain.status import ProjectView
from store.domain.text import fold, safe
from store.listing import Order, every_id

NAMES = ("Apex Drywall LLC", "Big Apex", 'Say "Hi" \\ Co', "-minus", "net>5", "%_", "Bäckerei  ÖZ", "ｗｉｄｅ", HOSTILE,
         "e\u0301" * 70, "ᄒ" + "ᅡᆫ" * 40, "a\x1bbc\u202ede f\x00"[:-1])  # fmt: skip


def offered(db: Database, text: str) -> list[Choice]:
    """What Tab offers at the end of the text."""
    at = complete_at(text, len(text))
    return [] if at is None else choices(db, at)


def completed(db: Database, text: str) -> list[str]:
    """The text as each choice makes it."""
    at = complete_at(text, len(text))
    return [] if at is None else [text[: at.start] + choice.insert for choice in choices(db, at)]


def test_every_vendor_that_is_offered_is_found_by_what_is_inserted(db: Database) -> None:
    for n, name in enumerate(NAMES):
        make(db, f"A-{n}", vendor=name, vendor_ref=f"V{n}", commitment=f"SC-{n}")
    seen = set()
    for name in NAMES:
        typed = harmless(name)[:4]
        for text, choice in zip(
            completed(db, f'vendor:"{typed}'), offered(db, f'vendor:"{typed}'), strict=True
        ):
            assert safe(text) == text and safe(choice.shown) == choice.shown
            (term,) = parse(text)
            assert term.key == "vendor"
            ids = every_id(db, Order(ProjectView.ALL, text))
            found = {row.vendor for row in invoices.rows(db, ids)}
            assert found, text
            seen |= found
    assert seen == set(NAMES)


def test_names_that_begin_with_it_come_first_and_at_most_a_few(db: Database) -> None:
    for n in range(20):
        make(db, f"A-{n}", vendor=f"A{n:02} Steel", vendor_ref=f"V{n}", commitment=f"SC-{n}", job=f"J-{n:02}")
    make(db, "S", vendor="Steel First", vendor_ref="S", commitment="SC-S")
    found = completed(db, "vendor:steel")
    assert len(found) == MOST
    assert found[0] == 'vendor:"Steel First"'
    assert completed(db, "st") == ["status:"]
    assert completed(db, "-steel fi") == ['-steel "Steel First"']
    assert completed(db, '-"steel f') == ['-"Steel First"']
    assert completed(db, "job:j-1")[:2] == ["job:J-10", "job:J-11"]
    assert offered(db, "job:j-1")[0].shown == "J-10 Project J-10"
    assert completed(db, 'job:"project j-19') == ["job:J-19"]
    assert completed(db, "commitment:sc-1")[0] == "commitment:SC-1"


def test_periods_batches_senders_and_errors(db: Database) -> None:
    failed = make(db, "A-1", erp_status="failed_to_export")
    db.execute("UPDATE invoices SET error_code = 'cost_code.unknown' WHERE id = ?", (failed,))
    project = db.execute("SELECT id FROM projects").fetchone()[0]
    me = db.execute("SELECT id FROM users WHERE login = 'jlopez'").fetchone()[0]
    for n in (9, 10):
        db.execute(
            "INSERT INTO billing_periods (project_id, source_id, start_date, end_date) VALUES (?, ?, ?, ?)",
            (project, f"b{n}", f"2026-{n:02}-01", f"2026-{n:02}-30"),
        )
        db.execute(
            "INSERT INTO batches (id, operator_id, created_at, erp, currency, count, gross, retainage, net, hash_total,"
            " hold_until) VALUES (?, ?, 0, 'sandbox', 'USD', 1, 0, 0, 0, 0, 0)",
            (n, me),
        )
    assert completed(db, "period:") == ["period:2026-10", "period:2026-09"]
    assert completed(db, "period:2026-09..2026-1") == ["period:2026-09..2026-10"]
    assert completed(db, "acct:") == ["acct:none", "acct:2026-10", "acct:2026-09"]
    assert completed(db, "batch:") == ["batch:10", "batch:9"]
    assert completed(db, "batch:9..1") == ["batch:9..10"]
    assert completed(db, "sent-by:mar") == ["sent-by:mgarcia"]
    assert completed(db, "error:cost") == ["error:cost_code.unknown"]
    assert completed(db, "status:fa") == ["status:failed"]
    assert completed(db, "net>1") == completed(db, "ref:x") == completed(db, "number:A") == []


@pytest.mark.parametrize("typed", ["%", "_", "\\", "\x00", "\ud800", "x" * 3000, "'", "Ⅸ"])
def test_whatever_is_typed_is_answered(db: Database, typed: str) -> None:
    make(db, "A-1")
    for key in ("", "vendor:", "job:", "commitment:", "sent-by:", "period:", "acct:", "batch:", "error:"):
        assert completed(db, key + typed) == [], key
        assert completed(db, f'{key}"{typed}') == [], key


@given(st.text(max_size=80))
def test_the_harmless_part_of_a_name_finds_it(name: str) -> None:
    part = harmless(name)
    assert safe(part) == part and part == part.strip()
    assert fold(part) in fold(name)
