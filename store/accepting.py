"""Accepting for export and retrying: from a selection to batches of held jobs, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from store import audit, directory, invoices, outbox
from store.db import Database
from store.decision import Decision, Expectation, selected, settle
from store.directory import Company
from store.domain.actor import Actor
from store.domain.errors import TotalsDiffer
from store.domain.money import hash_part, plain, show
from store.domain.profile import Profile
from store.domain.selection import Selection, Totals
from store.domain.status import TRANSITIONS, Action, ErpStatus
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
) -> Plan:
    """What Export (or in Failed: retry) would do with the selection. Writes nothing."""
    company = directory.company(db)
    ids, changed = selected(db, selection, company)
    first = invoices.rows(db, ids[:1])
    action = Action.RETRY if first and first[0].erp_status is ErpStatus.FAILED else Action.ACCEPT
    going, stays = plan(db, actor, ids, Terms(action, company, profile, accounting_date, description))
    rows = tuple(invoices.rows(db, [g.candidate.id for g in going], actor))
    dates: dict[str, int] = {}
    for g in going:
        dates[g.accounting_date.isoformat()] = dates.get(g.accounting_date.isoformat(), 0) + 1
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
    return _export(db, actor, selection, profile, Action.ACCEPT, accounting_date, description, expect)


def retry(
    db: Database,
    actor: Actor,
    selection: Selection,
    profile: Profile,
    *,
    accounting_date: date | None = None,
    description: str | None = None,
    expect: Expectation | None = None,
) -> Decision:
    """Send failed invoices again, each as a new revision: their refusal was proven."""
    return _export(db, actor, selection, profile, Action.RETRY, accounting_date, description, expect)


def _export(
    db: Database,
    actor: Actor,
    selection: Selection,
    profile: Profile,
    action: Action,
    accounting_date: date | None,
    description: str | None,
    expect: Expectation | None,
) -> Decision:
    with db.transaction():
        actor = directory.refresh(db, actor)
        actor.require_approver()
        company = directory.company(db)
        ids, changed = selected(db, selection, company)
        going, stays = plan(db, actor, ids, Terms(action, company, profile, accounting_date, description))
        done = [g.candidate.id for g in going]
        settle(done, stays, changed, "exported")
        totals = _totals(going)
        _expected(totals, expect)
        batches = [_batch(db, actor, company, action, t, going, accounting_date, description) for t in totals]
    return Decision(tuple(done), tuple(stays), changed, tuple(batches), totals)


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
                sum(hash_part(c.posted_number) for c in own),
            )
        )
    return tuple(found)


def _expected(totals: Sequence[Totals], expect: Expectation | None) -> None:
    if expect is None:
        return
    count, net = sum(t.count for t in totals), sum(t.net for t in totals)
    if expect.count is not None and expect.count != count:
        raise TotalsDiffer(
            f"{count} invoices would go, expected {expect.count}", fix="Nothing was changed; look again"
        )
    if expect.net is not None and (len(totals) != 1 or expect.net != net):
        shown = ", ".join(f"{show(t.net, t.currency)} {t.currency}" for t in totals)
        raise TotalsDiffer(
            f"The net is {shown}, expected {show(expect.net, totals[0].currency)}",
            fix="Nothing was changed; look again",
        )


def _batch(
    db: Database,
    actor: Actor,
    company: Company,
    action: Action,
    totals: Totals,
    going: Sequence[Going],
    accounting_date: date | None,
    description: str | None,
) -> int:
    """One batch of one currency: its row, its jobs, its invoices queued, its audit event."""
    own = [g for g in going if g.candidate.currency == totals.currency]
    now = db.now()
    day = accounting_date.isoformat() if accounting_date else None
    number = db.execute(
        "INSERT INTO batches (operator_id, created_at, erp, currency, accounting_date, description, count, gross,"
        " retainage, net, hash_total, hold_until) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (
            actor.id, now, company.erp, totals.currency, day, description or "", totals.count, totals.gross,
            totals.retainage, totals.net, totals.hash_total, now + company.hold_ms,
        ),
    ).fetchone()[0]  # fmt: skip
    outbox.enqueue(
        db,
        [
            (
                g.candidate.id,
                g.candidate.revision + 1,
                number,
                g.key,
                company.erp,
                g.payload,
                g.sha256,
                now + company.hold_ms,
            )
            for g in own
        ],
    )
    db.executemany(
        "UPDATE invoices SET erp_status = ?, version = version + 1, revision = revision + 1, batch_id = ?,"
        " accounting_date = ?, description = ?, error_code = '', error_cause = '', error_fix = '', changed_since = ?,"
        " updated_at = ? WHERE id = ?",
        [
            (
                TRANSITIONS[action].target.value,
                number,
                g.accounting_date.isoformat(),
                g.description,
                False,
                now,
                g.candidate.id,
            )
            for g in own
        ],
    )
    currency = totals.currency
    detail = {
        "batch": number, "erp": company.erp, "currency": currency, "count": totals.count,
        "gross": plain(totals.gross, currency), "retainage": plain(totals.retainage, currency),
        "net": plain(totals.net, currency), "hash": totals.hash_total,
    }  # fmt: skip
    audit.record(db, actor, action.value, detail, [
        audit.Change(
            "invoice",
            g.candidate.id,
            {"erp_status": g.candidate.erp_status.value},
            {
                "erp_status": TRANSITIONS[action].target.value,
                "batch": number,
                "key": g.key,
                "accounting_date": g.accounting_date.isoformat(),
            },
            g.rule,
        )
        for g in own
    ])  # fmt: skip
    return int(number)
