"""The command line at the foot of a list: what is typed, and above it the commands and invoices that it means."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input

from store.domain.money import show
from store.domain.text import one_line
from store.domain.whereabouts import Whereabouts
from store.finding import Found
from tui.keymap import Key, Place, bindings, pressed, shown
from tui.text import cut, day, moment, short_status, wrapped
from tui.widgets.bar import DIM, REVERSE, Bar, Line, Part, plain

Entry = Key | Found
# So many lines tell where the chosen invoice is.
TOLD_MOST = 3


class CommandInput(Input):
    """The box: Enter takes what is chosen and goes back to the list at once, Up and Down choose."""

    BINDINGS = bindings(Place.COMMAND)
    # Gives the keys back; the screen sets it.
    back: Callable[[], None] = staticmethod(lambda: None)
    # Whether it was left by Enter.
    entered = False

    @dataclass
    class Left(Message):
        """The focus is elsewhere, and all that was typed before is in the box."""

        entered: bool

    @dataclass
    class Step(Message):
        """Another one of the list is chosen."""

        by: int

    async def action_command_done(self) -> None:
        """The next key is the list's, and waits there until this is done."""
        self.entered = True
        await self.run_action("screen.command_entered")
        self.back()

    def action_command_down(self) -> None:
        """The next one."""
        self.post_message(self.Step(1))

    def action_command_up(self) -> None:
        """The one before."""
        self.post_message(self.Step(-1))

    def on_blur(self) -> None:
        """It comes behind the keys that were typed before: the box has them all now."""
        # A terminal that tells when its window loses the focus takes it from the box too, and gives it back.
        if self.entered or self.app.app_focus:
            entered, self.entered = self.entered, False
            self.post_message(self.Left(entered))


class CommandLine(Vertical):
    """Stands over the foot while it is open."""

    def __init__(self) -> None:
        super().__init__()
        self._entries: Sequence[Entry] = ()
        self._told: Mapping[int, Whereabouts] = {}
        self.chosen = 0
        # What the entries are for; None while nothing is listed.
        self.listed_for: str | None = None

    def compose(self) -> ComposeResult:
        """What can be chosen, then the box."""
        yield Bar(id="command-list")
        with Horizontal(id="command-row"):
            yield Bar(id="command-word")
            yield CommandInput(
                placeholder="a command, or an invoice: number, vendor, amount, ERP or payment reference, #id",
                compact=True,
                select_on_focus=False,
                id="command-box",
            )

    def on_mount(self) -> None:
        """Nothing blinks."""
        self.box.cursor_blink = False
        self.query_one("#command-word", Bar).show(plain(" :"))

    @property
    def box(self) -> CommandInput:
        """The box."""
        return self.query_one(CommandInput)

    @property
    def entry(self) -> Entry | None:
        """What is chosen."""
        return self._entries[self.chosen] if self._entries else None

    def on_resize(self) -> None:
        """Fit the list into the new width: no amount is cut. Not at once: a height set while it is laid out is lost."""
        if self.display and self.listed_for is not None:
            self.call_after_refresh(self._draw)

    def open(self) -> None:
        """Show it, empty."""
        self.box.value = ""
        self.listed_for = None
        self._entries, self._told = (), {}
        bar = self.query_one("#command-list", Bar)
        bar.show()
        bar.styles.height = 0
        self.display = True

    def close(self) -> None:
        """Put it away."""
        self.display = False

    def offer(self, text: str, entries: Sequence[Entry], told: Mapping[int, Whereabouts]) -> None:
        """List what the text means, the first one chosen; ``told``: where its invoices are, by id."""
        self._entries, self.listed_for, self.chosen, self._told = entries, text, 0, told
        self._draw()

    def step(self, by: int) -> None:
        """Choose another one."""
        if self._entries:
            self.chosen = max(0, min(self.chosen + by, len(self._entries) - 1))
            self._draw()

    def _draw(self) -> None:
        where = self._where()
        room = max(4, min(self.app.size.height // 2 - 2, 16))
        first = max(0, min(self.chosen - room // 2, len(self._entries) - room))
        width = self.app.size.width
        lines: list[Line] = [
            (Part(entry_line(entry, width), REVERSE if n == self.chosen else None),)
            for n, entry in enumerate(self._entries[first : first + room], first)
        ]
        if not lines:
            lines = [plain(" Nothing is called that.", DIM)]
        hint = choosing() if self._entries else f"{pressed('list.cancel')} leaves"
        head = plain(f"-- {len(self._entries)} found: {hint} ".ljust(width, "-"), DIM)
        lines += where
        bar = self.query_one("#command-list", Bar)
        if bar.styles.height is None or bar.styles.height.value != len(lines) + 1:
            bar.styles.height = len(lines) + 1
        bar.show(head, *lines)

    def _where(self) -> list[Line]:
        """Where the chosen invoice is, below the list: as many lines for each, so that nothing jumps."""
        told = self._told.get(self.entry.id) if isinstance(self.entry, Found) else None
        if told is None:
            return []
        width = max(20, self.app.size.width - 4)
        lines = wrapped(whereabouts(told), width)
        if len(lines) > TOLD_MOST:
            lines = [*lines[: TOLD_MOST - 1], cut(" ".join(lines[TOLD_MOST - 1 :]), width)]
        return [plain(f"   {line}", DIM) for line in lines]


def whereabouts(told: Whereabouts) -> str:
    """Where an invoice is, since when, who has it, and its payment, in sentences."""
    parts = [
        f"{one_line(told.where)}, since {moment(told.since)}",
        f"With {one_line(told.hands)}",
        *told.holds,
    ]
    return ". ".join(one_line(part) for part in (*parts, told.payment) if part) + "."


def choosing() -> str:
    """The keys of the line, as far as they have one: ``Up and Down choose, Enter takes it, Esc leaves``."""
    steps = " and ".join(filter(None, map(pressed, ("command.command-up", "command.command-down"))))
    words = (
        (steps, "choose"),
        (pressed("command.command-done"), "takes it"),
        (pressed("list.cancel"), "leaves"),
    )
    return ", ".join(f"{keys} {does}" for keys, does in words if keys)


def entry_line(entry: Entry, width: int) -> str:
    """One command or invoice on a line of that width; an amount is never cut."""
    if isinstance(entry, Key):
        keys = " ".join(shown(key) for key in entry.keys)
        return f" {cut(keys, 12)} {cut(entry.help, width - 14)}"
    amount = f"{show(entry.net, entry.currency)} {entry.currency}"
    state = f"{short_status(entry.erp_status, entry.outcome):<9}{day(entry.since):<11}"
    batch = f"batch {entry.batch}" if entry.batch else ""
    tail = f" {amount:>18}  {state}"
    room = width - len(tail) - 1
    named = max(10, room // 4)
    behind = max(10, room // 4)
    vendor = max(4, room - named - behind - 2)
    return f" {cut(entry.number, named)} {cut(entry.vendor, vendor)}{tail}{cut(entry.origin_id or batch, behind)}"


def matching(table: Sequence[Key], places: Sequence[Place], text: str) -> list[Key]:
    """The commands of these places that have every word, those that begin with the text first."""
    words = text.casefold().split()
    found = [
        key
        for key in table
        if key.place in places
        and key.id not in {"command", "cancel"}
        and all(word in f"{key.id} {key.label} {key.help}".casefold() for word in words)
    ]
    start = text.casefold().strip()
    return sorted(found, key=lambda key: not (start and key.id.startswith(start)))


def named(table: Sequence[Key], places: Sequence[Place], text: str) -> Key | None:
    """The command that the text names exactly, by its id or the foot's word."""
    wanted = text.casefold().strip()
    hits = [key for key in matching(table, places, "") if wanted in {key.id, key.label.casefold()} and wanted]
    return hits[0] if hits else None
