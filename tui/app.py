"""The desk as a Textual application: theme, tools, others' changes, pasted text, idling, hang-up. Wiring only."""

from __future__ import annotations

import asyncio
import os
import signal
from functools import partial
from typing import TYPE_CHECKING, Any

from textual import events
from textual.app import App
from textual.binding import Binding
from textual.widgets import Input, TextArea

from store import directory, due, epochs, signs
from store.domain.errors import NotPermitted, PayappError
from store.domain.text import one_line
from tui.commands.output import say
from tui.driver import DeskDriver
from tui.keymap import Place, pressed, way, why_off
from tui.screens.commitments import CommitmentsScreen
from tui.screens.deciding import no_worker
from tui.screens.dialog import Dialog
from tui.screens.invoices import InvoicesScreen
from tui.screens.listing import FOCUSED, ListingScreen
from tui.screens.more import COMMITMENTS, DIRECTORY, INVOICES, may_open, screen_of
from tui.screens.rows import RowsScreen
from tui.screens.too_small import TooSmallScreen, too_small
from tui.screens.welcome import WelcomeScreen
from tui.silence import nothing_done, seen
from tui.text import pasted_line, pasted_lines
from tui.widgets.guarding import Guarded, fault

if TYPE_CHECKING:
    from tui.bootstrap import Desk

# How often other processes' commits are looked for; asking costs microseconds and writes nothing.
LOOK = 0.25
# A key that shows nothing yet is looked at again after so many seconds.
SILENCE = 0.1
# How often an approver's desk looks whether queued work has a worker, in seconds.
TEND = 3.0


class DeskApp(App[None]):
    """The desk. It draws with the terminal's own sixteen colours: right in PuTTY, in NO_COLOR and on any background.

    ``ascii_only``: nothing but ASCII is written, for locales without UTF-8. ``idle``: after so many seconds without a
    key it quits, 0 never; ``idled`` says afterwards that it did. ``welcome``: the first-run card stands before it.
    """

    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS = [Binding("ctrl+c", "interrupted", show=False, priority=False)]

    def __init__(
        self, desk: Desk, *, ascii_only: bool = False, idle: float = 0.0, welcome: bool = False
    ) -> None:
        # Chosen before the application is built: set later, NO_COLOR would draw black on black.
        super().__init__(driver_class=DeskDriver, ansi_color=True)
        self.theme = "ansi-dark"
        self.animation_level = "none"
        self.desk = desk
        self.ascii_only = ascii_only
        self.idled = False
        # Why the session ended before its user wanted it to.
        self.ended: NotPermitted | None = None
        self._idle = idle
        self._welcome = welcome
        self._touched = 0.0
        self._last_key: events.Key | None = None
        self._answered: events.Key | None = None
        self._next_yawn: asyncio.TimerHandle | None = None
        self._feed = desk.db.changes()
        self._next_look: asyncio.TimerHandle | None = None
        self._away = False
        # Why nothing is sent from this database, as it was told.
        self._displaced: str | None = None

    def on_mount(self) -> None:
        """Put the tools up, open the first one that the user may see, and look for changes."""
        self.set_class(self.ascii_only, "ascii")
        self.install_screen(InvoicesScreen(self.desk), INVOICES)
        self.install_screen(CommitmentsScreen(self.desk), COMMITMENTS)
        self._open_first()
        if self._welcome:
            card = WelcomeScreen(one_line(self.desk.company.name), self.desk.me)
            self.push_screen(card, self._welcomed)
        self._look()
        if self.desk.me.is_approver:
            self.set_interval(TEND, self._tend)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.exit)
        if self._idle:
            self._touched = loop.time()
            self._next_yawn = loop.call_later(self._idle, self._yawn)

    def _open_first(self) -> None:
        """The first list that the user may see; who may see neither has the Directory, and leaves the desk with it."""
        for tool in (INVOICES, COMMITMENTS):
            if not may_open(tool, self.desk.me):
                self.push_screen(tool)
                return
        screen = screen_of(DIRECTORY, self.desk)
        assert screen is not None  # noqa: S101 - it is no list of invoices
        self.push_screen(screen, lambda _: self.exit())

    def on_unmount(self) -> None:
        """Stop looking, and give the feed's connection back."""
        for timer in (self._next_look, self._next_yawn):
            if timer is not None:
                timer.cancel()
        self._feed.close()

    async def _welcomed(self, _: None) -> None:
        """The card has been read: it does not come again."""
        try:
            await self.desk.db.write(signs.welcome, self.desk.me)
        except PayappError as error:
            self._tell(str(error))

    def _look(self) -> None:
        # The loop's own timer: Textual's goes through its messages, and costs several times as much while idle.
        self._next_look = asyncio.get_running_loop().call_later(LOOK, self._look)
        try:
            with self.desk.db.translated():
                changed = self._feed.changed()
        except PayappError as error:
            # Said again at every look: it stays, whatever keys are pressed meanwhile.
            self._away = True
            self._tell(str(error))
            return
        except Exception as error:  # noqa: BLE001 - looking goes on, whatever it was
            self._tell(fault(error))
            return
        if self._away:
            self._away, changed = False, True
            self._tell("The database is there again.")
        if changed:
            self.run_worker(self._still_in(), group="me", exclusive=True)
            for screen in self.screen_stack:
                if isinstance(screen, ListingScreen | RowsScreen):
                    screen.store_changed()

    async def _still_in(self) -> None:
        """The user as the Directory has him now. A session whose key was revoked, or whose user was removed, ends."""
        try:
            self.desk.me = await self.desk.db.read(directory.refresh, self.desk.me)
            self._check_tools()
        except NotPermitted as error:
            self.ended = error
            self.exit()
        except PayappError as error:
            self._tell(str(error))

    def _check_tools(self) -> None:
        """Raise NotPermitted where a tool is open that the user may not see any more."""
        for screen in self.screen_stack:
            match screen:
                case InvoicesScreen():
                    name = INVOICES
                case CommitmentsScreen():
                    name = COMMITMENTS
                case RowsScreen():
                    name = screen.NAME
                case _:
                    continue
            if why := may_open(name, self.desk.me):
                raise NotPermitted(
                    f"{self.desk.me.login} may not see what is open here any more", why=f"that {why}"
                )

    async def _tend(self) -> None:
        """A worker that died while something is queued gets a successor."""
        try:
            displaced = await self.desk.db.read(epochs.trouble)
            if displaced and displaced != self._displaced:
                self._tell(displaced)
            self._displaced = displaced
            queue = await self.desk.db.read(due.of, self.desk.company.erp)
            if queue.open:
                await self.desk.ensure_worker()
        except (PayappError, OSError) as error:
            self._tell(no_worker(error))
        except Exception as error:  # noqa: BLE001 - a worker that cannot be started does not end the desk
            self._tell(fault(error))

    def _tell(self, text: str) -> None:
        for screen in self.screen_stack:
            if isinstance(screen, ListingScreen):
                screen.add(text)

    def on_resize(self, event: events.Resize) -> None:
        """Below 80x24 the desk says so and takes no keys."""
        if too_small(event.size) and not isinstance(self.screen, TooSmallScreen):
            self.push_screen(TooSmallScreen())

    # -- keys --------------------------------------------------------------------------------------------------

    async def on_event(self, event: events.Event) -> None:
        """Notice that somebody is there; in a dialog keys act one by one."""
        if isinstance(event, events.InputEvent | events.Paste):
            self._touched = asyncio.get_running_loop().time()
        screen = self.screen if self.screen_stack else None
        typed = isinstance(event, events.Key | events.Paste) and not event.is_forwarded
        if typed and isinstance(screen, Dialog):
            await screen.in_turn(event, self._hand_out)
        else:
            await self._hand_out(event)

    async def _hand_out(self, event: events.Event) -> None:
        """Take pasted text for text, whatever keys it would make."""
        if isinstance(event, events.Paste) and not event.is_forwarded:
            if isinstance(self.focused, Input):
                event = events.Paste(pasted_line(event.text))
            elif isinstance(self.focused, TextArea):
                event = events.Paste(pasted_lines(event.text))
            else:
                self._refuse_paste()
                return
        screen = self.screen if self.screen_stack else None
        key = event if isinstance(event, events.Key) and not event.is_forwarded else None
        if key is not None and isinstance(screen, ListingScreen) and screen.is_mounted:
            before, live = seen(screen, self.focused), self._live(screen)
            await super().on_event(event)
            self._last_key = key
            self.call_after_refresh(self._tell_if_silent, key, live, screen, before)
        else:
            await super().on_event(event)

    def _tell_if_silent(
        self, key: events.Key, live: set[Place], screen: ListingScreen[Any], before: tuple[object, ...]
    ) -> None:
        """A key that a list took and that shows nothing, now or when what it started is done, is answered."""
        if key is not self._last_key or self.screen_stack[-1:] != [screen] or isinstance(self.focused, Input):
            return
        if seen(screen, self.focused) != before:
            return
        if screen.table.turns.waiting or any(worker.is_running for worker in self.workers):
            self.set_timer(SILENCE, partial(self._tell_if_silent, key, live, screen, before))
            return
        self._answered = key
        if text := nothing_done(key.key, live, screen):
            screen.say(text)

    def _refuse_paste(self) -> None:
        nothing = "Pasted text does nothing outside a text box."
        if isinstance(self.screen, Dialog):
            self.screen.trouble(f"{nothing} Tab goes to one, where there is one.")
        elif isinstance(self.screen, Guarded):
            self.screen.trouble(f"{nothing} {way('list.filter')} opens the filter.")

    def on_key(self, event: events.Key) -> None:
        """A key that nobody took: a list or a tab says why it is off."""
        screen = self.screen
        if isinstance(screen, ListingScreen):
            screen.say(why_off(event.key, *self._live(screen)))
        elif isinstance(screen, Dialog):
            screen.untaken(event.key)

    def _live(self, screen: ListingScreen[Any]) -> set[Place]:
        """The places whose keys the list takes, with the focus where it is."""
        places = set(screen.PLACES) - {Place.TABLE}
        for kind, place in FOCUSED.items():
            if isinstance(self.focused, kind):
                places.add(place)
        return places

    def action_interrupted(self) -> None:
        """Ctrl+C copies in boxes; elsewhere it names the key that quits."""
        self._tell(f"{pressed('list.quit')} quits. A running export goes on in its worker.")

    def action_to_shell(self) -> None:
        """Stop for the shell that the desk was started from, where there is one with job control."""
        if os.getpgrp() == os.getsid(0) or not isinstance(self._driver, DeskDriver):
            why = f"There is no shell to go to: {pressed('list.quit')} quits."
            tell = self.screen.trouble if isinstance(self.screen, Dialog) else self._tell
            tell(why)
        else:
            self._driver.stop(0)

    # -- nobody there ------------------------------------------------------------------------------------------

    def _yawn(self) -> None:
        """Quit when nobody has typed for long enough; else look again when that could be."""
        loop = asyncio.get_running_loop()
        left = self._touched + self._idle - loop.time()
        if left > 0:
            self._next_yawn = loop.call_later(left, self._yawn)
        else:
            self.idled = True
            self.exit()


def run_desk(
    desk: Desk, *, ascii_only: bool = False, mouse: bool = True, idle: float = 0.0, welcome: bool = False
) -> None:
    """Open the desk in this terminal until its user quits, hangs up or types nothing for ``idle`` seconds (0: never).

    ``welcome``: the first-run card comes first. Raises NotPermitted when its user was removed meanwhile, SystemExit when it
    broke.
    """
    app = DeskApp(desk, ascii_only=ascii_only, idle=idle, welcome=welcome)
    app.run(mouse=mouse)
    if app.idled:
        say(f"payapp: closed, {idle / 60:g} minutes without a key. A running export goes on in its worker.")
    if app.ended:
        raise app.ended
    if app.return_code:
        raise SystemExit(app.return_code)
