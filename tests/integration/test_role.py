"""On PostgreSQL payapp does all its work under a role that can change or remove nothing of the audit trail."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from cli_case import Told
from export_case import PERIODS, sandbox_on
from people import PEOPLE, founded

from erp.connectors import sandbox
from erp.worker import Worker, WorkerSettings
from store import db as database
from store import demo, directory, masters, review, roles, verifying
from store.db import Database
from store.domain.errors import BadInput, NotPermitted, StoreError
from store.domain.profile import Profile
from store.domain.selection import every
from store.domain.status import ProjectView, View

pytest_plugins = ["cli_case"]


@pytest.fixture
def owned(postgres_url: str) -> Iterator[Database]:
    """A company's books on PostgreSQL, opened by the tables' owner."""
    opened = database.create(postgres_url)
    founded(opened)
    yield opened
    opened.close()


@pytest.fixture
def role(owned: Database) -> Iterator[str]:
    """A role of the server that may log in and do nothing else; gone after the test."""
    name = f"App {uuid.uuid4().hex}"
    owned.execute(f'CREATE ROLE "{name}" LOGIN')
    yield name
    owned.execute(f'DROP OWNED BY "{name}"')
    owned.execute(f'DROP ROLE "{name}"')


def url_of(owned: Database, role: str) -> str:
    assert "postgres:@" in owned.url
    return owned.url.replace("postgres:@", f"{quote(role)}@", 1)


@pytest.fixture
def opened(owned: Database, role: str) -> Iterator[Database]:
    """The same books, opened by that role when it was granted what it needs."""
    assert "audit_rows" in roles.grant(owned, role)
    found = database.open(url_of(owned, role))
    assert found.execute("SELECT current_user").fetchone()[0] == role
    yield found
    found.close()


def test_it_imports_sends_accepts_exports_and_verifies(
    opened: Database, tmp_path: Path, quick: Profile
) -> None:
    maria, juan, ada = (directory.actor(opened, login) for login in ("mgarcia", "jlopez", "admin"))
    demo.seed(opened, maria, rows=12)
    review.send(opened, maria, every(ProjectView.NOT_SENT))
    file = tmp_path / "sandbox.db"
    sandbox.seed(file, masters.vendors(opened), masters.cost_codes(opened), PERIODS)
    done = review.accept(opened, juan, every(View.READY), quick).done
    assert done
    worker = Worker(opened, sandbox_on(file, quick), None, WorkerSettings(lease=6.0, poll=0.02))
    asyncio.run(worker.run(asyncio.Event(), until_idle=True))
    booked = opened.execute("SELECT count(*) FROM invoices WHERE erp_status = 'synced'").fetchone()[0]
    assert booked == len(sandbox.ledger(file)) > 0
    directory.put_user(opened, ada, PEOPLE["viewer"])
    found = verifying.verify(opened)
    assert found.fault_count == 0
    assert found.events > len(PEOPLE)


DEEDS = ("UPDATE {0} SET {1} = {1}", "DELETE FROM {0}", "TRUNCATE {0} CASCADE", "DROP TABLE {0}")


def test_it_cannot_change_or_remove_what_is_append_only(opened: Database) -> None:
    for table in roles.APPEND_ONLY:
        column = opened.pw.get_columns(table)[0].name
        for deed in DEEDS:
            with pytest.raises(StoreError, match=r"permission denied|must be owner") as refused:
                opened.execute(deed.format(table, column))
            assert refused.value.what == "The database role may not do that"


def test_it_is_said_who_grants_and_to_whom(owned: Database, role: str, opened: Database) -> None:
    with pytest.raises(NotPermitted, match="the tables belong to postgres"):
        roles.grant(opened, role)
    with pytest.raises(BadInput, match="There is no role nobody"):
        roles.grant(owned, "nobody")
    with pytest.raises(BadInput, match="it is a superuser"):
        roles.grant(owned, "postgres")
    owned.execute(f'GRANT postgres TO "{role}"')
    with pytest.raises(BadInput, match="may become, postgres"):
        roles.grant(owned, role)


def test_a_role_that_has_more_through_another_is_refused_and_nothing_is_granted(
    owned: Database, role: str
) -> None:
    wide = f"w{uuid.uuid4().hex}"
    owned.execute(f"CREATE ROLE {wide}")
    try:
        owned.execute(f"GRANT DELETE ON audit_rows TO {wide}")
        owned.execute(f'GRANT {wide} TO "{role}"')
        with pytest.raises(BadInput, match="it still can change audit_rows"):
            roles.grant(owned, role)
        allowed = owned.execute("SELECT has_table_privilege(?, 'invoices', 'SELECT')", (role,)).fetchone()[0]
        assert not allowed
    finally:
        owned.execute(f"DROP OWNED BY {wide}")
        owned.execute(f"DROP ROLE {wide}")


WIDER = {
    "a column alone": (("GRANT UPDATE (detail) ON audit_events TO {wide}", "GRANT {wide} TO {role}"), "still can change audit_events"),
    "a trigger": (("GRANT TRIGGER ON audit_rows TO {wide}", "GRANT {wide} TO {role}"), "still can change audit_rows"),
    "set role alone": (
        ("GRANT DELETE ON epochs TO {wide}", "GRANT {wide} TO {role} WITH INHERIT FALSE"), "still can change epochs",
    ),
    "all data": (("GRANT pg_write_all_data TO {role} WITH INHERIT FALSE",), "still can change audit_events"),
    "a superuser": (("ALTER ROLE {wide} SUPERUSER", "GRANT {wide} TO {role}"), "which is a superuser"),
    "the database": (("ALTER DATABASE {base} OWNER TO {role}",), "it owns the database"),
    "the schema": (("ALTER SCHEMA public OWNER TO {wide}", "GRANT {wide} TO {role}"), "which owns the schema"),
    "files": (("GRANT pg_execute_server_program TO {role}",), "which writes files on the server"),
}  # fmt: skip


@pytest.mark.parametrize("name", WIDER)
def test_no_way_round_what_is_granted_is_left(owned: Database, role: str, name: str) -> None:
    given, why = WIDER[name]
    wide = f"w{uuid.uuid4().hex}"
    owned.execute(f"CREATE ROLE {wide}")
    base = owned.execute("SELECT current_database()").fetchone()[0]
    try:
        for sql in given:
            owned.execute(sql.format(wide=wide, role=f'"{role}"', base=base))
        with pytest.raises(BadInput, match=why):
            roles.grant(owned, role)
    finally:
        owned.execute(f"ALTER DATABASE {base} OWNER TO postgres")
        owned.execute("ALTER SCHEMA public OWNER TO postgres")
        owned.execute(f"DROP OWNED BY {wide}")
        owned.execute(f"DROP ROLE {wide}")


def test_what_was_granted_before_by_hand_is_taken_back(owned: Database, role: str) -> None:
    owned.execute(f'GRANT ALL ON ALL TABLES IN SCHEMA public TO "{role}"')
    owned.execute(f'GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO "{role}"')
    owned.execute(f'GRANT CREATE ON SCHEMA public TO "{role}"')
    owned.execute("GRANT UPDATE ON audit_events TO PUBLIC")
    roles.grant(owned, role)
    for sql in (
        "SELECT has_sequence_privilege(?, 'audit_events_id_seq', 'UPDATE')",
        "SELECT has_schema_privilege(?, 'public', 'CREATE')",
    ):
        assert not owned.execute(sql, (role,)).fetchone()[0]
    for table in roles.APPEND_ONLY:
        held = owned.execute("SELECT has_table_privilege(?, ?, 'UPDATE, DELETE, TRUNCATE')", (role, table))
        assert not held.fetchone()[0], table


@pytest.mark.usefixtures("place")
def test_the_command_grants_and_refuses_on_sqlite(
    owned: Database, role: str, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, err = told("role", role)
    assert code == 2
    assert "SQLite has no roles" in err
    monkeypatch.setenv("PAYAPP_DATABASE", owned.url)
    code, out, err = told("role", role)
    assert (code, err) == (0, "")
    assert out.startswith(f"{role} may run payapp. It can only read and add to audit_events")
