"""One user: what the Directory keeps of him, what that means, and who changed it when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from store import people
from store.domain.errors import PayappError
from store.domain.text import one_line
from tui.keymap import Place, bindings
from tui.screens.wide import WideDialog
from tui.user_text import page

if TYPE_CHECKING:
    from tui.bootstrap import Desk


class UserPage(WideDialog[None]):
    """Read through the store when it opens."""

    CSS_PATH = ["dialog.tcss", "dry_run.tcss"]
    FIRST = VerticalScroll.__name__
    GUARD = 0.0
    BINDINGS = bindings(Place.USER)

    def __init__(self, desk: Desk, login: str) -> None:
        super().__init__()
        self._desk, self._login = desk, login

    def compose(self) -> ComposeResult:
        """Who, what, since when, the keys."""
        with Vertical(classes="frame"):
            yield Static(one_line(self._login), classes="title", markup=False)
            with VerticalScroll(classes="read"):
                yield Static(id="user", markup=False)
            yield Static("Up, Down scroll   Esc closes", classes="note", markup=False)

    def on_mount(self) -> None:
        """Read it."""
        super().on_mount()
        self.run_worker(self._read, group="read", exclusive=True)

    async def _read(self) -> None:
        desk = self._desk
        try:
            user = await desk.db.read(people.one, desk.me, self._login)
            events = await desk.db.read(people.history, desk.me, self._login)
        except PayappError as error:
            text = str(error)
        else:
            text = "\n".join(page(user, events, desk.company.currency))
        self.query_one("#user", Static).update(text)

    def action_scroll(self, lines: int) -> None:
        """Read on, or back."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)
