"""The reason modal: why invoices go back to Commitments, one reason for all with overrides per invoice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, OptionList, Static, TextArea
from textual.widgets.option_list import Option

from store.domain.text import one_line, safe
from store.invoices import Row
from tui.screens.dialog import Dialog
from tui.screens.fields import button
from tui.text import cut, money

# So many invoices are listed for overrides; a longer selection takes the one reason.
LISTED = 200


@dataclass(frozen=True, slots=True)
class RejectChoice:
    """The reason for all, and those of single invoices by id."""

    reason: str
    reasons: dict[int, str]


class ReasonBox(TextArea):
    """Several lines of text; Up on the first line recalls an earlier reason, Down on the last a later one."""

    def __init__(self, recalled: Sequence[str]) -> None:
        super().__init__(show_line_numbers=False, compact=True, tab_behavior="focus", id="reason")
        self.cursor_blink = False
        self.highlight_cursor_line = False
        self._recalled = ["", *recalled]
        self._place = 0

    def action_cursor_up(self, select: bool = False) -> None:
        """A line up, or the reason before."""
        if self.cursor_location[0] == 0 and not select:
            self._recall(self._place + 1)
        else:
            super().action_cursor_up(select)

    def action_cursor_down(self, select: bool = False) -> None:
        """A line down, or the reason after."""
        if self._place and self.cursor_location[0] == self.document.line_count - 1 and not select:
            self._recall(self._place - 1)
        else:
            super().action_cursor_down(select)

    def _recall(self, place: int) -> None:
        if not 0 <= place < len(self._recalled):
            return
        if self._place == 0:
            self._recalled[0] = self.text
        self._place = place
        self.load_text(safe(self._recalled[place], lines=True))


class RejectScreen(Dialog[RejectChoice | None]):
    """Asks for the reason. ``rows`` are the first of the ``count`` selected invoices, of which the filter hides ``hidden``."""

    CSS_PATH = ["dialog.tcss", "reject.tcss"]
    FIRST = "#reason"
    BINDINGS = [Binding("o", "override", "Own reason", show=False)]

    def __init__(self, rows: Sequence[Row], count: int, hidden: int, recalled: Sequence[str]) -> None:
        super().__init__()
        self._hidden = hidden
        self._rows = {row.id: row for row in rows[:LISTED]}
        self._count = count
        self._recalled = recalled
        # None stands for the reason for all.
        self._texts: dict[int | None, str] = {None: ""}
        self._target: int | None = None

    def compose(self) -> ComposeResult:
        """What is rejected, why, what follows, and the two buttons."""
        noun = "invoice" if self._count == 1 else "invoices"
        with Vertical(classes="frame"):
            hidden = f" ({self._hidden:,} of them hidden by the filter)" if self._hidden else ""
            yield Static(f"Reject {self._count:,} {noun}{hidden}", classes="title", markup=False)
            yield OptionList(*self._options(), markup=False, compact=True, id="rows")
            yield Static(id="word", classes="title", markup=False)
            yield ReasonBox(self._recalled)
            yield Static(
                "They return to the project's Commitments tool, editable again. Who created and who sent each of them"
                " is mailed the reason.",
                classes="note",
                markup=False,
            )
            yield Static(id="problem", classes="problem", markup=False)
            with Horizontal(classes="buttons"):
                yield Static("Tab: list, buttons   Up: earlier reasons", id="how", markup=False)
                yield button("Cancel", "cancel")
                yield button("Reject", "reject")

    def on_mount(self) -> None:
        """One reason for all, first."""
        super().on_mount()
        self._tell()

    def _options(self) -> list[Option]:
        return [Option(self._prompt(row), id=str(row.id)) for row in self._rows.values()]

    def _prompt(self, row: Row) -> Text:
        own = " *own reason" if self._texts.get(row.id, "").strip() else ""
        amount = money(row.net, row.currency, 16)
        return Text(f"{cut(row.number, 14)} {cut(row.vendor, 26)} {amount}{own}")

    def _tell(self) -> None:
        if self._target is None:
            word = "Reason"
        else:
            number = one_line(self._rows[self._target].number)
            word = f"Reason for {number} alone (Esc: back to the reason for all)"
        self.query_one("#word", Static).update(word)
        self.query_one("#problem", Static).display = False

    # -- one invoice's own reason ------------------------------------------------------------------------------

    def _turn_to(self, target: int | None) -> None:
        box = self.query_one(ReasonBox)
        self._texts[self._target] = box.text
        was, self._target = self._target, target
        box.load_text(self._texts.get(target, ""))
        if was is not None:
            options = self.query_one(OptionList)
            options.replace_option_prompt(str(was), self._prompt(self._rows[was]))
        self._tell()
        box.focus()

    def action_override(self) -> None:
        """A reason of its own for the invoice that is chosen in the list."""
        options = self.query_one(OptionList)
        if options.has_focus and options.highlighted is not None:
            chosen = options.get_option_at_index(options.highlighted).id
            self._turn_to(int(chosen) if chosen else None)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter on an invoice does the same."""
        event.stop()
        self._turn_to(int(event.option.id) if event.option.id else None)

    def action_leave(self) -> None:
        """From an invoice's own reason back to the one for all, from there out."""
        if self._target is not None:
            self._turn_to(None)
        else:
            self.dismiss(None)

    # -- deciding ----------------------------------------------------------------------------------------------

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Reject, or leave."""
        event.stop()
        if event.button.id != "reject":
            self.dismiss(None)
            return
        self._texts[self._target] = self.query_one(ReasonBox).text
        reason = self._texts[None].strip()
        own = {n: text.strip() for n, text in self._texts.items() if n is not None and text.strip()}
        if not reason and len(own) < self._count:
            problem = self.query_one("#problem", Static)
            problem.update("A rejection needs a reason: the project must know what to correct. Enter it.")
            problem.display = True
            self._turn_to(None)
            problem.display = True
            return
        self.dismiss(RejectChoice(reason, own))

    def on_key(self, event: events.Key) -> None:
        """Backspace never decides anything, wherever the focus is."""
        if event.key == "backspace":
            event.stop()
