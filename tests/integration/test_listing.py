"""The lists on both databases, against plain Python: every order, view and filter, windows, places and ranges."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from list_books import QUERIES, VENDORS, VIEWS, Line, books, expected, write

from store import directory, invoices, listing, places, selecting
from store.db import Database
from store.domain.selection import Gesture, Matching, Stroke
from store.domain.status import ProjectView, View
from store.invoices import SortBy
from store.listing import Listing, Order
from store.places import STEP

fixture_stays = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
ORDERS = st.builds(
    Order, st.sampled_from(VIEWS), st.sampled_from(list(QUERIES)), st.sampled_from(SortBy), st.booleans()
)


@fixture_stays
@given(lines=books(), orders=st.lists(ORDERS, min_size=4, max_size=8), small=st.sampled_from((0, 2, 20_000)))
def test_windows_places_and_ranges_are_those_of_a_plain_sort(
    db: Database, lines: list[Line], orders: list[Order], small: int
) -> None:
    write(db, lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listing, "SMALL", small)
        patch.setattr(listing, "WALKING", 60.0)
        patch.setattr(listing, "SORTING", 60.0)
        for order in orders:
            check(db, expected(lines, order), order)


def check(db: Database, ids: list[int], order: Order) -> None:
    begun = listing.begin(db, order, 2)
    if begun.complete:
        assert begun.count == len(ids)
    else:
        assert list(begun.ids or ()) == ids[: begun.count]
    whole = listing.complete(db, begun)
    assert whole.complete and whole.count == len(ids)
    assert list(listing.every_id(db, order)) == ids
    # Out of turn, so that windows begin at each other, before and behind.
    for first in (len(ids) // 2, 0, 1, 3, len(ids) - 2, 2):
        assert seen(db, whole, first, 3) == ids[max(0, first) : max(0, first) + 3]
    for place, number in enumerate(ids):
        assert listing.place_of(db, whole, number) == place
    assert listing.place_of(db, whole, 999) is None
    for one, other in ((0, len(ids) - 1), (len(ids) - 1, len(ids) // 2)) if ids else ():
        low, high = sorted((one, other))
        pairs = [(number, 1) for number in ids[low : high + 1]]
        assert list(listing.between(db, whole, ids[one], ids[other], len(pairs)) or ()) == pairs
        assert listing.between(db, whole, ids[one], ids[other], len(pairs) - 1) is None
        assert listing.between(db, whole, ids[one], 999, 5) == ()


def seen(db: Database, whole: Listing, first: int, count: int) -> list[int]:
    return [row.id for row in listing.window(db, whole, first, count)]


STROKES = st.lists(
    st.builds(Stroke, st.sampled_from(Gesture), st.sampled_from(list(QUERIES))), min_size=1, max_size=3
).map(tuple)
SOME = st.frozensets(st.integers(1, 12), max_size=3)


@fixture_stays
@given(
    lines=books(),
    order=ORDERS,
    strokes=STROKES,
    removed=SOME,
    added=SOME,
    within=st.sampled_from(list(QUERIES)),
)
def test_the_marked_alone_are_listed_in_the_same_order(
    db: Database,
    lines: list[Line],
    order: Order,
    strokes: tuple[Stroke, ...],
    removed: frozenset[int],
    added: frozenset[int],
    within: str,
) -> None:
    write(db, lines)
    for only in (
        Matching(order.view, strokes),
        Matching(order.view, strokes, removed=removed, added=added - removed, within=within),
    ):
        marked = set(selecting.ids_of(db, only))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(listing, "SMALL", 0)
            begun = listing.begin(db, replace(order, only=only), 2)
            whole = listing.complete(db, begun)
        ids = [number for number in expected(lines, order) if number in marked]
        assert list(whole.ids or ()) == ids
        assert list(begun.ids or ()) == (ids if begun.complete else ids[: begun.count])
        assert sum(t.count for t in selecting.totals(db, only)) == len(marked)


@fixture_stays
@given(lines=books())
def test_the_views_have_as_many_as_they_list(db: Database, lines: list[Line]) -> None:
    write(db, lines)
    assert invoices.counts(db) == {view: len(expected(lines, Order(view))) for view in View}
    assert invoices.project_counts(db) == {view: len(expected(lines, Order(view))) for view in ProjectView}


def test_what_takes_too_long_begins_with_what_was_found(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "SMALL", 0)
    lines = [line(n) for n in range(1, 30)]
    write(db, lines)
    begun = listing.begin(db, Order(View.READY, "101", SortBy.VENDOR), 5)
    assert (begun.complete, list(begun.ids or ())) == (False, [1, 2, 3, 4, 5])
    begun = listing.begin(db, Order(View.READY, sort=SortBy.PERIOD), 5)
    # PostgreSQL would have to sort all of them first.
    assert (begun.complete, list(begun.ids or ())) == (False, [] if db.postgres else [1, 2, 3, 4, 5])
    assert listing.complete(db, begun).count == 29


def test_an_invoice_of_another_view_has_no_place(db: Database) -> None:
    write(db, [line(1), line(2, state="synced")])
    whole = listing.begin(db, Order(View.READY), 5)
    assert [listing.place_of(db, whole, number) for number in (1, 2)] == [0, None]


def test_a_window_of_invoices_that_left_meanwhile_is_shorter(db: Database) -> None:
    write(db, [line(n) for n in range(1, 6)])
    whole = listing.begin(db, Order(View.READY), 5)
    db.execute("UPDATE invoices SET erp_status = 'queued' WHERE id = 3")
    assert seen(db, whole, 0, 5) == [1, 2, 4, 5]


def test_counts_follow_what_this_and_other_connections_commit(db: Database) -> None:
    write(db, [line(n) for n in range(1, 6)])
    assert invoices.counts(db)[View.READY] == 5
    db.execute("UPDATE invoices SET erp_status = 'queued' WHERE id = 3")
    assert invoices.counts(db)[View.READY] == 4
    from store.db import open as open_again

    other = open_again(db.url)
    other.execute("UPDATE invoices SET erp_status = 'queued' WHERE id = 4")
    other.close()
    assert invoices.counts(db) == {
        View.READY: 3, View.EXPORTING: 2, View.FAILED: 0, View.SYNCED: 0, View.ALL: 5,
    }  # fmt: skip


def line(n: int, vendor: str = "Bell", state: str = "ready_to_export") -> Line:
    return Line(
        n,
        vendor,
        "24-101",
        "Tower",
        "1",
        1,
        n,
        f"101-{n:03}",
        state,
        None,
        "USD",
        100,
        "2026-10-31",
        False,
        "pm",
    )


# -- places ----------------------------------------------------------------------------------------------------


def add(db: Database, name: str, number: str = "1") -> None:
    """A commitment of a vendor of its own with one invoice, and places for all."""
    found = db.execute("SELECT count(*) FROM vendors WHERE id > 99").fetchone()[0] + 100
    with db.transaction():
        db.execute("INSERT INTO vendors (id, source_id, name) VALUES (?, ?, ?)", (found, f"n{found}", name))
        db.execute(
            "INSERT INTO commitments (id, source_id, project_id, vendor_id, number, title, kind, currency)"
            " VALUES (?, ?, 0, ?, ?, '', 'subcontract', 'USD')",
            (found, f"n{found}", found, f"{number}-{found}"),
        )
        db.execute(
            "INSERT INTO invoices (id, uuid, source, source_id, commitment_id, project_id, vendor_id, application, number,"
            " period_start, period_end, billing_date, status, erp_status, currency, gross, retainage, net, completed,"
            " retainage_to_date, created_at, updated_at) VALUES (?, ?, 't', ?, ?, 0, ?, 1, 'n', '', '', '', 'approved',"
            " 'not_sent', 'USD', 0, 0, 0, 0, 0, 0, 0)",
            (found, f"n{found}", f"n{found}", found, found),
        )
        places.refresh(db)


def stored(db: Database) -> dict[str, int]:
    rows = db.execute(
        "SELECT v.name, c.place, i.place FROM commitments c JOIN vendors v ON v.id = c.vendor_id"
        " JOIN invoices i ON i.commitment_id = c.id ORDER BY c.place"
    ).fetchall()
    assert all(mine == theirs for _, mine, theirs in rows)
    return {name: place for name, place, _ in rows}


def test_a_new_commitment_gets_a_place_between_and_moves_no_other(db: Database) -> None:
    write(db, [])
    add(db, "Apex")
    add(db, "Cedar")
    before = stored(db)
    add(db, "Bell")
    after = stored(db)
    assert list(after) == ["Apex", "Bell", "Cedar"]
    assert before.items() <= after.items()


def test_a_renamed_vendor_alone_moves(db: Database) -> None:
    write(db, [])
    for name in ("Apex", "Bell", "Cedar"):
        add(db, name)
    before = stored(db)
    with db.transaction():
        db.execute("UPDATE vendors SET name = 'Dove' WHERE name = 'Apex'")
        assert places.refresh(db) == 1
    after = stored(db)
    assert list(after) == ["Bell", "Cedar", "Dove"]
    assert {name: after[name] for name in ("Bell", "Cedar")} == {
        name: before[name] for name in ("Bell", "Cedar")
    }
    assert places.refresh(db) == 0


def test_where_no_gap_is_left_all_places_are_new(db: Database) -> None:
    write(db, [])
    add(db, "Apex")
    add(db, "Cedar")
    db.execute("UPDATE commitments SET place = 7 WHERE id = 100")
    db.execute("UPDATE commitments SET place = 8 WHERE id = 101")
    add(db, "Bell")
    assert stored(db) == {"Apex": STEP, "Bell": 2 * STEP, "Cedar": 3 * STEP}


@given(st.lists(st.integers(0, 12), max_size=12))
def test_spread_places_rise_and_keep_what_they_can(given: list[int]) -> None:
    found = places.spread(given)
    assert all(a < b for a, b in pairwise(found)) and all(place > 0 for place in found)
    assert places.spread(found) == found
    if given == sorted(set(given) - {0}):
        assert found == given


def test_names_stand_in_the_order_of_their_code_points(db: Database) -> None:
    write(db, [])
    for name in VENDORS:
        add(db, name)
    assert list(stored(db)) == sorted(set(VENDORS))
    shown = listing.begin(db, Order(ProjectView.ALL), 20)
    assert [row.vendor for row in listing.window(db, shown, 0, 20)] == sorted(VENDORS)


def test_the_lists_of_a_user_show_own_invoices_as_such(db: Database) -> None:
    write(db, [line(1)])
    db.execute("UPDATE invoices SET creator_login = 'JLopez'")
    me = directory.actor(db, "jlopez")
    shown = listing.begin(db, Order(View.READY, me=me), 5)
    assert [row.flags for row in listing.window(db, shown, 0, 5)] == ["S"]
