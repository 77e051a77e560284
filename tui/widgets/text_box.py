"""A box for a few lines of text in a dialog: nothing blinks, Tab leaves it, Enter is a new line."""

from __future__ import annotations

from textual.widgets import TextArea


class TextBox(TextArea):
    """Several lines of text."""

    def __init__(self, text: str = "", *, id: str) -> None:  # noqa: A002 - Textual's name
        super().__init__(text, show_line_numbers=False, compact=True, tab_behavior="focus", id=id)
        self.cursor_blink = False
        self.highlight_cursor_line = False
