"""A bill as Tryton's account_invoice takes it, what Tryton must know for it, and what stands against it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from erp.connectors.payment_holds import unheld
from erp.connectors.tryton_settings import TrytonSettings
from store.domain.bill import Bill
from store.domain.likeness import passed_for
from store.domain.outcome import Period
from store.domain.profile import Finding
from store.domain.text import safe, storable

# Tryton's own: within so many days two bills of one number are similar (account_invoice, Invoice._similar_domain).
SIMILAR_WITHIN = timedelta(days=60)
# The warning's name there, after the checksum, and the code under which an approver lets it pass.
SIMILAR_WARNING = "invoice_similar"
SIMILAR = "duplicate.similar"
# So many similar ones are told in full, the others by their ids.
NAMED = 3
Record = dict[str, Any]


@dataclass(frozen=True)
class Party:
    """A vendor in Tryton; ``address``: None where it has none, and then no invoice can be made for it."""

    id: int
    address: int | None


@dataclass(frozen=True)
class Currency:
    """A currency in Tryton and how many decimals it has there."""

    id: int
    digits: int


@dataclass(frozen=True)
class Standing:
    """A supplier invoice that Tryton has under a bill's vendor and number; ``key``: that of payapp's that it carries."""

    id: int
    party: int
    number: str
    day: date | None
    state: str
    key: str | None


@dataclass(frozen=True)
class Known:
    """What Tryton has of what some bills need: by code, or by name where Tryton has no code for it."""

    company: int
    journals: Mapping[str, int] = field(default_factory=dict)
    terms: Mapping[str, int] = field(default_factory=dict)
    accounts: Mapping[str, int] = field(default_factory=dict)
    currencies: Mapping[str, Currency] = field(default_factory=dict)
    parties: Mapping[str, Party] = field(default_factory=dict)
    periods: Sequence[Period] = ()
    standing: Sequence[Standing] = ()


def record(bill: Bill, known: Known, settings: TrytonSettings) -> Record:
    """The values of a new invoice. Call it for a bill without objections only."""
    currency = known.currencies[bill.currency].id
    party = known.parties[bill.vendor]
    common = {"company": known.company, "currency": currency}

    def line(account: str, quantity: int, amount: Decimal, text: str) -> Record:
        return {
            "type": "line", "account": known.accounts[account], "quantity": quantity, "unit_price": amount,
            "description": text, **common,
        }  # fmt: skip

    lines = [line(each.account, 1, Decimal(each.amount), each.description) for each in bill.lines]
    if retained := Decimal(bill.retainage):
        lines.append(line(settings.retainage, -1, retained, "Retainage"))
    made: Record = {
        "type": "in",
        "party": party.id,
        "invoice_address": party.address,
        "account": known.accounts[settings.payable],
        "journal": known.journals[settings.journal],
        "payment_term": known.terms[term] if (term := terms(bill, settings)) else None,
        "invoice_date": bill.invoice_date,
        "accounting_date": bill.accounting_date,
        "reference": bill.number,
        "description": bill.description,
        "lines": [["create", lines]],
        **common,
        # Without the module the comment tells whose invoice it is; nothing in Tryton keeps it unique.
        "export_key" if settings.export_key else "comment": bill.key,
    }
    if tax := Decimal(bill.tax):
        account = known.accounts[tax_account(bill, settings)]
        taxed = {
            "manual": True,
            "description": "Tax",
            "account": account,
            "base": Decimal(bill.net),
            "amount": tax,
        }
        made["taxes"] = [["create", [taxed]]]
    if settings.export_key and (seen := passed_for(bill.overrides, SIMILAR)):
        made["let_pass"] = {SIMILAR_WARNING: sorted(seen)}
    return made


def terms(bill: Bill, settings: TrytonSettings) -> str:
    """The name of the bill's payment term; "": none."""
    return bill.terms or settings.payment_term


def tax_account(bill: Bill, settings: TrytonSettings) -> str:
    """The code of the account of the bill's tax; "": none is named."""
    return bill.tax_account or settings.tax


# -- what stands against it ------------------------------------------------------------------------------------

_AGAIN = "then {invoices.export} retries; {invoices.reject} rejects"
_VALUES = (
    "{invoices.export-values}: choose an accounting date in an open period, then {invoices.export} retries"
)
_NUMBER = "{invoices.export-values}: enter another ERP invoice number, " + _AGAIN
_SIMILAR = (
    "if it is another bill, {invoices.export} retries with a reason that lets it pass (or payapp retry --override);"
    " {invoices.export-values} enters another number, {invoices.reject} rejects"
)
_TOTALS = "{invoices.reject} rejects it: the invoice must foot in Commitments"


def objections(bill: Bill, known: Known, settings: TrytonSettings) -> Iterator[Finding]:
    """Why Tryton would not book the bill, or would book something else than it says."""
    yield from _texts(bill)
    yield from _totals(bill)
    yield from _masters(bill, known, settings)
    yield from _decimals(bill, known)
    yield from _period(bill, known)
    yield from unheld(bill)
    if found := similar(bill, known, settings):
        yield found


def _texts(bill: Bill) -> Iterator[Finding]:
    if not bill.number.strip():
        yield Finding("number.missing", "the ERP invoice number is missing", _NUMBER)
    for name, text in (("number", bill.number), ("description", bill.description)):
        # Tryton strips what surrounds a text, and would not find it again.
        if safe(text) != text or (name == "number" and text.strip() != text):
            yield Finding(
                f"{name}.control",
                f"{name} {safe(text)[:40]!r} has blanks around it, line breaks or hidden characters",
                "{invoices.export-values}: enter another one, " + _AGAIN,
            )
    if not all(storable(line.description) for line in bill.lines):
        yield Finding("line.control", "a line's description has characters that Tryton cannot hold", _TOTALS)


def _totals(bill: Bill) -> Iterator[Finding]:
    if not bill.lines:
        yield Finding("lines.missing", "the bill has no lines", _TOTALS)
        return
    sums = {
        "gross": sum((Decimal(line.amount) for line in bill.lines), Decimal(0)),
        "retainage": sum((Decimal(line.retainage) for line in bill.lines), Decimal(0)),
        "net": Decimal(bill.gross) - Decimal(bill.retainage),
    }
    for name, found in sums.items():
        said = Decimal(getattr(bill, name))
        if said != found:
            cause = f"the bill's {name} is {said}, its lines come to {found}"
            yield Finding("totals.misfooted", cause, _TOTALS)


def _masters(bill: Bill, known: Known, settings: TrytonSettings) -> Iterator[Finding]:
    code = bill.vendor
    party = known.parties.get(code)
    if party is None:
        cause = f"vendor {safe(code) or '(none)'} is not a party in Tryton"
        fix = "Add the party with that code in Tryton, or map it ({list.more}: Mappings, or payapp erp map vendor), "
        yield Finding("vendor.unknown", cause, fix + _AGAIN)
    elif party.address is None:
        cause = f"vendor {safe(code)} has no address in Tryton, which an invoice needs"
        yield Finding("vendor.no_address", cause, "Add an address to the party in Tryton, " + _AGAIN)
    if bill.currency not in known.currencies:
        cause = f"currency {safe(bill.currency)} is not in Tryton"
        yield Finding("currency.unknown", cause, "Add the currency with a rate in Tryton, " + _AGAIN)
    for cost_code, account in dict.fromkeys((line.cost_code, line.account) for line in bill.lines):
        if account not in known.accounts:
            cause = f"cost code {safe(cost_code) or '(none)'} has no account {safe(account) or '(none)'} in Tryton"
            fix = "Add the account in Tryton, or map the cost code ({list.more}: Mappings, or payapp erp map account), "
            yield Finding("account.unknown", cause, fix + _AGAIN)
    yield from _settings(bill, known, settings)


def _settings(bill: Bill, known: Known, settings: TrytonSettings) -> Iterator[Finding]:
    """What the settings name and Tryton has not."""
    named = [("payable", "account", settings.payable, known.accounts)]
    named.append(("journal", "journal", settings.journal, known.journals))
    if Decimal(bill.retainage):
        named.append(("retainage", "account", settings.retainage, known.accounts))
    if term := terms(bill, settings):
        named.append(("" if bill.terms else "payment_term", "payment term", term, known.terms))
    if Decimal(bill.tax):
        account = tax_account(bill, settings)
        named.append(("" if bill.tax_account else "tax", "account", account, known.accounts))
    for option, kind, name, there in named:
        if name and name not in there:
            where = f"erp.options.{option}" if option else "Mappings, or payapp erp map"
            cause = f"{kind} {safe(name)} ({where}) is not in Tryton" + (", or closed" * (kind == "account"))
            fix = f"Correct it ({where}), or add it in Tryton, "
            yield Finding(f"{kind.replace(' ', '_')}.unknown", cause, fix + _AGAIN)
        elif not name:
            cause = f"the bill has tax of {bill.tax}, and no account is named for it"
            fix = "Name the account of tax in erp.options.tax, or map it ({list.more}: Mappings, or payapp erp map tax), "
            common = "the bill has tax, and no account is named for it"
            yield Finding("tax.unmapped", cause, fix + _AGAIN, kind=common)


def _decimals(bill: Bill, known: Known) -> Iterator[Finding]:
    currency = known.currencies.get(bill.currency)
    if currency is None:
        return
    amounts = [bill.gross, bill.retainage, bill.net, bill.tax]
    amounts += [text for line in bill.lines for text in (line.amount, line.retainage)]
    for text in amounts:
        amount = Decimal(text)
        if amount != round(amount, currency.digits):
            cause = f"{text} has more decimals than {bill.currency} has in Tryton ({currency.digits})"
            yield Finding("amount.decimals", cause, "Correct the currency in Tryton, " + _AGAIN)
            return


def _period(bill: Bill, known: Known) -> Iterator[Finding]:
    day = bill.accounting_date
    found = next((period for period in known.periods if period.start <= day <= period.end), None)
    if found is None:
        yield Finding("period.missing", f"Tryton has no accounting period or fiscal year for {day}", _VALUES)
    elif not found.is_open:
        yield Finding("period.closed", f"accounting date {day} is in a closed accounting period", _VALUES)


def similar(bill: Bill, known: Known, settings: TrytonSettings) -> Finding | None:
    """What Tryton takes for the same bill and nobody has let pass, each of it named; None: there is none."""
    party = known.parties.get(bill.vendor)
    if party is None:
        return None
    passed = passed_for(bill.overrides, SIMILAR)
    others = [other for other in known.standing if _alike(bill, party, other, settings)]
    new = [other for other in others if not _seen(other, passed)]
    if not new:
        return None
    cause = _likeness(bill, new)
    if seen := len(others) - len(new):
        cause += f"; beside what was let pass ({seen})"
    kind = "the vendor has a bill with that number already in Tryton"
    return Finding(SIMILAR, cause, _SIMILAR, tuple(_called(other) for other in new), kind)


def _alike(bill: Bill, party: Party, other: Standing, settings: TrytonSettings) -> bool:
    if (other.party, other.number) != (party.id, bill.number) or other.key == bill.key:
        return False
    # The module tells Tryton that a voided invoice is none; without it, Tryton warns of that one as well.
    if settings.export_key and other.state == "cancelled":
        return False
    return other.day is None or abs(other.day - bill.invoice_date) <= SIMILAR_WITHIN


def _called(other: Standing) -> str:
    """The invoice's id; of one that is about to go the key, as it has no id yet."""
    return str(other.id) if other.id else str(other.key)


def _seen(other: Standing, passed: frozenset[str]) -> bool:
    # Without the module the key is a comment, which may say anything; a key is no number.
    return str(other.id) in passed or (other.key in passed and not str(other.key).isdigit())


def _likeness(bill: Bill, others: Sequence[Standing]) -> str:
    told = [_told(other) for other in others if other.id]
    where = ["the same parcel"] if len(told) < len(others) else []
    if told:
        more = [str(other.id) for other in others if other.id][NAMED:]
        named = "; ".join(told[:NAMED]) + (f"; and ids {', '.join(more)}" if more else "")
        where.append(f"Tryton: its invoice {named}")
    return f"vendor {safe(bill.vendor)} has a bill with the number {safe(bill.number)} already in {', and in '.join(where)}"


def _told(other: Standing) -> str:
    told = f"id {other.id}" + (f" of {other.day}" if other.day else "") + f", {other.state}"
    return told + ("; Tryton counts a cancelled one as well" if other.state == "cancelled" else "")


# -- Tryton's own words ----------------------------------------------------------------------------------------

# The beginning or a part of what Tryton says in English, its code here, and what helps.
_SAID = (
    ("you must reopen the period", "period.closed", _VALUES),
    ("you must reopen the fiscal year", "period.closed", _VALUES),
    ("closed period", "period.closed", _VALUES),
    ("on closed journal-period", "period.closed", _VALUES),
    ("you must create a period", "period.missing", _VALUES),
    ("you must create a fiscal year", "period.missing", _VALUES),
    ("you must define a sequence on fiscal year", "sequence.missing", "Set the fiscal year's invoice sequences in Tryton, " + _AGAIN),
    ("exceeds the limit of", "amount.decimals", "Correct the currency in Tryton, " + _AGAIN),
    ('for field "Invoice Address"', "vendor.unknown", "Add the party and its address in Tryton, " + _AGAIN),
    ('for field "Party"', "vendor.unknown", "Add the party in Tryton, " + _AGAIN),
    ('for field "Account"', "account.unknown", "Correct the account in Tryton, erp.options or Mappings (payapp erp map), " + _AGAIN),
    ("you must set a party on line", "account.unknown", "Correct the account in Tryton, erp.options or Mappings (payapp erp map), " + _AGAIN),
    ("You are not allowed to", "user.not_permitted", "Give payapp's user in Tryton that right, " + _AGAIN),
)  # fmt: skip


def refusal(name: str, message: str) -> tuple[str, str]:
    """The code and the fix for a sentence of Tryton's; ``name`` is that of a warning."""
    if name.endswith(f".{SIMILAR_WARNING}"):
        return SIMILAR, _SIMILAR
    if name.endswith(".invoice_taxes"):
        return "tax.default", "Take the default taxes off the account in Tryton, " + _AGAIN
    for part, code, fix in _SAID:
        if part in message:
            return code, fix
    return "refused", "Correct what Tryton names, " + _AGAIN
