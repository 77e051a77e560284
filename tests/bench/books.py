"""Made-up books for the measuring: made once, kept under .cache/bench, made anew when what makes them has changed."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from store import db as database
from store import epochs

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "bench"
APPROVER = "jlopez"


def made(rows: int) -> Path:
    """A folder with a demo of so many invoices, all of them Ready to Export. Do not write to it: take a copy."""
    folder, stamp = CACHE / f"demo-{rows}", CACHE / f"demo-{rows}.made-by"
    by = makers()
    if not stamp.exists() or stamp.read_text() != by:
        shutil.rmtree(folder, ignore_errors=True)
        CACHE.mkdir(parents=True, exist_ok=True)
        sys.stderr.write(f"making a demo of {rows:,} invoices, once ...\n")
        subprocess.run(payapp("demo", "--dir", str(folder), "--rows", str(rows), "--no-open"), check=True,
                       stdout=subprocess.DEVNULL, cwd=ROOT)  # fmt: skip
        stamp.write_text(by)
    return folder


def makers() -> str:
    """A digest of what makes the books."""
    files = [ROOT / "store" / "demo.py", *sorted((ROOT / "store" / "migrations").glob("*.sql"))]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def copied(rows: int, name: str) -> Path:
    """A copy of those books to write to. Remove it with ``dropped``."""
    source, target = made(rows), CACHE / name
    dropped(target)
    shutil.copytree(source, target)
    # A worker sends nothing from a copy that nobody adopted.
    db = database.open(f"sqlite:{target / 'payapp.db'}")
    epochs.here(db, "copied to be measured")
    db.close()
    # A gigabyte that the disk is still busy with is not what is measured.
    os.sync()
    return target


def dropped(folder: Path) -> None:
    """Away with a copy."""
    shutil.rmtree(folder, ignore_errors=True)


def payapp(*words: str) -> list[str]:
    """The command line of this project's payapp."""
    return [str(Path(sys.executable).with_name("payapp")), *words]


def desk(folder: Path) -> list[str]:
    """The command line that opens the desk on these books."""
    return payapp("--config", str(folder / "payapp.toml"), "--as", APPROVER)
