"""Selections on both databases: strokes against plain sets, totals against plain sums, calls that are given up."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from invoice_factory import make
from list_books import QUERIES, VIEWS, Line, books, in_view, write

from store import directory, listing, looking, selecting, view_totals
from store.db import Database
from store.domain.actor import Actor
from store.domain.errors import Changed, Interrupted
from store.domain.filter import BadFilter
from store.domain.selection import Gesture, Marked, Matching, Stroke, Totals, every
from store.domain.status import View
from store.listing import Order

IDS = st.frozensets(st.integers(1, 14), max_size=3)
STROKES = st.builds(Stroke, st.sampled_from(Gesture), st.sampled_from(list(QUERIES)), st.booleans())
SELECTIONS = st.builds(
    Matching,
    st.sampled_from(VIEWS),
    st.lists(STROKES, max_size=3).map(tuple),
    IDS,
    IDS,
    st.sampled_from(list(QUERIES)),
)
# What most selections are: a whole view, or that without some.
WHOLE = st.builds(
    Matching,
    st.sampled_from(VIEWS),
    st.builds(Stroke, st.just(Gesture.MARK), st.just(""), st.booleans()).map(lambda stroke: (stroke,)),
    IDS,
    IDS,
)


def marked(lines: list[Line], selection: Matching, me: Actor) -> list[Line]:
    """What the selection has, as plain sets have it."""
    found: set[int] = set()
    for stroke in selection.strokes:
        met = {x.id for x in lines if QUERIES[stroke.query](x) and not (stroke.clean and x.flagged(me))}
        match stroke.gesture:
            case Gesture.MARK:
                found |= met
            case Gesture.UNMARK:
                found -= met
            case Gesture.INVERT:
                found ^= met
    found = (found - selection.removed) | selection.added
    return [x for x in lines if x.id in found and in_view(x, selection.view) and QUERIES[selection.within](x)]


def summed(lines: list[Line]) -> list[Totals]:
    return [
        Totals(currency, len(own), sum(x.gross for x in own), 5 * len(own), sum(x.gross - 5 for x in own), sum(x.id * 7 for x in own))
        for currency in sorted({x.currency for x in lines})
        if (own := [x for x in lines if x.currency == currency])
    ]  # fmt: skip


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=books(),
    selections=st.lists(st.one_of(SELECTIONS, WHOLE), min_size=4, max_size=8),
    limit=st.sampled_from((None, 100)),
    most=st.sampled_from((0, 2, 50_000)),
)
def test_strokes_mark_what_plain_sets_have(
    db: Database, lines: list[Line], selections: list[Matching], limit: int | None, most: int
) -> None:
    write(db, lines)
    me = replace(directory.actor(db, "jlopez"), limit_invoice=limit)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(view_totals, "MOST", most)
        for selection in selections:
            ours = replace(selection, strokes=tuple(replace(stroke, me=me) for stroke in selection.strokes))
            check(db, lines, ours, marked(lines, ours, me))


def check(db: Database, lines: list[Line], selection: Matching, found: list[Line]) -> None:
    ids = [x.id for x in found]
    assert selecting.matched(db, selection) == [(number, 1) for number in ids]
    assert list(selecting.select_ids(db, selection)[0]) == ids
    assert selecting.among(db, selection, [x.id for x in lines]) == set(ids)
    assert selecting.totals(db, selection) == summed(found)
    shown = listing.begin(db, Order(selection.view, only=selection), 5)
    assert set(listing.complete(db, shown).ids or ()) == set(ids)


def test_the_digest_of_a_run_is_that_of_all_the_pairs(db: Database) -> None:
    write(db, [line(n) for n in range(1, 9)])
    pairs = selecting.matched(db, every(View.READY))
    assert list(selecting.select_ids(db, every(View.READY, digest=selecting.digest(pairs)))[0]) == [
        n for n, _ in pairs
    ]
    db.execute("UPDATE invoices SET version = 2 WHERE id = 5")
    with pytest.raises(Changed):
        selecting.select_ids(db, every(View.READY, digest=selecting.digest(pairs)))


def test_totals_follow_what_is_committed(db: Database) -> None:
    write(db, [line(1), line(2)])
    assert [total.count for total in selecting.totals(db, every(View.READY))] == [2]
    db.execute("UPDATE invoices SET erp_status = 'queued' WHERE id = 1")
    assert [total.count for total in selecting.totals(db, every(View.READY))] == [1]


def test_totals_of_marked_ones_leave_out_what_others_changed(db: Database) -> None:
    write(db, [line(1), line(2)])
    assert [total.count for total in selecting.totals(db, Marked({1: 1, 2: 7}))] == [1]


def line(n: int) -> Line:
    return Line(
        n, "Bell", "24-101", "Tower", "1", 1, n, f"101-{n:03}", "ready_to_export", None, "USD", 100, "2026-10-31",
        False, "pm",
    )  # fmt: skip


# -- giving up -------------------------------------------------------------------------------------------------


def for_ever(db: Database, begun: threading.Event) -> None:
    begun.set()
    db.execute(
        "SELECT pg_sleep(60)"
        if db.postgres
        else "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
    ).fetchall()


def one(db: Database) -> int:
    return int(db.execute("SELECT 1").fetchone()[0])


async def test_a_count_that_is_given_up_ends_and_the_next_one_answers(db: Database) -> None:
    begun = threading.Event()
    asked = asyncio.ensure_future(db.count(for_ever, begun))
    await asyncio.to_thread(begun.wait)
    db.interrupt("count")
    with pytest.raises(Interrupted):
        await asked
    assert await db.count(one) == 1
    db.interrupt("count")
    assert await db.count(one) == 1


async def test_giving_up_one_thread_leaves_the_others_alone(db: Database) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def write_slowly(db: Database) -> int:
        with db.transaction():
            begun.set()
            go_on.wait()
            return one(db)

    writing = asyncio.ensure_future(db.write(write_slowly))
    await asyncio.to_thread(begun.wait)
    db.interrupt("count")
    db.interrupt("read")
    go_on.set()
    assert await writing == 1


async def test_between_two_statements_it_is_given_up_too(db: Database) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def two_steps(db: Database) -> int:
        one(db)
        begun.set()
        go_on.wait()
        return one(db)

    asked = asyncio.ensure_future(db.count(two_steps))
    await asyncio.to_thread(begun.wait)
    db.interrupt("count")
    go_on.set()
    with pytest.raises(Interrupted):
        await asked


@pytest.mark.parametrize("older", ["vendor:apex", 'vendor:"apex d"'])
def test_a_part_of_a_part_is_narrowed_further(db: Database, approver: Actor, older: str) -> None:
    first = make(db, "A-1", vendor="Apex Drywall LLC")
    make(db, "A-2", commitment="2", vendor="Apex Drywall LLC")
    make(db, "B-1", commitment="3", vendor="Bell", vendor_ref="BELL")
    part, count = looking.matching_part(db, View.READY, every(View.READY), older, approver)
    assert count == 2
    narrower, count = looking.matching_part(db, View.READY, part, "number:-1", approver)
    assert count == 1 and list(selecting.ids_of(db, narrower)) == [first]
    shown, hidden = looking.shown_part(db, View.READY, part, "number:-1", approver)
    assert hidden == 1 and shown == narrower
    assert looking.tally(db, View.READY, part, "number:-1", approver).visible == 1
    nothing, count = looking.matching_part(db, View.READY, part, "vendor:bell", approver)
    assert count == 0 and not selecting.ids_of(db, nothing)
    with pytest.raises(BadFilter):
        looking.matching_part(db, View.READY, part, '"number', approver)
