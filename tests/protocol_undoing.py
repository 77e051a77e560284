"""What people hold and undo, as rules of a hypothesis state machine: hold, release, void, unlink, reset, mark exported."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from protocol_model import SETTLE, Erp, Kept
from protocol_people import WHICH, Company, pick

from store import directory, holding, holding_on, linking, undoing
from store.domain.errors import Changed, Disallowed, PayappError
from store.domain.hold import HoldScope
from store.domain.status import ErpStatus, JobState
from store.linking import ErpSaid, Link, Presence

# So many holds are open, at most: more keep everything from going.
HELD = 2
LINKED = (ErpStatus.SYNCED, ErpStatus.READY, ErpStatus.FAILED)


class Controls(Company):
    """Approvers who hold and undo, and a clerk who voids and enters bills in the ERP."""

    erp: Erp

    def __init__(self) -> None:
        super().__init__()
        self.ada = directory.actor(self.db, "admin")
        # What is on hold, by scope and invoice: each has a commitment of its own, and all are of one vendor, here 0.
        self.held: set[tuple[HoldScope, int]] = set()
        # Whose bill the ERP was heard to have after it was given up.
        self.proven: set[int] = set()
        # What the ERP said of an invoice, and nobody has decided on yet.
        self.inquiry: tuple[Link, ErpSaid] | None = None

    def on_hold(self, number: int) -> bool:
        return any(own in {number, 0} for _, own in self.held)

    def keeps(self, number: int) -> bool:
        return number in self.proven or self.on_hold(number)

    # -- holds ---------------------------------------------------------------------------------------------------

    @rule(which=WHICH, scope=st.sampled_from(HoldScope))
    @precondition(lambda self: len(self.held) < HELD)
    def hold(self, which: int, scope: HoldScope) -> None:
        number = pick(list(self.invoices), which)
        of = 0 if scope is HoldScope.VENDOR else number
        concerned = list(self.invoices) if of == 0 else [number]
        back = {n for n in concerned if self.status(n) is ErpStatus.QUEUED and self.newest[n].recallable}
        can = (scope, of) not in self.held
        if scope is HoldScope.INVOICE:
            can = can and (self.status(number) in {ErpStatus.READY, ErpStatus.FAILED} or number in back)
        marked = self.marked([number])
        try:
            if scope is HoldScope.INVOICE:
                holding.place(self.db, self.juan, marked, "Why")
            else:
                holding_on.place(self.db, self.juan, holding_on.subjects(self.db, marked, scope), "Why")
        except Disallowed:
            assert not can
        else:
            assert can
            self.held.add((scope, of))
            self.taken_back(back, ErpStatus.READY)

    @rule(which=WHICH)
    @precondition(lambda self: self.held)
    def release(self, which: int) -> None:
        scope, of = pick(sorted(self.held), which)
        marked = self.marked([of or next(iter(self.invoices))])
        if scope is HoldScope.INVOICE:
            holding.release(self.db, self.juan, marked)
        else:
            holding_on.release(self.db, self.juan, holding_on.subjects(self.db, marked, scope))
        self.held.remove((scope, of))

    # -- undoing -------------------------------------------------------------------------------------------------

    @rule(which=WHICH)
    @precondition(lambda self: self.voidable())
    def void(self, which: int) -> None:
        """A clerk voids a bill in the ERP."""
        self.erp.void(pick(self.voidable(), which))

    def voidable(self) -> list[str]:
        # Of what is voided no receipt comes.
        done = {k.key for k in self.jobs.values() if k.state is JobState.DONE}
        return [key for key, _ in self.erp.ledger if key in done or not self.erp.receipts]

    @rule(which=WHICH)
    @precondition(lambda self: self.those(*LINKED))
    def inquire(self, which: int) -> None:
        """The ERP is asked about an invoice; what is decided on it comes later, or never."""
        [link] = linking.links(self.db, self.ada, [pick(self.those(*LINKED), which)])
        assert link.job is not None
        key = next((key for key in (link.job.key, *link.keys) if self.erp.has(key)), "")
        gone = Presence.UNKNOWABLE if self.erp.receipts else Presence.GONE
        said = ErpSaid(Presence.THERE, "it has it", f"R-{key}", key) if key else ErpSaid(gone, "none")
        self.inquiry = link, said

    @rule(void=st.booleans(), reset=st.booleans())
    @precondition(lambda self: self.inquiry or self.those(ErpStatus.SYNCED))
    def part(self, *, void: bool, reset: bool) -> None:
        """``void``: the bill is voided and the ERP asked just before: chance alone seldom goes so far."""
        if (void or self.inquiry is None) and (synced := self.those(ErpStatus.SYNCED)):
            key = self.newest[synced[0]].key
            if self.erp.has(key):
                self.erp.void(key)
            self.inquire(self.those(*LINKED).index(synced[0]))
        link, said, same = self.take_inquiry()
        kept = self.newest.get(link.invoice_id)
        again = [k.begun for k in self.jobs.values() if k.invoice == link.invoice_id and k.sends > 1]
        waits = any(begun is not None and begun + SETTLE > link.at for begun in again)
        how = undoing.reset if reset else undoing.unlink
        can = same and self.status(link.invoice_id) is ErpStatus.SYNCED and not said.key and not waits
        try:
            how(self.db, self.ada, [(link, said)], "Voided", settle_ms=SETTLE)
        except (Disallowed, Changed):
            assert not can
            return
        assert can
        assert kept is not None
        kept.attempt += 1
        kept.parted = True
        kept.free(JobState.CANCELLED)
        self.aside[link.invoice_id] = ErpStatus.NOT_SENT
        if said.presence is Presence.GONE:
            self.proven.discard(link.invoice_id)

    @rule()
    @precondition(lambda self: self.inquiry)
    def mark_exported(self) -> None:
        link, said, same = self.take_inquiry()
        number = link.invoice_id
        reference = f"T{number}-{self.revisions[number] + 1}"
        if not said.key and said.presence is Presence.GONE:
            said = ErpSaid(Presence.THERE, f"it has a bill {reference}")
        free = self.status(number) in {ErpStatus.READY, ErpStatus.FAILED}
        can = same and free and not said.key and number not in self.proven
        try:
            done = undoing.mark_exported(
                self.db, self.juan, link, said, reference, "Entered by hand", self.profile
            )
        except PayappError:
            assert not can
            return
        assert can
        self.revisions[number] += 1
        key = f"{self.invoices[number][0]}:{self.revisions[number]}"
        [batch] = done.batches
        self.jobs[key] = self.newest[number] = Kept(number, key, batch, self.clock, JobState.DONE)
        self.aside.pop(number, None)
        # As the ERP is asked for it, its key stands for it.
        self.erp.ledger.append((key, self.invoices[number][1]))

    def take_inquiry(self) -> tuple[Link, ErpSaid, bool]:
        """What the ERP said, and whether it still holds for the invoice."""
        assert self.inquiry is not None
        (link, said), self.inquiry = self.inquiry, None
        row = self.db.execute("SELECT version FROM invoices WHERE id = ?", (link.invoice_id,)).fetchone()
        return link, said, row[0] == link.version

    def heard_late(self, kept: Kept) -> None:
        """The ERP was heard to have it after it was given up: it does not go again, and what waits is parked."""
        self.proven.add(kept.invoice)
        newest = self.newest[kept.invoice]
        if (
            newest is not kept
            and newest.state in {JobState.HELD, JobState.PENDING}
            and kept.invoice not in self.aside
        ):
            newest.attempt += 1
            newest.free(JobState.PARKED)

    def the_flags_say_what_is_on_hold(self) -> None:
        flags = dict(self.db.execute("SELECT id, held FROM invoices").fetchall())
        assert {n: bool(flag) for n, flag in flags.items()} == {n: self.on_hold(n) for n in self.invoices}
