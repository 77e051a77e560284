"""Holds as they stand: who keeps which invoice from being exported, since when and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from store.db import Database


@dataclass(frozen=True, slots=True)
class Hold:
    """One open hold; ``placed_at`` in milliseconds UTC."""

    reason: str
    placed_by: str
    placed_at: int

    @property
    def told(self) -> str:
        """Reason, who and when in one sentence's part: ``lien waiver missing, placed by jlopez on 2026-10-31``."""
        day = datetime.fromtimestamp(self.placed_at / 1000, UTC).astimezone().date()
        return f"{self.reason}, placed by {self.placed_by} on {day}"


def of(db: Database, ids: Sequence[int]) -> dict[int, Hold]:
    """The open holds of these invoices (a few hundred), by invoice."""
    if not ids:
        return {}
    found = db.execute(
        "SELECT h.invoice_id, h.reason, u.login, h.placed_at FROM holds h JOIN users u ON u.id = h.placed_by"
        f" WHERE h.released_at IS NULL AND h.invoice_id IN ({', '.join('?' * len(ids))})",
        list(ids),
    )
    return {row[0]: Hold(row[1], row[2], row[3]) for row in found.fetchall()}
