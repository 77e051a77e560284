"""Behind a decision: a worker is started, and ``--wait`` stays until the ERP has answered."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from store.domain.text import safe
from tui.commands.output import say

if TYPE_CHECKING:
    from store.batches import Progress
    from tui.bootstrap import Books

ERROR, SOME_FAILED, INTERRUPTED = 1, 3, 130
# Seconds that a worker may take from its start to its first sign of life.
WORKER_STARTS = 5.0
# So many workers in a row that give none: the next would not either.
STARTS_AT_MOST = 3
# More than any batch has.
ALL = 10_000_000


def start_worker(books: Books) -> None:
    """Start a worker if none is alive. Where that cannot be, a warning says so: what was decided stands."""
    from tui import bootstrap

    try:
        bootstrap.start_worker(books)
    except OSError as error:
        say(f"warning: no worker could be started: {safe(str(error))}. payapp worker runs one.", err=True)


def answers(books: Books, batches: Sequence[int]) -> tuple[list[Progress], int]:
    """Wait until nothing of the batches changes without a person: how they stand, and the exit code.

    3 when not all of it arrived; 1 when no worker starts and 130 after Ctrl-C, each with its sentence on stderr.
    """
    from store import batches as reading

    named = ", ".join(map(str, batches))
    code = 0
    try:
        if not _answered(books, batches):
            say(
                f"payapp: no worker starts: {STARTS_AT_MOST} gave no sign of life. What was accepted stays queued in"
                f" batch {named}. See {safe(str(books.path.parent / 'worker.log'))}, then run payapp worker.",
                err=True,
            )
            code = ERROR
    except KeyboardInterrupt:
        say(f"\nbatch {named} goes on without you.", err=True)
        code = INTERRUPTED
    found = [reading.progress(books.db, batch, failures=ALL) for batch in batches]
    if not code and any(p.failed or p.parked or p.cancelled for p in found):
        code = SOME_FAILED
    return found, code


def _answered(books: Books, batches: Sequence[int]) -> bool:
    """Whether the ERP has answered; False when no worker lives to ask it. A worker that dies gets a successor."""
    from store import batches as reading
    from store import workers

    starts, look_again = 0, time.monotonic()
    while any(reading.progress(books.db, batch, failures=0).running for batch in batches):
        if time.monotonic() >= look_again:
            if workers.any_alive(books.db):
                starts = 0
            elif starts == STARTS_AT_MOST:
                return False
            else:
                start_worker(books)
                starts += 1
            look_again = time.monotonic() + WORKER_STARTS
        time.sleep(0.2)
    return True


def tell(found: Sequence[Progress]) -> None:
    """Each batch in a line, and each of its failures with cause and fix."""
    for p in found:
        left = f"  left {p.left + p.uncertain}" if p.running else ""
        awaited = f"  no receipt yet {p.awaiting}" if p.awaiting else ""
        say(
            f"batch {p.id}: ok {p.done}  FAIL {p.failed}  parked {p.parked}  recalled {p.cancelled}{left}{awaited}"
        )
        for failure in p.failures:
            say(f"failed: {safe(failure.number)}: {safe(failure.cause)}. {safe(failure.fix)}", err=True)


def records(found: Sequence[Progress]) -> list[dict[str, Any]]:
    """The stable schema of ``outcomes`` in ``--json --wait``; ``left`` is what had no answer when the wait ended."""
    return [
        {
            "batch": p.id,
            "ok": p.done,
            "failed": [
                {"number": f.number, "code": f.code, "cause": f.cause, "fix": f.fix} for f in p.failures
            ],
            "parked": p.parked,
            "recalled": p.cancelled,
            "left": p.left + p.uncertain,
            "waiting_for_a_receipt": p.awaiting,
        }
        for p in found
    ]
