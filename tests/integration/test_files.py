"""The drop folder: files that appear once, whatever dies when, with control totals, and text that is never altered."""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from export_case import csv_ledger, make_bill

from erp import profiles
from erp.connector import UnavailableError
from erp.connectors import files_archive, files_csv
from erp.connectors.files import Files, FilesSettings
from erp.connectors.files_settings import Days, Form
from store.domain.bill import BillLine
from store.domain.outcome import Booked, Later, Missing, Refused


class PowerCutError(BaseException):
    """The process ends here: nothing after it is done."""


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    return tmp_path / "drop"


@pytest.fixture
async def folder(drop: Path) -> AsyncIterator[Files]:
    connector = opened(drop)
    yield connector
    await connector.close()


FORMS = {
    Form.CSV: ("files", {}),
    Form.IIF: (
        "quickbooks-desktop",
        {"payable": "Accounts Payable", "retainage": "Retainage Payable", "currency": "USD"},
    ),
    Form.XERO: ("xero", {"retainage": "845", "tax_type": "Tax Exempt", "days": Days.DMY}),
}


def opened(drop: Path, form: Form = Form.CSV, *, receipts: bool = False, **options: Any) -> Files:
    name, needed = FORMS[form]
    profile = msgspec.structs.replace(profiles.load(name), receipts=receipts)
    return Files(FilesSettings(str(drop), form, **{**needed, **options}), profile)


def shown(drop: Path, ending: str = "") -> list[str]:
    """What the collector sees."""
    return sorted(path.name for path in drop.iterdir() if path.is_file() and path.name.endswith(ending))


def shown_files(drop: Path, ending: str) -> list[str]:
    return [name for name in shown(drop, ending) if name.startswith("payapp-")]


def collect(folder: Path, which: str) -> None:
    for path in folder.glob(which):
        path.unlink()


def controls(drop: Path) -> list[dict[str, Any]]:
    return [msgspec.json.decode(path.read_bytes()) for path in drop.glob("*.json")]


def read(file: Path) -> tuple[bytes, list[dict[str, str]]]:
    content = file.read_bytes()
    return content, list(csv.DictReader(io.StringIO(content.decode(), newline="")))


async def test_a_parcel_is_one_file_with_its_manifest(folder: Files, drop: Path) -> None:
    bills = [make_bill(1, number="SC1-007"), make_bill(2, number="no digits")]
    await folder.post(bills)
    [name] = shown(drop, ".csv")
    [control] = controls(drop)
    content, rows = read(drop / name)
    assert control == {
        "file": name,
        "currency": "USD",
        "count": 2,
        "rows": 4,
        "gross": "200.03",
        "retainage": "18.00",
        "net": "182.03",
        "hash_total": 1007,
        "sha256": hashlib.sha256(content).hexdigest(),
        "keys": [bill.key for bill in bills],
        "form": "csv",
        "bills": [
            {
                "key": bill.key, "vendor": "V-1", "number": bill.number, "accounting_date": "2026-10-31",
                "gross": bill.gross, "retainage": "9.00", "net": bill.net, "tax": "0.00",
            }
            for bill in bills
        ],
    }  # fmt: skip
    assert tuple(rows[0]) == files_csv.COLUMNS
    assert rows[1]["line_amount"] == "10.01"
    assert rows[0]["accounting_date"] == "2026-10-31"
    assert content.count(b"\r\n") == 5


async def test_the_documentation_names_every_column() -> None:
    text = (Path(__file__).parents[2] / "docs" / "files.md").read_text(encoding="utf-8")
    own = text.partition("## payapp's own CSV")[2]
    named = [line.split("`")[1] for line in own.splitlines() if line.startswith("| `")]
    assert tuple(named[: len(files_csv.COLUMNS)]) == files_csv.COLUMNS


async def test_each_currency_has_a_file_of_its_own(folder: Files, drop: Path) -> None:
    await folder.post([make_bill(1), make_bill(2, currency="EUR"), make_bill(3)])
    assert sorted((c["currency"], c["count"], c["gross"]) for c in controls(drop)) == [
        ("EUR", 1, "100.02"),
        ("USD", 2, "200.04"),
    ]


async def test_what_the_collector_took_away_does_not_come_back(folder: Files, drop: Path) -> None:
    [first] = await folder.post([make_bill(1)])
    collect(drop, "payapp-*")
    later = opened(drop)
    assert await later.post([make_bill(1)]) == [first]
    assert await later.find([make_bill(1)]) == [first]
    assert shown(drop) == []
    await later.close()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"vendor_name": "=HYPERLINK(1)"}, "vendor_name.formula"),
        ({"number": "-101"}, "number.formula"),
        ({"description": "+1"}, "description.formula"),
        ({"commitment": "@SUM"}, "commitment.formula"),
        ({"vendor_name": "Bell\nMechanical"}, "vendor_name.control"),
        ({"job": "24\r-101"}, "job.control"),
        ({"vendor_name": "[/] \x1b]52;c;x\x07"}, "vendor_name.control"),
        ({"vendor_name": "abc\u202edef"}, "vendor_name.control"),
        ({"lines": (BillLine(1, "contract_item", "03-300", "=1+1", "100.01", "9.00"),)}, "line.formula"),
    ],
)
async def test_text_that_would_be_read_as_something_else_is_refused_and_not_altered(
    folder: Files, drop: Path, changes: dict[str, Any], code: str
) -> None:
    refused, booked = await folder.post([make_bill(1, **changes), make_bill(2)])
    assert isinstance(refused, Refused)
    assert refused.code == code
    assert refused.cause.isprintable()
    assert isinstance(booked, Booked)
    assert [row[0] for row in csv_ledger(drop)] == [make_bill(2).key]


async def cut(drop: Path, monkeypatch: pytest.MonkeyPatch, step: int, form: Form) -> bool:
    """Post one bill in a process that ends before its step-th change of the folder; False: it got to the end."""
    left = [step]

    def counting(real: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            if left[0] == 0:
                raise PowerCutError
            left[0] -= 1
            return real(*args, **kwargs)

        return call

    dying = opened(drop, form)
    with monkeypatch.context() as patch:
        patch.setattr(files_archive, "store", counting(files_archive.store))
        patch.setattr(files_archive, "sync", counting(files_archive.sync))
        patch.setattr(os, "link", counting(os.link))
        patch.setattr(Path, "rename", counting(Path.rename))
        patch.setattr(Path, "unlink", counting(Path.unlink))
        try:
            await dying.post([make_bill(1)])
        except PowerCutError:
            ended = False
        else:
            ended = True
    await dying.close()
    return not ended


@pytest.mark.parametrize("form", Form)
async def test_a_crash_at_any_step_neither_loses_the_file_nor_shows_it_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: Form
) -> None:
    step, ending = 0, ".iif" if form is Form.IIF else ".csv"
    while await cut(drop := tmp_path / f"drop{step}", monkeypatch, step, form):
        seen = shown(drop, ending)
        collect(drop, f"payapp-*{ending}")
        later = opened(drop, form)
        [answer] = await later.find([make_bill(1)])
        if isinstance(answer, Missing):
            assert seen == []
        [booked] = await later.post([make_bill(1)])
        assert isinstance(booked, Booked)
        assert isinstance(answer, Missing) or answer == booked
        assert await later.post([make_bill(1)]) == [booked]
        await later.close()
        appeared = [*(name for name in seen if name.startswith("payapp-")), *shown_files(drop, ending)]
        assert len(appeared) == 1, f"step {step}"
        assert len(list(drop.glob("payapp-*.json"))) == 1, f"step {step}"
        assert list(drop.glob(".payapp-*")) == []
        step += 1
    assert step > 8


async def test_the_manifest_is_in_the_archive_for_good_before_the_file_is(
    folder: Files, drop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    link, sync = os.link, files_archive.sync

    def linked(source: Path, target: Path) -> None:
        done.append(target.suffix)
        link(source, target)

    def synced(path: Path) -> None:
        done.append(path.name)
        sync(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", linked)
        patch.setattr(files_archive, "sync", synced)
        await folder.post([make_bill(1)])
    # A power cut keeps any of the names that were not synced, in any order.
    assert done == ["drop", ".json", "archive", ".csv", "archive", "drop"]


async def test_an_archive_without_its_manifest_still_answers(folder: Files, drop: Path) -> None:
    outcomes = await folder.post([make_bill(1), make_bill(2)])
    collect(drop / "archive", "*.json")
    later = opened(drop)
    assert await later.find([make_bill(1), make_bill(2)]) == outcomes
    await later.close()


async def test_a_full_disk_defers_and_leaves_nothing_behind(
    folder: Files, drop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files_archive, "store", full)
        [later] = await folder.post([make_bill(1)])
    assert isinstance(later, Later)
    assert "No space left" in later.cause
    [booked] = await folder.post([make_bill(1)])
    assert isinstance(booked, Booked)
    assert len(csv_ledger(drop)) == 1


async def test_a_folder_that_cannot_be_made_means_that_nothing_was_done(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    connector = opened(tmp_path / "file")
    with pytest.raises(UnavailableError):
        await connector.post([make_bill(1)])
    await connector.close()
