"""A dialog whose lines are long: it is as wide as the window lets it be."""

from __future__ import annotations

from typing import TypeVar

from tui.screens.dialog import Dialog

T = TypeVar("T")

# Cells of the frame, at 80 columns and at most: the longest cause fits into it.
LEAST_WIDE, MOST_WIDE = 78, 134
# The frame and its padding.
EDGES = 4


class WideDialog(Dialog[T]):
    """Its ``.frame`` grows with the window."""

    def on_mount(self) -> None:
        """As wide as the window is now."""
        super().on_mount()
        self._widen()

    def on_resize(self) -> None:
        """As wide as the new window."""
        self._widen()

    @property
    def cells(self) -> int:
        """How many cells a line has inside the frame."""
        return self._width - EDGES

    @property
    def _width(self) -> int:
        return max(LEAST_WIDE, min(self.app.size.width - 2, MOST_WIDE))

    def _widen(self) -> None:
        self.query_one(".frame").styles.width = self._width
