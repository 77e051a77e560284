"""Activity: four kinds in one list, filtered, page by page, and each entry whole; on both databases."""

from __future__ import annotations

import random
from datetime import date

import pytest
from invoice_factory import HOSTILE, make, version

from erp import profiles
from store import activity, asking, audit, directory, outbox, review
from store.activity import Page
from store.activity_sources import Entry
from store.activity_whole import Whole, named, whole
from store.db import Database
from store.directory import UserValues
from store.domain.actor import Actor
from store.domain.errors import BadInput, NothingMatched, NotPermitted
from store.domain.happening import BadActivityFilter, Kind, Wanted, Went, parse
from store.domain.outcome import Booked, Refused
from store.domain.selection import Marked

PROFILE = profiles.load("sandbox")
TODAY = date(2026, 11, 23)


def page(db: Database, who: Actor, text: str = "", most: int = 200) -> Page:
    return activity.page(db, who, parse(text, TODAY), most)


def listed(db: Database, who: Actor, text: str) -> list[str]:
    """What is listed by kind, outcome and invoice, the newest first."""
    return [f"{e.kind} {e.outcome} {e.number}".strip() for e in page(db, who, text).entries]


def mark(db: Database, *ids: int) -> Marked:
    return Marked({number: version(db, number) for number in ids})


@pytest.fixture
def ids(db: Database, approver: Actor, admin: Actor) -> dict[str, int]:
    """A booked one, a refused one, one under way, a rejected one, one asked about."""
    names = ("B-1", "F-1", "Q-1", "R-1", "A-1")
    made = {
        name: make(db, name, commitment=f"SC-{name}", creator="pm@x.example" if name != "R-1" else "pm")
        for name in names
    }
    review.accept(db, approver, mark(db, made["B-1"], made["F-1"]), PROFILE)
    jobs = outbox.fence(db, "w1", outbox.claim(db, "sandbox", "w1", limit=9, lease_ms=60_000, concurrency=1))
    named_ = {job.invoice_id: job for job in jobs}
    outbox.acknowledge(
        db, "w1", "sandbox",
        [
            (named_[made["B-1"]], Booked(named_[made["B-1"]].key, "BILL-7")),
            (named_[made["F-1"]], Refused(named_[made["F-1"]].key, "vendor.unknown", HOSTILE, "Add it")),
        ],
        settle_ms=0,
    )  # fmt: skip
    review.accept(db, admin, mark(db, made["Q-1"]), PROFILE)
    db.execute("UPDATE export_jobs SET state = 'pending', run_at = 0 WHERE invoice_id = ?", (made["Q-1"],))
    outbox.fence(db, "w1", outbox.claim(db, "sandbox", "w1", limit=9, lease_ms=60_000, concurrency=1))
    review.reject(db, approver, mark(db, made["R-1"]), "Wrong\r\nBcc: all@x.example " + HOSTILE)
    asking.ask(db, approver, mark(db, made["A-1"]), "Which job?")
    return made


def test_all_four_kinds_stand_in_one_list_with_how_they_went(
    db: Database, approver: Actor, ids: dict[str, int]
) -> None:
    found = listed(db, approver, "-type:audit")
    assert sorted(set(found)) == [
        "attempt booked B-1",
        "attempt refused F-1",
        "attempt unanswered Q-1",
        "batch failed",
        "batch open Q-1",
        "notice undeliverable R-1",
        "notice waiting A-1",
    ]
    actions = [entry.what.partition(":")[0] for entry in page(db, approver, "type:audit").entries]
    assert actions[:4] == ["query", "reject", "accept", "accept"]
    went = {entry.outcome: entry.went for entry in page(db, approver).entries}
    assert went["refused"] is Went.FAILED and went["unanswered"] is Went.OPEN and went["done"] is Went.OK


FILTERS: dict[str, set[str]] = {
    "outcome:failed": {"attempt refused F-1", "batch failed", "notice undeliverable R-1"},
    "outcome:open": {"attempt unanswered Q-1", "batch open Q-1", "notice waiting A-1"},
    "outcome:ok -type:audit": {"attempt booked B-1"},
    "outcome:undel": {"notice undeliverable R-1"},
    "type:notices -outcome:failed": {"notice waiting A-1"},
    "by:ADMIN type:batch": {"batch open Q-1"},
    "by:jl type:attempt": {"attempt booked B-1", "attempt refused F-1"},
    "invoice:f-1 -type:audit": {"attempt refused F-1", "batch failed"},
    "type:attempt bill-7": {"attempt booked B-1"},
    "type:attempt -bill-7 -refused": {"attempt unanswered Q-1"},
    "type:attempt apex": {"attempt booked B-1", "attempt refused F-1", "attempt unanswered Q-1"},
    "action:rej": {"audit done R-1"},
    "invoice:R-1 type:audit": {"audit done R-1"},
    "until:2020-01-01": set(),
    "type:batch type:notice": set(),
}


def test_the_filter_leaves_what_it_says(db: Database, approver: Actor, ids: dict[str, int]) -> None:
    for text, wanted in FILTERS.items():
        assert set(listed(db, approver, text)) == wanted, text


def test_a_period_has_both_of_its_days(db: Database, approver: Actor, ids: dict[str, int]) -> None:
    everything = len(page(db, approver).entries)
    today = activity.today(db)
    for text, expected in (
        (f"on:{today}", everything), (f"since:{today}", everything), (f"until:{today}", everything), ("today", 0),
        ("since:2100", 0), ("on:2026-01", 0),
    ):  # fmt: skip
        found = activity.page(db, approver, parse(text, today), 200)
        assert len(found.entries) == expected and found.complete, text


@pytest.mark.parametrize(
    ("text", "says", "unfinished"),
    [
        ("typ:x", "There is no filter 'typ'", False),
        ("type:x", "There is no type 'x'", False),
        ("outcome:nonsense", "There is no outcome 'nonsense'", False),
        ("since:2026-1", "is no day", True),
        ("since:2026-13", "is no day", True),
        ("since:nonsense-x", "is no day", False),
        ("by:", "asks for nothing yet", True),
        ("by:a by:b", "by is asked for twice", False),
        ("-by:a", "cannot be left out", False),
        ("by>a", "cannot be compared", False),
        ("since:2026-11 until:2026-10", "No day is in that period", False),
    ],
)
def test_a_filter_that_cannot_be_read_says_why(text: str, says: str, unfinished: bool) -> None:
    with pytest.raises(BadActivityFilter, match=says) as refused:
        parse(text, TODAY)
    assert refused.value.unfinished is unfinished


def test_who_or_what_there_is_not_is_said(sqlite_db: Database, approver: Actor) -> None:
    with pytest.raises(BadInput, match="There is no user 'zoe'"):
        page(sqlite_db, approver, "by:zoe")
    for number in ("none", "#77", "#99999999999999999999"):
        with pytest.raises(NothingMatched, match="There is no invoice"):
            page(sqlite_db, approver, f"invoice:{number}")


def test_who_may_not_see_it_does_not(
    sqlite_db: Database, sender: Actor, approver: Actor, admin: Actor
) -> None:
    with pytest.raises(NotPermitted):
        page(sqlite_db, sender)
    with pytest.raises(NotPermitted):
        whole(sqlite_db, sender, Kind.AUDIT, 1)
    # A right that was taken away meanwhile has ended.
    directory.put_user(sqlite_db, admin, UserValues("jlopez", "Juan Lopez"))
    with pytest.raises(NotPermitted):
        page(sqlite_db, approver)


def test_every_entry_comes_once_and_in_its_order_whatever_the_pages(
    db: Database, approver: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(6)
    with db.transaction():
        for n in range(60):
            audit.record(db, approver, "edit" if n % 3 else "status", {"count": n}, [])
        db.executemany(
            "INSERT INTO notices (kind, role, recipient, address, subject, body, message_id, state, run_at, created_at)"
            " VALUES ('rejection', 'creator', 'Pat', 'p@x.example', 'S', 'B', ?, ?, 0, 0)",
            [(f"<{n}>", "failed" if n % 7 == 0 else "sent") for n in range(40)],
        )
        # As clocks do: forward, with equal moments, and once back.
        for table, at in (("audit_events", "at"), ("notices", "created_at")):
            for (number,) in db.execute(f"SELECT id FROM {table} ORDER BY id").fetchall():
                moment = 1_000_000_000 + number * 1000 + chance.choice((0, 0, 500, -1500))
                db.execute(f"UPDATE {table} SET {at} = ? WHERE id = ?", (moment, number))
    monkeypatch.setattr(activity, "WINDOW", 3)
    monkeypatch.setattr(activity, "CHUNK", 4)
    for text in ("", "outcome:failed", "action:status", "edit"):
        wanted = parse(text, TODAY)
        once = activity.page(db, approver, wanted, 1000)
        assert once.complete and once.entries
        for most, seconds in ((1, None), (7, None), (7, 0.0), (50, 0.0)):
            found: list[Entry] = []
            place = None
            for _ in range(500):
                part = activity.page(db, approver, wanted, most, place, seconds)
                assert len(part.entries) <= most
                assert part.reached is None or all(e.at >= part.reached for e in part.entries)
                found += part.entries
                place = part.place
                if part.complete:
                    break
            assert tuple(found) == once.entries, (text, most, seconds)
    for kind in Kind:
        own = [entry.id for entry in page(db, approver, f"type:{kind}", 1000).entries]
        assert own == sorted(own, reverse=True)


# -- one of them whole -------------------------------------------------------------------------------------------


def of(db: Database, who: Actor, text: str) -> Whole:
    entry = page(db, who, text).entries[0]
    return whole(db, who, *named(entry.name))


def test_each_is_shown_whole(db: Database, approver: Actor, ids: dict[str, int]) -> None:
    batch = of(db, approver, "type:batch outcome:failed")
    assert "2 invoices, gross 2,000.00" in batch.lines[1] and "1 synced, 1 failed" in batch.lines[2]
    assert [(s.name, s.invoice) for s in batch.subjects] == [("F-1", ids["F-1"]), ("B-1", ids["B-1"])]
    assert batch.subjects[1].says == "synced as BILL-7"

    attempt = of(db, approver, "type:attempt outcome:booked")
    told = [line for line in attempt.lines if "worker w1" in line]
    assert (
        len(told) == 2 and "sent to the ERP" in told[0] and told[1].startswith("> ") and "BILL-7" in told[1]
    )
    assert [s.invoice for s in attempt.subjects] == [ids["B-1"]]

    mail = of(db, approver, "type:notice outcome:undel")
    assert mail.lines[1].startswith("State: undeliverable") and [s.name for s in mail.subjects] == ["R-1"]
    assert any("Wrong" in line for line in mail.lines)

    event = of(db, approver, "action:reject")
    assert "reject by jlopez" in event.lines[0]
    [subject] = event.subjects
    assert subject.invoice == ids["R-1"] and "erp status ready_to_export -> not_sent" in subject.says


def test_of_very_many_subjects_the_others_are_counted(
    sqlite_db: Database, approver: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [make(sqlite_db, f"M-{n}", application=n) for n in range(1, 6)]
    review.reject(sqlite_db, approver, mark(sqlite_db, *made), "all wrong")
    monkeypatch.setattr("store.activity_whole.SUBJECTS_MOST", 3)
    found = of(sqlite_db, approver, "action:reject")
    assert (len(found.subjects), found.more) == (3, 2)
    assert found.entry.invoice is None and "5 invoices" in found.entry.what


@pytest.mark.parametrize(
    "text", ["", "notice", "notice:", "notice:x", "mail:1", "notice:99999999999999999999", "a:b:1"]
)
def test_what_names_no_entry(text: str) -> None:
    with pytest.raises(BadInput, match="names no entry"):
        named(text)


def test_a_text_of_megabytes_is_cut(sqlite_db: Database, approver: Actor) -> None:
    audit.record(sqlite_db, approver, "note", {"reason": "x" * 3_000_000, "all": ["y" * 3_000_000]}, [])
    found = of(sqlite_db, approver, "action:note")
    assert len(found.entry.what) < 1_000 and max(map(len, found.lines)) < 30_000


def test_an_entry_that_there_is_not(sqlite_db: Database, approver: Actor) -> None:
    for kind in Kind:
        with pytest.raises(NothingMatched, match=f"There is no {kind} 4711"):
            whole(sqlite_db, approver, kind, 4711)


@pytest.mark.parametrize("text", ["since:0001", "until:9999", "since:0001-01-01 until:9999-12-31"])
def test_days_before_and_behind_all_that_can_be_told_are_days_too(
    sqlite_db: Database, approver: Actor, text: str
) -> None:
    every = activity.page(sqlite_db, approver, Wanted(), 50).entries
    assert every and activity.page(sqlite_db, approver, parse(text, date(2026, 11, 1)), 50).entries == every
