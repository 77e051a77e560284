"""The worker: one process's loop over what is due, with its heartbeat, its drain and its lock.

The export's steps are in erp.exporting; here is when they are taken, and when they must not be.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import uuid
from collections.abc import Callable, Coroutine, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from erp import eventlog, knowing, owing, paying
from erp.connector import Connector
from erp.exporting import Exporting
from erp.lock import WorkerLock
from erp.notices import Mailer
from erp.process import place
from erp.settings import WorkerSettings
from store import due, epochs, notices, periods, workers
from store.domain.errors import PayappError, SettingsError
from store.due import Due

if TYPE_CHECKING:
    from store.db import ChangeFeed, Database

__all__ = ["Worker", "WorkerRunningError", "WorkerSettings"]

# The desk takes a worker for dead after five silent seconds (store.workers), whatever the lease.
BEAT_AT_MOST = 2.0
# How often it is looked whether the database is the one that was adopted; each claim looks for itself.
PLACE_EVERY = 1.0
# Questions to the ERP that nothing waits for.
ASIDE = frozenset({"periods", "payments"})
# And looking whether there is anything to do, which does not count as having something to do.
LOOKING = ASIDE | {"owed"}
# A step that failed (a database that is away, a defect) is tried again at this pace, doubling.
TROUBLE_FIRST, TROUBLE_MOST = 0.5, 15.0


class WorkerRunningError(PayappError):
    """Another worker holds this SQLite database's lock; one worker serves it."""

    title = "Worker"


class OutgrownError(PayappError):
    """The database has become newer than this program while it worked."""

    title = "Worker"


class Worker:
    """One worker process's work on one ERP's queue and on the mail. ``run`` it once: it closes the connector.

    Raises SettingsError when the lease is not longer than two of the profile's timeouts: a claim must outlive its
    sending.
    """

    def __init__(
        self, db: Database, connector: Connector, mailer: Mailer | None, settings: WorkerSettings
    ) -> None:
        self.profile = connector.profile
        if settings.lease <= 2 * self.profile.timeout:
            raise SettingsError(
                "The worker's lease is too short",
                why=f"worker.lease is {settings.lease:g} s and {self.profile.name} may take"
                f" {self.profile.timeout:g} s to answer",
                fix=f"Set worker.lease to more than {2 * self.profile.timeout:g}",
            )
        self.id = str(uuid.uuid4())
        self.db = db
        self.connector = connector
        self.mailer = mailer
        self.settings = settings
        self._lock = None if db.postgres else WorkerLock(Path(db.url.removeprefix("sqlite:")))
        self._export = Exporting(db, connector, self.id, lease=settings.lease, lock=self._lock)
        self._sending: set[asyncio.Task[None]] = set()
        self._others: dict[str, asyncio.Task[None]] = {}
        self._stop = asyncio.Event()
        # Moments of the loop's clock: the last good heartbeat, and before when not to claim or ask again.
        self._beaten = 0.0
        self._claim_after = 0.0
        self._periods_after = 0.0
        self._payments_after = 0.0
        self._owed_after = 0.0
        # Whether jobs were on their way when it was last looked: their batches may be at rest once none is.
        self._moving = False
        self._trouble = 0.0
        self._place_after = 0.0
        self._outgrown = False
        # Why nothing is sent from this database; "" is not known yet.
        self._displaced: str | None = ""

    async def run(self, stop: asyncio.Event, *, until_idle: bool = False, wait: bool = True) -> None:
        """Work until ``stop`` is set; then finish what is being sent, and give the rest back.

        ``until_idle``: return when no job is on its way and no mail can go now, or the ERP is paused.
        On SQLite a second worker waits for the first one's end; without ``wait`` it raises WorkerRunningError.
        Raises, drained, OutgrownError when a newer program has changed the database's schema, and LockLostError when
        its lock file was removed or replaced.
        """
        self._stop = stop
        running: list[asyncio.Task[None]] = []
        feed = None
        try:
            if not await self._alone(wait=wait):
                return
            feed = self.db.changes()
            await self._start()
            running.append(asyncio.create_task(self._beat()))
            await self._work(feed, until_idle=until_idle)
            await self._drain()
            if self._outgrown:
                raise OutgrownError(
                    "This worker has ended",
                    why="a newer payapp has brought the database up to date",
                    fix="Update payapp on this machine, then start the worker again",
                )
            if self._lock:
                self._lock.require()
        finally:
            await _ended([*running, *self._sending, *self._others.values()])
            if feed is not None:
                feed.close()
            await self.connector.close()
            if self._lock:
                self._lock.release()

    # -- coming and going --------------------------------------------------------------------------------------

    async def _alone(self, *, wait: bool) -> bool:
        """Hold the database's worker lock, where there is one; False: told to end, or idle, before it was free."""
        if self._lock is None:
            return True
        began, said = self._now(), False
        while not self._lock.acquire():
            if not wait:
                raise WorkerRunningError(
                    "Another worker serves this database already",
                    why="a SQLite database has one",
                    fix="Leave it running; payapp status shows it",
                )
            if not said:
                eventlog.info("worker.waits", worker=self.id, lock=self._lock.path.name)
                said = True
            patience = self.settings.idle_exit
            if await _within(self._stop.wait(), 0.2) or (patience and self._now() - began >= patience):
                return False
        return True

    async def _start(self) -> None:
        await self.db.write(
            workers.register, self.id, place(), os.getpid(), version=version("payapp"), erp=self.profile.name
        )
        self._beaten = self._now()
        eventlog.info("worker.started", worker=self.id, erp=self.profile.name, pid=os.getpid())

    async def _placed(self) -> bool:
        """Whether the database is the one that was adopted. From any other nothing is claimed, sent or mailed."""
        if self._displaced is not None or self._now() >= self._place_after:
            before, self._displaced = self._displaced, await self.db.read(epochs.trouble)
            self._place_after = self._now() + PLACE_EVERY
            if self._displaced is None and before is not None:
                await self._take_over()
            elif self._displaced is not None and self._displaced != before:
                eventlog.warning("worker.displaced", worker=self.id, why=self._displaced)
        return self._displaced is None

    async def _take_over(self) -> None:
        """The database is ours: what workers before us held is free, where only one can live."""
        await self._export.mark(beat=True)
        if self._lock:
            await self._export.expire(sole=True)
            await self.db.write(notices.expire, self.id)

    async def _drain(self) -> None:
        """Finish what is being sent, give the rest back, say goodbye."""
        eventlog.info("worker.drains", worker=self.id, sending=len(self._sending))
        running = [*self._sending, *(task for name, task in self._others.items() if name not in ASIDE)]
        if running:
            await asyncio.wait(running)
        try:
            released = await self._export.release()
            if self._displaced is None and not (self._lock and self._lock.lost):
                await self._export.mark(beat=True)
            await self.db.write(workers.stopped, self.id)
        except PayappError as error:
            eventlog.warning("worker.stopped", worker=self.id, error=error)
        else:
            eventlog.info("worker.stopped", worker=self.id, released=released)

    async def _beat(self) -> None:
        """Stay alive for the others, and keep what is held. A beat that fails stops the next fence (see _fit)."""
        every = min(self.settings.lease / 3, BEAT_AT_MOST)
        while True:
            await asyncio.sleep(every)
            began = self._now()
            try:
                if not await self.db.write(workers.beat, self.id):
                    eventlog.warning("worker.outgrown", worker=self.id, version=version("payapp"))
                    self._outgrown = True
                    self._stop.set()
                await self._export.keep()
                if self._displaced is None and not (self._lock and self._lock.lost):
                    await self._export.mark(beat=True)
            except Exception as error:  # noqa: BLE001 - a beat that fails must not end the beating
                self._beaten = -self.settings.lease
                eventlog.warning("heartbeat.failed", worker=self.id, error=error)
            else:
                self._beaten = began
            # The folder may have gone with the database in it: then the beat has failed too.
            if self._lock and self._lock.lost and not self._stop.is_set():
                eventlog.warning("worker.unlocked", worker=self.id, lock=self._lock.path.name)
                self._stop.set()

    def _fit(self) -> bool:
        """Whether a sending may begin: the end is not wanted, place and lock are right, the last heartbeat good and young."""
        wanted = not (self._stop.is_set() or self._displaced is not None or (self._lock and self._lock.lost))
        return wanted and self._now() - self._beaten < self.settings.lease / 2

    # -- the loop ----------------------------------------------------------------------------------------------

    async def _work(self, feed: ChangeFeed, *, until_idle: bool) -> None:
        idle_since = self._now()
        while not self._stop.is_set():
            try:
                under_way = self._others.keys() - ASIDE
                todo = await self.db.read(due.of, self.profile.name)
                placed = await self._placed()
                begun = placed and await self._begin(todo)
                if not begun and under_way and self._idle(todo):
                    # What ended meanwhile may have left something to do.
                    continue
                if not begun and (self._idle(todo) or not placed):
                    leaves = until_idle and (self._nothing(todo) or not placed)
                    patience = 0.0 if leaves else self.settings.idle_exit
                    if patience is not None and self._now() - idle_since >= patience:
                        eventlog.info("worker.idle", worker=self.id)
                        return
                elif begun or not self._idle(todo, LOOKING):
                    idle_since = self._now()
                if not begun:
                    await self._wait(feed, todo)
                self._trouble = 0.0
            except Exception as error:  # noqa: BLE001 - the queue outlives a database that is away, and a defect
                await self._troubled("worker.trouble", error)

    def _idle(self, todo: Due, but: frozenset[str] = ASIDE) -> bool:
        """Whether nothing but these tasks is under way, here or in another worker's hands."""
        return not (self._sending or self._others.keys() - but or todo.claimed)

    def _nothing(self, todo: Due) -> bool:
        mail = self.mailer is not None and todo.is_due(todo.notice)
        return not mail and (not todo.open or todo.paused)

    async def _begin(self, todo: Due) -> bool:
        """Begin what is due; returns whether a parcel was claimed, so that there may be more."""
        if todo.is_due(todo.lease):
            await self._export.expire()
        if todo.is_due(todo.lookup):
            self._beside("lookup", self._export.look_up)
        if self.mailer is not None and todo.is_due(todo.notice):
            self._beside("notices", self._mail)
        if self.mailer is not None and self._owes(todo):
            self._beside("owed", self._owe)
        if self._now() >= self._periods_after:
            self._beside("periods", self._fetch_periods)
        if self.settings.payments and self.profile.pays_back and self._now() >= self._payments_after:
            self._beside("payments", self._pull_payments)
        free = len(self._sending) < self.profile.concurrency and self._now() >= self._claim_after
        if not (free and todo.is_due(todo.export) and self._fit()):
            return False
        claimed, held = await self._export.begin(self._fit)
        if held:
            task = asyncio.create_task(
                self._guarded("parcel", self._export.send(held, self._fit, self._stop))
            )
            self._sending.add(task)
            task.add_done_callback(self._sent)
        if not claimed:
            # Another worker's parcels fill what the ERP bears, or its claim came first.
            self._claim_after = self._now() + 1.0
        return claimed > 0

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        self._claim_after = 0.0

    async def _wait(self, feed: ChangeFeed, todo: Due) -> None:
        """Until something changed in the database, a task ended, the next moment came, or the end is wanted."""
        ahead = todo.wait_ms(notices=self.mailer is not None)
        # What is due already was not begun because a task or another worker must end first; look again meanwhile.
        seconds = 1.0 if ahead == 0 else self.settings.periods if ahead is None else ahead / 1000
        if self._displaced is not None:
            seconds = min(seconds, PLACE_EVERY)
        elif self.mailer is not None:
            seconds = min(seconds, max(0.0, self._owed_after - self._now()))
        until = self._now() + min(seconds, self.settings.idle_exit or seconds)
        stop = asyncio.create_task(self._stop.wait())
        try:
            while self._now() < until:
                pause = max(min(self.settings.poll, until - self._now()), 0.001)
                ends = {stop, *self._sending, *self._others.values()}
                done, _ = await asyncio.wait(ends, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
                if done or feed.changed():
                    return
        finally:
            stop.cancel()

    def _beside(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Begin one of the tasks of which there is one at a time, unless it is under way."""
        if name not in self._others:
            task = asyncio.create_task(self._guarded(name, work()))
            self._others[name] = task
            task.add_done_callback(lambda _: self._beside_over(name))

    def _beside_over(self, name: str) -> None:
        del self._others[name]
        # A look-up may have stood in the way of a parcel.
        self._claim_after = 0.0

    async def _guarded(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - its rows stay leased, and the lease's end brings them back
            await self._troubled(f"{name}.trouble", error)

    async def _troubled(self, event: str, error: Exception) -> None:
        self._trouble = min(max(self._trouble * 2, TROUBLE_FIRST), TROUBLE_MOST)
        eventlog.warning(event, worker=self.id, error=error, kind=type(error).__name__, wait=self._trouble)
        await _within(self._stop.wait(), self._trouble)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    # -- periods and mail --------------------------------------------------------------------------------------

    async def _fetch_periods(self) -> None:
        self._periods_after = self._now() + self.settings.periods
        try:
            async with asyncio.timeout(self.profile.timeout):
                found = knowing.periods_told(await self.connector.periods())
        except Exception as error:  # noqa: BLE001 - the last known periods stay
            self._periods_after = self._now() + min(self.settings.periods, 30.0)
            eventlog.warning("periods.unknown", erp=self.profile.name, error=error)
            return
        await self.db.write(periods.put, self.profile.name, found)

    async def _pull_payments(self) -> None:
        self._payments_after = self._now() + (self.settings.payments or 0.0)
        try:
            pulled = await paying.pull(self.db, self.connector, None, stop=self._stop)
        except PayappError as error:
            eventlog.warning("payments.unknown", erp=self.profile.name, error=error)
            return
        eventlog.info(
            "payments.pulled", asked=pulled.asked, changed=pulled.changed, unread=pulled.unread_count
        )

    def _owes(self, todo: Due) -> bool:
        """Whether it is time to look for mails that a moment owes: the next one has come, or the queue came to rest."""
        if "owed" in self._others:
            return False
        rests, self._moving = self._moving and not todo.open, todo.open
        return rests or self._now() >= self._owed_after

    async def _owe(self) -> None:
        self._owed_after = self._now() + owing.EVERY
        if self.mailer is not None:
            self._owed_after = self._now() + await self.mailer.owe(self.db)

    async def _mail(self) -> None:
        if self.mailer is not None:
            count = await self.mailer.deliver(self.db, self.id)
            eventlog.info("notices.sent", count=count)


async def _within(what: Coroutine[Any, Any, Any], seconds: float) -> bool:
    """Whether it came to its end within the seconds."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(what, seconds)
        return True
    return False


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel what still runs and see it end."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
