"""The phase of an ERP status, which the indexes of invoices stand on: it stays the same all through the Exporting view.

Invoices have it in a column, and beside it whether they are in ERP Integrations (``sent``, 1 or 0). PostgreSQL works both
out by itself; on SQLite whoever writes a status writes them too, and a trigger does where nobody did.
"""

from __future__ import annotations

from collections.abc import Iterable

from store.db import Database
from store.domain.status import VIEW_STATES, ErpStatus, View

# Worked out of the status wherever an invoice is written: nobody carries them elsewhere.
COLUMNS = ("phase", "sent")
_ONE = dict.fromkeys(VIEW_STATES[View.EXPORTING], ErpStatus.EXPORTING)


def of(status: ErpStatus) -> ErpStatus:
    """The phase of a status; it is called as one of its statuses."""
    return _ONE.get(status, status)


def of_all(statuses: Iterable[ErpStatus]) -> tuple[ErpStatus, ...]:
    """The phases of these statuses, each once."""
    return tuple(dict.fromkeys(of(status) for status in statuses))


def moved(db: Database, target: ErpStatus, sources: Iterable[ErpStatus]) -> dict[str, str | int]:
    """What to write beside the status where invoices go to ``target`` from any of ``sources``: what changes, no more."""
    if db.postgres:
        return {}
    before = of_all(sources)
    values: dict[str, str | int] = {}
    if before != (of(target),):
        values["phase"] = of(target).value
    is_sent = target is not ErpStatus.NOT_SENT
    if any((phase is not ErpStatus.NOT_SENT) is not is_sent for phase in before):
        values["sent"] = int(is_sent)
    return values
