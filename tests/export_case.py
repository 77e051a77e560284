"""Bills, queued jobs and a sandbox, for the tests of the export."""

from __future__ import annotations

import csv
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from erp import profiles
from erp.connectors import sandbox
from erp.connectors.sandbox import Sandbox, SandboxSettings
from store import outbox, places
from store.db import Database
from store.domain.bill import Bill, BillLine, encode, idempotency_key, invoice_uuid
from store.domain.outcome import Period
from store.domain.profile import Profile

HOSTILE = "Müller [/] 東京 & Co " + "x" * 280
PERIODS = (
    Period(date(2026, 9, 1), date(2026, 9, 30), False),
    Period(date(2026, 10, 1), date(2026, 10, 31), True),
)


def make_bill(n: int, **changes: Any) -> Bill:
    """Bill n: 100.00 + n cents in two lines, a tenth of the first retained."""
    gross = 10_000 + n
    bill = Bill(
        key=idempotency_key(invoice_uuid("test", str(n)), 1),
        erp="sandbox",
        company="ACME BUILDERS",
        currency="USD",
        vendor="V-1",
        vendor_name="Apex Drywall LLC",
        job="24-101",
        commitment="SC-1",
        application=n,
        number=f"101-{n:03d}",
        period_start=date(2026, 10, 1),
        period_end=date(2026, 10, 31),
        invoice_date=date(2026, 10, 25),
        accounting_date=date(2026, 10, 31),
        description="October",
        gross=f"{gross / 100:.2f}",
        retainage="9.00",
        net=f"{(gross - 900) / 100:.2f}",
        tax="0.00",
        lines=(
            BillLine(1, "contract_item", "03-300", "Concrete", "90.00", "9.00"),
            BillLine(2, "contract_item", "09-250", "Drywall", f"{(gross - 9000) / 100:.2f}", "0.00"),
        ),
    )
    return msgspec.structs.replace(bill, **changes)


def queue_jobs(db: Database, bills: list[Bill], *, erp: str = "sandbox") -> list[int]:
    """Invoices in state queued with their jobs, due now; returns the invoice ids in the bills' order."""
    with db.transaction():
        now = db.now()
        user = db.execute("SELECT id FROM users WHERE login = 'jlopez'").fetchone()[0]
        commitment, project, vendor = _masters(db)
        batch = db.execute(
            "INSERT INTO batches (operator_id, created_at, erp, currency, count, gross, retainage, net, hash_total,"
            " hold_until) VALUES (?, ?, ?, 'USD', ?, 0, 0, 0, 0, ?) RETURNING id",
            (user, now, erp, len(bills), now),
        ).fetchone()[0]
        ids = []
        for bill in bills:
            invoice = db.execute(
                "INSERT INTO invoices (uuid, source, source_id, commitment_id, project_id, vendor_id, application,"
                " number, period_start, period_end, billing_date, status, erp_status, currency, gross, retainage, net,"
                " completed, retainage_to_date, revision, batch_id, created_at, updated_at, place) VALUES (?, 'test', ?, ?, ?,"
                " ?, ?, ?, '2026-10-01', '2026-10-31', '2026-10-25', 'approved', 'queued', 'USD', ?, 900, ?, 0, 0, 1,"
                " ?, ?, ?, (SELECT place FROM commitments WHERE id = ?)) RETURNING id",
                (
                    bill.key.rpartition(":")[0],
                    bill.key,
                    commitment,
                    project,
                    vendor,
                    bill.application,
                    f"{bill.application:05d}",
                    10_000 + bill.application,
                    9_100 + bill.application,
                    batch,
                    now,
                    now,
                    commitment,
                ),
            ).fetchone()[0]
            ids.append(invoice)
        outbox.enqueue(
            db,
            [
                (
                    invoice,
                    1,
                    batch,
                    bill.key,
                    erp,
                    *encode(bill),
                    bill.accounting_date.isoformat(),
                    now,
                    False,
                )
                for invoice, bill in zip(ids, bills, strict=True)
            ],
        )
    return ids


def _masters(db: Database) -> tuple[int, int, int]:
    found = db.execute("SELECT id, project_id, vendor_id FROM commitments WHERE source_id = 'c'").fetchone()
    if found:
        return tuple(found)
    vendor = db.execute(
        "INSERT INTO vendors (source_id, name, erp_ref) VALUES ('v', ?, 'V-1') RETURNING id", (HOSTILE,)
    ).fetchone()[0]
    project = db.execute(
        "INSERT INTO projects (source_id, number, name) VALUES ('p', '24-101', 'Tower') RETURNING id"
    ).fetchone()[0]
    commitment = db.execute(
        "INSERT INTO commitments (source_id, project_id, vendor_id, number, title, kind, currency)"
        " VALUES ('c', ?, ?, 'SC-1', 'Drywall', 'subcontract', 'USD') RETURNING id",
        (project, vendor),
    ).fetchone()[0]
    places.refresh(db)
    return commitment, project, vendor


def states(db: Database) -> dict[str, int]:
    """How many jobs there are by state."""
    return dict(db.execute("SELECT state, count(*) FROM export_jobs GROUP BY state").fetchall())


def statuses(db: Database) -> dict[str, int]:
    """How many invoices there are by ERP status."""
    return dict(db.execute("SELECT erp_status, count(*) FROM invoices GROUP BY erp_status").fetchall())


def hasty() -> Profile:
    """The sandbox's profile for workers that are killed: leases of a few seconds are long enough."""
    return msgspec.structs.replace(profiles.load("sandbox"), settle=0.2, timeout=1.0)


def seed_books(file: Path) -> None:
    sandbox.seed(file, [("V-1", "Apex Drywall LLC")], [("24-101", "03-300"), ("24-101", "09-250")], PERIODS)


def sandbox_on(books: Path, profile: Profile, **settings: Any) -> Sandbox:
    return Sandbox(SandboxSettings(file=str(books), **{"seconds_per_bill": 0.0, **settings}), profile)


def csv_ledger(drop: Path, which: str = "*.csv") -> list[tuple[str, str, str, str]]:
    """Key, gross, retainage and net of every bill in the drop folder's files, one each; their lines foot."""
    rows = []
    for file in sorted(drop.glob(which)):
        bills: dict[str, list[dict[str, str]]] = {}
        with file.open(newline="", encoding="utf-8") as text:
            for row in csv.DictReader(text):
                bills.setdefault(row["key"], []).append(row)
        for key, lines in bills.items():
            for total, part in (("gross", "line_amount"), ("retainage", "line_retainage")):
                assert sum(Decimal(line[part]) for line in lines) == Decimal(lines[0][total])
            rows.append((key, lines[0]["gross"], lines[0]["retainage"], lines[0]["net"]))
    return rows
