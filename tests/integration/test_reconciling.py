"""Reconciling on both databases: each class found and named, and totals that foot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from export_case import make_bill, queue_jobs, statuses
from reconciling_case import (
    OCTOBER,
    Told,
    V,
    as_listed,
    by_hand,
    compared,
    end,
    export,
    refs,
    totals,
    uncertain,
)

from erp import profiles, reconciling
from erp.connector import UnavailableError
from erp.connectors import sandbox
from erp.connectors.files import Files, FilesSettings
from erp.connectors.sandbox import Sandbox
from store import findings, lookup, outbox
from store.db import Database
from store.domain.bill import encode
from store.domain.errors import PayappError
from store.domain.outcome import Answer, Booked, Period, Refused, Unknown
from store.reconciling import Reconciliation

pytest_plugins = ["reconciling_case"]


# -- the classes ---------------------------------------------------------------------------------------------------


async def test_what_arrived_unchanged_agrees_to_the_cent(db: Database, erp: Sandbox) -> None:
    bills = [make_bill(n) for n in range(1, 8)]
    await export(db, erp, bills)
    async with compared(db, erp) as (of, named):
        gross = sum(10_000 + n for n in range(1, 8))
        assert totals(of) == {V.AGREES: (7, gross, gross - 6300, 7, gross, gross - 6300)}
        assert named == {} and not of.differs and not of.open
        [balance] = of.balances()
        assert balance.sent == balance.listed and balance.sent.count == 7


async def test_every_kind_of_difference_is_found_and_named(db: Database, erp: Sandbox, books: Path) -> None:
    bills = [make_bill(n) for n in range(1, 9)]
    ids = await export(db, erp, bills)
    refused = make_bill(9)
    [ninth] = queue_jobs(db, [refused])
    end(db, [Refused(refused.key, "x", "refused", "")], [refused])
    by_hand(books, "DELETE FROM bills WHERE key = ?", bills[0].key)
    by_hand(books, "UPDATE bills SET gross = '100.03', vendor = 'V-7' WHERE key = ?", bills[1].key)
    by_hand(books, "UPDATE bills SET number = '101-0O3' WHERE key = ?", bills[2].key)
    copy = (
        "INSERT INTO bills (key, vendor, number, job, commitment, accounting_date, currency, gross, retainage, net)"
        " SELECT ?, vendor, ?, job, commitment, accounting_date, currency, gross, retainage, net FROM bills WHERE key = ?"
    )
    by_hand(books, copy, "typed-in", "HAND-1", bills[3].key)
    by_hand(books, copy, bills[4].key[:-1] + "2", "101-005b", bills[4].key)
    by_hand(books, copy, refused.key, refused.number, bills[3].key)
    by_hand(books, "UPDATE bills SET accounting_date = '2026-11-02' WHERE key = ?", bills[5].key)
    async with compared(db, erp) as (of, named):
        found = {verdict: [(f.invoice_id, f.references) for f in these] for verdict, these in named.items()}
        ref = refs(books)
        assert found == {
            V.TWICE: [(ids[4], (ref[bills[4].key], ref[bills[4].key[:-1] + "2"])), (ids[4], (ref[bills[4].key[:-1] + "2"],))],
            V.UNEXPECTED: [(ninth, (ref[refused.key],))],
            V.MISSING: [(ids[0], ())],
            V.DIFFERS: [(ids[1], (ref[bills[1].key],)), (ids[2], (ref[bills[2].key],)), (ids[5], (ref[bills[5].key],))],
            V.UNKNOWN: [(None, (ref["typed-in"],))],
        }  # fmt: skip
        second, third, sixth = named[V.DIFFERS]
        assert [(d.field, d.here, d.there) for d in second.differences] == [
            ("vendor", "V-1", "V-7"),
            ("gross", "100.02", "100.03"),
        ]
        assert [(d.field, d.here, d.there) for d in third.differences] == [("number", "101-003", "101-0O3")]
        assert [(d.field, d.here) for d in sixth.differences] == [("accounting_date", "2026-10-31")]
        counts = {verdict: (row[0], row[3]) for verdict, row in totals(of).items()}
        assert counts == {
            V.TWICE: (1, 2), V.UNEXPECTED: (1, 1), V.MISSING: (1, 0), V.DIFFERS: (3, 2), V.UNKNOWN: (0, 1),
            V.AGREES: (3, 3),
        }  # fmt: skip
        assert all(f.fix for these in named.values() for f in these)
        assert of.differs


async def test_what_failed_here_and_is_not_there_is_no_difference(db: Database, erp: Sandbox) -> None:
    bill = make_bill(1)
    queue_jobs(db, [bill, make_bill(2)])
    end(
        db, [Refused(bill.key, "x", "no", ""), Refused(make_bill(2).key, "x", "no", "")], [bill, make_bill(2)]
    )
    async with compared(db, erp) as (of, named):
        assert {v: row[:1] + row[3:4] for v, row in totals(of).items()} == {V.FAILED: (2, 0)}
        assert not named and not of.differs and not of.open


async def test_what_was_never_sent_and_is_there_is_named(db: Database, erp: Sandbox) -> None:
    bills = [make_bill(1), make_bill(2)]
    ids = queue_jobs(db, bills)
    await erp.post(bills)
    outbox.cancel(db, ids[:1])
    async with compared(db, erp) as (of, named):
        assert [f.invoice_id for f in named[V.UNEXPECTED]] == ids
        assert totals(of)[V.UNEXPECTED][::3] == (0, 2)


async def test_after_a_restore_what_is_asked_about_first_is_under_way_and_what_was_found_is_compared(
    db: Database, erp: Sandbox, books: Path
) -> None:
    bills = [make_bill(n) for n in range(1, 5)]
    ids = queue_jobs(db, bills)
    await erp.post(bills)
    db.execute("UPDATE export_jobs SET look_first = ?", (True,))
    async with compared(db, erp) as (of, named):
        assert named == {} and totals(of)[V.UNDER_WAY][::3] == (0, 4)
    for job in lookup.claim_lookups(db, "sandbox", "w2", limit=3, lease_ms=60_000):
        found = Booked(job.key, refs(books)[job.key])
        lookup.resolve(db, "w2", job, found, erp.profile, sender_dead=False)
    assert statuses(db) == {"synced": 3, "queued": 1}
    by_hand(books, "DELETE FROM bills WHERE key = ?", bills[0].key)
    by_hand(books, "UPDATE bills SET net = '1.00' WHERE key = ?", bills[1].key)
    async with compared(db, erp) as (of, named):
        assert {v: [f.invoice_id for f in these] for v, these in named.items()} == {
            V.MISSING: [ids[0]],
            V.DIFFERS: [ids[1]],
        }
        assert totals(of)[V.AGREES][::3] == (1, 1)


async def test_a_job_under_way_is_open_and_no_difference(db: Database, erp: Sandbox) -> None:
    queue_jobs(db, [make_bill(1)])
    outbox.fence(db, "w1", outbox.claim(db, "sandbox", "w1", limit=5, lease_ms=60_000, concurrency=1))
    async with compared(db, erp) as (of, named):
        assert totals(of)[V.UNDER_WAY][::3] == (1, 0)
        assert not named and not of.differs and of.open


async def test_what_arrives_while_the_erp_lists_is_no_difference(db: Database, erp: Sandbox) -> None:
    class Busy(Told):
        """Behind its last page a bill arrives, and is acknowledged."""

        async def bills(self, _period: Period) -> AsyncIterator[Any]:
            yield [as_listed(old, "R-1")]
            await asyncio.sleep(0.005)
            await export(db, erp, [new])

    old, new = make_bill(1), make_bill(2)
    queue_jobs(db, [old])
    end(db, [Booked(old.key, "R-1")], [old])
    answers: dict[str, Answer] = {new.key: Booked(new.key, "SBX-000001")}
    async with compared(db, Busy(answers=answers)) as (of, named):
        assert named == {} and of.counts() == {V.AGREES: 1, V.UNDER_WAY: 1}
    async with compared(db, Told([[as_listed(old, "R-1")]], answers)) as (of, named):
        assert of.counts() == {V.AGREES: 1, V.DIFFERS: 1}


async def test_only_the_days_of_the_period_are_compared(db: Database, erp: Sandbox, books: Path) -> None:
    september = make_bill(1, accounting_date=date(2026, 9, 30))
    sandbox.seed(books, [], [], [Period(date(2026, 9, 1), date(2026, 9, 30), is_open=True)])
    await export(db, erp, [september, make_bill(2), make_bill(3, accounting_date=date(2026, 10, 1))])
    async with compared(db, erp) as (of, _):
        assert totals(of)[V.AGREES][::3] == (2, 2)
    async with compared(db, erp, Period(date(2026, 9, 1), date(2026, 10, 31), is_open=True)) as (of, _):
        assert totals(of)[V.AGREES][::3] == (3, 3)
    by_hand(books, "UPDATE bills SET accounting_date = '2026-10-05' WHERE key = ?", september.key)
    async with compared(db, erp) as (of, named):
        [moved] = named[V.DIFFERS]
        assert [(d.field, d.here, d.there) for d in moved.differences] == [
            ("accounting_date", "2026-09-30", "2026-10-05")
        ]
        assert totals(of)[V.DIFFERS][::3] == (0, 1)


async def test_bytes_that_were_changed_in_the_database_are_a_difference(db: Database, erp: Sandbox) -> None:
    ids = await export(db, erp, [make_bill(1), make_bill(2), make_bill(3)])
    db.execute(
        "UPDATE export_jobs SET payload = replace(payload, '100.01', '900.01') WHERE invoice_id = ?",
        (ids[0],),
    )
    db.execute("UPDATE export_jobs SET payload = 'x' WHERE invoice_id = ?", (ids[1],))
    db.execute("UPDATE invoices SET gross = gross + 1 WHERE id = ?", (ids[2],))
    async with compared(db, erp) as (_, named):
        found = {f.invoice_id: f.note for f in named[V.DIFFERS]}
        assert set(found) == set(ids) and all("changed in the database" in note for note in found.values())


async def test_totals_are_per_currency(db: Database, erp: Sandbox) -> None:
    euro = make_bill(2, currency="EUR")
    [_, second] = await export(db, erp, [make_bill(1), euro])
    db.execute("UPDATE invoices SET currency = 'EUR' WHERE id = ?", (second,))
    async with compared(db, erp) as (of, _):
        found = {b.sent.currency: (b.sent.count, b.sent.gross, b.foots) for b in of.balances()}
        assert found == {"USD": (1, 10_001, True), "EUR": (1, 10_002, True)}


# -- ERPs of other kinds ---------------------------------------------------------------------------------------------


async def test_one_key_with_two_references_is_twice(db: Database, erp: Sandbox, books: Path) -> None:
    bill = make_bill(1)
    [invoice] = await export(db, erp, [bill])
    ref = refs(books)[bill.key]
    async with compared(db, Told([[as_listed(bill, ref)], [as_listed(bill, "OTHER")]])) as (of, named):
        [twice] = named[V.TWICE]
        assert (twice.invoice_id, twice.references) == (invoice, (ref, "OTHER"))
        assert totals(of)[V.TWICE][::3] == (1, 2)


async def test_ours_entered_again_by_hand_is_twice_and_another_of_that_number_is_not(
    db: Database, erp: Sandbox, books: Path
) -> None:
    bill = make_bill(1)
    await export(db, erp, [bill])
    ours = as_listed(bill, refs(books)[bill.key])
    again = as_listed(bill, "HAND-1", key=None)
    async with compared(db, Told([[ours, again]])) as (_, named):
        assert [f.references for f in named[V.TWICE]] == [(ours.ref, "HAND-1")]
    other = as_listed(bill, "HAND-2", key="theirs", net="5.00", gross="5.00", retainage="0.00")
    async with compared(db, Told([[ours, other]])) as (_, named):
        assert set(named) == {V.UNKNOWN}


async def test_an_erp_without_keys_is_compared_by_reference_and_number(
    db: Database, erp: Sandbox, books: Path
) -> None:
    bills = [make_bill(n) for n in range(1, 4)]
    await export(db, erp, bills[:2])
    await uncertain(db, None, bills[2:])
    refs_of = refs(books)
    page = [
        as_listed(bills[0], refs_of[bills[0].key], key=None, number="101-O01"),
        as_listed(bills[1], refs_of[bills[1].key], key=None, gross=None, retainage=None, net=None),
        as_listed(bills[2], "R-3", key=None),
    ]
    teller = Told([page], {bills[2].key: Unknown(bills[2].key, "no keys here")})
    async with compared(db, teller) as (of, named):
        assert [d.field for d in named[V.DIFFERS][0].differences] == ["number"]
        assert [f.references for f in named[V.FOUND]] == [("R-3",)]
        assert totals(of)[V.AGREES][3:] == (1, None, None)
        # Vendor and number alone prove nothing: a person decides.
        assert list(of.resolvable()) == [] and "--booked" in named[V.FOUND][0].fix


async def test_an_erp_that_cannot_list_is_asked_by_key(db: Database, erp: Sandbox, books: Path) -> None:
    bills = [make_bill(n) for n in range(1, 5)]
    ids = await export(db, erp, bills[:3])
    [fourth] = await uncertain(db, None, bills[3:])
    ref = refs(books)
    answers: dict[str, Answer] = {
        bills[0].key: Booked(bills[0].key, ref[bills[0].key]),
        bills[1].key: Booked(bills[1].key, "ELSE"),
        bills[3].key: Booked(bills[3].key, "R-4"),
    }
    async with compared(db, Told(answers=answers, lists=False, fails=AssertionError())) as (of, named):
        assert [f.invoice_id for f in named[V.MISSING]] == [ids[2]]
        assert [(f.invoice_id, f.differences[0].there) for f in named[V.DIFFERS]] == [(ids[1], "ELSE")]
        assert [f.invoice_id for f in named[V.FOUND]] == [fourth]
        assert totals(of)[V.AGREES] == (1, 10_001, 9_101, 1, None, None)
        assert list(of.resolvable()) and V.UNKNOWN not in named


async def test_an_erp_that_can_neither_list_nor_find_answers_nothing(db: Database, erp: Sandbox) -> None:
    await export(db, erp, [make_bill(1)])
    teller = Told(lists=False, finds=False)
    async with compared(db, teller) as (of, named):
        assert set(named) == {V.UNANSWERED} and of.open and not of.differs and teller.asked == []


async def test_an_erp_that_stops_answering_is_not_asked_for_all(db: Database) -> None:
    bills = [make_bill(n) for n in range(1, 61)]
    await uncertain(db, None, bills)
    teller = Told(answers={bill.key: Unknown(bill.key, "closed") for bill in bills})
    async with compared(db, teller) as (_, named):
        assert len(named[V.UNANSWERED]) == 60 and named[V.UNANSWERED][0].note == "closed"
        assert len(teller.asked) == 30


@pytest.mark.parametrize(
    ("pages", "fails", "why"),
    [
        ([], UnavailableError("closed (503)"), "closed (503)"),
        ([], ValueError("\x1b[2J garbage"), "^[[2J garbage"),
        (["what?"], None, "cannot be read"),
        ([[as_listed(make_bill(1), "R", gross=100.01)]], None, "cannot be read"),
        ([[as_listed(make_bill(1), "R")]] * 2, None, "repeats itself"),
    ],
)
async def test_a_list_that_cannot_be_used_is_an_error_and_no_report(
    db: Database, pages: list[Any], fails: Exception | None, why: str
) -> None:
    with pytest.raises(PayappError) as error:
        async with compared(db, Told(pages, fails=fails)):
            pass
    assert why in str(error.value)


async def test_an_erp_that_hangs_is_given_up(db: Database) -> None:
    class Hanging(Told):
        async def bills(self, _period: Period) -> AsyncIterator[Any]:
            await asyncio.Event().wait()
            yield []

    with pytest.raises(PayappError, match="did not answer in time"):
        async with compared(db, Hanging()):
            pass


async def test_text_of_the_erp_is_safe_and_its_nonsense_is_a_difference(
    db: Database, erp: Sandbox, books: Path
) -> None:
    bills = [make_bill(n) for n in range(1, 5)]
    await export(db, erp, bills)
    ref = refs(books)
    evil = "\x1b]52;c;aGk=\x07\u202e[/] " + "東" * 400 + "\ud800\x00"
    page = [
        as_listed(
            bills[0], ref[bills[0].key], vendor=evil, number=evil, currency=evil, gross="1e9", net=evil
        ),
        as_listed(bills[1], ref[bills[1].key], gross="9" * 400, retainage="", net="NaN"),
        as_listed(bills[2], evil, key=evil, vendor=evil),
        as_listed(bills[3], ref[bills[3].key], key=bills[3].key),
        as_listed(make_bill(9), "OUTSIDE", accounting_date=date(2027, 1, 1)),
    ]
    async with compared(db, Told([page], {bills[2].key: Booked(bills[2].key, evil)})) as (of, named):
        told = [f.vendor + f.name + f.key + "".join(f.references) + f.note + f.currency
                + "".join(d.here + d.there for d in f.differences) for these in named.values() for f in these]  # fmt: skip
        assert told and not any(c in text for text in told for c in "\x1b\x07\u202e\ud800\x00")
        assert {v: len(these) for v, these in named.items()} == {V.DIFFERS: 3, V.UNKNOWN: 1}
        assert {b.sent.currency for b in of.balances()} == {"USD", "???"}
        assert all(b.foots for b in of.balances())


# -- files, and very many ----------------------------------------------------------------------------------------------


@pytest.fixture
async def files(tmp_path: Path) -> AsyncIterator[Files]:
    connector = Files(FilesSettings(str(tmp_path / "drop")), profiles.load("files"))
    yield connector
    await connector.close()


async def test_the_archive_is_compared_as_its_files_are_now(
    db: Database, files: Files, tmp_path: Path
) -> None:
    bills = [make_bill(n) for n in range(1, 4)]
    ids = await export(db, files, bills)
    async with compared(db, files) as (of, named):
        assert named == {} and totals(of)[V.AGREES][::3] == (3, 3)
    [file] = (tmp_path / "drop" / "archive").glob("*.csv")
    file.write_text(file.read_text(encoding="utf-8").replace("100.01", "100.10"), encoding="utf-8")
    async with compared(db, files) as (_, named):
        assert [(f.invoice_id, f.differences[0].there) for f in named[V.DIFFERS]] == [(ids[0], "100.10")]
    (file.parent / "payapp-copy.csv").write_bytes(file.read_bytes())
    async with compared(db, files) as (_, named):
        assert [f.invoice_id for f in named[V.TWICE]] == ids
        assert set(named[V.TWICE][0].references) == {"payapp-copy.csv/1", f"{file.name}/1"}
    file.write_text("key,gross\nx,1\n", encoding="utf-8")
    with pytest.raises(PayappError, match="in the archive cannot be read"):
        async with compared(db, files):
            pass


MANY = 20_000
_OWN = {"phase", "sent", "id", "uuid", "source_id", "number", "application", "erp_status"}


def enqueue_many(db: Database, count: int) -> None:
    """So many done jobs of bills in October; every hundredth refused."""
    [base] = queue_jobs(db, [make_bill(1, application=0, number="N-1")])
    columns = [row[0] for row in db.execute("SELECT * FROM invoices WHERE id = ?", (base,)).description]
    copied = ", ".join(name for name in columns if name not in _OWN)
    for first in range(2, count + 1, 500):
        bills = [make_bill(n, number=f"N-{n}") for n in range(first, min(first + 500, count + 1))]
        with db.transaction():
            ids = list(db.allocate("invoices", len(bills)))
            db.executemany(
                f"INSERT INTO invoices (id, uuid, source_id, number, application, erp_status, {copied})"
                f" SELECT ?, ?, ?, ?, ?, 'synced', {copied} FROM invoices WHERE id = ?",
                [
                    (n, bill.key[:-2], bill.key, bill.number, bill.application, base)
                    for n, bill in zip(ids, bills, strict=True)
                ],
            )
            batch, day = 1, "2026-10-31"
            outbox.enqueue(db, [
                (n, 1, batch, bill.key, "sandbox", *encode(bill), day, 0, False)
                for n, bill in zip(ids, bills, strict=True)
            ])  # fmt: skip
    with db.transaction():
        db.execute("UPDATE invoices SET erp_status = 'synced'")
        db.execute(
            "UPDATE export_jobs SET sends = 1, state = CASE WHEN mod(id, 100) = 0 THEN 'failed' ELSE 'done' END"
        )
        db.execute(
            "UPDATE invoices SET gross = 10000 + own.n, net = 9100 + own.n FROM (SELECT invoice_id, id AS n FROM"
            " export_jobs) own WHERE own.invoice_id = invoices.id"
        )
        db.execute("UPDATE invoices SET erp_status = 'failed_to_export' WHERE id IN"
                   " (SELECT invoice_id FROM export_jobs WHERE state = 'failed')")  # fmt: skip


class Endless(Told):
    """It has bills 1 to MANY but for every thousandth, and as many of its own."""

    count = MANY

    async def bills(self, _period: Period) -> AsyncIterator[Any]:
        for first in range(1, self.count + 1, 500):
            ours = [make_bill(n, number=f"N-{n}") for n in range(first, first + 500) if n % 1000]
            yield [as_listed(bill, f"R-{bill.number}") for bill in ours]
            yield [as_listed(bill, f"X-{bill.number}", key=f"x{bill.number}", vendor="V-X") for bill in ours]


def memory(field: str) -> int:
    """What this process holds (VmRSS) or held at most (VmHWM), in KiB."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{field}:")[2].split()[0])


def memory_now() -> int:
    """What it holds; the most that it held is counted anew from here."""
    Path("/proc/self/clear_refs").write_text("5")
    return memory("VmRSS")


async def test_twenty_thousand_bills_are_compared_in_bounded_memory(db: Database) -> None:
    # What it holds does not depend on the engine; filling PostgreSQL takes its time.
    many = 4_000 if db.postgres else MANY
    enqueue_many(db, many)
    grown = 0
    for count in (2_000, many):
        erp: Any = Endless()
        erp.count = count
        before = memory_now()
        with Reconciliation("sandbox", OCTOBER, lists=True) as of:
            await reconciling.compare(db, erp, of)
            found = of.counts()
            named = sum(1 for _ in findings.named(of, V.UNKNOWN))
        grown = memory("VmHWM") - before
    assert named == found[V.UNKNOWN] == many - many // 1000
    # Every hundredth was refused here: a tenth of those is not in the ERP either.
    assert found[V.UNEXPECTED] == many // 100 - many // 1000 and found[V.FAILED] == many // 1000
    assert found[V.AGREES] == many - many // 100
    # The ERP's bills alone as objects are 15 MB.
    assert grown < 8_000, grown
