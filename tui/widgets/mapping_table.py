"""The list of what our codes are called in the ERP: rows in memory, and only the lines that differ are written anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.segment import Segment
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from store.mapping_list import Origin, Row
from tui.text import clock, cut, wrapped
from tui.widgets.bar import BOLD, REVERSE

# Cells of each column but the name, which takes the rest; and what they may grow to where there is room.
LEAST = {"Kind": 10, "Code": 11, "Job": 8, "In the ERP": 13, "From": 7, "Has it": 6}
MOST = {"Kind": 10, "Code": 20, "Job": 12, "In the ERP": 26, "From": 7, "Has it": 15}
NAME_LEAST = 14
# The cursor and the glyph before a row.
PREFIX = 3


class MappingTable(Widget, can_focus=True):
    """The rows, a header above them, and a cursor that stays on its row where that is still listed."""

    @dataclass
    class Moved(Message):
        """The cursor is on another row; ``by_hand``: a key or the mouse moved it."""

        by_hand: bool

    def __init__(self) -> None:
        super().__init__()
        self._rows: Sequence[Row] = ()
        self._empty = ""
        self._widths: dict[str, int] = {}
        self._drawn: list[tuple[str, str]] = []
        self.cursor = self.top = 0

    # -- what is listed ------------------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self._rows)

    @property
    def rows(self) -> Sequence[Row]:
        """All that is listed."""
        return self._rows

    @property
    def current(self) -> Row | None:
        """The row under the cursor."""
        return self._rows[self.cursor] if self.cursor < len(self._rows) else None

    @property
    def height(self) -> int:
        """How many rows are seen at once."""
        return max(1, self.size.height - 1)

    def show(self, rows: Sequence[Row], empty: str, *, follow: bool) -> None:
        """List these; ``empty`` is said where there are none. ``follow``: the cursor stays on its code."""
        was = self.current
        self._rows, self._empty = rows, empty
        places = range(len(rows)) if follow and was is not None else range(0)
        own = (was.kind, was.code, was.job) if was is not None else None
        found = next((n for n in places if (rows[n].kind, rows[n].code, rows[n].job) == own), None)
        if found is None:
            found = min(self.cursor, max(0, len(rows) - 1)) if follow else 0
        self._go(found)

    def move(self, place: int) -> None:
        """The cursor there, or as near as there are rows."""
        self._go(max(0, min(place, len(self._rows) - 1)), by_hand=True)

    def page(self, pages: int) -> None:
        """The cursor and what is seen, a page on or back."""
        self.top += pages * self.height
        self.move(self.cursor + pages * self.height)

    def _go(self, place: int, *, by_hand: bool = False) -> None:
        self.cursor = place
        self.top = max(0, min(self.top, place, len(self._rows) - self.height))
        if place >= self.top + self.height:
            self.top = place - self.height + 1
        self.paint()
        self.post_message(self.Moved(by_hand))

    # -- drawing -------------------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        """The columns fit the new width."""
        room = self.size.width - PREFIX - len(LEAST) - sum(LEAST.values()) - NAME_LEAST
        self._widths = dict(LEAST)
        for name, most in MOST.items():
            grown = max(0, min(most - LEAST[name], room // 2))
            self._widths[name] += grown
            room -= grown
        self._widths["Name"] = max(1, NAME_LEAST + room)
        self._drawn = []
        self._go(self.cursor)
        self.refresh()

    def paint(self) -> None:
        """Draw anew what differs from what stands on the screen."""
        if not self.size.width:
            return
        old, self._drawn = self._drawn, [self._line(y) for y in range(self.height)]
        for y, line in enumerate(self._drawn):
            before = old[y] if y < len(old) else None
            if before != line:
                width = PREFIX if before and before[1] == line[1] else self.size.width
                self.refresh(Region(0, y + 1, width, 1))

    def _line(self, y: int) -> tuple[str, str]:
        place = self.top + y
        if place >= len(self._rows):
            said = [] if self._rows else wrapped(self._empty, max(1, self.size.width - 4))
            return "", f"  {said[y - 1]}" if 0 < y <= len(said) else ""
        row = self._rows[place]
        return f"{'>' if place == self.cursor else ' '}{'!' if row.wanting else ' '} ", self._text(row)

    def _text(self, row: Row) -> str:
        cells = {
            "Kind": row.kind.value,
            "Code": row.code or "(none)",
            "Name": row.name,
            "Job": row.job or "all jobs",
            "In the ERP": row.target or ("NONE" if row.origin is Origin.NONE else "(default)"),
            "From": row.origin.value if row.origin not in {Origin.NONE, Origin.DEFAULT} else "",
            "Has it": has_it(row, self._widths["Has it"]),
        }
        return " ".join(cut(cells[name], self._widths[name]) for name in self._order)

    @property
    def _order(self) -> tuple[str, ...]:
        return ("Kind", "Code", "Name", "Job", "In the ERP", "From", "Has it")

    def render_line(self, y: int) -> Strip:
        """The header, or a row."""
        width = self.size.width
        if y == 0:
            text = " ".join(cut(name, self._widths.get(name, 1)) for name in self._order)
            return Strip([Segment(" " * PREFIX + text, BOLD)]).adjust_cell_length(width)
        if y > len(self._drawn):
            return Strip([Segment(" " * width)], width)
        prefix, text = self._drawn[y - 1]
        parts = [Segment(prefix, REVERSE if prefix.startswith(">") else None)] if prefix else []
        return Strip([*parts, Segment(text)]).adjust_cell_length(width)

    # -- the mouse -----------------------------------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        """A row takes the cursor."""
        if event.y > 0 and self.top + event.y - 1 < len(self._rows):
            self.move(self.top + event.y - 1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Three rows down."""
        event.stop()
        self.move(self.cursor + 3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Three rows up."""
        event.stop()
        self.move(self.cursor - 3)


def has_it(row: Row, width: int = 15) -> str:
    """Whether the ERP said it has the code, and when it was asked where there is room: ``yes 14:02``, ``NO 2026-10-31``."""
    if row.known is None:
        return "" if not row.target else "?"
    word = "yes" if row.known else "NO"
    told = f"{word} {clock(row.asked_at)}"
    return told if len(told) <= width else word
