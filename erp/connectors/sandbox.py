"""The sandbox: an embedded stand-in ERP in a SQLite file of its own, for the demo and for failures. Not a real ERP.

It knows vendors, jobs, cost codes, accounting periods and used numbers, takes its time, and keeps its own ledger by
idempotency key: a key that it has answers with its first bill. It pays every third bill by check on its accounting date,
none whose payment is held.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

from erp.connector import UnavailableError
from erp.connectors.sandbox_rules import doubts, objections
from store.domain.bill import Bill
from store.domain.checking import Checker
from store.domain.knowing import Fact, Kind, Paid
from store.domain.outcome import Answer, Booked, ErpBill, Later, Missing, Period, Refused, Unknown
from store.domain.profile import Finding, Profile
from store.domain.text import safe

T = TypeVar("T")

# So many bills are listed at a time.
PAGE = 500
# It pays the bills whose number is a multiple of this.
PAID_EACH = 3
_SCHEMA = """
CREATE TABLE IF NOT EXISTS vendors (ref TEXT PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS cost_codes (job TEXT NOT NULL, code TEXT NOT NULL, PRIMARY KEY (job, code));
CREATE INDEX IF NOT EXISTS cost_codes_code ON cost_codes (code);
CREATE TABLE IF NOT EXISTS periods (start_date TEXT PRIMARY KEY, end_date TEXT NOT NULL, is_open INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS used_numbers (vendor TEXT NOT NULL, number TEXT NOT NULL, PRIMARY KEY (vendor, number));
CREATE TABLE IF NOT EXISTS bills (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    vendor TEXT NOT NULL,
    number TEXT NOT NULL,
    job TEXT NOT NULL,
    commitment TEXT NOT NULL,
    accounting_date TEXT NOT NULL,
    currency TEXT NOT NULL,
    gross TEXT NOT NULL,
    retainage TEXT NOT NULL,
    net TEXT NOT NULL,
    payment_hold TEXT NOT NULL DEFAULT '',
    UNIQUE (vendor, number)
);
"""

Fraction = Annotated[float, msgspec.Meta(ge=0, le=1)]


class SandboxSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``file`` holds the sandbox's own books. ``seconds_per_bill`` is how long it takes over each.

    ``lose_replies`` is the share of parcels that it books without a reply, ``reports_unavailable`` the share that it
    turns away before it does anything; ``seed`` makes both repeatable.
    """

    file: str = "sandbox.db"
    seconds_per_bill: Annotated[float, msgspec.Meta(ge=0)] = 0.15
    lose_replies: Fraction = 0.0
    reports_unavailable: Fraction = 0.0
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One bill in the sandbox's books; amounts are plain decimals such as "-1200.00"."""

    ref: str
    key: str
    vendor: str
    number: str
    job: str
    commitment: str
    accounting_date: str
    currency: str
    gross: str
    retainage: str
    net: str
    # Why its payment is held; "": it is not.
    payment_hold: str = ""


class ReplyLostError(Exception):
    """The sandbox did what it was asked, and the reply went astray."""


class Sandbox:
    """The connector to the sandbox in ``settings.file``. It makes no new books: those that are gone are an outage."""

    def __init__(self, settings: SandboxSettings, profile: Profile) -> None:
        self.profile = profile
        self._settings = settings
        self._chance = random.Random(settings.seed)  # noqa: S311 - it plays a bad day, it guards nothing
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="payapp-sandbox")
        self._connection: sqlite3.Connection | None = None
        self._closed = False

    async def post(self, bills: Sequence[Bill]) -> Sequence[Booked | Refused | Later | Unknown]:
        """Book each bill by itself, or refuse it with its reason."""
        if self._chance.random() < self._settings.reports_unavailable:
            raise UnavailableError("the sandbox is closed for a moment (503)")
        outcomes: list[Booked | Refused | Later | Unknown] = []
        for bill in bills:
            await asyncio.sleep(self._settings.seconds_per_bill)
            outcomes.append(await self._call(partial(_book, bill=bill)))
        if self._chance.random() < self._settings.lose_replies:
            raise ReplyLostError("the sandbox's reply was lost")
        return outcomes

    async def find(self, bills: Sequence[Bill]) -> Sequence[Answer]:
        """Look each key up in the ledger."""
        return await self._call(
            lambda books: [_known(books, bill.key) or Missing(bill.key) for bill in bills]
        )

    async def check(self, bills: Sequence[Bill]) -> dict[str, list[Finding]]:
        """What would be refused, without booking anything."""
        return await self._call(lambda books: {bill.key: list(objections(books, bill)) for bill in bills})

    @contextlib.contextmanager
    def checker(self) -> Iterator[Checker]:
        """As check(), with books of its own."""
        with contextlib.closing(_open(self._there())) as books:
            yield Checker(partial(objections, books), doubts(books))

    async def periods(self) -> Sequence[Period]:
        """The sandbox's accounting periods."""
        return await self._call(_periods)

    async def exists(self, ref: str) -> bool:
        """Whether the ledger has a bill of that reference."""
        return await self._call(
            lambda books: bool(books.execute("SELECT 1 FROM bills WHERE id = ?", (_id_of(ref),)).fetchone())
        )

    async def bills(self, period: Period) -> AsyncIterator[Sequence[ErpBill]]:
        """The ledger's bills of these accounting dates, in the order of booking."""
        last = 0
        while found := await self._call(partial(_page, period=period, after=last)):
            last = found[-1][0]
            yield [bill for _, bill in found]

    async def known(self, kind: Kind, codes: Sequence[str]) -> Sequence[Fact] | None:
        """Whether it has these vendors, jobs, or cost codes in any job; it has no commitments, taxes or terms."""
        if (asked := _KNOWN.get(kind)) is None:
            return None
        return await self._call(lambda books: [_fact(books, kind, asked, code) for code in codes])

    async def payments(self, refs: Sequence[str]) -> AsyncIterator[Sequence[Paid]]:
        """What it paid of these bills, so many at a time."""
        for first in range(0, len(refs), PAGE):
            if paid := await self._call(partial(_paid, refs=refs[first : first + PAGE])):
                yield paid

    async def close(self) -> None:
        """Close the books once what is under way is done. Closing twice is no harm."""
        if not self._closed:
            self._closed = True
            await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
            self._thread.shutdown()

    async def _call(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(self._books()))

    def _books(self) -> sqlite3.Connection:
        file = self._there()
        if self._connection is None:
            self._connection = _open(file)
        return self._connection

    def _there(self) -> Path:
        """The file of its books. Raises UnavailableError where it is missing: new ones would know of nothing booked."""
        file = Path(self._settings.file)
        if not file.exists():
            self._close()
            raise UnavailableError(
                f"The sandbox's books are missing: put {safe(str(file))} back; an empty file of that name makes new books"
            )
        return file

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


# -- the books -------------------------------------------------------------------------------------------------


def seed(
    file: Path,
    vendors: Iterable[tuple[str, str]],
    cost_codes: Iterable[tuple[str, str]],
    periods: Iterable[Period],
    used_numbers: Iterable[tuple[str, str]] = (),
) -> None:
    """Tell the sandbox what it knows: (vendor id, name), (job, cost code), periods, (vendor id, used number).

    Adds to what it knows; a vendor or period that it has takes the new values, so a period can be opened or closed.
    """
    with contextlib.closing(_open(file)) as books, _transaction(books):
        books.executemany("INSERT OR REPLACE INTO vendors VALUES (?, ?)", vendors)
        books.executemany("INSERT OR IGNORE INTO cost_codes VALUES (?, ?)", cost_codes)
        books.executemany(
            "INSERT OR REPLACE INTO periods VALUES (?, ?, ?)",
            [(p.start.isoformat(), p.end.isoformat(), p.is_open) for p in periods],
        )
        books.executemany("INSERT OR IGNORE INTO used_numbers VALUES (?, ?)", used_numbers)


def ledger(file: Path) -> list[LedgerRow]:
    """Every bill in the sandbox's books, in the order of booking."""
    with contextlib.closing(_open(file)) as books:
        found = books.execute(
            "SELECT id, key, vendor, number, job, commitment, accounting_date, currency, gross, retainage, net,"
            " payment_hold FROM bills ORDER BY id"
        ).fetchall()
    return [LedgerRow(_ref_of(row[0]), *row[1:]) for row in found]


def _open(file: Path) -> sqlite3.Connection:
    books = sqlite3.connect(file, timeout=10, isolation_level=None, check_same_thread=False)
    try:
        books.execute("PRAGMA journal_mode = WAL")
        # What was answered as booked must outlive a power cut as well as a kill.
        books.execute("PRAGMA synchronous = FULL")
        books.executescript(_SCHEMA)
        _complete(books)
    except BaseException:
        books.close()
        raise
    return books


def _complete(books: sqlite3.Connection) -> None:
    """Books that were kept before there were payment holds get the column."""
    if not _has_holds(books):
        with _transaction(books):
            # Another process may have been first.
            if not _has_holds(books):
                books.execute("ALTER TABLE bills ADD COLUMN payment_hold TEXT NOT NULL DEFAULT ''")


def _has_holds(books: sqlite3.Connection) -> bool:
    return any(row[1] == "payment_hold" for row in books.execute("PRAGMA table_info(bills)"))


@contextlib.contextmanager
def _transaction(books: sqlite3.Connection) -> Iterator[None]:
    books.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        books.execute("ROLLBACK")
        raise
    books.execute("COMMIT")


def _ref_of(number: int) -> str:
    return f"SBX-{number:06d}"


def _id_of(ref: str) -> int:
    digits = ref.removeprefix("SBX-")
    return int(digits) if digits.isascii() and digits.isdigit() else 0


def _known(books: sqlite3.Connection, key: str) -> Booked | None:
    row = books.execute("SELECT id FROM bills WHERE key = ?", (key,)).fetchone()
    return Booked(key, _ref_of(row[0])) if row else None


def _book(books: sqlite3.Connection, bill: Bill) -> Booked | Refused:
    """Book one bill and commit, before anything is answered. The key is asked first: a replay books nothing."""
    with _transaction(books):
        if known := _known(books, bill.key):
            return known
        for objection in objections(books, bill):
            return Refused(bill.key, objection.code, objection.cause, objection.fix)
        number = books.execute(
            "INSERT INTO bills (key, vendor, number, job, commitment, accounting_date, currency, gross, retainage, net,"
            " payment_hold) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
            (
                bill.key,
                bill.vendor,
                bill.number,
                bill.job,
                bill.commitment,
                bill.accounting_date.isoformat(),
                bill.currency,
                bill.gross,
                bill.retainage,
                bill.net,
                bill.payment_hold or "",
            ),
        ).fetchall()[0][0]
        return Booked(bill.key, _ref_of(number))


def _page(books: sqlite3.Connection, period: Period, after: int) -> list[tuple[int, ErpBill]]:
    found = books.execute(
        "SELECT id, key, vendor, number, accounting_date, currency, gross, retainage, net FROM bills"
        f" WHERE id > ? AND accounting_date BETWEEN ? AND ? ORDER BY id LIMIT {PAGE}",
        (after, period.start.isoformat(), period.end.isoformat()),
    )
    return [
        (number, ErpBill(_ref_of(number), key, vendor, name, date.fromisoformat(day), *amounts))
        for number, key, vendor, name, day, *amounts in found
    ]


# By kind: how it is asked for the name of a code.
_KNOWN = {
    Kind.VENDOR: "SELECT name FROM vendors WHERE ref = ?",
    Kind.JOB: "SELECT '' FROM cost_codes WHERE job = ? LIMIT 1",
    Kind.ACCOUNT: "SELECT '' FROM cost_codes WHERE code = ? LIMIT 1",
}


def _fact(books: sqlite3.Connection, kind: Kind, asked: str, code: str) -> Fact:
    row = books.execute(asked, (code,)).fetchone()
    return Fact(kind, code, row is not None, row[0] if row else "")


def _paid(books: sqlite3.Connection, refs: Sequence[str]) -> list[Paid]:
    found = []
    for number in (n for n in map(_id_of, refs) if n and n % PAID_EACH == 0):
        row = books.execute(
            "SELECT accounting_date, net, currency FROM bills WHERE id = ? AND payment_hold = ''", (number,)
        ).fetchone()
        # A credit is not paid out.
        if row is not None and Decimal(row[1]) > 0:
            day, net, currency = row
            found.append(Paid(f"CHK-{number:06d}", _ref_of(number), day, net, currency, "check"))
    return found


def _periods(books: sqlite3.Connection) -> list[Period]:
    found = books.execute("SELECT start_date, end_date, is_open FROM periods ORDER BY start_date").fetchall()
    return [Period(date.fromisoformat(row[0]), date.fromisoformat(row[1]), bool(row[2])) for row in found]
