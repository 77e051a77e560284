"""Subcommand gateway: what sshd runs for a key of the Directory. Nobody types it."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import click

from store.domain.errors import NotPermitted, PayappError
from tui import gateway as session
from tui.commands.output import say

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import FrameType

    from store.domain.actor import Actor
    from tui.bootstrap import Books
    from tui.settings import GatewaySettings

# So many bytes are sent before it is asked anew whether the key counts.
SOME = 256 * 1024


@click.command(hidden=True)
@click.argument("key", type=int)
@click.pass_context
def gateway(ctx: click.Context, key: int) -> None:
    """Serve one session of the user whose key that is; sshd runs it (docs/ssh.md)."""
    session.cleaned(os.environ)
    _take_signals()
    what, name = session.asked(os.environ.pop("SSH_ORIGINAL_COMMAND", ""))
    from store import directory, ssh_keys
    from tui import bootstrap
    from tui.settings import anchored

    with bootstrap.opened(ctx.obj["config"]) as books:
        settings = served(books)
        me = ssh_keys.entered(books.db, key, "ssh", session.away(os.environ))
        why = "ended"

        def still() -> None:
            """Begin to wait anew, for who may go on. Raises NotPermitted."""
            signal.setitimer(signal.ITIMER_REAL, settings.idle_minutes * 60)
            directory.refresh(books.db, me)

        try:
            own = session.folder(anchored(settings.files, books.path.parent), me.login, me.id)
            if what == "desk":
                _desk(books, me, own, settings)
                return
            still()
            if what == "files":
                _list(own)
            elif what == "get":
                _send(own, name, still)
            else:
                _keys(books, me, what, name)
        except BaseException as error:
            why = error.what if isinstance(error, PayappError) else type(error).__name__
            raise
        finally:
            ssh_keys.left(books.db, me, why)


def _take_signals() -> None:
    """No way to a shell, whatever the terminal sends; who is hung up on, or does not go on, leaves as everybody does."""
    for number in (signal.SIGTSTP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    for number in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    signal.signal(signal.SIGALRM, _idle)


def _idle(_number: int, _frame: FrameType | None) -> None:
    raise PayappError("This session is over", why="nothing went on for so long", fix="Begin again")


def served(books: Books) -> GatewaySettings:
    """The gateway's settings. Raises NotPermitted where there are none, or this is not the account that serves it."""
    from tui.bootstrap import own_login

    settings = books.settings.gateway
    if settings is None:
        raise NotPermitted(
            "There is no SSH gateway here", why="the settings have no [gateway]", fix="docs/ssh.md sets it up"
        )
    if own_login() != settings.account:
        raise NotPermitted(
            f"{own_login()} does not serve the SSH gateway",
            why=f"that is the account {settings.account}, by the settings",
            fix="Log in with your own key through SSH",
        )
    return settings


def _desk(books: Books, me: Actor, own: Path, settings: GatewaySettings) -> None:
    from tui.commands.desk import show_desk

    # A name without a folder is written there, and no other can be typed.
    os.chdir(own)
    show_desk(books, me, files=own, idle_minutes=settings.idle_minutes)


def _list(own: Path) -> None:
    for name, size in session.names(own):
        say(f"{size:>12,}  {name}")


def _send(own: Path, name: str, still: Callable[[], None]) -> None:
    """Send the file, some at a time; ``still`` raises where its user may have no more of it."""
    with session.opened(own, name) as file:
        while some := file.read(SOME):
            rest = memoryview(some)
            while rest:
                still()
                # Nothing is held back for the end: a client that takes no more would keep it from coming.
                rest = rest[os.write(sys.stdout.fileno(), rest) :]


def _keys(books: Books, me: Actor, what: str, which: str) -> None:
    """The keys; one more, from standard input; or one less."""
    from store import ssh_keys
    from tui.commands import ssh_keys as shown

    if what == "keys":
        shown.table(ssh_keys.keys(books.db, me))
    elif what == "keys add":
        # One line: the other end may stay open.
        line = sys.stdin.buffer.readline(shown.READ_MOST).decode(errors="replace")
        shown.added(ssh_keys.add(books.db, me, which, line))
    else:
        shown.revoked(ssh_keys.revoke(books.db, me, which))
