"""Numbers that an ERP takes of a vendor once only: which invoices cannot go under theirs (docs/duplicates.md)."""

from __future__ import annotations

from collections.abc import Sequence

from store import alike
from store.candidates import Candidate
from store.db import Database
from store.domain.likeness import alike_keys, likeness_key
from store.domain.status import ErpStatus
from store.duplicates import given_rows

# The ERP has these, or may have them any moment.
_THERE = (ErpStatus.QUEUED, ErpStatus.EXPORTING, ErpStatus.UNCERTAIN, ErpStatus.PARKED, ErpStatus.SYNCED)
# Of these the first that came keeps the number.
_COMING = (ErpStatus.READY, ErpStatus.FAILED)


def taken(db: Database, chunk: Sequence[Candidate], kin: alike.Kin) -> dict[int, str]:
    """Those of these invoices, as they would be sent, whose number another of the vendor has: by id that one's name.

    ``kin``: the vendors that are one in the ERP. The ERP's number counts as it is written, to the character.
    """
    asked = {
        (vendor, key, c.posted_number, c.id)
        for c in chunk
        for own in (likeness_key(c.posted_number, c.application),)
        for vendor in (c.vendor_id, *kin.get(c.vendor_id, ()))
        for key in {own, *alike_keys(own)}
    }
    if not asked:
        return {}
    select, given = given_rows(db, asked, "number TEXT", "posted TEXT", "id BIGINT")
    rows = db.execute(
        f"WITH g AS MATERIALIZED ({select}) SELECT g.id, (SELECT l.invoice_id FROM likenesses l"
        " JOIN invoices i ON i.id = l.invoice_id WHERE l.vendor_id = g.vendor AND l.number = g.number"
        " AND l.invoice_id <> g.id AND CASE WHEN i.erp_number <> '' THEN i.erp_number ELSE i.number END = g.posted"
        f" AND (i.erp_status IN ({_listed(_THERE)}) OR i.id < g.id AND i.erp_status IN ({_listed(_COMING)}))"
        " ORDER BY l.invoice_id LIMIT 1) FROM g",
        (given,),
    ).fetchall()
    found: dict[int, int] = {}
    for number, other in rows:
        if other is not None:
            found[number] = min(other, found.get(number, other))
    names = alike.names(db, sorted(set(found.values())))
    return {number: names[other] for number, other in found.items()}


def _listed(states: Sequence[ErpStatus]) -> str:
    return ", ".join(f"'{state}'" for state in states)
