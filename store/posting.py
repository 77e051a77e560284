"""What a company's policy lets pass though the ERP drops some of its money: what is invoiced, and what will post."""

from __future__ import annotations

from collections.abc import Sequence

from store.domain.money import show, to_minor
from store.planning import Going


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

    def told(self) -> tuple[str, ...]:
        """A sentence for each currency."""
        return tuple(
            f"By company policy {count:,} {'posts' if count == 1 else 'post'} otherwise than invoiced: payment due"
            f" {show(due, currency)} {currency} invoiced, {show(due - lost, currency)} will post"
            for currency, (count, due, lost) in sorted(self._sums.items())
        )
