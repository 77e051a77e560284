"""ERP Integrations, Mappings: what our codes are called in the ERP, where that comes from, and whether the ERP has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input

from store import mapping, mapping_list
from store.domain.errors import NotPermitted
from store.domain.knowing import Kind
from store.domain.text import one_line
from store.mapping import Want
from store.mapping_list import Origin, Row, Searchable
from tui.keymap import Place, bindings, footer, pressed, sections, why_off
from tui.screens.ask import AskScreen
from tui.screens.dialog import Dialog
from tui.screens.fields import quiet
from tui.screens.help import HelpScreen
from tui.screens.listing_text import header_line, tabs_line
from tui.screens.mapping_edit import MappingEdit, told
from tui.screens.more import MAPPINGS, MoreScreen
from tui.text import cut, wrapped
from tui.widgets.bar import BOLD, DIM, WARN, Bar, plain
from tui.widgets.mapping_table import MappingTable, has_it

if TYPE_CHECKING:
    from erp.knowing import Asked
    from tui.bootstrap import Desk

TABS = "Subcontractor Invoices | MAPPINGS"
# Others' changes are shown at most twice a second.
BETWEEN_LOOKS = 0.5
HELP = (Place.MAPPINGS, Place.DIALOG, Place.ASK, Place.MORE, Place.HELP)
# So many codes are asked for at once.
ASKED_MOST = 2000


class MappingsScreen(Dialog[str | None]):
    """All codes; closes with the tool that is to be opened, or None. ``text`` is what it is narrowed to at first."""

    CSS_PATH = ["dialog.tcss", "mappings.tcss"]
    # What changes anything asks for itself.
    GUARD = 0.0
    FIRST = "MappingTable"
    BINDINGS = bindings(Place.MAPPINGS)

    def __init__(self, desk: Desk, text: str = "") -> None:
        super().__init__()
        self._desk = desk
        self._text = text
        self._wanting = False
        self._listed: Searchable | None = None
        self._message = ""
        # What was listed last, and whether others' commits are about to be looked at.
        self._stamp: tuple[int, ...] = ()
        self._looking = False

    # -- parts -------------------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """Lines above, the filter, the list, lines below."""
        yield Bar(id="header")
        yield Bar(id="tabs")
        with Horizontal(id="filter"):
            yield Bar(id="filter-word")
            yield quiet(
                Input(
                    self._text,
                    placeholder=f"{pressed('mappings.filter')} narrows: kind, code, name, job, ERP code",
                    id="filter-box",
                )
            )
        yield Bar(id="info")
        yield MappingTable()
        yield Bar(id="foot")

    @property
    def table(self) -> MappingTable:
        """The list."""
        return self.query_one(MappingTable)

    @property
    def box(self) -> Input:
        """The filter."""
        return self.query_one("#filter-box", Input)

    def on_mount(self) -> None:
        """Read what there is."""
        super().on_mount()
        self.query_one("#filter-word", Bar).show(plain(" Filter:"))
        self._show_lines()
        self._reload()

    def on_resize(self) -> None:
        """The lines fit the new width."""
        self._show_lines()

    def _show_lines(self) -> None:
        width = self.app.size.width
        self.query_one("#header", Bar).show(header_line(self._desk, "ERP Integrations", width))
        self.query_one("#tabs", Bar).show(tabs_line(TABS, (0, ""), width))
        self._show_foot()

    # -- reading -----------------------------------------------------------------------------------------------

    def _reload(self) -> None:
        self.run_worker(self._read, group="read", exclusive=True)

    def store_changed(self) -> None:
        """Somebody committed something: show it soon, if it is about what is listed."""
        if not self._looking:
            self._looking = True
            self.set_timer(BETWEEN_LOOKS, lambda: self.run_worker(self._look_again, group="follow"))

    async def _look_again(self) -> None:
        self._looking = False
        if await self._desk.db.read(mapping_list.stamp) != self._stamp:
            self._reload()

    async def _read(self) -> None:
        self._stamp = await self._desk.db.read(mapping_list.stamp)
        self._listed = await self._desk.db.count(mapping_list.searchable, self._desk.me)
        self._list(follow=True)

    def _list(self, *, follow: bool = False) -> None:
        """Show what the filter leaves."""
        if self._listed is None:
            return
        found = self._listed.matching(self._text, wanting=self._wanting)
        clears, shows = pressed("mappings.clear-filter"), pressed("mappings.wanting")
        narrowed = f"Nothing is listed: {clears} clears the filter, {shows} shows all."
        empty = narrowed if self._listed.rows else "There are no codes yet."
        self.table.show(found, empty, follow=follow)
        rows = self._listed.rows
        lacking, none = (
            sum(row.known is False for row in rows),
            sum(row.origin is Origin.NONE for row in rows),
        )
        alarm = ", ".join(
            f"{count:,} {word}"
            for count, word in ((none, "without a name"), (lacking, "NOT in the ERP"))
            if count
        )
        only = "  only what is not in the ERP or has no name of its own there" if self._wanting else ""
        self.query_one("#info", Bar).show(
            (
                *plain(f" {len(found):,} of {len(rows):,}{only}", DIM),
                *plain(f"  ! {alarm}" if alarm else "", WARN),
            )
        )
        self._show_foot()

    # -- what is said ------------------------------------------------------------------------------------------

    def trouble(self, text: str) -> None:
        """On the line above the keys."""
        self._say(text)

    def untaken(self, key: str) -> None:
        """A tab has more keys than stand on it: it says why this one is off."""
        self._say(why_off(key))

    def _say(self, text: str) -> None:
        self._message = text
        self._show_foot()

    def _show_foot(self) -> None:
        """The row under the cursor, what was said, the keys; a long message takes the keys' line too."""
        width = self.app.size.width
        said = (
            [plain(f" {line}", WARN) for line in wrapped(self._message, width - 2)[:2]]
            if self._message
            else [()]
        )
        keys = plain(" " + footer(width - 2, Place.MAPPINGS, decides=self._desk.me.is_approver), DIM)
        self.query_one("#foot", Bar).show(plain(self._about(width), BOLD), *[*said, keys][:2])

    def _about(self, width: int) -> str:
        """The row under the cursor: what it is called comes whole, its name as far as there is room."""
        row = self.table.current
        if row is None:
            return ""
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

    def on_mapping_table_moved(self, event: MappingTable.Moved) -> None:
        """What is under the cursor now; what was said has been read when a key moved it."""
        if event.by_hand:
            self._message = ""
        self._show_foot()

    # -- the filter --------------------------------------------------------------------------------------------

    def on_input_changed(self, event: Input.Changed) -> None:
        """Narrow as it is typed."""
        event.stop()
        if event.value != self._text:
            self._text = event.value
            self._list()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Back to the list."""
        event.stop()
        self.table.focus()

    def action_filter(self) -> None:
        """The keys to the box."""
        self.box.focus()

    def action_clear_filter(self) -> None:
        """All of it again."""
        self._wanting = False
        self._text = self.box.value = ""
        self._list(follow=True)

    def action_wanting(self) -> None:
        """Only what has no name of its own in the ERP, or is not there; and all again."""
        self._wanting = not self._wanting
        self._list(follow=True)

    # -- moving ------------------------------------------------------------------------------------------------

    def action_step(self, step: int) -> None:
        """The row below, or above."""
        self.table.move(self.table.cursor + step)

    def action_page(self, pages: int) -> None:
        """A page on, or back."""
        self.table.page(pages)

    def action_to(self, place: int) -> None:
        """The first row; -1: the last."""
        self.table.move(place if place >= 0 else self.table.count - 1)

    # -- deciding ----------------------------------------------------------------------------------------------

    def _may(self) -> Row | None:
        """The row under the cursor, for who may change it; says why not."""
        try:
            self._desk.me.require_approver("change mappings")
        except NotPermitted as error:
            self._say(str(error))
            return None
        return self.table.current

    def action_edit(self) -> None:
        """Say what it is called."""
        if (row := self._may()) is not None:
            self.run_worker(lambda: self._edit(row), group="decide", exclusive=True)

    async def _edit(self, row: Row) -> None:
        done: list[Want] = []

        async def save(want: Want) -> None:
            await self._desk.db.write(mapping.put, self._desk.me, want)
            done.append(want)

        target = await self.app.push_screen_wait(MappingEdit(row, save))
        if target is None:
            return
        await self._read()
        job = f" on job {one_line(done[0].job)}" if done and done[0].job else ""
        said = f"{told(row)} is {one_line(target)} in the ERP{job}."
        self._say(said)
        await self._ask([row._replace(target=target)], said)

    def action_remove(self) -> None:
        """Take the mapping away."""
        row = self._may()
        if row is None:
            return
        if row.origin is not Origin.MAPPING:
            self._say("There is no mapping to take away: its name comes from elsewhere.")
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
            await self._desk.db.write(mapping.put, self._desk.me, want)
            await self._read()
            self._say(f"{told(row)} has no mapping any more.")

    # -- asking the ERP ----------------------------------------------------------------------------------------

    def action_ask(self) -> None:
        """Ask the ERP whether it has what is listed."""
        rows = self.table.rows
        self.run_worker(lambda: self._ask(rows[:ASKED_MOST], ""), group="ask", exclusive=True)

    async def _ask(self, rows: Sequence[Row], said: str) -> None:
        if self._desk.ask_afresh is None:
            self._say(said or "This ERP cannot be asked.")
            return
        codes: dict[Kind, set[str]] = {}
        for row in rows:
            if row.target:
                codes.setdefault(row.kind, set()).add(row.target)
        self._say(f"{said} Asking the ERP.".strip())
        asked = await self._desk.ask_afresh(codes)
        await self._read()
        self._say(f"{said} {self._answer(rows, asked)}".strip())

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

    # -- the whole screen --------------------------------------------------------------------------------------

    def action_refresh(self) -> None:
        """Read everything anew."""
        self._say("Everything is read anew.")
        self._reload()

    def action_help(self) -> None:
        """The keys of this place."""
        self.app.push_screen(HelpScreen("Mappings", sections(*HELP, decides=self._desk.me.is_approver)))

    def action_more(self) -> None:
        """The other tools."""
        self.app.push_screen(MoreScreen(self._desk.me), self._open)

    def _open(self, tool: str | None) -> None:
        if tool is not None and tool != MAPPINGS:
            self.dismiss(tool)

    def action_leave(self) -> None:
        """Out of the filter first, then back to the tool."""
        if self.box.has_focus:
            self.table.focus()
        else:
            self.dismiss(None)
