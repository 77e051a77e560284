"""One parcel at the ERP: the frozen bills out, one outcome per job back. Knows no database and no lease."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec

from erp import eventlog
from erp.connector import Connector, ParcelRefusedError, UnavailableError
from store.domain.bill import Bill, decode, revision_of
from store.domain.outcome import (
    Answer,
    Booked,
    Delivered,
    Later,
    Missing,
    PostOutcome,
    Refused,
    Split,
    Unknown,
)
from store.domain.text import one_line, safe
from store.job import Job

Reply = TypeVar(
    "Reply", Booked | Delivered | Refused | Later | Unknown, Booked | Delivered | Missing | Unknown
)


async def post(connector: Connector, jobs: Sequence[Job]) -> list[tuple[Job, PostOutcome]]:
    """Send fenced jobs as one parcel; one outcome each, whatever the ERP does. Raises nothing but cancellation."""
    bills, results = _verified(jobs)
    if bills:
        outcomes = await _posted(connector, [bill for _, bill in bills])
        results += [(job, outcomes[bill.key]) for job, bill in bills]
    return results


async def ask(
    connector: Connector, jobs: Sequence[Job], more: Mapping[int, Sequence[str]] | None = None
) -> tuple[list[tuple[Job, Answer]], list[Job]]:
    """Ask about jobs: an answer each, and the jobs whose payload is no longer what was accepted.

    ``more``: other keys under which the ERP may have one, by the job's id. Booked under any of them is booked, and
    missing is what is missing under all.
    """
    bills, strays = _verified(jobs)
    keys = {job.id: [job.key, *(more or {}).get(job.id, ())] for job, _ in bills}
    asked = [msgspec.structs.replace(bill, key=key) for job, bill in bills for key in keys[job.id]]
    answers: dict[str, Answer]
    if not connector.profile.finds:
        answers = {bill.key: Unknown(bill.key, "this ERP cannot be asked") for bill in asked}
    else:
        answers = {}
        # Asked for at most as many at once as a parcel has.
        for first in range(0, len(asked), connector.profile.parcel):
            answers |= await _found(connector, asked[first : first + connector.profile.parcel])
    return [(job, joined([answers[key] for key in keys[job.id]])) for job, _ in bills], [
        job for job, _ in strays
    ]


def joined(answers: Sequence[Answer]) -> Answer:
    """One answer for one job: the bill of the latest revision, else a doubt, else that it is missing under its own key."""
    booked = [answer for answer in answers if isinstance(answer, Booked | Delivered)]
    if booked:
        return max(booked, key=lambda answer: revision_of(answer.key))
    return next((answer for answer in answers if isinstance(answer, Unknown)), answers[0])


def _verified(jobs: Sequence[Job]) -> tuple[list[tuple[Job, Bill]], list[tuple[Job, PostOutcome]]]:
    """The bills as they were accepted; and those that are not, which never leave."""
    bills: list[tuple[Job, Bill]] = []
    strays: list[tuple[Job, PostOutcome]] = []
    for job in jobs:
        try:
            bill = decode(job.payload, job.payload_sha256)
            if bill.key != job.key:
                raise ValueError("its key is not that of its job")
        except ValueError as error:
            strays.append((job, _changed(job, error)))
        else:
            bills.append((job, bill))
    return bills, strays


def _changed(job: Job, error: ValueError) -> PostOutcome:
    cause = f"the stored bill is not the one that was accepted: {safe(str(error))}"
    if job.sends:
        # Its true bill went out before: whether the ERP has it is for a look-up and a person.
        return Unknown(job.key, cause, asked=False)
    return Refused(
        job.key,
        "payload.changed",
        cause,
        "Have the database looked into (payapp audit verify); {invoices.export} exports the invoice as it stands now,"
        " {invoices.reject} rejects it",
        asked=False,
    )


async def _posted(connector: Connector, bills: Sequence[Bill]) -> dict[str, PostOutcome]:
    try:
        async with asyncio.timeout(connector.profile.timeout):
            reply = list(await connector.post(bills))
    except ParcelRefusedError as error:
        return {bill.key: _refused_whole(bill, error, alone=len(bills) == 1) for bill in bills}
    except UnavailableError as error:
        return {bill.key: Later(bill.key, _said(error)) for bill in bills}
    except Exception as error:  # noqa: BLE001 - whatever else happened, the ERP may have booked it
        return {bill.key: Unknown(bill.key, _said(error)) for bill in bills}
    matched = _matched(bills, reply, (Booked, Delivered, Refused, Later, Unknown))
    return dict(matched)


async def _found(connector: Connector, bills: Sequence[Bill]) -> dict[str, Answer]:
    try:
        async with asyncio.timeout(connector.profile.timeout):
            reply = list(await connector.find(bills))
    except Exception as error:  # noqa: BLE001 - no answer is no answer, whatever the reason
        return {bill.key: Unknown(bill.key, _said(error)) for bill in bills}
    return _matched(bills, reply, (Booked, Delivered, Missing, Unknown))


def _refused_whole(bill: Bill, error: ParcelRefusedError, *, alone: bool) -> PostOutcome:
    if not alone:
        return Split(bill.key, _said(error))
    return Refused(
        bill.key,
        "refused",
        _said(error),
        "Correct what the ERP names, then {invoices.export} retries; {invoices.reject} rejects it",
    )


def _matched(bills: Sequence[Bill], reply: Sequence[Reply], known: tuple[type, ...]) -> dict[str, Reply]:
    """The reply by key. What is missing, said twice differently, or no outcome at all, is unknown."""
    found: dict[str, Reply] = {}
    asked = {bill.key for bill in bills}
    for outcome in reply:
        if not isinstance(outcome, known) or outcome.key not in asked:
            eventlog.warning("reply.foreign", reply=repr(outcome)[:200])
            continue
        cleaned = _clean(outcome)
        if found.setdefault(outcome.key, cleaned) != cleaned:
            eventlog.warning("reply.contradicts", key=outcome.key)
            found[outcome.key] = Unknown(outcome.key, "the ERP gave two different answers for it")
    for key in asked - found.keys():
        found[key] = Unknown(key, "the ERP's reply does not mention it")
    return found


def _clean(outcome: Reply) -> Reply:
    """The ERP's own reference as both databases can hold it and every screen can show it; without one: unknown."""
    if not isinstance(outcome, Booked | Delivered):
        return outcome
    ref = one_line(outcome.ref)
    return (
        type(outcome)(outcome.key, ref) if ref else Unknown(outcome.key, "the ERP gave no reference for it")
    )


def _said(error: Exception) -> str:
    """The cause in the error's own words, or its kind where it has none."""
    if isinstance(error, TimeoutError):
        return "the ERP did not answer in time"
    return one_line(str(error)) or type(error).__name__
