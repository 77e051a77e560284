"""Reading ahead: what comes next is read and made in another thread while the caller writes what came before."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator
from typing import Generic, TypeVar

from store.db import Database

T = TypeVar("T")

# So many wait, beside the one that is being written and the one that is being made.
WAITING = 1


class _Last(Generic[T]):
    """Nothing comes after it; the error, if one ended it."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


@contextlib.contextmanager
def ahead(db: Database, made: Iterator[T]) -> Iterator[Iterator[T]]:
    """What ``made`` yields, made in a thread and on a connection of its own, a few ahead of who takes it.

    For SQLite, in a transaction that has written nothing of what is read: while it holds the write lock nobody else
    commits, so that both connections see the same. An error of the making is raised where its item would be taken.
    """
    waiting: queue.Queue[T | _Last[T]] = queue.Queue(WAITING)
    left = threading.Event()

    def make() -> None:
        last: _Last[T] = _Last()
        try:
            for item in made:
                waiting.put(item)
                if left.is_set():
                    break
        except BaseException as error:  # noqa: BLE001 - whoever takes the items raises it
            last = _Last(error)
        finally:
            db.pw.close()
        waiting.put(last)

    thread = threading.Thread(target=make, name="payapp-ahead", daemon=True)
    thread.start()
    try:
        yield _taken(waiting)
    finally:
        left.set()
        while thread.is_alive():
            with contextlib.suppress(queue.Empty):
                waiting.get(timeout=0.01)
        thread.join()


def _taken(waiting: queue.Queue[T | _Last[T]]) -> Iterator[T]:
    while not isinstance(item := waiting.get(), _Last):
        yield item
    if item.error is not None:
        raise item.error
