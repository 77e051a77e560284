"""What every dialog has: keys typed ahead are dropped, keys act one by one, the first focus harms nothing, Esc leaves."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from typing import ClassVar, TypeVar

from textual import events
from textual.binding import BindingType
from textual.dom import DOMNode
from textual.screen import ModalScreen
from textual.types import CSSPathType
from textual.widgets import Static

from tui.keymap import Place, bindings
from tui.widgets.guarding import Guarded

T = TypeVar("T")

# Pasted or typed-ahead text must not decide anything.
GUARD = 0.25
# Seconds after which a dialog counts as seen in any case.
LATEST = 2.0
# A key climbs from the focus to the desk, and so does the message that a box or a button makes of it.
CLIMBS = 2
HandOut = Callable[[events.Event], Awaitable[None]]


class Dialog(Guarded, ModalScreen[T]):
    """A modal screen that takes no key before it was there to be seen for a quarter of a second.

    ``FIRST`` takes the focus then.
    """

    CSS_PATH: ClassVar[CSSPathType | None] = "dialog.tcss"
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.DIALOG)
    FIRST = ""
    # Seconds without keys; nothing for what decides nothing.
    GUARD = GUARD

    def __init__(self) -> None:
        super().__init__()
        # When it was seen first; None until then.
        self._seen: float | None = None
        self._keys: deque[events.Event] = deque()
        self._under_way = False

    def on_mount(self) -> None:
        """Nothing has the focus until keys count; nobody meant a dialog that was not seen yet."""
        if self.GUARD:
            self.call_after_refresh(self._pictured)
            # Covered by another screen at once it is told of no picture: it must not stay deaf.
            self.set_timer(LATEST, self._pictured)
        else:
            self.set_timer(0.01, self._arm)

    def _pictured(self) -> None:
        if self._seen is None:
            self._seen = time.monotonic()
            self.set_timer(self.GUARD, self._arm)

    def _arm(self) -> None:
        if self.FIRST and self.focused is None:
            self.query_one(self.FIRST).focus()

    @property
    def armed(self) -> bool:
        """Whether keys count already."""
        if not self.GUARD:
            return True
        return self._seen is not None and time.monotonic() - self._seen >= self.GUARD

    async def on_event(self, event: events.Event) -> None:
        """Drop keys and pasted text that were on their way before the dialog was seen."""
        if isinstance(event, events.Key | events.Paste) and not self.armed:
            event.stop()
            return
        await super().on_event(event)

    # -- keys one by one -----------------------------------------------------------------------------------------

    async def in_turn(self, event: events.Event, hand_out: HandOut) -> None:
        """Hand a key or pasted text out when all that the one before does is done: a Tab has moved the focus by then.

        What is still waiting when the dialog closes, or when another one covers it, was meant for it and is dropped.
        """
        if not self.armed:
            await hand_out(event)
            return
        self._keys.append(event)
        if not self._under_way:
            await self._hand_on(hand_out)

    async def _hand_on(self, hand_out: HandOut) -> None:
        if self.app.screen is not self:
            self._keys.clear()
        self._under_way = bool(self._keys)
        if self._keys:
            way: list[DOMNode] = (self.focused or self).ancestors_with_self * CLIMBS
            await hand_out(self._keys.popleft())
            self._follow(iter(way), hand_out)

    def _follow(self, way: Iterator[DOMNode], hand_out: HandOut) -> None:
        """Queue behind the key wherever it passes, and hand the next one out at the end."""
        for node in way:
            if node.call_later(self._follow, way, hand_out):
                return
        self.app.call_later(self._hand_on, hand_out)

    # -- the rest ------------------------------------------------------------------------------------------------

    def action_leave(self) -> None:
        """Close without doing anything."""
        self.dismiss(None)

    def untaken(self, key: str) -> None:
        """A key, in Textual's name, that nothing here takes. What a dialog's keys are stands on it."""

    def trouble(self, text: str) -> None:
        """Beside the dialog's own problems; where it has no place for them, as a notice."""
        problems = self.query("#problem")
        if not problems:
            self.app.notify(text, severity="error", markup=False)
            return
        problem = problems.first(Static)
        problem.update(text)
        problem.display = True
