"""The ERP Integrations Daily Summary: what waits for an approver, mailed once a day to each with work waiting.

The day and its hour are the mailer's (erp/owing.py); here is that no user has two of one day, whatever several workers do.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from store import audit, directory, epochs, notices, owning, verifying, view_totals
from store.db import Database
from store.domain.actor import Actor, Level
from store.domain.keys import spelled
from store.domain.money import show
from store.domain.selection import Totals
from store.domain.status import VIEW_TITLES, ErpStatus, View
from store.letters import short
from store.models import Invoice

KIND = "summary"
SUBJECT = "ERP Integrations Daily Summary"
# So many codes of failures are told, the most frequent first.
CAUSES = 8
_DAY_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Part:
    """One view: its totals by currency, and of the invoice that was sent first its moment, number and vendor."""

    view: View
    totals: tuple[Totals, ...]
    oldest: tuple[int, str, str] | None

    @property
    def count(self) -> int:
        """How many invoices."""
        return sum(total.count for total in self.totals)


@dataclass(frozen=True, slots=True)
class Failing:
    """Failed invoices of one code: how many, and of one of them the cause and the fix."""

    code: str
    count: int
    cause: str
    fix: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits at a moment (milliseconds UTC), and the audit trail's head then, as it is printed.

    ``changed``: Ready ones that were changed since their rejection. ``own``: of the Ready ones how many each approver
    created or sent himself and may not accept, by user id.
    """

    at: int
    head: str
    company: str
    ready: Part
    exporting: Part
    failed: Part
    uncertain: int
    parked: int
    changed: int
    causes: tuple[Failing, ...]
    own: Mapping[int, int]

    def work(self, user: int) -> int:
        """How many invoices wait for this user."""
        return self.ready.count - self.own.get(user, 0) + self.failed.count + self.parked


def gather(db: Database) -> Waiting:
    """What waits now. At a million invoices it takes a second or two: not in a transaction that writes."""
    company = directory.company(db)
    reviewed = company.self_policy == "review"
    users = [] if reviewed else [user for user in directory.users(db) if user.is_approver]
    states = dict(
        db.execute(
            f"SELECT erp_status, count(*) FROM invoices WHERE phase = '{ErpStatus.EXPORTING}' GROUP BY erp_status"
        ).fetchall()
    )
    changed = db.execute(
        f"SELECT count(*) FROM invoices WHERE phase = '{ErpStatus.READY}' AND changed_since"
        " AND (overbilled OR changed_since OR duplicate OR held)"
    ).fetchone()
    return Waiting(
        at=db.now(),
        head=verifying.head(db).text,
        company=company.name,
        ready=_part(db, View.READY, ErpStatus.READY),
        exporting=_part(db, View.EXPORTING, ErpStatus.EXPORTING),
        failed=_part(db, View.FAILED, ErpStatus.FAILED),
        uncertain=states.get(ErpStatus.UNCERTAIN, 0),
        parked=states.get(ErpStatus.PARKED, 0),
        changed=changed[0],
        causes=_causes(db),
        own={user.id: _own(db, user) for user in users},
    )


def _part(db: Database, view: View, phase: ErpStatus) -> Part:
    oldest = db.execute(
        "SELECT i.sent_at, i.number, v.name FROM invoices i JOIN vendors v ON v.id = i.vendor_id"
        " WHERE i.phase = ? AND i.sent_at IS NOT NULL ORDER BY i.sent_at, i.id LIMIT 1",
        (phase.value,),
    ).fetchone()
    return Part(view, tuple(view_totals.of_view(db, view)), tuple(oldest) if oldest else None)


def _causes(db: Database) -> tuple[Failing, ...]:
    found = db.execute(
        "SELECT g.error_code, g.failed, i.error_cause, i.error_fix FROM (SELECT error_code, count(*) AS failed,"
        f" min(id) AS first FROM invoices WHERE phase = '{ErpStatus.FAILED}' GROUP BY error_code) g"
        f" JOIN invoices i ON i.id = g.first ORDER BY g.failed DESC, g.error_code LIMIT {CAUSES}"
    ).fetchall()
    return tuple(Failing(*row) for row in found)


def _own(db: Database, user: Actor) -> int:
    own = owning.own(db, user) & (Invoice.phase == ErpStatus.READY.value)
    return sum(total.count for total in view_totals.summed(db, own))


# -- writing them ----------------------------------------------------------------------------------------------


# A day far ahead is one of a clock that was wrong once: it does not keep the right ones from being written.
_MISSING = "(summary_day < ? OR summary_day > ?)"


def _around(day: str) -> tuple[str, str]:
    return day, (date.fromisoformat(day) + timedelta(days=2)).isoformat()


def missing(db: Database, day: str) -> bool:
    """Whether the summaries of that day (ISO) are still to be written."""
    row = db.execute(f"SELECT 1 FROM company WHERE id = 1 AND {_MISSING}", _around(day)).fetchone()
    return row is not None


def write(db: Database, day: str, waiting: Waiting, by: Actor | None = None) -> int:
    """Owe the summary of that day (ISO) to each approver who wants it, has work waiting and has none of that day.

    A worker (``by`` None) does nothing where the day's are written already. A user, who must be Admin on ERP
    Integrations, gives it to those who have none of that day yet; audited. Returns how many. Raises Displaced where
    the database is not the one that was adopted.
    """
    with db.transaction():
        epochs.require(db)
        if by is not None:
            by = directory.refresh(db, by)
            by.require_erp_admin()
        # Of two workers at the same moment the second one waits here, and finds it done. What a user has mailed before
        # the hour leaves the hour to the worker: who has work only by then has it from there.
        elif (
            db.execute(
                f"UPDATE company SET summary_day = ? WHERE id = 1 AND {_MISSING} RETURNING id",
                (day, *_around(day)),
            ).fetchone()
            is None
        ):
            return 0
        found = db.execute(
            "SELECT id, name, email FROM users WHERE active AND can_push AND summary AND erp_level IN (?, ?) ORDER BY id",
            (Level.STANDARD.value, Level.ADMIN.value),
        ).fetchall()
        subject = f"{SUBJECT}: {short(waiting.company)}, {day}"
        owed = [
            notices.Letter(
                KIND, "approver", name, email.strip(), subject, text(waiting, day, number),
                operator_id=None if by is None else by.id, once=f"{KIND}:{day}:{number}",
            )
            for number, name, email in found
            if waiting.work(number)
        ]  # fmt: skip
        count = notices.post(db, owed)
        if by is not None:
            audit.record(db, by, "summary", {"day": day, "count": count}, [])
        return count


def text(waiting: Waiting, day: str, user: int) -> str:
    """The body of a user's summary."""
    return "\n".join(
        (
            f"{short(waiting.company)}: what waits in ERP Integrations, {day}",
            "",
            *_ready(waiting, user),
            *_exporting(waiting),
            *_failed(waiting),
            f"Audit trail: {waiting.head}",
            "  Keep it: payapp audit verify --head EVENT:HASH shows whether events were cut off",
            "  the trail since.",
            "",
            "You get this mail once a day while invoices wait for you. To have it no more:",
            "  payapp users summary off",
            "",
        )
    )


def _ready(waiting: Waiting, user: int) -> Iterator[str]:
    yield from _view(waiting.ready, waiting.at)
    if waiting.changed:
        yield f"  {waiting.changed:,} changed since their rejection (flag C)"
    if own := waiting.own.get(user, 0):
        yield f"  {own:,} created or sent by you: another approver exports them"
    yield ""


def _exporting(waiting: Waiting) -> Iterator[str]:
    yield from _view(waiting.exporting, waiting.at)
    if waiting.uncertain:
        yield f"  {waiting.uncertain:,} uncertain: the worker asks the ERP whether it has them"
    if waiting.parked:
        yield f"  {waiting.parked:,} parked: a person must look in the ERP; payapp reconcile settles them"
    yield ""


def _failed(waiting: Waiting) -> Iterator[str]:
    yield from _view(waiting.failed, waiting.at)
    for each in waiting.causes:
        example = "" if each.count == 1 else ", one of them"
        yield from _wrapped(f"{each.count:,} x {short(each.code)}{example}: {short(each.cause, 400)}", "  ")
        if each.fix:
            yield from _wrapped(f"Fix: {short(spelled(each.fix), 400)}", "      ")
    yield ""


def _view(part: Part, at: int) -> Iterator[str]:
    yield f"{VIEW_TITLES[part.view]}: {part.count:,} {'invoice' if part.count == 1 else 'invoices'}"
    for t in part.totals:
        amounts = (("Gross", t.gross), ("Retainage", t.retainage), ("Net", t.net))
        yield f"  {t.currency}  " + "   ".join(f"{name} {show(value, t.currency)}" for name, value in amounts)
    if part.oldest is not None:
        since, number, vendor = part.oldest
        days = max(0, at - since) // _DAY_MS
        ago = f"{days:,} {'day' if days == 1 else 'days'} ago" if days else "within a day"
        told = f"Oldest: {short(number)} of {short(vendor)}, sent {ago}"
        yield from _wrapped(told, "  ")


def _wrapped(line: str, indent: str) -> list[str]:
    return textwrap.wrap(line, 76, initial_indent=indent, subsequent_indent=indent + "  ")
