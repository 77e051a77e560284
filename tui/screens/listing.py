"""A screen over a list of invoices: its parts, what it says around them, the detail. Reading is tui.screens.reading's."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input

from store import detail
from store.domain.errors import NothingMatched, NotPermitted
from store.domain.selection import Selection
from store.domain.status import ProjectView, View
from store.invoices import SortBy
from store.listing import Listing, Order
from store.looking import Page, Tally
from tui.keymap import Place, bindings, way
from tui.screens.listing_text import (
    filter_info,
    foot,
    header_line,
    marked_line,
    tabs_line,
    views_line,
    views_list,
)
from tui.screens.telling import TellingScreen
from tui.widgets.bar import Bar
from tui.widgets.command_line import CommandInput
from tui.widgets.detail import DetailPane
from tui.widgets.filter_line import FilterInput, FilterLine
from tui.widgets.invoice_table import InvoiceTable
from tui.widgets.marks import Marks
from tui.widgets.query_line import QueryInput, QueryLine

if TYPE_CHECKING:
    from tui.bootstrap import Desk

V = TypeVar("V", View, ProjectView)

# From this width on the detail stands beside the list.
WIDE = 110
# From this one on the views stand in the right pane too, and the detail has the whole G703.
VAST = 160
# What follows the cursor or a marking waits this long for the next key: a fast hand is not billed for it.
REST = 0.1
TYPING = 0.03
# Others' changes are shown at most twice a second.
BETWEEN_REFRESHES = 0.5
# What keys wait for: a list that is being read, a filter that has not got all that was typed yet.
LISTING, FILTERING = "listing", "filtering"


FOCUSED: dict[type[Widget], Place] = {
    InvoiceTable: Place.TABLE,
    DetailPane: Place.DETAIL,
    FilterInput: Place.FILTER,
    QueryInput: Place.FILTER,
    CommandInput: Place.COMMAND,
}


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
        # What is said of a filter whose last word may become right as it is typed on, or "".
        self.unfinished = ""
        self.sort, self.descending = SortBy.VENDOR, False
        self.only_marked = False
        self._marks: dict[V, Marks] = {}
        # Where the cursor stood when a view was left; 0 is no invoice, so a new view begins at its top.
        self._cursors: dict[V, int] = {}
        self._counts: Mapping[V, int] = {}
        self._mail = (0, "")
        # When the ERP last answered, as the header says it; "" for never.
        self.synced = ""
        # What is marked in the view that is shown; None while it is counted.
        self._tally: Tally | None = Tally()
        self._stale = self._reloading = False
        self._waiting: dict[str, Timer] = {}
        self.begin_reading()

    # -- parts -------------------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """Lines above, list and detail, lines below."""
        yield Bar(id="header")
        yield Bar(id="tabs")
        yield Bar(id="views")
        yield FilterLine()
        yield QueryLine()
        with Horizontal(id="middle"):
            yield InvoiceTable(self, self.desk.company.currency)
            with Vertical(id="right"):
                yield Bar(id="views-list")
                # Errors are mended by deciding in ERP Integrations.
                yield DetailPane(decides=self.decides and Place.INVOICES in self.PLACES)
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
        if self.view not in self._marks:
            self._marks[self.view] = Marks(self.view)
        return self._marks[self.view]

    def order(self) -> Order:
        """The list that is asked for."""
        only = self.marks.value if self.only_marked else None
        return Order(self.view, self.query_text, self.sort, self.descending, only, self.desk.me)

    # -- what the subclasses do --------------------------------------------------------------------------------

    def begin_reading(self) -> None:
        """What reading needs to remember."""

    async def read_page(self, listing: Listing, first: int, count: int, selection: Selection) -> Page | None:
        """For the table."""
        raise NotImplementedError

    async def read_boxes(self, selection: Selection, ids: Sequence[int]) -> Collection[int] | None:
        """For the table."""
        raise NotImplementedError

    def mark_range(self, one: int, other: int) -> None:
        """For the table."""
        raise NotImplementedError

    def acted(self) -> None:
        """For the table."""
        raise NotImplementedError

    def request(self) -> None:
        """Read the list anew."""
        raise NotImplementedError

    def count_marks(self, *, at_once: bool = False) -> None:
        """Count what is marked, when the hand rests or at once."""
        raise NotImplementedError

    # -- hooks of the two tools --------------------------------------------------------------------------------

    async def count_views(self) -> Mapping[V, int]:
        """How many invoices each view has."""
        raise NotImplementedError

    async def read_beside(self) -> None:
        """What stands beside the list and is read with it."""

    def require_decider(self) -> None:
        """Raise NotPermitted for who reads here and no more."""
        raise NotImplementedError

    def lacks(self) -> str:
        """What the integration does not support at all; "" where it takes these."""
        return ""

    def empty_view(self) -> str:
        """Why a whole view is empty, and the key that helps."""
        raise NotImplementedError

    # -- who sits there, and what there is not -----------------------------------------------------------------

    def why_not(self) -> str:
        """Why this user decides nothing here, and whom to ask; "" for who may."""
        try:
            self.require_decider()
        except NotPermitted as error:
            return str(error)
        return ""

    @property
    def decides(self) -> bool:
        """Whether this user decides here, or reads and no more."""
        return not self.why_not()

    def empty_text(self) -> str:
        """Why the list is empty, and the key that helps."""
        if self.only_marked:
            return f"Nothing marked matches. {way('list.only-marked')} shows all again."
        if not self.query_text:
            return self.empty_view()
        clears = f"{way('list.clear-filter')} clears the filter"
        count = self._counts.get(self.view)
        if count == 0:
            return f"{self.empty_view()} {clears}."
        title = self.TITLES[self.view]
        whole: V = list(self.TITLES)[-1]
        of = "Nothing" if count is None else f"None of the {count:,}"
        none = f"The only invoice in {title} does not match" if count == 1 else f"{of} in {title} matches"
        beyond = ""
        if self._counts.get(whole, 0) > (count or 0):
            beyond = f"; {way(f'list.view-{len(self.TITLES)}')} looks in all {self._counts[whole]:,}"
        return f"{none}. {clears}{beyond}."

    # -- reading -----------------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Show what there is."""
        self.query_one(FilterLine).box.back = self.focus_back
        self.query_one(QueryLine).box.back = self.focus_back
        self.show_lines()
        self.request()

    def on_screen_resume(self) -> None:
        """Back from another tool: it may have changed meanwhile."""
        if self.is_mounted:
            self.request()

    def store_changed(self) -> None:
        """Somebody committed something: show it soon."""
        if "changed" not in self._waiting:
            self._later("changed", BETWEEN_REFRESHES / 2, self.request)

    def on_loaded_rows_outdated(self) -> None:
        """As that."""
        self.store_changed()

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
        self.query_one("#header", Bar).show(header_line(self.desk, self.TOOL, width, self.synced))
        self.query_one("#tabs", Bar).show(tabs_line(self.TABS, self._mail, width, self.lacks()))
        if width >= VAST:
            self.query_one("#views-list", Bar).show(*views_list(self.TITLES, self._counts, self.view))
        self.query_one("#views", Bar).show(
            views_line(self.TITLES, self.SHORT, self._counts, self.view, width)
        )
        self.query_one(FilterLine).inform(
            filter_info(
                self.table.count,
                self._counts.get(self.view),
                self.sort,
                descending=self.descending,
                only_marked=self.only_marked,
                complete=self.table.listing.complete,
            )
        )
        self.show_foot()

    def show_foot(self) -> None:
        """Control totals of what is marked, the message, the keys; a long message takes the lines it needs."""
        width = self.app.size.width
        tally, versions = self._tally, self.marks.versions
        if self.marks.empty:
            totals = marked_line(0, 0, (), width)
        elif tally is None:
            totals = marked_line(len(versions) or None, 0, (), width)
        else:
            totals = marked_line(tally.count, tally.count - tally.visible, tally.totals, width)
        quiet = bool(self.unfinished) and self._message == self.unfinished
        self.query_one("#foot", Bar).show(
            *foot(totals, self._message, width, *self.live, decides=self.decides, quiet=quiet)
        )

    @property
    def live(self) -> tuple[Place, ...]:
        """The places whose keys the list takes: that of the focus first, which is the list's where nothing has it."""
        own = next((place for kind, place in FOCUSED.items() if isinstance(self.focused, kind)), Place.TABLE)
        return (own, *(place for place in self.PLACES if place is not Place.TABLE))

    def on_descendant_focus(self) -> None:
        """The foot names the keys of where they are now."""
        self.show_foot()

    def show_tally(self, tally: Tally | None) -> None:
        """What is marked was counted, or is being counted: the header's box and the foot say so."""
        self._tally = tally
        self.table.all_marked = tally is not None and tally.visible >= self.table.count > 0
        self.table.paint()
        self.show_foot()

    def marks_changed(self) -> None:
        """Several marks changed: the boxes at once, what is marked as soon as it is counted."""
        self.show_tally(Tally() if self.marks.empty else None)
        self._list_marked()
        self.table.load_boxes()
        self.count_marks(at_once=True)

    def _list_marked(self) -> None:
        if self.only_marked:
            self.only_marked = not self.marks.empty
            self.request()

    def _later(self, name: str, seconds: float, call: Callable[[], object]) -> None:
        if name in self._waiting:
            self._waiting.pop(name).stop()

        def fire() -> None:
            self._waiting.pop(name, None)
            call()

        self._waiting[name] = self.set_timer(seconds, fire)

    # -- the detail --------------------------------------------------------------------------------------------

    @property
    def reading(self) -> bool:
        """Whether the detail is on the screen."""
        return self.has_class("wide") or self.has_class("reading")

    def focus_back(self) -> None:
        """The keys to what is shown: the detail where it stands in the list's place, else the list."""
        self.set_focus(self.pane if self.has_class("reading") else self.table)

    def follow_cursor(self) -> None:
        """Show the invoice under the cursor in the detail, when the hand rests."""
        if self.reading:
            self._later("detail", REST, self._show_detail)

    def _show_detail(self) -> None:
        self.run_worker(self._read_detail, group="detail", exclusive=True)

    async def _read_detail(self) -> None:
        number = self.table.current
        if number is None:
            # What is not loaded yet comes with a move of its own.
            if not self.table.count:
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
        self.set_class(event.size.width >= VAST, "vast")
        if event.size.width >= WIDE:
            self.remove_class("reading")
        elif self.pane.has_focus:
            # Beside the list it had the keys: now it stands in the list's place.
            self.add_class("reading")
        self.show_lines()
        self.follow_cursor()

    def on_invoice_table_cursor_moved(self, event: InvoiceTable.CursorMoved) -> None:
        """The detail follows; what was said has been read when a key moved it."""
        if event.by_hand:
            self.say("")
        self.follow_cursor()

    def on_invoice_table_marking(self, event: InvoiceTable.Marking) -> None:
        """One or a range marked or unmarked: of one the totals are known at once, and counted when the hand rests."""
        marked = None if event.row is None else event.marks.has(event.row.id)
        if event.marks is not self.marks:
            return
        if event.row is None or marked is None or self._tally is None:
            self.marks_changed()
            return
        self._tally = self._tally.shifted(event.row, marked=marked)
        self.table.all_marked = self._tally.visible >= self.table.count > 0
        self.table.paint()
        self._list_marked()
        # A fast hand is not billed for each of its marks, and yet sees what they come to.
        if "foot" not in self._waiting:
            self._later("foot", REST, self.show_foot)
        self.count_marks()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter as it is typed."""
        event.stop()
        if event.input is self.query_one(FilterLine).box:
            self.filter_to(event.value)

    def on_filter_input_left(self) -> None:
        """All that was typed is there: keys that came after it may act, as soon as its matches are listed."""
        self.filter_to(self.query_one(FilterLine).box.value)
        if self.unfinished:
            self.hold()
            self.request()
        self.table.turns.release(FILTERING)

    def filter_to(self, query: str) -> None:
        """List what matches that; until it is listed keys wait."""
        if query == self.query_text:
            return
        self.query_text = query
        self.say("")
        self.hold()
        self._later("typing", TYPING, self.request)
