from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.domain.errors import BadInput
from store.domain.money import LIMIT, decimals, hash_part, plain, show, to_decimal, to_minor


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [("1087.8", "USD", 108780), ("500.0", "USD", 50000), ("0", "USD", 0), ("-12.34", "USD", -1234),
     ("1200", "JPY", 1200), ("1200.0", "JPY", 1200), ("1.234", "KWD", 1234), ("98.5000", "USD", 9850)],
)  # fmt: skip
def test_amounts_are_read_exactly(text: str, currency: str, minor: int) -> None:
    assert to_minor(text, currency) == minor


@pytest.mark.parametrize(
    "text", ["", "abc", "1,200.00", "$5", "1e3", "NaN", "Infinity", "12.345", "--1", "1 2", "１２"]
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        to_minor(text, "USD")


@pytest.mark.parametrize(
    "value",
    [
        "0.00" + "9" * 40,
        "1." + "0" * 60 + "1",
        pytest.param("9" * 5000, id="long text"),
        pytest.param(10**5000, id="long number"),
        Decimal("1E+999999"),
        Decimal("1E-999999"),
        Decimal("-Infinity"),
        Decimal("sNaN"),
    ],
)
def test_more_digits_than_an_amount_has_are_refused_and_never_rounded(value: str | int | Decimal) -> None:
    with pytest.raises(BadInput) as caught:
        to_minor(value, "USD")
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("value", "minor"),
    [("1." + "0" * 60, 100), ("0" * 60 + "1", 100), ("-0." + "0" * 60, 0), (Decimal("0E+999999"), 0),
     (Decimal("1E+3"), 100_000), ("10000000000.00", LIMIT)],
)  # fmt: skip
def test_zeros_say_nothing(value: str | Decimal, minor: int) -> None:
    assert to_minor(value, "USD") == minor


@given(
    st.integers(-(10**30), 10**30),
    st.integers(-40, 40),
    st.sampled_from(["USD", "JPY", "KWD"]),
)
def test_an_amount_is_exact_or_refused(digits: int, exponent: int, currency: str) -> None:
    exact = Fraction(digits) * Fraction(10) ** (exponent + decimals(currency))
    number = Decimal(f"{digits}E{exponent}")
    if exact.denominator == 1 and abs(exact) <= LIMIT:
        assert to_minor(number, currency) == exact
    else:
        with pytest.raises(BadInput):
            to_minor(number, currency)


@pytest.mark.parametrize("code", ["", "usd", "US", "USDX", "ÄÖÜ", "US\n"])
def test_a_currency_is_three_capital_letters(code: str) -> None:
    with pytest.raises(BadInput, match="three capital letters"):
        decimals(code)
    assert (decimals("USD"), decimals("JPY"), decimals("KWD"), decimals("QQQ")) == (2, 0, 3, 2)


def test_floats_are_refused() -> None:
    with pytest.raises(BadInput):
        to_minor(1.5, "USD")  # type: ignore[arg-type] # what its type forbids is the test


def test_a_currency_without_decimals_takes_none() -> None:
    with pytest.raises(BadInput, match="too many decimals"):
        to_minor("1.5", "JPY")


@given(st.integers(-(10**12), 10**12), st.sampled_from(["USD", "JPY", "KWD"]))
def test_minor_units_survive_the_way_out_and_back(minor: int, currency: str) -> None:
    assert to_minor(plain(minor, currency), currency) == minor
    assert to_minor(to_decimal(minor, currency), currency) == minor


def test_negatives_stand_in_parentheses() -> None:
    assert show(-120000, "USD") == "(1,200.00)"
    assert show(120000, "USD") == "1,200.00"
    assert show(1234, "JPY") == "1,234"
    assert to_decimal(5, "USD") == Decimal("0.05")


@pytest.mark.parametrize(
    ("number", "part"),
    [("101-007", 101007), ("", 0), ("ABC", 0), ("2026-10-DELTA-0007", 26_100_007), ("１２3", 3)],
)
def test_the_hash_takes_the_last_nine_ascii_digits(number: str, part: int) -> None:
    assert hash_part(number) == part
