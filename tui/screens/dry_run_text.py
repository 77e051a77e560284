"""What a dry run found, in words: a line for each effect and cause with its invoices, and what the ERP was asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from store.causes import BLOCKED, EFFECTS, IGNORED, REFUSED, SKIPPED, TRUNCATED, WARNED
from store.domain.checking import Checked
from store.domain.knowing import Kind
from store.domain.text import one_line, safe
from store.invoices import Row
from store.known import Standing
from store.previewing import Asking, Plan
from tui.keymap import way
from tui.text import ago, cut

EFFECT_TITLES = {
    BLOCKED: "Blocked: cannot go, and stays",
    REFUSED: "Refused: goes, and the ERP refuses it",
    WARNED: "Warned: the ERP may refuse it",
    SKIPPED: "Skipped: the ERP leaves lines out",
    IGNORED: "Ignored: the ERP drops it silently",
    TRUNCATED: "Truncated: the ERP shortens it",
}
KINDS = {
    Kind.VENDOR: "vendors", Kind.JOB: "jobs", Kind.COMMITMENT: "commitments", Kind.ACCOUNT: "accounts",
    Kind.TAX: "taxes", Kind.TERMS: "terms",
}  # fmt: skip
# So many accounting dates are told.
DAYS = 6


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the overview: its text, how many invoices, what is said of it below the list, and the invoices.

    ``ids``: None where they cannot be listed. ``heading``: it stands above others that are part of it.
    """

    text: str
    count: int | None = None
    about: str = ""
    ids: Sequence[int] | None = None
    heading: bool = False

    def fitted(self, width: int) -> str:
        """The line in so many cells."""
        count = "!" if self.count is None else f"{self.count:,}"
        return f"{count:>9}  {'' if self.heading else '  '}{cut(self.text, width - (11 if self.heading else 13))}"


def overview(plan: Plan) -> list[Line]:
    """The gravest first: by effect all invoices, below them each cause; then what goes and what deserves a look."""
    found: list[Line] = []
    for effect in EFFECTS:
        causes = [cause for cause in plan.causes if cause.effect == effect]
        if not causes:
            continue
        ids = plan.touched[effect]
        told = f"{len(causes):,} {'cause' if len(causes) == 1 else 'causes'}, below"
        found.append(Line(EFFECT_TITLES[effect], len(ids), told, ids, heading=True))
        found += [
            Line(safe(cause.cause), cause.count, about(cause.cause, cause.fix), cause.ids) for cause in causes
        ]
    if plan.count:
        title = f"Would go; the ERP refuses {plan.refused:,} of it" if plan.refused else "Would go"
        found.append(Line(title, plan.count, _days(plan), plan.goes.ids, heading=True))
    found += _failed(plan)
    found += [Line(safe(warning), about=safe(warning)) for warning in plan.warnings]
    for title, group in (
        ("Credits", plan.credits),
        ("Flagged", plan.flagged),
        ("Hidden by the filter", plan.hidden),
    ):
        if group.count:
            found.append(Line(title, group.count, "", group.ids))
    if plan.changed.count:
        names = ", ".join(one_line(name) for name in plan.changed.first[:20])
        fix = f"What of it is still marked, unmark and mark again ({way('table.mark')})"
        found.append(Line("Changed by others, skipped", plan.changed.count, about(names, fix), heading=True))
    return found


def _failed(plan: Plan) -> list[Line]:
    """Of the first of those that go again, why the ERP refused them the last time."""
    again: dict[str, list[Row]] = {}
    for row in plan.goes.first:
        if row.error_code:
            again.setdefault(row.error_code, []).append(row)
    found = []
    for rows in sorted(again.values(), key=len, reverse=True):
        cause = f"Failed last time: {safe(rows[0].error_cause).rstrip('.')}"
        found.append(Line(cause, len(rows), about(cause, rows[0].error_fix), [row.id for row in rows]))
    return found


def about(cause: str, fix: str) -> str:
    """Cause and fix, each on a line of its own."""
    return f"{safe(cause)}\nFix: {safe(fix)}" if fix else safe(cause)


def _days(plan: Plan) -> str:
    days = ", ".join(f"{day} ({count:,})" for day, count in plan.dates[:DAYS])
    more = len(plan.dates) - DAYS
    if more > 0:
        days += f" and {more:,} more dates"
    return f"Accounting date: {days}; {periods_text(plan)}"


def periods_text(plan: Plan) -> str:
    """Whether the periods of what goes are open, and how long ago the ERP said so."""
    asked = plan.asking.periods_at
    if not plan.periods_known or asked is None:
        return "the ERP's periods are not known"
    return f"open in the ERP, asked {ago(plan.asking.now - asked)}"


def asked_text(asking: Asking, silent: Sequence[Kind] = (), *, periods: bool = True) -> str:
    """What was asked of the ERP and how long ago: ``asked 3 min ago: 500 vendors (2 unknown); periods 1 min ago``."""
    now = asking.now
    told = [_kind(one) for one in asking.kinds if one.asked]
    oldest = min((one.oldest for one in asking.kinds if one.oldest is not None), default=None)
    parts = []
    if told and oldest is not None:
        parts.append(f"asked {ago(now - oldest)}: {', '.join(told)}")
    missing = [
        _counted(one.count - one.asked, one.kind)
        for one in asking.kinds
        if one.asked < one.count and one.kind not in silent
    ]
    if missing:
        parts.append(f"not asked for: {', '.join(missing)}")
    if periods and asking.periods_at is not None:
        parts.append(f"periods {ago(now - asking.periods_at)}")
    return "; ".join(parts)


def checked_text(checked: Checked | None) -> str:
    """How many bills were put to the ERP: ``10 bills put to it``; "" where there is none."""
    if checked is None or not (checked.asked or checked.left):
        return ""
    if not checked.asked:
        told = f"{_bills(checked.left)} not put to it"
    else:
        told = f"{_bills(checked.asked)} put to it" + (f", {checked.left:,} not" if checked.left else "")
    return f"{told}: {safe(checked.trouble).rstrip('.')}" if checked.trouble else told


def _bills(count: int) -> str:
    return f"{count:,} bill" if count == 1 else f"{count:,} bills"


def silent_text(silent: Sequence[Kind], subject: str = "It") -> str:
    """What this ERP cannot be asked for; ``subject`` where nothing before has named it."""
    return f"{subject} cannot be asked for {', '.join(KINDS[kind] for kind in silent)}" if silent else ""


def not_reached(trouble: str) -> str:
    """That the ERP did not answer, and why; "" where it did."""
    if not trouble:
        return ""
    return f"The ERP was not reached: {safe(trouble).rstrip('.')}; what is shown is what it said before"


def _kind(one: Standing) -> str:
    lacking = f" ({one.unknown:,} unknown)" if one.unknown else ""
    return f"{_counted(one.asked, one.kind)}{lacking}"


def _counted(count: int, kind: Kind) -> str:
    return f"{count:,} {kind.value if count == 1 else KINDS[kind]}"
