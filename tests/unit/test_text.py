import pytest
from hypothesis import given
from hypothesis import strategies as st
from invoice_factory import HOSTILE

from store.domain.text import fold, one_line, safe, spreadsheet, storable

UNSAFE = [chr(c) for c in (*range(0x20), *range(0x7F, 0xA0), 0xAD, 0x61C, *range(0x200B, 0x2010), 0x2028, 0x2029,
                           *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF, 0xD800, 0xDFFF)]  # fmt: skip


@pytest.mark.parametrize("char", UNSAFE)
def test_every_dangerous_character_becomes_visible(char: str) -> None:
    shown = safe(f"a{char}b")
    assert char not in shown
    assert shown.startswith("a") and shown.endswith("b") and len(shown) > 3


@given(st.text())
def test_safe_is_idempotent_and_keeps_what_is_harmless(text: str) -> None:
    once = safe(text)
    assert safe(once) == once
    assert not set(once) & set(UNSAFE)


def test_the_words_are_those_of_less() -> None:
    assert safe("\x1b]52;c\x07") == "^[]52;c^G"
    assert safe("\u202eabc") == "<202E>abc"
    assert safe("Smith [/] & Co 建設") == "Smith [/] & Co 建設"


def test_lines_stay_lines_where_asked() -> None:
    assert safe("a\nb\x1b", lines=True) == "a\nb^["
    assert safe("a\nb") == "a^Jb"


def test_a_hostile_name_fits_one_line() -> None:
    assert "\n" not in one_line("a\r\nBcc: x@y") and "\x1b" not in one_line(HOSTILE)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_a_spreadsheet_does_not_run_it(text: str) -> None:
    assert spreadsheet(text).startswith("'")


def test_what_no_database_holds_is_told() -> None:
    assert storable("建設 \x1b") and not storable("a\x00") and not storable("\ud800")


@pytest.mark.parametrize(
    ("one", "other"),
    [("ÄRGER", "ärger"), ("Straße", "STRASSE"), ("ﬁn", "FIN"), ("Ｋ１", "k1"), ("SC-1", "sc-1")],
)
def test_searching_folds_case_and_compatible_characters(one: str, other: str) -> None:
    assert fold(one) == fold(other)
    assert fold(fold(one)) == fold(one)
