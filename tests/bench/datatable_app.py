"""A peer: Textual's own DataTable over the rows of a CSV file, with a checkbox cell that Space marks."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from textual.app import App, ComposeResult
from textual.widgets import DataTable


class TableApp(App[None]):
    """The widget as its documentation shows it."""

    ENABLE_COMMAND_PALETTE = False
    BINDINGS = [("space", "mark", "mark")]

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file

    def compose(self) -> ComposeResult:
        """The table alone."""
        yield DataTable(cursor_type="row")

    def on_mount(self) -> None:
        """All rows at once: it has no other way."""
        table = self.query_one(DataTable)
        with self._file.open(newline="") as file:
            heading, *rows = csv.reader(file)
            table.add_columns("[ ]", *heading)
            table.add_rows(["[ ]", *row] for row in rows)

    def action_mark(self) -> None:
        """Tick the box under the cursor and move on."""
        table = self.query_one(DataTable)
        table.update_cell_at(table.cursor_coordinate, "[x]")
        table.action_cursor_down()


if __name__ == "__main__":
    TableApp(Path(sys.argv[1])).run()
