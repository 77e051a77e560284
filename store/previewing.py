"""What an Export would do, gathered in bounded memory: the dialog shows it, the decision carries it out."""

from __future__ import annotations

import heapq
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Generic, TypeVar

import msgspec

from store import candidates, directory, invoices, known, periods, policies
from store.behind import Overtaking
from store.called import Called
from store.candidates import Candidate
from store.causes import BLOCKED, REFUSED, Cause, Causes, Snag, of_notes, of_stay, with_said
from store.db import Database
from store.decision import selected
from store.depending import Depending, lines_of
from store.domain.actor import Actor
from store.domain.bill import Bill
from store.domain.checking import Checked, Local
from store.domain.errors import NothingMatched
from store.domain.knowing import Kind
from store.domain.profile import Profile
from store.domain.selection import Matching, Selection, Totals
from store.domain.status import Action
from store.domain.text import safe
from store.holds import LetGo
from store.mapped import Mapped
from store.overriding import Needing, Possible, reason
from store.planning import SELF, Going, Judge, Stay, Terms, check_values
from store.posting import Posting
from store.refusing import Refusing
from store.selecting import Seen, ids_of, seen
from store.sums import Sums

T = TypeVar("T")
# Some that go, some that stay, and the snags of both.
Each = Callable[[Sequence[Going], Sequence[Stay], Sequence[Snag]], None]

# How many of each group are told; the rest is counted.
LISTED = 50
LARGEST = 5


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """A group: how many there are, the first of them, and the ids of all where these are known."""

    count: int = 0
    first: tuple[T, ...] = ()
    ids: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Asking:
    """What is known of the codes that an export names: by kind how many, how many were asked for, how long ago.

    ``periods_at``: when the ERP was asked for its periods. ``now``: when this was looked up; all in ms UTC.
    """

    codes: Mapping[Kind, tuple[str, ...]]
    kinds: tuple[known.Standing, ...]
    periods_at: int | None
    now: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What an Export would do, for the dialog: what goes, what stays and why, and what deserves a look.

    ``dates`` are the accounting dates of what goes with their counts; their periods are open in the ERP, or unknown
    where ``periods_known`` is False. ``causes``: all that stands against it, and what of it would be skipped, ignored or
    truncated, with ``touched``: the ids by effect; ``asking``: what the ERP said of its codes; ``checked``: how much of what
    goes was put to its connector, None where there is none. What that refuses is among ``goes``: the ERP refuses it, not payapp.
    ``alike``: what may be a duplicate, whether it stays for that or goes with the override. ``hidden`` are those of the selection that the filter hides. ``seen`` is what a
    selection by filters had, for the digest of the decision; None for marked ones. ``masters`` and ``let``: for its Expectation.
    """

    goes: Listed[invoices.Row]
    stays: Listed[Stay]
    causes: tuple[Cause, ...]
    touched: Mapping[str, Sequence[int]]
    changed: Listed[str]
    totals: tuple[Totals, ...]
    largest: tuple[invoices.Row, ...]
    credits: Listed[invoices.Row]
    flagged: Listed[invoices.Row]
    alike: Listed[Possible]
    hidden: Listed[invoices.Row]
    warnings: tuple[str, ...]
    dates: tuple[tuple[str, int], ...]
    periods_known: bool
    asking: Asking
    checked: Checked | None
    seen: Seen | None
    masters: str
    let: str

    @property
    def groups(self) -> tuple[Cause, ...]:
        """What stays by its cause, the most first."""
        return tuple(cause for cause in self.causes if cause.effect == BLOCKED)

    @property
    def count(self) -> int:
        """How many go."""
        return self.goes.count

    @property
    def refused(self) -> int:
        """How many of them the ERP would refuse, as far as its connector was asked."""
        return len(self.touched.get(REFUSED, ()))


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
    override: str | None = None,
    listed: int = LISTED,
    each: Each | None = None,
    local: Local | None = None,
) -> Plan:
    """What Export would do with the selection, or retry: ``action`` is ACCEPT or RETRY. Writes nothing; for approvers.

    ``visible``: what the filter shows; the others of the selection are told as hidden. ``listed``: how many of each
    group are told. ``override``: why what may be a duplicate goes; None: it stays. ``each`` is given everything as it is looked at.
    ``local``: the connector that what goes is put to, as far as it needs no network.
    """
    actor = directory.refresh(db, actor)
    actor.require_approver()
    company = directory.company(db)
    found = seen(db, selection) if isinstance(selection, Matching) else None
    chosen = selected(db, selection, found)
    ids, changed = chosen.ids, tuple(chosen.changed)
    terms = Terms(action, company, profile, accounting_date, description, erp_number, reason(override))
    check_values(len(ids), description, erp_number)
    called = Called(db, company.erp)
    gathered = _Gathered(listed, Needing(db, terms))
    # What others change meanwhile is told as it is by now; the decision compares it with what was ``seen``.
    with Refusing(db, company, called, local) as refusing:
        look = _Look(db, actor, terms, called, refusing)
        for chunk in candidates.load(db, ids):
            going, stays, snags = look.chunk(chunk)
            gathered.add(going, stays, snags)
            if each is not None:
                each(going, stays, snags)
    hidden = () if visible is None else _beyond(ids, ids_of(db, visible))

    def rows(numbers: Sequence[int]) -> Listed[invoices.Row]:
        return Listed(len(numbers), tuple(invoices.rows(db, numbers[:listed], actor)), numbers)

    return Plan(
        goes=rows(gathered.goes),
        stays=Listed(gathered.stay_count, tuple(gathered.stays)),
        causes=gathered.causes.found(),
        touched=gathered.causes.touched(),
        changed=Listed(len(changed), changed[:listed]),
        totals=gathered.sums.totals(),
        largest=tuple(invoices.rows(db, gathered.largest(), actor)),
        credits=rows(gathered.credits),
        flagged=rows(gathered.flagged),
        alike=Listed(gathered.alike.count(), gathered.alike.first(listed)),
        hidden=rows(hidden),
        warnings=(
            *_reviewed(db, gathered.own),
            *look.posting.told(),
            *look.let_go.told(),
            *gathered.warnings(db),
        ),
        dates=tuple(sorted((day.isoformat(), count) for day, count in gathered.dates.items())),
        periods_known=bool(periods.of(db, company.erp)),
        asking=asking(db, company.erp, look.depending.codes),
        checked=refusing.checked,
        seen=found,
        masters=gathered.mapped.digest(called),
        let=look.judge.let,
    )


def snags(
    db: Database,
    actor: Actor,
    ids: Sequence[int],
    profile: Profile,
    action: Action,
    accounting_date: date | None = None,
    description: str | None = None,
    override: str | None = None,
    local: Local | None = None,
) -> dict[int, list[Snag]]:
    """What there is to say of each of these invoices (a page of them), by id; none of one that clearly goes."""
    actor = directory.refresh(db, actor)
    actor.require_approver()
    company = directory.company(db)
    terms = Terms(action, company, profile, accounting_date, description, override=reason(override))
    called = Called(db, company.erp)
    found: dict[int, list[Snag]] = {}
    with Refusing(db, company, called, local) as refusing:
        look = _Look(db, actor, terms, called, refusing)
        for chunk in candidates.load(db, ids):
            for snag in look.chunk(chunk)[2]:
                found.setdefault(snag.invoice_id, []).append(snag)
    return found


def bills(
    db: Database,
    actor: Actor,
    ids: Sequence[int],
    profile: Profile,
    action: Action,
    accounting_date: date | None = None,
    description: str | None = None,
    override: str | None = None,
    erp_number: str | None = None,
) -> list[tuple[int, str, Bill]]:
    """Of these invoices (a few) those that go: id, name, and the bill as it would be frozen."""
    actor = directory.refresh(db, actor)
    actor.require_approver()
    terms = Terms(
        action, directory.company(db), profile, accounting_date, description, erp_number, reason(override)
    )
    judge, payloads = Judge(db, actor, terms), Payloads(db)
    found: list[tuple[int, str, Bill]] = []
    for chunk in candidates.load(db, ids):
        going, _ = judge.chunk(chunk)
        made = zip(going, payloads.of(going), strict=True)
        found += [(g.candidate.id, g.candidate.name, bill) for g, bill in made]
    return found


def payload(
    db: Database,
    actor: Actor,
    invoice_id: int,
    profile: Profile,
    action: Action,
    accounting_date: date | None = None,
    description: str | None = None,
    override: str | None = None,
) -> str:
    """The payload that this invoice would be accepted or retried with, as indented JSON, other people's text as it is.

    Raises the invoice's own refusal when it would stay, NothingMatched when it is gone.
    """
    actor = directory.refresh(db, actor)
    actor.require_approver()
    company = directory.company(db)
    terms = Terms(action, company, profile, accounting_date, description, override=reason(override))
    judge = Judge(db, actor, terms)
    for chunk in candidates.load(db, [invoice_id]):
        going, stays = judge.chunk(chunk)
        if stays:
            raise stays[0].sentence()
        for g in going:
            raw = msgspec.json.encode(judge.bill(g.sent, g.day), order="deterministic")
            return msgspec.json.format(raw, indent=2).decode()
    raise NothingMatched("This invoice is gone", fix="Refresh the list ({list.refresh})")


class Payloads:
    """The bills of many invoices, as they would be frozen."""

    def __init__(self, db: Database) -> None:
        self._db, self._company = db, directory.company(db)
        self._called = Called(db, self._company.erp)

    def of(self, going: Sequence[Going]) -> list[Bill]:
        """One for each of these (one chunk), in their order."""
        lines = candidates.bill_lines(self._db, [g.sent for g in going], self._called.account)
        name, erp = self._company.name, self._company.erp
        return [
            candidates.bill(g.sent, lines[g.sent.id], company=name, erp=erp, accounting_date=g.day)
            for g in going
        ]


def _beyond(ids: Sequence[int], visible: Sequence[int]) -> Sequence[int]:
    """Those of the ids that are not visible; both are in order."""
    found: list[int] = []
    for first in range(0, len(ids), candidates.CHUNK):
        run = ids[first : first + candidates.CHUNK]
        shown = set(visible[bisect_left(visible, run[0]) : bisect_right(visible, run[-1])])
        found.extend(number for number in run if number not in shown)
    return found


def asking(db: Database, erp: str, codes: known.Codes) -> Asking:
    """What is known by now of these codes and of the periods."""
    named = {kind: tuple(sorted(found)) for kind, found in codes.items() if found}
    return Asking(named, known.standing(db, erp, named), periods.asked_at(db, erp), db.now())


class _Look:
    """Everything that there is to say of each invoice."""

    def __init__(self, db: Database, actor: Actor, terms: Terms, called: Called, refusing: Refusing) -> None:
        self.judge = Judge(db, actor, terms)
        self._db, self._called, self._refusing = db, called, refusing
        self.depending = Depending(db, terms.company.erp, called)
        self.posting = Posting()
        self.let_go = LetGo()

    def chunk(self, chunk: Sequence[Candidate]) -> tuple[list[Going], list[Stay], list[Snag]]:
        """What goes, what stays, and the snags of all of them, invoice by invoice."""
        going, stays = self.judge.chunk(chunk)
        self.posting.add(going)
        self.let_go.add([g.candidate for g in going], self.judge.held)
        taken = self._called.taken(chunk)
        noted = self.judge.notes
        found = {stay.invoice_id: of_stay(stay, noted.get(stay.invoice_id, ())) for stay in stays}
        for c in taken if noted else ():
            if c.id not in found and (notes := noted.get(c.id)):
                found[c.id] = of_notes(c.id, safe(c.name), notes)
        lines = lines_of(self._db, taken, self._refusing.columns(going))
        refused = self._refusing.chunk(going, lines)
        for number, lacks in self.depending.add(taken, lines).items():
            found.setdefault(number, []).extend(lacks)
        for number, said in refused.items():
            found[number] = with_said(found.get(number, ()), said)
        return going, stays, [snag for number in sorted(found) for snag in found[number]]


def _reviewed(db: Database, own: int) -> tuple[str, ...]:
    """That so many of them are the approver's own, and which policy lets them go."""
    if not own:
        return ()
    told = policies.policies(db)["self"].told
    return (f"{own:,} {'is' if own == 1 else 'are'} your own, marked SELF: policy {told}",)


class _Gathered:
    """What a plan tells, gathered chunk by chunk."""

    def __init__(self, listed: int, alike: Needing) -> None:
        self._listed = listed
        self.stay_count = 0
        self.goes = array("q")
        self.stays: list[Stay] = []
        self.sums = Sums()
        self.causes = Causes()
        self.credits = array("q")
        self.flagged = array("q")
        self.dates: Counter[date] = Counter()
        self.own = 0
        self._largest: list[tuple[int, int]] = []
        self._overtaking = Overtaking()
        self.alike = alike
        self.mapped = Mapped()
        self._elsewhere: tuple[list[str], int] = ([], 0)

    def add(self, going: Sequence[Going], stays: Sequence[Stay], snags: Sequence[Snag]) -> None:
        """One chunk more."""
        self.goes.extend([g.candidate.id for g in going])
        self.sums.add(going)
        self.dates.update([g.day for g in going])
        self.own += sum([g.rule.startswith(SELF) for g in going])
        self._overtaking.add(going)
        self.alike.add(going, stays)
        self.mapped.add(going)
        sizes = [(abs(g.candidate.gross), -g.candidate.id) for g in going]
        self._largest = heapq.nlargest(LARGEST, self._largest + sizes)
        self.credits.extend([g.candidate.id for g in going if g.candidate.net < 0])
        self.flagged.extend([g.candidate.id for g in going if g.candidate.flagged])
        months = {day: day.isoformat()[:7] for day in {g.day for g in going}}
        other = [g.candidate.number for g in going if not g.candidate.period_end.startswith(months[g.day])]
        self._elsewhere = (
            self._elsewhere[0] + other[: 3 - len(self._elsewhere[0])],
            self._elsewhere[1] + len(other),
        )
        self.stay_count += len(stays)
        self.stays += stays[: self._listed - len(self.stays)]
        self.causes.add(snags)

    def largest(self) -> list[int]:
        """The ids of the largest by gross, whatever its sign."""
        return [-negative for _, negative in self._largest]

    def warnings(self, db: Database) -> tuple[str, ...]:
        """What does not stop the export and should be seen: other months, applications out of order."""
        found = []
        names, count = self._elsewhere
        if count:
            more = f" and {count - len(names):,} more" if count > len(names) else ""
            shown = ", ".join(safe(name) for name in names) + more
            found.append(f"{count:,} will be posted in another month than their billing period: {shown}")
        count, pairs = self._overtaking.found(db)
        if count:
            told = ", ".join(f"{safe(later)} before {safe(first)}" for later, first in pairs)
            more = f" and {count - len(pairs):,} more" if count > len(pairs) else ""
            found.append(f"{count:,} would go before an application that is not synced: {told}{more}")
        return tuple(found)
