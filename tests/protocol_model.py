"""A plain model of the export: jobs, workers' memories and an ERP with a ledger of its own, as plain Python values."""

from __future__ import annotations

import shutil
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from invoice_factory import line, make
from people import founded
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from store import db as database
from store import epochs
from store.db import Database
from store.domain.bill import Bill, decode
from store.domain.outcome import (
    Answer,
    Booked,
    Delivered,
    Later,
    Missing,
    PostOutcome,
    Refused,
    Split,
    Unknown,
)
from store.domain.profile import Profile
from store.domain.status import OPEN_JOBS, ErpStatus, JobState
from store.job import Job
from store.lookup import MISSES_THAT_COUNT, UNANSWERED_AT_MOST, WHILE_IT_LIVED

HOLD, SETTLE, LEASE = 10_000, 30_000, 60_000
INVOICES = 3
BEGAN = 1_793_500_000_000
# What may become of a request: "under way" arrives later, "request lost" never, and of neither comes a reply.
WAYS = ("booked", "refused", "later", "split", "reply lost", "request lost", "under way")
# What the invoice says while its newest job is in that state; a claimed job's depends on whether its sending began.
STATUS = {
    JobState.HELD: ErpStatus.QUEUED,
    JobState.PENDING: ErpStatus.QUEUED,
    JobState.SENT: ErpStatus.EXPORTING,
    JobState.UNCERTAIN: ErpStatus.UNCERTAIN,
    JobState.PARKED: ErpStatus.PARKED,
    JobState.DONE: ErpStatus.SYNCED,
    JobState.FAILED: ErpStatus.FAILED,
}


@dataclass
class Kept:
    """A job as it must be. Moments in milliseconds of the test's clock; ``due`` is the earliest at which it may be taken."""

    invoice: int
    key: str
    batch: int
    due: int
    state: JobState = JobState.HELD
    worker: str | None = None
    attempt: int = 0
    lease: int = 0
    begun: int | None = None
    misses: int = 0
    unanswered: int = 0
    # Its sendings of which nobody has proven that the ERP booked nothing: by attempt, the answers that count towards it.
    unproven: dict[int, int] = field(default_factory=dict)
    newest: int = 0
    sends: int = 0
    # Booked, and unlinked or reset since.
    parted: bool = False

    @property
    def open(self) -> bool:
        """Whether it is still on its way."""
        return self.state in OPEN_JOBS

    @property
    def recallable(self) -> bool:
        """Whether nothing of it is being sent, nor was sent and may still arrive."""
        waits = self.state in {JobState.HELD, JobState.PENDING, JobState.CLAIMED}
        return waits and self.begun is None and not self.unproven

    @property
    def status(self) -> ErpStatus:
        """The state of its invoice, while people have not put that aside."""
        if self.state is JobState.CLAIMED:
            return ErpStatus.QUEUED if self.begun is None else ErpStatus.EXPORTING
        return STATUS[self.state]

    def held_by(self, worker: str, attempt: int, *, begun: bool) -> bool:
        """Whether that claim is the one that counts, and its sending has begun or not."""
        mine = self.state is JobState.CLAIMED and (self.worker, self.attempt) == (worker, attempt)
        return mine and begun is (self.begun is not None)

    def free(self, state: JobState) -> None:
        """The claim on it has ended, like this."""
        self.state, self.worker, self.lease = state, None, 0
        if state is JobState.PENDING:
            self.begun = None
        if state in {JobState.PENDING, JobState.UNCERTAIN}:
            self.misses = self.unanswered = 0

    def end(self, outcome: PostOutcome) -> None:
        """Its sending has ended, as far as its worker knows."""
        begun = self.begun
        match outcome:
            case Booked():
                self.free(JobState.DONE)
            case Delivered():
                self.free(JobState.SENT)
            case Refused():
                # What was sent before may still arrive, and the next export has another key.
                self.free(JobState.PARKED if self.unproven else JobState.FAILED)
            case Later() | Split():
                self.free(JobState.PENDING)
            case Unknown():
                assert begun is not None
                self.free(JobState.UNCERTAIN)
                self.due = begun + SETTLE

    def arrive_late(self) -> None:
        """Its claim has ended, and now the ERP is heard to have booked it; who asks about it is fenced off."""
        if self.state in {JobState.UNCERTAIN, JobState.PARKED}:
            self.attempt += 1
            self.free(JobState.DONE)

    def receipt(self, state: JobState) -> None:
        """The ERP says in a receipt that it has it, or refuses it; who asks about it is fenced off."""
        self.attempt += 1
        self.free(state)

    def answered(self, answer: Answer, profile: Profile, now: int, *, dead: bool) -> None:
        """The ERP was asked; ``dead``: who sent it could send no more by then."""
        match answer:
            case Booked():
                self.free(JobState.DONE)
            case Delivered():
                self.free(JobState.SENT)
            case Missing():
                if dead and not profile.enforces_keys and self.newest in self.unproven:
                    self.unproven[self.newest] += 1
                    if self.unproven[self.newest] == MISSES_THAT_COUNT:
                        del self.unproven[self.newest]
                self._missing(now, counts=profile.enforces_keys or dead)
            case Unknown():
                self.unanswered += 1
                if not profile.finds:
                    self.free(JobState.PENDING if profile.enforces_keys else JobState.PARKED)
                elif self.unanswered == UNANSWERED_AT_MOST:
                    self.free(JobState.PARKED)
                else:
                    self.worker, self.lease = None, 0

    def _missing(self, now: int, *, counts: bool) -> None:
        if not counts and self.misses == WHILE_IT_LIVED:
            self.free(JobState.PARKED)
        elif counts and self.misses + 1 == MISSES_THAT_COUNT:
            self.free(JobState.PENDING)
        else:
            self.misses = max(self.misses, 0) + 1 if counts else WHILE_IT_LIVED
            self.worker, self.lease, self.due = None, 0, now + SETTLE


@dataclass
class Process:
    """A worker's memory: parcels that it has claimed, what it may send, replies, look-ups and their answers."""

    id: str
    claimed: list[list[Job]] = field(default_factory=list)
    fenced: list[Job] = field(default_factory=list)
    replies: list[tuple[Job, PostOutcome]] = field(default_factory=list)
    asked: list[Job] = field(default_factory=list)
    # With whether the sender was known to be dead before the ERP was asked.
    answers: list[tuple[Job, Answer, bool]] = field(default_factory=list)

    @property
    def busy(self) -> list[Job]:
        """The jobs whose leases its heartbeat keeps."""
        told = [job for job, _ in self.replies]
        return [*self.fenced, *self.asked, *told, *(job for job, _, _ in self.answers)]


@dataclass
class Erp:
    """An ERP that keeps what it books, and may enforce keys. What is under way to it arrives by its moment, or never.

    ``receipts``: it is asked in an archive that never forgets, and what it makes of a bill its receipt says.
    """

    enforces_keys: bool
    receipts: bool = False
    refused: dict[str, str] = field(default_factory=dict)
    voided: set[str] = field(default_factory=set)
    ledger: list[tuple[str, str]] = field(default_factory=list)
    under_way: list[tuple[int, Bill]] = field(default_factory=list)

    def has(self, key: str) -> str | None:
        """Its reference for that key."""
        return f"R-{key}" if any(known == key for known, _ in self.ledger) else None

    def told(self, key: str) -> str | None:
        """The reference by which it answers for that key."""
        return self.refused.get(key) or self.has(key)

    def book(self, bill: Bill) -> Booked | Delivered:
        """A request arrives: it is booked, or answered with the first bill of its key."""
        known = self.told(bill.key) if self.enforces_keys else None
        if known is None and not (self.enforces_keys and bill.key in self.voided):
            self.ledger.append((bill.key, bill.net))
        ref = known or f"R-{bill.key}"
        return Delivered(bill.key, ref) if self.receipts else Booked(bill.key, ref)

    def refuse(self, key: str) -> None:
        """What was delivered it does not take after all."""
        at = next(n for n, (known, _) in enumerate(self.ledger) if known == key)
        self.refused[key] = f"F{at}-{len(self.refused)}"
        del self.ledger[at]

    def void(self, key: str) -> None:
        """Somebody voids it there; one that enforces keys still answers with it."""
        at = next(n for n, (known, _) in enumerate(self.ledger) if known == key)
        self.voided.add(key)
        del self.ledger[at]

    def post(self, job: Job, how: str, now: int) -> PostOutcome:
        """A worker sends it; what comes back is one of WAYS."""
        bill = decode(job.payload, job.payload_sha256)
        match how:
            case "refused" if not self.told(job.key) and job.key not in self.voided:
                return Refused(job.key, "number.long", "the number is too long", "D: a shorter one")
            case "booked" | "refused":
                return self.book(bill)
            case "later":
                return Later(job.key, "503")
            case "split":
                return Split(job.key, "another one is bad")
            case "reply lost":
                self.book(bill)
            case "under way":
                self.under_way.append((now + SETTLE, bill))
        return Unknown(job.key, how)

    def arrive(self, now: int) -> None:
        """Whatever had to arrive by now has."""
        for moment, bill in [*self.under_way]:
            if moment <= now:
                self.under_way.remove((moment, bill))
                self.book(bill)

    def find(self, key: str) -> Booked | Delivered | Missing:
        """The answer to a look-up."""
        ref = self.told(key)
        if ref is None:
            return Missing(key)
        return Delivered(key, ref) if self.receipts else Booked(key, ref)


_CLOCK = (
    "CREATE FUNCTION wrapped.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE"
    " AS $$ SELECT to_timestamp(current_setting('payapp.clock')::bigint / 1000.0) $$"
)


class Books:
    """A company with invoices that are ready, and copies of it."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        made = database.create(url)
        founded(made)
        made.execute("UPDATE company SET hold_ms = ?", (HOLD,))
        for n in range(INVOICES):
            make(made, f"{n}01-001", commitment=f"SC-{n}01", lines=(line(work=100_000 + 1_000 * n),))
        self.postgres = made.postgres
        if self.postgres:
            made.execute("CREATE SCHEMA wrapped")
            made.execute(_CLOCK)
        made.close()

    def copy(self) -> Database:
        """A database of its own, which may send."""
        name = f"c{uuid.uuid4().hex}"
        if self.postgres:
            own = conninfo_to_dict(self.url)["dbname"]
            self._server(f"CREATE DATABASE {name} TEMPLATE {own}")
            # Before PostgreSQL's own functions it finds the clock of the test.
            self._server(f"ALTER DATABASE {name} SET search_path = public, wrapped, pg_catalog")
            self._server(f"ALTER DATABASE {name} SET payapp.clock = '{BEGAN}'")
            opened = database.open(self.url.replace(f"/{own}?", f"/{name}?", 1))
        else:
            shutil.copy(self.url.removeprefix("sqlite:"), self.folder / name)
            opened = database.open(f"sqlite:{self.folder / name}")
            # What a power cut leaves is not the question here.
            opened.execute("PRAGMA synchronous = OFF")
        epochs.here(opened, "copied")
        return opened

    def set_clock(self, db: Database, now: int) -> None:
        """What the clock of that database says from now on, in milliseconds."""
        if self.postgres:
            db.execute("SELECT set_config('payapp.clock', ?, FALSE)", (str(now),))
        else:
            db.now = lambda: now  # type: ignore[method-assign] # SQLite's clock is this host's

    def drop(self, db: Database) -> None:
        """It is not needed any more."""
        db.close()
        if self.postgres:
            self._server(f"DROP DATABASE {conninfo_to_dict(db.url)['dbname']} WITH (FORCE)")
        else:
            Path(db.url.removeprefix("sqlite:")).unlink()

    def _server(self, sql: str) -> None:
        with psycopg.connect(make_conninfo(self.url, dbname="postgres"), autocommit=True) as server:
            server.execute(sql)
