"""The sandbox's own rules: what it knows, what it refuses with which fix, and how it plays a bad day."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from export_case import PERIODS, make_bill, sandbox_on

from erp import profiles
from erp.connector import UnavailableError
from erp.connectors import sandbox
from erp.connectors.sandbox import ReplyLostError, Sandbox
from store.domain.bill import BillLine
from store.domain.keys import spelled
from store.domain.outcome import Booked, Period, Refused


@pytest.fixture
async def on(books: Path) -> Any:
    made: list[Sandbox] = []

    def opened(**settings: Any) -> Sandbox:
        made.append(sandbox_on(books, profiles.load("sandbox"), **settings))
        return made[-1]

    yield opened
    for connector in made:
        await connector.close()


Opened = Callable[..., Sandbox]


async def test_books_that_are_gone_are_an_outage_and_no_new_ones(on: Opened, books: Path) -> None:
    connector, away = on(), books.with_name("away.db")
    await connector.post([make_bill(1)])
    shutil.move(books, away)
    for asked in (connector, on()):
        with pytest.raises(UnavailableError, match=r"books are missing: put .* back"):
            await asked.find([make_bill(1)])
        with pytest.raises(UnavailableError, match="books are missing"), asked.checker():
            pass
    # Moving it back replaces nothing: it was not made anew meanwhile.
    assert [file.name for file in await asyncio.to_thread(lambda: sorted(books.parent.glob("*.db")))] == [
        "away.db"
    ]
    shutil.move(away, books)
    assert await connector.find([make_bill(1)]) == [Booked(make_bill(1).key, "SBX-000001")]


def test_it_says_that_it_is_a_sandbox() -> None:
    assert profiles.load("sandbox").title == "Sandbox (a stand-in, not a real ERP)"


@pytest.mark.parametrize(
    ("changes", "code", "cause", "key"),
    [
        ({"vendor": "V-9"}, "vendor.unknown", "V-9", "r rejects"),
        ({"job": "99-999"}, "cost_code.unknown", "99-999", "x retries"),
        ({"accounting_date": date(2026, 9, 15)}, "period.closed", "2026-09-15", "D:"),
        ({"accounting_date": date(2027, 1, 1)}, "period.missing", "2027-01-01", "D:"),
        ({"number": "SUB-2026-10-0000101"}, "number.too_long", "19 characters", "D:"),
        ({"number": " "}, "number.missing", "missing", "D:"),
        ({"number": "OLD-1"}, "number.used", "OLD-1", "D:"),
        (
            {"lines": (BillLine(1, "contract_item", "99-999", "x", "100.01", "9.00"),)},
            "cost_code.unknown",
            "99-999",
            "r rejects",
        ),
    ],
)
async def test_it_refuses_with_code_cause_and_the_key_that_helps(
    on: Opened, books: Path, changes: dict[str, Any], code: str, cause: str, key: str
) -> None:
    sandbox.seed(books, [], [], [], [("V-1", "OLD-1")])
    [refused] = await on().post([make_bill(1, **changes)])
    assert isinstance(refused, Refused)
    assert (refused.code, cause in refused.cause, key in spelled(refused.fix)) == (code, True, True)
    assert sandbox.ledger(books) == []


async def test_a_number_is_used_once_per_vendor(on: Opened, books: Path) -> None:
    sandbox.seed(books, [("V-2", "Bell")], [], [])
    first, again, other = await on().post(
        [make_bill(1, number="7"), make_bill(2, number="7"), make_bill(3, number="7", vendor="V-2")]
    )
    assert isinstance(first, Booked)
    assert isinstance(again, Refused)
    assert again.code == "number.used"
    assert isinstance(other, Booked)


async def test_an_opened_period_takes_what_it_refused(on: Opened, books: Path) -> None:
    bill = make_bill(1, accounting_date=date(2026, 9, 15))
    connector = on()
    assert isinstance((await connector.post([bill]))[0], Refused)
    sandbox.seed(books, [], [], [Period(date(2026, 9, 1), date(2026, 9, 30), True)])
    assert isinstance((await connector.post([bill]))[0], Booked)


async def test_it_tells_its_periods_in_order(on: Opened) -> None:
    assert tuple(await on().periods()) == PERIODS


async def test_a_lost_reply_was_booked_and_can_be_found(on: Opened, books: Path) -> None:
    connector = on(lose_replies=1.0)
    with pytest.raises(ReplyLostError):
        await connector.post([make_bill(1)])
    assert [row.key for row in sandbox.ledger(books)] == [make_bill(1).key]
    assert isinstance((await connector.find([make_bill(1)]))[0], Booked)


async def test_turned_away_means_that_nothing_was_booked(on: Opened, books: Path) -> None:
    with pytest.raises(UnavailableError):
        await on(reports_unavailable=1.0).post([make_bill(1)])
    assert sandbox.ledger(books) == []


async def test_its_bad_days_repeat_with_the_seed(on: Opened) -> None:
    async def day() -> list[bool]:
        connector = on(lose_replies=0.5, seed=7)
        lost = []
        for _ in range(12):
            try:
                await connector.post([])
            except ReplyLostError:
                lost.append(True)
            else:
                lost.append(False)
        return lost

    first = await day()
    assert first == await day()
    assert len(set(first)) == 2
