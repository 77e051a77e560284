"""What subcommands print: lines, JSON, CSV, tables. Other people's text leaves here safe."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import sys
from collections.abc import Collection, Iterator, Sequence
from typing import Any, TextIO

import click
import msgspec

from store.domain.text import safe, spreadsheet


def say(line: str, *, err: bool = False) -> None:
    """Tell what was done. A reader who has left hears nothing, and the exit code stays that of the deed."""
    try:
        click.echo(line, err=err)
    except BrokenPipeError:
        let_go(sys.stderr if err else sys.stdout)


def let_go(stream: TextIO | None) -> None:
    """Lead what is printed there from now on to nowhere, what Python still holds back for its end included."""
    if stream is None:
        return
    # A stream without a descriptor has no reader who could leave.
    with contextlib.suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - no file
        os.dup2(nowhere.fileno(), stream.fileno())


def json_text(value: Any) -> str:
    """The value as one JSON document, lossless: what could harm a terminal stands there escaped."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    return "\n".join(line if _writable(line) else _escaped(line) for line in text.split("\n"))


def json_line(value: Any) -> str:
    """The value as JSON on one line, as lossless and harmless as json_text()."""
    text = msgspec.json.encode(value).decode()
    return text if _writable(text) else _escaped(text)


def _escaped(line: str) -> str:
    # JSON's own encoders escape C0 alone; DEL, C1 and the directional marks they leave as they are.
    return "".join(c if _writable(c) else json.dumps(c)[1:-1] for c in line)


def _writable(text: str) -> bool:
    """Whether the text can stand in a document on standard output as it is."""
    everything = sys.stdout is None or (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    return safe(text) == text and (everything or text.isascii())


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    click.echo(json_text(value))


def print_csv(header: Sequence[str], rows: Sequence[Sequence[Any]], *, numeric: Collection[str]) -> None:
    """A CSV report on standard output; text that a spreadsheet would run is quoted, ``numeric`` columns are not."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        named = zip(header, row, strict=True)
        writer.writerow([
            spreadsheet(cell) if isinstance(cell, str) and name not in numeric else cell for name, cell in named
        ])  # fmt: skip
    click.echo(text.getvalue(), nl=False)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> None:
    """Aligned columns; those in ``right`` are right-aligned. Widths count cells, so that CJK names line up."""
    for line in table_lines(header, rows, right=right):
        click.echo(line)


def table_lines(
    header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()
) -> Iterator[str]:
    """As print_table(), line by line."""
    from rich.cells import cell_len

    table = [list(header), *([safe(cell) for cell in row] for row in rows)]
    widths = [max(cell_len(row[n]) for row in table) for n in range(len(header))]
    for row in table:
        cells = []
        for n, cell in enumerate(row):
            blank = " " * (widths[n] - cell_len(cell))
            cells.append(blank + cell if n in right else cell + blank)
        yield "  ".join(cells).rstrip()
