"""Subcommands that show the ERP profiles: erp list, erp show."""

from __future__ import annotations

import click


@click.command("list")
def list_() -> None:
    """List the ERPs that payapp has a profile for.

    \b
    payapp erp list
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from erp import profiles

    for name in profiles.names():
        click.echo(name)


@click.command()
@click.argument("name")
def show(name: str) -> None:
    """Show what one ERP supports, and its rules.

    \b
    payapp erp show sandbox
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from erp import profiles

    click.echo(profiles.load(name).title)
