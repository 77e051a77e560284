"""The export's progress: read from the store, the same on every desk, never modal, silent when nothing moves."""

from __future__ import annotations

from collections.abc import Sequence

from store.batches import Failure, Progress
from store.domain.text import one_line
from tui.text import cut, fitting, moment
from tui.widgets.bar import BAD, BOLD, GOOD, WARN, Bar, Line, Part, plain

LINES_NARROW = 4
LINES_WIDE = 8
BAR = 30


class ExportPanel(Bar):
    """The newest batch: a bar, counts, time left, and its failures with cause, fix and next key."""

    def tell(self, batch: Progress, seconds_held: int) -> None:
        """Draw this batch; the lines that stayed the same are not written again."""
        wide = self.app.size.height >= 36
        lines = report(
            batch, self.size.width or self.app.size.width, seconds_held, LINES_WIDE if wide else LINES_NARROW
        )
        if self.styles.height is None or self.styles.height.value != len(lines):
            self.styles.height = len(lines)
        self.show(*lines)


def seconds_held(batch: Progress) -> int:
    """For how many more seconds the batch can be recalled."""
    return max(0, -(-(batch.hold_until - batch.now) // 1000)) if batch.recallable else 0


def report(batch: Progress, width: int, held: int, lines: int) -> list[Line]:
    """The batch in at most so many lines of that width."""
    title = f"-- BATCH {batch.id} started {moment(batch.created_at)[-5:]} by {one_line(batch.operator)} "
    tail = f" Z recalls it, {held} s left --" if held else ""
    found: list[Line] = [
        (Part(title + "-" * max(0, width - len(title) - len(tail)), BOLD), Part(tail, WARN)),
        _progress(batch, width),
    ]
    room = lines - len(found)
    shown = batch.failures[: room // 2]
    for failure in shown:
        found += _failure(failure, width)
    if batch.failed > len(shown) and len(found) < lines:
        found.append(plain(f" {batch.failed - len(shown)} more failures: view 3"))
    return found


def _progress(batch: Progress, width: int) -> Line:
    ended = batch.done + batch.failed
    # A batch that was accepted and recalled in part is whole when what remains of it has ended.
    total = max(1, batch.count - batch.cancelled)
    filled = min(BAR, ended * BAR // total)
    bar = f" [{'#' * filled}{'.' * (BAR - filled)}] {ended}/{total}"
    parts = [Part(bar), Part(f"  ok {batch.done}", GOOD if batch.done else None)]
    if batch.failed:
        parts.append(Part(f"  FAIL {batch.failed}", BAD))
    parts.append(Part(f"  left {batch.left}"))
    if batch.uncertain:
        parts.append(Part(f"  uncertain {batch.uncertain}", WARN))
    if batch.parked:
        parts.append(Part(f"  PARKED {batch.parked}", BAD))
    if batch.cancelled:
        parts.append(Part(f"  recalled {batch.cancelled}"))
    room = width - sum(len(part.text) for part in parts)
    return (*parts, Part(fitting(room, *_eta(batch))))


def _eta(batch: Progress) -> Sequence[str]:
    if not batch.running:
        return ("  done", "")
    if batch.eta_ms is None:
        return ("",)
    seconds = -(-batch.eta_ms // 1000)
    return (f"  ETA {seconds // 60}:{seconds % 60:02}", "")


def _failure(failure: Failure, width: int) -> list[Line]:
    who = f" {one_line(failure.number)} {cut(failure.vendor, 20).rstrip()}  "
    keys = "  3: view  e: error  x: retry  r: reject"
    cause = one_line(failure.cause)
    fix = one_line(failure.fix)
    return [
        (
            Part(who),
            Part("FAIL", BAD),
            Part(cut(f" {failure.code}: {cause}", max(10, width - len(who) - 4)).rstrip()),
        ),
        plain(cut(f"   Fix: {fix}", max(10, width - len(keys))) + keys),
    ]
