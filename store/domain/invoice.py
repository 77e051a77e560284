"""A subcontractor invoice's G703 lines and G702 summary, and their footing (AIA G702/G703, PRODUCT.md "Amounts").

All amounts are integer minor units of one currency.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from store.domain.money import show

CONTRACT_ITEM = "contract_item"
CHANGE_ORDER_ITEM = "change_order_item"


@dataclass(frozen=True, slots=True)
class Line:
    """One G703 line of one application.

    ``work_before`` is column D, ``work_now`` E, ``stored_now`` F (a balance, not a delta). ``moved`` is material
    stored before that this application counts as work completed before (it is part of D). ``held`` and ``released``
    are this bill's retainage on work and stored materials together. ``total_before`` is column G of the previous
    application and ``retainage_before`` what it held to date; None: the previous application is unknown.
    """

    position: int
    item: str
    item_type: str
    cost_code: str
    description: str
    scheduled: int
    work_before: int
    work_now: int
    stored_now: int
    stored_before: int
    moved: int
    total_before: int | None
    held: int
    released: int
    retainage_before: int | None

    @property
    def total(self) -> int:
        """Column G: completed and stored to date."""
        return self.work_before + self.work_now + self.stored_now

    @property
    def amount(self) -> int:
        """The bill line: G less G of the previous application. May be negative."""
        return self.total - (self.total_before or 0)

    @property
    def retainage(self) -> int:
        """This bill's retainage: held less released, signed."""
        return self.held - self.released

    @property
    def retainage_to_date(self) -> int:
        """What is retained on the line after this application."""
        return (self.retainage_before or 0) + self.held - self.released

    @property
    def overbilled(self) -> bool:
        """Completed to date exceeds the scheduled value (in its direction: deductive change orders are negative)."""
        return self.total > self.scheduled if self.scheduled >= 0 else self.total < self.scheduled


@dataclass(frozen=True, slots=True)
class Summary:
    """The G702 lines 1 to 9 and the bill's own figures, in minor units."""

    original_sum: int
    change_orders: int
    completed: int
    retainage_to_date: int
    previous_certificates: int
    gross: int
    retainage: int
    tax: int

    @property
    def sum_to_date(self) -> int:
        """Line 3: the revised contract sum."""
        return self.original_sum + self.change_orders

    @property
    def earned_less_retainage(self) -> int:
        """Line 6."""
        return self.completed - self.retainage_to_date

    @property
    def net(self) -> int:
        """Line 8: current payment due before tax; gross less retainage."""
        return self.gross - self.retainage

    @property
    def payment_due(self) -> int:
        """Net plus tax."""
        return self.net + self.tax

    @property
    def balance_to_finish(self) -> int:
        """Line 9: balance to finish, retainage included."""
        return self.sum_to_date - self.earned_less_retainage


def summarize(lines: Sequence[Line], tax: int = 0) -> Summary:
    """The G702 summary of the lines."""
    return Summary(
        original_sum=sum(x.scheduled for x in lines if x.item_type == CONTRACT_ITEM),
        change_orders=sum(x.scheduled for x in lines if x.item_type != CONTRACT_ITEM),
        completed=sum(x.total for x in lines),
        retainage_to_date=sum(x.retainage_to_date for x in lines),
        previous_certificates=sum((x.total_before or 0) - (x.retainage_before or 0) for x in lines),
        gross=sum(x.amount for x in lines),
        retainage=sum(x.retainage for x in lines),
        tax=tax,
    )


# What a source may claim of the whole invoice, and the figure of ours that it must equal.
_CLAIMS = {
    "original_contract_sum": "original_sum",
    "net_change_by_change_orders": "change_orders",
    "contract_sum_to_date": "sum_to_date",
    "total_completed_and_stored_to_date": "completed",
    "total_retainage": "retainage_to_date",
    "total_earned_less_retainage": "earned_less_retainage",
    "less_previous_certificates_for_payment": "previous_certificates",
    "current_payment_due": "payment_due",
    "balance_to_finish_including_retainage": "balance_to_finish",
    "gross": "gross",
    "retainage": "retainage",
    "net": "net",
}


def _overretained(line: Line, total_before: int, retainage_before: int, currency: str) -> list[str]:
    """Retainage that lies outside its line's completed amount, before this application or after it.

    Retainage is a part of what was earned on the line (G703, column I): a release cannot pay out more than the line
    holds, nor can more be held than was earned. Deductive lines mirror this. The figures before count as well, since
    an inflated one would let as much be released.
    """
    found = []
    for when, done, kept in (
        ("before", total_before, retainage_before),
        ("to date", line.total, line.retainage_to_date),
    ):
        if not (0 <= kept <= done or done <= kept <= 0):
            found.append(
                f"line {line.position}: retainage {when} comes to {show(kept, currency)}, which is not between"
                f" {show(0, currency)} and the {show(done, currency)} completed {when}"
            )
    return found


def foot(lines: Sequence[Line], claims: Mapping[str, int], currency: str, tax: int = 0) -> list[str]:
    """What does not add up, one sentence each with both figures; an empty list means the invoice foots.

    ``claims`` are the summary figures that the source printed, in minor units, by their G702 name in the API.
    """
    if not lines:
        return ["it has no lines"]
    found = []
    for line in lines:
        if line.total_before is None or line.retainage_before is None:
            found.append(
                f"line {line.position}: the previous application is unknown, so what this one adds is unknown too"
            )
            continue
        steps = line.work_now + line.stored_now - line.stored_before + line.moved
        if steps != line.amount:
            found.append(
                f"line {line.position}: completed to date less the previous application is "
                f"{show(line.amount, currency)}, but this period and materials add up to {show(steps, currency)}"
            )
        found += _overretained(line, line.total_before, line.retainage_before, currency)
    if found:
        return found
    summary = summarize(lines, tax)
    for name, attribute in _CLAIMS.items():
        ours = getattr(summary, attribute)
        if name in claims and claims[name] != ours:
            found.append(
                f"{name} says {show(claims[name], currency)}, the lines add up to {show(ours, currency)}"
            )
    return found
