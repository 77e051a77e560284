"""What one code of ours is called in the ERP: on all jobs, or on one of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Static

from store.domain.errors import PayappError
from store.domain.knowing import Kind
from store.domain.text import safe
from store.mapping import TARGET_MOST, Want
from store.mapping_list import Origin, Row
from tui.keymap import pressed
from tui.screens.dialog import Dialog
from tui.screens.fields import button, field
from tui.text import cut

WORDS = {
    Kind.VENDOR: "Vendor", Kind.JOB: "Job", Kind.COMMITMENT: "Commitment", Kind.ACCOUNT: "Cost code",
    Kind.TAX: "Account of tax", Kind.TERMS: "Payment terms",
}  # fmt: skip
JOB_MOST = 60
# Where the rest of them is called what it is called now.
OTHERWISE = {
    Origin.MASTER: "from the masters", Origin.SAME: "as here", Origin.DEFAULT: "the ERP's default", Origin.NONE: "no name there",
}  # fmt: skip


def told(row: Row) -> str:
    """The code as a person would name it, on at most 60 cells."""
    words = [WORDS[row.kind]]
    if row.kind not in {Kind.TAX, Kind.TERMS}:
        words.append(row.code or "(none)")
    if row.job:
        words.append(f"of job {row.job}")
    return cut(" ".join([*words, row.name]), 60).rstrip()


class MappingEdit(Dialog[str | None]):
    """Asks for the name in the ERP, hands it to ``save`` and closes with it when that is done."""

    CSS_PATH = ["dialog.tcss", "writing.tcss"]
    FIRST = "#target"

    def __init__(self, row: Row, save: Callable[[Want], Awaitable[object]]) -> None:
        super().__init__()
        self._row = row
        self._save = save
        self._own = row.target if row.origin is Origin.MAPPING else ""

    def compose(self) -> ComposeResult:
        """One or two boxes and two buttons."""
        row = self._row
        now = f"{row.target}, {OTHERWISE[row.origin]}" if row.target and not self._own else ""
        with Vertical(classes="frame"):
            yield Static(told(row), classes="title", markup=False)
            # The terminal must see no more of it than safe() lets through.
            placeholder = cut(now or OTHERWISE.get(row.origin, ""), 40).rstrip()
            shown = self._own if safe(self._own) == self._own else ""
            box = Input(shown, placeholder=placeholder, max_length=TARGET_MOST, id="target")
            yield field("In the ERP", box)
            if self._by_job:
                yield field("Job", Input(row.job, placeholder="all jobs", max_length=JOB_MOST, id="job"))
            yield Static(self._note(), classes="note", markup=False)
            yield Static(id="problem", classes="problem", markup=False)
            with Horizontal(classes="buttons"):
                yield Static("Enter, Tab: go on", classes="how", markup=False)
                yield button("Cancel", "cancel")
                yield button("Save", "save")

    @property
    def _by_job(self) -> bool:
        """Whether it may be called otherwise on one job than on the others; a number that no box can show stays."""
        return self._row.kind not in {Kind.JOB, Kind.COMMITMENT} and safe(self._row.job) == self._row.job

    def _note(self) -> str:
        jobs = " Job empty: on every job without a name of its own." if self._by_job else ""
        return f"From the next Export on; bills that are queued keep what they have.{jobs}"

    def on_mount(self) -> None:
        """No problem yet."""
        super().on_mount()
        self.query_one("#problem").display = False

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter goes on: to the next box, behind the last one to Save."""
        event.stop()
        self.focus_next()
        if isinstance(self.focused, Button):
            self.query_one("#save", Button).focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Save, or leave."""
        event.stop()
        if event.button.id != "save":
            self.dismiss(None)
            return
        self.run_worker(self._go, group="decide", exclusive=True)

    async def _go(self) -> None:
        target = self.query_one("#target", Input).value.strip()
        job = self.query_one("#job", Input).value.strip() if self._by_job else self._row.job
        if not target:
            takes = pressed("mappings.remove")
            self.trouble(f"Write what the ERP calls it; in the list {takes} takes a mapping away.")
            self.query_one("#target", Input).focus()
            return
        was = self._own if job == self._row.job else None
        try:
            await self._save(Want(self._row.kind, self._row.code, target, job, was=was))
        except PayappError as error:
            self.trouble(str(error))
            return
        self.dismiss(target)
