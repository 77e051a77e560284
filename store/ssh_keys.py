"""Public keys of users: who logs in through SSH with one of them is that user (docs/ssh.md).

A key is kept as OpenSSH writes it, without options and checked: what is served to sshd stands in one line of its own.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass, replace
from typing import Any

import peewee

from store import audit, directory, letters, notices
from store.db import Database
from store.domain.actor import Actor, Level
from store.domain.errors import BadInput, Disallowed, NothingMatched, NotPermitted
from store.domain.text import one_line, safe, storable

KINDS = (
    "ssh-ed25519", "sk-ssh-ed25519@openssh.com", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com", "ssh-rsa",
)  # fmt: skip
# Bits that an RSA key needs, and bytes that no key of a person reaches.
RSA_LEAST = 2048
MATERIAL_MOST = 8192
COMMENT_MOST = 100
# The kind of the mails about keys.
MAIL = "key"


@dataclass(frozen=True, slots=True)
class Key:
    """One key; ``fingerprint`` as ssh-keygen -l prints it (SHA256:…), moments ms UTC. ``login`` is whose it is."""

    id: int
    login: str
    kind: str
    material: str
    fingerprint: str
    comment: str
    added_by: str
    added_at: int
    revoked_at: int | None


def parse(line: str) -> tuple[str, str, str]:
    """Kind, material and comment of a line as ssh-keygen wrote it into a .pub file.

    Raises BadInput for what is none: options before the key, a private key, a kind that OpenSSH no longer trusts.
    """
    words = line.split(None, 2)
    if "PRIVATE KEY" in line:
        raise BadInput(
            "That is a private key",
            why="it must never leave its owner",
            fix="Give the file that ends in .pub",
        )
    if len(line) > MATERIAL_MOST + COMMENT_MOST or "\n" in line.strip() or not storable(line):
        raise BadInput(
            "That is no public key", why="a key stands in one line", fix="Give the .pub file's line"
        )
    if len(words) < 2 or words[0] not in KINDS:
        raise BadInput(
            f"{safe(line)[:40]!r} is no public key that payapp takes",
            why=f"it begins with {', '.join(KINDS[:1])} or another kind that OpenSSH writes, and has no options",
            fix="Give the .pub file's line; ssh-keygen -t ed25519 makes a key",
        )
    kind, material = words[0], words[1]
    _check_material(kind, material)
    return kind, material, one_line(words[2])[:COMMENT_MOST] if len(words) == 3 else ""


def _check_material(kind: str, material: str) -> None:
    """Raise BadInput where the material is not of that kind, or too weak."""
    wrong = BadInput(
        "That key is damaged", why="its middle part cannot be read", fix="Copy the whole line again"
    )
    try:
        raw = base64.b64decode(material, validate=True)
    except (binascii.Error, ValueError):
        raise wrong from None
    fields = []
    while raw:
        length = int.from_bytes(raw[:4], "big")
        if len(raw) < 4 + length:
            raise wrong
        fields.append(raw[4 : 4 + length])
        raw = raw[4 + length :]
    if len(fields) < 2 or fields[0] != kind.encode():
        raise wrong
    if kind == "ssh-rsa" and (len(fields) != 3 or int.from_bytes(fields[2], "big").bit_length() < RSA_LEAST):
        raise BadInput(
            "That RSA key is too short",
            why=f"it needs {RSA_LEAST} bits",
            fix="ssh-keygen -t ed25519 makes a better one",
        )


def fingerprint(material: str) -> str:
    """As ssh-keygen -l and sshd's %f have it."""
    digest = hashlib.sha256(base64.b64decode(material)).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def add(db: Database, by: Actor, login: str, line: str) -> Key:
    """Give a user a key. Users give themselves more keys, Directory Admins give others theirs, who are mailed; audited.

    Raises NotPermitted, NothingMatched for who is no active user, BadInput as parse() does, Disallowed where somebody
    has that key already: it can be one person's only.
    """
    kind, material, comment = parse(line)
    print_ = fingerprint(material)
    with db.transaction():
        by = _permitted(db, by, login)
        user = _user(db, login)
        try:
            row = db.execute(
                "INSERT INTO ssh_keys (user_id, kind, material, fingerprint, comment, added_by, added_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
                (user, kind, material, print_, comment, by.id, db.now()),
            ).fetchone()
        except peewee.IntegrityError:
            raise Disallowed(
                "Somebody has that key already",
                why=print_,
                fix="payapp ssh-keys list tells who; make another key",
            ) from None
        after = {"login": login, "kind": kind, "fingerprint": print_}
        audit.record(db, by, "key added", {"login": login}, [audit.Change("key", row[0], {}, after)])
        added = find(db, int(row[0]))
        _tell(db, by, added, "added")
    return added


def revoke(db: Database, by: Actor, key: str) -> Key:
    """Take a key away, by its fingerprint or id: who came in with it can do nothing more. One's own, or as an admin; then it is mailed.

    Raises NotPermitted, NothingMatched where there is no such key that counts.
    """
    with db.transaction():
        found = db.execute(
            "SELECT k.id, u.login FROM ssh_keys k JOIN users u ON u.id = k.user_id"
            " WHERE k.revoked_at IS NULL AND (k.fingerprint = ? OR CAST(k.id AS TEXT) = ?)",
            (key, key.removeprefix("#")),
        ).fetchone()
        if found is None:
            raise NothingMatched(
                f"There is no key {safe(key)[:60]!r} that counts",
                fix="payapp ssh-keys list shows those there are",
            )
        by = _permitted(db, by, found[1])
        now = db.now()
        db.execute("UPDATE ssh_keys SET revoked_by = ?, revoked_at = ? WHERE id = ?", (by.id, now, found[0]))
        change = audit.Change("key", found[0], {"revoked": False}, {"revoked": True})
        audit.record(db, by, "key revoked", {"login": found[1]}, [change])
        revoked = find(db, int(found[0]))
        _tell(db, by, revoked, "revoked")
    return revoked


def _tell(db: Database, by: Actor, key: Key, done: str) -> None:
    """Owe a mail to whose key it is, and to the other Directory Admins, when another did it: he could come in as that user.

    The admins have it too because who adds a key may have changed that user's address before.
    """
    if by.login == key.login:
        return
    text = letters.key_changed(by, directory.company(db).name, key.login, key.fingerprint, done)
    everybody = directory.everybody(db)
    told = [("user", user) for user in everybody if user.login == key.login]
    told += [
        ("admin", user)
        for user in everybody
        if user.active and user.directory_level is Level.ADMIN and user.login not in {by.login, key.login}
    ]
    notices.post(
        db,
        [notices.Letter(MAIL, role, user.name, user.email, *text, operator_id=by.id) for role, user in told],
    )


def _permitted(db: Database, by: Actor, login: str) -> Actor:
    by = directory.refresh(db, by)
    if by.login != login and by.directory_level is not Level.ADMIN:
        raise NotPermitted(
            f"{by.login} may not change keys of others",
            why="that needs Admin on the Directory",
            fix="Ask a Directory Admin",
        )
    return by


def _user(db: Database, login: str) -> int:
    row = db.execute("SELECT id FROM users WHERE login = ? AND active", (login,)).fetchone()
    if row is None:
        raise NothingMatched(
            f"{safe(login)[:60]} is not a user of this company", fix="payapp users list shows who is"
        )
    return int(row[0])


_COLUMNS = (
    "k.id, u.login, k.kind, k.material, k.fingerprint, k.comment, a.login, k.added_at, k.revoked_at"
    " FROM ssh_keys k JOIN users u ON u.id = k.user_id JOIN users a ON a.id = k.added_by"
)


def find(db: Database, number: int) -> Key:
    """The key of that id. Raises NothingMatched."""
    row: Any = db.execute(f"SELECT {_COLUMNS} WHERE k.id = ?", (number,)).fetchone()
    if row is None:
        raise NothingMatched(f"There is no key #{number}", fix="payapp ssh-keys list shows those there are")
    return Key(*row)


def keys(db: Database, me: Actor, *, revoked: bool = False) -> list[Key]:
    """The keys, by login: all of them for Directory Admins, their own for others. ``revoked``: those too."""
    me = directory.refresh(db, me)
    mine, values = ("", ()) if me.directory_level is Level.ADMIN else (" AND u.login = ?", (me.login,))
    counts = "" if revoked else " AND k.revoked_at IS NULL"
    rows = db.execute(
        f"SELECT {_COLUMNS} WHERE 1 = 1{mine}{counts} ORDER BY u.login, k.id", values
    ).fetchall()
    return [Key(*row) for row in rows]


def serving(db: Database, kind: str, material: str) -> Key | None:
    """The key that counts, of an active user, which is exactly that; None where there is none."""
    if kind not in KINDS or len(material) > MATERIAL_MOST:
        return None
    row = db.execute(
        f"SELECT {_COLUMNS} WHERE k.kind = ? AND k.material = ? AND k.revoked_at IS NULL AND u.active",
        (kind, material),
    ).fetchone()
    return None if row is None else Key(*row)


def entered(db: Database, number: int, origin: str, away: str) -> Actor:
    """The user of that key logs in, which is audited; ``away`` is where from, as sshd says. Raises NotPermitted."""
    with db.transaction():
        row = db.execute(f"SELECT {_COLUMNS} WHERE k.id = ? AND k.revoked_at IS NULL", (number,)).fetchone()
        if row is None:
            raise NotPermitted("This key does not count any more", fix="Ask a Directory Admin for another")
        key = Key(*row)
        me = replace(directory.actor(db, key.login, origin), key=key.id)
        audit.record(db, me, "login", {"key": key.fingerprint, "from": one_line(away)[:100]}, [])
    return me


def left(db: Database, me: Actor, why: str) -> None:
    """The session of that user has ended; audited, whatever his rights are by then."""
    with db.transaction():
        audit.record(db, me, "logout", {"why": why}, [])
