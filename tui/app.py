"""The desk as a Textual application: theme, tools, others' changes, hang-up. Wiring only."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

from textual import events
from textual.app import App
from textual.binding import Binding

from store import due
from store.domain.errors import PayappError
from tui.screens.commitments import CommitmentsScreen
from tui.screens.deciding import no_worker
from tui.screens.invoices import InvoicesScreen
from tui.screens.listing import ListingScreen
from tui.screens.more import COMMITMENTS, INVOICES
from tui.screens.too_small import TooSmallScreen, too_small
from tui.widgets.guarding import fault

if TYPE_CHECKING:
    from tui.bootstrap import Desk

# How often other processes' commits are looked for; asking costs microseconds and writes nothing.
LOOK = 0.25
# How often an approver's desk looks whether queued work has a worker, in seconds.
TEND = 3.0


class DeskApp(App[None]):
    """The desk. It draws with the terminal's own sixteen colours: right in PuTTY, in NO_COLOR and on any background.

    ``ascii_only``: borders of ASCII characters, for locales without UTF-8.
    """

    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS = [Binding("ctrl+c", "interrupted", show=False, priority=False)]

    def __init__(self, desk: Desk, *, ascii_only: bool = False) -> None:
        # Chosen before the application is built: set later, NO_COLOR would draw black on black.
        super().__init__(ansi_color=True)
        self.theme = "ansi-dark"
        self.animation_level = "none"
        self.desk = desk
        self._ascii = ascii_only
        self._feed = desk.db.changes()
        self._next_look: asyncio.TimerHandle | None = None

    def on_mount(self) -> None:
        """Put the tools up, open the first one that the user may see, and look for changes."""
        self.set_class(self._ascii, "ascii")
        self.install_screen(InvoicesScreen(self.desk), INVOICES)
        self.install_screen(CommitmentsScreen(self.desk), COMMITMENTS)
        self.push_screen(INVOICES if self.desk.me.sees_erp else COMMITMENTS)
        self._look()
        if self.desk.me.is_approver:
            self.set_interval(TEND, self._tend)
        for number in (signal.SIGHUP, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self.exit)

    def on_unmount(self) -> None:
        """Stop looking, and give the feed's connection back."""
        if self._next_look is not None:
            self._next_look.cancel()
        self._feed.close()

    def _look(self) -> None:
        # The loop's own timer: Textual's goes through its messages, and costs several times as much while idle.
        self._next_look = asyncio.get_running_loop().call_later(LOOK, self._look)
        try:
            with self.desk.db.translated():
                changed = self._feed.changed()
        except PayappError as error:
            self._tell(str(error))
            return
        except Exception as error:  # noqa: BLE001 - looking goes on, whatever it was
            self._tell(fault(error))
            return
        if changed:
            for screen in self.screen_stack:
                if isinstance(screen, ListingScreen):
                    screen.store_changed()

    async def _tend(self) -> None:
        """A worker that died while something is queued gets a successor."""
        try:
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

    def action_interrupted(self) -> None:
        """Ctrl+C copies in boxes; elsewhere it names the key that quits."""
        self._tell("q quits. A running export goes on in its worker.")


def run_desk(desk: Desk, *, ascii_only: bool = False, mouse: bool = True) -> None:
    """Open the desk in this terminal until its user quits or hangs up. Raises SystemExit when it broke."""
    app = DeskApp(desk, ascii_only=ascii_only)
    app.run(mouse=mouse)
    if app.return_code:
        raise SystemExit(app.return_code)
