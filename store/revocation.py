"""What a user accepted and the ERP does not have yet goes back to Ready when his right to accept ends."""

from __future__ import annotations

from store import audit, candidates, outbox
from store.db import Database
from store.domain.status import TRANSITIONS, Action, ErpStatus
from store.moving import write_all


def withdraw(db: Database, operator: int) -> list[audit.Change]:
    """Recall the invoices of this user's batches that nothing was sent of; the changes for the event that revokes.

    Call it in the revoking transaction. What is being sent stays on its way: its outcome must be known.
    """
    found = db.execute(
        "SELECT i.id FROM invoices i JOIN batches b ON b.id = i.batch_id"
        f" WHERE b.operator_id = ? AND i.erp_status = '{ErpStatus.QUEUED}' ORDER BY i.id",
        (operator,),
    ).fetchall()
    cancelled = sorted(outbox.cancel(db, [row[0] for row in found]))
    target = TRANSITIONS[Action.RECALL].target.value
    changes = []
    for chunk in candidates.load(db, cancelled):
        write_all(db, chunk, erp_status=target, batch_id=None)
        changes += [
            audit.Change(
                "invoice", c.id, {"erp_status": c.erp_status.value}, {"erp_status": target}, "revoked"
            )
            for c in chunk
        ]
    return changes
