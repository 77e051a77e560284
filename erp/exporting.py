"""The export's steps in their order: begin, send, acknowledge and begin the next; look up; expire (ARCHITECTURE.md, "The export").

The rows are store.outbox and store.lookup, which fence every step by worker, attempt and lease.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypedDict

from erp import eventlog, parcel
from erp.connector import Connector, Remembering
from erp.lock import WorkerLock
from erp.process import proven_dead
from store import high_water, lookup, outbox, written_files
from store.domain.errors import PayappError
from store.domain.outcome import Answer, Booked, Delivered, PostOutcome
from store.job import Job

if TYPE_CHECKING:
    from store.db import Database

# An acknowledgement that cannot be written is tried again at this pace, in seconds.
AGAIN = 0.5
# How long a worker that must end goes on trying, before it leaves the outcome to a look-up.
AT_THE_END = 10.0
# How often one is tried that is no trouble of the database but a defect, before that.
DEFECTS = 3


class _Limits(TypedDict):
    """What a parcel may be, as outbox.begin wants it."""

    limit: int
    lease_ms: int
    concurrency: int
    rate: int | None


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
        self._limits: _Limits = {
            "limit": self.profile.parcel,
            "lease_ms": self._lease_ms,
            "concurrency": self.profile.concurrency,
            "rate": self.profile.per_minute,
        }
        self._holding: dict[tuple[int, int], Job] = {}
        # Whether a mark can be kept on this machine.
        self._marks = True
        self._reminded = False

    async def begin(self, may_send: Callable[[], bool]) -> tuple[int, list[Job]]:
        """Claim and fence one parcel: how many were claimed, and the jobs that may be sent now.

        What fails here was undone, or its commit was not heard of: then nothing of it is sent, and the lease's end
        leaves it to a look-up.
        """
        if not may_send():
            return 0, []
        if not self._reminded:
            await self._remind()
        began = self._clock()
        claimed, held = await self.db.write(outbox.begin, self.profile.name, self.worker, **self._limits)
        self._note(claimed, held)
        return claimed, await self._fresh(held, began)

    async def send(self, jobs: Sequence[Job], may_send: Callable[[], bool], stop: asyncio.Event) -> None:
        """Send fenced jobs as one parcel, write down what became of each, and go on with the next while there is one."""
        while jobs:
            with self._held(jobs):
                results = await self._post(jobs)
                jobs = await self._turn(results, may_send, stop)

    async def _post(self, jobs: Sequence[Job]) -> list[tuple[Job, PostOutcome]]:
        began = self._clock()
        results = await parcel.post(self.connector, jobs)
        words = [type(outcome).__name__.lower() for _, outcome in results]
        eventlog.info(
            "parcel.sent",
            erp=self.profile.name,
            parcel=jobs[0].parcel,
            count=len(jobs),
            ms=round((self._clock() - began) * 1000),
            **{word: words.count(word) for word in dict.fromkeys(words)},
        )
        for job, outcome in results:
            if not isinstance(outcome, Booked | Delivered):
                cause = getattr(outcome, "cause", "")
                eventlog.info("job.ended", job=job.id, outcome=type(outcome).__name__.lower(), cause=cause)
        return results

    async def _turn(
        self, results: Sequence[tuple[Job, PostOutcome]], may_send: Callable[[], bool], stop: asyncio.Event
    ) -> list[Job]:
        """Write it down and begin the next parcel in one transaction; alone, where nothing may be begun or that failed."""
        if may_send():
            began = self._clock()
            try:
                late, claimed, held = await self.db.write(
                    outbox.turn,
                    self.profile.name,
                    self.worker,
                    results,
                    settle_ms=self._settle_ms,
                    **self._limits,
                )
            except Exception as error:  # noqa: BLE001 - what was sent is written down, whatever is wrong with the next
                eventlog.warning("turn.trouble", count=len(results), error=error)
            else:
                await self._late(late)
                self._note(claimed, held)
                return await self._fresh(held, began)
        await self._acknowledge(results, stop)
        return []

    def _note(self, claimed: int, held: Sequence[Job]) -> None:
        if len(held) < claimed:
            # Their invoices were changed outside payapp; the jobs say so and are closed.
            eventlog.warning("fence.lost", erp=self.profile.name, lost=claimed - len(held))

    async def _fresh(self, held: list[Job], began: float) -> list[Job]:
        """The fenced jobs, unless their fence took so long that the lease may not outlive the sending: then none."""
        if held:
            await self.mark()
        if held and self._clock() - began > self._lease_ms / 2000:
            eventlog.warning("fence.late", parcel=held[0].parcel, count=len(held))
            return []
        return held

    async def _acknowledge(self, results: Sequence[tuple[Job, PostOutcome]], stop: asyncio.Event) -> None:
        """Write it down, however long the database is away; only at the end, and after a defect, it is left to a look-up."""
        until = None
        defects = 0
        while True:
            try:
                late = await self.db.write(
                    outbox.acknowledge, self.worker, self.profile.name, results, settle_ms=self._settle_ms
                )
            except PayappError as error:
                eventlog.warning("acknowledge.trouble", count=len(results), error=error)
                until = until or (self._clock() + AT_THE_END if stop.is_set() else None)
                if until and self._clock() >= until:
                    return
                await asyncio.sleep(AGAIN)
            except RuntimeError as error:
                defects += 1
                eventlog.warning("acknowledge.defect", count=len(results), tries=defects, error=error)
                if defects == DEFECTS:
                    return
                await asyncio.sleep(AGAIN)
            else:
                await self._late(late)
                return

    async def _late(self, late: Sequence[Job]) -> None:
        if not late:
            return
        try:
            gone = await self.db.read(outbox.gone, late)
        except PayappError:
            # It is written down; this only finds the word for it.
            gone = []
        for job in late:
            event = "acknowledge.gone" if job in gone else "acknowledge.late"
            eventlog.warning(event, job=job.id, attempt=job.attempt, key=job.key)

    @staticmethod
    def _clock() -> float:
        return asyncio.get_running_loop().time()

    async def look_up(self) -> None:
        """Ask the ERP about uncertain jobs whose settle time is over, and write down what it answers."""
        jobs = await self.db.write(
            lookup.claim_lookups,
            self.profile.name,
            self.worker,
            limit=self.profile.parcel,
            lease_ms=self._lease_ms,
            rate=self.profile.per_minute,
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
        await self._remind()
        # Before the question: what a sender does after it and then dies of is not in the answer.
        dead = {job.id: await self._sender_dead(job) for job in jobs}
        asked, strays = await parcel.ask(self.connector, to_ask, await self.db.read(lookup.keys, to_ask))
        said = [answer for _, answer in asked] if self.profile.finds else []
        silent = await self.db.write(outbox.heard, self.profile.name, self.worker, said) if jobs else False
        for job in strays:
            why = "the stored bill is not the one that was accepted, so nobody can ask for it"
            await self.db.write(lookup.park, self.worker, job, why)
            eventlog.warning("lookup", job=job.id, answer="payload.changed", state="parked")
        for job, answer in [*answers, *asked]:
            word = type(answer).__name__.lower()
            try:
                state = await self.db.write(
                    lookup.resolve,
                    self.worker,
                    job,
                    answer,
                    self.profile,
                    sender_dead=dead[job.id],
                    silent=silent,
                )
            except RuntimeError as error:
                # Its invoice was changed behind our back; its neighbours' answers still count.
                eventlog.warning("lookup.trouble", job=job.id, answer=word, error=error)
            else:
                eventlog.info("lookup", job=job.id, answer=word, state=state)

    async def _remind(self) -> None:
        """Tell a connector that is its own memory what it must have, also of what other hosts wrote."""
        if isinstance(self.connector, Remembering):
            self.connector.remember(await self.db.read(written_files.newest, self.profile.name))
        self._reminded = True

    @contextlib.contextmanager
    def _held(self, jobs: Sequence[Job]) -> Iterator[None]:
        """The heartbeat keeps these jobs' leases alive meanwhile."""
        self._holding |= {(job.id, job.attempt): job for job in jobs}
        try:
            yield
        finally:
            for job in jobs:
                del self._holding[job.id, job.attempt]

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
            outbox.expire,
            settle_ms=self._settle_ms,
            sole_worker=self.worker if sole else None,
            # A clock that was put ahead ends no lease of what this very process is sending.
            sending=[number for number, _ in self._holding],
        )
        if back or lost:
            eventlog.warning("leases.expired", worker=self.worker, given_back=back, uncertain=lost)

    async def keep(self) -> None:
        """Extend the leases of what is being sent or asked about right now, and of nothing else."""
        jobs = list(self._holding.values())
        if jobs:
            await self.db.write(outbox.extend, self.worker, jobs, self._lease_ms)

    async def mark(self, *, beat: bool = False) -> None:
        """Write outside of the database how far it has come: an older copy is behind that.

        On SQLite before anything is sent, on PostgreSQL with each heartbeat (``beat``).
        """
        if self._lock:
            self._lock.write(await self.db.write(high_water.of))
        elif beat and self._marks:
            try:
                await self.db.write(high_water.write)
            except OSError as error:
                # The server's own signs of a restore remain.
                self._marks = False
                eventlog.warning("mark.trouble", worker=self.worker, error=error)

    async def release(self) -> int:
        """Give back what is claimed and not begun; returns how many."""
        return await self.db.write(outbox.release, self.worker)
