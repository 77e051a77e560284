"""Placing and releasing holds: a reason to place one, a question to release, and which of the two where both could be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Static

from store.holding import REASON_MOST
from tui.keymap import way
from tui.screens.dialog import Dialog
from tui.screens.fields import button
from tui.widgets.text_box import TextBox


@dataclass(frozen=True, slots=True)
class HoldChoice:
    """Place a hold for this reason, or ("" and not ``place``) release."""

    place: bool
    reason: str = ""


def noun(count: int) -> str:
    """``1 invoice``, ``12 invoices``."""
    return f"{count:,} {'invoice' if count == 1 else 'invoices'}"


def being(count: int) -> str:
    """``it is`` of one, ``they are`` of several."""
    return "it is" if count == 1 else "they are"


class HoldScreen(Dialog[HoldChoice | None]):
    """Asks. ``held`` of the selected invoices are on hold and ``free`` are not; ``lines`` tell of them.

    ``reason`` is what was written before and refused, with ``why``.
    """

    CSS_PATH = ["dialog.tcss", "writing.tcss"]
    FIRST = "#cancel"

    def __init__(self, held: int, free: int, lines: Sequence[str], reason: str = "", why: str = "") -> None:
        super().__init__()
        self._reason, self._why = reason, why
        self._held = held
        self._free = free
        self._lines = lines
        if free:
            self.FIRST = "#reason"

    def compose(self) -> ComposeResult:
        """What it is about, the reason, and a button for each of the two ways."""
        with Vertical(classes="frame"):
            yield Static(self._title(), classes="title", markup=False)
            yield Static("\n".join(self._lines), classes="about", markup=False)
            if self._free:
                yield Static("Reason", classes="title", markup=False)
                yield TextBox(self._reason, id="reason")
            yield Static(
                f"Export leaves an invoice on hold where it is, until an approver releases it ({way('invoices.hold')}).",
                classes="note",
                markup=False,
            )
            yield Static(id="problem", classes="problem", markup=False)
            with Horizontal(classes="buttons"):
                yield Static(
                    "Tab: buttons" if self._free else "Tab: next button", classes="how", markup=False
                )
                yield button("Cancel", "cancel")
                if self._held:
                    yield button(f"Release {self._held:,}", "release")
                if self._free:
                    yield button(f"Hold {self._free:,}", "place")

    def _title(self) -> str:
        if not self._held:
            return f"Place {noun(self._free)} on hold"
        if not self._free:
            return f"Release {noun(self._held)} from hold?"
        return f"{noun(self._held)} on hold, {self._free:,} not: release the ones, or hold the others?"

    def on_mount(self) -> None:
        """No problem but that of the time before."""
        super().on_mount()
        self.query_one("#problem").display = False
        if self._why:
            self.trouble(self._why)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Place, release, or leave."""
        event.stop()
        match event.button.id:
            case "release":
                self.dismiss(HoldChoice(place=False))
            case "place":
                self._place()
            case _:
                self.dismiss(None)

    def _place(self) -> None:
        box = self.query_one(TextBox)
        reason = box.text.strip()
        if reason and len(reason) <= REASON_MOST:
            self.dismiss(HoldChoice(place=True, reason=reason))
            return
        self.trouble("That reason is too long: shorten it." if reason else "A hold needs a reason: enter it.")
        box.focus()

    def on_key(self, event: events.Key) -> None:
        """Backspace never decides anything, wherever the focus is."""
        if event.key == "backspace":
            event.stop()
