"""Everything that is measured, in one table: the desk beside its peers, the loop, accepting, the queue, the lists.

make bench                                   all of it; at a million invoices a quarter of an hour
.venv/bin/python tests/bench/run.py --rows 100000 --rounds 1 --only desk
"""

from __future__ import annotations

import argparse
import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import bench_desk, bench_dry_run, bench_loop, bench_queue, books, peers
from bench.figures import Board

PARTS = ("desk", "peers", "loop", "accept", "dryrun", "queue", "lists", "intake")
# A line of bench_lists: what, median, 95th percentile, target.
FIGURE = re.compile(r"^(\S.*?) +([\d.]+) +([\d.]+)  ?(\d*)\s*$")


def machine() -> str:
    """Where and when, for the docs."""
    memory = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())
    cores = len([x for x in Path("/proc/cpuinfo").read_text().splitlines() if x.startswith("processor")])
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, cwd=books.ROOT
    )
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, commit {commit.stdout.strip() or 'unknown'}, {cores} cores,"
        f" {int(memory[1]) >> 20 if memory else 0} GiB, Python {platform.python_version()}, load {_load()}"
    )


def _load() -> str:
    return Path("/proc/loadavg").read_text().split()[0]


def lists(board: Board, size: int) -> None:
    """The store's side of the lists, in a process of its own."""
    script = Path(__file__).with_name("bench_lists.py")
    folder = books.copied(size, "lists")
    try:
        done = subprocess.run(
            [sys.executable, str(script), f"sqlite:{folder / 'payapp.db'}"],
            capture_output=True,
            text=True,
            cwd=books.ROOT,
        )
        found = [match for line in done.stdout.splitlines() if (match := FIGURE.match(line))]
        for what, middle, p95, limit in (match.groups() for match in found):
            board.told(f"store: {what}", "ms", float(middle), float(p95), float(limit) if limit else None)
        if done.returncode or not found:
            board.fail("the lists of the store", (done.stderr or done.stdout).strip().splitlines()[-1])
    finally:
        books.dropped(folder)


def desk_and_peers(
    board: Board, size: int, peer_rows: int, rounds: int, *, with_desk: bool, with_peers: bool
) -> None:
    """Rounds of the desk and, in each of them, of every peer."""
    found, missing = peers.installed(peer_rows) if with_peers else ([], [])
    board.notes += [f"{name}: not installed" for name in missing]
    if with_peers:
        board.notes.append(f"Peers show {peer_rows:,} invoices.")

    def beside() -> None:
        for peer in found:
            peers.measure(board, peer)

    if with_desk:
        bench_desk.measure(board, size, rounds, beside)
    else:
        beside()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="invoices in the desk's books")
    parser.add_argument("--peer-rows", type=int, default=100_000, help="invoices that the peers show")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", action="append", choices=PARTS, help="these parts alone")
    options = parser.parse_args(arguments)
    parts = options.only or PARTS
    board = Board()
    begun = machine()
    if "desk" in parts or "peers" in parts:
        desk_and_peers(board, options.rows, options.peer_rows, options.rounds, with_desk="desk" in parts,
                       with_peers="peers" in parts)  # fmt: skip
    if "loop" in parts:
        bench_loop.measure(board, options.rows, 2000)
    if "accept" in parts:
        bench_queue.measure_accept(board, options.rows, min(100_000, options.rows // 2))
    if "dryrun" in parts:
        bench_dry_run.measure(board, options.rows, min(100_000, options.rows // 2))
    if "queue" in parts:
        bench_queue.measure_queue(board, 60_000)
    if "lists" in parts:
        lists(board, options.rows)
    missed = board.missed()
    verdict = f"{len(missed)} targets are not met: {'; '.join(missed)}" if missed else "Every target is met."
    failures = [f"NOT MEASURED {failure}" for failure in board.failures]
    lines = [f"{begun}; load {_load()} at the end", "", board.table(), "", *board.notes, verdict, *failures]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
    if "intake" in parts:
        subprocess.run([sys.executable, str(Path(__file__).with_name("bench_intake.py"))], check=True)
    return 1 if board.failures else 0


if __name__ == "__main__":
    sys.exit(main())
