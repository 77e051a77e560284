"""One parcel at an ERP that does everything an ERP can do wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import msgspec
import pytest
from export_case import make_bill

from erp import parcel, profiles
from erp.connector import ParcelRefusedError, UnavailableError
from store.domain.bill import Bill, encode
from store.domain.knowing import Fact, Kind, Paid
from store.domain.outcome import Answer, Booked, ErpBill, Later, Missing, Period, Refused, Split, Unknown
from store.domain.profile import Finding
from store.job import Job

Reply = Callable[[Sequence[Bill]], Awaitable[Any]]


class Wayward:
    """A connector that replies as it is told."""

    def __init__(self, reply: Reply, *, timeout: float = 5.0, finds: bool = True) -> None:
        self.profile = msgspec.structs.replace(profiles.load("sandbox"), timeout=timeout, finds=finds)
        self._reply = reply
        self.asked: list[list[str]] = []

    async def post(self, bills: Sequence[Bill]) -> Any:
        self.asked.append([bill.key for bill in bills])
        return await self._reply(bills)

    find = post

    async def check(self, _bills: Sequence[Bill]) -> dict[str, list[Finding]]:
        raise NotImplementedError

    async def periods(self) -> Sequence[Period]:
        raise NotImplementedError

    async def exists(self, _ref: str) -> bool:
        raise NotImplementedError

    def bills(self, _period: Period) -> AsyncIterator[Sequence[ErpBill]]:
        raise NotImplementedError

    async def known(self, _kind: Kind, _codes: Sequence[str]) -> Sequence[Fact] | None:
        raise NotImplementedError

    def payments(self, _refs: Sequence[str]) -> AsyncIterator[Sequence[Paid]]:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError


def job(n: int, sends: int = 0, **changes: Any) -> Job:
    bill = make_bill(n)
    payload, sha256 = encode(bill)
    values = {"key": bill.key, "payload": payload, "payload_sha256": sha256, **changes}
    return Job(id=n, invoice_id=n, attempt=1, parcel=1, alone=False, sends=sends, **values)


def raising(error: Exception) -> Reply:
    async def reply(_: Sequence[Bill]) -> Any:
        raise error

    return reply


def saying(*outcomes: Any) -> Reply:
    async def reply(_: Sequence[Bill]) -> Any:
        return outcomes

    return reply


async def hang(_: Sequence[Bill]) -> Any:
    await asyncio.Event().wait()


async def post(reply: Reply, *jobs: Job, patience: float = 5.0) -> list[Any]:
    return [outcome for _, outcome in await parcel.post(Wayward(reply, timeout=patience), jobs)]


KEYS = [make_bill(n).key for n in (1, 2)]


async def test_each_job_gets_its_own_outcome_whatever_the_order() -> None:
    reply = saying(Refused(KEYS[1], "c", "cause", "fix"), Booked(KEYS[0], "R1"))
    assert await post(reply, job(1), job(2)) == [Booked(KEYS[0], "R1"), Refused(KEYS[1], "c", "cause", "fix")]


async def test_what_the_reply_leaves_out_is_unknown() -> None:
    found = await post(saying(Booked(KEYS[0], "R1")), job(1), job(2))
    assert found[0] == Booked(KEYS[0], "R1")
    assert isinstance(found[1], Unknown)


async def test_a_reply_for_a_bill_that_was_not_sent_is_ignored() -> None:
    reply = saying(Booked("somebody's", "R9"), Booked(KEYS[0], "R1"), "garbage", None)
    assert await post(reply, job(1)) == [Booked(KEYS[0], "R1")]


@pytest.mark.parametrize("second", [Booked(KEYS[0], "R2"), Refused(KEYS[0], "c", "x", "y")])
async def test_two_different_answers_for_one_bill_are_unknown(second: Any) -> None:
    first = Booked(KEYS[0], "R1")
    [found] = await post(saying(first, second, first), job(1))
    assert isinstance(found, Unknown)
    assert await post(saying(first, first), job(1)) == [first]


@pytest.mark.parametrize("reply", [saying(Booked(KEYS[0], " ")), saying(Booked(KEYS[0], ""))])
async def test_booked_without_a_reference_is_unknown(reply: Reply) -> None:
    [found] = await post(reply, job(1))
    assert isinstance(found, Unknown)


async def test_a_reference_is_made_storable() -> None:
    assert await post(saying(Booked(KEYS[0], "R\x001\x1b[2J")), job(1)) == [Booked(KEYS[0], "R^@1^[[2J")]


async def test_a_parcel_refused_whole_is_split_and_a_single_refused() -> None:
    refusal = raising(ParcelRefusedError("vendor V-9 is unknown"))
    assert await post(refusal, job(1), job(2)) == [Split(key, "vendor V-9 is unknown") for key in KEYS]
    [single] = await post(refusal, job(1))
    assert isinstance(single, Refused)
    assert single.cause == "vendor V-9 is unknown"


async def test_an_unreached_erp_defers() -> None:
    assert await post(raising(UnavailableError("503")), job(1)) == [Later(KEYS[0], "503")]


@pytest.mark.parametrize(
    "error", [ValueError("garbage"), ConnectionResetError(), TimeoutError(), OSError("gone")]
)
async def test_any_other_error_leaves_all_of_it_unknown(error: Exception) -> None:
    assert [type(found) for found in await post(raising(error), job(1), job(2))] == [Unknown, Unknown]


async def test_a_parcel_that_timed_out_is_unknown_and_never_split() -> None:
    found = await post(hang, job(1), job(2), patience=0.01)
    assert found == [Unknown(key, "the ERP did not answer in time") for key in KEYS]


async def test_a_cancelled_sending_stays_cancelled() -> None:
    task = asyncio.create_task(post(hang, job(1)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    "tampered",
    [
        {"payload_sha256": "0" * 64},
        {"key": "another:1"},
        dict(zip(("payload", "payload_sha256"), encode(make_bill(2)), strict=True)),
    ],
)
async def test_a_changed_payload_never_leaves(tampered: dict[str, Any]) -> None:
    connector = Wayward(saying(Booked(KEYS[1], "R2")))
    results = dict(await parcel.post(connector, [stray := job(1, **tampered), good := job(2)]))
    refusal = results[stray]
    assert isinstance(refusal, Refused)
    assert refusal.code == "payload.changed"
    assert results[good] == Booked(KEYS[1], "R2")
    assert connector.asked == [[KEYS[1]]]


async def test_a_changed_payload_that_went_out_before_is_for_a_look_up() -> None:
    [found] = await post(saying(), job(1, sends=1, payload_sha256="0" * 64))
    assert isinstance(found, Unknown)


async def test_a_look_up_answers_for_each_and_names_what_nobody_can_ask_about() -> None:
    reply = saying(Missing(KEYS[1]), Booked(KEYS[0], "R1"))
    stray = job(3, payload_sha256="0" * 64)
    answers, strays = await parcel.ask(Wayward(reply), [job(1), job(2), stray])
    assert [answer for _, answer in answers] == [Booked(KEYS[0], "R1"), Missing(KEYS[1])]
    assert strays == [stray]


@pytest.mark.parametrize(
    "reply", [raising(UnavailableError("503")), hang, saying(), saying(Refused(KEYS[0], "", "", ""))]
)
async def test_a_look_up_without_an_answer_is_unknown(reply: Reply) -> None:
    answers: list[tuple[Job, Answer]]
    answers, _ = await parcel.ask(Wayward(reply, timeout=0.01), [job(1)])
    assert isinstance(answers[0][1], Unknown)


async def test_an_erp_that_cannot_be_asked_is_not() -> None:
    connector = Wayward(raising(AssertionError("asked")), finds=False)
    [(_, answer)], _ = await parcel.ask(connector, [job(1)])
    assert isinstance(answer, Unknown)
    assert connector.asked == []
