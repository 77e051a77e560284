"""A box for a filter: Tab completes the word at the cursor, how it may go on stands dim behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from rich.highlighter import Highlighter
from textual.dom import DOMNode
from textual.message import Message
from textual.suggester import Suggester
from textual.widget import Widget
from textual.widgets import Input

from store.choices import choices
from store.domain.completing import Choice, Completing, complete_at
from store.domain.errors import PayappError
from tui.keymap import Place, bindings, pressed
from tui.text import cut

if TYPE_CHECKING:
    from tui.app import DeskApp
    from tui.screens.telling import TellingScreen

# How long a completion is waited for, in seconds: keys typed behind it wait as well.
PATIENCE = 1.0
# What goes on dim is read when the hand rests that long: a fast one asks for nothing.
REST = 0.12
# Cells of the message line for the choices.
OFFER_ROOM = 76

Complete = Callable[[Completing], Awaitable[Sequence[Choice]]]


class Suggesting(Suggester):
    """Shows dim, behind the cursor, how the first choice that begins with the typed word goes on."""

    def __init__(self, complete: Complete, text: Callable[[], str]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._complete = complete
        self._text = text

    async def get_suggestion(self, value: str) -> str | None:
        """The whole text, with the word finished; None where there is nothing to suggest."""
        at = complete_at(value, len(value))
        if at is None or not at.typed:
            return None
        await asyncio.sleep(REST)
        if self._text() != value:
            return None
        try:
            found = await self._complete(at)
        except PayappError:
            return None
        written = value[at.start :]
        for choice in found:
            if choice.insert.lower().startswith(written.lower()) and len(choice.insert) > len(written):
                return value + choice.insert[len(written) :]
        return None


@dataclass(slots=True)
class Offer:
    """Choices that Tab goes through: ``typed`` is what stood there before, ``text`` what stands there now."""

    at: Completing
    typed: str
    choices: Sequence[Choice]
    tail: str
    head: str
    place: int = -1
    text: str = ""

    def turn(self, step: int) -> tuple[str, int]:
        """The next text and where its cursor stands; behind the last choice comes what was typed."""
        self.place = (self.place + 1 + step) % (len(self.choices) + 1) - 1
        middle = self.typed if self.place < 0 else self.choices[self.place].insert
        self.text = self.head + middle + self.tail
        return self.text, len(self.head) + len(middle)

    @property
    def settled(self) -> bool:
        """Whether the only choice stands there: what comes next is completed, a name behind its key."""
        return len(self.choices) == 1 and self.place == 0

    def told(self) -> str:
        """The choices on one line, from the one that stands there."""
        count = len(self.choices)
        first = max(0, self.place)
        names = " | ".join(choice.shown for choice in [*self.choices[first:], *self.choices[:first]])
        return cut(f"{self.place + 1} of {count}: {names}", OFFER_ROOM).rstrip()


class CompletingBox(Input):
    """A filter's box: Enter and Down go back to the list, Tab completes, nothing blinks."""

    BINDINGS = bindings(Place.FILTER)
    DEFAULT_CSS = """
    CompletingBox > .input--suggestion {
        color: ansi_default;
        background: ansi_default;
        text-style: dim;
    }
    """
    # Gives the keys back; the screen sets it.
    back: Callable[[], None] = staticmethod(lambda: None)
    _offer: Offer | None = None

    class Left(Message):
        """The focus is elsewhere, and all that was typed before is in the box."""

    @dataclass
    class Tabbed(Message):
        """Tab, in its turn behind what was typed before it."""

        step: int

    def __init__(self, *, placeholder: str, highlighter: Highlighter, id: str) -> None:  # noqa: A002 - Textual's name
        super().__init__(
            placeholder=placeholder,
            compact=True,
            highlighter=highlighter,
            suggester=Suggesting(self._choices, lambda: self.value),
            select_on_focus=False,
            id=id,
        )
        self.cursor_blink = False

    async def _choices(self, at: Completing) -> Sequence[Choice]:
        return await cast("DeskApp", self.app).desk.db.read(choices, at)

    def action_filter_done(self) -> None:
        """Back to the list, at once: the next key is the list's; the filter stays."""
        self.back()

    def action_complete(self) -> None:
        """The word at the cursor, or the next choice for it."""
        self.post_message(self.Tabbed(1))

    def action_complete_back(self) -> None:
        """The choice before."""
        self.post_message(self.Tabbed(-1))

    async def on_completing_box_tabbed(self, event: Tabbed) -> None:
        """Put the next choice in. Keys behind it wait in this box's own queue."""
        event.stop()
        offer = self._offer
        if offer is None or offer.text != self.value or (offer.settled and event.step > 0):
            offer = self._offer = await self._begin()
        if offer is not None:
            self.value, self.cursor_position = offer.turn(event.step)
            self._tell(offer.told())

    async def _begin(self) -> Offer | None:
        cursor = self.cursor_position
        at = complete_at(self.value, cursor)
        if at is None:
            self._tell(f"Nothing is completed here: {pressed('filter.complete')} completes keys and names.")
            return None
        try:
            async with asyncio.timeout(PATIENCE):
                found = await self._choices(at)
        except (PayappError, TimeoutError) as error:
            self._tell(str(error) or f"The choices take too long; press {pressed('filter.complete')} again.")
            return None
        if not found:
            self._tell("Nothing begins or goes on like that.")
            return None
        head, typed, tail = self.value[: at.start], self.value[at.start : cursor], self.value[cursor:]
        return Offer(at, typed, found, tail, head)

    def _tell(self, text: str) -> None:
        """Say it on the screen's status line, behind the change of the text, which clears what was said before.

        That change goes from here up to the screen, a queue at a time, and so does this.
        """

        def hop(node: DOMNode) -> None:
            if node is self.screen or node.parent is None:
                cast("TellingScreen", self.screen).say(text)
            else:
                cast("Widget", node.parent).call_later(hop, node.parent)

        self.call_later(hop, self)

    def on_blur(self) -> None:
        """It comes behind the keys that were typed before: the box has them all now."""
        self._offer = None
        self.post_message(self.Left())
