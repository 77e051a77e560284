"""payapp receipt: files for QuickBooks go out by a real worker, wait, and come back as receipts; on the command line."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cli_case import Told
from export_case import make_bill, queue_jobs, states, statuses
from file_readers import read_iif
from people import founded

from erp import profiles
from erp.connectors.files import Files, FilesSettings
from erp.worker import Worker, WorkerSettings
from store import audit, outbox
from store import db as database
from store.db import Database
from store.domain.profile import Profile

pytest_plugins = ["cli_case"]
ACCOUNTS: dict[str, Any] = {
    "payable": "Accounts Payable",
    "retainage": "Retainage Payable",
    "currency": "USD",
}


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A demo company that exports to QuickBooks Desktop, with its settings in the environment."""
    monkeypatch.setattr("tui.bootstrap.start_worker", lambda _books: False)
    opened = database.create(f"sqlite:{tmp_path / 'payapp.db'}")
    founded(opened)
    opened.execute("UPDATE company SET erp = 'quickbooks-desktop'")
    options = "".join(f'{name} = "{value}"\n' for name, value in ACCOUNTS.items())
    (tmp_path / "payapp.toml").write_text(
        f'[database]\nurl = "sqlite:payapp.db"\n[erp]\nconnector = "files"\n[erp.options]\nfolder = "drop"\n{options}'
    )
    monkeypatch.setenv("PAYAPP_CONFIG", str(tmp_path / "payapp.toml"))
    yield opened
    opened.close()


def quick() -> Profile:
    return msgspec.structs.replace(profiles.load("quickbooks-desktop"), settle=0.05, timeout=5.0)


def worked(db: Database, drop: Path) -> None:
    """A worker that exports what is due, then ends."""

    async def run() -> None:
        files = Files(FilesSettings(str(drop), **ACCOUNTS), quick())
        worker = Worker(db, files, None, WorkerSettings(lease=20.0))
        await worker.run(asyncio.Event(), until_idle=True)

    asyncio.run(run())


def test_what_is_exported_waits_is_listed_filled_in_and_read_back(
    office: Database, tmp_path: Path, told: Told
) -> None:
    bills = [make_bill(n, number=f"Q-{n}") for n in range(1, 5)]
    queue_jobs(office, bills, erp="quickbooks-desktop")
    worked(office, tmp_path / "drop")
    assert states(office) == {"sent": 4}
    [file] = (tmp_path / "drop").glob("*.iif")
    assert [own.number for own in read_iif(file.read_bytes(), "Accounts Payable")] == [
        b.number for b in bills
    ]

    code, out, _ = told("--as", "jlopez", "status")
    assert code == 0 and "waiting for a receipt 4, the oldest since 20" in out
    code, out, _ = told("--as", "jlopez", "status", "--json")
    assert json.loads(out)["waiting_for_a_receipt"] == 4
    code, out, _ = told("--as", "jlopez", "show", "#1")
    assert code == 0 and f"Delivered   {file.name}/1; its receipt is awaited: payapp receipt FILE" in out
    assert not [line for line in out.splitlines() if line != line.rstrip()]

    code, out, _ = told("--as", "jlopez", "receipt", "--waiting")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0 and [row["key"] for row in rows] == [bill.key for bill in bills]
    rows[0] |= {"amount": rows[0]["expected"], "status": "booked", "reference": "T-1"}
    rows[1] |= {"status": "refused", "error": "Vendor is inactive"}
    rows[2] |= {"amount": "1.00", "status": "booked"}
    filled = tmp_path / "filled.csv"
    with filled.open("w", newline="") as text:
        writer = csv.DictWriter(text, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)

    code, out, _ = told("--as", "jlopez", "receipt", filled)
    assert code == 3
    assert "filled.csv: 1 booked, 1 refused, 1 waiting, 1 differs." in out
    assert f"row 3, {bills[1].key} (invoice #2): refused: Vendor is inactive" in out
    assert (
        f"row 4, {bills[2].key} (invoice #3): differs: it was sent with 91.03, and the receipt says 1.00"
        in out
    )
    assert "2 still wait for a receipt." in out
    assert states(office) == {"done": 1, "failed": 1, "sent": 2}

    code, out, _ = told("--as", "jlopez", "receipt", filled)
    assert code == 3 and "was read already" in out and "by jlopez" in out
    assert "filled.csv: 2 known, 1 waiting, 1 differs." in out
    assert states(office) == {"done": 1, "failed": 1, "sent": 2}


def test_json_tells_every_line(office: Database, tmp_path: Path, told: Told) -> None:
    queue_jobs(office, [make_bill(1)], erp="quickbooks-desktop")
    worked(office, tmp_path / "drop")
    receipt = tmp_path / "r.csv"
    receipt.write_text(f"key,amount,status\n{make_bill(1).key},91.01,booked\nnone,1.00,booked\n")
    code, out, _ = told("--as", "jlopez", "receipt", receipt, "--json")
    record: dict[str, Any] = json.loads(out)
    assert code == 3
    assert (record["lines"]["booked"], record["lines"]["unknown"], record["waiting"]) == (1, 1, 0)
    assert [line["fate"] for line in record["told"]] == ["booked", "unknown"]
    assert record["read_before"] is None


def test_rows_that_are_left_out_are_counted_by_what_they_say(
    office: Database, tmp_path: Path, told: Told
) -> None:
    receipt = tmp_path / "bills.csv"
    rows = [("1", "Wartet"), ("2", "Wartet"), ("3", "\x1b[31mVoid"), ("4", "")]
    text = "".join(f"V-1,{number},1.00,{status}\n" for number, status in rows)
    receipt.write_text("ContactName,InvoiceNumber,Total,Status\n" + text)
    code, out, _ = told("--as", "jlopez", "receipt", receipt)
    assert code == 0 and "bills.csv: no lines." in out and "\x1b" not in out
    assert "1 (none)" in out and "2 Wartet" in out
    record = json.loads(told("--as", "jlopez", "receipt", receipt, "--json")[1])
    assert record["left_out"]["Wartet"] == 2 and sum(record["left_out"].values()) == 4


@pytest.mark.parametrize(
    ("words", "login", "code", "said"),
    [
        ((), "jlopez", 2, "Say which receipt"),
        (("nowhere.csv",), "jlopez", 2, "nowhere.csv cannot be read"),
        (("r.csv",), "viewer", 5, "viewer may not read receipts"),
        (("--waiting",), "mgarcia", 5, "mgarcia may not see ERP Integrations"),
        (("r.csv", "--waiting"), "jlopez", 2, "Say which receipt"),
    ],
)
def test_what_cannot_be_is_told_with_its_exit_code(
    office: Database, tmp_path: Path, told: Told, words: tuple[str, ...], login: str, code: int, said: str
) -> None:
    (tmp_path / "r.csv").write_text("key,status\nk,booked\n")
    paths = [str(tmp_path / word) if word.endswith(".csv") else word for word in words]
    found, _, err = told("--as", login, "receipt", *paths)
    assert (found, said in err) == (code, True)
    assert states(office) == {}


def test_a_reconciliation_agrees_with_what_receipts_booked_and_leaves_what_waits_under_way(
    office: Database, tmp_path: Path, told: Told
) -> None:
    queue_jobs(office, [make_bill(1), make_bill(2), make_bill(3)], erp="quickbooks-desktop")
    worked(office, tmp_path / "drop")
    receipt = tmp_path / "r.csv"
    receipt.write_text(
        f"key,reference,amount,status\n{make_bill(1).key},T-1,91.01,booked\n{make_bill(3).key},,,refused\n"
    )
    assert told("--as", "jlopez", "receipt", receipt)[0] == 0
    _, out, _ = told("--as", "jlopez", "reconcile", "--period", "2026-10", "--json")
    found = json.loads(out)
    classes = {
        row["class"]: row["sent"]["count"] for balance in found["totals"] for row in balance["classes"]
    }
    assert classes == {"under_way": 1, "agrees": 1, "failed": 1}
    assert states(office) == {"done": 1, "sent": 1, "failed": 1}


def test_resolving_what_is_uncertain_and_lies_in_the_drop_folder_makes_it_wait(
    office: Database, tmp_path: Path, told: Told
) -> None:
    bill = make_bill(1)
    queue_jobs(office, [bill], erp="quickbooks-desktop")
    outbox.begin(office, "quickbooks-desktop", "gone", limit=9, lease_ms=1000, concurrency=1)
    outbox.expire(office, settle_ms=0, sole_worker="next")

    async def write() -> None:
        files = Files(FilesSettings(str(tmp_path / "drop"), **ACCOUNTS), quick())
        await files.post([bill])
        await files.close()

    asyncio.run(write())
    _, out, _ = told("--as", "jlopez", "reconcile", "--period", "2026-10", "--resolve", "--json")
    assert json.loads(out)["resolved"] == 1
    assert states(office) == {"sent": 1} and statuses(office) == {"exporting": 1}
    code, out, err = told("--as", "jlopez", "reconcile", "#1", "--not-booked", "--comment", "lost", "--yes")
    assert code == 0 and "Failed to Export" in out, err
    assert states(office) == {"failed": 1}


# What the worker's process does: it dies when the file is written and nobody has heard of it yet.
DYING = """
import asyncio, os, signal, sys
from pathlib import Path
sys.path[:0] = {paths!r}
from test_cli_receipt import ACCOUNTS, quick
from erp.connectors.files import Files, FilesSettings
from erp.worker import Worker, WorkerSettings
from store import db as database

class Dying(Files):
    async def post(self, bills):
        outcomes = await super().post(bills)
        os.kill(os.getpid(), signal.SIGKILL)
        return outcomes

db = database.open({url!r})
worker = Worker(db, Dying(FilesSettings({drop!r}, **ACCOUNTS), quick()), None, WorkerSettings(lease=20.0))
asyncio.run(worker.run(asyncio.Event(), until_idle=True))
"""


def test_a_worker_that_dies_between_the_file_and_its_acknowledgement_writes_no_second_one(
    office: Database, tmp_path: Path
) -> None:
    queue_jobs(office, [make_bill(1), make_bill(2)], erp="quickbooks-desktop")
    drop = tmp_path / "drop"
    here = Path(__file__).parent
    code = DYING.format(paths=[str(here), str(here.parent)], url=office.url, drop=str(drop))
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, cwd=here.parents[1])
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert states(office) == {"claimed": 2}
    seen = sorted(path.name for path in drop.glob("*.iif"))
    worked(office, drop)
    assert states(office) == {"sent": 2}
    assert sorted(path.name for path in drop.glob("*.iif")) == seen and len(seen) == 1
    kinds = office.execute("SELECT kind, outcome FROM export_attempts ORDER BY id").fetchall()
    assert [tuple(row) for row in kinds] == [
        ("begun", ""),
        ("begun", ""),
        ("found", "delivered"),
        ("found", "delivered"),
    ]


def test_without_the_archive_who_settles_by_hand_is_told_that_there_is_no_answer(
    office: Database, tmp_path: Path, told: Told
) -> None:
    queue_jobs(office, [make_bill(1)], erp="quickbooks-desktop")
    worked(office, tmp_path / "drop")
    (tmp_path / "drop").rename(tmp_path / "away")
    code, _, err = told("--as", "jlopez", "reconcile", "#1", "--not-booked", "--comment", "lost", "--yes")
    assert code == 0, err
    [detail] = office.execute("SELECT detail FROM audit_events WHERE action = 'reconcile'").fetchone()
    said = str(audit.detail_of(detail)["erp_said"])
    assert said.startswith("no answer (") and "is not in the archive of" in said


def test_what_was_voided_in_an_erp_that_only_receipts_speak_for_is_free_again_by_hand(
    office: Database, tmp_path: Path, told: Told
) -> None:
    bill = make_bill(1)
    queue_jobs(office, [bill], erp="quickbooks-desktop")
    worked(office, tmp_path / "drop")
    for name, line in (("refused", f"{bill.key},,,refused"), ("booked", f"{bill.key},T-1,{bill.net},booked")):
        receipt = tmp_path / f"{name}.csv"
        receipt.write_text(f"key,reference,amount,status\n{line}\n")
        told("--as", "jlopez", "receipt", receipt)
    code, out, err = told("--as", "jlopez", "retry", "#1", "--yes")
    assert "has booked it already, as T-1" in out + err and states(office) == {"failed": 1}
    # It was voided there: a folder cannot be asked, so a person's word counts.
    words = ("reconcile", "#1", "--not-booked", "--comment", "voided in QuickBooks", "--yes")
    code, out, err = told("--as", "jlopez", *words)
    assert code == 0, err
    [detail] = office.execute("SELECT detail FROM audit_events WHERE action = 'reconcile'").fetchone()
    assert "a receipt said that it is booked there as T-1" in str(audit.detail_of(detail)["erp_said"])
    code, out, err = told("--as", "jlopez", "retry", "#1", "--yes")
    assert "has booked it already" not in out + err
