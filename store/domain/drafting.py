"""The next application of a commitment: its lines as the previous one left them, its retainage, number and period.

Amounts are integer minor units of one currency, days ISO text.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from store.domain.errors import BadInput
from store.domain.invoice import CONTRACT_ITEM, Line
from store.domain.money import to_minor
from store.domain.text import one_line, safe

_DIGITS = re.compile(r"[0-9]+$")
_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_BETWEEN = re.compile(r"\s*(?:\.\.|\s+to\s+)\s*")
_TYPED = re.compile(r"[+-]?([0-9]+|[0-9]{1,3}(,[0-9]{3})+|(?=\.[0-9]))(\.[0-9]*)?")
# Basis points: hundredths of a percent.
_WHOLE = 10_000
# A billing date this far from its period is a slip of the hand.
YEARS = 10


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A line of the commitment's schedule of values, with what had been billed before its first application here."""

    item: str
    item_type: str
    cost_code: str
    description: str
    scheduled: int
    opening_work: int = 0
    opening_stored: int = 0
    opening_retainage: int = 0


def first_lines(schedule: Sequence[Scheduled]) -> tuple[Line, ...]:
    """The lines of a commitment's first application here, before anything is billed on it: from the opening balance."""
    return tuple(_opened(n, line, opening=True) for n, line in enumerate(schedule, 1))


def next_lines(previous: Sequence[Line], schedule: Sequence[Scheduled]) -> tuple[Line, ...]:
    """The lines of the application that follows, before anything is billed on it.

    D is the previous D + E, and what is stored stays in F until it is built in: G is the previous G. The scheduled
    value is the schedule's of today; lines that it has gained since come at the end. Where the previous application has
    details instead of the schedule's own contract lines, those come along, and only new change orders are added.
    """
    today = {line.item: line for line in schedule}
    had = {line.item for line in previous}
    detailed = any(line.item_type == CONTRACT_ITEM and line.item not in today for line in previous)
    gained = [x for x in schedule if x.item not in had and not (detailed and x.item_type == CONTRACT_ITEM)]
    carried = [_carried(n, line, today.get(line.item)) for n, line in enumerate(previous, 1)]
    return (*carried, *(_opened(n, x, opening=False) for n, x in enumerate(gained, len(carried) + 1)))


def _carried(position: int, line: Line, today: Scheduled | None) -> Line:
    return replace(
        line,
        position=position,
        scheduled=line.scheduled if today is None else today.scheduled,
        work_before=line.work_before + line.work_now,
        work_now=0,
        stored_before=line.stored_now,
        moved=0,
        total_before=line.total,
        held=0,
        released=0,
        # What was retained before an unknown application is unknown behind it too.
        retainage_before=None if line.retainage_before is None else line.retainage_to_date,
    )


def _opened(position: int, line: Scheduled, *, opening: bool) -> Line:
    work, stored, retained = (
        (line.opening_work, line.opening_stored, line.opening_retainage) if opening else (0, 0, 0)
    )
    return Line(
        position, line.item, line.item_type, line.cost_code, line.description, line.scheduled,
        work_before=work, work_now=0, stored_now=stored, stored_before=stored, moved=0, total_before=work + stored,
        held=0, released=0, retainage_before=retained,
    )  # fmt: skip


def at_rate(line: Line, rate_bp: int) -> int:
    """What this bill retains on the line at that rate, in basis points, of what the line bills; half a unit goes up.

    Never so much that more is retained than was completed, nor less than nothing: that would not foot.
    """
    part = (abs(line.amount) * rate_bp + _WHOLE // 2) // _WHOLE
    held = part if line.amount >= 0 else -part
    least, most = sorted((0, line.total))
    kept = (line.retainage_before or 0) - line.released
    return min(max(kept + held, least), most) - kept


def overbilled(number: str, lines: Sequence[Line]) -> tuple[str, ...]:
    """A sentence that names the lines which exceed their scheduled value, if there are any."""
    over = [str(line.position) for line in lines if line.overbilled]
    if not over:
        return ()
    exceed = "exceeds its" if len(over) == 1 else "exceed their"
    return (f"{one_line(number)} is overbilled: line {', '.join(over)} {exceed} scheduled value",)


def next_number(previous: str) -> str:
    """The number that follows: its last digits counted one on, as wide as they were; "" where it ends with none."""
    found = _DIGITS.search(previous)
    if found is None or len(found.group()) > 18:
        return ""
    digits = found.group()
    return f"{previous[: found.start()]}{int(digits) + 1:0{len(digits)}}"


def month_after(day: str) -> tuple[str, str]:
    """The calendar month behind the one that the day is in: its first and last day."""
    last = date.fromisoformat(_month(date.fromisoformat(day))[1])
    # Behind the calendar's last month there is none.
    return _month(last if last == date.max else last + timedelta(days=1))


def month_of(day: str) -> tuple[str, str]:
    """The calendar month that the day is in."""
    return _month(date.fromisoformat(day))


def _month(day: date) -> tuple[str, str]:
    last = calendar.monthrange(day.year, day.month)[1]
    return day.replace(day=1).isoformat(), day.replace(day=last).isoformat()


def period(text: str, known: Sequence[tuple[str, str]] = ()) -> tuple[str, str]:
    """First and last day of ``2026-10`` or ``2026-10-01 to 2026-10-31`` (or with ``..``).

    A month means the billing period among ``known`` that ends in it; where there is none, the calendar month.
    Raises BadInput for anything else.
    """
    text = text.strip()
    if _MONTH.fullmatch(text):
        ending = [one for one in known if one[1].startswith(text)]
        return ending[-1] if ending else _month(_day(f"{text}-01", text))
    parts = _BETWEEN.split(text)
    if len(parts) != 2:
        raise _unread(text)
    first, last = (_day(part, text) for part in parts)
    if first > last:
        raise BadInput("The period ends before it starts", fix="Type 2026-10-01 to 2026-10-31")
    return first.isoformat(), last.isoformat()


def _day(part: str, text: str) -> date:
    try:
        # Only this form: fromisoformat takes weeks and bare digits as well.
        if not _ISO.fullmatch(part):
            raise ValueError(part)
        return date.fromisoformat(part)
    except ValueError:
        raise _unread(text) from None


def _unread(text: str) -> BadInput:
    return BadInput(f"{safe(text)!r} is not a period", fix="Type 2026-10, or 2026-10-01 to 2026-10-31")


def check_billed(billed: str, start: str, end: str) -> None:
    """Raise BadInput where the billing date is years away from its period."""
    if not int(start[:4]) - YEARS <= int(billed[:4]) <= int(end[:4]) + YEARS:
        raise BadInput(
            f"The billing date {billed} is more than {YEARS} years from the period {start} to {end}",
            fix="Correct the date or the period",
        )


def amount(text: str, currency: str) -> int:
    """Minor units of an amount as people type it: 1234.5, 1,234.50, -20 or (20.00). Raises BadInput for anything else."""
    typed = text.strip()
    negative = typed.startswith("(") and typed.endswith(")")
    digits = typed[1:-1].strip() if negative else typed
    if not _TYPED.fullmatch(digits) or (negative and digits[:1] in {"-", "+"}):
        raise BadInput(
            f"{safe(typed[:40])!r} is not an amount",
            why="write it as 1234.56 or 1,234.56, less than nothing as -20",
        )
    minor = to_minor(digits.replace(",", ""), currency)
    return -minor if negative else minor
