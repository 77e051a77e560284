"""Control totals that grow invoice by invoice, one per currency."""

from __future__ import annotations

from collections.abc import Iterable

from store.domain.money import hash_part
from store.domain.selection import Totals
from store.planning import Going


class Sums:
    """Control totals of what goes; the hash is over the numbers under which it goes."""

    def __init__(self) -> None:
        self._sums: dict[str, list[int]] = {}

    def add(self, going: Iterable[Going]) -> None:
        """These go too."""
        for g in going:
            c = g.sent
            if (sums := self._sums.get(c.currency)) is None:
                sums = self._sums[c.currency] = [0, 0, 0, 0, 0]
            sums[0] += 1
            sums[1] += c.gross
            sums[2] += c.retainage
            sums[3] += c.net
            sums[4] += hash_part(c.erp_number or c.number)

    def totals(self) -> tuple[Totals, ...]:
        """In the order of the currencies' codes."""
        return tuple(Totals(currency, *sums) for currency, sums in sorted(self._sums.items()))
