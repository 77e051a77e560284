"""The rows that a list has fetched, and each as the text that was drawn of it."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from store.invoices import Row
from tui.widgets.columns import Column, body


@dataclass(frozen=True, slots=True)
class Listing:
    """The order of a view: ids and, beside each, the version that was seen."""

    ids: array[int]
    versions: array[int]


# Rows kept before those outside the window are forgotten.
KEPT = 2000


class RowCache:
    """Rows by id; ``columns`` decide their text, amounts in another currency than ``currency`` say so."""

    def __init__(self, currency: str) -> None:
        self._currency = currency
        self._rows: dict[int, Row] = {}
        self._texts: dict[int, tuple[Row, str]] = {}
        self._columns: tuple[Column, ...] = ()

    def get(self, invoice_id: int) -> Row | None:
        """The row, when it is there; it may be older than the listing until it is fetched again."""
        return self._rows.get(invoice_id)

    def missing(self, listing: Listing, first: int, last: int) -> list[int]:
        """The ids at these places whose row is not there, or older than the version listed."""
        found = []
        for index in range(max(0, first), min(last, len(listing.ids))):
            row = self._rows.get(listing.ids[index])
            if row is None or row.version < listing.versions[index]:
                found.append(listing.ids[index])
        return found

    def keep(self, rows: Sequence[Row], near: Iterable[int]) -> None:
        """Take rows in; when there are many, forget those that are not ``near`` the window."""
        if len(self._rows) > KEPT:
            stay = set(near)
            self._rows = {number: row for number, row in self._rows.items() if number in stay}
            self._texts.clear()
        self._rows.update((row.id, row) for row in rows)

    def lay_out(self, columns: tuple[Column, ...]) -> None:
        """Other columns: every text is made anew."""
        self._columns = columns
        self._texts.clear()

    def text(self, row: Row) -> str:
        """The row behind gutter and checkbox."""
        kept = self._texts.get(row.id)
        if kept is None or kept[0] is not row:
            kept = self._texts[row.id] = (row, body(row, self._columns, self._currency))
        return kept[1]
