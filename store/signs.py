"""Small facts of a desk: when the ERP last answered, and whether a user has put the first-run card away."""

from __future__ import annotations

from store.db import Database
from store.domain.actor import Actor

# Answers of the ERP about a bill; "later" and "unknown" are none.
_ACKNOWLEDGED = "('booked', 'refused', 'missing')"


def last_sync(db: Database) -> int | None:
    """When the ERP last acknowledged or refused anything; without that a worker's last heartbeat; None for neither.

    In milliseconds UTC.
    """
    answered = db.execute(
        f"SELECT at FROM export_attempts WHERE outcome IN {_ACKNOWLEDGED} ORDER BY id DESC LIMIT 1"
    ).fetchone()
    if answered:
        return int(answered[0])
    beaten = db.execute("SELECT max(heartbeat_at) FROM workers").fetchone()
    return None if beaten is None or beaten[0] is None else int(beaten[0])


def welcomed(db: Database, who: Actor) -> bool:
    """Whether this user has put the first-run card away."""
    row = db.execute("SELECT welcomed_at FROM users WHERE id = ?", (who.id,)).fetchone()
    return row is None or row[0] is not None


def welcome(db: Database, who: Actor) -> None:
    """The user has read the card. It decides nothing, and the audit trail has no event of it."""
    with db.transaction():
        db.execute(
            "UPDATE users SET welcomed_at = ? WHERE id = ? AND welcomed_at IS NULL", (db.now(), who.id)
        )
