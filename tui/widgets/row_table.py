"""A list of rows in memory, for the tools that are no list of invoices: only the lines that differ are written anew."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from rich.segment import Segment
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.text import fill, wrapped
from tui.widgets.bar import BOLD, REVERSE

R = TypeVar("R")
# The cursor and the glyph before a row.
PREFIX = 3


@dataclass(frozen=True, slots=True)
class Column(Generic[R]):
    """One column: ``text`` gets the row and how many cells there are, which it may use up to that.

    ``least`` and ``most`` cells; the column whose ``most`` is 0 takes what is left. ``right``: amounts and counts,
    which are never cut: ``least`` is what the longest needs.
    """

    title: str
    text: Callable[[R, int], str]
    least: int
    most: int = 0
    right: bool = False


class RowTable(Widget, Generic[R], can_focus=True):
    """The rows, a header above them, and a cursor that stays on its row where that is still listed.

    ``key`` tells a row from the others whatever else of it changes; ``glyph`` is the one cell before it.
    """

    @dataclass
    class Moved(Message):
        """The cursor is on another row; ``by_hand``: a key or the mouse moved it."""

        by_hand: bool

    def __init__(
        self, columns: Sequence[Column[R]], key: Callable[[R], Hashable], glyph: Callable[[R], str]
    ) -> None:
        super().__init__()
        self._columns, self._key, self._glyph = columns, key, glyph
        self._rows: Sequence[R] = ()
        self._empty = ""
        self._widths: list[int] = [1] * len(columns)
        self._drawn: list[tuple[str, str]] = []
        self.cursor = self.top = 0

    # -- what is listed ------------------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self._rows)

    @property
    def rows(self) -> Sequence[R]:
        """All that is listed."""
        return self._rows

    @property
    def current(self) -> R | None:
        """The row under the cursor."""
        return self._rows[self.cursor] if self.cursor < len(self._rows) else None

    @property
    def height(self) -> int:
        """How many rows are seen at once."""
        return max(1, self.size.height - 1)

    def show(self, rows: Sequence[R], empty: str, *, follow: bool) -> None:
        """List these; ``empty`` is said where there are none. ``follow``: the cursor stays on its row."""
        was = self.current
        self._rows, self._empty = rows, empty
        found = None
        if follow and was is not None:
            own = self._key(was)
            found = next((n for n, row in enumerate(rows) if self._key(row) == own), None)
        if found is None:
            found = min(self.cursor, max(0, len(rows) - 1)) if follow else 0
        self._go(found)

    def recolumn(self, columns: Sequence[Column[R]]) -> None:
        """Other columns from now on."""
        self._columns = columns
        self.on_resize()

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
        left = self.size.width - PREFIX - len(self._columns) - sum(column.least for column in self._columns)
        widths = [column.least for column in self._columns]
        for n, column in enumerate(self._columns):
            grown = max(0, min(column.most - column.least, left // 2)) if column.most else 0
            widths[n] += grown
            left -= grown
        rest = next((n for n, column in enumerate(self._columns) if not column.most), None)
        if rest is not None:
            widths[rest] = max(1, widths[rest] + left)
        self._widths = widths
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
        return f"{'>' if place == self.cursor else ' '}{self._glyph(row) or ' '} ", self._text(row)

    def _text(self, row: R) -> str:
        return " ".join(
            fill(column.text(row, width), width, right=column.right)
            for column, width in zip(self._columns, self._widths, strict=True)
        )

    def render_line(self, y: int) -> Strip:
        """The header, or a row."""
        width = self.size.width
        if y == 0:
            titles = [
                fill(column.title, cells, right=column.right)
                for column, cells in zip(self._columns, self._widths, strict=True)
            ]
            return Strip([Segment(" " * PREFIX + " ".join(titles), BOLD)]).adjust_cell_length(width)
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
