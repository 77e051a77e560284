"""A bill of very many is written as the bytes of the one that connectors read."""

from __future__ import annotations

from datetime import date
from typing import Any, cast

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from store import candidates
from store.bill_texts import Texts, digest, quoted
from store.candidates import Candidate
from store.domain.bill import Bill, BillLine, Written, decode, encode, sealed

TEXT = st.text(max_size=12)
LINES = st.lists(st.builds(BillLine, st.integers(0, 2**31), TEXT, TEXT, TEXT, TEXT, TEXT), max_size=3)
DAYS = {"period_start", "period_end", "invoice_date", "accounting_date"}


@given(st.data(), LINES, st.dates())
def test_it_has_the_same_bytes_whatever_is_in_it(
    data: st.DataObject, lines: list[BillLine], day: date
) -> None:
    names = set(Written.__struct_fields__) - DAYS - {"lines", "application", "overrides"}
    texts = {name: data.draw(TEXT) for name in sorted(names)}
    values = {**texts, **dict.fromkeys(sorted(DAYS), day.isoformat()), "application": 7, "lines": lines}
    values["overrides"] = data.draw(st.lists(TEXT, max_size=2))
    written = msgspec.convert(values, Written)
    bill = msgspec.convert(values, Bill)
    assert sealed(written) == encode(bill)
    assert msgspec.structs.asdict(decode(*sealed(written))) == msgspec.structs.asdict(bill)


@given(st.data())
def test_the_text_of_very_many_has_the_same_bytes_too(data: st.DataObject) -> None:
    # Every name is another one in the next bill of the same press: what is remembered of one is not taken for the other.
    texts = Texts(cast("Any", None), 'Co "1"', "sandbox", lambda _, code: code)
    for number in range(2):
        names = [*Candidate._fields]
        values: dict[str, Any] = {name: data.draw(TEXT) for name in names}
        values |= dict.fromkeys(
            ("period_start", "period_end", "billing_date"), data.draw(st.dates()).isoformat()
        )
        values |= {
            name: data.draw(st.integers(-(10**12), 10**12)) for name in ("gross", "retainage", "net", "tax")
        }
        values |= {"commitment_id": number, "currency": data.draw(st.sampled_from(["USD", "JPY", "KWD"]))}
        values |= {"application": 3, "revision": 0, "overrides": tuple(data.draw(st.lists(TEXT, max_size=2)))}
        of = Candidate(**values)
        day = data.draw(st.dates())
        bill = candidates.bill(of, (), company='Co "1"', erp="sandbox", accounting_date=day)
        text = texts.bill(of, quoted(bill.key), quoted(bill.number), [], day.isoformat())
        assert (text, digest(text)) == encode(bill)


def test_a_line_that_was_frozen_before_accounts_had_a_field_is_booked_on_its_cost_code() -> None:
    before = '{"position":1,"item_type":"x","cost_code":"5100","description":"","amount":"1.00","retainage":"0.00"}'
    assert msgspec.json.decode(before, type=BillLine).account == "5100"
    named = BillLine(1, "x", "03-300", "", "1.00", "0.00", "5100")
    assert msgspec.json.decode(msgspec.json.encode(named), type=BillLine) == named
