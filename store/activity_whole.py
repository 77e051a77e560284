"""One entry of Activity, whole: a batch's figures and invoices, an attempt's story, a mail's text, an event's rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from store import batches, directory, trail
from store.activity_sources import SOURCES, Asked, Entry, attempted, told
from store.db import Database
from store.domain.actor import Actor
from store.domain.errors import BadInput, NothingMatched
from store.domain.happening import Kind, Wanted
from store.domain.money import show
from store.domain.status import JobState
from store.domain.text import one_line
from store.job import marks
from store.query import row_id
from store.snapshot import snapshot

# So many of the subjects are listed, and so much of a text is read.
SUBJECTS_MOST, TEXT_MOST = 500, 20_000
_NOTHING = Asked(None, None, None, "", (), None, None, Wanted())


@dataclass(frozen=True, slots=True)
class Subject:
    """One of those that an entry is about; ``invoice`` is its id where it is one, ``says`` what became of it."""

    invoice: int | None
    name: str
    says: str


@dataclass(frozen=True, slots=True)
class Whole:
    """An entry with its lines of text, as they are kept, and its subjects; ``more`` of them are not listed."""

    entry: Entry
    lines: tuple[str, ...]
    subjects: tuple[Subject, ...]
    more: int = 0


def named(text: str) -> tuple[Kind, int]:
    """The entry that ``notice:12`` names. Raises BadInput."""
    kind, _, digits = text.strip().lower().partition(":")
    number = row_id(digits)
    if kind not in set(Kind) or number is None:
        raise BadInput(
            f"{one_line(text)!r} names no entry",
            fix=f"Write one of {', '.join(Kind)}, a colon and its number",
        )
    return Kind(kind), number


def whole(db: Database, actor: Actor, kind: Kind, number: int) -> Whole:
    """That entry whole, for who may see ERP Integrations. Raises NotPermitted, NothingMatched where there is none."""
    actor = directory.refresh(db, actor)
    actor.require_reader()
    with snapshot(db):
        source = next(source for source in SOURCES if source.kind is kind)
        row = db.execute(f"{source.select} WHERE {source.alias}.id = ?", (number,)).fetchone()
        if row is None:
            raise NothingMatched(f"There is no {kind} {number}", fix="payapp activity lists the newest ones")
        return _WHOLE[kind](db, source.entry(row))


def _moment(ms: int | None) -> str:
    return (
        ""
        if ms is None
        else datetime.fromtimestamp(ms / 1000, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    )


def _own(entry: Entry) -> tuple[Subject, ...]:
    """The one invoice that it is about."""
    return () if entry.invoice is None else (Subject(entry.invoice, entry.number, ""),)


# -- a batch -----------------------------------------------------------------------------------------------------


def _batch(db: Database, entry: Entry) -> Whole:
    of = batches.progress(db, entry.id, failures=0)
    amounts = ", ".join(
        f"{word} {show(amount, of.currency)}"
        for word, amount in (("gross", of.gross), ("retainage", of.retainage), ("net", of.net))
    )
    states = ", ".join(
        f"{count:,} {word}"
        for word, count in (
            ("synced", of.done), ("failed", of.failed), ("on the way", of.left), ("awaiting a receipt", of.awaiting),
            ("uncertain", of.uncertain), ("parked", of.parked), ("taken back", of.cancelled),
        )
        if count
    )  # fmt: skip
    lines = [
        f"Batch {of.id}, {_moment(of.created_at)}, exported by {of.operator}",
        f"{of.count:,} {'invoice' if of.count == 1 else 'invoices'}, {amounts} {of.currency}, hash {of.hash_total:,}",
        f"Of these: {states or 'none'}",
    ]
    if of.resolved:
        lines.append(f"{of.resolved:,} of the failed were retried or rejected since")
    if of.accounting_date or of.description:
        lines.append(
            f"Accounting date {of.accounting_date or 'of each'}, description {of.description or 'of each'}"
        )
    # What failed first: it is what somebody looks for.
    rows = db.execute(
        "SELECT i.id, i.number, j.state, j.erp_ref, j.error_text FROM export_jobs j JOIN invoices i ON i.id = j.invoice_id"
        f" WHERE j.batch_id = ? ORDER BY CASE WHEN j.state = '{JobState.FAILED}' THEN 0 ELSE 1 END, j.id LIMIT ?",
        (entry.id, SUBJECTS_MOST),
    ).fetchall()
    subjects = tuple(
        Subject(invoice, name, _job(state, ref, error)) for invoice, name, state, ref, error in rows
    )
    return Whole(entry, tuple(lines), subjects, max(0, of.count - len(subjects)))


_JOBS: dict[str, str] = {
    JobState.HELD: "held", JobState.PENDING: "queued", JobState.CLAIMED: "being sent", JobState.SENT: "receipt awaited",
    JobState.DONE: "synced", JobState.FAILED: "failed", JobState.UNCERTAIN: "uncertain", JobState.PARKED: "parked",
    JobState.CANCELLED: "taken back",
}  # fmt: skip


def _job(state: str, ref: str, error: str) -> str:
    word = _JOBS.get(state, state)
    if state == JobState.DONE and ref:
        return f"{word} as {ref}"
    return f"{word}: {error}" if error and state != JobState.DONE else word


# -- an attempt --------------------------------------------------------------------------------------------------


def _attempt(db: Database, entry: Entry) -> Whole:
    job, key, parcel = db.execute(
        "SELECT job_id, idem_key, parcel FROM export_attempts WHERE id = ?", (entry.id,)
    ).fetchone()
    lines = [f"Attempt {entry.id}, {_moment(entry.at)}: {entry.outcome}, {entry.what}", f"Key {key}"]
    if parcel:
        lines.append(f"In parcel {parcel}")
    lines.append("All that is known of this export, the oldest first:")
    rows = db.execute(
        "SELECT id, at, kind, outcome, evidence, attempt, worker FROM export_attempts WHERE job_id = ? AND idem_key = ?"
        " ORDER BY id LIMIT ?",
        (job, key, SUBJECTS_MOST),
    ).fetchall()
    for number, at, kind, outcome, evidence, attempt, worker in rows:
        said = "sent to the ERP" if kind == "begun" else attempted(kind, outcome, evidence[:TEXT_MOST])
        own = ">" if number == entry.id else " "
        lines.append(f"{own} {_moment(at)}  {said}  (attempt {attempt}, worker {worker[:8]})")
    return Whole(entry, tuple(lines), _own(entry))


# -- a notice ----------------------------------------------------------------------------------------------------


def _notice(db: Database, entry: Entry) -> Whole:
    row = db.execute(
        "SELECT kind, role, recipient, address, reply_to, subject, substr(body, 1, ?), message_id, state, attempts,"
        " run_at, error_text, created_at, sent_at FROM notices WHERE id = ?",
        (TEXT_MOST, entry.id),
    ).fetchone()
    (
        kind,
        role,
        recipient,
        address,
        reply_to,
        subject,
        body,
        message,
        state,
        attempts,
        run_at,
        error,
        made,
        sent,
    ) = row
    fate = {
        "sent": f"sent {_moment(sent)}",
        "waiting": f"waiting, tried {attempts} times; next {_moment(run_at)}" if attempts else "waiting",
    }.get(state, state)
    lines = [
        f"Notice {entry.id}: {kind.replace('_', ' ')}, made {_moment(made)}"
        + (f" by {entry.who}" if entry.who else ""),
        f"State: {fate}" + (f": {one_line(error)}" if error else ""),
        f"To: {one_line(recipient)} <{one_line(address) or 'no address'}> ({role})",
    ]
    if reply_to:
        lines.append(f"Reply to: {one_line(reply_to)}")
    lines += [f"Subject: {one_line(subject)}", f"Message-ID: {one_line(message)}", "", *body.split("\n")]
    return Whole(entry, tuple(lines), _own(entry))


# -- an event of the audit trail ---------------------------------------------------------------------------------


def _audit(db: Database, entry: Entry) -> Whole:
    event = trail.event(db, entry.id)
    lines = [f"Event {event.id}, {_moment(event.at)}: {event.action} by {event.actor} ({event.origin})"]
    lines += [f"{name.replace('_', ' ')}: {_told(value)}" for name, value in event.detail.items()]
    lines.append(f"Hash {event.hash}")
    rows = list(islice(trail.rows(db, entry.id), SUBJECTS_MOST))
    numbers = _numbers(db, [row.subject_id for row in rows if row.subject == "invoice"])
    subjects = tuple(
        Subject(
            row.subject_id if row.subject == "invoice" and row.subject_id in numbers else None,
            numbers.get(row.subject_id, "")
            if row.subject == "invoice"
            else f"{row.subject} #{row.subject_id}",
            changed(row),
        )
        for row in rows
    )
    return Whole(entry, tuple(lines), subjects, max(0, event.row_count - len(rows)))


def _told(value: Any) -> str:
    return value[:TEXT_MOST] if isinstance(value, str) else told(value)


def _numbers(db: Database, ids: list[int]) -> dict[int, str]:
    if not ids:
        return {}
    return dict(db.execute(f"SELECT id, number FROM invoices WHERE id IN ({marks(ids)})", ids).fetchall())


def changed(row: trail.Row) -> str:
    """What an event did to one subject: each value, with what it was before where that is another; then the rule."""
    said = []
    for name in dict.fromkeys((*row.before, *row.after)):
        before, after = row.before.get(name), row.after.get(name)
        word = name.replace("_", " ")
        both = before != after and before not in (None, "")
        said.append(f"{word} {_short(before)} -> {_short(after)}" if both else f"{word} {_short(after)}")
    return "; ".join(said) + (f" [{row.rule}]" if row.rule else "")


def _short(value: Any) -> str:
    if value in (None, ""):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return one_line(str(value))[:400]


_WHOLE = {Kind.BATCH: _batch, Kind.ATTEMPT: _attempt, Kind.NOTICE: _notice, Kind.AUDIT: _audit}
