"""Files in a drop folder (docs/files.md): payapp's own CSV, IIF, Xero's CSV. The archive is the ERP's memory: look-up reads it.

One file per parcel and currency, or more where the form takes fewer bills or no number twice. Where the profile says
``receipts``, what was written is delivered, and not booked before a receipt says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from erp.connector import UnavailableError
from erp.connectors.files_archive import Archive, listed
from erp.connectors.files_csv import Csv
from erp.connectors.files_iif import Iif
from erp.connectors.files_settings import FilesSettings, Form, form_of
from erp.connectors.files_xero import Xero
from store.domain.bill import Bill
from store.domain.checking import Checker, Doubt
from store.domain.knowing import Fact, Kind, Paid
from store.domain.outcome import (
    Answer,
    Booked,
    Delivered,
    ErpBill,
    Later,
    Missing,
    Period,
    Refused,
    Unknown,
)
from store.domain.profile import Finding, Profile

__all__ = ["Files", "FilesSettings"]

T = TypeVar("T")


class Layout(Protocol):
    """How the files of one form look; ``most`` bills fit into one."""

    suffix: str
    most: int

    def content(self, bills: Sequence[Bill]) -> bytes:
        """The file with these bills."""
        ...

    def apart(self, bill: Bill) -> str:
        """What no two bills of a file may have in common; "": anything."""
        ...

    def objections(self, bill: Bill) -> Iterator[Finding]:
        """Why the bill cannot stand in such a file."""
        ...

    def doubts(self) -> tuple[Doubt, ...]:
        """Where objections() could find anything."""
        ...


def _layout(form: Form, settings: FilesSettings) -> Layout:
    match form:
        case Form.CSV:
            return Csv()
        case Form.IIF:
            return Iif(settings)
        case Form.XERO:
            return Xero(settings)


class Files:
    """The connector to the drop folder ``settings.folder``, which is made where it is missing.

    Raises SettingsError for what the form needs and the settings do not say.
    """

    def __init__(self, settings: FilesSettings, profile: Profile) -> None:
        self.profile = profile
        self._form = form_of(settings, profile)
        self._layout = _layout(self._form, settings)
        self._archive = Archive(Path(settings.folder))
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="payapp-files")
        self._closed = False

    def remember(self, files: Sequence[str]) -> None:
        """These files were written before, the newest first: an archive that lacks one is not the archive."""
        self._archive.expected = tuple(files)

    async def post(self, bills: Sequence[Bill]) -> Sequence[Booked | Delivered | Refused | Later | Unknown]:
        """Write the bills that are not in the archive yet; each refusal is that bill's own."""
        return await self._call(lambda: self._post(bills))

    async def find(self, bills: Sequence[Bill]) -> Sequence[Answer]:
        """Look each key up in the archive."""
        return await self._call(lambda: [self._found(bill.key) or Missing(bill.key) for bill in bills])

    async def check(self, bills: Sequence[Bill]) -> dict[str, list[Finding]]:
        """What would be refused."""
        return {bill.key: list(self._layout.objections(bill)) for bill in bills}

    def checker(self) -> AbstractContextManager[Checker]:
        """What the form cannot hold; the folder is not looked at."""
        return nullcontext(Checker(self._layout.objections, self._layout.doubts()))

    async def periods(self) -> Sequence[Period]:
        """A folder has no periods."""
        return ()

    async def exists(self, ref: str) -> bool:
        """Whether the archive has it; what became of the file afterwards, a folder cannot tell.

        Raises UnavailableError for a reference of the ERP's own, which came with a receipt.
        """
        found = await self._call(lambda: ref in self._archive.refs.values())
        if ref and not found and self.profile.receipts:
            raise UnavailableError(f"a folder cannot tell whether {self.profile.title} has it")
        return found

    async def bills(self, period: Period) -> AsyncIterator[Sequence[ErpBill]]:
        """The archive's bills of these accounting dates, a file at a time. Raises UnavailableError for a spoilt file."""
        for file in await self._call(self._archive.files):
            found = await self._call(partial(listed, file, period))
            if found:
                yield found

    async def known(self, kind: Kind, codes: Sequence[str]) -> Sequence[Fact] | None:  # noqa: ARG002 - the Protocol's
        """A folder knows no codes."""
        return None

    async def payments(self, refs: Sequence[str]) -> AsyncIterator[Sequence[Paid]]:  # noqa: ARG002 - the Protocol's
        """A folder knows no payments."""
        none: tuple[Sequence[Paid], ...] = ()
        for page in none:
            yield page

    async def close(self) -> None:
        """Wait for what is being written. Closing twice is no harm."""
        if not self._closed:
            self._closed = True
            await asyncio.get_running_loop().run_in_executor(self._thread, self._archive.refs.clear)
            self._thread.shutdown()

    async def _call(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: self._alone(work))

    # -- in the thread -----------------------------------------------------------------------------------------

    def _alone(self, work: Callable[[], T]) -> T:
        with self._archive.alone():
            return work()

    def _found(self, key: str) -> Booked | Delivered | None:
        ref = self._archive.refs.get(key)
        if ref is None:
            return None
        return Delivered(key, ref) if self.profile.receipts else Booked(key, ref)

    def _post(self, bills: Sequence[Bill]) -> list[Booked | Delivered | Refused | Later | Unknown]:
        outcomes: dict[str, Booked | Delivered | Refused | Later] = {}
        going: list[Bill] = []
        for bill in bills:
            if (found := self._found(bill.key)) is not None:
                outcomes[bill.key] = found
            elif objection := next(self._layout.objections(bill), None):
                outcomes[bill.key] = Refused(bill.key, objection.code, objection.cause, objection.fix)
            else:
                going.append(bill)
        for together in self._files(going):
            outcomes |= self._write(together)
        return [outcomes[bill.key] for bill in bills]

    def _files(self, bills: Sequence[Bill]) -> list[list[Bill]]:
        """The bills of each file: one currency, as many as the form takes, and none that must stand apart."""
        files: list[list[Bill]] = []
        # Of each file, what may not come into it again.
        taken: list[set[str]] = []
        for bill in bills:
            apart = self._layout.apart(bill)
            place = next(
                (
                    place
                    for place, own in enumerate(files)
                    if own[0].currency == bill.currency
                    and len(own) < self._layout.most
                    and not (apart and apart in taken[place])
                ),
                len(files),
            )
            if place == len(files):
                files.append([])
                taken.append(set())
            files[place].append(bill)
            taken[place].add(apart)
        return files

    def _write(self, bills: Sequence[Bill]) -> dict[str, Booked | Delivered | Later]:
        try:
            self._archive.write(self._form, self._layout.suffix, bills, self._layout.content(bills))
        except UnavailableError as error:
            return {bill.key: Later(bill.key, str(error)) for bill in bills}
        found = {bill.key: self._found(bill.key) for bill in bills}
        return {key: outcome for key, outcome in found.items() if outcome is not None}
