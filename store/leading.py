"""The first rows of a whole view in an order that no index has: found from what the indexes do have, on SQLite.

By gross: an index with all invoices, of which most are the view's. By retainage and net: among the rows with the
greatest gross there are enough to say which value the first rows have at least; few more have it too. By job: the
jobs in order, each with its commitments' places. By period: an index with all invoices, of which most are the view's.
"""

from __future__ import annotations

import time

from store import statements
from store.db import Database
from store.domain.status import ProjectView, View
from store.invoices import SortBy
from store.routes import AMOUNTS, GROSS, view_index
from store.sizes import is_most
from store.view_totals import phases_of

# So many rows with the greatest gross are looked at for the greatest of another amount.
PROBED = 2000
_COLUMNS = {SortBy.GROSS: "gross", SortBy.RETAINAGE: "retainage", SortBy.NET: "net"}


def leading(
    db: Database, view: View | ProjectView, sort: SortBy, count: int, seconds: float, *, descending: bool
) -> list[int] | None:
    """The first ids of the order, at most ``count``: none when the time is over, None where they cannot be had so."""
    if db.postgres or view is ProjectView.RETURNED:
        return None
    direction = "DESC" if descending else "ASC"
    match sort:
        case SortBy.GROSS | SortBy.RETAINAGE | SortBy.NET:
            return _by_amount(db, view, _COLUMNS[sort], count, seconds, direction)
        case SortBy.JOB:
            return _by_job(db, view, count, seconds, direction)
        case SortBy.PERIOD:
            return _by_period(db, view, count, seconds, direction)
        case _:
            return None


# -- amounts ---------------------------------------------------------------------------------------------------


def _by_amount(
    db: Database, view: View | ProjectView, column: str, count: int, seconds: float, direction: str
) -> list[int]:
    if not is_most(db, view):
        # Few: all of them are sorted sooner than the view's are found among the others.
        return _sorted(db, view, column, "TRUE", (), count, seconds, direction)
    most = count if column == "gross" else max(count, PROBED)
    near, sufficed = statements.first(
        db,
        f"SELECT {column}, id FROM invoices INDEXED BY {GROSS} WHERE {_shown(view, '+')}"
        f" ORDER BY gross {direction}, id {direction}",
        (),
        most,
        seconds,
    )
    if not sufficed:
        return []
    near.sort(reverse=direction == "DESC")
    if column == "gross" or len(near) < count:
        return [number for _, number in near[:count]]
    comes_before = f"{column} {'>=' if direction == 'DESC' else '<='} ?"
    return _sorted(db, view, column, comes_before, (near[count - 1][0],), count, seconds, direction)


def _sorted(
    db: Database,
    view: View | ProjectView,
    column: str,
    where: str,
    values: tuple[int, ...],
    count: int,
    seconds: float,
    direction: str,
) -> list[int]:
    """The first of the view's that meet the condition, which at least ``count`` do or all."""
    names = ", ".join(f"'{phase.value}'" for phase in phases_of(view))
    found, sufficed = statements.first(
        db,
        f"SELECT id FROM invoices INDEXED BY {AMOUNTS} WHERE phase IN ({names}) AND {where}"
        f" ORDER BY {column} {direction}, id {direction}",
        values,
        count,
        seconds,
    )
    return [row[0] for row in found] if sufficed else []


# -- jobs and periods ------------------------------------------------------------------------------------------


def _by_job(
    db: Database, view: View | ProjectView, count: int, seconds: float, direction: str
) -> list[int] | None:
    if (index := view_index(view)) is None:
        return None
    found: list[int] = []
    until = time.monotonic() + seconds
    numbers = db.execute(f"SELECT DISTINCT number FROM projects ORDER BY number {direction}").fetchall()
    for (number,) in numbers:
        rows = db.execute(
            f"SELECT id FROM invoices INDEXED BY {index} WHERE {_shown(view)} AND place IN (SELECT c.place"
            " FROM commitments c JOIN projects p ON p.id = c.project_id WHERE p.number = ?)"
            f" ORDER BY place {direction}, application {direction}, number {direction}, id {direction} LIMIT ?",
            (number, count - len(found)),
        ).fetchall()
        found.extend(row[0] for row in rows)
        if len(found) >= count:
            break
        if time.monotonic() > until:
            return []
    return found


def _by_period(
    db: Database, view: View | ProjectView, count: int, seconds: float, direction: str
) -> list[int]:
    keys = ("period_end", "place", "application", "number", "id")
    found, sufficed = statements.first(
        db,
        # The sign: the order shall choose the index, not the view.
        f"SELECT id FROM invoices WHERE {_shown(view, '+')}"
        f" ORDER BY {', '.join(f'{key} {direction}' for key in keys)}",
        (),
        count,
        seconds,
    )
    return [row[0] for row in found] if sufficed else []


def _shown(view: View | ProjectView, spelled: str = "") -> str:
    """The condition of the view, as text; ``spelled`` stands before its column."""
    if view is ProjectView.ALL:
        return "TRUE"
    if view in {View.ALL, ProjectView.SENT}:
        return f"{spelled}sent = 1"
    (phase,) = phases_of(view)
    return f"{spelled}phase = '{phase.value}'"
