"""A user's saved views: load one, save the list as it is, edit, delete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from store import saved_views
from store.domain.errors import PayappError
from store.domain.status import ProjectView, View
from store.invoices import SortBy
from store.saved_views import NAME_MOST, NameTaken, SavedView
from tui.keymap import Place, bindings
from tui.screens.ask import AskScreen
from tui.screens.dialog import Dialog
from tui.screens.fields import field
from tui.text import cut
from tui.widgets.filter_line import FilterLine

if TYPE_CHECKING:
    from tui.bootstrap import Desk
    from tui.screens.gestures import GestureScreen
    from tui.screens.listing import V

Views = View | ProjectView
NAME_CELLS, VIEW_CELLS, ORDER_CELLS = 20, 16, 11
LINE_CELLS = 72
IN_THE_LIST = "Enter loads  s saves the list as it is  e edits  x deletes  Esc closes"
IN_A_BOX = "Enter saves name and filter  Tab: the other box  Esc closes, saves nothing"
# Workers that wait for what is answered in a dialog.
ASKING = "decide"


@dataclass(frozen=True, slots=True)
class Shown:
    """What a list shows, in which order."""

    view: Views
    query: str
    sort: SortBy
    descending: bool


@dataclass(frozen=True, slots=True)
class ViewChoice:
    """The view to show; ``new``: it was saved now from what the list shows."""

    saved: SavedView
    new: bool


class ViewsScreen(Dialog[ViewChoice | None]):
    """The views of one tool, whose ``titles`` they are saved under; ``now`` is what the list shows."""

    CSS_PATH = ["dialog.tcss", "views.tcss"]
    # It decides nothing, and what deletes asks first.
    GUARD = 0.0
    FIRST = "#saved"
    BINDINGS = bindings(Place.VIEWS)

    def __init__(self, desk: Desk, now: Shown, titles: Mapping[Views, str]) -> None:
        super().__init__()
        self._db, self._me = desk.db, desk.me
        self._now = now
        self._titles = titles
        self._views: Sequence[SavedView] = ()
        # The view that is being edited; None while the list as it is gets a name.
        self._edited: SavedView | None = None

    # -- parts -------------------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """The views, a box for the name and one for the filter."""
        with Vertical(classes="frame"):
            yield Static("Saved views", classes="title", markup=False)
            yield OptionList(id="saved", markup=False)
            yield Static("", id="elsewhere", classes="note", markup=False)
            yield field("Name", Input(id="name", max_length=NAME_MOST, select_on_focus=False))
            yield field("Filter", Input(self._now.query, id="query", select_on_focus=False))
            yield Static("", id="problem", classes="problem", markup=False)
            yield Static(IN_THE_LIST, id="how", classes="note", markup=False)

    def on_mount(self) -> None:
        """Read the views."""
        super().on_mount()
        self.run_worker(self._read)

    def on_descendant_focus(self) -> None:
        """The keys of where they go now."""
        in_a_box = isinstance(self.focused, Input)
        self.query_one("#how", Static).update(IN_A_BOX if in_a_box else IN_THE_LIST)

    @property
    def list(self) -> OptionList:
        """The views."""
        return self.query_one(OptionList)

    def _box(self, name: str) -> Input:
        return self.query_one(f"#{name}", Input)

    async def _read(self, at: str = "") -> None:
        """Show the views, with the cursor on the one of that name."""
        everything = await self._db.read(saved_views.views, self._me)
        # What no tool knows any more is shown in each: only here it can be deleted.
        self._views = [saved for saved in everything if saved.view is None or saved.view in self._titles]
        place = self.list.highlighted or 0
        self.list.clear_options()
        self.list.add_options(
            [Option(Text(self._line(saved), no_wrap=True)) for saved in self._views]
            or [Option("None yet: s gives the list as it is a name.", disabled=True)]
        )
        if self._views:
            names = [saved.name for saved in self._views]
            self.list.highlighted = names.index(at) if at in names else min(place, len(names) - 1)
        rest = len(everything) - len(self._views)
        self.query_one("#elsewhere", Static).display = bool(rest)
        self.query_one("#elsewhere", Static).update(f"{rest:,} more in the other tool")

    def _line(self, saved: SavedView) -> str:
        title = "?" if saved.view is None else self._titles[saved.view]
        order = "?" if saved.sort is None else saved.sort.capitalize() + (" v" if saved.descending else " ^")
        query = f"! {saved.query}" if saved.fault else saved.query or "(all)"
        room = LINE_CELLS - NAME_CELLS - VIEW_CELLS - ORDER_CELLS - 3
        return " ".join((
            cut(saved.name, NAME_CELLS), cut(title, VIEW_CELLS), cut(query, room), cut(order, ORDER_CELLS),
        ))  # fmt: skip

    def _current(self) -> SavedView | None:
        place = self.list.highlighted
        return self._views[place] if place is not None and place < len(self._views) else None

    def _tell(self, text: str) -> None:
        problem = self.query_one("#problem", Static)
        problem.update(text)
        problem.display = bool(text)

    # -- keys --------------------------------------------------------------------------------------------------

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Show it; one whose filter cannot be read says why, and the list keeps what it shows."""
        event.stop()
        saved = self._current()
        if saved is None:
            return
        if saved.fault:
            self._tell(f"At character {(saved.position or 0) + 1} of its filter: {saved.fault} e edits it.")
        elif saved.view is None or saved.sort is None:
            self._tell("Another version of payapp saved it. e and Enter save it with this list's order.")
        else:
            self.dismiss(ViewChoice(saved, new=False))

    def action_save(self) -> None:
        """A name for the list as it is."""
        self._begin(None, "", self._now.query, "name")

    def action_edit(self) -> None:
        """Another filter for the view, with the cursor where it cannot be read."""
        if (saved := self._current()) is not None:
            self._begin(saved, saved.name, saved.query, "query")
            if saved.position is not None:
                self._box("query").cursor_position = saved.position

    def _begin(self, edited: SavedView | None, name: str, query: str, box: str) -> None:
        self._edited = edited
        self._tell("")
        for field_name, text in (("name", name), ("query", query)):
            self._box(field_name).value = text
            self._box(field_name).cursor_position = len(text)
        self._box(box).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Save what the boxes say."""
        event.stop()
        self.run_worker(partial(self._save, self._box("name").value, self._box("query").value), group=ASKING)

    async def _save(self, name: str, query: str) -> None:
        edited = self._edited
        same = edited is not None and edited.name == name.strip()
        try:
            saved = await self._keep(name, query, replace=same)
        except NameTaken as taken:
            if not await self.app.push_screen_wait(
                AskScreen(taken.what + ". Overwrite it?", [], "overwrite it")
            ):
                return
            saved = await self._keep(name, query, replace=True)
        if edited is None and query == self._now.query:
            self.dismiss(ViewChoice(saved, new=True))
            return
        self._begin(None, "", self._now.query, "name")
        self.list.focus()
        await self._read(saved.name)

    async def _keep(self, name: str, query: str, *, replace: bool) -> SavedView:
        """An edited view keeps its tool's view and its order; those that no program knows become the list's."""
        of, now = self._edited, self._now
        if of is not None and of.view is not None and of.sort is not None:
            now = Shown(of.view, query, of.sort, of.descending)
        return await self._db.write(
            saved_views.save,
            self._me,
            name,
            now.view,
            query,
            now.sort,
            descending=now.descending,
            replace=replace,
        )

    def action_delete(self) -> None:
        """Forget the view under the cursor, after a question."""
        if (saved := self._current()) is not None:
            self.run_worker(partial(self._delete, saved), group=ASKING)

    async def _delete(self, saved: SavedView) -> None:
        about = [cut(saved.query or "(all)", LINE_CELLS)]
        if await self.app.push_screen_wait(
            AskScreen(f"Delete the view {saved.name}?", about, "delete it; the invoices stay")
        ):
            await self._db.write(saved_views.delete, self._me, saved.name)
            await self._read()


def shown_by(screen: GestureScreen[V]) -> Shown:
    """What the list is asked to show."""
    return Shown(screen.view, screen.query_text, screen.sort, screen.descending)


async def open_views(screen: GestureScreen[V]) -> None:
    """Let the user choose a view of the screen's tool, and show it."""
    if screen.app.screen is not screen:
        return
    desk = screen.desk
    titles: dict[Views, str] = dict(screen.TITLES.items())
    choice = await screen.app.push_screen_wait(ViewsScreen(desk, shown_by(screen), titles))
    if choice is not None:
        _show(screen, choice)
        return
    line = screen.query_one(FilterLine)
    try:
        there = {saved.name for saved in await desk.db.read(saved_views.views, desk.me)}
    except PayappError:
        return
    if line.view_name() not in there:
        line.view_name = str
        screen.show_lines()


def _show(screen: GestureScreen[V], choice: ViewChoice) -> None:
    saved = choice.saved
    view = next((view for view in screen.TITLES if view is saved.view), None)
    if view is None or saved.sort is None:
        return
    line = screen.query_one(FilterLine)
    wanted = Shown(view, saved.query, saved.sort, saved.descending)
    line.view_name = lambda: saved.name if shown_by(screen) == wanted else ""
    if choice.new:
        screen.show_lines()
        screen.say(f"Saved as {saved.name}. o loads it.")
        return
    screen.only_marked = False
    screen.show_view(view)
    screen.forget_keys()
    screen.sort, screen.descending = saved.sort, saved.descending
    screen.table.active = saved.sort
    line.box.value = saved.query
    screen.filter_to(saved.query)
    screen.request()
