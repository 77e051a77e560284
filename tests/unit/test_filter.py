from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.domain.filter import BadFilter, Term, parse


def test_words_and_terms() -> None:
    assert parse('drywall job:24-101 -vendor:bell "apex dry"') == (
        Term("", "drywall"), Term("job", "24-101"), Term("vendor", "bell", negated=True), Term("", "apex dry"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("net>10k", Term("net", low=Decimal(10000), strict=True)),
        ("net>=10", Term("net", low=Decimal(10))),
        ("gross<1.5m", Term("gross", high=Decimal("1500000.0"), strict=True)),
        ("gross:10k..50k", Term("gross", low=Decimal(10000), high=Decimal(50000))),
        ("gross:..50", Term("gross", high=Decimal(50))),
        ("net:12,450.00", Term("net", low=Decimal("12450.00"), high=Decimal("12450.00"))),
        ("net<0.00" + "9" * 30 + "k", Term("net", high=Decimal("9." + "9" * 29), strict=True)),
        ("net<-5", Term("net", high=Decimal(-5), strict=True)),
    ],
)
def test_amounts(text: str, term: Term) -> None:
    assert parse(text) == (term,)


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("drywall colour:red", 8),
        ("net>abc", 0),
        ('x "open', 2),
        ("vendor:", 0),
        ("a vendor>x", 2),
        ("a net>" + "9" * 50, 2),
        ("a\x00b", 0),
        ("a vendor:\ud800", 2),
    ],
)
def test_an_error_points_at_the_word(text: str, position: int) -> None:
    with pytest.raises(BadFilter) as caught:
        parse(text)
    assert caught.value.position == position


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        terms = parse(text)
    except BadFilter as error:
        assert 0 <= error.position < len(text)
    else:
        assert bool(terms) == bool(text.strip())
