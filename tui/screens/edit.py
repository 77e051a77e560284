"""Editing an invoice that is not sent: number, billing date and G703 lines, footed as they are typed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from rich.style import Style
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Static

from store.commitments import LineEdit
from store.detail import Detail
from store.domain.errors import BadInput, PayappError
from store.domain.invoice import Line, foot, summarize
from store.domain.money import plain, show, to_minor
from store.domain.text import one_line
from tui.keymap import Place, bindings
from tui.screens.dialog import Dialog
from tui.screens.fields import button, field, parse_day
from tui.text import cut, wrapped
from tui.widgets.bar import BOLD, REVERSE, WARN, Bar
from tui.widgets.bar import plain as bar_line

# The four figures of a line that can be edited: box id, heading, name in Line.
FIGURES = (
    ("work", "This period", "work_now"),
    ("stored", "Stored", "stored_now"),
    ("held", "Ret. held", "held"),
    ("released", "Released", "released"),
)
# The rows of the form besides its lines and what is wrong; so many lines are always in sight.
BESIDE, LEAST = 15, 3
# The cells of a sentence in the frame.
ROOM = 74


@dataclass(frozen=True, slots=True)
class InvoiceEdit:
    """What was changed; None and lines that are not named stay as they are."""

    number: str | None
    billing_date: date | None
    lines: tuple[LineEdit, ...]


class EditScreen(Dialog[bool]):
    """The form. ``save`` writes the edit, or raises the sentence that the form shows; then it stays open."""

    CSS_PATH = ["dialog.tcss", "edit.tcss"]
    FIRST = "#work"
    BINDINGS = bindings(Place.EDIT)

    def __init__(self, detail: Detail, save: Callable[[InvoiceEdit], Awaitable[None]]) -> None:
        super().__init__()
        self._detail = detail
        self._save = save
        self._currency = detail.row.currency
        self._edited = list(detail.lines)
        self._at = 0
        # A figure that cannot be read yet, by its box: nothing is saved before it is mended.
        self._unread: dict[str, str] = {}
        # What stands beside the buttons.
        self._wrong = ""

    def compose(self) -> ComposeResult:
        """Number and date, the lines, the boxes of one of them, what it foots to."""
        row = self._detail.row
        with Vertical(classes="frame"):
            title = f"Edit {one_line(row.number)}, application {row.application}, {one_line(row.vendor)}"
            yield Static(cut(title, 72), classes="title", markup=False)
            yield field("Number", Input(row.number, id="number"))
            yield field("Billing date", Input(self._detail.billing_date, id="day"))
            yield Bar(id="lines")
            with Horizontal(id="figures"):
                for box, heading, _ in FIGURES:
                    with Vertical(classes="figure"):
                        yield Static(heading, classes="note", markup=False)
                        yield self._box(box)
            yield Bar(id="totals")
            yield Static(id="problem", classes="problem", markup=False)
            with Horizontal(classes="buttons"):
                yield Static(id="how", markup=False)
                yield button("Cancel", "cancel")
                yield button("Save", "save")

    def _box(self, name: str) -> Input:
        # What Tab leads to is selected: a figure is typed over, not into.
        box = Input(id=name, compact=True)
        box.cursor_blink = False
        return box

    def on_mount(self) -> None:
        """The first line is the one in the boxes."""
        super().on_mount()
        self._fill()
        self._tell()

    def on_resize(self) -> None:
        """A higher window has room for more lines. Not at once: a height set while it is laid out is lost."""
        self.call_after_refresh(lambda: self._problem(self._wrong))

    # -- the lines ---------------------------------------------------------------------------------------------

    def action_line(self, step: int) -> None:
        """Another line into the boxes; one that cannot be read is mended first."""
        if self._unread or not self._edited:
            return
        self._at = max(0, min(self._at + step, len(self._edited) - 1))
        self._fill()
        self._tell()

    def _fill(self) -> None:
        if not self._edited:
            return
        line = self._edited[self._at]
        for name, _, attribute in FIGURES:
            box = self.query_one(f"#{name}", Input)
            with box.prevent(Input.Changed):
                box.value = plain(getattr(line, attribute), self._currency)
            box.cursor_position = len(box.value)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Take the figure over and foot."""
        event.stop()
        attributes = {name: attribute for name, _, attribute in FIGURES}
        name = event.input.id or ""
        if name not in attributes or not self._edited:
            return
        try:
            amount = to_minor(event.value.replace(",", "").strip() or "0", self._currency)
        except BadInput as error:
            self._unread[name] = str(error)
        else:
            self._unread.pop(name, None)
            self._edited[self._at] = _with(self._edited[self._at], attributes[name], amount)
        self._tell()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter goes on: to the next box, behind the last one to the next line, at the end to Save."""
        event.stop()
        if event.input.id == FIGURES[-1][0] and self._at < len(self._edited) - 1 and not self._unread:
            self.action_line(1)
            self.query_one("#work", Input).focus()
        elif event.input.id == FIGURES[-1][0]:
            self.query_one("#save", Button).focus()
        else:
            self.focus_next()

    # -- showing -----------------------------------------------------------------------------------------------

    def _tell(self) -> None:
        wrong = list(self._unread.values()) or foot(
            self._edited, {}, self._currency, self._detail.summary.tax
        )
        self._problem(wrong[0] if wrong else "")

    def _draw(self, window: int) -> None:
        """So many of the lines, the one in the boxes among them, and what all of them foot to."""
        first = max(0, min(self._at - window // 2, len(self._edited) - window))
        shown = range(first, min(first + window, len(self._edited)))
        table = [
            ("Line", *(heading for _, heading, _ in FIGURES), "Bill line"),
            *(self._line(n) for n in shown),
        ]
        styles = [BOLD, *(self._style(n) for n in shown)]
        lines = self.query_one("#lines", Bar)
        texts = _table(table, lines.size.width or ROOM)
        lines.styles.height = len(table)
        lines.show(*(bar_line(text, style) for text, style in zip(texts, styles, strict=True)))
        summary = summarize(self._edited, self._detail.summary.tax)
        text = (
            f"Gross {show(summary.gross, self._currency)}   Retainage {show(summary.retainage, self._currency)}"
            f"   Net {show(summary.net, self._currency)}"
        )
        self.query_one("#totals", Bar).show(bar_line(text, BOLD), bar_line(self._overbilled(), WARN))
        which = f" {self._at + 1} of {len(self._edited)}" if self._edited else ""
        self.query_one("#how", Static).update(f"Up, Down: line{which}   Tab, Enter: boxes")

    def _line(self, number: int) -> tuple[str, ...]:
        line = self._edited[number]
        figures = [show(getattr(line, attribute), self._currency) for _, _, attribute in FIGURES]
        return (f"{line.position} {line.description}", *figures, show(line.amount, self._currency))

    def _style(self, number: int) -> Style | None:
        if number == self._at:
            return REVERSE
        return WARN if self._edited[number].overbilled else None

    def _overbilled(self) -> str:
        over = [str(line.position) for line in self._edited if line.overbilled]
        return f"Overbilled: line {', '.join(over)} exceeds its scheduled value" if over else ""

    def _problem(self, text: str) -> None:
        self._wrong = text
        problem = self.query_one("#problem", Static)
        problem.update(text)
        problem.display = bool(text)
        # The lines give way to it: the buttons stay in sight.
        taken = BESIDE + (len(wrapped(text, ROOM)) if text else 0)
        self._draw(max(LEAST, self.app.size.height - taken))

    def trouble(self, text: str) -> None:
        """Beside its own problems."""
        self._problem(text)

    # -- saving ------------------------------------------------------------------------------------------------

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Save, or leave."""
        event.stop()
        if event.button.id == "save":
            self.run_worker(self._try, group="save", exclusive=True)
        else:
            self.dismiss(False)

    async def _try(self) -> None:
        try:
            edit = self._edit()
            if edit.number is None and edit.billing_date is None and not edit.lines:
                self._problem("Nothing was changed. Esc leaves.")
                return
            await self._save(edit)
        except PayappError as error:
            self._problem(str(error))
        else:
            self.dismiss(True)

    def _edit(self) -> InvoiceEdit:
        if self._unread:
            raise BadInput(next(iter(self._unread.values())))
        number = self.query_one("#number", Input).value.strip()
        day = parse_day(self.query_one("#day", Input).value)
        changed = tuple(
            LineEdit(new.position, new.work_now, new.stored_now, new.held, new.released)
            for new, old in zip(self._edited, self._detail.lines, strict=True)
            if new != old
        )
        return InvoiceEdit(
            None if number == self._detail.row.number else number,
            None if day is None or day.isoformat() == self._detail.billing_date else day,
            changed,
        )


def _with(line: Line, attribute: str, amount: int) -> Line:
    match attribute:
        case "work_now":
            return replace(line, work_now=amount)
        case "stored_now":
            return replace(line, stored_now=amount)
        case "held":
            return replace(line, held=amount)
        case _:
            return replace(line, released=amount)


def _table(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Rows of a name and figures as lines: the figures are never cut, the name takes what they leave."""
    widths = [max(map(len, column)) + 1 for column in list(zip(*rows, strict=True))[1:]]
    room = max(2, width - sum(widths))
    return [
        cut(name, room) + "".join(figure.rjust(w) for figure, w in zip(figures, widths, strict=True))
        for name, *figures in rows
    ]
