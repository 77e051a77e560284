"""What an invoice may not say of its own: the commitment's schedule of values, the project's cost codes, and sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from store.domain.invoice import CONTRACT_ITEM
from store.domain.money import show
from store.domain.status import ErpStatus
from store.intake.books import Books, Commitment, ScheduleLine, Stored
from store.intake.draft import Draft, DraftLine

NUMBER_MOST = 60
DESCRIPTION_MOST = 500
_YEARS = 10

Problems = list[tuple[str, str]]


def check(draft: Draft, commitment: Commitment, books: Books, existing: Stored | None) -> Problems:
    """What of the draft contradicts its commitment and project: (where, reason).

    A locked invoice is not changed whatever the file says, and what the store has of an invoice already was held
    against the contract of its day: both are left alone.
    """
    if existing and existing.erp_status != ErpStatus.NOT_SENT:
        return []
    found = _sizes(draft)
    known = {row[1]: (row[2], row[3], row[5]) for row in existing.lines} if existing else {}
    schedule = books.schedule(commitment)
    if schedule:
        found += _scheduled(draft, {line.item: line for line in schedule}, commitment, known)
    codes = books.project(commitment.project_id).names
    for i, line in enumerate(draft.lines):
        if codes and line.cost_code and line.cost_code not in codes and not _stands(line, known):
            reason = (
                f"project {commitment.project} has no cost code {line.cost_code}: import the cost codes first"
            )
            found.append((draft.place("cost_code", i), reason))
    return found


def _sizes(draft: Draft) -> Problems:
    found = []
    if len(draft.number) > NUMBER_MOST:
        reason = f"it has {len(draft.number):,} characters, and may have {NUMBER_MOST}"
        found.append((draft.place("number", None), reason))
    for i, line in enumerate(draft.lines):
        if len(line.description) > DESCRIPTION_MOST:
            reason = f"it has {len(line.description):,} characters, and may have {DESCRIPTION_MOST}"
            found.append((draft.place("description", i), reason))
    start, end, billed = draft.period_start, draft.period_end, draft.billing_date
    if start and end and billed and not _years(start, -_YEARS) <= billed <= _years(end, _YEARS):
        reason = f"{billed} is more than {_YEARS} years from the period {start} to {end}"
        found.append((draft.place("billing_date", None), reason))
    return found


def _years(day: str, years: int) -> str:
    """The ISO day so many years on, to compare by."""
    return f"{min(max(int(day[:4]) + years, 0), 9999):04}{day[4:]}"


def _stands(line: DraftLine, known: Mapping[str, tuple[Any, ...]]) -> bool:
    """Whether the store's own line has that type, cost code and scheduled value already."""
    return known.get(line.item) == (line.item_type, line.cost_code, line.scheduled)


def _scheduled(
    draft: Draft,
    schedule: Mapping[str, ScheduleLine],
    commitment: Commitment,
    known: Mapping[str, tuple[Any, ...]],
) -> Problems:
    """Lines off the schedule of values, or of another type or scheduled value than it says.

    Change orders come with the invoice and may be new. Detail items make up the value of the line they are part of.
    """
    found: Problems = []
    sums: dict[str, int] = {}
    places: dict[str, int] = {}
    for i, line in enumerate(draft.lines):
        item = line.item if line.item in schedule else line.part_of or line.item
        own = schedule.get(item)
        if own is None:
            if line.item_type == CONTRACT_ITEM and not _stands(line, known):
                reason = (
                    f"line item {item} is not on the schedule of values of commitment {commitment.number}"
                )
                found.append((draft.place("item", i), reason))
        elif line.item_type != own.item_type:
            reason = (
                f"line item {item} is a {own.item_type} on the schedule of values, here a {line.item_type}"
            )
            found.append((draft.place("item_type", i), reason))
        elif not _stands(line, known):
            places.setdefault(item, i)
        if own is not None:
            sums[item] = sums.get(item, 0) + line.scheduled
    for item, i in places.items():
        if sums[item] != (value := schedule[item].scheduled):
            says = (
                f"it says {show(sums[item], commitment.currency)}, but the schedule of values of commitment"
            )
            reason = f"{says} {commitment.number} has {show(value, commitment.currency)}"
            found.append((draft.place("scheduled", i), reason))
    return found
