"""Holds and accounting periods on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_case import Told
from invoice_factory import make, state

from store import invoices
from store.db import Database

pytest_plugins = ["cli_case"]
AS = ("--as", "jlopez")


@pytest.fixture
def three(company: Database, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int, int]:
    monkeypatch.setattr("tui.commands.waiting.start_worker", lambda _books: None)
    return (
        make(company, "A-1"),
        make(company, "A-2", commitment="SC-102"),
        make(company, "B-1", commitment="SC-103", vendor="Bell [/]\x1b[2J", vendor_ref="BELL"),
    )


def test_a_vendor_is_held_and_goes_with_a_payment_hold(
    company: Database, told: Told, three: tuple[int, int, int]
) -> None:
    place = (*AS, "holds", "place", "--vendor", "APEX", "--kind", "waiver", "--reason", "October")
    assert told(*place)[0] == 2  # nobody can be asked
    code, out, _ = told(*place, "--yes")
    assert (code, out) == (0, "Apex Drywall LLC: on hold; 2 invoices.\n")
    code, _, err = told(*AS, "export", "--all", "--yes")
    assert code == 0 and "2 go with the ERP's hold on the payment: A-1 (lien waiver missing: October)" in err
    assert "On hold     vendor Apex Drywall LLC: lien waiver missing: October" in told(*AS, "show", "A-1")[1]
    assert "goes with" not in told(*AS, "show", "B-1")[1]
    code, out, err = told(*AS, "holds", "release", "--vendor", "Apex Drywall LLC", "--yes", "--json")
    assert code == 0 and json.loads(out)["invoices"] == 2
    assert json.loads(out)["notes"] == ["2 are queued or in the ERP with the payment held: lift it there"]
    assert [row.flags for row in invoices.rows(company, three)] == ["", "", ""]


def test_the_list_says_on_what_what_for_and_who(told: Told, three: tuple[int, int, int]) -> None:
    assert told(*AS, "holds", "list")[1] == "Nothing is on hold.\n"
    told(*AS, "holds", "place", "--vendor", "BELL", "--kind", "insurance", "--yes")
    told(*AS, "holds", "place", "--commitment", "SC-102", "--kind", "contract", "--effect", "warn", "--yes")
    told(*AS, "holds", "place", "A-1", "--reason", "look at it", "--yes")
    out = told(*AS, "holds", "list")[1]
    assert "\x1b" not in out and max(map(len, out.splitlines())) <= 100
    assert [line.split()[0] for line in out.splitlines()[1:4]] == ["invoice", "commitment", "vendor"]
    assert "pay: Export takes it, and the ERP holds its payment." in out
    code, out, _ = told(*AS, "holds", "list", "--json", "--on", "vendor")
    assert code == 0
    [one] = json.loads(out)
    assert (one["name"], one["kind"], one["effect"], one["placed_by"]) == (
        "Bell [/]\x1b[2J",
        "insurance",
        "pay",
        "jlopez",
    )
    told(*AS, "holds", "release", "A-1", "--yes")
    assert (
        "jlopez"
        in told(*AS, "holds", "list", "--all", "--kind", "other")[1].splitlines()[1].split("look at it")[1]
    )


def test_what_stays_on_hold_is_told_and_the_exit_code_says_so(
    company: Database, told: Told, three: tuple[int, int, int]
) -> None:
    told(*AS, "holds", "place", "--vendor", "BELL", "--reason", "wait", "--yes")
    code, _, err = told(
        *AS, "holds", "place", "--vendor", "BELL", "--vendor", "APEX", "--reason", "x", "--yes"
    )
    assert code == 3 and "stays: vendor Bell [/]^[[2J: wait, placed by jlopez" in err
    code, _, err = told(*AS, "export", "--all", "--yes")
    assert code == 3 and "Its vendor is on hold" in err and state(company, three[0]) == "ready_to_export"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("place", "A-1", "--vendor", "APEX", "--reason", "x", "--yes"), 2, "in one way only"),
        (("place", "A-1", "--yes"), 2, "needs a reason"),
        (("place", "--vendor", "nobody", "--reason", "x", "--yes"), 2, "names no one vendor"),
        (("release", "A-1", "--yes"), 1, "is not on hold"),
        (("release", "--commitment", "SC-101", "--yes"), 1, "is not on hold"),
    ],
)
def test_what_cannot_be(
    told: Told, three: tuple[int, int, int], words: tuple[str, ...], code: int, said: str
) -> None:
    found, out, err = told(*AS, "holds", *words)
    assert (found, said in err, out) == (code, True, "")


def test_who_may_not(told: Told, three: tuple[int, int, int]) -> None:
    place = ("holds", "place", "--vendor", "APEX", "--reason", "x", "--yes")
    assert told("--as", "mgarcia", *place)[0] == 5
    assert told(*AS, "holds", "list")[1] == "Nothing is on hold.\n"


def test_the_periods_are_those_the_erp_told(company: Database, told: Told, place: Path) -> None:
    company.execute("DELETE FROM erp_periods")
    assert "has told no accounting periods" in told(*AS, "periods")[1]
    code, out, _ = told(*AS, "periods", "--ask")
    assert code == 0 and "open" in out and out.splitlines()[-1].startswith("Said by the ERP just now (20")
    found = json.loads(told(*AS, "periods", "--json")[1])
    assert found["erp"] == "sandbox" and found["asked_at"] > 0
    assert {one["open"] for one in found["periods"]} <= {True, False} and len(found["periods"]) > 1
    company.execute("UPDATE erp_periods SET fetched_at = fetched_at - 7200000, is_open = FALSE")
    out = told(*AS, "periods")[1]
    assert "Said by the ERP 2 h ago" in out and "open" not in out
