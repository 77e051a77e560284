"""Opening the desk in this terminal."""

from __future__ import annotations

import os
import sys

from store.domain.errors import BadInput


def require_terminal() -> None:
    """Raise BadInput where no desk can be drawn, naming the way through the command line."""
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        raise BadInput(
            "The desk needs a terminal", why="input or output is not a tty",
            fix="Use payapp list, export and reject here, or open the desk in a terminal (ssh -t)",
        )  # fmt: skip
    if os.environ.get("TERM", "dumb") in {"dumb", ""}:
        raise BadInput(
            "The desk cannot draw on this terminal", why="TERM is dumb",
            fix="Set TERM (xterm, screen-256color), or use payapp list, export and reject",
        )  # fmt: skip


def open_desk(config: str | None, login: str | None, *, ascii_only: bool, mouse: bool) -> None:
    """Open the desk on the books of that settings file, until its user quits."""
    require_terminal()
    from tui import bootstrap

    with bootstrap.opened(config) as books:
        me = books.actor(login, "desk")
        from tui.app import run_desk

        run_desk(bootstrap.desk(books, me), ascii_only=ascii_only, mouse=mouse)
