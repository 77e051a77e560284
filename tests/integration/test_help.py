"""``--help`` of payapp and of every subcommand reads well at 80 columns: summary, examples, then the rest."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator

import click
import pytest
from cli_case import PAYAPP, Told

from tui.cli import main_group

pytest_plugins = ["cli_case"]


def paths(group: click.Group, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    ctx = click.Context(group)
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        assert command is not None
        if command.hidden:
            continue
        yield (*above, name)
        if isinstance(command, click.Group):
            yield from paths(command, (*above, name))


EVERY = [(), *paths(main_group)]
# One that takes no words that an example could show.
PLAIN: set[tuple[str, ...]] = set()


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_help_reads_well_at_80_columns(words: tuple[str, ...], told: Told) -> None:
    code, out, err = told(*words, "--help")
    assert (code, err) == (0, "")
    assert [line for line in out.splitlines() if len(line) > 80] == []
    assert out.endswith("\n") and not out.endswith("\n\n")
    assert "\x1b" not in out and "\b" not in out
    usage, summary, examples, *_ = re.split(r"\n\n", out)
    assert usage.startswith(f"Usage: {' '.join(['payapp', *words])}")
    assert summary.startswith("  ") and summary.endswith(".")
    # What a command is for is told whole where the commands are listed.
    assert [line for line in out.partition("\nCommands:\n")[2].splitlines() if line.endswith("...")] == []
    typed = [line.strip().startswith(("payapp", "PAYAPP_")) for line in examples.splitlines()]
    assert words in PLAIN or all(typed), examples


@pytest.mark.parametrize("words", [word for word in EVERY if word], ids=" ".join)
def test_a_word_too_many_is_a_sentence(words: tuple[str, ...], told: Told) -> None:
    code, out, err = told(*words, "--no-such-option")
    assert code == 2 and not out
    assert "No such option" in err and err.endswith("\n")


def test_nothing_is_coloured_when_piped() -> None:
    environment = os.environ | {"FORCE_COLOR": "", "COLUMNS": "300"}
    for words in (["--help"], ["export", "--help"], ["erp", "list"], ["no-such-command"]):
        done = subprocess.run([*PAYAPP, *words], capture_output=True, text=True, env=environment)
        assert "\x1b" not in done.stdout + done.stderr
        assert all(len(line) <= 80 for line in done.stdout.splitlines()), words
