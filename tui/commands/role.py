"""Subcommand for the role under which payapp runs on PostgreSQL."""

from __future__ import annotations

import click

from store.domain.text import safe
from tui.commands.options import books_only
from tui.commands.output import say


@click.command()
@click.argument("name", metavar="ROLE")
@click.pass_context
def role(ctx: click.Context, name: str) -> None:
    """Let a PostgreSQL role run payapp, its audit trail safe.

    The role may add to the audit trail, and change or remove nothing of it. Run it as the role that owns the tables (the database URL of the settings), again after each upgrade; then
    name ROLE in the URL that everybody uses.

    \b
    payapp role payapp_app                       with the owner's URL
    payapp --config owner.toml role payapp_app   in settings of its own
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import roles

    with books_only(ctx) as books:
        kept = roles.grant(books.db, name)
    say(f"{safe(name)} may run payapp. It can only read and add to {', '.join(kept)}.")
