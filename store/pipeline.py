"""Statements of one transaction that do not wait for each other's answers. PostgreSQL alone has any; SQLite is no way off."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

import peewee

from store.db import Database

# Its few statements find few rows by their ids or in the order of an index, whatever statistics from before an Export of
# many say; and planning each anew takes longer than running it. A bitmap never forgets the rows that have left an index.
_PLANS = "SELECT " + ", ".join(
    f"set_config('{name}', '{value}', true)"
    for name, value in {
        "plan_cache_mode": "force_generic_plan",
        "enable_seqscan": "off",
        "enable_bitmapscan": "off",
        "enable_hashjoin": "off",
        "enable_mergejoin": "off",
        "enable_sort": "off",
    }.items()
)


class _Checks(threading.local):
    waiting: list[Callable[[], None]] | None = None


_checks = _Checks()


@contextlib.contextmanager
def pipelined(db: Database) -> Iterator[None]:
    """What is executed in it goes out at once; reading a result waits for it, and so does the end.

    Use it inside a transaction: what fails raises at the next result that is read, or at the end, and undoes it all.
    Inside another one it is a part of that.
    """
    if not db.postgres or _checks.waiting is not None:
        yield
        return
    checks: list[Callable[[], None]] = []
    _checks.waiting = checks
    try:
        # Peewee's own wrapper: the driver's errors become Peewee's.
        with db.translated(), peewee.__exception_wrapper__, db.pw.connection().pipeline():  # type: ignore[attr-defined] # not in its annotations
            db.execute(_PLANS)
            yield
            for check in checks:
                check()
    except BaseException:
        # The driver counts statements as prepared which the server has skipped after the one that failed.
        db.give_up()
        raise
    finally:
        _checks.waiting = None


def later(check: Callable[[], None]) -> None:
    """Call it when the results of the pipeline under way are read anyway, or at once where there is none.

    What it raises undoes the transaction.
    """
    if _checks.waiting is None:
        check()
    else:
        _checks.waiting.append(check)
