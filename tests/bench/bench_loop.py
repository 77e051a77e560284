"""The longest gaps of the desk's event loop while a worker exports and the user scrolls, marks, filters and previews.

A second loop with nothing but a heartbeat runs beside it: its gaps are the machine's.

    python tests/bench/bench_loop.py [--rows 1000000] [--export 2000]
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from array import array
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import books
from bench.bench_desk import full, put_card_away, totals
from bench.figures import OURS, Board, quantile
from bench.pty_bench import Meter, UnmeasuredError, plain_environment

ALONE = "an empty loop"
LAUNCHER = Path(__file__).with_name("probed_desk.py")
Phase = tuple[str, float, float]


def beats(file: Path) -> array[float]:
    """The moments of the heartbeats in that file."""
    found = array("d")
    found.frombytes(file.read_bytes())
    return found


def gaps(moments: Sequence[float], since: float, until: float) -> list[float]:
    """The ms between neighbouring beats, of the gaps that begin in that span of time."""
    return [(b - a) * 1000 for a, b in pairwise(moments) if since <= a < until]


def drive(desk: Meter) -> list[Phase]:
    """What the user does, and when: monotonic seconds. A list that never comes back raises UnmeasuredError."""
    phases: list[Phase] = []

    def phase(name: str, *keys: str, pause: float = 0.05, rest: float = 0.5) -> None:
        begun = time.monotonic()
        for key in keys:
            desk.press(key)
            desk.read(pause)
            while desk.read(0.005):
                pass
        desk.rest(rest)
        desk.until(lambda _: full(desk.lines()), f"the list after: {name}")
        phases.append((name, begun, time.monotonic()))

    phase("scroll", *"j" * 60)
    phase("page", *["PgDn"] * 25)
    phase("jump", *"GgGg", pause=0.4)
    phase("mark one by one", *["Space"] * 25)
    phase("unmark", "u")
    phase("filter", "/", *"drywall", "Enter", pause=0.15, rest=1.0)
    phase("clear the filter", "\\", rest=1.0)
    phase("sort", ">", "s", "s", pause=0.6, rest=1.0)
    phase("detail", "Enter", *"nnnnn", "l", "h", "Escape", pause=0.25)
    phase("views", "2", "1", "5", "1", pause=0.6, rest=1.0)
    phase("mark all", "a", rest=2.0)
    if not totals(desk.lines()):
        raise UnmeasuredError(f"nothing was marked\n{desk.text()}")
    phase("unmark all", "u", rest=1.0)
    phase("filter to some", "/", *"24-101", "Enter", pause=0.15, rest=1.0)
    begun = time.monotonic()
    for key in ("a", "x"):
        desk.press(key)
        desk.rest(1.0)
    desk.until(lambda screen: "Accounting date" in screen and "Cancel" in screen, "the preview of the export")
    desk.rest(1.0)
    phases.append(("mark and preview", begun, time.monotonic()))
    phase("leave the preview", "Escape", pause=0.3, rest=1.0)
    phase("all again", "u", "\\", pause=0.3, rest=1.0)
    return phases


def measure(board: Board, size: int, count: int) -> None:
    """Export ``count`` invoices with a real worker beside a desk on ``size``."""
    plain_environment()
    folder = books.copied(size, "loop")
    try:
        put_card_away(folder)
        _queue(folder, count)
        _run(board, folder)
    except (UnmeasuredError, AssertionError, subprocess.CalledProcessError) as error:
        board.fail("the loop's gaps", str(error))
    finally:
        books.dropped(folder)


def _queue(folder: Path, count: int) -> None:
    """Accept so many through the command line."""
    from bench.bench_queue import accept_some

    accept_some(folder, count)


def _run(board: Board, folder: Path) -> None:
    settings = str(folder / "payapp.toml")
    worker = subprocess.Popen(books.payapp("--config", settings, "worker", "--quiet"),
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    empty = subprocess.Popen([sys.executable, str(LAUNCHER), "-", "-", str(folder / "empty")])
    desk = Meter([sys.executable, str(LAUNCHER), settings, books.APPROVER, str(folder / "desk")], limit=60)
    try:
        desk.start(full, "the first rows")
        desk.rest(1.0)
        before = _exported(folder)
        phases = drive(desk)
        if _exported(folder) <= before:
            raise UnmeasuredError("no invoice was exported meanwhile")
        desk.press("q")
        desk.ended()
        empty.send_signal(signal.SIGTERM)
        empty.wait(20)
        _note(board, phases, beats(folder / "desk"), beats(folder / "empty"))
    finally:
        desk.close()
        for process in (worker, empty):
            if process.poll() is None:
                os.kill(process.pid, signal.SIGTERM)
                process.wait(30)


def _exported(folder: Path) -> int:
    import sqlite3

    with sqlite3.connect(folder / "payapp.db") as db:
        return int(db.execute("SELECT count(*) FROM export_jobs WHERE state = 'done'").fetchone()[0])


def _note(board: Board, phases: list[Phase], desk: array[float], empty: array[float]) -> None:
    since, until = phases[0][1], phases[-1][2]
    for source, moments in ((OURS, desk), (ALONE, empty)):
        found = gaps(moments, since, until)
        if len(found) < 1000:
            raise UnmeasuredError(f"only {len(found)} heartbeats of {source}")
        for name, share in (("p50", 0.5), ("p99", 0.99)):
            board.note(f"loop gap, {name}", "ms", quantile(found, share), source=source)
        board.note("loop gap, longest", "ms", max(found), source=source)
    for name, begun, ended in phases:
        board.note(f"loop gap, longest: {name}", "ms", max(gaps(desk, begun, ended)))
        board.note(f"loop gap, longest: {name}", "ms", max(gaps(empty, begun, ended)), source=ALONE)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--export", type=int, default=2000)
    options = parser.parse_args(arguments)
    board = Board()
    measure(board, options.rows, options.export)
    sys.stdout.write(board.table() + "\n" + "".join(f"NOT MEASURED {x}\n" for x in board.failures))
    return 1 if board.failures else 0


if __name__ == "__main__":
    sys.exit(main())
