"""A backup has all of the books, on either engine; what is restored from it sends nothing twice and loses nothing."""

from __future__ import annotations

import asyncio
import stat
import uuid
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from cli_case import Told
from export_case import PERIODS, sandbox_on
from people import founded

from erp.connectors import sandbox
from erp.worker import Worker, WorkerSettings
from store import adopting, backup, demo, directory, masters, restoring, review, verifying
from store import db as database
from store.db import Database
from store.domain.actor import Actor
from store.domain.errors import BadInput, NotPermitted
from store.domain.profile import Profile
from store.domain.selection import Marked, every
from store.domain.status import ProjectView

pytest_plugins = ["cli_case"]


@pytest.fixture
def stocked(db: Database, sender: Actor) -> Database:
    """Books with twelve invoices, Ready to Export."""
    demo.seed(db, sender, rows=12)
    review.send(db, sender, every(ProjectView.NOT_SENT))
    return db


@pytest.fixture
def file(stocked: Database, approver: Actor, tmp_path: Path) -> Path:
    path = tmp_path / "monday.payapp"
    backup.write(stocked, approver, path)
    return path


@pytest.fixture(params=["sqlite", "postgres"])
def empty(request: pytest.FixtureRequest, tmp_path: Path, postgres_server: str) -> Iterator[Database]:
    """An empty database on each engine, whatever the backup was made of."""
    if request.param == "sqlite":
        url = f"sqlite:{tmp_path / 'elsewhere.db'}"
        opened = database.create(url)
        yield opened
        opened.close()
        return
    name = f"r{uuid.uuid4().hex}"
    with psycopg.connect(postgres_server, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        opened = database.create(postgres_server.replace("/postgres?", f"/{name}?", 1))
        yield opened
        opened.close()
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def everything(db: Database) -> dict[str, list[str]]:
    """Every row of every table, without order."""
    found = {}
    for table, model in backup.models_by_table().items():
        rows = db.execute(f"SELECT {', '.join(model._meta.columns)} FROM {table}").fetchall()
        found[table] = sorted(
            map(repr, (tuple(int(v) if isinstance(v, bool) else v for v in row) for row in rows))
        )
    return found


def test_all_of_it_comes_back_on_either_engine(stocked: Database, file: Path, empty: Database) -> None:
    made = restoring.restore(empty, file)
    assert everything(empty) == everything(stocked)
    assert made.rows == sum(map(len, everything(stocked).values()))
    assert verifying.verify(empty).head.text == made.head
    # New rows are numbered behind the old ones.
    maria = directory.actor(empty, "mgarcia")
    review.retrieve(empty, maria, every(ProjectView.SENT))
    assert verifying.verify(empty).fault_count == 0


def test_nothing_is_sent_twice_and_nothing_lost_after_a_restore(
    stocked: Database, approver: Actor, empty: Database, tmp_path: Path, quick: Profile
) -> None:
    books, path = tmp_path / "erp.db", tmp_path / "monday.payapp"
    sandbox.seed(books, masters.vendors(stocked), masters.cost_codes(stocked), PERIODS)
    ready = stocked.execute(
        "SELECT id, version FROM invoices WHERE erp_status = 'ready_to_export'"
    ).fetchall()
    accepted = review.accept(stocked, approver, Marked(dict(ready)), quick).done
    backup.write(stocked, approver, path)
    export(stocked, books, quick)
    sent = sorted(bill.key for bill in sandbox.ledger(books))
    assert sent

    restoring.restore(empty, path)
    export(empty, books, quick)
    assert statuses(empty)["queued"] == len(accepted), "nothing leaves before it is adopted"
    adopting.adopt(empty, directory.actor(empty, approver.login), "restored", settle_ms=0)
    export(empty, books, quick)
    assert sorted(bill.key for bill in sandbox.ledger(books)) == sent
    assert statuses(empty) == statuses(stocked)


def export(db: Database, books: Path, profile: Profile) -> None:
    worker = Worker(db, sandbox_on(books, profile), None, WorkerSettings(lease=6.0, poll=0.02))
    asyncio.run(_until_idle(worker))


async def _until_idle(worker: Worker) -> None:
    async with asyncio.timeout(30):
        await worker.run(asyncio.Event(), until_idle=True)


def statuses(db: Database) -> dict[str, int]:
    return dict(db.execute("SELECT erp_status, count(*) FROM invoices GROUP BY erp_status").fetchall())


def test_a_backup_is_of_one_moment_and_for_its_owner_alone(
    stocked: Database, approver: Actor, tmp_path: Path
) -> None:
    path = tmp_path / "busy.payapp"
    decided: list[int] = []

    def meanwhile(table: str) -> None:
        if table == "audit_events":
            other = database.open(stocked.url)
            who = directory.actor(other, "mgarcia")
            decided.extend(review.retrieve(other, who, every(ProjectView.SENT)).done)
            other.close()

    made, verified = backup.write(stocked, approver, path, told=meanwhile)
    assert decided
    assert made.head == verified.head.text
    assert verifying.head(stocked).event == verified.head.event + 1
    counts = {table.name: table.rows for table in made.tables}
    assert counts["audit_events"] == verified.events
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    fresh = database.create(f"sqlite:{tmp_path / 'fresh.db'}")
    restoring.restore(fresh, path)
    assert statuses(fresh) == {"ready_to_export": 12}
    fresh.close()


def rewritten(file: Path, name: str, change: bytes) -> None:
    """The same file with another text in one of its members."""
    with zipfile.ZipFile(file) as old:
        members = {each: old.read(each) for each in old.namelist()}
    before, after = change.split(b"|")
    members[name] = members[name].replace(before, after, 1)
    with zipfile.ZipFile(file, "w") as new:
        for each, text in members.items():
            new.writestr(each, text)


@pytest.mark.parametrize("db_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("name", "change", "why"),
    [
        ("tables/invoices.jsonl", b"ready_to_export|synced_to_export", "invoices is not what"),
        ("manifest.json", b'"schema":|"schema":1', "its schema is 1"),
        ("manifest.json", b'"format":1|"format":2', "its format is 2"),
        ("manifest.json", b'"head":"|"head":"9', "audit trail"),
        ("manifest.json", b'"tables"|"tabels"', "not a backup"),
        ("manifest.json", b'"net"|"tax"', "batches has other columns"),
    ],
)
def test_what_was_changed_is_refused_and_nothing_is_restored(
    file: Path, tmp_path: Path, name: str, change: bytes, why: str
) -> None:
    rewritten(file, name, change)
    fresh = database.create(f"sqlite:{tmp_path / 'fresh.db'}")
    with pytest.raises(BadInput, match=why):
        restoring.restore(fresh, file)
    assert fresh.execute("SELECT count(*) FROM company").fetchone() == (0,)
    assert fresh.execute("SELECT count(*) FROM audit_head").fetchone() == (1,)
    fresh.close()


def test_which_view_an_invoice_is_in_is_told_by_its_status_alone(
    stocked: Database, approver: Actor, empty: Database, tmp_path: Path
) -> None:
    if not stocked.postgres:
        stocked.execute("UPDATE invoices SET phase = 'synced', sent = 0")
    backup.write(stocked, approver, tmp_path / "m")
    restoring.restore(empty, tmp_path / "m")
    found = empty.execute("SELECT DISTINCT erp_status, phase, sent FROM invoices").fetchall()
    assert found == [("ready_to_export", "ready_to_export", 1)]


@pytest.mark.parametrize("db_url", ["sqlite"], indirect=True)
def test_half_a_file_and_a_database_with_a_company_are_refused(stocked: Database, file: Path) -> None:
    with pytest.raises(BadInput, match="has a company already"):
        restoring.restore(stocked, file)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match="not a backup"):
        restoring.restore(stocked, file)


@pytest.mark.parametrize("db_url", ["sqlite"], indirect=True)
def test_who_may_not_and_what_is_there_are_refused(stocked: Database, approver: Actor, file: Path) -> None:
    kept = file.read_bytes()
    with pytest.raises(BadInput, match="--replace"):
        backup.write(stocked, approver, file)
    with pytest.raises(NotPermitted, match="may not make a backup"):
        backup.write(stocked, directory.actor(stocked, "viewer"), file, replace=True)
    assert file.read_bytes() == kept
    assert [path for path in file.parent.iterdir() if path.name.startswith(".monday")] == []


def test_a_trail_that_was_changed_is_told_and_backed_up_all_the_same(
    sqlite_db: Database, tmp_path: Path
) -> None:
    sqlite_db.execute("UPDATE audit_events SET actor = 'nobody' WHERE id = 1")
    path = tmp_path / "m"
    _, verified = backup.write(sqlite_db, directory.actor(sqlite_db, "admin"), path)
    assert verified.fault_count == 1
    assert path.exists()
    fresh = database.create(f"sqlite:{tmp_path / 'fresh.db'}")
    with pytest.raises(BadInput, match="not as it was written"):
        restoring.restore(fresh, path)
    fresh.close()


def test_the_commands_carry_a_company_to_another_database(
    place: Path, company: Database, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = place / "monday.payapp"
    code, out, err = told("--as", "jlopez", "backup", path)
    assert (code, err) == (0, "")
    assert f"Head {verifying.head(company).text}" in out
    assert told("--as", "jlopez", "backup", path)[0] == 2
    monkeypatch.setenv("PAYAPP_DATABASE", f"sqlite:{place / 'other.db'}")
    code, out, err = told("restore", path)
    assert (code, err) == (0, "")
    assert "payapp adopt" in out
    code, _, err = told("restore", path)
    assert code == 2
    assert "has a company already" in err
    code, _, err = told("--as", "jlopez", "adopt", "--yes", "--comment", "restored")
    assert code == 0
    monkeypatch.setenv("PAYAPP_DATABASE", f"sqlite:{place / 'third.db'}")
    (place / "no").write_bytes(b"no backup")
    assert told("restore", place / "no")[0] == 2
    assert not (place / "third.db").exists()


def test_founded_books_without_an_invoice_are_backed_up_too(tmp_path: Path) -> None:
    bare = database.create(f"sqlite:{tmp_path / 'bare.db'}")
    founded(bare)
    path = tmp_path / "bare.payapp"
    made, _ = backup.write(bare, directory.actor(bare, "admin"), path)
    assert made.company == "ACME BUILDERS"
    bare.close()


def test_a_restore_that_comes_second_leaves_what_the_first_has_restored(
    place: Path, company: Database, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other = place / "monday.payapp", place / "other.db"
    assert told("--as", "jlopez", "backup", path)[0] == 0
    monkeypatch.setenv("PAYAPP_DATABASE", f"sqlite:{other}")
    restore = restoring.restore

    def meanwhile(db: Database, file: Path, *told_of: Callable[[str], None]) -> backup.Manifest:
        first = database.open(db.url)
        restore(first, file)
        first.close()
        return restore(db, file, *told_of)

    monkeypatch.setattr(restoring, "restore", meanwhile)
    code, _, err = told("restore", path)
    assert code == 2
    assert "has a company already" in err
    kept = database.open(f"sqlite:{other}")
    assert verifying.head(kept).text == verifying.head(company).text
    kept.close()
