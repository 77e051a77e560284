"""What an export would do, in words: for the confirmation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len
from rich.text import Text

from store.causes import BLOCKED, EFFECTS
from store.domain.likeness import WORDS, Likeness
from store.domain.money import show
from store.domain.selection import Totals
from store.domain.text import one_line, safe
from store.invoices import Row
from store.previewing import Listed, Plan
from tui.keymap import way
from tui.screens.dry_run_text import EFFECT_TITLES, asked_text, checked_text, periods_text
from tui.text import cut

# Up to so many stay with their own sentences before they are counted by cause.
SENTENCES = 5
# Up to so many causes of what would be refused, dropped or shortened.
CAUSES = 3
# Cells of an invoice number beside the vendor.
NUMBER_MOST = 20
# Others that one invoice looks like.
OTHERS = 3
_LIKENESSES = frozenset(Likeness)
# So many accounting dates are told.
DAYS = 6


def totals_text(totals: Sequence[Totals]) -> str:
    """Control totals, one line per currency."""
    return "\n".join(
        f"{t.count:,} in {t.currency}  Gross {show(t.gross, t.currency)}  Retainage {show(t.retainage, t.currency)}\n"
        f"     Net {show(t.net, t.currency)}  Hash {t.hash_total:,}"
        for t in totals
    )


def plan_text(plan: Plan, width: int) -> Text:
    """What deserves a look before it goes, the gravest first."""
    text = Text()
    for warning in plan.warnings:
        text.append(f"! {safe(warning)}\n", "yellow")
    _alike(text, plan, width)
    _stays(text, plan)
    _effects(text, plan)
    _failed(text, plan)
    _days(text, plan)
    _rows(text, "Largest", Listed(len(plan.largest), plan.largest), width)
    _rows(text, "Credits", plan.credits, width)
    _rows(text, "Flagged", plan.flagged, width)
    _rows(text, "Hidden by the filter", plan.hidden, width)
    text.rstrip()
    return text


def _alike(text: Text, plan: Plan, width: int) -> None:
    """What may be a duplicate: with the others it looks like, or what the ERP said."""
    if not plan.alike.count:
        return
    if any(group.code in _LIKENESSES for group in plan.groups):
        does = "each stays unless Override says why it goes"
    elif any(possible.others for possible in plan.alike.first):
        does = "they go, with the reason in Override"
    else:
        does = "a reason in Override lets the ERP's own warning pass"
    text.append(f"Possible duplicates ({plan.alike.count:,}): {does}\n", "bold")
    for possible in plan.alike.first:
        text.append(f"  {one_line(possible.name)}\n")
        for twin in possible.others[:OTHERS]:
            shared = " and ".join(WORDS[one] for one in twin.open)
            fits = cell_len(twin.name) + cell_len(shared) + 6 <= width
            text.append(f"    {twin.name}:{' ' if fits else f'{chr(10)}      '}{shared}\n")
        if (more := len(possible.others) - OTHERS) > 0:
            text.append(f"    and {more:,} more that it looks like\n")
        if possible.said:
            text.append(f"    The ERP: {safe(possible.said)}\n")
    _rest(text, plan.alike)


def _stays(text: Text, plan: Plan) -> None:
    # Possible duplicates are told by themselves.
    groups = [group for group in plan.groups if group.code not in _LIKENESSES]
    first = tuple(stay for stay in plan.stays.first if stay.code not in _LIKENESSES)
    elsewhere = sum(group.count for group in plan.groups if group.code in _LIKENESSES)
    stays = Listed(plan.stays.count - elsewhere, first)
    if stays.count:
        text.append(f"Cannot go, and stays ({stays.count:,})\n", "bold")
    if stays.count > SENTENCES:
        for group in groups:
            text.append(f"  {group.count:,}: {safe(group.cause)}\n")
            _fix(text, group.fix)
    else:
        for stay in stays.first:
            text.append(f"  {one_line(stay.name)}: {safe(stay.cause)}\n")
            _fix(text, stay.fix)
        _rest(text, stays)
    if plan.changed.count:
        text.append(f"Changed by others, skipped ({plan.changed.count:,}): ", "bold")
        more = plan.changed.count - len(plan.changed.first)
        text.append(", ".join(one_line(name) for name in plan.changed.first))
        text.append(f" and {more:,} more\n" if more else "\n")
        _fix(text, f"Cancel; what of it is still marked, unmark and mark again ({way('table.mark')})")


def _effects(text: Text, plan: Plan) -> None:
    """What the ERP may refuse, and what it would leave out, drop or shorten of what goes."""
    for effect in EFFECTS:
        causes = [cause for cause in plan.causes if cause.effect == effect != BLOCKED]
        if not causes:
            continue
        text.append(f"{EFFECT_TITLES[effect]} ({len(plan.touched[effect]):,})\n", "bold")
        for cause in causes[:CAUSES]:
            text.append(f"  {cause.count:,}: {safe(cause.cause)}\n")
            _fix(text, cause.fix)
        if (more := len(causes) - CAUSES) > 0:
            text.append(f"  and {more:,} more causes: d lists them\n", "dim")
    if any(one.asked for one in plan.asking.kinds):
        text.append("ERP: ", "bold").append(f"{asked_text(plan.asking, periods=False)}\n")
    if plan.checked and plan.checked.left:
        text.append("ERP: ", "bold").append(f"{checked_text(plan.checked)}; d asks\n")


def _failed(text: Text, plan: Plan) -> None:
    """Of those that go again, why the ERP refused them the last time."""
    # What it took for a duplicate is told by itself.
    again = [row for row in plan.goes.first if row.error_code not in {"", *_LIKENESSES}]
    if not again:
        return
    more = plan.count > len(plan.goes.first)
    first = f"of the first {len(plan.goes.first):,}: " if more else ""
    text.append(f"Failed last time ({first}{len(again):,})\n", "bold")
    for row in again[:SENTENCES]:
        text.append(f"  {one_line(row.number)}: {safe(row.error_cause).rstrip('.')}\n")
    causes = Counter(row.error_code for row in again[SENTENCES:])
    for code, count in causes.most_common():
        text.append(f"  and {count:,} more: {one_line(code)}\n")


def _fix(text: Text, fix: str) -> None:
    if fix:
        text.append(f"    Fix: {safe(fix)}\n", "dim")


def _days(text: Text, plan: Plan) -> None:
    if not plan.dates:
        return
    days = ", ".join(f"{day} ({count:,})" for day, count in plan.dates[:DAYS])
    more = len(plan.dates) - DAYS
    if more > 0:
        days += f" and {more:,} more dates"
    text.append("Accounting date: ", "bold").append(f"{days}; {periods_text(plan)}\n")


def _rows(text: Text, title: str, rows: Listed[Row], width: int) -> None:
    if not rows.count:
        return
    text.append(f"{title} ({rows.count:,})\n", "bold")
    # Numbers of a month differ in their ends: they are whole where that is possible.
    number = max(10, min(NUMBER_MOST, max((cell_len(row.number) for row in rows.first), default=0)))
    for row in rows.first:
        gross = f"{show(row.gross, row.currency)} {row.currency}"
        room = max(8, width - number - 8 - len(gross))
        text.append(f" {row.flags or ' ':2} {cut(row.number, number)} {cut(row.vendor, room)} {gross}\n")
    _rest(text, rows)


def _rest(text: Text, group: Listed[Any]) -> None:
    if more := group.count - len(group.first):
        text.append(f"  and {more:,} more: d lists them\n", "dim")
