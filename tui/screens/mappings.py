"""ERP Integrations, Mappings: what our codes are called in the ERP, where that comes from, and whether the ERP has it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len

from store import mapping, mapping_list
from store.domain.errors import NotPermitted
from store.domain.knowing import Kind
from store.domain.text import one_line
from store.mapping import Want
from store.mapping_list import Origin, Row, Searchable
from tui.keymap import Place, bindings, pressed
from tui.screens.ask import AskScreen
from tui.screens.mapping_edit import MappingEdit, told
from tui.screens.more import MAPPINGS
from tui.screens.rows import RowsScreen
from tui.text import clock, cut
from tui.widgets.bar import DIM, WARN, Line, plain
from tui.widgets.row_table import Column

if TYPE_CHECKING:
    from erp.knowing import Asked
    from tui.bootstrap import Desk

# So many codes are asked for at once.
ASKED_MOST = 2000


class MappingsScreen(RowsScreen[Row]):
    """All codes; closes with the tool that is to be opened, or None. ``text`` is what it is narrowed to at first."""

    BINDINGS = bindings(Place.MAPPINGS)
    PLACE = Place.MAPPINGS
    TOOL = "ERP Integrations"
    NAME = MAPPINGS
    TABS = "Subcontractor Invoices | Activity | MAPPINGS"
    NARROWS = "kind, code, name, job, ERP code"
    EMPTY = "There are no codes yet."

    def __init__(self, desk: Desk, text: str = "") -> None:
        super().__init__(desk, text)
        self._wanting = False
        self._listed: Searchable | None = None

    # -- the list ----------------------------------------------------------------------------------------------

    def columns(self) -> Sequence[Column[Row]]:
        """The code on the left, what the ERP has of it on the right."""
        return (
            Column("Kind", lambda row, _: row.kind.value, 10, 10),
            Column("Code", lambda row, _: row.code or "(none)", 11, 20),
            Column("Name", lambda row, _: row.name, 14),
            Column("Job", lambda row, _: row.job or "all jobs", 8, 12),
            Column("In the ERP", _target, 13, 26),
            Column("From", _origin, 7, 7),
            Column("Has it", has_it, 6, 15),
        )

    async def read_stamp(self) -> Hashable:
        """Of the mappings, and of what the ERP has said."""
        return await self.desk.db.read(mapping_list.stamp)

    async def read_rows(self) -> Sequence[Row]:
        """All codes."""
        self._listed = await self.desk.db.count(mapping_list.searchable, self.desk.me)
        return self._listed.rows

    def key(self, row: Row) -> Hashable:
        """The code, on its job."""
        return row.kind, row.code, row.job

    def glyph(self, row: Row) -> str:
        """What somebody has to look at."""
        return "!" if row.wanting else ""

    def decides(self) -> bool:
        """Approvers change mappings."""
        return self.desk.me.is_approver

    def matching(self) -> Sequence[Row]:
        """What the filter and the narrowing to wanting ones leave."""
        return [] if self._listed is None else self._listed.matching(self.text, wanting=self._wanting)

    def narrowed_to_nothing(self) -> str:
        """Both may have done it."""
        clears, shows = pressed("rows.clear-filter"), pressed("mappings.wanting")
        return f"Nothing is listed: {clears} clears the filter, {shows} shows all."

    def info(self, listed: Sequence[Row]) -> Line:
        """How many are listed, and of all of them how many want somebody."""
        lacking = sum(row.known is False for row in self.all_rows)
        none = sum(row.origin is Origin.NONE for row in self.all_rows)
        alarm = ", ".join(
            f"{count:,} {word}"
            for count, word in ((none, "without a name"), (lacking, "NOT in the ERP"))
            if count
        )
        only = "  only what is not in the ERP or has no name of its own there" if self._wanting else ""
        return (
            *plain(f" {len(listed):,} of {len(self.all_rows):,}{only}", DIM),
            *plain(f"  ! {alarm}" if alarm else "", WARN),
        )

    def about(self, row: Row, width: int) -> str:
        """The row under the cursor: what it is called comes whole, its name as far as there is room."""
        match row.origin:
            case Origin.MAPPING | Origin.MASTER:
                called = f"{one_line(row.target)} (its {row.origin.value})"
            case Origin.SAME:
                called = "the same in the ERP, for want of a mapping or master"
            case Origin.DEFAULT:
                called = "the ERP's default"
            case Origin.NONE:
                called = "NO NAME in the ERP; it cannot go"
        said = "" if row.known is None else f"; ERP: {has_it(row)}"
        room = max(20, width - cell_len(called + said) - 4)
        return f" {cut(told(row), min(room, cell_len(told(row)))).rstrip()}: {called}{said}"

    def action_clear_filter(self) -> None:
        """All of it again."""
        self._wanting = False
        super().action_clear_filter()

    def action_wanting(self) -> None:
        """Only what has no name of its own in the ERP, or is not there; and all again."""
        self._wanting = not self._wanting
        self.list_rows(follow=True)

    # -- deciding ----------------------------------------------------------------------------------------------

    def _may(self) -> Row | None:
        """The row under the cursor, for who may change it; says why not."""
        try:
            self.desk.me.require_approver("change mappings")
        except NotPermitted as error:
            self.say(str(error))
            return None
        return self.table.current

    def action_edit(self) -> None:
        """Say what it is called."""
        if (row := self._may()) is not None:
            self.run_worker(lambda: self._edit(row), group="decide", exclusive=True)

    async def _edit(self, row: Row) -> None:
        done: list[Want] = []

        async def save(want: Want) -> None:
            await self.desk.db.write(mapping.put, self.desk.me, want)
            done.append(want)

        target = await self.app.push_screen_wait(MappingEdit(row, save))
        if target is None:
            return
        await self.read()
        job = f" on job {one_line(done[0].job)}" if done and done[0].job else ""
        said = f"{told(row)} is {one_line(target)} in the ERP{job}."
        self.say(said)
        await self._ask([row._replace(target=target)], said)

    def action_remove(self) -> None:
        """Take the mapping away."""
        row = self._may()
        if row is None:
            return
        if row.origin is not Origin.MAPPING:
            self.say("There is no mapping to take away: its name comes from elsewhere.")
            return
        self.run_worker(lambda: self._remove(row), group="decide", exclusive=True)

    async def _remove(self, row: Row) -> None:
        lines = [
            told(row),
            f"is {cut(row.target, 60).rstrip()} in the ERP.",
            "Its master or its own code counts again.",
        ]
        if await self.app.push_screen_wait(AskScreen("Take the mapping away?", lines, "take it away")):
            want = Want(row.kind, row.code, "", row.job, was=row.target)
            await self.desk.db.write(mapping.put, self.desk.me, want)
            await self.read()
            self.say(f"{told(row)} has no mapping any more.")

    # -- asking the ERP ----------------------------------------------------------------------------------------

    def action_ask(self) -> None:
        """Ask the ERP whether it has what is listed."""
        rows = self.table.rows
        self.run_worker(lambda: self._ask(rows[:ASKED_MOST], ""), group="ask", exclusive=True)

    async def _ask(self, rows: Sequence[Row], said: str) -> None:
        if self.desk.ask_afresh is None:
            self.say(said or "This ERP cannot be asked.")
            return
        codes: dict[Kind, set[str]] = {}
        for row in rows:
            if row.target:
                codes.setdefault(row.kind, set()).add(row.target)
        self.say(f"{said} Asking the ERP.".strip())
        asked = await self.desk.ask_afresh(codes)
        await self.read()
        self.say(f"{said} {self._answer(rows, asked)}".strip())

    def _answer(self, rows: Sequence[Row], asked: Asked) -> str:
        """What the ERP said of these; of a single one whether it has it."""
        wanted = {(row.kind, row.target) for row in rows}
        found = self._listed.rows if self._listed is not None else ()
        known = {row.known for row in found if (row.kind, row.target) in wanted}
        if len(wanted) == 1 and asked.answered and len(known) == 1:
            said = "The ERP has it." if known == {True} else "The ERP DOES NOT HAVE IT."
        else:
            said = f"The ERP answered for {asked.answered:,} {'code' if asked.answered == 1 else 'codes'}."
        if asked.silent:
            said += f" It cannot be asked for: {', '.join(kind.value for kind in asked.silent)}."
        return f"{said} It did not answer: {asked.trouble}." if asked.trouble else said


def _target(row: Row, _: int) -> str:
    return row.target or ("NONE" if row.origin is Origin.NONE else "(default)")


def _origin(row: Row, _: int) -> str:
    return row.origin.value if row.origin not in {Origin.NONE, Origin.DEFAULT} else ""


def has_it(row: Row, width: int = 15) -> str:
    """Whether the ERP said it has the code, and when it was asked where there is room: ``yes 14:02``, ``NO 2026-10-31``."""
    if row.known is None:
        return "" if not row.target else "?"
    word = "yes" if row.known else "NO"
    told = f"{word} {clock(row.asked_at)}"
    return told if len(told) <= width else word
