"""Help for a place, generated from the table of keys."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from tui.keymap import Place, bindings
from tui.screens.dialog import Dialog
from tui.text import wrapped

# What a key does is wrapped under itself; the frame and the keys leave it so much.
HELP_CELLS = 52
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

    def compose(self) -> ComposeResult:
        """Title, keys, how to leave."""
        with Vertical(classes="frame"):
            yield Static(f"Keys: {self._place}", classes="title", markup=False)
            with VerticalScroll(classes="keys"):
                yield Static(self._text(), markup=False)
            yield Static("Up, Down scroll; Esc closes", classes="note", markup=False)

    def _text(self) -> Text:
        text = Text()
        for title, keys in self._sections:
            text.append(f"{title}\n", "bold")
            for names, meaning in keys:
                for n, line in enumerate(wrapped(meaning, HELP_CELLS)):
                    text.append(f"  {'' if n else names:<16} {line}\n")
            text.append("\n")
        return text
