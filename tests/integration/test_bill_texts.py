"""A bill of very many, with its lines, is written as the bytes of the one that connectors read, on both databases."""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from invoice_factory import HOSTILE, line, make

from store import candidates
from store.bill_texts import Texts, digest, quoted
from store.called import ONLY, Called
from store.candidates import Candidate
from store.db import Database
from store.domain.bill import decode, encode, idempotency_key
from store.domain.knowing import Kind
from store.domain.text import storable

TEXT = st.text(max_size=8).filter(storable) | st.sampled_from(
    ["", '"', "\\", HOSTILE, "\x1f\x7f\u2028é", "</a>"]
)
CODES = st.sampled_from(["03-300", "5100", 'c "1"', ""])
# Where the digits before the point run out, too.
MINOR = (
    st.sampled_from([0, 1, 9, 10, 99, 100, 101, -1, -100])
    | st.integers(-(10**12), 10**12)
    | st.integers(-999, 999)
)
CURRENCIES = st.sampled_from(["USD", "JPY", "KWD"])


class Given(NamedTuple):
    """What one invoice says; of a line: type, code, description, work, completed before (None: unknown), held, released."""

    currency: str
    number: str
    erp_number: str
    description: str
    amounts: tuple[int, int, int, int]
    days: tuple[date, date, date, date]
    lines: list[tuple[str, str, str, int, int | None, int, int]]
    overrides: tuple[str, ...]


INVOICES = st.builds(
    Given, CURRENCIES, TEXT, TEXT, TEXT, st.tuples(MINOR, MINOR, MINOR, MINOR),
    st.tuples(st.dates(), st.dates(), st.dates(), st.dates()),
    st.lists(st.tuples(TEXT, CODES, TEXT, MINOR, st.none() | st.just(0) | MINOR, MINOR, st.just(0) | MINOR), max_size=4),
    st.lists(TEXT, max_size=2).map(tuple),
)  # fmt: skip
MAPPINGS = st.dictionaries(
    st.tuples(st.sampled_from([Kind.ACCOUNT, Kind.TERMS, Kind.TAX]), st.booleans(), CODES), TEXT, max_size=6
)


class Undone(Exception):
    """Ends an example's transaction."""


# Two on one commitment, one elsewhere: what is remembered of one is not taken for the other.
@pytest.fixture
def made(db: Database) -> list[int]:
    return [make(db, f"1-{n}", application=n, lines=(line(),)) for n in (1, 2)] + [
        make(db, "2", commitment="SC-2", job="24-102", vendor="Bo", vendor_ref="BO", lines=(line(),))
    ]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    invoices=st.lists(INVOICES, min_size=3, max_size=3, unique_by=lambda one: one.number), names=st.tuples(TEXT, TEXT, TEXT), mappings=MAPPINGS,
    refs=st.lists(st.tuples(CODES, TEXT), max_size=3, unique_by=lambda pair: pair[0]),
)  # fmt: skip
def test_bills_with_lines_have_the_same_bytes(
    db: Database,
    made: list[int],
    invoices: list[Given],
    names: tuple[str, str, str],
    mappings: dict[tuple[Kind, bool, str], str],
    refs: list[tuple[str, str]],
) -> None:
    with pytest.raises(Undone), db.transaction():
        for number, one in zip(made, invoices, strict=True):
            _write(db, number, one)
        db.execute("UPDATE vendors SET name = ?, erp_ref = ?", names[:2])
        db.execute("UPDATE projects SET erp_ref = ?", names[2:])
        # By hand, from outside: the dry run shows what is frozen all the same.
        db.execute("UPDATE vendors SET erp_ref = 'other' WHERE id = (SELECT max(id) FROM vendors)")
        db.execute("UPDATE invoices SET vendor_id = (SELECT max(id) FROM vendors) WHERE id = ?", (made[1],))
        _write_names(db, mappings, refs)
        called = Called(db, "sandbox")
        texts = Texts(db, 'Co "1"', "sandbox", called.account)
        [chunk] = candidates.load(db, made)
        sent = [
            c._replace(overrides=one.overrides) for c, one in zip(called.taken(chunk), invoices, strict=True)
        ]
        lines = texts.lines(sent)
        for c, one in zip(sent, invoices, strict=True):
            _compare(db, texts, called, c, lines[c.id], one.days[3])
        raise Undone


def _compare(db: Database, texts: Texts, called: Called, c: Candidate, lines: list[str], day: date) -> None:
    own = candidates.bill_lines(db, [c], called.account)[c.id]
    bill = candidates.bill(c, own, company='Co "1"', erp="sandbox", accounting_date=day)
    key, number = quoted(idempotency_key(c.uuid, c.revision + 1)), quoted(c.posted_number)
    text = texts.bill(c, key, number, lines, day.isoformat())
    assert (text, digest(text)) == encode(bill)
    assert decode(text, digest(text)) == bill


def _write(db: Database, number: int, one: Given) -> None:
    days = [day.isoformat() for day in one.days[:3]]
    db.execute(
        "UPDATE invoices SET currency = ?, number = ?, erp_number = ?, description = ?, gross = ?, retainage = ?,"
        " net = ?, tax = ?, period_start = ?, period_end = ?, billing_date = ? WHERE id = ?",
        (one.currency, one.number, one.erp_number, one.description, *one.amounts, *days, number),
    )
    db.execute("DELETE FROM invoice_lines WHERE invoice_id = ?", (number,))
    rows: list[tuple[Any, ...]] = [
        (number, at, f"item-{at}", kind, code, description, work, before, held, released)
        for at, (kind, code, description, work, before, held, released) in enumerate(one.lines, 1)
    ]
    db.executemany(
        "INSERT INTO invoice_lines (invoice_id, position, item, item_type, cost_code, description, scheduled, work_before,"
        " work_now, stored_now, stored_before, moved, total_before, held, released) VALUES"
        " (?, ?, ?, ?, ?, ?, 0, 0, ?, 0, 0, 0, ?, ?, ?)",
        rows,
    )


def _write_names(
    db: Database, mappings: dict[tuple[Kind, bool, str], str], refs: list[tuple[str, str]]
) -> None:
    project = db.execute("SELECT min(id) FROM projects").fetchone()[0]
    user = db.execute("SELECT min(id) FROM users").fetchone()[0]
    for code, ref in refs:
        db.execute(
            "INSERT INTO cost_codes (project_id, source_id, code, name, erp_ref) VALUES (?, ?, ?, '', ?)",
            (project, f"cc {code}", code, ref),
        )
    seen = set()
    for (kind, everywhere, code), target in mappings.items():
        key = (kind, everywhere, code if kind is Kind.ACCOUNT else ONLY)
        if key in seen:
            continue
        seen.add(key)
        db.execute(
            "INSERT INTO mappings (erp, kind, project_id, code, target, set_by, set_at) VALUES ('sandbox', ?, ?, ?, ?, ?, 0)",
            (kind.value, None if everywhere else project, key[2], target, user),
        )
