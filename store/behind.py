"""Applications that an export would overtake: earlier ones of the same commitment that are not synced and stay."""

from __future__ import annotations

import json
from array import array
from bisect import bisect_left
from collections.abc import Iterable

from store.db import Database
from store.domain.status import ErpStatus
from store.planning import Going

# How many the sentence names.
NAMED = 5
_RUN = 1000


class Overtaking:
    """Gathers what goes, in the order of the ids, then tells what it overtakes. About 100 bytes a commitment."""

    def __init__(self) -> None:
        self._ids = array("q")
        # How many go of each commitment, and the last application of them.
        self._counts: dict[int, int] = {}
        self._last: dict[int, int] = {}

    def add(self, going: Iterable[Going]) -> None:
        """These go."""
        for g in going:
            c = g.candidate
            self._ids.append(c.id)
            self._counts[c.commitment_id] = self._counts.get(c.commitment_id, 0) + 1
            if c.application > self._last.get(c.commitment_id, 0):
                self._last[c.commitment_id] = c.application

    def found(self, db: Database) -> tuple[int, list[tuple[str, str]]]:
        """How many would go before an earlier application; of the first of them the numbers of both."""
        count = 0
        named: list[tuple[str, str]] = []
        touched = sorted(self._counts)
        for first in range(0, len(touched), _RUN):
            for later, earlier in self._pairs(db, self._broken(db, touched[first : first + _RUN])):
                count += 1
                if len(named) < NAMED:
                    named.append((later, earlier))
        return count, named

    def _broken(self, db: Database, commitments: list[int]) -> list[int]:
        """The commitments of which something stays that comes before the last that goes."""
        rows = db.execute(
            f"SELECT w.commitment, count(*) FROM {_wanted(db)} JOIN invoices i ON i.commitment_id = w.commitment"
            f" AND i.application <= w.last WHERE i.erp_status <> '{ErpStatus.SYNCED}' GROUP BY w.commitment",
            (self._packed(commitments),),
        ).fetchall()
        return [number for number, unsynced in rows if unsynced > self._counts[number]]

    def _pairs(self, db: Database, commitments: list[int]) -> Iterable[tuple[str, str]]:
        """The numbers of each that goes and of the earliest that stays before it."""
        if not commitments:
            return
        rows = db.execute(
            f"SELECT i.commitment_id, i.id, i.number FROM {_wanted(db)} JOIN invoices i"
            " ON i.commitment_id = w.commitment AND i.application <= w.last"
            f" WHERE i.erp_status <> '{ErpStatus.SYNCED}' ORDER BY i.commitment_id, i.application",
            (self._packed(commitments),),
        )
        staying: dict[int, str] = {}
        for commitment, number, name in rows.fetchall():
            if not self._goes(number):
                staying.setdefault(commitment, name)
            elif commitment in staying:
                yield name, staying[commitment]

    def _goes(self, number: int) -> bool:
        place = bisect_left(self._ids, number)
        return place < len(self._ids) and self._ids[place] == number

    def _packed(self, commitments: list[int]) -> str:
        return json.dumps([[number, self._last[number]] for number in commitments], separators=(",", ":"))


def _wanted(db: Database) -> str:
    """The table w of commitments with the last application that goes; its one ``?`` takes _packed()."""
    if db.postgres:
        return (
            "(SELECT (value->>0)::bigint AS commitment, (value->>1)::integer AS last"
            " FROM jsonb_array_elements(?::jsonb)) w"
        )
    return (
        "(SELECT json_extract(value, '$[0]') AS commitment, json_extract(value, '$[1]') AS last"
        " FROM json_each(?)) w"
    )
