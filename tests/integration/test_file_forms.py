"""Files for QuickBooks Desktop and Xero: golden files, read by readers of their own; text and amounts that they cannot hold."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import AsyncIterator, Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from export_case import csv_ledger, make_bill
from file_readers import Posted, keys_of, read_iif, read_xero

from erp import profiles
from erp.connector import UnavailableError
from erp.connectors.files import Files, FilesSettings
from erp.connectors.files_settings import Days, Form
from store.domain.bill import Bill, BillLine
from store.domain.errors import SettingsError
from store.domain.outcome import Booked, Delivered, Missing, Period, Refused

GOLDEN = Path(__file__).parents[1] / "golden"
OPTIONS: dict[Form, dict[str, Any]] = {
    Form.CSV: {},
    Form.IIF: {
        "payable": "Accounts Payable",
        "retainage": "Retainage Payable",
        "tax": "Sales Tax",
        "currency": "USD",
    },
    Form.XERO: {
        "retainage": "845",
        "tax": "820",
        "tax_type": "Tax Exempt",
        "days": Days.DMY,
        "tracking": "Job",
    },
}
PROFILES = {Form.CSV: "files", Form.IIF: "quickbooks-desktop", Form.XERO: "xero"}
OCTOBER = Period(date(2026, 10, 1), date(2026, 10, 31), is_open=True)


def made(drop: Path, form: Form, *, receipts: bool = False, **options: Any) -> Files:
    profile = msgspec.structs.replace(profiles.load(PROFILES[form]), receipts=receipts)
    return Files(FilesSettings(str(drop), form, **{**OPTIONS[form], **options}), profile)


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Callable[..., Files]]:
    """Makes connectors on one drop folder, closed at the end."""
    found: list[Files] = []

    def call(form: Form, **options: Any) -> Files:
        found.append(made(tmp_path / "drop", form, **options))
        return found[-1]

    yield call
    for one in found:
        await one.close()


def golden_bills() -> list[Bill]:
    """A bill with retainage and tax, a credit, a release of retainage alone, one with nothing to pay."""
    return [
        make_bill(
            1, number="1044", vendor="Bell Mechanical", description="Pay app 7", gross="10000.10", retainage="1000.01",
            net="9000.09", tax="12.30", terms="45", accounting_date=date(2026, 10, 5),
            lines=(
                BillLine(1, "contract_item", "03-300", "Concrete, footings", "7000.00", "700.00", "5010 Concrete"),
                BillLine(2, "change_order_item", "09-250", "CO 2: drywall", "3000.10", "300.01", "5020"),
            ),
        ),
        make_bill(
            2, number="CR-3", vendor="Müller & Söhne", gross="-1200.00", retainage="-120.00", net="-1080.00",
            lines=(BillLine(1, "change_order_item", "03-300", "Credit", "-1200.00", "-120.00"),),
        ),
        make_bill(
            3, number="1045", vendor="Bell Mechanical", gross="0.00", retainage="-500.25", net="500.25",
            lines=(BillLine(1, "contract_item", "03-300", "Release", "0.00", "-500.25"),),
        ),
        make_bill(
            4, number="1046", vendor="Bell Mechanical", gross="100.00", retainage="100.00", net="0.00",
            lines=(BillLine(1, "contract_item", "03-300", "All of it held", "100.00", "100.00"),),
        ),
    ]  # fmt: skip


# What an accountant expects of these four, written down by hand.
def expected(retainage: str, tax: str) -> list[Posted]:
    last, first = date(2026, 10, 31), date(2026, 10, 5)
    d = Decimal
    return [
        Posted("BILL", first, "Bell Mechanical", "1044", "Pay app 7", d("9012.39"), [
            ("5010 Concrete", d("7000.00"), "Concrete, footings"), ("5020", d("3000.10"), "CO 2: drywall"),
            (retainage, d("-1000.01"), "Retainage held"), (tax, d("12.30"), "Tax"),
        ]),
        Posted("BILL REFUND", last, "Müller & Söhne", "CR-3", "October", d("-1080.00"), [
            ("03-300", d("-1200.00"), "Credit"), (retainage, d("120.00"), "Retainage released"),
        ]),
        Posted("BILL", last, "Bell Mechanical", "1045", "October", d("500.25"), [
            ("03-300", d("0.00"), "Release"), (retainage, d("500.25"), "Retainage released"),
        ]),
        Posted("BILL", last, "Bell Mechanical", "1046", "October", d("0.00"), [
            ("03-300", d("100.00"), "All of it held"), (retainage, d("-100.00"), "Retainage held"),
        ]),
    ]  # fmt: skip


async def written(files: Files, drop: Path, bills: list[Bill]) -> Path:
    outcomes = await files.post(bills)
    assert all(isinstance(outcome, Booked | Delivered) for outcome in outcomes), outcomes
    [file] = shown(drop)
    return file


def shown(drop: Path) -> list[Path]:
    """What the collector takes."""
    return [path for path in drop.iterdir() if path.suffix in {".csv", ".iif"}]


@pytest.mark.parametrize(
    ("form", "name"),
    [(Form.CSV, "payapp.csv"), (Form.IIF, "quickbooks.iif"), (Form.XERO, "xero.csv")],
)
async def test_each_form_writes_its_golden_file_to_the_byte_with_true_control_totals(
    opened: Callable[..., Files], tmp_path: Path, form: Form, name: str
) -> None:
    bills = golden_bills()
    file = await written(opened(form), tmp_path / "drop", bills)
    content = file.read_bytes()
    assert content == (GOLDEN / name).read_bytes()
    control = msgspec.json.decode(file.with_suffix(".json").read_bytes())
    assert control["sha256"] == hashlib.sha256(content).hexdigest()
    assert (control["form"], control["count"], control["rows"], control["currency"]) == (
        form.value,
        4,
        5,
        "USD",
    )
    assert (control["gross"], control["retainage"], control["net"]) == ("8900.10", "479.76", "8420.34")
    assert control["hash_total"] == 1044 + 3 + 1045 + 1046
    assert keys_of(file) == [bill.key for bill in bills]


def test_the_golden_iif_posts_what_an_accountant_expects() -> None:
    found = read_iif((GOLDEN / "quickbooks.iif").read_bytes(), "Accounts Payable")
    assert found == expected("Retainage Payable", "Sales Tax")


def test_the_golden_xero_file_posts_what_an_accountant_expects() -> None:
    found = read_xero((GOLDEN / "xero.csv").read_bytes(), "%d/%m/%Y")
    wanted = expected("845", "820")
    for bill in wanted:
        bill.kind, bill.memo = "ACCPAY", ""
    assert found == wanted


def test_the_golden_csv_has_the_bills() -> None:
    rows = {row[0]: row[1:] for row in csv_ledger(GOLDEN, "payapp.csv")}
    assert rows == {bill.key: (bill.gross, bill.retainage, bill.net) for bill in golden_bills()}


# -- more than one file ---------------------------------------------------------------------------------------------


async def test_xero_gets_500_bills_a_file_and_no_number_twice_in_one(
    opened: Callable[..., Files], tmp_path: Path
) -> None:
    bills = [make_bill(n, number=f"N-{n}") for n in range(1, 503)]
    bills += [make_bill(n, number=f"n-{n - 600}") for n in range(601, 604)]
    outcomes = await opened(Form.XERO).post(bills)
    assert all(isinstance(outcome, Booked) for outcome in outcomes)
    files = sorted((tmp_path / "drop").glob("*.csv"))
    counts = sorted(len(read_xero(file.read_bytes(), "%d/%m/%Y")) for file in files)
    assert counts == [5, 500]
    assert sorted(key for file in files for key in keys_of(file)) == sorted(bill.key for bill in bills)
    assert await opened(Form.XERO).find(bills) == outcomes


async def test_a_crash_between_two_files_of_a_parcel_leaves_the_second_to_the_next_call(
    opened: Callable[..., Files], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bills = [make_bill(1, number="7"), make_bill(2, number="7")]
    first = opened(Form.XERO)
    real, calls = first._archive.write, [0]

    def once(*args: Any) -> None:
        calls[0] += 1
        if calls[0] == 2:
            raise KeyboardInterrupt
        real(*args)

    monkeypatch.setattr(first._archive, "write", once)
    with pytest.raises(KeyboardInterrupt):
        await first.post(bills)
    later = opened(Form.XERO)
    one, two = await later.find(bills)
    assert isinstance(one, Booked) and isinstance(two, Missing)
    assert (await later.post(bills))[0] == one
    assert len(list((tmp_path / "drop").glob("*.csv"))) == 2


# -- what cannot stand in a file --------------------------------------------------------------------------------------

LINE = make_bill(1).lines[0]


def with_line(**changes: Any) -> dict[str, Any]:
    return {"lines": (msgspec.structs.replace(LINE, **changes), make_bill(1).lines[1])}


@pytest.mark.parametrize(
    ("form", "changes", "code"),
    [
        (Form.IIF, {"vendor": 'Bell "Mech"'}, "vendor.quote"),
        (Form.IIF, {"vendor": "Bell: Mech"}, "vendor.quote"),
        (Form.IIF, {"vendor": "東京建設"}, "vendor.encoding"),
        (Form.IIF, {"vendor": "Bell\tMech"}, "vendor.control"),
        (Form.IIF, {"vendor": "Bell "}, "vendor.blanks"),
        (Form.IIF, {"number": "-101"}, "number.formula"),
        (Form.IIF, {"description": "=1+1"}, "description.formula"),
        (Form.IIF, with_line(description="two\r\nlines"), "line.control"),
        (Form.IIF, with_line(account='50"10'), "line.quote"),
        (Form.IIF, {"currency": "EUR"}, "currency.foreign"),
        (Form.IIF, {"accounting_date": date(1999, 12, 31)}, "accounting_date.century"),
        (Form.XERO, {"vendor": "@Bell"}, "vendor.formula"),
        (Form.XERO, {"number": ""}, "number.present"),
        (Form.XERO, {"number": " 7"}, "number.blanks"),
        (Form.XERO, {"job": "+24"}, "job.formula"),
        (Form.XERO, with_line(description="a\u202eb"), "line.control"),
        (Form.XERO, {"currency": "KWD"}, "currency.decimals"),
        (Form.CSV, {"payment_hold": "=waiver"}, "payment_hold.formula"),
        (Form.IIF, {"payment_hold": "waiver"}, "payment_hold.unsupported"),
        (Form.XERO, {"payment_hold": "waiver"}, "payment_hold.unsupported"),
    ],
)
async def test_what_would_be_read_as_something_else_is_refused_and_nothing_altered(
    opened: Callable[..., Files], tmp_path: Path, form: Form, changes: dict[str, Any], code: str
) -> None:
    refused, booked = await opened(form).post([make_bill(1, **changes), make_bill(2)])
    assert isinstance(refused, Refused) and isinstance(booked, Booked)
    assert refused.code == code
    assert refused.cause.isprintable() and refused.fix
    [file] = shown(tmp_path / "drop")
    assert keys_of(file) == [make_bill(2).key]


async def test_the_csv_says_why_a_payment_is_held(opened: Callable[..., Files], tmp_path: Path) -> None:
    bills = [make_bill(1, payment_hold="lien waiver missing"), make_bill(2)]
    file = await written(opened(Form.CSV), tmp_path / "drop", bills)
    with file.open(newline="", encoding="utf-8") as text:
        said = {row["key"]: row["payment_hold"] for row in csv.DictReader(text)}
    assert said == {bills[0].key: "lien waiver missing", bills[1].key: ""}


async def test_tax_needs_an_account(opened: Callable[..., Files], tmp_path: Path) -> None:
    bill = make_bill(1, tax="1.00")
    [refused] = await opened(Form.IIF, tax="").post([bill])
    assert isinstance(refused, Refused) and refused.code == "tax.unmapped"
    file = await written(
        opened(Form.IIF, tax=""), tmp_path / "drop", [make_bill(1, tax="1.00", tax_account="2200")]
    )
    [posted] = read_iif(file.read_bytes(), "Accounts Payable")
    assert posted.on("2200") == Decimal("1.00") and posted.payable == Decimal("92.01")


async def test_a_job_stands_on_cost_lines_alone_where_it_is_wanted(
    opened: Callable[..., Files], tmp_path: Path
) -> None:
    file = await written(opened(Form.IIF, jobs=True), tmp_path / "drop", [make_bill(1)])
    names = [line.split("\t")[5] for line in file.read_text("cp1252").splitlines() if line.startswith("SPL")]
    assert names == ["24-101", "24-101", ""]


@pytest.mark.parametrize(
    ("form", "options", "words"),
    [
        (Form.IIF, {"payable": ""}, "erp.options.payable"),
        (Form.IIF, {"retainage": ""}, "erp.options.retainage"),
        (Form.IIF, {"currency": ""}, "erp.options.currency"),
        (Form.IIF, {"currency": "dollars"}, "erp.options.currency"),
        (Form.IIF, {"payable": 'Accounts "Payable"'}, "erp.options.payable"),
        (Form.XERO, {"tax_type": ""}, "erp.options.tax_type"),
        (Form.XERO, {"days": ""}, "erp.options.days"),
        (Form.XERO, {"days": "ymd"}, "erp.options.days"),
        (Form.XERO, {"retainage": "8\t45"}, "erp.options.retainage"),
    ],
)
def test_what_a_form_needs_is_asked_for_before_anything_is_written(
    tmp_path: Path, form: Form, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        made(tmp_path / "drop", form, **options)
    assert not (tmp_path / "drop").exists()


def test_a_form_that_the_erp_does_not_take_is_refused(tmp_path: Path) -> None:
    settings = FilesSettings(str(tmp_path / "drop"), Form.XERO, **OPTIONS[Form.XERO])
    with pytest.raises(SettingsError, match=r"erp\.options\.form"):
        Files(settings, profiles.load("quickbooks-desktop"))


# -- the archive ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [Form.IIF, Form.XERO])
async def test_without_the_manifest_nobody_can_tell_what_was_sent_so_nothing_is(
    opened: Callable[..., Files], tmp_path: Path, form: Form
) -> None:
    await opened(form).post([make_bill(1)])
    [manifest] = (tmp_path / "drop" / "archive").glob("*.json")
    kept = manifest.read_bytes()
    manifest.unlink()
    for call in (opened(form).find, opened(form).post):
        with pytest.raises(UnavailableError, match=f"put {manifest.name} back"):
            await call([make_bill(1), make_bill(2)])
    manifest.write_bytes(kept)
    one, two = await opened(form).find([make_bill(1), make_bill(2)])
    assert isinstance(one, Booked) and isinstance(two, Missing)


async def test_a_file_of_the_archive_that_was_changed_is_told_and_not_listed(
    opened: Callable[..., Files], tmp_path: Path
) -> None:
    await opened(Form.IIF).post([make_bill(1)])
    [file] = (tmp_path / "drop" / "archive").glob("*.iif")
    file.write_bytes(file.read_bytes().replace(b"91.01", b"91.02"))
    with pytest.raises(UnavailableError, match="was changed"):
        [page async for page in opened(Form.IIF).bills(OCTOBER)]


async def test_another_form_from_now_on_knows_what_went_out_in_the_one_before(
    opened: Callable[..., Files], tmp_path: Path
) -> None:
    bills = [make_bill(1), make_bill(2)]
    [first] = await opened(Form.CSV).post(bills[:1])
    again, second = await opened(Form.XERO).post(bills)
    assert again == first and isinstance(second, Booked)
    assert await opened(Form.IIF).post(bills) == [first, second]
    assert len(list((tmp_path / "drop" / "archive").glob("payapp-*.csv"))) == 2
    listed = [bill.key async for page in opened(Form.IIF).bills(OCTOBER) for bill in page]
    assert sorted(key or "" for key in listed) == sorted(bill.key for bill in bills)


# -- receipts -------------------------------------------------------------------------------------------------------


async def test_where_receipts_are_awaited_what_is_written_is_delivered_and_never_called_booked(
    opened: Callable[..., Files],
) -> None:
    files = opened(Form.IIF, receipts=True)
    [delivered] = await files.post([make_bill(1)])
    assert isinstance(delivered, Delivered)
    assert await files.post([make_bill(1)]) == [delivered]
    assert await opened(Form.IIF, receipts=True).find([make_bill(1), make_bill(2)]) == [
        delivered, Missing(make_bill(2).key),
    ]  # fmt: skip
    assert await files.exists(delivered.ref)
    with pytest.raises(UnavailableError, match="cannot tell"):
        await files.exists("B-1044")
