"""A connector that needs no network says where it could object at all: what it refuses is always inside of that."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from export_case import PERIODS, make_bill
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from erp import profiles
from erp.connector import Checking, Connector
from erp.connectors import sandbox
from erp.connectors.files import Files, FilesSettings
from erp.connectors.files_settings import Form
from erp.connectors.sandbox import Sandbox, SandboxSettings
from store.domain.bill import Bill, BillLine
from store.domain.checking import Checker, Doubt
from store.domain.outcome import Booked, Delivered, Refused
from store.domain.profile import Finding

IIF = {"form": Form.IIF, "payable": "AP", "retainage": "RP", "currency": "USD"}
XERO = {"form": Form.XERO, "retainage": "845", "tax_type": "None", "days": "dmy"}
FORMS: dict[str, dict[str, Any]] = {
    "csv": {"form": Form.CSV},
    "iif": IIF,
    "iif with jobs and tax": {**IIF, "jobs": True, "tax": "2200"},
    "xero": XERO,
    "xero with tracking": {**XERO, "tracking": "Job", "tax": "820"},
}
# What some form or the sandbox stumbles over, beside anything.
TEXT = st.one_of(
    st.sampled_from(["", "V-1", "03-300", "24-101", "=1", "-9", 'Pipe 8"', "a:b", " x", "x ", "a\tb", "é", "東", "a\x00"]),
    st.text(max_size=20),
)  # fmt: skip
CENTS = st.integers(-(10**9), 10**9)


@st.composite
def footing(draw: st.DrawFn) -> Bill:
    """A bill whose lines come to its totals, as the store makes them."""
    currency = draw(st.sampled_from(["USD", "EUR", "JPY", "KWD"]))
    amounts = draw(st.lists(st.tuples(CENTS, CENTS), min_size=1, max_size=3))
    lines = tuple(
        BillLine(n, draw(TEXT), draw(TEXT), draw(TEXT), _plain(amount), _plain(held), draw(TEXT))
        for n, (amount, held) in enumerate(amounts, 1)
    )
    gross, held = (sum(column) for column in zip(*amounts, strict=True))
    texts = (
        "company",
        "vendor",
        "vendor_name",
        "job",
        "commitment",
        "number",
        "description",
        "terms",
        "tax_account",
        "payment_hold",
    )
    return make_bill(
        1, currency=currency, lines=lines, gross=_plain(gross), retainage=_plain(held), net=_plain(gross - held),
        tax=_plain(draw(st.sampled_from([0, 0, 825]))), accounting_date=draw(st.dates(date(1990, 1, 1), date(2060, 1, 1))),
        **{name: draw(TEXT) for name in texts},
    )  # fmt: skip


def _plain(cents: int) -> str:
    return f"{Decimal(cents) / 100:.2f}"


def doubtful(checker: Checker, bill: Bill) -> bool:
    """Whether any of its doubts is of the bill."""
    return next(doubts_of(checker, bill), None) is not None


def doubts_of(checker: Checker, bill: Bill) -> Iterator[tuple[Doubt, list[str]]]:
    """Those of its doubts that are of the bill, with the texts; of one over lines the first line."""
    own = {name: str(getattr(bill, name)) for name in ("accounting_date", "currency", "tax")}
    own |= {name: value for name in bill.__struct_fields__ if isinstance(value := getattr(bill, name), str)}
    own["payment_hold"] = bill.payment_hold or ""
    for doubt in checker.doubts:
        of_lines = any(name.startswith("lines.") for name in doubt.fields)
        for line in bill.lines if of_lines else bill.lines[:1]:
            texts = own | {
                f"lines.{name}": getattr(line, name) for name in ("account", "item_type", "description")
            }
            looked = [texts[name] for name in doubt.fields]
            if doubt.about(*looked):
                yield doubt, looked
                break


def told(checker: Checker, bill: Bill) -> list[Finding] | None:
    """What its doubts tell by themselves of the bill; None: the bill itself has to be looked at."""
    found: list[Finding] = []
    for doubt, texts in doubts_of(checker, bill):
        if doubt.told is None:
            return None
        found += doubt.told(*texts)
    return found


def files(form: str) -> Files:
    # Any form goes.
    profile = msgspec.structs.replace(profiles.load("files"), formats=())
    return Files(FilesSettings("drop", **FORMS[form]), profile)


@pytest.mark.parametrize("form", FORMS)
@given(bill=footing())
def test_what_a_file_cannot_hold_is_always_doubted(form: str, bill: Bill) -> None:
    with files(form).checker() as checker:
        refused = list(checker.objections(bill))
        assert doubtful(checker, bill) or not refused, refused
        assert told(checker, bill) in (None, refused)


@pytest.fixture
def books(tmp_path: Path) -> Sandbox:
    """A sandbox that knows little, and has one bill."""
    file = tmp_path / "sandbox.db"
    sandbox.seed(file, [("V-1", "Apex")], [("24-101", "03-300"), ("24-101", "")], PERIODS, [("V-1", "x ")])
    return Sandbox(SandboxSettings(str(file), seconds_per_bill=0), profiles.load("sandbox"))


@given(bill=footing())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_the_sandbox_refuses_is_always_doubted(books: Sandbox, bill: Bill) -> None:
    with books.checker() as checker:
        refused = list(checker.objections(bill))
        assert doubtful(checker, bill) or not refused, refused
        assert told(checker, bill) in (None, refused)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("change", "code"),
    [({"payment_hold": "a lien"}, "payment_hold.unsupported"), ({"accounting_date": date.max, "terms": "30"}, "accounting_date.")],
)  # fmt: skip
async def test_what_no_file_can_say_is_refused_and_stops_no_other_bill(
    form: str, change: dict[str, Any], code: str, tmp_path: Path
) -> None:
    profile = msgspec.structs.replace(profiles.load("files"), formats=())
    connector = Files(FilesSettings(str(tmp_path / "drop"), **FORMS[form]), profile)
    one, other = await connector.post([make_bill(1, **change), make_bill(2)])
    await connector.close()
    if form != "csv":
        assert isinstance(one, Refused) and one.code.startswith(code)
    assert isinstance(other, Booked | Delivered)


@pytest.mark.parametrize("form", FORMS)
def test_what_nothing_stands_against_is_not_doubted(form: str) -> None:
    # Otherwise every invoice would be made into a bill.
    with files(form).checker() as checker:
        assert not doubtful(checker, make_bill(1)) and not list(checker.objections(make_bill(1)))


async def test_its_check_says_the_same(books: Sandbox) -> None:
    bills = [make_bill(1), make_bill(2, vendor="V-9"), make_bill(3, number="=1", tax="1.00")]
    connectors: list[Connector] = [books, *(files(form) for form in FORMS)]
    for connector in connectors:
        assert isinstance(connector, Checking)
        found = await connector.check(bills)
        with connector.checker() as checker:
            assert found == {bill.key: list(checker.objections(bill)) for bill in bills}
        await connector.close()
