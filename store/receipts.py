"""Receipts: what an ERP says it imported of the files that were delivered to it (store/receipt_lines.py reads them).

A receipt books or refuses each bill that it names, in one transaction with its audit trail. What it cannot settle it names,
and changes nothing of it: a bill that nobody knows, another amount, two bills of one number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from store import audit, directory, evidence, receipt_matches, sent_bills
from store.db import Database
from store.domain.actor import Actor, Level
from store.domain.bill import decode
from store.domain.status import TRANSITIONS, Action, JobState
from store.domain.text import safe
from store.job import chunks, end_claims, log_attempts, marks, move
from store.outcomes import book, stop_the_next
from store.receipt_fates import FIX, Fate, Told, Work, judge
from store.receipt_lines import Line, read
from store.receipt_matches import Match, bill_of, payable

# The code of an invoice that a receipt has refused.
REFUSED = "receipt.refused"
PAGE = 500
# Who reads a receipt does it alone, on PostgreSQL: "paya" plus three.
_LOCK = 0x70617964


@dataclass(frozen=True, slots=True)
class Reading:
    """What a receipt did. ``before``: it was read already, then (ms UTC) and by whom.

    ``waiting`` still wait for a receipt. ``left``: as store.receipt_lines.Lines has it.
    """

    name: str
    sha256: str
    told: tuple[Told, ...]
    before: tuple[int, str] | None
    waiting: int
    left: tuple[tuple[str, int], ...] = ()

    def count(self, fate: Fate) -> int:
        """How many lines have that fate."""
        return sum(told.fate is fate for told in self.told)


@dataclass(frozen=True, slots=True)
class Awaited:
    """One bill that waits for its receipt; ``amount`` is what is payable, ``reference`` its place in a file."""

    key: str
    vendor: str
    number: str
    amount: str
    currency: str
    reference: str
    since: int
    invoice_id: int


# -- reading ---------------------------------------------------------------------------------------------------------


def awaited(db: Database, actor: Actor, erp: str) -> Iterator[list[Awaited]]:
    """What waits for a receipt, in the order of its export, some at a time. Raises NotPermitted."""
    directory.refresh(db, actor).require_reader()
    last = 0
    while rows := db.execute(
        "SELECT id, invoice_id, payload, payload_sha256, erp_ref, updated_at FROM export_jobs"
        f" WHERE state = '{JobState.SENT}' AND erp = ? AND id > ? ORDER BY id LIMIT {PAGE}",
        (erp, last),
    ).fetchall():
        last = rows[-1][0]
        yield [_awaited(row) for row in rows if bill_of(row[2], row[3]) is not None]


def _awaited(row: Sequence[Any]) -> Awaited:
    bill = decode(row[2], row[3])
    return Awaited(bill.key, bill.vendor, bill.number, payable(bill), bill.currency, row[4], row[5], row[1])


def take(db: Database, actor: Actor, name: str, data: bytes) -> Reading:
    """Book or refuse what the receipt says, in one transaction. For approvers, and admins of ERP Integrations.

    A file that was read already, by its SHA-256, settles what it could not settle then: by its key, or by vendor and number
    where it was sent before that. Raises NotPermitted, and BadInput for what is no receipt: then nothing was done.
    """
    _require(actor)
    lines = read(data, name)
    digest = hashlib.sha256(data).hexdigest()
    with db.transaction(), audit.Trail() as trail:
        if db.postgres:
            # One at a time: two could give one reference to two invoices.
            db.execute("SELECT pg_advisory_xact_lock(?)", (_LOCK,))
        actor = directory.refresh(db, actor)
        _require(actor)
        erp = directory.company(db).erp
        before = _before(db, digest)
        work = Work()
        found = receipt_matches.of(db, erp, lines.lines, before[0] if before else None)
        taken = receipt_matches.references(db, lines.lines)
        for line, own in zip(lines.lines, found, strict=True):
            judge(line, own, lines.source, taken, work)
        _explain(db, lines.lines, work)
        if before:
            work.proven = [pair for pair in work.proven if not _gone_since(db, pair[0], before[0])]
        _write(db, work, trail)
        if trail.count:
            _keep(db, actor, erp, name, digest, work)
            counts = {fate.value: sum(told.fate is fate for told in work.told) for fate in Fate}
            detail = {"erp": erp, "file": safe(name), "sha256": digest, "lines": counts}
            audit.record(db, actor, "receipt", detail, trail)
        return Reading(name, digest, tuple(work.told), before, _waiting(db, erp), lines.left)


def _explain(db: Database, lines: Sequence[Line], work: Work) -> None:
    """Of a key that is none of this ERP's exports, whose invoice it is all the same."""
    keys = [
        line.key
        for line, told in zip(lines, work.told, strict=True)
        if told.fate is Fate.UNKNOWN and line.key
    ]
    erps: dict[str, str] = {}
    owners: dict[str, tuple[int, str]] = {}
    for chunk in chunks(keys):
        sql = f"SELECT idem_key, erp FROM export_jobs WHERE idem_key IN ({marks(chunk)})"
        erps |= dict(db.execute(sql, tuple(chunk)).fetchall())
        owners |= sent_bills.invoices_of(db, chunk)
    for place, (line, told) in enumerate(zip(lines, work.told, strict=True)):
        if told.fate is not Fate.UNKNOWN or line.key not in owners:
            continue
        number = owners[line.key][0]
        cause = "these books know no export of that invoice under that key: a restore has lost it, or it is mistyped"
        fix = "Compare it with the invoice; exported again, it is looked for first. payapp reconcile settles it by hand"
        if line.key in erps:
            cause = f"it was exported to {safe(erps[line.key])}, and this company's ERP is another one now"
            fix = f"payapp reconcile '#{number}' settles it by hand"
        work.told[place] = replace(told, cause=cause, fix=fix, invoice_id=number)


def _require(actor: Actor) -> None:
    if actor.erp_level is not Level.ADMIN:
        actor.require_approver("read receipts")


def _keep(db: Database, actor: Actor, erp: str, name: str, digest: str, work: Work) -> None:
    """A file that did something is known by its SHA-256, since it was read first."""
    db.execute(
        "INSERT INTO receipts (erp, name, sha256, read_by, read_at, booked, refused) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (sha256) DO UPDATE SET booked = receipts.booked + excluded.booked,"
        " refused = receipts.refused + excluded.refused",
        (erp, safe(name), digest, actor.id, db.now(), len(work.booked), len(work.refused)),
    )


def _before(db: Database, digest: str) -> tuple[int, str] | None:
    row = db.execute(
        "SELECT r.read_at, u.login FROM receipts r JOIN users u ON u.id = r.read_by WHERE r.sha256 = ?",
        (digest,),
    ).fetchone()
    return (int(row[0]), str(row[1])) if row else None


def _gone_since(db: Database, match: Match, moment: int) -> bool:
    """Whether somebody has said since then that the ERP does not have it."""
    row = db.execute(
        "SELECT 1 FROM export_attempts WHERE job_id = ? AND kind = 'hand' AND outcome = 'missing' AND at >= ?",
        (match.job.id, moment),
    ).fetchone()
    return row is not None


def _waiting(db: Database, erp: str) -> int:
    found = db.execute(
        f"SELECT count(*) FROM export_jobs WHERE state = '{JobState.SENT}' AND erp = ?", (erp,)
    )
    return int(found.fetchone()[0])


# -- writing -----------------------------------------------------------------------------------------------------------


def _write(db: Database, work: Work, trail: audit.Trail) -> None:
    now = db.now()
    open_ = [match.job for match, _ in (*work.booked, *work.refused)]
    for chunk in chunks(open_):
        # Whoever asks about one of them meanwhile is fenced off.
        db.execute(
            "UPDATE export_jobs SET attempt = attempt + 1, look_first = FALSE, updated_at = ?"
            f" WHERE id IN ({marks(chunk)})",
            (now, *(job.id for job in chunk)),
        )
    booked = [(match.job, reference) for match, reference in work.booked]
    log_attempts(db, evidence.RECEIPT, [(job, evidence.RECEIPT, "booked", ref) for job, ref in booked], now)
    book(db, booked, now)
    _refuse(db, work.refused, now)
    proven = [(match.job, reference) for match, reference in work.proven]
    log_attempts(db, evidence.RECEIPT, [(job, "found", "booked", ref) for job, ref in proven], now)
    stop_the_next(db, proven, now)
    _deny(db, work.denied, now, trail)
    trail.add(_change(Action.BOOK, match, origin_id=reference) for match, reference in work.booked)
    trail.add(
        _change(Action.REFUSE, match, error_code=REFUSED, error_cause=cause) for match, cause in work.refused
    )
    trail.add(
        audit.Change(
            "invoice", match.job.invoice_id, {"in_erp_as": ""}, {"in_erp_as": reference, "key": match.job.key}
        )
        for match, reference in work.proven
    )


def _deny(db: Database, denied: Sequence[tuple[Match, str]], now: int, trail: audit.Trail) -> None:
    """What was delivered after it had been given up was refused: it does not keep its invoice from going again."""
    if not denied:
        return
    invoices = [match.job.invoice_id for match, _ in denied]
    proofs = evidence.of(db, invoices)
    stood = [
        pair
        for pair in denied
        if (proof := proofs.get(pair[0].job.invoice_id)) and proof.job == pair[0].job.id
    ]
    logged = [(match.job, evidence.RECEIPT, "refused", cause) for match, cause in stood]
    log_attempts(db, evidence.RECEIPT, logged, now)
    left = evidence.of(db, invoices)
    trail.add(
        audit.Change(
            "invoice",
            match.job.invoice_id,
            {"in_erp_as": proofs[match.job.invoice_id].reference},
            {"in_erp_as": "", "key": match.job.key},
        )
        for match, _ in stood
        if match.job.invoice_id not in left
    )


def _refuse(db: Database, refused: Sequence[tuple[Match, str]], now: int) -> None:
    """The ERP says that it did not import them: Failed to Export, and free for a new revision."""
    logged = [(match.job, evidence.RECEIPT, "refused", cause) for match, cause in refused]
    log_attempts(db, evidence.RECEIPT, logged, now)
    rows = [(match.job.id, REFUSED, cause) for match, cause in refused]
    end_claims(db, JobState.FAILED, rows, now, "error_code", "error_text")
    told = [(match.job.invoice_id, REFUSED, cause, FIX) for match, cause in refused]
    move(db, Action.REFUSE, told, now, "error_code", "error_cause", "error_fix")


def _change(action: Action, match: Match, **after: Any) -> audit.Change:
    target = TRANSITIONS[action].target.value
    return audit.Change(
        "invoice",
        match.job.invoice_id,
        {"erp_status": match.status.value},
        {"erp_status": target, "key": match.job.key, **after},
    )
