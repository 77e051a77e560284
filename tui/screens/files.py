"""The attachments of an invoice: paths or links to add and to take away. Nothing is opened, fetched or run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Static

from store import attaching
from store.attaching import Attachment
from store.domain.errors import PayappError
from store.domain.text import one_line
from tui.keymap import Place, bindings
from tui.screens.dialog import Dialog
from tui.screens.fields import button, field
from tui.text import cut, moment
from tui.widgets.row_table import Column, RowTable

if TYPE_CHECKING:
    from tui.bootstrap import Desk

NONE = "None yet."


class FilesScreen(Dialog[bool]):
    """Lists them; closes with whether anything was changed. ``may``: the user adds and takes away, or reads alone."""

    CSS_PATH = ["dialog.tcss", "files.tcss"]
    BINDINGS = bindings(Place.FILES)

    def __init__(self, desk: Desk, invoice_id: int, number: str, *, may: bool) -> None:
        super().__init__()
        self.desk, self._invoice, self._number, self._may = desk, invoice_id, number, may
        self._changed = False
        self.FIRST = "#where" if may else "#close"

    def compose(self) -> ComposeResult:
        """What there is, the boxes for another one, the buttons."""
        columns: Sequence[Column[Attachment]] = (
            Column("Name", lambda row, width: cut(row.name, width), 14, 24),
            Column("Path or link", lambda row, width: cut(row.where, width), 16),
            Column("Added", _added, 12, 25),
        )
        with Vertical(classes="frame"):
            yield Static(cut(f"Attachments of {self._number}", 72), classes="title", markup=False)
            yield RowTable(columns, lambda row: row.id, lambda _row: "")
            yield Static(id="whole", classes="note", markup=False)
            if self._may:
                yield field("Path or link", Input(id="where", max_length=attaching.MOST))
                yield field("Name (optional)", Input(id="name", max_length=attaching.NAME_MOST))
            yield Static(id="problem", classes="problem", markup=False)
            with Horizontal(classes="buttons"):
                yield Static("Up, Down: which   Tab: go on" if self._may else "", id="how", markup=False)
                if self._may:
                    yield button("Remove", "remove")
                    yield button("Add", "add")
                yield button("Close", "close")

    @property
    def table(self) -> RowTable[Attachment]:
        """The list."""
        found: RowTable[Attachment] = self.query_one(RowTable)
        return found

    def on_mount(self) -> None:
        """Read what there is."""
        super().on_mount()
        self.query_one("#problem").display = False
        self.run_worker(self._read, group="read", exclusive=True)

    async def _read(self) -> None:
        found = await self.desk.db.read(attaching.of_invoice, self._invoice)
        self.table.show(found, NONE, follow=True)
        if self._may:
            self.query_one("#remove", Button).disabled = not found

    def on_row_table_moved(self, event: RowTable.Moved) -> None:
        """The one under the cursor, whole."""
        event.stop()
        row = self.table.current
        self.query_one("#whole", Static).update("" if row is None else one_line(row.where))

    def action_step(self, step: int) -> None:
        """The one below, or above."""
        self.table.move(self.table.cursor + step)

    def action_leave(self) -> None:
        """Close; what was added or taken away is."""
        self.dismiss(self._changed)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """On: from the last box to Add."""
        event.stop()
        self.focus_next()
        if event.input.id == "name":
            self.query_one("#add", Button).focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Add, take away, or close."""
        event.stop()
        match event.button.id:
            case "add":
                self.run_worker(self._add, group="save", exclusive=True)
            case "remove":
                self.run_worker(self._remove, group="save", exclusive=True)
            case _:
                self.action_leave()

    async def _add(self) -> None:
        where, name = self.query_one("#where", Input), self.query_one("#name", Input)
        try:
            await self.desk.db.write(attaching.attach, self.desk.me, self._invoice, where.value, name.value)
        except PayappError as error:
            self.trouble(str(error))
            return
        where.value = name.value = ""
        where.focus()
        await self._done()

    async def _remove(self) -> None:
        row = self.table.current
        if row is None:
            return
        try:
            await self.desk.db.write(attaching.detach, self.desk.me, self._invoice, row.id)
        except PayappError as error:
            self.trouble(str(error))
            return
        await self._done()

    async def _done(self) -> None:
        self._changed = True
        self.query_one("#problem").display = False
        await self._read()


def _added(row: Attachment, width: int) -> str:
    if row.added_at is None:
        return "came with it"
    return cut(f"{row.added_by or ''} {moment(row.added_at)}", width)
