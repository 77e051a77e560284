from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.domain.invoice import CHANGE_ORDER_ITEM, CONTRACT_ITEM, Line, foot, summarize
from store.domain.money import show

cents = st.integers(-(10**9), 10**9)


def part(draw: st.DrawFn, whole: int) -> int:
    """Some part of an amount, from nothing to all of it."""
    return draw(st.integers(min(whole, 0), max(whole, 0)))


@st.composite
def lines(draw: st.DrawFn) -> Line:
    stored_before, moved, now, stored_now = (draw(cents) for _ in range(4))
    work_done, released = draw(cents), draw(cents)
    total_before = work_done + stored_before
    before = part(draw, total_before)
    held = part(draw, work_done + moved + now + stored_now) - before + released
    return Line(
        position=draw(st.integers(1, 99)), item="i", item_type=draw(st.sampled_from([CONTRACT_ITEM, CHANGE_ORDER_ITEM])),
        cost_code="03-300", description="x", scheduled=draw(cents), work_before=work_done + moved, work_now=now,
        stored_now=stored_now, stored_before=stored_before, moved=moved, total_before=total_before,
        held=held, released=released, retainage_before=before,
    )  # fmt: skip


@given(st.lists(lines(), min_size=1, max_size=6))
def test_a_consistent_invoice_foots_and_line_8_is_gross_less_retainage(own: list[Line]) -> None:
    assert foot(own, {}, "USD") == []
    summary = summarize(own)
    assert summary.earned_less_retainage - summary.previous_certificates == summary.net


@given(
    st.lists(lines(), min_size=1, max_size=4),
    st.sampled_from(["work_now", "stored_before", "moved", "total_before"]),
)
def test_one_cent_off_in_a_line_is_found_with_both_figures(own: list[Line], column: str) -> None:
    bad = replace(own[0], **{column: getattr(own[0], column) + 1})
    found = foot([bad, *own[1:]], {}, "USD")
    if column == "work_now":
        # This period alone moves both sides alike; the claims of the whole find it.
        claims = {"gross": summarize(own).gross}
        faults = foot([bad, *own[1:]], claims, "USD")
        # Where the cent takes the line below what it holds back, its own fault is told first.
        assert "gross says" in faults[0] or faults[0].startswith(f"line {bad.position}: retainage to date")
    else:
        assert found and found[0].startswith(f"line {bad.position}: completed to date")


@given(st.lists(lines(), min_size=1, max_size=4))
def test_one_cent_off_in_a_claim_is_found(own: list[Line]) -> None:
    summary = summarize(own, tax=5)
    good = {"total_retainage": summary.retainage_to_date, "current_payment_due": summary.net + 5}
    assert foot(own, good, "USD", 5) == []
    assert len(foot(own, good | {"total_retainage": good["total_retainage"] + 1}, "USD", 5)) == 1


def test_an_unknown_previous_application_is_said() -> None:
    line = Line(1, "i", CONTRACT_ITEM, "c", "x", 100, 0, 10, 0, 0, 0, None, 0, 0, 0)
    assert "previous application is unknown" in foot([line], {}, "USD")[0]


def test_an_invoice_without_lines_does_not_foot() -> None:
    assert foot([], {}, "USD") == ["it has no lines"]


def test_overbilling_follows_the_sign_of_the_scheduled_value() -> None:
    line = Line(1, "i", CHANGE_ORDER_ITEM, "c", "x", -100, 0, -101, 0, 0, 0, 0, 0, 0, 0)
    assert line.overbilled and not replace(line, work_now=-100).overbilled


def kept(total_before: int, now: int, held: int, released: int, before: int) -> Line:
    return Line(
        1, "i", CONTRACT_ITEM, "c", "x", 0, total_before, now, 0, 0, 0, total_before, held, released, before
    )


@pytest.mark.parametrize(
    "line",
    [
        kept(0, 1_620_000, 1_620_000, 0, 0),  # everything is kept
        kept(1_620_000, 0, 0, 162_000, 162_000),  # everything is released
        kept(1_620_000, -500_000, -50_000, 0, 162_000),  # a credit takes its share of the retainage along
        kept(-100_000, -50_000, -5_000, 0, -10_000),  # deductive: both are negative
        kept(-100_000, 100_000, 10_000, 0, -10_000),
    ],
)
def test_retainage_within_the_completed_amount_foots(line: Line) -> None:
    assert foot([line], {}, "USD") == []


@pytest.mark.parametrize(
    ("line", "when", "figures"),
    [
        (kept(0, 1_620_000, 0, 9_999_900, 0), "to date", (-9_999_900, 1_620_000)),
        (kept(0, 1_620_000, 9_999_900, 0, 0), "to date", (9_999_900, 1_620_000)),
        (kept(1_620_000, 0, 0, 162_001, 162_000), "to date", (-1, 1_620_000)),
        (kept(1_620_000, -1_500_000, 0, 0, 162_000), "to date", (162_000, 120_000)),
        (kept(-100_000, -50_000, 5_000, 0, 0), "to date", (5_000, -150_000)),
        (kept(1_620_000, 0, 0, 9_999_900, 9_999_900), "before", (9_999_900, 1_620_000)),
    ],
)
def test_retainage_beyond_the_completed_amount_is_found_with_both_figures(
    line: Line, when: str, figures: tuple[int, int]
) -> None:
    [sentence] = foot([line], {}, "USD")
    retained, done = (show(figure, "USD") for figure in figures)
    assert sentence == (
        f"line 1: retainage {when} comes to {retained}, which is not between 0.00 and the {done} completed {when}"
    )


def test_one_line_cannot_release_what_another_holds() -> None:
    full, empty = kept(1_620_000, 0, 0, 0, 162_000), replace(kept(0, 0, 0, 162_000, 0), position=2)
    assert [sentence[:7] for sentence in foot([full, empty], {}, "USD")] == ["line 2:"]
