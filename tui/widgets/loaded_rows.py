"""The rows of a list that are loaded: a window and a page around it, fetched by their places as the window moves."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from textual.message import Message
from textual.widget import Widget

from store.domain.selection import Selection
from store.domain.status import View
from store.invoices import Row
from store.listing import Listing, Order
from store.looking import Page
from tui.widgets.guarding import Guarded
from tui.widgets.marks import Marks
from tui.widgets.row_cache import RowCache
from tui.widgets.turns import Turns


class Source(Protocol):
    """Where a table has its rows from, and what it cannot do with the loaded ones alone."""

    async def read_page(self, listing: Listing, first: int, count: int, selection: Selection) -> Page | None:
        """The rows at these places; None when they cannot be had, which the source has told."""
        ...

    async def read_boxes(self, selection: Selection, ids: Sequence[int]) -> Collection[int] | None:
        """Which of these the selection has; None as above."""
        ...

    def acted(self) -> None:
        """A key does something: what was said before has been read."""
        ...

    def mark_range(self, one: int, other: int) -> None:
        """Mark from one invoice to the other, both included; more than what is loaded lies between."""
        ...


class LoadedRows(Guarded, Widget):
    """A listing with a cursor in it, of which the rows near the cursor are there, and the marks they have."""

    class Outdated(Message):
        """The store has not the rows any more that the listing promised."""

    def __init__(self, source: Source, currency: str, *, id: str | None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._source = source
        self._listing = Listing(Order(View.READY), 0)
        self._rows = RowCache(currency)
        self._loading = False
        self.marks = Marks(View.READY)
        self.cursor = 0
        self.top = 0
        self.turns = Turns()

    def paint(self) -> None:
        """Draw anew what differs from what stands on the screen."""
        raise NotImplementedError

    def taken(self, rows: Sequence[Row]) -> None:
        """These rows have come."""
        raise NotImplementedError

    @property
    def height(self) -> int:
        """How many rows fit on the screen."""
        raise NotImplementedError

    # -- what is listed ----------------------------------------------------------------------------------------

    @property
    def listing(self) -> Listing:
        """The order that is shown."""
        return self._listing

    @property
    def count(self) -> int:
        """How many are listed, or known so far."""
        return self._listing.count

    @property
    def rows(self) -> list[Row]:
        """The rows that are loaded, in their order."""
        return list(self._rows)

    @property
    def current(self) -> int | None:
        """The id under the cursor, when its row is loaded."""
        row = self.current_row
        return None if row is None else row.id

    @property
    def current_row(self) -> Row | None:
        """The row under the cursor, when it is loaded."""
        return self._rows.at(self.cursor)

    # -- what keys wait for --------------------------------------------------------------------------------------

    def loaded(self) -> bool:
        """The invoice under the cursor is known, or none is there, or it cannot be had."""
        if not self.count:
            return self._listing.complete
        return self.current_row is not None or not self._loading

    def boxed(self) -> bool:
        """And so is whether it is marked."""
        row = self.current_row
        return self.loaded() and (row is None or not self._loading or self.marks.has(row.id) is not None)

    def reaches(self, place: int) -> bool:
        """Whether it is known what stands at this place, or that nothing does."""
        return self._listing.complete or place < self.count

    # -- loading -----------------------------------------------------------------------------------------------

    def _load(self) -> None:
        """Fetch what the window and its neighbours lack, unless that is under way."""
        if not self._loading and (self._wanted() or self._unboxed()):
            self._loading = True
            self.run_worker(self._fetch, group="rows")

    def keep(self, listing: Listing, page: Page) -> None:
        """Rows of this listing that were read for another reason."""
        if listing is self._listing:
            self._rows.keep(page.first, page.rows, self._near())
            self.taken(page.rows)

    def load_boxes(self) -> None:
        """What is marked is another value: ask which of the loaded rows it has."""
        self._load()
        self.paint()

    def _near(self) -> range:
        return range(max(0, self.top - self.height), min(self.top + 2 * self.height, self.count))

    def _wanted(self) -> tuple[int, int] | None:
        near = self._near()
        seen = self._rows.missing(self.top, min(self.top + self.height, self.count))
        # The page that is seen first, and around it in one go what is nearly reached.
        return seen or self._rows.missing(near.start, near.stop)

    def _unboxed(self) -> list[int]:
        rows = (self._rows.at(place) for place in self._near())
        return [row.id for row in rows if row is not None and self.marks.has(row.id) is None]

    async def _fetch(self) -> None:
        try:
            while await self._fetch_some():
                self.paint()
                self.turns.go()
        finally:
            self._loading = False
            self.turns.go()

    async def _fetch_some(self) -> bool:
        """One reading; False when nothing is left to read, or it cannot be had."""
        listing, marks, value = self._listing, self.marks, self.marks.value
        if span := self._wanted():
            page = await self._source.read_page(listing, *span, value)
            if page is None:
                return False
            if listing is not self._listing:
                return True
            marks.learn(value, [row.id for row in page.rows], page.marked)
            self._rows.keep(page.first, page.rows, self._near())
            self.taken(page.rows)
            if len(page.rows) < span[1]:
                # What is missing is gone; the listing is read anew.
                self.post_message(self.Outdated())
                return False
            return True
        if ids := self._unboxed():
            marked = await self._source.read_boxes(value, ids)
            if marked is None:
                return False
            marks.learn(value, ids, marked)
            return True
        return False
