"""The dry run: what an export would do with the selection, and the payload of each; nothing is changed."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from store import review
from store.domain.errors import PayappError
from store.domain.status import Action
from store.domain.text import safe
from store.review import Plan
from tui.keymap import Place, bindings
from tui.screens.dialog import Dialog
from tui.screens.plan_text import plan_text, totals_text

if TYPE_CHECKING:
    from tui.bootstrap import Desk

# So many of each group are listed here; the confirmation lists fewer.
LISTED = 500


class DryRunScreen(Dialog[None]):
    """Shows the plan of an action; any of Esc, Enter, q and d closes it. ``current``: whose payload comes first."""

    CSS_PATH = ["dialog.tcss", "dry_run.tcss"]
    FIRST = VerticalScroll.__name__
    GUARD = 0.0
    BINDINGS = bindings(Place.DRY_RUN)

    def __init__(
        self, desk: Desk, plan: Plan, action: Action, current: int | None = None, day: date | None = None
    ) -> None:
        super().__init__()
        self._desk, self._plan, self._action, self._day = desk, plan, action, day
        going = [row.id for row in plan.goes.first]
        self._going = [current, *(i for i in going if i != current)] if current in going else going

    def compose(self) -> ComposeResult:
        """Totals, then everything that there is to say."""
        width = max(40, min(self.app.size.width, 78) - 6)
        with Vertical(classes="frame"):
            yield Static("Dry run: nothing is changed", classes="title", markup=False)
            yield Static(totals_text(self._plan.totals) or "Nothing of it would go.", markup=False)
            with VerticalScroll(classes="read"):
                yield Static(plan_text(self._plan, width, every=True), markup=False)
            payload = "   p: payload" if self._going else ""
            yield Static(f"Up, Down scroll{payload}   Esc closes", classes="note", markup=False)

    def action_scroll(self, lines: int) -> None:
        """Read on, or back."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)

    def action_payload(self) -> None:
        """What the ERP would get."""
        if self._going:
            self.app.push_screen(PayloadScreen(self._desk, self._going, self._action, self._day))


class PayloadScreen(Dialog[None]):
    """The payload of one invoice as it would be frozen; n and p go through those that go."""

    CSS_PATH = ["dialog.tcss", "dry_run.tcss"]
    FIRST = VerticalScroll.__name__
    GUARD = 0.0
    BINDINGS = bindings(Place.PAYLOAD)

    def __init__(self, desk: Desk, going: list[int], action: Action, day: date | None) -> None:
        super().__init__()
        self._desk, self._going, self._action, self._day = desk, going, action, day
        self._place = 0

    def compose(self) -> ComposeResult:
        """Which one, its payload, the keys."""
        with Vertical(classes="frame"):
            yield Static(id="which", classes="title", markup=False)
            with VerticalScroll(classes="read"):
                yield Static(id="payload", markup=False)
            yield Static("n, p: next, previous   Up, Down scroll   Esc closes", classes="note", markup=False)

    def on_mount(self) -> None:
        """The first one."""
        super().on_mount()
        self.action_turn(0)

    def action_turn(self, step: int) -> None:
        """The next one, or the one before."""
        self._place = max(0, min(self._place + step, len(self._going) - 1))
        self.run_worker(self._read(self._place), group="payload", exclusive=True)

    async def _read(self, place: int) -> None:
        desk = self._desk
        try:
            text = await desk.db.read(
                review.payload, desk.me, self._going[place], desk.profile, self._action, self._day
            )  # fmt: skip
        except PayappError as error:
            text = str(error)
        self.query_one("#which", Static).update(f"Payload {place + 1:,} of {len(self._going):,}")
        self.query_one("#payload", Static).update(safe(text, lines=True))
        self.query_one(VerticalScroll).scroll_home(animate=False)

    def action_scroll(self, lines: int) -> None:
        """Read on, or back."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)
