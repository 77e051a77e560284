"""Possible duplicates: invoices of one vendor with the same number, or the same amount in the same period.

What numbers say when they are folded (store.domain.likeness) stands in a table beside the invoices, and the flag on an
invoice follows what the store has: whoever writes a number or an amount says which were written, and both sides of
every pair are marked or cleared in the same transaction. What is not flagged looks like no other.

Numbers that restart with each commitment have keys of their own, beside those that tell more: two of them are no pair,
one of them and one that tells more are (docs/decisions/0013).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, NamedTuple

from store.db import Database
from store.domain.likeness import RESTARTING, alike_keys, likeness_key, restarts, same_amount, telling
from store.packed import among, packed

# Of more that look like one invoice the newest so many are told, and let pass: what is new is always among them. Of
# thousands that all look alike each is compared with so many, and an override is written for each.
MOST = 20
_RUN = 2000
# As the index invoices_amount has it.
AMOUNT = "CASE WHEN {0}.gross <> 0 THEN {0}.gross ELSE {0}.net END"
# As restarts() has it.
_DIGIT = "substr({0}, {1}, 1) BETWEEN '0' AND '9'"
_RESTARTS = f"substr({{0}}, 1, 1) = '{RESTARTING}' AND {_DIGIT.format('{0}', 2)}"


class Known(NamedTuple):
    """What of an invoice is compared; ``amount`` in minor units, 0 for what is nobody's duplicate by it."""

    id: int
    vendor: int
    number: str
    erp_number: str
    application: int
    currency: str
    period_end: str
    amount: int

    def numbers(self) -> set[tuple[int, str]]:
        """The vendor with the key of each of its numbers: the invoice's own, and the ERP's where an approver gave one."""
        return {
            (self.vendor, likeness_key(number, self.application))
            for number in (self.number, self.erp_number)
            if number
        }


def known(db: Database, ids: Sequence[int]) -> list[Known]:
    """What is compared of these invoices as it is now: ask before they are changed."""
    found: list[Known] = []
    for first in range(0, len(ids), _RUN):
        rows = db.execute(
            "SELECT id, vendor_id, number, erp_number, application, currency, period_end, gross, net FROM invoices"
            f" WHERE {among(db, 'id')} ORDER BY id",
            (packed(db, ids[first : first + _RUN]),),
        ).fetchall()
        found += [Known._make((*row, same_amount(gross, net))) for *row, gross, net in rows]
    return found


def refresh(db: Database, fresh: Sequence[Known], before: Sequence[Known] = ()) -> None:
    """Keep the folded numbers of written invoices, and flag those that look like another of their vendor; clear others.

    ``fresh``: new invoices, which carry no flag yet. ``before``: what changed invoices were. A few statements however
    many there are, and rows whose flag is right are not written. No version rises: the flag is a warning, and nothing
    that was decided on is different. Call it in the transaction that writes them.
    """
    if not fresh and not before:
        return
    after = known(db, [was.id for was in before])
    had = {(*key, was.id) for was in before for key in was.numbers()}
    have = {(*key, now.id) for now in after for key in now.numbers()}
    came = {(*key, now.id) for now in fresh for key in now.numbers()} | (have - had)
    left = had - have
    if left:
        listed, given = given_rows(db, left, "number TEXT", "invoice_id BIGINT")
        db.execute(
            "DELETE FROM likenesses WHERE (vendor_id, number, invoice_id) IN"
            f" (SELECT vendor, number, invoice_id FROM ({listed}) AS g)",
            (given,),
        )
    _keep(db, came)
    billed = {_billed(one) for one in (*fresh, *after) if one.amount}
    _flag(db, came, billed)
    if before:
        alone = {was.id for was in before}
        alone |= _members(
            db, {(vendor, telling(number)) for vendor, number, _ in left}, {_billed(was) for was in before}
        )
        _clear(db, sorted(alone | _freed(db, left)))


def _billed(one: Known) -> tuple[int, str, str, int]:
    return one.vendor, one.currency, one.period_end, one.amount


def fill(db: Database) -> None:
    """Keep what all numbers say, and flag what looks alike and nothing else: for a database that comes up to date."""
    db.execute("DELETE FROM likenesses")
    db.execute("UPDATE invoices SET duplicate = ? WHERE duplicate = ?", (False, True))
    last = 0
    while rows := db.execute(
        "SELECT id, vendor_id, number, erp_number, application FROM invoices WHERE id > ? ORDER BY id LIMIT ?",
        (last, _RUN),
    ).fetchall():
        last = rows[-1][0]
        _keep(db, {(*key, row[0]) for row in rows for key in Known._make((*row, "", "", 0)).numbers()})
    yes = "TRUE" if db.postgres else "1"
    no = "NOT duplicate" if db.postgres else "duplicate = 0"
    db.execute(
        f"UPDATE invoices SET duplicate = {yes} WHERE {no} AND id IN (SELECT l.invoice_id FROM"
        f" (SELECT vendor_id, number FROM likenesses WHERE NOT ({_RESTARTS.format('number')})"
        " GROUP BY vendor_id, number HAVING count(*) > 1) AS several"
        " JOIN likenesses l ON l.vendor_id = several.vendor_id AND l.number = several.number)"
    )
    for which, other in (
        (_RESTARTS.format("l.number"), "substr(l.number, 2)"),
        (_DIGIT.format("l.number", 1), f"'{RESTARTING}' || l.number"),
    ):
        db.execute(
            f"UPDATE invoices SET duplicate = {yes} WHERE {no} AND id IN (SELECT l.invoice_id FROM likenesses l"
            f" WHERE {which} AND EXISTS"
            f" (SELECT 1 FROM likenesses o WHERE o.vendor_id = l.vendor_id AND o.number = {other}))"
        )
    amount = AMOUNT.format("i")
    db.execute(
        f"UPDATE invoices SET duplicate = {yes} WHERE {no} AND id IN (SELECT id FROM (SELECT i.id, {amount} AS amount,"
        f" count(*) OVER (PARTITION BY i.vendor_id, i.period_end, {amount}, i.currency) AS many FROM invoices i)"
        " AS counted WHERE many > 1 AND amount <> 0)"
    )


def given_rows(db: Database, rows: Iterable[Sequence[Any]], *columns: str) -> tuple[str, str]:
    """The rows, each a vendor and then these columns, as SQL with its one parameter."""
    given = json.dumps([list(row) for row in rows], separators=(",", ":"))
    named = [("vendor", "BIGINT"), *(column.split() for column in columns)]
    if db.postgres:
        values = ", ".join(f"(value->>{n})::{kind} AS {name}" for n, (name, kind) in enumerate(named))
        return f"SELECT {values} FROM json_array_elements(?::json) AS g(value)", given
    values = ", ".join(f"json_extract(value, '$[{n}]') AS {name}" for n, (name, _) in enumerate(named))
    return f"SELECT {values} FROM json_each(?)", given


def _keep(db: Database, rows: Iterable[tuple[int, str, int]]) -> None:
    # In their order: neighbours are written together.
    if not (wanted := sorted(rows)):
        return
    select, given = given_rows(db, wanted, "number TEXT", "invoice_id BIGINT")
    db.execute(
        f"INSERT INTO likenesses (vendor_id, number, invoice_id) SELECT vendor, number, invoice_id FROM ({select}) AS g"
        # SQLite reads ON as a join's without it.
        " WHERE TRUE ON CONFLICT DO NOTHING",
        (given,),
    )


def _numbered(db: Database, keys: Iterable[tuple[int, str]], having: str) -> tuple[str, str]:
    select, given = given_rows(db, keys, "number TEXT")
    # How many there are is told by the index alone.
    sql = (
        f"WITH given_keys AS MATERIALIZED ({select}), counted AS MATERIALIZED"
        " (SELECT l.vendor_id, l.number FROM given_keys k"
        " JOIN likenesses l ON l.vendor_id = k.vendor AND l.number = k.number"
        f" GROUP BY l.vendor_id, l.number HAVING count(*) {having})"
    )
    return sql, given


def _amounts(db: Database, billed: Iterable[tuple[int, str, str, int]], having: str) -> tuple[str, str]:
    select, given = given_rows(db, billed, "currency TEXT", "period TEXT", "amount BIGINT")
    sql = (
        f"WITH given_keys AS MATERIALIZED ({select}), counted AS MATERIALIZED"
        " (SELECT k.vendor, k.currency, k.period, k.amount FROM given_keys k JOIN invoices i ON i.vendor_id = k.vendor"
        f" AND i.period_end = k.period AND {AMOUNT.format('i')} = k.amount AND i.currency = k.currency"
        f" WHERE k.amount <> 0 GROUP BY k.vendor, k.currency, k.period, k.amount HAVING count(*) {having})"
    )
    return sql, given


_OF_NUMBERS = "SELECT l.invoice_id FROM counted c JOIN likenesses l ON l.vendor_id = c.vendor_id AND l.number = c.number"
_OF_AMOUNTS = (
    "SELECT i.id FROM counted c JOIN invoices i ON i.vendor_id = c.vendor AND i.period_end = c.period"
    f" AND {AMOUNT.format('i')} = c.amount AND i.currency = c.currency"
)


def _flag(
    db: Database, came: Iterable[tuple[int, str, int]], billed: Iterable[tuple[int, str, str, int]]
) -> None:
    """Mark both sides of the new pairs: by keys that came with their invoices, and by what is billed."""
    keys = {(vendor, key) for vendor, key, _ in came}
    # Those that restart are as many as the commitments: of them the new ones alone, beside one that tells more.
    beside = _there(db, {(vendor, telling(key)) for vendor, key in keys if restarts(key)})
    alone = [number for vendor, key, number in came if restarts(key) and (vendor, telling(key)) in beside]
    others = {(vendor, key) for vendor, key in keys if not restarts(key)}
    restarted = _there(db, {(vendor, RESTARTING + key) for vendor, key in others if key.isdecimal()})
    mixed = beside | restarted | {(vendor, telling(key)) for vendor, key in restarted}
    for (given, value), members in (
        (_numbered(db, others, "> 1"), _OF_NUMBERS),
        (_numbered(db, mixed, "> 0"), _OF_NUMBERS),
        (_amounts(db, billed, "> 1"), _OF_AMOUNTS),
    ):
        if value != "[]":
            db.execute(
                f"{given} UPDATE invoices SET duplicate = ? WHERE id IN ({members}) AND duplicate <> ?",
                (value, True, True),
            )
    for first in range(0, len(alone), _RUN):
        db.execute(
            f"UPDATE invoices SET duplicate = ? WHERE {among(db, 'id')} AND duplicate <> ?",
            (True, packed(db, alone[first : first + _RUN]), True),
        )


def _there(db: Database, keys: Iterable[tuple[int, str]]) -> set[tuple[int, str]]:
    """Those of these keys that an invoice has."""
    select, given = given_rows(db, keys, "number TEXT")
    if given == "[]":
        return set()
    rows = db.execute(
        f"WITH g AS MATERIALIZED ({select}) SELECT vendor, number FROM g WHERE EXISTS"
        " (SELECT 1 FROM likenesses l WHERE l.vendor_id = g.vendor AND l.number = g.number)",
        (given,),
    ).fetchall()
    return {(int(row[0]), str(row[1])) for row in rows}


def _freed(db: Database, left: Iterable[tuple[int, str, int]]) -> set[int]:
    """The flagged ones that restart, and beside which none is left that tells more."""
    told = {(vendor, key) for vendor, key, _ in left if key.isdecimal()}
    gone = told - _there(db, told)
    given, value = _numbered(db, {(vendor, RESTARTING + key) for vendor, key in gone}, "> 0")
    if value == "[]":
        return set()
    rows = db.execute(
        f"{given} SELECT id FROM invoices WHERE id IN ({_OF_NUMBERS}) AND duplicate = ?", (value, True)
    )
    return {int(row[0]) for row in rows.fetchall()}


def _members(
    db: Database, keys: Iterable[tuple[int, str]], billed: Iterable[tuple[int, str, str, int]]
) -> set[int]:
    """Who is alone with one of these by now."""
    found: set[int] = set()
    for (given, value), members in (
        (_numbered(db, keys, "= 1"), _OF_NUMBERS),
        (_amounts(db, billed, "= 1"), _OF_AMOUNTS),
    ):
        if value != "[]":
            found.update(row[0] for row in db.execute(f"{given} {members}", (value,)).fetchall())
    return found


def flagged(db: Database, ids: Sequence[int]) -> list[int]:
    """Those of the invoices that look like another one, in the order of their ids."""
    found: list[int] = []
    for first in range(0, len(ids), _RUN):
        rows = db.execute(
            f"SELECT id FROM invoices WHERE {among(db, 'id')} AND duplicate = ?",
            (packed(db, ids[first : first + _RUN]), True),
        )
        found += [row[0] for row in rows.fetchall()]
    return sorted(found)


def _clear(db: Database, ids: Sequence[int]) -> None:
    """Take the flag from those of the invoices that look like no other any more."""
    for first in range(0, len(ids), _RUN):
        own = known(db, ids[first : first + _RUN])
        alike = {number for number, _ in (*same_number(db, own), *same_money(db, own))}
        if alone := [one.id for one in own if one.id not in alike]:
            db.execute(
                f"UPDATE invoices SET duplicate = ? WHERE {among(db, 'id')} AND duplicate <> ?",
                (False, packed(db, alone), False),
            )


def same_number(db: Database, of: Iterable[Known]) -> list[tuple[int, int]]:
    """Each of these invoices with every other one whose number looks like one of its own: of very many the newest MOST.

    Two numbers that restart with their commitments do not; restarted() tells of these.
    """
    asked = {
        (vendor, like, one.id) for one in of for vendor, key in one.numbers() for like in alike_keys(key)
    }
    pairs = _paired(db, asked, MOST)
    if len(asked) == len({(vendor, number) for vendor, _, number in asked}):
        return pairs
    # Several keys have so many each.
    pairs.sort(key=lambda pair: (pair[0], -pair[1]))
    return [pair for _, same in groupby(pairs, key=itemgetter(0)) for pair in islice(same, MOST)]


def restarted(db: Database, of: Iterable[Known], most: int) -> list[tuple[int, int]]:
    """Each of these whose number restarts, with others of the vendor that have the same one: the newest ``most``."""
    return _paired(
        db, {(vendor, key, one.id) for one in of for vendor, key in one.numbers() if restarts(key)}, most
    )


def _paired(db: Database, asked: Iterable[tuple[int, str, int]], most: int) -> list[tuple[int, int]]:
    """The pairs of vendor, key and invoice with others that have the key, the newest of each."""
    select, given = given_rows(db, asked, "number TEXT", "id BIGINT")
    if given == "[]":
        return []
    theirs = "SELECT x.invoice_id FROM likenesses x WHERE x.vendor_id = g.vendor AND x.number = g.number"
    rows: list[tuple[int, int]] = db.execute(
        f"WITH given_keys AS MATERIALIZED ({select}) SELECT DISTINCT g.id, l.invoice_id FROM given_keys g"
        " JOIN likenesses l ON l.vendor_id = g.vendor AND l.number = g.number AND l.invoice_id <> g.id"
        f" AND l.invoice_id >= coalesce(({theirs} ORDER BY x.invoice_id DESC LIMIT 1 OFFSET {most}), 0)",
        (given,),
    ).fetchall()
    return rows


def same_money(db: Database, of: Iterable[Known]) -> list[tuple[int, int]]:
    """Each of these invoices with every other one of the same amount in the same period: the newest MOST."""
    rows = [(one.vendor, one.currency, one.period_end, one.amount, one.id) for one in of if one.amount]
    if not rows:
        return []
    select, given = given_rows(db, rows, "currency TEXT", "period TEXT", "amount BIGINT", "id BIGINT")
    same = (
        "{0}.vendor_id = g.vendor AND {0}.period_end = g.period AND "
        + AMOUNT
        + " = g.amount AND {0}.currency = g.currency"
    )
    found: list[tuple[int, int]] = db.execute(
        f"WITH given_keys AS MATERIALIZED ({select}) SELECT g.id, i.id FROM given_keys g"
        f" JOIN invoices i ON {same.format('i')} AND i.id <> g.id AND i.id >= coalesce("
        f"(SELECT x.id FROM invoices x WHERE {same.format('x')} ORDER BY x.id DESC LIMIT 1 OFFSET {MOST}), 0)",
        (given,),
    ).fetchall()
    return found
