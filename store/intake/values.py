"""Single values out of files: amounts, days, texts, yes and no. Each error is collected with its place."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import cache

from store.domain.errors import BadInput
from store.domain.money import decimals, to_minor
from store.domain.text import storable

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MEMORY = 50_000


@cache
def reader(currency: str) -> Callable[[object], int]:
    """The function that turns a decimal text, an int or a Decimal into minor units of the currency.

    It raises BadInput as money.to_minor does. Files repeat their amounts (most are zero), so texts are remembered.
    """
    cents = decimals(currency) == 2
    memory: dict[str, int] = {}

    def read(value: object) -> int:
        if type(value) is not str:
            if isinstance(value, bool) or not isinstance(value, int | Decimal):
                raise BadInput(f"{_short(value)} is not an amount", why="an amount is a decimal number")
            return to_minor(value, currency)
        known = memory.get(value)
        if known is not None:
            return known
        digits = value[:-3] + value[-2:]
        # The form nearly every amount has; whatever else there is goes the thorough way.
        plain = cents and value[-3:-2] == "." and len(digits) <= 11 and digits.isdigit() and digits.isascii()
        known = int(digits) if plain else to_minor(value, currency)
        if len(memory) >= _MEMORY:
            memory.clear()
        memory[value] = known
        return known

    return read


def amount(value: object, currency: str) -> int:
    """Minor units of one amount. Raises BadInput."""
    return reader(currency)(value)


def day(value: object) -> str:
    """The ISO day. Raises BadInput for anything but YYYY-MM-DD of the calendar."""
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            date.fromisoformat(value)
        except ValueError:
            pass
        else:
            return value
    raise BadInput(f"{_short(value)} is not a date", why="write it as 2026-10-31")


def whole(value: object) -> int:
    """A whole number of 1 or more, given as such or as its digits. Raises BadInput for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 9:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 10**9:
        raise BadInput(f"{_short(value)} is not a number of 1 or more")
    return value


def key(value: object) -> str:
    """An id or number that may come as a text or as a whole number. Raises BadInput when it is empty or neither."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str):
        if value.strip():
            return text(value)
        raise BadInput("it is empty")
    raise BadInput(f"{_short(value)} is neither a text nor a whole number")


def text(value: str) -> str:
    """The text unharmed. Raises BadInput for what no database can hold."""
    if value.isascii() and "\x00" not in value:
        return value
    if not storable(value):
        raise BadInput("the text holds a NUL or half a character, which no database can store")
    return value


def yes(value: str) -> bool:
    """A yes or no of a table. Raises BadInput for anything else; empty is no."""
    low = value.strip().lower()
    if low not in {"", "yes", "no", "true", "false"}:
        raise BadInput(f"{_short(value)} is neither yes nor no")
    return low in {"yes", "true"}


def _short(value: object) -> str:
    shown = repr(str(value) if isinstance(value, Decimal) else value)
    return shown if len(shown) <= 60 else shown[:57] + "..."


class Taker:
    """Takes values out of one record and collects what is wrong with them.

    ``place`` turns a field and a line's index into the words for where it stands in the file.
    """

    __slots__ = ("currency", "place", "problems", "read")

    def __init__(self, currency: str, place: Callable[[str, int | None], str]) -> None:
        self.currency = currency
        self.read = reader(currency)
        self.place = place
        self.problems: list[tuple[str, str]] = []

    def wrong(self, field: str, reason: str, line: int | None = None) -> None:
        """Collect a problem."""
        self.problems.append((self.place(field, line), reason))

    def amount(self, value: object, field: str, line: int | None = None) -> int:
        """Minor units; missing is 0."""
        if value is None or value == "":
            return 0
        try:
            return self.read(value)
        except BadInput as error:
            self.wrong(field, str(error), line)
            return 0

    def claim(self, value: object, field: str, line: int | None = None) -> int | None:
        """Minor units, or None where the file says nothing."""
        return None if value is None or value == "" else self.amount(value, field, line)

    def day(self, value: object, field: str) -> str:
        """An ISO day, or "" where there is none."""
        if value is None or value == "":
            return ""
        try:
            return day(value)
        except BadInput as error:
            self.wrong(field, str(error))
            return ""

    def key(self, value: object, field: str, line: int | None = None) -> str:
        """An id or number that must be there."""
        if value is None or value == "":
            self.wrong(field, "it is missing", line)
            return ""
        try:
            return key(value)
        except BadInput as error:
            self.wrong(field, str(error), line)
            return ""

    def text(self, value: str | None, field: str, line: int | None = None) -> str:
        """A text that may be empty or missing."""
        if not value:
            return ""
        try:
            return text(value)
        except BadInput as error:
            self.wrong(field, str(error), line)
            return ""
