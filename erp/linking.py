"""Asking an ERP about bills before an invoice is parted from one, or linked to one. Sends nothing."""

from __future__ import annotations

from collections.abc import Sequence

from erp import reconciling
from erp.connector import Connector, Remembering
from store.domain.outcome import Booked, Delivered, Missing
from store.domain.text import one_line, safe
from store.linking import ErpSaid, Link, Presence


async def ask(connector: Connector, asked: Sequence[tuple[Link, str]]) -> list[ErpSaid]:
    """What the ERP says of each of these invoices and of its bill of that reference: by the reference, and by our keys.

    It is gone when the ERP has none of that reference and, where it can be asked by key, none under any of our keys.
    """
    return [await _ask(connector, link, reference) for link, reference in asked]


async def _ask(connector: Connector, link: Link, reference: str) -> ErpSaid:
    if isinstance(connector, Remembering):
        # It has what we wrote, for good.
        return ErpSaid(Presence.UNKNOWABLE, "a folder cannot tell what became of a bill")
    there = await reconciling.has(connector, reference) if reference else False
    named = one_line(reference) or "none"
    if connector.profile.finds and link.job is not None:
        answer = await reconciling.ask_one(connector, link.job, link.keys)
        if isinstance(answer, Booked | Delivered):
            ref = one_line(answer.ref)
            return ErpSaid(Presence.THERE, f"it has it as {ref}", ref, answer.key)
        if not isinstance(answer, Missing):
            return ErpSaid(Presence.SILENT, f"no answer ({safe(answer.cause)})")
    elif not reference or (there is None and not connector.profile.finds):
        return ErpSaid(Presence.UNKNOWABLE, "it cannot be asked for this one")
    if there is None:
        return ErpSaid(Presence.SILENT, f"no answer about {named}")
    if there:
        return ErpSaid(Presence.THERE, f"it has a bill {named}")
    return ErpSaid(Presence.GONE, f"it has no bill {named}")
