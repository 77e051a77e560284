"""Writing a file: what of the list, in which format, where; what is there already is replaced only when asked for twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Static

from store import sheets
from store.domain.errors import BadInput
from store.listing import Order
from store.sheets import Exists, Format
from tui.gateway import checked_name
from tui.screens.dialog import Dialog
from tui.screens.fields import button, field
from tui.widgets.choice_line import ChoiceLine

_STARTED = "Only you may read the file. A name without a folder is in the folder that payapp was started in."
_KEPT = "The file is kept for you on this machine: ssh HOST get NAME fetches it."
FORMATS = {Format.CSV: "CSV", Format.XLSX: "XLSX", Format.REPORT: "Report"}


@dataclass(frozen=True, slots=True)
class Source:
    """Something that can be written: a word for it, and the order of its invoices."""

    word: str
    order: Order


@dataclass(frozen=True, slots=True)
class WriteChoice:
    """What to write, as what and where; ``replace`` what is there."""

    order: Order
    form: Format
    path: Path
    replace: bool


def place(text: str, files: Path | None = None) -> Path:
    """The file that was typed, ``~`` as the home folder; with ``files`` a name in that folder.

    Raises BadInput for what can be no file.
    """
    if not text.strip():
        raise BadInput("The file needs a name", fix="Type it")
    if files is not None:
        return files / checked_name(text.strip())
    try:
        return Path(text.strip()).expanduser().absolute()
    except RuntimeError:
        raise BadInput("There is no such home folder", fix="Write the folder out") from None


class WriteScreen(Dialog[WriteChoice | None]):
    """Asks; ``view`` is the word for the view in the file's name, ``today`` the day in it."""

    CSS_PATH = ["dialog.tcss", "writing.tcss"]
    FIRST = "#what"

    def __init__(self, sources: Sequence[Source], view: str, today: date, files: Path | None = None) -> None:
        super().__init__()
        self._files = files
        self._sources = sources
        self._stem = f"invoices-{view}-{today.isoformat()}"
        self._there = ""

    def compose(self) -> ComposeResult:
        """Three lines and two buttons."""
        with Vertical(classes="frame"):
            yield Static("Write a file", classes="title", markup=False)
            with Horizontal(classes="field"):
                yield Static("What", markup=False)
                yield ChoiceLine([source.word for source in self._sources], id="what")
            with Horizontal(classes="field"):
                yield Static("Format", markup=False)
                yield ChoiceLine(list(FORMATS.values()), id="form")
            yield field("File", Input(f"{self._stem}.{Format.CSV}", id="file"))
            yield Static(
                f"Left, Right choose; Tab goes on. {_KEPT if self._files else _STARTED}",
                classes="note",
                markup=False,
            )
            yield Static(id="problem", classes="problem", markup=False)
            with Horizontal(classes="buttons"):
                yield button("Cancel", "cancel")
                yield button("Write", "write")

    def on_mount(self) -> None:
        """No problem yet."""
        super().on_mount()
        self.query_one("#problem").display = False

    @property
    def _form(self) -> Format:
        return list(FORMATS)[self.query_one("#form", ChoiceLine).chosen]

    def on_choice_line_changed(self, event: ChoiceLine.Changed) -> None:
        """The name ends as the format does, as long as it ended as one of them."""
        event.stop()
        box = self.query_one("#file", Input)
        stem, dot, ending = box.value.rpartition(".")
        if dot and ending in set(Format):
            box.value = f"{stem}.{self._form}"

    def on_input_changed(self, event: Input.Changed) -> None:
        """Another name is another question."""
        event.stop()
        if event.value != self._there:
            self.query_one("#write", Button).label = "Write"

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter goes on to the buttons."""
        event.stop()
        self.query_one("#write", Button).focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Write, or leave."""
        event.stop()
        if event.button.id != "write":
            self.dismiss(None)
            return
        self.run_worker(self._write, group="write", exclusive=True)

    async def _write(self) -> None:
        typed = self.query_one("#file", Input).value
        replace = bool(self._there) and typed == self._there
        try:
            path = place(typed, self._files)
            # Another machine's folder may take its time to answer.
            await asyncio.to_thread(sheets.check_place, path, replace=replace)
        except Exists as error:
            self._there = typed
            self.query_one("#write", Button).label = "Replace"
            self.trouble(f"{error.what}. Press Replace to overwrite it, or name another file.")
            return
        except BadInput as error:
            self.trouble(str(error))
            box = self.query_one("#file", Input)
            # What was typed is mended, not typed anew.
            box.select_on_focus = False
            box.focus()
            return
        what = self._sources[self.query_one("#what", ChoiceLine).chosen]
        self.dismiss(WriteChoice(what.order, self._form, path, replace))
