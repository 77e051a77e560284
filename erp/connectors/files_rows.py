"""What a bill comes to in a file, account by account, and why a bill cannot stand in one."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from erp.connectors.files_settings import FilesSettings
from store.domain.bill import Bill
from store.domain.money import decimals
from store.domain.profile import Finding
from store.domain.text import formula_like, safe

# So many decimals QuickBooks and Xero keep of an amount.
DECIMALS_MOST = 2
_FIXES = {
    "number": "{invoices.export-values}: enter another ERP invoice number",
    "description": "{invoices.export-values}: enter another description",
}
_ELSEWHERE = "Correct it where it comes from; {invoices.reject} rejects the invoice"


class Row(NamedTuple):
    """One posting of a bill: a debit is positive."""

    account: str
    amount: Decimal
    text: str


def rows(bill: Bill, settings: FilesSettings) -> list[Row]:
    """The bill's lines, its retainage as one deduction, and its tax: together what is payable."""
    found = [Row(line.account, Decimal(line.amount), line.description) for line in bill.lines]
    if held := Decimal(bill.retainage):
        found.append(Row(settings.retainage, -held, "Retainage held" if held > 0 else "Retainage released"))
    if tax := Decimal(bill.tax):
        found.append(Row(bill.tax_account or settings.tax, tax, "Tax"))
    return found


def payable(bill: Bill) -> Decimal:
    """What the bill adds to accounts payable: net and tax."""
    return Decimal(bill.net) + Decimal(bill.tax)


# -- why a bill cannot stand in a file -----------------------------------------------------------------------------


def misfooted(bill: Bill) -> Iterator[Finding]:
    """No lines, or no true totals."""
    if not bill.lines:
        yield Finding("lines.missing", "the bill has no lines", "{invoices.reject} rejects it")
        return
    gross = sum((Decimal(line.amount) for line in bill.lines), Decimal(0))
    held = sum((Decimal(line.retainage) for line in bill.lines), Decimal(0))
    net = Decimal(bill.gross) - Decimal(bill.retainage)
    for name, found in (("gross", gross), ("retainage", held), ("net", net)):
        said = Decimal(getattr(bill, name))
        if said != found:
            yield Finding(
                "totals.misfooted",
                f"the bill's {name} is {said}, its lines come to {found}",
                "{invoices.reject} rejects it: the invoice must foot in Commitments",
            )


def unaccounted(bill: Bill, settings: FilesSettings) -> Iterator[Finding]:
    """Amounts that have no account, or more decimals than the form keeps."""
    if Decimal(bill.tax) and not (bill.tax_account or settings.tax):
        yield Finding(
            "tax.unmapped",
            f"the bill has tax of {bill.tax}, and no account is named for it",
            "Map it ({list.more}: Mappings, or payapp erp map tax), or name it: tax in [erp.options] of the settings; "
            "then {invoices.export} retries",
        )
    for line in bill.lines:
        if not line.account:
            yield Finding("line.account", f"line {line.position} has no account", _ELSEWHERE)
    if (places := decimals(bill.currency)) > DECIMALS_MOST:
        yield Finding(
            "currency.decimals",
            f"{bill.currency} has {places} decimals, and these files keep two",
            "Enter it in the ERP by hand, or use payapp's own CSV; {invoices.reject} rejects it",
        )


def unsafe(field: str, words: str, text: str) -> Iterator[Finding]:
    """Text that a spreadsheet or an import would take for something else: refused, never altered."""
    fix = _FIXES.get(field, _ELSEWHERE)
    if formula_like(text):
        yield Finding(
            f"{field}.formula", f"{words} {safe(text)[:40]!r} would be read as a formula or number", fix
        )
    elif safe(text) != text:
        yield Finding(
            f"{field}.control", f"{words} {safe(text)[:40]!r} has line breaks or hidden characters", fix
        )


def cut(field: str, words: str, text: str) -> Iterator[Finding]:
    """Blanks at an end, which an import cuts off."""
    if text != text.strip():
        yield Finding(
            f"{field}.blanks",
            f"{words} {safe(text)[:40]!r} begins or ends with a blank",
            _FIXES.get(field, _ELSEWHERE),
        )


def foreign(field: str, words: str, text: str, encoding: str, quoted: str) -> Iterator[Finding]:
    """Characters that the file's encoding lacks, or that mean something else in it (``quoted``)."""
    fix = _FIXES.get(field, _ELSEWHERE)
    strange = [c for c in quoted if c in text]
    if strange:
        yield Finding(
            f"{field}.quote",
            f"{words} {safe(text)[:40]!r} has {strange[0]!r}, which means something else there",
            fix,
        )
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        yield Finding(
            f"{field}.encoding", f"{words} {safe(text)[:40]!r} has characters that this file cannot hold", fix
        )
