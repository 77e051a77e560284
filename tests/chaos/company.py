"""The company whose invoices the harness exports, and what its people do meanwhile."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from chaos.http_erp import NAME
from invoice_factory import line
from people import PEOPLE

from erp import profiles
from store import directory, places, review
from store.db import Database
from store.domain.bill import invoice_uuid
from store.domain.errors import PayappError
from store.domain.invoice import Line, summarize
from store.domain.money import hash_part
from store.domain.profile import Profile
from store.domain.selection import Marked

T = TypeVar("T")


def profile(*, enforces_keys: bool, settle: float, timeout: float, parcel: int, concurrency: int) -> Profile:
    """The harness's ERP as payapp knows it: it can be asked, and has no rules of its own."""
    return msgspec.structs.replace(
        profiles.load("sandbox"), name=NAME, title="Chaos", enforces_keys=enforces_keys, finds=True, lists=True, settle=settle,
        timeout=timeout, parcel=parcel, concurrency=concurrency, rules=(),
    )  # fmt: skip


def found(db: Database, count: int, *, hold_ms: int = 0) -> None:
    """The company with its people, and so many invoices Ready to Export, each of another amount."""
    directory.found(db, "ACME BUILDERS", "USD", NAME, demo=True, hold_ms=hold_ms)
    for user in PEOPLE.values():
        directory.put_user(db, None, user)
    with db.transaction():
        vendor = _id(db, "vendors (source_id, name, erp_ref) VALUES ('v', 'Apex Drywall LLC', 'V-1')")
        project = _id(db, "projects (source_id, number, name) VALUES ('p', '24-101', 'Tower')")
        db.executemany(
            "INSERT INTO commitments (source_id, project_id, vendor_id, number, title, kind, currency)"
            " VALUES (?, ?, ?, ?, 'Drywall', 'subcontract', 'USD')",
            [(f"c{n}", project, vendor, f"SC-{n:05d}") for n in range(1, count + 1)],
        )
        places.refresh(db)
        commitments = db.execute("SELECT id, place FROM commitments ORDER BY number").fetchall()
        numbers = list(db.allocate("invoices", count))
        own = [line(work=10_000 + n, held=1_000 + n % 7) for n in range(1, count + 1)]
        now = db.now()
        db.executemany(
            "INSERT INTO invoices (id, uuid, source, source_id, commitment_id, place, project_id, vendor_id,"
            " application, number, period_start, period_end, billing_date, status, erp_status, currency, gross,"
            " retainage, net, completed, retainage_to_date, number_hash, creator_login, created_at, updated_at)"
            " VALUES (?, ?, 'chaos', ?, ?, ?, ?, ?, 1, ?, '2026-10-01', '2026-10-31', '2026-10-31', 'approved',"
            " 'ready_to_export', 'USD', ?, ?, ?, ?, ?, ?, 'mgarcia@acme.example', ?, ?)",
            [
                _invoice(at, number, commitment, own[at], project, vendor, now)
                for at, (number, commitment) in enumerate(zip(numbers, commitments, strict=True))
            ],
        )
        names = Line.__slots__
        db.executemany(
            f"INSERT INTO invoice_lines (invoice_id, {', '.join(names)}) VALUES ({', '.join('?' * (len(names) + 1))})",
            [
                (number, *(getattr(one, name) for name in names))
                for number, one in zip(numbers, own, strict=True)
            ],
        )


def _id(db: Database, what: str) -> int:
    return int(db.execute(f"INSERT INTO {what} RETURNING id").fetchone()[0])


def _invoice(
    at: int, number: int, commitment: tuple[int, int], own: Line, project: int, vendor: int, now: int
) -> tuple[Any, ...]:
    total = summarize((own,))
    name = f"N-{at + 1:05d}"
    return (
        number, invoice_uuid("chaos", name), name, *commitment, project, vendor, name, total.gross, total.retainage,
        total.net, total.completed, total.retainage_to_date, hash_part(name), now, now,
    )  # fmt: skip


class Person:
    """An approver at a desk beside the workers: accepts, recalls, retries and rejects, as the seed says."""

    def __init__(self, db: Database, profile: Profile, chance: random.Random) -> None:
        self._db = db
        self._profile = profile
        self._chance = chance
        self.done = dict.fromkeys(("accepted", "recalled", "retried", "rejected"), 0)

    def accept(self, most: int) -> int:
        """Accept so many of what is Ready to Export, at most; how many went."""
        return self._decide("accepted", "ready_to_export", most, lambda me, chosen: review.accept(
            self._db, me, chosen, self._profile
        ))  # fmt: skip

    def meddle(self, most: int) -> None:
        """Recall, retry or reject a few of what is there; what has left meanwhile stays."""
        match self._chance.choice(("recall", "retry", "reject queued", "reject failed")):
            case "recall":
                self._decide("recalled", "queued", most, lambda me, it: review.recall(self._db, me, it))
            case "retry":
                self.retry(most * 4)
            case "reject queued":
                self._reject("queued")
            case "reject failed":
                self._reject("failed_to_export")

    def retry(self, most: int) -> int:
        """Send again what was refused; how many went."""
        return self._decide("retried", "failed_to_export", most, lambda me, chosen: review.retry(
            self._db, me, chosen, self._profile
        ))  # fmt: skip

    def _reject(self, state: str) -> None:
        self._decide("rejected", state, 1, lambda me, it: review.reject(self._db, me, it, "not ours"))

    def _decide(self, word: str, state: str, most: int, decide: Callable[[Any, Marked], Any]) -> int:
        try:
            rows = self._db.execute(
                "SELECT id, version FROM invoices WHERE erp_status = ? ORDER BY id", (state,)
            ).fetchall()
            if not rows:
                return 0
            first = self._chance.randrange(len(rows)) if word in {"recalled", "rejected"} else 0
            chosen = Marked(dict(tuple(row) for row in rows[first : first + most]))
            count = len(decide(directory.actor(self._db, "jlopez"), chosen).done)
        except PayappError:
            # Others were faster, or the database is being restarted.
            refreshed(self._db)
            return 0
        self.done[word] += count
        return count


def refreshed(db: Database) -> None:
    """Give up a connection that the server has cut, so that the next statement gets a new one."""
    if db.postgres and not db.pw.is_closed() and not db.pw.is_connection_usable():
        db.pw.close()
