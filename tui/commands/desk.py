"""Opening the desk in this terminal."""

from __future__ import annotations

import gc
import locale
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from store.domain.errors import BadInput
from tui.settings import Settings, keymap_path

if TYPE_CHECKING:
    from store.domain.actor import Actor
    from tui.bootstrap import Books


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
    """Open the desk on the books of that settings file, until its user quits. Raises SettingsError for a wrong keymap."""
    require_terminal()
    # What is imported stays: the collector would go through it a hundred times meanwhile, and then stop the desk for it.
    gc.disable()
    from tui import bootstrap

    with bootstrap.opened(config) as books:
        show_desk(books, books.actor(login, "desk"), ascii_only=ascii_only, mouse=mouse)


def show_desk(
    books: Books, me: Actor, *, ascii_only: bool = False, mouse: bool = True, files: Path | None = None,
    idle_minutes: float | None = None,
) -> None:  # fmt: skip
    """Open the desk on open books; for the SSH gateway with the folder of the user's ``files`` and its own idle time."""
    require_terminal()
    gc.disable()
    from tui import bootstrap

    desk = bootstrap.desk(books, me, files=files)
    _take_keymap(books.settings, books.path.parent)
    from store import signs
    from tui.app import run_desk

    gc.freeze()
    gc.enable()
    idle = books.settings.desk.idle_minutes if idle_minutes is None else idle_minutes
    run_desk(
        desk,
        ascii_only=ascii_only or not speaks_utf8(),
        # GNU screen keeps Esc to itself while a program in it asks for the mouse.
        mouse=mouse and "STY" not in os.environ,
        idle=idle * 60,
        welcome=os.environ.get("PAYAPP_WELCOME") != "no" and not signs.welcomed(books.db, me),
    )


def _take_keymap(settings: Settings, folder: Path) -> None:
    """The user's keys, before any screen binds one."""
    path = keymap_path(settings, folder)
    if path is not None:
        from tui import keymap, user_keymap

        keymap.use(user_keymap.load(path))


def speaks_utf8() -> bool:
    """Whether the locale says that this terminal shows UTF-8.

    Python answers "yes" for the locale C too, where it writes UTF-8 by itself; its UTF-8 mode tells.
    """
    by_itself = sys.flags.utf8_mode and "PYTHONUTF8" not in os.environ
    return not by_itself and locale.getencoding().lower().replace("-", "") == "utf8"
