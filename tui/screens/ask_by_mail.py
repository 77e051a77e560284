"""A query: a question mailed to who sent the invoices, while they stay where they are."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Static

from store.asking import TEXT_MOST, Asked
from store.domain.text import one_line
from tui.screens.dialog import Dialog
from tui.screens.fields import button
from tui.screens.hold import noun
from tui.text import cut
from tui.widgets.text_box import TextBox

# So many of those who are mailed are named.
NAMED = 4
_ROOM = 70


def asked_lines(people: Sequence[Asked]) -> list[str]:
    """Who is mailed, one to a line; who cannot be stands first."""
    ordered = sorted(people, key=lambda who: bool(who.address))
    lines = [
        cut(
            f"{one_line(who.name) or 'somebody unnamed'} {f'<{one_line(who.address)}>' if who.address else '(no mail address is known)'}"
            + (f", about {who.count:,}" if len(people) > 1 else ""),
            _ROOM,
        ).rstrip()
        for who in ordered[:NAMED]
    ]
    return lines + ([f"and {len(people) - NAMED:,} more"] if len(people) > NAMED else [])


class AskByMailScreen(Dialog[str | None]):
    """Asks for the question, and says who is mailed. ``answerable``: answers can reach the one who asks.

    ``question`` is what was written before and refused, with ``why``.
    """

    CSS_PATH = ["dialog.tcss", "writing.tcss"]
    FIRST = "#question"

    def __init__(
        self, title: str, people: Sequence[Asked], question: str = "", why: str = "", *, answerable: bool
    ) -> None:
        super().__init__()
        self._question, self._why = question, why
        self._answerable = answerable
        self._title = title
        self._people = people

    def compose(self) -> ComposeResult:
        """Who is asked, the question, the buttons."""
        count = sum(who.count for who in self._people)
        with Vertical(classes="frame"):
            yield Static(f"Query about {self._title}", classes="title", markup=False)
            yield Static("\n".join(["Mailed to:", *asked_lines(self._people)]), classes="about", markup=False)
            yield TextBox(self._question, id="question")
            each = "" if count == 1 else f" One mail about each of the {noun(count)}."
            answers = (
                "Answers come to you."
                if self._answerable
                else "You have no mail address in the Directory: the mail names you."
            )
            yield Static(
                f"Nothing is rejected or moved. {answers}{each}",
                classes="note",
                markup=False,
            )
            yield Static(id="problem", classes="problem", markup=False)
            with Horizontal(classes="buttons"):
                yield Static("Tab: buttons", classes="how", markup=False)
                yield button("Cancel", "cancel")
                yield button("Send", "send")

    def on_mount(self) -> None:
        """No problem but that of the time before."""
        super().on_mount()
        self.query_one("#problem").display = False
        if self._why:
            self.trouble(self._why)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Send it, or leave."""
        event.stop()
        if event.button.id != "send":
            self.dismiss(None)
            return
        box = self.query_one(TextBox)
        text = box.text.strip()
        if text and len(text) <= TEXT_MOST:
            self.dismiss(text)
            return
        self.trouble(
            "That question is too long: shorten it." if text else "A query needs a question: enter it."
        )
        box.focus()

    def on_key(self, event: events.Key) -> None:
        """Backspace never decides anything, wherever the focus is."""
        if event.key == "backspace":
            event.stop()
