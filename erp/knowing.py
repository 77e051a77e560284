"""Asking an ERP what it knows before anything is sent: its periods, and the codes that are missing or old in the store.

A kind at a time and many codes in one request, within a limit of time. No transaction is open while the ERP is asked.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from erp.connector import Connector
from store import known, periods
from store.domain.knowing import Fact, Kind
from store.domain.outcome import Period
from store.domain.text import one_line
from store.known import Codes

if TYPE_CHECKING:
    from store.db import Database

T = TypeVar("T")

# So many codes in one request.
CODES = 200
# So many seconds a connector has for giving back what it holds.
CLOSING = 3.0


@dataclass(frozen=True, slots=True)
class Asked:
    """How the asking went: how many codes the ERP answered, and the kinds that it cannot be asked for.

    ``periods``: whether they are others than before. ``trouble``: why it ended before all was answered; "" where it did
    not.
    """

    answered: int = 0
    periods: bool = False
    silent: tuple[Kind, ...] = ()
    trouble: str = ""


class UnansweredError(Exception):
    """The ERP gave no answer; the message says why."""


async def refresh(
    db: Database, connector: Connector, erp: str, codes: Codes, *, most_ms: int, seconds: float
) -> Asked:
    """Ask for the periods and for those of these codes that the store knows nothing of, or for longer than ``most_ms``.

    Each answer is kept at once, so what came before a failure counts. Raises nothing but cancellation and what the
    store raises; the whole takes about ``seconds`` at most.
    """
    answered, others, silent = 0, False, list[Kind]()
    end = asyncio.get_running_loop().time() + seconds
    try:
        found = _taken(periods_told, await answer(connector, connector.periods(), end))
        before = await db.read(periods.of, erp)
        await db.write(periods.put, erp, found)
        others = before != await db.read(periods.of, erp)
        for kind, named in (await db.read(known.to_ask, erp, codes, most_ms)).items():
            for first in range(0, len(named), CODES):
                run = named[first : first + CODES]
                await pace(connector, end)
                told = await answer(connector, connector.known(kind, run), end)
                if told is None:
                    silent.append(kind)
                    break
                facts = _taken(partial(_of_these, kind=kind, codes=run), told)
                await db.write(known.put, erp, facts)
                answered += len(facts)
    except UnansweredError as error:
        return Asked(answered, others, tuple(silent), str(error))
    return Asked(answered, others, tuple(silent))


async def answer(connector: Connector, question: Awaitable[T], end: float) -> T:
    """The ERP's answer. Raises UnansweredError."""
    left = end - asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout(max(0.0, min(left, connector.profile.timeout))):
            return await question
    except TimeoutError:
        why = "it did not answer in time"
    except Exception as error:  # noqa: BLE001 - whatever a connector raises, there is no answer
        why = one_line(str(error)) or type(error).__name__
    raise UnansweredError(why)


async def leave(connector: Connector) -> None:
    """Close it. One that hangs at that, or fails, is left behind: whoever asked has his answer, or why there is none."""
    with contextlib.suppress(Exception):
        async with asyncio.timeout(CLOSING):
            await connector.close()


async def pace(connector: Connector, end: float) -> None:
    """An ERP that bears few requests is asked as often as it bears. Raises UnansweredError where the time is over before."""
    if connector.profile.per_minute is None:
        return
    wait = 60 / connector.profile.per_minute
    if asyncio.get_running_loop().time() + wait > end:
        raise UnansweredError("it bears no more requests within the time")
    await asyncio.sleep(wait)


def _taken(read: Callable[[Any], T], told: object) -> T:
    """What ``read`` makes of an answer. Raises UnansweredError for one that makes no sense."""
    try:
        return read(told)
    except (TypeError, ValueError, msgspec.MsgspecError):
        raise UnansweredError("its answer makes no sense") from None


def periods_told(told: Iterable[Period]) -> list[Period]:
    """The periods of an ERP's answer. Raises TypeError or MsgspecError for what are none: they decide what is closed."""
    return [plainly(Period, one) for one in told]


def plainly(of: type[T], one: object) -> T:
    """One part of an answer, whatever its connector made of it."""
    return msgspec.convert(msgspec.structs.asdict(one) if isinstance(one, msgspec.Struct) else one, of)


def _of_these(told: Iterable[Fact], kind: Kind, codes: Sequence[str]) -> list[Fact]:
    """The facts about what was asked for: another one's answer is none. Raises as periods_told() does."""
    asked = set(codes)
    found = [plainly(Fact, one) for one in told]
    return [fact for fact in found if fact.kind is kind and fact.code in asked]
