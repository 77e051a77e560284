"""The invoice list: one line-API widget that draws its own rows and repaints only what changed.

A line is the gutter with the cursor and the checkbox (4 cells), and the row's text. A dirty region is drawn from the
widget's left edge, so moving the cursor or marking repaints 4 cells a row. Rows come from a provider by id, a window
at a time; a row that is not there yet is blank and never waited for.
"""

from __future__ import annotations

from array import array
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from store.invoices import Row, SortBy
from tui.keymap import Place, bindings
from tui.widgets.columns import PREFIX, Column, MoneyWidths, fit, heading
from tui.widgets.guarding import Guarded
from tui.widgets.marks import Marks
from tui.widgets.row_cache import Listing, RowCache
from tui.widgets.turns import Turns

Provider = Callable[[Sequence[int]], Awaitable[Sequence[Row]]]

REVERSE = Style(reverse=True)
BOLD = Style(bold=True)
UNDERLINED = Style(bold=True, underline=True)


@dataclass(frozen=True, slots=True)
class Drawn:
    """One line as it stands on the screen."""

    prefix: str
    text: str
    is_cursor: bool = False


class InvoiceTable(Guarded, Widget, can_focus=True):
    """A list of invoices with checkboxes. ``marks`` are those of the view that is listed; ``paint`` after changing them.

    Marking happens at the key, not in a message: the next key of a burst may decide on the marks, or leave the view.
    """

    BINDINGS = bindings(Place.TABLE)

    @dataclass
    class CursorMoved(Message):
        """The cursor stands on another invoice, or on none."""

        invoice_id: int | None
        by_hand: bool

    class Marking(Message):
        """``marks`` changed."""

    class BoxClicked(Message):
        """The header box: mark all, or none."""

    @dataclass
    class HeadingClicked(Message):
        """Sort by this column."""

        sort: SortBy

    def __init__(self, provider: Provider, currency: str, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._provider = provider
        self._currency = currency
        self._listing = Listing(array("q"), array("q"))
        self._rows = RowCache(currency)
        self._columns: tuple[Column, ...] = ()
        self._money = MoneyWidths()
        self._drawn: list[Drawn] = []
        self._heading: list[tuple[str, bool]] = []
        self._box = " "
        self._loading = False
        self.marks = Marks()
        self.with_status = False
        self.sort = SortBy.VENDOR
        self.active = SortBy.VENDOR
        self.descending = False
        self.empty = ""
        self.cursor = 0
        self.top = 0
        self.range_from: int | None = None
        self.turns = Turns()

    # -- what is listed ----------------------------------------------------------------------------------------

    @property
    def listing(self) -> Listing:
        """The order that is shown."""
        return self._listing

    @property
    def current(self) -> int | None:
        """The id under the cursor."""
        return self._listing.ids[self.cursor] if self.cursor < len(self._listing.ids) else None

    @property
    def current_row(self) -> Row | None:
        """The row under the cursor, when it is loaded."""
        number = self.current
        return None if number is None else self._rows.get(number)

    @property
    def height(self) -> int:
        """How many rows fit below the header."""
        return max(1, self.size.height - 1)

    def set_listing(self, listing: Listing, at: int | None = None, *, narrowed: bool = False) -> None:
        """Show another order. The cursor stays on its invoice, at its place on the screen, as long as it is listed.

        ``at`` is the invoice to stand on instead. With ``narrowed`` (another filter) the cursor of an invoice that is
        not listed goes to the top; else it stays at its place in the list.
        """
        before, offset = self.current, self.cursor - self.top
        if at is not None:
            self.cursor = offset = 0
        was = before if at is None else at
        anchor = None if self.range_from is None else self._listing.ids[self.range_from]
        self._listing = listing
        count = len(listing.ids)
        self.cursor = min(self.cursor, max(0, count - 1))
        self.range_from = None
        if was is not None and was in listing.ids:
            self.cursor = listing.ids.index(was)
        elif narrowed:
            self.cursor = 0
        if anchor is not None and anchor in listing.ids:
            self.range_from = listing.ids.index(anchor)
        self._scroll(self.cursor - offset)
        self._announce(before, by_hand=False)
        self._load()
        self.paint()

    def forget_widths(self) -> None:
        """Another view: its money columns start narrow again."""
        self._money = MoneyWidths()
        self._lay_out()

    # -- moving ------------------------------------------------------------------------------------------------

    def move(self, index: int) -> None:
        """The cursor to this place; beyond the edge the list flips half a page."""
        count = len(self._listing.ids)
        was = self.current
        index = max(0, min(index, count - 1))
        if index == self.cursor or not count:
            return
        self.cursor = index
        if not self.top <= index < self.top + self.height:
            near = abs(index - (self.top if index < self.top else self.top + self.height - 1)) == 1
            half = self.height // 2
            forward = index >= self.top
            self._scroll(self.top + (half if forward else -half) if near else index - half)
        self._announce(was, by_hand=True)
        self._load()
        self.paint()

    def _scroll(self, top: int) -> None:
        count = len(self._listing.ids)
        top = max(0, min(top, count - self.height))
        # The cursor is always on the screen.
        self.top = max(min(top, self.cursor), self.cursor - self.height + 1, 0)

    def _page(self, step: int) -> None:
        if not self._listing.ids:
            return
        was = self.current
        self.cursor = max(0, min(self.cursor + step, len(self._listing.ids) - 1))
        self._scroll(self.top + step)
        if self.current != was:
            self._announce(was, by_hand=True)
            self._load()
            self.paint()

    def _announce(self, was: int | None, *, by_hand: bool) -> None:
        if self.current != was:
            self.post_message(self.CursorMoved(self.current, by_hand))

    def action_cursor_down(self) -> None:
        """One down."""
        self.turns.do(lambda: self.move(self.cursor + 1))

    def action_cursor_up(self) -> None:
        """One up."""
        self.turns.do(lambda: self.move(self.cursor - 1))

    def action_page_down(self) -> None:
        """A page down."""
        self.turns.do(lambda: self._page(self.height))

    def action_page_up(self) -> None:
        """A page up."""
        self.turns.do(lambda: self._page(-self.height))

    def action_first(self) -> None:
        """To the top."""
        self.turns.do(lambda: self.move(0))

    def action_last(self) -> None:
        """To the end."""
        self.turns.do(lambda: self.move(len(self._listing.ids) - 1))

    # -- marking -----------------------------------------------------------------------------------------------

    def action_mark(self) -> None:
        """Mark or unmark, and move down."""
        self.turns.do(self._mark)

    def _mark(self) -> None:
        self.toggle(self.cursor)
        self.move(self.cursor + 1)

    def toggle(self, index: int) -> None:
        """Mark or unmark the invoice at this place."""
        if index < len(self._listing.ids):
            self.marks.toggle(self._listing.ids[index], self._listing.versions[index])
            self.post_message(self.Marking())
            self.paint()

    def action_range(self) -> None:
        """Start a range here, or mark the one that was started."""
        self.turns.do(self._range)

    def _range(self) -> None:
        if self.range_from is None:
            self.range_from = self.cursor if self._listing.ids else None
            self.paint()
            return
        first, last = sorted((self.range_from, self.cursor))
        ids, versions = self._listing.ids[first : last + 1], self._listing.versions[first : last + 1]
        self.range_from = None
        self.marks.add(zip(ids, versions, strict=True))
        self.post_message(self.Marking())
        self.paint()

    def drop_range(self) -> bool:
        """Leave the range; False when none was started."""
        started, self.range_from = self.range_from is not None, None
        self.paint()
        return started

    # -- rows --------------------------------------------------------------------------------------------------

    def _load(self) -> None:
        """Fetch what the window and its neighbours lack, unless that is under way."""
        if not self._loading and self._wanted():
            self._loading = True
            self.run_worker(self._fetch, group="rows")

    def _wanted(self) -> list[int]:
        top, height = self.top, self.height
        return self._rows.missing(self._listing, top, top + height) or self._rows.missing(
            self._listing, top - height, top + 2 * height
        )

    async def _fetch(self) -> None:
        try:
            while wanted := self._wanted():
                rows = await self._provider(wanted)
                if not rows:
                    # They are gone; the refresh that follows every change takes them off the list.
                    break
                self._keep(rows)
                self.paint()
        finally:
            self._loading = False

    def _keep(self, rows: Sequence[Row]) -> None:
        self._rows.keep(rows, self._listing.ids[max(0, self.top - self.height) : self.top + 2 * self.height])
        money = self._money.grown(rows, self._currency)
        if money != self._money:
            self._money = money
            self._lay_out()

    # -- drawing -----------------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        """Fit the columns into the new width."""
        self._scroll(self.top)
        self._lay_out()
        self._load()
        self.paint()

    def _lay_out(self) -> None:
        self._columns = fit(self.size.width, self._money, with_status=self.with_status)
        self._rows.lay_out(self._columns)
        self.paint()

    def paint(self) -> None:
        """Draw anew what differs from what stands on the screen."""
        if not self.size.width:
            return
        parts = heading(self._columns, self.sort, self.active, descending=self.descending)
        box = self._header_box()
        if (parts, box) != (self._heading, self._box):
            width = PREFIX if parts == self._heading else self.size.width
            self._heading, self._box = parts, box
            self.refresh(Region(0, 0, width, 1))
        old, self._drawn = self._drawn, [self._line(y) for y in range(self.size.height - 1)]
        for y, line in enumerate(self._drawn):
            before = old[y] if y < len(old) else None
            if before != line:
                width = PREFIX if before and before.text == line.text else self.size.width
                self.refresh(Region(0, y + 1, width, 1))

    def _header_box(self) -> str:
        if not len(self.marks):
            return " "
        return "x" if len(self.marks) >= len(self._listing.ids) > 0 else "-"

    def _line(self, y: int) -> Drawn:
        index = self.top + y
        ids = self._listing.ids
        if index >= len(ids):
            return Drawn("", "  " + self.empty if y == 1 and not ids else "")
        number = ids[index]
        row = self._rows.get(number)
        gutter = ">" if index == self.cursor else "|" if self._in_range(index) else " "
        prefix = f"{gutter}[{'x' if number in self.marks else ' '}]"
        return Drawn(prefix, self._rows.text(row) if row else "", index == self.cursor)

    def _in_range(self, index: int) -> bool:
        if self.range_from is None:
            return False
        return min(self.range_from, self.cursor) <= index <= max(self.range_from, self.cursor)

    def render_line(self, y: int) -> Strip:
        """One line: the header, or gutter and checkbox and a row."""
        width = self.size.width
        if y == 0:
            parts = [Segment(f" [{self._box}]", BOLD)]
            parts += [Segment(text, UNDERLINED if active else BOLD) for text, active in self._heading]
            return Strip(parts).adjust_cell_length(width)
        if y > len(self._drawn):
            return Strip([Segment(" " * width)], width)
        line = self._drawn[y - 1]
        parts = [Segment(line.prefix, REVERSE if line.is_cursor else None)] if line.prefix else []
        return Strip([*parts, Segment(line.text)]).adjust_cell_length(width)

    # -- the mouse ---------------------------------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        """The box marks, the header sorts, a row takes the cursor."""
        if event.y == 0:
            self._click_heading(event.x)
            return
        index = self.top + event.y - 1
        if index < len(self._listing.ids):
            if 0 < event.x < PREFIX:
                self.toggle(index)
            self.move(index)

    def _click_heading(self, x: int) -> None:
        if x <= PREFIX:
            self.post_message(self.BoxClicked())
            return
        edge = PREFIX
        for column in self._columns:
            edge += column.width + 1
            if x < edge:
                if column.sort is not None:
                    self.post_message(self.HeadingClicked(column.sort))
                return

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Three rows down."""
        event.stop()
        self.move(self.cursor + 3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Three rows up."""
        event.stop()
        self.move(self.cursor - 3)

    @property
    def sorts(self) -> list[SortBy]:
        """The columns on screen that can be sorted by, from left to right."""
        return [column.sort for column in self._columns if column.sort is not None]
