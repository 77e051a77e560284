"""The keys of a list in their turn: they wait while what they would act on is being read."""

from __future__ import annotations

from collections.abc import Callable


def _at_once() -> bool:
    return True


class Turns:
    """A queue of what keys do. Nothing in it acts on a list that is about to go, or on a row that is not there yet."""

    def __init__(self) -> None:
        self._held: set[str] = set()
        self._queued: list[tuple[Callable[[], object], Callable[[], bool]]] = []

    @property
    def waiting(self) -> int:
        """How many keys wait."""
        return len(self._queued)

    def hold(self, why: str) -> None:
        """Another filter or view is being read, or marks are: keys wait for that."""
        self._held.add(why)

    def release(self, why: str) -> None:
        """That is over: do what was pressed meanwhile, unless something else is waited for."""
        self._held.discard(why)
        self.go()

    def go(self) -> None:
        """Do what was pressed, as far as what it acts on is there.

        What a key raises ends the burst: the keys after it were meant for what it would have done. A note says so.
        """
        while self._queued and not self._held and self._queued[0][1]():
            call, _ = self._queued.pop(0)
            try:
                call()
            except Exception as error:
                if count := self.forget():
                    error.add_note(
                        "The key after it was dropped."
                        if count == 1
                        else f"{count} keys after it were dropped."
                    )
                raise

    def forget(self) -> int:
        """Drop the keys that wait: they were meant for a list that will not come; how many there were."""
        count = len(self._queued)
        self._queued.clear()
        return count

    def do(self, call: Callable[[], object], ready: Callable[[], bool] = _at_once) -> None:
        """Do it, or let it wait: for its turn, and until it is ``ready``. ``go`` looks again."""
        self._queued.append((call, ready))
        if len(self._queued) == 1:
            self.go()

    def then(self, call: Callable[[], object], ready: Callable[[], bool]) -> None:
        """The rest of what a key does, before any other key: called by what ``do`` was given."""
        self._queued.insert(0, (call, ready))
