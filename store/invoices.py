"""Reading invoices: the views' counts, a listing, a window of rows, control totals, one invoice whole.

Rows are frozen values; amounts are minor units of the row's currency, moments milliseconds UTC, days ISO text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from store import owning
from store.db import Database
from store.domain.actor import Actor
from store.domain.errors import BadInput, NothingMatched
from store.domain.keys import spelled
from store.domain.status import ErpStatus, ProjectView, View
from store.domain.text import safe, storable
from store.models import Commitment, Invoice, Project, Vendor
from store.query import joined, row_id
from store.sizes import size


class SortBy(StrEnum):
    """The columns that a listing can be sorted by."""

    VENDOR = "vendor"
    NUMBER = "number"
    JOB = "job"
    PERIOD = "period"
    GROSS = "gross"
    RETAINAGE = "retainage"
    NET = "net"
    STATUS = "status"


@dataclass(frozen=True, slots=True)
class Row:
    """One invoice as a list shows it.

    ``flags`` are letters: D duplicate, H hold, O overbilled, C changed since its rejection, S own, L over the limit.
    """

    id: int
    version: int
    number: str
    erp_number: str
    vendor: str
    job: str
    commitment: str
    application: int
    period: str
    currency: str
    gross: int
    retainage: int
    net: int
    status: str
    erp_status: ErpStatus
    outcome: str
    outcome_reason: str
    error_code: str
    error_cause: str
    error_fix: str
    origin_id: str
    flags: str


def counts(db: Database) -> dict[View, int]:
    """How many invoices each view of ERP Integrations has."""
    found = {view: size(db, view) for view in View if view is not View.ALL}
    return found | {View.ALL: sum(found.values())}


def project_counts(db: Database) -> dict[ProjectView, int]:
    """How many invoices each view of Commitments has."""
    return {view: size(db, view) for view in ProjectView}


def rows(db: Database, ids: Sequence[int], me: Actor | None = None) -> list[Row]:
    """The rows of these invoices, in this order; one that is gone is left out. ``me`` decides the flag S."""
    found: dict[int, Row] = {}
    for first in range(0, len(ids), 500):
        chunk = list(ids[first : first + 500])
        select = joined(*_COLUMNS).where(Invoice.id << chunk)
        found.update((row[0], _row(row, me)) for row in db.rows(select))
    return [found[number] for number in ids if number in found]


_COLUMNS = (
    Invoice.id, Invoice.version, Invoice.number, Invoice.erp_number, Vendor.name, Project.number, Commitment.number,
    Invoice.application, Invoice.period_end, Invoice.currency, Invoice.gross, Invoice.retainage, Invoice.net,
    Invoice.status, Invoice.erp_status, Invoice.outcome, Invoice.outcome_reason, Invoice.error_code,
    Invoice.error_cause, Invoice.error_fix, Invoice.origin_id, Invoice.duplicate, Invoice.held, Invoice.overbilled,
    Invoice.changed_since, Invoice.creator_login, Invoice.creator_email, Invoice.sender,
)  # fmt: skip


def _row(row: tuple[Any, ...], me: Actor | None) -> Row:
    marks, (login, email, sender) = row[21:25], row[25:28]
    own = me is not None and is_own(me, login, email, sender)
    over = me is not None and me.limit_invoice is not None and abs(row[10]) > me.limit_invoice
    return Row(
        id=row[0],
        version=row[1],
        number=row[2],
        erp_number=row[3],
        vendor=row[4],
        job=row[5],
        commitment=row[6],
        application=row[7],
        period=row[8][:7],
        currency=row[9],
        gross=row[10],
        retainage=row[11],
        net=row[12],
        status=row[13],
        erp_status=ErpStatus(row[14]),
        outcome=row[15] or "",
        outcome_reason=row[16],
        error_code=row[17],
        error_cause=row[18],
        error_fix=spelled(row[19]),
        origin_id=row[20] or "",
        flags="".join(flag for flag, there in zip("DHOCSL", (*marks, own, over), strict=True) if there),
    )


def is_own(me: Actor, creator_login: str, creator_email: str, sender_id: object) -> bool:
    """Whether this user created or sent the invoice (separation of duties)."""
    mine = owning.names(me)
    return sender_id == me.id or creator_login.casefold() in mine or creator_email.casefold() in mine


def find(db: Database, words: Sequence[str]) -> list[tuple[int, int]]:
    """The (id, version) of each word: an invoice id such as ``#12``, or an invoice number that only one invoice has.

    Raises NothingMatched for a word that names none, BadInput for one that names several.
    """
    ids = {word: number for word in words if word[:1] == "#" and (number := row_id(word[1:])) is not None}
    numbers = [word for word in dict.fromkeys(words) if word not in ids and storable(word)]
    by_id = {hit[0]: hit for hit in _hits(db, Invoice.id, list(ids.values()))}
    by_number: dict[str, list[tuple[Any, ...]]] = {}
    for hit in _hits(db, Invoice.number, numbers):
        by_number.setdefault(hit[3], []).append(hit)
    found = []
    for word in words:
        hits = [by_id[ids[word]]] if ids.get(word) in by_id else by_number.get(word, [])
        found.append(_only(word, hits))
    return found


def _hits(db: Database, column: Any, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Id, version, commitment and number of the invoices that have one of these values, by id."""
    found: list[tuple[Any, ...]] = []
    for first in range(0, len(values), 500):
        chunk = list(values[first : first + 500])
        select = joined(Invoice.id, Invoice.version, Commitment.number, Invoice.number).where(column << chunk)
        found += db.rows(select)
    return sorted(found)


def _only(word: str, hits: Sequence[tuple[Any, ...]]) -> tuple[int, int]:
    if not hits:
        raise NothingMatched(
            f"There is no invoice {safe(word)}", fix="payapp list --view all shows what there is"
        )
    if len(hits) > 1:
        several = ", ".join(f"#{hit[0]} ({safe(hit[2])})" for hit in hits[:5])
        raise BadInput(f"{safe(word)} is the number of {len(hits)} invoices: {several}", fix="Use the #id")
    return hits[0][0], hits[0][1]
