"""What every connector owes the queue (erp.connector): the same tests over the sandbox, the files and a real Tryton."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from contract_case import CASES, Amounts, Case, opened
from export_case import HOSTILE, make_bill

from erp.connector import Connector
from store.domain.bill import Bill, BillLine
from store.domain.keys import spelled
from store.domain.knowing import Kind
from store.domain.money import decimals
from store.domain.outcome import Booked, ErpBill, Missing, Period, Refused

# Tryton's run where its server runs.
TRYTON = pytest.param("tryton", marks=pytest.mark.xdist_group("tryton"))


@pytest.fixture(params=[*CASES, TRYTON])
async def case(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Case]:
    server = request.getfixturevalue("tryton") if request.param == "tryton" else None
    made = opened(request.param, tmp_path, server)
    yield made
    await made.close()


def amounts(*bills: Bill) -> Amounts:
    return {bill.key: (Decimal(bill.gross), Decimal(bill.retainage), Decimal(bill.net)) for bill in bills}


def misfooted(n: int) -> Bill:
    return make_bill(n, gross=f"{Decimal(make_bill(n).gross) + Decimal('0.01')}", net=make_bill(n).net)


async def test_each_bill_gets_an_outcome_of_its_own_and_is_in_the_books_to_the_cent(case: Case) -> None:
    bills = [make_bill(n) for n in range(1, 8)]
    outcomes = await case.connector.post(bills)
    assert [outcome.key for outcome in outcomes] == [bill.key for bill in bills]
    assert all(isinstance(outcome, Booked) for outcome in outcomes)
    assert len({outcome.ref for outcome in outcomes if isinstance(outcome, Booked)}) == len(bills)
    assert case.books() == amounts(*bills)


async def test_a_replay_answers_with_the_first_bill_and_books_nothing(case: Case) -> None:
    bills = [make_bill(1), make_bill(2)]
    first = await case.connector.post(bills)
    assert await case.connector.post(bills) == first
    assert await case.another().post(list(reversed(bills))) == list(reversed(first))
    assert case.books() == amounts(*bills)


async def test_a_replay_in_other_company_books_only_what_is_new(case: Case) -> None:
    old, new = make_bill(1), make_bill(2)
    [first] = await case.connector.post([old])
    mixed = await case.another().post([new, old])
    assert mixed[1] == first
    assert case.books() == amounts(old, new)


async def test_the_books_can_be_asked_by_key_also_by_a_later_process(case: Case) -> None:
    known, unknown = make_bill(1), make_bill(2)
    [booked] = await case.connector.post([known])
    for connector in (case.connector, case.another()):
        assert await connector.find([unknown, known]) == [Missing(unknown.key), booked]
    assert case.books() == amounts(known)


async def test_one_bad_bill_does_not_fail_its_neighbours(case: Case) -> None:
    bills = [make_bill(1), misfooted(2), make_bill(3)]
    good, bad, also_good = await case.connector.post(bills)
    assert isinstance(good, Booked)
    assert isinstance(also_good, Booked)
    assert isinstance(bad, Refused)
    assert case.books() == amounts(bills[0], bills[2])


async def test_a_refusal_has_a_code_a_cause_with_both_figures_and_a_fix(case: Case) -> None:
    [refused] = await case.connector.post([misfooted(1)])
    assert isinstance(refused, Refused)
    assert refused.code == "totals.misfooted"
    assert "100.02" in refused.cause
    assert "100.01" in refused.cause
    assert "r rejects" in spelled(refused.fix)
    assert await case.connector.find([misfooted(1)]) == [Missing(refused.key)]


@pytest.mark.parametrize("field", ["gross", "retainage", "net"])
async def test_one_cent_off_is_refused(case: Case, field: str) -> None:
    bill = make_bill(1)
    off = msgspec.structs.replace(bill, **{field: f"{Decimal(getattr(bill, field)) + Decimal('0.01')}"})
    [refused] = await case.connector.post([off])
    assert isinstance(refused, Refused)
    assert case.books() == {}


async def test_a_bill_without_lines_is_refused(case: Case) -> None:
    [refused] = await case.connector.post(
        [make_bill(1, lines=(), gross="0.00", retainage="0.00", net="0.00")]
    )
    assert isinstance(refused, Refused)
    assert refused.code == "lines.missing"


async def test_a_refused_bill_is_booked_once_it_is_repaired_under_its_next_revision(case: Case) -> None:
    await case.connector.post([misfooted(1)])
    repaired = make_bill(1, key=make_bill(1).key.replace(":1", ":2"))
    [booked] = await case.connector.post([repaired])
    assert isinstance(booked, Booked)
    assert case.books() == amounts(repaired)


async def test_credits_and_release_only_bills_keep_their_signs(case: Case) -> None:
    credit = make_bill(
        1,
        gross="-1200.00",
        retainage="-120.00",
        net="-1080.00",
        lines=(BillLine(1, "change_order_item", "03-300", "Credit", "-1200.00", "-120.00"),),
    )
    release = make_bill(
        2,
        gross="0.00",
        retainage="-500.25",
        net="500.25",
        lines=(BillLine(1, "contract_item", "03-300", "Release", "0.00", "-500.25"),),
    )
    outcomes = await case.connector.post([credit, release])
    assert all(isinstance(outcome, Booked) for outcome in outcomes)
    assert case.books() == amounts(credit, release)


@pytest.mark.parametrize(
    ("currency", "first", "second", "kept"),
    [("JPY", "90000", "10001", "9000"), ("KWD", "90.005", "10.001", "9.001")],
)
async def test_currencies_without_and_with_three_decimals_are_in_the_books_exactly(
    case: Case, currency: str, first: str, second: str, kept: str
) -> None:
    gross = Decimal(first) + Decimal(second)
    lines = (
        BillLine(1, "contract_item", "03-300", "Concrete", first, kept),
        BillLine(2, "contract_item", "09-250", "Drywall", second, "0"),
    )
    bill = make_bill(
        1, currency=currency, gross=f"{gross}", retainage=kept, net=f"{gross - Decimal(kept)}", lines=lines
    )
    [booked] = await case.another(currency).post([bill])
    if case.decimals < decimals(currency):
        assert isinstance(booked, Refused) and booked.code == "currency.decimals"
        assert case.books() == {}
        return
    assert isinstance(booked, Booked)
    assert case.books() == amounts(bill)


async def test_large_amounts_and_many_lines_are_in_the_books_to_the_cent(case: Case) -> None:
    parts = [Decimal("99999999.99"), *(Decimal(n) / 100 for n in range(1, 12))]
    kept = [Decimal("9999999.99"), *(Decimal("0.01") for _ in range(11))]
    lines = tuple(
        BillLine(n, "contract_item", "03-300", f"Part {n}", f"{part}", f"{own}")
        for n, (part, own) in enumerate(zip(parts, kept, strict=True), 1)
    )
    gross, retainage = sum(parts, Decimal(0)), sum(kept, Decimal(0))
    bill = make_bill(1, lines=lines, gross=f"{gross}", retainage=f"{retainage}", net=f"{gross - retainage}")
    [booked] = await case.connector.post([bill])
    assert isinstance(booked, Booked), booked
    assert case.books() == amounts(bill)


async def test_text_of_every_script_arrives_as_it_is(case: Case) -> None:
    bill = make_bill(1, vendor_name=HOSTILE, commitment="SC-1, \"A\"; 'B'")
    [booked] = await case.connector.post([bill])
    assert isinstance(booked, Booked)
    assert case.books() == amounts(bill)


HARMFUL = ("=cmd|' /C calc'!A0", "line\nbreak", "\x1b]52;c;aGFjaw==\x07", "nul\x00", "\u202etxt.exe")


async def test_hostile_text_is_refused_with_a_fix_or_booked_as_any_other(case: Case) -> None:
    first = make_bill(1).lines[0]
    bills = [make_bill(n, description=text) for n, text in enumerate(HARMFUL, 1)]
    for n, text in enumerate(HARMFUL, len(HARMFUL) + 1):
        bill = make_bill(n)
        bills.append(make_bill(n, lines=(first, msgspec.structs.replace(bill.lines[1], description=text))))
    outcomes = await case.connector.post(bills)
    booked = [bill for bill, outcome in zip(bills, outcomes, strict=True) if isinstance(outcome, Booked)]
    for outcome, text in zip(outcomes, HARMFUL * 2, strict=True):
        if isinstance(outcome, Refused):
            assert outcome.code
            assert any(word in spelled(outcome.fix) for word in ("rejects", "enter another"))
            assert text not in outcome.cause or text.startswith("=")
    assert len(outcomes) == len(bills)
    assert case.books() == amounts(*booked)


async def test_what_was_booked_without_a_reply_is_found_and_is_booked_once(case: Case) -> None:
    bills = [make_bill(1), make_bill(2)]
    await case.unheard(bills)
    found = await case.connector.find([*bills, make_bill(3)])
    assert [isinstance(answer, Booked) for answer in found] == [True, True, False]
    assert await case.another().post(bills) == found[:2]
    assert case.books() == amounts(*bills)


async def test_it_says_which_codes_it_has_one_fact_for_each(case: Case) -> None:
    for kind in Kind:
        told = await case.connector.known(kind, ["NO-SUCH", case.codes.get(kind, ""), "x\x00", HOSTILE])
        if kind not in case.codes:
            assert told is None
            continue
        assert told is not None
        assert [fact.known for fact in told] == [False, True, False, False]
        assert all(fact.kind is kind for fact in told)
        assert told[1].code == case.codes[kind]
        assert await case.connector.known(kind, []) == []
    assert case.books() == {}


async def test_it_says_what_was_paid_of_its_bills_and_of_no_others(case: Case) -> None:
    bills = [make_bill(n) for n in range(1, 4)]
    booked = [outcome for outcome in await case.connector.post(bills) if isinstance(outcome, Booked)]
    if not case.connector.profile.pays_back:
        told = [paid async for page in case.connector.payments([one.ref for one in booked]) for paid in page]
        assert told == []
        return
    expected = await case.paid(booked, bills)
    asked = [outcome.ref for outcome in booked]
    for connector in (case.connector, case.another()):
        told = [paid async for page in connector.payments([*asked, "no-such", ""]) for paid in page]
        assert {paid.bill: Decimal(paid.amount) for paid in told} == expected
        assert len({paid.ref for paid in told}) == len(told) and {paid.currency for paid in told} == {"USD"}
        assert all(date.fromisoformat(paid.day) for paid in told)
        assert [page async for page in connector.payments([])] in ([], [[]])


async def test_checking_finds_the_same_and_books_nothing(case: Case) -> None:
    found = await case.connector.check([make_bill(1), misfooted(2)])
    assert found[make_bill(1).key] == []
    assert found[make_bill(2).key][0].code == "totals.misfooted"
    assert case.books() == {}


async def test_it_knows_whether_a_bill_is_still_there(case: Case) -> None:
    [booked] = await case.connector.post([make_bill(1)])
    assert isinstance(booked, Booked)
    assert await case.connector.exists(booked.ref)
    assert not await case.connector.exists(booked.ref + "9")
    assert not await case.connector.exists("")


# -- listing ---------------------------------------------------------------------------------------------------

OCTOBER = Period(date(2026, 10, 1), date(2026, 10, 31), is_open=True)


async def listed(connector: Connector, period: Period = OCTOBER) -> list[ErpBill]:
    assert connector.profile.lists
    return [bill async for page in connector.bills(period) for bill in page]


async def test_it_lists_what_it_booked_with_key_reference_and_amounts(case: Case) -> None:
    bills = [make_bill(1), make_bill(2, gross="-1200.00", retainage="0.00", net="-1200.00",
             lines=(BillLine(1, "change_order_item", "03-300", "Credit", "-1200.00", "0.00"),))]  # fmt: skip
    outcomes = await case.connector.post(bills)
    refs = {outcome.key: outcome.ref for outcome in outcomes if isinstance(outcome, Booked)}
    for connector in (case.connector, case.another()):
        found = {bill.key: bill for bill in await listed(connector)}
        assert found == {
            bill.key: ErpBill(
                refs[bill.key], bill.key, bill.vendor, bill.number, bill.accounting_date, bill.currency, bill.gross,
                bill.retainage, bill.net,
            ) for bill in bills
        }  # fmt: skip


async def test_it_lists_the_days_of_the_period_and_no_others(case: Case) -> None:
    days = (date(2026, 10, 1), date(2026, 10, 15), date(2026, 10, 31))
    bills = [make_bill(n, accounting_date=day) for n, day in enumerate(days, 1)]
    await case.connector.post(bills)
    middle = Period(date(2026, 10, 2), date(2026, 10, 30), is_open=False)
    assert [bill.key for bill in await listed(case.connector, middle)] == [bills[1].key]
    assert len(await listed(case.connector)) == 3
    assert await listed(case.connector, Period(date(2026, 11, 1), date(2026, 11, 30), is_open=True)) == []


async def test_it_lists_many_in_pages_each_once(case: Case) -> None:
    bills = [make_bill(n, number=f"N-{n}") for n in range(1, case.many + 1)]
    for first in range(0, len(bills), case.at_once):
        await case.connector.post(bills[first : first + case.at_once])
    pages = [list(page) async for page in case.connector.bills(OCTOBER)]
    assert all(0 < len(page) <= 500 for page in pages) and len(pages) > 1
    assert sorted(bill.key or "" for page in pages for bill in page) == sorted(bill.key for bill in bills)


async def test_what_it_never_booked_it_does_not_list(case: Case) -> None:
    assert await listed(case.connector) == []
    await case.connector.post([misfooted(1), make_bill(2)])
    assert [bill.key for bill in await listed(case.connector)] == [make_bill(2).key]


async def test_many_at_once_from_two_processes_book_each_once(case: Case) -> None:
    bills = [make_bill(n) for n in range(1, 21)]
    both = await asyncio.gather(case.connector.post(bills), case.another().post(list(reversed(bills))))
    assert {o.key: o for o in both[0]} == {o.key: o for o in both[1]}
    assert case.books() == amounts(*bills)


async def test_closing_twice_is_no_harm(case: Case) -> None:
    await case.connector.close()
    await case.connector.close()
