"""The one table of keys."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from textual.dom import DOMNode

from tui.keymap import KEYS, Key, Place, footer, is_printable, sections, shown
from tui.screens.commitments import CommitmentsScreen
from tui.screens.invoices import InvoicesScreen
from tui.widgets.detail import DetailPane
from tui.widgets.filter_line import FilterInput
from tui.widgets.invoice_table import InvoiceTable

OWNERS: dict[Place, tuple[type[DOMNode], ...]] = {
    Place.TABLE: (InvoiceTable,),
    Place.DETAIL: (DetailPane,),
    Place.LIST: (InvoicesScreen, CommitmentsScreen),
    Place.INVOICES: (InvoicesScreen,),
    Place.COMMITMENTS: (CommitmentsScreen,),
    Place.FILTER: (FilterInput,),
}


@pytest.mark.parametrize("key", KEYS, ids=lambda key: f"{key.place}.{key.id}")
def test_every_key_of_the_table_is_bound_and_has_its_action(key: Key) -> None:
    for owner in OWNERS[key.place]:
        assert hasattr(owner, f"action_{key.action}"), owner
        assert owner._merged_bindings is not None
        for name in key.keys:
            actions = {bound.action for bound in owner._merged_bindings.key_to_bindings[name]}
            assert actions & {key.action, f"typed('{key.action}')"}, name


def test_no_key_is_one_that_a_terminal_keeps_or_that_putty_sends_for_another() -> None:
    for key in KEYS:
        for name in key.keys:
            assert not re.fullmatch(r"[M-Y]", name), name
            assert not re.match(r"(alt|shift)\+(?!tab)", name), name
            assert name not in {"f10", "f11", "ctrl+a", "ctrl+b", "ctrl+s", "ctrl+space", "ctrl+q"}, name
        if any(re.fullmatch(r"f\d+", name) for name in key.keys):
            assert any(not re.fullmatch(r"f\d+", name) for name in key.keys), f"{key.id} has no letter twin"


@pytest.mark.parametrize(
    "places",
    [(Place.TABLE, Place.LIST, Place.INVOICES), (Place.TABLE, Place.LIST, Place.COMMITMENTS)],
)
def test_no_key_does_two_things_in_one_place(places: tuple[Place, ...]) -> None:
    names = Counter(name for key in KEYS if key.place in places for name in key.keys)
    assert {name for name, count in names.items() if count > 1} == set()


def test_the_footer_fits_and_always_has_help_and_quit() -> None:
    for width in (60, 78, 118, 198):
        text = footer(width, Place.TABLE, Place.LIST, Place.INVOICES)
        assert len(text) <= width
        assert "? Help" in text
        assert "q quit" in text


def test_help_has_every_key_of_its_places() -> None:
    rows = [row for _, keys in sections(Place.LIST, Place.INVOICES) for row in keys]
    assert len(rows) == sum(key.place in {Place.LIST, Place.INVOICES} for key in KEYS)


@pytest.mark.parametrize(
    ("name", "written"),
    [("plus", "+"), ("minus", "-"), ("colon", ":"), ("equals_sign", "="), ("slash", "/"), ("underscore", "_"),
     ("at", "@"), ("full_stop", "."), ("reverse_solidus", "\\"), ("a", "a"), ("é", "é"), ("euro_sign", "€")],
)  # fmt: skip
def test_what_writes_a_character_is_known_by_its_name(name: str, written: str) -> None:
    assert is_printable(name)
    assert shown(name) == written


@pytest.mark.parametrize(
    ("name", "word"),
    [("tab", "Tab"), ("escape", "Esc"), ("backspace", "Backspace"), ("delete", "Del"), ("f6", "F6"),
     ("ctrl+r", "Ctrl+R"), ("shift+tab", "Shift+Tab"), ("pagedown", "PgDn"), ("up", "Up")],
)  # fmt: skip
def test_what_writes_nothing_is_known_too(name: str, word: str) -> None:
    assert not is_printable(name)
    assert shown(name) == word
