"""What happened, in the words of the Activity tool: its kinds, its outcomes, and the filter that asks for them.

``type:notice outcome:failed by:jlopez since:2026-11-01 invoice:101-007 "a word"``: all of it must match (docs/activity.md).
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

from store.domain.errors import BadInput
from store.domain.filter import TERMS_MOST, VALUE_MOST, Word, words
from store.domain.text import fold, one_line, storable


class Kind(StrEnum):
    """What an entry of Activity is."""

    BATCH = "batch"
    ATTEMPT = "attempt"
    NOTICE = "notice"
    AUDIT = "audit"


class Went(StrEnum):
    """How it went: well, badly, or not to its end yet."""

    OK = "ok"
    FAILED = "failed"
    OPEN = "open"


# An attempt whose sending began and that has no end yet, or never got one.
UNANSWERED = "unanswered"
# Each outcome and how it went; None: somebody took it back, and nothing went wrong.
OUTCOMES: dict[str, Went | None] = {
    "done": Went.OK,
    "booked": Went.OK,
    "delivered": Went.OK,
    "sent": Went.OK,
    "failed": Went.FAILED,
    "refused": Went.FAILED,
    "undeliverable": Went.FAILED,
    "open": Went.OPEN,
    "waiting": Went.OPEN,
    UNANSWERED: Went.OPEN,
    "later": Went.OPEN,
    "split": Went.OPEN,
    "unknown": Went.OPEN,
    "missing": Went.OPEN,
    "recalled": None,
}
KEYS = ("type", "outcome", "by", "action", "invoice", "since", "until", "on")
_NEGATED = frozenset({"", "type", "outcome"})
_DAY = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
_BACK = re.compile(r"([0-9]{1,5})d")
_BEGUN = re.compile(r"[0-9]{1,4}(-([0-9]{1,2}(-[0-9]?)?)?)?|[a-z]+")


class BadActivityFilter(BadInput):
    """The filter cannot be read; ``unfinished``: its last word may become right as it is typed on."""

    title = "Filter"

    def __init__(self, what: str, *, why: str = "", fix: str = "", unfinished: bool = False) -> None:
        super().__init__(what, why=why, fix=fix)
        self.unfinished = unfinished


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for; empty is everything.

    ``kinds`` and ``outcomes`` are those that may be; ``by`` is a login or how logins begin, ``action`` how an audit
    event's action begins, ``invoice`` a number or #id; ``first`` and ``last`` are days, both included; ``words`` are
    folded, each with whether it must be missing.
    """

    kinds: frozenset[Kind] = frozenset(Kind)
    outcomes: frozenset[str] | None = None
    by: str = ""
    action: str = ""
    invoice: str = ""
    first: date | None = None
    last: date | None = None
    words: tuple[tuple[str, bool], ...] = ()

    def spoken_by(self, text: str) -> bool:
        """Whether the text has every word, and none of those that must be missing."""
        folded = fold(text)
        return all((word in folded) is not missing for word, missing in self.words)


def parse(text: str, today: date) -> Wanted:
    """What the filter asks for; ``today`` is what ``today`` and ``7d`` count from. Raises BadActivityFilter."""
    found = Wanted()
    for number, word in enumerate(words(text)):
        if number == TERMS_MOST:
            raise BadActivityFilter(
                f"The filter has more than {TERMS_MOST} words", fix="Ask for less at once"
            )
        found = _with(found, word, today)
    if found.first is not None and found.last is not None and found.first > found.last:
        raise BadActivityFilter(
            "No day is in that period",
            why=f"{found.first} is after {found.last}",
            fix="Change since: or until:",
        )
    return found


def _with(found: Wanted, word: Word, today: date) -> Wanted:
    key, value = word.key, one_line(word.value)
    if len(word.value) > VALUE_MOST or not storable(word.value):
        raise BadActivityFilter("A word of the filter cannot be looked for", fix="Write a shorter one")
    if key and key not in KEYS:
        raise BadActivityFilter(
            f"There is no filter {one_line(key)!r}", fix=f"Use one of: {', '.join(KEYS)}; or put it in quotes"
        )
    if key and word.op not in {":", "="}:
        raise BadActivityFilter(f"{key} cannot be compared with {word.op}", fix=f"Write {key}:{value}")
    if not word.closed or not value:
        raise BadActivityFilter(
            f"{one_line(word.text)} asks for nothing yet", fix="Write a value behind it", unfinished=word.last
        )
    if word.negated and key not in _NEGATED:
        raise BadActivityFilter(
            f"{key} cannot be left out with -", fix="Leave out a type, an outcome or a word"
        )
    match key:
        case "type":
            asked = _kinds(value)
            return replace(found, kinds=found.kinds - asked if word.negated else found.kinds & asked)
        case "outcome":
            named = _outcomes(value)
            known = frozenset(OUTCOMES) if found.outcomes is None else found.outcomes
            return replace(found, outcomes=known - named if word.negated else known & named)
        case "by":
            return replace(found, by=_once(found.by, word))
        case "action":
            return replace(found, action=_once(found.action, word))
        case "invoice":
            return replace(found, invoice=_once(found.invoice, word))
        case "since" | "until" | "on":
            return _within(found, key, _days(value, word, today))
    return replace(found, words=(*found.words, (fold(word.value), word.negated)))


def _once(before: str, word: Word) -> str:
    if before:
        raise BadActivityFilter(f"{word.key} is asked for twice", fix=f"Leave {one_line(word.text)} out")
    return word.value.strip()


def _within(found: Wanted, key: str, days: tuple[date, date]) -> Wanted:
    first, last = days
    if key != "until":
        found = replace(found, first=max(first, found.first or first))
    if key != "since":
        found = replace(found, last=min(last, found.last or last))
    return found


def _kinds(value: str) -> frozenset[Kind]:
    asked = frozenset(kind for kind in Kind if kind.value.startswith(value.lower().removesuffix("s") or "-"))
    if not asked:
        raise BadActivityFilter(f"There is no type {value!r}", fix=f"Use one of: {', '.join(Kind)}")
    return asked


def _outcomes(value: str) -> frozenset[str]:
    """The outcomes of that word: how it went (ok, failed, open), or a word of its own, or how such a word begins."""
    text = value.lower()
    grouped = {name for name, went in OUTCOMES.items() if went == text}
    if grouped:
        return frozenset(grouped)
    asked = {text} if text in OUTCOMES else {name for name in OUTCOMES if name.startswith(text)}
    if not asked and not any(went.value.startswith(text) for went in Went):
        raise BadActivityFilter(
            f"There is no outcome {value!r}", fix=f"Use ok, failed or open, or one of: {', '.join(OUTCOMES)}"
        )
    return frozenset(asked or OUTCOMES)


def _days(value: str, word: Word, today: date) -> tuple[date, date]:
    """The first and the last day of what is written: a day, a month, a year, ``today``, ``yesterday``, ``7d``."""
    text = value.lower()
    if text == "today":
        return today, today
    if text == "yesterday":
        return today - timedelta(days=1), today - timedelta(days=1)
    try:
        if back := _BACK.fullmatch(text):
            return today - timedelta(days=int(back[1])), today
        if parts := _DAY.fullmatch(text):
            year, month, day = int(parts[1]), int(parts[2] or 1), int(parts[3] or 1)
            first = date(year, month, day)
            if parts[3]:
                return first, first
            end = month if parts[2] else 12
            return first, date(year, end, calendar.monthrange(year, end)[1])
    except (ValueError, OverflowError):
        pass
    raise BadActivityFilter(
        f"{value!r} is no day",
        fix="Write 2026-11-01, 2026-11, 7d, today or yesterday",
        unfinished=word.last and bool(_BEGUN.fullmatch(text)),
    )
