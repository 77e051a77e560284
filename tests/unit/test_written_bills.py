"""A bill of very many is written as the bytes of the one that connectors read."""

from __future__ import annotations

from datetime import date

import msgspec
from hypothesis import given
from hypothesis import strategies as st

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
