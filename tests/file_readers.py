"""Readers of QuickBooks' and Xero's files, written from the formats' descriptions and not from what payapp writes.

IIF: https://support.quickbooks.intuit.com, "Import files: transactions": tab-separated; a row that begins with ! names the
columns of the rows of its kind; TRNS is followed by its SPL rows and ENDTRNS; TRNSTYPE, ACCNT and AMOUNT are required; debits
are positive, and a transaction with its distribution comes to zero. Xero: its bills template, "Import bills": names to the
letter, a star marks what is required, rows with one number are one bill. A plugin: PYTEST_DONT_REWRITE.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import msgspec

REQUIRED = ("TRNSTYPE", "ACCNT", "AMOUNT")
XERO_REQUIRED = (
    "*ContactName", "*InvoiceNumber", "*InvoiceDate", "*DueDate", "*Quantity", "*UnitAmount", "*AccountCode", "*TaxType",
)  # fmt: skip
XERO_COLUMNS = frozenset({
    *XERO_REQUIRED, "EmailAddress", "POAddressLine1", "POAddressLine2", "POAddressLine3", "POAddressLine4", "POCity",
    "PORegion", "POPostalCode", "POCountry", "Total", "InventoryItemCode", "Description", "TaxAmount", "TrackingName1",
    "TrackingOption1", "TrackingName2", "TrackingOption2", "Currency",
})  # fmt: skip


@dataclass
class Posted:
    """One bill as the ERP would book it: what is payable (a credit is negative), and its postings, debits positive."""

    kind: str
    day: date
    vendor: str
    number: str
    memo: str
    payable: Decimal
    postings: list[tuple[str, Decimal, str]] = field(default_factory=list)

    def on(self, account: str) -> Decimal:
        """What it posts on that account."""
        return sum((amount for name, amount, _ in self.postings if name == account), Decimal(0))


def read_iif(data: bytes, payable: str) -> list[Posted]:
    """The transactions of an IIF file, each of which comes to zero."""
    columns: dict[str, list[str]] = {}
    found: list[Posted] = []
    open_: Posted | None = None
    total = Decimal(0)
    text = data.decode("cp1252")
    assert text.endswith("\r\n") and '"' not in text
    for line in text.split("\r\n")[:-1]:
        kind, *cells = line.split("\t")
        if kind.startswith("!"):
            columns[kind[1:]] = cells
            continue
        row = dict(zip(columns[kind], cells, strict=True))
        if kind == "ENDTRNS":
            assert open_ is not None and total == 0 and open_.postings
            found.append(open_)
            open_ = None
            continue
        assert all(row[name] for name in REQUIRED)
        day = datetime.strptime(row["DATE"], "%m/%d/%y").date()  # noqa: DTZ007 - a day has no zone
        amount = Decimal(row["AMOUNT"])
        assert amount.as_tuple().exponent == -2
        if kind == "TRNS":
            assert open_ is None and row["ACCNT"] == payable
            open_ = Posted(row["TRNSTYPE"], day, row["NAME"], row["DOCNUM"], row["MEMO"], -amount)
            total = amount
        else:
            assert kind == "SPL" and open_ is not None
            assert (row["TRNSTYPE"], day) == (open_.kind, open_.day)
            open_.postings.append((row["ACCNT"], amount, row["MEMO"]))
            total += amount
    assert open_ is None
    assert list(columns) == ["TRNS", "SPL", "ENDTRNS"]
    return found


def read_xero(data: bytes, days: str) -> list[Posted]:
    """The bills of a file for Xero, in their order; not more than it takes, and none that would fall into one."""
    rows = list(csv.reader(io.StringIO(data.decode("utf-8"), newline="")))
    header, found = rows[0], dict[str, Posted]()
    assert (
        set(header) <= XERO_COLUMNS and set(XERO_REQUIRED) <= set(header) and len(header) == len(set(header))
    )
    last = ""
    for cells in rows[1:]:
        row = dict(zip(header, cells, strict=True))
        assert all(row[name] for name in XERO_REQUIRED)
        number = row["*InvoiceNumber"]
        day, due = (datetime.strptime(row[name], days).date() for name in ("*InvoiceDate", "*DueDate"))  # noqa: DTZ007 - days
        assert due >= day
        own = found.setdefault(
            number.lower(), Posted("ACCPAY", day, row["*ContactName"], number, "", Decimal(0))
        )
        assert not own.postings or last == number, "rows of one bill stand together"
        assert (own.day, own.vendor) == (day, row["*ContactName"])
        last = number
        amount = Decimal(row["*Quantity"]) * Decimal(row["*UnitAmount"])
        own.payable += amount
        own.postings.append((row["*AccountCode"], amount, row["Description"]))
    assert len(found) <= 500
    return list(found.values())


def keys_of(file: Path) -> list[str]:
    """The keys of a file's bills, in their order, from the manifest beside it."""
    manifest = msgspec.json.decode(file.with_suffix(".json").read_bytes())
    assert manifest["file"] == file.name
    return list(manifest["keys"])


def ledger(file: Path, posted: list[Posted], retainage: str) -> list[tuple[str, str, str, str]]:
    """Key, gross, retainage and net of these bills without tax, as the accounts have them."""
    keys = keys_of(file)
    assert len(keys) == len(posted)
    return [
        (key, f"{own.payable - own.on(retainage)}", f"{-own.on(retainage)}", f"{own.payable}")
        for key, own in zip(keys, posted, strict=True)
    ]
