from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.domain.completing import Choice, Completing, complete_at, fixed_choices
from store.domain.filter import (
    KEYS,
    STATUSES,
    TERMS_MOST,
    VALUE_MOST,
    BadFilter,
    Term,
    parse,
    quoted,
    word_end,
)


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
        ("a -", 2),
        ('""', 0),
        ("a colour:", 2),
        ("a period:2026-13", 2),
        ("acct:2026-02-30", 0),
        ("acct:2026-00", 0),
        ("period:none", 0),
        ("acct>none", 0),
        ("acct:2026-11..2026-13", 0),
        ("a status:broken", 2),
        ("status>ready", 0),
        ("flag:DX", 0),
        ("age>1.5", 0),
        ("age:30..abc", 0),
        ("age:..", 0),
        ("batch:x", 0),
        ("batch:3..-4", 0),
        ("a batch:" + "9" * 19, 2),
        ("net:..", 0),
        ("a " + "x" * (VALUE_MOST + 1), 2),
        ("x " * TERMS_MOST + "y", 2 * TERMS_MOST),
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


@given(st.text(alphabet='-"\\:.<>=0129kDany ' + "netfagcpriodusjb\x1b\xa0", max_size=40))
def test_any_text_of_the_languages_own_characters_is_read_or_refused(text: str) -> None:
    test_any_text_is_read_or_refused.hypothesis.inner_test(text)  # type: ignore[attr-defined] # Hypothesis's own handle


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("period:2026-10", Term("period", first="2026-10-01", last="2026-10-31")),
        ("period:2026-02..2026-11", Term("period", first="2026-02-01", last="2026-11-30")),
        ("period:2024-02", Term("period", first="2024-02-01", last="2024-02-29")),
        ("period:2026", Term("period", first="2026-01-01", last="2026-12-31")),
        ("acct:2026-10-05", Term("acct", first="2026-10-05", last="2026-10-05")),
        ("acct:..2026-10-05", Term("acct", last="2026-10-05")),
        ("acct:2026-10-05..", Term("acct", first="2026-10-05")),
        ("acct>2026-10", Term("acct", first="2026-10-31", strict=True)),
        ("acct>=2026-10", Term("acct", first="2026-10-01")),
        ("acct<2026-10", Term("acct", last="2026-10-01", strict=True)),
        ("acct<=2026-10", Term("acct", last="2026-10-31")),
        ("-ACCT:None", Term("acct", "none", negated=True)),
        ("age>30", Term("age", low=Decimal(30), strict=True)),
        ("age:30..60", Term("age", low=Decimal(30), high=Decimal(60))),
        ("batch:118", Term("batch", "118", low=Decimal(118), high=Decimal(118))),
        ("batch:117..", Term("batch", "117..", low=Decimal(117))),
        ("status:failed", Term("status", "failed_to_export")),
        ('status:"Ready to Export"', Term("status", "ready_to_export")),
        ("status:under_review", Term("status", "under_review")),
        ("status:rejected", Term("status", "rejected")),
        ("flag:ohd", Term("flag", "DHO")),
        ("flag:ANY", Term("flag", "any")),
        ("is:held", Term("flag", "H")),
        ("-IS:Over-Limit", Term("flag", "L", negated=True)),
        ("sent-by:maria", Term("sent-by", "maria")),
        (r'"say \"x\" \\ \n"', Term("", r'say "x" \ \n')),
        (r"vendor:a\b\\", Term("vendor", r"a\b\\")),
        ('5"pipe', Term("", '5"pipe')),
        ('"job:24"', Term("", "job:24")),
        ("24-101", Term("", "24-101")),
    ],
)
def test_values_of_every_kind(text: str, term: Term) -> None:
    assert parse(text) == (term,)


def test_every_status_the_error_names_is_read() -> None:
    with pytest.raises(BadFilter) as caught:
        parse("status:zzz")
    named = caught.value.fix.removeprefix("Use one of: ").split(", ")
    assert named == list(STATUSES)
    assert [parse(f"status:{name}")[0].text for name in named] == list(STATUSES.values())


@given(st.text(min_size=1, max_size=40))
def test_a_quoted_value_is_read_as_it_was(value: str) -> None:
    try:
        terms = parse(f"vendor:{quoted(value)}"), parse(f"-{quoted(value)}"), parse(quoted(value))
    except BadFilter as error:
        assert "no invoice has" in error.what
    else:
        assert terms == (
            (Term("vendor", value),), (Term("", value, negated=True),), (Term("", value),),
        )  # fmt: skip


# -- while it is typed -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "net>10k vendor:apex", 'vendor:"two words" -gross:10.5k..50k', "-period:2026-09..2026-11", "acct:none",
        "acct>=2026-12-31", "age:30..60 flag:any", "batch:117..118", "status:failed", "-flag:none", r'"a \" b"',
        "sent-by:maria ref:B-1 error:cost", "net<-5 x", "is:over-limit x",
    ],
)  # fmt: skip
def test_while_a_good_filter_is_typed_nothing_alarms(text: str) -> None:
    parse(text)
    for end in range(len(text)):
        try:
            parse(text[:end])
        except BadFilter as error:
            assert error.unfinished, text[:end]


@pytest.mark.parametrize(
    "text",
    [
        "net>x", "colour:", "status:foo", "period:2026-13", "period:2026-10-4", "period:2026-10-32", "flag:x",
        "batch:-", "age>1.5", "net> x", "- x", "vendor>", "acct:2026-1..2026-12", "status:re ", "is:x", "is>held",
    ],
)  # fmt: skip
def test_what_can_only_be_wrong_alarms_at_once(text: str) -> None:
    with pytest.raises(BadFilter) as caught:
        parse(text)
    assert not caught.value.unfinished


@given(st.text(max_size=30), st.integers(0, 40))
def test_a_word_ends_within_the_text(text: str, position: int) -> None:
    assert word_end(text, position) <= len(text)


def test_the_word_at_fault_ends_behind_its_quotes() -> None:
    assert word_end('a net:"x y" b', 2) == 11


# -- completion --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "cursor", "expected"),
    [
        ("", 0, Completing("", "", 0, 0)),
        ("ven", 3, Completing("", "ven", 0, 3)),
        ("a -ven", 6, Completing("", "ven", 3, 6)),
        ("a ", 2, Completing("", "", 2, 2)),
        ("vendor:", 7, Completing("vendor", "", 7, 7)),
        ("vendor:ap x", 9, Completing("vendor", "ap", 7, 9)),
        ('vendor:"apex d', 14, Completing("vendor", "apex d", 7, 14)),
        ('vendor:"apex d"', 15, Completing("vendor", "apex d", 7, 15)),
        ('x "apex d', 9, Completing("", "apex d", 2, 9)),
        ("period:2026-09..20", 18, Completing("period", "20", 16, 18)),
        ("batch:1..", 9, Completing("batch", "", 9, 9)),
        ("vendor:apex", 9, None),
        ("net>1", 5, None),
        ("age:3", 5, None),
        ("colour:r", 8, None),
        ("-", 1, Completing("", "", 1, 1)),
    ],
)
def test_what_stands_before_the_cursor_is_completed(
    text: str, cursor: int, expected: Completing | None
) -> None:
    assert complete_at(text, cursor) == expected


@given(st.text(alphabet='-":. vendor\\29', max_size=20), st.integers(0, 20))
def test_what_is_completed_lies_before_the_cursor(text: str, cursor: int) -> None:
    cursor = min(cursor, len(text))
    at = complete_at(text, cursor)
    assert at is None or 0 <= at.start <= at.end == cursor


def test_keys_statuses_and_flags_are_completed_without_books() -> None:
    assert [c.insert for c in fixed_choices(Completing("", "re", 0, 2))] == ["retainage:", "ref:"]
    assert [c.insert for c in fixed_choices(Completing("", "", 0, 0))] == [f"{key}:" for key in KEYS]
    assert [c.insert for c in fixed_choices(Completing("status", "p", 0, 1))] == [
        "parked",
        "pending-owner-approval",
    ]
    assert fixed_choices(Completing("flag", "d", 0, 1)) == [Choice("D", "D duplicate")]
    assert fixed_choices(Completing("acct", "n", 0, 1)) == [Choice("none", "none")]
    assert fixed_choices(Completing("vendor", "a", 0, 1)) == []
