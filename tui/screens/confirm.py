"""The last look before an export: what goes, what stays and why. ``y`` commits, everything else does not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.timer import Timer
from textual.widgets import Button, Input, Static

from store import review
from store.decision import Expectation
from store.domain.errors import PayappError
from store.domain.money import to_decimal
from store.domain.selection import Marked
from store.domain.text import one_line
from store.planning import DESCRIPTION_MOST
from store.review import Plan
from tui.screens.dialog import Dialog
from tui.screens.fields import button, field, parse_day
from tui.screens.plan_text import plan_text, totals_text

if TYPE_CHECKING:
    from tui.bootstrap import Desk

TYPING = 0.25


@dataclass(frozen=True, slots=True)
class ExportChoice:
    """What was confirmed: the selection, the approver's values, and the control totals that were shown."""

    selection: Marked
    accounting_date: date | None
    description: str | None
    expect: Expectation


class ConfirmExport(Dialog[ExportChoice | None]):
    """Shows the plan of an export. ``hidden`` are the selected invoices that the filter hides."""

    CSS_PATH = ["dialog.tcss", "confirm.tcss"]
    FIRST = "#cancel"
    BINDINGS = [
        Binding("y", "commit", "Export", show=False),
        Binding("v", "visible", "Visible only", show=False),
        Binding("enter", "leave", "Cancel", show=False),
        Binding("down,j", "scroll_plan(1)", "Down", show=False),
        Binding("up,k", "scroll_plan(-1)", "Up", show=False),
        Binding("pagedown", "page_plan(1)", "Page down", show=False),
        Binding("pageup", "page_plan(-1)", "Page up", show=False),
    ]

    def __init__(
        self, desk: Desk, selection: Marked, hidden: frozenset[int], plan: Plan, *, retry: bool
    ) -> None:
        super().__init__()
        self._desk = desk
        self._hidden = hidden
        self._all = self._selection = selection
        seen = {number: version for number, version in selection.versions.items() if number not in hidden}
        self._visible = Marked(seen) if hidden and seen else None
        self._plan: Plan | None = plan
        self._word = "Retry" if retry else "Export"
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        """Company and ERP, totals, what to look at, the approver's inputs, how to decide."""
        company, profile = self._desk.company, self._desk.profile
        with Vertical(classes="frame"):
            title = f"{self._word}: {one_line(company.name)} to {one_line(profile.title)}"
            yield Static(title, classes="title", markup=False)
            yield Static(id="totals", markup=False)
            yield Static(id="hidden", classes="problem", markup=False)
            with VerticalScroll(classes="scroll"):
                yield Static(id="plan", markup=False)
            yield field("Accounting date", Input(placeholder="as shown above; YYYY-MM-DD", id="day"))
            yield field(
                "Description", Input(placeholder="as on the invoice", max_length=DESCRIPTION_MOST, id="text")
            )
            with Vertical(id="count-field"):
                yield field("Type the count", Input(id="count"))
            yield Static(id="problem", classes="problem", markup=False)
            with Horizontal(classes="buttons"):
                yield Static(id="how", markup=False)
                yield button("Cancel", "cancel")

    def on_mount(self) -> None:
        """Show the plan."""
        super().on_mount()
        self.watch(self._scroll, "scroll_y", self._hint_later)
        self.watch(self._scroll, "virtual_size", self._hint_later)
        self._tell()

    # -- showing -----------------------------------------------------------------------------------------------

    def _tell(self) -> None:
        plan = self._plan
        self._text("#hidden", self._hidden_text())
        if plan is None:
            return
        self._text("#totals", totals_text(plan.totals) or "Nothing of it can go.")
        self.query_one("#plan", Static).update(
            plan_text(plan, max(40, min(self.app.size.width, 78) - 6), hidden=self._hidden)
        )
        self.query_one("#count-field").display = len(plan.goes) > self._desk.company.confirm_count

    def _hidden_text(self) -> str:
        if self._selection is self._visible:
            return "Visible ones only; v takes the hidden ones in again"
        if self._visible is not None:
            return f"{len(self._hidden):,} of them hidden by the filter: v visible only, y all {len(self._all.versions):,}"
        return f"All {len(self._hidden):,} of them are hidden by the filter" if self._hidden else ""

    @property
    def _scroll(self) -> VerticalScroll:
        return self.query_one(".scroll", VerticalScroll)

    def on_resize(self) -> None:
        """Another height shows more or less of the plan."""
        self._hint_later()

    def _hint_later(self) -> None:
        # How much there is to scroll is known when the layout is done.
        self.call_after_refresh(self._hint)

    def _hint(self) -> None:
        """The keys; one of them only while there is more of the plan below."""
        more = "PgDn: more   " if self._scroll.scroll_y < self._scroll.max_scroll_y else ""
        self.query_one("#how", Static).update(
            f"{more}y: {self._word.lower()}   Tab: fields   Enter, Esc: cancel"
        )

    def action_scroll_plan(self, lines: int) -> None:
        """Read on, or back, wherever the focus is."""
        self._scroll.scroll_relative(y=lines, animate=False)

    def action_page_plan(self, pages: int) -> None:
        """A page on, or back; one line of it stays in sight."""
        self._scroll.scroll_relative(y=pages * max(1, self._scroll.size.height - 1), animate=False)

    def _text(self, selector: str, text: str) -> None:
        widget = self.query_one(selector, Static)
        widget.update(text)
        widget.display = bool(text)

    # -- inputs ------------------------------------------------------------------------------------------------

    def on_input_changed(self, event: Input.Changed) -> None:
        """Another date or description: what would go is asked anew."""
        event.stop()
        self._text("#problem", "")
        if event.input.id != "count":
            self._replan()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter ends typing and decides nothing."""
        event.stop()
        self.query_one("#cancel").focus()

    def _replan(self) -> None:
        self._plan = None
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(TYPING, self._start_replan)

    def _start_replan(self) -> None:
        self.run_worker(self._read_plan(), group="plan", exclusive=True)

    async def _read_plan(self) -> None:
        try:
            day, text = self._values()
            self._plan = await self._desk.db.read(
                review.plan_export, self._desk.me, self._selection, self._desk.profile, accounting_date=day, description=text
            )  # fmt: skip
        except PayappError as error:
            self._text("#problem", str(error))
        else:
            self._tell()

    def _values(self) -> tuple[date | None, str | None]:
        day = self.query_one("#day", Input).value.strip()
        text = self.query_one("#text", Input).value.strip()
        return parse_day(day), text or None

    # -- deciding ----------------------------------------------------------------------------------------------

    def action_visible(self) -> None:
        """Leave out what the filter hides, or take it in again."""
        if self._visible is None:
            return
        self._selection = self._all if self._selection is self._visible else self._visible
        self._tell()
        self._replan()

    def action_commit(self) -> None:
        """Export exactly what is shown."""
        plan = self._plan
        if plan is None:
            self._text("#problem", "Wait: what would go is being looked up, or a field needs mending.")
            return
        if not plan.goes:
            self._text("#problem", "Nothing of it can go; see why above. Esc leaves.")
            return
        if self.query_one("#count-field").display and self._typed_count() != len(plan.goes):
            self._text(
                "#problem", f"More than {self._desk.company.confirm_count:,}: type {len(plan.goes)} first."
            )
            self.query_one("#count", Input).focus()
            return
        day, text = self._values()
        # Amounts of several currencies make no sum that could be expected.
        net = to_decimal(plan.totals[0].net, plan.totals[0].currency) if len(plan.totals) == 1 else None
        self.dismiss(ExportChoice(self._selection, day, text, Expectation(len(plan.goes), net)))

    def _typed_count(self) -> int:
        typed = self.query_one("#count", Input).value.replace(",", "").strip()
        return int(typed) if typed.isascii() and typed.isdigit() else -1

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """The one button cancels."""
        event.stop()
        self.dismiss(None)
