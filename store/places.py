"""The stored order of the lists: a commitment's place by vendor name, its own number and its id.

Names are compared letter by letter by code point, as both databases and Python do alike: capitals stand before small
letters. Places have gaps, so that a new commitment moves no other; invoices carry their commitment's place.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise

from store.db import Database

# The distance between two places that were given at once; 0002_desk.sql has it too.
STEP = 2**32


def refresh(db: Database) -> int:
    """Give places to commitments that have none or stand wrong, and hand them on to their invoices.

    Call it in the transaction that creates or renames vendors or commitments. Returns how many places changed.
    """
    rows = db.execute(
        "SELECT v.name, c.number, c.id, c.place FROM commitments c JOIN vendors v ON v.id = c.vendor_id"
    ).fetchall()
    rows.sort()
    places = spread([row[3] for row in rows])
    moved = [(place, row[2]) for place, row in zip(places, rows, strict=True) if place != row[3]]
    if moved:
        db.executemany("UPDATE commitments SET place = ? WHERE id = ?", moved)
        db.executemany("UPDATE invoices SET place = ? WHERE commitment_id = ?", moved)
    return len(moved)


def spread(places: Sequence[int]) -> list[int]:
    """Rising places from those that there are, 0 for none; as many as possible stay. Without room all are new."""
    kept = _rising(places)
    found = list(places)
    for before, after in pairwise([-1, *kept, len(places)]):
        new = after - before - 1
        low = places[before] if before >= 0 else 0
        high = places[after] if after < len(places) else low + STEP * (new + 1)
        if high - low <= new:
            return [STEP * n for n in range(1, len(places) + 1)]
        for n in range(1, new + 1):
            found[before + n] = low + (high - low) * n // (new + 1)
    return found


def _rising(places: Sequence[int]) -> list[int]:
    """Where the longest rising run of places stands, those without a place left out."""
    ends: list[int] = []
    last: list[int] = []
    previous: list[int] = [-1] * len(places)
    for at, place in enumerate(places):
        if place <= 0:
            continue
        length = bisect_left(ends, place)
        previous[at] = last[length - 1] if length else -1
        if length == len(ends):
            ends.append(place)
            last.append(at)
        else:
            ends[length], last[length] = place, at
    found: list[int] = []
    at = last[-1] if last else -1
    while at >= 0:
        found.append(at)
        at = previous[at]
    return found[::-1]
