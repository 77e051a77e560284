"""What every dialog has: keys typed ahead are dropped, the first focus harms nothing, Esc leaves."""

from __future__ import annotations

import time
from typing import ClassVar, TypeVar

from textual import events
from textual.binding import BindingType
from textual.screen import ModalScreen
from textual.types import CSSPathType
from textual.widgets import Static

from tui.keymap import Place, bindings
from tui.widgets.guarding import Guarded

T = TypeVar("T")

# Pasted or typed-ahead text must not decide anything.
GUARD = 0.25


class Dialog(Guarded, ModalScreen[T]):
    """A modal screen that takes no key for the first quarter of a second. ``FIRST`` takes the focus after it."""

    CSS_PATH: ClassVar[CSSPathType | None] = "dialog.tcss"
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.DIALOG)
    FIRST = ""
    # Seconds without keys; nothing for what decides nothing.
    GUARD = GUARD

    def __init__(self) -> None:
        super().__init__()
        self._opened = time.monotonic()

    def on_mount(self) -> None:
        """Nothing has the focus until keys count."""
        self._opened = time.monotonic()
        self.set_timer(max(self.GUARD, 0.01), self._arm)

    def _arm(self) -> None:
        if self.FIRST and self.focused is None:
            self.query_one(self.FIRST).focus()

    @property
    def armed(self) -> bool:
        """Whether keys count already."""
        return time.monotonic() - self._opened >= self.GUARD

    async def on_event(self, event: events.Event) -> None:
        """Drop keys and pasted text that were on their way before the dialog was seen."""
        if isinstance(event, events.Key | events.Paste) and not self.armed:
            event.stop()
            return
        await super().on_event(event)

    def action_leave(self) -> None:
        """Close without doing anything."""
        self.dismiss(None)

    def trouble(self, text: str) -> None:
        """Beside the dialog's own problems; where it has no place for them, as a notice."""
        problems = self.query("#problem")
        if not problems:
            self.app.notify(text, severity="error", markup=False)
            return
        problem = problems.first(Static)
        problem.update(text)
        problem.display = True
