"""A database of the first release, with data of every shape, comes up to date whole."""

from __future__ import annotations

import random
from unittest.mock import patch

import pytest
from invoice_factory import HOSTILE

from store import alike, directory, listing, owning, places, view_totals
from store import db as database
from store.domain.actor import Actor
from store.domain.status import View
from store.listing import Order

VENDORS = ("b", "A", "É", "東京", HOSTILE)

# Pairs of one vendor.
NUMBERS = {30: "a-1", 35: "A-1", 40: "ÉT-1", 45: "ét-1", 50: "STRASSE", 55: "straße", 80: "R-007", 85: "r 7"}
# Of one vendor too, with the same amount.
AMOUNTS = {60: 9_000, 65: 9_000}
PAIRS = {*NUMBERS, *AMOUNTS}


def first_release(url: str) -> None:
    steps = database._steps()
    with patch.object(database, "_steps", lambda: steps[:1]):
        made = database.create(url)
    chance = random.Random(7)
    # Nothing that a page of an index could compress.
    long = "".join(chr(chance.randrange(0x4E00, 0x9FFF)) for _ in range(4000))
    with made.transaction():
        made.execute("INSERT INTO company (id, name, currency, erp) VALUES (1, 'A', 'USD', 'sandbox')")
        made.execute("INSERT INTO users (id, login, name) VALUES (1, 'jörg', 'J')")
        made.execute("INSERT INTO projects (id, source_id, number, name) VALUES (1, '1', '24', 't')")
        made.executemany(
            "INSERT INTO vendors (id, source_id, name) VALUES (?, ?, ?)",
            [(n, str(n), name) for n, name in enumerate(VENDORS, 1)],
        )
        made.executemany(
            "INSERT INTO commitments (id, source_id, project_id, vendor_id, number, title, kind, currency)"
            " VALUES (?, ?, 1, ?, ?, '', 'subcontract', 'USD')",
            [(n, str(n), n % len(VENDORS) + 1, f"SC-{n}") for n in range(1, 31)],
        )
        creators = ("pm@x.example", "JÖRG", long, "x" + long, "a" * 5000)
        made.executemany(
            "INSERT INTO invoices (id, uuid, source, source_id, commitment_id, project_id, vendor_id, application,"
            " number, period_start, period_end, billing_date, status, erp_status, currency, gross, retainage, net,"
            " completed, retainage_to_date, creator_login, creator_email, origin_id, erp_number, created_at,"
            " updated_at) VALUES (?, ?, 't', ?, ?, 1, ?, ?, ?, '2026-10-01', '2026-10-31', '2026-10-31', 'approved',"
            " 'ready_to_export', 'USD', ?, 0, 1, 0, 0, ?, ?, ?, ?, 0, 0)",
            [
                (
                    n, str(n), str(n), n % 30 + 1, (n % 30 + 1) % len(VENDORS) + 1, n,
                    NUMBERS.get(n, f"N-{n}"), AMOUNTS.get(n, n), creators[n % 5], creators[n % 5],
                    f"{n}{long}" if n % 7 == 0 else None, f"{n}{long}" if n % 11 == 0 else "",
                )
                for n in range(1, 301)
            ],
        )  # fmt: skip
        made.execute(
            "INSERT INTO batches (id, operator_id, created_at, erp, currency, count, gross, retainage, net, hash_total,"
            " hold_until) VALUES (1, 1, 0, 'sandbox', 'USD', 1, 0, 0, 0, 0, 0)"
        )
        made.execute(
            "INSERT INTO export_jobs (id, invoice_id, revision, batch_id, idem_key, erp, payload, payload_sha256, state,"
            " run_at, updated_at) VALUES (1, 1, 1, 1, 'u:1', 'sandbox', '', '', 'done', 0, 0)"
        )
        made.execute(
            "INSERT INTO export_attempts (job_id, attempt, worker, kind, at) VALUES (1, 1, 'w', 'begun', 0)"
        )
    made.close()


@pytest.fixture
def opened(db_url: str) -> database.Database:
    first_release(db_url)
    return database.open(db_url)


def test_a_database_of_the_first_release_comes_up_to_date(opened: database.Database) -> None:
    try:
        assert places.astray(opened) == 0
        assert opened.execute("SELECT idem_key FROM export_attempts").fetchall() == [("u:1",)]
        with opened.transaction():
            assert places.refresh(opened) == 0
        twins = opened.execute("SELECT id FROM invoices WHERE duplicate ORDER BY id").fetchall()
        assert [row[0] for row in twins] == sorted(PAIRS)
        me: Actor = directory.actor(opened, "jörg")
        whole = listing.complete(opened, listing.begin(opened, Order(View.READY, me=me), 9))
        assert whole.count == 300
        rows = listing.window(opened, whole, 0, 300)
        assert [row.vendor for row in rows] == sorted(row.vendor for row in rows)
        own = {row.id for row in rows if "S" in row.flags}
        assert own == {n for n in range(1, 301) if n % 5 == 1}
        assert view_totals.flagged_ids(opened, me) == own | PAIRS
        assert len(owning.created(opened, me)) == 2
    finally:
        opened.close()


def test_keys_and_flags_of_duplicates_are_those_of_what_is_there(db_url: str) -> None:
    steps = database._steps()
    with patch.object(database, "_steps", lambda: steps[:3]):
        made = database.create(db_url)
    with made.transaction():
        made.execute("INSERT INTO projects (id, source_id, number, name) VALUES (1, '1', '24', 't')")
        made.execute("INSERT INTO vendors (id, source_id, name) VALUES (1, '1', 'A')")
        made.execute(
            "INSERT INTO commitments (id, source_id, project_id, vendor_id, number, title, kind, currency)"
            " VALUES (1, '1', 1, 1, 'SC-1', '', 'subcontract', 'USD')"
        )
        # The last one looked like one that is not there any more.
        made.executemany(
            "INSERT INTO invoices (id, uuid, source, source_id, commitment_id, project_id, vendor_id, application, number,"
            " period_start, period_end, billing_date, status, erp_status, currency, gross, retainage, net, completed,"
            " retainage_to_date, created_at, updated_at, place, duplicate) VALUES (?, ?, 't', ?, 1, 1, 1, ?, ?, '2026-10-01',"
            " '2026-10-31', '2026-10-31', 'approved', 'ready_to_export', 'USD', ?, 0, ?, 0, 0, 0, 0,"
            " (SELECT place FROM commitments), ?)",
            [
                (n, str(n), str(n), n, number, n, n, number == "C")
                for n, number in enumerate(("A-007", "a 7", "C"), 1)
            ],
        )
    made.close()
    opened = database.open(db_url)
    try:
        assert {
            number: [twin.id for twin in of] for number, of in alike.twins(opened, [1, 2, 3]).items()
        } == {
            1: [2],
            2: [1],
        }
        assert [
            row[0] for row in opened.execute("SELECT id FROM invoices WHERE duplicate ORDER BY id").fetchall()
        ] == [1, 2]
    finally:
        opened.close()
