"""The next application: what it takes over, its retainage, number and period."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.domain import drafting
from store.domain.drafting import Scheduled
from store.domain.errors import BadInput
from store.domain.invoice import CHANGE_ORDER_ITEM, CONTRACT_ITEM, Line, foot, summarize

SCHEDULE = [
    Scheduled("1", CONTRACT_ITEM, "03-300", "Concrete", 1_000_000, 200_000, 50_000, 25_000),
    Scheduled("2", CONTRACT_ITEM, "09-250", "Drywall", 500_000),
]
LINE = Line(
    1,
    "1",
    CONTRACT_ITEM,
    "03-300",
    "Concrete",
    1_000_000,
    100_000,
    40_000,
    7_000,
    5_000,
    2_000,
    103_000,
    4_000,
    500,
    9_000,
)


def test_the_first_application_begins_at_the_opening_balance() -> None:
    first, second = drafting.first_lines(SCHEDULE)
    assert (first.work_before, first.stored_now, first.total_before, first.retainage_before) == (
        200_000,
        50_000,
        250_000,
        25_000,
    )
    assert (second.total, second.total_before) == (0, 0)
    assert foot((first, second), {}, "USD") == []
    assert summarize((first, second)).gross == 0


def test_what_follows_an_application_of_unknown_retainage_does_not_foot() -> None:
    made = drafting.next_lines([replace(LINE, retainage_before=None)], SCHEDULE[:1])
    assert "the previous application is unknown" in foot(made, {}, "USD")[0]


def test_the_next_one_begins_where_the_previous_one_ended() -> None:
    # This one is of another value by now, and the second line is new.
    today = [
        replace(SCHEDULE[0], scheduled=1_100_000),
        SCHEDULE[1],
        Scheduled("CO", CHANGE_ORDER_ITEM, "", "More", 9_000),
    ]
    made = drafting.next_lines([LINE], today)
    assert [line.item for line in made] == ["1", "2", "CO"]
    first = made[0]
    assert (first.work_before, first.work_now, first.stored_now, first.total) == (
        140_000,
        0,
        7_000,
        LINE.total,
    )
    assert (first.total_before, first.retainage_before, first.scheduled) == (147_000, 12_500, 1_100_000)
    assert [line.position for line in made] == [1, 2, 3]
    assert foot(made, {}, "USD") == [] and summarize(made).gross == 0


def test_details_of_a_contract_line_are_not_billed_beside_the_line_itself() -> None:
    detail = replace(LINE, item="1.1")
    made = drafting.next_lines([detail], [*SCHEDULE, Scheduled("CO", CHANGE_ORDER_ITEM, "", "More", 9_000)])
    assert [line.item for line in made] == ["1.1", "CO"]


@given(
    st.integers(-10**9, 10**9), st.integers(0, 10**9), st.integers(0, 10**8), st.integers(0, 10_000), st.integers(-10**9, 10**9)
)  # fmt: skip
def test_retainage_at_the_rate_always_foots(
    work: int, before: int, retained: int, rate: int, scheduled: int
) -> None:
    retained = min(retained, before)
    line = replace(
        LINE, scheduled=scheduled, work_before=before, work_now=work, stored_now=0, stored_before=0, moved=0,
        total_before=before, held=0, released=0, retainage_before=retained,
    )  # fmt: skip
    made = replace(line, held=drafting.at_rate(line, rate))
    assert foot([made], {}, "USD") == []


@pytest.mark.parametrize(
    ("work", "rate", "held"),
    [(10_005, 1_000, 1_001), (10_004, 1_000, 1_000), (-2_000, 1_000, -200), (1, 5_000, 1), (999, 0, 0)],
)
def test_half_a_unit_of_retainage_goes_up(work: int, rate: int, held: int) -> None:
    line = replace(
        LINE, work_before=103_000, work_now=work, stored_now=5_000, total_before=108_000, moved=0, released=0
    )
    assert drafting.at_rate(line, rate) == held


@pytest.mark.parametrize(
    ("number", "following"),
    [
        ("101-007", "101-008"),
        ("INV 99", "INV 100"),
        ("A-099", "A-100"),
        ("FINAL", ""),
        ("1\u0663", ""),
        ("9" * 30, ""),
    ],
)
def test_a_number_counts_on(number: str, following: str) -> None:
    assert drafting.next_number(number) == following


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-11", ("2026-10-26", "2026-11-25")),
        ("2026-02", ("2026-02-01", "2026-02-28")),
        (" 2026-11-01 to 2026-11-30 ", ("2026-11-01", "2026-11-30")),
        ("2026-11-01..2026-11-15", ("2026-11-01", "2026-11-15")),
    ],
)
def test_a_period_is_a_month_or_two_days(text: str, found: tuple[str, str]) -> None:
    assert drafting.period(text, [("2026-10-26", "2026-11-25")]) == found


@pytest.mark.parametrize(
    "text", ["", "2026-13", "2026", "2026-11-30 to 2026-11-01", "2026-W01-1 to 2026-11-01", "0000-01", "x"]
)
def test_what_is_no_period_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        drafting.period(text)


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ("1,234.5", 123_450),
        ("(20.00)", -2_000),
        (" 7 ", 700),
        ("-3.10", -310),
        ("+1,000", 100_000),
        (".5", 50),
        ("7.", 700),
    ],
)
def test_amounts_as_people_type_them(text: str, minor: int) -> None:
    assert drafting.amount(text, "USD") == minor


@pytest.mark.parametrize(
    "text", ["1,5", "12,34.00", "1.234,50", "(1", "--1", "", "1e3", "(-5", "(-5)", ".", "1,23456"]
)
def test_what_is_no_amount_is_not_guessed(text: str) -> None:
    with pytest.raises(BadInput):
        drafting.amount(text, "USD")


def test_behind_the_last_month_there_is_none() -> None:
    assert drafting.month_after("2026-12-05") == ("2027-01-01", "2027-01-31")
    assert drafting.month_after("9999-12-31") == ("9999-12-01", "9999-12-31")
