"""Carrying a corrected application forward: the later ones of its commitment that are not locked follow it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from store import audit, candidates, detail
from store.candidates import Candidate
from store.db import Database
from store.domain.errors import Misfooted
from store.domain.invoice import Line, foot, summarize
from store.domain.money import plain
from store.domain.status import SENDABLE, ErpStatus, Outcome, Status
from store.domain.text import safe
from store.moving import write_all

_BEFORE = ("work_before", "stored_before", "total_before", "retainage_before")


def carry(db: Database, edited: Candidate, old: Sequence[Line], new: Sequence[Line]) -> list[audit.Change]:
    """Give the applications that follow ``edited`` without a gap its new end as their beginning.

    What they bill themselves stays as it was typed; approved ones need approval again. Returns the changes for the
    event of the edit, in order of application. Call it in the deciding transaction, when none of them is locked.
    """
    changes = []
    for follower in _followers(db, edited):
        before = detail.lines(db, follower.id)
        after = _carried(before, old, new)
        if after == before:
            break
        if wrong := foot(after, {}, follower.currency, follower.tax):
            raise Misfooted(
                f"{safe(follower.name)} would not foot any more", why=wrong[0], fix="Correct it first"
            )
        changes.append(_write(db, follower, before, after))
        old, new = before, after
    return changes


def _followers(db: Database, edited: Candidate) -> list[Candidate]:
    """The applications behind this one, up to the first gap."""
    found = db.execute(
        "SELECT id, application FROM invoices WHERE commitment_id = ? AND application > ? AND erp_status = ?"
        " ORDER BY application",
        (edited.commitment_id, edited.application, ErpStatus.NOT_SENT.value),
    ).fetchall()
    unbroken = [row[0] for n, row in enumerate(found, edited.application + 1) if row[1] == n]
    chosen = [candidate for chunk in candidates.load(db, unbroken) for candidate in chunk]
    return sorted(chosen, key=lambda candidate: candidate.application)


def _carried(lines: Sequence[Line], old: Sequence[Line], new: Sequence[Line]) -> tuple[Line, ...]:
    was, now = {x.item: x for x in old}, {x.item: x for x in new}
    return tuple(
        _moved(line, was[line.item], now[line.item]) if line.item in was and line.item in now else line
        for line in lines
    )


def _moved(line: Line, was: Line, now: Line) -> Line:
    """The line with its columns D, stored before, G and retainage before moved as the previous one's end has."""
    return replace(
        line,
        work_before=line.work_before + now.work_before + now.work_now - was.work_before - was.work_now,
        stored_before=line.stored_before + now.stored_now - was.stored_now,
        total_before=None if line.total_before is None else line.total_before + now.total - was.total,
        retainage_before=None
        if line.retainage_before is None
        else line.retainage_before + now.retainage_to_date - was.retainage_to_date,
    )


def _write(db: Database, of: Candidate, before: Sequence[Line], after: Sequence[Line]) -> audit.Change:
    total = summarize(after, of.tax)
    # What came back before payapp kept what it said then has nothing that it could be compared with.
    changed = {"changed_since": True} if of.outcome == Outcome.REJECTED else {}
    write_all(
        db,
        [of],
        gross=total.gross,
        retainage=total.retainage,
        net=total.net,
        completed=total.completed,
        retainage_to_date=total.retainage_to_date,
        overbilled=any(line.overbilled for line in after),
        status=(Status.UNDER_REVIEW if of.status in SENDABLE else of.status).value,
        **changed,
    )
    columns = ", ".join(f"{name} = ?" for name in _BEFORE)
    db.executemany(
        f"UPDATE invoice_lines SET {columns} WHERE invoice_id = ? AND position = ?",
        [(*(getattr(line, name) for name in _BEFORE), of.id, line.position) for line in after],
    )
    moved = [(was, now) for was, now in zip(before, after, strict=True) if was != now]
    return audit.Change(
        "invoice",
        of.id,
        {f"line {was.position} before": plain(was.total_before or 0, of.currency) for was, _ in moved},
        {f"line {now.position} before": plain(now.total_before or 0, of.currency) for _, now in moved},
        "carried forward",
    )
