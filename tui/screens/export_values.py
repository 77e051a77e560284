"""Accounting date, description and ERP invoice number: what the approver may change before an export."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, cast

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Static

from store import detail
from store.domain.errors import BadInput, PayappError
from store.domain.text import one_line
from store.invoices import Row
from store.planning import DESCRIPTION_MOST
from tui.screens.dialog import Dialog
from tui.screens.fields import button, field, parse_day

if TYPE_CHECKING:
    from tui.app import DeskApp

# Typed alone it takes a value away.
CLEAR = "-"
NO_DATE = "An accounting date can be changed, not taken away: write it as 2026-10-31, or leave it"


@dataclass(frozen=True, slots=True)
class ExportValues:
    """What to set; None leaves a value as it is, "" takes a description or a number away."""

    accounting_date: date | None
    description: str | None
    erp_number: str | None


class ExportValuesScreen(Dialog[ExportValues | None]):
    """Asks for the values of ``count`` invoices; ``only`` is the invoice when it is a single one."""

    CSS_PATH = ["dialog.tcss", "writing.tcss"]
    FIRST = "#day"

    def __init__(self, count: int, only: Row | None) -> None:
        super().__init__()
        self._count = count
        self._only = only
        # What a single invoice has: that left standing changes nothing.
        self._was = {"day": "", "text": "", "number": only.erp_number if only else ""}

    def compose(self) -> ComposeResult:
        """Two or three boxes and two buttons."""
        noun = one_line(self._only.number) if self._only else f"{self._count:,} marked invoices"
        with Vertical(classes="frame"):
            yield Static(f"For {noun}", classes="title", markup=False)
            given = "none; " if self._only else "(several); "
            yield field("Accounting date", Input(placeholder=f"{given}YYYY-MM-DD", id="day"))
            yield field(
                "Description",
                Input(placeholder=given.rstrip("; "), max_length=DESCRIPTION_MOST, id="text"),
            )
            if self._only:
                yield field(
                    "ERP invoice number", Input(self._only.erp_number, placeholder="its own", id="number")
                )
            yield Static(self._note(), classes="note", markup=False)
            yield Static(id="problem", classes="problem", markup=False)
            with Horizontal(classes="buttons"):
                yield Static("Enter, Tab: go on", classes="how", markup=False)
                yield button("Cancel", "cancel")
                yield button("Save", "save")

    def _note(self) -> str:
        how = (
            f"Emptied or {CLEAR}: no description, its own number."
            if self._only
            else f"Empty leaves each as it is; {CLEAR} takes the descriptions away."
        )
        return f"{how} A date can be changed, not taken away. The project's figures are not touched."

    def on_mount(self) -> None:
        """What a single invoice has stands in the boxes."""
        super().on_mount()
        self.query_one("#problem").display = False
        if self._only:
            self.run_worker(self._fill(self._only.id), group="values")

    async def _fill(self, invoice_id: int) -> None:
        desk = cast("DeskApp", self.app).desk
        try:
            found = await desk.db.read(detail.detail, invoice_id, desk.me)
        except PayappError as error:
            self._refuse(str(error), "#day")
            return
        self._was |= {"day": found.accounting_date, "text": found.description}
        for name in ("day", "text"):
            box = self.query_one(f"#{name}", Input)
            # What was typed meanwhile stays.
            if not box.value:
                box.value = self._was[name]

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
        day = self._typed("day")
        if day == "":
            self._refuse(NO_DATE, "#day")
            return
        try:
            values = ExportValues(
                parse_day(day or ""), self._typed("text"), self._typed("number") if self._only else None
            )
        except BadInput as error:
            self._refuse(str(error), "#day")
            return
        self.dismiss(None if values == ExportValues(None, None, None) else values)

    def _typed(self, name: str) -> str | None:
        """What to set a value to: "" takes it away, None leaves it."""
        text, was = self.query_one(f"#{name}", Input).value.strip(), self._was[name].strip()
        if text == CLEAR and (was or not self._only):
            return ""
        return None if text in {was, CLEAR} else text

    def _refuse(self, why: str, box: str) -> None:
        self.trouble(why)
        self.query_one(box, Input).focus()
