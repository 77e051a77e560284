"""Subcommands ssh-keys …: the keys of the users, and what sshd asks for them."""

from __future__ import annotations

import shlex
import sys
from typing import IO, TYPE_CHECKING

import click

from store.domain.errors import BadInput
from store.domain.text import safe
from tui.commands import completing
from tui.commands.options import acting, books_and_actor, books_only
from tui.commands.output import print_json, print_table, say
from tui.text import moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from store.ssh_keys import Key

# So many characters are read of a file: no key has more.
READ_MOST = 20_000


@click.group("ssh-keys")
def ssh_keys() -> None:
    """The keys with which users come in through SSH.

    \b
    payapp ssh-keys list
    payapp ssh-keys add jlopez < id_ed25519.pub
    payapp ssh-keys revoke SHA256:mVPwvezndPv...
    """  # noqa: D301 - \b keeps click from wrapping the examples


@ssh_keys.command("list")
@click.option("--revoked", is_flag=True, help="Those that were revoked, too.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@acting
@click.pass_context
def list_(ctx: click.Context, /, revoked: bool, as_json: bool, login: str | None) -> None:
    """List the keys: an admin sees all, others their own.

    \b
    payapp ssh-keys list --revoked
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import ssh_keys as store

    with books_and_actor(ctx, login) as (books, me):
        found = store.keys(books.db, me, revoked=revoked)
    if as_json:
        print_json([
            {"id": k.id, "login": k.login, "kind": k.kind, "fingerprint": k.fingerprint, "comment": k.comment,
             "added_by": k.added_by, "added_at": k.added_at, "revoked_at": k.revoked_at}
            for k in found
        ])  # fmt: skip
        return
    table(found)


def table(found: Sequence[Key]) -> None:
    """Print the keys, a line each."""
    print_table(
        ("Id", "User", "Fingerprint", "Comment", "Added", "Revoked"),
        [(f"#{k.id}", k.login, k.fingerprint, k.comment, f"{moment(k.added_at)} by {k.added_by}", moment(k.revoked_at))
         for k in found],
    )  # fmt: skip


@ssh_keys.command("add")
@click.argument("user", metavar="USER", shell_complete=completing.logins)
@click.argument("file", type=click.File("r", encoding="utf-8"), default="-", metavar="[FILE.pub]")
@acting
@click.pass_context
def add(ctx: click.Context, /, user: str, file: IO[str], login: str | None) -> None:
    """Give a user a key: the .pub file of ssh-keygen.

    One more for yourself you add on your own; a Directory Admin adds the first one, and those of others.

    \b
    payapp ssh-keys add jlopez < id_ed25519.pub
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import ssh_keys as store

    line = _line(file)
    with books_and_actor(ctx, login) as (books, me):
        key = store.add(books.db, me, user, line)
    added(key)


def added(key: Key) -> None:
    """Tell of a new key."""
    say(f"{safe(key.login)} can come in with {key.fingerprint} (#{key.id}).")


def _line(file: IO[str]) -> str:
    try:
        return str(file.read(READ_MOST))
    except UnicodeDecodeError:
        raise BadInput("That is no public key", why="it is not text", fix="Give the .pub file") from None


@ssh_keys.command("revoke")
@click.argument("key", metavar="FINGERPRINT|#ID")
@acting
@click.pass_context
def revoke(ctx: click.Context, /, key: str, login: str | None) -> None:
    """Take a key away: whoever is in with it can do nothing more.

    \b
    payapp ssh-keys revoke SHA256:mVPwvezndPv...
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import ssh_keys as store

    with books_and_actor(ctx, login) as (books, me):
        found = store.revoke(books.db, me, key)
    revoked(found)


def revoked(key: Key) -> None:
    """Tell of a key that was taken away."""
    say(f"{key.fingerprint} of {safe(key.login)} is revoked.")


@ssh_keys.command("serve")
@click.argument("account", metavar="%u")
@click.argument("kind", metavar="%t")
@click.argument("material", metavar="%k")
@click.pass_context
def serve(ctx: click.Context, /, account: str, kind: str, material: str) -> None:
    """Answer sshd (AuthorizedKeysCommand) for that key.

    \b
    payapp --config /etc/payapp/payapp.toml ssh-keys serve %u %t %k
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import ssh_keys as store
    from tui.commands.gateway import served

    with books_only(ctx) as books:
        if account != served(books).account:
            return
        key = store.serving(books.db, kind, material)
        path = books.path.absolute()
    if key is not None:
        command = shlex.join(
            [sys.executable, "-I", "-m", "tui.cli", "--config", str(path), "gateway", str(key.id)]
        )
        escaped = command.replace("\\", "\\\\").replace('"', '\\"')
        click.echo(f'restrict,pty,command="{escaped}" {key.kind} {key.material}')
