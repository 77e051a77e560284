"""Putting what would go to the connector of the books before anything is sent: a dry run's and a confirmation's."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from store.domain.checking import Checked, Local
from store.domain.errors import PayappError

if TYPE_CHECKING:
    from erp.checking import Bills, Said
    from erp.connector import Connector
    from tui.bootstrap import Books, Desk

# Before a confirmation so many are put to a connector that needs no network; a dry run takes them all.
CONFIRMED = 1000
ELSEWHERE = Local(None)


class Checks:
    """Asks the connector that the settings name."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._local: Local | None = None

    def local(self, most: int | None = None) -> Local:
        """How up to ``most`` are put to it (None: all) where it needs no network. It reads files: not on an event loop."""
        if self._local is None:
            self._local = self._found()
        return Local(self._local.opened, most, self._local.seconds)

    def _found(self) -> Local:
        from erp.connector import Checking

        seconds = self._books.settings.erp.ask_for
        if not seconds:
            return ELSEWHERE
        try:
            one: object = self._made()
        except PayappError:
            return ELSEWHERE
        return Local(one.checker, None, seconds) if isinstance(one, Checking) else ELSEWHERE

    def _made(self) -> Connector:
        from tui import bootstrap

        return bootstrap.connector(self._books)

    async def ask(self, bills: Bills, ids: Sequence[int]) -> Said:
        """Ask it over the network, within its limits. What keeps it from being asked is told, not raised."""
        from erp import checking, knowing

        seconds = self._books.settings.erp.ask_for
        if not seconds:
            return checking.Said(checked=Checked(left=len(ids)))
        try:
            one = await asyncio.to_thread(self._made)
        except PayappError as error:
            return checking.Said(checked=Checked(left=len(ids), trouble=str(error)))
        try:
            return await checking.ask(one, bills, ids, seconds=seconds)
        finally:
            await knowing.leave(one)


async def local(desk: Desk, most: int | None = None) -> Local | None:
    """The desk's connector for a plan; None where it has none."""
    return await asyncio.to_thread(desk.checks.local, most) if desk.checks else None
