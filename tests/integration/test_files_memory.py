"""The archive of the drop folder is the proof of what left: without it nothing goes out, as it might go out twice."""

from __future__ import annotations

import asyncio
import shutil
import uuid
from datetime import date
from pathlib import Path

import msgspec
import pytest
from export_case import csv_ledger, make_bill, queue_jobs, states

from erp import profiles, reconciling
from erp.connector import UnavailableError
from erp.connectors.files import Files, FilesSettings
from erp.exporting import Exporting
from store import outbox
from store.db import Database
from store.domain.errors import PayappError
from store.domain.outcome import Booked, Period
from store.reconciling import Reconciliation

ERP = "files"


def files(drop: Path) -> Files:
    profile = msgspec.structs.replace(profiles.load(ERP), settle=0.05, timeout=5.0)
    return Files(FilesSettings(str(drop)), profile)


async def worked(db: Database, drop: Path) -> None:
    """What a worker does with what is due: it asks about what is uncertain, twice, and sends what waits."""
    connector = files(drop)
    worker = Exporting(db, connector, str(uuid.uuid4()), lease=20.0, lock=None)
    for _ in range(2):
        db.execute("UPDATE export_jobs SET run_at = 0 WHERE state IN ('uncertain', 'held', 'pending')")
        db.execute("UPDATE erp_state SET failures = 0, open_until = 0")
        await worker.look_up()
    for _ in range(2):
        _, jobs = await worker.begin(lambda: True)
        await worker.send(jobs, lambda: False, asyncio.Event())
    await connector.close()


async def half_done(db: Database, drop: Path) -> None:
    """One bill was exported; the next one's file was written, and the worker died before it said so."""
    one, two = make_bill(1), make_bill(2)
    queue_jobs(db, [one], erp=ERP)
    await worked(db, drop)
    queue_jobs(db, [two], erp=ERP)
    outbox.begin(db, ERP, "gone", limit=9, lease_ms=1, concurrency=9)
    dying = files(drop)
    await dying.post([two])
    await dying.close()
    db.execute("UPDATE export_jobs SET lease_until = 1 WHERE state = 'claimed'")
    outbox.expire(db, settle_ms=0)
    assert states(db) == {"done": 1, "uncertain": 1}


@pytest.mark.parametrize("what", ["another folder", "an empty archive", "an older archive"])
async def test_without_the_archive_nothing_is_written_again(db: Database, tmp_path: Path, what: str) -> None:
    drop = tmp_path / "drop"
    if what == "an older archive":
        early = files(drop)
        await early.post([make_bill(9)])
        await early.close()
        shutil.copytree(drop / "archive", tmp_path / "backup")
    await half_done(db, drop)
    elsewhere = drop
    if what == "another folder":
        # As on a second host, whose folder is its own.
        elsewhere = tmp_path / "local"
    else:
        shutil.rmtree(drop / "archive")
    if what == "an older archive":
        shutil.copytree(tmp_path / "backup", drop / "archive")
    before = sorted(path.name for path in drop.glob("*.csv"))
    queue_jobs(db, [make_bill(3)], erp=ERP)
    await worked(db, elsewhere)
    assert states(db) in ({"done": 1, "uncertain": 1, "held": 1}, {"done": 1, "uncertain": 1, "pending": 1})
    assert sorted(path.name for path in elsewhere.glob("*.csv")) == (before if elsewhere == drop else [])
    said = [row[0] for row in db.execute("SELECT error_text FROM export_jobs ORDER BY id").fetchall()]
    assert all("is not in the archive of" in text for text in said[1:])


async def test_with_the_archive_back_it_goes_on(db: Database, tmp_path: Path) -> None:
    drop = tmp_path / "drop"
    await half_done(db, drop)
    (drop / "archive").rename(tmp_path / "away")
    await worked(db, drop)
    assert states(db) == {"done": 1, "uncertain": 1}
    shutil.rmtree(drop / "archive")
    (tmp_path / "away").rename(drop / "archive")
    await worked(db, drop)
    assert states(db) == {"done": 2} and len(csv_ledger(drop)) == 2


async def test_what_is_lost_for_good_is_named_by_a_person(db: Database, tmp_path: Path) -> None:
    drop = tmp_path / "drop"
    await half_done(db, drop)
    lost = db.execute("SELECT erp_ref FROM export_jobs WHERE state = 'done'").fetchone()[0].split("/")[0]
    shutil.rmtree(drop / "archive")
    (drop / "archive").mkdir()
    db.execute("UPDATE export_jobs SET state = 'parked' WHERE state = 'uncertain'")
    queue_jobs(db, [make_bill(3)], erp=ERP)
    await worked(db, drop)
    assert states(db) == {"done": 1, "parked": 1, "pending": 1}
    (drop / "archive" / "LOST").write_text(f"{lost}\n")
    await worked(db, drop)
    assert states(db) == {"done": 2, "parked": 1}


async def test_a_file_that_leaves_the_archive_stops_a_running_worker(tmp_path: Path) -> None:
    connector = files(tmp_path / "drop")
    [booked] = await connector.post([make_bill(1)])
    assert isinstance(booked, Booked)
    names = [path.name for path in (tmp_path / "drop" / "archive").glob("payapp-*")]
    for name in names:
        (tmp_path / "drop" / "archive" / name).rename(tmp_path / name)
    with pytest.raises(UnavailableError, match="is not in the archive"):
        await connector.post([make_bill(2)])
    for name in names:
        (tmp_path / name).rename(tmp_path / "drop" / "archive" / name)
    assert await connector.find([make_bill(1)]) == [booked]
    await connector.close()


async def test_a_reconciliation_without_the_archive_is_none(db: Database, tmp_path: Path) -> None:
    drop = tmp_path / "drop"
    await half_done(db, drop)
    other = files(tmp_path / "other")
    period = Period(date(2026, 10, 1), date(2026, 10, 31), is_open=True)
    with (
        Reconciliation(ERP, period, lists=True) as found,
        pytest.raises(PayappError, match="not in the archive"),
    ):
        await reconciling.compare(db, other, found)
    await other.close()
