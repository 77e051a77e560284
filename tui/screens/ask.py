"""A question before something is done to many at once, or to another's work: ``y`` does it, everything else does not."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Static

from store.domain.money import show
from store.domain.selection import Totals
from tui.keymap import Place, bindings
from tui.screens.dialog import Dialog
from tui.screens.fields import button


class AskScreen(Dialog[bool]):
    """Asks; ``lines`` tell what it is about, ``word`` is what ``y`` does."""

    FIRST = "#cancel"
    BINDINGS = bindings(Place.ASK)

    def __init__(self, question: str, lines: Sequence[str], word: str) -> None:
        super().__init__()
        self._question = question
        self._lines = lines
        self._word = word

    def compose(self) -> ComposeResult:
        """The question, what it is about, the keys."""
        with Vertical(classes="frame"):
            yield Static(self._question, classes="title", markup=False)
            yield Static("\n".join(self._lines), id="about", markup=False)
            yield Static(f"y: {self._word}   N, Enter, Esc: cancel", classes="note", markup=False)
            with Horizontal(classes="buttons"):
                yield button("Cancel", "cancel")

    def action_agree(self) -> None:
        """Do it."""
        self.dismiss(result=True)

    def action_leave(self) -> None:
        """Do nothing."""
        self.dismiss(result=False)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """The one button cancels."""
        event.stop()
        self.action_leave()


def nets(totals: Sequence[Totals]) -> list[str]:
    """Count and net, a line per currency: amounts of several make no sum."""
    return [f"{t.count:,} in {t.currency}   Net {show(t.net, t.currency)}" for t in totals]
