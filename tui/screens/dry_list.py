"""The invoices of one line of a dry run: as many as there are, read as they come into sight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from store import invoices, previewing
from store.causes import Snag, with_said
from store.domain.errors import Interrupted, PayappError
from store.domain.money import show
from store.domain.text import safe
from store.invoices import Row
from tui.keymap import Place, bindings
from tui.screens.dry_run_text import about
from tui.screens.payload import PayloadScreen
from tui.screens.trying import Subject
from tui.screens.wide import WideDialog
from tui.text import cut

if TYPE_CHECKING:
    from tui.bootstrap import Desk

# Rows around the list: frame, title, what is said of the one under the cursor, the keys.
AROUND = 9
LEAST = 4
# Cells of a number at most, and of the line where it has 20.
NUMBER_MOST, NARROW = 40, 74
# So many rows are kept.
KEPT = 2000


class DryListScreen(WideDialog[None]):
    """The invoices with these ids, in their order; below them what is said of the one under the cursor."""

    CSS_PATH = ["dialog.tcss", "dry_run.tcss"]
    GUARD = 0.0
    BINDINGS = bindings(Place.DRY_LIST)

    def __init__(self, desk: Desk, title: str, ids: Sequence[int], subject: Subject) -> None:
        super().__init__()
        self._desk, self._heading, self._ids, self._subject = desk, title, ids, subject
        self._cursor = self._top = 0
        self._rows: dict[int, Row] = {}
        self._snags: dict[int, list[Snag]] = {}

    def compose(self) -> ComposeResult:
        """What they have in common, the invoices, one of them in full, the keys."""
        with Vertical(classes="frame"):
            yield Static(id="which", classes="title", markup=False)
            yield Static(id="invoices", markup=False)
            yield Static(id="about", markup=False)
            yield Static("Enter: notes, payload   PgUp, PgDn, g, G   Esc back", classes="note", markup=False)

    def on_mount(self) -> None:
        """The first page."""
        super().on_mount()
        self._go(0)

    def on_resize(self) -> None:
        """Another height shows more or fewer of them."""
        self._go(self._cursor)

    @property
    def _height(self) -> int:
        return max(LEAST, self.app.size.height - AROUND)

    # -- moving ------------------------------------------------------------------------------------------------

    def _go(self, place: int) -> None:
        """The cursor there; what comes into sight is read."""
        self._cursor = max(0, min(place, len(self._ids) - 1))
        height = self._height
        self._top = max(0, min(self._top, self._cursor, len(self._ids) - height))
        if self._cursor >= self._top + height:
            self._top = self._cursor - height + 1
        if any(number not in self._rows for number in self._page()):
            self.run_worker(self._read(), group="page", exclusive=True)
        self._draw()

    def _page(self) -> Sequence[int]:
        return self._ids[self._top : self._top + self._height]

    def action_step(self, step: int) -> None:
        """The one below, or above."""
        self._go(self._cursor + step)

    def action_page(self, pages: int) -> None:
        """A page on, or back."""
        self._top = max(0, self._top + pages * self._height)
        self._go(self._cursor + pages * self._height)

    def action_to(self, place: int) -> None:
        """The first one; -1: the last."""
        self._go(place if place >= 0 else len(self._ids) - 1)

    def action_open(self) -> None:
        """All of one."""
        self.app.push_screen(PayloadScreen(self._desk, self._ids, self._subject, self._cursor))

    # -- showing -----------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        desk, wanted, of = self._desk, list(self._page()), self._subject
        try:
            rows = await desk.db.read(invoices.rows, wanted, desk.me)
            snags = await desk.db.read(
                previewing.snags,
                desk.me,
                wanted,
                desk.profile,
                of.action,
                of.day,
                of.description,
                of.override,
                of.local,
            )
        except Interrupted:
            return
        except PayappError as error:
            self.trouble(str(error))
            return
        if len(self._rows) > KEPT:
            self._rows.clear()
            self._snags.clear()
        self._rows |= {row.id: row for row in rows}
        self._snags |= {
            number: with_said(snags.get(number, []), of.said.get(number, ())) for number in wanted
        }
        self._draw()

    def _draw(self) -> None:
        width = self.cells
        text = Text(no_wrap=True)
        for place, number in enumerate(self._page(), self._top):
            here = place == self._cursor
            text.append(self._line(number, here=here, width=width) + "\n", "reverse" if here else "")
        text.rstrip()
        self.query_one("#invoices", Static).update(text)
        self.query_one("#which", Static).update(
            f"{cut(self._heading, width - 18).rstrip()}  {self._cursor + 1:,} of {len(self._ids):,}"
        )
        said = [about(snag.cause, snag.fix) for snag in self._snags.get(self._ids[self._cursor], ())]
        self.query_one("#about", Static).update(safe("\n".join(said), lines=True))

    def _line(self, number: int, *, here: bool, width: int) -> str:
        row = self._rows.get(number)
        mark = ">" if here else " "
        if row is None:
            return mark
        gross = f"{show(row.gross, row.currency)} {row.currency}"
        effects = "".join(dict.fromkeys(snag.effect[0].upper() for snag in self._snags.get(number, ())))
        # What a wide window has more the number has first: those of a month differ in their ends.
        number = min(NUMBER_MOST, 20 + max(0, width - NARROW))
        room = max(8, width - number - 9 - len(gross))
        return f"{mark}{cut(effects, 4)} {cut(row.number, number)} {cut(row.vendor, room)} {gross}"
