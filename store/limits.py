"""Approval limits: what a user may accept of one invoice, of a commitment in a billing period, and in a day.

All are of the absolute gross in the company's currency: a credit counts like an invoice. What he accepted counts from the
moment of the decision until it is recalled, refused by the ERP, rejected, unlinked or reset: then its job is cancelled or failed.
A day is the last 24 hours, so that the limit holds for the calendar day of every time zone. What was marked exported counts
too. Two decisions of one user at the same moment: the second waits for the first (alone()) and counts it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from store import directory
from store.candidates import Candidate
from store.db import Database
from store.directory import Company
from store.domain.actor import Actor
from store.domain.errors import NotPermitted
from store.domain.money import show
from store.domain.status import JobState
from store.packed import among, packed

DAY_MS = round(timedelta(days=1) / timedelta(milliseconds=1))
# What a user has accepted in a currency; the first ``?`` is his id, the second the last batch that counts, the third it.
_ACCEPTED = (
    "j.batch_id = b.id AND i.id = j.invoice_id AND b.operator_id = ? AND b.id <= ? AND b.currency = ?"
    f" AND j.state NOT IN ('{JobState.CANCELLED}', '{JobState.FAILED}')"
)
# SQLite reads the tables in this order: the few rows first.
_BY_BATCH = f"FROM batches b CROSS JOIN export_jobs j CROSS JOIN invoices i WHERE {_ACCEPTED}"
_BY_INVOICE = f"FROM invoices i CROSS JOIN export_jobs j CROSS JOIN batches b WHERE {_ACCEPTED}"


def has_sums(actor: Actor) -> bool:
    """Whether the user has a limit that more than the invoice itself decides."""
    return actor.limit_commitment is not None or actor.limit_day is not None


def alone(db: Database, actor: Actor) -> Actor:
    """The user as he is now: nobody takes his rights away until this transaction has ended, and finds what it accepted then.

    Where his sums are limited, nobody else decides as he meanwhile. On SQLite there is no other transaction.
    """
    if not db.postgres:
        return actor
    lock = "NO KEY UPDATE" if has_sums(actor) else "SHARE"
    db.execute(f"SELECT id FROM users WHERE id = ? FOR {lock}", (actor.id,)).fetchone()
    return directory.refresh(db, actor)


class Limits:
    """The sums of one press of a user: what he has accepted before, and what of it goes so far.

    Give it each chunk first (look); then ask of each in the order of the ids (refusal), and say what goes (take).
    """

    def __init__(self, db: Database, actor: Actor, company: Company) -> None:
        self._db, self._actor, self._company = db, actor, company
        self._sums = has_sums(actor)
        # Whether anything is limited at all.
        self.any = actor.limit_invoice is not None or self._sums
        self._spent: dict[tuple[int, str, str], int] = {}
        self._last = self._today = 0
        if self._sums:
            # The batches of this press come after it.
            self._last = int(db.execute("SELECT coalesce(max(id), 0) FROM batches").fetchone()[0])
        if actor.limit_day is not None:
            found = db.execute(
                f"SELECT coalesce(sum(abs(i.gross)), 0) {_BY_BATCH} AND b.created_at > ?",
                (actor.id, self._last, company.currency, db.now() - DAY_MS),
            )
            self._today = int(found.fetchone()[0])

    @property
    def rule(self) -> str:
        """The limits that hold for this user, as they are stored with each decision."""
        actor = self._actor
        own = {
            "": actor.limit_invoice, "a commitment and period ": actor.limit_commitment, "a day ": actor.limit_day,
        }  # fmt: skip
        told = [f"limit {word}{self._show(limit)}" for word, limit in own.items() if limit is not None]
        return ", ".join(told) or "no limit"

    def look(self, chunk: Iterable[Candidate]) -> None:
        """Read what was accepted before of the commitments of these invoices."""
        if self._actor.limit_commitment is None:
            return
        wanted = {_period(c) for c in chunk} - self._spent.keys()
        if not wanted:
            return
        rows = self._db.execute(
            f"SELECT i.commitment_id, i.period_start, i.period_end, sum(abs(i.gross)) {_BY_INVOICE}"
            f" AND {among(self._db, 'i.commitment_id')} GROUP BY i.commitment_id, i.period_start, i.period_end",
            (
                self._actor.id,
                self._last,
                self._company.currency,
                packed(self._db, sorted({key[0] for key in wanted})),
            ),
        ).fetchall()
        found = {(row[0], row[1], row[2]): int(row[3]) for row in rows}
        self._spent |= {key: found.get(key, 0) for key in wanted}

    def refusal(self, c: Candidate) -> NotPermitted | None:
        """Why this one goes beyond a limit of the user; None: it does not."""
        actor, gross = self._actor, abs(c.gross)
        if not self.any:
            return None
        if c.currency != self._company.currency:
            return NotPermitted(
                f"The limit of {actor.login} is in {self._company.currency}",
                why=f"the invoice is in {c.currency}",
                fix="Leave it to an approver without a limit",
            )
        if actor.limit_invoice is not None and gross > actor.limit_invoice:
            return self._over("the limit", f"gross {self._show(c.gross)}", actor.limit_invoice)
        spent = self._spent.get(_period(c), 0) + gross
        if actor.limit_commitment is not None and spent > actor.limit_commitment:
            what = f"gross {self._show(c.gross)}, with what was accepted of {c.commitment} for the period {self._show(spent)}"
            return self._over("the limit for a commitment and period", what, actor.limit_commitment)
        if actor.limit_day is not None and self._today + gross > actor.limit_day:
            what = f"gross {self._show(c.gross)}, with what was accepted in 24 hours {self._show(self._today + gross)}"
            return self._over("the limit for a day", what, actor.limit_day)
        return None

    def take(self, c: Candidate) -> None:
        """This one goes."""
        if not self._sums:
            return
        key, gross = _period(c), abs(c.gross)
        self._spent[key] = self._spent.get(key, 0) + gross
        self._today += gross

    def _over(self, which: str, what: str, limit: int) -> NotPermitted:
        return NotPermitted(
            f"It is over {which} of {self._actor.login}",
            why=f"{what}, limit {self._show(limit)}",
            fix="Leave it to an approver with a higher limit",
        )

    def _show(self, amount: int) -> str:
        return show(amount, self._company.currency)


def _period(c: Candidate) -> tuple[int, str, str]:
    return c.commitment_id, c.period_start, c.period_end
