"""What the ERP said it has: kept with the time, asked for anew when it is old, in few questions and within a limit of time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import cast

import msgspec
import pytest
from export_case import sandbox_on, seed_books

from erp import knowing, profiles
from erp.connector import UnavailableError
from erp.connectors.sandbox import Sandbox, SandboxSettings
from store import known, periods
from store.db import Database
from store.domain.knowing import Fact, Kind
from store.domain.outcome import Period

HOUR = 3_600_000
OCTOBER = Period(date(2026, 10, 1), date(2026, 10, 31), True)
HOSTILE = "V [/] '; DROP -- 東京"


class Told(Sandbox):
    """An ERP that has every code but those that begin with X, and keeps the questions."""

    def __init__(self, **changes: object) -> None:
        profile = msgspec.structs.replace(profiles.load("sandbox"), **changes)
        super().__init__(SandboxSettings(), profile)
        self.questions: list[tuple[Kind, list[str]]] = []

    async def periods(self) -> Sequence[Period]:
        return [OCTOBER]

    async def known(self, kind: Kind, codes: Sequence[str]) -> Sequence[Fact] | None:
        self.questions.append((kind, list(codes)))
        return [Fact(kind, code, not code.startswith("X"), f"the {code}") for code in codes]


class Away(Told):
    """An ERP that answers the first question and is away after it."""

    async def known(self, kind: Kind, codes: Sequence[str]) -> Sequence[Fact] | None:
        if self.questions:
            raise UnavailableError("503 \x1b[2J closed")
        return await super().known(kind, codes)


class Slow(Told):
    """An ERP that takes for ever."""

    async def known(self, kind: Kind, codes: Sequence[str]) -> Sequence[Fact] | None:
        await asyncio.Event().wait()
        return await super().known(kind, codes)


class Silent(Told):
    """An ERP that cannot be asked for commitments, and tells of what nobody asked."""

    async def known(self, kind: Kind, codes: Sequence[str]) -> Sequence[Fact] | None:
        told = await super().known(kind, codes)
        return None if kind is Kind.COMMITMENT else [*(told or ()), Fact(kind, "V-OTHER", known=True)]


def aged(db: Database, code: str, ms: int) -> None:
    db.execute("UPDATE erp_facts SET asked_at = asked_at - ? WHERE code = ?", (ms, code))


async def ask(
    db: Database, one: Told, codes: known.Codes, *, most: int = HOUR, seconds: float = 30
) -> knowing.Asked:
    try:
        return await knowing.refresh(db, one, "sandbox", codes, most_ms=most, seconds=seconds)
    finally:
        await one.close()


def test_a_fact_replaces_the_one_before_and_the_unknown_ones_are_told(db: Database) -> None:
    known.put(db, "sandbox", [Fact(Kind.VENDOR, HOSTILE, known=False), Fact(Kind.JOB, "24-101", known=True)])
    assert known.unknown(db, "sandbox")[Kind.VENDOR].keys() == {HOSTILE}
    known.put(db, "sandbox", [Fact(Kind.VENDOR, HOSTILE, known=True, name="nul \x00 inside")])
    found = known.of(db, "sandbox", Kind.VENDOR, [HOSTILE, "V-2"])
    assert found.keys() == {HOSTILE} and found[HOSTILE].known and found[HOSTILE].name == "nul ^@ inside"
    assert not any(known.unknown(db, "sandbox").values())
    assert known.of(db, "another", Kind.VENDOR, [HOSTILE]) == {}


def test_never_asked_comes_before_the_oldest_and_fresh_ones_are_left_alone(db: Database) -> None:
    codes = {Kind.VENDOR: ["V-1", "V-2", "V-3", "V-4"], Kind.JOB: ["24-101"]}
    known.put(db, "sandbox", [Fact(Kind.VENDOR, code, known=True) for code in ("V-1", "V-2", "V-3")])
    known.put(db, "sandbox", [Fact(Kind.JOB, "24-101", known=True)])
    aged(db, "V-2", 2 * HOUR)
    aged(db, "V-3", 3 * HOUR)
    # A clock that was put back since has left a time that is still to come.
    aged(db, "24-101", -HOUR)
    asked = known.to_ask(db, "sandbox", codes, HOUR)
    assert asked == {Kind.VENDOR: ["V-4", "V-3", "V-2"], Kind.JOB: ["24-101"]}


def test_the_standing_of_codes_is_counted_with_the_oldest(db: Database) -> None:
    known.put(db, "sandbox", [Fact(Kind.VENDOR, "V-1", known=True), Fact(Kind.VENDOR, "X-2", known=False)])
    aged(db, "V-1", HOUR)
    [vendors, jobs] = known.standing(
        db, "sandbox", {Kind.VENDOR: ["V-1", "X-2", "V-3"], Kind.JOB: ["24-101"], Kind.TAX: []}
    )
    oldest = known.of(db, "sandbox", Kind.VENDOR, ["V-1"])["V-1"].asked_at
    assert (vendors.count, vendors.asked, vendors.unknown, vendors.oldest) == (3, 2, 1, oldest)
    assert (jobs.count, jobs.asked, jobs.oldest) == (1, 0, None)


def test_thousands_of_codes_are_found_in_few_statements(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = [f"V-{n}" for n in range(6000)]
    known.put(db, "sandbox", [Fact(Kind.VENDOR, code, known=True) for code in codes])
    count = 0
    execute = db.execute

    def counted(*given: object) -> object:
        nonlocal count
        count += 1
        return execute(*given)  # type: ignore[arg-type] # as it is called

    monkeypatch.setattr(db, "execute", counted)
    assert known.to_ask(db, "sandbox", {Kind.VENDOR: codes}, HOUR) == {}
    assert count <= 4


async def test_only_what_is_missing_or_old_is_asked_for_in_chunks(db: Database) -> None:
    vendors = [f"V-{n:03}" for n in range(knowing.CODES + 1)]
    known.put(db, "sandbox", [Fact(Kind.JOB, "24-101", known=True)])
    one = Told()
    asked = await ask(db, one, {Kind.VENDOR: [*vendors, "X-1"], Kind.JOB: ["24-101"]})
    assert (asked.answered, asked.trouble, asked.periods) == (len(vendors) + 1, "", True)
    assert [(kind, len(codes)) for kind, codes in one.questions] == [
        (Kind.VENDOR, knowing.CODES),
        (Kind.VENDOR, 2),
    ]
    assert list(known.unknown(db, "sandbox")[Kind.VENDOR]) == ["X-1"]
    assert periods.of(db, "sandbox") == [OCTOBER]
    again = Told()
    assert await ask(db, again, {Kind.VENDOR: vendors}) == knowing.Asked()
    assert again.questions == []


async def test_what_was_answered_before_it_went_away_is_kept(db: Database) -> None:
    asked = await ask(db, Away(), {Kind.VENDOR: ["V-1"], Kind.JOB: ["24-101"]})
    assert asked.answered == 1 and asked.trouble == "503 ^[[2J closed"
    assert known.of(db, "sandbox", Kind.VENDOR, ["V-1"]).keys() == {"V-1"}
    assert known.of(db, "sandbox", Kind.JOB, ["24-101"]) == {}


@pytest.mark.parametrize(("seconds", "patience"), [(0.05, 5.0), (30.0, 0.05)])
async def test_a_slow_erp_is_waited_for_within_both_limits(
    sqlite_db: Database, seconds: float, patience: float
) -> None:
    asked = await ask(sqlite_db, Slow(timeout=patience), {Kind.VENDOR: ["V-1"]}, seconds=seconds)
    assert (asked.answered, asked.trouble) == (0, "it did not answer in time")


@pytest.mark.parametrize(("bears", "answered"), [(1, 0), (60_000, 1)])
async def test_an_erp_that_bears_few_requests_gets_few(
    sqlite_db: Database, bears: int, answered: int
) -> None:
    one = Told(per_minute=bears)
    asked = await ask(sqlite_db, one, {Kind.VENDOR: ["V-1"]}, seconds=20)
    assert asked.answered == len(one.questions) == answered and asked.periods
    assert asked.trouble == ("" if answered else "it bears no more requests within the time")


async def test_a_kind_that_cannot_be_asked_for_is_told_and_strangers_are_not_kept(
    sqlite_db: Database,
) -> None:
    asked = await ask(sqlite_db, Silent(), {Kind.COMMITMENT: ["SC-1"], Kind.VENDOR: ["V-1"]})
    assert (asked.answered, asked.silent, asked.trouble) == (1, (Kind.COMMITMENT,), "")
    assert known.of(sqlite_db, "sandbox", Kind.VENDOR, ["V-OTHER"]) == {}


async def test_the_sandbox_says_which_codes_it_has(sqlite_db: Database) -> None:
    file = Path(sqlite_db.url.removeprefix("sqlite:")).parent / "sandbox.db"
    seed_books(file)
    one = sandbox_on(file, profiles.load("sandbox"))
    try:
        told = {
            kind: await one.known(kind, codes)
            for kind, codes in (
                (Kind.VENDOR, ["V-1", HOSTILE]), (Kind.JOB, ["24-101", "24-102"]), (Kind.ACCOUNT, ["03-300", "99"]),
                (Kind.COMMITMENT, ["SC-1"]),
            )
        }  # fmt: skip
    finally:
        await one.close()
    assert [[fact.known for fact in facts or ()] for facts in told.values()] == [
        [True, False], [True, False], [True, False], [],
    ]  # fmt: skip
    assert told[Kind.COMMITMENT] is None and (told[Kind.VENDOR] or [])[0].name == "Apex Drywall LLC"


def test_unchanged_periods_are_young_again(db: Database) -> None:
    periods.put(db, "sandbox", [OCTOBER])
    first = periods.asked_at(db, "sandbox")
    assert first is not None
    db.execute("UPDATE erp_periods SET fetched_at = fetched_at - ?", (HOUR,))
    periods.put(db, "sandbox", [OCTOBER])
    again = periods.asked_at(db, "sandbox")
    assert again is not None and again >= first
    # Within a minute nothing is written: every write wakes the desks.
    db.execute("UPDATE erp_periods SET fetched_at = fetched_at - 1000")
    periods.put(db, "sandbox", [OCTOBER])
    assert periods.asked_at(db, "sandbox") == again - 1000


class Wrong(Told):
    """An ERP whose answers are what a test says."""

    answers: tuple[object, object] = ([OCTOBER], [])

    async def periods(self) -> Sequence[Period]:
        return cast("Sequence[Period]", self.answers[0])

    async def known(self, kind: Kind, codes: Sequence[str]) -> Sequence[Fact] | None:
        await super().known(kind, codes)
        return cast("Sequence[Fact]", self.answers[1])


@pytest.mark.parametrize(
    ("told", "facts"),
    [
        (None, []), ({"a": 1}, []), (["x"], []), ([Period("x", "y", True)], []),  # type: ignore[arg-type]
        ([OCTOBER], "abc"), ([OCTOBER], [{"kind": "vendor"}]), ([OCTOBER], [Fact(Kind.VENDOR, "V-1", None)]),  # type: ignore[arg-type]
        ([OCTOBER], [Fact(Kind.VENDOR, "V-1", "no")]), ([OCTOBER], [Fact(Kind.VENDOR, "V-1", True, None)]),  # type: ignore[arg-type]
    ],
)  # fmt: skip
async def test_an_answer_that_makes_no_sense_is_none_and_what_was_known_stays(
    db: Database, told: object, facts: object
) -> None:
    periods.put(db, "sandbox", [OCTOBER])
    known.put(db, "sandbox", [Fact(Kind.VENDOR, "V-1", known=False)])
    erp = Wrong()
    erp.answers = told, facts
    asked = await knowing.refresh(db, erp, "sandbox", {Kind.VENDOR: ["V-1"]}, most_ms=-1, seconds=5)
    assert (asked.answered, asked.trouble) == (0, "its answer makes no sense")
    assert periods.of(db, "sandbox") == [OCTOBER]
    assert not known.of(db, "sandbox", Kind.VENDOR, ["V-1"])["V-1"].known


async def test_periods_that_begin_on_one_day_and_names_without_end_are_taken(db: Database) -> None:
    shut = Period(OCTOBER.start, date(2026, 12, 31), is_open=False)
    erp = Wrong()
    erp.answers = [OCTOBER, shut, OCTOBER], [Fact(Kind.VENDOR, "V-1", True, "n" * 1_000_000)]
    asked = await knowing.refresh(db, erp, "sandbox", {Kind.VENDOR: ["V-1"]}, most_ms=-1, seconds=5)
    assert (asked.answered, asked.trouble) == (1, "")
    assert periods.of(db, "sandbox") == [OCTOBER]
    assert len(known.of(db, "sandbox", Kind.VENDOR, ["V-1"])["V-1"].name) == known.NAME_MOST
