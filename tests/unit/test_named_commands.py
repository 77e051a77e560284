"""What sentences and pages tell people to type exists: commands, subcommands and their options."""

from __future__ import annotations

import re
from pathlib import Path

import click

from tui.cli import COMMANDS, main_group

ROOT = Path(__file__).parents[2]
# A command in prose or in a block, up to where the sentence, the quotation or the line ends.
TYPED = re.compile(r"\bpayapp (?:--(?:as|config) \S+ )*([a-z][a-z-]*)\b([^\n`\"|;)]*)")
OPTION = re.compile(r"(?<=[ (\[])--?[a-z][a-z-]*")
PAGES = sorted(
    path
    for pattern in ("README.md", "docs/*.md", "store/**/*.py", "erp/**/*.py", "erp/**/*.toml", "tui/**/*.py")
    for path in ROOT.glob(pattern)
)


def named(text: str) -> list[tuple[str, str]]:
    """The commands in a text with what stands behind them, as far as it is about them."""
    return [(name, re.split(r"[.:,] |'}", rest)[0]) for name, rest in TYPED.findall(text) if name in COMMANDS]


def test_every_option_that_is_named_is_there() -> None:
    top, wrong = click.Context(main_group), []
    for page in PAGES:
        for name, rest in named(page.read_text(encoding="utf-8")):
            command = main_group.get_command(top, name)
            word = rest.split()[:1]
            if isinstance(command, click.Group) and word:
                command = command.get_command(top, word[0]) or command
            assert command is not None
            params = [*command.params, *main_group.params]
            known = {option for param in params for option in (*param.opts, *param.secondary_opts)}
            missing = set(OPTION.findall(rest)) - known - {"-h", "--help"}
            wrong += [f"{page.name}: payapp {name}{rest}: {option}" for option in missing]
    assert wrong == []


def test_the_pages_name_commands() -> None:
    told = {name for page in PAGES for name, _ in named(page.read_text(encoding="utf-8"))}
    assert told >= set(COMMANDS) - {"example"}
