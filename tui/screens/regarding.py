"""Looking before a decision: what it would do is computed beside the desk, told while it takes, and left by Esc."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Generic, TypeVar

from store import invoices, selecting
from store.domain.errors import Changed, Interrupted
from store.domain.selection import Matching
from store.domain.text import one_line
from store.selecting import Seen
from tui.keymap import way
from tui.screens.gestures import GestureScreen
from tui.screens.hold import noun
from tui.screens.listing import V

T = TypeVar("T")

# A look that takes longer is told.
PATIENCE = 0.3


# From so many on the rows of a look are worth keeping the collector away.
MANY = 10_000


class _Freezing:
    """How many look at the same time, and whether the desk has frozen its own start."""

    def __init__(self) -> None:
        self.nested = 0
        self.from_start = False


_freezing = _Freezing()


@contextlib.contextmanager
def unhindered(count: int) -> Iterator[None]:
    """While very many rows are made in another thread: the collector leaves alone what was there before.

    Else each of its full rounds stops every thread for as long as it goes through the whole desk: 100 to 200 ms.
    What the desk had frozen before stays frozen.
    """
    if count < MANY:
        yield
        return
    if not _freezing.nested:
        _freezing.from_start = gc.get_freeze_count() > 0
    _freezing.nested += 1
    gc.freeze()
    try:
        yield
    finally:
        _freezing.nested -= 1
        if not _freezing.nested:
            gc.unfreeze()
            if _freezing.from_start:
                # What became garbage meanwhile would stay for good.
                gc.collect()
                gc.freeze()


class LookingScreen(GestureScreen[V], Generic[V]):
    """A list of which decisions are looked at first."""

    _looking: asyncio.Future[Any] | None = None

    async def until_left(self, words: str, work: Coroutine[Any, Any, T]) -> T:
        """Wait for it; ``words`` are said when it takes long. Raises Interrupted when Esc or another screen has left it."""
        told = False
        task = asyncio.ensure_future(work)
        self._looking = task
        try:
            done, _ = await asyncio.wait({task}, timeout=PATIENCE)
            if not done:
                told = True
                self.say(f"{words}\u2026 {way('list.cancel')} leaves.")
                await asyncio.wait({task})
        except asyncio.CancelledError:
            self._give_up()
            raise
        finally:
            self._looking = None
        if task.cancelled():
            self.say("Left; nothing was changed.")
            raise Interrupted("Left")
        if told and self.app.screen is not self:
            self.say("Left for another screen; nothing was changed.")
            raise Interrupted("Left")
        if told:
            self.say("")
        return task.result()

    def _give_up(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
        self.desk.db.interrupt("look")
        self.desk.db.interrupt("count")

    async def look(self, count: int, fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """``fn(db, \u2026)`` about so many invoices. Raises Interrupted when it was left by Esc or for another screen."""
        with unhindered(count):
            return await self.until_left(f"Looking at {noun(count)}", self.desk.db.look(fn, *args, **kwargs))

    def action_cancel(self) -> None:
        """A look that is under way is left first."""
        if self._looking is not None:
            self._give_up()
        else:
            super().action_cancel()

    async def difference(self, error: Changed, selection: Matching, before: Seen) -> str:
        """What a refusal for other matches is told as: how many joined, left and changed, and the first of them."""
        db = self.desk.db
        found = await db.look(selecting.difference, selection, before)
        rows = await db.read(invoices.rows, found.first)
        names = ", ".join(one_line(row.number) for row in rows)
        more = ", \u2026" if found.joined + found.left + found.changed > len(found.first) else ""
        told = f": {found} ({names}{more})" if str(found) else ""
        return f"{error.what}{told}. Nothing was done; look again."
