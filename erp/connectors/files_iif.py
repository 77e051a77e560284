"""QuickBooks Desktop's IIF: one transaction per bill, its lines signed so that all of it comes to zero (docs/files.md)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from erp.connectors.files_rows import (
    Texts,
    Written,
    cut,
    foreign,
    misfooted,
    payable,
    rows,
    unaccounted,
    unaccounted_doubts,
    unsafe,
)
from erp.connectors.files_settings import FilesSettings
from erp.connectors.payment_holds import UNHELD, unheld
from store.domain.bill import Bill
from store.domain.checking import Doubt
from store.domain.profile import Finding

_COLUMNS = ("TRNSTYPE", "DATE", "ACCNT", "NAME", "AMOUNT", "DOCNUM", "MEMO")
HEADER = (("!TRNS", "TRNSID", *_COLUMNS), ("!SPL", "SPLID", *_COLUMNS), ("!ENDTRNS",))
# QuickBooks for Windows reads the file in the Western code page.
ENCODING = "cp1252"
# A year has two digits there: these it takes for those of this century.
YEARS = (2000, 2049)


class Iif:
    """The form ``iif``. Bills whose total is a credit are of the type BILL REFUND."""

    suffix = ".iif"
    most = 1_000_000

    def __init__(self, settings: FilesSettings) -> None:
        self._settings = settings
        own = ("vendor", "number", "description", "tax_account", *(("job",) if settings.jobs else ()))
        self._written = Texts(
            {name: name.replace("_", " ") for name in own},
            {"account": "account", "description": "description"},
            _text,
        )

    def content(self, bills: Sequence[Bill]) -> bytes:
        """The file with these bills."""
        lines = [*HEADER]
        for bill in bills:
            lines += self._transaction(bill)
        return "".join("\t".join(line) + "\r\n" for line in lines).encode(ENCODING)

    def _transaction(self, bill: Bill) -> Iterator[tuple[str, ...]]:
        total = payable(bill)
        kind = "BILL REFUND" if total < 0 else "BILL"
        day = f"{bill.accounting_date:%m/%d/%y}"
        yield (
            "TRNS", "", kind, day, self._settings.payable, bill.vendor, f"{-total:.2f}", bill.number, bill.description,
        )  # fmt: skip
        job = bill.job if self._settings.jobs else ""
        for number, row in enumerate(rows(bill, self._settings)):
            # Retainage and tax are nobody's job cost.
            name = job if number < len(bill.lines) else ""
            yield ("SPL", "", kind, day, row.account, name, f"{row.amount:.2f}", bill.number, row.text)
        yield ("ENDTRNS",)

    def apart(self, _bill: Bill) -> str:
        """What no two bills of a file may have in common; "": anything."""
        return ""

    def objections(self, bill: Bill) -> Iterator[Finding]:
        """Why the bill cannot stand in such a file."""
        yield from self._foreign(bill.currency)
        yield from _century(bill.accounting_date)
        yield from self._written.objections(bill)
        yield from unaccounted(bill, self._settings)
        yield from unheld(bill)
        yield from misfooted(bill)

    def doubts(self) -> tuple[Doubt, ...]:
        """Where objections() could find anything."""
        return (
            Doubt.telling(("currency",), self._foreign),
            Doubt.telling(("accounting_date",), lambda day: _century(date.fromisoformat(day))),
            *self._written.doubts(),
            *unaccounted_doubts(self._settings),
            UNHELD,
        )

    def _foreign(self, currency: str) -> Iterator[Finding]:
        own = self._settings.currency
        if currency != own:
            yield Finding(
                "currency.foreign",
                f"the bill is in {currency}, and a file for QuickBooks names no currency: it would be booked in {own}",
                "Enter it in QuickBooks by hand; {invoices.reject} rejects it",
            )


def _text(it: Written) -> Iterator[Finding]:
    yield from unsafe(it)
    yield from cut(it)
    # A colon divides a customer from its job, and an account from its parent.
    yield from foreign(it, ENCODING, '":' if it.field == "vendor" else '"')


def _century(day: date) -> Iterator[Finding]:
    if not YEARS[0] <= day.year <= YEARS[1]:
        yield Finding(
            "accounting_date.century",
            f"the accounting date {day.isoformat()} has another century in QuickBooks, which reads two digits of the year",
            "{invoices.export-values}: enter another accounting date",
        )
