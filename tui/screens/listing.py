"""A screen over a list of invoices: views, filter, marks, detail. What may be decided there is its subclasses' part."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Input

from store import detail, invoices, notices
from store.domain.errors import NothingMatched, PayappError
from store.domain.filter import BadFilter
from store.domain.selection import Marked, Totals
from store.domain.status import ProjectView, View
from store.invoices import Listing, Row, SortBy
from tui.keymap import Place, bindings
from tui.screens.listing_text import filter_info, foot, header_line, marked_line, tabs_line, views_line
from tui.widgets.bar import Bar
from tui.widgets.detail import DetailPane
from tui.widgets.filter_line import FilterLine
from tui.widgets.invoice_table import InvoiceTable
from tui.widgets.marks import Marks

if TYPE_CHECKING:
    from tui.bootstrap import Desk

V = TypeVar("V", View, ProjectView)

# From this width on the detail stands beside the list.
WIDE = 110
# What follows the cursor or a marking waits this long for the next key: a fast hand is not billed for it.
REST = 0.15
TYPING = 0.1
# Others' changes are shown at most twice a second.
BETWEEN_REFRESHES = 0.5


class ListingScreen(Screen[None], Generic[V]):
    """Views, filter, list, detail and marks over invoices."""

    CSS_PATH = "listing.tcss"
    AUTO_FOCUS = "InvoiceTable"
    BINDINGS = bindings(Place.LIST)
    PLACES: tuple[Place, ...] = ()
    TITLES: Mapping[V, str]
    SHORT: Mapping[V, str] = {}
    WITH_STATUS: frozenset[V] = frozenset()
    TOOL = ""
    TABS = ""

    def __init__(self, desk: Desk, view: V) -> None:
        super().__init__()
        self.desk = desk
        self.view: V = view
        self.query_text = self._shown_query = ""
        self.sort, self.descending = SortBy.VENDOR, False
        self.only_marked = False
        self._marks: dict[V, Marks] = {}
        # Where the cursor stood when a view was left; 0 is no invoice, so a new view begins at its top.
        self._cursors: dict[V, int] = {}
        self._counts: Mapping[V, int] = {}
        self._mail = (0, "")
        self._hidden = 0
        self._totals: Sequence[Totals] = ()
        self._message = ""
        self._own: set[int] = set()
        self._followed: set[int] = set()
        self._stale = self._reloading = False
        # Set while the list is the one that was asked for last.
        self._listed = asyncio.Event()
        self._listed.set()
        self._waiting: dict[str, Timer] = {}

    # -- parts -------------------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """Lines above, list and detail, lines below."""
        yield Bar(id="header")
        yield Bar(id="tabs")
        yield Bar(id="views")
        yield FilterLine()
        with Horizontal(id="middle"):
            yield InvoiceTable(self._rows, self.desk.company.currency)
            yield DetailPane()
        yield from self.compose_below()
        yield Bar(id="foot")

    def compose_below(self) -> ComposeResult:
        """What stands between the list and the foot."""
        yield from ()

    @property
    def table(self) -> InvoiceTable:
        """The list."""
        return self.query_one(InvoiceTable)

    @property
    def pane(self) -> DetailPane:
        """The detail."""
        return self.query_one(DetailPane)

    @property
    def marks(self) -> Marks:
        """The marks of the view that is shown."""
        return self._marks.setdefault(self.view, Marks())

    async def _rows(self, ids: Sequence[int]) -> Sequence[Row]:
        try:
            return await self.desk.db.read(invoices.rows, ids, self.desk.me)
        except PayappError as error:
            self.say(str(error))
            return ()

    # -- hooks of the two tools --------------------------------------------------------------------------------

    async def count_views(self) -> Mapping[V, int]:
        """How many invoices each view has."""
        raise NotImplementedError

    def belongs(self, row: Row) -> bool:
        """Whether the invoice is in the view that is shown."""
        raise NotImplementedError

    def empty_text(self) -> str:
        """Why the list is empty, and the key that helps."""
        if self.only_marked:
            return "Nothing marked matches. t shows all again."
        return f"0 of {self._counts.get(self.view, 0):,} match. \\ clears the filter."

    # -- reading -----------------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Show what there is."""
        self.query_one(FilterLine).box.back = self.table
        self.show_lines()
        self.request()

    def on_screen_resume(self) -> None:
        """Back from another tool: it may have changed meanwhile."""
        if self.is_mounted:
            self.request()

    def request(self) -> None:
        """Read counts, listing and detail anew, once more if that is under way."""
        self._stale = True
        if not self._reloading:
            self._reloading = True
            self.run_worker(self._reload(), group="reload")

    def store_changed(self) -> None:
        """Somebody committed something: show it soon."""
        if "changed" not in self._waiting:
            self._later("changed", BETWEEN_REFRESHES / 2, self.request)

    async def _reload(self) -> None:
        try:
            while self._stale:
                self._stale = False
                try:
                    await self._read()
                except BadFilter as error:
                    self.query_one(FilterLine).point_at(error.position)
                    self.say(str(error))
                    self.release()
                except PayappError as error:
                    self.say(str(error))
                    self.release()
        finally:
            self._reloading = False

    async def _read(self) -> None:
        view, query = self.view, self.query_text
        db = self.desk.db
        counts = await self.count_views()
        mail = await db.read(notices.waiting)
        listing = await db.read(invoices.listing, view, query, self.sort, descending=self.descending)
        lost = await self._lost(set(self.marks.versions).difference(listing.ids))
        if (view, query) != (self.view, self.query_text):
            self._stale = True
            return
        self._counts, self._mail = counts, mail
        self.query_one(FilterLine).point_at(None)
        self._drop(lost)
        seen = dict(zip(listing.ids, listing.versions, strict=True)) if self._followed else {}
        self.marks.follow(self._followed, seen)
        self._followed.clear()
        self._show_listing(self._marked_of(listing) if self.only_marked else listing)

    async def _lost(self, hidden: set[int]) -> list[int]:
        """Which of the marked invoices that are not listed have left the view."""
        if not hidden:
            return []
        rows = await self.desk.db.read(invoices.rows, sorted(hidden), self.desk.me)
        return sorted(hidden - {row.id for row in rows if self.belongs(row)})

    def _drop(self, lost: Sequence[int]) -> None:
        count = self.marks.drop(lost)
        others = count - len(self._own.intersection(lost))
        self._own.difference_update(lost)
        if others > 0:
            self.say(f"{others} marked left this view: others decided on them. Their marks are dropped.")

    def _marked_of(self, listing: Listing) -> Listing:
        pairs = [(i, v) for i, v in zip(listing.ids, listing.versions, strict=True) if i in self.marks]
        return Listing(array("q", [i for i, _ in pairs]), array("q", [v for _, v in pairs]))

    def _show_listing(self, listing: Listing) -> None:
        table = self.table
        table.sort, table.descending = self.sort, self.descending
        table.empty = self.empty_text()
        table.marks = self.marks.versions
        with_status = self.view in self.WITH_STATUS
        if table.with_status != with_status:
            table.with_status = with_status
            table.forget_widths()
        table.set_listing(
            listing, self._cursors.pop(self.view, None), narrowed=self.query_text != self._shown_query
        )
        self._shown_query = self.query_text
        self.release()
        self.marks_changed()
        self.show_lines()
        self.follow_cursor()

    def hold(self) -> None:
        """Another view or filter was asked for: keys wait until it is listed."""
        self._listed.clear()
        self.table.hold()

    def release(self) -> None:
        """What is listed is what was asked for, or it cannot be had; a filter still being typed is waited for."""
        if "typing" not in self._waiting:
            self.table.release()
            self._listed.set()

    # -- what is said ------------------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        """One sentence on the status line, until the next one or the next move."""
        if text != self._message:
            self._message = text
            self.show_foot()

    def show_lines(self) -> None:
        """Header, tabs, views and filter line."""
        width = self.app.size.width
        self.query_one("#header", Bar).show(header_line(self.desk, self.TOOL, width))
        self.query_one("#tabs", Bar).show(tabs_line(self.TABS, self._mail, width))
        self.query_one("#views", Bar).show(
            views_line(self.TITLES, self.SHORT, self._counts, self.view, width)
        )
        shown, total = len(self.table.listing.ids), self._counts.get(self.view, 0)
        self.query_one(FilterLine).inform(
            filter_info(shown, total, self.sort, descending=self.descending, only_marked=self.only_marked)
        )
        self.show_foot()

    def show_foot(self) -> None:
        """Control totals of what is marked, the message, the keys; a long message takes the lines it needs."""
        width = self.app.size.width
        totals = marked_line(len(self.marks), self._hidden, self._totals, width)
        self.query_one("#foot", Bar).show(*foot(totals, self._message, width, *self.PLACES))

    def marks_changed(self) -> None:
        """Repaint the boxes at once, the totals when the hand rests."""
        self.table.marks = self.marks.versions
        self.table.paint()
        self._later("totals", REST, self._count_marks)

    def _later(self, name: str, seconds: float, call: Callable[[], None]) -> None:
        if name in self._waiting:
            self._waiting.pop(name).stop()

        def fire() -> None:
            self._waiting.pop(name, None)
            call()

        self._waiting[name] = self.set_timer(seconds, fire)

    def _count_marks(self) -> None:
        self.run_worker(self._read_totals(), group="totals", exclusive=True)

    def hidden_marks(self) -> int:
        """How many marked invoices the filter hides."""
        return len(self.marks) - sum(map(self.marks.__contains__, self.table.listing.ids))

    async def _read_totals(self) -> None:
        try:
            totals = await self.desk.db.count(invoices.totals, Marked(dict(self.marks.versions)))
        except PayappError as error:
            self.say(str(error))
            return
        self._hidden = self.hidden_marks()
        self._totals = totals
        self.show_foot()

    # -- the detail --------------------------------------------------------------------------------------------

    @property
    def reading(self) -> bool:
        """Whether the detail is on the screen."""
        return self.has_class("wide") or self.has_class("reading")

    def follow_cursor(self) -> None:
        """Show the invoice under the cursor in the detail, when the hand rests."""
        if self.reading:
            self._later("detail", REST, self._show_detail)

    def _show_detail(self) -> None:
        self.run_worker(self._read_detail(), group="detail", exclusive=True)

    async def _read_detail(self) -> None:
        number = self.table.current
        if number is None:
            self.pane.set_detail(None)
            return
        try:
            self.pane.set_detail(await self.desk.db.read(detail.detail, number, self.desk.me))
        except NothingMatched:
            self.request()
        except PayappError as error:
            self.say(str(error))

    # -- keys --------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What is typed belongs to the text box that has the focus."""
        if action == "typed":
            return not isinstance(self.focused, Input)
        return super().check_action(action, parameters)

    async def action_typed(self, action: str) -> None:
        """A key that a text box would have taken for itself, typed where there is none."""
        await self.run_action(action)

    # -- messages ----------------------------------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        """Wide: the detail stands beside the list."""
        self.set_class(event.size.width >= WIDE, "wide")
        if event.size.width >= WIDE:
            self.remove_class("reading")
        self.show_lines()
        self.follow_cursor()

    def on_invoice_table_cursor_moved(self, event: InvoiceTable.CursorMoved) -> None:
        """The detail follows; what was said has been read when a key moved it."""
        if event.by_hand:
            self.say("")
        self.follow_cursor()

    def on_invoice_table_toggled(self, event: InvoiceTable.Toggled) -> None:
        """One marked or unmarked."""
        self.marks.toggle(event.invoice_id, event.version)
        self.marks_changed()

    def on_invoice_table_ranged(self, event: InvoiceTable.Ranged) -> None:
        """A range marked."""
        self.marks.add(event.pairs)
        self.marks_changed()

    def on_invoice_table_box_clicked(self) -> None:
        """The header box does what ``a`` does."""
        self.run_worker(self.run_action("mark_all"), group="click")

    def on_invoice_table_heading_clicked(self, event: InvoiceTable.HeadingClicked) -> None:
        """Sort by that column."""
        self.table.active = event.sort
        self.run_worker(self.run_action("sort"), group="click")

    def on_bar_clicked(self, event: Bar.Clicked) -> None:
        """Views and sections can be clicked."""
        self.run_worker(self.run_action(event.action.replace("-", "_")), group="click")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter as it is typed."""
        event.stop()
        if event.value == self.query_text:
            return
        self.query_text = event.value
        self.say("")
        self.hold()
        self._later("typing", TYPING, self.request)
