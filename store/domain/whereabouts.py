"""Where an invoice is, in words: where it stands, since when, who has it, and what was paid of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from store.domain.money import show
from store.domain.text import one_line


class Holder(StrEnum):
    """Who has an invoice: who has to do something next."""

    PROJECT = "project"
    APPROVERS = "approvers"
    QUEUE = "queue"
    ERP = "erp"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where one invoice is: ``since`` in milliseconds UTC, amounts minor units of ``currency``.

    ``where`` is the place and how it came there, ``hands`` who has it, in words; ``holds`` what keeps it there.
    ``due`` is what is to be paid of it, ``paid`` what was; None where the ERP has told of no payment. ``payments``:
    day, reference and amount of each, the newest last.
    """

    id: int
    where: str
    since: int
    holder: Holder
    hands: str
    holds: tuple[str, ...]
    currency: str
    due: int
    paid: int | None = None
    payments: tuple[tuple[str, str, int], ...] = ()

    @property
    def payment(self) -> str:
        """What was paid in words; "" where nothing can have been paid yet."""
        if self.holder is not Holder.ERP or self.paid is None:
            return "No payment was told by the ERP" if self.holder is Holder.ERP else ""
        day, ref, _ = self.payments[-1]
        last = f"{'last ' if len(self.payments) > 1 else ''}on {day} ({one_line(ref)})"
        amount = f"{show(self.paid, self.currency)} {self.currency}"
        if self.paid == self.due:
            return f"Paid {amount} {last}"
        rest = show(self.due - self.paid, self.currency)
        return f"Paid {amount} {last}; {rest} of {show(self.due, self.currency)} is open"
