"""payapp's own CSV: one row per bill line, the bill's own columns on each (docs/files.md)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from erp.connector import UnavailableError
from erp.connectors.files_rows import Texts, Written, misfooted, unsafe
from store.domain.bill import Bill
from store.domain.checking import Doubt
from store.domain.outcome import ErpBill, Period
from store.domain.profile import Finding

HEADER = ("key", "company", "currency", "vendor", "vendor_name", "job", "commitment", "application", "number")
DATES = ("period_start", "period_end", "invoice_date", "accounting_date")
AMOUNTS = ("gross", "retainage", "net", "tax")
LINE = ("position", "item_type", "cost_code", "description", "amount", "retainage")
# What the ERP calls the cost code stands in its column.
LINE_FIELDS = tuple("account" if name == "cost_code" else name for name in LINE)
COLUMNS = (
    *HEADER,
    *DATES,
    "description",
    *AMOUNTS,
    *(f"line_{name}" for name in LINE),
    "terms",
    "tax_account",
    "payment_hold",
)
LISTED = ("vendor", "number", "currency", "gross", "retainage", "net")
TEXTS = (
    "company",
    "vendor",
    "vendor_name",
    "job",
    "commitment",
    "number",
    "description",
    "terms",
    "tax_account",
)
LINE_TEXTS = {"item_type": "item type", "account": "cost code", "description": "description"}
_WRITTEN = Texts({name: name.replace("_", " ") for name in TEXTS}, LINE_TEXTS, unsafe)


class Csv:
    """The form ``csv``: UTF-8, comma, CRLF (RFC 4180). It holds the keys itself."""

    suffix = ".csv"
    # A parcel is one file, whatever its size.
    most = 1_000_000

    def content(self, bills: Sequence[Bill]) -> bytes:
        """The file with these bills."""
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(COLUMNS)
        for bill in bills:
            own = [getattr(bill, name) for name in HEADER]
            own += [getattr(bill, name).isoformat() for name in DATES]
            own += [bill.description, *(getattr(bill, name) for name in AMOUNTS)]
            writer.writerows(
                [
                    *own,
                    *(getattr(line, name) for name in LINE_FIELDS),
                    bill.terms,
                    bill.tax_account,
                    bill.payment_hold or "",
                ]
                for line in bill.lines
            )
        return text.getvalue().encode()

    def apart(self, _bill: Bill) -> str:
        """What no two bills of a file may have in common; "": anything."""
        return ""

    def objections(self, bill: Bill) -> Iterator[Finding]:
        """Why the bill cannot stand in such a file."""
        yield from _WRITTEN.objections(bill)
        yield from _unsafe_hold(bill.payment_hold or "")
        yield from misfooted(bill)

    def doubts(self) -> tuple[Doubt, ...]:
        """Where objections() could find anything."""
        return (*_WRITTEN.doubts(), Doubt.telling(("payment_hold",), _unsafe_hold))


def _unsafe_hold(text: str) -> Iterator[Finding]:
    return unsafe(Written("payment_hold", "payment hold", text))


def keys(file: Path) -> list[str]:
    """The keys in such a file, in their order; empty where it has no such column."""
    with file.open(newline="", encoding="utf-8") as text:
        return list(dict.fromkeys(row["key"] for row in csv.DictReader(text) if row.get("key")))


def listed(file: Path, period: Period) -> list[ErpBill]:
    """The bills of such a file with an accounting date in the period. Raises UnavailableError for a spoilt one."""
    found: dict[str, ErpBill] = {}
    try:
        with file.open(newline="", encoding="utf-8") as text:
            for row in csv.DictReader(text):
                key = row["key"]
                if key not in found:
                    day = date.fromisoformat(row["accounting_date"])
                    said = {name: row[name] for name in LISTED}
                    if None in said.values():
                        raise ValueError("a row is too short")
                    ref = f"{file.name}/{len(found) + 1}"
                    found[key] = ErpBill(ref=ref, key=key, accounting_date=day, **said)
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise UnavailableError(f"{file.name} in the archive cannot be read: {error}") from error
    return [bill for bill in found.values() if period.start <= bill.accounting_date <= period.end]
