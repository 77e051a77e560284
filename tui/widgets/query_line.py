"""The line that asks which ones to mark or unmark: a filter of its own, in the place of the list's while it is typed."""

from __future__ import annotations

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message

from tui.keymap import pressed
from tui.widgets.bar import BOLD, DIM, Bar, plain
from tui.widgets.completing_box import CompletingBox
from tui.widgets.filter_line import WordAtFault


class QueryInput(CompletingBox):
    """The box: it completes as the filter's does. The key after Enter is the list's, and waits until it is marked."""

    class Left(Message):
        """The focus is elsewhere, and all that was typed before is in the box."""


class QueryLine(Horizontal):
    """What is asked, and the box for it; in the place of the filter line while the screen is ``asking``."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._fault = WordAtFault()

    def compose(self) -> ComposeResult:
        """The word and the box."""
        yield Bar(id="query-word")
        yield QueryInput(
            placeholder=f"a filter over the whole view; {pressed('list.cancel')} leaves",
            highlighter=self._fault,
            id="query-box",
        )
        yield Bar(id="query-hint")

    @property
    def box(self) -> QueryInput:
        """The box."""
        return self.query_one(QueryInput)

    @property
    def open(self) -> bool:
        """Whether it asks."""
        return self.screen.has_class("asking")

    def ask(self, word: str, does: str) -> None:
        """Ask, with an empty box that has the keys; ``does`` is what leaving it does: marks."""
        self.query_one("#query-word", Bar).show(plain(f" {word}:", BOLD))
        hint, told = self.query_one("#query-hint", Bar), f"  {pressed('filter.filter-done')} {does} them "
        hint.styles.width = cell_len(told)
        hint.show(plain(told, DIM))
        self.box.value = ""
        self.point_at(None)
        self.screen.add_class("asking")
        self.screen.set_focus(self.box)

    def ask_again(self, position: int | None) -> None:
        """What was typed cannot be read: it stays, with the word at fault marked."""
        self.point_at(position)
        self.screen.set_focus(self.box)

    def point_at(self, position: int | None) -> None:
        """Mark the word at fault, or none."""
        if self._fault.position != position:
            self._fault.position = position
            self.box.refresh()

    def close(self) -> None:
        """It is over."""
        self.screen.remove_class("asking")
