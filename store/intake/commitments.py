"""Commitments with their schedule of values and opening balances: one row per line, the commitment's columns repeated."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any

from store import directory, places
from store.db import Database
from store.domain.actor import Actor
from store.domain.errors import BadInput
from store.domain.money import decimals
from store.intake.books import chunks, marks
from store.intake.draft import ITEM_TYPES
from store.intake.masters import (
    BadRow,
    Cells,
    Known,
    Tally,
    Wanted,
    find_project,
    matched,
    project_ids,
    write,
)
from store.intake.tabular import Row
from store.intake.values import amount, whole

_COMMITMENT = (
    "number",
    "project",
    "vendor",
    "title",
    "kind",
    "commitment_id",
    "currency",
    "retainage_percent",
    "erp_ref",
    "opening_application",
)
KINDS = ("subcontract", "purchase_order")
# What invoices have taken over from their commitment, or build on.
_FIXED = ("project_id", "vendor_id", "currency", "opening_application")
_LINE = (
    "position",
    "item",
    "item_type",
    "cost_code",
    "description",
    "scheduled",
    "opening_work",
    "opening_stored",
    "opening_retainage",
)


def take(db: Database, _actor: Actor, rows: Sequence[Row], tally: Tally, _partial: bool) -> None:
    """Upsert the commitments of the rows; the schedule of values in the file replaces the store's."""
    projects = project_ids(db)
    vendors = _vendors(db)
    currency = directory.company(db).currency
    wanted = []
    for _, group in groupby(rows, lambda row: (row.cells["project"], row.cells["number"])):
        lines = list(group)
        try:
            wanted.append(_read(lines, projects, vendors, currency))
        except _BadLine as bad:
            tally.report.add(f"row {bad.row}, column {bad.column}", bad.reason)
    known = _known(db)
    billed = {row[0] for row in db.execute("SELECT DISTINCT commitment_id FROM invoices")}
    pairs = []
    for want, mine in matched(known, wanted, "commitment", tally):
        if mine and mine.id in billed and (fixed := _touched(want, mine)):
            reason = f"{fixed} of commitment {want.natural[1]} cannot change any more: it has invoices"
            tally.report.add(f"row {want.row}", reason)
        else:
            pairs.append((want, mine))
    save(db, pairs, tally)


def save(db: Database, pairs: Sequence[tuple[Wanted, Known | None]], tally: Tally) -> None:
    """Insert and update commitments with their lines and places, in the transaction under way."""
    written = write(db, "commitments", "commitment", pairs, tally)
    changed = [(n, want) for n, want, mine in written if mine is None or mine.lines != want.lines]
    db.executemany("DELETE FROM commitment_lines WHERE commitment_id = ?", [(n,) for n, _ in changed])
    db.executemany(
        f"INSERT INTO commitment_lines (commitment_id, {', '.join(_LINE)}) VALUES {marks(len(_LINE) + 1)}",
        [(n, *line) for n, want in changed for line in want.lines],
    )
    places.refresh(db)


class _BadLine(Exception):
    def __init__(self, row: int, column: str, reason: str) -> None:
        super().__init__(reason)
        self.row, self.column, self.reason = row, column, reason


def _vendors(db: Database) -> dict[str, list[int]]:
    """The ids of vendors by source id; where none has it, by name."""
    rows = db.execute("SELECT id, source_id, name FROM vendors").fetchall()
    by_name: dict[str, list[int]] = {}
    for row in rows:
        by_name.setdefault(row[2], []).append(row[0])
    return by_name | {row[1]: [row[0]] for row in rows}


def _known(db: Database) -> list[Known]:
    found = {
        x[0]: Known(
            x[0],
            x[1],
            (x[2], x[5]),
            {
                "project_id": x[3],
                "vendor_id": x[4],
                "number": x[5],
                "title": x[6],
                "kind": x[7],
                "currency": x[8],
                "retainage_bp": x[9],
                "erp_ref": x[10],
                "opening_application": x[11],
            },
        )
        for x in db.execute(
            "SELECT c.id, c.source_id, p.number, c.project_id, c.vendor_id, c.number, c.title, c.kind, c.currency,"
            " c.retainage_bp, c.erp_ref, c.opening_application"
            " FROM commitments c JOIN projects p ON p.id = c.project_id"
        )
    }
    for some in chunks(found, 500):
        for row in db.execute(
            f"SELECT commitment_id, {', '.join(_LINE)} FROM commitment_lines"
            f" WHERE commitment_id IN {marks(len(some))} ORDER BY commitment_id, position",
            some,
        ):
            found[row[0]].lines.append(tuple(row[1:]))
    return list(found.values())


def _touched(want: Wanted, mine: Known) -> str:
    """What of a billed commitment the file would change though invoices build on it; "" for nothing."""
    for name in _FIXED:
        if want.values[name] != mine.values[name]:
            return name.removesuffix("_id")
    before = {line[1]: line[6:9] for line in mine.lines if any(line[6:9])}
    after = {line[1]: line[6:9] for line in want.lines if any(line[6:9])}
    return "" if before == after else "the opening balance"


def _read(
    rows: Sequence[Row],
    projects: dict[str, tuple[int, str]],
    vendors: dict[str, list[int]],
    currency: str,
) -> Wanted:
    first = rows[0]
    for column in _COMMITMENT:
        for row in rows[1:]:
            if row.cells.get(column) != first.cells.get(column):
                raise _BadLine(
                    row.number, column, f"it differs from row {first.number} of the same commitment"
                )
    try:
        values, number = _values(Cells(first), projects, vendors, currency)
        source_id = Cells(first).text("commitment_id")
    except BadRow as bad:
        raise _BadLine(first.number, bad.column, bad.reason) from None
    lines: list[tuple[Any, ...]] = []
    for position, row in enumerate(rows, 1):
        try:
            line = _line(position, Cells(row), values["currency"])
        except BadRow as bad:
            raise _BadLine(row.number, bad.column, bad.reason) from None
        if any(other[1] == line[1] for other in lines):
            raise _BadLine(row.number, "line_item", f"line item {line[1]} stands there twice")
        if any(line[6:9]) and not values["opening_application"]:
            raise _BadLine(
                row.number,
                "opening_work",
                "an opening balance needs the opening_application that it stands for",
            )
        done, retained = line[6] + line[7], line[8]
        if not (0 <= retained <= done or done <= retained <= 0):
            # The first application could not foot on it (store.domain.invoice.foot).
            reason = "more is retained on the line than opening_work and opening_stored have completed"
            raise _BadLine(row.number, "opening_retainage", reason)
        lines.append(line)
    return Wanted(first.number, source_id, (number, values["number"]), values, lines)


def _values(
    cells: Cells, projects: dict[str, tuple[int, str]], vendors: dict[str, list[int]], currency: str
) -> tuple[dict[str, Any], str]:
    """The commitment's own columns, and its project's number."""
    project, number = find_project(cells, projects)
    vendor = cells.key("vendor")
    ids = vendors.get(vendor, [])
    if len(ids) != 1:
        raise BadRow(
            "vendor",
            f"several vendors are called {vendor}: give the vendor_id"
            if ids
            else f"there is no vendor {vendor}: import the vendors first",
        )
    kind = cells.key("kind")
    if kind not in KINDS:
        raise BadRow("kind", f"{kind!r} is none of {', '.join(KINDS)}")
    return {
        "project_id": project,
        "vendor_id": ids[0],
        "number": cells.key("number"),
        "title": cells.text("title"),
        "kind": kind,
        "currency": cells.read("currency", lambda value: _currency(value or currency)),
        "retainage_bp": cells.read("retainage_percent", _basis_points),
        "erp_ref": cells.text("erp_ref"),
        "opening_application": cells.read("opening_application", _opening),
    }, number


def _currency(value: str) -> str:
    decimals(value)
    return value


def _opening(value: str) -> int:
    return 0 if value.strip() in {"", "0"} else whole(value.strip())


def _basis_points(value: str) -> int:
    """Hundredths of a percent, from "10", "7.5" or "10%"."""
    plain = value.strip().removesuffix("%")
    # Two decimals, as the dollar has: the same strictness without a second parser.
    found = amount(plain, "USD") if plain else 0
    if not 0 <= found <= 10_000:
        raise BadInput(f"{Decimal(found) / 100} is not a percentage from 0 to 100")
    return found


def _line(position: int, cells: Cells, currency: str) -> tuple[Any, ...]:
    def minor(value: str) -> int:
        return amount(value, currency) if value else 0

    kind = cells.text("item_type") or "contract_item"
    if kind not in ITEM_TYPES:
        raise BadRow("item_type", f"{kind!r} is none of {', '.join(ITEM_TYPES)}")
    cells.key("scheduled_value")
    return (
        position,
        cells.key("line_item"),
        ITEM_TYPES[kind],
        cells.text("cost_code"),
        cells.text("description"),
        *(
            cells.read(column, minor)
            for column in ("scheduled_value", "opening_work", "opening_stored", "opening_retainage")
        ),
    )
