"""Thirty invoices through real workers into a real Tryton, with failures, repairs and kills, down to the last cent."""

from __future__ import annotations

import asyncio
import dataclasses
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from export_case import make_bill, states, statuses
from invoice_factory import line, make, version
from tryton_front import Front
from tryton_paying import pay, take_back
from tryton_server import Tryton as Server
from tryton_worker import SETTINGS, hasty

from erp import paying, reconciling
from erp.connectors.tryton import Tryton
from erp.worker import Worker
from store import findings, mapping, payments, review
from store.db import Database
from store.domain.actor import Actor
from store.domain.bill import decode
from store.domain.knowing import Kind
from store.domain.outcome import Booked, Period
from store.domain.selection import Marked
from store.domain.verdict import NAMED, Verdict
from store.mapping import Want
from store.reconciling import Reconciliation

pytestmark = pytest.mark.xdist_group("tryton")
PROGRAM = Path(__file__).parents[1] / "tryton_worker.py"
OCTOBER = Period(date(2026, 10, 1), date(2026, 10, 31), is_open=True)


def invoices(db: Database) -> dict[str, list[int]]:
    """22 good ones, 3 of a vendor that Tryton does not know, 3 for a closed period, 2 with a number that is taken."""
    made: dict[str, list[int]] = {"good": [], "closed": [], "unknown": [], "taken": []}
    for n in range(1, 31):
        kind = "unknown" if n % 10 == 0 else "closed" if n % 10 == 5 else "taken" if n in {7, 17} else "good"
        own = (
            line(work=100_000 + n, held=10_000 + n),
            dataclasses.replace(line(2, work=5_000 - 700 * n, held=0), cost_code="drywall"),
        )
        vendor = "T-9" if kind == "unknown" else f"V-{n % 2 + 1}"
        number = f"TAKEN-{n}" if kind == "taken" else f"101-{n:03d}"
        made[kind].append(make(db, number, vendor_ref=vendor, vendor=vendor, commitment=f"SC-{n}", lines=own))
    return made


def mark(db: Database, ids: Sequence[int]) -> Marked:
    return Marked({number: version(db, number) for number in ids})


def killed_at(db: Database, server: Server, mood: str) -> None:
    """A worker of its own process that is killed while a parcel is under way."""
    with Front(server.url) as front:
        front.moods["export_bill"] = mood
        settings = msgspec.json.encode(server.settings(url=front.url)).decode()
        worker = subprocess.Popen([sys.executable, PROGRAM, db.url, settings], stderr=subprocess.PIPE)
        try:
            assert front.arrived.wait(120)
        finally:
            worker.kill()
            worker.communicate()


async def work(db: Database, server: Server) -> None:
    """A worker to the end."""
    async with asyncio.timeout(300):
        connector = Tryton(server.settings(), hasty())
        await Worker(db, connector, None, SETTINGS).run(asyncio.Event(), until_idle=True)


async def taken(server: Server) -> dict[str, Decimal]:
    """Somebody else has used two numbers, in November; returns the ledger with them."""
    with_key = Tryton(server.settings(), hasty())
    bills = [
        make_bill(n, number=f"TAKEN-{n}", vendor="V-2", accounting_date=date(2026, 11, 2)) for n in (7, 17)
    ]
    assert all(isinstance(outcome, Booked) for outcome in await with_key.post(bills))
    await with_key.close()
    return server.ledger()


def expected(db: Database) -> dict[str, Decimal]:
    """What the bills that payapp calls booked add to the ledger, account by account."""
    found: Counter[str] = Counter()
    rows = db.execute("SELECT payload, payload_sha256 FROM export_jobs WHERE state = 'done'").fetchall()
    for payload, sha256 in rows:
        bill = decode(payload, sha256)
        for each in bill.lines:
            found[each.account] += Decimal(each.amount)  # type: ignore[assignment] # a Counter of Decimals
        found["2-150"] -= Decimal(bill.retainage)  # type: ignore[assignment] # likewise
        found["2-100"] -= Decimal(bill.net)  # type: ignore[assignment] # likewise
    return {account: Decimal(amount) for account, amount in found.items()}


async def payments_come_back(db: Database, approver: Actor, server: Server, ids: Sequence[int]) -> None:
    """One bill is paid whole, the other in part; then the part is taken back."""
    connector = Tryton(server.settings(), hasty())
    refs = [
        db.execute("SELECT origin_id, net FROM invoices WHERE id = ?", (each,)).fetchone() for each in ids
    ]
    (whole, net), (part, _) = refs
    await pay(connector, whole, f"{Decimal(net) / 100}")
    await pay(connector, part, "400.01")
    pulled = await paying.pull(db, connector, approver)
    assert (pulled.asked, pulled.changed, pulled.issued) == (30, 2, {"USD": net + 40_001})
    assert [sum(each.amount for each in payments.of_invoice(db, number)) for number in ids] == [net, 40_001]
    assert db.execute("SELECT count(*) FROM audit_events WHERE action = 'payments'").fetchone() == (1,)
    await take_back(connector, payments.of_invoice(db, ids[1])[0].ref)
    pulled = await paying.pull(db, connector, approver)
    assert (pulled.changed, pulled.issued, payments.of_invoice(db, ids[1])) == (1, {"USD": -40_001}, ())
    await connector.close()


async def test_a_month_with_failures_repairs_and_kills_foots_in_the_general_ledger(
    sqlite_db: Database, approver: Actor, tryton: Server
) -> None:
    db = sqlite_db
    db.execute("UPDATE company SET erp = 'tryton'")
    before = await taken(tryton)
    made = invoices(db)
    mapping.put(db, approver, Want(Kind.ACCOUNT, "drywall", "09-250"))
    profile = hasty()
    for kind, ids in made.items():
        day = date(2026, 9, 30) if kind == "closed" else None
        assert review.accept(db, approver, mark(db, ids), profile, accounting_date=day).done == tuple(ids)

    # One worker dies before its parcel arrived, the next when Tryton has booked it and nobody heard of it.
    killed_at(db, tryton, "hold")
    assert tryton.ledger() == before
    killed_at(db, tryton, "hang")
    assert 0 < len(tryton.bills()) - 2 <= 10
    await work(db, tryton)

    assert statuses(db) == {"synced": 22, "failed_to_export": 8}
    codes = db.execute(
        "SELECT error_code, count(*) FROM invoices WHERE erp_status <> 'synced' GROUP BY 1"
    ).fetchall()
    assert dict(codes) == {"vendor.unknown": 3, "period.closed": 3, "duplicate.similar": 2}

    tryton.sql("INSERT INTO party_party (name, code, active) VALUES ('New Vendor', 'T-9', true)")
    tryton.sql(
        "INSERT INTO party_address (party, active) SELECT id, true FROM party_party WHERE code = 'T-9'"
    )
    review.retry(db, approver, mark(db, made["unknown"]), profile)
    review.retry(db, approver, mark(db, made["closed"]), profile, accounting_date=date(2026, 10, 31))
    # One has a wrong number, the other is another bill of the same one.
    wrong, alike = made["taken"]
    review.retry(db, approver, mark(db, [wrong]), profile, erp_number=f"FREE-{wrong}")
    review.retry(db, approver, mark(db, [alike]), profile, override="Two floors, billed under one number")
    await work(db, tryton)

    assert statuses(db) == {"synced": 30}
    assert states(db) == {"done": 30, "failed": 8}
    after = tryton.ledger()
    added = {account: after[account] - before.get(account, 0) for account in after}
    assert added == expected(db)
    [(gross, retainage, net)] = db.execute(
        "SELECT sum(gross), sum(retainage), sum(net) FROM invoices"
    ).fetchall()
    assert (added["03-300"] + added["09-250"], -added["2-150"], -added["2-100"]) == (
        Decimal(gross) / 100, Decimal(retainage) / 100, Decimal(net) / 100,
    )  # fmt: skip
    assert tryton.sql("SELECT count(*) FROM account_invoice WHERE reference = 'TAKEN-17'") == [(2,)]
    assert len(tryton.bills()) == 32 and tryton.sql("SELECT count(*) FROM account_invoice") == [(32,)]

    await payments_come_back(db, approver, tryton, made["good"][:2])
    with Reconciliation("tryton", OCTOBER, lists=True) as into:
        connector = Tryton(tryton.settings(), profile)
        await reconciling.compare(db, connector, into)
        await connector.close()
        assert {verdict: list(findings.named(into, verdict)) for verdict in NAMED} == {
            key: [] for key in NAMED
        }
        [balance] = into.balances()
        assert balance.foots
        agree = {row.verdict: row.sent.count for row in balance.rows if row.sent.count}
        assert agree[Verdict.AGREES] == 30
