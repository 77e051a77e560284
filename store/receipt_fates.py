"""What becomes of a receipt's lines: each is booked, refused, or named with the reason why nothing was changed by it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from store.domain.errors import BadInput
from store.domain.money import to_minor
from store.domain.status import ErpStatus, JobState
from store.domain.text import safe
from store.receipt_lines import Line, Said, Source
from store.receipt_matches import AWAITED, GIVEN_UP, Match, payable

# What a bill is called that has only its place in our file for a reference.
_PLACE = re.compile(r"payapp-[^/]+/[0-9]+")
_KEY = "Give its key: payapp receipt --waiting tells it"
_TWICE = "Find out whether the ERP has it twice, and void one there before both are paid"
FIX = "Correct what the ERP names, then {invoices.export} exports it again, as a new bill; {invoices.reject} rejects it"


class Fate(StrEnum):
    """What became of a line. Those from DIFFERS on need a person; nothing was changed by them."""

    BOOKED = "booked"
    REFUSED = "refused"
    # As it was before: booked or refused by an earlier receipt.
    KNOWN = "known"
    WAITING = "waiting"
    # A bill of others, in a list of all that the ERP has.
    OTHERS = "others"
    DIFFERS = "differs"
    UNKNOWN = "unknown"
    UNCLEAR = "unclear"
    STANDS = "stands"


TO_SETTLE = frozenset({Fate.DIFFERS, Fate.UNKNOWN, Fate.UNCLEAR, Fate.STANDS})


@dataclass(frozen=True, slots=True)
class Told:
    """One line of a receipt, and what became of it; ``fix`` is "" where nothing is to be done."""

    row: int
    name: str
    fate: Fate
    cause: str
    fix: str = ""
    invoice_id: int | None = None


@dataclass(slots=True)
class Work:
    """What is to be written: jobs with the ERP's reference, with the cause of a refusal, with the proof that it has them.

    ``denied`` were given up before, and the ERP has refused what lay there all the same.
    ``told`` is what became of each line.
    """

    booked: list[tuple[Match, str]] = field(default_factory=list)
    refused: list[tuple[Match, str]] = field(default_factory=list)
    proven: list[tuple[Match, str]] = field(default_factory=list)
    denied: list[tuple[Match, str]] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    # Jobs that a line before has settled, with the reference that it said; and whose the references are that were given.
    settled: dict[int, tuple[Fate, str]] = field(default_factory=dict)
    given: dict[str, int] = field(default_factory=dict)


def judge(line: Line, found: Sequence[Match], source: Source, taken: Mapping[str, int], work: Work) -> None:
    """Tell what becomes of the line, of which these jobs may be; ``taken`` are references that invoices have already."""
    if not line.key:
        found = _meant(line, found)
    fate, cause, fix = _judged(line, found, source, taken, work)
    own = found[0].job.invoice_id if len(found) == 1 else None
    work.told.append(Told(line.row, line.name, fate, cause, fix, own))


Judged = tuple[Fate, str, str]


def _judged(
    line: Line, found: Sequence[Match], source: Source, taken: Mapping[str, int], work: Work
) -> Judged:
    if line.said is Said.WAITING:
        return Fate.WAITING, "the ERP says nothing of it yet", ""
    if not found and source is not Source.PAYAPP:
        return Fate.OTHERS, "nothing of that vendor and number waits for a receipt", ""
    if not found:
        return (
            Fate.UNKNOWN,
            "no bill of these books has that name",
            "Look whether the receipt is for these books; what a restore has lost is told by payapp reconcile",
        )
    if len(found) > 1 and line.said is Said.BOOKED and all(_synced(match) for match in found):
        return Fate.KNOWN, f"{len(found)} bills of that vendor and number are Synced", ""
    if len(found) > 1:
        return (
            Fate.UNCLEAR,
            f"{len(found)} bills have that vendor and number",
            _KEY,
        )
    return _of(line, found[0], taken, work)


def _synced(match: Match) -> bool:
    return match.state is JobState.DONE and match.status is ErpStatus.SYNCED


def _meant(line: Line, found: Sequence[Match]) -> list[Match]:
    """Of the bills with a line's vendor and number those that it may mean; none: it is of another bill.

    Numbers need not be unique, and a list has all bills of the ERP: reference and amount tell them apart. What was given up
    is meant where nothing else is.
    """
    waiting = [match for match in found if match.state in AWAITED]
    synced = [match for match in found if _synced(match)]
    given_up = [match for match in found if match.state in GIVEN_UP]
    if line.said is not Said.BOOKED:
        return _same(line, waiting or synced or given_up[-1:])
    if own := [match for match in synced if line.reference and match.reference == line.reference]:
        return own
    # A row with another reference of the ERP's own is not of these.
    open_ = [m for m in synced if not line.reference or _PLACE.fullmatch(m.reference)] if waiting else synced
    same, gone = (
        [match for match in some if not _differs(line, match)] for some in (waiting + open_, given_up)
    )
    newest = {match.job.invoice_id: match for match in gone}
    if same and not all(_synced(match) for match in same):
        known = {match.job.invoice_id for match in same}
        return same + [match for number, match in newest.items() if number not in known]
    return same or list(newest.values()) or waiting or synced


def _same(line: Line, found: Sequence[Match]) -> list[Match]:
    """Where there are several, those with the line's amount."""
    if len(found) < 2:
        return list(found)
    return [match for match in found if not _differs(line, match)] or list(found)


def _of(line: Line, match: Match, taken: Mapping[str, int], work: Work) -> Judged:
    """One line and its one job."""
    if (before := work.settled.get(match.job.id)) is not None:
        return _again(line, *before)
    if line.said is Said.REFUSED:
        return _refused(line, match, work)
    if why := _differs(line, match):
        fix = "Find out which is right; a bill that is wrong in the ERP is voided there first"
        return Fate.DIFFERS, why, fix
    reference = line.reference or match.reference or match.job.key
    other = taken.get(reference, work.given.get(reference))
    if other is not None and other != match.job.invoice_id:
        cause = f"{safe(reference)} is the reference of invoice #{other}"
        return Fate.UNCLEAR, cause, "Ask the ERP for its own reference"
    return _booked(line, match, reference, work)


def _again(line: Line, before: Fate, reference: str) -> Judged:
    """A line of a bill that a line before has settled."""
    if (before is Fate.BOOKED) is not (line.said is Said.BOOKED):
        return Fate.UNCLEAR, f"a line before says that it is {before.value}", "Ask the ERP which is right"
    if line.said is Said.BOOKED and (line.reference != reference or not (line.key or reference)):
        said = f"{safe(reference) or 'it'} and {safe(line.reference) or 'once more'}"
        return Fate.DIFFERS, f"the receipt lists it twice, as {said}", _TWICE
    return Fate.KNOWN, "a line before says the same", ""


def _differs(line: Line, match: Match) -> str:
    """What the line says otherwise than the bill that was sent; "" for nothing."""
    bill = match.bill
    if bill is None:
        return "the stored bill is not the one that was accepted, so that nothing can be compared"
    if line.currency and line.currency != bill.currency:
        return f"it was sent in {bill.currency}, and the receipt says {safe(line.currency)}"
    sent = payable(bill)
    if not line.amount:
        return f"it was sent with {sent}, and the receipt says no amount"
    try:
        same = to_minor(line.amount, bill.currency) == to_minor(sent, bill.currency)
    except BadInput:
        same = False
    return "" if same else f"it was sent with {sent}, and the receipt says {safe(line.amount)}"


def _booked(line: Line, match: Match, reference: str, work: Work) -> Judged:
    if match.state is JobState.DONE:
        known = f"it is Synced as {safe(match.reference)}"
        if line.reference and line.reference != match.reference:
            cause = f"{known}, and the receipt says {safe(line.reference)}"
            return Fate.DIFFERS, cause, _TWICE
        work.settled[match.job.id] = (Fate.BOOKED, line.reference)
        return Fate.KNOWN, known, ""
    if match.state in GIVEN_UP:
        work.proven.append((match, reference))
        more = "; a later export of it went out too: void one of the two in the ERP" if match.newer else ""
        return (
            Fate.STANDS,
            f"it was given up here, and the ERP has it as {safe(reference)}{more}",
            f"payapp reconcile '#{match.job.invoice_id}' --booked {safe(reference)} --comment WHY; or void it in the ERP",
        )
    if match.status not in AWAITED.get(match.state, ()):
        return Fate.STANDS, _stands(match), "Give the receipt again when it is delivered"
    work.booked.append((match, reference))
    work.settled[match.job.id] = (Fate.BOOKED, line.reference)
    work.given[reference] = match.job.invoice_id
    return Fate.BOOKED, f"Synced as {safe(reference)}", ""


def _refused(line: Line, match: Match, work: Work) -> Judged:
    cause = line.error or "the ERP refused it and does not say why"
    if match.state is JobState.DONE:
        known = f"it is Synced as {safe(match.reference)}, and the receipt says that it was refused: {cause}"
        return Fate.STANDS, known, "Find out in the ERP which is right"
    if match.state in GIVEN_UP:
        if line.key:
            work.denied.append((match, cause))
        return Fate.KNOWN, "it was refused or given up before", ""
    if not line.key and match.older:
        cause = "it was exported more than once, and the refusal may be of an earlier time"
        return Fate.UNCLEAR, cause, _KEY
    if not line.key and match.state is not JobState.SENT and match.state in AWAITED:
        cause = "nobody knows whether it went out, and the refusal may be of another bill of that number"
        return Fate.UNCLEAR, cause, _KEY
    if match.status not in AWAITED.get(match.state, ()):
        return Fate.STANDS, _stands(match), "Give the receipt again when it is delivered"
    work.refused.append((match, cause))
    work.settled[match.job.id] = (Fate.REFUSED, "")
    return Fate.REFUSED, cause, FIX


def _stands(match: Match) -> str:
    if match.state in {JobState.HELD, JobState.PENDING, JobState.CLAIMED}:
        return "it was not delivered from here yet"
    return f"it was changed outside payapp: its export is {match.state.value}, and it is {match.status.value}"
