"""What a report is: titled columns, lines that foot, notes. Text, CSV and XLSX are made of the same (store.report_files)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

Cell = str | int | None


class Kind(StrEnum):
    """What a column holds. MONEY: minor units of its line's currency; DAY: ISO text; BAR: drawn, in text alone."""

    TEXT = "text"
    COUNT = "count"
    MONEY = "money"
    DAY = "day"
    BAR = "bar"


@dataclass(frozen=True, slots=True)
class Column:
    """One column; ``width`` cells of a text report of 80, 0: in files alone. ``footed``: totals add it up."""

    title: str
    kind: Kind = Kind.TEXT
    width: int = 0
    footed: bool = False


class Line(NamedTuple):
    """One line: the currency of its amounts, and a cell a column. ``total``: it adds up the lines before it."""

    currency: str
    cells: tuple[Cell, ...]
    total: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """A report. ``rows`` reads its lines, some at a time, and is called once; ``notes`` stand below them.

    ``about`` says of what it is, ``empty`` what is said where there is nothing.
    """

    name: str
    title: str
    about: str
    columns: tuple[Column, ...]
    rows: Callable[[], Iterator[Line]]
    empty: str
    notes: Callable[[], tuple[str, ...]] = tuple


def whole(cell: Cell) -> int:
    """The number in a cell of an amount, a count or a bar."""
    if not isinstance(cell, int):
        raise TypeError(f"{cell!r} is not a number")
    return cell


def footed(columns: Sequence[Column], lines: Iterable[Line], label: str = "Total") -> Iterator[Line]:
    """The lines, and behind them a total a currency of every column that is footed; never one across currencies."""
    sums: dict[str, list[int]] = {}
    for line in lines:
        own = sums.setdefault(line.currency, [0] * len(columns))
        for n, (column, cell) in enumerate(zip(columns, line.cells, strict=True)):
            if column.footed and isinstance(cell, int):
                own[n] += cell
        yield line
    for currency, own in sorted(sums.items()):
        cells: list[Cell] = [
            value if column.footed else None for column, value in zip(columns, own, strict=True)
        ]
        cells[0] = f"{label} {currency}".strip()
        yield Line(currency, tuple(cells), total=True)
