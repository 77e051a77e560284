"""How the help of commands is put together."""

from __future__ import annotations

import inspect
import re

import click


def examples_first(command: click.Command) -> None:
    """Help begins with its summary and examples; what is to be said besides stands below them."""
    summary, *others = re.split(r"\n\s*\n", inspect.cleandoc(command.help or ""))
    others.sort(key=lambda paragraph: not paragraph.startswith("\b"))
    command.help = "\n\n".join([summary, *others])
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            examples_first(inner)
