"""What a key of the desk brings about, as conditions on a hand: where the cursor is, what is open, marked, listed."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from hand import Hand
from textual.containers import VerticalScroll
from textual.widgets import Input

from store.domain.status import ProjectView, View
from store.invoices import SortBy
from tui.screens.edit import EditScreen
from tui.screens.gestures import GestureScreen
from tui.widgets.choice_line import ChoiceLine
from tui.widgets.detail import DetailPane
from tui.widgets.export_panel import ExportPanel
from tui.widgets.filter_line import FilterLine
from tui.widgets.invoice_table import InvoiceTable
from tui.widgets.row_table import RowTable

Seen = Callable[[Hand], object]


def at(place: int) -> Seen:
    """The cursor is there; below 0 as Python counts."""
    return lambda hand: hand.invoices.table.cursor == place % hand.invoices.table.count


def a_page(hand: Hand) -> bool:
    return hand.invoices.table.cursor == hand.invoices.table.height


def on(kind: type) -> Seen:
    """A screen of that kind is the topmost."""
    return lambda hand: isinstance(hand.app.screen, kind)


def focused(kind: type) -> Seen:
    return lambda hand: hand.focused(kind)


def box(name: str) -> Seen:
    """The box of that id has the focus."""
    return lambda hand: hand.app.focused is not None and hand.app.focused.id == name


def marked(*numbers: str) -> Seen:
    return lambda hand: hand.marked() == set(numbers)


def view(wanted: View | ProjectView) -> Seen:
    return lambda hand: (
        hand.view() == wanted and hand.app.screen.query_one(InvoiceTable).listing.order.view is wanted
    )


def active(column: SortBy) -> Seen:
    return lambda hand: hand.invoices.table.active is column


def section(name: str) -> Seen:
    return lambda hand: hand.invoices.pane.section == name and hand.focused(DetailPane)


def detail_top(where: Callable[[DetailPane], int]) -> Seen:
    """The first line of the detail that is seen."""
    return lambda hand: hand.invoices.pane._top == where(hand.invoices.pane)


def scrolled(where: Callable[[VerticalScroll], float]) -> Seen:
    """The first line that is seen of what a dialog lets one read."""

    def seen(hand: Hand) -> bool:
        text = hand.app.screen.query_one(VerticalScroll)
        return text.max_scroll_y > 0 and text.scroll_y == where(text)

    return seen


def row(place: int) -> Seen:
    """The cursor of the mappings is there; below 0 as Python counts."""

    def seen(hand: Hand) -> bool:
        table = hand.app.screen.query_one(RowTable)
        return table.cursor == place % max(1, table.count)

    return seen


def mappings(count: int) -> Seen:
    """So many codes are listed."""
    return lambda hand: hand.app.screen.query_one(RowTable).count == count


def says(selector: str, words: str) -> Seen:
    return lambda hand: words in hand.text(selector)


def state(number: str, erp_status: str) -> Seen:
    return lambda hand: hand.state(number)[0] == erp_status


def status(number: str, wanted: str) -> Seen:
    sql = "SELECT status FROM invoices WHERE number = ?"
    return lambda hand: hand.app.desk.db.execute(sql, (number,)).fetchone()[0] == wanted


def panel(*, shown: bool) -> Seen:
    return lambda hand: hand.invoices.query_one(ExportPanel).display is shown


def filled(selector: str, text: str) -> Seen:
    """That box has the focus, and that in it."""

    def seen(hand: Hand) -> bool:
        box = hand.app.screen.query_one(selector, Input)
        return box.has_focus and box.value == text

    return seen


def boxed(text: str) -> Seen:
    """A tool's filter is that."""
    return lambda hand: hand.app.screen.query_one("#filter-box", Input).value == text


def filtered(text: str) -> Seen:
    return lambda hand: hand.invoices.query_one(FilterLine).box.value == text


def choice(place: int) -> Seen:
    return lambda hand: hand.focused(ChoiceLine) and cast("ChoiceLine", hand.app.focused).chosen == place


def command(place: int) -> Seen:
    return lambda hand: hand.invoices.command_line.chosen == place


def line(place: int) -> Seen:
    return lambda hand: cast("EditScreen", hand.app.screen)._at == place


def bell(hand: Hand) -> bool:
    return sorted(hand.listed()) == ["R-01", "R-04", "R-07"] and hand.focused(InvoiceTable)


def gone(hand: Hand) -> bool:
    """The desk has been left."""
    return hand.app._exit


back = on(GestureScreen)


def listed(number: str) -> Seen:
    return lambda hand: number in hand.listed()
