"""Finding invoices on both databases: filters that mean what was typed, and numbers that name one invoice or none."""

from __future__ import annotations

from typing import Any

import peewee
import pytest
from invoice_factory import make

from store import invoices
from store.db import Database
from store.domain.errors import BadInput, NothingMatched
from store.domain.status import View
from store.listing import Order, every_id


def found(db: Database, query: str) -> set[str]:
    """The numbers of the ready invoices that match."""
    ids = every_id(db, Order(View.READY, query))
    return {row.number for row in invoices.rows(db, ids)}


def priced(db: Database, number: str, currency: str, gross: int) -> None:
    """A ready invoice of that gross (net the same) in minor units."""
    application = int(number.rpartition("-")[2])
    made = make(db, number, application=application, commitment=f"SC-{currency}", currency=currency)
    db.execute("UPDATE invoices SET gross = ?, net = ? WHERE id = ?", (gross, gross, made))


# -- amounts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("gross>1000", {"JPY-2", "KWD-2", "USD-2"}),
        ("gross>=1000", {"JPY-1", "JPY-2", "KWD-1", "KWD-2", "USD-1", "USD-2"}),
        ("gross<1000.001", {"JPY-1", "KWD-1", "USD-1"}),
        ("gross:1000..1000", {"JPY-1", "KWD-1", "USD-1"}),
        ("gross:1k", {"JPY-1", "KWD-1", "USD-1"}),
        ("-gross>1000", {"JPY-1", "KWD-1", "USD-1"}),
        ("gross>=1000.5", {"JPY-2", "USD-2"}),
    ],
)
def test_an_amount_is_in_major_units_of_each_invoices_own_currency(
    db: Database, query: str, numbers: set[str]
) -> None:
    for currency, places in (("USD", 2), ("JPY", 0), ("KWD", 3)):
        priced(db, f"{currency}-1", currency, 1000 * 10**places)
    priced(db, "USD-2", "USD", 100_050)
    priced(db, "JPY-2", "JPY", 1001)
    priced(db, "KWD-2", "KWD", 1_000_001)
    assert found(db, query) == numbers


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("net<10.005", {"A-1"}),
        ("net<=10.005", {"A-1"}),
        ("net>10.005", {"A-2"}),
        ("net>=10.005", {"A-2"}),
        ("net:10.005", set()),
        ("net>-10.005", {"A-1", "A-2"}),
        ("net<10.00" + "9" * 30, {"A-1"}),
    ],
)
def test_decimals_beyond_the_currencys_own_are_not_cut_off(
    db: Database, query: str, numbers: set[str]
) -> None:
    priced(db, "A-1", "USD", 1000)
    priced(db, "A-2", "USD", 1001)
    assert found(db, query) == numbers


def test_an_amount_beyond_all_integers_matches_none_or_all(db: Database) -> None:
    make(db, "A-1")
    huge = "9" * 30
    assert found(db, f"net>{huge}") == set()
    assert found(db, f"net<{huge}") == {"A-1"}
    assert found(db, f"net>-{huge}m") == {"A-1"}


# -- names -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    ["BÄCKEREI", "vendor:bäckerei", "vendor:ÖZ", "vendor:ｏｚｃａｎ", '"özcan & co"', "-vendor:smith"],
)
def test_letters_beyond_ascii_have_two_cases_too(db: Database, query: str) -> None:
    make(db, "A-1", vendor="Bäckerei ÖZCAN & Co ozcan")
    make(db, "B-1", vendor="Smith", vendor_ref="SMITH", commitment="SC-2")
    assert found(db, query) == {"A-1"}


@pytest.mark.parametrize("key", ["", "number:", "commitment:", "ref:", "error:"])
def test_in_numbers_and_references_ascii_is_compared_as_it_is_stored(db: Database, key: str) -> None:
    made = make(db, "ｗｉｄｅ-1", commitment="SC-ｗｉｄｅ")
    db.execute("UPDATE invoices SET origin_id = 'ｗｉｄｅ', error_code = 'ｗｉｄｅ' WHERE id = ?", (made,))
    make(db, "B-1", commitment="SC-2")
    assert found(db, f"{key}wide") == set()
    assert found(db, f"{key}ｗｉｄｅ") == {"ｗｉｄｅ-1"}
    assert found(db, f"-{key}ｗｉｄｅ") == {"B-1"}


def test_every_place_of_a_bare_word_is_looked_at(db: Database) -> None:
    make(db, "Ä-1", vendor="Apex", commitment="SC-ß", job="Ł-7")
    make(db, "B-1", vendor="Bell", vendor_ref="BELL", commitment="SC-2", job="24-102")
    for query in ("ä-", "aPEX", "sc-ß", "ł-7", "project", "job:ł", "commitment:SC-ß", "number:ä"):
        assert "Ä-1" in found(db, query), query
        assert found(db, f"-{query}") == (set() if query == "project" else {"B-1"}), query


@pytest.mark.parametrize(
    "query", ["100%", "a_b", "x\\y", "vendor:%", "vendor:_", "vendor:\\", "vendor:％", "number:%"]
)
def test_wildcards_are_characters(db: Database, query: str) -> None:
    make(db, "100%", vendor="a_b x\\y 100%")
    make(db, "1000", vendor="aXb xy 1000", vendor_ref="OTHER", commitment="SC-2")
    assert found(db, query) == {"100%"}


@pytest.mark.parametrize("query", ["batch:" + "9" * 19, "batch:" + "9" * 99, "batch:²", "batch:x"])
def test_what_is_no_batch_number_is_said(db: Database, query: str) -> None:
    with pytest.raises(BadInput, match="not a batch number"):
        found(db, query)
    assert found(db, f"batch:{2**63 - 1}") == set()


# -- words that name invoices ------------------------------------------------------------------------------------


def test_a_word_is_an_id_or_a_number_that_one_invoice_has(db: Database) -> None:
    one, two = make(db, "A-1"), make(db, "A-2", application=2)
    assert invoices.find(db, ["A-2", f"#{one}", "A-1", "A-2"]) == [(two, 1), (one, 1), (one, 1), (two, 1)]
    assert invoices.find(db, []) == []


@pytest.mark.parametrize(
    "word", ["#" + "9" * 19, "#" + "9" * 99, "#0", "#²", "#", "#-1", "nobody's", "a\x00", "\ud800", ""]
)
def test_a_word_that_names_none_is_said(db: Database, word: str) -> None:
    make(db, "A-1")
    with pytest.raises(NothingMatched, match="There is no invoice"):
        invoices.find(db, ["A-1", word])


def test_a_number_that_several_have_names_their_ids(db: Database) -> None:
    one = make(db, "1", commitment="SC-1")
    two = make(db, "1", commitment="SC-2")
    with pytest.raises(BadInput, match=rf"1 is the number of 2 invoices: #{one} \(SC-1\), #{two} \(SC-2\)"):
        invoices.find(db, ["1"])
    assert invoices.find(db, [f"#{two}"]) == [(two, 1)]


def test_many_words_are_looked_up_together(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = {f"A-{n}": make(db, f"A-{n}", application=n) for n in range(1, 61)}
    queries: list[peewee.BaseQuery] = []
    rows = Database.rows

    def counted(db: Database, query: peewee.BaseQuery) -> list[tuple[Any, ...]]:
        queries.append(query)
        return rows(db, query)

    monkeypatch.setattr(Database, "rows", counted)
    words = [*ids, *(f"#{number}" for number in ids.values())]
    assert [number for number, _ in invoices.find(db, words)] == [*ids.values(), *ids.values()]
    assert len(queries) == 2


def test_an_index_of_invoices_begins_with_the_number(db: Database) -> None:
    assert "number" in {index.columns[0] for index in db.pw.get_indexes("invoices")}
