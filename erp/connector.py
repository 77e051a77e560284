"""The Protocol that each ERP's connector implements."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

from store.domain.bill import Bill
from store.domain.checking import Checker
from store.domain.knowing import Fact, Kind, Paid
from store.domain.outcome import Answer, Booked, Delivered, ErpBill, Later, Period, Refused, Unknown
from store.domain.profile import Finding, Profile


class ParcelRefusedError(Exception):
    """The ERP refused the request as a whole and booked nothing of it: each bill may go again, alone."""


class UnavailableError(Exception):
    """The ERP was not reached or said that it did nothing (503, connection refused): worth a retry later."""


class Connector(Protocol):
    """One ERP. Every method is called from one event loop and may be cancelled by a time-out.

    A connector never retries on its own and never swallows doubt: whatever is neither proven booked nor proven
    refused leaves as Unknown or as any other exception, and the queue asks before it sends again.
    """

    @property
    def profile(self) -> Profile:
        """What this ERP can do, its limits and rules."""
        ...

    async def post(self, bills: Sequence[Bill]) -> Sequence[Booked | Delivered | Refused | Later | Unknown]:
        """Send one parcel; one outcome per bill, by key. A key the ERP has already answers with the first bill.

        Delivered is for an ERP whose profile says ``receipts``: what it booked a receipt tells, later.

        Raises ParcelRefusedError, UnavailableError; anything else means that the outcome is unknown.
        """
        ...

    async def find(self, bills: Sequence[Bill]) -> Sequence[Answer]:
        """Ask the ERP for each bill by its key (or what stands for it there); never sends anything."""
        ...

    async def check(self, bills: Sequence[Bill]) -> dict[str, list[Finding]]:
        """Ask the ERP what would stop each bill, by key: unknown vendor or cost code, closed period, used number.

        A dry run asks it, and treats whatever it raises, and what it leaves out, as no answer.
        """
        ...

    async def periods(self) -> Sequence[Period]:
        """The ERP's accounting periods, in order; empty where it has none to tell."""
        ...

    async def exists(self, ref: str) -> bool:
        """Whether the bill of that reference is still in the ERP."""
        ...

    def bills(self, period: Period) -> AsyncIterator[Sequence[ErpBill]]:
        """Every bill that stands in the ERP with an accounting date in the period, whoever entered it, page by page.

        One value for each bill that was posted, none for one that was voided or deleted; whether the period is open does
        not matter. Raises UnavailableError. Called only where the profile says that the ERP ``lists``.
        """
        ...

    async def known(self, kind: Kind, codes: Sequence[str]) -> Sequence[Fact] | None:
        """Whether the ERP has each of these codes, one fact for each; None where it cannot be asked for that kind.

        Raises UnavailableError. Nothing is changed there.
        """
        ...

    def payments(self, refs: Sequence[str]) -> AsyncIterator[Sequence[Paid]]:
        """What was paid of the bills with these references, some at a time. Raises UnavailableError.

        Called only where the profile says that the ERP ``pays_back``.
        """
        ...

    async def close(self) -> None:
        """Give back connections and files."""
        ...


@runtime_checkable
class Checking(Protocol):
    """A connector whose check() needs no network, so that very many invoices can be put to it before they are sent."""

    def checker(self) -> AbstractContextManager[Checker]:
        """What check() is made of, opened in the thread that uses it. Opening raises UnavailableError."""
        ...


@runtime_checkable
class Remembering(Protocol):
    """A connector that is the memory of what it wrote, and can be another place's: a folder."""

    def remember(self, files: Sequence[str]) -> None:
        """These were written before, the newest first. Where it lacks one, every call raises UnavailableError."""
        ...
