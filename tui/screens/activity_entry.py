"""One entry of Activity, whole: its text above, and where it is about several, these in a list below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from store.activity_sources import Entry
from store.activity_whole import Subject, Whole, whole
from store.domain.errors import PayappError
from store.domain.text import one_line, safe
from tui.keymap import Place, bindings
from tui.screens.wide import WideDialog
from tui.text import wrapped
from tui.widgets.row_table import Column, RowTable

if TYPE_CHECKING:
    from tui.bootstrap import Desk


class EntryScreen(WideDialog[int | None]):
    """Read through the store when it opens; closes with the id of the invoice to go to, or None."""

    CSS_PATH = ["dialog.tcss", "activity_entry.tcss"]
    FIRST = VerticalScroll.__name__
    GUARD = 0.0
    BINDINGS = bindings(Place.ENTRY)

    def __init__(self, desk: Desk, entry: Entry) -> None:
        super().__init__()
        self._desk, self._entry = desk, entry
        self._whole: Whole | None = None

    def compose(self) -> ComposeResult:
        """What it is, its text, its subjects, the keys."""
        with Vertical(classes="frame"):
            yield Static(
                one_line(f"{self._entry.kind} {self._entry.id}").capitalize(), classes="title", markup=False
            )
            with VerticalScroll(id="text"):
                yield Static(id="entry", markup=False)
            yield RowTable(_COLUMNS, lambda row: (row.invoice, row.name, row.says), lambda _: "")
            yield Static("", id="keys", classes="note", markup=False)

    def on_mount(self) -> None:
        """Read it."""
        super().on_mount()
        self._table.display = False
        self._say("Esc closes")
        self.run_worker(self._read, group="read", exclusive=True)

    def on_resize(self) -> None:
        """Its lines fit the new width."""
        super().on_resize()
        self._show()

    @property
    def _table(self) -> RowTable[Subject]:
        found: RowTable[Subject] = self.query_one(RowTable)
        return found

    @property
    def _text(self) -> VerticalScroll:
        return self.query_one("#text", VerticalScroll)

    @property
    def _several(self) -> bool:
        return self._whole is not None and len(self._whole.subjects) > 1

    async def _read(self) -> None:
        desk, entry = self._desk, self._entry
        try:
            self._whole = await desk.db.read(whole, desk.me, entry.kind, entry.id)
        except PayappError as error:
            self.query_one("#entry", Static).update(safe(str(error), lines=True))
            return
        self._show()

    def _show(self) -> None:
        if (found := self._whole) is None:
            return
        lines = [part for line in _with_subject(found) for part in wrapped(line, self.cells - 1) or [""]]
        self.query_one("#entry", Static).update("\n".join(lines))
        self._table.display = self._several
        if self._several:
            self._table.styles.height = (
                min(len(found.subjects), max(4, self.app.size.height - len(lines) - 8)) + 1
            )
            self._table.show(found.subjects, "", follow=True)
            self._table.focus()
        more = f"{found.more:,} more are not listed   " if found.more else ""
        goes = "i: to the invoice   " if any(s.invoice is not None for s in found.subjects) else ""
        self._say(f"{more}{goes}Up, Down   Esc closes")

    def _say(self, text: str) -> None:
        self.query_one("#keys", Static).update(text)

    # -- keys --------------------------------------------------------------------------------------------------

    def action_step(self, step: int) -> None:
        """The subject below or above; of one alone the text."""
        if self._several:
            self._table.move(self._table.cursor + step)
        else:
            self._text.scroll_relative(y=step, animate=False)

    def action_page(self, pages: int) -> None:
        """A page of the subjects; of one alone of the text."""
        if self._several:
            self._table.page(pages)
        else:
            self._text.scroll_relative(y=pages * max(1, self._text.size.height - 1), animate=False)

    def action_jump(self) -> None:
        """To the invoice; of one entry without any it says so."""
        subjects: Sequence[Subject] = self._whole.subjects if self._whole is not None else ()
        subject = self._table.current if self._several else next(iter(subjects), None)
        if subject is not None and subject.invoice is not None:
            self.dismiss(subject.invoice)
        else:
            self._say("There is no invoice to go to.   Esc closes")


_COLUMNS: tuple[Column[Subject], ...] = (
    Column("Invoice", lambda row, _: row.name, 12, 20),
    Column("What became of it", lambda row, _: row.says, 20),
)


def _with_subject(of: Whole) -> Sequence[str]:
    """The text, and below it the one subject that no list shows."""
    if len(of.subjects) != 1:
        return of.lines
    [subject] = of.subjects
    name = f"Invoice {subject.name}" if subject.invoice is not None else subject.name
    return [*of.lines, "", ": ".join(filter(None, (name, subject.says)))]
