"""Small books of any shape for the lists, and the same lists as plain Python has them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from store import places
from store.db import Database
from store.domain.actor import Actor
from store.domain.status import VIEW_STATES, ErpStatus, ProjectView, View
from store.invoices import SortBy
from store.listing import Order
from store.query import ID_MOST

VENDORS = ("Apex", "apex", "Bell", "Bell", "東京鋼材", "Éclair", "Ｆｕｌｌ", "Zed_100%")
JOBS = (("24-101", "Tower"), ("24-102", "tower annex"), ("B-7", "橋"))
NUMBERS = ("101-1", "101-2", "A1", "a1", "東-1", "Ｂ2", "b_2", "100%")
# Filters with what they mean, of a book's line.
QUERIES: dict[str, Any] = {
    "": lambda _: True,
    "apex": lambda x: x.has("apex"),
    "-apex": lambda x: not x.has("apex"),
    "vendor:bell": lambda x: "bell" in x.vendor.lower(),
    "東": lambda x: x.has("東"),
    "full": lambda x: x.vendor == "Ｆｕｌｌ",
    "Ｂ2": lambda x: x.number.startswith("Ｂ2"),
    "_": lambda x: x.has("_"),
    "%": lambda x: x.has("%"),
    "a1 tower": lambda x: x.has("a1") and x.has("tower"),
    "job:annex -commitment:1": lambda x: x.job == "24-102" and "1" not in x.commitment,
    "net>0": lambda x: x.gross - 5 > 0,
    "apex net>0": lambda x: x.has("apex") and x.gross - 5 > 0,
    "-net>0 -apex": lambda x: x.gross - 5 <= 0 and not x.has("apex"),
    "period:2026-10": lambda x: x.period == "2026-10-31",
    "-period:2026-10 -apex": lambda x: x.period != "2026-10-31" and not x.has("apex"),
    "period:2026-10 net>0": lambda x: x.period == "2026-10-31" and x.gross - 5 > 0,
    "flag:O": lambda x: x.overbilled,
    "flag:O apex net>0": lambda x: x.overbilled and x.has("apex") and x.gross - 5 > 0,
    "number:a1": lambda x: "a1" in x.number.lower(),
    "ref:zzz": lambda _: False,
}
VIEWS: tuple[View | ProjectView, ...] = (*View, *ProjectView)


@dataclass(frozen=True)
class Line:
    """One invoice of a book."""

    id: int
    vendor: str
    job: str
    title: str
    commitment: str
    commitment_id: int
    application: int
    number: str
    state: str
    outcome: str | None
    currency: str
    gross: int
    period: str
    overbilled: bool
    creator: str

    def has(self, word: str) -> bool:
        """Whether a bare word finds it; for words of letters that fold alike everywhere."""
        return any(
            word in text.lower() for text in (self.vendor, self.job, self.title, self.commitment, self.number)
        )

    def flagged(self, me: Actor) -> bool:
        limit = me.limit_invoice if me.limit_invoice is not None else ID_MOST
        return self.overbilled or self.creator.lower() == me.login or abs(self.gross) > limit


@st.composite
def books(draw: st.DrawFn) -> list[Line]:
    """Up to a dozen invoices on a few commitments."""
    deals = draw(
        st.lists(
            st.tuples(st.sampled_from(range(len(VENDORS))), st.sampled_from(JOBS), st.sampled_from(("1", "2", "S-1"))),
            min_size=1, max_size=4, unique_by=lambda deal: (deal[1][0], deal[2]),
        )
    )  # fmt: skip
    made = []
    for n in range(draw(st.integers(0, 12))):
        at = draw(st.integers(0, len(deals) - 1))
        vendor, (job, title), commitment = deals[at]
        state = draw(st.sampled_from(list(ErpStatus)))
        outcome = (
            draw(st.sampled_from((None, "rejected", "retrieved"))) if state is ErpStatus.NOT_SENT else None
        )
        made.append(
            Line(
                n + 1, VENDORS[vendor], job, title, commitment, at + 1, draw(st.integers(0, 3)) * 20 + n,
                f"{draw(st.sampled_from(NUMBERS))}", state.value, outcome,
                draw(st.sampled_from(("USD", "USD", "EUR", "JPY"))), draw(st.sampled_from((-100, 0, 100, 1000))),
                draw(st.sampled_from(("2026-09-30", "2026-10-31"))), draw(st.booleans()),
                draw(st.sampled_from(("pm", "jlopez", "JLopez"))),
            )
        )  # fmt: skip
    twins = Counter((x.commitment_id, x.number) for x in made)
    return [
        x if twins[x.commitment_id, x.number] == 1 else replace(x, number=f"{x.number}-{x.id}") for x in made
    ]


def write(db: Database, lines: list[Line]) -> None:
    """The book instead of whatever invoices there were."""
    with db.transaction():
        for table in ("invoices", "commitments", "projects", "vendors"):
            db.execute(f"DELETE FROM {table}")
        db.executemany(
            "INSERT INTO vendors (id, source_id, name) VALUES (?, ?, ?)",
            [(n, str(n), x) for n, x in enumerate(VENDORS)],
        )
        db.executemany(
            "INSERT INTO projects (id, source_id, number, name) VALUES (?, ?, ?, ?)",
            [(n, str(n), *x) for n, x in enumerate(JOBS)],
        )
        jobs = [number for number, _ in JOBS]
        deals = {x.commitment_id: x for x in lines}
        db.executemany(
            "INSERT INTO commitments (id, source_id, project_id, vendor_id, number, title, kind, currency)"
            " VALUES (?, ?, ?, ?, ?, '', 'subcontract', 'USD')",
            [(n, str(n), jobs.index(x.job), VENDORS.index(x.vendor), x.commitment) for n, x in deals.items()],
        )
        places.refresh(db)
        db.executemany(
            "INSERT INTO invoices (id, uuid, source, source_id, commitment_id, project_id, vendor_id, application, number,"
            " period_start, period_end, billing_date, status, erp_status, outcome, currency, gross, retainage, net,"
            " completed, retainage_to_date, overbilled, creator_login, number_hash, created_at, updated_at, place)"
            " VALUES (?, ?, 't', ?, ?, ?, ?, ?, ?, '', ?, '', 'approved', ?, ?, ?, ?, 5, ?, 0, 0, ?, ?, ?, 0, 0,"
            " (SELECT place FROM commitments WHERE id = ?))",
            [
                (x.id, str(x.id), str(x.id), x.commitment_id, jobs.index(x.job), VENDORS.index(x.vendor), x.application,
                 x.number, x.period, x.state, x.outcome, x.currency, x.gross, x.gross - 5, x.overbilled, x.creator,
                 x.id * 7, x.commitment_id)
                for x in lines
            ],
        )  # fmt: skip


def in_view(line: Line, view: View | ProjectView) -> bool:
    if isinstance(view, View):
        return line.state in {state.value for state in VIEW_STATES[view]}
    sent = line.state != ErpStatus.NOT_SENT.value
    return {
        ProjectView.ALL: True,
        ProjectView.SENT: sent,
        ProjectView.NOT_SENT: not sent,
        ProjectView.RETURNED: not sent and line.outcome == "rejected",
    }[view]


def expected(lines: list[Line], order: Order) -> list[int]:
    """The ids as plain Python sorts them."""

    def key(x: Line) -> tuple[Any, ...]:
        own = (x.vendor, x.commitment, x.commitment_id, x.application, x.number, x.id)
        match order.sort:
            case SortBy.VENDOR:
                return own
            case SortBy.NUMBER:
                return x.number, x.id
            case SortBy.JOB:
                return x.job, *own
            case SortBy.PERIOD:
                return x.period, *own
            case SortBy.STATUS:
                return x.state, *own
            case SortBy.RETAINAGE:
                return (x.id,)
            case SortBy.GROSS | SortBy.NET:
                return x.gross, x.id

    found = [x for x in lines if in_view(x, order.view) and QUERIES[order.query](x)]
    return [x.id for x in sorted(found, key=key, reverse=order.descending)]
