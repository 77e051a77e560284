"""What Tryton can be asked about beforehand and afterwards: its codes, and what was paid."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from erp.connectors.tryton_company import Company, Rows, texts
from store.domain.knowing import Fact, Kind, Paid

# So many codes are asked about in one request.
AT_ONCE = 500
# The journals of Tryton's own moves that settle a bill without a payment.
_NO_PAYMENT = ("write-off",)
# Ids are 32-bit numbers in Tryton's database.
_ID_AT_MOST = 2**31 - 1


async def known(company: Company, kind: Kind, codes: Sequence[str]) -> list[Fact] | None:
    """Whether Tryton has these codes for new bills of the company: one fact each, in their order; None: not asked.

    Jobs and commitments are not in Tryton's books.
    """
    if kind in {Kind.JOB, Kind.COMMITMENT}:
        return None
    names: dict[str, str] = {}
    asked = texts(codes)
    for first in range(0, len(asked), AT_ONCE):
        names |= await _named(company, kind, asked[first : first + AT_ONCE])
    return [Fact(kind, code, code in names, names.get(code, "")) for code in codes]


async def _named(company: Company, kind: Kind, codes: list[str]) -> dict[str, str]:
    if kind is Kind.VENDOR:
        return await _names(company, "party.party", [("code", "in", codes)], "code")
    if kind is Kind.TERMS:
        return await _names(company, "account.invoice.payment_term", [("name", "in", codes)], "name")
    domain = [await company.own(), ("code", "in", codes), ("closed", "!=", True)]
    return await _names(company, "account.account", domain, "code")


async def _names(company: Company, model: str, domain: list[Any], code: str) -> dict[str, str]:
    rows = await company.search(model, domain, list({code, "name"}))
    return {row[code]: str(row["name"] or "") for row in rows}


def number(ref: str) -> int | None:
    """The id in Tryton that a reference is; None: it is none."""
    return int(ref) if ref.isascii() and ref.isdigit() and 0 < int(ref) <= _ID_AT_MOST else None


# -- what was paid ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """A line of a move on accounts payable; ``amount``: debit less credit in the currency of the bill that it is about."""

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
    bills = await _bills(company, ids)
    if not bills:
        return []
    named = [line for bill in bills for line in (*bill["lines_to_pay"], *bill["payment_lines"])]
    first = await _rows(company, [("id", "in", sorted(set(named)))])
    together = sorted({row["reconciliation"] for row in first if row["reconciliation"]})
    rows = {row["id"]: row for row in first}
    if together:
        rows |= {row["id"]: row for row in await _rows(company, [("reconciliation", "in", together)])}
    claims = await _claims(company, rows.values())
    return [paid for bill in bills for paid in _of_bill(bill, rows, claims)]


async def _bills(company: Company, ids: list[int]) -> Rows:
    domain = [
        await company.own(),
        ("id", "in", ids),
        ("type", "=", "in"),
        ("state", "in", ["posted", "paid"]),
    ]
    fields = [
        "currency",
        "currency.code",
        "currency.digits",
        "company.currency",
        "lines_to_pay",
        "payment_lines",
    ]
    return await company.search("account.invoice", domain, fields) if ids else []


async def _rows(company: Company, domain: list[Any]) -> Rows:
    fields = [
        "move",
        "date",
        "debit",
        "credit",
        "second_currency",
        "amount_second_currency",
        "reconciliation",
    ]
    return await company.search("account.move.line", domain, [*fields, "journal.name", "journal.type"])


async def _claims(company: Company, rows: Any) -> set[int]:
    """The moves among those of the rows that are a bill's own, or a credit's."""
    moves = sorted({row["move"] for row in rows})
    found = await company.search("account.invoice", [await company.own(), ("move", "in", moves)], ["move"])
    more = await company.search(
        "account.invoice", [await company.own(), ("cancel_move", "in", moves)], ["cancel_move"]
    )
    return {row["move"] for row in found} | {row["cancel_move"] for row in more}


def _of_bill(bill: dict[str, Any], rows: Mapping[int, dict[str, Any]], claims: set[int]) -> Iterator[Paid]:
    lines = {number: line for number, row in rows.items() if (line := _line(row, bill)) is not None}
    own = set(bill["lines_to_pay"])
    told: dict[int, Decimal] = defaultdict(Decimal)
    for each in bill["payment_lines"]:
        if each in lines and lines[each].reconciliation is None:
            told[each] += lines[each].amount
    for group in {lines[each].reconciliation for each in own if each in lines} - {None}:
        members = [line for line in lines.values() if line.reconciliation == group]
        for claim, other, amount in _set_off(members):
            if claim.id in own and other.move not in claims and other.id not in own:
                told[other.id] += amount
    for each, amount in sorted(told.items()):
        line = lines[each]
        if line.kind not in _NO_PAYMENT and amount:
            yield _paid(bill, line, amount)


def _line(row: dict[str, Any], bill: dict[str, Any]) -> Line | None:
    """The row in the bill's currency; None where it has no amount in it, as an exchange difference has none."""
    if row["second_currency"] == bill["currency"]:
        amount = row["amount_second_currency"]
    elif row["second_currency"] is None and bill["company."]["currency"] == bill["currency"]:
        amount = row["debit"] - row["credit"]
    else:
        return None
    journal = row["journal."]
    return Line(
        row["id"],
        row["move"],
        row["date"],
        amount,
        row["reconciliation"],
        journal["name"] or "",
        journal["type"],
    )


def _set_off(lines: Sequence[Line]) -> Iterator[tuple[Line, Line, Decimal]]:
    """What of each line is met by each of the other sign, both ways, the earliest first; amounts as the other's sign."""
    ordered = sorted(lines, key=lambda line: (line.day, line.id))
    debits = deque(line for line in ordered if line.amount > 0)
    credited = deque(line for line in ordered if line.amount < 0)
    left = {line.id: abs(line.amount) for line in ordered}
    while debits and credited:
        debit, credit = debits[0], credited[0]
        met = min(left[debit.id], left[credit.id])
        yield credit, debit, met
        yield debit, credit, -met
        for side in (debits, credited):
            left[side[0].id] -= met
            if not left[side[0].id]:
                side.popleft()


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
