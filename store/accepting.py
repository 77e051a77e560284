"""Accepting for export and retrying: from a selection to batches of held jobs, in one transaction."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from store import (
    audit,
    directory,
    duplicates,
    epochs,
    limits,
    naming,
    outbox,
    overriding,
    phases,
    policies,
    signing,
    undoing,
)  # fmt: skip
from store.ahead import Maker
from store.db import Database
from store.decision import Decision, Expectation, Outcome, selected
from store.domain.actor import Actor
from store.domain.errors import Changed, TotalsDiffer
from store.domain.money import hash_part, plain, show, to_decimal
from store.domain.profile import Profile
from store.domain.selection import Marked, Selection, Totals
from store.domain.status import TRANSITIONS, Action
from store.making import Asked, End, Part, parts
from store.moving import room, unchecked, write_same
from store.planning import Terms
from store.posting import Posted

# More invoices than these are read and made in another process while the last ones are written. It takes 0.3 s to start.
AHEAD = 8000
# What one invoice takes in the transaction, as a rule at most.
MS_EACH = 0.1
# A hold that so many ms of it would be missing from begins anew at the end of the transaction.
MISSING_MS = 2000
# What is left to do then takes at most such a part of what the rest took.
LEFT = 0.25


def accept(
    db: Database,
    actor: Actor,
    selection: Selection,
    profile: Profile,
    *,
    accounting_date: date | None = None,
    description: str | None = None,
    override: str | None = None,
    expect: Expectation | None = None,
) -> Decision:
    """Accept for export: Ready to Export invoices go into the queue, one batch per currency, held first.

    What a rule blocks stays Ready; a possible duplicate does unless ``override`` says why it may go. Raises
    TotalsDiffer when ``expect`` is not what would go; then nothing goes.
    """
    with _deciding(db, selection) as maker:
        company = directory.company(db)
        why = overriding.reason(override)
        terms = Terms(Action.ACCEPT, company, profile, accounting_date, description, override=why)
        return _export(db, actor, selection, terms, expect, maker)


def retry(
    db: Database,
    actor: Actor,
    selection: Selection,
    profile: Profile,
    *,
    accounting_date: date | None = None,
    description: str | None = None,
    erp_number: str | None = None,
    override: str | None = None,
    expect: Expectation | None = None,
) -> Decision:
    """Send failed invoices again, each as a new revision: their refusal was proven.

    ``erp_number`` repairs the number of one invoice; "" takes it back to its own. ``override`` says why what may be a
    duplicate, here or as the ERP has it, goes all the same.
    """
    with _deciding(db, selection) as maker:
        if erp_number is not None:
            naming.alone(db)
        company = directory.company(db)
        why = overriding.reason(override)
        terms = Terms(Action.RETRY, company, profile, accounting_date, description, erp_number, why)
        return _export(db, actor, selection, terms, expect, maker)


@contextlib.contextmanager
def _deciding(db: Database, selection: Selection) -> Iterator[Maker[Part | End] | None]:
    """The deciding transaction; and what makes its parts, where another process sees what it sees."""
    apart = not db.postgres and not db.pw.in_transaction()
    with contextlib.ExitStack() as held:
        maker: Maker[Part | End] | None = held.enter_context(Maker()) if apart else None
        if maker is not None and isinstance(selection, Marked) and len(selection.versions) > AHEAD:
            maker.start()
        held.enter_context(room(db))
        held.enter_context(db.transaction())
        yield maker


def _export(
    db: Database,
    actor: Actor,
    selection: Selection,
    terms: Terms,
    expect: Expectation | None,
    maker: Maker[Part | End] | None,
) -> Decision:
    epochs.stays(db)
    epochs.require(db)
    actor = limits.alone(db, directory.refresh(db, actor))
    actor.require_approver()
    chosen = selected(db, selection)
    outcome, end, own = Outcome(), None, 0
    batches = _Batches(db, actor, terms, len(chosen.ids))
    asked = Asked(actor, terms, chosen.picked, chosen.marked, batches.due)
    far = maker is not None and len(chosen.ids) > AHEAD
    with audit.Trail(db if unchecked(db) else None) as trail:
        for part in maker.made(db, parts, asked) if far and maker else parts(db, asked):
            if isinstance(part, End):
                end = part
                break
            outcome.add(part.done, part.stays)
            batches.make(part.batches)
            trail.add(overriding.record(db, actor, terms, part.special))
            renamed = [g.candidate.id for g in part.special if terms.erp_number is not None]
            compared = duplicates.known(db, renamed)
            _queue(db, terms, part)
            undoing.look_first(db, part.jobs)
            signing.expect(db, actor, part.own)
            own += len(part.own)
            duplicates.refresh(db, (), compared)
            trail.add_rows(part.rows)
        if end is None:
            raise RuntimeError("the making has no end")
        totals = end.totals
        decision = outcome.settled(
            [*chosen.changed, *end.changed],
            "exported",
            batches=tuple(batches.of(t.currency) for t in totals),
            totals=totals,
            notes=(*(posted.told for posted in end.posting), *end.held, *signing.told(own)),
        )
        _expected(totals, expect)
        if expect is not None and expect.masters not in {None, end.masters}:
            raise Changed(
                "What the ERP calls a vendor, job, commitment or cost code of these has changed since it was shown",
                why="nothing was changed by you",
                fix="Look at the list again ({list.refresh}) and decide again",
            )
        if expect is not None and expect.let not in {None, end.let}:
            raise Changed(
                "The possible duplicates that go with the override are not those that were shown",
                why="nothing was changed by you",
                fix="Look at them again ({list.refresh}) and decide again",
            )
        for t in totals:
            batches.close(t)
        for posted in end.posting:
            batches.post(posted)
        epochs.look_first(db, decision.batches)
        outbox.grown(db, len(decision.done))
        detail = {
            "erp": terms.company.erp, "batches": [_control(batches.of(t.currency), t) for t in totals],
            **({"posting": [posted.told for posted in end.posting]} if end.posting else {}),
            **({"holds": list(end.held)} if end.held else {}),
            **({"self": {"count": own, "policy": policies.policies(db)["self"].told}} if own else {}),
        }  # fmt: skip
        audit.record(db, actor, terms.action.value, detail, trail)
    batches.hold()
    return decision


def _expected(totals: Sequence[Totals], expect: Expectation | None) -> None:
    if expect is None:
        return
    count = sum(t.count for t in totals)
    if expect.count is not None and expect.count != count:
        raise TotalsDiffer(
            f"{count} invoices would go, expected {expect.count}", fix="Nothing was changed; look again"
        )
    nets = [to_decimal(t.net, t.currency) for t in totals]
    if expect.net is not None and nets != [expect.net]:
        shown = ", ".join(f"{show(t.net, t.currency)} {t.currency}" for t in totals)
        raise TotalsDiffer(
            f"The net is {shown}, expected {expect.net:,}", fix="Nothing was changed; look again"
        )


class _Batches:
    """The batches of one press, one per currency: made with its first invoice, with its totals after the last."""

    def __init__(self, db: Database, actor: Actor, terms: Terms, count: int) -> None:
        self._db, self._actor, self._terms = db, actor, terms
        self._numbers: dict[str, int] = {}
        self._began = db.now()
        hold = terms.company.hold_ms
        # The hold begins when the transaction has ended, and that of very many takes its time.
        self.due = self._began + hold + (round(count * MS_EACH) if hold else 0)

    def of(self, currency: str) -> int:
        """The number of the currency's batch, once it is made."""
        return self._numbers[currency]

    def make(self, numbers: Mapping[str, int]) -> None:
        """These currencies' batches are there, with these numbers."""
        terms = self._terms
        day = terms.accounting_date.isoformat() if terms.accounting_date else None
        for currency, number in numbers.items():
            if currency in self._numbers:
                continue
            self._numbers[currency] = number
            self._db.execute(
                "INSERT INTO batches (id, operator_id, created_at, erp, currency, accounting_date, description, count,"
                " gross, retainage, net, hash_total, hold_until) VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0, 0, ?)",
                (
                    number, self._actor.id, self._db.now(), terms.company.erp, currency, day,
                    terms.description or "", self.due,
                ),
            )  # fmt: skip

    def hold(self) -> None:
        """Everything is written: the hold begins now, when it took longer than was thought."""
        now, hold = self._db.now(), self._terms.company.hold_ms
        if not hold or now + hold - self.due < MISSING_MS:
            return
        self.due = now + hold + round(LEFT * (now - self._began))
        for number in self._numbers.values():
            self._db.execute("UPDATE batches SET hold_until = ? WHERE id = ?", (self.due, number))
            self._db.execute("UPDATE export_jobs SET run_at = ? WHERE batch_id = ?", (self.due, number))

    def close(self, totals: Totals) -> None:
        """All of it is there: its totals."""
        self._db.execute(
            "UPDATE batches SET count = ?, gross = ?, retainage = ?, net = ?, hash_total = ? WHERE id = ?",
            (
                totals.count, totals.gross, totals.retainage, totals.net, totals.hash_total,
                self.of(totals.currency),
            ),
        )  # fmt: skip

    def post(self, posted: Posted) -> None:
        """So much of its currency's batch posts otherwise than invoiced."""
        self._db.execute(
            "UPDATE batches SET policy_count = ?, policy_due = ?, policy_lost = ? WHERE id = ?",
            (posted.count, posted.due, posted.lost, self.of(posted.currency)),
        )


def _queue(db: Database, terms: Terms, part: Part) -> None:
    """The invoices queued, then their jobs: who comes second at the same invoice is stopped by its version.

    The invoice keeps a date and number that the approver gave, never one that a rule worked out: the rule works it
    out again at the next export.
    """
    # Only what changes: every index of a column that is set is written anew.
    transition = TRANSITIONS[terms.action]
    given: dict[str, str | int | bool] = {
        "erp_status": transition.target.value, "error_code": "", "error_cause": "", "error_fix": "",
        "changed_since": False, **phases.moved(db, transition.target, transition.sources),
    }  # fmt: skip
    if terms.accounting_date is not None:
        given["accounting_date"] = terms.accounting_date.isoformat()
    if terms.description is not None:
        given["description"] = terms.description
    if terms.erp_number is not None and part.special:
        # It is given to one invoice alone.
        given |= {
            "erp_number": terms.erp_number,
            "number_hash": hash_part(part.special[0].sent.posted_number),
        }
    for batch, versions in part.versions.items():
        write_same(db, versions, given, "revision = revision + 1", batch_id=batch)
    outbox.enqueue(db, part.jobs)


def _control(batch: int, totals: Totals) -> dict[str, str | int]:
    """A batch's control totals as the audit trail keeps them."""
    return {
        "batch": batch,
        "currency": totals.currency,
        "count": totals.count,
        "gross": plain(totals.gross, totals.currency),
        "retainage": plain(totals.retainage, totals.currency),
        "net": plain(totals.net, totals.currency),
        "hash": totals.hash_total,
    }
