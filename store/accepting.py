"""Accepting for export and retrying: from a selection to batches of held jobs, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from store import audit, directory, invoices, outbox
from store.db import Database
from store.decision import Decision, Expectation, selected, settle
from store.domain.actor import Actor
from store.domain.bill import encode
from store.domain.errors import TotalsDiffer
from store.domain.money import hash_part, plain, show, to_decimal
from store.domain.profile import Profile
from store.domain.selection import Selection, Totals
from store.domain.status import TRANSITIONS, Action, ErpStatus
from store.moving import write
from store.planning import Going, Stay, Terms, plan, warnings


@dataclass(frozen=True, slots=True)
class Plan:
    """What an Export would do, for the dialog: rows that go, what stays and why, and what deserves a look."""

    goes: tuple[invoices.Row, ...]
    stays: tuple[Stay, ...]
    changed: tuple[str, ...]
    totals: tuple[Totals, ...]
    largest: tuple[invoices.Row, ...]
    credits: tuple[invoices.Row, ...]
    flagged: tuple[invoices.Row, ...]
    warnings: tuple[str, ...]
    dates: tuple[tuple[str, int], ...]


def plan_export(
    db: Database,
    actor: Actor,
    selection: Selection,
    profile: Profile,
    *,
    accounting_date: date | None = None,
    description: str | None = None,
    erp_number: str | None = None,
) -> Plan:
    """What Export (or in Failed: retry) would do with the selection. Writes nothing; for approvers alone."""
    actor = directory.refresh(db, actor)
    actor.require_approver()
    company = directory.company(db)
    ids, changed = selected(db, selection)
    first = invoices.rows(db, ids[:1])
    action = Action.RETRY if first and first[0].erp_status is ErpStatus.FAILED else Action.ACCEPT
    going, stays = plan(
        db, actor, ids, Terms(action, company, profile, accounting_date, description, erp_number)
    )
    rows = tuple(invoices.rows(db, [g.candidate.id for g in going], actor))
    dates: dict[str, int] = {}
    for g in going:
        day = g.bill.accounting_date.isoformat()
        dates[day] = dates.get(day, 0) + 1
    return Plan(
        goes=rows,
        stays=tuple(stays),
        changed=changed,
        totals=_totals(going),
        largest=tuple(sorted(rows, key=lambda row: -abs(row.gross))[:5]),
        credits=tuple(row for row in rows if row.net < 0),
        flagged=tuple(row for row in rows if row.flags),
        warnings=warnings(db, going),
        dates=tuple(sorted(dates.items())),
    )


def accept(
    db: Database,
    actor: Actor,
    selection: Selection,
    profile: Profile,
    *,
    accounting_date: date | None = None,
    description: str | None = None,
    expect: Expectation | None = None,
) -> Decision:
    """Accept for export: Ready to Export invoices go into the queue, one batch per currency, held first.

    What a rule blocks stays Ready. Raises TotalsDiffer when ``expect`` is not what would go; then nothing goes.
    """
    with db.transaction():
        company = directory.company(db)
        terms = Terms(Action.ACCEPT, company, profile, accounting_date, description)
        return _export(db, actor, selection, terms, expect)


def retry(
    db: Database,
    actor: Actor,
    selection: Selection,
    profile: Profile,
    *,
    accounting_date: date | None = None,
    description: str | None = None,
    erp_number: str | None = None,
    expect: Expectation | None = None,
) -> Decision:
    """Send failed invoices again, each as a new revision: their refusal was proven.

    ``erp_number`` repairs the number of one invoice; "" takes it back to its own.
    """
    with db.transaction():
        company = directory.company(db)
        terms = Terms(Action.RETRY, company, profile, accounting_date, description, erp_number)
        return _export(db, actor, selection, terms, expect)


def _export(
    db: Database, actor: Actor, selection: Selection, terms: Terms, expect: Expectation | None
) -> Decision:
    actor = directory.refresh(db, actor)
    actor.require_approver()
    ids, changed = selected(db, selection)
    going, stays = plan(db, actor, ids, terms)
    done = tuple(g.candidate.id for g in going)
    settle(done, stays, changed, "exported")
    totals = _totals(going)
    _expected(totals, expect)
    batches: dict[str, int] = {}
    for t in totals:
        batches[t.currency] = _batch(db, actor, terms, t)
        _queue(db, terms, batches[t.currency], [g for g in going if g.bill.currency == t.currency])
    detail = {"erp": terms.company.erp, "batches": [_control(batches[t.currency], t) for t in totals]}
    audit.record(
        db, actor, terms.action.value, detail, [_change(g, terms, batches[g.bill.currency]) for g in going]
    )
    return Decision(done, tuple(stays), changed, tuple(batches.values()), totals)


def _totals(going: Sequence[Going]) -> tuple[Totals, ...]:
    found = []
    for currency in sorted({g.candidate.currency for g in going}):
        own = [g.candidate for g in going if g.candidate.currency == currency]
        found.append(
            Totals(
                currency,
                len(own),
                sum(c.gross for c in own),
                sum(c.retainage for c in own),
                sum(c.net for c in own),
                sum(hash_part(g.bill.number) for g in going if g.bill.currency == currency),
            )
        )
    return tuple(found)


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


def _batch(db: Database, actor: Actor, terms: Terms, totals: Totals) -> int:
    """The row of one batch: one currency, one company, one ERP."""
    now = db.now()
    day = terms.accounting_date.isoformat() if terms.accounting_date else None
    row = db.execute(
        "INSERT INTO batches (operator_id, created_at, erp, currency, accounting_date, description, count, gross,"
        " retainage, net, hash_total, hold_until) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (
            actor.id, now, terms.company.erp, totals.currency, day, terms.description or "", totals.count,
            totals.gross, totals.retainage, totals.net, totals.hash_total, now + terms.company.hold_ms,
        ),
    ).fetchone()  # fmt: skip
    return int(row[0])


def _queue(db: Database, terms: Terms, batch: int, going: Sequence[Going]) -> None:
    """The invoices queued, then their jobs: who comes second at the same invoice is stopped by its version.

    The invoice keeps a date and number that the approver gave, never one that a rule worked out: the rule works it
    out again at the next export.
    """
    given = terms.accounting_date.isoformat() if terms.accounting_date else None
    target = TRANSITIONS[terms.action].target.value
    columns = ("erp_status", "revision", "batch_id", "accounting_date", "description", "erp_number", "number_hash",
               "error_code", "error_cause", "error_fix", "changed_since")  # fmt: skip
    write(db, columns, [
        (g.candidate, (
            target, g.candidate.revision + 1, batch, given or g.candidate.accounting_date or None, g.bill.description,
            g.candidate.erp_number if terms.erp_number is None else terms.erp_number, hash_part(g.bill.number),
            "", "", "", False,
        ))
        for g in going
    ])  # fmt: skip
    due = db.now() + terms.company.hold_ms
    outbox.enqueue(
        db,
        [
            (
                g.candidate.id,
                g.candidate.revision + 1,
                batch,
                g.bill.key,
                terms.company.erp,
                *encode(g.bill),
                due,
            )
            for g in going
        ],
    )


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


def _change(g: Going, terms: Terms, batch: int) -> audit.Change:
    after = {
        "erp_status": TRANSITIONS[terms.action].target.value,
        "batch": batch,
        "key": g.bill.key,
        "number": g.bill.number,
        "accounting_date": g.bill.accounting_date.isoformat(),
    }
    before = {"erp_status": g.candidate.erp_status.value, "number": g.candidate.posted_number}
    return audit.Change("invoice", g.candidate.id, before, after, g.rule)
