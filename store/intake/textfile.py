"""Text files as UTF-8, with or without its mark; an error names the byte."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from store.intake.report import damaged

_BOM = codecs.BOM_UTF8
_CHUNK = 1 << 20
_LINE = 16 << 20


class Chunks:
    """Reads a file as UTF-8 text, some bytes at a time. Raises BadFile for what is not UTF-8, naming the byte."""

    def __init__(self, path: Path) -> None:
        self._name = path.name
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise damaged(path.name, error.strerror or str(error)) from error
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._bytes = 0
        self._lines = 0
        if self._file.read(len(_BOM)) == _BOM:
            self._bytes = len(_BOM)
        else:
            self._file.seek(0)

    def read(self, size: int = _CHUNK) -> str:
        """About ``size`` bytes of text, at least a character; "" only at the end."""
        while True:
            raw = self._file.read(size)
            pending = len(self._decoder.getstate()[0])
            try:
                text = self._decoder.decode(raw, final=not raw)
            except UnicodeDecodeError as error:
                at = self._bytes - pending + error.start
                row = self._lines + raw[: max(error.start - pending, 0)].count(b"\n") + 1
                raise damaged(
                    self._name,
                    f"it is not UTF-8: byte {at + 1}, in line {row}, cannot be read",
                    "Save it as UTF-8 (in a spreadsheet: CSV UTF-8); nothing was imported",
                ) from error
            self._bytes += len(raw)
            self._lines += raw.count(b"\n")
            if text or not raw:
                if not raw:
                    self._file.close()
                return text

    def close(self) -> None:
        """Close the file; reading to the end does it as well."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def lines(path: Path) -> Iterator[str]:
    """The lines of the file, each with its line end, for the csv module. Raises BadFile as Chunks does."""
    with Chunks(path) as chunks:
        rest = ""
        while fresh := chunks.read():
            *whole, rest = _split(rest + fresh)
            yield from whole
            if len(rest) > _LINE:
                raise damaged(path.name, "a line is longer than 16 MB, so this is no table")
        if rest:
            yield rest


def _split(text: str) -> list[str]:
    # Not str.splitlines: it also breaks at characters (U+2028, form feed) that may stand in a cell.
    parts = text.split("\n")
    return [part + "\n" for part in parts[:-1]] + [parts[-1]]
