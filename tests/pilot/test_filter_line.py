"""The filter box: Tab completes in its turn, Right takes what is dim, hostile names come in harmless."""

from __future__ import annotations

import pytest
from hand import HOSTILE, Start

from store.choices import harmless
from store.domain.errors import StoreError
from store.domain.text import safe
from tui.widgets.filter_line import FilterLine

HOSTILE_PART = harmless(HOSTILE)


async def test_tab_completes_keys_then_names_and_the_list_follows(start: Start) -> None:
    async with start() as hand:
        box = hand.invoices.query_one(FilterLine).box
        await hand.press("slash", *"ven", "tab")
        assert box.value == "vendor:"
        await hand.press(*"be", "tab")
        assert box.value == 'vendor:"Bell Mechanical"'
        assert hand.listed() == ["R-01", "R-04", "R-07"]
        assert box.has_focus
        await hand.press("enter")
        assert hand.invoices.table.has_focus


async def test_tab_goes_through_the_choices_and_back_to_what_was_typed(start: Start) -> None:
    async with start() as hand:
        box = hand.invoices.query_one(FilterLine).box
        await hand.press("slash", *"status:p")
        values = []
        for _ in range(4):
            await hand.press("tab")
            values.append(box.value)
        assert values == ["status:parked", "status:pending-owner-approval", "status:p", "status:parked"]
        await hand.says("1 of 2: parked | pending-owner-approval")
        await hand.press("shift+tab")
        assert box.value == "status:p"
        await hand.press("shift+tab")
        assert box.value == "status:pending-owner-approval"
        assert box.cursor_position == len(box.value)


async def test_a_word_in_the_middle_is_completed_where_it_stands(start: Start) -> None:
    async with start() as hand:
        box = hand.invoices.query_one(FilterLine).box
        await hand.press("slash", *"vendor:be net>1", *["left"] * 6, "tab")
        assert box.value == 'vendor:"Bell Mechanical" net>1'
        assert box.cursor_position == len('vendor:"Bell Mechanical"')


async def test_keys_behind_tab_in_one_burst_act_on_what_it_brought(start: Start) -> None:
    async with start() as hand:
        await hand.burst("slash", *"ven", "tab", *"bel", "tab", "enter", "space")
        assert hand.invoices.query_one(FilterLine).box.value == 'vendor:"Bell Mechanical"'
        assert hand.listed() == ["R-01", "R-04", "R-07"]
        assert hand.marked() == {"R-01"}


async def test_a_hostile_name_comes_in_harmless_and_finds_its_invoices(start: Start) -> None:
    async with start() as hand:
        box = hand.invoices.query_one(FilterLine).box
        await hand.press("slash", *"vendor:smi", "tab")
        assert HOSTILE_PART in box.value
        assert safe(box.value) == box.value
        assert hand.listed() == ["R-02", "R-05", "R-08"]
        assert "\x1b" not in hand.invoices._message


async def test_what_is_dim_is_taken_with_right(start: Start) -> None:
    async with start() as hand:
        box = hand.invoices.query_one(FilterLine).box
        await hand.press("slash", *"status:fa")
        await hand.until(lambda: box._suggestion == "status:failed")
        await hand.press("right")
        assert box.value == "status:failed"
        await hand.press("space", *"VEND")
        await hand.until(lambda: box._suggestion == "status:failed VENDor:")


@pytest.mark.parametrize(
    ("typed", "says"), [("net>1", "Nothing is completed here"), ("vendor:zzz", "Nothing begins or goes on")]
)
async def test_where_nothing_is_completed_that_is_said(start: Start, typed: str, says: str) -> None:
    async with start() as hand:
        await hand.press("slash", *typed, "tab")
        await hand.says(says)
        assert hand.invoices.query_one(FilterLine).box.has_focus


async def test_a_store_that_cannot_answer_is_said_and_typing_goes_on(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise StoreError("The database is away", fix="Wait")

    async with start() as hand:
        monkeypatch.setattr("tui.widgets.completing_box.choices", refuse)
        await hand.press("slash", *"vendor:be", "tab")
        await hand.says("The database is away")
        await hand.press(*"ll")
        assert hand.listed() == ["R-01", "R-04", "R-07"]


async def test_the_word_at_fault_is_marked_whole(start: Start) -> None:
    async with start() as hand:
        line = hand.invoices.query_one(FilterLine)
        await hand.press("slash", *'net>1 period:"2026 13" x')
        await hand.says("is not a date")
        text = line.box._value
        assert [(span.start, span.end) for span in text.spans if span.style == "reverse"] == [(6, 22)]
