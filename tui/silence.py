"""A key that changed nothing says so: what can be seen of a list before and after it, and the sentences."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any

from textual.widget import Widget

from store.domain.keys import spelled
from tui.keymap import Place, shown, table
from tui.screens.listing import ListingScreen
from tui.widgets.bar import Bar
from tui.widgets.filter_line import FilterLine

_FIRST, _LAST = "This is the first invoice.", "This is the last invoice."
_TOP, _END = "This is the top.", "This is the end."
_SENTENCES = {
    "table.cursor-up": _FIRST, "table.page-up": _FIRST, "table.first": _FIRST, "list.previous-invoice": _FIRST,
    "table.cursor-down": _LAST, "table.page-down": _LAST, "table.last": _LAST, "list.next-invoice": _LAST,
    "table.range": "A range begins here: move, and the same key marks it; {list.cancel} drops it.",
    "table.mark": "There is no invoice to mark.",
    "detail.scroll-up": _TOP, "detail.page-up": _TOP, "detail.scroll-home": _TOP,
    "detail.scroll-down": _END, "detail.page-down": _END, "detail.scroll-end": _END,
    "list.clear-filter": "There is no filter to clear.",
    "list.open": "The detail is open already: {list.cancel} goes back to the list.",
    "list.cancel": "There is nothing to leave.",
    **{f"list.view-{number}": "This view is shown already." for number in range(1, 6)},
    **{f"list.show-{section}": "That is shown already." for section in ("lines", "history")},
    "invoices.show-errors": "That is shown already.",
}  # fmt: skip
# Of an empty list there is no first and no last one.
_MOVES = frozenset(name for name, text in _SENTENCES.items() if text in {_FIRST, _LAST}) | {"table.range"}
# The terminal's own matter, and what asks for nothing to be seen.
_SILENT = frozenset({"list.redraw", "list.suspend", "list.quit"})


def seen(screen: ListingScreen[Any], focused: Widget | None) -> tuple[object, ...]:
    """What can be seen of a list and changes with keys; cheap enough for every key."""
    rows, pane = screen.table, screen.pane
    return (
        screen.app.screen, focused, screen.view, screen.query_text, screen.query_one(FilterLine).box.value,
        screen.only_marked, screen.sort, screen.descending, screen.classes, screen.marks.value, screen.told,
        rows.cursor, rows.top, rows.current, rows.active, pane.scroll_offset,
        # A range that begins at the cursor is not seen yet.
        rows.range_from not in {None, rows.cursor},
        pane.at, pane.has_focus and pane.text, *((bar.text, bar.classes) for bar in screen.query(Bar) if bar is not pane),
    )  # fmt: skip


def nothing_done(name: str, live: AbstractSet[Place], screen: ListingScreen[Any]) -> str:
    """What is said of a key, in Textual's name, that was taken and changed nothing; "" where that is no wonder."""
    key = next((key for key in table() if name in key.keys and key.place in live), None)
    if key is None or key.name in _SILENT:
        return ""
    if key.name in _MOVES and screen.table.current is None:
        return screen.empty_text()
    return spelled(_SENTENCES.get(key.name, "")) or f"{shown(name)} changes nothing here: {key.help}."
