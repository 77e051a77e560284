"""The rows that a list has loaded, by their places, and each as the text that was drawn of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from store.invoices import Row
from tui.widgets.columns import Column, body

# Rows kept before those outside the window are forgotten.
KEPT = 2000


class RowCache:
    """Rows by place; ``columns`` decide their text, amounts in another currency than ``currency`` say so."""

    def __init__(self, currency: str) -> None:
        self._currency = currency
        self._rows: dict[int, Row] = {}
        self._texts: dict[int, tuple[Row, str]] = {}
        self._columns: tuple[Column, ...] = ()

    def __iter__(self) -> Iterator[Row]:
        """The rows that are there, in the order of their places."""
        return (self._rows[place] for place in sorted(self._rows))

    def at(self, place: int) -> Row | None:
        """The row at a place, when it is there."""
        return self._rows.get(place)

    def between(self, first: int, last: int) -> list[Row] | None:
        """The rows at these places, both included; None when one is not there."""
        found = [row for place in range(first, last + 1) if (row := self._rows.get(place)) is not None]
        return found if len(found) == last - first + 1 else None

    def missing(self, first: int, end: int) -> tuple[int, int] | None:
        """The span of places (first, how many) from the first to the last that is not there; None: all are."""
        lacking = [place for place in range(first, end) if place not in self._rows]
        return (lacking[0], lacking[-1] - lacking[0] + 1) if lacking else None

    def begin(self, first: int, rows: Sequence[Row]) -> None:
        """These rows alone: what else was there belongs to another listing."""
        self._rows = dict(enumerate(rows, first))
        if len(self._texts) > KEPT:
            self._texts.clear()

    def keep(self, first: int, rows: Sequence[Row], near: range) -> None:
        """Take rows in; when there are many, forget those that are not ``near`` the window."""
        if len(self._rows) > KEPT:
            self._rows = {place: row for place, row in self._rows.items() if place in near}
            self._texts.clear()
        self._rows.update(enumerate(rows, first))

    def lay_out(self, columns: tuple[Column, ...]) -> None:
        """Other columns: every text is made anew."""
        self._columns = columns
        self._texts.clear()

    def text(self, row: Row) -> str:
        """The row behind gutter and checkbox."""
        kept = self._texts.get(row.id)
        if kept is None or kept[0] != row:
            kept = self._texts[row.id] = (row, body(row, self._columns, self._currency))
        return kept[1]
