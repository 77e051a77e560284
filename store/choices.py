"""What completes a filter from the books: vendors, jobs, commitments, periods, batches, senders, errors."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from operator import or_
from typing import Any

from peewee import fn

from store.db import Database
from store.domain.completing import Choice, Completing, fixed_choices
from store.domain.filter import quoted
from store.domain.status import ErpStatus
from store.domain.text import fold, one_line, safe, storable
from store.matching import contains, has
from store.models import Batch, BillingPeriod, Commitment, Invoice, Project, User, Vendor

# So many are offered at once.
MOST = 8
# A name longer than this is inserted in part; the part finds it.
INSERTED_MOST = 60
# Errors are looked for among so many failed invoices.
FAILED_MOST = 2000


def choices(db: Database, at: Completing) -> list[Choice]:
    """At most MOST choices for what is being completed, those that begin with what was typed first.

    A bare word that begins no key is completed to a vendor's name.
    """
    found = fixed_choices(at)
    if not storable(at.typed) or (not at.key and not at.typed):
        return found
    if at.key in _SOURCES:
        found += _SOURCES[at.key](db, at.typed)
    elif not at.key and not found:
        found = _vendors(db, at.typed)
    return list(dict.fromkeys(found))[:MOST]


def harmless(name: str) -> str:
    """The longest part of a name that can be shown and typed as it is; "" where there is none.

    A filter for it finds the name: it is a part of it after folding, too.
    """
    runs = (run.strip() for run in "".join(c if safe(c) == c else "\n" for c in name).split("\n"))
    run = max(runs, key=len, default="")[:INSERTED_MOST].strip()
    while run and (unicodedata.normalize("NFKC", run) not in _normal(name) or fold(run) not in fold(name)):
        run = run[:-1].strip()
    return run


def _normal(name: str) -> str:
    return unicodedata.normalize("NFKC", name)


def _texts(names: Iterable[Sequence[Any]]) -> list[Choice]:
    """A choice a row: what is inserted comes from the first column, all of them are shown."""
    shown = ((harmless(str(row[0])), "  ".join(map(str, row))) for row in names)
    return [Choice(quoted(part), one_line(text)) for part, text in shown if part]


def _like(
    db: Database, columns: Sequence[Any], typed: str, compare: Callable[..., Any] = contains
) -> list[tuple[Any, ...]]:
    """The rows one of whose columns has the text; the first column's beginnings come first."""
    model = columns[0].model
    begins = fn.LOWER(fn.SUBSTR(columns[0], 1, len(typed))) == typed.lower()
    matches = reduce(or_, [compare(db, column, typed) for column in columns])
    # Grouped, not DISTINCT: PostgreSQL orders distinct rows by what they show alone.
    select = model.select(*columns).where(matches).group_by(*columns).order_by(begins.desc(), *columns)
    return db.rows(select.limit(MOST))


def _vendors(db: Database, typed: str) -> list[Choice]:
    return _texts(_like(db, [Vendor.name], typed))


def _jobs(db: Database, typed: str) -> list[Choice]:
    return _texts(_like(db, [Project.number, Project.name], typed))


def _commitments(db: Database, typed: str) -> list[Choice]:
    return _texts(_like(db, [Commitment.number], typed, has))


def _senders(db: Database, typed: str) -> list[Choice]:
    return _texts(_like(db, [User.login, User.name], typed))


def _periods(db: Database, typed: str) -> list[Choice]:
    """Months that have billing periods, the newest first."""
    ends = db.rows(BillingPeriod.select(BillingPeriod.end_date).distinct())
    months = {row[0][:7] for row in ends}
    return _texts((month,) for month in sorted(months, reverse=True) if month.startswith(typed))


def _batches(db: Database, typed: str) -> list[Choice]:
    """The newest ones."""
    rows = db.rows(Batch.select(Batch.id).order_by(Batch.id.desc()).limit(MOST * 25))
    return _texts(row for row in rows if str(row[0]).startswith(typed))


def _errors(db: Database, typed: str) -> list[Choice]:
    failed = (
        Invoice.select(Invoice.error_code).where(Invoice.phase == ErpStatus.FAILED.value).limit(FAILED_MOST)
    )
    codes = sorted({row[0] for row in db.rows(failed) if fold(typed) in fold(row[0])})
    return _texts((code,) for code in codes)


_SOURCES: dict[str, Callable[[Database, str], list[Choice]]] = {
    "vendor": _vendors,
    "job": _jobs,
    "commitment": _commitments,
    "period": _periods,
    "acct": _periods,
    "batch": _batches,
    "error": _errors,
    "sent-by": _senders,
}
