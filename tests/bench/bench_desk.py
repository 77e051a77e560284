"""The desk as a person meets it: through a pty at 80x24, key by key, each effect verified on the screen.

python tests/bench/bench_desk.py [--rows 1000000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import books
from bench.figures import OURS, SMALL, Board
from bench.pty_bench import Meter, Reply, UnmeasuredError, bare_interpreter, memory, plain_environment

Lines = Sequence[str]

# A line of the list: gutter, checkbox, and amounts at its end.
ROW = re.compile(r"^[>| ]\[([ x])\] .*\d\.\d\d\)?(?: [^ ].*)?$")
TOTALS = re.compile(r"MARKED ([\d,]+)\b.*\b(?:Net|Gross) \(?\d")
# The filters that are typed: a vendor's first letters, a trade that an eighth of them have, a job, a commitment.
WORDS = ("bel", "drywall", "24-103", "sc-105-0")
MONEY = ("Gross", "Retainage", "Net")
# So many starts in a round: one is soon done, and all of them differ.
STARTS = 3
# Rows that the smallest desk shows at least.
LEAST = 12


# -- what a screen shows ---------------------------------------------------------------------------------------


def rows(lines: Lines) -> list[int]:
    """The lines of the list that hold an invoice."""
    return [n for n, line in enumerate(lines) if ROW.match(line)]


def cursor(lines: Lines) -> int:
    """The line with the cursor; -1 where there is none, or two."""
    found = [n for n in rows(lines) if lines[n].startswith(">")]
    return found[0] if len(found) == 1 else -1


def invoice(lines: Lines) -> str:
    """The row under the cursor without gutter and checkbox."""
    at = cursor(lines)
    return lines[at][4:] if at >= 0 else ""


def full(lines: Lines) -> bool:
    """The list is there, with a cursor and no blank rows."""
    found = rows(lines)
    return len(found) >= LEAST and found[-1] - found[0] + 1 == len(found) and cursor(lines) >= 0


def bodies(lines: Lines) -> list[str]:
    """The rows without gutters and checkboxes."""
    return [lines[n][4:] for n in rows(lines)]


def totals(lines: Lines) -> int:
    """How many are marked by the control totals, once they tell an amount; 0 before."""
    found = next((match for line in lines if (match := TOTALS.search(line))), None)
    return int(found[1].replace(",", "")) if found else 0


def sorted_by(lines: Lines) -> tuple[str, bool]:
    """The heading, cut or not, that carries the sign, and whether it goes down; ("", False) where none does."""
    heading = next(
        (line for line in lines if "Invoice" in line and "Vendor" in line and line.startswith(" [")), ""
    )
    found = re.search(r"(\w+)(\^|v)(?= |$)", heading)
    return (found[1], found[2] == "v") if found else ("", False)


def ordered(lines: Lines, title: str, *, down: bool) -> bool:
    """Whether the amounts of that column stand in their order from the top to the bottom."""
    place = MONEY.index(title)
    amounts = [_amount(lines[n].split()[place - 3]) for n in rows(lines)]
    return amounts == sorted(amounts, reverse=down)


def _amount(text: str) -> Decimal:
    plain = text.replace(",", "")
    return -Decimal(plain.strip("()")) if plain.startswith("(") else Decimal(plain)


# -- the gestures ----------------------------------------------------------------------------------------------


class Session:
    """An open desk, and where its figures go."""

    def __init__(self, folder: Path, board: Board, source: str) -> None:
        self.board, self.source, self.folder = board, source, folder
        self.meter = Meter(books.desk(folder), limit=30)
        self.peak = 0.0

    def note(self, what: str, reply: Reply, *, size: bool = True) -> None:
        self.board.note(what, "ms", reply.shown, source=self.source)
        if size:
            self.board.note(what, "B", reply.size, source=self.source)
        self.board.note(what, "ms CPU", reply.cpu, source=self.source)

    def press(self, key: str, condition: Callable[[Lines, Lines], object], what: str) -> Reply:
        """A key, and what it must have done to the screen: the condition on it before and after."""
        before = tuple(self.meter.lines())
        return self.meter.timed(key, lambda lines: condition(before, lines), what)

    def begin(self, *, measured: bool = True) -> None:
        start = self.meter.start(full, "the first rows")
        if measured:
            self.board.note("first text on screen", "ms", start.text, source=self.source)
            self.board.note("first rows on screen", "ms", start.shown, source=self.source)
            self.board.note("first rows on screen", "ms CPU", start.cpu, source=self.source)
            self.board.note("memory at the first rows", "MB", start.memory, source=self.source)
        self.meter.rest()

    def close(self) -> None:
        self.peak = memory(self.meter.pid)[1]
        self.meter.close()


def down(before: Lines, lines: Lines) -> bool:
    return full(lines) and cursor(lines) == cursor(before) + 1 and bodies(lines) == bodies(before)


def up(before: Lines, lines: Lines) -> bool:
    return full(lines) and cursor(lines) == cursor(before) - 1 and bodies(lines) == bodies(before)


def another(before: Lines, lines: Lines) -> bool:
    """All rows are others than before."""
    return full(lines) and not set(bodies(lines)) & set(bodies(before))


def moves(desk: Session) -> None:
    """The cursor down and up within the screen; pages; and on from the last row."""
    for _ in range(3):
        for key, condition in (("j", down), ("k", up)):
            for _ in range(LEAST - 2):
                desk.note("cursor move", desk.press(key, condition, "cursor move"))
                desk.meter.rest(0.02)
    while cursor(desk.meter.lines()) < rows(desk.meter.lines())[-1]:
        desk.press("j", down, "to the edge")

    def onward(before: Lines, lines: Lines) -> bool:
        below = bodies(before)[bodies(before).index(invoice(before)) + 1 :]
        return full(lines) and invoice(lines) != invoice(before) and (not below or invoice(lines) == below[0])

    for _ in range(40):
        desk.note("scroll at the edge, each row", desk.press("j", onward, "scroll"))
        desk.meter.rest(0.02)


def pages(desk: Session) -> None:
    desk.meter.type("g")
    for key in ("PgDn", "PgUp"):
        for _ in range(12):
            desk.note("page", desk.press(key, another, "page"))
            desk.meter.rest(0.02)


def jumps(desk: Session) -> None:
    """To the end and back. At the end the next j must not move."""
    for n in range(6):
        desk.note("jump to the end", desk.press("G", another, "jump to the end"))
        desk.meter.rest()
        at = desk.meter.lines()
        if n == 0:
            desk.meter.press_untimed("j")
            if invoice(desk.meter.lines()) != invoice(at) or cursor(at) != rows(at)[-1]:
                raise UnmeasuredError(f"G does not lead to the last invoice\n{desk.meter.text()}")
        desk.note("jump to the top", desk.press("g", another, "jump to the top"))
        desk.meter.rest()


def marks(desk: Session) -> None:
    """One by one; then each until the control totals count it."""

    def marked(before: Lines, lines: Lines) -> bool:
        at = cursor(before)
        return full(lines) and lines[at].startswith(" [x]") and cursor(lines) == at + 1

    for _ in range(LEAST - 2):
        desk.note("mark one", desk.press("Space", marked, "mark one"))
        desk.meter.rest(0.02)
    desk.meter.rest()
    if totals(desk.meter.lines()) != LEAST - 2:
        raise UnmeasuredError(f"{LEAST - 2} were marked, the totals say otherwise\n{desk.meter.text()}")
    for _ in range(5):
        count = totals(desk.meter.lines())

        def counted(_: Lines, lines: Lines, wanted: int = count + 1) -> bool:
            return totals(lines) == wanted

        desk.note("mark one, to its totals", desk.press("Space", counted, "totals"))
        desk.meter.rest()


def selections(desk: Session) -> None:
    """All clean ones, all of them, and none again."""
    for key, what in (("a", "mark all clean, to the totals"),
                      ("A", "mark all, to the totals")):  # fmt: skip
        for _ in range(3):
            desk.note(what, desk.press(key, lambda _, lines: totals(lines) > 500, what), size=False)
            desk.meter.rest()
            desk.press(
                "u", lambda _, lines: not totals(lines) and not any("[x]" in x for x in lines), "unmark"
            )
            desk.meter.rest()


def sorts(desk: Session) -> None:
    """By every column on the screen, up and down; amounts are checked to stand in their order."""
    heading = next(line for line in desk.meter.lines() if line.startswith(" [") and "Invoice" in line)
    titles = [
        word.rstrip("^v") if word[-1] in "^v" else word for word in heading.split() if word[:1].isalpha()
    ]
    titles = [title for title in titles if title != "Fl"]
    # The last of them leads round to the first, which is what was sorted by at the start.
    place = titles.index(sorted_by(desk.meter.lines())[0])
    for title in [*titles[place + 1 :], *titles[: place + 1]]:
        desk.meter.press_untimed(">")
        for is_down in (False, True):

            def resorted(_: Lines, lines: Lines, title: str = title, is_down: bool = is_down) -> bool:
                word, goes_down = sorted_by(lines)
                if not full(lines) or not word or not title.startswith(word) or goes_down != is_down:
                    return False
                return title not in MONEY or ordered(lines, title, down=is_down)

            what = f"re-sort by {title}"
            desk.note(what, desk.press("s", resorted, what))
            desk.meter.rest()
    desk.meter.press_untimed("s")


def unfiltered(lines: Lines) -> bool:
    """Whether the line of the filter says that all invoices of the view are listed."""
    found = next(
        (
            m
            for line in lines
            if line.startswith(" Filter:") and (m := re.search(r"([\d,]+) of ([\d,]+)", line))
        ),
        None,
    )
    return found is not None and found[1] == found[2]


def filters(desk: Session) -> None:
    """A word typed at once, until its matches are on the screen; and all of the list again."""
    for word in WORDS:
        desk.meter.press_untimed("/")

        def matching(_: Lines, lines: Lines, word: str = word) -> bool:
            if cursor(lines) < 0 or unfiltered(lines) or not any("Filter: " + word in line for line in lines):
                return False
            # What has a digit may match a commitment's number, which is no column.
            return not word.isalpha() or all(word in body.lower() for body in bodies(lines))

        what = "filter of 3 letters or more, first rows"
        desk.note(what, desk.press(word, matching, f"filter {word}"))
        desk.meter.rest(0.6)
        desk.meter.press_untimed("Enter")
        desk.note(
            "clear the filter", desk.press("\\", lambda _, lines: full(lines) and unfiltered(lines), "clear")
        )
        desk.meter.rest()
        desk.meter.press_untimed("g")


def details(desk: Session) -> None:
    for _ in range(5):
        number = invoice(desk.meter.lines()).split()[0]

        def opened(_: Lines, lines: Lines, number: str = number) -> bool:
            return all(any(word in line for line in lines) for word in (number, "Contract position"))

        desk.note("open the detail", desk.press("Enter", opened, "detail"))
        desk.meter.rest()
        desk.press("Escape", lambda _, lines: full(lines), "back to the list")
        desk.meter.rest()
        desk.meter.press_untimed("j")


def views(desk: Session) -> None:
    for name in ("5 All", "1 Ready", "5 All", "1 Ready"):

        def viewed(_: Lines, lines: Lines, name: str = name) -> bool:
            return full(lines) and any(f"[{name}" in line for line in lines)

        desk.note("another view", desk.press(name[0], viewed, f"view {name}"))
        desk.meter.rest()


def idle(desk: Session) -> None:
    size, cpu = desk.meter.idle(8)
    desk.board.note("idle", "B", size, source=desk.source)
    desk.board.note("idle", "ms CPU/s", cpu, source=desk.source)


GESTURES = (moves, pages, jumps, marks, selections, sorts, filters, details, views, idle)


# -- the runs ----------------------------------------------------------------------------------------------------


def starts(folder: Path, board: Board, source: str) -> None:
    """One start of a desk whose files the machine has read before, beside a bare interpreter."""
    bare = bare_interpreter()
    desk = Session(folder, board, source)
    try:
        desk.begin()
        idle_start = board.values("first rows on screen", "ms", source)[-1]
        board.note("first rows, over a bare interpreter", "ms", idle_start - bare, source=source)
    except UnmeasuredError as error:
        board.fail(f"start ({source})", str(error))
    finally:
        desk.close()


def gestures(
    folder: Path, board: Board, source: str, chosen: Sequence[Callable[[Session], None]] = GESTURES
) -> None:
    """Every gesture, in one desk; one that cannot be measured is told, and a fresh desk goes on with the next."""
    desk: Session | None = None
    peak = 0.0
    for gesture in chosen:
        try:
            if desk is None:
                desk = Session(folder, board, source)
                desk.begin(measured=False)
            gesture(desk)
            desk.meter.type("Escape", "g")
        except (UnmeasuredError, AssertionError, OSError, StopIteration, ValueError) as error:
            board.fail(f"{gesture.__name__} ({source})", str(error))
            if desk is not None:
                desk.close()
                peak = max(peak, desk.peak)
            desk = None
    if desk is not None:
        desk.close()
        peak = max(peak, desk.peak)
    board.note("memory, peak of all below", "MB", peak, source=source)


def put_card_away(folder: Path) -> None:
    """Open the desk once: it brings the tables up to date, the files into memory, and the first run's card away."""
    meter = Meter(books.desk(folder), limit=180)
    try:
        meter.settle(1.0)
        for _ in range(600):
            if full(meter.lines()):
                return
            meter.settle(1.0)
            if not full(meter.lines()):
                meter.press_untimed("Escape")
        raise UnmeasuredError(f"the desk shows no list\n{meter.text()}")
    finally:
        meter.close()


def measure(board: Board, size: int, rounds: int, beside: Callable[[], None] = lambda: None) -> None:
    """The desk on ``size`` invoices and on 1,000, a round of starts after the other; ``beside`` runs in each round."""
    plain_environment()
    large, small = books.made(size), books.made(1000)
    for folder in (large, small):
        put_card_away(folder)
    for _ in range(STARTS * rounds):
        starts(large, board, OURS)
        starts(small, board, SMALL)
    board.note("memory, peak of all below", "MB")
    for _ in range(rounds):
        gestures(large, board, OURS)
        gestures(small, board, SMALL)
        beside()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", help="one gesture, by its function's name")
    options = parser.parse_args(arguments)
    board = Board()
    if options.only:
        plain_environment()
        put_card_away(books.made(options.rows))
        gestures(books.made(options.rows), board, OURS, [g for g in GESTURES if g.__name__ == options.only])
    else:
        measure(board, options.rows, options.rounds)
    sys.stdout.write(board.table() + "\n")
    for failure in board.failures:
        sys.stdout.write(f"NOT MEASURED {failure}\n")
    return 1 if board.failures else 0


if __name__ == "__main__":
    sys.exit(main())
