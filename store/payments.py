"""What an ERP says was paid of our bills: kept as it was told last, and summed by invoice and by commitment.

Amounts are minor units of the invoice's currency. Only what stands for a synced invoice counts: a bill that is not in
the ERP any more was not paid.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from store import audit, directory
from store.db import Database
from store.domain.actor import Actor
from store.domain.errors import BadInput, Disallowed
from store.domain.knowing import Paid
from store.domain.money import plain, to_minor
from store.domain.profile import Profile
from store.domain.status import ErpStatus, JobState
from store.domain.text import safe, storable
from store.job import marks

# So many bills are asked about in one request.
PAGE = 200
# A bill that is paid is asked about for so long after its last payment: it may be taken back.
RECENT = timedelta(days=60)
# No text of the ERP is kept beyond so many characters; a reference beyond that is none.
TEXT_MOST = 200
# So many of those that could not be read are named.
NAMED = 20
# Who takes over payments does it alone, on PostgreSQL: "paya" plus two.
_LOCK = 0x70617963
_SYNCED = f"i.erp_status = '{ErpStatus.SYNCED.value}'"


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment of one invoice; ``day`` is an ISO day, ``amount`` minor units of ``currency``."""

    ref: str
    day: str
    amount: int
    currency: str
    method: str


class Asked(NamedTuple):
    """A synced invoice whose bill the ERP is asked about, by the bill's reference there."""

    invoice: int
    ref: str


@dataclass
class Pulled:
    """How a pull went: bills asked about, payments told, invoices with other payments than before.

    ``issued``: what was paid more than before (or less, where it was taken back), by currency. ``unread``: what the ERP
    said and cannot be used, the first of it in words; those invoices keep what they had.
    """

    asked: int = 0
    told: int = 0
    changed: int = 0
    issued: dict[str, int] = field(default_factory=dict)
    unread_count: int = 0
    unread: list[str] = field(default_factory=list)

    def add(self, more: Pulled) -> None:
        """This chunk too."""
        self.asked += more.asked
        self.told += more.told
        self.changed += more.changed
        for currency, amount in more.issued.items():
            self.issued[currency] = self.issued.get(currency, 0) + amount
        self.unread_count += more.unread_count
        self.unread += more.unread[: NAMED - len(self.unread)]


def require(profile: Profile) -> None:
    """Raise Disallowed where the ERP cannot be asked what was paid."""
    if not profile.pays_back:
        raise Disallowed(
            f"{safe(profile.title)} does not say what was paid",
            why="payapp has no way to ask it for payments",
            fix=f"payapp erp show {profile.name} tells what it can do",
        )


def to_ask(db: Database, erp: str, after: int, *, everything: bool = False) -> list[Asked]:
    """The synced invoices behind the invoice ``after``, by id, that are not fully paid or were so within 60 days.

    ``everything``: the long paid too.
    """
    paid = "(SELECT coalesce(sum(p.amount), 0) FROM payments p WHERE p.invoice_id = i.id)"
    recent = "EXISTS (SELECT 1 FROM payments p WHERE p.invoice_id = i.id AND p.paid_on >= ?)"
    since = (datetime.fromtimestamp(db.now() / 1000, tz=UTC).date() - RECENT).isoformat()
    wanted, values = ("", ()) if everything else (f" AND ({paid} <> i.net + i.tax OR {recent})", (since,))
    rows = db.execute(
        f"SELECT i.id, i.origin_id FROM invoices i WHERE {_SYNCED} AND i.origin_id IS NOT NULL AND i.id > ?"
        # Another ERP's reference would be somebody else's bill.
        " AND EXISTS (SELECT 1 FROM export_jobs j WHERE j.invoice_id = i.id AND j.erp = ? AND j.state = ?"
        f" AND j.erp_ref = i.origin_id){wanted} ORDER BY i.id LIMIT {PAGE}",
        (after, erp, JobState.DONE.value, *values),
    ).fetchall()
    return [Asked(*row) for row in rows]


def replace(
    db: Database, actor: Actor | None, erp: str, asked: Sequence[Asked], told: Iterable[Paid]
) -> Pulled:
    """Keep what the ERP says of these bills, instead of what it said before; the same again changes nothing.

    One event of the audit trail has each invoice whose payments changed. ``actor``: None for the worker. An invoice that
    is not synced under that reference any more is left alone, and one of which something cannot be read keeps what it
    had. Raises NotPermitted.
    """
    with db.transaction():
        if db.postgres:
            db.execute("SELECT pg_advisory_xact_lock(?)", (_LOCK,))
        if actor is not None:
            actor = directory.refresh(db, actor)
            actor.require_approver("take payments over")
        standing = _standing(db, asked)
        heard = _Heard(standing)
        heard.listen(told)
        pulled = heard.pulled
        pulled.asked = len(asked)
        wanted = {bill: heard.by_invoice.get(bill, {}) for bill in heard.sound()}
        before = _before(db, wanted)
        changed = {bill: after for bill, after in sorted(wanted.items()) if before.get(bill, {}) != after}
        if not changed:
            return pulled
        _write(db, erp, changed, before)
        changes = [_change(bill, before.get(bill, {}), after, pulled) for bill, after in changed.items()]
        pulled.changed = len(changes)
        detail = {"erp": erp, "count": len(changes)}
        if actor is None:
            audit.append(db, None, "worker", "worker", "payments", detail, changes)
        else:
            audit.record(db, actor, "payments", detail, changes)
    return pulled


class _Heard:
    """What was told of some bills, checked: by invoice and reference."""

    def __init__(self, standing: Mapping[str, tuple[int, str, str]]) -> None:
        self._standing = standing
        self._spoilt: set[int] = set()
        self.by_invoice: dict[int, dict[str, Payment]] = defaultdict(dict)
        self.pulled = Pulled()

    def listen(self, told: Iterable[Paid]) -> None:
        for paid in told:
            if (found := self._standing.get(paid.bill)) is None:
                continue
            number, name, currency = found
            try:
                self.by_invoice[number][paid.ref] = _payment(paid, currency)
                self.pulled.told += 1
            except BadInput as error:
                if number not in self._spoilt:
                    self._spoilt.add(number)
                    self.pulled.unread_count += 1
                    self.pulled.unread.append(f"{safe(name)} (#{number}): {error}")

    def sound(self) -> list[int]:
        """The invoices of which everything could be read."""
        return [number for number, _, _ in self._standing.values() if number not in self._spoilt]


def _payment(paid: Paid, currency: str) -> Payment:
    if not paid.ref or len(paid.ref) > TEXT_MOST or not storable(paid.ref):
        raise BadInput("A payment has no usable reference", why=safe(paid.ref)[:60] or "it is empty")
    if paid.currency != currency:
        raise BadInput(
            f"Payment {safe(paid.ref)} is in {safe(paid.currency)[:20]}", why=f"the invoice is in {currency}"
        )
    try:
        day = date.fromisoformat(paid.day).isoformat()
    except ValueError:
        raise BadInput(
            f"Payment {safe(paid.ref)} is of the day {safe(paid.day)[:20]!r}", why="that is no day"
        ) from None
    return Payment(paid.ref, day, to_minor(paid.amount, currency), currency, safe(paid.method)[:TEXT_MOST])


def _standing(db: Database, asked: Sequence[Asked]) -> dict[str, tuple[int, str, str]]:
    """Those still synced under that reference: invoice, number and currency by reference; the first of two of one."""
    found: dict[str, tuple[int, str, str]] = {}
    if not asked:
        return found
    wanted = {each.invoice: each.ref for each in asked}
    rows = db.execute(
        f"SELECT i.id, i.origin_id, i.number, i.currency FROM invoices i WHERE {_SYNCED}"
        f" AND i.id IN ({marks(asked)}) ORDER BY i.id",
        tuple(wanted),
    ).fetchall()
    for number, ref, name, currency in rows:
        if wanted[number] == ref:
            found.setdefault(ref, (number, name, currency))
    return found


def _before(db: Database, wanted: Iterable[int]) -> dict[int, dict[str, Payment]]:
    """What is kept of these invoices."""
    found: dict[int, dict[str, Payment]] = defaultdict(dict)
    for number, payment in _kept(db, sorted(wanted)):
        found[number][payment.ref] = payment
    return found


def _kept(db: Database, invoices: Sequence[int]) -> Iterator[tuple[int, Payment]]:
    if invoices:
        rows = db.execute(
            "SELECT invoice_id, ref, paid_on, amount, currency, method FROM payments"
            f" WHERE invoice_id IN ({marks(invoices)}) ORDER BY paid_on, id",
            tuple(invoices),
        ).fetchall()
        yield from ((row[0], Payment(*row[1:])) for row in rows)


def _write(
    db: Database,
    erp: str,
    changed: Mapping[int, Mapping[str, Payment]],
    before: Mapping[int, Mapping[str, Payment]],
) -> None:
    """What is told no more goes; what is new or other is put."""
    now = db.now()
    gone = [
        (bill, ref) for bill, after in changed.items() for ref in before.get(bill, {}) if ref not in after
    ]
    put = [
        (erp, p.ref, bill, p.day, p.amount, p.currency, p.method, now)
        for bill, after in changed.items()
        for p in after.values()
        if before.get(bill, {}).get(p.ref) != p
    ]
    db.executemany("DELETE FROM payments WHERE invoice_id = ? AND ref = ?", gone)
    db.executemany(
        "INSERT INTO payments (erp, ref, invoice_id, paid_on, amount, currency, method, pulled_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (invoice_id, ref) DO UPDATE SET erp = excluded.erp,"
        " paid_on = excluded.paid_on, amount = excluded.amount, currency = excluded.currency,"
        " method = excluded.method, pulled_at = excluded.pulled_at",
        put,
    )


def _change(
    invoice: int, before: Mapping[str, Payment], after: Mapping[str, Payment], pulled: Pulled
) -> audit.Change:
    """The invoice in the audit trail; what it was paid more is added to ``pulled``."""
    currency = next(iter((*after.values(), *before.values()))).currency
    was, now = (sum(payment.amount for payment in some.values()) for some in (before, after))
    pulled.issued[currency] = pulled.issued.get(currency, 0) + now - was
    values = [
        {"paid": plain(amount, currency), "payments": _told(some)}
        for amount, some in ((was, before), (now, after))
    ]
    return audit.Change("invoice", invoice, values[0], values[1])


def _told(payments: Mapping[str, Payment]) -> str:
    """Payments in words, for the history; the first of very many."""
    told = [f"{plain(p.amount, p.currency)} on {p.day} ({p.ref})" for p in payments.values()]
    more = f" and {len(told) - NAMED} more" if len(told) > NAMED else ""
    return ", ".join(told[:NAMED]) + more


def forget(db: Database, invoices: Sequence[int]) -> dict[int, str]:
    """Nothing was paid of these any more: their bills are gone. What was kept, in words, by invoice.

    In the transaction that parts them from their bills.
    """
    if db.postgres:
        db.execute("SELECT pg_advisory_xact_lock(?)", (_LOCK,))
    found = _before(db, invoices)
    db.executemany("DELETE FROM payments WHERE invoice_id = ?", [(number,) for number in sorted(found)])
    return {number: _told(kept) for number, kept in found.items()}


# -- what is shown ---------------------------------------------------------------------------------------------


def of_invoice(db: Database, invoice: int) -> tuple[Payment, ...]:
    """What was paid of a synced invoice, by day; of any other nothing counts."""
    synced = db.execute(f"SELECT 1 FROM invoices i WHERE i.id = ? AND {_SYNCED}", (invoice,)).fetchone()
    return tuple(payment for _, payment in _kept(db, [invoice])) if synced else ()


def issued(db: Database, commitment: int) -> dict[str, int]:
    """The payments issued on a commitment, by currency; empty where the ERP has told of none."""
    rows = db.execute(
        "SELECT p.currency, sum(p.amount) FROM payments p JOIN invoices i ON i.id = p.invoice_id"
        f" WHERE i.commitment_id = ? AND {_SYNCED} GROUP BY p.currency ORDER BY p.currency",
        (commitment,),
    ).fetchall()
    return {currency: int(amount) for currency, amount in rows}


@dataclass(frozen=True, slots=True)
class Issued:
    """What is to be paid and was paid of the synced invoices of one commitment in one currency, in its minor units."""

    job: str
    commitment: str
    vendor: str
    currency: str
    invoices: int
    due: int
    issued: int


def by_commitment(db: Database) -> list[Issued]:
    """Every commitment with a synced invoice, by job and number; amounts are never added across currencies."""
    rows = db.execute(
        "SELECT j.number, c.number, v.name, i.currency, count(*), sum(i.net + i.tax), coalesce(sum(p.paid), 0)"
        " FROM invoices i JOIN commitments c ON c.id = i.commitment_id JOIN projects j ON j.id = c.project_id"
        " JOIN vendors v ON v.id = c.vendor_id LEFT JOIN"
        " (SELECT invoice_id, sum(amount) AS paid FROM payments GROUP BY invoice_id) p ON p.invoice_id = i.id"
        f" WHERE {_SYNCED} GROUP BY c.id, j.number, c.number, v.name, i.currency ORDER BY j.number, c.number, c.id, 4"
    ).fetchall()
    return [Issued(*row[:4], *map(int, row[4:])) for row in rows]
