"""Subcommands that keep the books: backup, restore."""

from __future__ import annotations

from pathlib import Path

import click

from store.domain.text import safe
from tui.commands import progress
from tui.commands.options import acting, books_and_actor
from tui.commands.output import say

FAULTY = 1


@click.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--replace", is_flag=True, help="Write over a file of that name.")
@acting
@click.pass_context
def backup(ctx: click.Context, file: Path, replace: bool, login: str | None) -> None:
    """Write the whole database into one file, while all work on.

    It is read again and the audit trail is verified before the file gets its name. Exit 1 when the trail is not as it
    was written: the backup is made all the same.

    \b
    payapp backup monday.payapp
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import backup as backups

    with books_and_actor(ctx, login) as (books, me), progress.told("backup") as told:
        made, verified = backups.write(books.db, me, file, replace=replace, told=told)
    say(f"{safe(str(file))}: {made.rows:,} rows of {safe(made.company)}, as of {made.made_at}, read again.")
    say(f"Head {made.head}")
    if verified.fault_count:
        say(f"The audit trail has {verified.fault_count:,} faults: payapp audit verify names them.", err=True)
        ctx.exit(FAULTY)


@click.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.pass_context
def restore(ctx: click.Context, file: Path) -> None:
    """Fill the empty database of the settings from a backup.

    A backup of SQLite can be restored into PostgreSQL, and the other way round. Nothing is sent from what was restored
    until payapp adopt says that it is the one: what waits is looked for in the ERP first.

    \b
    payapp restore monday.payapp
    payapp adopt --comment 'restored from the backup of Monday'
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store import restoring
    from tui import bootstrap, settings

    url = settings.load(settings.config_path(ctx.obj["config"])).database.url
    made = Path(url.removeprefix("sqlite:")) if url.startswith("sqlite:") else None
    if made is not None and made.exists():
        made = None
    empty = False
    try:
        with bootstrap.created(url) as db, progress.told("restore") as told:
            try:
                found = restoring.restore(db, file, told)
            except BaseException:
                # Somebody else may have restored into it at the same moment, or do so now.
                empty = made is not None and restoring.is_empty(db)
                raise
    except BaseException:
        # An empty database would stand in its way the next time.
        for name in ("", "-wal", "-shm") if empty else ():
            Path(f"{made}{name}").unlink(missing_ok=True)
        raise
    say(
        f"{safe(found.company)}: {found.rows:,} rows as of {found.made_at}; the audit trail is as it was written."
    )
    say("Nothing is sent from here yet. Next: payapp adopt --comment WHY")
