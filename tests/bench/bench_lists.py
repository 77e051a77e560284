"""The store side of the lists at full size: windows, places, filters, totals.

    python tests/bench/bench_lists.py [DATABASE URL] [--rows 1000000] [--times 15]

Without a database one of so many rows is seeded and removed again. One line a figure: what, median and 95th percentile
in milliseconds, the target. "joined" lines are the plain way over joins, in the same run, for comparison.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from store import db as database
from store import demo, directory, invoices, listing, places, selecting
from store.db import Database
from store.directory import UserValues
from store.domain.actor import Actor, Level
from store.domain.selection import Gesture, Marked, Matching, Stroke, every
from store.domain.status import View
from store.invoices import SortBy
from store.listing import Order
from store.models import Commitment, Invoice, Vendor
from store.query import in_view, joined


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def timed(what: str, target: str, times: int, call: Callable[[int], Any]) -> Any:
    """Print the figure of a call, which is told how often it was called before; returns what came of it last."""
    spent = []
    for n in range(times):
        begun = time.perf_counter()
        result = call(n)
        spent.append((time.perf_counter() - begun) * 1000)
    p95 = sorted(spent)[min(times - 1, int(times * 0.95))]
    say(f"{what:58} {median(spent):9.1f} {p95:9.1f}  {target}")
    return result


def seeded(folder: str, rows: int) -> Database:
    db = database.create(f"sqlite:{folder}/payapp.db")
    return filled(db, rows)


def filled(db: Database, rows: int) -> Database:
    """A demo of so many invoices, all Ready to Export."""
    directory.found(db, "BENCH", "USD", "sandbox", demo=True, hold_ms=0)
    for login in ("mgarcia", "jlopez"):
        values = UserValues(login, login, "", Level.STANDARD, Level.ADMIN, Level.ADMIN, can_push=True)
        directory.put_user(db, None, values)
    demo.seed(db, directory.actor(db, "mgarcia"), rows)
    with db.transaction():
        db.execute("UPDATE invoices SET erp_status = 'ready_to_export'")
    if db.postgres:
        db.execute("VACUUM ANALYZE")
    return db


def lists(db: Database, me: Actor, times: int) -> None:
    """Windows and places in the orders that indexes have."""
    order = Order(View.READY, me=me)
    timed("begin, a whole view by vendor", "20", times, lambda _: listing.begin(forgotten(db), order, 60))
    shown = listing.begin(db, order, 60)
    count = shown.count
    spots = [count * n // 17 for n in range(1, 17)]
    timed("jump anywhere, 40 rows", "30", times, lambda n: jump(db, order, count, spots[n % len(spots)]))
    listing.window(db, shown, count // 2, 40)
    timed(
        "neighbouring page, 40 rows", "5", times, lambda n: listing.window(db, shown, count // 2 + 40 * n, 40)
    )
    old = joined(Invoice.id).where(in_view(View.READY)).order_by(Vendor.name, Commitment.number)
    timed("joined: 40 ids from the middle", "", 1, lambda _: db.rows(old.limit(40).offset(count // 2)))
    ids = [row.id for spot in spots for row in listing.window(db, shown, spot, 1)]
    for sort in (SortBy.NUMBER, SortBy.VENDOR):
        timed(
            f"re-sort by {sort}: begin, place_of, 60 rows", "20", times,
            partial(nth, partial(resorted, db, Order(View.READY, sort=sort, me=me)), ids),
        )  # fmt: skip
    timed(
        "between, 1,000 rows",
        "",
        times,
        lambda n: listing.between(db, shown, ids[0], jumped(db, shown, n), 5000),
    )
    for sort in (SortBy.NET, SortBy.PERIOD, SortBy.JOB):
        unsorted = Order(View.READY, sort=sort, me=me)
        begun = timed(
            f"sort by {sort}: begin", "", 3, partial(once, partial(listing.begin, db, unsorted, 60))
        )
        whole = timed(f"sort by {sort}: complete", "", 2, partial(once, partial(listing.complete, db, begun)))
        say(f"    first rows {begun.count}, whole {whole.count}")
    timed("counts of the views", "30", times, lambda _: invoices.counts(forgotten(db)))


def nth(call: Callable[[int], Any], values: Sequence[int], n: int) -> Any:
    return call(values[n % len(values)])


def once(call: Callable[[], Any], _: int) -> Any:
    return call()


def jumped(db: Database, shown: listing.Listing, n: int) -> int:
    return listing.window(db, shown, shown.count // 17 + 1000 + n, 1)[0].id


def forgotten(db: Database) -> Database:
    """As if something was committed since."""
    db._memory.clear()
    return db


def jump(db: Database, order: Order, count: int, spot: int) -> Any:
    return listing.window(db, listing.Listing(order, count), spot, 40)


def resorted(db: Database, order: Order, number: int) -> None:
    begun = listing.begin(db, order, 60)
    place = listing.place_of(db, begun, number)
    assert place is not None
    listing.window(db, begun, max(0, place - 20), 60)


def filters(db: Database, me: Actor, times: int) -> None:
    """Free text, frequent, rare and absent; then terms that no index answers alone."""
    for query in (
        "apex",
        "roofing landscape",
        "zzz",
        "112-04",
        "SC-101",
        "-bell",
        "vendor:apex 112",
        "net>100k",
        "apex net>100k",
    ):
        order = Order(View.READY, query, me=me)
        begun = timed(
            f"filter {query!r}: first rows", "50", times, partial(once, partial(listing.begin, db, order, 60))
        )
        whole = timed(
            f"filter {query!r}: complete", "", 3, partial(once, partial(listing.complete, db, begun))
        )
        say(f"    first rows {begun.count}{'' if begun.complete else '+'}, whole {whole.count}")


def selections(db: Database, me: Actor, times: int) -> None:
    """Totals of what is marked, which of a page are, and the digest of all."""
    everything = every(View.READY)
    clean = Matching(View.READY, (Stroke(Gesture.MARK, clean=True, me=me),))
    shown = listing.begin(db, Order(View.READY, me=me), 60)
    page = [row.id for row in listing.window(db, shown, shown.count // 2, 60)]
    timed(
        "totals, whole view, first time", "120", times, lambda _: selecting.totals(forgotten(db), everything)
    )
    timed(
        "totals, whole view, nothing committed since", "25", times, lambda _: selecting.totals(db, everything)
    )
    timed(
        "totals, whole view but those flagged, first time",
        "120",
        5,
        lambda _: selecting.totals(forgotten(db), clean),
    )
    few = Matching(View.READY, (Stroke(Gesture.MARK),), removed=frozenset(page))
    timed("totals, whole view but 60", "25", times, lambda _: selecting.totals(db, few))
    timed("totals, marked by 'apex'", "120", 3, lambda _: selecting.totals(db, every(View.READY, "apex")))
    timed("totals, 60 marked", "25", times, lambda _: selecting.totals(db, Marked(dict.fromkeys(page, 1))))
    for what, selection in (
        ("whole view", everything),
        ("clean", clean),
        ("'apex'", every(View.READY, "apex")),
    ):
        timed(f"among 60, {what}", "2", times, partial(once, partial(selecting.among, db, selection, page)))
    timed("select_ids with digest, whole view", "", 1, lambda _: selecting.select_ids(db, everything))
    timed("places, nothing to do", "", 3, lambda _: places.refresh(db))


def main(argv: Sequence[str]) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url", nargs="?")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=15)
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="payapp-lists-") as folder:
        db = database.open(given.url) if given.url else seeded(folder, given.rows)
        me = directory.actor(db, "jlopez")
        say(f"{'ms':58} {'median':>9} {'p95':>9}  target")
        lists(db, me, given.times)
        filters(db, me, given.times)
        selections(db, me, given.times)
        db.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
