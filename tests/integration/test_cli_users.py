"""``payapp users``: granting, revoking, removing, what it means, whose it is to do; and who is removed meanwhile."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_case import Told
from invoice_factory import make, state

from store import directory
from store.db import Database
from store.domain.actor import Level

pytest_plugins = ["cli_case"]
KEEPER = ("--as", "kchen", "users")


def test_the_privilege_is_revoked_and_granted_and_the_history_tells_it(company: Database, told: Told) -> None:
    number = make(company)
    assert told("--as", "jlopez", "export", "101-001", "--yes")[0] == 0
    assert state(company, number) == "queued"
    code, out, _ = told(*KEEPER, "revoke", "jlopez")
    assert code == 0 and "1 that he had accepted is Ready to Export again." in out
    assert state(company, number) == "ready_to_export"
    code, _, err = told("--as", "jlopez", "export", "101-001", "--yes")
    assert code == 5 and "Can Push to Accounting is missing" in err
    assert "Accepts and rejects" in told(*KEEPER, "grant", "jlopez")[1]
    assert "jlopez is as before." in told(*KEEPER, "grant", "jlopez")[1]
    shown = told(*KEEPER, "show", "jlopez")[1]
    assert shown.index("Can Push to Accounting: no -> yes") < shown.index("Can Push to Accounting: yes -> no")
    found = json.loads(told("--as", "jlopez", "users", "show", "--json")[1])
    assert [event["by"] for event in found["history"]] == ["kchen", "kchen", "set-up"]


def test_levels_are_granted_and_taken_one_by_one(company: Database, told: Told) -> None:
    assert told(*KEEPER, "grant", "mgarcia", "--erp", "standard", "--directory", "read_only")[0] == 0
    maria = directory.find_user(company, "mgarcia")
    assert maria and (maria.erp_level, maria.directory_level, maria.can_push) == (
        Level.STANDARD, Level.READ_ONLY, False,
    )  # fmt: skip
    assert told(*KEEPER, "revoke", "mgarcia", "--erp", "--directory")[0] == 0
    maria = directory.find_user(company, "mgarcia")
    assert maria and (maria.erp_level, maria.commitments_level) == (Level.NONE, Level.ADMIN)


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["grant", "kchen"], 5, "Nobody grants Can Push to Accounting to himself"),
        (["grant", "kchen", "--erp", "admin"], 5, "his own level on ERP Integrations"),
        (["add", "kchen", "--limit-day", "1"], 5, "his own limit per day"),
        (["remove", "kchen", "--yes"], 2, "The last Directory Admin cannot be removed"),
        (["revoke", "kchen", "--directory"], 2, "The last Directory Admin cannot be removed"),
        (["remove", "jlopez"], 2, "--yes"),
        (["grant", "nobody"], 4, "nobody is not in the Directory"),
        (["show", "nobody"], 4, "nobody is not in the Directory"),
        (["add", "zoe", "--name", "Zoe", "--email", "zoe"], 2, "'zoe' is no mail address"),
        (["add", "zoe", "--name", "Zoe", "--email", "z@x.example\r\nBcc: all@x.example"], 2, "is no mail address"),
        (["add", "zoe", "--name", "Zoe\r\nBcc: all@x.example"], 2, "line break"),
        (["add", "zoe\x1b[2J", "--name", "Zoe"], 2, "cannot be a login"),
        (["add", "jlopez", "--limit-commitment", "5", "--no-limit-commitment"], 2, "both"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_its_sentence(
    company: Database, told: Told, words: list[str], code: int, sentence: str
) -> None:
    before = directory.everybody(company)
    found, _, err = told(*KEEPER, *words)
    assert (found, sentence in err) == (code, True), err
    assert "\x1b" not in err and "\r" not in err
    assert directory.everybody(company) == before


def test_limits_are_set_and_taken_away_each_by_itself(company: Database, told: Told) -> None:
    assert told(*KEEPER, "add", "jlopez", "--limit-commitment", "75,000", "--limit-day", "200000")[0] == 0
    assert told(*KEEPER, "add", "jlopez", "--no-limit-day", "--no-summary")[0] == 0
    juan = directory.find_user(company, "jlopez")
    assert juan and (juan.limit_invoice, juan.limit_commitment, juan.limit_day, juan.summary) == (
        None, 7_500_000, None, False,
    )  # fmt: skip
    assert "75,000.00 a commitment and period" in told(*KEEPER, "show", "jlopez")[1]


def test_who_is_removed_is_refused_and_listed_as_removed(company: Database, told: Told) -> None:
    assert told(*KEEPER, "remove", "jlopez", "--yes")[0] == 0
    for words in (["list"], ["status"], ["users", "show"], ["export", "--all", "--yes"]):
        code, _, err = told("--as", "jlopez", *words)
        assert code == 5 and "jlopez is not a user of this company" in err
    assert "jlopez" not in told(*KEEPER, "list")[1]
    everybody = {
        user["login"]: user["active"] for user in json.loads(told(*KEEPER, "list", "--all", "--json")[1])
    }
    assert everybody == {"jlopez": False, "kchen": True, "mgarcia": True}


def test_each_sees_himself_and_may_do_without_the_summary(company: Database, told: Told) -> None:
    assert [line.split()[0] for line in told("--as", "jlopez", "users", "list")[1].splitlines()[1:]] == [
        "jlopez"
    ]
    code, _, err = told("--as", "jlopez", "users", "show", "mgarcia")
    assert code == 5 and "Read Only or more on the Directory" in err
    assert told("--as", "jlopez", "users", "summary", "off")[0] == 0
    juan = directory.find_user(company, "jlopez")
    assert juan and not juan.summary
    assert "Daily summary: yes -> no" in told(*KEEPER, "show", "jlopez")[1]
    rights = {
        row["action"]: row["may"]
        for row in json.loads(told("--as", "jlopez", "users", "rights", "--json")[1])
    }
    assert (rights["export"], rights["send"], rights["users"], rights["summary"]) == (
        True,
        False,
        False,
        True,
    )


def test_a_table_of_users_keeps_what_it_has_no_column_for(
    company: Database, told: Told, tmp_path: Path
) -> None:
    assert told(*KEEPER, "add", "jlopez", "--limit-day", "5", "--no-summary")[0] == 0
    assert told(*KEEPER, "remove", "mgarcia", "--yes")[0] == 0
    table = tmp_path / "users.csv"
    table.write_text(
        "login,name,email,erp_level,commitments_level,directory_level,can_push,limit_invoice\n"
        "jlopez,Juan B. Lopez,jlopez@acme.example,standard,read_only,none,yes,\n"
        "mgarcia,Maria Garcia,mgarcia@acme.example,read_only,standard,none,no,\n"
    )
    code, _, err = told("--as", "kchen", "import", table)
    assert code == 0, err
    juan, maria = (directory.find_user(company, login) for login in ("jlopez", "mgarcia"))
    assert juan and (juan.name, juan.limit_day, juan.summary) == ("Juan B. Lopez", 500, False)
    assert maria and not maria.active and maria.commitments_level is Level.STANDARD
