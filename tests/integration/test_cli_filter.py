"""The filter language and saved views on the command line."""

from __future__ import annotations

import json

import pytest
from cli_case import Told
from invoice_factory import make, state

from store import directory, saved_views
from store.db import Database
from store.domain.status import View
from store.invoices import SortBy

pytest_plugins = ["cli_case"]


def keep(company: Database, name: str, query: str) -> None:
    me = directory.actor(company, "jlopez")
    saved_views.save(company, me, name, View.ALL, query, SortBy.NUMBER, descending=True)


def numbers(out: str) -> list[str]:
    return [row["number"] for row in json.loads(out)]


def test_a_saved_view_is_listed_in_its_order(company: Database, told: Told) -> None:
    for n in (1, 2, 3):
        make(company, f"A-{n}", application=n, erp_status="synced" if n == 3 else "ready_to_export")
    keep(company, "month end", "-number:A-2")
    code, out, err = told("--as", "jlopez", "list", "--saved", "month end", "--json")
    assert (code, numbers(out)) == (0, ["A-3", "A-1"]), err


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--saved", "nobody's"], 4, "There is no saved view"),
        (["--saved", "old"], 2, "There is no filter 'colour'"),
        (["--saved", "old", "--where", "x"], 2, "has its own --where"),
        (["--saved", "old", "--view", "all", "--sort", "net"], 2, "has its own --view and --sort"),
        (["--where", "period:2026-13"], 2, "'2026-13' is not a date"),
        (["--where", "status:broken"], 2, "Use one of: ready, queued"),
    ],
)
def test_what_cannot_be_listed_is_said(
    company: Database, told: Told, words: list[str], code: int, says: str
) -> None:
    keep(company, "old", "x")
    company.execute("UPDATE saved_views SET query = 'colour:red'")
    found = told("--as", "jlopez", "list", *words)
    assert found[0] == code
    assert found[1] == "" and says in found[2]


def test_flags_are_those_of_whoever_asks_also_in_a_decision(company: Database, told: Told) -> None:
    clean, own = make(company, "A-1"), make(company, "A-2", application=2, creator="jlopez")
    code, out, _ = told("--as", "jlopez", "list", "--where", "flag:S", "--json")
    assert (code, numbers(out)) == (0, ["A-2"])
    code, _, err = told("--as", "jlopez", "reject", "--where", "-flag:any", "--reason", "Wrong job", "--yes")
    assert code == 0, err
    assert (state(company, clean), state(company, own)) == ("not_sent", "ready_to_export")
