"""Opening databases that are not what they should be, on real files and a real PostgreSQL."""

import asyncio
import logging
import os
import socket
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import peewee
import psycopg
import pytest

from store import db as database
from store import dialing
from store.db import Database
from store.domain.errors import BadInput, StoreError


def test_a_missing_database_names_the_way_to_one(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="payapp init"):
        database.open(f"sqlite:{tmp_path / 'none.db'}")
    assert not (tmp_path / "none.db").exists()


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no folder"):
        database.create(f"sqlite:{tmp_path / 'none' / 'x.db'}")


def test_what_is_no_url_is_refused() -> None:
    with pytest.raises(BadInput, match="not a database URL"):
        database.open("mysql://x")


@pytest.mark.parametrize("content", [b"hello, this is a text file that is longer than a header", b"", None])
def test_another_file_is_not_taken_for_ours(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "other.db"
    if content is None:
        with sqlite3.connect(path) as other:
            other.execute("CREATE TABLE theirs (x)")
        other.close()
    else:
        path.write_bytes(content)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="not a payapp database"):
        database.open(f"sqlite:{path}")
    assert path.read_bytes() == before


def test_a_database_with_other_tables_is_not_made_ours(tmp_path: Path, postgres_url: str) -> None:
    path = tmp_path / "theirs.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE theirs (x)")
    other.close()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE theirs (x int)")
    for url in (f"sqlite:{path}", postgres_url):
        with pytest.raises(StoreError, match="not a payapp database"):
            database.create(url)


def test_an_empty_postgres_database_is_not_ours_until_init(postgres_url: str) -> None:
    with pytest.raises(StoreError, match="not a payapp database"):
        database.open(postgres_url)


def test_a_newer_database_is_left_alone(db_url: str) -> None:
    made = database.create(db_url)
    with made.transaction():
        made.execute("UPDATE schema_version SET version = 9999")
    made.close()
    with pytest.raises(StoreError, match="newer than this program"):
        database.open(db_url)


def test_a_locked_database_says_so_and_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'x.db'}"
    made = database.create(url)
    made.execute("PRAGMA busy_timeout = 50")
    holder = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(StoreError, match="locked"), made.transaction():
            made.execute("INSERT INTO vendors (source_id, name) VALUES ('a', 'b')")
    finally:
        holder.execute("ROLLBACK")
        holder.close()
    assert made.execute("SELECT count(*) FROM vendors").fetchone()[0] == 0
    made.close()


# -- PostgreSQL's waits ------------------------------------------------------------------------------------------

LOCKED = "The database is locked.*Try again in a moment; nothing was changed"


def with_options(url: str, *settings: str) -> str:
    return f"{url}&options={quote(' '.join(f'-c {setting}' for setting in settings))}"


def setting(db: Database, name: str) -> str:
    return str(db.execute(f"SHOW {name}").fetchone()[0])


def test_a_row_lock_is_waited_for_as_long_as_sqlite_waits(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = database.create(postgres_url)
    assert setting(made, "lock_timeout") == "10s"
    assert made.pw.connection().info.get_parameters()["connect_timeout"] == "10"
    made.close()
    own = with_options(postgres_url, "lock_timeout=70ms", "work_mem=9MB") + "&connect_timeout=3"
    made = database.open(own)
    assert (setting(made, "lock_timeout"), setting(made, "work_mem")) == ("70ms", "9MB")
    assert made.pw.connection().info.get_parameters()["connect_timeout"] == "3"
    made.close()
    monkeypatch.setenv("PGOPTIONS", "-c work_mem=8MB")
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "4")
    made = database.open(postgres_url.replace("postgresql:", "postgres:"))
    assert (setting(made, "lock_timeout"), setting(made, "work_mem")) == ("10s", "8MB")
    assert "connect_timeout" not in made.pw.connect_params
    made.close()


def test_what_is_committed_outlives_the_server(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as owner:
        owner.execute(f"ALTER DATABASE {owner.info.dbname} SET synchronous_commit = off")
    made = database.create(postgres_url)
    assert setting(made, "synchronous_commit") == "on"
    made.close()
    made = database.open(with_options(postgres_url, "synchronous_commit=remote_apply"))
    assert setting(made, "synchronous_commit") == "remote_apply"
    made.close()
    for asked in ("off", "local", "FALSE", "0"):
        with pytest.raises(BadInput, match=r"cannot be used.*paid twice.*Take it out"):
            database.open(with_options(postgres_url, f"synchronous_commit={asked}"))
    monkeypatch.setenv("PGOPTIONS", "--synchronous-commit=off")
    with pytest.raises(BadInput, match="PGOPTIONS"):
        database.open(postgres_url)


def test_a_row_that_somebody_holds_says_so_and_changes_nothing(postgres_url: str) -> None:
    made = database.create(with_options(postgres_url, "lock_timeout=20ms"))
    with made.transaction():
        made.execute("INSERT INTO vendors (source_id, name) VALUES ('a', 'b')")
    with psycopg.connect(postgres_url) as holder:
        holder.execute("SELECT 1 FROM vendors FOR UPDATE")
        with pytest.raises(StoreError, match=LOCKED), made.transaction():
            made.execute("INSERT INTO vendors (source_id, name) VALUES ('c', 'd')")
            made.execute("UPDATE vendors SET name = 'x'")
        with pytest.raises(StoreError, match=LOCKED), made.transaction():
            made.executemany("UPDATE vendors SET name = ? WHERE source_id = ?", [("x", "a")])
    assert made.execute("SELECT source_id, name FROM vendors").fetchall() == [("a", "b")]
    made.close()


def test_a_deadlock_says_so(postgres_url: str) -> None:
    made = database.create(with_options(postgres_url, "deadlock_timeout=20ms"))
    with made.transaction():
        made.executemany("INSERT INTO vendors (source_id, name) VALUES (?, 'x')", [("a",), ("b",)])
    # The other waits first and would look later, so that ours is the one that is given up.
    with (
        psycopg.connect(with_options(postgres_url, "deadlock_timeout=60s")) as other,
        ThreadPoolExecutor(1) as beside,
    ):
        other.execute("UPDATE vendors SET name = 'theirs' WHERE source_id = 'b'")
        with pytest.raises(StoreError, match=LOCKED), made.transaction():
            made.execute("UPDATE vendors SET name = 'ours' WHERE source_id = 'a'")
            waiting = beside.submit(other.execute, "UPDATE vendors SET name = 'theirs' WHERE source_id = 'a'")
            wait_for_a_waiter(postgres_url)
            made.execute("UPDATE vendors SET name = 'ours' WHERE source_id = 'b'")
        waiting.result(timeout=30)
        other.commit()
    assert {row[0] for row in made.execute("SELECT name FROM vendors").fetchall()} == {"theirs"}
    made.close()


def wait_for_a_waiter(url: str) -> None:
    """Until some statement waits for a lock."""
    with psycopg.connect(url, autocommit=True) as watcher:
        for _ in range(2000):
            if watcher.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone():
                return
            threading.Event().wait(0.005)
    pytest.fail("nothing waits")


def test_a_serialization_failure_says_so(postgres_url: str) -> None:
    made = database.create(with_options(postgres_url, "default_transaction_isolation=serializable"))
    with made.transaction():
        made.execute("INSERT INTO vendors (source_id, name) VALUES ('a', 'b')")
    with pytest.raises(StoreError, match=LOCKED), made.transaction():
        made.execute("SELECT name FROM vendors").fetchone()
        with psycopg.connect(postgres_url, autocommit=True) as other:
            other.execute("UPDATE vendors SET name = 'theirs'")
        made.execute("UPDATE vendors SET name = 'ours'")
    made.close()


def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialing, "CONNECT_WAIT", 2)
    # The server is gone before the thread is waited for, so that this fails and does not hang.
    with ThreadPoolExecutor(1) as beside, socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://someone@127.0.0.1:{silent.getsockname()[1]}/books?sslmode=disable"
        opening = beside.submit(database.open, url)
        with pytest.raises(StoreError, match="did not answer"):
            opening.result(timeout=30)


def test_a_driver_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match=r"payapp\[postgres\]"):
        database.open("postgresql://me@host/books")


def test_a_url_that_cannot_be_read_is_refused_without_its_password() -> None:
    with pytest.raises(BadInput, match="cannot be read") as caught:
        database.open("postgresql://me:secret@[::1/books")
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_failed_statement_for_many_says_its_error_and_logs_nothing(
    postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    made = database.create(postgres_url)
    with pytest.raises(peewee.IntegrityError), made.transaction():
        made.executemany("INSERT INTO vendors (source_id, name) VALUES (?, 'x')", [("a",)] * 500)
    assert caplog.records == []
    logging.getLogger("psycopg").warning("anything else is %s", "heard")
    assert [record.getMessage() for record in caplog.records] == ["anything else is heard"]
    made.close()


def test_a_read_only_database_says_so(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    made = database.create(f"sqlite:{path}")
    # Without the WAL files beside it a reader needs no right to write.
    made.execute("PRAGMA journal_mode = DELETE")
    made.close()
    code = (
        "import os\nfrom store import db\nfrom store.domain.errors import StoreError\n"
        f"opened = db.open('sqlite:{path}')\nopened.pw.close()\n"
        # Root may write anywhere; another user, who connects anew, may not.
        "if os.getuid() == 0: os.setuid(65534)\n"
        "try:\n    with opened.transaction(): opened.execute(\"INSERT INTO vendors (source_id, name) VALUES ('a','b')\")\n"
        "except StoreError as error: print(error)\n"
    )
    path.chmod(0o444)
    for parent in (tmp_path, *tmp_path.parents):
        if str(parent) not in {"/", "/tmp"} and os.getuid() == 0:
            parent.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2]
    )
    assert "The database is read-only" in done.stdout, done.stderr


def test_an_error_in_a_transaction_undoes_all_of_it(db: Database) -> None:
    with pytest.raises(RuntimeError), db.transaction():
        db.execute("INSERT INTO vendors (source_id, name) VALUES ('a', 'b')")
        with db.transaction():
            db.execute("INSERT INTO vendors (source_id, name) VALUES ('c', 'd')")
        raise RuntimeError
    assert db.execute("SELECT count(*) FROM vendors").fetchone()[0] == 0


def test_a_feed_tells_of_commits_once(db: Database) -> None:
    feed = db.changes()
    try:
        assert not feed.changed()
        with db.transaction():
            db.execute("INSERT INTO vendors (source_id, name) VALUES ('a', 'b')")
        # PostgreSQL's notice travels; wait for the condition itself.
        for _ in range(1000):
            if feed.changed():
                break
            threading.Event().wait(0.005)
        else:
            pytest.fail("the commit was not told")
        assert not feed.changed()
    finally:
        feed.close()


async def test_reads_and_writes_go_through_their_threads(db: Database) -> None:
    def name(_db: Database) -> str:
        return threading.current_thread().name

    names = [await db.read(name), await db.write(name), await db.count(name), threading.current_thread().name]
    assert len({n.rsplit("_", 1)[0] for n in names}) == 4

    def insert(db: Database, n: int) -> None:
        with db.transaction():
            db.execute("INSERT INTO vendors (source_id, name) VALUES (?, 'x')", (str(n),))

    await asyncio.gather(*(db.write(insert, n) for n in range(20)))
    assert await db.read(lambda db: db.execute("SELECT count(*) FROM vendors").fetchone()[0]) == 20


def test_allocated_ids_are_fresh(db: Database) -> None:
    with db.transaction():
        ids = list(db.allocate("vendors", 3))
        db.executemany(
            "INSERT INTO vendors (id, source_id, name) VALUES (?, ?, 'x')", [(n, f"v{n}") for n in ids]
        )
    with db.transaction():
        db.execute("INSERT INTO vendors (source_id, name) VALUES ('next', 'x')")
        more = list(db.allocate("vendors", 2))
    assert len({*ids, *more}) == 5
    used = {row[0] for row in db.execute("SELECT id FROM vendors").fetchall()}
    assert len(used) == 4 and not used & set(more)
