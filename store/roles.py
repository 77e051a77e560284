"""What the database role under which payapp runs may do on PostgreSQL: everything but change or remove what is append-only.

The role that owns the tables makes and upgrades them and grants; it is nobody's for daily work.
"""

from __future__ import annotations

from typing import Any

from store.db import Database
from store.domain.errors import BadInput, NotPermitted

APPEND_ONLY = ("audit_events", "audit_rows", "export_attempts", "overrides", "epochs")


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
        owner = _checked(db, role)
        name = str(db.execute("SELECT quote_ident(?)", (role,)).fetchone()[0])
        changed = sorted(set(db.pw.get_tables()) - {*APPEND_ONLY, "schema_version"})
        for sql in (
            f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {name}",
            f"GRANT USAGE ON SCHEMA public TO {name}",
            f"GRANT SELECT, INSERT ON {', '.join(APPEND_ONLY)} TO {name}",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(changed)} TO {name}",
            f"GRANT SELECT ON schema_version TO {name}",
            f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {name}",
            f"REVOKE ALL ON {', '.join(APPEND_ONLY)} FROM PUBLIC",
        ):
            db.execute(sql)
        _check_rest(db, role, owner)
    return APPEND_ONLY


def _checked(db: Database, role: str) -> str:
    """The owner of the audit trail. Raises where the grant would mean nothing or cannot be given."""
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
    return str(owner)


def _check_rest(db: Database, role: str, owner: str) -> None:
    """Refuse a role that has more than it was granted: by itself, or by what it is a member of."""
    is_super = db.execute("SELECT rolsuper FROM pg_roles WHERE rolname = ?", (role,)).fetchone()[0]
    owns = db.execute("SELECT pg_has_role(?, ?, 'MEMBER')", (role, owner)).fetchone()[0]
    still = [
        table
        for table in APPEND_ONLY
        if db.execute(
            "SELECT has_table_privilege(?, ?, 'UPDATE, DELETE, TRUNCATE')", (role, table)
        ).fetchone()[0]
    ]
    if not (is_super or owns or still):
        return
    why = "it is a superuser" if is_super else f"it is, or may become, {owner}, which owns the tables"
    if not (is_super or owns):
        why = f"it still can change {', '.join(still)}, by a role that it is a member of"
    raise BadInput(
        f"What is granted to {role} would mean nothing", why=why, fix="Name a role of its own for payapp"
    )
