"""Commitments: the projects, the commitments of one, what is billed, retained and paid of each; then their invoices."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len

from store import contracts
from store.contracts import Contract, ProjectSums
from store.domain import approval
from store.domain.errors import PayappError
from store.domain.filter import quoted
from store.domain.money import show
from store.domain.status import ProjectView
from store.domain.text import one_line
from tui.keymap import Place, bindings, pressed
from tui.screens.more import CONTRACTS
from tui.screens.preparing import create_next, said_of_new
from tui.screens.rows import RowsScreen
from tui.text import cut, status
from tui.widgets.bar import DIM, WARN, Line, plain
from tui.widgets.row_table import Column

if TYPE_CHECKING:
    from tui.bootstrap import Desk

Standing = Contract | ProjectSums
# From so many cells on there is room for the original sum, the change orders and the payments.
WIDE = 110
ONLY_WIDE = {"Original", "Changes", "Issued"}
MONEY: tuple[tuple[str, Callable[[Standing], int | None]], ...] = (
    ("Original", lambda row: row.original),
    ("Changes", lambda row: row.changes),
    ("Revised", lambda row: row.revised),
    ("Billed", lambda row: row.billed),
    ("Ret. held", lambda row: row.retainage),
    ("Issued", lambda row: row.issued),
    ("Balance", lambda row: row.balance),
)


class ContractsScreen(RowsScreen[Standing]):
    """The projects; Enter goes to the commitments of one, and from there to the invoices of one."""

    BINDINGS = bindings(Place.CONTRACTS)
    PLACE = Place.CONTRACTS
    TOOL = "Commitments"
    NAME = CONTRACTS
    TABS = "Invoices | PROJECTS AND COMMITMENTS"
    NARROWS = "job, commitment, vendor, title"
    EMPTY = "There are no commitments yet: payapp import commitments.csv brings them in."

    def __init__(self, desk: Desk, text: str = "") -> None:
        super().__init__(desk, text)
        # The job whose commitments are listed; None: the projects are.
        self._job: str | None = None
        # The project that was entered; and the row that the cursor goes to when another level is read.
        self._from: Hashable = None
        self._wanted: Hashable = None
        self._entering = False

    # -- the list ----------------------------------------------------------------------------------------------

    def columns(self) -> Sequence[Column[Standing]]:
        """What it is on the left, its amounts on the right; as many as there is room for."""
        wide = self.app.size.width >= WIDE
        named: Column[Standing] = (
            Column("Commitment", lambda row, width: cut(_number(row), width), 10, 14)
            if self._job
            else Column("Job", lambda row, width: cut(row.job, width), 7, 12)
        )
        money = [_money(*one, self.all_rows) for one in MONEY if wide or one[0] not in ONLY_WIDE]
        return (named, Column("Name", _name, 8), *money)

    def on_resize(self) -> None:
        """More columns where there is more room."""
        super().on_resize()
        self.table.recolumn(self.columns())

    async def read_stamp(self) -> Hashable:
        """Of the audit trail: whatever changes what is listed stands in it."""
        return await self.desk.db.read(contracts.stamp)

    async def read_rows(self) -> Sequence[Standing]:
        """The projects, or the commitments of the one that was entered."""
        if self._job is None:
            return await self.desk.db.count(contracts.by_project, self.desk.me)
        return await self.desk.db.read(contracts.contracts, self.desk.me, self._job)

    async def read(self) -> None:
        """The cursor goes to the row that was come from, where another level is read."""
        await super().read()
        if self._entering:
            self._entering = False
            places = [self.key(row) for row in self.table.rows]
            self.table.move(places.index(self._wanted) if self._wanted in places else 0)

    def list_rows(self, *, follow: bool = False) -> None:
        """The columns are as wide as what there is to list."""
        self.table.recolumn(self.columns())
        super().list_rows(follow=follow)

    def key(self, row: Standing) -> Hashable:
        """The commitment, or the project in its currency."""
        return row.id if isinstance(row, Contract) else (row.job, row.currency)

    def glyph(self, row: Standing) -> str:
        """What is overbilled."""
        return "!" if row.overbilled else ""

    def searched(self, row: Standing) -> str:
        """What it is called."""
        if isinstance(row, Contract):
            return f"{row.job} {row.project} {row.number} {row.title} {row.vendor} {row.currency}"
        return f"{row.job} {row.project} {row.currency}"

    def decides(self) -> bool:
        """Who has Standard or Admin on Commitments creates invoices."""
        return approval.prepares(self.desk.me)

    def info(self, listed: Sequence[Standing]) -> Line:
        """Which level it is, how many, and what is overbilled."""
        over = sum(bool(row.overbilled) for row in listed)
        noun = "projects" if self._job is None else "commitments"
        where = f" of job {one_line(self._job)}; {pressed('rows.close')}: all projects" if self._job else ""
        return (
            *plain(f" {len(listed):,} of {len(self.all_rows):,} {noun}{where}", DIM),
            *plain(f"  ! {over:,} overbilled" if over else "", WARN),
        )

    def about(self, row: Standing, width: int) -> str:
        """The row under the cursor, with what the columns leave out."""
        issued = "?" if row.issued is None else show(row.issued, row.currency)
        amounts = f" {show(row.original, row.currency)} + {show(row.changes, row.currency)} {row.currency}, paid {issued}"
        if isinstance(row, ProjectSums):
            over = f", {row.overbilled:,} overbilled" if row.overbilled else ""
            said = f"{one_line(row.project)}, {row.commitments:,} commitments{over}"
        else:
            newest = (
                f", no. {row.application} {status(row.erp_status, row.outcome)}"
                if row.erp_status is not None
                else ", no invoice yet"
            )
            said = f"{one_line(row.vendor)}{newest}"
        return f" {cut(said, max(20, width - cell_len(amounts) - 3)).rstrip()}: {amounts.strip()}"

    # -- down and up -------------------------------------------------------------------------------------------

    def _enter(self, job: str | None, wanted: Hashable) -> None:
        self._job, self._wanted, self._entering = job, wanted, True
        self.text = self.box.value = ""
        self.reload()

    def action_open(self) -> None:
        """The commitments of the project, the invoices of the commitment."""
        row = self.table.current
        if isinstance(row, ProjectSums):
            self._from = self.key(row)
            self._enter(row.job, None)
        elif row is not None:
            self.go_to_list(ProjectView.ALL, f"job={quoted(row.job)} commitment={quoted(row.number)}")

    def action_leave(self) -> None:
        """Out of the filter, then back to the projects, then to the invoices."""
        if self._job is not None and not self.box.has_focus:
            self._enter(None, self._from)
        else:
            super().action_leave()

    # -- the next invoice --------------------------------------------------------------------------------------

    def action_new(self) -> None:
        """The next invoice of the commitment under the cursor."""
        row = self.table.current
        if isinstance(row, Contract):
            self.run_worker(lambda: self._new(row), group="decide", exclusive=True)
        elif row is not None:
            self.say(f"{pressed('contracts.open')} goes to the commitments of the project: choose one there.")

    async def _new(self, row: Contract) -> None:
        try:
            approval.require_preparer(self.desk.me)
            made = await create_next(self.app, self.desk.db, self.desk.me, row.id)
        except PayappError as error:
            self.say(str(error))
            return
        if made is not None:
            await self.read()
            self.say(said_of_new(*made))


def _money(title: str, of: Callable[[Standing], int | None], rows: Sequence[Standing]) -> Column[Standing]:
    """A column of amounts, as wide as the longest of these rows."""

    def text(row: Standing, _: int = 0) -> str:
        value = of(row)
        return "" if value is None else show(value, row.currency)

    least = max((len(text(row)) for row in rows), default=0)
    width = max(least, len(title))
    return Column(title, text, width, width, right=True)


def _number(row: Standing) -> str:
    return row.number if isinstance(row, Contract) else row.job


def _name(row: Standing, width: int) -> str:
    return cut(row.vendor if isinstance(row, Contract) else row.project, width)
