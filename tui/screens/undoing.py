"""Unlink, reset, mark exported: what the ERP said, a comment, and for a marked one its reference there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Static

from store.domain.errors import PayappError
from store.resolving import COMMENT_MOST, REFERENCE_MOST
from tui.screens.dialog import Dialog
from tui.screens.fields import button, field, parse_day


@dataclass(frozen=True, slots=True)
class UndoChoice:
    """What was written: the comment, and of what is marked exported the reference and its accounting date."""

    comment: str
    reference: str = ""
    accounting_date: date | None = None


class UndoScreen(Dialog[UndoChoice | None]):
    """Asks, hands the choice to ``save`` and closes with it when that is done; what refuses it stands in the dialog.

    ``word`` is the button's; ``refers``: a reference is asked for too.
    """

    CSS_PATH = ["dialog.tcss", "writing.tcss"]
    FIRST = "#comment"

    def __init__(
        self,
        title: str,
        lines: Sequence[str],
        note: str,
        word: str,
        save: Callable[[UndoChoice], Awaitable[object]],
        *,
        refers: bool = False,
    ) -> None:
        super().__init__()
        self._title, self._lines, self._note, self._word = title, lines, note, word
        self._save = save
        self._refers = refers
        self._saving = False
        if refers:
            self.FIRST = "#reference"

    def compose(self) -> ComposeResult:
        """What it is about, the boxes, the buttons."""
        with Vertical(classes="frame"):
            yield Static(self._title, classes="title", markup=False)
            yield Static("\n".join(self._lines), classes="about", markup=False)
            if self._refers:
                yield field(
                    "Reference in the ERP",
                    Input(placeholder="its bill's number there", max_length=REFERENCE_MOST, id="reference"),
                )
                yield field("Accounting date", Input(placeholder="the bill's there; YYYY-MM-DD", id="day"))
            yield field(
                "Comment", Input(placeholder="why; kept for good", max_length=COMMENT_MOST, id="comment")
            )
            yield Static(self._note, classes="note", markup=False)
            yield Static(id="problem", classes="problem", markup=False)
            with Horizontal(classes="buttons"):
                yield Static("Enter, Tab: go on   Esc: cancel", classes="how", markup=False)
                yield button("Cancel", "cancel")
                yield button(self._word, "go")

    def on_mount(self) -> None:
        """No problem yet."""
        super().on_mount()
        self.query_one("#problem").display = False

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter goes on: to the next box, behind the last one to the buttons, of which the first cancels."""
        event.stop()
        self.focus_next()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Do it, or leave."""
        event.stop()
        if event.button.id != "go":
            self.dismiss(None)
        elif not self._saving:
            self._saving = True
            self.run_worker(self._go, group="decide", exclusive=True)

    async def _go(self) -> None:
        try:
            choice = self._written()
            await self._save(choice)
        except PayappError as error:
            self.trouble(str(error))
        else:
            self.dismiss(choice)
        finally:
            self._saving = False

    def _written(self) -> UndoChoice:
        comment = self.query_one("#comment", Input).value
        if not self._refers:
            return UndoChoice(comment)
        reference = self.query_one("#reference", Input).value
        return UndoChoice(comment, reference, parse_day(self.query_one("#day", Input).value))
