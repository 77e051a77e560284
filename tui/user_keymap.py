"""A user's own keys: a TOML file over the ids of tui.keymap, checked here, since Textual checks none of it.

    [keys]
    "table.mark" = ["space", "insert", "ctrl+t"]
    "list.filter" = "/"
    "list.undo-marking" = []

Nothing of a file is used as long as one line of it is wrong.
"""

from __future__ import annotations

import difflib
import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from textual.keys import KEY_NAME_REPLACEMENTS, Keys

from store.domain.errors import SettingsError
from store.domain.text import one_line
from tui.keymap import DIALOGS, KEYS, TOGETHER, Key, Place, is_printable, shown

# Without these there is no way to move, to mark, to decide or to get out again.
NEEDED = frozenset({
    "table.cursor-down", "table.cursor-up", "table.mark", "list.help", "list.more", "list.cancel", "list.quit",
    "filter.filter-done", "invoices.export", "invoices.reject", "commitments.send", "commitments.retrieve",
})  # fmt: skip
_KNOWN = frozenset(key.value for key in Keys if not key.value.startswith("<"))
_KEPT = {
    "ctrl+a": "GNU screen takes it", "ctrl+b": "tmux takes it", "ctrl+c": "it copies in text boxes",
    "ctrl+q": "VS Code and flow control take it", "ctrl+s": "it stops the output of many terminals",
    "ctrl+space": "many terminals send nothing for it", "ctrl+@": "many terminals send nothing for it",
    "ctrl+at": "many terminals send nothing for it", "ctrl+h": "terminals send it for Backspace",
    "ctrl+i": "terminals send it for Tab", "ctrl+j": "terminals send it for a new line",
    "ctrl+m": "terminals send it for Enter", "f10": "terminals open their menu with it",
    "f11": "terminals fill the screen with it",
}  # fmt: skip
_FUNCTION = re.compile(r"f\d+")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a keymap: where (``line 3``, or ""), what, why, and how to mend it."""

    where: str
    what: str
    why: str
    fix: str

    def __str__(self) -> str:
        return f"{self.where + ': ' if self.where else ''}{self.what}: {self.why}. {self.fix}."


def forbidden(name: str) -> str:
    """Why a key, in Textual's name, is not bound; "" when it may be. Holds for payapp's own table too."""
    *modifiers, last = name.split("+")
    if name in _KEPT:
        return _KEPT[name]
    if {"alt", "meta", "super", "hyper"} & set(modifiers):
        return "Alt does not reach the desk from every terminal"
    if "shift" in modifiers and name != "shift+tab":
        return "few terminals send Shift with such a key"
    if modifiers == ["ctrl"] and not re.fullmatch(r"[a-z]|backslash|right_square_bracket|underscore", last):
        return "few terminals send Ctrl with such a key"
    if re.fullmatch(r"[M-Y]", name):
        return "PuTTY's VT100+ mode sends capital letters from M to Y for function keys"
    if _FUNCTION.fullmatch(name) and int(name[1:]) > 12:
        return "keyboards end at F12"
    return ""


def key_name(text: str) -> str:
    """Textual's name of a key that is written as such, or as the character it writes: ``+`` is ``plus``."""
    if len(text) == 1 and not text.isalnum():
        name = unicodedata.name(text, "").lower().replace("-", "_").replace(" ", "_")
        return KEY_NAME_REPLACEMENTS.get(name, name) or text
    return text


def is_known(name: str) -> bool:
    """Whether Textual ever reports a key of that name."""
    return name in _KNOWN or (
        is_printable(name) and name == key_name(name) and name not in KEY_NAME_REPLACEMENTS
    )


def load(path: Path, table: Sequence[Key] = KEYS) -> tuple[Key, ...]:
    """That file's keys laid over the table.

    Raises SettingsError for the first thing that is wrong with it, naming file, line, why and fix.
    """
    changed, found = read(path, table)
    if found:
        first, rest = found[0], len(found) - 1
        more = f". {rest} more: payapp keys --check lists them" if rest else ""
        where = f"{path}, {first.where}" if first.where else str(path)
        raise SettingsError(f"{where}: {first.what}", why=first.why, fix=first.fix + more)
    return changed


def read(path: Path, table: Sequence[Key] = KEYS) -> tuple[tuple[Key, ...], Sequence[Problem]]:
    """That file's keys laid over the table, and all that is wrong with it. Raises SettingsError when it cannot be read."""
    try:
        text = path.read_bytes().decode()
        document = tomllib.loads(text)
    except OSError as error:
        raise SettingsError(
            f"The keymap {path} cannot be read",
            why=str(error.strerror),
            fix="Mend [desk] keymap in the settings",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"The keymap {path} cannot be read", why=str(error), fix="Mend that line"
        ) from None
    return laid_over(document, table, text)


def laid_over(
    document: Mapping[str, Any], table: Sequence[Key] = KEYS, text: str = ""
) -> tuple[tuple[Key, ...], Sequence[Problem]]:
    """The table with the document's keys, and what is wrong with them; ``text`` is where lines are looked up."""
    lines = _Lines(text)
    problems = [
        Problem(
            lines.of(name),
            f"there is no {one_line(name)!r}",
            "a keymap has one table, [keys]",
            "Put it there",
        )
        for name in document
        if name != "keys"
    ]
    chosen = document.get("keys", {})
    if not isinstance(chosen, dict):
        return tuple(table), [
            *problems,
            Problem(lines.of("keys"), "keys is no table", "ids stand in it", "Write [keys]"),
        ]
    changes: dict[str, tuple[str, ...]] = {}
    for name, value in _flat(chosen):
        keys, wrong = _checked(name, value, table)
        problems += [Problem(lines.of(name), *parts) for parts in wrong]
        changes[name] = keys
    laid = tuple(replace(key, keys=changes.get(key.name, key.keys)) for key in table)
    # What is said about the whole follows from single lines being right.
    return laid, problems or [*_thefts(laid, changes, lines)]


def _flat(chosen: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Ids and values; without quotes TOML reads ``table.mark`` as a table within a table."""
    for name, value in chosen.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


class _Lines:
    """Where an id stands in the file."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()

    def of(self, name: str) -> str:
        pattern = re.compile(rf"\s*\[?\s*[\"']?{re.escape(name)}[\"']?\s*[=\].]")
        return next((f"line {n}" for n, line in enumerate(self._lines, 1) if pattern.match(line)), "")


def _checked(
    name: str, value: object, table: Sequence[Key]
) -> tuple[tuple[str, ...], list[tuple[str, str, str]]]:
    """One line: its keys in Textual's names, and what is wrong with it as what, why, fix."""
    known = {key.name: key for key in table}
    said = one_line(name)
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        fix = f"Write {near[0]}" if near else "payapp keys lists the ids"
        return (), [(f"there is no action {said!r}", "it is none of payapp's ids", fix)]
    if known[name].place in DIALOGS:
        return (), [(f"{said} cannot be changed", "the dialog itself names its keys", "Leave the line away")]
    written = [value] if isinstance(value, str) else value
    if not isinstance(written, list) or not all(isinstance(word, str) for word in written):
        return (), [(f"{said} has no keys", "they are a list of names", f'Write "{said}" = ["x", "f6"]')]
    keys = tuple(dict.fromkeys(key_name(word) for word in written))
    wrong = [fault for key in keys if (fault := _unusable(said, key))]
    if not keys and name in NEEDED:
        wrong.append((f"{said} has no key", "nothing else does it", "Give it one"))
    if keys and all(_FUNCTION.fullmatch(key) for key in keys):
        wrong.append((
            f"{said} has function keys alone", "terminals take or change function keys", "Give it a letter too"
        ))  # fmt: skip
    return keys, wrong


def _unusable(name: str, key: str) -> tuple[str, str, str] | None:
    word = one_line(key)
    if why := forbidden(key):
        return (f"{name} cannot have the key {word}", why, "Choose another key")
    if is_known(key):
        return None
    # Textual's names, for who wrote "page_down" or "esc".
    near = difflib.get_close_matches(key.lower(), sorted(_KNOWN | _CHARACTERS), 1)
    fix = f"Write {near[0]}" if near else "Write the character itself, or a name like pagedown, f6, ctrl+t"
    return (f"{name} has the key {word}", "there is none of that name", fix)


_CHARACTERS = frozenset(key_name(chr(code)) for code in range(0x20, 0x7F))


def _thefts(table: Sequence[Key], changed: Mapping[str, object], lines: _Lines) -> list[Problem]:
    """Keys that two actions want which are live at the same time, each pair once."""
    found: dict[tuple[str, str, str], Problem] = {}
    for places in TOGETHER:
        owner: dict[str, Key] = {}
        for key in table:
            for name in key.keys if key.place in places else ():
                other = owner.setdefault(name, key)
                if other is key or _takes_turns(key, other, name, places):
                    continue
                mine, theirs = (key, other) if key.name in changed else (other, key)
                found[mine.name, theirs.name, name] = Problem(
                    lines.of(mine.name), f"{mine.name} takes {shown(name)} from {theirs.name}",
                    "both are live at the same time", f"Give {theirs.name} another key, or {mine.name}",
                )  # fmt: skip
    return list(found.values())


def _takes_turns(key: Key, other: Key, name: str, places: frozenset[Place]) -> bool:
    """In a text box what would be typed is the box's: what the list does with it waits until the box is left."""
    return not {Place.FILTER, Place.COMMAND}.isdisjoint(places) and (key.typed(name) or other.typed(name))


def thefts(table: Sequence[Key]) -> list[Problem]:
    """Keys of a table that do two things where both are live."""
    return _thefts(table, {}, _Lines(""))
