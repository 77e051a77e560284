"""Writing invoices in a decision: each one only as it was when the decision was made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from store.candidates import Candidate
from store.db import Database
from store.domain.errors import Changed


def write(db: Database, columns: Sequence[str], rows: Sequence[tuple[Candidate, Sequence[Any]]]) -> None:
    """Set the columns of each invoice to its values, and raise its version by one.

    On PostgreSQL another decision may commit between this one's look and its write. Such an invoice has another
    version by then: Changed is raised, and the whole decision is undone.
    """
    if not rows:
        return
    now = db.now()
    assignments = ", ".join(f"{name} = ?" for name in columns)
    touched = db.executemany(
        f"UPDATE invoices SET {assignments}, version = version + 1, updated_at = ? WHERE id = ? AND version = ?",
        [(*values, now, candidate.id, candidate.version) for candidate, values in rows],
    )
    if touched != len(rows):
        raise Changed(
            "Others decided on some of these invoices at the same moment",
            why="nothing was changed by you",
            fix="Look at the list again (F5) and decide again",
        )


def write_all(db: Database, going: Sequence[Candidate], **values: Any) -> None:
    """As write, with the same values for all of them."""
    write(db, tuple(values), [(candidate, tuple(values.values())) for candidate in going])
