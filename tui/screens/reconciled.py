"""What a reconciliation found, read while the ERP is asked; it changes nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from store.domain.errors import PayappError
from store.domain.text import safe
from tui.keymap import Place, bindings
from tui.screens.wide import WideDialog


class ReconciledScreen(WideDialog[None]):
    """Compares from that day on as soon as it is open; ``give_up`` ends what is read for it when it is left before."""

    CSS_PATH = ["dialog.tcss", "dry_run.tcss"]
    FIRST = VerticalScroll.__name__
    GUARD = 0.0
    BINDINGS = bindings(Place.ENTRY)

    def __init__(
        self, reconcile: Callable[[date], Awaitable[list[str]]], first: date, give_up: Callable[[], None]
    ) -> None:
        super().__init__()
        self._reconcile, self._first, self._give_up = reconcile, first, give_up
        self._asking = False

    def compose(self) -> ComposeResult:
        """What the ERP has, and the keys."""
        with Vertical(classes="frame"):
            yield Static("Reconcile: what was sent, and what the ERP has", classes="title", markup=False)
            with VerticalScroll(classes="read"):
                yield Static("Asking the ERP.", id="told", markup=False)
            yield Static(
                "Up, Down scroll   Esc closes   payapp reconcile settles what differs",
                classes="note",
                markup=False,
            )

    def on_mount(self) -> None:
        """Ask."""
        super().on_mount()
        self.run_worker(self._compare, group="reconcile", exclusive=True)

    async def _compare(self) -> None:
        self._asking = True
        try:
            told = "\n".join(await self._reconcile(self._first))
        except PayappError as error:
            told = str(error)
        self._asking = False
        self.query_one("#told", Static).update(safe(told, lines=True))

    def on_unmount(self) -> None:
        """Nobody waits for it any more."""
        if self._asking:
            self._give_up()

    def action_step(self, lines: int) -> None:
        """Read on, or back."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)

    def action_page(self, pages: int) -> None:
        """A page on, or back."""
        scroll = self.query_one(VerticalScroll)
        scroll.scroll_relative(y=pages * max(1, scroll.size.height - 1), animate=False)

    def action_jump(self) -> None:
        """There is none to go to from here."""
        self.dismiss(None)
