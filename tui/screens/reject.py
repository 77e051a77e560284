"""The reason modal: why invoices go back to Commitments, one reason for all with overrides per invoice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, OptionList, Static, TextArea
from textual.widgets.option_list import Option

from store.domain.text import one_line, safe
from store.invoices import Row
from store.reasons import Rejecting
from tui.keymap import Place, bindings
from tui.screens.ask import nets
from tui.screens.dialog import Dialog
from tui.screens.fields import button
from tui.text import cut, money


@dataclass(frozen=True, slots=True)
class RejectChoice:
    """The reason for all, and those of single invoices by id."""

    reason: str
    reasons: dict[int, str]


def mailed(asked: Rejecting) -> str:
    """Who is told by mail: creators and senders, and of whom no address is known."""
    people = f"{_counted(asked.people, 'person')} mailed the reason" if asked.people else "nobody is mailed"
    if asked.mails > asked.people:
        people += f", {asked.mails:,} mails"
    silent = f"; {asked.silent:,} {'has' if asked.silent == 1 else 'have'} no address" if asked.silent else ""
    return f"Of creators and senders {people}{silent}."


def _counted(count: int, noun: str) -> str:
    return f"1 {noun} is" if count == 1 else f"{count:,} {noun}s are"


class ReasonBox(TextArea):
    """Several lines of text; Up on the first line recalls an earlier reason, Down on the last a later one or a template.

    It holds a text for each target, an invoice's id or None for all of them. What was typed into a recalled reason or
    a template is kept too, per target, until the dialog closes.
    """

    def __init__(self, recalled: Sequence[str], templates: Sequence[str] = ()) -> None:
        super().__init__(show_line_numbers=False, compact=True, tab_behavior="focus", id="reason")
        self.cursor_blink = False
        self.highlight_cursor_line = False
        # By place: the draft at 0, earlier reasons above it, templates below.
        self._given = {0: ""}
        self._given |= {n: safe(text, lines=True) for n, text in enumerate(recalled, 1)}
        self._given |= {-n: safe(text, lines=True) for n, text in enumerate(templates, 1)}
        self.target: int | None = None
        # Per target its own copy of that, and the place in it.
        self._shelves: dict[int | None, dict[int, str]] = {None: dict(self._given)}
        self._places: dict[int | None, int] = {None: 0}

    def said(self, target: int | None) -> str:
        """The text for a target as it stands, "" where none was typed."""
        if target == self.target:
            return self.text
        return self._shelves[target][self._places[target]] if target in self._shelves else ""

    def own(self) -> dict[int, str]:
        """The reasons of single invoices."""
        texts = {target: self.said(target).strip() for target in self._shelves if target is not None}
        return {target: text for target, text in texts.items() if text}

    def turn_to(self, target: int | None) -> None:
        """Write for another target, where it was left."""
        self._stash()
        self.target = target
        self._shelves.setdefault(target, dict(self._given))
        self._load(self._places.get(target, 0))

    def action_cursor_up(self, select: bool = False) -> None:
        """A line up, or the reason before."""
        if self.cursor_location[0] == 0 and not select:
            self._recall(self._places[self.target] + 1)
        else:
            super().action_cursor_up(select)

    def action_cursor_down(self, select: bool = False) -> None:
        """A line down, or the reason after, or the next template."""
        last = self.document.line_count - 1
        after = self._places[self.target] - 1
        if after in self._shelves[self.target] and self.cursor_location[0] == last and not select:
            self._recall(after)
        else:
            super().action_cursor_down(select)

    def restore(self, reason: str, own: Mapping[int, str]) -> None:
        """Texts that were typed before: for all, and for single invoices."""
        targets: list[int | None] = [None, *own]
        for target in targets:
            text = reason if target is None else own[target]
            self._shelves[target] = {**self._given, 0: text}
            self._places[target] = 0
        self._load(0)

    def _recall(self, place: int) -> None:
        if place in self._shelves[self.target]:
            self._stash()
            self._load(place)

    def _stash(self) -> None:
        self._shelves[self.target][self._places[self.target]] = self.text

    def _load(self, place: int) -> None:
        self._places[self.target] = place
        self.load_text(self._shelves[self.target][place])


class RejectScreen(Dialog[RejectChoice | None]):
    """Asks for the reason. The filter hides ``hidden`` of those that are rejected.

    ``before`` is what was decided and then refused, with ``why``: its reasons stand as they were.
    """

    CSS_PATH = ["dialog.tcss", "reject.tcss"]
    FIRST = "#reason"
    BINDINGS = bindings(Place.REJECT)

    def __init__(
        self,
        asked: Rejecting,
        hidden: int,
        templates: Sequence[str] = (),
        *,
        before: RejectChoice | None = None,
        why: str = "",
    ) -> None:
        super().__init__()
        self._asked = asked
        self._hidden = hidden
        self._rows = {row.id: row for row in asked.rows}
        self._count = asked.count
        self._templates = bool(templates)
        self._box = ReasonBox(asked.recalled, templates)
        self._why = why
        if before is not None:
            self._box.restore(before.reason, before.reasons)

    def compose(self) -> ComposeResult:
        """What is rejected, why, what follows, and the two buttons."""
        noun = "invoice" if self._count == 1 else "invoices"
        with Vertical(classes="frame"):
            hidden = f" ({self._hidden:,} of them hidden by the filter)" if self._hidden else ""
            yield Static(f"Reject {self._count:,} {noun}{hidden}", classes="title", markup=False)
            yield Static("\n".join(nets(self._asked.totals)), id="totals", markup=False)
            rows = OptionList(*self._options(), markup=False, compact=True, id="rows")
            # The reason for all is the single invoice's own.
            rows.can_focus = self._count > 1
            yield rows
            yield Static(id="word", classes="title", markup=False)
            yield self._box
            yield Static(
                f"They return to the project's Commitments tool, editable again. {mailed(self._asked)}",
                classes="note",
                markup=False,
            )
            yield Static(id="problem", classes="problem", markup=False)
            with Horizontal(classes="buttons"):
                # Beside the buttons there are 46 cells.
                own = "   o in the list: its own" if self._count > 1 else "   Up: earlier reasons"
                yield Static(
                    f"Tab: {'list, ' if self._count > 1 else ''}buttons{own}", id="how", markup=False
                )
                yield button("Cancel", "cancel")
                yield button("Reject", "reject")

    def on_mount(self) -> None:
        """One reason for all, first."""
        super().on_mount()
        self._tell()
        if self._why:
            self.trouble(self._why)

    def _options(self) -> list[Option]:
        return [Option(self._prompt(row), id=str(row.id)) for row in self._rows.values()]

    def _prompt(self, row: Row) -> Text:
        own = " *own reason" if self._box.said(row.id).strip() else ""
        amount = money(row.net, row.currency, 16)
        return Text(f"{cut(row.number, 14)} {cut(row.vendor, 26)} {amount}{own}")

    def _tell(self) -> None:
        target = self._box.target
        if target is None:
            word = "Reason   (Up: earlier reasons" + ("; Down: templates)" if self._templates else ")")
        else:
            number = one_line(self._rows[target].number)
            word = f"Reason for {number} alone (Esc: back to the reason for all)"
        self.query_one("#word", Static).update(word)
        self.query_one("#problem", Static).display = False

    # -- one invoice's own reason ------------------------------------------------------------------------------

    def _turn_to(self, target: int | None) -> None:
        was = self._box.target
        self._box.turn_to(target)
        if was is not None:
            options = self.query_one(OptionList)
            options.replace_option_prompt(str(was), self._prompt(self._rows[was]))
        self._tell()
        self._box.focus()

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
        if self._box.target is not None:
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
        reason, own = self._box.said(None).strip(), self._box.own()
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
