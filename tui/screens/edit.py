"""The form of an invoice that is not sent, or not there yet: number, days and G703 lines, footed as they are typed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import date

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Static

from store.commitments import LineEdit
from store.domain import drafting
from store.domain.errors import BadInput, PayappError
from store.domain.invoice import Line, foot, summarize
from store.domain.money import plain
from store.domain.text import one_line
from tui.keymap import Place, bindings
from tui.screens import edit_text
from tui.screens.dialog import Dialog
from tui.screens.edit_text import BESIDE, FIGURES, WIDE, Form
from tui.screens.fields import button, field, parse_day
from tui.text import cut, wrapped
from tui.widgets.bar import BOLD, WARN, Bar
from tui.widgets.bar import plain as bar_line

# The rows of the form besides its lines, what is wrong and why it came back; where so many lines have no room, the G702 has none.
FRAME, LEAST = 16, 3
# Narrow, the G702 takes two rows of its own.
BELOW = 2
# The cells of a sentence in the frame, narrow and wide.
ROOM, WIDE_ROOM = 74, 112
_WORK = {"work_now", "stored_now", "released"}


@dataclass(frozen=True, slots=True)
class InvoiceEdit:
    """What was changed; None and lines that are not named stay as they are. ``period``: first and last ISO day."""

    number: str | None
    billing_date: date | None
    period: tuple[str, str] | None
    lines: tuple[LineEdit, ...]


class EditScreen(Dialog[bool]):
    """The form. ``save`` writes the edit, or raises the sentence that the form shows; then it stays open."""

    CSS_PATH = ["dialog.tcss", "edit.tcss"]
    FIRST = "#work"
    BINDINGS = bindings(Place.EDIT)

    def __init__(self, form: Form, save: Callable[[InvoiceEdit], Awaitable[None]]) -> None:
        super().__init__()
        self._form = form
        self._save = save
        self._currency = form.currency
        self._edited = list(form.lines)
        self._at = 0
        # A figure that cannot be read yet, by its box: nothing is saved before it is mended.
        self._unread: dict[str, str] = {}
        self._period_end = form.period[1]
        # What stands beside the buttons.
        self._wrong = ""

    def compose(self) -> ComposeResult:
        """Number and days, why it came back, the lines, the boxes of one of them, what they foot to."""
        form = self._form
        with Vertical(classes="frame"):
            yield Static(cut(form.title, 72), classes="title", markup=False)
            yield field("Number", Input(one_line(form.number), id="number"))
            yield field("Period", Input(" to ".join(form.period), id="period"))
            yield field("Billing date", Input(form.billing_date, id="day"))
            yield Static("\n".join(self._reason()), id="reason", classes="problem", markup=False)
            with Horizontal(id="table"):
                with Vertical(id="own"):
                    yield Bar(id="lines")
                    yield Bar(id="about")
                    with Horizontal(id="figures"):
                        for box, heading, _ in FIGURES:
                            with Vertical(classes="figure"):
                                yield Static(heading, classes="note", markup=False)
                                yield self._box(box)
                yield Bar(id="g702")
            yield Bar(id="totals")
            yield Static(id="problem", classes="problem", markup=False)
            with Horizontal(classes="buttons"):
                yield Static(id="how", markup=False)
                yield button("Cancel", "cancel")
                yield button("Create" if form.fresh else "Save", "save")

    def _reason(self) -> list[str]:
        """Why it came back, in two lines at most: all of it stands in the invoice's detail."""
        found = wrapped(self._form.reason, ROOM) if self._form.reason else []
        return found if len(found) <= 2 else [found[0], cut(" ".join(found[1:]), ROOM).rstrip()]

    def _box(self, name: str) -> Input:
        # What Tab leads to is selected: a figure is typed over, not into.
        box = Input(id=name, compact=True)
        box.cursor_blink = False
        return box

    def on_mount(self) -> None:
        """The first line is the one in the boxes."""
        super().on_mount()
        self.query_one("#reason").display = bool(self._form.reason)
        self._fill()
        self._tell()

    def on_resize(self) -> None:
        """A higher window has room for more lines. Not at once: a height set while it is laid out is lost."""
        self.set_class(self._wide, "wide")
        self.call_after_refresh(lambda: self._problem(self._wrong))

    @property
    def _wide(self) -> bool:
        return self.app.size.width >= WIDE

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
        for name, _, _ in FIGURES:
            box = self._show_figure(name)
            # As after Tab: what is typed takes its place.
            box.action_select_all()

    def _show_figure(self, name: str) -> Input:
        """The line's own figure in that box."""
        box = self.query_one(f"#{name}", Input)
        attribute = next(attribute for box_id, _, attribute in FIGURES if box_id == name)
        with box.prevent(Input.Changed):
            box.value = plain(getattr(self._edited[self._at], attribute), self._currency)
        box.cursor_position = len(box.value)
        return box

    def on_input_changed(self, event: Input.Changed) -> None:
        """Take the figure over and foot."""
        event.stop()
        attributes = {name: attribute for name, _, attribute in FIGURES}
        name = event.input.id or ""
        if name == "period":
            self._follow_period(event.value)
        if name not in attributes or not self._edited:
            return
        try:
            amount = drafting.amount(event.value.strip() or "0", self._currency)
        except BadInput as error:
            self._unread[name] = str(error)
        else:
            self._unread.pop(name, None)
            self._take(attributes[name], amount)
        self._tell()

    def _follow_period(self, text: str) -> None:
        """The billing date that was the period's last day is the new one's."""
        try:
            period = drafting.period(text, self._form.periods)
        except BadInput:
            # Still being typed; what is saved is read again.
            return
        day = self.query_one("#day", Input)
        if day.value == self._period_end:
            day.value = period[1]
        self._period_end = period[1]

    def _take(self, attribute: str, amount: int) -> None:
        """The figure into its line. Retainage that was at the commitment's rate follows what it is retained on."""
        line, rate = self._edited[self._at], self._form.rate_bp
        follows = (
            attribute in _WORK and "held" not in self._unread and line.held == drafting.at_rate(line, rate)
        )
        line = _with(line, attribute, amount)
        if follows:
            line = replace(line, held=drafting.at_rate(line, rate))
        self._edited[self._at] = line
        if follows:
            self._show_figure("held")

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
        wrong = list(self._unread.values()) or foot(self._edited, {}, self._currency, self._form.tax)
        self._problem(wrong[0] if wrong else "")

    def _draw(self, window: int, *, below: bool) -> None:
        """So many of the lines, the one in the boxes among them, and what all of them foot to; the G702 ``below`` them."""
        first = max(0, min(self._at - window // 2, len(self._edited) - window))
        shown = range(first, min(first + window, len(self._edited)))
        own, summary = self._edited, summarize(self._edited, self._form.tax)
        rows = [edit_text.titles(), *(edit_text.cells(own[n], self._currency) for n in shown)]
        styles = [BOLD, *(edit_text.style(own[n], here=n == self._at) for n in shown)]
        lines = self.query_one("#lines", Bar)
        width = lines.size.width or ROOM
        texts = edit_text.table(rows, width)
        lines.styles.height = len(rows)
        lines.show(*(bar_line(text, one) for text, one in zip(texts, styles, strict=True)))
        if own:
            about = edit_text.about(own[self._at], self._currency, width)
            self.query_one("#about", Bar).show(bar_line(about, WARN if own[self._at].overbilled else None))
        totals = self.query_one("#totals", Bar)
        g702 = edit_text.g702_below(summary, self._currency, ROOM) if below else []
        totals.styles.height = 2 + len(g702)
        totals.show(
            bar_line(edit_text.bill(summary, self._currency, totals.size.width or ROOM), BOLD),
            *(bar_line(text) for text in g702),
            bar_line(edit_text.overbilled(own), WARN),
        )
        beside = self.query_one("#g702", Bar)
        beside.styles.width = BESIDE
        beside.show(*(bar_line(text) for text in edit_text.g702_beside(summary, self._currency)))
        which = f" {self._at + 1} of {len(own)}" if own else ""
        self.query_one("#how", Static).update(f"Up, Down: line{which}   Tab, Enter: boxes")

    def _problem(self, text: str) -> None:
        self._wrong = text
        problem = self.query_one("#problem", Static)
        problem.update(text)
        problem.display = bool(text)
        # The lines give way to it, and the G702 below them: the buttons stay in sight.
        told = len(wrapped(text, WIDE_ROOM if self._wide else ROOM)) if text else 0
        room = self.app.size.height - FRAME - len(self._reason()) - told
        below = not self._wide and room - BELOW >= LEAST
        self._draw(max(1, room - BELOW if below else room), below=below)

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
            if not self._form.fresh and edit == InvoiceEdit(None, None, None, ()):
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
        form = self._form
        number = self.query_one("#number", Input).value.strip()
        day = parse_day(self.query_one("#day", Input).value)
        period = drafting.period(self.query_one("#period", Input).value, form.periods)
        changed = tuple(
            LineEdit(new.position, new.work_now, new.stored_now, new.held, new.released)
            for new, old in zip(self._edited, form.lines, strict=True)
            if new != old
        )
        return InvoiceEdit(
            # A number from a file may hold what a box cannot show: unless it is typed over it stays.
            None if number == one_line(form.number) else number,
            None if day is None or (day.isoformat() == form.billing_date and not form.fresh) else day,
            None if period == form.period else period,
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
