"""Subcommands of the ERP: the profiles that payapp knows, and what of the company is called what there."""

from __future__ import annotations

import importlib

import click

from tui.commands.helping import examples_first

# Subcommand to module and function; a module loads only when its subcommand runs.
COMMANDS = {
    "list": "erp_profiles:list_",
    "show": "erp_profiles:show",
    "map": "mapping:map_",
}


class Lazy(click.Group):
    """The group, whose subcommands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names, in the order in which they are used."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """The subcommand of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name].split(":")
        command = getattr(importlib.import_module(f"tui.commands.{module}"), name)
        assert isinstance(command, click.Command)  # noqa: S101 - the table above names nothing else
        examples_first(command)
        return command


@click.group(cls=Lazy)
def erp() -> None:
    """What each ERP supports, and what it calls our codes.

    \b
    payapp erp list
    payapp erp show sage300cre
    """  # noqa: D301 - \b keeps click from wrapping the examples
