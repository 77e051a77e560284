"""Decisions at a list: one at a time, on the marks and the view of the key press, their results never lost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Generic

from textual.widgets import Input

from store import invoices
from store.decision import Decision
from store.domain.errors import NothingMatched, PayappError
from store.domain.selection import Marked
from store.invoices import Row
from tui.screens.listing import ListingScreen, V
from tui.screens.listing_text import outcome
from tui.widgets.marks import Marks

MARKING = "marking"


def no_worker(error: PayappError | OSError) -> str:
    """What is said when the worker cannot be started: what was decided stands."""
    why = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return f"No worker could be started: {why.rstrip('.')}. Run payapp worker"


@dataclass(frozen=True, slots=True)
class Press(Generic[V]):
    """Where a key was pressed: whatever comes later, it acts on this.

    ``versions`` are the marks as they were then, ``hidden`` those of them that the filter hid, ``current`` the
    invoice under the cursor.
    """

    view: V
    query: str
    marks: Marks
    versions: dict[int, int]
    hidden: frozenset[int]
    current: int | None

    def marked(self) -> Marked:
        """The selection of a decision. Raises NothingMatched, with the key that marks."""
        if not self.versions:
            raise NothingMatched(
                "Nothing is marked", fix="Space marks the invoice under the cursor, a all clean matches"
            )
        return Marked(self.versions)


class DecidingScreen(ListingScreen[V], Generic[V]):
    """Keys in their turn, and decisions one at a time."""

    _deciding = False

    def in_turn(self, call: Callable[[], None]) -> None:
        """Do it when the list is the one that was asked for; a filter that has the keys is left."""
        if isinstance(self.focused, Input):
            self.set_focus(self.table)
        self.table.turns.do(call)

    def pressed(self) -> Press[V]:
        """The list as this key finds it."""
        versions = dict(self.marks.versions)
        hidden = frozenset(versions).difference(self.table.listing.ids)
        return Press(self.view, self.query_text, self.marks, versions, hidden, self.table.current)

    def attempt(self, work: Callable[[Press[V]], Awaitable[None]]) -> None:
        """Decide beside the screen; a refusal becomes its sentence on the status line."""
        self.in_turn(partial(self._begin, work))

    def _begin(self, work: Callable[[Press[V]], Awaitable[None]]) -> None:
        if self._deciding:
            self.say("Finish the dialog first: one decision at a time.")
        elif self.unread:
            self.say(f"{self.unread} \\ clears the filter.")
        else:
            self._deciding = True
            self.run_worker(partial(self._decide, work, self.pressed()), group="decide")

    async def _decide(self, work: Callable[[Press[V]], Awaitable[None]], at: Press[V]) -> None:
        self.forget_result()
        try:
            await work(at)
        except PayappError as error:
            self.trouble(str(error))
            self.request()
        finally:
            self._deciding = False

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
        mine = set() if stay else set(decision.done)
        if decision.changed and at is not None:
            # They are named as skipped; that they leave the view needs no second sentence.
            stayed = {left.invoice_id for left in decision.stays}
            mine |= at.versions.keys() - stayed - set(decision.done)
        self._own |= mine
        if stay:
            self._followed.update(decision.done)
        self.result(done + outcome(decision))
        self.request()

    async def ensure_worker(self) -> None:
        """See to a worker for what was decided; what was decided stands without one."""
        try:
            await self.desk.ensure_worker()
        except (PayappError, OSError) as error:
            self.result(f"{self._result} {no_worker(error)}".strip())
