"""The reports: pre-export edit list, post-export journal, control totals, aging, failures, activity.

Each is a store.domain.report.Report: read once, some rows at a time, footed as it is written. Days are those of this machine's
time zone, as on the desk; amounts minor units. Who sees ERP Integrations may have them; others raise NotPermitted.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from store import invoices
from store.db import Database
from store.domain.actor import Actor
from store.domain.filter import parse
from store.domain.report import Cell, Column, Kind, Line, Report, footed
from store.domain.status import TITLES, ErpStatus, JobState, View
from store.domain.text import one_line
from store.listing import Order, every_id
from store.report_parts import Control, Span, allowed, amounts, sent
from store.sent_bills import Standing

CHUNK = 500
# Days since an invoice was sent to ERP Integrations, from the first of each to before the next.
AGES = (0, 8, 15, 31, 61)
AGE_WORDS = ("0-7 days", "8-14 days", "15-30 days", "31-60 days", "over 60 days")
BAR = 20
_DAY_MS = 24 * 3600 * 1000
# What is in ERP Integrations and not in the ERP yet, as the phases have it.
_WAITING = (
    (ErpStatus.READY, "Ready to Export"), (ErpStatus.EXPORTING, "Exporting"), (ErpStatus.FAILED, "Failed to Export"),
)  # fmt: skip
_MOVED = {
    "accept": "exported", "retry": "retried", "reject": "rejected", "recall": "recalled", "hold": "held",
    "release": "released", "query": "asked about", "export values": "dated, described", "reconcile": "settled",
    "unlink": "unlinked", "reset": "reset", "mark exported": "marked exported", "sign off": "signed off",
}  # fmt: skip


# -- before the export -------------------------------------------------------------------------------------------


def edit_list(db: Database, actor: Actor, order: Order) -> Report:
    """What is listed, before it is exported: each invoice with its flags, and the control totals.

    Raises BadFilter for a query that cannot be read.
    """
    allowed(db, actor)
    parse(order.query)
    columns = (
        Column("Fl", width=3),
        Column("Invoice", width=11),
        Column("ERP invoice number"),
        Column("Vendor", width=15),
        Column("Job", width=7),
        Column("Commitment"),
        Column("Application", Kind.COUNT),
        Column("Period"),
        Column("Currency"),
        Column("Gross", Kind.MONEY, 13, footed=True),
        Column("Retainage", Kind.MONEY, 11, footed=True),
        Column("Net", Kind.MONEY, 13, footed=True),
        Column("ERP status"),
    )
    control = Control()

    def lines() -> Iterator[Line]:
        ids = every_id(db, order)
        for first in range(0, len(ids), CHUNK):
            for row in invoices.rows(db, ids[first : first + CHUNK], order.me):
                control.add(row.currency, row.erp_number or row.number, row.gross, row.retainage, row.net)
                yield Line(row.currency, (
                    row.flags, row.number, row.erp_number, row.vendor, row.job, row.commitment, row.application, row.period,
                    row.currency, row.gross, row.retainage, row.net, TITLES[row.erp_status],
                ))  # fmt: skip

    view = "Ready to Export" if order.view is View.READY else order.view.value.replace("_", " ").capitalize()
    about = f"{view}, filter: {one_line(order.query)}" if order.query.strip() else view
    flags = "Fl: D duplicate, H hold, O overbilled, C changed since rejection, S own, L over limit"
    return Report(
        "edit-list", "Pre-export edit list", about, columns, lambda: footed(columns, lines()), "Nothing is listed.",
        lambda: (*control.told, flags),
    )  # fmt: skip


# -- after it ----------------------------------------------------------------------------------------------------


def journal(db: Database, actor: Actor, span: Span) -> Report:
    """What the ERP acknowledged, by accounting date: the bills as they were sent."""
    company = allowed(db, actor)
    columns = (
        Column("Date", Kind.DAY, 10),
        Column("Number", width=14),
        Column("Invoice"),
        Column("Vendor", width=15),
        Column("ERP bill", width=10),
        Column("Key"),
        Column("Currency"),
        Column("Gross", Kind.MONEY, 13, footed=True),
        Column("Retainage", Kind.MONEY, 0, footed=True),
        Column("Net", Kind.MONEY, 13, footed=True),
    )
    control = Control()

    def lines() -> Iterator[Line]:
        for bill in sent(db, company.erp, span):
            if bill.standing is not Standing.SYNCED:
                continue
            gross, retainage, net = amounts(bill)
            control.add(bill.currency, bill.number, gross, retainage, net)
            yield Line(bill.currency, (
                bill.accounting_date, bill.number, bill.name, bill.vendor_name, bill.reference, bill.key, bill.currency,
                gross, retainage, net,
            ))  # fmt: skip

    return Report(
        "journal", "Post-export journal", f"accounting dates {span.told}", columns, lambda: footed(columns, lines()),
        "The ERP acknowledged nothing of these days.", lambda: control.told,
    )  # fmt: skip


def control_totals(db: Database, actor: Actor, span: Span) -> Report:
    """The batches that were begun on these days, with the totals that were accepted.

    A batch's count is what of it is synced, failed, open and cancelled by now.
    """
    allowed(db, actor)
    columns = (
        Column("Batch", Kind.COUNT, 5),
        Column("Started", Kind.DAY, 10),
        Column("By", width=7),
        Column("Cur", width=3),
        Column("Count", Kind.COUNT, 6, footed=True),
        Column("Gross", Kind.MONEY, 13, footed=True),
        Column("Retainage", Kind.MONEY, 0, footed=True),
        Column("Net", Kind.MONEY, 13, footed=True),
        Column("Hash", Kind.COUNT, 14, footed=True),
        Column("Synced", Kind.COUNT),
        Column("Failed", Kind.COUNT),
        Column("Open", Kind.COUNT),
        Column("Cancelled", Kind.COUNT),
    )
    done, failed, cancelled = (
        f"j.state = '{state}'" for state in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)
    )
    which = (done, failed, f"NOT ({done} OR {failed} OR {cancelled})", cancelled)
    counts = ", ".join(
        f"(SELECT count(*) FROM export_jobs j WHERE j.batch_id = b.id AND {one})" for one in which
    )
    control = Control()

    def lines() -> Iterator[Line]:
        found = db.execute(
            f"SELECT b.id, b.created_at, u.login, b.currency, b.count, b.gross, b.retainage, b.net, b.hash_total, {counts}"
            " FROM batches b JOIN users u ON u.id = b.operator_id WHERE b.created_at >= ? AND b.created_at < ? ORDER BY b.id",
            span.moments,
        )
        for row in found.fetchall():
            control.add_all(row[3], map(int, row[4:9]))
            yield Line(row[3], (row[0], _day(row[1]), *row[2:]))

    return Report(
        "totals", "Control totals", f"batches begun {span.told}", columns, lambda: footed(columns, lines()),
        "No batch was begun on these days.", lambda: control.told,
    )  # fmt: skip


# -- what waits, what failed, who did what -----------------------------------------------------------------------


def aging(db: Database, actor: Actor) -> Report:
    """What waits in ERP Integrations, by the days since it was sent there."""
    allowed(db, actor)
    columns = (
        Column("Waiting", width=16),
        Column("Sent", width=12),
        Column("Cur", width=3),
        Column("Count", Kind.COUNT, 9, footed=True),
        Column("Net", Kind.MONEY, 15, footed=True),
        Column("", Kind.BAR, BAR),
    )

    def lines() -> Iterator[Line]:
        found = waiting(db, actor)
        # Amounts of different currencies are not compared with each other.
        most: dict[str, int] = {}
        for _, _, currency, _, net in found:
            most[currency] = max(most.get(currency, 0), abs(net))
        for title, age, currency, count, net in found:
            length = -(-abs(net) * BAR // (most[currency] or 1))
            yield Line(currency, (title, AGE_WORDS[age], currency, count, net, length))

    return Report(
        "aging", "Aging", "by days since it was sent to ERP Integrations", columns, lambda: footed(columns, lines()),
        "Nothing waits in ERP Integrations.",
    )  # fmt: skip


def waiting(db: Database, actor: Actor) -> list[tuple[str, int, str, int, int]]:
    """What waits, as (title, place in AGES, currency, count, net), in the order of the views and ages. Raises NotPermitted."""
    allowed(db, actor)
    now = db.now()
    steps = " ".join(
        f"WHEN coalesce(sent_at, updated_at) <= {now - days * _DAY_MS} THEN {place}"
        for place, days in reversed([*enumerate(AGES)][1:])
    )
    found = []
    for status, title in _WAITING:
        rows = db.execute(
            f"SELECT CASE {steps} ELSE 0 END AS age, currency, count(*), sum(net) FROM invoices WHERE phase = ?"
            " GROUP BY CASE " + steps + " ELSE 0 END, currency ORDER BY 2, 1",
            (status.value,),
        ).fetchall()
        found += [(title, int(row[0]), row[1], int(row[2]), int(row[3])) for row in rows]
    return found


def failures(db: Database, actor: Actor) -> Report:
    """What is in Failed to Export, by the reason; the cause and the fix are those of the newest of each."""
    allowed(db, actor)
    columns = (
        Column("Reason", width=20),
        Column("Cur", width=3),
        Column("Count", Kind.COUNT, 6, footed=True),
        Column("Net", Kind.MONEY, 15, footed=True),
        Column("Newest cause", width=32),
        Column("Gross", Kind.MONEY, 0, footed=True),
        Column("Fix"),
    )

    def lines() -> Iterator[Line]:
        found = db.execute(
            "SELECT error_code, currency, count(*), sum(net), sum(gross), max(id) FROM invoices WHERE phase = ?"
            " GROUP BY error_code, currency ORDER BY count(*) DESC, error_code, currency",
            (ErpStatus.FAILED.value,),
        ).fetchall()
        for code, currency, count, net, gross, newest in found:
            cause, fix = db.execute(
                "SELECT error_cause, error_fix FROM invoices WHERE id = ?", (newest,)
            ).fetchone()
            yield Line(currency, (code or "(none)", currency, count, int(net), cause, int(gross), fix))

    return Report(
        "failures", "Failure reasons", "what is in Failed to Export", columns, lambda: footed(columns, lines()),
        "Nothing failed.",
    )  # fmt: skip


def activity(db: Database, actor: Actor, span: Span) -> Report:
    """What each user decided on these days: how often, about how many invoices, and what they accepted for export."""
    allowed(db, actor)
    columns = (
        Column("User", width=12),
        Column("Decided", width=16),
        Column("Times", Kind.COUNT, 6),
        Column("Invoices", Kind.COUNT, 9),
        Column("Cur", width=3),
        Column("Gross", Kind.MONEY, 14),
        Column("Net", Kind.MONEY, 14),
    )

    def lines() -> Iterator[Line]:
        accepted = db.execute(
            "SELECT u.login, count(*), sum(b.count), b.currency, sum(b.gross), sum(b.net) FROM batches b"
            " JOIN users u ON u.id = b.operator_id WHERE b.created_at >= ? AND b.created_at < ?"
            " GROUP BY u.login, b.currency ORDER BY u.login, b.currency",
            span.moments,
        ).fetchall()
        decided = db.execute(
            "SELECT actor, action, count(*), sum(row_count) FROM audit_events WHERE at >= ? AND at < ?"
            " AND actor_id IS NOT NULL GROUP BY actor, action ORDER BY actor, action",
            span.moments,
        ).fetchall()
        made = [(row[0], 0, Line(row[3], (row[0], "batches accepted", *row[1:]))) for row in accepted]
        for login, action, times, count in decided:
            cells: tuple[Cell, ...] = (login, _MOVED.get(action, action), times, int(count), None, None, None)
            made.append((login, 1, Line("", cells)))
        yield from (line for *_, line in sorted(made, key=lambda one: one[:2]))

    return Report(
        "activity", "Approver activity", f"decided {span.told}", columns, lines, "Nobody decided anything on these days.",
        lambda: ("Times: presses. Invoices: those that moved, or rows that changed.",),
    )  # fmt: skip


# -- what they share ---------------------------------------------------------------------------------------------


def _day(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000).astimezone().strftime("%Y-%m-%d")
