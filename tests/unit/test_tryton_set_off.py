"""Payments of Tryton shared out between bills, by rows as it answers them: what a real one is not made to do in tests."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from erp.connectors.tryton_payments import _Settled

USD, EUR = 1, 2


def row(
    number: int, amount: str, *, move: int, day: int, group: int | None = 1, **changes: Any
) -> dict[str, Any]:
    """A line: a positive amount is a debit."""
    value = Decimal(amount)
    return {
        "id": number, "move": move, "date": date(2026, 11, day), "debit": max(value, Decimal(0)),
        "credit": max(-value, Decimal(0)), "second_currency": None, "amount_second_currency": None,
        "reconciliation": group, "journal.": {"name": "Cash", "type": "cash"}, **changes,
    }  # fmt: skip


def bill(number: int, *lines: int, paying: tuple[int, ...] = (), currency: int = USD) -> dict[str, Any]:
    return {
        "id": number, "currency": currency, "currency.": {"code": "USD" if currency == USD else "EUR", "digits": 2},
        "company.": {"currency": USD}, "lines_to_pay": list(lines), "payment_lines": list(paying),
    }  # fmt: skip


def told(settled: _Settled, of: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(paid.ref, paid.day[-2:], paid.amount) for paid in settled.of(of)]


def test_a_write_off_settles_the_rest_and_is_no_payment() -> None:
    off: dict[str, Any] = {"journal.": {"name": "Write-Off", "type": "write-off"}}
    rows = [row(1, "-100", move=1, day=1), row(2, "90", move=2, day=5), row(3, "10", move=3, day=5, **off)]
    assert told(_Settled(rows, {1}), bill(7, 1)) == [("7/2", "05", "90.00")]


def test_two_payments_of_three_bills_are_shared_out_by_their_days_to_the_cent() -> None:
    rows = [
        row(1, "-33.33", move=1, day=1), row(2, "-33.33", move=2, day=2), row(3, "-33.34", move=3, day=3),
        row(4, "50", move=4, day=6), row(5, "50", move=5, day=9),
    ]  # fmt: skip
    settled = _Settled(rows, {1, 2, 3})
    shares = [told(settled, bill(n, n)) for n in (1, 2, 3)]
    assert shares == [
        [("1/4", "06", "33.33")],
        [("2/4", "06", "16.67"), ("2/5", "09", "16.66")],
        [("3/5", "09", "33.34")],
    ]


def test_instalments_and_a_part_that_is_not_reconciled_are_one_bill_s() -> None:
    rows = [
        row(1, "-60", move=1, day=1), row(2, "-40", move=1, day=2, group=None), row(3, "60", move=2, day=5),
        row(4, "15", move=3, day=6, group=None), row(5, "9", move=4, day=6, group=8),
    ]  # fmt: skip
    # What was a payment of it and is settled elsewhere is none any more.
    assert told(_Settled(rows, {1}), bill(7, 1, 2, paying=(3, 4, 5))) == [
        ("7/3", "05", "60.00"),
        ("7/4", "06", "15.00"),
    ]


def test_a_refund_of_a_credit_is_negative_and_a_credit_that_settles_a_bill_is_no_payment() -> None:
    rows = [row(1, "20", move=1, day=1), row(2, "-20", move=2, day=5)]
    assert told(_Settled(rows, {1}), bill(7, 1)) == [("7/2", "05", "-20.00")]
    assert told(_Settled(rows, {1, 2}), bill(7, 1)) == []


def test_the_bill_s_currency_counts_and_a_line_without_an_amount_in_it_is_not_told() -> None:
    def foreign(amount: str) -> dict[str, Any]:
        return {"second_currency": EUR, "amount_second_currency": Decimal(amount)}

    rows = [
        row(1, "-110", move=1, day=1, **foreign("-100")), row(2, "112", move=2, day=5, **foreign("100")),
        row(3, "-2", move=3, day=5),
    ]  # fmt: skip
    assert told(_Settled(rows, {1}), bill(7, 1, currency=EUR)) == [("7/2", "05", "100.00")]
