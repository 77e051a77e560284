"""What was measured, its targets, and the one table of both, with the peers beside it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass

# The column of the small books, and of what is measured itself.
OURS, SMALL = "payapp", "1,000 rows"


@dataclass(frozen=True, slots=True)
class Target:
    """A limit: at most so much, or with ``least`` at least so much. It is held against the median."""

    limit: float
    least: bool = False

    def met(self, value: float) -> bool:
        """Whether the figure is within it."""
        return value >= self.limit if self.least else value <= self.limit


# ARCHITECTURE.md, "What it must reach": (what, unit) to the limit there.
TARGETS: dict[tuple[str, str], Target] = {
    ("first rows on screen", "ms"): Target(450),
    ("first rows, over a bare interpreter", "ms"): Target(350),
    ("memory at the first rows", "MB"): Target(60),
    ("memory, peak of all below", "MB"): Target(60),
    ("cursor move", "ms"): Target(5),
    ("cursor move", "B"): Target(130),
    ("mark one", "ms"): Target(5),
    ("mark one", "B"): Target(100),
    ("scroll at the edge, each row", "B"): Target(350),
    ("page", "ms"): Target(10),
    ("page", "B"): Target(5200),
    ("jump to the end", "ms"): Target(30),
    ("jump to the top", "ms"): Target(30),
    ("re-sort by Vendor", "ms"): Target(20),
    ("re-sort by Invoice", "ms"): Target(20),
    ("mark one, to its totals", "ms"): Target(120),
    ("mark all clean, to the totals", "ms"): Target(120),
    ("mark all, to the totals", "ms"): Target(120),
    ("idle", "B"): Target(0),
    ("idle", "ms CPU/s"): Target(2),
    ("filter of 3 letters or more, first rows", "ms"): Target(50),
    ("Export on 100,000: the transaction", "s"): Target(4),
    ("dry run of 100,000, sandbox", "s"): Target(5),
    ("Export on 500 beside a busy worker, p99", "ms"): Target(100),
    ("loop gap, p99", "ms"): Target(16),
    ("loop gap, longest", "ms"): Target(50),
    ("queue, SQLite, parcels of 50, to fdatasync", "x"): Target(10, least=True),
    ("queue, PostgreSQL, parcels of 50", "jobs/s"): Target(10_000, least=True),
    ("queue, PostgreSQL, parcels of 50, 2 workers", "jobs/s"): Target(10_000, least=True),
    ("queue, PostgreSQL, one at a time", "jobs/s"): Target(1_200, least=True),
    ("queue, PostgreSQL, one at a time, 2 workers", "jobs/s"): Target(1_200, least=True),
}


def target_of(what: str, unit: str) -> Target | None:
    """The limit of a figure, if there is one."""
    return TARGETS.get((what, unit))


def quantile(values: Iterable[float], share: float) -> float:
    """The smallest value that this share of them does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


class Board:
    """Collects samples by (what, unit) and by source: payapp, payapp on 1,000 rows, or a peer's name."""

    def __init__(self) -> None:
        self._samples: dict[tuple[str, str], dict[str, list[float]]] = {}
        self._told: list[tuple[str, str, float, float, Target | None]] = []
        self.failures: list[str] = []
        self.notes: list[str] = []

    def note(self, what: str, unit: str, *values: float, source: str = OURS) -> None:
        """Add samples."""
        self._samples.setdefault((what, unit), {}).setdefault(source, []).extend(values)

    def fail(self, what: str, why: str) -> None:
        """What could not be measured: the run ends with an error."""
        self.failures.append(f"{what}: {why}")

    def told(self, what: str, unit: str, median: float, p95: float, limit: float | None) -> None:
        """A figure that somebody else has drawn from its samples."""
        self._told.append((what, unit, median, p95, None if limit is None else Target(limit)))

    def values(self, what: str, unit: str, source: str = OURS) -> list[float]:
        """The samples so far."""
        return self._samples.get((what, unit), {}).get(source, [])

    def missed(self) -> list[str]:
        """What does not reach its target, by name."""
        own = [
            f"{what}, {unit}"
            for (what, unit), by in self._samples.items()
            if _verdict(what, unit, by) == "no"
        ]
        return own + [
            f"{what}, {unit}"
            for what, unit, middle, _, limit in self._told
            if limit and not limit.met(middle)
        ]

    def table(self) -> str:
        """The table: what, median, p95, target, whether it is met, the small books, the peers."""
        rows = [["what", "unit", "median", "p95", "n", "target", "met", SMALL, "beside it"]]
        rows += [_row(what, unit, by) for (what, unit), by in self._samples.items()]
        rows += [
            [what, unit, _figure(middle), _figure(p95), "", *_judged(limit, middle), "", ""]
            for what, unit, middle, p95, limit in self._told
        ]
        widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]) - 1)]
        lines = []
        for row in rows:
            cells = [
                cell.ljust(w) if n < 2 or n == 6 else cell.rjust(w)
                for n, (cell, w) in enumerate(zip(row, widths, strict=False))
            ]
            lines.append("| " + " | ".join([*cells, row[-1]]) + " |")
        lines.insert(1, "|" + "|".join(["-" * (w + 2) for w in widths] + ["---"]) + "|")
        return "\n".join(lines)


def _judged(limit: Target | None, middle: float | None) -> tuple[str, str]:
    """The target and whether it is met, as they are printed."""
    if limit is None:
        return "", ""
    sign = f"{'>=' if limit.least else '<='} {_figure(limit.limit)}"
    if middle is None:
        return sign, ""
    if limit.met(middle):
        return sign, "yes"
    return sign, f"no: {_figure(abs(middle - limit.limit))} {'short' if limit.least else 'over'}"


def _verdict(what: str, unit: str, by: dict[str, list[float]]) -> str:
    limit = target_of(what, unit)
    if limit is None or OURS not in by:
        return ""
    return "yes" if limit.met(statistics.median(by[OURS])) else "no"


def _row(what: str, unit: str, by: dict[str, list[float]]) -> list[str]:
    ours = by.get(OURS, [])
    middle = statistics.median(ours) if ours else None
    peers = [
        f"{name} {_figure(statistics.median(got))}" for name, got in by.items() if name not in {OURS, SMALL}
    ]
    return [
        what,
        unit,
        _figure(middle),
        _figure(quantile(ours, 0.95)) if len(ours) > 1 else "",
        str(len(ours)) if ours else "",
        *_judged(target_of(what, unit), middle),
        _figure(statistics.median(by[SMALL])) if SMALL in by else "",
        ", ".join(peers),
    ]


def _figure(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.1f}"
