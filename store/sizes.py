"""How many invoices a view has, from the index that has the view alone."""

from __future__ import annotations

from store import statements
from store.db import Database
from store.domain.status import ProjectView, View
from store.models import Invoice
from store.query import in_view, led

INDEXES: dict[View | ProjectView, str] = {
    View.READY: "invoices_ready",
    View.SYNCED: "invoices_synced",
    View.ALL: "invoices_sent",
    ProjectView.RETURNED: "invoices_returned",
    ProjectView.NOT_SENT: "invoices_unsent",
    ProjectView.SENT: "invoices_sent",
    ProjectView.ALL: "invoices_placed",
}


def size(db: Database, view: View | ProjectView) -> int:
    """How many invoices the view has."""
    if view is ProjectView.RETURNED:
        return db.remembered("returned", lambda: _count(db, view))
    return db.remembered("sizes", lambda: _sizes(db))[view]


def is_most(db: Database, view: View | ProjectView) -> bool:
    """Whether the view has so many of all invoices that its index is a detour to their rows."""
    return not db.postgres and size(db, view) * 8 > size(db, ProjectView.ALL)


def _sizes(db: Database) -> dict[View | ProjectView, int]:
    """All but one of the states that are each other's rest are counted, the largest if it is one of many."""
    apart: tuple[View | ProjectView, ...] = (
        View.EXPORTING, View.FAILED, ProjectView.NOT_SENT, View.SYNCED, View.READY,
    )  # fmt: skip
    # Without a condition SQLite counts pages, not rows.
    total = int(db.execute("SELECT count(*) FROM invoices").fetchone()[0])
    few = total // 16
    found = {view: _count(db, view, few + 1) for view in apart}
    many = [view for view in apart if found[view] > few]
    for view in many[:-1]:
        found[view] = _count(db, view)
    if many:
        found[many[-1]] = total - sum(found[view] for view in apart if view is not many[-1])
    sent = total - found[ProjectView.NOT_SENT]
    return found | {View.ALL: sent, ProjectView.SENT: sent, ProjectView.ALL: total}


def _count(db: Database, view: View | ProjectView, most: int | None = None) -> int:
    """How many the view has; ``most``: or that many, when it has more."""
    some = Invoice.select(Invoice.id).where(in_view(view))
    sql, params = statements.compiled(db, some.limit(most) if most is not None else some)
    counted = f"SELECT count(*) FROM ({led(db, sql, INDEXES.get(view))}) AS counted"
    return int(statements.fetch(db, counted, params)[0][0])
