"""What stands on a terminal smaller than 80x24: that it is, and nothing else works."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.keymap import Place, bindings

LEAST = Size(80, 24)


def too_small(size: Size) -> bool:
    """Whether the desk cannot be used at this size."""
    return size.width < LEAST.width or size.height < LEAST.height


class TooSmallScreen(ModalScreen[None]):
    """Covers the desk until the terminal is large enough; only quitting works."""

    CSS_PATH = "too_small.tcss"
    BINDINGS = bindings(Place.TOO_SMALL)

    def __init__(self) -> None:
        super().__init__()
        self._left = False

    def compose(self) -> ComposeResult:
        """One sentence."""
        yield Static(self._text(self.app.size), markup=False)

    def _text(self, size: Size) -> str:
        return f"payapp needs {LEAST.width}x{LEAST.height}; this is {size.width}x{size.height}. Enlarge it, or q quits."

    def on_resize(self, event: events.Resize) -> None:
        """Say the size, or go."""
        self.query_one(Static).update(self._text(event.size))
        # A second resize may be on its way already: the desk below must not be closed with it.
        if not too_small(event.size) and self.is_current and not self._left:
            self._left = True
            self.dismiss(None)

    def action_leave(self) -> None:
        """Quit."""
        self.app.exit()
