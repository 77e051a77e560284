"""The Directory: who the users are and what they may do. Also the company whose books these are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from store import audit, revocation
from store.db import Database
from store.domain.actor import Actor, Level, UserValues
from store.domain.address import valid_address
from store.domain.errors import BadInput, Changed, NotPermitted, StoreError
from store.domain.money import LIMIT, decimals
from store.domain.text import safe, storable

__all__ = [
    "Company", "Put", "UserValues", "actor", "administering", "approvers", "company", "everybody", "find_user", "found", "put_user", "refresh",
    "set_confirmation", "set_summary", "users",
]  # fmt: skip
_COLUMNS = (
    "id, login, name, email, erp_level, commitments_level, directory_level, can_push, limit_invoice, limit_commitment,"
    " limit_day, summary"
)


@dataclass(frozen=True, slots=True)
class Company:
    """The company; ``erp`` names the profile, ``hold_ms`` is how long a batch is held before it leaves.

    An export of more than ``confirm_count``, or of more net than ``confirm_net`` (minor units of its currency; None:
    any), is confirmed by typing the count. ``self_policy``: ``never`` or ``review``, of exporting one's own invoices;
    ``order_policy``: ``warn`` or ``block``, of exports that would overtake an earlier application.
    """

    name: str
    currency: str
    erp: str
    demo: bool
    hold_ms: int
    confirm_count: int
    epoch: int
    confirm_net: int | None = None
    self_policy: str = "never"
    order_policy: str = "warn"


def company(db: Database) -> Company:
    """The company whose books these are. Raises StoreError where payapp init has not been run to its end."""
    row = db.execute(
        "SELECT name, currency, erp, demo, hold_ms, confirm_count, epoch, confirm_net, self_policy, order_policy"
        " FROM company WHERE id = 1"
    ).fetchone()
    if row is None:
        raise StoreError("The database has no company yet", fix="Run payapp init")
    return Company(row[0], row[1], row[2], bool(row[3]), *row[4:])


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


def set_confirmation(db: Database, by: Actor, count: int, net: int | None) -> Company:
    """Above how many invoices, and how much net, the count is typed before an export; for Directory Admins, audited.

    ``net`` in minor units of the company's currency, None: any. Raises BadInput for negative ones.
    """
    if count < 0 or (net is not None and net < 0):
        raise BadInput("The count and the net above which the count is typed are not negative")
    with db.transaction():
        refresh(db, by).require_directory_admin()
        before = company(db)
        db.execute("UPDATE company SET confirm_count = ?, confirm_net = ? WHERE id = 1", (count, net))
        was = {"confirm_count": before.confirm_count, "confirm_net": before.confirm_net}
        change = audit.Change("company", 1, was, {"confirm_count": count, "confirm_net": net})
        audit.record(db, by, "company", {"name": before.name}, [change])
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
        limit_commitment=row[9],
        limit_day=row[10],
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
    """The same user as the Directory has them now: a revoked right, or SSH key, ends at the next action."""
    counts = "SELECT 1 FROM ssh_keys WHERE id = ? AND revoked_at IS NULL"
    if who.key is not None and db.execute(counts, (who.key,)).fetchone() is None:
        raise NotPermitted(
            "The key that you came in with was revoked",
            why="nothing more is done with it",
            fix="Ask a Directory Admin",
        )
    return replace(actor(db, who.login), origin=who.origin, key=who.key)


def users(db: Database) -> list[Actor]:
    """All active users by login."""
    return [
        _actor(row, "") for row in db.execute(f"SELECT {_COLUMNS} FROM users WHERE active ORDER BY login")
    ]


def approvers(db: Database) -> list[Actor]:
    """The active users who may accept and reject, by login."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM users WHERE active AND can_push AND erp_level IN (?, ?) ORDER BY login",
        (Level.STANDARD.value, Level.ADMIN.value),
    )
    return [_actor(row, "") for row in rows]


def find_user(db: Database, login: str) -> UserValues | None:
    """What the Directory keeps of that login, whether active or not; None for who is not in it."""
    row = db.execute(f"SELECT {_COLUMNS}, active FROM users WHERE login = ?", (login,)).fetchone()
    return None if row is None else _kept(row)


def everybody(db: Database) -> list[UserValues]:
    """What the Directory keeps of everybody, active or not, by login."""
    return [
        _kept(row) for row in db.execute(f"SELECT {_COLUMNS}, active FROM users ORDER BY login").fetchall()
    ]


def _kept(row: tuple[Any, ...]) -> UserValues:
    return UserValues(
        login=row[1],
        name=row[2],
        email=row[3],
        erp_level=Level(row[4]),
        commitments_level=Level(row[5]),
        directory_level=Level(row[6]),
        can_push=bool(row[7]),
        limit_invoice=row[8],
        limit_commitment=row[9],
        limit_day=row[10],
        summary=bool(row[11]),
        active=bool(row[12]),
    )


@dataclass(frozen=True, slots=True)
class Put:
    """What came of it: the user is ``new``, or ``changed``; so many that he had accepted are ``withdrawn``, Ready again."""

    new: bool
    changed: bool = True
    withdrawn: int = 0


# What nobody changes of himself: it decides what he may accept.
_NOT_OF_ONESELF = {
    "erp_level": "level on ERP Integrations", "can_push": "Can Push to Accounting", "limit_invoice": "limit per invoice",
    "limit_commitment": "limit per commitment and period", "limit_day": "limit per day", "email": "mail address",
}  # fmt: skip
_RANK = tuple(Level)
LOGIN_MOST = NAME_MOST = 300
# Who acts in the audit trail without being a user.
NO_PERSON = ("worker", "set-up")


def administering(db: Database, by: Actor) -> Actor:
    """The Directory Admin as he is now: in this transaction nobody else changes a user, so what is read next stays so.

    Raises NotPermitted for who is none.
    """
    _hold_admins(db)
    by = refresh(db, by)
    by.require_directory_admin()
    return by


def put_user(
    db: Database, by: Actor | None, user: UserValues, was: UserValues | None = None, *, new: bool = False
) -> Put:
    """Add a user or change one, with an audit event. ``by`` is None only while a company is founded.

    ``was``: what was shown before; refuse where others have changed it since. ``new``: refuse where the Directory has that
    login already, active or not. When the right to accept ends, what the
    user accepted and nothing was sent of goes back to Ready to Export.
    Raises NotPermitted for who is no Directory Admin, for a change of one's own rights to accept, limit or address and a higher
    level of one's own on Commitments,
    BadInput for values that cannot be and for taking away the last Directory Admin, and Changed.
    """
    with db.transaction():
        if by is not None:
            by = administering(db, by)
        before = find_user(db, user.login)
        if before is None:
            _check_alone(db, user.login)
        if new and before is not None:
            raise BadInput(
                f"{safe(user.login)} is in the Directory already",
                why=f"it is {safe(before.name)}" + ("" if before.active else ", who was removed"),
                fix="Change that user, or take another login",
            )
        _check(user, before)
        if was is not None and before != was:
            raise Changed(
                f"{safe(user.login)} was changed by somebody else",
                why="since it was shown to you",
                fix="Look at it again and decide again",
            )
        if by is not None:
            _check_role(db, by, user)
        if by is not None and by.login == user.login:
            _check_own(before or UserValues(user.login, user.name), user)
        if before == user:
            return Put(new=False, changed=False)
        return Put(new=before is None, withdrawn=_write(db, by, before, user))


def _write(db: Database, by: Actor | None, before: UserValues | None, user: UserValues) -> int:
    """Write it with its event; how many invoices went back to Ready to Export."""
    values = _columns(user)
    if before is None:
        marks = ", ".join("?" * len(values))
        db.execute(f"INSERT INTO users ({', '.join(values)}) VALUES ({marks})", tuple(values.values()))
    else:
        columns = ", ".join(f"{name} = ?" for name in values)
        db.execute(f"UPDATE users SET {columns} WHERE login = ?", (*values.values(), user.login))
        _check_admins(db, by)
    number = int(db.execute("SELECT id FROM users WHERE login = ?", (user.login,)).fetchone()[0])
    was = {} if before is None else _columns(before)
    withdrawn = []
    if before is not None and _accepts(before) and not _accepts(user):
        withdrawn = revocation.withdraw(db, number)
    changes = [audit.Change("user", number, was, values), *withdrawn]
    if by is None:
        audit.append(db, None, "set-up", "command line", "user", {"login": user.login}, changes)
    else:
        audit.record(db, by, "user", {"login": user.login}, changes)
    return len(withdrawn)


def set_summary(db: Database, me: Actor, *, wanted: bool) -> None:
    """Whether the daily summary is mailed to oneself: everybody's own choice, audited. Raises NotPermitted for who is no user."""
    with db.transaction():
        refresh(db, me)
        before = find_user(db, me.login)
        if before is None or before.summary == wanted:
            return
        db.execute("UPDATE users SET summary = ? WHERE login = ?", (wanted, me.login))
        change = audit.Change("user", me.id, {"summary": before.summary}, {"summary": wanted})
        audit.record(db, me, "user", {"login": me.login}, [change])


def _hold_admins(db: Database) -> None:
    """Whoever comes second at the Directory waits here, and sees what the first has done.

    Of two admins who remove each other at the same moment one stays.
    """
    if db.postgres:
        db.execute(
            "SELECT id FROM users WHERE active AND directory_level = ? ORDER BY id FOR NO KEY UPDATE",
            (Level.ADMIN.value,),
        ).fetchall()


def _check(user: UserValues, before: UserValues | None) -> None:
    """Raise BadInput for values that cannot be; what was kept before stays as it is."""
    login = user.login
    if not login or not storable(login) or login != login.strip() or safe(login) != login:
        raise BadInput(f"{safe(login)!r} cannot be a login", fix="Give a name without blanks around it")
    renamed = before is None or user.name != before.name
    if len(login) > LOGIN_MOST or (renamed and len(user.name) > NAME_MOST):
        raise BadInput(
            f"{safe(login)[:LOGIN_MOST]} cannot be kept",
            why=f"a login and a name have at most {LOGIN_MOST} characters",
            fix="Shorten it",
        )
    if renamed and (not storable(user.name) or safe(user.name) != user.name):
        raise BadInput(
            f"The name of {login} cannot be used",
            why="it holds a character that cannot be seen, or a line break",
            fix="Type it on one line",
        )
    moved = before is None or user.email != before.email
    if moved and user.email and not valid_address(user.email):
        raise BadInput(
            f"{safe(user.email)[:NAME_MOST]!r} is no mail address",
            why="mail cannot be addressed to it",
            fix="Write it as name@example.com, or leave it empty: then nothing is mailed",
        )
    for limit in (user.limit_invoice, user.limit_commitment, user.limit_day):
        if limit is not None and not 0 <= limit <= LIMIT:
            raise BadInput(
                "A limit is not below zero, nor beyond what an amount may be",
                fix="Give the highest gross that may be accepted",
            )


def _check_alone(db: Database, login: str) -> None:
    """Refuse a login that a reader of the trail takes for somebody else: another's in other letters, or no person's."""
    folded = login.casefold()
    if folded in NO_PERSON:
        raise BadInput(
            f"{safe(login)} cannot be a login",
            why="the audit trail names so what no person did",
            fix="Take another one",
        )
    if login.isascii():
        alike = db.execute("SELECT login FROM users WHERE lower(login) = ?", (folded,)).fetchall()
    else:
        alike = db.execute("SELECT login FROM users").fetchall()
    there = next((row[0] for row in alike if row[0].casefold() == folded), None)
    if there is not None:
        raise BadInput(
            f"{safe(login)} cannot be a login",
            why=f"{safe(there)} is in the Directory, and differs in capital letters alone",
            fix="Take another one, or let that user act again",
        )


def _check_role(db: Database, by: Actor, user: UserValues) -> None:
    """Refuse the name of the database role that several people come in with: each of them would be that user."""
    if not db.postgres or not user.active or by.login == user.login:
        return
    if user.login == db.execute("SELECT session_user").fetchone()[0]:
        raise BadInput(
            f"{safe(user.login)} cannot be a user",
            why="it is the database role that others come in with, and each of them would be that user",
            fix="Give the person a role or a login of the operating system of his own",
        )


def _columns(user: UserValues) -> dict[str, Any]:
    return {
        "login": user.login,
        "name": user.name,
        "email": user.email,
        "erp_level": user.erp_level.value,
        "commitments_level": user.commitments_level.value,
        "directory_level": user.directory_level.value,
        "can_push": user.can_push,
        "limit_invoice": user.limit_invoice,
        "limit_commitment": user.limit_commitment,
        "limit_day": user.limit_day,
        "summary": user.summary,
        "active": user.active,
    }


def _accepts(user: UserValues) -> bool:
    return user.active and user.can_push and user.erp_level in {Level.STANDARD, Level.ADMIN}


def _check_own(before: UserValues, after: UserValues) -> None:
    changed = [name for name in _NOT_OF_ONESELF if getattr(before, name) != getattr(after, name)]
    if "can_push" in changed and after.can_push:
        raise NotPermitted(
            "Nobody grants Can Push to Accounting to himself", fix="Ask another Directory Admin to grant it"
        )
    if _RANK.index(after.commitments_level) > _RANK.index(before.commitments_level):
        raise NotPermitted(
            "Nobody raises his own level on Commitments",
            why="who prepares invoices is for another to say",
            fix="Ask another Directory Admin",
        )
    if changed:
        raise NotPermitted(
            f"Nobody changes his own {', '.join(_NOT_OF_ONESELF[name] for name in changed)}",
            why="it decides what he may accept",
            fix="Ask another Directory Admin",
        )


def _check_admins(db: Database, by: Actor | None) -> None:
    """Refuse to leave a company without an active Directory Admin."""
    left = db.execute("SELECT count(*) FROM users WHERE active AND directory_level = ?", (Level.ADMIN.value,))
    if by is not None and not left.fetchone()[0]:
        raise BadInput("The last Directory Admin cannot be removed", fix="Make somebody else an admin first")
