"""The command line of a list: runs any command of the place, and goes to any invoice wherever it stands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Generic, cast

from textual.app import ComposeResult
from textual.widgets import Input

from store import tracing
from store.domain.actor import Level
from store.domain.errors import PayappError
from store.domain.status import ProjectView, View
from store.domain.text import one_line
from store.domain.whereabouts import Whereabouts
from store.finding import Found
from tui import keymap
from tui.keymap import Key, Place
from tui.screens import listing as pace
from tui.screens.gestures import GestureScreen
from tui.screens.listing import V
from tui.screens.more import COMMITMENTS, INVOICES, may_open
from tui.widgets.command_line import CommandInput, CommandLine, Entry, choosing, matching, named
from tui.widgets.filter_line import FilterLine

MOST = 20


class CommandScreen(GestureScreen[V], Generic[V]):
    """A list with a command line."""

    # What Enter came to, when it is known; it waits for its turn among the keys.
    _answer: Callable[[], None] | None = None
    # The invoice that is gone to; it is opened as soon as it is listed.
    _arriving = 0

    def compose(self) -> ComposeResult:
        """The command line lies over the others."""
        yield from super().compose()
        yield CommandLine()

    def on_mount(self) -> None:
        """Where its keys go back to, and the filter that it was opened with."""
        super().on_mount()
        if self.query_text:
            self.query_one(FilterLine).box.value = self.query_text
        self.command_line.box.back = self.focus_back

    @property
    def command_line(self) -> CommandLine:
        """The line."""
        return self.query_one(CommandLine)

    # -- typing ------------------------------------------------------------------------------------------------

    def action_command(self) -> None:
        """Open it."""
        self.say("")
        self.command_line.open()
        self.set_focus(self.command_line.box)
        self._offer_later()

    def action_command_entered(self) -> None:
        """What was typed is done in its turn: keys that come after it wait for it."""
        self._answer = None
        self.table.turns.do(self._do, lambda: self._answer is not None)

    def on_input_changed(self, event: Input.Changed) -> None:
        """List what it means as it is typed."""
        if isinstance(event.input, CommandInput):
            event.stop()
            self._offer_later()
        else:
            super().on_input_changed(event)

    def _offer_later(self) -> None:
        self._later(
            "command", pace.TYPING, lambda: self.run_worker(self._offer, group="offer", exclusive=True)
        )

    async def _offer(self) -> None:
        text = self.command_line.box.value
        entries, told = await self._meant(text)
        line = self.command_line
        if line.display and line.box.value == text:
            line.offer(text, entries, told)

    async def _meant(self, text: str) -> tuple[list[Entry], dict[int, Whereabouts]]:
        """Commands and invoices, and where these are; a text with digits is an invoice sooner than a command."""
        commands: list[Entry] = [*matching(keymap.table(), self.PLACES, text)]
        traced = await self.desk.db.read(tracing.find, self.desk.me, text, MOST)
        found: list[Entry] = [one for one, _ in traced]
        entries = [*found, *commands] if any(c.isdigit() for c in text) else [*commands, *found]
        return entries, {one.id: told for one, told in traced}

    def on_command_input_step(self, event: CommandInput.Step) -> None:
        """Up and Down choose."""
        event.stop()
        self.command_line.step(event.by)

    def on_command_input_left(self, event: CommandInput.Left) -> None:
        """Enter: do it; anything else: put it away."""
        event.stop()
        line = self.command_line
        text = line.box.value
        # An empty line means nothing unless something was chosen.
        seen = line.listed_for == text and (text.strip() or line.chosen)
        entry = line.entry if seen else None
        line.close()
        if event.entered:
            self.run_worker(partial(self._resolve, text, entry), group="command", exclusive=True)

    # -- doing -------------------------------------------------------------------------------------------------

    async def _resolve(self, text: str, entry: Entry | None) -> None:
        answer: Callable[[], None] = partial(self.say, "")
        try:
            answer = await self._answered(text, entry)
        except PayappError as error:
            answer = partial(self.say, str(error))
        finally:
            self._answer = answer
            self.table.turns.go()

    async def _answered(self, text: str, entry: Entry | None) -> Callable[[], None]:
        """What Enter does. What was typed too fast to be seen must be unmistakable."""
        if not text.strip() and entry is None:
            return partial(self.say, "")
        if entry is None and (key := named(keymap.table(), self.PLACES, text)) is not None:
            entry = key
        if entry is None:
            entries, where = await self._meant(text)
            exact = [
                e for e in entries if isinstance(e, Found) and e.number.casefold() == text.casefold().strip()
            ]
            if len(only := exact or entries) != 1:
                told = (
                    f"{len(only)} are meant by {one_line(text)!r}"
                    if only
                    else f"Nothing is called {one_line(text)!r}"
                )
                return partial(self._ask_again, text, entries, where, told)
            entry = only[0]
        return partial(self._run, entry) if isinstance(entry, Key) else partial(self.go_to, entry)

    def _do(self) -> None:
        answer, self._answer = self._answer, None
        if answer is not None:
            answer()

    def _ask_again(self, text: str, entries: list[Entry], where: dict[int, Whereabouts], told: str) -> None:
        """Several are meant, or none: the line is open again, with what was typed."""
        self.forget_keys()
        line = self.command_line
        line.open()
        line.box.value = text
        line.box.cursor_position = len(text)
        line.offer(text, entries, where)
        self.set_focus(line.box)
        self.say(f"{told}: {choosing()}.")

    def _run(self, key: Key) -> None:
        target: Any = self.table if key.place is Place.TABLE else self
        method = getattr(target, f"action_{key.action}", None)
        if method is None:
            self.run_worker(partial(self.app.run_action, key.action, target), group="command")
            return
        done = method()
        if isinstance(done, Awaitable):
            self.run_worker(done, group="command")

    # -- going to an invoice -----------------------------------------------------------------------------------

    def go_to(self, found: Found) -> None:
        """List it where it stands, with the cursor on it and its detail open; in the other tool if it is there."""
        me = self.desk.me
        in_erp = found.view is not None and me.sees_erp
        tool = INVOICES if in_erp else COMMITMENTS
        if not in_erp and me.commitments_level is Level.NONE:
            self.say(f"{one_line(found.number)} is in Commitments, which you may not see.")
            return
        target = self._turned_to(tool)
        view: View | ProjectView = found.view if in_erp and found.view is not None else found.project_view
        target.arrive(view, found.id)

    def go_to_list(self, view: View | ProjectView, query: str) -> None:
        """List what the filter leaves of that view, in the tool that has it."""
        me = self.desk.me
        tool = INVOICES if isinstance(view, View) else COMMITMENTS
        if why := may_open(tool, me):
            self.say(f"That is in another tool, which {why}.")
            return
        self._turned_to(tool).arrive(view, 0, query)

    def _turned_to(self, tool: str) -> CommandScreen[Any]:
        """The list of that tool, on the screen."""
        target = cast("CommandScreen[Any]", self.app.get_screen(tool))
        if target is not self:
            self.forget_keys()
            self.close_detail()
            self.app.switch_screen(tool)
        return target

    def arrive(self, view: V, invoice_id: int, query: str = "") -> None:
        """Show this invoice in this view, without any filter; with 0 what the filter leaves of it."""
        if self.is_mounted:
            if (self.view, self.query_text) == self._shown and view != self.view:
                self._cursors[self.view] = self.table.current or 0
            self.close_query()
            self.close_detail()
            self.table.drop_range()
            self.table.forget_widths()
        self._cursors[view] = self._arriving = invoice_id
        self.view, self.query_text, self.only_marked = view, query, False
        if self.is_mounted:
            self.query_one(FilterLine).box.value = query
            self.hold()
            self.request()

    def release(self) -> None:
        """The list is there: open what was gone to, before any key acts on it."""
        arriving, self._arriving = self._arriving, 0
        if arriving and self.table.current == arriving:
            self.action_open()
        elif arriving:
            self.say("It has moved on meanwhile: look for it again.")
        super().release()

    def action_cancel(self) -> None:
        """The command line is left first."""
        if self.command_line.display:
            self.focus_back()
        else:
            super().action_cancel()
