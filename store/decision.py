"""What every decision has in common: its selection, its refusals, what it returns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from store import awaited, candidates
from store.candidates import Candidate
from store.db import Database
from store.domain.errors import Changed, Disallowed, NothingMatched
from store.domain.selection import Marked, Selection, Totals
from store.domain.status import Action, check
from store.domain.text import one_line
from store.packed import among, packed
from store.planning import Stay, stay
from store.selecting import Picked, Seen, select_ids

# So many of those that stay are told with their sentences; the rest is counted.
STAYS_TOLD = 10_000


@dataclass(frozen=True, slots=True)
class Decision:
    """What a decision did: the invoices it moved, those that stay and why, the marked ones that others changed.

    ``notes`` are sentences about what it means for others, such as later applications that a rejection invalidates.
    Of very many that stay the first are told, and ``unnamed`` is how many more there are.
    """

    done: tuple[int, ...]
    stays: tuple[Stay, ...] = ()
    changed: tuple[str, ...] = ()
    batches: tuple[int, ...] = ()
    totals: tuple[Totals, ...] = ()
    notes: tuple[str, ...] = ()
    unnamed: int = 0

    @property
    def stay_count(self) -> int:
        """How many stay."""
        return len(self.stays) + self.unnamed


@dataclass(frozen=True, slots=True)
class Expectation:
    """Control totals that the caller expects of what goes; None: not checked. ``net`` as a Decimal amount.

    ``masters``: the digest of what the bills take from vendors, jobs, commitments and cost codes, ``let``: that of the
    possible duplicates which go with the override and of the others they look like, both as a plan tells them.
    """

    count: int | None = None
    net: Decimal | None = None
    masters: str | None = None
    let: str | None = None


class Chosen:
    """What a decision is about: invoices in the versions that their selection was checked against.

    ``changed`` are the numbers of the marked ones that others changed since they were seen; it is whole when all the
    chunks were read.
    """

    def __init__(self, db: Database, picked: Picked, *, marked: bool) -> None:
        self._db, self.picked, self.marked = db, picked, marked
        self.ids = picked.ids
        self.changed = list(_numbers(db, picked.changed))

    def chunks(self) -> Iterator[list[Candidate]]:
        """The invoices, some at a time, none in another version than its selection was checked against.

        On PostgreSQL others may commit between that check and the reading of a chunk: a marked one is left out and
        named then, and a selection by filters is refused. Raises Changed.
        """
        for number, chunk in enumerate(candidates.load(self._db, self.ids)):
            first = number * candidates.CHUNK
            last = first + candidates.CHUNK
            known = dict(zip(self.ids[first:last], self.picked.versions[first:last], strict=True))
            same = [c for c in chunk if c.version == known[c.id]]
            if len(same) != len(known):
                if not self.marked:
                    raise Changed(
                        "Others decided on some of these invoices at the same moment",
                        why="nothing was changed by you",
                        fix="Look at the list again ({list.refresh}) and decide again",
                    )
                kept = {c.id for c in same}
                self.changed += _numbers(self._db, [number for number in known if number not in kept])
            yield same

    def awaited(self, chunk: Sequence[Candidate]) -> set[int]:
        """Those of them that were delivered, and whose receipt is awaited, by id."""
        return awaited.among_these(self._db, chunk)


def selected(db: Database, selection: Selection, found: Seen | None = None) -> Chosen:
    """What a decision on a selection is about. Raises NothingMatched, and as store.selecting.select_ids does.

    ``found``: what store.selecting.seen has told of it in this transaction already.
    """
    picked = select_ids(db, selection, found)
    if isinstance(selection, Marked) and not selection.versions:
        raise NothingMatched(
            "Nothing is marked", fix="{table.mark} marks one invoice, {list.mark-all} marks all that match"
        )
    if not picked.ids and not picked.changed:
        raise NothingMatched(
            "Nothing matches",
            fix="Widen the filter ({list.clear-filter} clears it) or choose another view ({list.view-1}-{list.view-5})",
        )
    return Chosen(db, picked, marked=isinstance(selection, Marked))


def _numbers(db: Database, ids: Sequence[int]) -> Iterator[str]:
    """Their numbers; of one that was discarded there is only its id."""
    sql = f"SELECT id, number FROM invoices WHERE {among(db, 'id')}"
    for first in range(0, len(ids), candidates.CHUNK):
        some = ids[first : first + candidates.CHUNK]
        names = dict(db.execute(sql, (packed(db, some),)).fetchall())
        for number in some:
            yield one_line(names[number]) if number in names else f"#{number}"


class Outcome:
    """What a decision has done so far, chunk by chunk: ids of what went, the first of what stays."""

    def __init__(self) -> None:
        self.done: list[int] = []
        self.stays: list[Stay] = []
        self.unnamed = 0

    def add(self, done: Iterable[int], stays: Sequence[Stay]) -> None:
        """One chunk more."""
        self.done.extend(done)
        room = STAYS_TOLD - len(self.stays)
        self.stays.extend(stays[:room])
        self.unnamed += max(0, len(stays) - room)

    def settled(self, changed: Sequence[str], what: str, **more: Any) -> Decision:
        """The decision. Raises as settle() does when nothing was done."""
        settle(self.done, self.stays, changed, what, self.unnamed)
        return Decision(tuple(self.done), tuple(self.stays), tuple(changed), unnamed=self.unnamed, **more)


def settle(
    done: Sequence[int], stays: Sequence[Stay], changed: Sequence[str], what: str, unnamed: int = 0
) -> None:
    """Raise when a decision has nothing that it could do: then nothing is written either."""
    if done:
        return
    if stays:
        error = stays[0].sentence()
        if len(stays) + unnamed > 1:
            error.what += f" (and {len(stays) + unnamed - 1:,} more)"
        raise error
    raise Disallowed(
        f"Nothing was {what}",
        why=f"others changed {', '.join(changed[:5])} meanwhile",
        fix="Look again; a mark keeps what was seen: what is still marked, unmark and mark again ({table.mark})",
    )


def allowed(chosen: Chosen, action: Action) -> Iterator[tuple[list[Candidate], list[Stay]]]:
    """The invoices that the table of transitions lets go, and the others with their sentence; chunk by chunk."""
    for chunk in chosen.chunks():
        going: list[Candidate] = []
        stays: list[Stay] = []
        delivered = chosen.awaited(chunk)
        for c in chunk:
            try:
                check(action, c.erp_status, c.name, awaited=c.id in delivered)
            except Disallowed as error:
                stays.append(stay(c, "state", error, error.why))
            else:
                going.append(c)
        yield going, stays
