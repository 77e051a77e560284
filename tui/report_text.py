"""A report as text of 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len

from store.domain.money import show
from store.domain.report import Column, Kind, Line, Report, whole
from store.domain.text import one_line, safe
from tui.text import cut, wrapped

WIDTH = 80
_RIGHT = frozenset({Kind.COUNT, Kind.MONEY})


def lines(report: Report, head: Sequence[str], *, bar: str = "#") -> Iterator[str]:
    """The lines: title, what it is of, ``head``, columns, rows, totals below a rule, notes.

    Other people's text comes out safe and is cut at its column; an amount never is: its line is longer then.
    """
    yield report.title
    for about in (report.about, *head):
        yield from _note(about)
    yield ""
    shown = [(n, column) for n, column in enumerate(report.columns) if column.width]
    header = " ".join(_placed(column.title, column) for _, column in shown).rstrip()
    before: Line | None = None
    for line in report.rows():
        if before is None:
            yield header
        if line.total and not (before and before.total):
            yield "-" * WIDTH
        yield _line(line, shown, bar)
        before = line
    if before is None:
        yield report.empty
        return
    yield ""
    for note in report.notes():
        yield from _note(note)


def _note(text: str) -> list[str]:
    """As it stands where it fits, else broken between words."""
    return [safe(text)] if cell_len(safe(text)) <= WIDTH else wrapped(text, WIDTH)


def _line(line: Line, shown: Sequence[tuple[int, Column]], bar: str) -> str:
    words = [_placed(_word(line, n, column, bar), column) for n, column in shown]
    if not line.total:
        return " ".join(words).rstrip()
    # The label of a total takes the room of the empty cells behind it.
    label = one_line(str(line.cells[shown[0][0]] or ""))
    rest = " ".join(["", *words[1:]]) if len(words) > 1 else ""
    room = len(rest) - len(rest.lstrip(" ")) + shown[0][1].width
    return (label + (" " * shown[0][1].width + rest)[min(cell_len(label), room) :]).rstrip()


def _placed(word: str, column: Column) -> str:
    return word.rjust(column.width) if column.kind in _RIGHT else cut(word, column.width)


def _word(line: Line, n: int, column: Column, bar: str) -> str:
    cell = line.cells[n]
    if cell is None:
        return ""
    match column.kind:
        case Kind.MONEY:
            return show(whole(cell), line.currency)
        case Kind.BAR:
            return bar * whole(cell)
        case _:
            return f"{cell:,}" if isinstance(cell, int) else one_line(cell)
