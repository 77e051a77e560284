"""A hypothesis state machine of the export protocol against a plain model, on both databases.

People press Export, recall, reject, retry; two workers claim, fence, send, acknowledge and look up, each step at any
moment, late or never; the ERP books, refuses, loses replies, answers late. After every step the rows are the model's
and the ERP's ledger holds no invoice twice; at the end every accepted invoice has come to one end.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from protocol_model import HOLD, LEASE, SETTLE, WAYS, Books, Erp, Kept, Process
from protocol_people import WHICH, Company, pick, take_out
from protocol_undoing import Controls

from erp import profiles
from store import batches, lookup, outbox, receipts, workers
from store.domain.outcome import Answer, Booked, Delivered, Later, PostOutcome, Refused, Split, Unknown
from store.domain.status import ErpStatus, JobState
from store.job import Job

ERP = "sandbox"
PARCEL = 2
WORKERS = 2
# So often a worker goes round at the end.
ROUNDS = 60


class Protocol(Company):
    """Two workers and one ERP."""

    def __init__(self) -> None:
        super().__init__()
        self.live: list[Process] = []
        self.dead: set[str] = set()
        # References of replies whose acknowledgement was fenced off.
        self.late: dict[str, str] = {}

    @initialize(enforces_keys=st.booleans(), finds=st.booleans(), receipts=st.booleans())
    def open(self, *, enforces_keys: bool, finds: bool, receipts: bool = False) -> None:
        # Who awaits receipts has an archive, which enforces keys and can be asked.
        enforces_keys, finds = enforces_keys or receipts, finds or receipts
        self.erp = Erp(enforces_keys, receipts)
        self.profile = msgspec.structs.replace(
            profiles.load(ERP),
            enforces_keys=enforces_keys,
            finds=finds,
            settle=SETTLE / 1000,
            receipts=receipts,
        )
        self.start()
        self.start()

    def with_(self, what: str) -> list[Process]:
        """The workers that have something of that kind."""
        return [process for process in self.live if getattr(process, what)]

    def those_in(self, *states: JobState) -> list[Kept]:
        """The jobs in these states."""
        return [kept for kept in self.jobs.values() if kept.state in states]

    def due(self) -> list[Kept]:
        """What may be sent or asked about now: a rule for it alone would else run in vain most of the time."""
        waiting = self.those_in(JobState.HELD, JobState.PENDING, JobState.UNCERTAIN)
        return [kept for kept in waiting if kept.due <= self.clock and kept.lease < self.clock]

    def over(self) -> list[Kept]:
        """The claims whose lease ran out."""
        return [kept for kept in self.those_in(JobState.CLAIMED) if kept.lease < self.clock]

    # -- time, processes, the way to the ERP -------------------------------------------------------------------

    @rule(ms=st.sampled_from([HOLD, SETTLE, LEASE + 1, 10 * LEASE]))
    @precondition(lambda self: self.jobs)
    def time_passes(self, ms: int) -> None:
        self.clock += ms
        self.books.set_clock(self.db, self.clock)
        self.erp.arrive(self.clock)

    @rule(which=WHICH)
    @precondition(lambda self: self.erp.under_way)
    def a_request_arrives(self, which: int) -> None:
        moment, bill = pick(self.erp.under_way, which)
        self.erp.under_way.remove((moment, bill))
        self.erp.book(bill)

    @rule(who=WHICH)
    @precondition(
        lambda self: len(self.live) == WORKERS and self.those_in(JobState.CLAIMED, JobState.UNCERTAIN)
    )
    def crash(self, who: int) -> None:
        self.dead.add(take_out(self.live, who).id)

    @rule()
    @precondition(lambda self: len(self.live) < WORKERS)
    def start(self) -> None:
        process = Process(f"worker {len(self.dead) + len(self.live) + 1}")
        workers.register(self.db, process.id, "here", 1)
        self.live.append(process)

    @rule()
    @precondition(lambda self: self.over())
    def expire(self) -> None:
        self.ended(self.over(), outbox.expire(self.db, settle_ms=SETTLE))

    @rule()
    @precondition(lambda self: len(self.live) == 1 and self.those_in(JobState.CLAIMED))
    def take_over(self) -> None:
        """The one that holds the database's lock lives alone."""
        [process] = self.live
        over = [k for k in self.jobs.values() if k.state is JobState.CLAIMED and k.worker != process.id]
        self.ended(over, outbox.expire(self.db, settle_ms=SETTLE, sole_worker=process.id))

    def ended(self, over: list[Kept], told: tuple[int, int]) -> None:
        begun = [kept for kept in over if kept.begun is not None]
        assert told == (len(over) - len(begun), len(begun))
        for kept in over:
            if kept in begun:
                kept.end(Unknown(kept.key, "lost"))
            else:
                kept.free(JobState.PENDING)

    # -- a worker sends ----------------------------------------------------------------------------------------

    @rule(who=WHICH, limit=st.integers(1, PARCEL))
    @precondition(lambda self: self.those_in(JobState.HELD, JobState.PENDING))
    def claim(self, who: int, limit: int) -> None:
        process = pick(self.live, who)
        jobs = outbox.claim(self.db, ERP, process.id, limit=limit, lease_ms=LEASE, concurrency=2)
        assert len(jobs) <= limit
        self.taken(process, jobs)
        if jobs:
            process.claimed.append(jobs)

    def taken(self, process: Process, jobs: list[Job]) -> None:
        for job in jobs:
            kept = self.jobs[job.key]
            assert kept.state in {JobState.HELD, JobState.PENDING}
            assert kept.due <= self.clock
            self.take(kept, job, process)
            kept.state = JobState.CLAIMED

    def take(self, kept: Kept, job: Job, process: Process) -> None:
        assert (job.invoice_id, job.attempt) == (kept.invoice, kept.attempt + 1)
        kept.worker, kept.attempt, kept.lease = process.id, job.attempt, self.clock + LEASE

    @rule(who=WHICH, which=WHICH)
    @precondition(lambda self: self.with_("claimed"))
    def fence(self, who: int, which: int) -> None:
        process = pick(self.with_("claimed"), who)
        jobs = take_out(process.claimed, which)
        kept = {job.id: self.jobs[job.key] for job in jobs}
        holds = {
            job.id
            for job in jobs
            if kept[job.id].held_by(process.id, job.attempt, begun=False) and kept[job.id].lease > self.clock
        }
        held = outbox.fence(self.db, process.id, jobs)
        assert {job.id for job in held} == holds
        self.begun(process, held)

    def begun(self, process: Process, jobs: list[Job]) -> None:
        for job in jobs:
            self.jobs[job.key].begun = self.clock
            self.jobs[job.key].sends += 1
            self.jobs[job.key].unproven[job.attempt] = 0
            self.jobs[job.key].newest = job.attempt
        process.fenced += jobs

    @rule(who=WHICH, which=WHICH, how=st.sampled_from(WAYS))
    @precondition(lambda self: self.with_("fenced"))
    def send(self, who: int, which: int, how: str) -> None:
        """However late: nothing tells a process that stood still that its lease ran out meanwhile."""
        process = pick(self.with_("fenced"), who)
        self.sends(process, which, how)

    def sends(self, process: Process, which: int, how: str) -> None:
        job = take_out(process.fenced, which)
        process.replies.append((job, self.erp.post(job, how, self.clock)))

    @rule(who=WHICH, several=st.booleans())
    @precondition(lambda self: self.with_("replies"))
    def acknowledge(self, who: int, several: bool) -> None:
        process = pick(self.with_("replies"), who)
        results, late = self.results(process, several)
        assert outbox.acknowledge(self.db, process.id, ERP, results, settle_ms=SETTLE) == late
        self.written_down(results, late)

    @rule(who=WHICH, several=st.booleans())
    @precondition(lambda self: self.with_("replies"))
    def turn(self, who: int, several: bool) -> None:
        process = pick(self.with_("replies"), who)
        results, late = self.results(process, several)
        told, count, jobs = outbox.turn(
            self.db, ERP, process.id, results, settle_ms=SETTLE, limit=PARCEL, lease_ms=LEASE, concurrency=2
        )
        assert told == late
        self.written_down(results, late)
        assert count == len(jobs)
        self.taken(process, jobs)
        self.begun(process, jobs)

    @rule(who=WHICH)
    @precondition(lambda self: any(kept.state is not JobState.UNCERTAIN for kept in self.due()))
    def begin(self, who: int) -> None:
        process = pick(self.live, who)
        count, jobs = outbox.begin(self.db, ERP, process.id, limit=PARCEL, lease_ms=LEASE, concurrency=2)
        assert count == len(jobs)
        self.taken(process, jobs)
        self.begun(process, jobs)

    def results(self, process: Process, several: bool) -> tuple[list[tuple[Job, PostOutcome]], list[Job]]:
        """What the worker writes down now, and the jobs among it whose claim no longer holds."""
        count = len(process.replies) if several else 1
        results, process.replies = process.replies[:count], process.replies[count:]
        return results, [job for job, _ in results if not self.is_held(process, job)]

    def written_down(self, results: list[tuple[Job, PostOutcome]], late: list[Job]) -> None:
        for job, outcome in results:
            kept = self.jobs[job.key]
            if isinstance(outcome, Later | Split | Refused):
                kept.unproven.pop(job.attempt, None)
            if job not in late:
                kept.end(outcome)
            elif isinstance(outcome, Booked | Delivered) and kept.state is JobState.CANCELLED:
                self.heard_late(kept)
            elif isinstance(outcome, Booked):
                self.late.setdefault(job.key, outcome.ref)
                kept.arrive_late()

    def is_held(self, process: Process, job: Job) -> bool:
        return self.jobs[job.key].held_by(process.id, job.attempt, begun=True)

    @rule(who=WHICH)
    @precondition(lambda self: self.with_("busy"))
    def heartbeat(self, who: int) -> None:
        process = pick(self.with_("busy"), who)
        outbox.extend(self.db, process.id, process.busy, LEASE)
        for job in process.busy:
            kept = self.jobs[job.key]
            mine = (kept.worker, kept.attempt) == (process.id, job.attempt)
            if mine and kept.lease > self.clock and kept.state in {JobState.CLAIMED, JobState.UNCERTAIN}:
                kept.lease = self.clock + LEASE

    @rule(who=WHICH)
    @precondition(lambda self: self.with_("claimed"))
    def give_back(self, who: int) -> None:
        process = pick(self.with_("claimed"), who)
        back = [k for k in self.jobs.values() if k.held_by(process.id, k.attempt, begun=False)]
        assert outbox.release(self.db, process.id) == len(back)
        for kept in back:
            kept.free(JobState.PENDING)
        process.claimed.clear()

    # -- a worker asks -----------------------------------------------------------------------------------------

    @rule(who=WHICH)
    @precondition(lambda self: any(kept.state is JobState.UNCERTAIN for kept in self.due()))
    def look_up(self, who: int) -> None:
        process = pick(self.live, who)
        for job in lookup.claim_lookups(self.db, ERP, process.id, limit=PARCEL, lease_ms=LEASE):
            kept = self.jobs[job.key]
            assert kept.state is JobState.UNCERTAIN
            assert kept.due <= self.clock
            assert kept.worker is None or kept.lease < self.clock
            self.take(kept, job, process)
            process.asked.append(job)

    @rule(who=WHICH, which=WHICH, silent=st.integers(0, 3), proof=st.booleans())
    @precondition(lambda self: self.with_("asked"))
    def ask(self, who: int, which: int, silent: int, proof: bool) -> None:
        """``proof``: that a process is dead can be seen from here."""
        process = pick(self.with_("asked"), who)
        job = take_out(process.asked, which)
        sender = lookup.sender(self.db, job)
        dead = proof and sender is not None and sender.id in self.dead
        reference = lookup.late_reference(self.db, job)
        assert reference == self.late.get(job.key)
        answer: Answer
        if reference is not None:
            answer = Booked(job.key, reference)
        elif silent == 1 or not self.profile.finds:
            answer = Unknown(job.key, "no answer")
        else:
            answer = self.erp.find(job.key)
        process.answers.append((job, answer, dead))

    @rule(who=WHICH, which=WHICH)
    @precondition(lambda self: self.with_("answers"))
    def resolve(self, who: int, which: int) -> None:
        process = pick(self.with_("answers"), who)
        job, answer, dead = take_out(process.answers, which)
        kept = self.jobs[job.key]
        if (kept.state, kept.worker, kept.attempt) == (JobState.UNCERTAIN, process.id, job.attempt):
            kept.answered(answer, self.profile, self.clock, dead=dead)
        found = lookup.resolve(self.db, process.id, job, answer, self.profile, sender_dead=dead)
        assert found is kept.state

    @rule(who=WHICH, proof=st.booleans())
    @precondition(lambda self: self.those_in(JobState.CLAIMED, JobState.UNCERTAIN))
    def ask_to_the_end(self, who: int, proof: bool) -> None:
        """Whoever sends stands still meanwhile: one step, for chance alone seldom goes so far."""
        self.time_passes(LEASE + SETTLE)
        if self.over():
            self.expire()
        process = pick(self.live, who)
        for _ in range(lookup.MISSES_THAT_COUNT):
            self.look_up(who)
            while process.asked:
                self.ask(self.with_("asked").index(process), 0, silent=0, proof=proof)
            while process.answers:
                self.resolve(self.with_("answers").index(process), 0)
            self.time_passes(SETTLE)

    # -- the ERP's receipts ------------------------------------------------------------------------------------

    def awaited(self) -> list[Kept]:
        """What was delivered and may be in a receipt, whether that is known here or not."""
        found = self.those_in(JobState.SENT, JobState.UNCERTAIN, JobState.PARKED) if self.erp.receipts else []
        return [kept for kept in found if self.erp.has(kept.key)]

    @rule(which=WHICH, booked=st.booleans(), twice=st.booleans())
    @precondition(lambda self: self.awaited())
    def a_receipt_comes(self, which: int, booked: bool, twice: bool) -> None:
        kept = pick(self.awaited(), which)
        reference = f"B-{kept.key}"
        lines = "key,amount,reference,status\n"
        if booked:
            lines += f"{kept.key},{self.invoices[kept.invoice][1]},{reference},booked\n"
        else:
            lines += f"{kept.key},,,refused\n"
            self.erp.refuse(kept.key)
        for _ in range(1 + twice):
            receipts.take(self.db, self.juan, "receipt.csv", lines.encode())
        kept.receipt(JobState.DONE if booked else JobState.FAILED)

    # -- what is always so ---------------------------------------------------------------------------------------

    @invariant()
    def it_holds(self) -> None:
        if hasattr(self, "erp"):
            self.the_rows_are_the_models()
            self.the_ledger_has_what_was_accepted_and_nothing_twice()
            self.every_batch_adds_up()

    def the_rows_are_the_models(self) -> None:
        found = self.db.execute(
            "SELECT idem_key, state, worker, coalesce(lease_until, 0), attempt, send_begun, misses FROM export_jobs"
        ).fetchall()
        assert {row[0]: tuple(row[1:]) for row in found} == {
            k.key: (k.state.value, k.worker, k.lease, k.attempt, k.begun, k.misses)
            for k in self.jobs.values()
        }
        statuses = dict(self.db.execute("SELECT id, erp_status FROM invoices").fetchall())
        assert statuses == {number: self.status(number).value for number in self.invoices}

    def the_ledger_has_what_was_accepted_and_nothing_twice(self) -> None:
        for key, net in self.erp.ledger:
            assert net == self.invoices[self.jobs[key].invoice][1]
        booked = Counter(self.jobs[key].invoice for key, _ in self.erp.ledger)
        assert all(count == 1 for count in booked.values()), self.erp.ledger
        for kept in self.jobs.values():
            if kept.state is JobState.DONE:
                assert self.erp.has(kept.key) or kept.key in self.erp.voided
            elif kept.state in {JobState.FAILED, JobState.CANCELLED}:
                assert not self.erp.has(kept.key), (kept, self.erp.ledger)

    def every_batch_adds_up(self) -> None:
        for batch in {kept.batch for kept in self.jobs.values()}:
            told = batches.progress(self.db, batch)
            own = [kept for kept in self.jobs.values() if kept.batch == batch]
            states, parted = Counter(kept.state for kept in own), sum(kept.parted for kept in own)
            assert told.count == states.total()
            assert told.done == states[JobState.DONE] + parted
            assert told.failed == states[JobState.FAILED]
            assert told.uncertain == states[JobState.UNCERTAIN]
            assert told.parked == states[JobState.PARKED]
            assert told.cancelled == states[JobState.CANCELLED] - parted
            assert told.awaiting == states[JobState.SENT]
            assert told.left == states[JobState.HELD] + states[JobState.PENDING] + states[JobState.CLAIMED]

    # -- the end -------------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None and hasattr(self, "erp"):
                self.all_comes_to_an_end()
        finally:
            self.books.drop(self.db)

    def all_comes_to_an_end(self) -> None:
        while self.live:
            self.dead.add(self.live.pop().id)
        self.start()
        for _ in range(ROUNDS):
            if not any(kept.open and kept.state is not JobState.PARKED for kept in self.jobs.values()):
                break
            self.work_a_round(self.live[0])
        else:
            pytest.fail(f"it does not come to an end: {self.jobs}")
        done = {kept.key for kept in self.jobs.values() if kept.state is JobState.DONE}
        parked = {kept.key for kept in self.jobs.values() if kept.state is JobState.PARKED}
        ledger = {key for key, _ in self.erp.ledger}
        assert done - self.erp.voided <= ledger <= done | parked

    def work_a_round(self, process: Process) -> None:
        self.time_passes(10 * LEASE)
        self.expire()
        self.look_up(0)
        while process.asked:
            self.ask(0, 0, silent=0, proof=True)
        while process.answers:
            self.resolve(0, 0)
        self.claim(0, PARCEL)
        while process.claimed:
            self.fence(0, 0)
        while process.fenced:
            self.send(0, 0, "booked")
        if process.replies:
            self.acknowledge(0, several=True)
        while any(kept.state is JobState.SENT for kept in self.awaited()):
            self.a_receipt_comes(0, booked=True, twice=False)
        self.it_holds()


class Controlled(Controls, Protocol):
    """And approvers who hold and undo."""

    @rule()
    @precondition(lambda self: self.live and self.those_in(JobState.HELD, JobState.PENDING))
    def work(self) -> None:
        """One step, for chance alone seldom has anything Synced that can be undone."""
        self.work_a_round(self.live[0])

    @invariant()
    def the_flags_say_it(self) -> None:
        self.the_flags_say_what_is_on_hold()


@pytest.mark.parametrize(("machine", "examples"), [(Protocol, 60), (Controlled, 16)])
def test_never_twice_and_never_lost(
    db_url: str, tmp_path: Path, machine: type[Protocol], examples: int
) -> None:
    class OnTheseBooks(machine):  # type: ignore[misc, valid-type] # one of the two
        books = Books(db_url, tmp_path)

    run_state_machine_as_test(
        OnTheseBooks,
        settings=settings(
            max_examples=examples // 4 if OnTheseBooks.books.postgres else examples,
            stateful_step_count=50,
            deadline=None,
            print_blob=True,
            # Making an example smaller takes minutes; with Phase.shrink added it is, from what the blob gives back.
            phases=(Phase.explicit, Phase.reuse, Phase.generate),
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_a_refused_invoice_whose_first_sending_may_still_arrive_gets_no_second_key(tmp_path: Path) -> None:
    class OnTheseBooks(Protocol):
        books = Books(f"sqlite:{tmp_path / 'payapp.db'}", tmp_path)

    machine = OnTheseBooks()
    try:
        machine.open(enforces_keys=True, finds=True)
        machine.press(1)
        machine.time_passes(HOLD)
        machine.begin(0)
        first, second = machine.live
        # The first one stands still before its request.
        machine.ask_to_the_end(1, proof=False)
        machine.begin(1)
        machine.sends(second, 0, "refused")
        machine.acknowledge(0, several=True)
        if machine.those(ErpStatus.FAILED):
            machine.retry(0)
            machine.time_passes(HOLD)
            machine.begin(1)
            machine.sends(second, 0, "booked")
            machine.acknowledge(0, several=True)
        machine.sends(first, 0, "booked")
        machine.the_ledger_has_what_was_accepted_and_nothing_twice()
    finally:
        machine.books.drop(machine.db)
