"""The two sides of a reconciliation in a scratch file: what the ERP has, what was sent, and which belong together."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

import msgspec

from store import sent_bills
from store.db import Database
from store.domain.errors import BadInput, PayappError
from store.domain.money import decimals, plain, to_minor
from store.domain.outcome import ErpBill, Period
from store.domain.text import safe
from store.domain.verdict import Sum
from store.job import marks
from store.sent_bills import Standing

# No text of the ERP is kept beyond so many characters.
TEXT_MOST = 300
PAGE = 500
# A currency that is none.
STRANGE = "???"
# What a sent bill and the ERP's have in common, as text; a value that one of them does not know is not compared.
FIELDS = ("reference", "vendor", "number", "accounting_date", "currency", "gross", "retainage", "net")
_AMOUNTS = ("gross", "retainage", "net")
_SCHEMA = f"""
CREATE TABLE sent (
    id INTEGER PRIMARY KEY, invoice INTEGER NOT NULL, key TEXT NOT NULL, name TEXT NOT NULL, vendor_name TEXT NOT NULL,
    state TEXT NOT NULL, standing TEXT NOT NULL, counted INTEGER NOT NULL, recent INTEGER NOT NULL, fault TEXT NOT NULL,
    {", ".join(f"{name} TEXT" for name in FIELDS)}, gross_minor INTEGER NOT NULL, net_minor INTEGER NOT NULL,
    answer TEXT NOT NULL DEFAULT '', found TEXT NOT NULL DEFAULT '', cause TEXT NOT NULL DEFAULT '', verdict TEXT
);
CREATE TABLE bill (
    id INTEGER PRIMARY KEY, key TEXT, {", ".join(f"{name} TEXT" for name in FIELDS)}, gross_minor INTEGER,
    net_minor INTEGER, job INTEGER, invoice INTEGER, name TEXT NOT NULL DEFAULT '', verdict TEXT
);
CREATE UNIQUE INDEX bill_reference ON bill (reference);
CREATE INDEX bill_key ON bill (key);
CREATE INDEX bill_job ON bill (job);
CREATE INDEX bill_invoice ON bill (invoice);
CREATE UNIQUE INDEX sent_key ON sent (key);
CREATE INDEX sent_reference ON sent (reference);
CREATE INDEX sent_invoice ON sent (invoice);
CREATE INDEX sent_number ON sent (vendor, number);
CREATE INDEX sent_verdict ON sent (verdict);
"""
_SENT_COLUMNS = (
    "id", "invoice", "key", "name", "vendor_name", "state", "standing", "counted", "recent", "fault", *FIELDS,
    "gross_minor", "net_minor",
)  # fmt: skip


class Sides:
    """One ERP's bills of a period, and what was sent to it. Use it as a context: it has a file.

    ``lists``: the ERP can list its bills. Where it cannot, bills that nobody here knows cannot be looked for.
    ``receipts``: what it finds was delivered, and its receipt is awaited. ``posts``: its bills are what it made of ours, so
    that what was sent counts with what will post by the company's policy; False where they are ours themselves.
    """

    def __init__(self, erp: str, period: Period, *, lists: bool, receipts: bool = False) -> None:
        self.erp = erp
        self.period = period
        self.lists = lists
        self.receipts = receipts
        self.posts = True
        self.open_elsewhere = 0
        self._began: int | None = None
        # SQLite keeps a database without a name in a file of its own, which is gone when it is closed.
        self.scratch = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._sent: dict[str, list[int]] = {}
        self._listed: dict[str, list[int | None]] = {}
        try:
            for pragma in (
                "temp_store = FILE",
                "journal_mode = OFF",
                "synchronous = OFF",
                "cache_size = -4000",
            ):
                self.scratch.execute(f"PRAGMA {pragma}").fetchall()
            self.scratch.executescript(_SCHEMA)
        except BaseException:
            self.scratch.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self.scratch.close()

    # -- what the ERP has ------------------------------------------------------------------------------------------

    def begin(self, db: Database) -> None:
        """The ERP begins to list its bills. What moves here from now on may be in its list or not: that is no difference."""
        self._began = db.now()

    def add(self, _db: Database | None, page: Sequence[ErpBill]) -> None:
        """One page of the ERP's bills. A reference that came before is the same bill again.

        Raises PayappError for a page that is none, or that brings nothing new: such a list has no end.
        """
        try:
            bills = msgspec.convert(msgspec.to_builtins(page), tuple[ErpBill, ...])
        except (msgspec.ValidationError, TypeError) as error:
            raise PayappError("The ERP's list of bills cannot be read", why=safe(str(error))) from None
        # A bill of another day was not asked for.
        inside = [b for b in bills if self.period.start <= b.accounting_date <= self.period.end]
        with self.together():
            new = [self.put(_listed(bill)) for bill in inside]
        if inside and not any(new):
            raise PayappError(
                "The ERP's list of bills cannot be read", why="it repeats itself", fix="Try again later"
            )

    def put(self, values: dict[str, Any]) -> bool:
        """One bill of the ERP more, counted; whether its reference is new."""
        columns = ", ".join(values)
        done = self.scratch.execute(
            f"INSERT INTO bill ({columns}) VALUES ({marks(list(values))}) ON CONFLICT (reference) DO NOTHING",
            tuple(values.values()),
        ).rowcount
        if done:
            _count(self._listed, values["currency"], values["gross_minor"], values["net_minor"])
        return bool(done)

    # -- what was sent -----------------------------------------------------------------------------------------------

    def read(self, db: Database) -> None:
        """Read everything that was sent in the period, and find the ERP's bills of it. Call it after the last page."""
        for page in sent_bills.pages(db, self.erp, self.period):
            self._insert(page)
        self.open_elsewhere = sent_bills.open_outside(db, self.erp, self.period)
        self._match_keys()
        for keys in self._strangers("key IS NOT NULL"):
            self._insert(sent_bills.by_key(db, keys, self.erp, self.period))
        self._match_keys()
        for keys in self._strangers("key IS NOT NULL"):
            self._belong(sent_bills.invoices_of(db, keys))
        for references in self._strangers("key IS NULL AND reference IS NOT NULL", "reference"):
            self._insert(sent_bills.by_reference(db, references, self.erp, self.period))
        for invoices in self._astray():
            self._insert(sent_bills.of_invoices(db, invoices, self.erp, self.period))
        self._match_revisions()
        self._match_others()
        self.scratch.execute(
            "UPDATE bill SET invoice = (SELECT s.invoice FROM sent s WHERE s.id = bill.job) WHERE job IS NOT NULL"
        )

    def _insert(self, rows: Iterable[sent_bills.SentBill]) -> None:
        with self.together():
            for row in rows:
                values = _sent(_posted(row) if self.posts and row.unreleased else row)
                values["recent"] = self._began is not None and row.moved_at > self._began
                done = self.scratch.execute(
                    f"INSERT INTO sent ({', '.join(_SENT_COLUMNS)}) VALUES ({marks(_SENT_COLUMNS)})"
                    " ON CONFLICT (id) DO NOTHING",
                    tuple(values[name] for name in _SENT_COLUMNS),
                ).rowcount
                if done and row.counted:
                    _count(self._sent, values["currency"], values["gross_minor"], values["net_minor"])

    def _match_keys(self) -> None:
        self.scratch.execute(
            "UPDATE bill SET job = (SELECT s.id FROM sent s WHERE s.key = bill.key)"
            " WHERE job IS NULL AND key IS NOT NULL"
        )

    def _match_others(self) -> None:
        """By reference where the ERP keeps no key; then by vendor and number.

        Under a key of its own a bill with vendor and number of ours is ours entered again only with our amount too:
        numbers begin anew on each commitment.
        """
        self.scratch.execute(
            "UPDATE bill SET job = (SELECT s.id FROM sent s WHERE s.reference = bill.reference ORDER BY s.id LIMIT 1)"
            " WHERE job IS NULL AND key IS NULL AND reference IS NOT NULL"
        )
        self.scratch.execute(
            "UPDATE bill SET job = (SELECT s.id FROM sent s WHERE s.vendor = bill.vendor AND s.number = bill.number"
            " AND (bill.key IS NULL OR s.net = bill.net)"
            f" ORDER BY CASE s.standing WHEN '{Standing.SYNCED}' THEN 0 WHEN '{Standing.OPEN}' THEN 1 ELSE 2 END,"
            " s.id DESC LIMIT 1) WHERE job IS NULL AND invoice IS NULL AND number <> ''"
        )

    def _astray(self) -> Iterator[list[int]]:
        """The invoices of bills under the key of a revision that was given up here or is not known, some at a time."""
        last = 0
        while found := self.scratch.execute(
            "SELECT b.id, coalesce(b.invoice, s.invoice) FROM bill b LEFT JOIN sent s ON s.id = b.job"
            " WHERE b.key IS NOT NULL AND (b.job IS NULL AND b.invoice IS NOT NULL"
            f" OR s.standing = '{Standing.GONE}') AND b.id > ? ORDER BY b.id LIMIT {PAGE}",
            (last,),
        ).fetchall():
            last = found[-1][0]
            yield list(dict.fromkeys(row[1] for row in found))

    def _match_revisions(self) -> None:
        """Such a bill is that of the invoice's synced revision where the reference is the same, else of its open one.

        So nobody is told to void the only bill of an invoice.
        """
        own = (
            "SELECT o.id FROM sent o WHERE o.invoice = coalesce(bill.invoice, (SELECT s.invoice FROM sent s WHERE s.id ="
            f" bill.job)) AND (o.standing = '{Standing.SYNCED}' AND o.reference = bill.reference"
            f" OR o.standing = '{Standing.OPEN}') ORDER BY o.standing = '{Standing.SYNCED}' DESC, o.id DESC LIMIT 1"
        )
        self.scratch.execute(
            f"UPDATE bill SET job = coalesce(({own}), job) WHERE key IS NOT NULL AND (job IS NULL AND invoice IS NOT NULL"
            f" OR job IN (SELECT id FROM sent WHERE standing = '{Standing.GONE}'))"
        )

    def _strangers(self, which: str, column: str = "key") -> Iterator[list[str]]:
        """The keys or references of bills without a job, some at a time."""
        last = 0
        while found := self.scratch.execute(
            f"SELECT id, {column} FROM bill WHERE job IS NULL AND {which} AND id > ? ORDER BY id LIMIT {PAGE}",
            (last,),
        ).fetchall():
            last = found[-1][0]
            yield list(dict.fromkeys(row[1] for row in found))

    def _belong(self, invoices: dict[str, tuple[int, str]]) -> None:
        """Bills of these keys are revisions of these invoices that nobody here knows."""
        with self.together():
            self.scratch.executemany(
                "UPDATE bill SET invoice = ?, name = ? WHERE key = ?",
                [(number, text_of(name), key) for key, (number, name) in invoices.items()],
            )

    def read_of(self, currency: str) -> tuple[Sum, Sum]:
        """All that was sent and all that the ERP has, as they were counted when they came in."""
        return _sum(self._sent, currency), _sum(self._listed, currency)

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Statements that are written together."""
        self.scratch.execute("BEGIN")
        yield
        self.scratch.execute("COMMIT")


# -- rows of the scratch file ------------------------------------------------------------------------------------------


def text_of(text: str) -> str:
    """Other people's text as both sides keep and compare it."""
    return safe(text)[:TEXT_MOST]


def _amount(said: str | None, currency: str) -> tuple[str | None, int | None]:
    """As the amount is compared, and in minor units; what is no amount is compared as it stands."""
    if said is None:
        return None, None
    try:
        minor = to_minor(said, currency)
    except BadInput:
        return text_of(said), None
    return plain(minor, currency), minor


def _currency(code: str) -> str:
    try:
        decimals(code)
    except BadInput:
        return STRANGE
    return code


def _listed(bill: ErpBill) -> dict[str, Any]:
    currency = _currency(bill.currency)
    amounts = {name: _amount(getattr(bill, name), currency) for name in _AMOUNTS}
    return {
        "key": None if bill.key is None else text_of(bill.key),
        "reference": text_of(bill.ref) or None,
        "vendor": None if bill.vendor is None else text_of(bill.vendor),
        "number": None if bill.number is None else text_of(bill.number),
        "accounting_date": bill.accounting_date.isoformat(),
        "currency": currency,
        **{name: text for name, (text, _) in amounts.items()},
        "gross_minor": amounts["gross"][1],
        "net_minor": amounts["net"][1],
    }


def _posted(of: sent_bills.SentBill) -> sent_bills.SentBill:
    """With what of it will post by policy."""
    retainage, net = to_minor(of.retainage, of.currency), to_minor(of.net, of.currency)
    return replace(
        of,
        retainage=plain(retainage + of.unreleased, of.currency),
        net=plain(net - of.unreleased, of.currency),
    )


def _sent(of: sent_bills.SentBill) -> dict[str, Any]:
    currency = _currency(of.currency)
    amounts = {name: _amount(getattr(of, name), currency) for name in _AMOUNTS}
    return {
        "id": of.job, "invoice": of.invoice, "key": of.key, "name": text_of(of.name),
        "vendor_name": text_of(of.vendor_name), "state": of.state, "standing": of.standing.value,
        "counted": of.counted, "fault": of.fault, "reference": text_of(of.reference) or None,
        "vendor": text_of(of.vendor), "number": text_of(of.number), "accounting_date": of.accounting_date,
        "currency": currency, **{name: text for name, (text, _) in amounts.items()},
        "gross_minor": amounts["gross"][1] or 0, "net_minor": amounts["net"][1] or 0,
    }  # fmt: skip


def _count(into: dict[str, Any], currency: str, gross: int | None, net: int | None) -> None:
    """One bill more, counted as it comes in: what the classes must come to."""
    count, grosses, nets = into.get(currency, (0, 0, 0))
    into[currency] = (
        count + 1,
        None if grosses is None or gross is None else grosses + gross,
        None if nets is None or net is None else nets + net,
    )


def _sum(of: dict[str, Any], currency: str) -> Sum:
    return Sum(currency, *of.get(currency, (0, 0, 0)))
