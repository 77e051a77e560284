"""Looking before a decision: what it would do is computed beside the desk, told while it takes, and left by Esc."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from store import invoices, selecting
from store.domain.errors import Changed, Interrupted
from store.domain.selection import Matching
from store.domain.text import one_line
from store.selecting import Seen
from tui.screens.gestures import GestureScreen
from tui.screens.listing import V

T = TypeVar("T")

# A look that takes longer is told.
PATIENCE = 0.3


@contextlib.contextmanager
def unhindered() -> Iterator[None]:
    """While very many rows are made in another thread: the collector leaves alone what was there before.

    Else each of its full rounds stops every thread for as long as it goes through the whole desk: 100 to 200 ms.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


class LookingScreen(GestureScreen[V], Generic[V]):
    """A list of which decisions are looked at first."""

    _looking = False

    async def look(self, count: int, fn: Callable[..., T], *args: Any, **kwargs: Any) -> T | None:
        """``fn(db, …)`` about so many invoices; None when it was left by Esc, or for another screen meanwhile."""
        told, self._looking = False, True
        task = asyncio.ensure_future(self.desk.db.look(fn, *args, **kwargs))
        try:
            with unhindered():
                done, _ = await asyncio.wait({task}, timeout=PATIENCE)
                if not done:
                    told = True
                    self.say(f"Looking at {count:,} invoices\u2026 Esc leaves.")
                found = await task
        except Interrupted:
            self.say("Left; nothing was changed.")
            return None
        except asyncio.CancelledError:
            self.desk.db.interrupt("look")
            raise
        finally:
            self._looking = False
        if told:
            if self.app.screen is not self:
                self.say("Left for another screen; nothing was changed.")
                return None
            self.say("")
        return found

    def action_cancel(self) -> None:
        """A look that is under way is left first."""
        if self._looking:
            self.desk.db.interrupt("look")
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
