"""The reconciliation: of what was sent, what became of it. Each invoice counts once, as it stands after its last try."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from store.db import Database
from store.domain.actor import Actor
from store.domain.report import Column, Kind, Line, Report
from store.domain.status import ErpStatus, JobState, Outcome
from store.job import marks
from store.report_parts import Span, add, allowed, amounts, sent
from store.sent_bills import PAGE, SentBill, Standing

SYNCED, AWAITED, UNKNOWN = "Acknowledged by the ERP", "Delivered, receipt awaited", "Uncertain or parked"
UNDER_WAY, GONE = "On its way", "Failed, recalled or unlinked"
ALL = "Sent, all of these"
# Below the total: they are no part of what was sent, or were counted above once already.
EARLIER, REJECTED = "Earlier tries of these", "Rejected, not sent again"
_STANDINGS = (SYNCED, AWAITED, UNKNOWN, UNDER_WAY, GONE)


def reconciliation(db: Database, actor: Actor, span: Span) -> Report:
    """What was sent, and what became of it, by accounting date: acknowledged, awaited, failed, not known.

    Rejected are those of these days of decision that were not sent to ERP Integrations again.
    """
    company = allowed(db, actor)
    columns = (
        Column("Standing", width=29),
        Column("Cur", width=3),
        Column("Count", Kind.COUNT, 7),
        Column("Gross", Kind.MONEY, 12),
        Column("Retainage", Kind.MONEY, 11),
        Column("Net", Kind.MONEY, 13),
    )

    def lines() -> Iterator[Line]:
        sums: dict[str, dict[str, list[int]]] = {}
        for bill, again in _told_apart(db, sent(db, company.erp, span)):
            word = EARLIER if again else _standing(bill)
            so_far = sums.setdefault(bill.currency, {}).setdefault(word, [0] * 4)
            add(so_far, (1, *amounts(bill)))
        for currency, values in _rejected(db, span):
            sums.setdefault(currency, {})[REJECTED] = values
        for currency, own in sorted(sums.items()):
            whole = [0] * 4
            for word in _STANDINGS:
                add(whole, own.get(word, ()))
                yield Line(currency, (word, currency, *own.get(word, [0] * 4)))
            yield Line(currency, (ALL, currency, *whole), total=True)
            for word in (EARLIER, REJECTED):
                yield Line(currency, (word, currency, *own.get(word, [0] * 4)))

    return Report(
        "reconciliation", "Reconciliation", f"accounting dates {span.told}", columns, lines,
        "Nothing was sent or rejected on these days.",
        lambda: ("By payapp's own books; payapp reconcile asks the ERP, bill by bill.",),
    )  # fmt: skip


def _standing(bill: SentBill) -> str:
    if bill.state == JobState.SENT:
        return AWAITED
    words = {
        Standing.SYNCED: SYNCED, Standing.OPEN: UNKNOWN, Standing.UNDER_WAY: UNDER_WAY, Standing.GONE: GONE,
    }  # fmt: skip
    return words[bill.standing]


def _told_apart(db: Database, bills: Iterator[SentBill]) -> Iterator[tuple[SentBill, bool]]:
    """Each bill, and whether its invoice was sent again since: what failed and is paid now did not fail."""
    while page := list(islice(bills, PAGE)):
        again = _sent_again(db, [bill.job for bill in page if bill.standing is Standing.GONE])
        yield from ((bill, bill.job in again) for bill in page)


def _sent_again(db: Database, jobs: list[int]) -> set[int]:
    """Those of these jobs behind which a later one of the same invoice was sent."""
    if not jobs:
        return set()
    known = _words((JobState.DONE, JobState.UNCERTAIN, JobState.PARKED, JobState.SENT))
    found = db.execute(
        f"SELECT j.id FROM export_jobs j WHERE j.id IN ({marks(jobs)}) AND EXISTS (SELECT 1 FROM export_jobs n"
        f" WHERE n.invoice_id = j.invoice_id AND n.revision > j.revision AND (n.sends > 0 OR n.state IN ({known})))",
        tuple(jobs),
    ).fetchall()
    return {int(row[0]) for row in found}


def _words(states: Iterable[JobState]) -> str:
    return ", ".join(f"'{state}'" for state in states)


def _rejected(db: Database, span: Span) -> list[tuple[str, list[int]]]:
    found = db.execute(
        "SELECT currency, count(*), sum(gross), sum(retainage), sum(net) FROM invoices"
        " WHERE phase = ? AND outcome = ? AND outcome_at >= ? AND outcome_at < ? GROUP BY currency",
        (ErpStatus.NOT_SENT.value, Outcome.REJECTED.value, *span.moments),
    ).fetchall()
    return [(row[0], [int(value) for value in row[1:]]) for row in found]
