"""The Directory in the store: what can be kept, what others changed meanwhile, the history of rights, one's own summary."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from store import db as database
from store import directory, people
from store.db import Database
from store.directory import Put
from store.domain.actor import Actor, Level, UserValues
from store.domain.errors import BadInput, Changed, NothingMatched, NotPermitted
from store.domain.rights import meaning
from store.intake import load

USERS = (
    "login,name,email,erp_level,commitments_level,directory_level,can_push,limit_invoice\n"
    "viewer,Vera V.,,read_only,none,none,no,\n"
)
WAITS = "SELECT 1 FROM pg_locks WHERE NOT granted"


def user(db: Database, login: str) -> UserValues:
    found = directory.find_user(db, login)
    assert found is not None
    return found


def events(db: Database) -> int:
    return int(db.execute("SELECT count(*) FROM audit_events WHERE action = 'user'").fetchone()[0])


def test_each_change_is_told_with_who_and_what_and_nothing_where_nothing_changed(
    db: Database, admin: Actor, approver: Actor
) -> None:
    juan, before = user(db, "jlopez"), events(db)
    assert directory.put_user(db, admin, juan) == Put(new=False, changed=False)
    assert events(db) == before
    directory.put_user(db, admin, replace(juan, limit_day=5_000_000, erp_level=Level.ADMIN))
    directory.set_summary(db, approver, wanted=False)
    directory.set_summary(db, approver, wanted=False)
    own, granted, *_ = people.history(db, approver, "jlopez")
    assert (own.who, own.changes) == ("jlopez", ("Daily summary: yes -> no",))
    assert granted.who == "admin" and granted.changes == (
        "ERP Integrations: Standard -> Admin", "Limit per day: none -> 50,000.00",
    )  # fmt: skip
    assert events(db) == before + 2


@pytest.mark.parametrize(
    "values",
    [
        {"email": "nobody"}, {"email": "a@b.example\r\nBcc: c@d.example"}, {"email": "a b@c.example"},
        {"email": '"a"@b.example'}, {"name": "Eve\nBcc: all"}, {"name": "\x1b[2J"}, {"name": "x" * 301},
        {"login": " eve"}, {"login": "eve\u202e"}, {"login": ""}, {"login": "e" * 301}, {"limit_day": -1},
        {"limit_commitment": -1}, {"limit_invoice": 10**30}, {"login": "worker"}, {"login": "Set-Up"}, {"login": "JLopez"},
        {"login": "jos\u00c9"},
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_kept_is_refused_whole(
    sqlite_db: Database, admin: Actor, values: dict[str, Any]
) -> None:
    directory.put_user(sqlite_db, admin, UserValues("jos\u00e9", "Jos\u00e9"))
    before = directory.everybody(sqlite_db)
    with pytest.raises(BadInput):
        directory.put_user(sqlite_db, admin, replace(UserValues("eve", "Eve"), **values))
    assert directory.everybody(sqlite_db) == before


def test_what_was_kept_before_there_was_the_rule_stays_until_it_is_changed(
    db: Database, admin: Actor
) -> None:
    db.execute("UPDATE users SET email = 'old address', name = ? WHERE login = 'viewer'", ("Vera\x1b",))
    directory.put_user(db, admin, replace(user(db, "viewer"), can_push=True))
    assert user(db, "viewer").can_push
    with pytest.raises(BadInput, match="no mail address"):
        directory.put_user(db, admin, replace(user(db, "viewer"), email="another one"))


def test_what_others_changed_since_it_was_shown_is_not_written_over(db: Database, admin: Actor) -> None:
    shown = user(db, "viewer")
    directory.put_user(db, admin, replace(shown, limit_invoice=100))
    with pytest.raises(Changed, match="viewer was changed by somebody else"):
        directory.put_user(db, admin, replace(shown, can_push=True), shown)
    with pytest.raises(Changed):
        directory.put_user(db, admin, UserValues("gone", "Gone"), UserValues("gone", "Gone"))
    assert user(db, "viewer") == replace(shown, limit_invoice=100)


def test_who_has_no_level_sees_himself_and_a_removed_one_nobody(
    db: Database, admin: Actor, approver: Actor
) -> None:
    assert [one.login for one in people.people(db, approver, removed=True)] == ["jlopez"]
    with pytest.raises(NotPermitted, match="Read Only or more on the Directory"):
        people.history(db, approver, "admin")
    with pytest.raises(NothingMatched):
        people.one(db, admin, "nobody")
    directory.put_user(db, admin, replace(user(db, "jlopez"), active=False))
    assert "jlopez" not in [one.login for one in people.people(db, admin)]
    assert "jlopez" in [one.login for one in people.people(db, admin, removed=True)]
    for read in (
        lambda: people.people(db, approver),
        lambda: directory.set_summary(db, approver, wanted=False),
    ):
        with pytest.raises(NotPermitted, match="is not a user of this company"):
            read()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"active": False, "can_push": True}, "Removed: may do nothing."),
        ({"can_push": True}, "Can Push to Accounting does nothing below Standard there."),
        ({"erp_level": Level.STANDARD}, "accepts and rejects nothing without Can Push to Accounting."),
        ({"erp_level": Level.STANDARD, "can_push": True}, "Accepts any amount."),
        (
            {"erp_level": Level.ADMIN, "can_push": True, "limit_day": 0},
            "Accepts up to 0.00 a day (gross, USD).",
        ),
        ({"commitments_level": Level.ADMIN}, "approves, sends and retrieves invoices in Commitments."),
        ({"directory_level": Level.ADMIN}, "Grants and takes rights in the Directory"),
    ],
)
def test_what_rights_mean_is_said_in_words(values: dict[str, Any], sentence: str) -> None:
    assert sentence in " ".join(meaning(replace(UserValues("x", "X"), **values), "USD"))


def test_adding_writes_over_nobody(db: Database, admin: Actor) -> None:
    directory.put_user(db, admin, replace(user(db, "viewer"), active=False))
    before = directory.everybody(db)
    for login, said in (("jlopez", "it is Juan Lopez"), ("viewer", "who was removed")):
        with pytest.raises(BadInput, match=f"{login} is in the Directory already") as refused:
            directory.put_user(db, admin, UserValues(login, "Somebody Else", can_push=True), new=True)
        assert said in str(refused.value)
    assert directory.everybody(db) == before


def test_nobody_raises_his_own_level_on_commitments(db: Database, admin: Actor) -> None:
    directory.put_user(db, admin, replace(user(db, "viewer"), directory_level=Level.ADMIN))
    vera = directory.actor(db, "viewer")
    for level in (Level.READ_ONLY, Level.STANDARD, Level.ADMIN):
        with pytest.raises(NotPermitted, match="raises his own level on Commitments"):
            directory.put_user(db, vera, replace(user(db, "viewer"), commitments_level=level))
    directory.put_user(db, admin, replace(user(db, "viewer"), commitments_level=Level.ADMIN))
    directory.put_user(db, vera, replace(user(db, "viewer"), commitments_level=Level.READ_ONLY))
    assert user(db, "viewer").commitments_level is Level.READ_ONLY


@pytest.mark.parametrize("db_url", ["postgres"], indirect=True)
def test_who_is_removed_at_this_moment_is_not_let_in_again_by_an_import(
    db: Database, db_url: str, admin: Actor, tmp_path: Path
) -> None:
    """The import has no column for it, and keeps what there is: not what there was when it began."""
    table = tmp_path / "users.csv"
    table.write_text(USERS, encoding="utf-8")
    other = database.open(db_url)

    def run() -> None:
        load.import_file(other, admin, table)
        other.pw.close()

    try:
        with ThreadPoolExecutor(1) as beside:
            with db.transaction():
                directory.put_user(db, admin, replace(user(db, "viewer"), active=False))
                imported = beside.submit(run)
                while not imported.done() and not db.execute(WAITS).fetchone():
                    pass
            imported.result(30)
        assert user(db, "viewer").name == "Vera V." and not user(db, "viewer").active
    finally:
        other.close()
