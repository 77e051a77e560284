"""Completing a filter as it is typed: what stands before the cursor, and the choices that need no books."""

from __future__ import annotations

import re
from dataclasses import dataclass

from store.domain.filter import ANY, DAY_KEYS, FLAGS, KEYS, MONEY_KEYS, NONE, STATUSES, words


@dataclass(frozen=True, slots=True)
class Completing:
    """What stands before the cursor: ``typed`` of a value of ``key``; with key "" the beginning of a word.

    A choice replaces the text from ``start`` to ``end``.
    """

    key: str
    typed: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Choice:
    """What completes a word: the text to ``insert``, and what is ``shown`` of it (safe, one line)."""

    insert: str
    shown: str


def complete_at(text: str, cursor: int) -> Completing | None:
    """What is being completed at the cursor, an offset into the text; None inside of a word or behind an amount."""
    if cursor < len(text) and not text[cursor].isspace():
        return None
    before = text[:cursor]
    word = next((word for word in words(before) if word.end == cursor and word.text), None)
    if word is None:
        return Completing("", "", cursor, cursor)
    if not word.key:
        return Completing("", word.value, word.begin, cursor)
    if word.key not in KEYS or word.key in MONEY_KEYS or word.key == "age":
        return None
    begin, typed = word.begin, word.value
    if word.key in (*DAY_KEYS, "batch") and ".." in typed and before[begin] != '"':
        begin += typed.rindex("..") + 2
        typed = before[begin:]
    return Completing(word.key, typed, begin, cursor)


def fixed_choices(at: Completing) -> list[Choice]:
    """What needs no books: the names of keys, statuses and flags that begin with what was typed."""
    typed = at.typed.lower()
    match at.key:
        case "":
            found = [Choice(f"{key}:", f"{key}:") for key in KEYS if key.startswith(typed)]
        case "status":
            found = [Choice(name, name) for name in STATUSES if name.startswith(re.sub(r"[\s_]", "-", typed))]
        case "flag":
            found = [Choice(word, word) for word in (ANY, NONE) if word.startswith(typed)]
            found += [
                Choice(letter, f"{letter} {name}")
                for letter, name in FLAGS.items()
                if letter.lower().startswith(typed)
            ]
        case "acct":
            found = [Choice(NONE, NONE)] if NONE.startswith(typed) else []
        case _:
            found = []
    return found
