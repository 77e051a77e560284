"""The field history of one invoice: who changed what, when, from what to what."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from store import field_history
from store.domain.text import one_line
from store.field_history import FieldChange
from store.invoices import Row
from tui.keymap import Place, bindings
from tui.screens.rows import RowsScreen
from tui.text import cut, moment
from tui.widgets.bar import DIM, Line, plain
from tui.widgets.row_table import Column

if TYPE_CHECKING:
    from tui.bootstrap import Desk


class ChangesScreen(RowsScreen[FieldChange]):
    """Its changes, the newest first."""

    BINDINGS = bindings(Place.CHANGES)
    PLACE = Place.CHANGES
    TOOL = "Commitments"
    NAME = "changes"
    TABS = "Invoices | FIELD HISTORY"
    NARROWS = "field, who, what was done, a value"
    EMPTY = "No field of it was changed."

    def __init__(self, desk: Desk, row: Row) -> None:
        super().__init__(desk)
        self._invoice, self._number = row.id, row.number

    def columns(self) -> Sequence[Column[FieldChange]]:
        """When, who, which field, and both values."""
        return (
            Column("When", lambda row, _: moment(row.at), 16, 16),
            Column("Who", lambda row, width: cut(row.who, width), 8, 12),
            Column("Did", lambda row, width: cut(row.action, width), 6, 12),
            Column("Field", lambda row, width: cut(row.field, width), 18, 30),
            Column("Before", lambda row, width: cut(row.before, width), 10, 30),
            Column("After", lambda row, width: cut(row.after, width), 10),
        )

    async def read_rows(self) -> Sequence[FieldChange]:
        """All changes, the newest first."""
        return (await self.desk.db.read(field_history.changes, self._invoice))[::-1]

    def key(self, row: FieldChange) -> Hashable:
        """The change itself."""
        return row

    def searched(self, row: FieldChange) -> str:
        """All that is shown of it."""
        return f"{row.who} {row.action} {row.field} {row.before} {row.after}"

    def info(self, listed: Sequence[FieldChange]) -> Line:
        """Of which invoice, and how many."""
        return plain(f" {one_line(self._number)}: {len(listed):,} of {len(self.all_rows):,} changes", DIM)

    def about(self, row: FieldChange, width: int) -> str:
        """The change in words, as far as there is room."""
        before, after = one_line(row.before) or "nothing", one_line(row.after) or "nothing"
        return cut(
            f" {row.field}: {before} -> {after}, by {row.who} ({row.origin}), {row.action}", width
        ).rstrip()
