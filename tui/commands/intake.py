"""Subcommands that bring data in: import, example."""

from __future__ import annotations

from pathlib import Path

import click

from store.domain.errors import BadFile, BadInput
from store.domain.text import safe
from tui.commands import progress
from tui.commands.options import acting, books_and_actor

KINDS = ("vendors", "projects", "cost-codes", "billing-periods", "commitments", "users", "invoices")
SOME_FAILED = 3


@click.command("import")
@click.argument("files", metavar="FILE...", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--kind",
    type=click.Choice(KINDS),
    metavar="KIND",
    help=f"What a table holds, where its header does not tell: {', '.join(KINDS)}.",
)
@click.option("--partial", is_flag=True, help="Take the good records of a file that has bad ones.")
@click.option(
    "--template",
    type=click.Choice(KINDS),
    metavar="KIND",
    help="Write an empty table of that kind to FILE instead.",
)
@acting
@click.pass_context
def import_(
    ctx: click.Context,
    files: tuple[Path, ...],
    kind: str | None,
    partial: bool,
    template: str | None,
    login: str | None,
) -> None:
    """Bring in invoices (Procore JSON, CSV, XLSX) and masters.

    \b
    payapp import invoices.json
    payapp import vendors.csv projects.csv commitments.xlsx
    payapp import --template commitments commitments.csv
    """  # noqa: D301 - \b keeps click from wrapping the examples
    if not files:
        raise BadInput("Say which files", fix="payapp import FILE...")
    if template:
        from store.intake import templates

        for path in files:
            templates.write(template, path)
            click.echo(f"wrote {path}")
        return
    from store.intake import load

    bad = False
    with books_and_actor(ctx, login) as (books, me):
        for path in files:
            try:
                with progress.counted(safe(path.name)) as read:
                    result = load.import_file(books.db, me, path, kind=kind, partial=partial, progress=read)
            except BadFile as error:
                # Files stand for themselves: one that is refused leaves the others as they are.
                click.echo(f"payapp: {safe(str(error), lines=True)}", err=True)
                bad = True
                continue
            click.echo(
                f"{safe(path.name)}: {result.kind}: {result.created} new, {result.updated} changed,"
                f" {result.unchanged} unchanged, {len(result.locked)} locked"
            )
            for name in result.alike:
                click.echo(f"possible duplicate: {safe(name)}", err=True)
            if (more := result.alike_count - len(result.alike)) > 0:
                click.echo(f"possible duplicates: {more:,} more; flag:D lists them", err=True)
            for name in result.locked:
                click.echo(f"locked, not changed: {safe(name)}", err=True)
            for problem in result.problems:
                click.echo(safe(str(problem)), err=True)
                bad = True
    if bad:
        ctx.exit(SOME_FAILED if partial else BadFile.exit_code)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
def example(folder: Path) -> None:
    """Write the example files (masters and invoices) to a folder.

    \b
    payapp example example
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from store.intake import example as shipped

    for path in shipped.write(folder):
        click.echo(path)
