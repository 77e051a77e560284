"""Setting the project-side status of invoices: which one, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Static

from store.domain.status import SENDABLE, Status
from store.invoices import Row
from tui.keymap import way
from tui.screens.dialog import Dialog
from tui.screens.fields import button, field
from tui.text import STATUS_TITLES, cut
from tui.widgets.choice_line import ChoiceLine

# Short, as they stand side by side.
WORDS = {
    Status.DRAFT: "draft",
    Status.UNDER_REVIEW: "review",
    Status.REVISE_AND_RESUBMIT: "revise",
    Status.APPROVED: "approved",
    Status.APPROVED_AS_NOTED: "as noted",
    Status.PENDING_OWNER_APPROVAL: "pending owner",
}
COMMENT_MOST = 500


@dataclass(frozen=True, slots=True)
class StatusChoice:
    """The status, and why ("" where nothing was said)."""

    status: Status
    comment: str


class StatusScreen(Dialog[StatusChoice | None]):
    """Asks; ``about`` says of what, ``only`` is the invoice where it is one. ``settable``: what the user may set."""

    CSS_PATH = ["dialog.tcss", "writing.tcss"]
    FIRST = "#status"

    def __init__(self, about: str, settable: Sequence[Status], only: Row | None) -> None:
        super().__init__()
        self._about, self._settable = about, settable
        self._now = None if only is None else Status(only.status)

    def compose(self) -> ComposeResult:
        """What it is about, the statuses, why, the buttons."""
        with Vertical(classes="frame"):
            yield Static(cut(f"Status of {self._about}", 72), classes="title", markup=False)
            yield ChoiceLine([WORDS[status] for status in self._settable], id="status")
            yield Static(id="note", classes="note", markup=False)
            yield field("Why (optional)", Input(id="comment", max_length=COMMENT_MOST))
            yield Static(id="problem", classes="problem", markup=False)
            with Horizontal(classes="buttons"):
                yield Static("Left, Right: another   Tab: go on", classes="how", markup=False)
                yield button("Cancel", "cancel")
                yield button("Set", "set")

    def on_mount(self) -> None:
        """The status that it has is the one in brackets; no problem yet."""
        super().on_mount()
        line = self.query_one(ChoiceLine)
        line.styles.height = 1
        if self._now in self._settable:
            line.choose(self._settable.index(self._now))
        self.query_one("#problem").display = False
        self._show()

    def on_choice_line_changed(self, event: ChoiceLine.Changed) -> None:
        """What the chosen one means."""
        event.stop()
        self._show()

    @property
    def _chosen(self) -> Status:
        return self._settable[self.query_one(ChoiceLine).chosen]

    def _show(self) -> None:
        title = STATUS_TITLES[self._chosen]
        means = f": it can be sent then ({way('commitments.send')})" if self._chosen in SENDABLE else ""
        now = f"; it is {STATUS_TITLES[self._now]} now" if self._now is not None else ""
        self.query_one("#note", Static).update(f"{title}{means}{now}.")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """On to the buttons."""
        event.stop()
        self.query_one("#set", Button).focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Set it, or leave."""
        event.stop()
        if event.button.id == "set":
            self.dismiss(StatusChoice(self._chosen, self.query_one("#comment", Input).value.strip()))
        else:
            self.dismiss(None)
