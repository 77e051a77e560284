"""What every decision has in common: its selection, its refusals, what it returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from store import candidates, invoices
from store.candidates import Candidate
from store.db import Database
from store.domain.errors import Disallowed, NothingMatched
from store.domain.selection import Marked, Selection, Totals
from store.domain.status import Action, check
from store.domain.text import one_line
from store.planning import Stay, stay
from store.selecting import select_ids


@dataclass(frozen=True, slots=True)
class Decision:
    """What a decision did: the invoices it moved, those that stay and why, the marked ones that others changed.

    ``notes`` are sentences about what it means for others, such as later applications that a rejection invalidates.
    """

    done: tuple[int, ...]
    stays: tuple[Stay, ...] = ()
    changed: tuple[str, ...] = ()
    batches: tuple[int, ...] = ()
    totals: tuple[Totals, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Expectation:
    """Control totals that the caller expects of what goes; None: not checked. ``net`` as a Decimal amount."""

    count: int | None = None
    net: Decimal | None = None


def selected(db: Database, selection: Selection) -> tuple[list[int], tuple[str, ...]]:
    """The ids of a selection and the names of the marked ones that others changed since they were seen."""
    ids, changed = select_ids(db, selection)
    names = tuple(one_line(row.number) for row in invoices.rows(db, changed))
    if isinstance(selection, Marked) and not selection.versions:
        raise NothingMatched("Nothing is marked", fix="Space marks one invoice, a marks all that match")
    if not ids and not names:
        raise NothingMatched(
            "Nothing matches", fix="Widen the filter (\\ clears it) or choose another view (1-5)"
        )
    return ids, names


def settle(done: Sequence[int], stays: Sequence[Stay], changed: tuple[str, ...], what: str) -> None:
    """Raise when a decision has nothing that it could do: then nothing is written either."""
    if done:
        return
    if stays:
        error = stays[0].sentence()
        if len(stays) > 1:
            error.what += f" (and {len(stays) - 1} more)"
        raise error
    raise Disallowed(
        f"Nothing was {what}", why=f"others changed {', '.join(changed[:5])} meanwhile", fix="Look again (F5)"
    )


def allowed(db: Database, ids: Sequence[int], action: Action) -> tuple[list[Candidate], list[Stay]]:
    """The invoices that the table of transitions lets go, and the others with their sentence."""
    going: list[Candidate] = []
    stays: list[Stay] = []
    for chunk in candidates.load(db, ids):
        for c in chunk:
            try:
                check(action, c.erp_status, c.name)
            except Disallowed as error:
                stays.append(stay(c, "state", error))
            else:
                going.append(c)
    return going, stays
