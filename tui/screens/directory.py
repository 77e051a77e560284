"""Directory: who the users are, what each may do and how he came to it; granting and taking rights."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from store import directory, people
from store.domain.actor import UserValues
from store.domain.errors import PayappError
from store.domain.rights import meaning
from store.domain.text import one_line
from tui.keymap import Place, bindings, pressed
from tui.screens.ask import AskScreen
from tui.screens.more import DIRECTORY
from tui.screens.rows import RowsScreen
from tui.screens.user_form import UserForm
from tui.screens.user_page import UserPage
from tui.text import cut, money
from tui.user_text import done
from tui.widgets.bar import DIM, Line, plain
from tui.widgets.row_table import Column

if TYPE_CHECKING:
    from store.db import Database
    from tui.bootstrap import Desk


class DirectoryScreen(RowsScreen[UserValues]):
    """The users; closes with the tool that is to be opened, or None. ``text`` is what the list is narrowed to at first."""

    BINDINGS = bindings(Place.DIRECTORY)
    PLACE = Place.DIRECTORY
    TOOL = "Directory"
    NAME = DIRECTORY
    TABS = "USERS"
    NARROWS = "login, name, address, levels, push"
    EMPTY = "There are no users."

    def __init__(self, desk: Desk, text: str = "") -> None:
        super().__init__(desk, text)
        self._removed = False
        # What the filter looks at, of each row.
        self._folded: list[str] = []

    # -- the list ----------------------------------------------------------------------------------------------

    def columns(self) -> Sequence[Column[UserValues]]:
        """Who, the level per tool, the privilege, the limit of one invoice."""
        currency = self.desk.company.currency
        return (
            Column("Login", lambda user, _: user.login, 9, 20),
            Column("Name", lambda user, _: user.name, 10),
            Column("ERP Integr.", lambda user, _: user.erp_level.word, 11, 16),
            Column("Commitments", lambda user, _: user.commitments_level.word, 11, 16),
            Column("Directory", lambda user, _: user.directory_level.word, 9, 16),
            Column("Push", lambda user, _: _word(user), 7, 7),
            Column("Per invoice", lambda user, _: _limit(user.limit_invoice, currency), 12, 16, right=True),
        )

    async def read_stamp(self) -> Hashable:
        """Of the users, whatever else is decided; and whether the removed ones are listed."""
        return await self.desk.db.read(people.stamp), self._removed

    async def read_rows(self) -> Sequence[UserValues]:
        """All that the user may see."""
        found, self._folded = await self.desk.db.read(self._searchable)
        return found

    def _searchable(self, db: Database) -> tuple[list[UserValues], list[str]]:
        """In the thread that reads: a company's thousands are not folded with each letter of the filter."""
        found = people.people(db, self.desk.me, removed=self._removed)
        return found, [self.searched(user).casefold() for user in found]

    def matching(self) -> Sequence[UserValues]:
        """Those that have all words of the filter, case aside."""
        words = self.text.casefold().split()
        pairs = zip(self.all_rows, self._folded, strict=True)
        return [user for user, folded in pairs if all(word in folded for word in words)]

    def key(self, row: UserValues) -> Hashable:
        """The login."""
        return row.login

    def glyph(self, row: UserValues) -> str:
        """Who may do nothing any more, and who has a privilege that does nothing."""
        if not row.active:
            return "x"
        return "!" if row.can_push and row.erp_level.value in {"none", "read_only"} else ""

    def searched(self, row: UserValues) -> str:
        """All that the list shows of him."""
        levels = (row.erp_level, row.commitments_level, row.directory_level)
        words = [
            f"{tool}:{level.word}"
            for tool, level in zip(("erp", "commitments", "directory"), levels, strict=True)
        ]
        return " ".join(
            [
                row.login,
                row.name,
                row.email,
                *words,
                "push" if row.can_push else "",
                "removed" * (not row.active),
            ]
        )

    def decides(self) -> bool:
        """Directory Admins change users."""
        return self.desk.me.directory_level.value == "admin"

    def info(self, listed: Sequence[UserValues]) -> Line:
        """How many, and how many of them accept and keep the Directory."""
        acting = [user for user in self.all_rows if user.active]
        accept = sum(user.can_push and user.erp_level.value in {"standard", "admin"} for user in acting)
        admins = sum(user.directory_level.value == "admin" for user in acting)
        told = f"   {accept:,} may accept, {admins:,} Directory {'Admin' if admins == 1 else 'Admins'}"
        if self.desk.me.directory_level.value == "none":
            told = "   You see yourself here: more needs Read Only on the Directory"
        return plain(f" {len(listed):,} of {len(self.all_rows):,}{told}", DIM)

    def about(self, row: UserValues, width: int) -> str:
        """What the user may do, as far as there is room."""
        told = " ".join(meaning(row, self.desk.company.currency))
        return " " + cut(f"{one_line(row.login)}: {told}", width - 2).rstrip()

    def action_removed(self) -> None:
        """Those too that may not act any more; and without them again."""
        self._removed = not self._removed
        self.say("Removed users are listed too." if self._removed else "Removed users are not listed.")
        self.reload()

    # -- one user ----------------------------------------------------------------------------------------------

    def action_open(self) -> None:
        """What the user may do, and the history of it."""
        if (row := self.table.current) is not None:
            self.app.push_screen(UserPage(self.desk, row.login))

    def _may(self) -> bool:
        try:
            self.desk.me.require_directory_admin()
        except PayappError as error:
            self.say(str(error))
            return False
        return True

    def action_edit(self) -> None:
        """Change a user's values."""
        if (row := self.table.current) is not None and self._may():
            self.run_worker(lambda: self._form(row), group="decide", exclusive=True)

    def action_add(self) -> None:
        """A new user."""
        if self._may():
            self.run_worker(lambda: self._form(None), group="decide", exclusive=True)

    async def _form(self, row: UserValues | None) -> None:
        async def save(after: UserValues) -> directory.Put:
            new = row is None
            return await self.desk.db.write(directory.put_user, self.desk.me, after, row, new=new)

        form = UserForm(row, self.desk.company.currency, save)
        after = await self.app.push_screen_wait(form)
        if after is not None and form.put is not None:
            await self.read()
            self.say(done(after, form.put, self.desk.company.currency))

    def action_remove(self) -> None:
        """Take all rights from a user, or give them back."""
        if (row := self.table.current) is not None and self._may():
            self.run_worker(lambda: self._remove(row), group="decide", exclusive=True)

    async def _remove(self, row: UserValues) -> None:
        name = f"{one_line(row.login)}, {cut(row.name, 40).rstrip()}"
        after = replace(row, active=not row.active)
        if row.active:
            lines = [
                name, "may do nothing from the next key on; the name stays in the history.",
                "What he accepted and nothing was sent of goes back to Ready to Export.",
            ]  # fmt: skip
            agreed = await self.app.push_screen_wait(AskScreen("Remove the user?", lines, "remove"))
        else:
            lines = [name, *meaning(after, self.desk.company.currency)]
            agreed = await self.app.push_screen_wait(
                AskScreen("Let the user act again?", lines, "let him act")
            )
        if agreed:
            put = await self.desk.db.write(directory.put_user, self.desk.me, after, row)
            await self.read()
            self.say(done(after, put, self.desk.company.currency))

    def action_summary(self) -> None:
        """The daily summary by mail: to oneself, or not."""
        self.run_worker(self._summary, group="decide", exclusive=True)

    async def _summary(self) -> None:
        me = self.desk.me
        wanted = not (await self.desk.db.read(people.one, me, me.login)).summary
        await self.desk.db.write(directory.set_summary, me, wanted=wanted)
        await self.read()
        again = f"; {pressed('directory.summary')} changes it back"
        self.say(
            f"The daily summary is {'mailed to you' if wanted else 'not mailed to you any more'}{again}."
        )


def _word(user: UserValues) -> str:
    if not user.active:
        return "removed"
    return "yes" if user.can_push else "no"


def _limit(minor: int | None, currency: str) -> str:
    return "none" if minor is None else money(minor, currency)
