"""What Activity is made of: each kind's rows as SQL reads them, and in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from store.domain.happening import OUTCOMES, UNANSWERED, Kind, Wanted, Went
from store.domain.money import show
from store.domain.status import OPEN_JOBS, JobState
from store.domain.text import one_line
from store.job import marks

Row = tuple[Any, ...]
# So much of a text that people or ERPs wrote stands in a list.
WORDS_MOST = 400


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened: ``at`` in milliseconds UTC, ``who`` a login, "" where nobody in particular did it.

    ``outcome`` is a word of store.domain.happening.OUTCOMES. ``invoice`` and ``number`` are those of the one that it is
    about; None and "" where it is about several, or none.
    """

    kind: Kind
    id: int
    at: int
    who: str
    outcome: str
    what: str
    invoice: int | None = None
    number: str = ""

    @property
    def went(self) -> Went | None:
        """How it went; None where there is nothing to be said of that."""
        return OUTCOMES.get(self.outcome, Went.OPEN)

    @property
    def name(self) -> str:
        """What it is asked for by: ``notice:12``."""
        return f"{self.kind}:{self.id}"

    @property
    def text(self) -> str:
        """What a word of the filter looks at."""
        return f"{self.kind} {self.who} {self.outcome} {self.number} {self.what}"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for, in the values of the tables; None and empty ask for everything.

    ``first`` is included and ``until`` is not, both in milliseconds UTC; ``operators`` are users' ids.
    """

    outcomes: frozenset[str] | None
    operators: tuple[int, ...] | None
    logins: tuple[str, ...] | None
    action: str
    invoices: tuple[int, ...]
    first: int | None
    until: int | None
    words: Wanted


@dataclass(frozen=True, slots=True)
class Source:
    """One kind's rows: the table, its column of the moment, the select, and a row of it as an entry."""

    kind: Kind
    table: str
    alias: str
    at: str
    select: str
    entry: Callable[[Row], Entry]
    outcome: str
    operator: str
    of_invoices: str

    def conditions(self, asked: Asked) -> tuple[str, Sequence[Any]]:
        """What is asked for as SQL behind a condition, with its values."""
        parts: list[str] = []
        given: list[Any] = []

        def ask(sql: str, *values: Any) -> None:
            parts.append(sql)
            given.extend(values)

        if self.kind is Kind.ATTEMPT:
            # Whether one that began has an end is looked up only where it matters.
            begun = asked.outcomes is None or UNANSWERED in asked.outcomes
            ask(_ENDED if begun else "a.kind <> 'begun'")
        if asked.first is not None:
            ask(f"{self.alias}.{self.at} >= ?", asked.first)
        if asked.until is not None:
            ask(f"{self.alias}.{self.at} < ?", asked.until)
        who = asked.logins if self.kind is Kind.AUDIT else asked.operators
        if who is not None:
            ask(f"{self.operator} IN ({marks(who)})" if who else "1 = 0", *who)
        if asked.outcomes is not None:
            words = sorted(asked.outcomes)
            ask(f"{self.outcome} IN ({marks(words)})" if words else "1 = 0", *words)
        if asked.action:
            if self.kind is Kind.AUDIT:
                ask("substr(lower(e.action), 1, ?) = ?", len(asked.action), asked.action)
            else:
                ask("1 = 0")
        if asked.invoices:
            ask(self.of_invoices.format(marks(asked.invoices)), *asked.invoices)
        return "".join(f" AND {part}" for part in parts), given


# -- batches -----------------------------------------------------------------------------------------------------

_OPEN = ", ".join(f"'{state}'" for state in OPEN_JOBS)
_HAS = "EXISTS (SELECT 1 FROM export_jobs x WHERE x.batch_id = b.id AND x.state {})"
_BATCH_OUTCOME = (
    f"CASE WHEN {_HAS.format(f'IN ({_OPEN})')} THEN 'open'"
    f" WHEN {_HAS.format(f'= {JobState.FAILED.value!r}')} THEN 'failed'"
    f" WHEN {_HAS.format(f'= {JobState.DONE.value!r}')} THEN 'done' ELSE 'recalled' END"
)


def _batch(row: Row) -> Entry:
    number, at, who, outcome, erp, count, net, currency, invoice, name = row
    several = "1 invoice" if count == 1 else f"{count:,} invoices"
    what = f"Batch {number} to {erp}: {several}, net {show(net, currency)} {currency}"
    return Entry(Kind.BATCH, number, at, who or "", outcome, what, invoice, name or "")


# -- attempts ----------------------------------------------------------------------------------------------------

# Begun alone it has no end yet; one that has an end is told by that.
_ATTEMPT_OUTCOME = f"CASE WHEN a.outcome = '' THEN '{UNANSWERED}' ELSE a.outcome END"
_ENDED = (
    "(a.kind <> 'begun' OR NOT EXISTS (SELECT 1 FROM export_attempts z WHERE z.job_id = a.job_id"
    " AND z.attempt = a.attempt AND z.kind <> 'begun'))"
)
_ATTEMPTED = {
    "booked": "booked",
    "delivered": "delivered",
    "refused": "refused by the ERP",
    "later": "not booked yet, tried again later",
    "split": "its parcel was refused, sent again alone",
    "unknown": "no certain answer: it may be booked or not",
    "missing": "the ERP was asked: it does not have it",
    UNANSWERED: "sent to the ERP, no answer yet",
}
_HOW = {
    "late": "told late",
    "found": "found by asking",
    "hand": "settled by hand",
    "receipt": "by its receipt",
}


def attempted(kind: str, outcome: str, evidence: str) -> str:
    """One attempt in words: what came of it, how that was found out, and what the ERP said."""
    said = _ATTEMPTED.get(outcome or UNANSWERED, outcome)
    if outcome in {"booked", "delivered"} and evidence:
        said, evidence = f"{said} as {one_line(evidence)}", ""
    how = f", {_HOW[kind]}" if kind in _HOW else ""
    return f"{said}{how}" + (f": {one_line(evidence)}" if evidence else "")


def _attempt(row: Row) -> Entry:
    number, at, who, outcome, kind, evidence, invoice, name, vendor = row
    evidence = evidence[:WORDS_MOST]
    said = attempted(kind, "" if outcome == UNANSWERED else outcome, evidence)
    if evidence and outcome in {"booked", "delivered", "refused"}:
        # The outcome has a place of its own: here is what the ERP said, or calls it.
        said = one_line(evidence) if outcome == "refused" else f"as {one_line(evidence)}"
    what = f"{said}; {one_line(vendor)}" if vendor else said
    return Entry(Kind.ATTEMPT, number, at, who or "", outcome, what, invoice, name or "")


# -- notices -----------------------------------------------------------------------------------------------------


def _notice(row: Row) -> Entry:
    number, at, who, outcome, kind, recipient, address, subject, attempts, error, invoice, name = row
    told = address or recipient or "nobody"
    what = f"{kind.replace('_', ' ').capitalize()} to {told}: {subject}"
    if error:
        tried = f" after {attempts} tries" if outcome == "waiting" and attempts > 1 else ""
        what = f"{error[:WORDS_MOST]}{tried}. {what}"
    return Entry(Kind.NOTICE, number, at, who or "", outcome, what, invoice, name or "")


# -- audit events ------------------------------------------------------------------------------------------------

# What the event says of itself elsewhere, or only the machinery reads.
_UNTOLD = frozenset({"count", "invoice", "hash", "number_hash"})


def _audit(row: Row) -> Entry:
    number, at, who, outcome, action, detail, row_count, subject, invoice, name = row
    of = f"{row_count:,} {subject or 'row'}s" if row_count > 1 else subject or ""
    if row_count == 1 and (invoice is not None or subject == action):
        of = ""
    told = ", ".join(filter(None, (of, _detail(detail))))
    what = f"{action}: {told}" if told else action
    single = row_count == 1
    return Entry(
        Kind.AUDIT, number, at, who, outcome, what, invoice if single else None, name or "" if single else ""
    )


def _detail(detail: str) -> str:
    """What the decision was about, in words; of a text that somebody changed into none, the text."""
    try:
        return told_values(msgspec.json.decode(detail, type=dict[str, Any]))
    except msgspec.MsgspecError:
        return one_line(detail[:WORDS_MOST])


def told_values(values: Mapping[str, Any]) -> str:
    """Values of a decision in words."""
    return ", ".join(
        f"{name.replace('_', ' ')} {told(value)}"
        for name, value in values.items()
        if value not in ("", None, [], {}) and name not in _UNTOLD
    )


def told(value: Any) -> str:
    """A value of a decision in words; of a list the first three."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str | int | float):
        return one_line(str(value)[:WORDS_MOST])
    if isinstance(value, list):
        some = "; ".join(map(told, value[:3]))
        return f"{some} and {len(value) - 3:,} more" if len(value) > 3 else some
    if isinstance(value, dict):
        return " ".join(
            f"{name.replace('_', ' ')} {told(one)}" for name, one in value.items() if name not in _UNTOLD
        )
    return ""


# An attempt tells whose it was by its key: after a restore its job may be another invoice's.
_OF_ATTEMPT = (
    " FROM export_attempts a LEFT JOIN invoices i ON i.uuid = substr(a.idem_key, 1, 36)"
    " LEFT JOIN vendors v ON v.id = i.vendor_id"
    " LEFT JOIN export_jobs j ON j.id = a.job_id AND j.idem_key = a.idem_key"
    " LEFT JOIN batches b ON b.id = j.batch_id LEFT JOIN users u ON u.id = b.operator_id"
)
SOURCES = (
    Source(
        Kind.BATCH, "batches", "b", "created_at",
        f"SELECT b.id, b.created_at, u.login, {_BATCH_OUTCOME}, b.erp, b.count, b.net, b.currency, i.id, i.number"
        " FROM batches b LEFT JOIN users u ON u.id = b.operator_id LEFT JOIN invoices i ON b.count = 1"
        " AND i.id = (SELECT y.invoice_id FROM export_jobs y WHERE y.batch_id = b.id LIMIT 1)",
        _batch, _BATCH_OUTCOME, "b.operator_id",
        "b.id IN (SELECT y.batch_id FROM export_jobs y WHERE y.invoice_id IN ({}))",
    ),
    Source(
        Kind.ATTEMPT, "export_attempts", "a", "at",
        f"SELECT a.id, a.at, u.login, {_ATTEMPT_OUTCOME}, a.kind, a.evidence, i.id, i.number, v.name{_OF_ATTEMPT}",
        _attempt, _ATTEMPT_OUTCOME, "b.operator_id",
        "a.job_id IN (SELECT y.id FROM export_jobs y WHERE y.invoice_id IN ({}))",
    ),
    Source(
        Kind.NOTICE, "notices", "n", "created_at",
        "SELECT n.id, n.created_at, u.login, n.state, n.kind, n.recipient, n.address, n.subject, n.attempts,"
        " n.error_text, i.id, i.number FROM notices n LEFT JOIN invoices i ON i.id = n.invoice_id"
        " LEFT JOIN users u ON u.id = n.operator_id",
        _notice, "n.state", "n.operator_id", "n.invoice_id IN ({})",
    ),
    Source(
        Kind.AUDIT, "audit_events", "e", "at",
        "SELECT e.id, e.at, e.actor, 'done', e.action, e.detail, e.row_count, r.subject, i.id, i.number"
        " FROM audit_events e LEFT JOIN audit_rows r ON r.event_id = e.id AND r.position = 1"
        " LEFT JOIN invoices i ON r.subject = 'invoice' AND i.id = r.subject_id",
        _audit, "'done'", "e.actor",
        "e.id IN (SELECT y.event_id FROM audit_rows y WHERE y.subject = 'invoice' AND y.subject_id IN ({}))",
    ),
)  # fmt: skip
