"""Accounting date, description and ERP invoice number: what the approver may change before an export."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Static

from store.domain.errors import BadInput
from store.domain.text import one_line
from store.invoices import Row
from store.planning import DESCRIPTION_MOST
from tui.screens.dialog import Dialog
from tui.screens.fields import button, field, parse_day


@dataclass(frozen=True, slots=True)
class ExportValues:
    """What to set; None leaves a value as it is."""

    accounting_date: date | None
    description: str | None
    erp_number: str | None


class ExportValuesScreen(Dialog[ExportValues | None]):
    """Asks for the values of ``count`` invoices; ``only`` is the invoice when it is a single one."""

    FIRST = "#day"

    def __init__(self, count: int, only: Row | None) -> None:
        super().__init__()
        self._count = count
        self._only = only

    def compose(self) -> ComposeResult:
        """Two or three boxes and two buttons."""
        noun = one_line(self._only.number) if self._only else f"{self._count:,} marked invoices"
        with Vertical(classes="frame"):
            yield Static(f"For {noun}", classes="title", markup=False)
            yield field("Accounting date", Input(placeholder="unchanged; YYYY-MM-DD", id="day"))
            yield field("Description", Input(placeholder="unchanged", max_length=DESCRIPTION_MOST, id="text"))
            if self._only:
                yield field(
                    "ERP invoice number", Input(self._only.erp_number, placeholder="its own", id="number")
                )
            yield Static(
                "Empty leaves it as it is. The project's figures are not touched.",
                classes="note",
                markup=False,
            )
            yield Static(id="problem", classes="problem", markup=False)
            with Horizontal(classes="buttons"):
                yield button("Cancel", "cancel")
                yield button("Save", "save")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter goes on: to the next box, behind the last one to Save."""
        event.stop()
        last = "number" if self._only else "text"
        if event.input.id == last:
            self.query_one("#save", Button).focus()
        else:
            self.focus_next()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Save, or leave."""
        event.stop()
        if event.button.id != "save":
            self.dismiss(None)
            return
        try:
            day = parse_day(self.query_one("#day", Input).value)
        except BadInput as error:
            self.query_one("#problem", Static).update(str(error))
            self.query_one("#day", Input).focus()
            return
        text = self.query_one("#text", Input).value.strip() or None
        number = self.query_one("#number", Input).value.strip() if self._only else None
        if self._only and number == self._only.erp_number:
            number = None
        if day is None and text is None and number is None:
            self.dismiss(None)
        else:
            self.dismiss(ExportValues(day, text, number))
