"""The failure digest: when a batch has come to rest, its operator is mailed what of it failed, by cause and with the fix.

Once for each batch. A batch is at rest when nothing of it is on its way any more: neither in the queue, nor uncertain,
nor waiting for a receipt. What is parked rests: it waits for a person.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from store import batches, directory, epochs, notices
from store.batches import Progress
from store.db import Database
from store.domain.keys import spelled
from store.domain.status import JobState
from store.letters import short

KIND = "digest"
# So many batches are looked at in one transaction, so many codes told in a mail, and so many invoices of a code named.
TOGETHER = 20
CODES = 12
NAMED = 5
# Older ones are nobody's news: mail was set up only now, or no worker ran for as long.
NEWS_MS = 7 * 24 * 3600 * 1000
_ON_THE_WAY = (JobState.HELD, JobState.PENDING, JobState.CLAIMED, JobState.SENT, JobState.UNCERTAIN)
_MOVING = ", ".join(f"'{state}'" for state in _ON_THE_WAY)
_RESTING = (
    "SELECT b.id, b.operator_id, b.created_at FROM batches b WHERE b.told_at IS NULL AND NOT EXISTS ("
    f"SELECT 1 FROM export_jobs j WHERE j.batch_id = b.id AND j.state IN ({_MOVING}))"
    " ORDER BY b.id LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class Group:
    """Failures of one code: how many, the cause and fix of one, and the first invoices (number, vendor)."""

    code: str
    count: int
    cause: str
    fix: str
    first: tuple[tuple[str, str], ...]


def waiting(db: Database) -> bool:
    """Whether a batch has come to rest and was not told of."""
    return db.execute(_RESTING, (1,)).fetchone() is not None


def write(db: Database) -> int:
    """Owe the digest of each batch that has come to rest with failures (TOGETHER at most); returns how many mails.

    The operator has it; where he is no user any more, all approvers. Raises Displaced where the database is not the
    one that was adopted.
    """
    with db.transaction():
        epochs.require(db)
        now = db.now()
        # Two workers never take the same one.
        found = db.execute(
            _RESTING + (" FOR UPDATE OF b SKIP LOCKED" if db.postgres else ""), (TOGETHER,)
        ).fetchall()
        company = directory.company(db).name if found else ""
        count = 0
        for batch, operator, created in found:
            db.execute("UPDATE batches SET told_at = ? WHERE id = ?", (now, batch))
            if now - created <= NEWS_MS:
                count += _tell(db, company, batch, operator)
        return count


def _tell(db: Database, company: str, batch: int, operator: int) -> int:
    progress = batches.progress(db, batch, failures=0)
    if not progress.unresolved + progress.parked:
        return 0
    to, instead = _readers(db, operator)
    subject, body = text(company, progress, _groups(db, batch), instead=instead)
    return notices.post(db, [
        notices.Letter(
            KIND, "operator" if number == operator else "approver", name, email.strip(), subject, body,
            operator_id=operator, once=f"{KIND}:{batch}:{number}",
        )
        for number, name, email in to
    ])  # fmt: skip


def _readers(db: Database, operator: int) -> tuple[list[tuple[int, str, str]], bool]:
    """Who is told, and whether that is in the operator's place."""
    row = db.execute("SELECT id, name, email, active FROM users WHERE id = ?", (operator,)).fetchone()
    approvers = [(user.id, user.name, user.email) for user in directory.users(db) if user.is_approver]
    if row[3] or not approvers:
        return [tuple(row[:3])], False
    return approvers, True


def _groups(db: Database, batch: int) -> list[Group]:
    failed = (
        " FROM export_jobs j JOIN invoices i ON i.id = j.invoice_id"
        f" WHERE j.batch_id = ? AND j.state = '{JobState.FAILED}' AND i.batch_id = j.batch_id"
    )
    codes = db.execute(
        f"SELECT g.error_code, g.failed, j.error_text, i.error_fix FROM (SELECT j.error_code, count(*) AS failed,"
        f" min(j.id) AS first{failed} GROUP BY j.error_code) g JOIN export_jobs j ON j.id = g.first"
        f" JOIN invoices i ON i.id = j.invoice_id ORDER BY g.failed DESC, g.error_code LIMIT {CODES}",
        (batch,),
    ).fetchall()
    return [
        Group(code, count, cause, fix, _first(db, failed, batch, code)) for code, count, cause, fix in codes
    ]


def _first(db: Database, failed: str, batch: int, code: str) -> tuple[tuple[str, str], ...]:
    found: Sequence[Any] = db.execute(
        "SELECT i.number, (SELECT v.name FROM vendors v WHERE v.id = i.vendor_id)"
        f"{failed} AND j.error_code = ? ORDER BY j.id LIMIT {NAMED}",
        (batch, code),
    ).fetchall()
    return tuple((number, vendor) for number, vendor in found)


# -- the mail --------------------------------------------------------------------------------------------------


def text(company: str, batch: Progress, groups: Sequence[Group], *, instead: bool) -> tuple[str, str]:
    """Subject and body. ``instead``: it goes to others than the operator."""
    failed = batch.unresolved
    parts = [f"{failed:,} failed to export"] if failed else []
    parts += [f"{batch.parked:,} parked"] if batch.parked else []
    subject = f"Batch {batch.id}: {' and '.join(parts)}, of {batch.count:,}"
    lines = (
        f"Batch {batch.id}, exported by {short(batch.operator)}, has come to rest.",
        "",
        f"  {batch.done:,} of {batch.count:,} are Synced, {batch.failed:,} failed"
        + (f" ({batch.resolved:,} of them decided on since)" if batch.resolved else "")
        + f", {batch.parked:,} are parked, {batch.cancelled:,} were taken back.",
        "",
        *(line for group in groups for line in _group(group)),
        *_left(failed - sum(group.count for group in groups)),
        *_parked(batch.parked),
        "They are under Failed to Export in ERP Integrations; payapp list --view failed",
        "lists them. Repair the cause, then retry them, or reject them with a reason.",
        *(("", "You get this mail because who exported them is no user any more.") if instead else ()),
        "",
        short(company),
        "",
    )
    return subject, "\n".join(lines)


def _group(group: Group) -> Iterator[str]:
    example = "" if group.count == 1 else ", one of them"
    yield from _wrapped(f"{group.count:,} x {short(group.code)}{example}: {short(group.cause, 400)}", "  ")
    if group.fix:
        yield from _wrapped(f"Fix: {short(spelled(group.fix), 400)}", "      ")
    names = ", ".join(f"{short(number)} of {short(vendor)}" for number, vendor in group.first)
    more = group.count - len(group.first)
    yield from _wrapped(names + (f" and {more:,} more" if more > 0 else ""), "      ")
    yield ""


def _left(count: int) -> tuple[str, ...]:
    return (f"  {count:,} more, of other causes", "") if count > 0 else ()


def _parked(count: int) -> tuple[str, ...]:
    if not count:
        return ()
    return (
        f"  {count:,} parked: nobody knows whether the ERP has them, and payapp never sends",
        "  them again by itself. Look in the ERP; payapp reconcile settles them.",
        "",
    )


def _wrapped(line: str, indent: str) -> list[str]:
    return textwrap.wrap(line, 76, initial_indent=indent, subsequent_indent=indent + "  ")
