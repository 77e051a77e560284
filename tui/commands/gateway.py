"""Subcommand gateway: what sshd runs for a key of the Directory. Nobody types it."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from typing import TYPE_CHECKING

import click

from store.domain.errors import NotPermitted, PayappError
from tui import gateway as session
from tui.commands.output import say

if TYPE_CHECKING:
    from pathlib import Path

    from store.domain.actor import Actor
    from tui.bootstrap import Books
    from tui.settings import GatewaySettings


@click.command(hidden=True)
@click.argument("key", type=int)
@click.pass_context
def gateway(ctx: click.Context, key: int) -> None:
    """Serve one session of the user whose key that is; sshd runs it (docs/ssh.md)."""
    session.cleaned(os.environ)
    # No way to a shell, whatever it is that the terminal sends.
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    what, name = session.asked(os.environ.pop("SSH_ORIGINAL_COMMAND", ""))
    from store import ssh_keys
    from tui import bootstrap
    from tui.settings import anchored

    with bootstrap.opened(ctx.obj["config"]) as books:
        settings = served(books)
        me = ssh_keys.entered(books.db, key, "ssh", session.away(os.environ))
        why = "ended"
        try:
            own = session.folder(anchored(settings.files, books.path.parent), me.login)
            if what == "desk":
                _desk(books, me, own, settings)
            elif what == "files":
                _list(own)
            else:
                _send(own, name)
        except BaseException as error:
            why = error.what if isinstance(error, PayappError) else type(error).__name__
            raise
        finally:
            ssh_keys.left(books.db, me, why)


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


def _send(own: Path, name: str) -> None:
    with session.opened(own, name) as file:
        shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()
