"""What was paid of a company's bills in Tryton: the lines that settle them, shared out between bills and payments."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from erp.connectors.tryton_asking import number
from erp.connectors.tryton_company import Company, Rows
from store.domain.knowing import Paid

# The journals of what settles a bill in Tryton without a payment.
_NO_PAYMENT = ("write-off",)
_BILL = ["currency", "currency.code", "currency.digits", "company.currency", "lines_to_pay", "payment_lines"]
_LINE = ["move", "date", "debit", "credit", "second_currency", "amount_second_currency", "reconciliation",
         "journal.name", "journal.type"]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a move on accounts payable; ``amount``: debit less credit, in the currency that it is looked at in."""

    id: int
    move: int
    day: date
    amount: Decimal
    reconciliation: int | None
    journal: str
    kind: str


async def payments(company: Company, refs: Sequence[str]) -> list[Paid]:
    """What was paid of these invoices, by payment and bill.

    A line that is not reconciled yet counts where Tryton has it among the invoice's payments. What is reconciled
    together is set off in the order of its days, so that one payment of several bills is shared out exactly. Write-offs
    and credits settle a bill, and are no payments.
    """
    ids = [found for ref in refs if (found := number(ref))]
    domain = [
        await company.own(),
        ("id", "in", ids),
        ("type", "=", "in"),
        ("state", "in", ["posted", "paid"]),
    ]
    bills = await company.search("account.invoice", domain, _BILL) if ids else []
    if not bills:
        return []
    named = {line for bill in bills for line in (*bill["lines_to_pay"], *bill["payment_lines"])}
    rows = {row["id"]: row for row in await _rows(company, "id", named)}
    together = {row["reconciliation"] for row in rows.values()} - {None}
    rows |= {row["id"]: row for row in await _rows(company, "reconciliation", together)}
    settled = _Settled(rows.values(), await _claims(company, rows.values()))
    return [paid for bill in bills for paid in settled.of(bill)]


async def _rows(company: Company, name: str, values: Iterable[int]) -> Rows:
    wanted = sorted(values)
    return await company.search("account.move.line", [(name, "in", wanted)], _LINE) if wanted else []


async def _claims(company: Company, rows: Iterable[dict[str, Any]]) -> set[int]:
    """The moves among those of the rows that are a bill's own or a credit's, or undo one."""
    moves, found = sorted({row["move"] for row in rows}), set()
    for name in ("move", "cancel_move"):
        asked = [await company.own(), (name, "in", moves)]
        found |= {row[name] for row in await company.search("account.invoice", asked, [name])}
    return found


class _Settled:
    """The lines of some bills, and what each is settled with; each reconciliation is set off once for a currency."""

    def __init__(self, rows: Iterable[dict[str, Any]], claims: set[int]) -> None:
        self._rows = {row["id"]: row for row in rows}
        self._claims = claims
        self._together: dict[int, list[int]] = defaultdict(list)
        for row in self._rows.values():
            self._together[row["reconciliation"]].append(row["id"])
        self._met: dict[tuple[int, int], dict[int, list[tuple[Line, Decimal]]]] = {}

    def of(self, bill: dict[str, Any]) -> Iterator[Paid]:
        """The bill's payments, in the order of their lines."""
        told: dict[int, tuple[Line, Decimal]] = {}
        for line, amount in self._payments(bill):
            told[line.id] = (line, told[line.id][1] + amount if line.id in told else amount)
        for _, (line, amount) in sorted(told.items()):
            if amount and line.kind not in _NO_PAYMENT:
                yield _paid(bill, line, amount)

    def _payments(self, bill: dict[str, Any]) -> Iterator[tuple[Line, Decimal]]:
        own = set(bill["lines_to_pay"])
        for line in self._lines(bill["payment_lines"], bill):
            if line.reconciliation is None:
                yield line, line.amount
        for claim in self._lines(sorted(own), bill):
            if claim.reconciliation is not None:
                met = self._with(claim.reconciliation, bill).get(claim.id, [])
                yield from (
                    (o, amount) for o, amount in met if o.id not in own and o.move not in self._claims
                )

    def _with(self, reconciliation: int, bill: dict[str, Any]) -> dict[int, list[tuple[Line, Decimal]]]:
        """What each line of it is met by, as the bill's currency has it."""
        at = (reconciliation, bill["currency"])
        if at not in self._met:
            self._met[at] = _set_off(self._lines(self._together[reconciliation], bill))
        return self._met[at]

    def _lines(self, ids: Iterable[int], bill: dict[str, Any]) -> Iterator[Line]:
        """Those of them that have an amount in the bill's currency; an exchange difference has none."""
        for each in ids:
            row = self._rows.get(each)
            if row is not None and (amount := _amount(row, bill)) is not None:
                journal = row["journal."]
                yield Line(
                    row["id"], row["move"], row["date"], amount, row["reconciliation"], journal["name"] or "", journal["type"]
                )  # fmt: skip


def _amount(row: dict[str, Any], bill: dict[str, Any]) -> Decimal | None:
    if row["second_currency"] == bill["currency"]:
        return Decimal(row["amount_second_currency"])
    if row["second_currency"] is None and bill["company."]["currency"] == bill["currency"]:
        return Decimal(row["debit"] - row["credit"])
    return None


def _set_off(lines: Iterable[Line]) -> dict[int, list[tuple[Line, Decimal]]]:
    """What of each line is met by each of the other sign, the earliest first; amounts with the other's sign."""
    ordered = sorted(lines, key=lambda line: (line.day, line.id))
    debits = deque(line for line in ordered if line.amount > 0)
    credited = deque(line for line in ordered if line.amount < 0)
    left = {line.id: abs(line.amount) for line in ordered}
    met: dict[int, list[tuple[Line, Decimal]]] = defaultdict(list)
    while debits and credited:
        debit, credit = debits[0], credited[0]
        amount = min(left[debit.id], left[credit.id])
        met[credit.id].append((debit, amount))
        met[debit.id].append((credit, -amount))
        for side in (debits, credited):
            left[side[0].id] -= amount
            if not left[side[0].id]:
                side.popleft()
    return met


def _paid(bill: dict[str, Any], line: Line, amount: Decimal) -> Paid:
    unit = Decimal(1).scaleb(-bill["currency."]["digits"])
    return Paid(
        ref=f"{bill['id']}/{line.id}",
        bill=str(bill["id"]),
        day=line.day.isoformat(),
        amount=f"{amount.quantize(unit):f}",
        currency=bill["currency."]["code"],
        method=line.journal,
    )
