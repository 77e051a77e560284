"""The command ``payapp keys``: the keys in use, docs/keys.md, and what is wrong with a user's keymap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from store.domain.errors import SettingsError
from store.domain.text import safe
from tui import settings as configuration
from tui import user_keymap
from tui.commands.output import print_json, print_table, say
from tui.keymap import DIALOGS, KEYS, PLACE_TITLES, Key, Place, shown, use

ABOUT = """\
# Keys

`payapp keys --markdown` writes this page. `?` on the desk shows the keys of the place you are at.

Your own keys stand in `keys.toml` in your configuration folder (`~/.config/payapp/keys.toml`), or where `[desk] keymap` of the
[settings](settings.md) says. It names ids of the tables below; what it does not name keeps its keys. A key is written as the
character it writes, or by name: `space`, `enter`, `pagedown`, `f6`, `ctrl+t`.

```toml
[keys]
"table.mark" = ["space", "insert", "ctrl+t"]
"list.filter" = ["/", "f7"]
"list.undo-marking" = []            # no key at all
```

`payapp keys --check` says all that is wrong with it; the desk does not open with a keymap that is. A key may not be taken from
another action that is live at the same time, what nothing else does needs a key, and an F-key needs a letter beside it. Never
bound: Alt, Shift with arrows, Ctrl+Space, Ctrl+A, Ctrl+B, Ctrl+C, Ctrl+Q, Ctrl+S, F10, F11 and the capital letters M to Y: some
terminal, multiplexer or editor takes each of them or sends it for another key.

What the desk says names your keys too; an action that has none by its id on the command line: `:undo-marking`.
"""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.option("--markdown", is_flag=True, help="The page docs/keys.md.")
@click.option(
    "--check", is_flag=True, help="Say all that is wrong with the keymap; exit 2 when something is."
)
@click.argument("file", required=False)
@click.pass_obj
def keys(
    obj: Mapping[str, str | None], file: str | None, *, as_json: bool, markdown: bool, check: bool
) -> None:
    """Show the keys of the desk, with your own keymap.

    \b
    payapp keys                         every key, by place
    payapp keys --check                 is my keymap right?
    payapp keys --check keys.toml       is that one?
    """  # noqa: D301 - \b keeps click from wrapping the examples
    path = Path(file) if file else _own(obj["config"])
    if check:
        _check(path)
        return
    table = KEYS if path is None else user_keymap.load(path)
    # What a key does may name another one.
    use(table)
    if as_json:
        print_json([_as_dict(key) for key in table])
    elif markdown:
        click.echo(page(table), nl=False)
    else:
        rows = [(key.name, " ".join(map(shown, key.keys)), key.help) for key in table]
        print_table(("Id", "Keys", "What it does"), rows)


def _own(config: str | None) -> Path | None:
    """The keymap of these settings; without a settings file the user's own."""
    path = configuration.config_path(config)
    if config is None and not path.exists():
        return configuration.keymap_path(None, path.parent)
    return configuration.keymap_path(configuration.load(path), path.parent)


def _check(path: Path | None) -> None:
    if path is None:
        say("There is no keymap: payapp's own keys are in use.")
        return
    _, problems = user_keymap.read(path)
    for problem in problems:
        say(safe(f"{path}: {problem}"), err=True)
    if problems:
        count = len(problems)
        raise SettingsError(
            f"{path} cannot be used",
            why=f"{count} {'line is' if count == 1 else 'things are'} wrong",
            fix="Mend it",
        )
    say(safe(f"{path} is right."))


def _as_dict(key: Key) -> dict[str, object]:
    return {
        "id": key.name,
        "place": PLACE_TITLES[key.place],
        "keys": list(key.keys),
        "shown": [shown(name) for name in key.keys],
        "does": key.help,
        "yours": key.place not in DIALOGS,
    }


def page(table: Sequence[Key]) -> str:
    """The keys as a page of Markdown: what a user may change, then what the dialogs have."""
    parts = [ABOUT]
    for place in Place:
        rows = [key for key in table if key.place is place]
        if not rows:
            continue
        fixed = " (fixed)" if place in DIALOGS else ""
        parts += [f"\n## {PLACE_TITLES[place]}{fixed}\n", "| id | keys | what it does |\n|---|---|---|"]
        parts += [f"| `{key.name}` | {_cells(key)} | {key.help} |" for key in rows]
    return "\n".join(parts) + "\n"


def _cells(key: Key) -> str:
    # What has no key is typed on the command line.
    return " ".join(map(_cell, key.keys)) or ("" if key.place in DIALOGS else f"`:{key.id}`")


def _cell(name: str) -> str:
    # Two backticks hold one; a bar would end the cell.
    word = shown(name).replace("|", "\\|")
    return f"`` {word} ``" if "`" in word else f"`{word}`"
