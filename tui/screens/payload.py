"""The payload of one invoice as it would be sent, below what a dry run has to say of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from store import invoices, previewing
from store.causes import with_said
from store.domain.errors import PayappError
from store.domain.text import safe
from tui.keymap import Place, bindings
from tui.screens.dry_run_text import about
from tui.screens.trying import Subject
from tui.screens.wide import WideDialog
from tui.text import cut

if TYPE_CHECKING:
    from tui.bootstrap import Desk


class PayloadScreen(WideDialog[None]):
    """What is said of one invoice, and its payload as it would be frozen; n and p go through the others."""

    CSS_PATH = ["dialog.tcss", "dry_run.tcss"]
    FIRST = VerticalScroll.__name__
    GUARD = 0.0
    BINDINGS = bindings(Place.PAYLOAD)

    def __init__(self, desk: Desk, ids: Sequence[int], subject: Subject, place: int = 0) -> None:
        super().__init__()
        self._desk, self._ids, self._subject = desk, ids, subject
        self._place = place

    def compose(self) -> ComposeResult:
        """Which one, what is said of it, its payload, the keys."""
        with Vertical(classes="frame"):
            yield Static(id="which", classes="title", markup=False)
            with VerticalScroll(classes="read"):
                yield Static(id="payload", markup=False)
            yield Static("n, p: next, previous   Up, Down scroll   Esc closes", classes="note", markup=False)

    def on_mount(self) -> None:
        """The first one."""
        super().on_mount()
        self.action_turn(0)

    def action_turn(self, step: int) -> None:
        """The next one, or the one before."""
        self._place = max(0, min(self._place + step, len(self._ids) - 1))
        self.run_worker(self._read(self._place), group="payload", exclusive=True)

    async def _read(self, place: int) -> None:
        desk, number, of = self._desk, self._ids[place], self._subject
        said, name = [], ""
        try:
            for row in await desk.db.read(invoices.rows, [number], desk.me):
                name = f": {cut(row.number, 40).rstrip()}"
            snags = await desk.db.read(
                previewing.snags, desk.me, [number], desk.profile, of.action, of.day, of.description, of.override,
                of.local,
            )  # fmt: skip
            said = [
                f"{snag.effect.upper()}: {about(snag.cause, snag.fix)}\n"
                for snag in with_said(snags.get(number, []), of.said.get(number, ()))
            ]
            text = await desk.db.read(
                previewing.payload, desk.me, number, desk.profile, of.action, of.day, of.description, of.override
            )  # fmt: skip
        except PayappError as error:
            # Why it stays is said already.
            text = "It has no payload as long as it stays." if said else str(error)
        self.query_one("#which", Static).update(f"Payload {place + 1:,} of {len(self._ids):,}{name}")
        self.query_one("#payload", Static).update(safe("\n".join([*said, text]), lines=True))
        self.query_one(VerticalScroll).scroll_home(animate=False)

    def action_scroll(self, lines: int) -> None:
        """Read on, or back."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)
