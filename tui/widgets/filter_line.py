"""The filter line: what is typed and completed, where it is wrong, how many match and in which order."""

from __future__ import annotations

from collections.abc import Callable

from rich.cells import cell_len
from rich.highlighter import Highlighter
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message

from store.domain.filter import word_end
from tui.keymap import pressed, way
from tui.text import cut
from tui.widgets.bar import DIM, Bar, plain
from tui.widgets.completing_box import CompletingBox

# So much of a saved view's name is shown.
NAME_ROOM = 16


class WordAtFault(Highlighter):
    """Underlines and reverses the word that the filter's error points at."""

    def __init__(self) -> None:
        self.position: int | None = None

    def highlight(self, text: Text) -> None:
        """Mark from the position to the end of the word."""
        if self.position is None or self.position >= len(text):
            return
        text.stylize("reverse", self.position, word_end(text.plain, self.position))


class FilterInput(CompletingBox):
    """The box of the list's filter."""

    class Left(Message):
        """The focus is elsewhere, and all that was typed before is in the box."""


class FilterLine(Horizontal):
    """Filter, matches and order on one line."""

    # The name of the saved view that the list shows unchanged, or "": whoever loads one sets it.
    view_name: Callable[[], str] = staticmethod(str)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._fault = WordAtFault()

    def compose(self) -> ComposeResult:
        """The word, the box, and what came of it."""
        completes = f", {key} completes" if (key := pressed("filter.complete")) else ""
        yield Bar(id="filter-word")
        yield FilterInput(
            placeholder=f"{way('list.filter')} filters{completes}",
            highlighter=self._fault,
            id="filter-box",
        )
        yield Bar(id="filter-info")

    def on_mount(self) -> None:
        """The word before the box."""
        self.query_one("#filter-word", Bar).show(plain(" Filter:"))

    @property
    def box(self) -> FilterInput:
        """The box."""
        return self.query_one(FilterInput)

    def inform(self, text: str) -> None:
        """Matches and order, at the right; and the saved view that this is."""
        bar = self.query_one("#filter-info", Bar)
        if name := self.view_name():
            named = f"{text} View: {cut(name, NAME_ROOM).rstrip()} "
            room = self.size.width - self.query_one("#filter-word").size.width - cell_len(self.box.value)
            # The filter itself is the better name where there is no room for both.
            text = named if cell_len(named) < room else text
        width = cell_len(text)
        if bar.styles.width is None or bar.styles.width.value != width:
            bar.styles.width = width
        bar.show(plain(text, DIM))

    def point_at(self, position: int | None) -> None:
        """Mark the word at fault, or none."""
        if self._fault.position != position:
            self._fault.position = position
            self.box.refresh()
