"""Who uses these books: given by the operating system or by the database, never claimed (docs/decisions/0014)."""

from __future__ import annotations

from store.db import Database
from store.domain.errors import NotPermitted
from store.domain.text import safe


def given(db: Database, own_login: str) -> str:
    """The login of who acts; ``own_login`` is the operating system's of this process's user.

    On PostgreSQL the role that was logged in with counts, where the Directory has a user of its name, active or not. Any
    other role is one that several share: then the operating system tells. Raises NotPermitted for whom it would tell
    there and who has a role of his own on that server: that one proves who he is.
    """
    if not db.postgres:
        return own_login
    role = str(db.execute("SELECT session_user").fetchone()[0])
    if role == own_login or db.execute("SELECT 1 FROM users WHERE login = ?", (role,)).fetchone():
        return role
    own = db.execute(
        "SELECT 1 FROM pg_roles WHERE rolname = ? AND rolcanlogin AND NOT rolsuper"
        " AND has_table_privilege(oid, 'invoices', 'SELECT')",
        (own_login,),
    ).fetchone()
    if own is not None:
        raise NotPermitted(
            f"{safe(own_login)} cannot come in as the database role {safe(role)}",
            why=f"there is a role {safe(own_login)} on that server, and it proves who you are",
            fix=f"Name it in the settings: postgresql://{safe(own_login)}@…",
        )
    return own_login
