"""What the sandbox objects to in a bill, by what its books know."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from functools import partial

from store.domain.bill import Bill
from store.domain.checking import Doubt
from store.domain.profile import Finding

NUMBER_AT_MOST = 15
_OTHER_NUMBER = (
    "{invoices.export-values}: enter another ERP invoice number, then {invoices.export} retries;"
    " {invoices.reject} rejects"
)


def objections(books: sqlite3.Connection, bill: Bill) -> Iterator[Finding]:
    """Why the sandbox would not book the bill, each with its cause and the key that opens the fix."""
    if found := _vendor(books, bill.vendor):
        yield found
    for code in dict.fromkeys(line.account for line in bill.lines):
        if found := _cost_code(books, bill.job, code):
            yield found
    if found := _period(books, bill.accounting_date.isoformat()):
        yield found
    if found := _number(books, bill.vendor, bill.number, bill.key):
        yield found
    yield from _totals(bill)


def doubts(books: sqlite3.Connection) -> tuple[Doubt, ...]:
    """Where objections() could find anything."""
    return (
        Doubt.telling(("vendor",), lambda vendor: filter(None, [_vendor(books, vendor)])),
        Doubt(("job", "lines.account"), lambda job, code: _cost_code(books, job, code) is not None),
        Doubt.telling(("accounting_date",), lambda day: filter(None, [_period(books, day)])),
        Doubt(("vendor", "number"), partial(_used, books), again=_taken),
    )


def _used(books: sqlite3.Connection, vendor: str, number: str) -> bool:
    # No bill has no key: one under its own key is doubtful too.
    return _number(books, vendor, number, "") is not None


def _vendor(books: sqlite3.Connection, vendor: str) -> Finding | None:
    if books.execute("SELECT 1 FROM vendors WHERE ref = ?", (vendor,)).fetchone():
        return None
    cause = f"vendor {vendor or '(none)'} is not in the sandbox"
    return Finding(
        "vendor.unknown",
        cause,
        "Map the vendor ({list.more}: Mappings, or payapp erp map vendor) or add it to the ERP, then {invoices.export} retries; {invoices.reject} rejects",
        kind=cause,
    )


def _cost_code(books: sqlite3.Connection, job: str, code: str) -> Finding | None:
    if books.execute("SELECT 1 FROM cost_codes WHERE job = ? AND code = ?", (job, code)).fetchone():
        return None
    cause = f"cost code {code or '(none)'} is not in job {job or '(none)'}"
    return Finding(
        "cost_code.unknown",
        cause,
        "Map the cost code ({list.more}: Mappings, or payapp erp map account) or add it to the job in the ERP, then {invoices.export} retries; {invoices.reject} rejects",
        kind=cause,
    )


def _period(books: sqlite3.Connection, day: str) -> Finding | None:
    found = books.execute(
        "SELECT is_open FROM periods WHERE start_date <= ? AND end_date >= ?", (day, day)
    ).fetchone()
    if found is not None and found[0]:
        return None
    cause = f"accounting date {day} is in {'a closed' if found else 'no'} accounting period"
    return Finding(
        "period.closed" if found else "period.missing",
        cause,
        "{invoices.export-values}: choose an accounting date in an open period, then {invoices.export} retries",
        kind=cause,
    )


def _number(books: sqlite3.Connection, vendor: str, number: str, key: str) -> Finding | None:
    if not number.strip():
        return Finding("number.missing", "the ERP invoice number is missing", _OTHER_NUMBER)
    if len(number) > NUMBER_AT_MOST:
        return Finding(
            "number.too_long",
            f"ERP invoice number {number} has {len(number)} characters; the sandbox takes {NUMBER_AT_MOST}",
            "{invoices.export-values}: enter a shorter ERP invoice number, then {invoices.export} retries",
            kind=f"an ERP invoice number has more than the {NUMBER_AT_MOST} characters that the sandbox takes",
        )
    if books.execute(
        "SELECT 1 FROM used_numbers WHERE vendor = ? AND number = ?"
        " UNION ALL SELECT 1 FROM bills WHERE vendor = ? AND number = ? AND key <> ?",
        (vendor, number, vendor, number, key),
    ).fetchone():
        return _taken(vendor, number)
    return None


def _taken(vendor: str, number: str) -> Finding:
    return Finding(
        "number.used",
        f"vendor {vendor} has a bill with the number {number} already",
        _OTHER_NUMBER,
        kind="the vendor has a bill with that number already",
    )


def _totals(bill: Bill) -> Iterator[Finding]:
    fix = "{invoices.reject} rejects it: the invoice must foot in Commitments"
    if not bill.lines:
        yield Finding("lines.missing", "the bill has no lines", fix)
        return
    gross, retainage, net = Decimal(bill.gross), Decimal(bill.retainage), Decimal(bill.net)
    lines = sum((Decimal(line.amount) for line in bill.lines), Decimal(0))
    held = sum((Decimal(line.retainage) for line in bill.lines), Decimal(0))
    pairs = (
        ("gross", gross, "its lines add up to", lines),
        ("retainage", retainage, "its lines add up to", held),
        ("net", net, "gross less retainage is", gross - retainage),
    )
    for name, said, source, found in pairs:
        if said != found:
            yield Finding("totals.misfooted", f"the bill's {name} is {said}, {source} {found}", fix)
