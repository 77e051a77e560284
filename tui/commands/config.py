"""Subcommand config: the settings as they count, and where each comes from."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import msgspec

from store.domain.text import one_line
from tui import settings
from tui.commands.output import print_json, print_table
from tui.settings import without_password

if TYPE_CHECKING:
    from pathlib import Path

# Variables that count besides the settings file.
_VARIABLES = ("PAYAPP_CONFIG", "PAYAPP_DATABASE", "PAYAPP_WELCOME", "NO_COLOR")


class Setting(NamedTuple):
    """One setting: its key, its value as text, and where it comes from."""

    key: str
    value: str
    source: str


@click.group()
def config() -> None:
    """The settings, and where each value comes from.

    \b
    payapp config show
    payapp config show --json
    """  # noqa: D301 - \b keeps click from wrapping the examples


@config.command("show")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_context
def show(ctx: click.Context, as_json: bool) -> None:
    """Show every setting with its value, and who says so.

    Passwords never stand in a settings file, and one that stands in a database's URL is not shown.

    \b
    payapp config show
    """  # noqa: D301 - \b keeps click from wrapping the examples
    path = settings.config_path(ctx.obj["config"])
    found = list(_settings(path))
    if as_json:
        print_json({"file": str(path), "settings": [setting._asdict() for setting in found]})
        return
    click.echo(f"Settings file: {one_line(str(path))}")
    print_table(("Key", "Value", "From"), found)


def _settings(path: Path) -> Iterator[Setting]:
    """All settings in the order of docs/settings.md. Raises SettingsError as load() does."""
    loaded = settings.load(path)
    given = msgspec.toml.decode(path.read_bytes())
    for name, value in msgspec.structs.asdict(loaded).items():
        table = given.get(name, {})
        if value is None:
            yield Setting(name, "none: notices wait", "default")
        elif name == "erp":
            yield from _table(name, msgspec.structs.asdict(value) | {"options": None}, table)
            for key, option in value.options.items():
                yield Setting(f"erp.options.{key}", _shown(option), "file")
        else:
            yield from _table(name, msgspec.structs.asdict(value), table)
    for name in _VARIABLES:
        if (word := os.environ.get(name)) is not None:
            yield Setting(name, without_password(word), "environment")


def _table(name: str, values: dict[str, Any], given: dict[str, Any]) -> Iterator[Setting]:
    for key, value in values.items():
        if name == "erp" and key == "options":
            continue
        source = "file" if key in given else "default"
        shown = _shown(value)
        if (name, key) == ("database", "url"):
            shown = without_password(value)
            source = "environment" if os.environ.get("PAYAPP_DATABASE") else source
        if key == "password_env" and value:
            shown = f"{value} ({'set' if os.environ.get(value) else 'NOT SET'} here)"
        yield Setting(f"{name}.{key}", shown, source)


def _shown(value: Any) -> str:
    if value is None or value == "":
        return "none"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
