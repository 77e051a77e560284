"""The first run: one card with five keys, once per user."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from store.domain.actor import Actor
from store.domain.keys import spelled
from tui.keymap import way
from tui.screens.dialog import Dialog

# The keys by their ids, and what a newcomer gains by each.
APPROVER = (
    ("table.mark", "marks the invoice under the cursor; the foot counts them"),
    ("list.filter", "filters as you type; {list.clear-filter} clears"),
    ("list.open", "opens it: lines, errors, history; never decides anything"),
    (
        "invoices.export",
        "exports what is marked, and asks before; {invoices.reject} rejects",
    ),
    ("list.help", "shows every key of the place you are in"),
)
PROJECT = (
    *APPROVER[:3],
    ("commitments.send", "sends what is marked; {commitments.edit} edits the one under the cursor"),
    APPROVER[4],
)
READER = (
    *APPROVER[:3],
    ("list.write", "writes a file of what is listed or marked: CSV, XLSX, report"),
    APPROVER[4],
)
# Who reads in ERP Integrations, where the desk opens, and decides in Commitments.
SENDER = (
    *APPROVER[:3],
    ("list.more", "the other tools; in Commitments {commitments.send} sends, {commitments.edit} edits"),
    APPROVER[4],
)


def card(me: Actor) -> list[str]:
    """The five lines for what this user may do, with the keys as this user has them."""
    if me.is_approver:
        five = APPROVER
    elif me.may_send:
        five = SENDER if me.sees_erp else PROJECT
    else:
        five = READER
    return [f"  {way(name):<8} {spelled(text)}" for name, text in five]


class WelcomeScreen(Dialog[None]):
    """The card; any key puts it away, and does nothing else."""

    CSS_PATH = ["dialog.tcss"]

    def __init__(self, company: str, me: Actor) -> None:
        super().__init__()
        self._company = company
        self._me = me

    def compose(self) -> ComposeResult:
        """Five keys."""
        with Vertical(classes="frame"):
            yield Static(f"Welcome to the desk of {self._company}. Five keys:", classes="title", markup=False)
            yield Static("\n".join(["", *card(self._me), ""]), markup=False)
            if not (self._me.is_approver or self._me.may_send):
                yield Static("You read here; a Directory Admin grants more.", classes="note", markup=False)
            yield Static("Any key puts this card away; it does not come again.", classes="note", markup=False)

    def on_key(self, event: events.Key) -> None:
        """Put it away."""
        event.stop()
        self.dismiss(None)

    def on_click(self, event: events.Click) -> None:
        """A click does so too."""
        event.stop()
        self.dismiss(None)
