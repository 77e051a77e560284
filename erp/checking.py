"""Asking an ERP over the network what it would refuse of bills that would go: some at a time, within limits.

No transaction is open while the ERP is asked, and the bills are made in a thread of the store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from erp.connector import Connector
from erp.knowing import UnansweredError, answer, pace, plainly
from store.causes import Snag
from store.domain.bill import Bill
from store.domain.checking import Checked
from store.domain.profile import Finding
from store.refusing import snags

# So many bills at most, and so many in one question.
MOST = 500
PARCEL = 50
# Of some invoices those that go: id, name and bill.
Bills = Callable[[Sequence[int]], Awaitable[Sequence[tuple[int, str, Bill]]]]


@dataclass(frozen=True, slots=True)
class Said:
    """What the ERP would refuse, by invoice, and how the asking went."""

    refused: Mapping[int, Sequence[Snag]] = field(default_factory=dict)
    checked: Checked = field(default_factory=Checked)


async def ask(
    connector: Connector, bills: Bills, ids: Sequence[int], *, seconds: float, most: int = MOST
) -> Said:
    """Put the bills of these invoices to the ERP, up to ``most`` of them, for about ``seconds``.

    What came before a failure counts. Raises nothing but cancellation and what ``bills`` raises.
    """
    refused: dict[int, Sequence[Snag]] = {}
    asked, run = 0, list(ids[:most])
    end, trouble = asyncio.get_running_loop().time() + seconds, ""
    try:
        for first in range(0, len(run), PARCEL):
            await pace(connector, end)
            made = await bills(run[first : first + PARCEL])
            told = _told(await answer(connector, connector.check([bill for _, _, bill in made]), end))
            for number, name, bill in made:
                if (findings := told.get(bill.key)) is not None:
                    asked += 1
                    if found := snags(number, name, findings):
                        refused[number] = found
    except UnansweredError as error:
        trouble = str(error)
    return Said(refused, Checked(asked, len(ids) - asked, trouble))


def _told(told: object) -> dict[str, list[Finding]]:
    """The answer to check(), whatever its connector made of it. Raises UnansweredError for what makes no sense."""
    try:
        return {
            plainly(str, key): [plainly(Finding, one) for one in found]
            for key, found in dict(told).items()  # type: ignore[call-overload] # that is what is tried
        }
    except (TypeError, ValueError, msgspec.MsgspecError):
        raise UnansweredError("its answer makes no sense") from None
