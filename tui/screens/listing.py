"""A screen over a list of invoices: views, filter, marks, detail. What may be decided there is its subclasses' part."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.timer import Timer
from textual.widgets import Input

from store import detail, invoices, notices, selecting
from store.domain.errors import NothingMatched, PayappError
from store.domain.filter import BadFilter
from store.domain.selection import Marked, Totals, every
from store.domain.status import ProjectView, View
from store.domain.text import one_line
from store.invoices import Row, SortBy
from store.listing import Order, every_id
from tui.keymap import Place, bindings
from tui.screens.listing_text import filter_info, foot, header_line, marked_line, tabs_line, views_line
from tui.screens.telling import TellingScreen
from tui.widgets.bar import Bar
from tui.widgets.detail import DetailPane
from tui.widgets.filter_line import FilterLine
from tui.widgets.invoice_table import InvoiceTable
from tui.widgets.marks import Marks
from tui.widgets.row_cache import Listing

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
# How many of those that others decided on are named.
NAMED = 5
# What keys wait for: a list that is being read, a filter that has not got all that was typed yet.
LISTING, FILTERING = "listing", "filtering"


class ListingScreen(TellingScreen, Generic[V]):
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
        self.query_text = ""
        # What the list shows: the view and the filter; and why the filter cannot be read, or "".
        self._shown: tuple[V, str] = (view, "")
        self.unread = ""
        self.sort, self.descending = SortBy.VENDOR, False
        self.only_marked = False
        self._marks: dict[V, Marks] = {}
        # Where the cursor stood when a view was left; 0 is no invoice, so a new view begins at its top.
        self._cursors: dict[V, int] = {}
        self._counts: Mapping[V, int] = {}
        self._mail = (0, "")
        self._hidden = 0
        self._totals: Sequence[Totals] = ()
        self._own: set[int] = set()
        self._followed: set[int] = set()
        self._stale = self._reloading = False
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
            self.trouble(str(error))
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
            self.run_worker(self._reload, group="reload")

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
                    self.unread = str(error)
                    self._list_nothing(error)
                except PayappError as error:
                    self._list_nothing(error)
        finally:
            self._reloading = False

    async def _read(self) -> None:
        view, query = self.view, self.query_text
        db = self.desk.db
        followed = frozenset(self._followed)
        counts = await self.count_views()
        mail = await db.read(notices.waiting)
        ids = await db.read(every_id, Order(view, query, self.sort, self.descending, me=self.desk.me))
        versions = dict(await db.read(selecting.matched, every(view, query)))
        listing = Listing(ids, array("q", [versions.get(i, 0) for i in ids]))
        lost = await self._lost(set(self.marks.versions).difference(listing.ids))
        seen = {row.id: row.version for row in await db.read(invoices.rows, sorted(followed), self.desk.me)}
        if (view, query) != (self.view, self.query_text):
            self._stale = True
            return
        self._counts, self._mail = counts, mail
        self.unread = ""
        self.query_one(FilterLine).point_at(None)
        self._drop(lost)
        for marks in self._marks.values():
            marks.follow(followed, seen)
        self._followed -= followed
        self.only_marked = self.only_marked and bool(len(self.marks))
        self._show_listing(self._marked_of(listing) if self.only_marked else listing)

    async def _lost(self, hidden: set[int]) -> dict[int, str]:
        """Which of the marked invoices that are not listed have left the view, and their numbers."""
        if not hidden:
            return {}
        rows = await self.desk.db.read(invoices.rows, sorted(hidden), self.desk.me)
        names = {row.id: one_line(row.number) for row in rows}
        kept = {row.id for row in rows if self.belongs(row)}
        return {number: names.get(number, f"#{number}") for number in sorted(hidden - kept)}

    def _drop(self, lost: Mapping[int, str]) -> None:
        others = [name for number, name in lost.items() if number in self.marks and number not in self._own]
        self.marks.drop(lost)
        self._own.difference_update(lost)
        if others:
            named = ", ".join(others[:NAMED]) + (
                f" and {len(others) - NAMED:,} more" if others[NAMED:] else ""
            )
            self.add(f"{len(others):,} marked left this view: others decided on {named}.")

    def _list_nothing(self, error: PayappError) -> None:
        """What was asked for cannot be had: what was listed before must not be taken for it."""
        self.add(str(error))
        if (self.view, self.query_text) != self._shown or self.unread:
            if self.table.current is not None:
                self._cursors.setdefault(self._shown[0], self.table.current)
            nothing = Listing(array("q"), array("q"))
            self.table.marks = self.marks
            self.table.empty = str(error)
            self.table.set_listing(nothing)
            self._shown = (self.view, self.query_text)
            self.totals_later()
            self.show_lines()
        self.release()

    def _marked_of(self, listing: Listing) -> Listing:
        pairs = [(i, v) for i, v in zip(listing.ids, listing.versions, strict=True) if i in self.marks]
        return Listing(array("q", [i for i, _ in pairs]), array("q", [v for _, v in pairs]))

    def _show_listing(self, listing: Listing) -> None:
        table = self.table
        table.sort, table.descending = self.sort, self.descending
        table.empty = self.empty_text()
        table.marks = self.marks
        with_status = self.view in self.WITH_STATUS
        if table.with_status != with_status:
            table.with_status = with_status
            table.forget_widths()
        table.set_listing(
            listing, self._cursors.pop(self.view, None), narrowed=self.query_text != self._shown[1]
        )
        self._shown = (self.view, self.query_text)
        self.release()
        self.totals_later()
        self.show_lines()
        self.follow_cursor()

    def hold(self) -> None:
        """Another view or filter was asked for: keys wait until it is listed."""
        self.table.turns.hold(LISTING)

    def release(self) -> None:
        """What is listed is what was asked for, or it cannot be had; a filter still being typed is waited for."""
        if "typing" not in self._waiting:
            self.table.turns.release(LISTING)

    # -- what is said ------------------------------------------------------------------------------------------

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
        """Repaint the boxes at once, the totals when the hand rests; marked ones only are listed anew."""
        if self.only_marked:
            self.only_marked = bool(len(self.marks))
            self.request()
        self.table.paint()
        self.totals_later()

    def totals_later(self) -> None:
        """Count what is marked when the hand rests."""
        self._later("totals", REST, self._count_marks)

    def _later(self, name: str, seconds: float, call: Callable[[], None]) -> None:
        if name in self._waiting:
            self._waiting.pop(name).stop()

        def fire() -> None:
            self._waiting.pop(name, None)
            call()

        self._waiting[name] = self.set_timer(seconds, fire)

    def _count_marks(self) -> None:
        self.run_worker(self._read_totals, group="totals", exclusive=True)

    def hidden_marks(self) -> int:
        """How many marked invoices the filter hides."""
        return len(self.marks) - sum(map(self.marks.__contains__, self.table.listing.ids))

    async def _read_totals(self) -> None:
        totals = await self.desk.db.count(selecting.totals, Marked(dict(self.marks.versions)))
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
        self.run_worker(self._read_detail, group="detail", exclusive=True)

    async def _read_detail(self) -> None:
        number = self.table.current
        if number is None:
            self.pane.set_detail(None)
            return
        try:
            self.pane.set_detail(await self.desk.db.read(detail.detail, number, self.desk.me))
        except NothingMatched:
            self.request()

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

    def on_invoice_table_marking(self) -> None:
        """One or a range marked or unmarked."""
        self.marks_changed()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter as it is typed."""
        event.stop()
        self.filter_to(event.value)

    def on_filter_input_left(self) -> None:
        """All that was typed is there: keys that came after it may act, as soon as its matches are listed."""
        self.filter_to(self.query_one(FilterLine).box.value)
        self.table.turns.release(FILTERING)

    def filter_to(self, query: str) -> None:
        """List what matches that; until it is listed keys wait."""
        if query == self.query_text:
            return
        self.query_text = query
        self.say("")
        self.hold()
        self._later("typing", TYPING, self.request)
