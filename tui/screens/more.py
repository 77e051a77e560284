"""More: the other tools, where the window is too narrow for all of their names."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from store.domain.actor import Actor, Level
from tui.keymap import Place, bindings
from tui.screens.dialog import Dialog

INVOICES, COMMITMENTS, MAPPINGS = "invoices", "commitments", "mappings"


def may_open(tool: str, me: Actor) -> str:
    """Why this user cannot open the tool, or nothing."""
    if tool in {INVOICES, MAPPINGS} and not me.sees_erp:
        return "needs Read Only on ERP Integrations"
    if tool == COMMITMENTS and me.commitments_level is Level.NONE:
        return "needs Read Only on Commitments"
    return ""


class MoreScreen(Dialog[str | None]):
    """Choose a tool by its digit."""

    GUARD = 0.0
    BINDINGS = bindings(Place.MORE)

    def __init__(self, me: Actor) -> None:
        super().__init__()
        self._me = me

    def compose(self) -> ComposeResult:
        """One line a tool."""
        with Vertical(classes="frame"):
            yield Static("More", classes="title", markup=False)
            for digit, tool, title in (
                (1, INVOICES, "ERP Integrations: Subcontractor Invoices"),
                (2, COMMITMENTS, "Commitments: Invoices"),
                (3, MAPPINGS, "ERP Integrations: Mappings"),
            ):
                why = may_open(tool, self._me)
                yield Static(f" {digit}  {title}{f'  ({why})' if why else ''}", markup=False)
            yield Static("Press the digit; Esc closes", classes="note", markup=False)

    def action_choose(self, tool: str) -> None:
        """Open it, if the user may."""
        if not may_open(tool, self._me):
            self.dismiss(tool)
