"""What a number says without case, leading zeros and punctuation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.domain.likeness import LONGEST, number_key, same_amount
from store.domain.text import fold

WORD = st.text("abcXYZ", min_size=1, max_size=4)
NUMBER = st.integers(0, 10**6)
GAP = st.sampled_from(["-", "/", ".", " ", "_", "#", " - ", "\u2013", "\u2019"])


@pytest.mark.parametrize(
    "numbers",
    [
        ("INV-0012", "inv 12", "Inv.012", "INV12", "inv#00012"),
        ("24-112", "24/0112", "024.112", "24 112"),
        ("007", "7", "0007.", "(7)"),
        ("0", "00", "000"),
        ("ÉT-1", "ét 01", "E\u0301T1"),
        ("Ａ-１", "a1", "A-01"),
        ("\u0661\u0662", "12", "012"),
        ("straße 9", "STRASSE-9"),
    ],
)
def test_these_are_alike(numbers: tuple[str, ...]) -> None:
    assert len({number_key(number) for number in numbers}) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("24-112", "241-12"),
        ("24-112", "24112"),
        ("100", "10"),
        ("1-10", "1-1"),
        ("INV-12", "12"),
        ("INV-12", "INV-12A"),
        ("1.5", "15"),
        ("-", "--"),
        ("का", "कि"),
    ],
)
def test_these_are_others(one: str, other: str) -> None:
    assert number_key(one) != number_key(other)


@given(WORD, NUMBER, NUMBER, GAP, GAP, st.integers(0, 3), st.integers(0, 3))
def test_zeros_case_and_what_stands_between_do_not_matter(
    word: str, one: int, two: int, gap: str, other: str, zeros: int, more: int
) -> None:
    written = f"{word}{gap}{one}{gap}{two}"
    again = f" {word.swapcase()}{other}{'0' * zeros}{one}{other}{'0' * more}{two}."
    assert number_key(written) == number_key(again)


@given(st.lists(st.tuples(NUMBER, NUMBER), min_size=2, max_size=2, unique=True))
def test_other_numbers_are_never_alike(pairs: list[tuple[int, int]]) -> None:
    first, second = (number_key(f"{a}-{b}") for a, b in pairs)
    assert first != second


@given(st.text(max_size=600))
def test_any_text_has_a_key_that_a_database_can_index(number: str) -> None:
    assert len(number_key(number)) <= LONGEST
    if fold(number) == fold(number.upper()):
        assert number_key(number) == number_key(number.upper())


def test_a_release_alone_is_compared_by_its_net() -> None:
    assert (same_amount(500, 450), same_amount(0, 50), same_amount(0, 0)) == (500, 50, 0)
