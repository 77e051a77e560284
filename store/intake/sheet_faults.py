"""Cells of an XLSX that hold no value though they look filled: errors, and formulas that nobody has calculated.

The reader of the cells hands both over as empty, and an empty tax or release counts as none: the sheet's own XML tells.
"""

from __future__ import annotations

import posixpath
import zipfile
import zlib

# No DTD is let in, so there are no entities to expand or to fetch.
from xml.parsers import expat

from store.domain.text import safe

_CHUNK = 1 << 16


class Fault(Exception):
    """The first such cell; the sentence names its row and column."""


def check(archive: zipfile.ZipFile) -> None:
    """Look through the first sheet. Raises Fault; ValueError where the XML is damaged or a part is missing."""
    names = {name.lower(): name for name in archive.namelist()}
    book = _Book()
    _parse(archive, _part(names, "xl/workbook.xml"), book)
    links = _Links(book.first)
    _parse(archive, _part(names, "xl/_rels/workbook.xml.rels"), links)
    path = posixpath.normpath(posixpath.join("/xl", links.target)).lstrip("/")
    _parse(archive, _part(names, path), _Sheet())


def _part(names: dict[str, str], path: str) -> str:
    try:
        return names[path.lower()]
    except KeyError:
        raise ValueError(f"it has no part {safe(path)}") from None


class _Reader:
    """Hears the elements of one part by their local names."""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""

    def end(self, name: str) -> None:
        """An element ends."""

    def text(self, data: str) -> None:
        """Text within an element, in pieces."""


def _parse(archive: zipfile.ZipFile, name: str, reader: _Reader) -> None:
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda tag, attributes: reader.start(tag.rpartition(":")[2], attributes)
    parser.EndElementHandler = lambda tag: reader.end(tag.rpartition(":")[2])
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = _no_dtd
    try:
        with archive.open(name) as part:
            while data := part.read(_CHUNK):
                parser.Parse(data, False)
            parser.Parse(b"", True)
    except (expat.ExpatError, zlib.error, EOFError, RuntimeError) as error:
        # zipfile raises the last for what is encrypted or packed in an unknown way.
        raise ValueError(f"{safe(name)}: {error}") from error


def _no_dtd(*_: object) -> None:
    raise ValueError("it declares a document type, which no spreadsheet does")


class _Book(_Reader):
    """The relationship of the workbook's first sheet."""

    def __init__(self) -> None:
        self.first = ""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "sheet" and not self.first:
            found = (value for key, value in attributes.items() if key.rpartition(":")[1:] == (":", "id"))
            self.first = next(found, "")


class _Links(_Reader):
    """Where a relationship leads."""

    def __init__(self, wanted: str) -> None:
        self.wanted = wanted
        self.target = ""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "Relationship" and attributes.get("Id") == self.wanted:
            self.target = attributes.get("Target", "")


class _Sheet(_Reader):
    """The cells of a sheet; raises Fault at the first bad one."""

    def __init__(self) -> None:
        self.row = 0
        self.column = 0
        self.kind = ""
        self.formula = self.valued = self.within = False
        self.value = ""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "row":
            self.row = int(attributes.get("r", self.row + 1))
            self.column = 0
        elif name == "c":
            self.column = _column(attributes.get("r", "")) or self.column + 1
            self.kind = attributes.get("t", "n")
            self.formula = self.valued = False
            self.value = ""
        elif name == "f":
            self.formula = True
        elif name == "v":
            self.valued = self.within = True

    def text(self, data: str) -> None:
        if self.within:
            self.value += data

    def end(self, name: str) -> None:
        if name == "v":
            self.within = False
        elif name == "c":
            self._judge()

    def _judge(self) -> None:
        place = f"row {self.row}, column {letters(self.column)}"
        if self.kind == "e":
            raise Fault(f"{place} holds the error {safe(self.value)}")
        # A formula may well come to an empty text, but not to an empty number.
        if self.formula and not (self.valued and (self.value.strip() or self.kind == "str")):
            raise Fault(f"{place} holds a formula without its calculated value")


def _column(reference: str) -> int:
    """The column of a reference such as AB12, counted from 1; 0 for none."""
    number = 0
    for sign in reference:
        if not "A" <= sign <= "Z":
            break
        number = number * 26 + ord(sign) - 64
    return number


def letters(column: int) -> str:
    """The column, counted from 1, as a spreadsheet names it."""
    found = ""
    while column > 0:
        column, rest = divmod(column - 1, 26)
        found = chr(65 + rest) + found
    return found
