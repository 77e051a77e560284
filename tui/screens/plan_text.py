"""What an export would do, in words: for the confirmation and for the dry run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.text import Text

from store.domain.money import show
from store.domain.selection import Totals
from store.domain.text import one_line, safe
from store.invoices import Row
from store.review import Plan
from tui.text import cut

# How many of each group are listed; the rest is counted.
LISTED = 200


def totals_text(totals: Sequence[Totals]) -> str:
    """Control totals, one line per currency."""
    return "\n".join(
        f"{t.count:,} in {t.currency}  Gross {show(t.gross, t.currency)}  Retainage {show(t.retainage, t.currency)}\n"
        f"     Net {show(t.net, t.currency)}  Hash {t.hash_total:,}"
        for t in totals
    )


def plan_text(plan: Plan, width: int, *, every: bool = False, hidden: frozenset[int] = frozenset()) -> Text:
    """What deserves a look before it goes, the gravest first; with ``every`` also the whole list of what goes."""
    text = Text()
    for warning in plan.warnings:
        text.append(f"! {safe(warning)}\n", "yellow")
    _stays(text, plan)
    if plan.dates:
        days = ", ".join(f"{day} ({count:,})" for day, count in plan.dates)
        text.append("Accounting date: ", "bold").append(f"{days}\n")
    if not every:
        _rows(text, "Largest", plan.largest, width)
    _rows(text, "Credits", plan.credits, width)
    _rows(text, "Flagged", plan.flagged, width)
    _rows(text, "Hidden by the filter", [row for row in plan.goes if row.id in hidden], width)
    if every:
        _rows(text, "Would go", plan.goes, width)
    text.rstrip()
    return text


def _stays(text: Text, plan: Plan) -> None:
    if plan.stays:
        text.append(f"Cannot go, and stays ({len(plan.stays):,})\n", "bold")
        for stay in plan.stays[:LISTED]:
            text.append(f"  {one_line(stay.name)}: {safe(stay.cause)}\n")
            if stay.fix:
                text.append(f"    Fix: {safe(stay.fix)}\n", "dim")
        _rest(text, len(plan.stays))
    if plan.changed:
        text.append(f"Changed by others, skipped ({len(plan.changed):,}): ", "bold")
        text.append(f"{', '.join(one_line(name) for name in plan.changed[:LISTED])}\n")


def _rows(text: Text, title: str, rows: Iterable[Row], width: int) -> None:
    found = list(rows)
    if not found:
        return
    text.append(f"{title} ({len(found):,})\n", "bold")
    for row in found[:LISTED]:
        gross = f"{show(row.gross, row.currency)} {row.currency}"
        room = max(8, width - 4 - len(gross) - 14)
        text.append(f" {row.flags or ' ':2} {cut(row.number, 10)} {cut(row.vendor, room)} {gross}\n")
    _rest(text, len(found))


def _rest(text: Text, count: int) -> None:
    if count > LISTED:
        text.append(f"  and {count - LISTED:,} more\n", "dim")
