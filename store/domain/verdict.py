"""What a reconciliation says of one bill: the classes, and the values that leave the store."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """The classes, the worst first. Every sent bill and every bill in the ERP is in exactly one."""

    TWICE = "twice"
    UNEXPECTED = "unexpected"
    MISSING = "missing"
    DIFFERS = "differs"
    UNKNOWN = "unknown"
    FOUND = "found"
    NOT_FOUND = "not_found"
    UNANSWERED = "unanswered"
    UNDER_WAY = "under_way"
    FAILED = "failed"
    RESOLVED = "resolved"
    AGREES = "agrees"


TITLES = {
    Verdict.TWICE: "In the ERP more than once",
    Verdict.UNEXPECTED: "Failed or taken back here, in the ERP",
    Verdict.MISSING: "Synced here, not in the ERP",
    Verdict.DIFFERS: "In both, and different",
    Verdict.UNKNOWN: "In the ERP, not from here",
    Verdict.FOUND: "Uncertain or parked here, in the ERP",
    Verdict.NOT_FOUND: "Uncertain or parked, not in the ERP",
    Verdict.UNANSWERED: "The ERP gave no answer",
    Verdict.UNDER_WAY: "Under way",
    Verdict.FAILED: "Failed here, not in the ERP",
    Verdict.RESOLVED: "Resolved: in the ERP, now Synced",
    Verdict.AGREES: "Agree",
}
# Both sides know, and what they know is not the same.
DIFFERENCES = frozenset({
    Verdict.TWICE, Verdict.UNEXPECTED, Verdict.MISSING, Verdict.DIFFERS, Verdict.UNKNOWN, Verdict.FOUND,
})  # fmt: skip
# Not settled yet: one of the two sides does not know.
OPEN = frozenset({Verdict.NOT_FOUND, Verdict.UNANSWERED, Verdict.UNDER_WAY})
# Those that are named one by one; the others are counted.
NAMED = (
    Verdict.TWICE, Verdict.UNEXPECTED, Verdict.MISSING, Verdict.DIFFERS, Verdict.UNKNOWN, Verdict.FOUND,
    Verdict.NOT_FOUND, Verdict.UNANSWERED, Verdict.RESOLVED,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sum:
    """Bills of one currency; amounts in minor units, None where the ERP did not say all of them."""

    currency: str
    count: int
    gross: int | None
    net: int | None


@dataclass(frozen=True, slots=True)
class Row:
    """One class in one currency: what was sent from here, and what the ERP lists."""

    verdict: Verdict
    sent: Sum
    listed: Sum


@dataclass(frozen=True, slots=True)
class Balance:
    """One currency: all that was sent and all that the ERP lists, counted as they were read, beside their classes."""

    sent: Sum
    listed: Sum
    rows: tuple[Row, ...]

    @property
    def foots(self) -> bool:
        """Whether the classes come to what was read, on both sides, to the cent."""
        return self.sent == total(
            [row.sent for row in self.rows], self.sent.currency
        ) and self.listed == total([row.listed for row in self.rows], self.listed.currency)


def total(sums: list[Sum], currency: str) -> Sum:
    """The sum of sums of one currency."""
    gross = [s.gross for s in sums]
    net = [s.net for s in sums]
    return Sum(
        currency,
        sum(s.count for s in sums),
        None if None in gross else sum(g for g in gross if g is not None),
        None if None in net else sum(n for n in net if n is not None),
    )


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of a bill, as it was sent and as the ERP has it; amounts are plain decimals."""

    field: str
    here: str
    there: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One bill that needs a look. All of it is other people's text, made safe.

    ``invoice_id`` and ``name`` (its number) are None and the ERP's number where no invoice of these books fits.
    ``references`` are all that the ERP has for it, ``state`` its job's. ``gross`` and ``net`` in minor units are what
    was sent, or where nothing was, what the ERP says.
    """

    verdict: Verdict
    invoice_id: int | None
    name: str
    vendor: str
    key: str
    references: tuple[str, ...]
    state: str
    accounting_date: str
    currency: str
    gross: int | None
    net: int | None
    differences: tuple[Difference, ...]
    note: str
    fix: str
