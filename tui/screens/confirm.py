"""The last look before an export: what goes, what stays and why. ``y`` commits, everything else does not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from store import review
from store.decision import Expectation
from store.domain.errors import Interrupted, PayappError
from store.domain.money import show, to_decimal
from store.domain.selection import Marked, Matching, Selection
from store.domain.status import Action
from store.domain.text import one_line
from store.overriding import REASON_MOST
from store.planning import DESCRIPTION_MOST
from store.review import Plan
from store.selecting import Seen
from tui import checking
from tui.keymap import Place, bindings
from tui.screens import dry_run
from tui.screens.dialog import Dialog
from tui.screens.dry_run import DryRunScreen
from tui.screens.fields import button, field, parse_day
from tui.screens.hold import noun
from tui.screens.plan_text import plan_text, totals_text
from tui.screens.trying import Subject

if TYPE_CHECKING:
    from tui.bootstrap import Desk

TYPING = 0.25
# A look that takes longer is told.
PATIENCE = 0.3
# So many rows of the plan are always there.
LEAST = 4


# Accounting date, description and the reason of an override, as they are typed.
Boxes = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class ExportChoice:
    """What was confirmed: the selection, the approver's values, and the control totals that were shown.

    A selection by filters carries the digest of what was ``seen``; ``values`` are the boxes as they were typed.
    ``override``: why what may be a duplicate goes.
    """

    selection: Selection
    accounting_date: date | None
    description: str | None
    expect: Expectation
    seen: Seen | None
    values: Boxes
    override: str | None


class ConfirmExport(Dialog[ExportChoice | None]):
    """Shows the plan of an export. The filter hides ``hidden`` of the selected ones and shows ``visible`` of them.

    ``visible`` is None where it shows all or none. ``before`` is what was confirmed and then refused, with ``why``:
    its boxes stand as they were; the plan is made with them.
    """

    CSS_PATH = ["dialog.tcss", "confirm.tcss"]
    FIRST = "#cancel"
    BINDINGS = bindings(Place.CONFIRM)

    def __init__(
        self,
        desk: Desk,
        selection: Selection,
        visible: Selection | None,
        hidden: int,
        plan: Plan,
        action: Action,
        *,
        before: ExportChoice | None = None,
        why: str = "",
    ) -> None:
        super().__init__()
        self._desk = desk
        self._hidden = hidden
        self._all = self._selection = selection
        self._visible = visible
        self._plan: Plan | None = plan
        # Of both selections, by the boxes: what is looked at once is not looked at again.
        self._plans: dict[tuple[bool, Boxes], Plan] = {}
        # Why there is no plan.
        self._refused = ""
        self._count = plan.count + plan.stays.count + plan.changed.count
        self._word = "Retry" if action is Action.RETRY else "Export"
        self._action = action
        self._timer: Timer | None = None
        # The boxes that the plan was made with; of the reason it matters only that there is one.
        self._typed = before.values if before else ("", "", "")
        self._values_shown = _asking(self._typed)
        self._plans[False, self._values_shown] = plan
        self._why = why

    def compose(self) -> ComposeResult:
        """Company and ERP, totals, what to look at, the approver's inputs, how to decide."""
        company, profile = self._desk.company, self._desk.profile
        with Vertical(classes="frame"):
            title = f"{self._word}: {one_line(company.name)} to {one_line(profile.title)}"
            yield Static(title, classes="title", markup=False)
            yield Static(id="totals", markup=False)
            yield Static(id="hidden", classes="problem", markup=False)
            # Its keys work wherever the focus is; with the focus on it the first Tab would lead to no field.
            with VerticalScroll(classes="scroll", can_focus=False):
                yield Static(id="plan", markup=False)
            day, text, override = self._typed
            yield field("Accounting date", Input(day, placeholder="as shown above; YYYY-MM-DD", id="day"))
            yield field(
                "Description",
                Input(text, placeholder="as on the invoice", max_length=DESCRIPTION_MOST, id="text"),
            )
            with Vertical(id="override-field"):
                box = Input(
                    override, placeholder="why they are no duplicates", max_length=REASON_MOST, id="override"
                )
                yield field("Override", box)
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
        self._text("#problem", self._why)

    def on_unmount(self) -> None:
        """Nobody waits for a look any more."""
        if self._plan is None:
            self._desk.db.interrupt("look")

    # -- showing -----------------------------------------------------------------------------------------------

    def _tell(self) -> None:
        plan = self._plan
        self._text("#hidden", self._hidden_text())
        if plan is None:
            return
        self._text("#totals", totals_text(plan.totals) or "Nothing of it can go.")
        self.query_one("#plan", Static).update(plan_text(plan, max(40, min(self.app.size.width, 78) - 6)))
        self.query_one("#count-field").display = bool(self._typed_for(plan))
        self.query_one("#override-field").display = bool(plan.alike.count or self._boxes()[2])
        self._hint_later()

    def _typed_for(self, plan: Plan) -> str:
        """Why the count is typed first: it, or the net in the company's currency, is above what the company set."""
        company = self._desk.company
        if plan.count > company.confirm_count:
            return f"More than {company.confirm_count:,}"
        most = company.confirm_net
        if most is None:
            return ""
        if any(abs(t.net) > most for t in plan.totals if t.currency == company.currency):
            return f"More than {show(most, company.currency)} {company.currency} net"
        return ""

    def _hidden_text(self) -> str:
        if self._selection is self._visible:
            shown = self._count - self._hidden
            return f"Visible ones only ({shown:,}); v takes the {self._hidden:,} hidden ones in again"
        if self._visible is not None:
            return f"{self._hidden:,} of them hidden by the filter: v visible only, y all {self._count:,}"
        if self._hidden == 1:
            return "It is hidden by the filter"
        return f"All {self._hidden:,} of them are hidden by the filter" if self._hidden else ""

    @property
    def _scroll(self) -> VerticalScroll:
        return self.query_one(".scroll", VerticalScroll)

    def on_resize(self) -> None:
        """Another height shows more or less of the plan."""
        self._hint_later()

    def _hint_later(self) -> None:
        # How much there is to scroll is known when the layout is done.
        self.call_after_refresh(self._fit)
        self.call_after_refresh(self._hint)

    def _fit(self) -> None:
        """The plan takes all the rows that the rest leaves."""
        scroll, frame = self._scroll, self.query_one(".frame")
        taken = sum(
            self._rows(child) + child.styles.margin.height
            for child in frame.children
            if child.display and child is not scroll
        )
        room = self.size.height - taken - frame.gutter.height - scroll.styles.margin.height
        if scroll.styles.max_height is None or scroll.styles.max_height.value != max(LEAST, room):
            scroll.styles.max_height = max(LEAST, room)
            # How much is below is known when that is laid out.
            self.call_after_refresh(self._hint)

    def _rows(self, child: Widget) -> int:
        """The rows that it needs; of a text as it reads now, which may not be laid out yet."""
        if not isinstance(child, Static):
            return child.outer_size.height
        frame = self.query_one(".frame")
        return child.get_content_height(frame.size, self.size, frame.scrollable_content_region.width)

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
        self._hint_later()

    def trouble(self, text: str) -> None:
        """Beside its own problems: the plan makes room for it, the keys stay in sight."""
        self._text("#problem", text)

    # -- inputs ------------------------------------------------------------------------------------------------

    def on_input_changed(self, event: Input.Changed) -> None:
        """Another date or description: what would go is asked anew."""
        event.stop()
        if event.input.id == "count":
            self._text("#problem", "")
        elif _asking(self._boxes()) != self._values_shown:
            self._text("#problem", "")
            self._replan()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter ends typing and decides nothing."""
        event.stop()
        self.query_one("#cancel").focus()

    def _replan(self) -> None:
        self._refused = ""
        self._values_shown = _asking(self._boxes())
        self._plan = self._plans.get(self._asked)
        if self._timer is not None:
            self._timer.stop()
        if self._plan is not None:
            self._desk.db.interrupt("look")
            self.workers.cancel_group(self, "plan")
            self._tell()
            return
        self._timer = self.set_timer(TYPING, self._start_replan)

    def _start_replan(self) -> None:
        # What is under way was asked for with other values.
        self._desk.db.interrupt("look")
        self.run_worker(self._read_plan, group="plan", exclusive=True)

    @property
    def _asked(self) -> tuple[bool, Boxes]:
        return self._selection is self._visible, self._values_shown

    async def _read_plan(self) -> None:
        desk, count = self._desk, self._count - (self._hidden if self._selection is self._visible else 0)
        asked = self._asked
        patience = self.set_timer(
            PATIENCE, partial(self._text, "#totals", f"Looking at {noun(count)}\u2026 Esc leaves")
        )
        try:
            day, text = self._values()
            self._plan = await desk.db.look(
                review.plan_export, desk.me, self._selection, desk.profile, self._action, visible=self._shown(),
                accounting_date=day, description=text, override=self._override(),
                local=await checking.local(desk, checking.CONFIRMED),
            )  # fmt: skip
        except Interrupted:
            return
        except PayappError as error:
            self._refused = str(error)
            self._text("#problem", self._refused)
        else:
            self._plans[asked] = self._plan
            self._tell()
        finally:
            patience.stop()

    def _shown(self) -> Selection | None:
        """What the plan is told as visible: nothing of it where the filter hides all."""
        if self._selection is self._visible or not self._hidden:
            return None
        return self._visible or Marked({})

    def _boxes(self) -> Boxes:
        day, text, override = (self.query_one(name, Input).value for name in ("#day", "#text", "#override"))
        return day, text, override

    def _values(self) -> tuple[date | None, str | None]:
        day, text, _ = (value.strip() for value in self._boxes())
        return parse_day(day), text or None

    def _override(self) -> str | None:
        return self._boxes()[2].strip() or None

    def _mend(self) -> str:
        """Why the fields cannot be taken as they are; "" when they can."""
        try:
            self._values()
        except PayappError as error:
            return str(error)
        return ""

    def action_list(self) -> None:
        """All that goes and stays, as the dry run has it."""
        if self._plan is not None:
            self.run_worker(self._list, group="list", exclusive=True)

    async def _list(self) -> None:
        desk = self._desk
        try:
            day, text = self._values()
            selection, visible, override = self._selection, self._shown(), self._override()
            local = await checking.local(desk)

            async def again() -> Plan:
                return await desk.db.look(
                    review.plan_export, desk.me, selection, desk.profile, self._action, visible=visible,
                    accounting_date=day, description=text, override=override, listed=dry_run.LISTED, local=local,
                )  # fmt: skip

            plan = await again()
        except Interrupted:
            return
        except PayappError as error:
            self._text("#problem", str(error))
        else:
            tried = Subject(self._action, day, again, override, text, local)
            await self.app.push_screen(DryRunScreen(desk, plan, tried))

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
            self._text("#problem", self._refused or self._mend() or "Wait: what would go is being looked up.")
            return
        if not plan.count:
            self._text("#problem", "Nothing of it can go; see why above. Esc leaves.")
            return
        if (above := self._typed_for(plan)) and self._typed_count() != plan.count:
            self._text("#problem", f"{above}: type {plan.count:,} first.")
            self.query_one("#count", Input).focus()
            return
        day, text = self._values()
        # Amounts of several currencies make no sum that could be expected.
        net = to_decimal(plan.totals[0].net, plan.totals[0].currency) if len(plan.totals) == 1 else None
        selection = self._selection
        if isinstance(selection, Matching) and plan.seen is not None:
            selection = replace(selection, digest=plan.seen.digest)
        expect = Expectation(plan.count, net, plan.masters, plan.let)
        why = self._override()
        self.dismiss(ExportChoice(selection, day, text, expect, plan.seen, self._boxes(), why))

    def _typed_count(self) -> int:
        typed = self.query_one("#count", Input).value.replace(",", "").strip()
        return int(typed) if typed.isascii() and typed.isdigit() else -1

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """The one button cancels."""
        event.stop()
        self.dismiss(None)


def _asking(boxes: Boxes) -> Boxes:
    """What of the boxes a plan depends on."""
    day, text, override = boxes
    return day, text, "given" if override.strip() else ""
