"""The filter language: words and ``key:value`` terms, all of which must match.

``drywall job:24-101 net>10k -vendor:bell period:2026-10 gross:10k..50k "apex dry"``. A bare word matches vendor,
project, commitment or invoice number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from store.domain.errors import BadInput
from store.domain.text import storable

TEXT_KEYS = ("vendor", "job", "commitment", "number", "period", "status", "batch", "error")
MONEY_KEYS = ("gross", "retainage", "net")
_TERM = re.compile(r'(?P<minus>-?)(?:(?P<key>[A-Za-z-]+)(?P<op>>=|<=|[:<>=]))?(?P<value>"[^"]*"?|\S*)')
_AMOUNT = re.compile(r"-?[0-9][0-9,]*(\.[0-9]+)?[kKmM]?")
_EXPONENT = {"k": 3, "m": 6}
# More characters than any amount that is asked for; what a database counts in has nineteen digits.
_AMOUNT_MOST = 40


@dataclass(frozen=True, slots=True)
class Term:
    """One term: ``key`` is "" for a bare word; text terms have ``text``, money terms inclusive or strict bounds."""

    key: str
    text: str = ""
    low: Decimal | None = None
    high: Decimal | None = None
    strict: bool = False
    negated: bool = False


class BadFilter(BadInput):
    """The filter cannot be read; ``position`` is the offset of the word at fault."""

    title = "Filter"

    def __init__(self, what: str, position: int, *, why: str = "", fix: str = "") -> None:
        super().__init__(what, why=why, fix=fix)
        self.position = position


def _amount(text: str, position: int) -> Decimal:
    if not _AMOUNT.fullmatch(text):
        raise BadFilter(f"{text!r} is not an amount", position, fix="Write 12500, 12,500.00 or 12.5k")
    if len(text) > _AMOUNT_MOST:
        raise BadFilter(f"{text[:_AMOUNT_MOST]}… is not an amount", position, fix="Write fewer digits")
    # Read, not multiplied: Decimal's arithmetic rounds to 28 digits, its reading is exact.
    return Decimal(f"{text.rstrip('kKmM').replace(',', '')}E{_EXPONENT.get(text[-1].lower(), 0)}")


def _money_term(key: str, operator: str, value: str, negated: bool, position: int) -> Term:
    if ".." in value and operator in ":=":
        low, high = value.split("..", 1)
        return Term(
            key,
            low=_amount(low, position) if low else None,
            high=_amount(high, position) if high else None,
            negated=negated,
        )
    amount = _amount(value, position)
    return Term(
        key,
        low=None if operator[0] == "<" else amount,
        high=None if operator[0] == ">" else amount,
        strict=operator in "<>",
        negated=negated,
    )


def parse(text: str) -> tuple[Term, ...]:
    """The terms of a filter. Raises BadFilter that points at the word."""
    terms: list[Term] = []
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        match = _TERM.match(text, position)
        if match is None or match.end() == position:
            raise BadFilter(f"Cannot read the filter at {text[position:]!r}", position)
        word, key, value = match.group(), (match["key"] or "").lower(), match["value"]
        if value.startswith('"'):
            if len(value) < 2 or not value.endswith('"'):
                raise BadFilter(f"{value} is not closed", position, fix='Close it with "')
            value = value[1:-1]
        if not value:
            raise BadFilter(f"{word} asks for nothing", position, fix="Write a value behind it")
        if not storable(value):
            raise BadFilter("The filter has a character that no invoice has", position, fix="Type it anew")
        negated = bool(match["minus"])
        if key in MONEY_KEYS:
            terms.append(_money_term(key, match["op"], value, negated, position))
        elif key and key not in TEXT_KEYS:
            raise BadFilter(
                f"There is no filter {key!r}",
                position,
                fix=f"Use one of: {', '.join(TEXT_KEYS + MONEY_KEYS)}",
            )
        elif key and match["op"] not in ":=":
            raise BadFilter(
                f"{key} cannot be compared with {match['op']}", position, fix=f"Write {key}:{value}"
            )
        else:
            terms.append(Term(key, text=value, negated=negated))
        position = match.end()
    return tuple(terms)
