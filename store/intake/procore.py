"""Procore's subcontractor invoices [requisitions] in the extended view.

Key names and types follow Procore's API description; unknown keys are custom fields and newer versions, and are left
alone. Amounts are decimal strings, or numbers; nearly every key may be null or missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from store.domain.errors import BadInput
from store.domain.money import show
from store.intake import json_stream
from store.intake.books import Commitment
from store.intake.chain import Scene
from store.intake.draft import ITEM_TYPES, Draft, DraftLine, Head
from store.intake.report import Refused
from store.intake.values import Taker, key, whole

# What Draft calls a field, and the key that holds it.
_KEYS = {
    "number": "invoice_number",
    "application": "number",
    "commitment": "commitment_id",
    "lines": "items",
    "cost_code": "cost_code_id",
    "scheduled": "scheduled_value",
    "description": "description_of_work",
    "item": "line_item_id",
    "total_before": "total_completed_and_stored_to_date_from_previous",
    "retainage": "materials_stored_retainage_currently_retained",
    "retainage_before": "work_completed_retainage_from_previous_application",
    "stored_before": "materials_presently_stored_from_previous_progress",
    "total": "total_completed_and_stored_to_date",
    "gross": "gross_amount",
    "net": "net_amount",
    "period": "requisition_end",
}
_CLAIMS = (
    "original_contract_sum",
    "net_change_by_change_orders",
    "contract_sum_to_date",
    "total_completed_and_stored_to_date",
    "total_retainage",
    "total_earned_less_retainage",
    "less_previous_certificates_for_payment",
    "current_payment_due",
    "balance_to_finish_including_retainage",
)


class Currency(msgspec.Struct):
    """currency_configuration."""

    currency_iso_code: str | None = None


class CreatedBy(msgspec.Struct):
    """created_by."""

    name: str | None = None
    login: str | None = None
    email: str | None = None


class File(msgspec.Struct):
    """One of attachments."""

    filename: str | None = None
    url: str | None = None


class Wbs(msgspec.Struct):
    """wbs_code."""

    flat_code: str | None = None


class Summary(msgspec.Struct):
    """summary (G702); older versions of the API call it g702."""

    original_contract_sum: Any = None
    net_change_by_change_orders: Any = None
    contract_sum_to_date: Any = None
    total_completed_and_stored_to_date: Any = None
    completed_work_retainage_amount: Any = None
    stored_materials_retainage_amount: Any = None
    total_retainage: Any = None
    total_earned_less_retainage: Any = None
    less_previous_certificates_for_payment: Any = None
    current_payment_due: Any = None
    balance_to_finish_including_retainage: Any = None
    tax_applicable_to_this_payment: Any = None


class Item(msgspec.Struct):
    """One of items (G703)."""

    id: int | str | None = None
    item_type: str | None = None
    line_item_id: int | str | None = None
    detail_line_item_id: int | str | None = None
    change_order_package_id: int | str | None = None
    cost_code_id: int | str | None = None
    wbs_code: Wbs | None = None
    currency_configuration: Currency | None = None
    description_of_work: str | None = None
    scheduled_value: Any = None
    work_completed_from_previous_application: Any = None
    work_completed_this_period: Any = None
    materials_presently_stored: Any = None
    materials_presently_stored_from_previous_progress: Any = None
    materials_moved: Any = None
    materials_retainage_retained_moved: Any = None
    total_completed_and_stored_to_date: Any = None
    total_completed_and_stored_to_date_from_previous: Any = None
    work_completed_retainage_from_previous_application: Any = None
    work_completed_retainage_retained_this_period: Any = None
    work_completed_retainage_released_this_period: Any = None
    materials_stored_retainage_from_previous_application: Any = None
    materials_stored_retainage_currently_retained: Any = None
    materials_stored_retainage_new_materials: Any = None
    materials_stored_retainage_released_this_period: Any = None
    gross_amount: Any = None
    net_amount: Any = None


class Requisition(msgspec.Struct):
    """A subcontractor invoice."""

    id: int | str | None = None
    commitment_id: int | str | None = None
    number: int | str | None = None
    invoice_number: int | str | None = None
    status: str | None = None
    billing_date: str | None = None
    period_id: int | str | None = None
    requisition_start: str | None = None
    requisition_end: str | None = None
    final: bool | None = None
    origin_id: int | str | None = None
    created_by: CreatedBy | None = None
    currency_configuration: Currency | None = None
    summary: Summary | None = None
    g702: Summary | None = None
    attachments: list[File] | None = None
    items: list[Item] | None = None


def decoded(ordinal: int, value: Any, kind: type[Any]) -> Any:
    """The value as a struct of that kind. Raises Refused with the key that is wrong."""
    place = f"record {ordinal}"
    if not isinstance(value, dict):
        raise Refused(place, "it is not an object of keys and values")
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$")
        path = path.strip("`.")
        raise Refused(f"{place}, key {path}" if path else place, reason) from None


class Record:
    """A requisition with its place in the file. Raises Refused where it lacks what it is known by."""

    def __init__(self, ordinal: int, value: Any) -> None:
        self.ordinal = max(ordinal, 1)
        self.body: Requisition = decoded(self.ordinal, value, Requisition)
        body = self.body
        self.head = Head(
            ordinal=self.ordinal,
            source_id=self.known(body.id, "id"),
            commitment=self.known(body.commitment_id, "commitment_id"),
            application=self.counted(body.number),
            number=self.known(body.invoice_number, "invoice_number"),
        )

    def known(self, value: Any, name: str) -> str:
        """An id that must be there."""
        if value is None:
            raise Refused(self._where(name), "it is missing")
        try:
            return key(value)
        except BadInput as error:
            raise Refused(self._where(name), str(error)) from None

    def counted(self, value: Any) -> int:
        """The application's number."""
        try:
            return whole(value)
        except BadInput as error:
            raise Refused(self._where("number"), str(error)) from None

    def _where(self, name: str) -> str:
        return f"record {self.ordinal}, key {name}" if name else f"record {self.ordinal}"

    def place(self, field: str, line: int | None) -> str:
        """The words for where a field stands."""
        name = _KEYS.get(field, field)
        if line is not None:
            return self._where(f"items[{line}].{name}")
        return self._where(name)

    def draft(self, scene: Scene) -> tuple[Draft, list[tuple[str, str]]]:
        """The draft, and what is wrong with single values of it."""
        body, take = self.body, Taker(scene.commitment.currency, self.place)
        _same_currency(take, scene.commitment, body.currency_configuration)
        start, end = self._period(scene, take)
        summary = body.summary or body.g702 or Summary()
        by = body.created_by or CreatedBy()
        login = take.text(by.login, "created_by.login")
        name = "summary" if body.summary else "g702"
        draft = Draft(
            place=self.place,
            source_id=self.head.source_id,
            number=self.head.number,
            application=scene.application,
            status=take.text(body.status, "status"),
            period_start=start,
            period_end=end,
            billing_date=take.day(body.billing_date, "billing_date") or end,
            creator_login=login,
            creator_name=take.text(by.name, "created_by.name"),
            creator_email=take.text(by.email, "created_by.email") or (login if "@" in login else ""),
            tax=take.amount(summary.tax_applicable_to_this_payment, f"{name}.tax_applicable_to_this_payment"),
            final=bool(body.final),
            origin_id=None if body.origin_id in {None, ""} else take.key(body.origin_id, "origin_id"),
            claims=_claims(summary, name, take),
            attachments=[
                (take.text(file.filename, "attachments"), take.text(file.url, "attachments"))
                for file in body.attachments or ()
            ],
        )
        if body.items is None:
            take.wrong(
                "lines", "it is missing: fetch the list in the extended view, which has the line items"
            )
        draft.lines = [_line(i, item, scene, take) for i, item in enumerate(body.items or ())]
        return draft, take.problems

    def _period(self, scene: Scene, take: Taker) -> tuple[str, str]:
        body = self.body
        start = take.day(body.requisition_start, "requisition_start")
        end = take.day(body.requisition_end, "requisition_end")
        if not (start and end) and body.period_id is not None:
            known = scene.books.project(scene.commitment.project_id).periods.get(str(body.period_id))
            if known:
                return known
            take.wrong("period_id", f"there is no billing period {body.period_id}: import the periods first")
        elif not (start and end) and not take.problems:
            take.wrong("requisition_start", "neither the period's start and end nor its period_id is there")
        return start, end


def _same_currency(
    take: Taker, commitment: Commitment, found: Currency | None, line: int | None = None
) -> None:
    code = found.currency_iso_code if found else None
    if code and code != commitment.currency:
        take.wrong(
            "currency_configuration.currency_iso_code",
            f"it says {code}, but commitment {commitment.number} is in {commitment.currency}",
            line,
        )


def _claims(summary: Summary, name: str, take: Taker) -> dict[str, int]:
    found = {}
    for claim in _CLAIMS:
        value = take.claim(getattr(summary, claim), f"{name}.{claim}")
        if value is not None:
            found[claim] = value
    work = take.claim(summary.completed_work_retainage_amount, f"{name}.completed_work_retainage_amount")
    stored = take.claim(
        summary.stored_materials_retainage_amount, f"{name}.stored_materials_retainage_amount"
    )
    if work is not None and stored is not None:
        # G702 line 5 is 5a plus 5b.
        if "total_retainage" not in found:
            found["total_retainage"] = work + stored
        elif found["total_retainage"] != work + stored:
            take.wrong(
                f"{name}.total_retainage",
                f"it says {show(found['total_retainage'], take.currency)}, but completed_work_retainage_amount and"
                f" stored_materials_retainage_amount add up to {show(work + stored, take.currency)}",
            )
    return found


def _line(index: int, item: Item, scene: Scene, take: Taker) -> DraftLine:
    _same_currency(take, scene.commitment, item.currency_configuration, index)

    read = take.read

    def claim(name: str) -> int | None:
        value = getattr(item, name)
        if value is None:
            return None
        try:
            return read(value)
        except BadInput as error:
            take.wrong(name, str(error), index)
            return 0

    def amount(name: str) -> int:
        return claim(name) or 0

    known = _known_as(item, take, index)
    kind = item.item_type
    if kind is None:
        kind = "contract_item" if item.change_order_package_id is None else "change_order_item"
    if kind not in ITEM_TYPES:
        take.wrong("item_type", f"{kind!r} is none of {', '.join(ITEM_TYPES)}", index)
        kind = "contract_item"
    return DraftLine(
        item=known,
        item_type=ITEM_TYPES[kind],
        cost_code=_cost_code(item, known, scene, take, index),
        description=take.text(item.description_of_work, "description_of_work", index),
        scheduled=amount("scheduled_value"),
        work_before=amount("work_completed_from_previous_application"),
        work_now=amount("work_completed_this_period"),
        stored_now=amount("materials_presently_stored"),
        moved=amount("materials_moved"),
        work_held=amount("work_completed_retainage_retained_this_period"),
        material_new=claim("materials_stored_retainage_new_materials"),
        material_now=claim("materials_stored_retainage_currently_retained"),
        material_moved=amount("materials_retainage_retained_moved"),
        material_released=amount("materials_stored_retainage_released_this_period"),
        released=amount("work_completed_retainage_released_this_period"),
        stored_before=claim("materials_presently_stored_from_previous_progress"),
        total_before=claim("total_completed_and_stored_to_date_from_previous"),
        work_retained_before=claim("work_completed_retainage_from_previous_application"),
        material_retained_before=claim("materials_stored_retainage_from_previous_application"),
        total=claim("total_completed_and_stored_to_date"),
        gross=claim("gross_amount"),
        net=claim("net_amount"),
        part_of="" if item.line_item_id is None else str(item.line_item_id),
    )


def _known_as(item: Item, take: Taker, index: int) -> str:
    """What the line is known by from one application to the next."""
    if item.item_type == "contract_detail_item" and item.detail_line_item_id is not None:
        return f"detail {take.key(item.detail_line_item_id, 'detail_line_item_id', index)}"
    if item.line_item_id is None and item.change_order_package_id is not None:
        return f"package {take.key(item.change_order_package_id, 'change_order_package_id', index)}"
    return take.key(item.line_item_id, "line_item_id", index)


def _cost_code(item: Item, known: str, scene: Scene, take: Taker, index: int) -> str:
    if item.cost_code_id is not None:
        code = scene.books.project(scene.commitment.project_id).codes.get(str(item.cost_code_id))
        if code is not None:
            return code
    if item.wbs_code and item.wbs_code.flat_code:
        return take.text(item.wbs_code.flat_code, "wbs_code.flat_code", index)
    for line in scene.books.schedule(scene.commitment):
        if line.item == known:
            return line.cost_code
    if item.cost_code_id is not None:
        take.wrong(
            "cost_code_id", f"there is no cost code {item.cost_code_id}: import the cost codes first", index
        )
    return ""


def read(path: Path) -> Iterator[Record | Refused]:
    """The records of a file: a list of requisitions, or one. Raises BadFile where it is no JSON or is cut off."""
    for ordinal, value in json_stream.records(path):
        try:
            yield Record(ordinal, value)
        except Refused as refused:
            yield refused
