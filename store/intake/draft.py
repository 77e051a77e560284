"""An invoice on its way in: what every source says of it in one form, before the books are asked.

Amounts are integer minor units of the commitment's currency; None: the source does not say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from store.domain.invoice import CHANGE_ORDER_ITEM, CONTRACT_ITEM

# Procore's types of lines, and what the G702 takes them for.
ITEM_TYPES = {
    "contract_item": CONTRACT_ITEM,
    "contract_detail_item": CONTRACT_ITEM,
    "change_order_item": CHANGE_ORDER_ITEM,
    "whole_change_order_item": CHANGE_ORDER_ITEM,
}


class Position(NamedTuple):
    """Where a line stood after an application: completed and stored, retained, and materials still stored."""

    total: int
    retainage: int
    stored: int


NOWHERE = Position(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Head:
    """What must be known of a record to look its neighbours up.

    ``commitment`` is the source's id of it, or project number and commitment number. ``application`` is None where
    the source has none.
    """

    ordinal: int
    source_id: str
    commitment: str | tuple[str, str]
    application: int | None
    number: str


@dataclass(slots=True)
class DraftLine:
    """A G703 line as its source tells it.

    Retainage: ``work_held`` and ``released`` are this bill's; ``material_new`` what it retains on materials, or
    where that is not said, ``material_now`` is the balance retained on materials before this bill's release.
    ``work_retained_before``, ``material_retained_before``: what the previous application held; ``material_moved``
    went from materials to work. ``total``, ``gross`` and ``net`` are claims to check. ``part_of`` is the commitment's line
    item that a detail item belongs to.
    """

    item: str
    item_type: str
    cost_code: str
    description: str
    scheduled: int = 0
    work_before: int = 0
    work_now: int = 0
    stored_now: int = 0
    moved: int = 0
    work_held: int = 0
    material_new: int | None = 0
    material_now: int | None = None
    material_moved: int = 0
    material_released: int = 0
    released: int = 0
    stored_before: int | None = None
    total_before: int | None = None
    retainage_before: int | None = None
    work_retained_before: int | None = None
    material_retained_before: int | None = None
    total: int | None = None
    gross: int | None = None
    net: int | None = None
    part_of: str = ""


@dataclass(slots=True)
class Draft:
    """An invoice as its source tells it; ``claims`` are G702 figures by their API name, checked when it foots.

    ``due`` is a claim of net plus tax under the source's own name for it. ``origin_id`` is the bill's id in the ERP
    where the source says that it is there already.
    """

    place: Callable[[str, int | None], str]
    source_id: str
    number: str
    application: int
    status: str
    period_start: str
    period_end: str
    billing_date: str
    creator_login: str = ""
    creator_name: str = ""
    creator_email: str = ""
    tax: int = 0
    final: bool = False
    origin_id: str | None = None
    claims: dict[str, int] = field(default_factory=dict)
    due: tuple[str, int] | None = None
    lines: list[DraftLine] = field(default_factory=list)
    attachments: list[tuple[str, str]] = field(default_factory=list)
