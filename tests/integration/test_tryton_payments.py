"""What a real Tryton says was paid: in parts, in full, taken back, one payment of several bills, other currencies."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from export_case import make_bill
from tryton_case import Connect, booked, one_line
from tryton_paying import pay, pay_together, take_back
from tryton_server import Tryton as Server

from erp.connectors.tryton import Tryton
from store.domain.knowing import Fact, Kind, Paid

pytest_plugins = ["tryton_case"]
pytestmark = pytest.mark.xdist_group("tryton")


async def told(connector: Tryton, *refs: str) -> list[Paid]:
    return [paid async for page in connector.payments(refs) for paid in page]


def sums(payments: list[Paid]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for paid in payments:
        found[paid.bill] = found.get(paid.bill, Decimal(0)) + Decimal(paid.amount)
    return found


async def test_a_bill_is_paid_in_parts_and_a_payment_that_is_taken_back_is_not_told(
    tryton: Server, connect: Connect
) -> None:
    connector, clerk = connect(), connect()
    first, second = await booked(connector, make_bill(1)), await booked(connector, make_bill(2))
    assert await told(connector, first, second) == []
    await pay(clerk, first, "40.00", date(2026, 11, 5))
    [part] = await told(connector, first, second)
    assert (part.bill, part.day, part.amount, part.currency, part.method) == (
        first,
        "2026-11-05",
        "40.00",
        "USD",
        "Cash",
    )
    await pay(clerk, first, "51.01", date(2026, 11, 9))
    assert tryton.sql("SELECT state FROM account_invoice WHERE id = %s", int(first)) == [("paid",)]
    both = await told(connector, first, second)
    assert both[0] == part and [paid.amount for paid in both] == ["40.00", "51.01"]
    await take_back(clerk, both[1].ref)
    assert await told(connector, first, second) == [part]
    await take_back(clerk, part.ref)
    assert await told(connector, first) == []


async def test_one_payment_of_several_bills_and_a_credit_is_shared_out_exactly(
    tryton: Server, connect: Connect
) -> None:
    connector, clerk = connect(), connect()
    first, second = await booked(connector, make_bill(1)), await booked(connector, make_bill(2))
    credit = await booked(connector, one_line("-20.00", number="CR-1", key=make_bill(3).key))
    # Of 91.01 and 91.02 less the credit.
    await pay_together(clerk, [first, second, credit], "162.03", date(2026, 11, 5))
    paid = await told(connector, first, second, credit)
    assert sum(sums(paid).values()) == Decimal("162.03")
    assert all(Decimal(each.amount) > 0 for each in paid) and len({each.ref for each in paid}) == len(paid)
    assert sums(await told(connector, second)) == {second: sums(paid)[second]}


async def test_payments_in_another_currency_are_told_in_it(connect: Connect) -> None:
    currency, gross, part = "KWD", "90.005", "30.001"
    connector, clerk = connect(), connect()
    bill = await booked(connector, one_line(gross, kept="0", currency=currency))
    await pay(clerk, bill, part, date(2026, 11, 5))
    rest = f"{Decimal(gross) - Decimal(part)}"
    await pay(clerk, bill, rest, date(2026, 12, 5))
    paid = await told(connector, bill)
    assert [(each.amount, each.currency) for each in paid] == [(part, currency), (rest, currency)]


async def test_a_cancelled_bill_and_what_is_none_were_not_paid(tryton: Server, connect: Connect) -> None:
    connector = connect()
    bill = await booked(connector, make_bill(1))
    await connector._write("cancel", [int(bill)])
    assert await told(connector, bill, "", "no-such", "-1", "99999999999", "٣") == []


async def test_a_closed_account_and_a_changed_party_are_not_known_any_more(
    tryton: Server, connect: Connect
) -> None:
    connector = connect()
    assert await connector.known(Kind.ACCOUNT, ["03-300"]) == [
        Fact(Kind.ACCOUNT, "03-300", True, "Cost 03-300")
    ]
    tryton.sql("UPDATE account_account SET closed = true WHERE code = '03-300'")
    assert await connector.known(Kind.ACCOUNT, ["03-300"]) == [Fact(Kind.ACCOUNT, "03-300", False)]
    assert await connector.known(Kind.VENDOR, ["V-2"]) == [
        Fact(Kind.VENDOR, "V-2", True, "Brook Concrete Inc")
    ]
    many = [f"N-{n}" for n in range(1200)]
    facts = await connector.known(Kind.VENDOR, [*many, "V-1"])
    assert facts is not None and [fact.code for fact in facts if fact.known] == ["V-1"] and len(facts) == 1201
