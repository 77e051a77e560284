"""What the proof rests on, switched off in a worker: a harness that finds nothing then proves nothing.

Each is as near to the real fault as can be, and nothing of the product knows of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from store import outbox
from store.db import Database
from store.domain.status import ErpStatus, JobState

FENCE, LOOK_UP, KEY = "fence", "look-up", "key"


def without_fence() -> None:
    """A claim that runs out goes back to the queue as if nothing of it had been sent."""
    expire = outbox.expire

    def forgetful(
        db: Database, *, settle_ms: int, sole_worker: str | None = None, sending: Sequence[int] = ()
    ) -> tuple[int, int]:
        with db.transaction():
            which, given = ("worker <> ?", sole_worker) if sole_worker else ("lease_until < ?", db.now())
            lost = f"state = '{JobState.CLAIMED}' AND send_begun IS NOT NULL AND {which}"
            db.execute(
                f"UPDATE invoices SET erp_status = '{ErpStatus.QUEUED}'"
                f" WHERE id IN (SELECT invoice_id FROM export_jobs WHERE {lost})",
                (given,),
            )
            db.execute(f"UPDATE export_jobs SET send_begun = NULL WHERE {lost}", (given,))
            return expire(db, settle_ms=settle_ms, sole_worker=sole_worker, sending=sending)

    outbox.expire = forgetful


def connector_settings(off: str) -> dict[str, Any]:
    """How the connector is made with that one switched off."""
    return {"keys": off != KEY, "asks": off != LOOK_UP}
