"""Finding any invoice, wherever it stands: by number, ERP number or reference, id, uuid, payment, amount or vendor."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from peewee import SQL, Expression, NodeList, fn

from store import directory
from store.db import Database
from store.domain.actor import Actor
from store.domain.money import decimals
from store.domain.status import CAME_BACK, VIEW_STATES, ErpStatus, ProjectView, View
from store.domain.text import fold, storable
from store.models import Commitment, Invoice, Payment, Project, Vendor
from store.query import joined, row_id, unaided

_AMOUNT = re.compile(r"-?([0-9]{1,13}\.[0-9]{1,3}|[0-9]{1,3}(,[0-9]{3}){1,4}(\.[0-9]{1,3})?)")
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
# Behind every string that begins with a prefix.
_LAST = "\U0010ffff"
# Of a value so many characters are indexed on PostgreSQL, which has no index entry of more than 2,700 bytes.
_HEAD = 200
# So many vendors of a name are looked through.
_VENDORS = 20


@dataclass(frozen=True, slots=True)
class Found:
    """One invoice and where it stands; ``since`` in milliseconds UTC, amounts minor units of its currency.

    ``view`` is the view of ERP Integrations that lists it, None while it is in Commitments alone.
    """

    id: int
    number: str
    vendor: str
    job: str
    currency: str
    net: int
    erp_status: ErpStatus
    outcome: str
    since: int
    origin_id: str
    batch: int | None
    view: View | None
    project_view: ProjectView


_COLUMNS = (
    Invoice.id, Invoice.number, Vendor.name, Project.number, Invoice.currency, Invoice.net, Invoice.erp_status,
    Invoice.outcome, Invoice.updated_at, Invoice.outcome_at, Invoice.sent_at, Invoice.origin_id, Invoice.batch,
)  # fmt: skip


def find(db: Database, actor: Actor, text: str, limit: int = 20) -> list[Found]:
    """The invoices that the text names, the surest first: ids and references, numbers, payments, amounts, vendors.

    Whoever sees ERP Integrations or Commitments sees one invoice wherever it stands, as ``payapp show`` does; raises
    NotPermitted for others. Every step goes down an index: it costs milliseconds at a million.
    """
    actor = directory.refresh(db, actor)
    if not actor.sees_erp:
        actor.require_project_reader()
    text = text.strip()
    if not text or not storable(text):
        return []
    found: dict[int, Found] = {}
    for condition in _steps(db, text):
        room = limit - len(found)
        if room <= 0:
            break
        # Those that an earlier step found may come again, and take no other's room.
        select = joined(*_COLUMNS).where(condition).limit(limit)
        for row in sorted(db.rows(select), key=lambda row: -row[0]):
            if row[0] not in found and len(found) < limit:
                found[row[0]] = _found(row)
    return list(found.values())


def ids_of(db: Database, text: str, limit: int = 20) -> list[int]:
    """The ids of the invoices of exactly that number, or the one of that #id; several where commitments share it."""
    text = text.strip()
    if text.startswith("#"):
        number = row_id(text.removeprefix("#"))
        condition = Invoice.id == (0 if number is None else number)
    else:
        condition = Invoice.number.in_(list(dict.fromkeys((text, text.upper(), text.lower()))))
    return [
        row[0]
        for row in db.rows(Invoice.select(Invoice.id).where(condition).order_by(Invoice.id).limit(limit))
    ]


def _steps(db: Database, text: str) -> Iterator[Expression]:
    number = row_id(text.removeprefix("#"))
    if text.startswith("#"):
        if number is not None:
            yield Invoice.id == number
        return
    if _UUID.fullmatch(text):
        yield Invoice.uuid == text.lower()
        return
    written = list(dict.fromkeys((text, text.upper(), text.lower())))
    yield Invoice.number.in_(written)
    # Literally as the partial index has it: behind a parameter it is not entered.
    yield _named(db, Invoice.erp_number, written) & Expression(Invoice.erp_number, "<>", SQL("''"))
    yield _named(db, Invoice.origin_id, written) & Invoice.origin_id.is_null(False)
    for begun in written:
        # A collation other than C does not keep what begins alike together.
        if db.postgres:
            bytewise = NodeList((Invoice.number, SQL('COLLATE "C"')))
            yield Expression(fn.STARTS_WITH(bytewise, begun), "=", SQL("TRUE"))
        else:
            yield (Invoice.number >= begun) & (Invoice.number < begun + _LAST)
    yield Invoice.id.in_(Payment.select(Payment.invoice_id).where(Payment.ref.in_(written)))
    amounts = _amounts(db, text) or _of_vendor(db, text)
    yield from amounts
    if not amounts and (vendors := _vendors(db, text)):
        yield Invoice.vendor.in_(vendors)
    if number is not None:
        yield Invoice.id == number


def _named(db: Database, column: Any, written: Sequence[str]) -> Expression:
    """The column has one of these values; on PostgreSQL by their heads too, which is what its index knows."""
    whole: Expression = column.in_(written)
    if not db.postgres:
        return whole
    head = NodeList((SQL("substr("), column, SQL(f", 1, {_HEAD})")))
    return Expression(head, "IN", list(dict.fromkeys(text[:_HEAD] for text in written))) & whole


def _vendors(db: Database, text: str) -> Sequence[int]:
    """The vendors whose name has the text; names are few, and folded here they are found alike on both databases."""
    if len(text) < 2:
        return ()
    wanted = fold(text)
    rows = db.rows(Vendor.select(Vendor.id, Vendor.name))
    return [row[0] for row in rows if wanted in fold(row[1])][:_VENDORS]


def _amounts(db: Database, text: str) -> list[Expression]:
    """Gross or net of exactly that amount, in each currency of the books; none for what is no amount.

    ``1,234.50``, ``1234.50``, ``1,234``, ``(1,234.50)``, with a currency's sign before it; digits alone are a number.
    """
    written = text.strip("()").lstrip("$€£¥").strip()
    if not _AMOUNT.fullmatch(written):
        return []
    plain = Decimal(written.replace(",", ""))
    value = -plain if text.startswith("(") else plain
    found: list[Expression] = []
    # Not by the currency: the index that knows it has all amounts of a currency.
    own = unaided(db)(Invoice.currency)
    for (currency,) in db.rows(Commitment.select(Commitment.currency).distinct()):
        amount = _minor(value, decimals(currency))
        if amount is not None:
            there = Expression(own, "=", currency)
            found += [there & (Invoice.gross == amount), there & (Invoice.net == amount)]
    return found


def _of_vendor(db: Database, text: str) -> list[Expression]:
    """A vendor's name and an amount, the one before the other: ``apex 1,234.50``."""
    words = text.split()
    for name, amount in ((words[:-1], words[-1]), (words[1:], words[0])):
        if name and (amounts := _amounts(db, amount)) and (vendors := _vendors(db, " ".join(name))):
            return [amount & Expression(unaided(db)(Invoice.vendor), "IN", vendors) for amount in amounts]
    return []


def _minor(value: Decimal, places: int) -> int | None:
    scaled = value.scaleb(places)
    return int(scaled) if scaled == scaled.to_integral_value() else None


def _found(row: tuple[Any, ...]) -> Found:
    state, outcome = ErpStatus(row[6]), row[7] or ""
    not_sent = state is ErpStatus.NOT_SENT
    view = next((v for v, states in VIEW_STATES.items() if state in states), None)
    where = ProjectView.SENT
    if not_sent:
        where = ProjectView.RETURNED if outcome in CAME_BACK else ProjectView.NOT_SENT
    since = {ErpStatus.NOT_SENT: row[9], ErpStatus.READY: row[10]}.get(state) or row[8]
    return Found(
        row[0],
        row[1],
        row[2],
        row[3],
        row[4],
        row[5],
        state,
        outcome,
        since,
        row[11] or "",
        row[12],
        view,
        where,
    )
