"""The connectors that keep erp.connector's contract, each with its ERP: what tests/integration/test_connector_contract.py runs on.

PYTEST_DONT_REWRITE: tests import its names as well.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import msgspec
from export_case import csv_ledger, sandbox_on, seed_books
from file_readers import ledger, read_iif, read_xero
from tryton_front import Front
from tryton_paying import pay
from tryton_server import Tryton as TrytonServer

from erp import profiles
from erp.connector import Connector
from erp.connectors import sandbox
from erp.connectors.files import Files, FilesSettings
from erp.connectors.files_settings import Days, Form
from erp.connectors.sandbox import ReplyLostError
from erp.connectors.tryton import Tryton
from store.domain.bill import Bill
from store.domain.knowing import Kind
from store.domain.outcome import Booked
from store.domain.profile import Profile

Amounts = dict[str, tuple[Decimal, Decimal, Decimal]]


class Case(ABC):
    """One connector, how to make another like it (a later process), and what is in its ERP's books."""

    # How many bills it takes to list more than a page, and how many it is given at once: a real ERP takes its time.
    many, at_once = 601, 300
    # How many decimals of an amount the ERP keeps at most.
    decimals = 3
    # By kind: a code that the ERP has. A kind that is not here cannot be asked for.
    codes: dict[Kind, str] = {}

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made: list[Connector] = []
        # What a company's books are kept in, where an ERP's connector needs to know it.
        self.currency = "USD"
        self.connector = self.another()

    def another(self, currency: str = "USD") -> Connector:
        """A connector as a later process has it, for bills in that currency."""
        self.currency = currency
        self._made.append(self.make())
        return self._made[-1]

    @abstractmethod
    def make(self) -> Connector:
        """A new connector."""

    @abstractmethod
    def rows(self) -> Iterable[tuple[str, str, str, str]]:
        """Key, gross, retainage and net of each bill in the ERP's books."""

    @abstractmethod
    async def unheard(self, bills: Sequence[Bill]) -> None:
        """Post these bills, and hear no reply."""

    async def paid(self, outcomes: Sequence[Booked], bills: Sequence[Bill]) -> dict[str, Decimal]:
        """Have the ERP pay some of what it has booked; what was paid, by reference."""
        raise NotImplementedError

    def books(self) -> Amounts:
        """Gross, retainage and net by key, as the ERP has them; a key twice is an error."""
        rows = list(self.rows())
        assert len({row[0] for row in rows}) == len(rows)
        return {key: (Decimal(gross), Decimal(kept), Decimal(net)) for key, gross, kept, net in rows}

    async def close(self) -> None:
        """Give everything back."""
        for made in self._made:
            await made.close()


class SandboxCase(Case):
    """The sandbox."""

    codes = {Kind.VENDOR: "V-1", Kind.JOB: "24-101", Kind.ACCOUNT: "03-300"}

    def __init__(self, folder: Path) -> None:
        self._file = folder / "sandbox.db"
        seed_books(self._file)
        super().__init__(folder)

    def make(self) -> Connector:
        return sandbox_on(self._file, profiles.load("sandbox"))

    def rows(self) -> Iterable[tuple[str, str, str, str]]:
        return [(r.key, r.gross, r.retainage, r.net) for r in sandbox.ledger(self._file)]

    async def unheard(self, bills: Sequence[Bill]) -> None:
        deaf = sandbox_on(self._file, self.connector.profile, lose_replies=1.0)
        with suppress(ReplyLostError):
            assert not await deaf.post(bills)
        await deaf.close()

    async def paid(self, outcomes: Sequence[Booked], bills: Sequence[Bill]) -> dict[str, Decimal]:
        # It pays every third bill by itself.
        return {outcomes[2].ref: Decimal(bills[2].net) + Decimal(bills[2].tax)}


class FilesCase(Case):
    """payapp's own CSV."""

    def make(self) -> Connector:
        return Files(FilesSettings(str(self.folder / "drop")), profiles.load("files"))

    def rows(self) -> Iterable[tuple[str, str, str, str]]:
        return csv_ledger(self.folder / "drop")

    async def unheard(self, bills: Sequence[Bill]) -> None:
        sending = asyncio.create_task(self.connector.post(bills))
        await asyncio.sleep(0)
        sending.cancel()
        with suppress(asyncio.CancelledError):
            await sending


class IifCase(FilesCase):
    """QuickBooks Desktop's IIF: a file names no currency, and has two decimals."""

    decimals = 2

    def make(self) -> Connector:
        settings = FilesSettings(
            str(self.folder / "drop"),
            Form.IIF,
            payable="Payable",
            retainage="Retainage",
            currency=self.currency,
        )
        return Files(settings, _listing("quickbooks-desktop"))

    def rows(self) -> Iterable[tuple[str, str, str, str]]:
        for file in sorted((self.folder / "drop").glob("*.iif")):
            yield from ledger(file, read_iif(file.read_bytes(), "Payable"), "Retainage")


class XeroCase(FilesCase):
    """Xero's bills CSV."""

    decimals = 2

    def make(self) -> Connector:
        settings = FilesSettings(
            str(self.folder / "drop"), Form.XERO, retainage="845", tax_type="Tax Exempt", days=Days.DMY
        )
        return Files(settings, _listing("xero"))

    def rows(self) -> Iterable[tuple[str, str, str, str]]:
        for file in sorted((self.folder / "drop").glob("*.csv")):
            yield from ledger(file, read_xero(file.read_bytes(), "%d/%m/%Y"), "845")


def _listing(name: str) -> Profile:
    """The ERP's profile, where the archive is asked and no receipt is awaited."""
    return msgspec.structs.replace(profiles.load(name), receipts=False, lists=True)


class TrytonCase(Case):
    """A real Tryton with the module export_key."""

    many, at_once = 12, 6
    codes = {Kind.VENDOR: "V-1", Kind.ACCOUNT: "03-300", Kind.TAX: "2-200", Kind.TERMS: "30 days"}
    export_key = True

    def __init__(self, folder: Path, server: TrytonServer) -> None:
        self._server = server
        super().__init__(folder)

    def profile(self) -> Profile:
        """Tryton's, with a test's patience."""
        return msgspec.structs.replace(profiles.load("tryton"), timeout=20.0)

    def make(self) -> Connector:
        return Tryton(self._server.settings(), self.profile(), page=5)

    def rows(self) -> Iterable[tuple[str, str, str, str]]:
        return self._server.bills()

    async def unheard(self, bills: Sequence[Bill]) -> None:
        with Front(self._server.url) as front:
            front.moods["export_bill"] = "hang"
            deaf = Tryton(self._server.settings(url=front.url), self.profile())
            sending = asyncio.create_task(deaf.post(bills))
            await asyncio.to_thread(front.arrived.wait, 60)
            sending.cancel()
            with suppress(asyncio.CancelledError):
                await sending
            await deaf.close()

    async def paid(self, outcomes: Sequence[Booked], bills: Sequence[Bill]) -> dict[str, Decimal]:
        clerk = self.another()
        assert isinstance(clerk, Tryton)
        amounts = {outcomes[0].ref: Decimal("40.01"), outcomes[1].ref: Decimal(bills[1].net)}
        for ref, amount in amounts.items():
            await pay(clerk, ref, f"{amount}")
        return amounts


# By the name of a test's parameter; those of Tryton need its server.
CASES: dict[str, type[Case]] = {"sandbox": SandboxCase, "files": FilesCase, "iif": IifCase, "xero": XeroCase}


def opened(name: str, folder: Path, server: TrytonServer | None) -> Case:
    """The case of that name."""
    return TrytonCase(folder, server) if server else CASES[name](folder)
