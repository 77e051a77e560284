"""An invoice's G703 lines as a table for a spreadsheet, and back: what may be typed over, checked against the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from store.commitments import LineEdit
from store.domain import drafting
from store.domain.errors import BadFile, BadInput
from store.domain.invoice import Line
from store.domain.money import plain, show
from store.domain.text import safe
from store.intake.tabular import Row, open_table

ITEM = "line_item"
# What is typed over, by its column; and what only has to be as it is, where the column is there.
TYPED = {
    "work_this_period": "work_now",
    "stored_now": "stored_now",
    "retainage_held": "held",
    "retainage_released": "released",
}
FIXED = {"scheduled_value": "scheduled", "work_previous": "work_before"}
COLUMNS = (ITEM, "description", *FIXED, *TYPED)
# So many faults of a file are named.
_NAMED = 10


def rows(lines: Sequence[Line], currency: str) -> list[tuple[str, ...]]:
    """The lines under COLUMNS, amounts as plain decimals."""
    return [
        (
            line.item,
            line.description,
            *(plain(getattr(line, name), currency) for name in (*FIXED.values(), *TYPED.values())),
        )
        for line in lines
    ]


def read(path: Path, lines: Sequence[Line], currency: str) -> list[LineEdit]:
    """The edits of a CSV or XLSX file. An empty cell leaves its amount; without retainage it goes at the rate.

    Raises BadFile, with the row and column of everything that is wrong in it.
    """
    table = open_table(path)
    strange = [name for name in table.header if name not in COLUMNS]
    if ITEM not in table.header or not set(TYPED) & set(table.header) or strange:
        raise BadFile(
            f"{safe(path.name)} is no table of G703 lines",
            why=f"it has columns that mean nothing here: {', '.join(map(safe, strange))}"
            if strange
            else f"it needs the column {ITEM}, and one of {', '.join(TYPED)}",
            fix="payapp invoice lines NUMBER > FILE.csv writes one",
        )
    by_item = {line.item: line for line in lines}
    faults: list[str] = []
    found: dict[str, LineEdit] = {}
    for row in table.rows:
        item = row.cells[ITEM].strip()
        if item not in by_item:
            faults.append(f"row {row.number}: there is no line item {safe(item) or '(none)'}")
        elif item in found:
            faults.append(f"row {row.number}: line item {safe(item)} stands there twice")
        else:
            found[item] = _edit(row, by_item[item], currency, faults.append)
    if faults:
        more = f"; and {len(faults) - _NAMED} more" if len(faults) > _NAMED else ""
        raise BadFile(
            f"{safe(path.name)} was not taken over",
            why="; ".join(faults[:_NAMED]) + more,
            fix="Correct the file; nothing was changed",
        )
    return list(found.values())


def _edit(row: Row, line: Line, currency: str, wrong: Callable[[str], object]) -> LineEdit:
    cells = row.cells

    def amount(column: str) -> int | None:
        text = cells.get(column, "").strip()
        if not text:
            return None
        try:
            return drafting.amount(text, currency)
        except BadInput as error:
            wrong(f"row {row.number}, column {column}: {str(error).rstrip('.')}")
            return None

    for column, name in FIXED.items():
        said, ours = amount(column), getattr(line, name)
        if said is not None and said != ours:
            wrong(
                f"row {row.number}, column {column}: it says {show(said, currency)}, and the line has"
                f" {show(ours, currency)}"
            )
    return line_edit(
        line, {name: value for column, name in TYPED.items() if (value := amount(column)) is not None}
    )


def line_edit(line: Line, given: Mapping[str, int]) -> LineEdit:
    """The edit of a line with these amounts, by their names in Line; the others stay.

    Retainage that is not given stays too where the line bills what it did, and is taken at the commitment's rate where not.
    """
    work, stored = given.get("work_now", line.work_now), given.get("stored_now", line.stored_now)
    same = (work, stored) == (line.work_now, line.stored_now)
    return LineEdit(
        line.position,
        work,
        stored,
        given.get("held", line.held if same else None),
        given.get("released", line.released),
    )
