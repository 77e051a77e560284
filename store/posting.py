"""What a company's policy lets pass though the ERP drops some of its money: what is invoiced, and what will post."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from store.domain.money import show, to_minor
from store.planning import Going


@dataclass(frozen=True, slots=True)
class Posted:
    """So many post otherwise than invoiced: their payment due (net and tax) in minor units, and what of it is lost."""

    currency: str
    count: int
    due: int
    lost: int

    @property
    def told(self) -> str:
        """The sentence about it."""
        due, will = show(self.due, self.currency), show(self.due - self.lost, self.currency)
        return (
            f"By company policy {self.count:,} {'posts' if self.count == 1 else 'post'} otherwise than invoiced: payment"
            f" due {due} {self.currency} invoiced, {will} will post"
        )


class Posting:
    """Grows chunk by chunk; sums of the payment due (net and tax), one per currency."""

    def __init__(self) -> None:
        self._sums: dict[str, list[int]] = {}

    def add(self, going: Sequence[Going]) -> None:
        """These go."""
        for g in going:
            c = g.sent
            if c.unposted is not None:
                sums = self._sums.setdefault(c.currency, [0, 0, 0])
                sums[0] += 1
                sums[1] += c.net + c.tax
                sums[2] += to_minor(c.unposted, c.currency)

    def posted(self) -> tuple[Posted, ...]:
        """One for each currency."""
        return tuple(Posted(currency, *sums) for currency, sums in sorted(self._sums.items()))

    def told(self) -> tuple[str, ...]:
        """A sentence for each currency."""
        return tuple(posted.told for posted in self.posted())
