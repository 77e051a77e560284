"""The dry run: what an export would do with the selection, by effect and cause; nothing is changed.

It shows at once what the store knows, and what a connector says that needs no network. Meanwhile the ERP is asked for the
codes that are not known or old and, where it says more over the network, for bills that would go; what it says is shown
when it is there; leaving ends that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from store import previewing, refusing
from store.domain.bill import Bill
from store.domain.errors import Interrupted, PayappError
from store.domain.knowing import Kind
from store.previewing import Plan
from tui.keymap import Place, bindings
from tui.screens.dry_list import DryListScreen
from tui.screens.dry_run_text import Line, asked_text, checked_text, not_reached, overview, silent_text
from tui.screens.payload import PayloadScreen
from tui.screens.plan_text import totals_text
from tui.screens.trying import Subject
from tui.screens.wide import WideDialog

if TYPE_CHECKING:
    from erp.knowing import Asked
    from tui.bootstrap import Desk
    from tui.checking import Checks

# So many of each group are read with the plan; the others when they are looked at.
LISTED = 500
ASKING = "Asking the ERP\u2026"
OTHER_KEYS = "p: payload   Esc closes"
KEYS = f"Enter lists them   {OTHER_KEYS}"
UNLISTED = "This line has no list"
# Cells of the list's scroll bar.
BAR = 1
# Rows beside the causes and the totals: the frame, the title, what the ERP was asked, what a line is about, the keys.
ROWS = 12
LEAST = 4


class DryRunScreen(WideDialog[None]):
    """Shows a plan; ``current``: whose payload comes first."""

    CSS_PATH = ["dialog.tcss", "dry_run.tcss"]
    FIRST = "#causes"
    GUARD = 0.0
    BINDINGS = bindings(Place.DRY_RUN)

    def __init__(self, desk: Desk, plan: Plan, subject: Subject, current: int | None = None) -> None:
        super().__init__()
        self._desk, self._plan, self._subject, self._current = desk, plan, subject, current
        self._lines: list[Line] = []
        self._looking = False

    # -- showing -----------------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """Totals, what the ERP was asked, the causes, and below them the one under the cursor in full."""
        with Vertical(classes="frame"):
            yield Static("Dry run: nothing is changed", classes="title", markup=False)
            yield Static(id="totals", markup=False)
            yield Static(id="asked", markup=False)
            yield OptionList(id="causes", markup=False)
            yield Static(id="about", markup=False)
            yield Static(KEYS, classes="note", markup=False)

    def on_mount(self) -> None:
        """What is known; then the ERP is asked."""
        super().on_mount()
        self._show()
        if self._plan.asking.codes and (self._desk.ask or self._remote):
            self._tell(ASKING)
            self.run_worker(self._ask(), group="ask", exclusive=True)
        else:
            self._tell("")

    def on_unmount(self) -> None:
        """Nobody waits for a look any more."""
        if self._looking:
            self._desk.db.interrupt("look")

    def _show(self) -> None:
        """The plan, with the cursor on the line where it was."""
        causes = self.query_one("#causes", OptionList)
        before = causes.highlighted
        was = self._lines[before].text if before is not None and self._lines else ""
        self._lines = overview(self._plan)
        width = self.cells - BAR
        causes.clear_options()
        causes.add_options(
            [
                Option(Text(line.fitted(width), "bold" if line.heading else "", no_wrap=True))
                for line in self._lines
            ]
        )
        places = [n for n, line in enumerate(self._lines) if line.text == was]
        causes.highlighted = places[0] if places else (0 if self._lines else None)
        self.query_one("#totals", Static).update(totals_text(self._plan.totals) or "Nothing of it would go.")
        self._fit()

    def on_resize(self) -> None:
        """Another window shows more or fewer lines, and more or less of each."""
        self._show()

    def _fit(self) -> None:
        """The causes take what the rest leaves."""
        totals = 2 * max(1, len(self._plan.totals))
        self.query_one("#causes").styles.max_height = max(LEAST, self.app.size.height - ROWS - totals)

    def _tell(self, now: str, silent: Sequence[Kind] = ()) -> None:
        """What the ERP was asked and when, and what is under way or went wrong."""
        known = asked_text(self._plan.asking, silent)
        checked = checked_text(self._plan.checked)
        parts = [
            now,
            f"ERP: {known}" if known else "",
            silent_text(silent, "It" if known or now else "The ERP"),
            checked if known or now or silent else f"ERP: {checked}" if checked else "",
        ]
        told = ". ".join(part.rstrip(".") for part in parts if part)
        self.query_one("#asked", Static).update(told.replace("\u2026. ", "\u2026 "))

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """What the line is about, in full."""
        event.stop()
        line = self._lines[event.option_index]
        self.query_one("#about", Static).update(line.about)
        self.query_one(".note", Static).update(KEYS if line.ids else f"{UNLISTED}   {OTHER_KEYS}")

    # -- the ERP -----------------------------------------------------------------------------------------------

    @property
    def _remote(self) -> Checks | None:
        """Who puts bills to the ERP over the network; None where that is not needed."""
        local = self._subject.local
        return self._desk.checks if local is None or local.opened is None else None

    async def _ask(self) -> None:
        trouble, silent = "", tuple[Kind, ...]()
        ask, remote = self._desk.ask, self._remote
        try:
            if ask is not None:
                asked = await ask(self._plan.asking.codes)
                trouble, silent = not_reached(asked.trouble), asked.silent
                self._looking = True
                self._plan = await self._anew(asked)
            if remote is not None and not trouble:
                self._show()
                self._tell(ASKING, silent)
                await self._check(remote)
        except Interrupted:
            return
        except PayappError as error:
            trouble = str(error)
        finally:
            self._looking = False
        self._show()
        self._tell(trouble, silent)

    async def _check(self, remote: Checks) -> None:
        """Put the bills of what goes to the ERP, as many as it may be asked for at once."""
        desk, of = self._desk, self._subject

        async def bills(ids: Sequence[int]) -> Sequence[tuple[int, str, Bill]]:
            self._looking = True
            return await desk.db.look(
                previewing.bills, desk.me, ids, desk.profile, of.action, of.day, of.description, of.override
            )

        told = await remote.ask(bills, self._plan.goes.ids)
        self._plan = refusing.said(self._plan, told.refused, told.checked)
        self._subject = replace(of, said=told.refused)

    async def _anew(self, asked: Asked) -> Plan:
        """The plan after the ERP was asked: looked at anew where it has told anything."""
        if asked.answered or asked.periods:
            return await self._subject.again()
        erp, codes = self._desk.company.erp, self._plan.asking.codes
        return replace(self._plan, asking=await self._desk.db.look(previewing.asking, erp, codes))

    # -- keys --------------------------------------------------------------------------------------------------

    @property
    def _line(self) -> Line | None:
        place = self.query_one("#causes", OptionList).highlighted
        return self._lines[place] if place is not None and place < len(self._lines) else None

    def action_step(self, step: int) -> None:
        """The line below, or above."""
        causes = self.query_one("#causes", OptionList)
        if step > 0:
            causes.action_cursor_down()
        else:
            causes.action_cursor_up()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter, or the mouse."""
        event.stop()
        self.action_open()

    def action_open(self) -> None:
        """The invoices of the line."""
        line = self._line
        if line is not None and line.ids:
            self.app.push_screen(DryListScreen(self._desk, line.text, line.ids, self._subject))
        elif line is not None:
            told = f"{UNLISTED}: Enter lists the invoices of the others."
            self.query_one("#about", Static).update(f"{told}\n{line.about}".rstrip())

    def action_payload(self) -> None:
        """What the ERP would get, first of the one that the list's cursor was on."""
        going = self._plan.goes.ids
        if going:
            current = self._current
            # Of very many the one comes first and the others after it.
            ids: Sequence[int] = going
            if current is not None and current in going:
                ids = [current, *(i for i in going if i != current)]
            self.app.push_screen(PayloadScreen(self._desk, ids, self._subject))
