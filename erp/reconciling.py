"""Asking an ERP for a reconciliation: its bills page by page, then by key what it did not list. Sends nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from erp import parcel
from erp.connector import Connector, Remembering
from erp.paging import paged
from store import written_files
from store.domain.outcome import Answer, Unknown
from store.job import Job
from store.reconciling import Reconciliation

if TYPE_CHECKING:
    from store.db import Database

# After so many requests without any answer the ERP is not asked any more.
SILENCES_AT_MOST = 3


async def compare(db: Database, connector: Connector, into: Reconciliation) -> None:
    """Fill a reconciliation with both sides and conclude it.

    Raises PayappError where the ERP can list its bills and does not; what it does not answer by key is a class.
    """
    remind(connector, await db.look(written_files.newest, into.erp))
    # What a folder has are our own bills, whatever the ERP makes of them.
    into.posts = not isinstance(connector, Remembering)
    if into.lists:
        await _list(db, connector, into)
    await db.look(into.read)
    if connector.profile.finds:
        await _ask(db, connector, into)
    await db.look(into.conclude)


def remind(connector: Connector, files: Sequence[str]) -> None:
    """Tell a connector that is its own memory which files it must have (store.written_files); it answers nothing else."""
    if isinstance(connector, Remembering):
        connector.remember(files)


async def _list(db: Database, connector: Connector, into: Reconciliation) -> None:
    await db.look(into.begin)
    pages = paged(
        connector.bills(into.period),
        connector.profile.timeout,
        what="The ERP did not list its bills",
        fix="Try again when it answers",
    )
    async with aclosing(pages):
        async for page in pages:
            await db.look(into.add, page)


async def _ask(db: Database, connector: Connector, into: Reconciliation) -> None:
    last = silences = 0
    while jobs := await db.look(into.to_ask, last, connector.profile.parcel):
        last = jobs[-1].id
        answers, _ = await parcel.ask(connector, jobs)
        await db.look(into.answered, answers)
        silent = bool(answers) and all(isinstance(answer, Unknown) for _, answer in answers)
        silences = silences + 1 if silent else 0
        if silences >= SILENCES_AT_MOST:
            return


async def ask_one(connector: Connector, job: Job, more: Sequence[str] = ()) -> Answer:
    """What the ERP says of one bill under its key and under ``more``: Booked, Missing, or Unknown with the cause."""
    answers, strays = await parcel.ask(connector, [job], {job.id: more})
    if strays:
        return Unknown(job.key, "the stored bill is not the one that was accepted, so nobody can ask for it")
    return answers[0][1]


async def has(connector: Connector, reference: str) -> bool | None:
    """Whether the ERP has a bill of that reference; None: it did not answer."""
    try:
        async with asyncio.timeout(connector.profile.timeout):
            return await connector.exists(reference)
    except Exception:  # noqa: BLE001 - no answer is no answer, whatever the reason
        return None
