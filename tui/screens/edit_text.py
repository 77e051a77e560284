"""What the form of an invoice shows of its lines: the table, the line in the boxes, the G702 as it foots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.style import Style

from store.detail import Detail
from store.domain.invoice import Line, Summary
from store.domain.money import show
from store.domain.status import Outcome
from store.domain.text import one_line
from store.drafting import Proposal
from tui.text import cut, fitting
from tui.widgets.bar import REVERSE, WARN

# The four figures of a line that can be edited: box id, heading, name in Line.
FIGURES = (
    ("work", "This period", "work_now"),
    ("stored", "Stored", "stored_now"),
    ("held", "Ret. held", "held"),
    ("released", "Released", "released"),
)
# Beside the lines the G702 has so many cells, in a window of so many at least.
BESIDE, WIDE = 34, 120


@dataclass(frozen=True, slots=True)
class Form:
    """What the form begins with; ``rate_bp`` is the commitment's rate of retainage in basis points.

    ``periods`` are the project's billing periods. ``reason``: why the invoice came back. ``fresh``: it does not exist yet.
    """

    title: str
    number: str
    billing_date: str
    period: tuple[str, str]
    lines: tuple[Line, ...]
    currency: str
    tax: int
    rate_bp: int
    periods: Sequence[tuple[str, str]] = ()
    reason: str = ""
    fresh: bool = False


def form_of(detail: Detail, periods: Sequence[tuple[str, str]]) -> Form:
    """The form of an invoice that is there."""
    row = detail.row
    word = {Outcome.REJECTED.value: "Rejected", Outcome.RETRIEVED.value: "Retrieved"}.get(
        row.outcome, "Returned"
    )
    reason = one_line(row.outcome_reason)
    return Form(
        f"Edit {one_line(row.number)}, application {row.application}, {one_line(row.vendor)}",
        row.number,
        detail.billing_date,
        (detail.period_start, detail.period_end),
        detail.lines,
        row.currency,
        detail.summary.tax,
        detail.retainage_bp,
        periods,
        f"{word}: {reason}" if row.outcome and reason else "",
    )


def form_of_next(made: Proposal, periods: Sequence[tuple[str, str]]) -> Form:
    """The form of the next application of a commitment."""
    title = f"New: {one_line(made.commitment)}, application {made.application}, {one_line(made.vendor)}"
    return Form(
        title, made.number, made.billing_date, (made.period_start, made.period_end), made.lines, made.currency, 0,
        made.retainage_bp, periods, fresh=True,
    )  # fmt: skip


# -- the table of lines ------------------------------------------------------------------------------------------


def titles() -> tuple[str, ...]:
    """The header of the table."""
    return ("Line", *(heading for _, heading, _ in FIGURES), "Bill line")


def cells(line: Line, currency: str) -> tuple[str, ...]:
    """A row of the table; ``!`` before what is overbilled."""
    figures = [show(getattr(line, attribute), currency) for _, _, attribute in FIGURES]
    mark = "!" if line.overbilled else " "
    return (f"{mark}{line.position} {one_line(line.description)}", *figures, show(line.amount, currency))


def style(line: Line, *, here: bool) -> Style | None:
    """How a row of the table looks."""
    if here:
        return REVERSE
    return WARN if line.overbilled else None


def table(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Rows of a name and figures as lines: the figures are never cut, the name takes what they leave."""
    widths = [max(map(len, column)) + 1 for column in list(zip(*rows, strict=True))[1:]]
    room = max(2, width - sum(widths))
    return [
        _name(name, room) + "".join(figure.rjust(w) for figure, w in zip(figures, widths, strict=True))
        for name, *figures in rows
    ]


def _name(name: str, room: int) -> str:
    # The mark before a name is a cell of its own, and blanks before a text are not kept.
    return name[:1] + cut(name[1:], room - 1) if name[:1] in " !" else cut(name, room)


def about(line: Line, currency: str, width: int) -> str:
    """The line in the boxes by the form's own letters: scheduled, previous, to date and its share, to finish."""
    scheduled, before, total, left = (
        show(amount, currency)
        for amount in (line.scheduled, line.work_before, line.total, line.scheduled - line.total)
    )
    share = f" = {_percent(line.total, line.scheduled)}" if line.scheduled else ""
    return fitting(
        width,
        f"C scheduled {scheduled}  D previous {before}  G to date {total}{share}  to finish {left}",
        f"C {scheduled}  D {before}  G {total}{share}  to finish {left}",
        f"C {scheduled}  D {before}  G {total}{share}",
        f"C {scheduled}  G {total}",
    )


def _percent(part: int, whole: int) -> str:
    tenths = (abs(part) * 1000 + abs(whole) // 2) // abs(whole)
    sign = "-" if (part < 0) != (whole < 0) and part else ""
    return f"{sign}{tenths // 10}.{tenths % 10} %"


# -- what they foot to -------------------------------------------------------------------------------------------


def bill(summary: Summary, currency: str, width: int) -> str:
    """The bill's own figures."""
    gross, retainage, net, tax = (
        show(amount, currency) for amount in (summary.gross, summary.retainage, summary.net, summary.tax)
    )
    taxed = f"   Tax {tax}" if summary.tax else ""
    return fitting(
        width,
        f"Gross {gross}   Retainage {retainage}   Net {net}{taxed}",
        f"Gross {gross}  Ret. {retainage}  Net {net}{taxed}",
        f"{gross} - {retainage} = {net}",
    )


def _g702(summary: Summary) -> tuple[tuple[str, str, int], ...]:
    return (
        ("1", "Original sum", summary.original_sum),
        ("2", "Change orders", summary.change_orders),
        ("3", "Sum to date", summary.sum_to_date),
        ("4", "Completed", summary.completed),
        ("5", "Retainage", summary.retainage_to_date),
        ("6", "Earned less ret.", summary.earned_less_retainage),
        ("7", "Previous", summary.previous_certificates),
        ("8", "Payment due", summary.net),
        ("9", "To finish", summary.balance_to_finish),
    )


def g702_beside(summary: Summary, currency: str) -> list[str]:
    """The nine lines of the G702, a line each."""
    found = []
    for number, name, value in _g702(summary):
        amount = show(value, currency)
        room = max(2, BESIDE - 2 - len(amount) - 1)
        found.append(f"| {cut(f'{number} {name}', room)} {amount}")
    return found


def g702_below(summary: Summary, currency: str, width: int) -> list[str]:
    """The lines 3 to 5 and 7 to 9 of the G702, on two lines."""
    rows = {number: (name, show(value, currency)) for number, name, value in _g702(summary)}
    found = []
    for numbers in ("345", "789"):
        whole = "  ".join(f"{n} {rows[n][0]} {rows[n][1]}" for n in numbers)
        found.append(whole if cell_len(whole) <= width else "  ".join(f"{n}: {rows[n][1]}" for n in numbers))
    return found


def overbilled(lines: Sequence[Line]) -> str:
    """Which lines exceed their scheduled value."""
    over = [str(line.position) for line in lines if line.overbilled]
    if not over:
        return ""
    return f"Overbilled: line {', '.join(over)} {'exceeds its' if len(over) == 1 else 'exceed their'} scheduled value"
