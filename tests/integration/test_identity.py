"""Who acts is told by the operating system or by the database's role, and by nobody else; the Directory at the same moment twice."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from invoice_factory import make, state, version
from people import founded

from erp import profiles
from store import db as database
from store import directory, identity, review, roles
from store.db import Database
from store.directory import UserValues
from store.domain.actor import Level
from store.domain.errors import BadInput, NotPermitted, PayappError
from store.domain.selection import Marked
from tui import bootstrap, settings

PROFILE = profiles.load("sandbox")


@pytest.fixture
def owned(postgres_url: str) -> Iterator[Database]:
    """A company's books on PostgreSQL, opened by the tables' owner; no demo."""
    opened = database.create(postgres_url)
    founded(opened)
    opened.execute("UPDATE company SET demo = false")
    yield opened
    opened.close()


@contextmanager
def role(owned: Database) -> Iterator[tuple[str, str]]:
    """A role that payapp may run under: its name, and the URL with which it opens the books."""
    name = f"p{uuid.uuid4().hex}"
    owned.execute(f'CREATE ROLE "{name}" LOGIN')
    roles.grant(owned, name)
    try:
        yield name, owned.url.replace("postgres:@", f"{quote(name)}@", 1)
    finally:
        owned.execute(f'DROP OWNED BY "{name}"')
        owned.execute(f'DROP ROLE "{name}"')


def add(db: Database, login: str, **values: object) -> None:
    directory.put_user(db, None, replace(UserValues(login, "A Person"), **values))  # type: ignore[arg-type] # by name


def test_the_database_role_is_who_acts_where_the_directory_has_its_name(owned: Database) -> None:
    with role(owned) as (own, url), closing(database.open(url)) as db:
        assert identity.given(db, "somebody") == "somebody"
        add(owned, own)
        # Whoever he says to be on his own machine.
        assert identity.given(db, "somebody") == identity.given(db, "jlopez") == own
        db.execute("SET ROLE NONE")
        add(owned, own, active=False)
        with pytest.raises(NotPermitted, match="is not a user"):
            directory.actor(db, identity.given(db, "jlopez"))


def test_who_has_a_role_of_his_own_does_not_come_in_by_the_shared_one(owned: Database) -> None:
    with role(owned) as (own, _), role(owned) as (_, shared), closing(database.open(shared)) as db:
        add(owned, own)
        with pytest.raises(NotPermitted, match=f"postgresql://{own}@"):
            identity.given(db, own)
        assert identity.given(db, "jlopez") == "jlopez"
        roles_of_nobody = f"q{uuid.uuid4().hex}"
        owned.execute(f'CREATE ROLE "{roles_of_nobody}" LOGIN')
        try:
            # It may not read these books: it proves nothing here.
            assert identity.given(db, roles_of_nobody) == roles_of_nobody
        finally:
            owned.execute(f'DROP ROLE "{roles_of_nobody}"')


def test_nobody_gets_the_name_of_the_role_that_others_share(owned: Database) -> None:
    with role(owned) as (shared, url), closing(database.open(url)) as db:
        ada = directory.actor(db, "admin")
        with pytest.raises(BadInput, match="each of them would be that user"):
            directory.put_user(db, ada, UserValues(shared, "Everybody", directory_level=Level.ADMIN))


def test_the_commands_act_as_who_is_given(
    owned: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.bootstrap.own_login", lambda: "jlopez")
    with role(owned) as (own, url):
        settings.write(tmp_path / "p.toml", {"database": {"url": url}, "erp": {"connector": "files"}})
        with bootstrap.opened(str(tmp_path / "p.toml")) as books:
            assert books.actor(None, "command line").login == "jlopez"
            add(owned, own)
            assert books.actor(None, "command line").login == own
            with pytest.raises(NotPermitted, match="demo databases only"):
                books.actor("admin", "command line")


def test_on_sqlite_it_is_the_user_of_the_operating_system(sqlite_db: Database) -> None:
    assert identity.given(sqlite_db, "jlopez") == "jlopez"


# -- two at the same moment ------------------------------------------------------------------------------------


def beside(url: str, do: object) -> tuple[threading.Thread, list[str]]:
    """Somebody else does that in a process of his own, as far as the database can tell; and what he was told."""
    told: list[str] = []

    def run() -> None:
        with closing(database.open(url)) as db:
            try:
                do(db)  # type: ignore[operator] # a function of the test
            except PayappError as error:
                told.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    return thread, told


def waits(db: Database) -> None:
    """Somebody waits for a lock of ours."""
    for _ in range(2000):
        if db.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone():
            return
        threading.Event().wait(0.005)
    raise AssertionError("nobody waits")


@pytest.mark.parametrize("each", ["the other", "himself"])
def test_of_two_admins_who_are_removed_at_the_same_moment_one_stays(owned: Database, each: str) -> None:
    add(owned, "boss", directory_level=Level.ADMIN)
    first, second = ("boss", "admin") if each == "the other" else ("admin", "boss")
    ada, boss = directory.actor(owned, "admin"), directory.actor(owned, "boss")
    targets = {login: directory.find_user(owned, login) for login in ("admin", "boss")}

    def removed(login: str) -> UserValues:
        found = targets[login]
        assert found is not None
        return replace(found, active=False)

    with owned.transaction():
        directory.put_user(owned, ada, removed(first))
        thread, told = beside(owned.url, lambda db: directory.put_user(db, boss, removed(second)))
        waits(owned)
    thread.join()
    left = [user.login for user in directory.users(owned) if user.directory_level is Level.ADMIN]
    assert left == [second] and len(told) == 1
    assert ("not a user" if each == "the other" else "last Directory Admin") in told[0]


def test_what_is_accepted_while_the_right_is_taken_goes_back_too(owned: Database) -> None:
    number = make(owned)
    ada, juan = directory.actor(owned, "admin"), directory.actor(owned, "jlopez")
    values = directory.find_user(owned, "jlopez")
    assert values is not None
    with owned.transaction():
        review.accept(owned, juan, Marked({number: version(owned, number)}), PROFILE)
        thread, told = beside(
            owned.url, lambda db: directory.put_user(db, ada, replace(values, can_push=False))
        )
        waits(owned)
    thread.join()
    assert told == [] and state(owned, number) == "ready_to_export"
