"""A user of the Directory: who, which levels, the privilege, the limits; what that means is told as it is chosen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Static

from store.directory import LOGIN_MOST, NAME_MOST, Put
from store.domain.actor import Level, UserValues
from store.domain.errors import BadInput, PayappError
from store.domain.money import plain, to_minor
from store.domain.rights import WORDS, meaning
from store.domain.text import one_line, safe
from tui.keymap import Place, bindings
from tui.screens.dialog import Dialog
from tui.screens.fields import button, field
from tui.text import cut
from tui.widgets.choice_line import ChoiceLine

LEVELS = tuple(Level)
TOOLS = ("erp_level", "commitments_level", "directory_level")
LIMITS = ("limit_invoice", "limit_commitment", "limit_day")
# The longest address that mail knows.
EMAIL_MOST = 254
# Lines of what it means, and cells of one.
MEANS, ROOM = 5, 74


class UserForm(Dialog[UserValues | None]):
    """Asks, hands the values to ``save`` and closes with them when that is done; ``put`` is what came of it.

    ``before`` None: a new user. Limits are typed in the company's currency.
    """

    CSS_PATH = ["dialog.tcss", "writing.tcss", "user_form.tcss"]
    FIRST = "#name"
    BINDINGS = bindings(Place.USER_FORM)

    def __init__(
        self, before: UserValues | None, currency: str, save: Callable[[UserValues], Awaitable[Put]]
    ) -> None:
        super().__init__()
        self._before = before or UserValues("", "")
        self._new = before is None
        if self._new:
            self.FIRST = "#login"
        self._currency = currency
        self._save = save
        self.put: Put | None = None

    def compose(self) -> ComposeResult:
        """A box or a line of choices for each value, what they mean, two buttons."""
        user = self._before
        with Vertical(classes="frame"):
            title = "A new user" if self._new else f"{one_line(user.login)}, {cut(user.name, 40).rstrip()}"
            yield Static(title, classes="title", markup=False)
            if self._new:
                yield field("Login", Input(max_length=LOGIN_MOST, id="login"))
            yield field("Name", Input(_shown(user.name), max_length=NAME_MOST, id="name"))
            yield field("Mail", Input(_shown(user.email), max_length=EMAIL_MOST, id="email"))
            for name in TOOLS:
                yield self._choice(name, [level.word for level in LEVELS], LEVELS.index(getattr(user, name)))
            yield self._choice("can_push", ["no", "yes"], int(user.can_push))
            for name in LIMITS:
                limit = getattr(user, name)
                text = "" if limit is None else plain(limit, self._currency)
                word = {"limit_commitment": "Per commitm., period"}.get(name, WORDS[name])
                yield field(word, Input(text, placeholder=f"none ({self._currency}, gross)", id=name))
            yield self._choice("summary", ["no", "yes"], int(user.summary))
            yield Static(id="means", classes="note", markup=False)
            yield Static(id="problem", classes="problem", markup=False)
            with Horizontal(classes="buttons"):
                yield Static("Tab, Enter: go on   Left, Right: choose", classes="how", markup=False)
                yield button("Cancel", "cancel")
                yield button("Save", "save")

    def _choice(self, name: str, words: list[str], chosen: int) -> Horizontal:
        line = ChoiceLine(words, id=name)
        line.chosen = chosen
        word = {"can_push": "Can Push to Acct."}.get(name, WORDS[name])
        return Horizontal(Static(word, markup=False), line, classes="field")

    def on_mount(self) -> None:
        """What it means now; no problem yet."""
        super().on_mount()
        self.query_one("#problem").display = False
        self._tell()

    # -- what it means -----------------------------------------------------------------------------------------

    def on_choice_line_changed(self, event: ChoiceLine.Changed) -> None:
        """It means something else."""
        event.stop()
        self._tell()

    def on_input_changed(self, event: Input.Changed) -> None:
        """So does a limit."""
        event.stop()
        if event.input.id in LIMITS:
            self._tell()

    def _tell(self) -> None:
        try:
            sentences = meaning(self._values(), self._currency)
        except BadInput as error:
            sentences = [str(error)]
        self.query_one("#means", Static).update("\n".join(sentences[:MEANS]))

    def _values(self) -> UserValues:
        """What is typed and chosen. Raises BadInput for a limit that is no amount."""
        user = self._before
        if self._new:
            user = replace(user, login=self._typed("login", ""))
        chosen: dict[str, Any] = {
            name: LEVELS[self.query_one(f"#{name}", ChoiceLine).chosen] for name in TOOLS
        }
        chosen |= {name: self._limit(name) for name in LIMITS}
        return replace(
            user,
            name=self._typed("name", user.name),
            email=self._typed("email", user.email),
            can_push=bool(self.query_one("#can_push", ChoiceLine).chosen),
            summary=bool(self.query_one("#summary", ChoiceLine).chosen),
            **chosen,
        )

    def _typed(self, name: str, before: str) -> str:
        """The text of a box; what no box can show stays as long as nothing else is typed."""
        text = self.query_one(f"#{name}", Input).value.strip()
        return before if text == _shown(before) else text

    def _limit(self, name: str) -> int | None:
        text = self.query_one(f"#{name}", Input).value.replace(",", "").strip()
        return to_minor(text, self._currency) if text else None

    # -- saving ------------------------------------------------------------------------------------------------

    def action_field(self, step: int) -> None:
        """The field above, or below."""
        self.focus_next() if step > 0 else self.focus_previous()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter goes on to the next field."""
        event.stop()
        self.focus_next()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Save, or leave."""
        event.stop()
        if event.button.id != "save":
            self.dismiss(None)
            return
        self.run_worker(self._go, group="decide", exclusive=True)

    async def _go(self) -> None:
        try:
            after = self._values()
            if not after.name:
                raise BadInput("A user needs a name", fix="Type it")
            self.put = await self._save(after)
        except PayappError as error:
            self.trouble(str(error))
            return
        self.dismiss(after)


def _shown(text: str) -> str:
    """The text where a box can show it: the terminal must see no more of it than safe() lets through."""
    return text if safe(text) == text else ""
