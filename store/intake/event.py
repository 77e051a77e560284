"""The create_requisitions event: the batch that Procore hands an ERP integrator when an approver presses Export.

It carries the bill lines alone. What was billed before comes from the store, and lines that the event leaves out are
carried on unbilled, so that the next application finds them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from store.domain.errors import BadInput
from store.domain.invoice import CHANGE_ORDER_ITEM, CONTRACT_ITEM
from store.domain.money import show
from store.domain.status import Status
from store.domain.text import safe
from store.intake.books import ScheduleLine
from store.intake.chain import Scene
from store.intake.draft import NOWHERE, Draft, DraftLine, Head, Position
from store.intake.procore import CreatedBy, decoded
from store.intake.report import Refused, damaged
from store.intake.values import Taker, key

NAME = "create_requisitions"
# One sign at most: "$1,087.80", "-$1,087.80", "($1,087.80)", with a currency's sign or code, or with none.
_MONEY = re.compile(
    r"(?P<minus>-?)(?P<open>\(?)(?:[A-Z]{3} ?|[^\w\s.,()-])?"
    r"(?P<amount>(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)(?P<close>\)?)",
    re.ASCII,
)
_KEYS = {
    "commitment": "contract_id",
    "lines": "line_items",
    "period": "billing_date",
    "number": "code",
    "cost_code": "cost_code_id",
    "scheduled": "scheduled_total_amount",
    "item": "line_item_id",
    "item_type": "requisition_item_type",
    "description": "line_item_description",
}


class Line(msgspec.Struct):
    """One of line_items: a bill line."""

    line_item_id: int | str | None = None
    commitment_item_origin_id: int | str | None = None
    cost_code_id: int | str | None = None
    description: str | None = None
    line_item_description: str | None = None
    requisition_item_type: str | None = None
    scheduled_total_amount: Any = None
    amount: Any = None
    formatted_amount: str | None = None
    retainage_this_period: Any = None
    retainage_work_completed_this_period: Any = None
    released_work_completed_this_period: Any = None
    retainage_materials_presently_stored: Any = None
    retainage_materials_previously_stored: Any = None


class Body(msgspec.Struct):
    """One of requisitions."""

    procore_requisition_id: int | str | None = None
    contract_id: int | str | None = None
    code: int | str | None = None
    invoice_number: int | str | None = None
    billing_date: str | None = None
    formatted_payment_due: str | None = None
    tax_amount: Any = None
    created_by: CreatedBy | None = None
    line_items: list[Line] | None = None


class Record:
    """A requisition of the event with its place. Raises Refused where it lacks what it is known by."""

    def __init__(self, ordinal: int, value: Any) -> None:
        self.ordinal = ordinal
        self.body: Body = decoded(ordinal, value, Body)
        body = self.body
        number = self._known(body.code if body.code is not None else body.invoice_number, "code")
        if body.invoice_number is not None and self._known(body.invoice_number, "invoice_number") != number:
            raise Refused(self.place("", None), f"code says {number}, invoice_number {body.invoice_number}")
        self.head = Head(
            ordinal=ordinal,
            source_id=self._known(body.procore_requisition_id, "procore_requisition_id"),
            commitment=self._known(body.contract_id, "contract_id"),
            application=None,
            number=number,
        )

    def _known(self, value: Any, name: str) -> str:
        try:
            return key(value)
        except BadInput as error:
            raise Refused(self.place(name, None), "it is missing" if value is None else str(error)) from None

    def place(self, field: str, line: int | None) -> str:
        """The words for where a field stands."""
        name = _KEYS.get(field, field)
        if line is not None and self.body.line_items and line < len(self.body.line_items):
            name = f"line_items[{line}].{name}"
        return f"record {self.ordinal}, key {name}" if name else f"record {self.ordinal}"

    def draft(self, scene: Scene) -> tuple[Draft, list[tuple[str, str]]]:
        """The draft, and what is wrong with single values of it."""
        body, take, existing = self.body, Taker(scene.commitment.currency, self.place), scene.existing
        billing = take.day(body.billing_date, "billing_date")
        start, end = self._period(scene, billing, take)
        by = body.created_by or CreatedBy()
        login = take.text(by.login, "created_by.login")
        draft = Draft(
            place=self.place,
            source_id=self.head.source_id,
            number=self.head.number,
            application=scene.application,
            status=Status.APPROVED.value,
            period_start=start,
            period_end=end,
            billing_date=billing or end,
            creator_login=login,
            creator_name=take.text(by.name, "created_by.name"),
            creator_email=take.text(by.email, "created_by.email") or (login if "@" in login else ""),
            tax=take.amount(body.tax_amount, "tax_amount"),
        )
        if existing and body.created_by is None:
            # The event does not name the creator; the list in the extended view did.
            draft.creator_login, draft.creator_name, draft.creator_email = existing.content[-3:]
        if body.formatted_payment_due:
            draft.due = (
                "formatted_payment_due",
                _formatted(body.formatted_payment_due, take, "formatted_payment_due", None),
            )
        draft.lines = self._lines(scene, take)
        return draft, take.problems

    def _period(self, scene: Scene, billing: str, take: Taker) -> tuple[str, str]:
        """The event names no period: it is the project's billing period that holds the billing date."""
        if scene.existing:
            return scene.existing.content[2], scene.existing.content[3]
        for start, end in scene.books.project(scene.commitment.project_id).periods.values():
            if billing and start <= billing <= end:
                return start, end
        if not take.problems:
            reason = f"no billing period of project {scene.commitment.project} holds {billing}"
            take.wrong("billing_date", reason if billing else "it is missing")
        return "", ""

    def _lines(self, scene: Scene, take: Taker) -> list[DraftLine]:
        before = scene.before
        if before is None:
            take.wrong("contract_id", f"application {scene.application - 1} of the commitment is unknown")
            return []
        # What the previous application billed beside the schedule of values (change orders) goes on too.
        schedule = {x[1]: ScheduleLine(x[1], x[2], x[3], x[4], x[5], NOWHERE) for x in scene.previous}
        schedule |= {line.item: line for line in scene.books.schedule(scene.commitment)}
        drafts: list[DraftLine] = []
        for i, line in enumerate(self.body.line_items or ()):
            known = _matched(line, schedule, scene)
            if known is None:
                what = line.line_item_description or line.description or line.cost_code_id
                take.wrong(
                    "line_item_description",
                    f"{what!r} is no line item of commitment {scene.commitment.number}",
                    i,
                )
            else:
                drafts.append(_line(i, line, known, before.get(known.item, NOWHERE), take))
        if drafts and not take.problems:
            billed = {draft.item for draft in drafts}
            drafts += [
                _carried(line, before.get(item, NOWHERE))
                for item, line in schedule.items()
                if item not in billed
            ]
        return drafts


def _matched(line: Line, schedule: dict[str, ScheduleLine], scene: Scene) -> ScheduleLine | None:
    """The commitment's line that the event means: by its id, else by cost code and, among several, description."""
    for given in (line.line_item_id, line.commitment_item_origin_id):
        if given is not None and str(given) in schedule:
            return schedule[str(given)]
    if line.cost_code_id is None:
        return None
    code = scene.books.project(scene.commitment.project_id).codes.get(str(line.cost_code_id))
    fitting = [x for x in schedule.values() if x.cost_code == code]
    if len(fitting) > 1:
        words = {line.line_item_description, line.description} - {None}
        fitting = [x for x in fitting if x.description in words]
    return fitting[0] if len(fitting) == 1 else None


def _line(index: int, line: Line, known: ScheduleLine, stood: Position, take: Taker) -> DraftLine:
    amount = take.amount(line.amount, "amount", index)
    if line.amount is None:
        take.wrong("amount", "it is missing", index)
    if line.formatted_amount:
        shown = _formatted(line.formatted_amount, take, "formatted_amount", index)
        if shown != amount:
            take.wrong(
                "formatted_amount",
                f"it says {show(shown, take.currency)}, but amount is {show(amount, take.currency)}",
                index,
            )
    held, released = _retainage(index, line, take)
    kind = line.requisition_item_type or ""
    draft = _carried(known, stood)
    draft.item_type = (
        CHANGE_ORDER_ITEM
        if "ChangeOrder" in kind
        else CONTRACT_ITEM
        if "Contract" in kind
        else known.item_type
    )
    draft.description = take.text(line.line_item_description or line.description, "description", index)
    draft.description = draft.description or known.description
    draft.work_now, draft.work_held, draft.released = amount, held, released
    if line.scheduled_total_amount is not None:
        draft.scheduled = take.amount(line.scheduled_total_amount, "scheduled_total_amount", index)
    return draft


def _retainage(index: int, line: Line, take: Taker) -> tuple[int, int]:
    """Held and released. What changed on stored materials counts as held, or where it fell as released."""
    released = take.amount(
        line.released_work_completed_this_period, "released_work_completed_this_period", index
    )
    materials = take.amount(
        line.retainage_materials_presently_stored, "retainage_materials_presently_stored", index
    ) - take.amount(
        line.retainage_materials_previously_stored, "retainage_materials_previously_stored", index
    )
    whole = take.claim(line.retainage_this_period, "retainage_this_period", index)
    work = take.claim(
        line.retainage_work_completed_this_period, "retainage_work_completed_this_period", index
    )
    if work is None:
        work = whole or 0
        if materials and whole is not None:
            take.wrong(
                "retainage_work_completed_this_period",
                "it is missing, so whether retainage_this_period includes stored materials cannot be told",
                index,
            )
    elif whole is not None and whole not in {work, work + materials}:
        take.wrong(
            "retainage_this_period",
            f"it says {show(whole, take.currency)}, but work and stored materials come to"
            f" {show(work + materials, take.currency)}",
            index,
        )
    return work + max(materials, 0), released + max(-materials, 0)


def _carried(line: ScheduleLine, stood: Position) -> DraftLine:
    """A line of the commitment as the previous application left it."""
    return DraftLine(
        item=line.item,
        item_type=line.item_type,
        cost_code=line.cost_code,
        description=line.description,
        scheduled=line.scheduled,
        work_before=stood.total - stood.stored,
        stored_now=stood.stored,
        stored_before=stood.stored,
    )


def _formatted(value: str, take: Taker, field: str, line: int | None) -> int:
    match = _MONEY.fullmatch(value.strip())
    if not match or bool(match["open"]) != bool(match["close"]) or (match["minus"] and match["open"]):
        take.wrong(field, f"{value!r} is not an amount", line)
        return 0
    minor = take.amount(match["amount"].replace(",", ""), field, line)
    return -minor if match["minus"] or match["open"] else minor


def read(file: str, body: Any) -> Iterator[Record | Refused]:
    """The requisitions of the event. Raises BadFile for an event of another name, or without requisitions."""
    if body.get("request_name") != NAME:
        raise damaged(
            file, f"it is the event {safe(str(body.get('request_name')))}, and only {NAME} is known"
        )
    data = body.get("request_data")
    found = data.get("requisitions") if isinstance(data, dict) else None
    if not isinstance(found, list) or not found:
        raise damaged(file, "the event has no list request_data.requisitions, or an empty one")
    for ordinal, value in enumerate(found, 1):
        try:
            yield Record(ordinal, value)
        except Refused as refused:
            yield refused
