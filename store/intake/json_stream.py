"""JSON read record by record: a list of any length in the memory of one record. Numbers never become floats."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

from store.intake.report import damaged
from store.intake.textfile import Chunks

_CHUNK = 1 << 20
# A single record beyond this is no invoice; the limit bounds what a broken file can make us read.
_RECORD = 64 << 20
_BLANK = re.compile(r"[ \t\r\n]*")
# An error this close to the end of what was read may be nothing but the end of what was read.
_EDGE = 16


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_constant)


class _Reader:
    """A window over the file's text, and where it stands in the file."""

    def __init__(self, name: str, chunks: Chunks) -> None:
        self.name = name
        self.chunks = chunks
        self.text = ""
        self.at = 0
        self.line = 1
        self.offset = 0
        self.ended = False

    def more(self, size: int = _CHUNK) -> None:
        """Drop what was used and read on; ``size`` in bytes."""
        self.line += self.text.count("\n", 0, self.at)
        self.offset += self.at
        fresh = self.chunks.read(size)
        self.ended = not fresh
        self.text = self.text[self.at :] + fresh
        self.at = 0

    def peek(self) -> str:
        """The next character that is not blank, or "" at the end of the file."""
        while True:
            match = _BLANK.match(self.text, self.at)
            self.at = match.end() if match else self.at
            if self.at < len(self.text):
                return self.text[self.at]
            if self.ended:
                return ""
            self.more()

    def value(self) -> Any:
        """The value that starts at the next character."""
        size = _CHUNK
        while True:
            try:
                found, self.at = _DECODER.raw_decode(self.text, self.at)
            except json.JSONDecodeError as error:
                # The end of what was read looks like an error until more is read.
                if not _torn(error, self.text) and (self.ended or error.pos < len(self.text) - _EDGE):
                    self.fail(error.pos, f"it is not JSON: {error.msg}")
                if self.ended:
                    self.fail(len(self.text), "the file is cut off")
                if len(self.text) - self.at > _RECORD:
                    self.fail(self.at, "a single record is larger than 64 MB")
                self.more(size)
                size *= 2
            except RecursionError:
                self.fail(self.at, "its values are nested too deeply")
            except ValueError as error:
                self.fail(self.at, f"it is not JSON: {error}")
            else:
                return found

    def fail(self, pos: int, reason: str) -> NoReturn:
        """Raise BadFile for what stands at ``pos`` of the window."""
        line = self.line + self.text.count("\n", 0, pos)
        raise damaged(
            self.name,
            f"line {line}, character {self.offset + pos + 1}: {reason}",
            "Fetch the file again; nothing was imported",
        )


def _torn(error: json.JSONDecodeError, text: str) -> bool:
    """Whether the text merely stops in the middle of a value."""
    rest = text[error.pos :].strip()
    return (
        not rest
        or error.msg.startswith("Unterminated")
        or (error.msg.startswith("Invalid \\u") and len(rest) < 6)
        or any(
            word.startswith(rest)
            for word in ("true", "false", "null", "-0", ".0", "e+0", "E+0", "e-0", "E-0")
        )
    )


def records(path: Path) -> Iterator[tuple[int, Any]]:
    """The records of the file with their number from 1: the elements of a list, or the one object.

    A single object comes with the number 0. Raises BadFile where the text is not JSON or is cut off, with the line
    and the character counted from 1.
    """
    with Chunks(path) as chunks:
        yield from _records(_Reader(path.name, chunks))


def _records(reader: _Reader) -> Iterator[tuple[int, Any]]:
    first = reader.peek()
    if not first:
        raise damaged(reader.name, "it is empty")
    if first != "[":
        yield 0, reader.value()
        if reader.peek():
            reader.fail(reader.at, "there is something after the end of the JSON value")
        return
    reader.at += 1
    number = 0
    if reader.peek() == "]":
        reader.at += 1
    else:
        while True:
            number += 1
            if not reader.peek():
                reader.fail(reader.at, "the file is cut off")
            yield number, reader.value()
            mark = reader.peek()
            reader.at += 1
            if mark == "]":
                break
            if mark != ",":
                reader.at -= 1
                reader.fail(
                    reader.at,
                    "the file is cut off" if not mark else "a comma or the end of the list is missing",
                )
    if reader.peek():
        reader.fail(reader.at, "there is something after the end of the list")
