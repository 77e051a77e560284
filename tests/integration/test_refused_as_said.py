"""What the dry run says that the ERP would refuse is refused for that when it is sent, and nothing else is: made-up companies."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from export_case import PERIODS
from invoice_factory import line, make, version

from erp import profiles
from erp.connector import Checking, Connector
from erp.connectors import sandbox
from erp.connectors.files import Files, FilesSettings
from erp.connectors.files_settings import Form
from erp.connectors.sandbox import Sandbox, SandboxSettings
from erp.worker import Worker, WorkerSettings
from store import mapping, review
from store.causes import Snag
from store.db import Database
from store.domain.actor import Actor
from store.domain.checking import Local
from store.domain.knowing import Kind
from store.domain.selection import Marked
from store.domain.status import Action
from store.previewing import plan_export

FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "csv": ("files", {"form": Form.CSV}),
    "iif": (
        "quickbooks-desktop",
        {"form": Form.IIF, "payable": "AP", "retainage": "RP", "currency": "USD", "jobs": True},
    ),
    "xero": (
        "xero",
        {"form": Form.XERO, "retainage": "845", "tax_type": "None", "days": "dmy", "tracking": "Job"},
    ),
}
VENDORS = ["V-1", "V-2", "=V", "Büro", "東京", " V", "a:b", 'V"', "V-LONGER-THAN-TEN"]
NUMBERS = [
    "1",
    "2",
    "INV-1",
    "inv 1",
    "=1",
    '7"',
    "0001",
    "A" * 40,
    " 9",
    "9 ",
    "é",
    "東",
    "3,5",
    "-4",
    "+5",
    "@a",
]
TEXTS = ["Concrete", "=sum", " blank", "blank ", 'pipe 8"', "東京", "a:b", "tab", "-1", "Müller"]
# What a folder takes waits there for its receipt, where the profile says so.
THERE = ("synced", "exporting")
CODES = ["03-300", "09-250", "=1", " 1", "12:3"]


def connector_of(kind: str, folder: Path) -> Connector:
    if kind == "sandbox":
        file = folder / "books.db"
        sandbox.seed(
            file, [(v, v) for v in VENDORS[:5]], [("24-101", code) for code in CODES[:3]] + [("24-102", "03-300")],
            PERIODS, [("V-1", "2"), ("V-2", "é")],
        )  # fmt: skip
        return Sandbox(SandboxSettings(str(file), seconds_per_bill=0), profiles.load("sandbox"))
    name, options = FORMS[kind]
    return Files(FilesSettings(str(folder / "drop"), **options), profiles.load(name))


def company(db: Database, admin: Actor, chance: random.Random) -> list[int]:
    """Invoices with whatever may stand against them."""
    ids = []
    for n in range(60):
        odd = chance.random() < 0.6
        vendor = chance.choice(VENDORS if odd else VENDORS[:2])
        currency = chance.choice(["USD", "USD", "USD", "EUR", "JPY", "KWD"]) if odd else "USD"
        lines = tuple(
            line(p, work=chance.choice([100_000, 5, -7, 0]), held=chance.choice([0, 1])) for p in range(1, 3)
        )
        number = make(
            db, chance.choice(NUMBERS) if odd else f"N-{n % 20}", vendor=f"Vendor {vendor}", vendor_ref=vendor,
            commitment=f"SC-{n}", job=chance.choice(["24-101", "24-102"]), currency=currency,
            lines=lines if odd else (line(),),
        )  # fmt: skip
        ids.append(number)
        if odd:
            db.execute(
                "UPDATE invoices SET description = ?, tax = ?, accounting_date = ?, erp_number = ? WHERE id = ?",
                (
                    chance.choice(TEXTS), chance.choice([0, 0, 700]), chance.choice([None, "2026-10-31", "2026-09-01", "1999-12-31", "2050-01-01", "9999-12-31"]),
                    chance.choice(["", "", "", *NUMBERS]), number,
                ),
            )  # fmt: skip
            db.execute(
                "UPDATE invoice_lines SET description = ?, cost_code = ? WHERE invoice_id = ? AND position = ?",
                (chance.choice(TEXTS), chance.choice(CODES), number, chance.choice([1, 2])),
            )
    for kind, code, target, job in (
        (Kind.VENDOR, "V-2", "V-1", ""), (Kind.ACCOUNT, "09-250", "=1", "24-101"), (Kind.ACCOUNT, "03-300", "5000", ""),
        (Kind.JOB, "24-102", "=job", ""), (Kind.TERMS, "default", "30", ""), (Kind.TAX, "default", "820", ""),
    ):  # fmt: skip
        if chance.random() < 0.3:
            mapping.put(db, admin, mapping.Want(kind, code, target, job))
    return ids


@pytest.mark.parametrize("kind", ["sandbox", *FORMS])
@pytest.mark.parametrize("seed", range(3))
async def test_what_the_dry_run_says_is_what_comes_of_it(
    db: Database, approver: Actor, admin: Actor, tmp_path: Path, kind: str, seed: int
) -> None:
    db.execute("UPDATE company SET erp = ?", (connector_of(kind, tmp_path).profile.name,))
    ids = company(db, admin, random.Random(seed))
    connector = connector_of(kind, tmp_path)
    assert isinstance(connector, Checking)
    marked = Marked({number: version(db, number) for number in ids})
    said: dict[int, str] = {}

    def each(_going: object, _stays: object, snags: Sequence[Snag]) -> None:
        for snag in snags:
            if snag.effect == "refused":
                said.setdefault(snag.invoice_id, snag.code)

    plan = plan_export(
        db, approver, marked, connector.profile, Action.ACCEPT, local=Local(connector.checker), each=each,
        override="both are due",
    )  # fmt: skip
    assert plan.checked is not None and not plan.checked.trouble and not plan.checked.left
    decision = review.accept(db, approver, marked, connector.profile, override="both are due")
    assert sorted(decision.done) == sorted(plan.goes.ids)
    db.execute("UPDATE batches SET hold_until = 0")
    settings = WorkerSettings(lease=120.0, poll=0.01)
    await asyncio.wait_for(Worker(db, connector, None, settings).run(asyncio.Event(), until_idle=True), 60)
    rows = db.execute("SELECT id, erp_status, error_code FROM invoices").fetchall()
    came = {row[0]: row[2] or row[1] for row in rows}
    wrong = {
        number: (said.get(number), came[number])
        for number in plan.goes.ids
        if came[number] not in ([said[number]] if number in said else THERE)
    }
    assert not wrong and said
