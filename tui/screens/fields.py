"""Input lines of dialogs: a word and a box, nothing blinks."""

from __future__ import annotations

from datetime import date

from textual.containers import Horizontal
from textual.widgets import Button, Input, Static

from store.domain.errors import BadInput


def quiet(box: Input) -> Input:
    """The box on one line, with a cursor that does not blink."""
    box.compact = True
    box.cursor_blink = False
    return box


def field(word: str, box: Input) -> Horizontal:
    """A word and its box on one line."""
    return Horizontal(Static(word, markup=False), quiet(box), classes="field")


def button(word: str, name: str) -> Button:
    """A button that draws no effect when it is pressed: that would cost bytes and swallow a second press."""
    made = Button(word, id=name)
    made.active_effect_duration = 0
    return made


def parse_day(text: str) -> date | None:
    """The day, None for an empty text. Raises BadInput for what is no ISO date."""
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise BadInput(f"{text!r} is not a date", fix="Write it as 2026-10-31") from None
