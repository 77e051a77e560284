"""The lines of a receipt: what an ERP says it imported of our files, in payapp's form or as QuickBooks and Xero list it.

docs/files.md describes the forms. Nothing is guessed: a file that is none of them is refused whole.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from store.domain.errors import BadInput
from store.domain.text import one_line, safe

# No receipt has more bytes, or a longer text.
BYTES_MOST = 50_000_000
TEXT_MOST = 500
# So much of a status or type that is left out is told.
TEXT_LEFT = 40


class Said(StrEnum):
    """What the ERP says of a bill; WAITING: nothing yet."""

    BOOKED = "booked"
    REFUSED = "refused"
    WAITING = "waiting"


class Source(StrEnum):
    """Who wrote the list. Those of QuickBooks and Xero hold bills of others too."""

    PAYAPP = "payapp"
    QUICKBOOKS = "quickbooks"
    XERO = "xero"


@dataclass(frozen=True, slots=True)
class Line:
    """One line, its row counted from 1 with the header. ``key`` or ``vendor`` and ``number`` name the bill.

    ``amount`` is what is payable, as the ERP writes it but for separators of thousands and parentheses; "" where it does
    not say.
    """

    row: int
    key: str
    vendor: str
    number: str
    reference: str
    amount: str
    currency: str
    said: Said
    error: str

    @property
    def name(self) -> str:
        """How it is told of."""
        return self.key or f"{self.vendor} {self.number}".strip()


@dataclass(frozen=True, slots=True)
class Lines:
    """A receipt's lines, and whose list it is.

    ``left``: what else stands in a list of all that the ERP has, by its status or type there: how many rows of each.
    """

    source: Source
    lines: tuple[Line, ...]
    left: tuple[tuple[str, int], ...] = ()


_WORDS = {
    Said.BOOKED: ("booked", "imported", "accepted", "posted", "ok", "paid"),
    Said.REFUSED: ("refused", "rejected", "failed", "error"),
    Said.WAITING: ("", "waiting", "pending"),
}
_SAID = {word: said for said, words in _WORDS.items() for word in words}
# A bill that stands in Xero, whatever became of it there; a voided or deleted one does not.
_XERO_STANDS = frozenset(
    {"draft", "submitted", "awaiting approval", "authorised", "awaiting payment", "paid"}
)
# A comma elsewhere may be a decimal sign.
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?")
_PLAIN = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{0,6})?")
_QUICKBOOKS_BILLS = {"bill": "", "credit": "-", "bill credit": "-", "bill refund": "-"}


def read(data: bytes, name: str) -> Lines:
    """The lines of a receipt. Raises BadInput, naming the row, for what is none or cannot be told."""
    if len(data) > BYTES_MOST:
        raise BadInput(f"{safe(name)} is no receipt", why=f"it has more than {BYTES_MOST:,} bytes")
    table = _table(data, name)
    first = next((number for number, row in enumerate(table) if any(cell.strip() for cell in row)), None)
    if first is None:
        raise BadInput(f"{safe(name)} is empty", fix="Give the receipt that the ERP wrote")
    header = [cell.strip() for cell in table[first]]
    rows = list(enumerate(table[first + 1 :], first + 2))
    small = [cell.lower() for cell in header]
    if "status" in small and ("key" in small or {"vendor", "number"} <= set(small)):
        return Lines(Source.PAYAPP, tuple(_own(small, rows, name)))
    stars = [cell.removeprefix("*") for cell in header]
    if {"ContactName", "InvoiceNumber", "Total", "Status"} <= set(stars):
        return _listed(Source.XERO, _xero, stars, rows, name)
    if {"Type", "Num", "Name", "Amount"} <= set(header):
        return _listed(Source.QUICKBOOKS, _quickbooks, header, rows, name)
    raise BadInput(
        f"{safe(name)} is no receipt",
        why="its first row names neither key (or vendor and number) and status, nor Xero's columns, nor QuickBooks'",
        fix="docs/files.md describes receipts; payapp receipt --waiting writes one to fill in",
    )


def _listed(
    source: Source,
    lines: Callable[..., Iterator[Line]],
    header: Sequence[str],
    rows: Sequence[tuple[int, list[str]]],
    name: str,
) -> Lines:
    left: Counter[str] = Counter()
    found = tuple(lines(header, rows, name, left))
    return Lines(source, found, tuple(sorted(left.items())))


def _table(data: bytes, name: str) -> list[list[str]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        # QuickBooks for Windows writes the Western code page.
        text = data.decode("cp1252", "replace")
    if "\x00" in text or "\ufffd" in text:
        raise BadInput(
            f"{safe(name)} is no text", why="it holds bytes that no CSV file has", fix="Save it as CSV"
        )
    try:
        return list(csv.reader(io.StringIO(text, newline="")))
    except csv.Error as error:
        raise BadInput(f"{safe(name)} cannot be read", why=str(error), fix="Save it as CSV") from None


def _named(
    header: Sequence[str], rows: Sequence[tuple[int, list[str]]], name: str
) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row by its columns, blank rows left out. Raises BadInput for two columns of one name, and for long rows."""
    used = [cell for cell in header if cell]
    twice = next((cell for cell in used if used.count(cell) > 1), None)
    if twice is not None:
        raise BadInput(f"{safe(name)} has two columns {safe(twice)}", fix="Leave one of them")
    for number, row in rows:
        if not any(cell.strip() for cell in row):
            continue
        if len(row) > len(header):
            raise BadInput(
                f"Row {number} of {safe(name)} has more cells than the first row", fix="Mend that row"
            )
        yield (
            number,
            {column: one_line(cell)[:TEXT_MOST] for column, cell in zip(header, row, strict=False) if column},
        )


def _decimal(text: str) -> Decimal:
    """The amount; nothing for what is none."""
    amount = _amount(text)
    return Decimal(amount) if _PLAIN.fullmatch(amount) else Decimal(0)


def _amount(text: str) -> str:
    """Without separators of thousands; parentheses are a minus. Whatever else is written stays, and is no amount."""
    if text.startswith("(") and text.endswith(")") and text[1:2].isdigit():
        text = f"-{text[1:-1]}"
    return text.replace(",", "") if _GROUPED.fullmatch(text) else text


def _own(header: Sequence[str], rows: Sequence[tuple[int, list[str]]], name: str) -> Iterator[Line]:
    for number, row in _named(header, rows, name):
        word, error = row.get("status", ""), row.get("error", "")
        said = _SAID.get(word.lower())
        if said is None:
            known = ", ".join(word for words in _WORDS.values() for word in words if word)
            raise BadInput(
                f"Row {number} of {safe(name)}: {safe(word)[:40]!r} is no status",
                why="nothing of the file was done",
                fix=f"Use one of: {known}; empty is waiting",
            )
        if not row.get("key") and not (row.get("vendor") and row.get("number")):
            raise BadInput(
                f"Row {number} of {safe(name)} names no bill",
                why="nothing of the file was done",
                fix="Give its key, or vendor and number",
            )
        if said is Said.WAITING and error:
            raise BadInput(
                f"Row {number} of {safe(name)} has an error and no status",
                why="nothing of the file was done",
                fix="Write refused, or leave the error out",
            )
        yield Line(
            number, row.get("key", ""), row.get("vendor", ""), row.get("number", ""), row.get("reference", ""),
            _amount(row.get("amount", "")), row.get("currency", ""), said, error,
        )  # fmt: skip


def _xero(
    header: Sequence[str], rows: Sequence[tuple[int, list[str]]], name: str, left: Counter[str]
) -> Iterator[Line]:
    """Xero's own export of bills: a row per line of a bill, each with the bill's total.

    Two bills of one number and total look like one, but for their lines, which come to twice as much.
    """
    found: dict[tuple[str, str, str], Line] = {}
    sums: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for number, row in _named(header, rows, name):
        amount = _amount(row.get("Total", ""))
        if "credit" in row.get("Type", "").lower():
            # A credit note's total is told without its sign.
            amount = "-" + amount.lstrip("-")
        own = (row.get("ContactName", ""), row.get("InvoiceNumber", ""), amount)
        if (status := row.get("Status", "")).lower() not in _XERO_STANDS:
            left[one_line(status)[:TEXT_LEFT]] += 1
            continue
        line = Line(number, "", *own[:2], "", amount, row.get("Currency", ""), Said.BOOKED, "")
        found.setdefault(own, line)
        sums[own] += _decimal(row.get("LineAmount", ""))
    for own, line in found.items():
        yield line
        total = abs(_decimal(own[2]))
        if total and abs(sums[own]) >= 2 * total:
            yield line


def _quickbooks(
    header: Sequence[str], rows: Sequence[tuple[int, list[str]]], name: str, left: Counter[str]
) -> Iterator[Line]:
    """A report of QuickBooks with Type, Num, Name and Amount: its headings, sums and other transactions are left out.

    Whether a bill is a debit or a credit there depends on the report, so that its type tells the sign.
    """
    for number, row in _named(header, rows, name):
        kind = row.get("Type", "")
        if (sign := _QUICKBOOKS_BILLS.get(kind.lower())) is None:
            # Headings and sums have no type.
            left.update([one_line(kind)[:TEXT_LEFT]] if kind else ())
            continue
        amount = _amount(row.get("Amount", "")).lstrip("-")
        yield Line(
            number, "", row.get("Name", ""), row.get("Num", ""), row.get("Trans #", ""), sign + amount, "",
            Said.BOOKED, "",
        )  # fmt: skip
