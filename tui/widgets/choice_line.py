"""A line of choices in a dialog: Left, Right and Space choose, and the chosen one stands in brackets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.message import Message

from tui.keymap import Place, bindings
from tui.widgets.bar import BOLD, REVERSE, Bar, Part


class ChoiceLine(Bar, can_focus=True):
    """One of a few words."""

    BINDINGS = bindings(Place.CHOICE)

    @dataclass
    class Changed(Message):
        """Another one is chosen."""

        line: ChoiceLine

    def __init__(self, words: Sequence[str], *, id: str) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._words = words
        self.chosen = 0

    def on_mount(self) -> None:
        """Show them."""
        self._draw()

    def _draw(self) -> None:
        here = REVERSE if self.has_focus else BOLD
        self.show(
            tuple(
                Part(f"[{word}] ", here, f"choose-{n}")
                if n == self.chosen
                else Part(f" {word}  ", None, f"choose-{n}")
                for n, word in enumerate(self._words)
            )
        )

    def on_focus(self) -> None:
        """It shows where the keys go."""
        self._draw()

    def on_blur(self) -> None:
        """It shows where the keys go."""
        self._draw()

    def choose(self, place: int) -> None:
        """Take that one."""
        self.chosen = place % len(self._words)
        self._draw()
        self.post_message(self.Changed(self))

    def action_step(self, step: int) -> None:
        """The one beside it."""
        self.choose(self.chosen + step)

    def on_bar_clicked(self, event: Bar.Clicked) -> None:
        """The one under the mouse."""
        event.stop()
        self.focus()
        self.choose(int(event.action.rpartition("-")[2]))
