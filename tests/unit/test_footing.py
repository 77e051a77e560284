from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from store.domain.invoice import CHANGE_ORDER_ITEM, CONTRACT_ITEM, Line, foot, summarize

cents = st.integers(-(10**9), 10**9)


@st.composite
def lines(draw: st.DrawFn) -> Line:
    stored_before, moved, now, stored_now = (draw(cents) for _ in range(4))
    work_done, before = draw(cents), draw(cents)
    return Line(
        position=draw(st.integers(1, 99)), item="i", item_type=draw(st.sampled_from([CONTRACT_ITEM, CHANGE_ORDER_ITEM])),
        cost_code="03-300", description="x", scheduled=draw(cents), work_before=work_done + moved, work_now=now,
        stored_now=stored_now, stored_before=stored_before, moved=moved, total_before=work_done + stored_before,
        held=draw(cents), released=draw(cents), retainage_before=before,
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
        assert "gross says" in foot([bad, *own[1:]], claims, "USD")[0]
    else:
        assert len(found) == 1 and found[0].startswith(f"line {bad.position}:")


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
