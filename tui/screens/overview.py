"""ERP Integrations, Overview: what waits, by the days since it was sent, drawn in characters."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from store import reports, signs
from store.domain.money import show
from tui.keymap import Place, bindings
from tui.screens.more import OVERVIEW
from tui.screens.rows import RowsScreen
from tui.text import clock
from tui.widgets.bar import DIM, Line, plain
from tui.widgets.row_table import Column

if TYPE_CHECKING:
    from tui.bootstrap import Desk


class Age(NamedTuple):
    """What waits of one view, age and currency; ``share`` of the largest net, from 0 to 1."""

    title: str
    age: str
    currency: str
    invoices: int
    net: int
    share: float


class OverviewScreen(RowsScreen[Age]):
    """The aging of all that is in ERP Integrations and not in the ERP yet."""

    BINDINGS = bindings(Place.OVERVIEW)
    PLACE = Place.OVERVIEW
    TOOL = "ERP Integrations"
    NAME = OVERVIEW
    TABS = "Subcontractor Invoices | OVERVIEW"
    NARROWS = "view, age, currency"
    EMPTY = "Nothing waits in ERP Integrations."

    def __init__(self, desk: Desk, text: str = "") -> None:
        super().__init__(desk, text)
        self._answered = ""

    def columns(self) -> Sequence[Column[Age]]:
        """The bar takes what is left."""
        return (
            Column("Waiting", lambda row, _: row.title, 16, 18),
            Column("Sent", lambda row, _: row.age, 12, 14),
            Column("Cur", lambda row, _: row.currency, 3, 3),
            Column("Count", lambda row, _: f"{row.invoices:,}", 9, 9, right=True),
            Column("Net", lambda row, _: show(row.net, row.currency), 16, 18, right=True),
            Column("", self._bar, 10),
        )

    def _bar(self, row: Age, width: int) -> str:
        """At least one character for what is there at all."""
        length = max(1, round(row.share * (width - 1))) if row.net else 0
        return "#" * length

    async def read_rows(self) -> Sequence[Age]:
        """Counted anew."""
        found = await self.desk.db.count(reports.waiting, self.desk.me)
        self._answered = clock(await self.desk.db.read(signs.last_sync))
        # Amounts of different currencies are not compared with each other.
        most: dict[str, int] = {}
        for _, _, currency, _, net in found:
            most[currency] = max(most.get(currency, 0), abs(net))
        return [
            Age(title, reports.AGE_WORDS[age], currency, count, net, abs(net) / (most[currency] or 1))
            for title, age, currency, count, net in found
        ]

    def key(self, row: Age) -> Hashable:
        """The view, age and currency."""
        return row.title, row.age, row.currency

    def glyph(self, row: Age) -> str:
        """What has waited for more than a month."""
        return "!" if row.age in reports.AGE_WORDS[3:] else ""

    def searched(self, row: Age) -> str:
        """All words of it."""
        return f"{row.title} {row.age} {row.currency}"

    def info(self, listed: Sequence[Age]) -> Line:
        """How many invoices that is, and when the ERP last answered."""
        count = sum(row.invoices for row in listed)
        asked = f"   the ERP last answered {self._answered}" if self._answered else ""
        return plain(f" {count:,} {'invoice waits' if count == 1 else 'invoices wait'}{asked}", DIM)

    def about(self, row: Age, width: int) -> str:  # noqa: ARG002 - it fits everywhere
        """The row in a sentence."""
        noun = "invoice" if row.invoices == 1 else "invoices"
        return f" {row.invoices:,} {noun} in {row.title}, sent {row.age} ago: net {show(row.net, row.currency)} {row.currency}"
