"""Help for a place, generated from the table of keys."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from tui.keymap import Place, bindings
from tui.screens.dialog import Dialog
from tui.text import wrapped

# The frame, its padding and the scroll bar; the widest box, as help.tcss has it.
FRAME, WIDEST = 5, 190
# A column has at least so many cells: in a wide window there are two or three of them.
COLUMN = 56
GAP = 2
# Blanks before the keys, and what is between the keys and what they do.
INDENT, BETWEEN = 2, 1
Sections = Sequence[tuple[str, Sequence[tuple[str, str]]]]


class HelpScreen(Dialog[None]):
    """All keys of a place; any of Esc, Enter, q and ? closes it."""

    CSS_PATH = ["dialog.tcss", "help.tcss"]
    FIRST = VerticalScroll.__name__
    GUARD = 0.0
    BINDINGS = bindings(Place.HELP)

    def __init__(self, place: str, sections: Sections) -> None:
        super().__init__()
        self._place = place
        self._sections = sections
        self._width = 0

    def on_resize(self, event: events.Resize) -> None:
        """As many columns as the window has room for."""
        if event.size.width != self._width:
            self._width = event.size.width
            self.query_one("#keys", Static).update(self._text(self._width))

    def compose(self) -> ComposeResult:
        """Title, keys, how to leave."""
        self._width = self.app.size.width
        with Vertical(classes="frame"):
            yield Static(f"Keys: {self._place}", classes="title", markup=False)
            with VerticalScroll(classes="keys"):
                yield Static(self._text(self._width), id="keys", markup=False)
            yield Static("Up, Down scroll; Esc closes", classes="note", markup=False)

    def _text(self, width: int) -> Text:
        room = min(width, WIDEST) - FRAME
        columns = max(1, (room + GAP) // (COLUMN + GAP))
        cells = (room + GAP) // columns - GAP
        lines = self._lines(cells)
        height = -(-len(lines) // columns)
        text = Text(no_wrap=True)
        for row in range(height):
            for column in range(columns):
                at = column * height + row
                line, style = lines[at] if at < len(lines) else ("", "")
                text.append(line, style)
                if column < columns - 1:
                    text.append(" " * (cells - cell_len(line) + GAP))
            text.append("\n")
        return text

    def _lines(self, cells: int) -> list[tuple[str, str]]:
        """The keys in lines of at most so many cells, with their style; a longer text goes on under itself."""
        names_cells = max((cell_len(names) for _, keys in self._sections for names, _ in keys), default=0)
        names_cells = min(names_cells, cells // 3)
        found: list[tuple[str, str]] = []
        for title, keys in self._sections:
            found.append((title, "bold"))
            for names, meaning in keys:
                means = wrapped(meaning, cells - INDENT - names_cells - BETWEEN)
                pressed = wrapped(names, names_cells)
                for left, right in zip_longest(pressed, means, fillvalue=""):
                    found.append((f"{' ' * INDENT}{left:<{names_cells}}{' ' * BETWEEN}{right}", ""))
            found.append(("", ""))
        return found
