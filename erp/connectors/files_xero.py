"""Xero's bills CSV: one row per line of a bill, found together by its number (docs/files.md)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from erp.connectors.files_rows import (
    Texts,
    Written,
    cut,
    misfooted,
    rows,
    unaccounted,
    unaccounted_doubts,
    unsafe,
)
from erp.connectors.files_settings import Days, FilesSettings
from erp.connectors.payment_holds import UNHELD, unheld
from store.domain.bill import Bill
from store.domain.checking import Doubt
from store.domain.profile import Finding

# The columns of Xero's own template, whose names count to the letter.
COLUMNS = (
    "*ContactName", "EmailAddress", "POAddressLine1", "POAddressLine2", "POAddressLine3", "POAddressLine4", "POCity",
    "PORegion", "POPostalCode", "POCountry", "*InvoiceNumber", "*InvoiceDate", "*DueDate", "Total", "InventoryItemCode",
    "Description", "*Quantity", "*UnitAmount", "*AccountCode", "*TaxType", "TaxAmount", "TrackingName1",
    "TrackingOption1", "TrackingName2", "TrackingOption2", "Currency",
)  # fmt: skip
INVOICES_MOST = 500
_FORMATS = {Days.DMY: "%d/%m/%Y", Days.MDY: "%m/%d/%Y"}


class Xero:
    """The form ``xero``: up to 500 bills a file, none of them with a number that another one has."""

    suffix = ".csv"
    most = INVOICES_MOST

    def __init__(self, settings: FilesSettings) -> None:
        self._settings = settings
        own = ("vendor", "number", "tax_account", *(("job",) if settings.tracking else ()))
        self._written = Texts(
            {name: name.replace("_", " ") for name in own},
            {"account": "account", "description": "description"},
            _text,
        )

    def content(self, bills: Sequence[Bill]) -> bytes:
        """The file with these bills."""
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, COLUMNS, restval="")
        writer.writeheader()
        for bill in bills:
            writer.writerows(self._rows(bill))
        return text.getvalue().encode()

    def _rows(self, bill: Bill) -> Iterator[dict[str, str]]:
        own = {
            "*ContactName": bill.vendor,
            "*InvoiceNumber": bill.number,
            "*InvoiceDate": self._day(bill.accounting_date),
            "*DueDate": self._day(bill.accounting_date + timedelta(days=self._days_due(bill.terms))),
            "*Quantity": "1",
            "*TaxType": self._settings.tax_type,
            "Currency": bill.currency,
        }
        if self._settings.tracking:
            own |= {"TrackingName1": self._settings.tracking, "TrackingOption1": bill.job}
        for row in rows(bill, self._settings):
            yield own | {
                "Description": row.text,
                "*UnitAmount": f"{row.amount:.2f}",
                "*AccountCode": row.account,
            }

    def _days_due(self, terms: str) -> int:
        return (
            int(terms) if terms.isascii() and terms.isdigit() and len(terms) <= 4 else self._settings.due_days
        )

    def _day(self, day: date) -> str:
        return day.strftime(_FORMATS[Days(self._settings.days)])

    def apart(self, bill: Bill) -> str:
        """Rows with one number become one bill, whatever their contact."""
        return bill.number.casefold()

    def objections(self, bill: Bill) -> Iterator[Finding]:
        """Why the bill cannot stand in such a file."""
        yield from _unnumbered(bill.number)
        yield from self._undue(bill.accounting_date.isoformat(), bill.terms)
        yield from self._written.objections(bill)
        yield from unaccounted(bill, self._settings)
        yield from unheld(bill)
        yield from misfooted(bill)

    def doubts(self) -> tuple[Doubt, ...]:
        """Where objections() could find anything."""
        return (
            Doubt.telling(("number",), _unnumbered),
            Doubt.telling(("accounting_date", "terms"), self._undue),
            *self._written.doubts(),
            *unaccounted_doubts(self._settings),
            UNHELD,
        )

    def _undue(self, day: str, terms: str) -> Iterator[Finding]:
        if (date.max - date.fromisoformat(day)).days < self._days_due(terms):
            yield Finding(
                "accounting_date.due",
                f"of the accounting date {day} and the days that it is due after there is no due date",
                "{invoices.export-values}: enter another accounting date",
                kind="there is no due date after the accounting date",
            )


def _unnumbered(number: str) -> Iterator[Finding]:
    if not number:
        yield Finding(
            "number.present",
            "the bill has no number, by which its rows are found together",
            "{invoices.export-values}: enter the ERP invoice number",
        )


def _text(it: Written) -> Iterator[Finding]:
    yield from unsafe(it)
    yield from cut(it)
