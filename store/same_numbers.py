"""Numbers that an export would post twice: two invoices of a vendor under one ERP invoice number, case aside."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from store.db import Database
from store.domain.status import TITLES, ErpStatus
from store.domain.text import fold, safe
from store.packed import among, packed
from store.planning import Going

# How many the sentence names.
NAMED = 3
_RUN = 2000
# What is in one of these states is posted, or may be.
_POSTED = (
    ErpStatus.QUEUED,
    ErpStatus.EXPORTING,
    ErpStatus.UNCERTAIN,
    ErpStatus.PARKED,
    ErpStatus.SYNCED,
)
# A vendor's id and a number in small letters.
_Key = tuple[int, str]


class SameNumbers:
    """Gathers what goes, in the order of the ids, then tells which of it shares its number. 8 bytes an invoice."""

    def __init__(self, given: str | None = None) -> None:
        """``given``: the ERP invoice number that one invoice goes with, "" for its own; None: as the store has it."""
        self._given = given
        self._ids = array("q")

    def add(self, going: Iterable[Going]) -> None:
        """These go."""
        self._ids.extend(g.candidate.id for g in going)

    def found(self, db: Database) -> tuple[int, list[str]]:
        """How many would be posted under another's number; the first numbers with both invoices."""
        counted: set[_Key] = set()
        count = 0
        named: list[tuple[int, int]] = []
        for first in range(0, len(self._ids), _RUN):
            for key, states in self._shared(db, self._ids[first : first + _RUN]):
                going = [number for number in states if self._goes(number)]
                others = [
                    number for number, state in states.items() if state in _POSTED and not self._goes(number)
                ]
                if key in counted or len(going) + len(others) < 2 or not going:
                    continue
                counted.add(key)
                count += len(going)
                if len(named) < NAMED:
                    named.append((going[0], (others or going[1:])[0]))
        return count, [self._sentence(db, *pair) for pair in named]

    def _shared(self, db: Database, ids: Sequence[int]) -> Iterator[tuple[_Key, dict[int, ErpStatus]]]:
        """The numbers of these invoices that others of their vendors have too, with all their states."""
        # As store.duplicates compares numbers, through its index.
        posted = "coalesce(nullif(lower(erp_number), ''), twin, lower(number))"
        values: list[object] = [packed(db, ids)]
        own = ""
        if self._given is not None:
            posted = "coalesce(nullif(?, ''), twin, lower(number))"
            own = " UNION SELECT id, vendor_id, number, 'ready_to_export' FROM given"
            values.insert(0, fold(self._given))
        sql = (
            f"WITH given AS MATERIALIZED (SELECT id, vendor_id, {posted} AS number FROM invoices"
            f" WHERE {among(db, 'id')}),"
            " wanted AS MATERIALIZED (SELECT DISTINCT vendor_id, number FROM given),"
            " bearers AS (SELECT i.id, w.vendor_id AS vendor, w.number, i.erp_status AS state FROM wanted w"
            " JOIN invoices i ON i.vendor_id = w.vendor_id AND coalesce(i.twin, lower(i.number)) = w.number"
            " WHERE i.erp_number = '' AND i.erp_status <> 'not_sent'"
            " UNION SELECT i.id, w.vendor_id, w.number, i.erp_status FROM wanted w"
            " JOIN invoices i ON i.vendor_id = w.vendor_id AND lower(i.erp_number) = w.number"
            " WHERE i.erp_number <> '' AND length(i.erp_number) <= 500"
            f" AND i.erp_status <> 'not_sent'{own}),"
            " counted AS (SELECT id, vendor, number, state,"
            " count(*) OVER (PARTITION BY vendor, number) AS many FROM bearers)"
            " SELECT vendor, number, id, state FROM counted WHERE many > 1 ORDER BY vendor, number, id"
        )
        rows = db.execute(sql, values).fetchall()
        for key, group in groupby(rows, key=lambda row: (int(row[0]), str(row[1]))):
            yield key, {int(row[2]): ErpStatus(row[3]) for row in group}

    def _goes(self, number: int) -> bool:
        place = bisect_left(self._ids, number)
        return place < len(self._ids) and self._ids[place] == number

    def _sentence(self, db: Database, one: int, other: int) -> str:
        rows = db.execute(
            "SELECT i.id, i.number, i.erp_number, c.number, i.erp_status FROM invoices i"
            f" JOIN commitments c ON c.id = i.commitment_id WHERE {among(db, 'i.id')}",
            (packed(db, (one, other)),),
        ).fetchall()
        found = {int(row[0]): row for row in rows}
        _, number, erp_number, commitment, _ = found[one]
        posted = (erp_number if self._given is None else self._given) or number
        _, theirs, _, where, state = found[other]
        place = "goes too" if self._goes(other) else TITLES[ErpStatus(state)]
        return safe(f"{posted} of {number} ({commitment}) and {theirs} ({where}, {place})")
