"""Mails that no decision owes but a moment: the daily summary at its hour, the failure digest when a batch is at rest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from erp import eventlog
from erp.settings import MailSettings
from store import digests, summaries

if TYPE_CHECKING:
    from store.db import Database

# A batch can come to rest without a worker: by a receipt, by a person who settles what is parked.
EVERY = 30.0
# So many runs of batches are told of at a time.
ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Turn:
    """The day (ISO) at a moment where the company is, whether its summary's hour has come, and when the next one comes.

    ``next_ms`` in milliseconds UTC.
    """

    day: str
    due: bool
    next_ms: int


def turn(mail: MailSettings, now_ms: int) -> Turn:
    """Where the day stands. Without a time zone in the settings it is this machine's."""
    zone = ZoneInfo(mail.time_zone) if mail.time_zone else None
    now = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone)
    at = time.fromisoformat(mail.summary_at or "00:00")

    def moment(days: int) -> int:
        # Without a zone a naive moment is this machine's, with the clock changes that there are until then.
        there = datetime.combine(now.date() + timedelta(days=days), at, zone)
        return round(there.timestamp() * 1000)

    due = now_ms >= moment(0)
    return Turn(now.date().isoformat(), due and bool(mail.summary_at), moment(1) if due else moment(0))


def day(mail: MailSettings | None, now_ms: int) -> str:
    """The day (ISO) at a moment where the company is; without mail in the settings where this machine is."""
    zone = ZoneInfo(mail.time_zone) if mail and mail.time_zone else None
    return datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone).date().isoformat()


async def write(db: Database, mail: MailSettings) -> float:
    """Owe what is to be owed by now; returns after how many seconds to ask again.

    Raises Displaced where the database is not the one that was adopted.
    """
    for _ in range(ROUNDS):
        if not await db.read(digests.waiting):
            break
        if count := await db.write(digests.write):
            eventlog.info("digests.written", count=count)
    now = await db.read(lambda own: own.now())
    at = turn(mail, now)
    if at.due and await db.read(summaries.missing, at.day):
        waiting = await db.count(summaries.gather)
        count = await db.write(summaries.write, at.day, waiting)
        eventlog.info("summaries.written", day=at.day, count=count)
    return max(0.1, min(EVERY, (at.next_ms - now) / 1000))
