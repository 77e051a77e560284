"""Placing and releasing holds: on what, what for, a reason to place one; a question to release; and which of the two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Static

from store.domain.hold import EFFECT_WORDS, HoldEffect, HoldKind, HoldScope, default_effect
from store.holding import REASON_MOST
from tui.keymap import way
from tui.screens.dialog import Dialog
from tui.screens.fields import button
from tui.widgets.choice_line import ChoiceLine
from tui.widgets.text_box import TextBox

KINDS = {
    HoldKind.OTHER: "other",
    HoldKind.WAIVER: "lien waiver",
    HoldKind.INSURANCE: "insurance",
    HoldKind.CONTRACT: "contract",
}
EFFECTS = {HoldEffect.BLOCK: "leaves it", HoldEffect.PAY: "holds payment", HoldEffect.WARN: "warns"}
# What the dialog asks of a hold that is placed, and has no use for where one can only be released.
_PLACING = (".what", "#reason-word", "#reason")


@dataclass(frozen=True, slots=True)
class HoldChoice:
    """Place a hold on these, of that kind, for this reason; or (not ``place``) release theirs."""

    place: bool
    reason: str = ""
    scope: HoldScope = HoldScope.INVOICE
    kind: HoldKind = HoldKind.OTHER
    effect: HoldEffect = HoldEffect.BLOCK


@dataclass(frozen=True, slots=True)
class On:
    """On what a hold can stand: a word to choose it by, what it is called, how many are on hold and how many are not."""

    scope: HoldScope
    word: str
    name: str
    held: int
    free: int

    @property
    def title(self) -> str:
        """What can be done with them."""
        if not self.held:
            return f"Place {self.name} on hold"
        if not self.free:
            return f"Release {self.name} from hold?"
        one = noun(self.held) if self.scope is HoldScope.INVOICE else f"{self.held:,} of {self.name}"
        return f"{one} on hold, {self.free:,} not: release the ones, or hold the others?"


def noun(count: int) -> str:
    """``1 invoice``, ``12 invoices``."""
    return f"{count:,} {'invoice' if count == 1 else 'invoices'}"


def being(count: int) -> str:
    """``it is`` of one, ``they are`` of several."""
    return "it is" if count == 1 else "they are"


class HoldScreen(Dialog[HoldChoice | None]):
    """Asks. ``held`` of the selected invoices are on hold and ``free`` are not; ``lines`` tell of them.

    ``reason`` is what was written before and refused, with ``why``. ``others``: their commitments and vendors, where a hold
    can stand as well. ``payment_hold``: whether the ERP can hold a payment.
    """

    CSS_PATH = ["dialog.tcss", "writing.tcss"]
    FIRST = "#cancel"

    def __init__(
        self,
        held: int,
        free: int,
        lines: Sequence[str],
        reason: str = "",
        why: str = "",
        *,
        others: Sequence[On] = (),
        payment_hold: bool = False,
    ) -> None:
        super().__init__()
        self._reason, self._why = reason, why
        self._lines = lines
        word = "this invoice" if held + free == 1 else f"these {held + free:,}"
        count = held or free
        self._on = [On(HoldScope.INVOICE, word, noun(count), held, free), *others]
        # What is on hold already is what the key was pressed for.
        chosen = next((at for at, on in enumerate(self._on) if on.held), 0)
        self._chosen = self._on[chosen]
        self._at = chosen
        self._payment_hold = payment_hold
        self._effects = [one for one in EFFECTS if payment_hold or one is not HoldEffect.PAY]
        if self._chosen.free:
            self.FIRST = "#reason"

    def compose(self) -> ComposeResult:
        """What it is about, on what it stands and what for, the reason, and a button for each of the two ways."""
        with Vertical(classes="frame"):
            yield Static(id="what", classes="title", markup=False)
            yield Static("\n".join(self._lines), classes="about", markup=False)
            if len(self._on) > 1:
                yield from self._line("On", [on.word for on in self._on], "on", "")
            yield from self._line("Waits for", list(KINDS.values()), "kind", "what")
            yield from self._line("Export", [EFFECTS[one] for one in self._effects], "effect", "what")
            yield Static("Reason", id="reason-word", classes="title", markup=False)
            yield TextBox(self._reason, id="reason")
            yield Static(id="note", classes="note", markup=False)
            yield Static(id="problem", classes="problem", markup=False)
            with Horizontal(classes="buttons"):
                yield Static(id="how", classes="how", markup=False)
                yield button("Cancel", "cancel")
                yield button("Release", "release")
                yield button("Hold", "place")

    def _line(self, word: str, words: Sequence[str], name: str, group: str) -> ComposeResult:
        with Horizontal(classes=f"field {group}".strip()):
            yield Static(word, markup=False)
            yield ChoiceLine(words, id=name)

    def on_mount(self) -> None:
        """No problem but that of the time before."""
        super().on_mount()
        if self._at:
            self.query_one("#on", ChoiceLine).choose(self._at)
        self._show()
        self.query_one("#problem").display = False
        if self._why:
            self.trouble(self._why)

    def _show(self) -> None:
        """What can be done with what is chosen."""
        on = self._chosen
        self.query_one("#what", Static).update(on.title)
        for name in _PLACING:
            for widget in self.query(name):
                widget.display = bool(on.free)
        self.query_one("#note", Static).update(self._note())
        self.query_one("#how", Static).update("Tab: buttons" if on.free else "Tab: next button")
        for name, word, count in (("#release", "Release", on.held), ("#place", "Hold", on.free)):
            pressed = self.query_one(name, Button)
            pressed.display, pressed.label = bool(count), f"{word} {count:,}"

    def _note(self) -> str:
        on = self._chosen
        if not on.free:
            return "Released, it can be exported and paid as any other."
        effect = self._effect
        told = f"{EFFECT_WORDS[effect]}, until an approver releases it ({way('invoices.hold')})."
        if on.scope is HoldScope.INVOICE:
            return told
        back = "" if effect is HoldEffect.WARN else " What is queued is taken back."
        return f"{told} All invoices of theirs, those that come in later too.{back}"

    @property
    def _kind(self) -> HoldKind:
        return list(KINDS)[self.query_one("#kind", ChoiceLine).chosen]

    @property
    def _effect(self) -> HoldEffect:
        return self._effects[self.query_one("#effect", ChoiceLine).chosen]

    def on_choice_line_changed(self, event: ChoiceLine.Changed) -> None:
        """Another thing to hold has other buttons; what a kind does by default is chosen with it."""
        event.stop()
        if event.line.id == "on":
            self._chosen = self._on[event.line.chosen]
            self._show()
        elif event.line.id == "kind":
            does = default_effect(self._kind, payment_hold=self._payment_hold)
            self.query_one("#effect", ChoiceLine).choose(self._effects.index(does))
        else:
            self.query_one("#note", Static).update(self._note())

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Place, release, or leave."""
        event.stop()
        match event.button.id:
            case "release":
                self.dismiss(HoldChoice(place=False, scope=self._chosen.scope))
            case "place":
                self._place()
            case _:
                self.dismiss(None)

    def _place(self) -> None:
        box = self.query_one(TextBox)
        reason = box.text.strip()
        if (reason or self._kind is not HoldKind.OTHER) and len(reason) <= REASON_MOST:
            self.dismiss(HoldChoice(True, reason, self._chosen.scope, self._kind, self._effect))
            return
        self.trouble("That reason is too long: shorten it." if reason else "A hold needs a reason: enter it.")
        box.focus()

    def on_key(self, event: events.Key) -> None:
        """Backspace never decides anything, wherever the focus is."""
        if event.key == "backspace":
            event.stop()
