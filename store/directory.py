"""The Directory: who the users are and what they may do. Also the company whose books these are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from store import audit
from store.db import Database
from store.domain.actor import Actor, Level
from store.domain.errors import BadInput, NotPermitted, StoreError
from store.domain.money import decimals
from store.domain.text import storable

_COLUMNS = "id, login, name, email, erp_level, commitments_level, directory_level, can_push, limit_invoice"


@dataclass(frozen=True, slots=True)
class Company:
    """The company; ``erp`` names the profile, ``hold_ms`` is how long a batch is held before it leaves."""

    name: str
    currency: str
    erp: str
    demo: bool
    hold_ms: int
    confirm_count: int
    epoch: int


def company(db: Database) -> Company:
    """The company whose books these are. Raises StoreError where payapp init has not been run to its end."""
    row = db.execute(
        "SELECT name, currency, erp, demo, hold_ms, confirm_count, epoch FROM company WHERE id = 1"
    ).fetchone()
    if row is None:
        raise StoreError("The database has no company yet", fix="Run payapp init")
    return Company(row[0], row[1], row[2], bool(row[3]), row[4], row[5], row[6])


def found(db: Database, name: str, currency: str, erp: str, *, demo: bool, hold_ms: int = 10_000) -> Company:
    """Write the company into a fresh database. Raises BadInput when there is one, or for an unknown currency."""
    decimals(currency)
    with db.transaction():
        if db.execute("SELECT 1 FROM company").fetchone():
            raise BadInput("This database has its company already", fix="Name another database")
        db.execute(
            "INSERT INTO company (id, name, currency, erp, demo, hold_ms) VALUES (1, ?, ?, ?, ?, ?)",
            (name, currency, erp, demo, hold_ms),
        )
    return company(db)


def _actor(row: tuple[Any, ...], origin: str) -> Actor:
    return Actor(
        id=row[0],
        login=row[1],
        name=row[2],
        email=row[3],
        erp_level=Level(row[4]),
        commitments_level=Level(row[5]),
        directory_level=Level(row[6]),
        can_push=bool(row[7]),
        limit_invoice=row[8],
        origin=origin,
    )


def actor(db: Database, login: str, origin: str = "desk") -> Actor:
    """The active user of that login. Raises NotPermitted for who is not in the Directory or no longer active."""
    row = db.execute(f"SELECT {_COLUMNS} FROM users WHERE login = ? AND active", (login,)).fetchone()
    if row is None:
        raise NotPermitted(
            f"{login} is not a user of this company",
            why="the Directory has no active user of that login",
            fix="Ask a Directory Admin to add you (payapp users add)",
        )
    return _actor(row, origin)


def refresh(db: Database, who: Actor) -> Actor:
    """The same user as the Directory has them now: a revoked right ends at the next action."""
    return replace(actor(db, who.login), origin=who.origin)


def users(db: Database) -> list[Actor]:
    """All active users by login."""
    return [
        _actor(row, "") for row in db.execute(f"SELECT {_COLUMNS} FROM users WHERE active ORDER BY login")
    ]


@dataclass(frozen=True, slots=True)
class UserValues:
    """What the Directory keeps of a user; ``limit_invoice`` in minor units of the company's currency."""

    login: str
    name: str
    email: str = ""
    erp_level: Level = Level.NONE
    commitments_level: Level = Level.NONE
    directory_level: Level = Level.NONE
    can_push: bool = False
    limit_invoice: int | None = None


def _values(user: UserValues) -> dict[str, Any]:
    return {
        "login": user.login,
        "name": user.name,
        "email": user.email,
        "erp_level": user.erp_level.value,
        "commitments_level": user.commitments_level.value,
        "directory_level": user.directory_level.value,
        "can_push": user.can_push,
        "limit_invoice": user.limit_invoice,
    }


def put_user(db: Database, by: Actor | None, user: UserValues) -> None:
    """Add a user or change one, with an audit event. ``by`` is None only while a company is founded.

    Raises NotPermitted for who is no Directory Admin, and for anyone who grants the privilege to himself.
    """
    if by is not None:
        by = refresh(db, by)
        by.require_directory_admin()
    if (
        not user.login
        or not storable(user.login + user.name + user.email)
        or user.login != user.login.strip()
    ):
        raise BadInput(f"{user.login!r} cannot be a login", fix="Give a name without blanks around it")
    with db.transaction():
        row = db.execute(f"SELECT {_COLUMNS} FROM users WHERE login = ?", (user.login,)).fetchone()
        before = _actor(row, "") if row else None
        if by is not None and by.login == user.login and user.can_push and not by.can_push:
            raise NotPermitted(
                "Nobody grants Can Push to Accounting to himself",
                fix="Ask another Directory Admin to grant it",
            )
        values = _values(user)
        if before is None:
            marks = ", ".join("?" * len(values))
            db.execute(f"INSERT INTO users ({', '.join(values)}) VALUES ({marks})", tuple(values.values()))
        else:
            columns = ", ".join(f"{name} = ?" for name in values)
            db.execute(f"UPDATE users SET {columns} WHERE id = ?", (*values.values(), before.id))
        number = db.execute("SELECT id FROM users WHERE login = ?", (user.login,)).fetchone()[0]
        old = {name: getattr(before, name) for name in values} if before else {}
        change = audit.Change("user", number, old, values)
        if by is None:
            audit.append(db, None, "set-up", "command line", "user", {"login": user.login}, [change])
        else:
            audit.record(db, by, "user", {"login": user.login}, [change])
