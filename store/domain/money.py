"""Money: integer minor units in the store, Decimal at the edges, never float."""

from __future__ import annotations

import functools
import re
from decimal import Decimal

from store.domain.errors import BadInput

# ISO 4217 currencies whose minor unit is not 2 decimals, by their number of decimals; every other known code has 2.
EXCEPTIONS = {
    0: (
        "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF",
    ),
    3: ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"),
}  # fmt: skip
_DECIMALS = {code: places for places, codes in EXCEPTIONS.items() for code in codes}
_CODE = re.compile(r"[A-Z]{3}")
_AMOUNT = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)")
_NO_DIGITS = re.compile(r"[^0-9]+")
# 64-bit integers hold it, and the sum of a million such amounts as well.
LIMIT = 10**12


@functools.cache
def decimals(currency: str) -> int:
    """How many decimals the currency has (0, 2 or 3).

    Any three capital letters pass, with 2 where ISO 4217 says nothing else. Raises BadInput for anything else.
    """
    if not _CODE.fullmatch(currency):
        raise BadInput(
            f"{currency!r} is not a currency", why="a currency is three capital letters", fix="Use e.g. USD"
        )
    return _DECIMALS.get(currency, 2)


def to_minor(value: str | int | Decimal, currency: str) -> int:
    """Exact minor units of an amount such as "1087.8", "500.0", 12 or Decimal("3.50").

    Raises BadInput for anything that is not a plain number, has more decimals than the currency
    (trailing zeros aside), or is beyond ten to the twelve minor units. Floats are refused: they are not exact.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise BadInput(f"{value!r} is not an amount", why="an amount is a decimal number")
    if isinstance(value, str) and not _AMOUNT.fullmatch(value.strip()):
        raise BadInput(
            f"{_short(value)!r} is not an amount", why="write it as 1234.56, without signs or separators"
        )
    number = Decimal(value)
    if not number.is_finite():
        raise BadInput(f"{number} is not an amount", why="an amount is a decimal number")
    # By its digits: Decimal's arithmetic rounds to the 28 digits of its context, and raises beyond its exponents.
    sign, digits, exponent = number.as_tuple()
    significant = "".join(map(str, digits)).rstrip("0")
    if not significant:
        return 0
    power = int(exponent) + len(digits) - len(significant) + decimals(currency)
    if len(significant) + power > len(str(LIMIT)):
        raise BadInput(f"{_short(str(number))} is not an amount", why="it is too large")
    if power < 0:
        raise BadInput(
            f"{_short(str(number))} has too many decimals", why=f"{currency} has {decimals(currency)}"
        )
    minor: int = int(significant) * 10**power
    if minor > LIMIT:
        raise BadInput(f"{_short(str(number))} is not an amount", why="it is too large")
    return -minor if sign else minor


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"


def to_decimal(minor: int, currency: str) -> Decimal:
    """The amount as an exact Decimal with the currency's decimals."""
    return Decimal(minor).scaleb(-decimals(currency))


def plain(minor: int, currency: str) -> str:
    """For files and JSON: "-1200.00", no separators."""
    if minor >= 0 and decimals(currency) == 2:
        # The usual amount, without the detours.
        digits = str(minor)
        return f"{digits[:-2]}.{digits[-2:]}" if minor > 99 else f"0.{minor:02}"
    return ("-" if minor < 0 else "") + _written(abs(minor), currency, "")


def show(minor: int, currency: str) -> str:
    """For people: "1,200.00", negatives "(1,200.00)"."""
    text = _written(abs(minor), currency, ",")
    return f"({text})" if minor < 0 else text


def _written(minor: int, currency: str, separator: str) -> str:
    """Digits of an amount that is not negative. By integers: an export writes millions of amounts."""
    places = decimals(currency)
    whole, rest = divmod(minor, 10**places)
    digits = f"{whole:{separator}}"
    return f"{digits}.{rest:0{places}}" if places else digits


def hash_part(number: str) -> int:
    """What one ERP invoice number adds to a batch's hash total: its last nine digits, none = 0."""
    digits = number if number.isdecimal() and number.isascii() else _NO_DIGITS.sub("", number)
    return int(digits[-9:]) if digits else 0
