"""Own invoices in every alphabet: rows, filters, clean marks and control totals agree on both databases."""

from __future__ import annotations

import pytest
from invoice_factory import make

from store import directory, listing, selecting, view_totals
from store.db import Database
from store.directory import UserValues
from store.domain.actor import Actor, Level
from store.domain.selection import Gesture, Matching, Stroke
from store.domain.status import View
from store.invoices import is_own
from store.listing import Order

LONG = "ö" * 300
CREATORS = (
    "jörg", "JÖRG", "Jörg@X.example", "JORG", "jörg ", "JÖRG" + LONG, "stra\u00dfe", "STRASSE", "\u212aim", "kim",
    "KIM", "İstanbul", "istanbul", "\u017fam", LONG, LONG.upper(), "Ö" * 299 + "x", "東京", "pm@acme.example",
    "a" * 300, "A" * 300, "a" * 299 + "b", "",
)  # fmt: skip


def user(db: Database, login: str, email: str = "") -> Actor:
    directory.put_user(db, None, UserValues(login, login, "", Level.STANDARD, Level.READ_ONLY, can_push=True))
    # The Directory takes no such address any more; older books have it.
    db.execute("UPDATE users SET email = ? WHERE login = ?", (email, login))
    return directory.actor(db, login)


def listed(db: Database, me: Actor, query: str) -> set[int]:
    whole = listing.complete(db, listing.begin(db, Order(View.READY, query, me=me), 99))
    return {row.id for row in listing.window(db, whole, 0, whole.count)}


@pytest.mark.parametrize(
    "login", ["jörg", "JÖRG", "strasse", "kim", "istanbul", "sam", LONG, "東京", "a" * 300]
)
def test_rows_filters_and_clean_totals_agree(db: Database, login: str) -> None:
    me = user(db, login, "jörg@x.example" if login == "jörg" else "")
    made = {
        make(db, f"N-{n}", commitment=f"SC-{n}", creator=creator): creator
        for n, creator in enumerate(CREATORS)
    }
    own = {number for number, creator in made.items() if is_own(me, creator, "", None)}
    assert own
    whole = listing.complete(db, listing.begin(db, Order(View.READY, me=me), 99))
    assert {row.id for row in listing.window(db, whole, 0, whole.count) if "S" in row.flags} == own
    assert listed(db, me, "flag:S") == own
    assert listed(db, me, "-flag:S") == set(made) - own
    assert listed(db, me, "flag:none") == set(made) - own
    assert view_totals.flagged_ids(db, me) == own
    clean = Matching(View.READY, (Stroke(Gesture.MARK, "", True, me),))
    assert [total.count for total in selecting.totals(db, clean)] == [len(made) - len(own)]
