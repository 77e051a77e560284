"""The dry run: what an export would do with the selection, and nothing is changed."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from store.review import Plan
from tui.screens.dialog import Dialog
from tui.screens.plan_text import plan_text, totals_text


class DryRunScreen(Dialog[None]):
    """Shows a plan; any of Esc, Enter, q and d closes it."""

    CSS_PATH = ["dialog.tcss", "help.tcss"]
    FIRST = VerticalScroll.__name__
    GUARD = 0.0
    BINDINGS = [Binding("q,enter,d", "leave", "Close", show=False)]

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self._plan = plan

    def compose(self) -> ComposeResult:
        """Totals, then everything that there is to say."""
        width = max(40, min(self.app.size.width, 78) - 6)
        with Vertical(classes="frame"):
            yield Static("Dry run: nothing is changed", classes="title", markup=False)
            yield Static(totals_text(self._plan.totals) or "Nothing of it would go.", markup=False)
            with VerticalScroll(classes="keys"):
                yield Static(plan_text(self._plan, width, every=True), markup=False)
            yield Static("Up, Down scroll; Esc closes", classes="note", markup=False)
