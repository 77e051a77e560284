"""What the ERP said it has and has not: kept with the time of asking, so that a dry run tells it with its age.

A code is a vendor, job, commitment, account, tax or terms as the ERP calls it. What was never asked is neither known
nor unknown. Facts age: they warn, and block nothing; the ERP itself refuses.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from store.db import Database
from store.domain.knowing import Fact, Kind
from store.domain.text import safe, storable

# The codes of an export by kind, as the ERP calls them.
Codes = Mapping[Kind, Collection[str]]
# So many codes in one statement.
_RUN = 5000
# So much of what the ERP calls a code is kept.
NAME_MOST = 200


class Known(NamedTuple):
    """What the ERP said of one code; ``asked_at`` in ms UTC."""

    known: bool
    name: str
    asked_at: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Of the codes of one kind: how many there are, how many were asked for, how many of these the ERP has not.

    ``oldest``: when the one that was asked for longest ago was asked for, in ms UTC; None where none was.
    """

    kind: Kind
    count: int
    asked: int
    unknown: int
    oldest: int | None


def put(db: Database, erp: str, facts: Iterable[Fact]) -> None:
    """Keep what the ERP says now, instead of what it said before of the same codes."""
    # In one order, so that two who put the same ones never wait for each other.
    told = sorted({(fact.kind.value, fact.code): fact for fact in facts if storable(fact.code)}.items())
    if not told:
        return
    with db.transaction():
        now = db.now()
        db.executemany(
            "INSERT INTO erp_facts (erp, kind, code, known, name, asked_at) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (erp, kind, code) DO UPDATE"
            " SET known = excluded.known, name = excluded.name, asked_at = excluded.asked_at",
            [(erp, kind, code, fact.known, _kept(fact.name), now) for (kind, code), fact in told],
        )


def _kept(name: str) -> str:
    name = name[:NAME_MOST]
    return name if storable(name) else safe(name)


def of(db: Database, erp: str, kind: Kind, codes: Collection[str]) -> dict[str, Known]:
    """What the ERP said of these codes; one that it was never asked for is missing."""
    found: dict[str, Known] = {}
    for run in _runs(codes):
        rows = db.execute(
            "SELECT code, known, name, asked_at FROM erp_facts"
            f" WHERE erp = ? AND kind = ? AND {_among(db, 'code')}",
            (erp, kind.value, _packed(db, run)),
        ).fetchall()
        found |= {code: Known(bool(known), name, int(asked)) for code, known, name, asked in rows}
    return found


def unknown(db: Database, erp: str) -> dict[Kind, dict[str, int]]:
    """The codes that the ERP said it has not, by kind, with the time of asking."""
    found: dict[Kind, dict[str, int]] = {kind: {} for kind in Kind}
    rows = db.execute("SELECT kind, code, asked_at FROM erp_facts WHERE erp = ? AND NOT known", (erp,))
    for kind, code, asked in rows.fetchall():
        if kind in found:
            found[Kind(kind)][code] = int(asked)
    return found


def to_ask(db: Database, erp: str, codes: Codes, most_ms: int) -> dict[Kind, list[str]]:
    """Of these codes those that the ERP was never asked for, and those asked for longer than ``most_ms`` ago.

    By kind; the never asked ones first, then the oldest. A time that is still to come is one of a clock put back since.
    """
    now = db.now()
    wanted: dict[Kind, list[str]] = {}
    for kind, named in codes.items():
        there = of(db, erp, kind, named)
        old = {
            code: there[code].asked_at if code in there else -1
            for code in named
            if code not in there or not now - most_ms <= there[code].asked_at <= now
        }
        if old:
            wanted[kind] = sorted(old, key=lambda code: (old[code], code))
    return wanted


def standing(db: Database, erp: str, codes: Codes) -> tuple[Standing, ...]:
    """What is known of these codes, one row a kind that has any."""
    found = []
    for kind, named in codes.items():
        there = of(db, erp, kind, named)
        oldest = min((one.asked_at for one in there.values()), default=None)
        lacking = sum(not one.known for one in there.values())
        if named:
            found.append(Standing(kind, len(named), len(there), lacking, oldest))
    return tuple(found)


# -- many texts as one parameter ---------------------------------------------------------------------------------------


def _runs(codes: Collection[str]) -> Iterator[list[str]]:
    listed = [code for code in codes if storable(code)]
    for first in range(0, len(listed), _RUN):
        yield listed[first : first + _RUN]


def _among(db: Database, column: str) -> str:
    return f"{column} = ANY(?::text[])" if db.postgres else f"{column} IN (SELECT value FROM json_each(?))"


def _packed(db: Database, codes: list[str]) -> Any:
    return codes if db.postgres else json.dumps(codes)
