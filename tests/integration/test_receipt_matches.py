"""Lists without keys: which bill a row is of is told by vendor, number and amount, or nobody says that it is told."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from export_case import make_bill, queue_jobs, states
from receipt_case import HEADER, QUICKBOOKS, WORKER, XERO, delivered, export, fates, invoice, sent, take

from store import db as database
from store import evidence, outbox, receipts, resolving
from store.db import Database
from store.domain.actor import Actor
from store.domain.bill import Bill
from store.domain.errors import Blocked
from store.domain.outcome import Delivered
from store.job import JOB_COLUMNS, job_of
from store.receipt_fates import Fate


def xero(bill: Bill, total: str = "", status: str = "Paid") -> str:
    return f"V-1,,{bill.number},,31/10/2026,30/11/2026,{total or bill.net},Concrete,1,90.00,USD,Bill,{status}"


def quickbooks(bill: Bill, reference: int, amount: str = "") -> str:
    return f',{reference},Bill,10/31/2026,{bill.number},V-1,October,"{amount or bill.net}"'


def test_a_row_that_may_be_of_a_bill_that_is_synced_already_books_no_other(
    db: Database, approver: Actor
) -> None:
    # Xero lists all that it has; the second file was not imported yet.
    one, two = make_bill(1, number="7"), make_bill(1, number="7", key=make_bill(2).key, application=2)
    [first] = delivered(db, one)
    db.execute("UPDATE invoices SET erp_number = '7'")
    assert fates(take(db, approver, xero(one), header=XERO)) == [Fate.BOOKED]
    [second] = delivered(db, two)
    found = take(db, approver, xero(one), "", header=XERO)
    assert fates(found) == [Fate.UNCLEAR] and "Give its key" in found.told[0].fix
    assert [invoice(db, number)[0] for number in (first, second)] == ["synced", "exporting"]


def test_a_row_of_a_synced_bill_does_not_differ_from_another_of_that_number(
    db: Database, approver: Actor
) -> None:
    # Numbers begin anew on each commitment.
    one, two = make_bill(1, number="7"), make_bill(2, number="7")
    delivered(db, one)
    db.execute("UPDATE invoices SET erp_number = '7'")
    take(db, approver, xero(one), header=XERO)
    [second] = delivered(db, two)
    assert fates(take(db, approver, xero(one), "", header=XERO)) == [Fate.KNOWN]
    assert fates(take(db, approver, xero(one), xero(two), header=XERO)) == [Fate.KNOWN, Fate.BOOKED]
    assert invoice(db, second)[0] == "synced"


def test_a_report_with_references_tells_a_new_bill_from_a_synced_one(db: Database, approver: Actor) -> None:
    one, two = make_bill(1, number="7"), make_bill(1, number="7", key=make_bill(2).key, application=2)
    delivered(db, one)
    db.execute("UPDATE invoices SET erp_number = '7'")
    take(db, approver, quickbooks(one, 41), header=QUICKBOOKS)
    [second] = delivered(db, two)
    found = take(db, approver, quickbooks(one, 41), quickbooks(two, 42), header=QUICKBOOKS)
    assert fates(found) == [Fate.KNOWN, Fate.BOOKED]
    assert invoice(db, second)[:2] == ("synced", "42")


def test_a_bill_that_the_erp_lists_twice_is_named(sqlite_db: Database, approver: Actor) -> None:
    db, bill = sqlite_db, make_bill(1)
    delivered(db, bill)
    found = take(db, approver, quickbooks(bill, 41), quickbooks(bill, 42), header=QUICKBOOKS)
    assert fates(found) == [Fate.BOOKED, Fate.DIFFERS]
    assert "42" in found.told[1].cause and "twice" in found.told[1].fix
    other = make_bill(2)
    delivered(db, other)
    own = (f"{other.key},,,B-1,{other.net},booked,", f"{other.key},,,B-2,{other.net},booked,")
    assert fates(take(db, approver, *own)) == [Fate.BOOKED, Fate.DIFFERS]
    # Without any reference two rows of one bill are two bills as well.
    third = make_bill(3)
    delivered(db, third)
    row = f",Bill,10/31/2026,{third.number},V-1,October,{third.net}"
    found = take(db, approver, row, row, header=",Type,Date,Num,Name,Memo,Amount\n")
    assert fates(found) == [Fate.BOOKED, Fate.DIFFERS]


def test_what_was_refused_and_is_in_the_list_all_the_same_does_not_go_out_again(
    db: Database, approver: Actor
) -> None:
    bill = make_bill(1)
    [number] = delivered(db, bill)
    db.execute("UPDATE invoices SET erp_number = ?", (bill.number,))
    take(db, approver, f"{bill.key},,,,,refused,Vendor is inactive")
    # The file was imported once more, after the vendor was made active.
    found = take(db, approver, xero(bill), header=XERO)
    assert fates(found) == [Fate.STANDS] and "given up here" in found.told[0].cause
    assert evidence.of(db, [number])
    with pytest.raises(Blocked, match=r"payapp-1\.csv"):
        export(db, approver, number)


@pytest.mark.parametrize(
    ("said", "fate"),
    [
        ("123,450.00", Fate.BOOKED),
        ("123450", Fate.BOOKED),
        # A comma that is no separator of thousands is a decimal sign, and a hundredth of it.
        ("1234,50", Fate.DIFFERS),
        ("123,45000", Fate.DIFFERS),
        ("12,3450.00", Fate.DIFFERS),
        ("123.450,00", Fate.DIFFERS),
        ("(123,450.00)", Fate.DIFFERS),
        ("-123,450.00", Fate.DIFFERS),
        ("123 450.00", Fate.DIFFERS),
    ],
)
def test_an_amount_is_read_as_it_is_written(
    sqlite_db: Database, approver: Actor, said: str, fate: Fate
) -> None:
    bill = make_bill(1, net="123450.00")
    delivered(sqlite_db, bill)
    assert fates(take(sqlite_db, approver, f'{bill.key},,,B-1,"{said}",booked,')) == [fate]


def test_a_credit_may_stand_in_parentheses(sqlite_db: Database, approver: Actor) -> None:
    db = sqlite_db
    one, two = (make_bill(n, gross="-1200.00", retainage="-120.00", net="-1080.00") for n in (1, 2))
    ids = delivered(db, one, two)
    assert fates(take(db, approver, f'{one.key},,,B-1,"(1,080.00)",booked,')) == [Fate.BOOKED]
    row = f',42,Credit,10/31/2026,{two.number},V-1,October,"(1,080.00)"'
    assert fates(take(db, approver, row, header=QUICKBOOKS)) == [Fate.BOOKED]
    assert [invoice(db, number)[0] for number in ids] == ["synced", "synced"]


def test_a_refusal_of_what_is_uncertain_must_name_its_key(sqlite_db: Database, approver: Actor) -> None:
    db, bill = sqlite_db, make_bill(1)
    [number] = sent(db, [bill], None)
    outbox.expire(db, settle_ms=0, sole_worker="next")
    found = take(db, approver, f",V-1,{bill.number},,,refused,unknown account")
    assert fates(found) == [Fate.UNCLEAR] and "key" in found.told[0].fix
    assert invoice(db, number)[0] == "uncertain"
    assert fates(take(db, approver, f"{bill.key},,,,,refused,unknown account")) == [Fate.REFUSED]


def test_what_a_receipt_could_not_settle_is_settled_by_the_same_file_later(
    db: Database, approver: Actor
) -> None:
    one, two = make_bill(1), make_bill(2)
    delivered(db, one)
    [number] = queue_jobs(db, [two])
    lines = (f"{one.key},,,B-1,{one.net},booked,", f"{two.key},,,B-2,{two.net},booked,")
    assert fates(take(db, approver, *lines)) == [Fate.BOOKED, Fate.STANDS]
    _, jobs = outbox.begin(db, "sandbox", WORKER, limit=100, lease_ms=60_000, concurrency=4)
    outbox.acknowledge(db, WORKER, "sandbox", [(job, Delivered(job.key, "f/1")) for job in jobs], settle_ms=0)
    again = take(db, approver, *lines)
    assert fates(again) == [Fate.KNOWN, Fate.BOOKED] and again.before is not None
    assert invoice(db, number)[:2] == ("synced", "B-2")
    assert states(db) == {"done": 2}


def test_a_file_that_was_read_says_nothing_of_what_was_sent_after_it(db: Database, approver: Actor) -> None:
    one, two = make_bill(1), make_bill(2)
    delivered(db, one)
    lines = (f"{one.key},,,B-1,{one.net},booked,", f",V-1,{two.number},B-2,{two.net},booked,")
    assert fates(take(db, approver, *lines)) == [Fate.BOOKED, Fate.UNKNOWN]
    db.execute("UPDATE receipts SET read_at = read_at - 1000")
    delivered(db, two)
    assert fates(take(db, approver, *lines)) == [Fate.KNOWN, Fate.UNKNOWN]
    assert states(db) == {"done": 1, "sent": 1}


def test_two_receipts_at_once_give_no_reference_twice(db: Database, db_url: str, approver: Actor) -> None:
    bills = [make_bill(1), make_bill(2)]
    delivered(db, *bills)
    start = threading.Barrier(2)

    def one(bill: Bill) -> Any:
        with contextlib.closing(database.open(db_url)) as own:
            start.wait(20)
            line = f"{bill.key},,,B-1,{bill.net},booked,\n"
            return receipts.take(own, approver, "receipt.csv", (HEADER + line).encode())

    with ThreadPoolExecutor(2) as pool:
        found = [future.result(30) for future in [pool.submit(one, bill) for bill in bills]]
    assert sorted(fates(reading)[0] for reading in found) == [Fate.BOOKED, Fate.UNCLEAR]


def test_a_row_of_a_synced_bill_says_nothing_of_one_that_was_refused(
    sqlite_db: Database, approver: Actor
) -> None:
    db = sqlite_db
    one, two = make_bill(1, number="7"), make_bill(1, number="7", key=make_bill(2).key, application=2)
    [_, second] = delivered(db, one, two)
    db.execute("UPDATE invoices SET erp_number = '7'")
    lines = (f"{one.key},,,,{one.net},booked,", f"{two.key},,,,,refused,the number is used")
    assert fates(take(db, approver, *lines)) == [Fate.BOOKED, Fate.REFUSED]
    assert fates(take(db, approver, xero(one), header=XERO)) == [Fate.KNOWN]
    assert evidence.of(db, [second]) == {}


def test_what_a_person_has_said_since_a_file_was_read_holds_against_it(
    sqlite_db: Database, approver: Actor
) -> None:
    db, one, two = sqlite_db, make_bill(1), make_bill(2)
    [number] = delivered(db, one)
    delivered(db, two)
    take(db, approver, f"{one.key},,,,,refused,Vendor is inactive")
    lines = (f"{one.key},,,B-1,{one.net},booked,", f"{two.key},,,B-2,{two.net},booked,")
    assert fates(take(db, approver, *lines)) == [Fate.STANDS, Fate.BOOKED]
    assert evidence.of(db, [number])
    resolving.not_booked(db, approver, number, "voided in the ERP", settle_ms=0, undone="B-1")
    assert fates(take(db, approver, *lines)) == [Fate.STANDS, Fate.KNOWN]
    assert evidence.of(db, [number]) == {}


def test_what_was_delivered_late_and_refused_keeps_nothing_from_going_again(
    db: Database, approver: Actor
) -> None:
    bill = make_bill(1)
    [number] = sent(db, [bill], None)
    job = job_of(db.execute(f"SELECT {JOB_COLUMNS} FROM export_jobs").fetchone())
    outbox.expire(db, settle_ms=0, sole_worker="next")
    resolving.not_booked(db, approver, number, "no file", settle_ms=0)
    # Its worker was only slow, and writes the file after all.
    outbox.acknowledge(db, WORKER, "sandbox", [(job, Delivered(job.key, "payapp-1.csv/1"))], settle_ms=0)
    with pytest.raises(Blocked, match=r"payapp-1\.csv"):
        export(db, approver, number)
    assert fates(take(db, approver, f"{bill.key},,,,,refused,no such vendor")) == [Fate.KNOWN]
    assert evidence.of(db, [number]) == {}
    events = "SELECT count(*) FROM audit_events WHERE action = 'receipt'"
    assert db.execute(events).fetchone()[0] == 1
    assert fates(take(db, approver, f"{bill.key},,,,,refused,no such vendor", "")) == [Fate.KNOWN]
    assert db.execute(events).fetchone()[0] == 1


def test_a_key_that_these_books_do_not_know_tells_whose_invoice_it_is_of(
    sqlite_db: Database, approver: Actor
) -> None:
    db, bill = sqlite_db, make_bill(1)
    [number] = delivered(db, bill)
    later = f"{bill.key.rpartition(':')[0]}:2"
    found = take(db, approver, f"{later},,,B-1,{bill.net},booked,", f"nobody:1,,,B-2,{bill.net},booked,")
    assert fates(found) == [Fate.UNKNOWN] * 2
    assert [told.invoice_id for told in found.told] == [number, None]
    assert "a restore has lost it" in found.told[0].cause
    db.execute("UPDATE export_jobs SET erp = 'quickbooks-desktop'")
    [told] = take(db, approver, f"{bill.key},,,B-1,{bill.net},booked,").told
    assert told.fate is Fate.UNKNOWN and "exported to quickbooks-desktop" in told.cause
    assert f"'#{number}'" in told.fix and states(db) == {"sent": 1}


def test_two_bills_of_one_number_and_total_in_xeros_list_are_named(
    sqlite_db: Database, approver: Actor
) -> None:
    db, one, two = sqlite_db, make_bill(1), make_bill(2)
    delivered(db, one, two)
    db.execute(
        "UPDATE invoices SET erp_number = CASE application WHEN 1 THEN ? ELSE ? END", (one.number, two.number)
    )
    header = "ContactName,InvoiceNumber,Total,LineAmount,Type,Status\n"
    rows = [
        f"V-1,{bill.number},{bill.net},{amount},Bill,Paid"
        for bill, times in ((one, 1), (two, 2))
        for amount in ("90.00", bill.lines[1].amount, "-9.00") * times
    ]
    assert fates(take(db, approver, *rows, header=header)) == [Fate.BOOKED, Fate.BOOKED, Fate.DIFFERS]
    again = take(db, approver, *rows, "", header=header)
    assert fates(again) == [Fate.KNOWN, Fate.KNOWN, Fate.DIFFERS]
    assert "lists it twice" in again.told[2].cause
