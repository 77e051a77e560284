"""The manual page, made of the commands' own help."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from importlib import metadata

import click

EXIT_CODES = (
    (0, "done"),
    (1, "an error"),
    (2, "the command was not understood"),
    (3, "some failed"),
    (4, "none matched"),
    (5, "not permitted"),
    (6, "the control totals differ"),
    (130, "interrupted, or the answer was no"),
)
ENVIRONMENT = (
    ("PAYAPP_CONFIG", "The settings file, where --config names none."),
    ("PAYAPP_DATABASE", "The database's URL, instead of the one in the settings."),
    ("PAYAPP_WELCOME", "no: the desk opens without the card of the first run."),
    ("NO_COLOR", "The desk draws without colour."),
    ("PAGER", "Shows long listings on a terminal."),
)


@click.command()
def man() -> None:
    """Write the manual page, of all subcommands.

    \b
    payapp man | man -l -
    payapp man > ~/.local/share/man/man1/payapp.1
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from tui.cli import main_group

    click.echo("\n".join(_page(main_group)))


def _page(group: click.Group) -> Iterator[str]:
    yield f'.TH PAYAPP 1 "" "payapp {metadata.version("payapp")}" "payapp"'
    summary, *_ = _help(group)
    yield from (".SH NAME", f"payapp \\- {_roff(summary[:1].lower() + summary[1:].rstrip('.'))}")
    yield from (".SH SYNOPSIS", r".B payapp", r"[\fIoptions\fR] [\fIcommand\fR [\fIarguments\fR]]")
    yield ".SH DESCRIPTION"
    yield from _described(group)
    yield ".SH OPTIONS"
    yield from _options(group, click.Context(group, info_name="payapp"))
    yield ".SH COMMANDS"
    yield from _commands(group, click.Context(group, info_name="payapp"))
    yield ".SH EXIT STATUS"
    for code, meaning in EXIT_CODES:
        yield from (".TP", rf"\fB{code}\fR", meaning)
    yield ".SH ENVIRONMENT"
    for name, meaning in ENVIRONMENT:
        yield from (".TP", rf"\fB{_roff(name)}\fR", _roff(meaning))


def _commands(group: click.Group, ctx: click.Context) -> Iterator[str]:
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        if command is None or command.hidden:
            continue
        own = click.Context(command, info_name=name, parent=ctx)
        usage = " ".join(command.collect_usage_pieces(own))
        yield from (f".SS {_roff(own.command_path)}", rf".B {_roff(own.command_path)}", _roff(usage), ".PP")
        yield from _described(command)
        yield from _options(command, own)
        if isinstance(command, click.Group):
            yield from _commands(command, own)


def _help(command: click.Command) -> list[str]:
    """The paragraphs of a command's help."""
    return re.split(r"\n\s*\n", inspect.cleandoc(command.help or "").strip())


def _described(command: click.Command) -> Iterator[str]:
    for paragraph in _help(command):
        if paragraph.startswith("\b"):
            yield from (".PP", ".nf", *map(_roff, paragraph.split("\n")[1:]), ".fi")
        else:
            yield from (".PP", _roff(" ".join(paragraph.split())))


def _options(command: click.Command, ctx: click.Context) -> Iterator[str]:
    for param in command.get_params(ctx):
        record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
        if record is not None:
            yield from (".TP", rf"\fB{_roff(record[0])}\fR", _roff(record[1]))


def _roff(text: str) -> str:
    """Text that roff takes for text: its escapes, hyphens that stay hyphens, and no line that begins like a request."""
    plain = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{plain}" if plain[:1] in {".", "'"} else plain
