"""Decisions at a list: one at a time, on the marks and the view of the key press, their results never lost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Generic, TypeVar

from textual.widgets import Input

from store import invoices, looking, selecting
from store.decision import Decision
from store.domain.errors import Interrupted, NothingMatched, PayappError
from store.domain.selection import Marked, Matching, Selection
from store.invoices import Row
from store.listing import Listing
from tui.keymap import way
from tui.screens.listing import V
from tui.screens.listing_text import outcome
from tui.screens.reading import ReadingScreen
from tui.widgets.marks import Marks

T = TypeVar("T")
MARKING = "marking"


def no_worker(error: PayappError | OSError) -> str:
    """What is said when the worker cannot be started: what was decided stands."""
    why = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return f"No worker could be started: {why.rstrip('.')}. Run payapp worker"


@dataclass(frozen=True, slots=True)
class Press(Generic[V]):
    """Where a key was pressed: whatever comes later, it acts on this.

    ``selected`` is what was marked then, ``listing`` what was listed (of the marked ones only: ``only``), ``current``
    the invoice under the cursor. A decision knows besides ``count``, how many are marked, how many of them the filter
    hides, and ``visible``: the part that it shows, None where that is all or none.
    """

    view: V
    query: str
    marks: Marks
    selected: Selection
    listing: Listing
    only: bool
    current: int | None
    count: int = 0
    hidden: int = 0
    visible: Selection | None = None

    def selection(self) -> Selection:
        """The selection of a decision. Raises NothingMatched, with the key that marks."""
        if not self.count:
            raise NothingMatched(
                "Nothing is marked",
                fix=f"{way('table.mark')} marks the invoice under the cursor, {way('list.mark-all')} all clean matches",
            )
        return self.selected

    @property
    def versions(self) -> dict[int, int]:
        """The marked ids with the versions seen; none where filters mark."""
        return dict(self.selected.versions) if isinstance(self.selected, Marked) else {}


class DecidingScreen(ReadingScreen[V], Generic[V]):
    """Keys in their turn, and decisions one at a time."""

    _deciding = False
    # What is being written: "Exporting 12 invoices".
    _writing = ""

    def in_turn(self, call: Callable[[], object], ready: Callable[[], bool] | None = None) -> None:
        """Do it when the list is the one that was asked for (and it is ``ready``); a filter that has the keys is left."""
        if isinstance(self.focused, Input):
            self.set_focus(self.table)
        if ready is None:
            self.table.turns.do(call)
        else:
            self.table.turns.do(call, ready)

    def pressed(self) -> Press[V]:
        """The list as this key finds it."""
        table, marks = self.table, self.marks
        return Press(
            self.view, self.query_text, marks, marks.value, table.listing, self.only_marked, table.current
        )

    def attempt(self, work: Callable[[Press[V]], Awaitable[None]]) -> None:
        """Decide beside the screen, when it is known what the cursor is on; a refusal becomes its sentence."""
        self.in_turn(partial(self._begin, work), self.table.loaded)

    def _begin(self, work: Callable[[Press[V]], Awaitable[None]]) -> None:
        if self._deciding:
            under_way = f"{self._writing}\u2026 is" if self._writing else "The one before is"
            self.say(f"{under_way} still under way: one decision at a time.")
        elif self.unread:
            self.say(f"{self.unread} {way('list.clear-filter')} clears the filter.")
        else:
            self._deciding = True
            self.run_worker(partial(self._decide, work, self.pressed()), group="decide")

    async def _decide(self, work: Callable[[Press[V]], Awaitable[None]], at: Press[V]) -> None:
        self.forget_result()
        try:
            await work(await self.looked(at))
        except Interrupted:
            # Whoever left it has said so.
            return
        except PayappError as error:
            self.trouble(str(error))
            self.request()
        finally:
            self._deciding = False

    async def carry_out(self, words: str, fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """``fn(db, \u2026)`` in the thread that writes; ``words`` ("Exporting 12 invoices") stand there from the key press on."""
        self._writing, told = words, f"{words}\u2026"
        self.say(told)
        try:
            return await self.desk.db.write(fn, *args, **kwargs)
        finally:
            self._writing = ""
            if self._message == told:
                self.say("")

    async def until_left(self, words: str, work: Coroutine[Any, Any, T]) -> T:
        """Wait for it; a screen that can be left meanwhile tells ``words`` of it."""
        del words
        return await work

    async def looked(self, at: Press[V], *, anew: bool = False) -> Press[V]:
        """How many are marked, and what the filter hides of them; ``anew``: others have changed the list since."""
        return await self.until_left("Looking at what is marked", self._looked(at, anew=anew))

    async def _looked(self, at: Press[V], *, anew: bool) -> Press[V]:
        db, me, value = self.desk.db, self.desk.me, at.selected
        if isinstance(value, Marked):
            count = len(value.versions)
        elif value is self.marks.value and self._tally is not None:
            count = self._tally.count
        else:
            count = sum(t.count for t in await self.insist(selecting.totals, value))
        if not count or not at.query.strip():
            return replace(at, count=count, hidden=0, visible=None)
        thread = db.read if isinstance(value, Marked) else self.insist
        listed = at.listing.count if at.listing.complete and not at.only and not anew else None
        visible, hidden = await thread(looking.shown_part, at.view, value, at.query, me, listed)
        return replace(at, count=count, hidden=hidden, visible=visible)

    async def row_at(self, at: Press[V]) -> Row:
        """The invoice that was under the cursor. Raises NothingMatched when there was none."""
        if at.current is not None:
            for row in await self.desk.db.read(invoices.rows, [at.current], self.desk.me):
                return row
        raise NothingMatched("There is no invoice here", fix=self.empty_text())

    def decided(
        self, decision: Decision, done: str, at: Press[V] | None = None, *, stay: bool = False
    ) -> None:
        """Say what was done and what was not, and read the list anew; with ``stay`` they stay in their view."""
        heeded = {row.id for row in self.table.rows}.union(*(marks.ids for marks in self._marks.values()))
        moved = heeded.intersection(decision.done)
        mine = set() if stay else set(moved)
        if decision.changed and at is not None:
            # They are named as skipped; that they leave the view needs no second sentence.
            skipped = at.versions.keys() - {left.invoice_id for left in decision.stays} - moved
            mine |= skipped
            # Where not all that stay are named it is not known which of these others changed.
            self._skipped |= set() if decision.unnamed else skipped
        self._own |= mine
        if stay:
            self._followed |= moved
        elif at is not None and isinstance(at.marks.value, Matching):
            at.marks.decided = True
        self.result(done + outcome(decision))
        self.request()

    async def ensure_worker(self) -> None:
        """See to a worker for what was decided; what was decided stands without one."""
        try:
            await self.desk.ensure_worker()
        except (PayappError, OSError) as error:
            self.result(f"{self._result} {no_worker(error)}".strip())
