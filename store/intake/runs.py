"""The applications of a commitment as the file brings them, in runs of consecutive ones, and the gaps between them.

Across a gap nobody knows what was billed. What is known of both sides still binds: a line cannot start below where an
earlier application left it, or the same work would be billed twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from store.domain.money import show
from store.intake.books import ends, starts
from store.intake.draft import NOWHERE, Position


@dataclass(frozen=True, slots=True)
class Judged:
    """An application that the file has brought, ``rows`` in LINE's order."""

    ordinal: int
    application: int
    rows: list[tuple[Any, ...]]


@dataclass(slots=True)
class Runs:
    """Of each commitment the first and the last application of every run: the ones between them meet no gap."""

    heads: dict[int, dict[int, Judged]] = field(default_factory=dict)
    tails: dict[int, dict[int, Judged]] = field(default_factory=dict)

    def add(self, commitment: int, judged: Judged, *, first: bool) -> None:
        """Add an application; ``first``: none can come before it."""
        n = judged.application
        tails, heads = self.tails.setdefault(commitment, {}), self.heads.get(commitment, {})
        if tails.pop(n - 1, None) is None and not first:
            heads = self.heads.setdefault(commitment, heads)
            heads[n] = judged
        if heads.pop(n + 1, None) is None:
            tails[n] = judged

    def ending(self, commitment: int, application: int) -> Judged | None:
        """That application, if it ends a run."""
        return self.tails.get(commitment, {}).get(application)

    def highest(self, commitment: int) -> int:
        """The highest application so far, 0 for none."""
        return max(self.tails.get(commitment, {}), default=0)

    def below(self, commitment: int, application: int) -> Judged | None:
        """The last run's end before the application."""
        tails = self.tails.get(commitment, {})
        found = max((n for n in tails if n < application), default=None)
        return None if found is None else tails[found]

    def above(self, commitment: int, application: int) -> Judged | None:
        """The next run's start after the application."""
        heads = self.heads.get(commitment)
        found = min((n for n in heads if n > application), default=None) if heads else None
        return None if heads is None or found is None else heads[found]


def short(
    stood: Mapping[str, Position], begun: Iterable[tuple[str, int, int | None]]
) -> dict[str, tuple[int, int]]:
    """The items that start short of where they stood: (stood at, starts at) by item, an absent one starting at 0.

    ``begun`` are item, scheduled value and where it starts; None: it does not say. Deductive lines run downwards.
    """
    found = {}
    missing = {item: position.total for item, position in stood.items() if position.total}
    for item, scheduled, start in begun:
        missing.pop(item, None)
        if start is None:
            continue
        total = stood.get(item, NOWHERE).total
        downwards = total < 0 or (total == 0 and scheduled < 0)
        if start > total if downwards else start < total:
            found[item] = (total, start)
    return found | {item: (total, 0) for item, total in missing.items()}


def clash(
    earlier: list[tuple[Any, ...]], later: list[tuple[Any, ...]], currency: str, *, adjacent: bool
) -> str:
    """The first item of the later application that cannot start so after the earlier one; "" if there is none.

    Rows in LINE's order. An adjacent one starts exactly where the earlier one ended.
    """
    stood = ends(earlier)
    if not adjacent:
        for item, (a, b) in short(stood, ((x[1], x[5], x[11]) for x in later)).items():
            return _between(item, a, b, "completed", currency)
        return ""
    begun = starts(later)
    for item in dict.fromkeys([*stood, *begun]):
        end, start = stood.get(item, NOWHERE), begun.get(item, (0, 0))
        for what, a, b in (("completed", end.total, start[0]), ("retained", end.retainage, start[1])):
            if a != b:
                return _between(item, a, b, what, currency)
    return ""


def _between(item: str, end: int, start: int, what: str, currency: str) -> str:
    return f"line item {item} ends at {show(end, currency)} {what} and starts at {show(start, currency)}"
