"""Other programs over the same invoices in the same run: those of them that are installed."""

from __future__ import annotations

import csv
import shutil
import sqlite3
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import books
from bench.figures import Board
from bench.pty_bench import Condition, Meter, UnmeasuredError, memory

HEADING = ("Invoice", "Vendor", "Job", "Period", "Gross", "Retainage", "Net")
# The vendor whose invoices stand at the top of all lists.
FIRST = "Apex Drywall"
TIMES = 12
# A key that shows nothing within so many seconds is given up.
KEY = 20.0


@dataclass(frozen=True, slots=True)
class Peer:
    """A program, its command line over a file, how to bring it to its top, and its keys for what the desk does too."""

    name: str
    command: Sequence[str]
    keys: Mapping[str, str]
    top: str = ""
    undo: Mapping[str, str] = field(default_factory=dict)
    # Text that is on the screen once everything is read; "" where the first rows are all there is to wait for.
    loaded: str = ""


def installed(size: int) -> tuple[list[Peer], list[str]]:
    """The peers of this machine over ``size`` invoices, and the names of those that are missing."""
    files = Files(size)
    found: list[Peer] = [
        Peer("DataTable", (sys.executable, str(Path(__file__).with_name("datatable_app.py")), str(files.table())),
             {"cursor move": "Down", "mark one": "Space", "page": "PgDn", "jump to the end": "\x1b[1;5F", "jump to the top": "\x1b[1;5H"}),
    ]  # fmt: skip
    missing = []
    visidata = next(
        (
            p
            for p in (str(books.CACHE / "visidata/bin/vd"), shutil.which("vd") or "")
            if p and Path(p).exists()
        ),
        "",
    )
    if visidata:
        found.append(
            Peer("visidata", (visidata, "--quitguard=n", str(files.table())),
                 {"cursor move": "j", "mark one": "s", "page": "PgDn", "jump to the end": "gj", "jump to the top": "gk"},
                 loaded=f"{size:,} ".replace(",", ""))
        )  # fmt: skip
    else:
        missing.append("visidata")
    if shutil.which("fzf"):
        found.append(
            Peer("fzf", ("sh", "-c", f"fzf --multi --exact --layout=reverse --bind home:first,end:last < '{files.text()}'"),
                 {"cursor move": "Down", "mark one": "Tab", "page": "PgDn",
                  "filter of 3 letters or more, first rows": "bel"}, top="Home",
                 undo={"filter of 3 letters or more, first rows": "\x15"}, loaded=f"{size}/{size}")
        )  # fmt: skip
    else:
        missing.append("fzf")
    if shutil.which("mutt"):
        found.append(
            Peer("mutt", ("mutt", "-n", "-F", str(files.mutt_settings()), "-R", "-f", str(files.mailbox())),
                 {"cursor move": "j", "mark one": "t", "page": "PgDn", "jump to the end": "*", "jump to the top": "="})
        )  # fmt: skip
    else:
        missing.append("mutt")
    if shutil.which("less"):
        found.append(Peer("less", ("less", "-S", str(files.text())),
                          {"scroll at the edge, each row": "j", "page": " ", "jump to the end": "G", "jump to the top": "g"}))  # fmt: skip
    else:
        missing.append("less")
    return found, missing


class Files:
    """The same invoices as a CSV file, as lines of text and as a mailbox; made once."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._folder = books.CACHE / f"peers-{size}"
        self._folder.mkdir(parents=True, exist_ok=True)

    def _rows(self) -> Iterator[tuple[str, ...]]:
        with sqlite3.connect(books.made(self._size) / "payapp.db") as db:
            for row in db.execute(
                "SELECT i.number, v.name, p.number, substr(i.period_end, 1, 7), i.gross, i.retainage, i.net FROM invoices i"
                " JOIN vendors v ON v.id = i.vendor_id JOIN projects p ON p.id = i.project_id"
                " ORDER BY v.name, i.commitment_id, i.application LIMIT ?",
                (self._size,),
            ):
                yield (*(str(x)[:24].encode("ascii", "replace").decode().replace("\x1b", "?").replace("[", "(") for x in row[:4]),
                       *(f"{x / 100:.2f}" for x in row[4:]))  # fmt: skip

    def table(self) -> Path:
        """CSV with a heading."""
        path = self._folder / "invoices.csv"
        if not path.exists():
            with path.open("w", newline="") as file:
                csv.writer(file).writerows([HEADING, *self._rows()])
        return path

    def text(self) -> Path:
        """One line an invoice, as wide as the desk's."""
        path = self._folder / "invoices.txt"
        if not path.exists():
            with path.open("w") as file:
                file.writelines(
                    f"{n:14} {v[:14]:14} {j:6} {p} {g:>10} {r:>9} {net:>10}\n"
                    for n, v, j, p, g, r, net in self._rows()
                )
        return path

    def mailbox(self) -> Path:
        """One message an invoice."""
        path = self._folder / "invoices.mbox"
        if not path.exists():
            with path.open("w") as file:
                file.writelines(
                    f"From a@example.com Thu Oct  1 00:00:00 2026\nFrom: {v[:40]} <a@example.com>\nSubject: {n} {j} {p} {net}\n"
                    f"Date: Thu, 1 Oct 2026 00:00:00 +0000\nMessage-ID: <{i}@example.com>\n\n{g} {r}\n\n"
                    for i, (n, v, j, p, g, r, net) in enumerate(self._rows())
                )
        return path

    def mutt_settings(self) -> Path:
        """Its plainest: no questions, no delays, the mailbox's own order."""
        path = self._folder / "muttrc"
        path.write_text(
            f"set sort=mailbox-order\nset quit=yes\nset sleep_time=0\nset folder={self._folder}\nset resolve=yes\n"
        )
        return path


def measure(board: Board, peer: Peer) -> None:
    """One start of a peer and its keys, timed to the first change of the screen; a filter to its matches."""
    meter = Meter(peer.command, limit=300)
    try:
        start = meter.start(
            lambda lines: sum(FIRST in line for line in lines) > 10, f"{peer.name}'s first rows"
        )
        board.note("first text on screen", "ms", start.text, source=peer.name)
        board.note("first rows on screen", "ms", start.shown, source=peer.name)
        board.note("first rows on screen", "ms CPU", start.cpu, source=peer.name)
        if peer.loaded:
            meter.until(lambda screen: peer.loaded in screen.replace(",", ""), f"{peer.name} to read it all")
        meter.rest(1.0)
        board.note("memory at the first rows", "MB", memory(meter.pid)[0], source=peer.name)
        # Only the start may take long: reading everything is a part of it.
        meter.patience = KEY
        if peer.top:
            meter.press_untimed(peer.top)
        for what, key in peer.keys.items():
            for _ in range(3 if what.startswith(("jump", "filter")) else TIMES):
                if what == "jump to the top":
                    meter.press_untimed(peer.keys["jump to the end"])
                shown = _filtered if what.startswith("filter") else _other_than(meter)
                reply = meter.timed(key, shown, f"{peer.name}: {what}")
                board.note(what, "ms", reply.shown, source=peer.name)
                board.note(what, "B", reply.size, source=peer.name)
                board.note(what, "ms CPU", reply.cpu, source=peer.name)
                meter.rest(0.05)
                if what in peer.undo:
                    meter.press_untimed(peer.undo[what])
                if what == "jump to the end":
                    meter.press_untimed(peer.keys["jump to the top"])
        size, cpu = meter.idle(5)
        board.note("idle", "B", size / 5 * 8, source=peer.name)
        board.note("idle", "ms CPU/s", cpu, source=peer.name)
    except (UnmeasuredError, AssertionError, OSError) as error:
        board.notes.append(f"{peer.name} could not be measured: {str(error).splitlines()[0]}")
    finally:
        meter.close()


def _other_than(meter: Meter) -> Condition:
    """The screen looks other than it does now."""
    before = meter.picture()
    return lambda _: meter.picture() != before


def _filtered(lines: Sequence[str]) -> bool:
    """Matches of the word are listed and nothing else is: its echo alone is no filter."""
    rows = [line.lower() for line in lines if " 24-1" in line]
    return bool(rows) and all("bel" in row for row in rows)
