"""A small, fixed set of books and a desk on them, driven by keys."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from hand import NOW, PROFILE, VENDORS, Counter, Hand, Start, add_invoice

from store import directory
from store.db import Database
from store.models import BillingPeriod, ErpPeriod, Project, User, Vendor
from tui.app import DeskApp
from tui.bootstrap import Desk
from tui.screens.gestures import GestureScreen


@pytest.fixture
def books(sqlite_db: Database) -> Database:
    """Ten ready (one changed since its rejection), two failed, one synced, two not sent, one rejected."""
    db = sqlite_db
    maria = User.get(User.login == "mgarcia")
    with db.transaction():
        project = Project.create(source_id="p1", number="24-101", name="Riverside", erp_ref="J101")
        BillingPeriod.create(project=project, source_id="b1", start_date="2026-10-01", end_date="2026-10-31")
        ErpPeriod.create(
            erp="sandbox", start_date="2026-10-01", end_date="2026-10-31", is_open=True, fetched_at=db.now()
        )
        vendors = [
            Vendor.create(source_id=f"v{n}", name=name, erp_ref=f"V{n}") for n, name in enumerate(VENDORS, 1)
        ]
        for n, vendor in zip(range(10), itertools.cycle(vendors), strict=False):
            add_invoice(project, vendor, f"R-{n:02}", "ready_to_export", 100_000 + 1_000 * n, sender=maria,
                sent_at=NOW, changed_since=n == 4,
            )  # fmt: skip
        for n in range(2):
            add_invoice(project, vendors[0], f"F-{n:02}", "failed_to_export", sender=maria,
                error_code="cost_code.unknown", error_cause="Cost code 03-300 is not in the job",
                error_fix="Add it in the ERP, then retry (x)",
            )  # fmt: skip
        add_invoice(project, vendors[1], "S-00", "synced", sender=maria, origin_id="B-1")
        for n in range(2):
            add_invoice(project, vendors[1], f"N-{n:02}", "not_sent", status="under_review")
        add_invoice(project, vendors[2], "N-99", "not_sent", outcome="rejected",
            outcome_reason="Wrong [/] retainage on line 1",
        )  # fmt: skip
    return db


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for the hand to rest does not wait long."""
    for name in ("REST", "TYPING", "BETWEEN_REFRESHES"):
        monkeypatch.setattr(f"tui.screens.listing.{name}", 0.02)
    # On a starved machine a count takes seconds, and what waits so many times as long never comes to rest.
    monkeypatch.setattr("tui.screens.counting.REST", 0)
    # The pilot looks whether the desk is idle every 20 ms, several times a key: a fifth of that shows the same.
    monkeypatch.setattr("textual._wait.SLEEP_GRANULARITY", 0.004)
    monkeypatch.setattr("textual._wait.SLEEP_IDLE", 0.0004)


@pytest.fixture
def desk_of(books: Database) -> Callable[[str], tuple[Desk, Counter]]:
    """A wired desk for a login."""

    def wire(login: str) -> tuple[Desk, Counter]:
        counter = Counter()
        me = directory.actor(books, login)
        return Desk(books, me, directory.company(books), PROFILE, counter.ensure), counter

    return wire


@pytest.fixture
def start(desk_of: Callable[[str], tuple[Desk, Counter]]) -> Start:
    @asynccontextmanager
    async def run(login: str = "jlopez", size: tuple[int, int] = (80, 24)) -> AsyncIterator[Hand]:
        desk, counter = desk_of(login)
        app = DeskApp(desk)
        async with app.run_test(size=size, notifications=True) as pilot:
            hand = Hand(app, pilot, counter)
            await hand.until(lambda: isinstance(app.screen, GestureScreen) and app.screen._counts)
            await hand.idle()
            yield hand

    return run
