"""The dry run of many: with the rules and notes of a profile, duplicates, what the ERP knows of every code, periods, and
what the connector says of the bills.

python tests/bench/bench_dry_run.py [--rows 1000000] [--tried 100000]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import msgspec
from bench import books
from bench.bench_queue import opened, ready
from bench.figures import Board

from erp import profiles
from erp.connectors.files import Files, FilesSettings
from erp.connectors.files_settings import Form
from erp.connectors.sandbox import Sandbox, SandboxSettings
from store import directory, known, review
from store.db import Database
from store.domain.checking import Local
from store.domain.knowing import Fact
from store.domain.selection import Marked
from store.domain.status import Action
from store.previewing import Plan
from tui import bootstrap

# One in so many codes is unknown to the ERP.
UNKNOWN = 50
# Every profile but these blocks or notes little in the demo's books.
PROFILES = ("sandbox", "sage300cre", "yardi")


def measure(board: Board, size: int, count: int) -> None:
    """On a copy of books with ``size`` invoices."""
    folder = books.copied(size, "dry-run")
    try:
        measure_on(board, folder, count)
    finally:
        books.dropped(folder)


def measure_on(board: Board, folder: Path, count: int) -> None:
    """On these books, which are written to."""
    what = f"dry run of {count:,}"
    with opened(folder) as db:
        db.execute("DELETE FROM erp_facts")
        chosen = ready(db, count)
        plan = _tried(db, chosen, "sandbox")
        begun = time.perf_counter()
        with bootstrap.opened(str(folder / "payapp.toml")) as own:
            asked = asyncio.run(bootstrap.ask(own, plan.asking.codes))
        board.note(f"{what}: asking the sandbox for its codes", "s", time.perf_counter() - begun)
        if asked.trouble or not asked.answered:
            board.fail(what, f"the ERP was not asked: {asked.trouble}")
        # The commitments as well, of which the sandbox tells nothing.
        for kind, codes in plan.asking.codes.items():
            known.put(db, "sandbox", [Fact(kind, code, bool(n % UNKNOWN)) for n, code in enumerate(codes, 1)])
        for name in PROFILES:
            plan = _timed(board, db, chosen, f"{what}, {name}", name, None)
        if not plan.touched.get("warned") or any(one.asked < one.count for one in plan.asking.kinds):
            board.fail(what, "not every code is known")
        _checked(board, db, chosen, what, folder)
    board.note(f"{what}: peak memory", "MB", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    _whole(board, folder, what, chosen)


def _checked(board: Board, db: Database, chosen: Marked, what: str, folder: Path) -> None:
    """As it is with a connector that the bills are put to; the last one refuses every bill."""
    own = Sandbox(SandboxSettings(str(folder / "sandbox.db")), profiles.load("sandbox"))
    for name in PROFILES:
        _timed(board, db, chosen, f"{what}, {name}, its bills put to the sandbox", name, Local(own.checker))
    iif = FilesSettings("", Form.IIF, payable="A", retainage="B", currency="USD")
    forms = {
        "csv": ("files", FilesSettings("", Form.CSV)),
        "iif": ("quickbooks-desktop", iif),
        "xero": ("xero", FilesSettings("", Form.XERO, retainage="B", tax_type="None", days="dmy")),
        "iif, all refused": ("quickbooks-desktop", msgspec.structs.replace(iif, currency="EUR")),
    }
    for form, (name, settings) in forms.items():
        files = Files(settings, profiles.load(name))
        _timed(
            board, db, chosen, f"{what}, {name}, its bills put to the form {form}", name, Local(files.checker)
        )


def _timed(board: Board, db: Database, chosen: Marked, what: str, profile: str, local: Local | None) -> Plan:
    for _ in range(3):
        begun, busy = time.perf_counter(), time.process_time()
        plan = _tried(db, chosen, profile, local)
        board.note(what, "s", time.perf_counter() - begun)
        # On a machine that others use too this says more.
        board.note(what, "s CPU", time.process_time() - busy)
    board.notes.append(f"{what}: {', '.join(f'{k} {len(v):,}' for k, v in plan.touched.items())}")
    if local is not None and (plan.checked is None or plan.checked.left or plan.checked.trouble):
        board.fail(what, f"not every bill was put to it: {plan.checked}")
    return plan


def _tried(db: Database, chosen: Marked, profile: str, local: Local | None = None) -> Plan:
    actor = directory.actor(db, books.APPROVER, "bench")
    return review.plan_export(db, actor, chosen, profiles.load(profile), Action.ACCEPT, local=local)


def _whole(board: Board, folder: Path, what: str, chosen: Marked) -> None:
    """The command with everything in one document, from the start of the process to its end."""
    command = books.payapp(
        "--config", str(folder / "payapp.toml"), "--as", books.APPROVER, "export", "-", "--dry-run", "--json"
    )
    begun = time.perf_counter()
    done = subprocess.run(
        command, input="\n".join(f"#{number}" for number in chosen.versions), capture_output=True, text=True
    )
    board.note(f"{what}: the command, all of it as JSON", "s", time.perf_counter() - begun)
    document = json.loads(done.stdout or "{}")
    if len(document.get("goes", ())) + len(document.get("stays", ())) != len(chosen.versions):
        board.fail(what, done.stderr or "the document is not whole")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--tried", type=int, default=100_000)
    parser.add_argument("--on", type=Path, help="these books, which are written to, instead of a copy")
    options = parser.parse_args(arguments)
    board = Board()
    if options.on:
        measure_on(board, options.on, options.tried)
    else:
        measure(board, options.rows, options.tried)
    lines = [board.table(), *board.notes, *(f"NOT MEASURED {failure}" for failure in board.failures)]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if board.failures else 0


if __name__ == "__main__":
    sys.exit(main())
