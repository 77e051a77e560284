"""Reading a list: its window at once, the rest of it and every count behind it, others' changes without moving it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Generic, TypeVar

from store import looking, notices
from store.domain.errors import Interrupted, PayappError
from store.domain.filter import BadFilter
from store.domain.selection import Matching, Selection
from store.domain.text import one_line
from store.listing import Listing, complete
from store.looking import Glance, Page, Stand, Tally
from store.selecting import among
from tui.keymap import way
from tui.screens import listing as pace
from tui.screens.counting import Counting
from tui.screens.listing import ListingScreen, V
from tui.text import cut
from tui.widgets import marks as marking
from tui.widgets.filter_line import FilterLine
from tui.widgets.marks import Marks

T = TypeVar("T")

# How many of those that others decided on are named.
NAMED = 5
SORTING = "Sorting…"


class ReadingScreen(ListingScreen[V], Generic[V]):
    """Shows what the store has, and follows it."""

    def begin_reading(self) -> None:
        """Nothing is read yet."""
        # What own decisions moved out of the view, and what they changed in it.
        self._own: set[int] = set()
        self._followed: set[int] = set()
        # The marked ones that a decision has skipped, as others had changed them.
        self._skipped: set[int] = set()
        # A listing of which the first rows are known; it is completed behind them.
        self._begun: Listing | None = None
        self.counting = Counting(
            {"list": self._complete, "marks": self._count_marks, "views": self._count_views},
            lambda run: self.run_worker(run, group="counting"),
            lambda: self.desk.db.interrupt("count"),
            self.trouble,
        )

    async def insist(self, fn: Callable[..., T], *args: Any) -> T:
        """``fn(db, …)`` in the counting thread, again when it had to make way for something else there."""
        while True:
            try:
                return await self.desk.db.count(fn, *args)
            except Interrupted:
                continue

    # -- for the table -----------------------------------------------------------------------------------------

    async def read_page(self, listing: Listing, first: int, count: int, selection: Selection) -> Page | None:
        """Rows at these places."""
        try:
            return await self.desk.db.read(looking.page, listing, first, count, selection)
        except PayappError as error:
            self.trouble(str(error))
            return None

    async def read_boxes(self, selection: Selection, ids: Sequence[int]) -> Collection[int] | None:
        """Which of these are marked."""
        try:
            return await self.desk.db.read(among, selection, ids)
        except PayappError as error:
            self.trouble(str(error))
            return None

    # -- the list ----------------------------------------------------------------------------------------------

    def request(self) -> None:
        """Read the list anew, once more if that is under way."""
        self._stale = True
        if self._begun is not None and self._begun.order != self.order():
            # It is not asked for any more.
            self._begun = None
            if self.counting.running == "list":
                self.counting.want("list", overtaking="list")
        if not self._reloading:
            self._reloading = True
            self.run_worker(self._reload, group="reload")

    async def _reload(self) -> None:
        try:
            while self._stale:
                self._stale = False
                try:
                    await self._read()
                except BadFilter as error:
                    self.query_one(FilterLine).point_at(error.position)
                    if error.unfinished and self.query_one(FilterLine).box.has_focus:
                        # It may become right as it is typed on: the list before it stays, keys wait.
                        self.unfinished = cut(str(error), self.app.size.width - 2).rstrip()
                        self.say(self.unfinished)
                        continue
                    self.unread = str(error)
                    self._list_nothing(error)
                except PayappError as error:
                    self._list_nothing(error)
        finally:
            self._reloading = False

    async def _read(self) -> None:
        order, before, db = self.order(), self.table.listing, self.desk.db
        skipped = frozenset(self._skipped)
        if before.count and before.order.view is order.view and self.table.current is None:
            # The invoice that the cursor is to stay on; its row has not come yet.
            page = await db.read(looking.page, before, self.table.cursor, 1, self.marks.value)
            self.table.keep(before, page)
        again = order == before.order and self._shown == (self.view, self.query_text) and not self.unread
        stand, value = self._stand(), self.marks.value
        glance = await db.read(looking.look, order, before if again else None, stand, value)
        await self._follow()
        lost = await self._lost()
        glance = await self._still(glance, stand, value)
        if order != self.order() or before is not self.table.listing:
            self._stale = True
            return
        self.unread = self.unfinished = ""
        self.query_one(FilterLine).point_at(None)
        if self._sorts(before, glance):
            return
        if again and not glance.found:
            self._tell_vanished()
        self._drop(lost)
        self._tell_skipped(skipped)
        self.only_marked = self.only_marked and not self.marks.empty
        self._show(glance)
        await self.read_beside()
        self._mail = await db.read(notices.waiting)
        self.show_lines()

    def _sorts(self, before: Listing, glance: Glance) -> bool:
        """Whether it is not known yet where the cursor's invoice stands in another order: the one before stays until then."""
        begun, was = glance.begun, before.order
        now = glance.listing.order
        if begun is None or begun is not glance.listing or not before.count or (begun.count and glance.found):
            return False
        if was == now or replace(was, sort=now.sort, descending=now.descending) != now:
            return False
        self._begun = begun
        self.counting.want("list", overtaking="marks")
        self.say(SORTING)
        self.show_lines()
        return True

    def _stand(self) -> Stand:
        """Where the cursor stands, or stood when this view was left."""
        at = self._cursors.get(self.view)
        narrowed = self.query_text != self._shown[1]
        stand = self.table.stand(narrowed=narrowed)
        return stand if at is None else Stand(at or None, 0, 0, stand.height, narrowed=narrowed)

    async def _still(self, glance: Glance, stand: Stand, value: Selection) -> Glance:
        """The same listing around the cursor, if it has been moved meanwhile; others' marks are asked for later."""
        while (now := self._stand()) != stand:
            stand = now
            seen = await self.desk.db.read(looking.see, glance.listing, stand, value)
            glance = replace(seen, begun=glance.begun)
        self.marks.doubt()
        self.marks.learn(value, [row.id for row in glance.page.rows], glance.page.marked)
        return glance

    def _show(self, glance: Glance) -> None:
        table, asked, was_asked = self.table, (self.view, self.query_text), self._shown
        offset = 0 if self._cursors.pop(self.view, None) is not None else table.cursor - table.top
        table.sort, table.descending = self.sort, self.descending
        same_marks, table.marks = table.marks is self.marks, self.marks
        with_status = self.view in self.WITH_STATUS
        if table.with_status != with_status:
            table.with_status = with_status
            table.forget_widths()
        listing = glance.listing
        if listing.complete and not self.query_text.strip() and not self.only_marked:
            self._counts = {**self._counts, self.view: listing.count}
        table.empty = self.empty_text() if listing.complete else "Being read…"
        if not same_marks:
            self._tally = Tally() if self.marks.empty else None
        # How many a filter hides of what is marked is counted behind it.
        tally = self._tally if asked == self._shown else None
        table.all_marked = tally is not None and tally.visible >= listing.count > 0
        self._shown = asked
        table.show(glance, offset)
        self.release()
        self._behind(glance, others=asked == was_asked)
        self.show_lines()
        self.follow_cursor()

    def _behind(self, glance: Glance, *, others: bool) -> None:
        """What is read behind the list, without delaying it: the rest of it, what is marked, the views' counts.

        ``others``: nobody here asked for it; it waits until it can be afforded.
        """
        self._begun = glance.begun
        if glance.begun is not None:
            if glance.listing is glance.begun:
                self.counting.want("list", overtaking="marks")
            else:
                self._soon("list")
        self._soon("views")
        if not self.marks.empty:
            patience = self.counting.patience("marks") if others else 0.0
            self._later("totals", max(pace.REST, patience), self._want_marks)

    def _soon(self, name: str) -> None:
        if patience := self.counting.patience(name):
            self._later(name, patience, lambda: self.counting.want(name))
        else:
            self.counting.want(name)

    def _want_marks(self) -> None:
        self.counting.want("marks")

    async def _complete(self) -> None:
        begun = self._begun
        if begun is None or begun.order != self.order():
            return
        try:
            done = await self.desk.db.count(complete, begun)
        except Interrupted:
            raise
        except PayappError:
            # What waits for the rest of it waits in vain.
            self.table.turns.forget()
            self.release()
            raise
        stand, value = self._stand(), self.marks.value
        glance = await self.desk.db.read(looking.see, done, stand, value)
        glance = await self._still(glance, stand, value)
        newer = self._begun
        if newer is not None and begun.order == self.order():
            self._show(glance)
            # Others changed something while it was read: it is read again when it may be.
            self._begun = None if newer is begun else newer
            if self._message == SORTING:
                self.say("")

    def _list_nothing(self, error: PayappError) -> None:
        """What was asked for cannot be had: what was listed before must not be taken for it."""
        if self.unfinished and self._message == self.unfinished:
            self.say("")
        self.unfinished = ""
        self.add(str(error))
        if (self.view, self.query_text) != self._shown or self.unread:
            if self.table.current is not None:
                self._cursors.setdefault(self._shown[0], self.table.current)
            self.table.marks = self.marks
            self.table.empty = str(error)
            self.table.show(Glance(Listing(self.order(), 0), 0, False, None, Page(0, ())), 0)
            self._shown = (self.view, self.query_text)
            self._begun = None
            self.show_tally(Tally() if self.marks.empty else None)
            self.count_marks()
            self.show_lines()
        self.release()

    # -- counts ------------------------------------------------------------------------------------------------

    async def _count_views(self) -> None:
        self._counts = await self.count_views()
        if self.table.listing.complete and not self.unread:
            self.table.empty = self.empty_text()
            self.table.paint()
        self.show_lines()

    def count_marks(self, *, at_once: bool = False) -> None:
        """What is marked, when the hand rests or at once; a count that is under way is of no use any more."""
        if at_once:
            self.counting.want("marks", overtaking="marks")
        else:
            self._later("totals", pace.REST, self._want_marks)

    async def _count_marks(self) -> None:
        marks, view, query = self.marks, self.view, self.query_text
        value = marks.value
        found = Tally()
        if not marks.empty:
            listing = self.table.listing
            known = listing.complete and not self.only_marked and listing.order == self.order()
            found = await self.desk.db.count(
                looking.tally, view, value,
                "" if self.unread else self._shown[1] if self.unfinished else query, self.desk.me,
                listing.count if known else None,
            )  # fmt: skip
        if (marks, query) != (self.marks, self.query_text) or value is not marks.value:
            self._want_marks()
            return
        if isinstance(value, Matching):
            await self._recounted(marks, value, found)
        self.show_tally(Tally(found.totals, found.count, 0) if self.unread else found)

    async def _recounted(self, marks: Marks, value: Matching, found: Tally) -> None:
        """Strokes meet more or fewer than when they were counted last: say it once. What a decision left becomes ids."""
        was, marks.counted = marks.counted, found.count
        if self.only_marked and not found.count:
            # Strokes may meet nothing: then there is nothing to show alone, as with no marks.
            self.only_marked = False
            self.request()
        if marks.decided and found.count <= marking.LIMIT:
            left = await self.insist(looking.pairs_of, value, marking.LIMIT)
            if left is not None and marks.value is value:
                marks.settle(left)
            return
        decided, marks.decided = marks.decided, False
        if was is not None and was != found.count and not decided:
            few, many = (f"{abs(found.count - was):,}", f"{found.count:,}")
            how = "more" if found.count > was else "fewer"
            how += " matches" if few == "1" else " match"
            are = "is" if many == "1" else "are"
            self.add(f"{few} {how} than when they were marked: {many} {are} marked now.")

    # -- marks that follow what happens ------------------------------------------------------------------------

    async def _follow(self) -> None:
        """Take over the versions that own decisions made."""
        followed = frozenset(self._followed)
        if followed:
            seen = await self.desk.db.read(looking.versions, followed)
            for marks in self._marks.values():
                marks.follow(followed, seen)
            self._followed -= followed

    async def _lost(self) -> Mapping[int, str]:
        """Which marked invoices, or those that z would mark, have left the view, and their numbers."""
        ids = self.marks.ids
        return await self.desk.db.read(looking.left, self.view, ids) if ids else {}

    def _drop(self, lost: Mapping[int, str]) -> None:
        others = [
            name for number, name in lost.items() if number in self.marks.versions and number not in self._own
        ]
        if self.marks.drop(lost):
            self._tally = None
        self._own.difference_update(lost)
        if others:
            named = ", ".join(others[:NAMED]) + (
                f" and {len(others) - NAMED:,} more" if others[NAMED:] else ""
            )
            self.add(f"{len(others):,} marked left this view: others decided on {named}.")

    def _tell_skipped(self, skipped: Collection[int]) -> None:
        """Of what a decision has just skipped some is marked still, with the version that was seen: how it is renewed."""
        left = len(self.marks.versions.keys() & skipped)
        self._skipped.difference_update(skipped)
        if left:
            self.add(
                f"{'It is' if left == 1 else 'They are'} still marked: unmark and mark again ({way('table.mark')})."
            )

    def _tell_vanished(self) -> None:
        """The invoice under the cursor is not listed any more, and no decision of this desk took it away."""
        row = self.table.current_row
        if row is not None and row.id not in self._own:
            self.add(f"{one_line(row.number)} is not listed any more: the cursor is on its neighbour.")
