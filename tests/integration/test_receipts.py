"""Receipts on both databases: what was delivered waits, is booked or refused by what the ERP says, once, and to the cent."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from export_case import make_bill, queue_jobs, states, statuses
from receipt_case import (
    HEADER,
    QUICKBOOKS,
    WORKER,
    XERO,
    delivered,
    export,
    fates,
    invoice,
    marked,
    sent,
    take,
)

from store import (
    adopting,
    audit,
    batches,
    directory,
    evidence,
    lookup,
    outbox,
    reasons,
    receipts,
    resolving,
    review,
    standing,
)
from store import db as database
from store.db import Database
from store.detail import detail
from store.domain.actor import Actor
from store.domain.errors import BadInput, Blocked, Disallowed, NotPermitted
from store.domain.outcome import Booked, Delivered, Missing, Unknown
from store.domain.profile import Profile
from store.domain.status import JobState
from store.job import JOB_COLUMNS, Job, job_of
from store.receipt_fates import Fate
from store.receipts import Reading

COPIED = (
    "invoice_id", "revision", "batch_id", "idem_key", "erp", "payload", "payload_sha256", "accounting_date", "run_at",
    "look_first", "state", "alone", "updated_at",
)  # fmt: skip


# -- delivered -----------------------------------------------------------------------------------------------------


def test_what_was_delivered_waits_with_no_lease_and_stays_exporting(db: Database) -> None:
    [number] = delivered(db, make_bill(1))
    row = db.execute("SELECT state, worker, lease_until, erp_ref FROM export_jobs").fetchone()
    assert tuple(row)[:3] == ("sent", None, None) and row[3].startswith("payapp-1.csv/")
    assert invoice(db, number)[:2] == ("exporting", None)
    now = standing.of(db, "sandbox")
    assert (now.awaiting, now.depth, now.uncertain, now.oldest_at) == (1, 0, 0, None)
    assert now.awaiting_since is not None and now.awaiting_since <= now.now
    batch = batches.recent(db)[0]
    assert (batch.awaiting, batch.left, batch.done, batch.running) == (1, 0, 0, False)
    assert batch.awaiting_since == now.awaiting_since
    assert "delivered as payapp-1.csv" in str([event.what for event in detail(db, number).history])


def test_what_the_erp_drops_by_policy_is_not_in_its_receipt(sqlite_db: Database, approver: Actor) -> None:
    bills = [make_bill(n, tax="7.50", unposted="7.50") for n in (1, 2)]
    numbers = delivered(sqlite_db, *bills)
    [waiting] = receipts.awaited(sqlite_db, approver, "sandbox")
    assert [one.amount for one in waiting] == [bill.net for bill in bills]
    read = take(
        sqlite_db,
        approver,
        f"{bills[0].key},,,R-1,{bills[0].net},booked,",
        f"{bills[1].key},,,R-2,98.52,booked,",
    )
    assert fates(read) == [Fate.BOOKED, Fate.DIFFERS]
    assert [invoice(sqlite_db, number)[0] for number in numbers] == ["synced", "exporting"]


def test_it_is_neither_sent_again_nor_asked_about(sqlite_db: Database) -> None:
    db = sqlite_db
    delivered(db, make_bill(1))
    assert outbox.begin(db, "sandbox", WORKER, limit=9, lease_ms=1000, concurrency=4) == (0, [])
    assert lookup.claim_lookups(db, "sandbox", WORKER, limit=9, lease_ms=1000) == []
    assert outbox.expire(db, settle_ms=0, sole_worker="another") == (0, 0)
    assert outbox.release(db, WORKER) == 0
    assert states(db) == {"sent": 1}


def test_it_cannot_be_recalled_rejected_or_retrieved_and_the_sentence_says_why(
    sqlite_db: Database, approver: Actor, sender: Actor
) -> None:
    db = sqlite_db
    [number] = delivered(db, make_bill(1))
    deeds: tuple[Callable[[], object], ...] = (
        lambda: review.recall(db, approver, marked(db, number)),
        lambda: review.reject(db, approver, marked(db, number), "wrong period"),
        lambda: review.retrieve(db, sender, marked(db, number)),
        lambda: reasons.rejecting(db, approver, marked(db, number)),
    )
    for deed in deeds:
        with pytest.raises(Disallowed, match="receipt for it is awaited") as refused:
            deed()
        assert "payapp receipt FILE" in str(refused.value)
    assert states(db) == {"sent": 1} and statuses(db) == {"exporting": 1}


def test_what_a_dead_worker_has_delivered_is_found_and_waits(db: Database, quick: Profile) -> None:
    [number] = sent(db, [make_bill(1)], None)
    outbox.expire(db, settle_ms=0, sole_worker="next")
    assert statuses(db) == {"uncertain": 1}
    [job] = lookup.claim_lookups(db, "sandbox", "next", limit=9, lease_ms=60_000)
    state = lookup.resolve(db, "next", job, Delivered(job.key, "payapp-1.csv/1"), quick, sender_dead=True)
    assert state is JobState.SENT
    assert invoice(db, number)[:2] == ("exporting", None)
    assert tuple(db.execute("SELECT state, erp_ref, worker FROM export_jobs").fetchone()) == (
        "sent", "payapp-1.csv/1", None,
    )  # fmt: skip


def test_a_restored_database_that_finds_it_delivered_waits_too(
    db: Database, quick: Profile, admin: Actor
) -> None:
    [number] = queue_jobs(db, [make_bill(1)])
    adopting.adopt(db, admin, "restored", settle_ms=0)
    [job] = lookup.claim_lookups(db, "sandbox", WORKER, limit=9, lease_ms=60_000)
    assert (
        lookup.resolve(db, WORKER, job, Delivered(job.key, "f/1"), quick, sender_dead=False) is JobState.SENT
    )
    assert invoice(db, number)[0] == "exporting"
    assert not db.execute("SELECT look_first FROM export_jobs").fetchone()[0]
    assert lookup.claim_lookups(db, "sandbox", WORKER, limit=9, lease_ms=1000) == []


def test_an_adopted_database_leaves_what_was_delivered_to_its_receipt(
    sqlite_db: Database, admin: Actor
) -> None:
    db = sqlite_db
    delivered(db, make_bill(1))
    adopted = adopting.adopt(db, admin, "restored", settle_ms=0)
    assert (adopted.awaiting, adopted.queued, adopted.uncertain) == (1, 0, 0)
    assert lookup.claim_lookups(db, "sandbox", WORKER, limit=9, lease_ms=1000) == []
    assert states(db) == {"sent": 1}


def test_what_was_given_up_and_is_delivered_late_does_not_go_out_again(db: Database, approver: Actor) -> None:
    [number] = sent(db, [make_bill(1)], None)
    outbox.expire(db, settle_ms=0, sole_worker="next")
    resolving.not_booked(db, approver, number, "not there", settle_ms=0)
    job = lookup_job(db)
    outbox.acknowledge(db, WORKER, "sandbox", [(job, Delivered(job.key, "f/1"))], settle_ms=0)
    assert statuses(db) == {"failed_to_export": 1}
    with pytest.raises(Blocked, match="f/1"):
        export(db, approver, number)


def lookup_job(db: Database) -> Job:
    return job_of(db.execute(f"SELECT {JOB_COLUMNS} FROM export_jobs ORDER BY id LIMIT 1").fetchone())


# -- booked and refused --------------------------------------------------------------------------------------------


def test_a_receipt_books_by_key_and_by_vendor_and_number_with_the_erps_reference(
    db: Database, approver: Actor
) -> None:
    one, two, three = make_bill(1), make_bill(2), make_bill(3)
    ids = delivered(db, one, two, three)
    found = take(
        db, approver, f"{one.key},,,B-1,{one.net},booked,", f",V-1,{two.number},B-2,{two.net},Imported,",
        f"{three.key},,,,{three.net},ok,",
    )  # fmt: skip
    assert fates(found) == [Fate.BOOKED] * 3 and found.waiting == 0
    assert [invoice(db, n)[:2] for n in ids[:2]] == [("synced", "B-1"), ("synced", "B-2")]
    # Without a reference of the ERP's own its place in our file stands for it.
    assert invoice(db, ids[2])[1].startswith("payapp-1.csv/")
    assert states(db) == {"done": 3}
    number, what, said = db.execute(
        "SELECT id, action, detail FROM audit_events ORDER BY id DESC LIMIT 1"
    ).fetchone()
    assert what == "receipt" and audit.detail_of(said)["lines"]["booked"] == 3
    rows = db.execute(
        "SELECT subject_id, before, after FROM audit_rows WHERE event_id = ? ORDER BY position", (number,)
    ).fetchall()
    assert [(n, json.loads(b)["erp_status"], json.loads(a)["erp_status"]) for n, b, a in rows] == [
        (n, "exporting", "synced") for n in ids
    ]


def test_a_refusal_is_failed_to_export_with_cause_and_fix_and_goes_again_as_a_new_revision(
    db: Database, approver: Actor
) -> None:
    bill = make_bill(1)
    [number] = delivered(db, bill)
    found = take(db, approver, f"{bill.key},,,,,refused,Vendor is inactive")
    assert fates(found) == [Fate.REFUSED]
    assert invoice(db, number) == ("failed_to_export", None, "receipt.refused", "Vendor is inactive")
    fix = db.execute("SELECT error_fix FROM invoices").fetchone()[0]
    assert "{invoices.export}" in fix
    assert states(db) == {"failed": 1}
    # Nothing stands against the next revision: the refusal is proven.
    assert evidence.of(db, [number]) == {}
    again = take(db, approver, f"{bill.key},,,,,refused,Vendor is inactive", ",V-9,9,,,,")
    assert fates(again) == [Fate.KNOWN, Fate.WAITING]


def test_a_partial_receipt_leaves_the_rest_waiting(sqlite_db: Database, approver: Actor) -> None:
    db = sqlite_db
    one, two = make_bill(1), make_bill(2)
    delivered(db, one, two)
    found = take(db, approver, f"{one.key},,,B-1,{one.net},booked,", f"{two.key},,,,,,")
    assert fates(found) == [Fate.BOOKED, Fate.WAITING] and found.waiting == 1
    assert states(db) == {"done": 1, "sent": 1}


def test_one_file_counts_once_and_each_line_again_is_no_harm(db: Database, approver: Actor) -> None:
    one, two = make_bill(1), make_bill(2)
    delivered(db, one, two)
    line = f"{one.key},,,B-1,{one.net},booked,"
    assert fates(take(db, approver, line, line)) == [Fate.BOOKED, Fate.KNOWN]
    before = db.execute("SELECT count(*) FROM audit_events").fetchone()[0]
    again = take(db, approver, line, line)
    assert again.before is not None and again.before[1] == "jlopez"
    assert fates(again) == [Fate.KNOWN, Fate.KNOWN]
    assert db.execute("SELECT count(*) FROM audit_events").fetchone()[0] == before
    db.execute("UPDATE invoices SET erp_number = ? WHERE origin_id = 'B-1'", (one.number,))
    other = take(db, approver, line, f",V-1,{one.number},B-1,{one.net},booked,")
    assert fates(other) == [Fate.KNOWN, Fate.KNOWN]
    # What did nothing may be given again.
    assert db.execute("SELECT count(*) FROM receipts").fetchone()[0] == 1
    assert db.execute("SELECT booked, refused FROM receipts").fetchone()[0] == 1


def test_one_file_read_by_two_at_once_is_read_once(db: Database, db_url: str, approver: Actor) -> None:
    bills = [make_bill(n) for n in range(1, 4)]
    delivered(db, *bills)
    lines = "".join(f"{bill.key},,,B-{bill.number},{bill.net},booked,\n" for bill in bills)
    start = threading.Barrier(2)

    def one() -> Reading:
        with contextlib.closing(database.open(db_url)) as own:
            start.wait(20)
            return receipts.take(own, approver, "receipt.csv", (HEADER + lines).encode())

    with ThreadPoolExecutor(2) as pool:
        found = [future.result(30) for future in [pool.submit(one), pool.submit(one)]]
    assert sorted(reading.before is None for reading in found) == [False, True]
    assert sorted(reading.count(Fate.BOOKED) for reading in found) == [0, 3]
    assert states(db) == {"done": 3}


@pytest.mark.parametrize(
    ("line", "fate", "cause"),
    [
        ("{key},,,B-1,91.02,booked,", Fate.DIFFERS, "sent with 91.01, and the receipt says 91.02"),
        ("{key},,,B-1,,booked,", Fate.DIFFERS, "says no amount"),
        ("{key},,,B-1,ninety,booked,", Fate.DIFFERS, "says ninety"),
        ("{key}9,,,B-1,91.01,booked,", Fate.UNKNOWN, "no export of that invoice under that key"),
        (",V-2,101-001,B-1,91.01,booked,", Fate.UNKNOWN, "no bill of these books"),
    ],
)
def test_what_differs_or_is_unknown_is_named_and_changes_nothing(
    sqlite_db: Database, approver: Actor, line: str, fate: Fate, cause: str
) -> None:
    db, bill = sqlite_db, make_bill(1)
    assert bill.net == "91.01"
    [number] = delivered(db, bill)
    before = db.execute("SELECT * FROM export_jobs").fetchall()
    found = take(db, approver, line.format(key=bill.key))
    assert fates(found) == [fate]
    assert cause in found.told[0].cause and found.told[0].fix
    assert db.execute("SELECT * FROM export_jobs").fetchall() == before
    assert invoice(db, number)[0] == "exporting"
    assert db.execute("SELECT count(*) FROM receipts").fetchone()[0] == 0


def test_another_currency_differs(sqlite_db: Database, approver: Actor) -> None:
    db = sqlite_db
    bill = make_bill(1)
    delivered(db, bill)
    header = "key,amount,currency,status\n"
    assert fates(take(db, approver, f"{bill.key},{bill.net},EUR,booked", header=header)) == [Fate.DIFFERS]
    assert fates(take(db, approver, f"{bill.key},{bill.net},USD,booked", header=header)) == [Fate.BOOKED]


def test_two_bills_of_one_number_are_told_apart_by_their_amounts_or_not_at_all(
    sqlite_db: Database, approver: Actor
) -> None:
    db = sqlite_db
    one, two = make_bill(1, number="7"), make_bill(2, number="7")
    same = make_bill(3, number="8"), make_bill(3, number="8", key=make_bill(4).key, application=4)
    ids = delivered(db, one, two, *same)
    found = take(db, approver, f",V-1,7,B-2,{two.net},booked,", f",V-1,8,B-3,{same[0].net},booked,")
    assert fates(found) == [Fate.BOOKED, Fate.UNCLEAR]
    assert [invoice(db, n)[0] for n in ids] == ["exporting", "synced", "exporting", "exporting"]
    assert "Give its key" in found.told[1].fix


def test_one_reference_is_of_one_invoice(sqlite_db: Database, approver: Actor) -> None:
    db = sqlite_db
    one, two = make_bill(1), make_bill(2)
    [first, _] = delivered(db, one, two)
    found = take(db, approver, f"{one.key},,,B-1,{one.net},booked,", f"{two.key},,,B-1,{two.net},booked,")
    assert fates(found) == [Fate.BOOKED, Fate.UNCLEAR]
    assert f"invoice #{first}" in found.told[1].cause
    assert fates(take(db, approver, f"{two.key},,,B-1,{two.net},booked,")) == [Fate.UNCLEAR]


def test_lines_that_contradict_each_other_are_named(sqlite_db: Database, approver: Actor) -> None:
    db = sqlite_db
    one = make_bill(1)
    [number] = delivered(db, one)
    found = take(db, approver, f"{one.key},,,B-1,{one.net},booked,", f"{one.key},,,,,refused,no")
    assert fates(found) == [Fate.BOOKED, Fate.UNCLEAR]
    assert invoice(db, number)[0] == "synced"
    late = take(db, approver, f"{one.key},,,,,refused,no", f"{one.key},,,B-9,{one.net},booked,")
    assert fates(late) == [Fate.STANDS, Fate.DIFFERS]
    assert "Synced as B-1" in late.told[0].cause and "says B-9" in late.told[1].cause


def test_a_receipt_settles_what_is_uncertain_and_fences_off_who_asks(
    db: Database, approver: Actor, quick: Profile
) -> None:
    bill = make_bill(1)
    [number] = sent(db, [bill], None)
    outbox.expire(db, settle_ms=0, sole_worker="next")
    [job] = lookup.claim_lookups(db, "sandbox", "next", limit=9, lease_ms=60_000)
    assert fates(take(db, approver, f"{bill.key},,,B-1,{bill.net},booked,")) == [Fate.BOOKED]
    assert lookup.resolve(db, "next", job, Missing(job.key), quick, sender_dead=True) is JobState.DONE
    assert invoice(db, number)[:2] == ("synced", "B-1") and states(db) == {"done": 1}


def test_what_is_not_delivered_yet_is_left_alone(sqlite_db: Database, approver: Actor) -> None:
    db = sqlite_db
    bill = make_bill(1)
    [number] = queue_jobs(db, [bill])
    found = take(db, approver, f"{bill.key},,,B-1,{bill.net},booked,")
    assert fates(found) == [Fate.STANDS] and "not delivered from here yet" in found.told[0].cause
    assert invoice(db, number)[0] == "queued"


def test_what_was_given_up_and_is_in_the_erp_all_the_same_cannot_go_out_again(
    db: Database, approver: Actor
) -> None:
    bill = make_bill(1)
    [number] = delivered(db, bill)
    take(db, approver, f"{bill.key},,,,,refused,no such vendor")
    found = take(db, approver, f"{bill.key},,,B-1,{bill.net},booked,")
    assert fates(found) == [Fate.STANDS] and "--booked B-1" in found.told[0].fix
    with pytest.raises(Blocked, match="B-1"):
        export(db, approver, number)
    resolving.booked(db, approver, number, "B-1", "the receipt says so")
    assert invoice(db, number)[:2] == ("synced", "B-1")


def test_a_person_settles_what_no_receipt_comes_for(sqlite_db: Database, approver: Actor) -> None:
    db = sqlite_db
    [first, second] = delivered(db, make_bill(1), make_bill(2))
    resolving.booked(db, approver, first, "B-1", "seen in QuickBooks")
    resolving.not_booked(db, approver, second, "the file was lost", settle_ms=0)
    assert invoice(db, first)[:2] == ("synced", "B-1")
    assert invoice(db, second)[0] == "failed_to_export"
    assert states(db) == {"done": 1, "failed": 1}


def test_a_late_word_of_the_sending_that_a_receipt_has_refused_stands_against_nothing(
    sqlite_db: Database, approver: Actor
) -> None:
    db = sqlite_db
    [number] = sent(db, [make_bill(1)], None)
    outbox.expire(db, settle_ms=0, sole_worker="next")
    job = lookup_job(db)
    assert fates(take(db, approver, f"{job.key},,,,,refused,no such vendor")) == [Fate.REFUSED]
    # The next revision waits to be sent.
    db.execute("UPDATE invoices SET erp_status = 'queued', revision = 2 WHERE id = ?", (number,))
    row = ", ".join(
        {"revision": "2", "idem_key": "idem_key || '2'", "state": "'pending'"}.get(name, name)
        for name in COPIED
    )
    db.execute(f"INSERT INTO export_jobs ({', '.join(COPIED)}) SELECT {row} FROM export_jobs")
    outbox.acknowledge(db, WORKER, "sandbox", [(job, Delivered(job.key, "f/1"))], settle_ms=0)
    assert states(db) == {"failed": 1, "pending": 1} and statuses(db) == {"queued": 1}
    assert evidence.of(db, [number]) == {}


# -- who may, and what is no receipt -------------------------------------------------------------------------------


def test_approvers_and_admins_of_the_erp_may_and_the_store_decides(
    sqlite_db: Database, approver: Actor
) -> None:
    db = sqlite_db
    one, two = make_bill(1), make_bill(2)
    delivered(db, one, two)
    for login in ("viewer", "nopush", "mgarcia"):
        with pytest.raises(NotPermitted, match="may not read receipts"):
            take(db, directory.actor(db, login), f"{one.key},,,B-1,{one.net},booked,")
    with pytest.raises(NotPermitted):
        list(receipts.awaited(db, directory.actor(db, "mgarcia"), "sandbox"))
    assert states(db) == {"sent": 2}
    assert fates(take(db, directory.actor(db, "admin"), f"{one.key},,,B-1,{one.net},booked,")) == [
        Fate.BOOKED
    ]
    assert fates(take(db, approver, f"{two.key},,,B-2,{two.net},booked,")) == [Fate.BOOKED]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"<html><body>Sign in</body></html>\n", "is no receipt"),
        (b"PK\x03\x04\x00\x00", "is no text"),
        (HEADER.encode() + b"k,,,,1.00,maybe,\n", "Row 2 of receipt.csv: 'maybe' is no status"),
        (HEADER.encode() + b",V-1,,,1.00,booked,\n", "Row 2 of receipt.csv names no bill"),
        (HEADER.encode() + b"k,,,,1.00,,vendor unknown\n", "Row 2 of receipt.csv has an error and no status"),
        (HEADER.encode() + b"k,,,,1,booked,,,more\n", "Row 2 of receipt.csv has more cells"),
        (b"key,status,status\n", "two columns status"),
    ],
)
def test_what_is_no_receipt_does_nothing(
    sqlite_db: Database, approver: Actor, data: bytes, words: str
) -> None:
    db = sqlite_db
    bill = make_bill(1)
    delivered(db, bill)
    good = (
        data + f"{bill.key},,,B-1,{bill.net},booked,\n".encode() if data.startswith(b"key,vendor") else data
    )
    with pytest.raises(BadInput, match=words):
        receipts.take(db, approver, "receipt.csv", good)
    assert states(db) == {"sent": 1}


def test_hostile_text_is_told_safely(sqlite_db: Database, approver: Actor) -> None:
    db = sqlite_db
    bill = make_bill(1)
    [number] = delivered(db, bill)
    take(db, approver, f'{bill.key},,,,,refused,"[/] \x1b]52;c;x\x07 {"x" * 2000}"')
    cause = invoice(db, number)[3]
    assert cause.isprintable() and len(cause) < 600


# -- what QuickBooks and Xero write --------------------------------------------------------------------------------


def test_xeros_list_of_bills_books_each_bill_once_whatever_its_lines(
    sqlite_db: Database, approver: Actor
) -> None:
    db = sqlite_db
    one, two, three = make_bill(1), make_bill(2), make_bill(3)
    credit = make_bill(4, gross="-1200.00", retainage="-120.00", net="-1080.00")
    ids = delivered(db, one, two, three, credit)
    rows = [
        f'V-1,,{credit.number},,31/10/2026,30/11/2026,"1,080.00",Credit,1,1200.00,USD,Bill Credit Note,Paid',
        f"V-1,,{one.number},,31/10/2026,30/11/2026,{one.net},Concrete,1,90.00,USD,Bill,Draft",
        f"V-1,,{one.number},,31/10/2026,30/11/2026,{one.net},Drywall,1,1.01,USD,Bill,Draft",
        f"V-1,,{two.number},,31/10/2026,30/11/2026,{two.net},Concrete,1,90.00,USD,Bill,Voided",
        f"V-1,,{three.number},,31/10/2026,30/11/2026,1.00,Concrete,1,1.00,USD,Bill,Awaiting Payment",
        "Power & Light,,0815,,31/10/2026,30/11/2026,80.00,Power,1,80.00,USD,Bill,Paid",
    ]
    found = take(db, approver, *rows, header=XERO)
    assert fates(found) == [Fate.BOOKED, Fate.BOOKED, Fate.DIFFERS, Fate.OTHERS]
    assert found.left == (("Voided", 1),)
    assert [invoice(db, n)[0] for n in ids] == ["synced", "exporting", "exporting", "synced"]


def test_a_report_of_quickbooks_books_bills_and_credits_by_their_type(
    sqlite_db: Database, approver: Actor
) -> None:
    db = sqlite_db
    one = make_bill(1)
    credit = make_bill(2, gross="-1200.00", retainage="-120.00", net="-1080.00")
    ids = delivered(db, one, credit)
    rows = [
        "Apex Drywall LLC,,,,,,,",
        f",41,Bill,10/31/2026,{one.number},V-1,October,-{one.net}",
        f',42,Credit,10/31/2026,{credit.number},V-1,October,"1,080.00"',
        ",43,Bill Pmt -Check,11/02/2026,1001,V-1,,-91.01",
        "Total Apex Drywall LLC,,,,,,,-900.00",
    ]
    found = take(db, approver, *rows, header=QUICKBOOKS)
    assert fates(found) == [Fate.BOOKED, Fate.BOOKED]
    assert found.left == (("Bill Pmt -Check", 1),)
    assert [invoice(db, n)[:2] for n in ids] == [("synced", "41"), ("synced", "42")]


def test_a_credit_is_not_taken_for_a_bill(sqlite_db: Database, approver: Actor) -> None:
    db = sqlite_db
    one = make_bill(1)
    delivered(db, one)
    found = take(db, approver, f",41,Credit,10/31/2026,{one.number},V-1,October,{one.net}", header=QUICKBOOKS)
    assert fates(found) == [Fate.DIFFERS]


# -- what waits ----------------------------------------------------------------------------------------------------


def test_what_waits_is_listed_with_what_the_erp_should_say(sqlite_db: Database, approver: Actor) -> None:
    db = sqlite_db
    bills = [make_bill(1), make_bill(2)]
    ids = delivered(db, *bills)
    [page] = receipts.awaited(db, approver, "sandbox")
    assert [(one.key, one.vendor, one.number, one.amount, one.invoice_id) for one in page] == [
        (bill.key, "V-1", bill.number, bill.net, number) for bill, number in zip(bills, ids, strict=True)
    ]


def test_booked_and_unknown_outcomes_of_a_sending_are_as_they_were(sqlite_db: Database) -> None:
    db = sqlite_db
    sent(db, [make_bill(1)], lambda job: Booked(job.key, "B-1"))
    sent(db, [make_bill(2)], lambda job: Unknown(job.key, "lost"))
    assert states(db) == {"done": 1, "uncertain": 1}
