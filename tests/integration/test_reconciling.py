"""Reconciling on both databases: each class found and named, and totals that foot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from export_case import make_bill, queue_jobs
from reconciling_case import Told, V, as_listed, by_hand, compared, end, export, refs, totals, uncertain

from erp.connector import UnavailableError
from erp.connectors import sandbox
from erp.connectors.sandbox import Sandbox
from store import outbox
from store.db import Database
from store.domain.errors import PayappError
from store.domain.outcome import Answer, Booked, Period, Refused, Unknown

pytest_plugins = ["reconciling_case"]


# -- the classes ---------------------------------------------------------------------------------------------------


async def test_what_arrived_unchanged_agrees_to_the_cent(db: Database, erp: Sandbox) -> None:
    bills = [make_bill(n) for n in range(1, 8)]
    await export(db, erp, bills)
    async with compared(db, erp) as (of, named):
        gross = sum(10_000 + n for n in range(1, 8))
        assert totals(of) == {V.AGREES: (7, gross, gross - 6300, 7, gross, gross - 6300)}
        assert named == {} and not of.differs and not of.open
        [balance] = of.balances()
        assert balance.sent == balance.listed and balance.sent.count == 7


async def test_every_kind_of_difference_is_found_and_named(db: Database, erp: Sandbox, books: Path) -> None:
    bills = [make_bill(n) for n in range(1, 9)]
    ids = await export(db, erp, bills)
    refused = make_bill(9)
    [ninth] = queue_jobs(db, [refused])
    end(db, [Refused(refused.key, "x", "refused", "")], [refused])
    by_hand(books, "DELETE FROM bills WHERE key = ?", bills[0].key)
    by_hand(books, "UPDATE bills SET gross = '100.03', vendor = 'V-7' WHERE key = ?", bills[1].key)
    by_hand(books, "UPDATE bills SET number = '101-0O3' WHERE key = ?", bills[2].key)
    copy = (
        "INSERT INTO bills (key, vendor, number, job, commitment, accounting_date, currency, gross, retainage, net)"
        " SELECT ?, vendor, ?, job, commitment, accounting_date, currency, gross, retainage, net FROM bills WHERE key = ?"
    )
    by_hand(books, copy, "typed-in", "HAND-1", bills[3].key)
    by_hand(books, copy, bills[4].key[:-1] + "2", "101-005b", bills[4].key)
    by_hand(books, copy, refused.key, refused.number, bills[3].key)
    by_hand(books, "UPDATE bills SET accounting_date = '2026-11-02' WHERE key = ?", bills[5].key)
    async with compared(db, erp) as (of, named):
        found = {verdict: [(f.invoice_id, f.references) for f in these] for verdict, these in named.items()}
        ref = refs(books)
        assert found == {
            V.TWICE: [(ids[4], (ref[bills[4].key], ref[bills[4].key[:-1] + "2"])), (ids[4], (ref[bills[4].key[:-1] + "2"],))],
            V.UNEXPECTED: [(ninth, (ref[refused.key],))],
            V.MISSING: [(ids[0], ())],
            V.DIFFERS: [(ids[1], (ref[bills[1].key],)), (ids[2], (ref[bills[2].key],)), (ids[5], (ref[bills[5].key],))],
            V.UNKNOWN: [(None, (ref["typed-in"],))],
        }  # fmt: skip
        second, third, sixth = named[V.DIFFERS]
        assert [(d.field, d.here, d.there) for d in second.differences] == [
            ("vendor", "V-1", "V-7"),
            ("gross", "100.02", "100.03"),
        ]
        assert [(d.field, d.here, d.there) for d in third.differences] == [("number", "101-003", "101-0O3")]
        assert [(d.field, d.here) for d in sixth.differences] == [("accounting_date", "2026-10-31")]
        counts = {verdict: (row[0], row[3]) for verdict, row in totals(of).items()}
        assert counts == {
            V.TWICE: (1, 2), V.UNEXPECTED: (1, 1), V.MISSING: (1, 0), V.DIFFERS: (3, 2), V.UNKNOWN: (0, 1),
            V.AGREES: (3, 3),
        }  # fmt: skip
        assert all(f.fix for these in named.values() for f in these)
        assert of.differs


async def test_what_failed_here_and_is_not_there_is_no_difference(db: Database, erp: Sandbox) -> None:
    bill = make_bill(1)
    queue_jobs(db, [bill, make_bill(2)])
    end(
        db, [Refused(bill.key, "x", "no", ""), Refused(make_bill(2).key, "x", "no", "")], [bill, make_bill(2)]
    )
    async with compared(db, erp) as (of, named):
        assert {v: row[:1] + row[3:4] for v, row in totals(of).items()} == {V.FAILED: (2, 0)}
        assert not named and not of.differs and not of.open


async def test_what_was_never_sent_and_is_there_is_named(db: Database, erp: Sandbox) -> None:
    bills = [make_bill(1), make_bill(2)]
    ids = queue_jobs(db, bills)
    await erp.post(bills)
    outbox.cancel(db, ids[:1])
    async with compared(db, erp) as (of, named):
        assert [f.invoice_id for f in named[V.UNEXPECTED]] == ids
        assert totals(of)[V.UNEXPECTED][::3] == (0, 2)


async def test_a_job_under_way_is_open_and_no_difference(db: Database, erp: Sandbox) -> None:
    queue_jobs(db, [make_bill(1)])
    outbox.fence(db, "w1", outbox.claim(db, "sandbox", "w1", limit=5, lease_ms=60_000, concurrency=1))
    async with compared(db, erp) as (of, named):
        assert totals(of)[V.UNDER_WAY][::3] == (1, 0)
        assert not named and not of.differs and of.open


async def test_only_the_days_of_the_period_are_compared(db: Database, erp: Sandbox, books: Path) -> None:
    september = make_bill(1, accounting_date=date(2026, 9, 30))
    sandbox.seed(books, [], [], [Period(date(2026, 9, 1), date(2026, 9, 30), is_open=True)])
    await export(db, erp, [september, make_bill(2), make_bill(3, accounting_date=date(2026, 10, 1))])
    async with compared(db, erp) as (of, _):
        assert totals(of)[V.AGREES][::3] == (2, 2)
    async with compared(db, erp, Period(date(2026, 9, 1), date(2026, 10, 31), is_open=True)) as (of, _):
        assert totals(of)[V.AGREES][::3] == (3, 3)
    by_hand(books, "UPDATE bills SET accounting_date = '2026-10-05' WHERE key = ?", september.key)
    async with compared(db, erp) as (of, named):
        [moved] = named[V.DIFFERS]
        assert [(d.field, d.here, d.there) for d in moved.differences] == [
            ("accounting_date", "2026-09-30", "2026-10-05")
        ]
        assert totals(of)[V.DIFFERS][::3] == (0, 1)


async def test_bytes_that_were_changed_in_the_database_are_a_difference(db: Database, erp: Sandbox) -> None:
    ids = await export(db, erp, [make_bill(1), make_bill(2), make_bill(3)])
    db.execute(
        "UPDATE export_jobs SET payload = replace(payload, '100.01', '900.01') WHERE invoice_id = ?",
        (ids[0],),
    )
    db.execute("UPDATE export_jobs SET payload = 'x' WHERE invoice_id = ?", (ids[1],))
    db.execute("UPDATE invoices SET gross = gross + 1 WHERE id = ?", (ids[2],))
    async with compared(db, erp) as (_, named):
        found = {f.invoice_id: f.note for f in named[V.DIFFERS]}
        assert set(found) == set(ids) and all("changed in the database" in note for note in found.values())


async def test_totals_are_per_currency(db: Database, erp: Sandbox) -> None:
    euro = make_bill(2, currency="EUR")
    [_, second] = await export(db, erp, [make_bill(1), euro])
    db.execute("UPDATE invoices SET currency = 'EUR' WHERE id = ?", (second,))
    async with compared(db, erp) as (of, _):
        found = {b.sent.currency: (b.sent.count, b.sent.gross, b.foots) for b in of.balances()}
        assert found == {"USD": (1, 10_001, True), "EUR": (1, 10_002, True)}


# -- ERPs of other kinds ---------------------------------------------------------------------------------------------


async def test_one_key_with_two_references_is_twice(db: Database, erp: Sandbox, books: Path) -> None:
    bill = make_bill(1)
    [invoice] = await export(db, erp, [bill])
    ref = refs(books)[bill.key]
    async with compared(db, Told([[as_listed(bill, ref)], [as_listed(bill, "OTHER")]])) as (of, named):
        [twice] = named[V.TWICE]
        assert (twice.invoice_id, twice.references) == (invoice, (ref, "OTHER"))
        assert totals(of)[V.TWICE][::3] == (1, 2)


async def test_ours_entered_again_by_hand_is_twice_and_another_of_that_number_is_not(
    db: Database, erp: Sandbox, books: Path
) -> None:
    bill = make_bill(1)
    await export(db, erp, [bill])
    ours = as_listed(bill, refs(books)[bill.key])
    again = as_listed(bill, "HAND-1", key=None)
    async with compared(db, Told([[ours, again]])) as (_, named):
        assert [f.references for f in named[V.TWICE]] == [(ours.ref, "HAND-1")]
    other = as_listed(bill, "HAND-2", key="theirs", net="5.00", gross="5.00", retainage="0.00")
    async with compared(db, Told([[ours, other]])) as (_, named):
        assert set(named) == {V.UNKNOWN}


async def test_an_erp_without_keys_is_compared_by_reference_and_number(
    db: Database, erp: Sandbox, books: Path
) -> None:
    bills = [make_bill(n) for n in range(1, 4)]
    await export(db, erp, bills[:2])
    await uncertain(db, None, bills[2:])
    refs_of = refs(books)
    page = [
        as_listed(bills[0], refs_of[bills[0].key], key=None, number="101-O01"),
        as_listed(bills[1], refs_of[bills[1].key], key=None, gross=None, retainage=None, net=None),
        as_listed(bills[2], "R-3", key=None),
    ]
    teller = Told([page], {bills[2].key: Unknown(bills[2].key, "no keys here")})
    async with compared(db, teller) as (of, named):
        assert [d.field for d in named[V.DIFFERS][0].differences] == ["number"]
        assert [f.references for f in named[V.FOUND]] == [("R-3",)]
        assert totals(of)[V.AGREES][3:] == (1, None, None)
        # Vendor and number alone prove nothing: a person decides.
        assert list(of.resolvable()) == [] and "--booked" in named[V.FOUND][0].fix


async def test_an_erp_that_cannot_list_is_asked_by_key(db: Database, erp: Sandbox, books: Path) -> None:
    bills = [make_bill(n) for n in range(1, 5)]
    ids = await export(db, erp, bills[:3])
    [fourth] = await uncertain(db, None, bills[3:])
    ref = refs(books)
    answers: dict[str, Answer] = {
        bills[0].key: Booked(bills[0].key, ref[bills[0].key]),
        bills[1].key: Booked(bills[1].key, "ELSE"),
        bills[3].key: Booked(bills[3].key, "R-4"),
    }
    async with compared(db, Told(answers=answers, lists=False, fails=AssertionError())) as (of, named):
        assert [f.invoice_id for f in named[V.MISSING]] == [ids[2]]
        assert [(f.invoice_id, f.differences[0].there) for f in named[V.DIFFERS]] == [(ids[1], "ELSE")]
        assert [f.invoice_id for f in named[V.FOUND]] == [fourth]
        assert totals(of)[V.AGREES] == (1, 10_001, 9_101, 1, None, None)
        assert list(of.resolvable()) and V.UNKNOWN not in named


async def test_an_erp_that_can_neither_list_nor_find_answers_nothing(db: Database, erp: Sandbox) -> None:
    await export(db, erp, [make_bill(1)])
    teller = Told(lists=False, finds=False)
    async with compared(db, teller) as (of, named):
        assert set(named) == {V.UNANSWERED} and of.open and not of.differs and teller.asked == []


async def test_an_erp_that_stops_answering_is_not_asked_for_all(db: Database) -> None:
    bills = [make_bill(n) for n in range(1, 61)]
    await uncertain(db, None, bills)
    teller = Told(answers={bill.key: Unknown(bill.key, "closed") for bill in bills})
    async with compared(db, teller) as (_, named):
        assert len(named[V.UNANSWERED]) == 60 and named[V.UNANSWERED][0].note == "closed"
        assert len(teller.asked) == 30


@pytest.mark.parametrize(
    ("pages", "fails", "why"),
    [
        ([], UnavailableError("closed (503)"), "closed (503)"),
        ([], ValueError("\x1b[2J garbage"), "^[[2J garbage"),
        (["what?"], None, "cannot be read"),
        ([[as_listed(make_bill(1), "R", gross=100.01)]], None, "cannot be read"),
        ([[as_listed(make_bill(1), "R")]] * 2, None, "repeats itself"),
    ],
)
async def test_a_list_that_cannot_be_used_is_an_error_and_no_report(
    db: Database, pages: list[Any], fails: Exception | None, why: str
) -> None:
    with pytest.raises(PayappError) as error:
        async with compared(db, Told(pages, fails=fails)):
            pass
    assert why in str(error.value)


async def test_an_erp_that_hangs_is_given_up(db: Database) -> None:
    class Hanging(Told):
        async def bills(self, _period: Period) -> AsyncIterator[Any]:
            await asyncio.Event().wait()
            yield []

    with pytest.raises(PayappError, match="did not answer in time"):
        async with compared(db, Hanging()):
            pass


async def test_text_of_the_erp_is_safe_and_its_nonsense_is_a_difference(
    db: Database, erp: Sandbox, books: Path
) -> None:
    bills = [make_bill(n) for n in range(1, 5)]
    await export(db, erp, bills)
    ref = refs(books)
    evil = "\x1b]52;c;aGk=\x07\u202e[/] " + "東" * 400 + "\ud800\x00"
    page = [
        as_listed(
            bills[0], ref[bills[0].key], vendor=evil, number=evil, currency=evil, gross="1e9", net=evil
        ),
        as_listed(bills[1], ref[bills[1].key], gross="9" * 400, retainage="", net="NaN"),
        as_listed(bills[2], evil, key=evil, vendor=evil),
        as_listed(bills[3], ref[bills[3].key], key=bills[3].key),
        as_listed(make_bill(9), "OUTSIDE", accounting_date=date(2027, 1, 1)),
    ]
    async with compared(db, Told([page], {bills[2].key: Booked(bills[2].key, evil)})) as (of, named):
        told = [f.vendor + f.name + f.key + "".join(f.references) + f.note + f.currency
                + "".join(d.here + d.there for d in f.differences) for these in named.values() for f in these]  # fmt: skip
        assert told and not any(c in text for text in told for c in "\x1b\x07\u202e\ud800\x00")
        assert {v: len(these) for v, these in named.items()} == {V.DIFFERS: 3, V.UNKNOWN: 1}
        assert {b.sent.currency for b in of.balances()} == {"USD", "???"}
        assert all(b.foots for b in of.balances())
