"""The keys of a list in their turn: they wait while what they would act on is being read."""

from __future__ import annotations

from collections.abc import Callable


class Turns:
    """A queue of what keys do. Nothing in it acts on a list that is about to go."""

    def __init__(self) -> None:
        self._held: set[str] = set()
        self._queued: list[Callable[[], None]] = []

    def hold(self, why: str) -> None:
        """Another filter or view is being read, or marks are: keys wait for that."""
        self._held.add(why)

    def release(self, why: str) -> None:
        """That is over: do what was pressed meanwhile, unless something else is waited for."""
        self._held.discard(why)
        while self._queued and not self._held:
            self._queued.pop(0)()

    def forget(self) -> int:
        """Drop the keys that wait: they were meant for a list that will not come; how many there were."""
        count = len(self._queued)
        self._queued.clear()
        return count

    def do(self, call: Callable[[], None]) -> None:
        """Do it, or let it wait."""
        if self._held or self._queued:
            self._queued.append(call)
        else:
            call()
