"""What the database role under which payapp runs may do on PostgreSQL: everything but change or remove what is append-only.

The role that owns the tables makes and upgrades them and grants; it is nobody's for daily work.
"""

from __future__ import annotations

from typing import Any

from store.db import Database
from store.domain.errors import BadInput, NotPermitted

APPEND_ONLY = ("audit_events", "audit_rows", "export_attempts", "overrides", "epochs")
# PostgreSQL's own roles that write to any of its files.
_SERVER_FILES = ("pg_execute_server_program", "pg_write_server_files")


def grant(db: Database, role: str) -> tuple[str, ...]:
    """Give that role what payapp needs, and take from it what it does not; returns the tables that it can only add to.

    Call it as the tables' owner, again after each upgrade. Raises BadInput where there is no such role or it can
    change the tables whatever is granted, NotPermitted for who is not their owner.
    """
    if not db.postgres:
        raise BadInput(
            "SQLite has no roles",
            why="whoever can write to the file can change all of it",
            fix="Protect the file; docs/postgres.md tells what PostgreSQL does",
        )
    with db.transaction():
        _checked(db, role)
        name = str(db.execute("SELECT quote_ident(?)", (role,)).fetchone()[0])
        changed = sorted(set(db.pw.get_tables()) - {*APPEND_ONLY, "schema_version"})
        for sql in (
            f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {name}",
            f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM {name}",
            f"REVOKE ALL ON SCHEMA public FROM {name}",
            f"GRANT USAGE ON SCHEMA public TO {name}",
            f"GRANT SELECT, INSERT ON {', '.join(APPEND_ONLY)} TO {name}",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(changed)} TO {name}",
            f"GRANT SELECT ON schema_version TO {name}",
            f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {name}",
            f"REVOKE ALL ON {', '.join(APPEND_ONLY)} FROM PUBLIC",
        ):
            db.execute(sql)
        _check_rest(db, role)
    return APPEND_ONLY


def _checked(db: Database, role: str) -> None:
    """Raise where there is no such role, or where nothing can be granted here."""
    row: Any = db.execute(
        "SELECT o.rolname, current_user, (SELECT count(*) FROM pg_roles WHERE rolname = ?)"
        " FROM pg_class c JOIN pg_roles o ON o.oid = c.relowner WHERE c.oid = 'audit_events'::regclass",
        (role,),
    ).fetchone()
    owner, me, there = row
    if not there:
        raise BadInput(f"There is no role {role} on this server", fix=f"Make it: CREATE ROLE {role} LOGIN")
    if not db.execute("SELECT pg_has_role(current_user, ?, 'USAGE')", (owner,)).fetchone()[0]:
        raise NotPermitted(
            f"{me} cannot grant anything here", why=f"the tables belong to {owner}", fix=f"Connect as {owner}"
        )


def _check_rest(db: Database, role: str) -> None:
    """Refuse a role that has more than it was granted: by itself, or by what it may become (SET ROLE)."""
    # Each role that it is or may become, itself first; whether that rules the tables, and which of them it can change.
    found = db.execute(
        "SELECT r.rolname, CASE WHEN r.rolsuper THEN 'is a superuser'"
        " WHEN r.oid IN (SELECT relowner FROM pg_class WHERE relname = ANY(?) AND relnamespace = 'public'::regnamespace)"
        " THEN 'owns the tables'"
        " WHEN r.oid = (SELECT datdba FROM pg_database WHERE datname = current_database()) THEN 'owns the database'"
        " WHEN r.oid = (SELECT nspowner FROM pg_namespace WHERE nspname = 'public') THEN 'owns the schema'"
        " WHEN r.rolname = ANY(?) THEN 'writes files on the server' END,"
        " ARRAY(SELECT t FROM unnest(?::text[]) AS t WHERE has_table_privilege(r.oid, t, 'UPDATE, DELETE, TRUNCATE, TRIGGER')"
        " OR has_any_column_privilege(r.oid, t, 'UPDATE'))"
        " FROM pg_roles r WHERE pg_has_role(?, r.oid, 'MEMBER') ORDER BY r.rolname <> ?, starts_with(r.rolname, 'pg_'), r.rolname",
        (list(APPEND_ONLY), list(_SERVER_FILES), list(APPEND_ONLY), role, role),
    ).fetchall()
    for name, rules, _ in found:
        if rules:
            raise _meaningless(
                role, f"it {rules}" if name == role else f"it is, or may become, {name}, which {rules}"
            )
    still = sorted({table for *_, tables in found for table in tables})
    if still:
        raise _meaningless(role, f"it still can change {', '.join(still)}, by a role that it is a member of")


def _meaningless(role: str, why: str) -> BadInput:
    return BadInput(
        f"What is granted to {role} would mean nothing", why=why, fix="Name a role of its own for payapp"
    )
