"""Slow readings of one screen: one at a time, the most urgent first, never more often than they can be afforded."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping

from store.domain.errors import Interrupted, PayappError
from tui.widgets.guarding import fault

# What others' changes bring about again waits so many times as long as it took the last time.
REST = 4


class Counting:
    """Runs ``jobs``, the most urgent first; each reads what is asked for when its turn comes.

    ``start`` runs a coroutine function beside the screen, ``interrupt`` ends the store's slow reading under way, and
    ``trouble`` is told why one could not be done.
    """

    def __init__(
        self,
        jobs: Mapping[str, Callable[[], Awaitable[None]]],
        start: Callable[[Callable[[], Awaitable[None]]], object],
        interrupt: Callable[[], None],
        trouble: Callable[[str], None],
    ) -> None:
        self._jobs = jobs
        self._start = start
        self._interrupt = interrupt
        self._trouble = trouble
        self._wanted: set[str] = set()
        self._going = False
        self._ended: dict[str, tuple[float, float]] = {}
        self.running = ""

    def want(self, name: str, *, overtaking: str = "") -> None:
        """Have it read, (again) when it is being read. What is read under the name ``overtaking`` makes way first."""
        self._wanted.add(name)
        if self.running and self.running == overtaking:
            self._interrupt()
        if not self._going:
            self._going = True
            self._start(self._run)

    def patience(self, name: str) -> float:
        """How many seconds it should wait when nobody has asked for it, so that it takes a fifth of the time at most."""
        ended, took = self._ended.get(name, (0.0, 0.0))
        return max(0.0, ended + REST * took - time.monotonic())

    async def _run(self) -> None:
        try:
            while name := next((name for name in self._jobs if name in self._wanted), ""):
                self._wanted.discard(name)
                self.running, began = name, time.monotonic()
                try:
                    await self._jobs[name]()
                except Interrupted:
                    # Whatever made it end: what is asked for by now is not read yet.
                    self._wanted.add(name)
                except PayappError as error:
                    self._trouble(str(error))
                except Exception as error:  # noqa: BLE001 - what else is wanted is read all the same
                    self._trouble(fault(error))
                finally:
                    self.running = ""
                now = time.monotonic()
                self._ended[name] = now, now - began
        finally:
            self._going = False
