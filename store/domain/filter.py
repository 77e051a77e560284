"""The filter language: words and ``key:value`` terms, all of which must match (docs/filter.md).

``drywall job:24-101 net>10k -vendor:bell period:2026-10 gross:10k..50k "apex dry" age>30 flag:DH acct:none``. A bare
word matches vendor, project, commitment or invoice number.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple, TypeVar

from store.domain.errors import BadInput
from store.domain.status import ErpStatus, Outcome, Status
from store.domain.text import safe, storable

T = TypeVar("T")

TEXT_KEYS = ("vendor", "job", "commitment", "number", "ref", "error", "sent-by")
# With ``=`` these mean the whole name or number.
EXACT_KEYS = frozenset({"vendor", "job", "commitment"})
MONEY_KEYS = ("gross", "retainage", "net")
DAY_KEYS = ("period", "acct")
KEYS = ("vendor", "job", "commitment", "number", "period", "status", *MONEY_KEYS, "age", "acct", "batch", "ref",
        "flag", "error", "sent-by")  # fmt: skip
ANY, NONE = "any", "none"
# The letters of invoices.Row.flags, in their order there.
FLAGS = {
    "D": "duplicate",
    "H": "on hold",
    "O": "overbilled",
    "C": "changed since its rejection",
    "S": "own",
    "L": "over the limit",
}
# Flags as words: ``is:held``.
IS = {"duplicate": "D", "held": "H", "overbilled": "O", "changed": "C", "own": "S", "over-limit": "L"}
# What a status is called, to the one it is: the words on the screen, then the stored ones.
STATUSES: dict[str, str] = {
    "ready": ErpStatus.READY.value,
    "queued": ErpStatus.QUEUED.value,
    "exporting": ErpStatus.EXPORTING.value,
    "uncertain": ErpStatus.UNCERTAIN.value,
    "parked": ErpStatus.PARKED.value,
    "failed": ErpStatus.FAILED.value,
    "synced": ErpStatus.SYNCED.value,
    "not-sent": ErpStatus.NOT_SENT.value,
    "rejected": Outcome.REJECTED.value,
    "retrieved": Outcome.RETRIEVED.value,
    "unlinked": Outcome.UNLINKED.value,
    "reset": Outcome.RESET.value,
    **{status.value.replace("_", "-"): status.value for status in Status},
}
_STATUS_OF = {
    **STATUSES,
    **{status.value.replace("_", "-"): status.value for status in ErpStatus},
    "unsent": ErpStatus.NOT_SENT.value,
    "unsure": ErpStatus.UNCERTAIN.value,
    "returned": Outcome.REJECTED.value,
}
# More than any filter that a person types; what a database reads in one statement has an end.
TERMS_MOST = 50
VALUE_MOST = 400
# More characters than any amount that is asked for; what a database counts in has nineteen digits.
_AMOUNT_MOST = 40
_BATCH_MOST = 2**63 - 1

_WORD = re.compile(
    r"(?P<minus>-?)(?:(?P<key>[A-Za-z-]+)(?P<op>>=|<=|[:<>=]))?"
    r'(?:"(?P<quoted>(?:\\["\\]|[^"\\]|\\(?!["\\]))*)(?P<close>"?)|(?P<plain>\S*))'
)
_AMOUNT = re.compile(r"-?[0-9][0-9,]*(\.[0-9]+)?[kKmM]?")
_DAYS = re.compile(r"-?[0-9]{1,6}")
_DAY = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
_EXPONENT = {"k": 3, "m": 6}
# What may still become an amount, a number or a day while it is typed.
_AMOUNT_BEGUN = re.compile(r"-?([0-9][0-9,]*(\.[0-9]+)?[kKmM]?\.?)?")
_NUMBER_BEGUN = re.compile(r"-?([0-9]+\.?)?")
_DAY_BEGUN = re.compile(r"[0-9]{1,4}|[0-9]{4}-([01]|(0[1-9]|1[0-2])(-([0-3]|[0-3][0-9]\.)?|\.)?)?|[0-9]{4}\.")


@dataclass(frozen=True, slots=True)
class Term:
    """One term; ``key`` is "" for a bare word.

    ``text`` is its value: of a status the stored word, of flags their letters in order, ``any`` or ``none``. Amounts
    (major units), ages (days) and batch numbers have bounds ``low`` and ``high``, days ``first`` and ``last`` (ISO
    text, "" is open); they are inclusive, or all of them not when ``strict``. ``exact``: the text is all of the name.
    """

    key: str
    text: str = ""
    low: Decimal | None = None
    high: Decimal | None = None
    strict: bool = False
    negated: bool = False
    first: str = ""
    last: str = ""
    exact: bool = False


class BadFilter(BadInput):
    """The filter cannot be read; ``position`` is the offset of the word at fault.

    ``unfinished``: the word is the last one and may become right as it is typed on; no reason for alarm.
    """

    title = "Filter"

    def __init__(
        self, what: str, position: int, *, why: str = "", fix: str = "", unfinished: bool = False
    ) -> None:
        super().__init__(what, why=why, fix=fix)
        self.position = position
        self.unfinished = unfinished


class Word(NamedTuple):
    """One word as it stands in the filter, from ``start`` to ``end``; ``begin`` is where its value does."""

    text: str
    start: int
    begin: int
    end: int
    last: bool
    negated: bool
    key: str
    op: str
    value: str
    closed: bool

    def fault(self, what: str, *, fix: str, unfinished: bool = False) -> BadFilter:
        """The error that points at this word."""
        return BadFilter(what, self.start, fix=fix, unfinished=unfinished and self.last)


def _word_at(text: str, position: int) -> re.Match[str]:
    match = _WORD.match(text, position)
    if match is None:  # a word may be empty, so there is one everywhere
        raise BadFilter("The filter cannot be read", position, fix="Type it anew")
    return match


def words(text: str) -> Iterator[Word]:
    """The words of a filter as they stand in it, whether they mean something or not."""
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        match = _word_at(text, position)
        inner = match["quoted"]
        value = match["plain"] if inner is None else re.sub(r'\\(["\\])', r"\1", inner)
        yield Word(
            text=match.group(),
            start=position,
            begin=match.start("plain") if inner is None else match.start("quoted") - 1,
            end=match.end(),
            last=match.end() == len(text),
            negated=bool(match["minus"]),
            key=(match["key"] or "").lower(),
            op=match["op"] or "",
            value=value,
            closed=inner is None or bool(match["close"]),
        )
        position = match.end()


def parse(text: str) -> tuple[Term, ...]:
    """The terms of a filter. Raises BadFilter that points at the word."""
    terms: list[Term] = []
    for word in words(text):
        if len(terms) == TERMS_MOST:
            raise word.fault(f"The filter has more than {TERMS_MOST} words", fix="Ask for less at once")
        terms.append(_term(word))
    return tuple(terms)


def word_end(text: str, position: int) -> int:
    """Where the word ends that begins at or covers this offset; the end of the text where there is none."""
    return next((word.end for word in words(text) if word.start <= position < word.end), len(text))


def quoted(value: str) -> str:
    """The value as it is written behind a key or alone: in quotes where it would be read as something else."""
    if not value or re.search(r"\s", value) or value[0] in '"-' or _word_at(value, 0)["key"]:
        return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'
    return value


def _is(word: Word) -> Word:
    """``is:held`` as the flag that it means."""
    name = word.value.lower()
    if name and name not in IS:
        raise word.fault(
            f"No invoice is {_short(word.value)!r}",
            fix=f"Use one of: {', '.join(f'is:{each}' for each in IS)}",
            unfinished=any(each.startswith(name) for each in IS),
        )
    return word._replace(key="flag", value=IS.get(name, ""))


def _term(word: Word) -> Term:
    if word.key == "is":
        word = _is(word)
    key, value = word.key, word.value
    if key and key not in KEYS:
        raise word.fault(
            f"There is no filter {_short(key)!r}", fix=f"Use one of: {', '.join(KEYS)}; or put it in quotes"
        )
    none = key == "acct" and value.lower() == NONE
    if word.op not in ":=" and (none or key not in _EXAMPLES):
        raise word.fault(f"{key} cannot be compared with {word.op}", fix=f"Write {key}:{_short(value)}")
    if not word.closed:
        raise word.fault(f"{_short(word.text)} is not closed", fix='Close it with "', unfinished=True)
    if not value:
        raise word.fault(f"{word.text} asks for nothing", fix="Write a value behind it", unfinished=True)
    if not storable(value):
        raise word.fault("The filter has a character that no invoice has", fix="Type it anew")
    if len(value) > VALUE_MOST:
        raise word.fault(f"{_short(value)} has more than {VALUE_MOST} characters", fix="Write a part of it")
    if key in DAY_KEYS and not none:
        return _day_term(word)
    if reader := _READERS.get(key):
        low, high = _bounds(word, lambda text, *, begun: reader(word, text, begun=begun))
        text = value if key == "batch" else ""
        return Term(key, text, low, high, strict=word.op in {"<", ">"}, negated=word.negated)
    exact = word.op == "=" and key in EXACT_KEYS
    return Term(key, _VALUES[key](word) if key in _VALUES else value, negated=word.negated, exact=exact)


def _short(text: str) -> str:
    return safe(text if len(text) <= _AMOUNT_MOST else f"{text[:_AMOUNT_MOST]}…")


# -- bounds ----------------------------------------------------------------------------------------------------


def _bounds(word: Word, read: Callable[..., T]) -> tuple[T | None, T | None]:
    """Low and high as ``read(text, begun=…)`` reads them; ``begun`` is whether more of it may be typed."""
    if ".." in word.value and word.op in ":=":
        low, _, high = word.value.partition("..")
        if not low and not high:
            raise word.fault(
                f"{word.key} has no bound", fix=f"Write {word.key}:{_EXAMPLES[word.key]}", unfinished=True
            )
        return (read(low, begun=False) if low else None), (read(high, begun=word.last) if high else None)
    one = read(word.value, begun=word.last)
    return (None if word.op[0] == "<" else one), (None if word.op[0] == ">" else one)


_EXAMPLES = {
    **dict.fromkeys(MONEY_KEYS, "10k..50k"),
    **dict.fromkeys(DAY_KEYS, "2026-09..2026-11"),
    "age": "30..60",
    "batch": "117..118",
}


def _amount(word: Word, text: str, *, begun: bool) -> Decimal:
    if not _AMOUNT.fullmatch(text):
        raise word.fault(
            f"{_short(text)!r} is not an amount",
            fix="Write 12500, 12,500.00 or 12.5k",
            unfinished=begun and bool(_AMOUNT_BEGUN.fullmatch(text)),
        )
    if len(text) > _AMOUNT_MOST:
        raise word.fault(f"{_short(text)} is not an amount", fix="Write fewer digits")
    # Read, not multiplied: Decimal's arithmetic rounds to 28 digits, its reading is exact.
    return Decimal(f"{text.rstrip('kKmM').replace(',', '')}E{_EXPONENT.get(text[-1].lower(), 0)}")


def _age(word: Word, text: str, *, begun: bool) -> Decimal:
    if not _DAYS.fullmatch(text):
        raise word.fault(
            f"{_short(text)!r} is not a number of days",
            fix="Write age>30 or age:30..60",
            unfinished=begun and bool(_NUMBER_BEGUN.fullmatch(text)),
        )
    return Decimal(text)


def _batch(word: Word, text: str, *, begun: bool) -> Decimal:
    if not (text.isascii() and text.isdigit() and len(text) <= _AMOUNT_MOST and int(text) <= _BATCH_MOST):
        raise word.fault(
            f"{_short(text)!r} is not a batch number",
            fix="Write batch:118 or batch:117..118",
            unfinished=begun and text[0] != "-" and bool(_NUMBER_BEGUN.fullmatch(text)),
        )
    return Decimal(text)


_READERS: dict[str, Callable[..., Decimal]] = {
    **dict.fromkeys(MONEY_KEYS, _amount),
    "age": _age,
    "batch": _batch,
}


def _day_term(word: Word) -> Term:
    """A year, a month or a day each stand for all of their days: ``>2026-10`` begins in November."""
    low, high = _bounds(word, lambda text, *, begun: _span(word, text, begun=begun))
    strict = word.op in {"<", ">"}
    first = "" if low is None else low[1] if strict else low[0]
    last = "" if high is None else high[0] if strict else high[1]
    return Term(word.key, strict=strict, negated=word.negated, first=first, last=last)


def _span(word: Word, text: str, *, begun: bool) -> tuple[str, str]:
    """First and last day, as ISO text."""
    match = _DAY.fullmatch(text)
    try:
        if match is not None:
            year, month, day = match.groups()
            first = date(int(year), int(month or 1), int(day or 1))
            last = int(day or calendar.monthrange(int(year), int(month or 12))[1])
            return first.isoformat(), date(int(year), int(month or 12), last).isoformat()
    except ValueError:  # no such month or day; IllegalMonthError is one
        pass
    none = f", {word.key}:{NONE}" if word.key == "acct" else ""
    raise word.fault(
        f"{_short(text)!r} is not a date",
        fix=f"Write 2026-10-31, 2026-10 or {_EXAMPLES[word.key]}{none}",
        unfinished=begun
        and (bool(_DAY_BEGUN.fullmatch(text)) or bool(none and NONE.startswith(text.lower()))),
    )


# -- values of a fixed set -------------------------------------------------------------------------------------


def _status(word: Word) -> str:
    name = re.sub(r"[\s_]", "-", word.value.lower())
    if name not in _STATUS_OF:
        raise word.fault(
            f"There is no status {_short(word.value)!r}",
            fix=f"Use one of: {', '.join(STATUSES)}",
            unfinished=any(known.startswith(name) for known in _STATUS_OF),
        )
    return _STATUS_OF[name]


def _flags(word: Word) -> str:
    value = word.value.lower()
    if value in {ANY, NONE}:
        return value
    if set(value.upper()) - set(FLAGS):
        raise word.fault(
            f"There is no flag {_short(word.value)!r}",
            fix=f"Use letters of {', '.join(f'{letter} {name}' for letter, name in FLAGS.items())}; any or none",
            unfinished=ANY.startswith(value) or NONE.startswith(value),
        )
    return "".join(letter for letter in FLAGS if letter in value.upper())


def _acct(word: Word) -> str:
    return word.value.lower()


_VALUES: dict[str, Callable[[Word], str]] = {"status": _status, "flag": _flags, "acct": _acct}
