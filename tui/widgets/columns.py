"""The columns of an invoice list: which fit, how wide, and one row as text.

Money is never cut: Vendor, Job and Period give way first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rich.cells import cell_len

from store.domain.money import show
from store.invoices import Row, SortBy
from tui.text import cut, fitting, short_status, status

# Of the status a glyph and a short word at least.
NARROW_STATUS = "Status"
# The cursor's gutter and the checkbox.
PREFIX = 4


@dataclass(frozen=True, slots=True)
class Column:
    """One column as it is drawn; ``sort`` is the order it stands for."""

    name: str
    title: str
    width: int
    sort: SortBy | None = None
    right: bool = False


_SORTS = {
    "number": SortBy.NUMBER,
    "vendor": SortBy.VENDOR,
    "job": SortBy.JOB,
    "period": SortBy.PERIOD,
    "gross": SortBy.GROSS,
    "retainage": SortBy.RETAINAGE,
    "net": SortBy.NET,
    "status": SortBy.STATUS,
}
_TITLES = {
    "flags": "Fl",
    "number": "Invoice",
    "vendor": "Vendor",
    "job": "Job",
    "period": "Period",
    "gross": "Gross",
    "retainage": "Retainage",
    "net": "Net",
    "status": "ERP status",
}
MONEY = ("gross", "retainage", "net")
_LEAST = {"flags": 2, "number": 7, "vendor": 8, "job": 6, "period": 7, "status": 8}
_GIVES_WAY = ("period", "job", "flags")
# What is over goes to these in turn, up to so many cells and no further than what they hold needs.
_GROWS = (
    ("number", 8), ("status", 10), ("vendor", 14), ("number", 12), ("job", 8), ("number", 20), ("status", 18),
    ("vendor", 32), ("job", 14), ("vendor", 60), ("number", 40), ("job", 30),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Widths:
    """The widest seen in each column; only grows, so that a list does not jump while it scrolls."""

    gross: int = 10
    retainage: int = 9
    net: int = 10
    number: int = 8
    vendor: int = 14
    job: int = 6
    status: int = 8

    def grown(self, rows: Iterable[Row], home: str) -> Widths:
        """At least as wide as these rows need."""
        widths = {name: getattr(self, name) for name in self.__slots__}
        for row in rows:
            for name in MONEY:
                widths[name] = max(widths[name], len(amount(row, name, home)))
            for name in ("number", "vendor", "job"):
                widths[name] = max(widths[name], cell_len(getattr(row, name)))
            widths["status"] = max(widths["status"], cell_len(status(row.erp_status, row.outcome)))
        return Widths(**widths)


def amount(row: Row, name: str, home: str) -> str:
    """One amount; the gross of another currency than the company's says which."""
    text = show(getattr(row, name), row.currency)
    return f"{row.currency} {text}" if name == "gross" and row.currency != home else text


def fit(width: int, needed: Widths, *, with_status: bool) -> tuple[Column, ...]:
    """The columns for a list of that many cells, gutter and checkbox included."""
    names = ["flags", "number", "vendor", "job", "period", *MONEY] + (["status"] if with_status else [])
    widths = {name: _LEAST.get(name) or getattr(needed, name) for name in names}
    room = width - PREFIX

    def free() -> int:
        return room - sum(w + 1 for w in widths.values())

    for name in _GIVES_WAY:
        if free() < 0:
            del widths[name]
    if free() < 0:
        widths["number"] = max(4, widths["number"] + free())
    if free() < 0:
        widths["vendor"] = max(2, widths["vendor"] + free())
    for name, most in _GROWS:
        if name in widths and free() > 0:
            widths[name] += max(0, min(free(), min(most, getattr(needed, name)) - widths[name]))
    return tuple(
        Column(name, _title(name, w), w, _SORTS.get(name), name in MONEY) for name, w in widths.items()
    )


def _title(name: str, width: int) -> str:
    """The heading; the sorted column carries a sign behind it."""
    return NARROW_STATUS if name == "status" and width <= len(_TITLES[name]) else _TITLES[name]


def body(row: Row, columns: Iterable[Column], home: str) -> str:
    """The row behind gutter and checkbox, exactly as wide as the columns."""
    return "".join(" " + _cell(row, column, home) for column in columns)


def _cell(row: Row, column: Column, home: str) -> str:
    if column.right:
        return amount(row, column.name, home).rjust(column.width)
    if column.name == "status":
        full, brief = status(row.erp_status, row.outcome), short_status(row.erp_status, row.outcome)
        return cut(fitting(column.width, full, brief), column.width)
    return cut(str(getattr(row, column.name)), column.width)


def heading(
    columns: Iterable[Column], sort: SortBy, active: SortBy, *, descending: bool
) -> list[tuple[str, bool]]:
    """The header as (text, is the active column); the sorted column carries ``^`` or ``v``."""
    parts = []
    for column in columns:
        title = column.title
        if column.sort is sort:
            title = title[: max(0, column.width - 1)] + ("v" if descending else "^")
        title = title[: column.width]
        text = title.rjust(column.width) if column.right else title.ljust(column.width)
        parts.append((" " + text, column.sort is active))
    return parts
