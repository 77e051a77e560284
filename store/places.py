"""The stored order of the lists: a commitment's place by vendor name, its own number and its id.

Names are compared letter by letter by code point, as both databases and Python do alike: capitals stand before small
letters. Places have gaps, so that a new commitment moves no other; invoices carry their commitment's place.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from store import naming
from store.db import Database

# The distance between two places that were given at once; 0002_desk.sql has it too.
STEP = 2**32
# Where there is no room, so many neighbours get new places that each has this much.
ROOM = 2**16


def refresh(db: Database) -> int:
    """Give places to commitments that have none or stand wrong, and hand them on to their invoices.

    Call it in the transaction that creates or renames vendors or commitments, which calls naming.alone() first.
    Returns how many places changed.
    """
    naming.alone(db)
    rows = db.execute(
        "SELECT v.name, c.number, c.id, c.place FROM commitments c JOIN vendors v ON v.id = c.vendor_id"
    ).fetchall()
    rows.sort()
    places = spread([row[3] for row in rows])
    moved = [(place, row[2]) for place, row in zip(places, rows, strict=True) if place != row[3]]
    if moved:
        # No place is ever two commitments', not even while they change them.
        left = [(row[2],) for place, row in zip(places, rows, strict=True) if row[3] and place != row[3]]
        if left:
            db.executemany("UPDATE commitments SET place = 0 WHERE id = ?", left)
        db.executemany("UPDATE commitments SET place = ? WHERE id = ?", moved)
        db.executemany("UPDATE invoices SET place = ? WHERE commitment_id = ?", moved)
    return len(moved)


def astray(db: Database) -> int:
    """How many invoices have another place than their commitment: none, ever. It reads all of them."""
    found = db.execute(
        "SELECT count(*) FROM invoices i JOIN commitments c ON c.id = i.commitment_id WHERE c.place <> i.place"
    ).fetchone()
    return int(found[0])


def spread(places: Sequence[int]) -> list[int]:
    """Rising places from those that there are, 0 for none; as many as possible stay.

    Without room the neighbours move too, as few as give each of them some.
    """
    found = list(places)
    stops = [-1, *_rising(places), len(places)]
    at = 1
    while at < len(stops):
        if stops[at] - stops[at - 1] > 1:
            at = _place(found, stops, at)
        at += 1
    return found


def _place(found: list[int], stops: Sequence[int], right: int) -> int:
    """Give places to what stands before stop ``right``; returns the stop up to which all have places now."""
    left, width, least = right - 1, 1, 1
    while True:
        new = stops[right] - stops[left] - 1
        low = found[stops[left]] if left else 0
        high = low + STEP * (new + 1) if right == len(stops) - 1 else found[stops[right]]
        if (high - low) // (new + 1) >= least:
            break
        left, right = max(0, left - width), min(len(stops) - 1, right + width)
        width, least = width * 2, ROOM
    for n in range(1, new + 1):
        found[stops[left] + n] = low + (high - low) * n // (new + 1)
    return right


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
