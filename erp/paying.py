"""Asking an ERP what was paid of the synced invoices: some bills at a time, and what it says is kept at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from erp.connector import Connector
from erp.paging import paged
from store import payments
from store.domain.actor import Actor
from store.domain.errors import PayappError
from store.domain.knowing import Paid
from store.payments import Asked, Pulled

if TYPE_CHECKING:
    from store.db import Database

# No bill has so many payments on average; what tells more has no end.
MOST_EACH = 1000


async def pull(
    db: Database,
    connector: Connector,
    actor: Actor | None,
    *,
    everything: bool = False,
    stop: asyncio.Event | None = None,
) -> Pulled:
    """Ask about what is not fully paid, and keep the answers; ``everything``: about what was paid long ago too.

    What was kept before a failure stays; asking again goes on from there. ``stop``: end after the bills under way.
    Raises Disallowed where the ERP cannot be asked, PayappError where it gives no answer, NotPermitted.
    """
    payments.require(connector.profile)
    erp, total, last = connector.profile.name, Pulled(), 0
    while asked := await db.look(payments.to_ask, erp, last, everything=everything):
        last = asked[-1].invoice
        told = await _told(connector, asked)
        total.add(await db.write(payments.replace, actor, erp, asked, told))
        if stop is not None and stop.is_set():
            break
        if connector.profile.per_minute is not None:
            # An ERP that bears few requests is asked as often as it bears.
            await asyncio.sleep(60 / connector.profile.per_minute)
    return total


async def _told(connector: Connector, asked: Sequence[Asked]) -> list[Paid]:
    told: list[Paid] = []
    pages = paged(
        connector.payments([each.ref for each in asked]),
        connector.profile.timeout,
        what="The ERP did not say what was paid",
        fix="Try again when it answers; what it said before is kept",
    )
    async with aclosing(pages):
        async for page in pages:
            told += page
            if len(told) > MOST_EACH * len(asked):
                raise PayappError(
                    "The ERP's payments cannot be read",
                    why="its list of them has no end",
                    fix="Try again later",
                )
    return told
