"""Making ahead: another process reads and makes what comes next while the caller writes what came before.

Two threads would wait for one interpreter. The process gets what it needs from its caller alone and ends with it.
"""

from __future__ import annotations

import contextlib
import gc
import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Generic, TypeVar

from store import db as database
from store.db import Database
from store.domain.errors import StoreError

T = TypeVar("T")
A = TypeVar("A")

# So many wait, beside the one that is being written and the one that is being made.
WAITING = 2
_SIZE = 8
# What Linux lets anybody have; a part is about as large.
_PIPE = 1 << 20
# The driver that is not needed takes as long to load as all the rest.
_CODE = """import sys
sys.path.insert(0, sys.argv[1])
for name in ("psycopg", "psycopg2", "psycopg2cffi"):
    sys.modules[name] = None
from store.ahead import serve
serve(sys.stdin.buffer, sys.stdout.buffer)
"""


class Maker(Generic[T]):
    """A process that makes things of an SQLite database. Use it as a context."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._waiting: queue.Queue[bytes] = queue.Queue(WAITING)
        self._left = threading.Event()

    def start(self) -> None:
        """Start the process, as early as it is known to be needed: it takes a moment."""
        # Ours and no other ``store``; not by PYTHONPATH, of which an empty part is where the user stands.
        path = str(Path(__file__).resolve().parents[1])
        # What cannot be started makes nothing: the caller does then.
        with contextlib.suppress(OSError):
            self._process = subprocess.Popen(  # noqa: S603 - this very interpreter
                # Nothing of where the user stands, and none of its keys: an interrupt is the caller's to handle.
                [sys.executable, "-I" if sys.flags.isolated else "-P", "-c", _CODE, path],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
                pipesize=_PIPE,
            )  # fmt: skip

    def __enter__(self) -> Maker[T]:
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()
        if (process := self._process) is None:
            return
        process.kill()
        # Whoever waits to put something in goes on.
        with contextlib.suppress(queue.Empty):
            while True:
                self._waiting.get_nowait()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    @property
    def ended(self) -> bool:
        """Whether no process of it is there."""
        return self._process is None or self._process.returncode is not None

    def made(self, db: Database, make: Callable[[Database, A], Iterator[T]], asked: A) -> Iterator[T]:
        """What ``make``, a function of a module, yields there of what is ``asked``, some ahead of who takes it.

        In a transaction that has written nothing of what is read: while it holds the write lock nobody else commits, so
        that both see the same. An error of the making is raised where its item would be taken. Where there can be no
        process it is made here.
        """
        if self._process is None:
            self.start()
        if not self._ask((db.url, make, asked)):
            yield from make(db, asked)
            return
        count = 0
        while True:
            raw = self._waiting.get()
            if not raw:
                break
            kind, item = pickle.loads(raw)  # noqa: S301 - our own process wrote it
            if kind == "last":
                return
            if kind == "error":
                raise item
            count += 1
            yield item
        if count:
            raise StoreError(
                "The process that makes the bills has ended",
                why="nothing was changed by you",
                fix="Decide again",
            )
        yield from make(db, asked)

    def _ask(self, what: Any) -> bool:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            return False
        try:
            _write(process.stdin, what)
        except OSError:
            return False
        threading.Thread(target=self._fetch, args=(process.stdout,), name="payapp-ahead", daemon=True).start()
        return True

    def _fetch(self, pipe: IO[bytes]) -> None:
        raw = b"-"
        with contextlib.suppress(OSError, ValueError):
            while raw and not self._left.is_set():
                raw = _read(pipe)
                self._waiting.put(raw)
        if raw:
            self._waiting.put(b"")


def serve(asked: IO[bytes], made: IO[bytes]) -> None:
    """The other process: make what is asked for, and say what became of it."""
    url, make, what = pickle.loads(_read(asked))  # noqa: S301 - our own process wrote it
    # What is made is given away at once, and has no circles.
    gc.disable()
    try:
        db = database.open(url)
        for item in make(db, what):
            _write(made, ("item", item))
        _write(made, ("last", None))
    except BrokenPipeError:
        return
    except Exception as error:  # noqa: BLE001 - whoever takes the items raises it
        _write(made, ("error", error))


def _write(pipe: IO[bytes], what: Any) -> None:
    raw = pickle.dumps(what, pickle.HIGHEST_PROTOCOL)
    pipe.write(len(raw).to_bytes(_SIZE))
    pipe.write(raw)
    pipe.flush()


def _read(pipe: IO[bytes]) -> bytes:
    """The next one; b"" when there is none, or not all of it."""
    size = pipe.read(_SIZE)
    if len(size) < _SIZE:
        return b""
    count = int.from_bytes(size)
    raw = pipe.read(count)
    return raw if len(raw) == count else b""
