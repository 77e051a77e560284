"""What an invoice says, as one value, and what is different between two of them: in words, with amounts.

Amounts are integer minor units of the form's currency. Texts in a difference are as people wrote them: safe() is for who
shows them, and told() has passed it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from store.domain.invoice import CHANGE_ORDER_ITEM, Line
from store.domain.money import show
from store.domain.text import one_line

# One line of the form: the values of a Line, in the order of its fields.
Row = tuple[int, str, str, str, str, int, int, int, int, int, int, int | None, int, int, int | None]


class Form(msgspec.Struct, frozen=True):
    """The invoice's header, totals, G703 lines and attachments (name and link)."""

    number: str
    vendor: str
    commitment: str
    application: int
    period_start: str
    period_end: str
    billing_date: str
    currency: str
    gross: int
    retainage: int
    net: int
    tax: int
    final: bool
    lines: list[Row]
    files: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Changed:
    """One thing that is different. ``before`` or ``after`` is None where it was not there; an int is an amount.

    ``where`` is "" for the invoice itself, else the line or the attachment.
    """

    where: str
    what: str
    before: str | int | None
    after: str | int | None


_HEADER = {
    "number": "Number", "vendor": "Vendor", "commitment": "Commitment", "period_start": "Period from",
    "period_end": "Period to", "billing_date": "Billing date", "currency": "Currency", "gross": "Gross",
    "retainage": "Retainage", "net": "Net", "tax": "Tax",
}  # fmt: skip
# What of a line is told, in the order of the form; what follows from these figures is not.
_LINE = {
    "cost_code": "Cost code", "description": "Description", "scheduled": "C Scheduled", "work_before": "D Previous",
    "work_now": "E Work", "stored_now": "F Stored", "stored_before": "Stored before", "moved": "Materials moved",
    "held": "Retainage held", "released": "Retainage released", "retainage_before": "Retainage before",
    "total_before": "G before",
}  # fmt: skip


def encode(form: Form) -> str:
    """The form as it is kept."""
    return msgspec.json.encode(form).decode()


def decode(text: str) -> Form | None:
    """A form that was kept; None where it cannot be read any more."""
    try:
        return msgspec.json.decode(text, type=Form)
    except msgspec.MsgspecError:
        return None


def compare(before: Form, after: Form) -> tuple[Changed, ...]:
    """What is different: the header first, then line by line, then the attachments.

    Lines are the same where their item is, the first with the first of that name; what was only moved is no change.
    """
    return (*_header(before, after), *_lines(before.lines, after.lines), *_files(before.files, after.files))


def _header(before: Form, after: Form) -> Iterator[Changed]:
    for name, title in _HEADER.items():
        was, now = getattr(before, name), getattr(after, name)
        if was != now:
            yield Changed("", title, was, now)
    if before.final != after.final:
        yield Changed("", "Final", _word(before.final), _word(after.final))


def _word(yes: bool) -> str:
    return "yes" if yes else "no"


def _lines(before: Sequence[Row], after: Sequence[Row]) -> Iterator[Changed]:
    was, now = _named(before), _named(after)
    for key in [*now, *(key for key in was if key not in now)]:
        old, new = was.get(key), now.get(key)
        if new is None and old is not None:
            yield Changed(_title(old), "This bill", old.amount, None)
        elif old is None and new is not None:
            yield Changed(_title(new), "This bill", None, new.amount)
        elif old is not None and new is not None:
            yield from _line(old, new)


def _named(rows: Sequence[Row]) -> dict[tuple[str, int], Line]:
    """The lines by item, and which of that item's it is."""
    seen: Counter[str] = Counter()
    found: dict[tuple[str, int], Line] = {}
    for row in rows:
        line = Line(*row)
        item = line.item or f"#{line.position}"
        found[item, seen[item]] = line
        seen[item] += 1
    return found


def _line(old: Line, new: Line) -> Iterator[Changed]:
    title = _title(new)
    if old.item_type != new.item_type:
        yield Changed(title, "Kind", _kind(old), _kind(new))
    for name, what in _LINE.items():
        was, now = getattr(old, name), getattr(new, name)
        if was != now:
            yield Changed(title, what, was, now)


def _kind(line: Line) -> str:
    return "change order" if line.item_type == CHANGE_ORDER_ITEM else "contract"


def _title(line: Line) -> str:
    return f"Line {line.position} {line.description}".rstrip()


def _files(before: Sequence[tuple[str, str]], after: Sequence[tuple[str, str]]) -> Iterator[Changed]:
    was, now = Counter(map(tuple, before)), Counter(map(tuple, after))
    old, new = list((was - now).elements()), list((now - was).elements())
    # The same name with another link is another file.
    for name, link in old:
        other = next((file for file in new if file[0] == name), None)
        if other is None:
            yield Changed("Attachment", name, link, None)
        else:
            new.remove(other)
            yield Changed("Attachment", name, link, other[1])
    for name, link in new:
        yield Changed("Attachment", name, None, link)


def told(changes: Sequence[Changed], currency: str) -> Iterator[str]:
    """A line of safe text for each change: ``Line 3 Concrete: E Work 1,000.00 -> 1,200.00``."""
    for change in changes:
        subject = one_line(change.where)
        what = one_line(change.what)
        was, now = _shown(change.before, currency), _shown(change.after, currency)
        if subject == "Attachment":
            yield f"Attachment {what}: {_fate(change)}"
        elif change.before is None and change.what == "This bill":
            yield f"{subject}: new, this bill {now}"
        elif change.after is None and change.what == "This bill":
            yield f"{subject}: removed, its bill was {was}"
        else:
            yield f"{subject + ': ' if subject else ''}{what} {was} -> {now}"


def _fate(change: Changed) -> str:
    if change.before is None:
        return "added"
    return "removed" if change.after is None else "replaced"


def _shown(value: str | int | None, currency: str) -> str:
    if value is None:
        return "unknown"
    return show(value, currency) if isinstance(value, int) else one_line(value) or "nothing"
