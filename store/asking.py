"""Queries: an approver asks by mail about invoices that stay where they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from store import audit, directory, notices
from store.candidates import Candidate
from store.db import Database
from store.decision import Decision, selected, settle
from store.domain.actor import Actor
from store.domain.errors import BadInput, Disallowed
from store.domain.selection import Selection
from store.domain.status import ErpStatus
from store.domain.text import safe, storable
from store.planning import Stay, stay
from store.review import notice_of

TEXT_MOST = 2000
# One mail an invoice: more at once would be a circular, not a query.
QUERIES_MOST = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """Who a query goes to; ``address`` as it is known, "" for none."""

    name: str
    address: str
    count: int


def recipients(db: Database, actor: Actor, selection: Selection) -> tuple[Asked, ...]:
    """Who would be mailed, and about how many invoices each. Raises as ask() does."""
    actor = directory.refresh(db, actor)
    actor.require_approver()
    going, stays, changed = _chosen(db, selection)
    settle([c.id for c in going], stays, changed, "asked about")
    users = notices.users_by_name(db)
    found: dict[tuple[str, str], int] = {}
    for c in going:
        _, name, address = notices.asked_of(notice_of(c, ""), users)
        found[name, address] = found.get((name, address), 0) + 1
    return tuple(Asked(name, address, count) for (name, address), count in found.items())


def ask(db: Database, actor: Actor, selection: Selection, text: str) -> Decision:
    """Mail a question about each invoice to who sent it, else to who created it; nothing of the invoice changes.

    For approvers, and for invoices in ERP Integrations. The notes name those about whom nobody can be mailed.
    Raises BadInput without a question or for too many invoices at once, and as every decision does (store.review).
    """
    text = _checked(text)
    with db.transaction():
        actor = directory.refresh(db, actor)
        actor.require_approver()
        going, stays, changed = _chosen(db, selection)
        settle([c.id for c in going], stays, changed, "asked about")
        company = directory.company(db)
        unknown = notices.add_queries(db, actor, company.name, [notice_of(c, text) for c in going])
        audit.record(
            db, actor, "query", {"query": text, "count": len(going)},
            [audit.Change("invoice", c.id, {}, {"query": text}) for c in going],
        )  # fmt: skip
    notes = tuple(f"Nobody can be mailed about {safe(name)}: no mail address is known" for name in unknown)
    return Decision(tuple(c.id for c in going), tuple(stays), changed, notes=notes)


def _chosen(
    db: Database, selection: Selection
) -> tuple[Sequence[Candidate], Sequence[Stay], tuple[str, ...]]:
    chosen = selected(db, selection)
    if len(chosen.ids) > QUERIES_MOST:
        raise BadInput(
            f"A query is one mail an invoice, for {QUERIES_MOST} at most",
            why=f"{len(chosen.ids):,} are selected",
            fix="Mark fewer",
        )
    going: list[Candidate] = []
    stays: list[Stay] = []
    for chunk in chosen.chunks():
        for c in chunk:
            if c.erp_status is ErpStatus.NOT_SENT:
                error = Disallowed(
                    f"{c.name} is not in ERP Integrations", fix="Ask when the project has sent it"
                )
                stays.append(stay(c, "state", error))
            else:
                going.append(c)
    return going, stays, tuple(chosen.changed)


def _checked(text: str) -> str:
    text = text.strip()
    if not text:
        raise BadInput(
            "A query needs a question", why="whoever reads it must know what is asked", fix="Enter it"
        )
    if len(text) > TEXT_MOST:
        raise BadInput(
            "That question is too long", why=f"it may have {TEXT_MOST} characters", fix="Shorten it"
        )
    if not storable(text):
        raise BadInput("That question cannot be mailed", why="it holds a character that no database stores")
    return text
