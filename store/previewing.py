"""What an Export would do, gathered in bounded memory: the dialog shows it, the decision carries it out."""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Generic, TypeVar

import msgspec

from store import candidates, directory, invoices, periods
from store.behind import Overtaking
from store.db import Database
from store.decision import selected
from store.domain.actor import Actor
from store.domain.errors import NothingMatched
from store.domain.profile import Profile
from store.domain.selection import Matching, Selection, Totals
from store.domain.status import Action
from store.domain.text import safe
from store.mapped import Mapped
from store.planning import Going, Judge, Stay, Terms, walk
from store.same_numbers import SameNumbers
from store.selecting import Seen, ids_of, seen
from store.sums import Sums

T = TypeVar("T")

# How many of each group are told; the rest is counted.
LISTED = 50
LARGEST = 5
GROUPS = 50
OTHER = "other causes"


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """A group: how many there are, and the first of them."""

    count: int = 0
    first: tuple[T, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """What stays for one cause: the code of the first of them, what they have in common, the fix and how many."""

    code: str
    cause: str
    fix: str
    count: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What an Export would do, for the dialog: what goes, what stays and why, and what deserves a look.

    ``dates`` are the accounting dates of what goes with their counts; their periods are open in the ERP, or unknown
    where ``periods_known`` is False. ``hidden`` are those of the selection that the filter hides. ``seen`` is what a
    selection by filters had, for the digest of the decision; None for marked ones. ``masters``: for its Expectation.
    """

    goes: Listed[invoices.Row]
    stays: Listed[Stay]
    groups: tuple[Group, ...]
    changed: Listed[str]
    totals: tuple[Totals, ...]
    largest: tuple[invoices.Row, ...]
    credits: Listed[invoices.Row]
    flagged: Listed[invoices.Row]
    hidden: Listed[invoices.Row]
    warnings: tuple[str, ...]
    dates: tuple[tuple[str, int], ...]
    periods_known: bool
    seen: Seen | None
    masters: str

    @property
    def count(self) -> int:
        """How many go."""
        return self.goes.count


def plan_export(
    db: Database,
    actor: Actor,
    selection: Selection,
    profile: Profile,
    action: Action,
    *,
    visible: Selection | None = None,
    accounting_date: date | None = None,
    description: str | None = None,
    erp_number: str | None = None,
    listed: int = LISTED,
) -> Plan:
    """What Export would do with the selection, or retry: ``action`` is ACCEPT or RETRY. Writes nothing; for approvers.

    ``visible``: what the filter shows; the others of the selection are told as hidden. ``listed``: how many of each
    group are told.
    """
    actor = directory.refresh(db, actor)
    actor.require_approver()
    company = directory.company(db)
    found = seen(db, selection) if isinstance(selection, Matching) else None
    chosen = selected(db, selection, found)
    ids, changed = chosen.ids, tuple(chosen.changed)
    terms = Terms(action, company, profile, accounting_date, description, erp_number)
    gathered = _Gathered(listed, erp_number)
    # What others change meanwhile is told as it is by now; the decision compares it with what was ``seen``.
    for going, stays in walk(db, actor, len(ids), candidates.load(db, ids), terms):
        gathered.add(going, stays)
    hidden = () if visible is None else _beyond(ids, ids_of(db, visible))

    def rows(numbers: Sequence[int], count: int) -> Listed[invoices.Row]:
        return Listed(count, tuple(invoices.rows(db, numbers[:listed], actor)))

    return Plan(
        goes=rows(gathered.goes, gathered.count),
        stays=Listed(gathered.stay_count, tuple(gathered.stays)),
        groups=gathered.groups(),
        changed=Listed(len(changed), changed[:listed]),
        totals=gathered.sums.totals(),
        largest=tuple(invoices.rows(db, gathered.largest(), actor)),
        credits=rows(*gathered.credits),
        flagged=rows(*gathered.flagged),
        hidden=rows(hidden, len(hidden)),
        warnings=gathered.warnings(db),
        dates=tuple(sorted((day.isoformat(), count) for day, count in gathered.dates.items())),
        periods_known=bool(periods.of(db, company.erp)),
        seen=found,
        masters=gathered.mapped.digest(candidates.cost_codes(db)),
    )


def payload(
    db: Database,
    actor: Actor,
    invoice_id: int,
    profile: Profile,
    action: Action,
    accounting_date: date | None = None,
) -> str:
    """The payload that this invoice would be accepted or retried with, as indented JSON, other people's text as it is.

    Raises the invoice's own refusal when it would stay, NothingMatched when it is gone.
    """
    actor = directory.refresh(db, actor)
    actor.require_approver()
    company = directory.company(db)
    terms = Terms(action, company, profile, accounting_date, None)
    judge = Judge(db, actor, terms)
    for chunk in candidates.load(db, [invoice_id]):
        going, stays = judge.chunk(chunk)
        if stays:
            raise stays[0].sentence()
        for g in going:
            raw = msgspec.json.encode(judge.bill(g.sent, g.day), order="deterministic")
            return msgspec.json.format(raw, indent=2).decode()
    raise NothingMatched("This invoice is gone", fix="Refresh the list ({list.refresh})")


def _beyond(ids: Sequence[int], visible: Sequence[int]) -> Sequence[int]:
    """Those of the ids that are not visible; both are in order."""
    found: list[int] = []
    for first in range(0, len(ids), candidates.CHUNK):
        run = ids[first : first + candidates.CHUNK]
        shown = set(visible[bisect_left(visible, run[0]) : bisect_right(visible, run[-1])])
        found.extend(number for number in run if number not in shown)
    return found


class _Gathered:
    """What a plan tells, gathered chunk by chunk."""

    def __init__(self, listed: int, erp_number: str | None = None) -> None:
        self._listed = listed
        self.count = self.stay_count = 0
        self.goes: list[int] = []
        self.stays: list[Stay] = []
        self.sums = Sums()
        self.credits: tuple[list[int], int] = ([], 0)
        self.flagged: tuple[list[int], int] = ([], 0)
        self.dates: Counter[date] = Counter()
        self._largest: list[tuple[int, int]] = []
        self._groups: dict[tuple[str, str], tuple[Stay, int]] = {}
        self._overtaking = Overtaking()
        self._same = SameNumbers(erp_number)
        self.mapped = Mapped()
        self._elsewhere: tuple[list[str], int] = ([], 0)

    def add(self, going: Sequence[Going], stays: Sequence[Stay]) -> None:
        """One chunk more."""
        self.count += len(going)
        self.goes += [g.candidate.id for g in going[: self._listed - len(self.goes)]]
        self.sums.add(going)
        self.dates.update([g.day for g in going])
        self._overtaking.add(going)
        self._same.add(going)
        self.mapped.add(going)
        sizes = [(abs(g.candidate.gross), -g.candidate.id) for g in going]
        self._largest = heapq.nlargest(LARGEST, self._largest + sizes)
        self.credits = self._more(self.credits, [g.candidate.id for g in going if g.candidate.net < 0])
        self.flagged = self._more(self.flagged, [g.candidate.id for g in going if g.candidate.flagged])
        months = {day: day.isoformat()[:7] for day in {g.day for g in going}}
        other = [g.candidate.number for g in going if not g.candidate.period_end.startswith(months[g.day])]
        self._elsewhere = (
            self._elsewhere[0] + other[: 3 - len(self._elsewhere[0])],
            self._elsewhere[1] + len(other),
        )
        self._stay(stays)

    def _more(self, before: tuple[list[int], int], found: list[int]) -> tuple[list[int], int]:
        return before[0] + found[: self._listed - len(before[0])], before[1] + len(found)

    def _stay(self, stays: Sequence[Stay]) -> None:
        self.stay_count += len(stays)
        self.stays += stays[: self._listed - len(self.stays)]
        for stay in stays:
            key = (stay.code, stay.kind)
            if key not in self._groups and len(self._groups) >= GROUPS:
                key = ("", OTHER)
            first, count = self._groups.get(key, (stay, 0))
            self._groups[key] = (first, count + 1)

    def groups(self) -> tuple[Group, ...]:
        """What stays by its cause, the most first."""
        found = [
            Group(first.code, kind or first.cause, "" if kind == OTHER else first.fix, count)
            for (_, kind), (first, count) in self._groups.items()
        ]
        return tuple(sorted(found, key=lambda group: -group.count))

    def largest(self) -> list[int]:
        """The ids of the largest by gross, whatever its sign."""
        return [-negative for _, negative in self._largest]

    def warnings(self, db: Database) -> tuple[str, ...]:
        """What does not stop the export and should be seen: numbers twice, other months, applications out of order."""
        found = []
        count, same = self._same.found(db)
        if count:
            more = ", and others" if count > len(same) else ""
            found.append(
                f"{count:,} would be posted under the number of another invoice of the vendor: {'; '.join(same)}{more}"
            )
        names, count = self._elsewhere
        if count:
            shown = ", ".join(safe(name) for name in names)
            found.append(f"{count:,} will be posted in another month than their billing period: {shown}")
        count, pairs = self._overtaking.found(db)
        if count:
            told = ", ".join(f"{safe(later)} before {safe(first)}" for later, first in pairs)
            more = f" and {count - len(pairs):,} more" if count > len(pairs) else ""
            found.append(f"{count:,} would go before an application that is not synced: {told}{more}")
        return tuple(found)
