"""payapp erp map: one mapping, many from a file, the list."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from cli_case import Told
from invoice_factory import HOSTILE, make

from store import known, models
from store.db import Database
from store.domain.knowing import Fact, Kind

pytest_plugins = ["cli_case"]


@pytest.fixture
def ready(company: Database) -> Database:
    """The company with one invoice that is Ready to Export."""
    with company.pw.bind_ctx(models.TABLES, bind_refs=False, bind_backrefs=False):
        make(company)
    return company


def targets(db: Database) -> list[tuple[str, str, str]]:
    found = db.execute("SELECT kind, code, target FROM mappings ORDER BY kind, code").fetchall()
    return [(kind, code, target) for kind, code, target in found]


def approver(told: Told, *words: object) -> tuple[int, str, str]:
    return told("--as", "jlopez", "erp", "map", *words)


def test_one_is_made_changed_and_removed(ready: Database, told: Told) -> None:
    assert approver(told, "vendor", "Apex Drywall LLC", "V-1") == (0, "Mappings: 1 made.\n", "")
    assert approver(told, "vendor", "APEX", "V-2")[1] == "Mappings: 1 changed.\n"
    assert approver(told, "vendor", "APEX", "V-2")[1] == "It is so already; nothing was changed.\n"
    assert targets(ready) == [("vendor", "APEX", "V-2")]
    assert approver(told, "vendor", "APEX", "--remove")[1] == "Mappings: 1 removed.\n"
    code, _, error = approver(told, "vendor", "APEX", "--remove")
    assert code == 4 and "Vendor APEX has no mapping" in error


def test_what_cannot_be_is_refused_with_the_fix(ready: Database, told: Told) -> None:
    for words, code, says in (
        (("vendor", "NOBODY", "x"), 2, "there is no vendor NOBODY. Give a vendor's id or name."),
        (("planet", "Mars", "x"), 2, "Use one of: vendor, job, commitment, account, tax, terms."),
        (("vendor", "APEX"), 2, "payapp erp map KIND CODE TARGET"),
        (("vendor", "APEX", " "), 2, "Add --remove"),
        (("vendor", "APEX", "a\x1bb"), 2, "a^[b holds a character"),
        (("vendor", HOSTILE, "x"), 2, "there is no vendor [/] ^[]52"),
        (("--list", "--remove"), 2, "do not go together"),
        (("--json",), 2, "Add --list"),
        (("--file", "x.csv", "vendor"), 2, "names kind, code, target and job itself"),
    ):
        found, _, error = approver(told, *words)
        assert (found, says in error) == (code, True), (words, error)
        assert not set(error) & {"\x1b", "\x07", "\u202e"}
    assert told("--as", "mgarcia", "erp", "map", "vendor", "APEX", "x")[0] == 5
    assert targets(ready) == []


def test_a_file_comes_in_whole_or_not_at_all(ready: Database, told: Told, tmp_path: Path) -> None:
    file = tmp_path / "map.csv"
    file.write_text("kind,code,target,job\nvendor,APEX,V-1,\nplanet,Mars,x,\naccount,03-300,5100,99\n")
    code, _, error = approver(told, "--file", file)
    assert code == 2 and targets(ready) == []
    assert error.splitlines()[1:] == [
        "  row 3, column kind: there is no kind planet: use one of vendor, job, commitment, account, tax, terms",
        "  row 4, column job: there is no job 99.",
    ]
    file.write_text("kind,code,target,job\nvendor,APEX,V-1,\naccount,03-300,5100,24-101\n")
    assert approver(told, "--file", file)[1] == "Mappings: 2 made.\n"
    assert targets(ready) == [("account", "03-300", "5100"), ("vendor", "APEX", "V-1")]
    file.write_text("kind,code,name\nvendor,APEX,V-1\n")
    code, _, error = approver(told, "--file", file)
    assert code == 1 and "it has no column target" in error


def test_a_file_comes_from_standard_input_too(
    ready: Database, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"kind,code,target\nvendor,APEX,V-1\n")))
    assert approver(told, "--file", "-")[1] == "Mappings: 1 made.\n"
    assert targets(ready) == [("vendor", "APEX", "V-1")]


def test_the_list_says_what_is_called_what_and_what_is_gone(ready: Database, told: Told) -> None:
    approver(told, "account", "03-300", "5100")
    known.put(ready, "sandbox", [Fact(Kind.ACCOUNT, "5100", known=False)])
    code, out, _ = approver(told, "--list", "account")
    assert code == 0
    assert out.splitlines()[1].split()[:6] == ["account", "03-300", "all", "jobs", "5100", "mapping"]
    assert "NO, 20" in out
    [row] = json.loads(approver(told, "--list", "vendor", "--json")[1])
    assert row == {
        "kind": "vendor", "code": "APEX", "name": "Apex Drywall LLC", "job": None, "target": "APEX", "from": "master",
        "known": None, "asked_at": None,
    }  # fmt: skip


def test_unmapped_is_what_invoices_need_and_nobody_has_named(ready: Database, told: Told) -> None:
    named = json.loads(approver(told, "--list", "--unmapped", "--json")[1])
    assert [(row["kind"], row["code"], row["from"]) for row in named] == [
        ("job", "24-101", "same"), ("account", "03-300", "same"),
    ]  # fmt: skip
    ready.execute("UPDATE vendors SET erp_ref = ''")
    approver(told, "account", "03-300", "5100")
    approver(told, "job", "24-101", "J-1")
    [row] = json.loads(approver(told, "--list", "--unmapped", "--json")[1])
    assert (row["kind"], row["target"], row["from"]) == ("vendor", "", "none")
    approver(told, "vendor", "APEX", "V-1")
    assert approver(told, "--list", "--unmapped")[1].startswith("Nothing that Ready and Failed invoices name")


def test_hostile_names_leave_the_list_visibly(ready: Database, told: Told) -> None:
    ready.execute("UPDATE vendors SET name = ?, erp_ref = ?", (HOSTILE, HOSTILE))
    for words in (("--list",), ("--list", "--json")):
        out = approver(told, *words)[1]
        assert "^[]52" in out or "\\u001b" in out
        assert not set(out) & {"\x1b", "\x07", "\u202e"}
