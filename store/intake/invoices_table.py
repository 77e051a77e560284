"""payapp's own table of invoices: one row per G703 line, the invoice's columns repeated in each (docs/intake.md)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from store.domain.errors import BadInput
from store.intake.chain import Scene
from store.intake.draft import ITEM_TYPES, Draft, DraftLine, Head
from store.intake.report import Refused
from store.intake.tabular import Row, Table
from store.intake.values import Taker, key, whole, yes

# What Draft calls a field, and the column that holds it.
_COLUMNS = {
    "number": "invoice_number",
    "lines": "line_item",
    "item": "line_item",
    "scheduled": "scheduled_value",
    "total_before": "total_previous",
    "retainage_before": "retainage_previous",
    "stored_before": "stored_previous",
    "total": "total_completed",
    "gross": "bill_line",
    "net": "bill_line",
    "period": "period_end",
}
# The same in every row of an invoice.
_REPEATED = (
    "status",
    "invoice_number",
    "period_start",
    "period_end",
    "billing_date",
    "currency",
    "created_by_name",
    "created_by_login",
    "created_by_email",
    "final",
    "tax",
    "gross",
    "retainage",
    "net",
)


class Record:
    """The rows of one invoice. Raises Refused where they lack what it is known by, or contradict one another."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows
        first = rows[0].cells
        for column in _REPEATED:
            for row in rows[1:]:
                if row.cells.get(column) != first.get(column):
                    raise Refused(
                        f"row {row.number}, column {column}",
                        f"it differs from row {rows[0].number} of the same invoice",
                    )
        number = self.known("invoice_number")
        try:
            application = whole(first["application"].strip())
        except BadInput as error:
            raise Refused(self.place("application", None), str(error)) from None
        project, commitment = self.known("project"), self.known("commitment")
        by_id = first.get("commitment_id")
        self.head = Head(
            ordinal=rows[0].number,
            source_id=self.known("invoice_id")
            if first.get("invoice_id")
            else f"{project}:{commitment}:{application}",
            commitment=self.known("commitment_id") if by_id else (project, commitment),
            application=application,
            number=number,
        )

    def known(self, column: str) -> str:
        """A cell of the first row that must hold something."""
        value = self.rows[0].cells[column]
        try:
            return key(value)
        except BadInput as error:
            raise Refused(f"row {self.rows[0].number}, column {column}", str(error)) from None

    def place(self, field: str, line: int | None) -> str:
        """The words for where a field stands."""
        row = self.rows[line or 0].number
        return f"row {row}, column {_COLUMNS.get(field, field)}" if field else f"row {row}"

    def draft(self, scene: Scene) -> tuple[Draft, list[tuple[str, str]]]:
        """The draft, and what is wrong with single values of it."""
        cells, take = self.rows[0].cells, Taker(scene.commitment.currency, self.place)
        currency = cells.get("currency", "").strip()
        if currency and currency != scene.commitment.currency:
            take.wrong(
                "currency",
                f"it says {currency}, but commitment {scene.commitment.number} is in {scene.commitment.currency}",
            )
        start, end = self._day(take, "period_start"), self._day(take, "period_end")
        login = take.text(cells.get("created_by_login"), "created_by_login")
        claims = {name: take.claim(cells.get(name), name) for name in ("gross", "retainage", "net")}
        draft = Draft(
            place=self.place,
            source_id=self.head.source_id,
            number=self.head.number,
            application=scene.application,
            status=cells["status"].strip(),
            period_start=start,
            period_end=end,
            billing_date=take.day(cells.get("billing_date"), "billing_date") or end,
            creator_login=login,
            creator_name=take.text(cells.get("created_by_name"), "created_by_name"),
            creator_email=take.text(cells.get("created_by_email"), "created_by_email")
            or (login if "@" in login else ""),
            tax=take.amount(cells.get("tax"), "tax"),
            final=self._yes(take, "final"),
            claims={name: value for name, value in claims.items() if value is not None},
            lines=[_line(i, row.cells, take) for i, row in enumerate(self.rows)],
        )
        return draft, take.problems

    def _day(self, take: Taker, column: str) -> str:
        found = take.day(self.rows[0].cells[column], column)
        if not self.rows[0].cells[column]:
            take.wrong(column, "it is missing")
        return found

    def _yes(self, take: Taker, column: str) -> bool:
        try:
            return yes(self.rows[0].cells.get(column, ""))
        except BadInput as error:
            take.wrong(column, str(error))
            return False


def _line(index: int, cells: dict[str, str], take: Taker) -> DraftLine:
    get = cells.get

    read = take.read

    def claim(column: str) -> int | None:
        value = get(column)
        if not value:
            return None
        try:
            return read(value)
        except BadInput as error:
            take.wrong(column, str(error), index)
            return 0

    def amount(column: str) -> int:
        return claim(column) or 0

    kind = get("item_type") or "contract_item"
    if kind not in ITEM_TYPES:
        take.wrong("item_type", f"{kind!r} is none of {', '.join(ITEM_TYPES)}", index)
        kind = "contract_item"
    for column in ("work_previous", "work_this_period", "scheduled_value", "retainage_held"):
        if not cells[column]:
            take.wrong(column, "it is missing; write 0 for nothing", index)
    return DraftLine(
        item=take.key(cells["line_item"], "line_item", index),
        item_type=ITEM_TYPES[kind],
        cost_code=take.text(get("cost_code"), "cost_code", index),
        description=take.text(get("description"), "description", index),
        scheduled=amount("scheduled_value"),
        work_before=amount("work_previous"),
        work_now=amount("work_this_period"),
        stored_now=amount("stored_now"),
        moved=amount("materials_moved"),
        work_held=amount("retainage_held"),
        released=amount("retainage_released"),
        stored_before=claim("stored_previous"),
        total_before=claim("total_previous"),
        retainage_before=claim("retainage_previous"),
        total=claim("total_completed"),
        gross=claim("bill_line"),
    )


def _same_invoice(row: Row) -> tuple[str | None, ...]:
    get = row.cells.get
    return get("project"), get("commitment"), get("commitment_id"), get("application"), get("invoice_id")


def read(table: Table) -> Iterator[Record | Refused]:
    """The invoices of the table; the rows of one stand together. Raises BadFile where the file is damaged."""
    for _, rows in groupby(table.rows, _same_invoice):
        try:
            yield Record(list(rows))
        except Refused as refused:
            yield refused
