"""What a company's policy lets pass though the ERP drops some of its money: what is invoiced, and what will post."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from store.domain.money import show, to_minor
from store.domain.profile import Note
from store.planning import Going


class Posting:
    """Grows chunk by chunk; sums of the payment due (net and tax), one per currency."""

    def __init__(self) -> None:
        self._sums: dict[str, list[int]] = {}

    def add(self, going: Sequence[Going], notes: Mapping[int, Sequence[Note]]) -> None:
        """These go, with these notes by invoice."""
        lost = {
            number: found for number, each in notes.items() if (found := [n.lost for n in each if n.lost])
        }
        if not lost:
            return
        for g in going:
            if (amounts := lost.get(g.candidate.id)) is not None:
                c = g.sent
                sums = self._sums.setdefault(c.currency, [0, 0, 0])
                sums[0] += 1
                sums[1] += c.net + c.tax
                sums[2] += sum(to_minor(amount, c.currency) for amount in amounts)

    def told(self) -> tuple[str, ...]:
        """A sentence for each currency."""
        return tuple(
            f"By company policy {count:,} {'posts' if count == 1 else 'post'} otherwise than invoiced: payment due"
            f" {show(due, currency)} {currency} invoiced, {show(due - lost, currency)} will post"
            for currency, (count, due, lost) in sorted(self._sums.items())
        )
