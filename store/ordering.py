"""The company's policy that no application overtakes an earlier one of its commitment: where it blocks, these stay."""

from __future__ import annotations

from collections.abc import Sequence

from store.db import Database
from store.domain.errors import Blocked
from store.domain.status import ErpStatus
from store.domain.text import safe
from store.packed import among, packed

BLOCK = "block"


def overtaking(db: Database, ids: Sequence[int], policy: str) -> dict[int, str]:
    """Of these invoices (one chunk) those with an earlier application that is not Synced, by id, with its number.

    Where the policy only warns, none is looked for: store.behind tells what an export would overtake.
    """
    if policy != BLOCK:
        return {}
    earlier = (
        "SELECT e.number FROM invoices e WHERE e.commitment_id = i.commitment_id AND e.application < i.application"
        f" AND e.erp_status <> '{ErpStatus.SYNCED}' ORDER BY e.application LIMIT 1"
    )
    rows = db.execute(
        f"SELECT i.id, ({earlier}) FROM invoices i WHERE {among(db, 'i.id')}", (packed(db, ids),)
    )
    return {row[0]: row[1] for row in rows.fetchall() if row[1] is not None}


def check(earlier: str | None) -> None:
    """Raise Blocked for an invoice before which that one has to go."""
    if earlier is not None:
        raise Blocked(
            "An earlier application of its commitment is not Synced",
            why=f"{safe(earlier)} comes first, and the company's policy lets none overtake it",
            fix="Export that one, and this one when it is Synced; payapp company tells the policy",
        )
