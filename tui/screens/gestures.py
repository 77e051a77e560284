"""What the keys do in every list of invoices besides marking: views, filter, order, detail."""

from __future__ import annotations

from functools import partial
from typing import Generic

from tui.keymap import help_places, sections, way
from tui.screens.help import HelpScreen
from tui.screens.listing import FILTERING, V
from tui.screens.marking import MarkingScreen
from tui.screens.more import MAPPINGS, MoreScreen, screen_of
from tui.screens.views import open_views
from tui.widgets.bar import Bar
from tui.widgets.filter_line import FilterLine
from tui.widgets.invoice_table import InvoiceTable


class GestureScreen(MarkingScreen[V], Generic[V]):
    """The keys that decide nothing."""

    # -- views, filter, order ----------------------------------------------------------------------------------

    def show_view(self, view: V) -> None:
        """Another view; its own marks."""
        if view == self.view:
            return
        if (self.view, self.query_text) == self._shown:
            self._cursors[self.view] = self.table.current or 0
        self._cursors.setdefault(view, 0)
        self.view = view
        self.only_marked = False
        self.say("")
        self.forget_keys()
        self.close_query()
        self.close_detail()
        self.table.drop_range()
        self.table.forget_widths()
        self.hold()
        self.request()

    def forget_keys(self) -> None:
        """Keys that wait for a list that will not come any more must not act on another."""
        if count := self.table.turns.forget():
            self.say(f"Another list was asked for: {count:,} {'key' if count == 1 else 'keys'} dropped.")

    def _view_number(self, number: int) -> None:
        views = list(self.TITLES)
        if number <= len(views):
            self.show_view(views[number - 1])
        else:
            asked, first, last = (way(f"list.view-{n}") for n in (number, 1, len(views)))
            self.say(f"There is no view {asked} here. Press {first} to {last}.")

    def action_view_1(self) -> None:
        """The first view."""
        self._view_number(1)

    def action_view_2(self) -> None:
        """The second view."""
        self._view_number(2)

    def action_view_3(self) -> None:
        """The third view."""
        self._view_number(3)

    def action_view_4(self) -> None:
        """The fourth view."""
        self._view_number(4)

    def action_view_5(self) -> None:
        """The fifth view."""
        self._view_number(5)

    def _view_beside(self, step: int) -> None:
        views = list(self.TITLES)
        self.show_view(views[(views.index(self.view) + step) % len(views)])

    def action_view_left(self) -> None:
        """The view to the left."""
        self._view_beside(-1)

    def action_view_right(self) -> None:
        """The view to the right."""
        self._view_beside(1)

    def action_filter(self) -> None:
        """Into the filter."""
        self.say("")
        self.close_detail()
        self.forget_keys()
        self.table.turns.hold(FILTERING)
        box = self.query_one(FilterLine).box
        box.cursor_position = len(box.value)
        self.set_focus(box)

    def action_clear_filter(self) -> None:
        """All of the view again."""
        self.say("")
        self.only_marked = False
        self.forget_keys()
        self.query_one(FilterLine).box.value = ""
        self.filter_to("")
        self.hold()
        self.request()

    def action_saved_views(self) -> None:
        """Load, save, edit or delete a view of one's own."""
        self.in_turn(partial(self.run_worker, partial(open_views, self), group="decide"))

    def _column_beside(self, step: int) -> None:
        table = self.table
        sorts = table.sorts
        place = sorts.index(table.active) if table.active in sorts else 0
        table.active = sorts[(place + step) % len(sorts)]
        table.paint()
        self.say(f"Active column: {table.active.value}. {way('list.sort')} sorts by it.")

    def action_column_left(self) -> None:
        """The active column moves left."""
        self._column_beside(-1)

    def action_column_right(self) -> None:
        """The active column moves right."""
        self._column_beside(1)

    def action_sort(self) -> None:
        """Sort by the active column; again reverses."""
        self.say("")
        if self.sort is self.table.active:
            self.descending = not self.descending
        else:
            self.sort, self.descending = self.table.active, False
        self.hold()
        self.request()

    # -- the detail --------------------------------------------------------------------------------------------

    def action_open(self) -> None:
        """The detail: beside the list it takes the keys, in a narrow window it takes the list's place."""
        if self.table.current is None:
            self.say(self.empty_text())
            return
        self.say("")
        if not self.has_class("wide"):
            self.add_class("reading")
        self.set_focus(self.pane)
        self._show_detail()

    def close_detail(self) -> bool:
        """Back to the list; False when one is there already."""
        was_reading = self.has_class("reading") or self.pane.has_focus
        self.remove_class("reading")
        if was_reading:
            self.say("")
            self.set_focus(self.table)
        return was_reading

    def action_next_pane(self) -> None:
        """List and detail take turns."""
        if self.pane.has_focus:
            self.close_detail()
        else:
            self.action_open()

    def action_previous_pane(self) -> None:
        """There are two panes: back is forth."""
        self.action_next_pane()

    def action_next_invoice(self) -> None:
        """The next one, with the keys where they are."""
        self.table.action_cursor_down()

    def action_previous_invoice(self) -> None:
        """The one before."""
        self.table.action_cursor_up()

    def show_section(self, section: str) -> None:
        """Open the detail at this section."""
        self.say("")
        if not self.reading:
            self.action_open()
        self.pane.set_section(section)

    def action_show_lines(self) -> None:
        """G703 lines: below what else is told of the invoice."""
        self.show_section("lines")
        self.pane.show_lines(self.table.current)

    def action_show_history(self) -> None:
        """What happened to it."""
        self.show_section("history")

    def action_show_errors(self) -> None:
        """Errors with cause and fix."""
        self.show_section("errors")

    # -- the rest ----------------------------------------------------------------------------------------------

    def action_cancel(self) -> None:
        """Leave what is under way, innermost first."""
        self.say("")
        if self.close_query() or self.table.drop_range() or self.close_detail():
            return
        if self.only_marked and self.table.has_focus:
            self.only_marked = False
            self.hold()
            self.request()
        self.set_focus(self.table)

    # -- the mouse ---------------------------------------------------------------------------------------------

    def on_invoice_table_box_clicked(self) -> None:
        """The header box does what ``a`` does."""
        self.action_mark_all()

    def on_invoice_table_heading_clicked(self, event: InvoiceTable.HeadingClicked) -> None:
        """Sort by that column."""
        self.table.active = event.sort
        self.action_sort()

    def on_bar_clicked(self, event: Bar.Clicked) -> None:
        """Views and sections can be clicked."""
        self.run_worker(partial(self.run_action, event.action.replace("-", "_")), group="click")

    # -- the whole screen --------------------------------------------------------------------------------------

    def action_refresh(self) -> None:
        """Read everything anew."""
        self.say("Everything is read anew.")
        self.request()

    def action_redraw(self) -> None:
        """Write the whole screen again."""
        self.refresh(layout=True)
        self.app.refresh()

    def action_help(self) -> None:
        """The keys of this place."""
        self.say("")
        places = help_places(*self.live, decides=self.decides)
        found = sections(*places, views=[*self.TITLES.values()], decides=self.decides)
        if why := self.why_not():
            found.insert(0, ("Deciding", [("", why)]))
        self.app.push_screen(HelpScreen(self.TOOL, found))

    def action_more(self) -> None:
        """The other tools."""
        self.say("")
        self.app.push_screen(MoreScreen(self.desk.me), self._open_tool)

    def _open_tool(self, tool: str | None) -> None:
        if tool is None:
            return
        text = self.mappings_text() if tool == MAPPINGS else ""
        if (screen := screen_of(tool, self.desk, text)) is not None:
            self.app.push_screen(screen, self._open_tool)
        else:
            self.close_detail()
            self.app.switch_screen(tool)

    def mappings_text(self) -> str:
        """What the tab Mappings is narrowed to where it is opened from here."""
        return ""

    def action_quit(self) -> None:
        """Leave; what was exported goes on in the worker."""
        self.app.exit()
