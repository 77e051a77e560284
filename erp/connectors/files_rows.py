"""What a bill comes to in a file, account by account, and why a bill cannot stand in one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import lru_cache, partial
from operator import not_
from typing import NamedTuple

from erp.connectors.files_settings import FilesSettings
from store.domain.bill import Bill
from store.domain.checking import Doubt
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


class Written(NamedTuple):
    """A text that stands in a file: the bill's field, "line" for all of a line's; what it is; ``line`` is its position."""

    field: str
    words: str
    text: str
    line: int | None = None

    @property
    def told(self) -> str:
        """How a sentence calls it."""
        where = "" if self.line is None else f"line {self.line}'s "
        return f"{where}{self.words} {safe(self.text)[:40]!r}"

    @property
    def common(self) -> str:
        """How a sentence calls it that is about many bills."""
        return self.words if self.line is None else f"a line's {self.words}"


# What stands against one text.
Rule = Callable[[Written], Iterator[Finding]]


class Texts(NamedTuple):
    """The texts that a form writes of a bill and of its lines: the field of each, and what it is."""

    own: Mapping[str, str]
    of_lines: Mapping[str, str]
    rule: Rule

    def objections(self, bill: Bill) -> Iterator[Finding]:
        """What stands against the texts of the bill."""
        for field, words in self.own.items():
            if _doubtful(self.rule, field, words, text := getattr(bill, field)):
                yield from self.rule(Written(field, words, text))
        for line in bill.lines:
            for field, words in self.of_lines.items():
                if _doubtful(self.rule, "line", words, text := getattr(line, field)):
                    yield from self.rule(Written("line", words, text, line.position))

    def doubts(self) -> tuple[Doubt, ...]:
        """One for each of these fields."""
        own = [
            Doubt(
                (field,), partial(_doubtful, self.rule, field, words), partial(_against_text, self.rule, field, words)
            )
            for field, words in self.own.items()
        ]  # fmt: skip
        of_lines = [
            Doubt((f"lines.{field}",), partial(_doubtful, self.rule, "line", words))
            for field, words in self.of_lines.items()
        ]
        return (*own, *of_lines)


# The texts of many bills are few.
@lru_cache(20_000)
def _doubtful(rule: Rule, field: str, words: str, text: str) -> bool:
    """Whether anything stands against the text, in whatever line."""
    return any(True for _ in rule(Written(field, words, text)))


def _against_text(rule: Rule, field: str, words: str, text: str) -> Iterator[Finding]:
    return rule(Written(field, words, text))


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
                kind=f"the bill's {name} is not what its lines come to",
            )


def unaccounted(bill: Bill, settings: FilesSettings) -> Iterator[Finding]:
    """Amounts that have no account, or more decimals than the form keeps."""
    yield from _untaxable(settings, bill.tax, bill.tax_account)
    for line in bill.lines:
        if not line.account:
            yield Finding(
                "line.account",
                f"line {line.position} has no account",
                _ELSEWHERE,
                kind="a line has no account",
            )
    yield from _finer(bill.currency)


def unaccounted_doubts(settings: FilesSettings) -> tuple[Doubt, ...]:
    """Where unaccounted() could find anything."""
    return (
        Doubt.telling(("tax", "tax_account"), partial(_untaxable, settings)),
        Doubt(("lines.account",), not_),
        Doubt.telling(("currency",), _finer),
    )


def _untaxable(settings: FilesSettings, tax: str, account: str) -> Iterator[Finding]:
    if not (account or settings.tax) and Decimal(tax) != 0:
        yield Finding(
            "tax.unmapped",
            f"the bill has tax of {tax}, and no account is named for it",
            "Map it ({list.more}: Mappings, or payapp erp map tax), or name it: tax in [erp.options] of the settings; "
            "then {invoices.export} retries",
            kind="the bill has tax, and no account is named for it",
        )


def _finer(currency: str) -> Iterator[Finding]:
    if decimals(currency) > DECIMALS_MOST:
        yield Finding(
            "currency.decimals",
            f"{currency} has {decimals(currency)} decimals, and these files keep two",
            "Enter it in the ERP by hand, or use payapp's own CSV; {invoices.reject} rejects it",
        )


def unsafe(it: Written) -> Iterator[Finding]:
    """Text that a spreadsheet or an import would take for something else: refused, never altered."""
    if formula_like(it.text):
        yield _against(it, "formula", "would be read as a formula or number")
    elif safe(it.text) != it.text:
        yield _against(it, "control", "has line breaks or hidden characters")


def cut(it: Written) -> Iterator[Finding]:
    """Blanks at an end, which an import cuts off."""
    if it.text != it.text.strip():
        yield _against(it, "blanks", "begins or ends with a blank")


def foreign(it: Written, encoding: str, quoted: str) -> Iterator[Finding]:
    """Characters that the file's encoding lacks, or that mean something else in it (``quoted``)."""
    strange = [c for c in quoted if c in it.text]
    if strange:
        yield _against(it, "quote", f"has {strange[0]!r}, which means something else there")
    try:
        it.text.encode(encoding)
    except UnicodeEncodeError:
        yield _against(it, "encoding", "has characters that this file cannot hold")


def _against(it: Written, code: str, what: str) -> Finding:
    fix = _FIXES.get(it.field, _ELSEWHERE)
    return Finding(f"{it.field}.{code}", f"{it.told} {what}", fix, kind=f"{it.common} {what}")
