"""ERP Integrations, Activity: batches, attempts, notices and audit events, the newest first, page by page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Sequence
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING

from textual.timer import Timer
from textual.widgets import Input

from store import activity
from store.activity import Page, Place
from store.activity_sources import Entry
from store.domain.errors import Interrupted, PayappError
from store.domain.happening import BadActivityFilter, Kind, Wanted, Went, parse
from store.domain.status import View
from store.domain.text import one_line
from tui import keymap
from tui.keymap import bindings, pressed
from tui.screens.activity_entry import EntryScreen
from tui.screens.more import ACTIVITY
from tui.screens.reconciled import ReconciledScreen
from tui.screens.rows import RowsScreen
from tui.text import cut, moment
from tui.widgets.bar import DIM, WARN, Bar, Line, plain
from tui.widgets.row_table import Column

if TYPE_CHECKING:
    from tui.bootstrap import Desk

# A page, and how long a reading may last before it shows what it has; so many rows are read anew when others commit.
PAGE, SECONDS, FRESH = 200, 0.3, 1000
# So long the hand rests before what was typed is looked for.
TYPING = 0.15
GLYPHS = {Went.OK: "+", Went.FAILED: "!", Went.OPEN: "~", None: ""}
_PERIODS = ("today", "7d", "30d")


class ActivityScreen(RowsScreen[Entry]):
    """What happened; closes with the tool that is to be opened, or None. ``text`` is its filter at first."""

    BINDINGS = bindings(keymap.Place.ACTIVITY)
    PLACE = keymap.Place.ACTIVITY
    TOOL = "ERP Integrations"
    NAME = ACTIVITY
    TABS = "Subcontractor Invoices | ACTIVITY | Mappings"
    NARROWS = "type:notice outcome:failed by:jlopez since:7d"
    EMPTY = "Nothing has happened yet."

    def __init__(self, desk: Desk, text: str = "") -> None:
        super().__init__(desk, text)
        self._place = Place()
        self._reached: int | None = None
        self._fault = ""
        self._typed: Timer | None = None
        self._people: Sequence[str] = ()

    # -- the list ----------------------------------------------------------------------------------------------

    def columns(self) -> Sequence[Column[Entry]]:
        """When, what, whose doing, how it went, which invoice, and the rest in words."""
        return (
            Column("When", _when, 11, 16),
            Column("Type", lambda entry, _: entry.kind.value, 7, 7),
            Column("By", lambda entry, _: entry.who, 7, 12),
            Column("Outcome", lambda entry, _: entry.outcome, 13, 13),
            Column("Invoice", lambda entry, _: entry.number, 9, 16),
            Column("What", lambda entry, _: entry.what, 20),
        )

    def key(self, row: Entry) -> Hashable:
        """Its kind and number."""
        return row.kind, row.id

    def glyph(self, row: Entry) -> str:
        """How it went, where that wants somebody or was the ERP's answer."""
        return "" if row.kind is Kind.AUDIT else GLYPHS[row.went]

    def matching(self) -> Sequence[Entry]:
        """The store has narrowed them."""
        return self.all_rows

    def about(self, row: Entry, width: int) -> str:
        """The row under the cursor, as far as it fits."""
        number = f" {one_line(row.number)}:" if row.number else ""
        by = f" by {one_line(row.who)}" if row.who else ""
        return f" {cut(f'{moment(row.at)} {row.kind} {row.id}{by}, {row.outcome}.{number} {row.what}', width - 2)}"

    def info(self, listed: Sequence[Entry]) -> Line:
        """How many are read, how far back was looked, and what cannot be read of the filter."""
        if self._fault:
            return plain(f" {one_line(self._fault)}", WARN)
        if self._reached is not None:
            return plain(f" {len(listed):,} found, looked back to {moment(self._reached)}: looking on", DIM)
        more = f", more behind them ({pressed('rows.last')} reads on)" if self.more else ""
        return plain(
            f" {len(listed):,} {'entry' if len(listed) == 1 else 'entries'}{more}, the newest first", DIM
        )

    def narrowed_to_nothing(self) -> str:
        """What is said where the filter leaves nothing."""
        return f"Nothing of that kind happened: {pressed('rows.clear-filter')} clears the filter."

    def list_rows(self, *, follow: bool = False) -> None:
        """Show what was read."""
        empty = self.EMPTY if not self.text.strip() else self.narrowed_to_nothing()
        if self._fault or self.more:
            empty = "" if self._fault else "Looking."
        self.table.show(self.all_rows, empty, follow=follow)
        self.query_one("#info", Bar).show(self.info(self.all_rows))
        self._show_foot()

    # -- reading -----------------------------------------------------------------------------------------------

    async def read_stamp(self) -> Hashable:
        """Of all four kinds."""
        return await self.desk.db.read(activity.stamp)

    async def read_rows(self) -> Sequence[Entry]:
        """As many of the newest as were read before, within bounds; those behind them stay as they were."""
        wanted = await self._wanted()
        if wanted is None:
            return self.all_rows
        before = self.all_rows
        most = max(PAGE, min(len(before), FRESH))
        page = await self._page(wanted, most, None)
        tail = []
        if len(before) > len(page.entries) and not page.complete:
            below = page.place.below
            tail = [entry for entry in before if entry.id < below.get(entry.kind, 0)]
        if not tail:
            self._take(page)
        return [*page.entries, *tail]

    async def read_more(self) -> None:
        """The next page; one that took too long is gone on with."""
        behind, wanted = self._place, await self._wanted()
        if wanted is not None:
            try:
                page = await self._page(wanted, PAGE, behind)
            except Interrupted:
                return
            # Meanwhile another filter may count, or what is listed was read anew.
            if behind is self._place:
                self.all_rows = [*self.all_rows, *page.entries]
                self._take(page)

    async def _page(self, wanted: Wanted, most: int, after: Place | None) -> Page:
        # Not in the threads of the list below: its counts may take long, and are not to be given up.
        return await self.desk.db.look(activity.page, self.desk.me, wanted, most, after, SECONDS)

    def _take(self, page: Page) -> None:
        self._place, self._reached, self.more = page.place, page.reached, not page.complete

    async def _wanted(self) -> Wanted | None:
        """What the filter asks for; None where it cannot be read, and then it is said why."""
        self._fault = ""
        try:
            return parse(self.text, await self.desk.db.read(activity.today))
        except BadActivityFilter as error:
            self._fault = "" if error.unfinished else str(error)
            self.more = False
            return None

    async def read(self) -> None:
        """Read the newest page; a refusal of the filter stands where the count does."""
        try:
            await super().read()
        except Interrupted:
            # Given up beside a reconciliation: read again.
            self.reload()
        except PayappError as error:
            self._fault, self.more, self.all_rows = str(error), False, ()
            self.list_rows()

    # -- the filter --------------------------------------------------------------------------------------------

    def on_input_changed(self, event: Input.Changed) -> None:
        """Look for it when the hand rests."""
        event.stop()
        if event.value != self.text:
            self._narrow(event.value)

    def _narrow(self, text: str) -> None:
        """Another filter: what was read under the one before counts no more."""
        self.text = text
        if self._typed is not None:
            self._typed.stop()
        self._typed = self.set_timer(TYPING, self._look)

    def _look(self) -> None:
        self.run_worker(self._anew, group="read", exclusive=True)

    async def _anew(self) -> None:
        if await self._wanted() is None:
            # What is not written to its end, or wrong, changes nothing of what is listed.
            self.list_rows(follow=True)
            return
        self.all_rows, self._place, self._reached, self.more = (), Place(), None, False
        await self.read()

    def action_clear_filter(self) -> None:
        """All of it again."""
        self._put("")

    def _put(self, text: str) -> None:
        """That in the box, and looked for at once."""
        self.text = self.box.value = text
        self._look()

    def _with(self, key: str, value: str) -> None:
        """The filter with this value of the key instead of what it has; "" takes it away."""
        kept = [word for word in self.text.split() if not word.lower().startswith(f"{key}:")]
        self._put(" ".join([*kept, f"{key}:{value}"] if value else kept))

    def _cycle(self, key: str, values: Sequence[str]) -> None:
        now = next((w.partition(":")[2] for w in self.text.split() if w.lower().startswith(f"{key}:")), "")
        wheel = ["", *values]
        at = wheel.index(now) if now in wheel else 0
        self._with(key, wheel[(at + 1) % len(wheel)])

    def action_kind(self) -> None:
        """The next type alone."""
        self._cycle("type", [kind.value for kind in Kind])

    def action_outcome(self) -> None:
        """What failed, then what is open, then what went well."""
        self._cycle("outcome", [Went.FAILED.value, Went.OPEN.value, Went.OK.value])

    def action_period(self) -> None:
        """Today, a week, a month."""
        self._cycle("since", _PERIODS)

    def action_operator(self) -> None:
        """The next user's doings alone."""
        self.run_worker(self._next_operator, group="people", exclusive=True)

    async def _next_operator(self) -> None:
        if not self._people:
            self._people = await self.desk.db.read(activity.operators)
        self._cycle("by", self._people)

    # -- one entry ---------------------------------------------------------------------------------------------

    def action_open(self) -> None:
        """The entry whole."""
        if self.box.has_focus:
            self.table.focus()
        elif (entry := self.table.current) is not None:
            self.run_worker(partial(self._open_entry, entry), group="decide", exclusive=True)

    async def _open_entry(self, entry: Entry) -> None:
        invoice = await self.app.push_screen_wait(EntryScreen(self.desk, entry))
        if invoice is not None:
            await self.go_to_invoice(invoice)

    def action_jump(self) -> None:
        """To its invoice, or to the list of its batch."""
        entry = self.table.current
        if entry is None:
            return
        if entry.invoice is not None:
            self.run_worker(partial(self.go_to_invoice, entry.invoice), group="decide", exclusive=True)
        elif entry.kind is Kind.BATCH:
            self.go_to_list(View.ALL, f"batch:{entry.id}")
        else:
            opens = pressed("activity.open")
            self.say(f"It is about none, or about several: {opens} lists them.")

    # -- reconciling -------------------------------------------------------------------------------------------

    def action_reconcile(self) -> None:
        """What was sent, compared with what the ERP has."""
        if self.desk.reconcile is None:
            self.say("This ERP cannot be asked.")
            return
        self.run_worker(partial(self._compare, self.desk.reconcile), group="decide", exclusive=True)

    async def _compare(self, reconcile: Callable[[date], Awaitable[list[str]]]) -> None:
        today = await self.desk.db.read(activity.today)
        first = (today.replace(day=1) - timedelta(days=1)).replace(day=1)
        give_up = partial(self.desk.db.interrupt, "look")
        await self.app.push_screen_wait(ReconciledScreen(reconcile, first, give_up))


def _when(entry: Entry, width: int) -> str:
    """The moment, without its year where there is no room for it."""
    return moment(entry.at) if width >= 16 else moment(entry.at)[5:]
