"""The export's steps in their order: claim, fence, send, acknowledge; look up; expire (ARCHITECTURE.md, "The export").

The rows are store.outbox and store.lookup, which fence every step by worker, attempt and lease.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from erp import eventlog, parcel
from erp.connector import Connector
from erp.lock import WorkerLock
from erp.process import proven_dead
from store import high_water, lookup, outbox
from store.domain.errors import PayappError
from store.domain.outcome import Answer, Booked, PostOutcome
from store.job import Job

if TYPE_CHECKING:
    from store.db import Database

# An acknowledgement that cannot be written is tried again at this pace, in seconds.
AGAIN = 0.5
# How long a worker that must end goes on trying, before it leaves the outcome to a look-up.
AT_THE_END = 10.0


class Exporting:
    """One worker's hand on one ERP's queue. ``lock`` is the SQLite database's worker lock, held; None elsewhere."""

    def __init__(
        self, db: Database, connector: Connector, worker: str, *, lease: float, lock: WorkerLock | None
    ) -> None:
        self.db = db
        self.connector = connector
        self.profile = connector.profile
        self.worker = worker
        self._lock = lock
        self._lease_ms = round(lease * 1000)
        self._settle_ms = round(self.profile.settle * 1000)
        self._holding: dict[int, Job] = {}

    async def claim(self, may_send: Callable[[], bool]) -> tuple[int, list[Job]]:
        """Claim one parcel and fence it: how many were claimed, and the jobs that may be sent now.

        Call it one at a time: what the fence loses is given back, with whatever else is claimed and not begun.
        """
        jobs = await self.db.write(
            outbox.claim,
            self.profile.name,
            self.worker,
            limit=self.profile.parcel,
            lease_ms=self._lease_ms,
            concurrency=self.profile.concurrency,
        )
        try:
            held = await self.db.write(outbox.fence, self.worker, jobs) if jobs and may_send() else []
            await self.mark()
        except Exception:
            # Nothing of it is sent. Where even this fails, the lease is not extended and brings it back.
            with contextlib.suppress(Exception):
                await self.release()
            raise
        if len(held) < len(jobs):
            released = await self.release()
            eventlog.warning("fence.lost", parcel=jobs[0].parcel, lost=len(jobs) - len(held), back=released)
        return len(jobs), held

    async def send(self, jobs: Sequence[Job], stop: asyncio.Event) -> None:
        """Send fenced jobs as one parcel and write down what became of each."""
        with self._held(jobs):
            await self._send(jobs, stop)

    async def _send(self, jobs: Sequence[Job], stop: asyncio.Event) -> None:
        began = asyncio.get_running_loop().time()
        results = await parcel.post(self.connector, jobs)
        words = [type(outcome).__name__.lower() for _, outcome in results]
        eventlog.info(
            "parcel.sent",
            erp=self.profile.name,
            parcel=jobs[0].parcel,
            count=len(jobs),
            ms=round((asyncio.get_running_loop().time() - began) * 1000),
            **{word: words.count(word) for word in dict.fromkeys(words)},
        )
        for job, outcome in results:
            if not isinstance(outcome, Booked):
                cause = getattr(outcome, "cause", "")
                eventlog.info("job.ended", job=job.id, outcome=type(outcome).__name__.lower(), cause=cause)
        await self._acknowledge(results, stop)

    async def _acknowledge(self, results: Sequence[tuple[Job, PostOutcome]], stop: asyncio.Event) -> None:
        """Write it down, however long the database is away; only at the end it is left to a look-up."""
        clock = asyncio.get_running_loop().time
        until = None
        while True:
            try:
                late = await self.db.write(
                    outbox.acknowledge, self.worker, self.profile.name, results, settle_ms=self._settle_ms
                )
            except PayappError as error:
                eventlog.warning("acknowledge.trouble", count=len(results), error=error)
                until = until or (clock() + AT_THE_END if stop.is_set() else None)
                if until and clock() >= until:
                    return
                await asyncio.sleep(AGAIN)
            else:
                for job in late:
                    eventlog.warning("acknowledge.late", job=job.id, attempt=job.attempt)
                return

    async def look_up(self) -> None:
        """Ask the ERP about uncertain jobs whose settle time is over, and write down what it answers."""
        jobs = await self.db.write(
            lookup.claim_lookups,
            self.profile.name,
            self.worker,
            limit=self.profile.parcel,
            lease_ms=self._lease_ms,
        )
        with self._held(jobs):
            await self._look_up(jobs)

    async def _look_up(self, jobs: Sequence[Job]) -> None:
        answers: list[tuple[Job, Answer]] = []
        to_ask = []
        for job in jobs:
            reference = await self.db.read(lookup.late_reference, job)
            if reference is None:
                to_ask.append(job)
            else:
                answers.append((job, Booked(job.key, reference)))
        asked, strays = await parcel.ask(
            self.connector, to_ask, await self.db.read(lookup.keys, to_ask)
        )
        for job in strays:
            why = "the stored bill is not the one that was accepted, so nobody can ask for it"
            await self.db.write(lookup.park, self.worker, job, why)
            eventlog.warning("lookup", job=job.id, answer="payload.changed", state="parked")
        for job, answer in [*answers, *asked]:
            word = type(answer).__name__.lower()
            try:
                dead = await self._sender_dead(job)
                state = await self.db.write(
                    lookup.resolve, self.worker, job, answer, self.profile, sender_dead=dead
                )
            except RuntimeError as error:
                # Its invoice was changed behind our back; its neighbours' answers still count.
                eventlog.warning("lookup.trouble", job=job.id, answer=word, error=error)
            else:
                eventlog.info("lookup", job=job.id, answer=word, state=state)

    @contextlib.contextmanager
    def _held(self, jobs: Sequence[Job]) -> Iterator[None]:
        """The heartbeat keeps these jobs' leases alive meanwhile."""
        self._holding |= {job.id: job for job in jobs}
        try:
            yield
        finally:
            for job in jobs:
                del self._holding[job.id]

    async def _sender_dead(self, job: Job) -> bool:
        """Whether the process that sent it last can send no more: on SQLite by the lock, elsewhere by its pid."""
        sender = await self.db.read(lookup.sender, job)
        if sender is None or sender.id == self.worker:
            return False
        if self._lock:
            return self._lock.held
        return sender.stopped or proven_dead(sender.host, sender.pid)

    async def expire(self, *, sole: bool = False) -> None:
        """End the claims whose lease ran out. ``sole``: all claims but our own, for we hold the lock."""
        back, lost = await self.db.write(
            outbox.expire, settle_ms=self._settle_ms, sole_worker=self.worker if sole else None
        )
        if back or lost:
            eventlog.warning("leases.expired", worker=self.worker, given_back=back, uncertain=lost)

    async def keep(self) -> None:
        """Extend the leases of what is being sent or asked about right now, and of nothing else."""
        jobs = list(self._holding.values())
        if jobs:
            await self.db.write(outbox.extend, self.worker, jobs, self._lease_ms)

    async def mark(self) -> None:
        """Write beside an SQLite database how far it has come, before anything is sent: an older copy is behind that."""
        if self._lock:
            self._lock.write(await self.db.write(high_water.of))

    async def release(self) -> int:
        """Give back what is claimed and not begun; returns how many."""
        return await self.db.write(outbox.release, self.worker)
