"""The line that asks which ones to mark or unmark: a filter of its own, in the place of the list's while it is typed."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input

from tui.keymap import Place, bindings, pressed
from tui.widgets.bar import BOLD, Bar, plain
from tui.widgets.filter_line import WordAtFault


def _leaves(bound: BindingType) -> bool:
    return isinstance(bound, Binding) and bound.action == "filter_done"


class QueryInput(Input):
    """The box: Enter goes back to the list, nothing blinks."""

    BINDINGS = [bound for bound in bindings(Place.FILTER) if _leaves(bound)]
    # Gives the keys back; the screen sets it.
    back: Callable[[], None] = staticmethod(lambda: None)

    class Left(Message):
        """The focus is elsewhere, and all that was typed before is in the box."""

    def action_filter_done(self) -> None:
        """Back to the list, at once: the next key is the list's, and waits until the marking is done."""
        self.back()

    def on_blur(self) -> None:
        """It comes behind the keys that were typed before: the box has them all now."""
        self.post_message(self.Left())


class QueryLine(Horizontal):
    """What is asked, and the box for it; in the place of the filter line while the screen is ``asking``."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._fault = WordAtFault()

    def compose(self) -> ComposeResult:
        """The word and the box."""
        does, leaves = pressed("filter.filter-done"), pressed("list.cancel")
        yield Bar(id="query-word")
        yield QueryInput(
            placeholder=f"a filter over the whole view; {does} does it, {leaves} leaves",
            compact=True,
            highlighter=self._fault,
            select_on_focus=False,
            id="query-box",
        )

    def on_mount(self) -> None:
        """No blinking cursor: it writes while nobody does anything."""
        self.box.cursor_blink = False

    @property
    def box(self) -> QueryInput:
        """The box."""
        return self.query_one(QueryInput)

    @property
    def open(self) -> bool:
        """Whether it asks."""
        return self.screen.has_class("asking")

    def ask(self, word: str) -> None:
        """Ask, with an empty box that has the keys."""
        self.query_one("#query-word", Bar).show(plain(f" {word}:", BOLD))
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
