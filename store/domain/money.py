"""Money: integer minor units in the store, Decimal at the edges, never float."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from store.domain.errors import BadInput

# ISO 4217 currencies whose minor unit is not 2 decimals; every other known code has 2.
_DECIMALS = {
    **dict.fromkeys(
        (
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}
_CODE = re.compile(r"[A-Z]{3}")
_AMOUNT = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)")
# 64-bit integers hold it, and the sum of a million such amounts as well.
LIMIT = 10**12


def decimals(currency: str) -> int:
    """How many decimals the currency has (0, 2 or 3). Raises BadInput for what is no ISO 4217 code."""
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
    text = value.strip() if isinstance(value, str) else str(value)
    if isinstance(value, str) and not _AMOUNT.fullmatch(text):
        raise BadInput(f"{value!r} is not an amount", why="write it as 1234.56, without signs or separators")
    try:
        scaled = Decimal(text).scaleb(decimals(currency))
    except InvalidOperation:
        raise BadInput(f"{value!r} is not an amount", why="an amount is a decimal number") from None
    if not scaled.is_finite() or abs(scaled) > LIMIT:
        raise BadInput(f"{text} is not an amount", why="it is too large")
    minor = int(scaled)
    if minor != scaled:
        raise BadInput(f"{text} has too many decimals", why=f"{currency} has {decimals(currency)}")
    return minor


def to_decimal(minor: int, currency: str) -> Decimal:
    """The amount as an exact Decimal with the currency's decimals."""
    return Decimal(minor).scaleb(-decimals(currency))


def plain(minor: int, currency: str) -> str:
    """For files and JSON: "-1200.00", no separators."""
    return f"{to_decimal(minor, currency):f}"


def show(minor: int, currency: str) -> str:
    """For people: "1,200.00", negatives "(1,200.00)"."""
    text = f"{abs(to_decimal(minor, currency)):,f}"
    return f"({text})" if minor < 0 else text


def hash_part(number: str) -> int:
    """What one ERP invoice number adds to a batch's hash total: its last nine digits, none = 0."""
    digits = "".join(c for c in number if c in "0123456789")
    return int(digits[-9:]) if digits else 0
