"""Creating an invoice: the next application of a commitment, prefilled from the previous one."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from operator import attrgetter

from store import audit, detail, directory, naming
from store.commitments import LineEdit, checked_number, edited
from store.db import Database
from store.decision import Decision
from store.domain import approval, drafting
from store.domain.actor import Actor
from store.domain.drafting import Scheduled
from store.domain.errors import BadInput, Changed, Disallowed, Misfooted, NothingMatched
from store.domain.invoice import Line, foot, summarize
from store.domain.money import plain
from store.domain.status import TITLES, ErpStatus, Status
from store.domain.text import one_line, safe, storable
from store.intake.books import LINE
from store.intake.spool import Parcel
from store.intake.write import write

# The source of what is created here; its source ids are drawn, so that no key of an ERP ever comes a second time.
SOURCE = "payapp"
# So many numbers in a row are tried; a project that has them all gets the commitment's own.
_TRIES = 1000
_ROW = attrgetter(*LINE)


@dataclass(frozen=True, slots=True)
class Proposal:
    """The next application of a commitment as it would be created; amounts in minor units of ``currency``.

    ``previous`` is the number of the application that it follows, "" for the first one here.
    """

    commitment_id: int
    project_id: int
    vendor_id: int
    commitment: str
    title: str
    job: str
    vendor: str
    currency: str
    retainage_bp: int
    application: int
    number: str
    period_start: str
    period_end: str
    billing_date: str
    lines: tuple[Line, ...]
    previous: str = ""
    previous_status: ErpStatus | None = None


def find(db: Database, number: str, job: str = "") -> int:
    """The id of the commitment of that number, on that job where it is given.

    Raises NothingMatched where there is none, BadInput where several jobs have one.
    """
    rows = db.execute(
        "SELECT c.id, p.number FROM commitments c JOIN projects p ON p.id = c.project_id WHERE c.number = ?"
        " ORDER BY p.number",
        (number,) if storable(number) else ("",),
    ).fetchall()
    found = [row for row in rows if not job or row[1] == job]
    if not found:
        raise NothingMatched(
            f"There is no commitment {safe(number)}{f' on job {safe(job)}' if job else ''}",
            fix="payapp commitments lists them",
        )
    if len(found) > 1:
        jobs = ", ".join(safe(row[1]) for row in found[:5])
        raise BadInput(f"{len(found)} jobs have a commitment {safe(number)}: {jobs}", fix="Add --job NUMBER")
    return int(found[0][0])


def periods(db: Database, project_id: int) -> list[tuple[str, str]]:
    """The billing periods of a project, oldest first."""
    rows = db.execute(
        "SELECT start_date, end_date FROM billing_periods WHERE project_id = ? ORDER BY start_date",
        (project_id,),
    )
    return [(row[0], row[1]) for row in rows.fetchall()]


def schedule(db: Database, commitment_id: int) -> list[Scheduled]:
    """The commitment's schedule of values in its order."""
    rows = db.execute(
        "SELECT item, item_type, cost_code, description, scheduled, opening_work, opening_stored, opening_retainage"
        " FROM commitment_lines WHERE commitment_id = ? ORDER BY position",
        (commitment_id,),
    )
    return [Scheduled(*row) for row in rows.fetchall()]


def propose(db: Database, commitment_id: int) -> Proposal:
    """The next application of the commitment: D = the previous D + E, new work 0, the next billing period, a number.

    Raises NothingMatched for a commitment that is gone, Disallowed where it has nothing that could be billed.
    """
    row = db.execute(
        "SELECT c.project_id, c.vendor_id, c.number, c.title, p.number, v.name, c.currency, c.retainage_bp,"
        " c.opening_application FROM commitments c JOIN projects p ON p.id = c.project_id"
        " JOIN vendors v ON v.id = c.vendor_id WHERE c.id = ?",
        (commitment_id,),
    ).fetchone()
    if row is None:
        raise NothingMatched("The commitment is gone", fix="Refresh the list ({list.refresh})")
    project, opening = row[0], row[8]
    last = db.execute(
        "SELECT id, application, number, period_end, erp_status FROM invoices WHERE commitment_id = ?"
        " ORDER BY application DESC LIMIT 1",
        (commitment_id,),
    ).fetchone()
    values = schedule(db, commitment_id)
    lines = drafting.next_lines(detail.lines(db, last[0]), values) if last else drafting.first_lines(values)
    if not lines:
        raise Disallowed(
            f"Nothing can be billed on {safe(row[2])}",
            why="it has no schedule of values",
            fix="payapp import commitments.csv brings it in",
        )
    application = 1 + (last[1] if last else opening)
    start, end = _period(db, project, last[3] if last else "")
    return Proposal(
        commitment_id, project, row[1], row[2], row[3], row[4], row[5], row[6], row[7],
        application, _number(db, project, row[1], last[2] if last else "", f"{row[2]}-{application:02}"),
        start, end, end, lines,
        last[2] if last else "", ErpStatus(last[4]) if last else None,
    )  # fmt: skip


def _period(db: Database, project_id: int, before: str) -> tuple[str, str]:
    """The billing period behind the day ``before``; for a first application the one that today is in."""
    known = periods(db, project_id)
    if before:
        return next((one for one in known if one[0] > before), drafting.month_after(before))
    today = datetime.fromtimestamp(db.now() / 1000, tz=UTC).date().isoformat()
    return next((one for one in known if one[0] <= today <= one[1]), drafting.month_of(today))


def _number(db: Database, project_id: int, vendor_id: int, previous: str, own: str) -> str:
    """The number after the previous one that neither the project nor the vendor has; else ``own`` of the commitment."""
    number = drafting.next_number(previous)
    for _ in range(_TRIES):
        if not number:
            break
        taken = db.execute(
            "SELECT 1 FROM invoices WHERE number = ? AND (project_id = ? OR vendor_id = ?) LIMIT 1",
            (number, project_id, vendor_id),
        ).fetchone()
        if not taken:
            return number
        number = drafting.next_number(number)
    return own


def create(
    db: Database,
    actor: Actor,
    commitment_id: int,
    *,
    number: str | None = None,
    period: tuple[str, str] | None = None,
    billing_date: date | None = None,
    lines: Sequence[LineEdit] = (),
    application: int | None = None,
) -> Decision:
    """Create the commitment's next application as a draft; what is None is as propose() has it, and so are other lines.

    ``application``: the one that was looked at; Changed is raised where it is another one's by now. Raises NotPermitted
    below Standard on Commitments, Misfooted, and BadInput for a number in use.
    """
    with db.transaction():
        naming.alone(db)
        actor = directory.refresh(db, actor)
        approval.require_preparer(actor)
        made = propose(db, commitment_id)
        if application is not None and application != made.application:
            raise Changed(
                f"Application {application} of {safe(made.commitment)} is there already",
                why="somebody else created it meanwhile",
                fix="Begin again: the next one is prefilled from it",
            )
        number = made.number if number is None else checked_number(number)
        start, end = period or (made.period_start, made.period_end)
        billed = end if billing_date is None else billing_date.isoformat()
        drafting.check_billed(billed, start, end)
        _check_number(db, made, number)
        new = edited(made.lines, lines, made.retainage_bp)
        if wrong := foot(new, {}, made.currency):
            raise Misfooted(f"{safe(number)} does not foot", why=wrong[0], fix="Correct the line")
        parcel = _parcel(made, actor, number, (start, end, billed), new)
        changes = [change._replace(rule="") for change in write(db, SOURCE, [parcel], db.now())]
        audit.record(db, actor, "create", {"invoice": number, "commitment": made.commitment}, changes)
    return Decision((changes[0].subject_id,), notes=_notes(made, number, new))


def _check_number(db: Database, made: Proposal, number: str) -> None:
    if db.execute(
        "SELECT 1 FROM invoices WHERE number = ? AND commitment_id = ?", (number, made.commitment_id)
    ).fetchone():
        raise BadInput(
            f"The number {safe(number)} is used on {safe(made.commitment)} already",
            fix=f"Give another number, such as {safe(made.number)}",
        )


def _parcel(
    made: Proposal, actor: Actor, number: str, days: tuple[str, str, str], lines: Sequence[Line]
) -> Parcel:
    total = summarize(lines)
    content = (
        made.application, number, *days, Status.DRAFT.value, made.currency, total.gross, total.retainage, total.net, 0,
        total.completed, total.retainage_to_date, any(line.overbilled for line in lines), False,
        actor.login, actor.name, actor.email,
    )  # fmt: skip
    after = {
        "number": number,
        "application": made.application,
        "status": Status.DRAFT.value,
        "period_start": days[0],
        "period_end": days[1],
        "billing_date": days[2],
        "gross": plain(total.gross, made.currency),
        "retainage": plain(total.retainage, made.currency),
        "net": plain(total.net, made.currency),
    }
    return Parcel(
        source_id=uuid.uuid4().hex, commitment=made.commitment_id, project=made.project_id, vendor=made.vendor_id,
        content=content, lines=[_ROW(line) for line in lines], attachments=[], origin_id=None, invoice=0, version=0,
        marked=False, before={}, after=after,
    )  # fmt: skip


def _notes(made: Proposal, number: str, lines: Sequence[Line]) -> tuple[str, ...]:
    notes = list(drafting.overbilled(number, lines))
    if made.previous_status not in {None, ErpStatus.SYNCED}:
        state = TITLES[made.previous_status] if made.previous_status else ""
        notes.append(
            f"Application {made.application - 1}, {one_line(made.previous)}, is {state}: changing its amounts changes"
            " this one"
        )
    return tuple(notes)
