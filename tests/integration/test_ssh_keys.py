"""Keys of users: which are taken, who may give and take them, and what ends with them."""

from __future__ import annotations

import base64
import struct
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from store import directory, notices, ssh_keys
from store.db import Database
from store.domain.actor import Actor, Level
from store.domain.errors import BadInput, Disallowed, NothingMatched, NotPermitted
from store.notices import NoticeState


def field(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def made(seed: int, kind: str = "ssh-ed25519", comment: str = "laptop") -> str:
    """A public line of that kind."""
    body = field(bytes([0, 0xC0] + [seed] * 255)) if kind == "ssh-rsa" else field(bytes([seed] * 32))
    body = field(b"\x01\x00\x01") + body if kind == "ssh-rsa" else body
    return f"{kind} {base64.b64encode(field(kind.encode()) + body).decode()} {comment}\n"


@pytest.fixture
def admin(db: Database) -> Actor:
    return directory.actor(db, "admin")


def test_a_fingerprint_is_the_one_of_ssh_keygen(tmp_path: Path) -> None:
    for kind in ("ed25519", "ecdsa", "rsa"):
        file = tmp_path / kind
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(file)], check=True)
        line = file.with_suffix(".pub").read_text(encoding="utf-8")
        told = subprocess.run(
            ["ssh-keygen", "-l", "-f", f"{file}.pub"], check=True, capture_output=True, text=True
        )
        _, material, _ = ssh_keys.parse(line)
        assert ssh_keys.fingerprint(material) == told.stdout.split()[1]
        with pytest.raises(BadInput, match="private key"):
            ssh_keys.parse(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "line",
    [
        "", "ssh-ed25519", "ssh-ed25519 AAAA", "hello world", 'command="sh" ' + made(1), "ssh-dss AAAAB3NzaC1kc3M=",
        made(1).replace("ssh-ed25519 ", "ssh-rsa "), made(1) + made(2), made(1)[:40],
        "ssh-ed25519 " + base64.b64encode(field(b"ssh-ed25519") + b"\xff\xff\xff\xff").decode(),
        "ssh-rsa " + base64.b64encode(field(b"ssh-rsa") + field(b"\x01\x00\x01") + field(b"\x7f" * 128)).decode(),
        "ssh-ed25519 " + "A" * 20_000, made(1).replace("laptop", "a\x00b"),
    ],
)  # fmt: skip
def test_what_is_no_key_is_refused(line: str) -> None:
    with pytest.raises(BadInput):
        ssh_keys.parse(line)


def test_a_comment_is_text_and_no_more(db: Database, admin: Actor) -> None:
    key = ssh_keys.add(db, admin, "jlopez", made(1, comment="mine \x1b[2J \u202e"))
    assert key.comment.startswith("mine") and "\x1b" not in key.comment and "\u202e" not in key.comment


def test_users_keep_their_own_keys_and_admins_those_of_others(
    db: Database, admin: Actor, approver: Actor
) -> None:
    first = ssh_keys.add(db, admin, "jlopez", made(1))
    second = ssh_keys.add(db, approver, "jlopez", made(2, "ssh-rsa"))
    assert (first.login, first.added_by, second.added_by) == ("jlopez", "admin", "jlopez")
    with pytest.raises(NotPermitted):
        ssh_keys.add(db, approver, "viewer", made(3))
    with pytest.raises(NotPermitted):
        ssh_keys.revoke(db, directory.actor(db, "viewer"), first.fingerprint)
    with pytest.raises(Disallowed, match="Somebody has that key already"):
        ssh_keys.add(db, admin, "viewer", made(1))
    with pytest.raises(NothingMatched):
        ssh_keys.add(db, admin, "nobody", made(4))
    assert [key.id for key in ssh_keys.keys(db, approver)] == [first.id, second.id]
    assert ssh_keys.keys(db, directory.actor(db, "viewer")) == []
    actions = [
        row[0]
        for row in db.execute(
            "SELECT action FROM audit_events WHERE action IN ('key added', 'key revoked')"
        ).fetchall()
    ]
    assert actions == ["key added", "key added"]


def test_what_is_served_counts_now(db: Database, admin: Actor) -> None:
    key = ssh_keys.add(db, admin, "jlopez", made(1))
    assert ssh_keys.serving(db, key.kind, key.material) == key
    assert ssh_keys.serving(db, "ssh-rsa", key.material) is None
    assert ssh_keys.serving(db, key.kind, key.material[:-4]) is None
    ssh_keys.revoke(db, admin, f"#{key.id}")
    assert ssh_keys.serving(db, key.kind, key.material) is None
    # A key that was revoked can be given again, and is another one then.
    again = ssh_keys.add(db, admin, "jlopez", made(1))
    assert again.id != key.id and ssh_keys.serving(db, key.kind, key.material) == again
    directory.put_user(db, admin, replace(known(db, "jlopez"), active=False))
    assert ssh_keys.serving(db, key.kind, key.material) is None


def known(db: Database, login: str) -> directory.UserValues:
    kept = directory.find_user(db, login)
    assert kept is not None
    return kept


def test_a_revoked_key_ends_at_the_next_action(db: Database, admin: Actor) -> None:
    key = ssh_keys.add(db, admin, "jlopez", made(1))
    me = ssh_keys.entered(db, key.id, "ssh", "10.0.0.1 \x1b[2J")
    assert (me.login, me.key, me.origin) == ("jlopez", key.id, "ssh")
    assert directory.refresh(db, me) == me
    ssh_keys.revoke(db, admin, key.fingerprint)
    with pytest.raises(NotPermitted, match="was revoked"):
        directory.refresh(db, me)
    with pytest.raises(NotPermitted):
        ssh_keys.entered(db, key.id, "ssh", "10.0.0.1")
    ssh_keys.left(db, me, "ended")
    trail = db.execute(
        "SELECT actor, action, detail FROM audit_events WHERE action IN ('login', 'logout') ORDER BY id"
    ).fetchall()
    assert [row[:2] for row in trail] == [("jlopez", "login"), ("jlopez", "logout")]
    assert "\x1b" not in trail[0][2] and "10.0.0.1" in trail[0][2]


def test_whose_key_another_adds_or_revokes_is_mailed_and_so_are_the_other_admins(
    db: Database, admin: Actor, approver: Actor
) -> None:
    directory.put_user(
        db, admin, directory.UserValues("eve", "Eve", "eve@acme.example", directory_level=Level.ADMIN)
    )
    directory.put_user(db, admin, replace(known(db, "viewer"), email=""))
    ssh_keys.add(db, approver, "jlopez", made(1))
    assert notices.recent(db, 9) == []
    key = ssh_keys.add(db, admin, "jlopez", made(2))
    told = {each.recipient: each for each in notices.recent(db, 9)}
    assert set(told) == {"Juan Lopez", "Eve"}
    assert {each.kind for each in told.values()} == {ssh_keys.MAIL}
    assert told["Juan Lopez"].address == approver.email and told["Juan Lopez"].operator == "admin"
    _, mail = notices.one(db, told["Juan Lopez"].id)
    assert mail.subject == "An SSH key of jlopez was added" and key.fingerprint in mail.body
    ssh_keys.revoke(db, directory.actor(db, "eve"), key.fingerprint)
    assert {(each.recipient, each.subject) for each in notices.recent(db, 2)} == {
        (name, "An SSH key of jlopez was revoked") for name in ("Juan Lopez", admin.name)
    }
    # Whom no mail reaches is told nothing, which shows; the other admins are.
    ssh_keys.add(db, admin, "viewer", made(3))
    assert {(each.recipient, each.state) for each in notices.recent(db, 2)} == {
        ("Eve", NoticeState.WAITING), (known(db, "viewer").name, NoticeState.UNDELIVERABLE),
    }  # fmt: skip
