"""How far long work has come: one line of a terminal's standard error, and nothing where that is no terminal."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

import click

# The line is drawn anew so many seconds apart at least.
_APART = 0.1
_WIDTH = 30
_CLEARED = "\r\x1b[K"


def on_terminal() -> bool:
    """Whether somebody sees it."""
    return sys.stderr.isatty()


@contextlib.contextmanager
def told(doing: str) -> Iterator[Callable[[str], None]]:
    """Tells what is under way now. The line goes when the work ends, however it does."""
    if not on_terminal():
        yield lambda _what: None
        return
    try:
        yield lambda what: click.echo(f"{_CLEARED}{doing}: {what}", err=True, nl=False)
    finally:
        click.echo(_CLEARED, err=True, nl=False)


@contextlib.contextmanager
def counted(doing: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Tells how many are done, with a bar where it is known of how many."""
    with told(doing) as tell:
        next_at = 0.0

        def count(done: int) -> None:
            nonlocal next_at
            if (now := time.monotonic()) < next_at:
                return
            next_at = now + _APART
            tell(f"{done:,}" if not total else f"[{_bar(done, total)}] {done:,} of {total:,}")

        yield count


def _bar(done: int, total: int) -> str:
    full = min(_WIDTH, done * _WIDTH // total)
    return "#" * full + "." * (_WIDTH - full)
