"""What a screen says on its status line; the result of a decision is added to, never replaced by others' doings."""

from __future__ import annotations

from textual.screen import Screen

from tui.widgets.guarding import Guarded


class TellingScreen(Guarded, Screen[None]):
    """A screen with a status line."""

    _message = ""
    _result = ""
    # How often something was said: the same sentence twice is an answer twice.
    told = 0

    def show_foot(self) -> None:
        """Draw the status line."""
        raise NotImplementedError

    def say(self, text: str) -> None:
        """One sentence on the status line, until the next one or the next move."""
        if not text.startswith(self._result):
            self._result = ""
        self.told += bool(text)
        if text != self._message:
            self._message = text
            self.show_foot()

    def result(self, text: str) -> None:
        """Say what a decision did; what is to be told beside it is added and does not replace it."""
        self._result = text
        self.say(text)

    def add(self, text: str) -> None:
        """Say it behind the result of the last decision, when that still stands there."""
        self.say(f"{self._result} {text}".strip())

    def forget_result(self) -> None:
        """Another decision begins."""
        self._result = ""

    def trouble(self, text: str) -> None:
        """What a worker of this screen met."""
        self.add(text)
