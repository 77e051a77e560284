"""The invoice list: one line-API widget that draws its own rows and repaints only what changed.

A line is the gutter with the cursor and the checkbox (4 cells), and the row's text. A dirty region is drawn from the
widget's left edge, so moving the cursor or marking repaints 4 cells a row. Rows come from a source by their places, a
window and a page around it at a time: it costs the same however long the list is. A row that is not there yet is
blank; moving never waits for it, keys that act on it do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from store.invoices import Row, SortBy
from store.looking import Glance, Stand
from tui.keymap import Place, bindings
from tui.text import wrapped
from tui.widgets import marks as marking
from tui.widgets.columns import PREFIX, Column, Widths, fit, heading
from tui.widgets.loaded_rows import LoadedRows, Source
from tui.widgets.marks import Marks

REVERSE = Style(reverse=True)
BOLD = Style(bold=True)
UNDERLINED = Style(bold=True, underline=True)


@dataclass(frozen=True, slots=True)
class Drawn:
    """One line as it stands on the screen."""

    prefix: str
    text: str
    is_cursor: bool = False


class InvoiceTable(LoadedRows, can_focus=True):
    """A list of invoices with checkboxes. ``marks`` are those of the view that is listed; ``paint`` after changing them.

    Marking happens at the key, not in a message: the next key of a burst may decide on the marks, or leave the view.
    """

    BINDINGS = bindings(Place.TABLE)

    @dataclass
    class CursorMoved(Message):
        """The cursor stands on another invoice, or on none."""

        invoice_id: int | None
        by_hand: bool

    @dataclass
    class Marking(Message):
        """``marks`` changed, by the one ``row`` or by several (None)."""

        marks: Marks
        row: Row | None = None

    class BoxClicked(Message):
        """The header box: mark all, or none."""

    @dataclass
    class HeadingClicked(Message):
        """Sort by this column."""

        sort: SortBy

    def __init__(self, source: Source, currency: str, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(source, currency, id=id)
        self._currency = currency
        self._columns: tuple[Column, ...] = ()
        self._widths = Widths()
        self._drawn: list[Drawn] = []
        self._heading: list[tuple[str, bool]] = []
        self._box = " "
        self._announced: int | None = None
        self._anchor: int | None = None
        # All that is listed is marked, as far as it is counted.
        self.all_marked = False
        self.with_status = False
        self.sort = SortBy.VENDOR
        self.active = SortBy.VENDOR
        self.descending = False
        self.empty = ""
        self.range_from: int | None = None

    # -- what is listed ----------------------------------------------------------------------------------------

    @property
    def height(self) -> int:
        """How many rows fit below the header."""
        return max(1, self.size.height - 1)

    def stand(self, *, narrowed: bool = False) -> Stand:
        """Where the cursor stands, on how many rows at most."""
        height = max(self.height, self.app.size.height // 2)
        near = (
            *range(self.cursor + 1, self.cursor + 2 * height),
            *range(self.cursor - 1, self.top - height, -1),
        )
        ids = tuple(row.id for place in near if (row := self._rows.at(place)) is not None)
        return Stand(self.current, self.cursor, self.cursor - self.top, height, self._anchor, narrowed, ids)

    def show(self, glance: Glance, offset: int) -> None:
        """Show another listing, with the cursor ``offset`` rows below the top of the screen as far as that goes."""
        self._listing = glance.listing
        self._rows.begin(glance.page.first, glance.page.rows)
        self.cursor = glance.cursor
        self.range_from = glance.anchor
        if glance.anchor is None:
            self._anchor = None
        self._scroll(self.cursor - offset)
        self._measure(glance.page.rows)
        self._announce(by_hand=False)
        self._load()
        self.paint()
        self.turns.go()

    def forget_widths(self) -> None:
        """Another view: its columns start narrow again."""
        self._widths = Widths()
        self._lay_out()

    # -- moving ------------------------------------------------------------------------------------------------

    def move(self, index: int) -> None:
        """The cursor to this place; beyond the edge the list flips half a page."""
        index = max(0, min(index, self.count - 1))
        if index == self.cursor or not self.count:
            return
        self.cursor = index
        if not self.top <= index < self.top + self.height:
            near = abs(index - (self.top if index < self.top else self.top + self.height - 1)) == 1
            half = self.height // 2
            forward = index >= self.top
            self._scroll(self.top + (half if forward else -half) if near else index - half)
        self._moved()

    def _scroll(self, top: int) -> None:
        top = max(0, min(top, self.count - self.height))
        # The cursor is always on the screen.
        self.top = max(min(top, self.cursor), self.cursor - self.height + 1, 0)

    def _page(self, step: int) -> None:
        was = self.cursor
        self.cursor = max(0, min(self.cursor + step, self.count - 1))
        self._scroll(self.top + step)
        if self.cursor != was:
            self._moved()

    def _moved(self) -> None:
        self._announce(by_hand=True)
        self._load()
        self.paint()

    def _announce(self, *, by_hand: bool) -> None:
        if by_hand or self.current != self._announced:
            self._announced = self.current
            self.post_message(self.CursorMoved(self.current, by_hand))

    def _step(self, step: int) -> None:
        self.turns.do(lambda: self.move(self.cursor + step), lambda: self.reaches(self.cursor + step))

    def action_cursor_down(self) -> None:
        """One down."""
        self._step(1)

    def action_cursor_up(self) -> None:
        """One up."""
        self._step(-1)

    def action_page_down(self) -> None:
        """A page down."""
        self.turns.do(lambda: self._page(self.height), lambda: self.reaches(self.cursor + self.height))

    def action_page_up(self) -> None:
        """A page up."""
        self.turns.do(lambda: self._page(-self.height))

    def action_first(self) -> None:
        """To the top."""
        self.turns.do(lambda: self.move(0))

    def action_last(self) -> None:
        """To the end, when it is known where that is."""
        self.turns.do(lambda: self.move(self.count - 1), lambda: self._listing.complete)

    # -- marking -----------------------------------------------------------------------------------------------

    def action_mark(self) -> None:
        """Mark or unmark, and move down."""
        self.turns.do(self._mark, self.boxed)

    def _mark(self) -> None:
        self._source.acted()
        self.toggle(self.cursor)
        self.turns.then(lambda: self.move(self.cursor + 1), lambda: self.reaches(self.cursor + 1))

    def toggle(self, index: int) -> None:
        """Mark or unmark the invoice at this place; nothing where it is not known."""
        row = self._rows.at(index)
        if row is not None and self.marks.has(row.id) is not None:
            self.marks.toggle(row.id, row.version)
            self.post_message(self.Marking(self.marks, row))
            self.paint()

    def action_range(self) -> None:
        """Start a range here, or mark the one that was started."""
        self.turns.do(self._range, self.loaded)

    def _range(self) -> None:
        anchor, start, current = self._anchor, self.range_from, self.current
        if current is None:
            return
        self._source.acted()
        if anchor is None or start is None:
            self.range_from, self._anchor = self.cursor, current
            self.paint()
            return
        self.range_from = self._anchor = None
        rows = self._rows.between(*sorted((start, self.cursor)))
        if rows is None or len(rows) > marking.LIMIT:
            self._source.mark_range(anchor, current)
        else:
            self.marks.add((row.id, row.version) for row in rows)
            self.post_message(self.Marking(self.marks))
        self.paint()

    def drop_range(self) -> bool:
        """Leave the range; False when none was started."""
        started, self.range_from, self._anchor = self.range_from is not None, None, None
        self.paint()
        return started

    # -- drawing -----------------------------------------------------------------------------------------------

    def taken(self, rows: Sequence[Row]) -> None:
        """Rows have come, that of the cursor maybe among them."""
        self._announce(by_hand=False)
        self._measure(rows)

    def _measure(self, rows: Sequence[Row]) -> None:
        widths = self._widths.grown(rows, self._currency)
        if widths != self._widths:
            self._widths = widths
            self._lay_out()

    def on_resize(self) -> None:
        """Fit the columns into the new width."""
        self._scroll(self.top)
        self._lay_out()
        self._load()
        self.paint()

    def _lay_out(self) -> None:
        self._columns = fit(self.size.width, self._widths, with_status=self.with_status)
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
        if self.marks.empty:
            return " "
        return "x" if self.all_marked and self.count else "-"

    def _line(self, y: int) -> Drawn:
        index = self.top + y
        if index >= self.count:
            said = [] if self.count else wrapped(self.empty, max(1, self.size.width - 4))
            return Drawn("", f"  {said[y - 1]}" if 0 < y <= len(said) else "")
        row = self._rows.at(index)
        gutter = ">" if index == self.cursor else "|" if self._in_range(index) else " "
        prefix = f"{gutter}[{'x' if row is not None and self.marks.box(row.id) else ' '}]"
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
        row = self._rows.at(index)
        if row is not None:
            self.turns.do(lambda: self._click(index, row.id, box=0 < event.x < PREFIX))

    def _click(self, index: int, clicked: int, *, box: bool) -> None:
        row = self._rows.at(index)
        # It may have waited for another list, where something else stands at that place.
        if row is not None and row.id == clicked:
            if box:
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
        self._step(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Three rows up."""
        event.stop()
        self._step(-3)

    @property
    def sorts(self) -> list[SortBy]:
        """The columns on screen that can be sorted by, from left to right."""
        return [column.sort for column in self._columns if column.sort is not None]
