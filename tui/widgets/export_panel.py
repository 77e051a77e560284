"""The export's progress: read from the store, the same on every desk, never modal, silent when nothing moves."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

from store.batches import Failure, Progress
from store.domain.text import one_line
from tui.keymap import pressed
from tui.text import cut, fitting, moment, money
from tui.widgets.bar import BAD, BOLD, DIM, GOOD, WARN, Bar, Line, Part, plain

# The lines of a window that the panel leaves to the list (at least 12 rows) and to what stands around it.
OTHERS = 20
LINES_LEAST = 4
LINES_MOST = 8
# Title, progress and keys beside two lines a failure.
LINES_UNFOLDED = 5
BAR = 30
# The bar gives way to the numbers, down to so many cells; a longer title only where that many are left.
BAR_LEAST, BAR_SHORT = 4, 10
# A bar's brackets and the blank before it.
FRAME = 3
# From so many minutes on the time left is told in hours and minutes.
HOUR = 60
KEYS = (
    ("list.view-3", "view"), ("invoices.show-errors", "error"), ("invoices.export", "retry"), ("invoices.reject", "reject"),
)  # fmt: skip

DECIDING = frozenset({"invoices.export", "invoices.reject"})


class ExportPanel(Bar):
    """The newest batch: a bar, counts, time left, and its failures with cause, fix and next key."""

    def tell(self, batch: Progress, seconds_held: int, *, decides: bool = True) -> None:
        """Draw this batch; the lines that stayed the same are not written again. ``decides``: as in the footer."""
        room = max(LINES_LEAST, min(LINES_MOST, self.app.size.height - OTHERS))
        lines = report(
            batch,
            self.size.width or self.app.size.width,
            seconds_held if decides else 0,
            room,
            decides=decides,
        )
        if self.styles.height is None or self.styles.height.value != len(lines):
            self.styles.height = len(lines)
        self.show(*lines)


def seconds_held(batch: Progress) -> int:
    """For how many more seconds the batch can be recalled."""
    return max(0, -(-(batch.hold_until - batch.now) // 1000)) if batch.recallable else 0


def report(batch: Progress, width: int, held: int, lines: int, *, decides: bool = True) -> list[Line]:
    """The batch in at most so many lines of that width; failures fold title and progress into one where they must."""
    if not batch.failures:
        return [_title(batch, width, held), _progress(batch, width), *_posting(batch, width)]
    if lines < LINES_UNFOLDED:
        found = [_folded(batch, width)]
    else:
        found = [_title(batch, width, held), _progress(batch, width)]
        found += _posting(batch, width) if lines > LINES_UNFOLDED else []
    shown = batch.failures[: max(1, (lines - len(found) - 1) // 2)]
    for failure in shown:
        found += _failure(failure, width)
    return [*found, _next(batch.unresolved - len(shown), held, width, decides=decides)]


def _posting(batch: Progress, width: int) -> list[Line]:
    """What of it posts otherwise than invoiced, by the company's policy."""
    posted = batch.posted
    if posted is None:
        return []
    due, will = money(posted.due, batch.currency), money(posted.due - posted.lost, batch.currency)
    short = f"  {posted.count:,} by policy: payment due {due} invoiced, {will} will post"
    return [(Part(fitting(width, f"  {posted.told}", short, cut(short, width).rstrip()), WARN),)]


def _name(batch: Progress) -> str:
    own = f"SELF {batch.own:,} " if batch.own else ""
    return f"-- BATCH {batch.id} {own}started {moment(batch.created_at)[-5:]} by {_operator(batch)} "


def _operator(batch: Progress) -> str:
    return cut(batch.operator, 16).rstrip()


def _title(batch: Progress, width: int, held: int) -> Line:
    title = _name(batch)
    tail = f" {_recall()} recalls it, {held} s left --" if held else ""
    return Part(title + "-" * max(0, width - cell_len(title) - len(tail)), BOLD), Part(tail, WARN)


def _folded(batch: Progress, width: int) -> Line:
    """Title and progress on one line; the title gives way to the bar, and both to the numbers."""
    numbers = _numbers(batch, width)
    room = width - _length(numbers)
    short = f"-- BATCH {batch.id}"
    title = next(
        (
            text
            for text in (_name(batch).rstrip(), f"{short} by {_operator(batch)}")
            if cell_len(text) + BAR_SHORT + FRAME <= room
        ),
        fitting(room, short, ""),
    )
    return (Part(title, BOLD), Part(_bar(batch, min(BAR, room - cell_len(title) - FRAME))), *numbers)


def _ended(batch: Progress) -> str:
    # A batch that was accepted and recalled in part is whole when what remains of it has ended.
    return f"{batch.done + batch.failed:,}/{max(0, batch.count - batch.cancelled):,}"


def _progress(batch: Progress, width: int) -> Line:
    # A wide window has room for a finer bar.
    bar = BAR + max(0, width - 110) // 2
    if batch.recalled_whole:
        return plain(f" [{'.' * bar}] {_ended(batch)}  recalled {batch.cancelled:,}: all of it")
    numbers = _numbers(batch, width)
    return (Part(_bar(batch, min(bar, width - _length(numbers) - FRAME))), *numbers)


def _bar(batch: Progress, cells: int) -> str:
    """What has ended of the whole, in so many cells; nothing where they are too few to tell anything."""
    if cells < BAR_LEAST:
        return ""
    whole = max(1, batch.count - batch.cancelled)
    filled = min(cells, (batch.done + batch.failed) * cells // whole)
    return f" [{'#' * filled}{'.' * (cells - filled)}]"


def _numbers(batch: Progress, width: int) -> tuple[Part, ...]:
    """How many ended, how, and how long the rest takes, where that has room."""
    parts = (Part(f" {_ended(batch)}"), *_counts(batch))
    return (*parts, Part(fitting(max(0, width - _length(parts)), *_eta(batch), "")))


def _length(line: Line) -> int:
    return sum(cell_len(part.text) for part in line)


def _counts(batch: Progress) -> list[Part]:
    parts = [Part(f"  ok {batch.done:,}", GOOD if batch.done else None)]
    if batch.unresolved:
        parts.append(Part(f"  FAIL {batch.unresolved:,}", BAD))
    if batch.resolved:
        parts.append(Part(f"  resolved since {batch.resolved:,}"))
    parts.append(Part(f"  left {batch.left:,}"))
    if batch.uncertain:
        parts.append(Part(f"  uncertain {batch.uncertain:,}", WARN))
    if batch.parked:
        parts.append(Part(f"  PARKED {batch.parked:,}", BAD))
    if batch.cancelled:
        parts.append(Part(f"  recalled {batch.cancelled:,}"))
    if batch.awaiting:
        parts.append(Part(f"  no receipt yet {batch.awaiting:,}", WARN))
    return parts


def _eta(batch: Progress) -> Sequence[str]:
    if not batch.running and batch.awaiting_since is not None:
        since = moment(batch.awaiting_since)
        return f"  since {since}: payapp receipt FILE", f"  since {since}", f"  since {since[-5:]}"
    if not batch.running:
        return ("  done",)
    if batch.eta_ms is None:
        return ()
    seconds = -(-batch.eta_ms // 1000)
    minutes = seconds // 60
    return (
        f"  ETA {minutes}:{seconds % 60:02}"
        if minutes < HOUR
        else f"  ETA {minutes // 60} h {minutes % 60:02}",
    )


def _failure(failure: Failure, width: int) -> list[Line]:
    number = f"  {cut(failure.number, 16).rstrip()}  "
    who = f"{number}{cut(failure.vendor, max(13, width // 6)).rstrip()}  "
    room = width - len("FAIL  ")
    cause = one_line(failure.cause)
    told = fitting(max(10, room - cell_len(who)), f"{failure.code}: {cause}", cause, "").rstrip()
    if not told:
        # The vendor stands in the list and in the detail; of a longer cause its end says most.
        who, told = number, _end(cause, max(10, room - cell_len(number)))
    fix = failure.fix or f"{pressed('invoices.show-errors')} shows the whole error"
    return [
        (Part(who), Part("FAIL", BAD), Part("  " + told)),
        plain("    " + cut(f"Fix: {fix}", width - 4).rstrip()),
    ]


def _end(text: str, width: int) -> str:
    """The text, or as many of its last words as fit behind a ``~``; where not even one does, its beginning."""
    if cell_len(text) <= width:
        return text
    words = text.split()
    first = len(words)
    while first and cell_len("~" + " ".join(words[first - 1 :])) <= width:
        first -= 1
    return "~" + " ".join(words[first:]) if first < len(words) else cut(text, width).rstrip()


def _recall() -> str:
    # Without a key the command line has it by its id.
    return pressed("invoices.recall") or "recall"


def _next(more: int, held: int, width: int, *, decides: bool) -> Line:
    """What can be done about failures, and how many more there are."""
    bound = [
        (key, what) for name, what in KEYS if (decides or name not in DECIDING) and (key := pressed(name))
    ]
    view = pressed("list.view-3")
    rest = f"  and {more:,} more" + (f" ({view})" if view else "") if more > 0 else ""
    recall = f"  {_recall()}: recall, {held} s left" if held else ""
    keys = fitting(
        max(0, width - len(rest + recall) - 2),
        "  ".join(f"{key}: {what}" for key, what in bound),
        " ".join(key for key, _ in bound[1:]),
    )
    return Part(rest, BAD), Part(recall, WARN), Part("  " + keys, DIM)
