"""The filter line: what is typed, where it is wrong, how many match and in which order."""

from __future__ import annotations

from rich.highlighter import Highlighter
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from tui.keymap import Place, bindings
from tui.widgets.bar import DIM, Bar, plain


class WordAtFault(Highlighter):
    """Underlines and reverses the word that the filter's error points at."""

    def __init__(self) -> None:
        self.position: int | None = None

    def highlight(self, text: Text) -> None:
        """Mark from the position to the end of the word."""
        if self.position is None or self.position >= len(text):
            return
        end = text.plain.find(" ", self.position)
        text.stylize("reverse", self.position, len(text) if end < 0 else end)


class FilterInput(Input):
    """The box of the filter: Enter and Down go back to the list, nothing blinks."""

    BINDINGS = bindings(Place.FILTER)
    # The list that the keys go back to; the screen sets it.
    back: Widget | None = None

    class Left(Message):
        """The focus is elsewhere, and all that was typed before is in the box."""

    def action_filter_done(self) -> None:
        """Back to the list, at once: the next key is the list's; the filter stays."""
        self.screen.set_focus(self.back)

    def on_blur(self) -> None:
        """It comes behind the keys that were typed before: the box has them all now."""
        self.post_message(self.Left())


class FilterLine(Horizontal):
    """Filter, matches and order on one line."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._fault = WordAtFault()

    def compose(self) -> ComposeResult:
        """The word, the box, and what came of it."""
        yield Bar(id="filter-word")
        yield FilterInput(
            placeholder="/ filters by vendor, job, commitment, number",
            compact=True,
            highlighter=self._fault,
            select_on_focus=False,
            id="filter-box",
        )
        yield Bar(id="filter-info")

    def on_mount(self) -> None:
        """No blinking cursor: it writes while nobody does anything."""
        self.box.cursor_blink = False
        self.query_one("#filter-word", Bar).show(plain(" Filter:"))

    @property
    def box(self) -> FilterInput:
        """The box."""
        return self.query_one(FilterInput)

    def inform(self, text: str) -> None:
        """Matches and order, at the right."""
        bar = self.query_one("#filter-info", Bar)
        if bar.styles.width is None or bar.styles.width.value != len(text):
            bar.styles.width = len(text)
        bar.show(plain(text, DIM))

    def point_at(self, position: int | None) -> None:
        """Mark the word at fault, or none."""
        if self._fault.position != position:
            self._fault.position = position
            self.box.refresh()
