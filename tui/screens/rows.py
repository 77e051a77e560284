"""What the tools that are no list of invoices have in common: lines above, a filter, a list of rows, lines below."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.types import CSSPathType
from textual.widgets import Input

from store import finding
from store.domain.status import ProjectView, View
from tui.keymap import Place, bindings, footer, pressed, sections, why_off
from tui.screens.command_line import CommandScreen
from tui.screens.dialog import Dialog
from tui.screens.fields import quiet
from tui.screens.help import HelpScreen
from tui.screens.listing_text import header_line, tabs_line
from tui.screens.more import MoreScreen
from tui.text import wrapped
from tui.widgets.bar import BOLD, DIM, WARN, Bar, Line, plain
from tui.widgets.row_table import Column, RowTable

if TYPE_CHECKING:
    from tui.bootstrap import Desk

R = TypeVar("R")
# Others' changes are shown at most twice a second; what takes long to read rests for so many times as long.
BETWEEN_LOOKS, REST = 0.5, 4


class RowsScreen(Dialog[str | None], Generic[R]):
    """A tool's rows; closes with the tool that is to be opened, or None for back. ``text`` is its filter at first.

    A tool says what its rows are (read_rows, matches), how they look (COLUMNS, key, glyph, about), which keys it has
    (PLACE, with Place.ROWS besides), and its own actions. What changes anything asks for itself.
    """

    CSS_PATH: ClassVar[CSSPathType | None] = ["dialog.tcss", "rows.tcss"]
    GUARD = 0.0
    FIRST = "RowTable"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.ROWS)
    PLACE: ClassVar[Place]
    # What the header calls it, its name for More (tui.screens.more), its line of tabs, and what the filter looks at.
    TOOL: ClassVar[str]
    NAME: ClassVar[str]
    TABS: ClassVar[str]
    NARROWS: ClassVar[str]
    EMPTY: ClassVar[str]

    def __init__(self, desk: Desk, text: str = "") -> None:
        super().__init__()
        self.desk = desk
        self.text = text
        self.all_rows: Sequence[R] = ()
        self._message = ""
        self._stamp: Hashable = None
        self._looking = False
        # Readings under way, and how long the last one took.
        self._readings, self._took = 0, 0.0
        # Whether rows come behind the last one that was read; a tool that reads them page by page sets it.
        self.more = False
        self._reading_on = False

    # -- what a tool says of itself ----------------------------------------------------------------------------

    @abstractmethod
    def columns(self) -> Sequence[Column[R]]:
        """The columns of the list."""

    @abstractmethod
    async def read_rows(self) -> Sequence[R]:
        """All rows, read through the store."""

    async def read_more(self) -> None:
        """Add the next rows to all_rows, and say in ``more`` whether there are others; for tools that read by the page."""

    async def read_stamp(self) -> Hashable:
        """What tells whether others changed what is listed; None: read anew whenever anybody committed anything."""
        return None

    @abstractmethod
    def key(self, row: R) -> Hashable:
        """What tells the row from the others, whatever else of it changes."""

    def glyph(self, row: R) -> str:  # noqa: ARG002 - a tool's own may need it
        """One cell before the row: ``!`` for what wants somebody."""
        return ""

    def searched(self, row: R) -> str:  # noqa: ARG002 - a tool that narrows by itself needs none
        """The text of the row that the filter looks at."""
        return ""

    def matching(self) -> Sequence[R]:
        """The rows that have all words of the filter, case aside."""
        words = self.text.casefold().split()
        return [
            row
            for row in self.all_rows
            if self.kept(row) and all(word in self.searched(row).casefold() for word in words)
        ]

    @abstractmethod
    def about(self, row: R, width: int) -> str:
        """The line below the list: the row under the cursor, whole."""

    def kept(self, row: R) -> bool:  # noqa: ARG002 - a tool's own may need it
        """Whether a narrowing of the tool's own, beside the filter, leaves the row."""
        return True

    def narrowed_to_nothing(self) -> str:
        """What is said where the filter leaves nothing."""
        return f"Nothing matches: {pressed('rows.clear-filter')} clears the filter."

    def info(self, listed: Sequence[R]) -> Line:
        """The line above the list."""
        return plain(f" {len(listed):,} of {len(self.all_rows):,}", DIM)

    def decides(self) -> bool:
        """Whether the user may change anything here; the footer and the help leave the other keys out."""
        return True

    # -- parts -------------------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """Lines above, the filter, the list, lines below."""
        yield Bar(id="header")
        yield Bar(id="tabs")
        with Horizontal(id="filter"):
            yield Bar(id="filter-word")
            hint = f"{pressed('rows.filter')} narrows: {self.NARROWS}"
            yield quiet(Input(self.text, placeholder=hint, id="filter-box", select_on_focus=False))
        yield Bar(id="info")
        yield RowTable(self.columns(), self.key, self.glyph)
        yield Bar(id="foot")

    @property
    def table(self) -> RowTable[R]:
        """The list."""
        found: RowTable[R] = self.query_one(RowTable)
        return found

    @property
    def box(self) -> Input:
        """The filter."""
        return self.query_one("#filter-box", Input)

    def on_mount(self) -> None:
        """Read what there is."""
        super().on_mount()
        self.query_one("#filter-word", Bar).show(plain(" Filter:"))
        self._show_lines()
        self.reload()

    def on_resize(self) -> None:
        """The lines fit the new width."""
        self._show_lines()

    def _show_lines(self) -> None:
        width = self.app.size.width
        self.query_one("#header", Bar).show(header_line(self.desk, self.TOOL, width))
        self.query_one("#tabs", Bar).show(tabs_line(self.TABS, (0, ""), width))
        self._show_foot()

    # -- reading -----------------------------------------------------------------------------------------------

    def reload(self) -> None:
        """Read all rows anew."""
        self.run_worker(self.read, group="read", exclusive=True)

    def store_changed(self) -> None:
        """Somebody committed something: show it soon, if it is about what is listed."""
        if not self._looking:
            self._looking = True
            self._look_soon()

    def _look_soon(self) -> None:
        rest = max(BETWEEN_LOOKS, REST * self._took)
        self.set_timer(rest, lambda: self.run_worker(self._look_again, group="follow"))

    async def _look_again(self) -> None:
        if self._readings:
            # Read to its end and shown first: who commits all the time would keep a long one from ever being seen.
            self._look_soon()
            return
        self._looking = False
        stamp = await self.read_stamp()
        if stamp is None or stamp != self._stamp:
            self.reload()

    async def read(self) -> None:
        """Read all rows anew and list them; the cursor stays on its row."""
        begun = time.monotonic()
        self._readings += 1
        try:
            self._stamp = await self.read_stamp()
            self.all_rows = await self.read_rows()
        finally:
            self._readings -= 1
        self._took = time.monotonic() - begun
        self.list_rows(follow=True)

    def list_rows(self, *, follow: bool = False) -> None:
        """Show what the filter leaves."""
        found = self.matching()
        self.table.show(found, self.narrowed_to_nothing() if self.all_rows else self.EMPTY, follow=follow)
        self.query_one("#info", Bar).show(self.info(found))
        self._show_foot()

    def _read_on(self) -> None:
        """The next rows, when the last page of those that were read is in sight."""
        table = self.table
        if self.more and not self._reading_on and table.cursor >= table.count - 2 * table.height:
            self._reading_on = True
            self.run_worker(self._reading_more, group="more", exclusive=True)

    async def _reading_more(self) -> None:
        try:
            await self.read_more()
        except BaseException:
            # Asked for again by the next key, not by itself.
            self.more = False
            raise
        finally:
            self._reading_on = False
        if self.is_running:
            self.list_rows(follow=True)

    # -- what is said ------------------------------------------------------------------------------------------

    def trouble(self, text: str) -> None:
        """On the line above the keys."""
        self.say(text)

    def untaken(self, key: str) -> None:
        """A tool has more keys than stand on it: it says why this one is off."""
        # Its own keys come past here before they act.
        if key not in self.active_bindings:
            self.say(why_off(key))

    def say(self, text: str) -> None:
        """On the line above the keys, until a key moves the cursor."""
        self._message = text
        self._show_foot()

    def _show_foot(self) -> None:
        """The row under the cursor, what was said, the keys; a long message takes the keys' line too."""
        width = self.app.size.width
        said = (
            [plain(f" {line}", WARN) for line in wrapped(self._message, width - 2)[:2]]
            if self._message
            else [()]
        )
        keys = plain(" " + footer(width - 2, self.PLACE, Place.ROWS, decides=self.decides()), DIM)
        row = self.table.current
        about = self.about(row, width) if row is not None else ""
        self.query_one("#foot", Bar).show(plain(about, BOLD), *[*said, keys][:2])

    def on_row_table_moved(self, event: RowTable.Moved) -> None:
        """What is under the cursor now; what was said has been read when a key moved it."""
        if event.by_hand:
            self._message = ""
        self._show_foot()
        self._read_on()

    # -- the filter --------------------------------------------------------------------------------------------

    def on_input_changed(self, event: Input.Changed) -> None:
        """Narrow as it is typed."""
        event.stop()
        if event.value != self.text:
            self.text = event.value
            self.list_rows()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Back to the list."""
        event.stop()
        self.table.focus()

    def action_filter(self) -> None:
        """The keys to the box."""
        self.box.focus()

    def action_clear_filter(self) -> None:
        """All of it again."""
        self.text = self.box.value = ""
        self.list_rows(follow=True)

    # -- moving ------------------------------------------------------------------------------------------------

    def action_step(self, step: int) -> None:
        """The row below, or above."""
        self.table.move(self.table.cursor + step)

    def action_page(self, pages: int) -> None:
        """A page on, or back."""
        self.table.page(pages)

    def action_to(self, place: int) -> None:
        """The first row; -1: the last."""
        self.table.move(place if place >= 0 else self.table.count - 1)

    # -- the whole screen --------------------------------------------------------------------------------------

    def action_refresh(self) -> None:
        """Read everything anew."""
        self.say("Everything is read anew.")
        self.reload()

    def action_help(self) -> None:
        """The keys of this place."""
        places = (self.PLACE, Place.ROWS, Place.DIALOG, Place.ASK, Place.MORE, Place.HELP)
        self.app.push_screen(HelpScreen(self.TOOL, sections(*places, decides=self.decides())))

    def action_more(self) -> None:
        """The other tools."""
        self.app.push_screen(MoreScreen(self.desk.me), self._open)

    def _open(self, tool: str | None) -> None:
        if tool is not None and tool != self.NAME:
            self.dismiss(tool)

    # -- going to an invoice -----------------------------------------------------------------------------------

    async def go_to_invoice(self, invoice_id: int) -> None:
        """Leave the tool for the list that has this invoice, with its detail open; says so where it is gone."""
        found = await self.desk.db.read(finding.find, self.desk.me, f"#{invoice_id}", 1)
        if not found:
            self.say(f"Invoice #{invoice_id} is gone.")
            return
        self._leave_for(lambda below: below.go_to(found[0]))

    def go_to_list(self, view: View | ProjectView, query: str) -> None:
        """Leave the tool for the list of that view, filtered."""
        self._leave_for(lambda below: below.go_to_list(view, query))

    def _leave_for(self, going: Callable[[CommandScreen[Any]], None]) -> None:
        below = next(s for s in reversed(self.app.screen_stack) if isinstance(s, CommandScreen))
        # When this screen has gone: what is gone to may be in the other tool, which takes the list's place.
        self.app.call_later(self.app.call_after_refresh, going, below)
        self.dismiss(None)

    def action_leave(self) -> None:
        """Out of the filter first, then back to the tool."""
        if self.box.has_focus:
            self.table.focus()
        else:
            self.dismiss(None)
