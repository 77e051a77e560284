"""A reconciliation's two sides for its tests: what was sent, and an ERP that has it or says what it is told to.

A plugin: ``pytest_plugins = ["reconciling_case"]``. PYTEST_DONT_REWRITE: tests import its names as well.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from export_case import queue_jobs, sandbox_on

from erp import profiles, reconciling
from erp.connector import Connector
from erp.connectors import sandbox
from erp.connectors.sandbox import Sandbox
from store import findings, lookup, outbox
from store.db import Database
from store.domain.bill import Bill
from store.domain.outcome import Answer, ErpBill, Missing, Period, PostOutcome, Unknown
from store.domain.verdict import NAMED, Finding, Verdict
from store.reconciling import Reconciliation

OCTOBER = Period(date(2026, 10, 1), date(2026, 10, 31), is_open=True)
V = Verdict


@pytest.fixture
async def erp(books: Path) -> AsyncIterator[Sandbox]:
    connector = sandbox_on(books, profiles.load("sandbox"))
    yield connector
    await connector.close()


async def export(db: Database, erp: Connector, bills: list[Bill]) -> list[int]:
    """These bills in the ERP and acknowledged here; returns the invoice ids."""
    ids = queue_jobs(db, bills)
    end(db, await erp.post(bills), bills)
    return ids


def end(db: Database, outcomes: Sequence[Any], bills: list[Bill]) -> None:
    """Claim and fence the queued jobs of these bills, and acknowledge them with the outcomes."""
    by_key = {bill.key: outcome for bill, outcome in zip(bills, outcomes, strict=True)}
    while jobs := outbox.claim(db, "sandbox", "w1", limit=500, lease_ms=60_000, concurrency=9):
        fenced = outbox.fence(db, "w1", jobs)
        results: list[tuple[Any, PostOutcome]] = [(job, by_key[job.key]) for job in fenced]
        outbox.acknowledge(db, "w1", "sandbox", results, settle_ms=1000)


async def uncertain(db: Database, erp: Sandbox | None, bills: list[Bill]) -> list[int]:
    """These bills with a lost reply: in the ERP where one is given."""
    ids = queue_jobs(db, bills)
    if erp is not None:
        await erp.post(bills)
    end(db, [Unknown(bill.key, "the reply was lost") for bill in bills], bills)
    return ids


def park(db: Database) -> None:
    """Every uncertain job is left to a person."""
    db.execute("UPDATE export_jobs SET run_at = 0")
    for job in lookup.claim_lookups(db, "sandbox", "w2", limit=100, lease_ms=60_000):
        lookup.park(db, "w2", job, "this ERP cannot be asked")


@contextlib.asynccontextmanager
async def compared(
    db: Database, erp: Any, period: Period = OCTOBER
) -> AsyncIterator[tuple[Reconciliation, dict[Verdict, list[Finding]]]]:
    with Reconciliation("sandbox", period, lists=erp.profile.lists) as into:
        await reconciling.compare(db, erp, into)
        yield into, {verdict: found for verdict in NAMED if (found := list(findings.named(into, verdict)))}


def by_hand(books: Path, sql: str, *values: object) -> None:
    """Somebody changes the ERP's ledger."""
    with contextlib.closing(sqlite3.connect(books)) as ledger, ledger:
        assert ledger.execute(sql, values).rowcount > 0


def totals(of: Reconciliation) -> dict[Verdict, tuple[Any, ...]]:
    """Each class in US dollars: count, gross and net of what was sent, then of what the ERP lists."""
    [balance] = of.balances()
    assert balance.foots
    return {
        row.verdict: (row.sent.count, row.sent.gross, row.sent.net, row.listed.count, row.listed.gross, row.listed.net)
        for row in balance.rows
    }  # fmt: skip


def refs(books: Path) -> dict[str, str]:
    return {row.key: row.ref for row in sandbox.ledger(books)}


@dataclass
class Told:
    """An ERP that says what it is told to."""

    pages: list[Any] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)
    lists: bool = True
    finds: bool = True
    fails: Exception | None = None
    asked: list[str] = field(default_factory=list)

    @property
    def profile(self) -> Any:
        known = profiles.load("sandbox")
        return msgspec.structs.replace(
            known, lists=self.lists, finds=self.finds, enforces_keys=False, timeout=0.2
        )

    async def bills(self, _period: Period) -> AsyncIterator[Any]:
        for page in self.pages:
            yield page
        if self.fails:
            raise self.fails

    async def find(self, bills: Sequence[Bill]) -> Sequence[Answer]:
        self.asked += [bill.key for bill in bills]
        return [self.answers.get(bill.key, Missing(bill.key)) for bill in bills]


def as_listed(bill: Bill, ref: str, **changes: Any) -> ErpBill:
    listed = ErpBill(ref, bill.key, bill.vendor, bill.number, bill.accounting_date, bill.currency, bill.gross,
                     bill.retainage, bill.net)  # fmt: skip
    return msgspec.structs.replace(listed, **changes)
