"""Unlink, reset, mark-exported, sign-off and the policies from the command line, on a demo company with its sandbox."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path

import pytest
from cli_case import Told
from invoice_factory import make, state

from erp import profiles
from erp.connectors import sandbox
from store import directory, outbox, review, signing
from store.db import Database
from store.domain.outcome import Booked
from store.domain.selection import Marked
from tui.commands.options import Declined

pytest_plugins = ["cli_case"]


def book(place: Path, db: Database, number: int) -> str:
    """It is exported, and the sandbox has it; its reference."""
    juan = directory.actor(db, "jlopez")
    review.accept(db, juan, Marked({number: 1}), profiles.load("sandbox"))
    db.execute("UPDATE export_jobs SET run_at = 0")
    [job] = outbox.claim(db, "sandbox", "w", limit=5, lease_ms=60_000, concurrency=9)
    outbox.fence(db, "w", [job])
    ref = typed_in(place, job.key)
    outbox.acknowledge(db, "w", "sandbox", [(job, Booked(job.key, ref))], settle_ms=0)
    assert state(db, number) == "synced"
    return ref


def typed_in(place: Path, key: str) -> str:
    with contextlib.closing(sqlite3.connect(place / "sandbox.db")) as ledger, ledger:
        ledger.execute(
            "INSERT INTO bills (key, vendor, number, job, commitment, accounting_date, currency, gross, retainage, net)"
            " VALUES (?, 'APEX', ?, '24-101', 'SC-101', '2026-10-31', 'USD', '1000.00', '100.00', '900.00')",
            (key, "101-001"),
        )
    return sandbox.ledger(place / "sandbox.db")[-1].ref


def void(place: Path) -> None:
    with contextlib.closing(sqlite3.connect(place / "sandbox.db")) as ledger, ledger:
        ledger.execute("DELETE FROM bills")


def test_a_bill_that_is_there_keeps_it_and_one_that_is_gone_lets_it_go(
    place: Path, company: Database, told: Told
) -> None:
    number = make(company)
    ref = book(place, company, number)
    code, _, err = told("--as", "jlopez", "unlink", "101-001", "--comment", "void", "--yes")
    assert code == 1 and f"it has it as {ref}" in err
    assert "The requisition is still in your ERP system. Please delete it before retrying." in err
    void(place)
    code, _, err = told("--as", "jlopez", "unlink", "101-001", "--comment", "void")
    assert code == 2 and "needs a yes" in err
    code, _, err = told("--as", "jlopez", "unlink", "101-001", "--yes")
    assert code == 2 and "comment is needed" in err
    code, out, _ = told("--as", "jlopez", "unlink", "101-001", "--comment", "void", "--yes", "--json")
    assert code == 0 and json.loads(out)["done"] == [number]
    code, out, _ = told("--as", "jlopez", "show", "101-001")
    assert "x Unlinked" in out and "Unlinked    void" in out
    code, out, _ = told(
        "--as", "mgarcia", "list", "--view", "not-sent", "--where", "status:unlinked", "--plain"
    )
    assert "101-001" in out
    code, out, _ = told("--as", "jlopez", "reconcile", "--period", "2026-10")
    assert code == 0 and "The books agree." in out


def test_reset_is_for_an_admin_of_erp_integrations(place: Path, company: Database, told: Told) -> None:
    book(place, company, make(company))
    code, _, err = told("--as", "jlopez", "reset", "101-001", "--comment", "stuck", "--yes")
    assert code == 5 and "needs Admin on ERP Integrations" in err


def test_what_was_entered_by_hand_is_synced_and_reconciles(
    place: Path, company: Database, told: Told
) -> None:
    make(company)
    ref = typed_in(place, "typed in")
    code, _, err = told(
        "--as", "jlopez", "mark-exported", "101-001", "--reference", "SBX-000900", "--comment", "x", "--yes"
    )
    assert code == 1 and "the ERP has no bill SBX-000900" in err
    code, out, err = told(
        "--as", "jlopez", "mark-exported", "101-001", "--reference", ref, "--comment", "paper day", "--yes"
    )
    assert code == 0 and f"Synced as {ref}; nothing was sent" in out and f"it has a bill {ref}" in err
    assert len(sandbox.ledger(place / "sandbox.db")) == 1
    code, out, _ = told("--as", "jlopez", "reconcile", "--period", "2026-10")
    assert code == 0 and "The books agree." in out
    code, out, _ = told("audit", "verify", "--as", "jlopez")
    assert code == 0


@pytest.fixture
def alone(company: Database) -> Database:
    """Maria does everything herself, and Juan helps out."""
    company.execute("UPDATE users SET directory_level = 'admin', erp_level = 'standard', can_push = TRUE"
                    " WHERE login = 'mgarcia'")  # fmt: skip
    return company


def test_a_policy_is_loosened_with_a_comment_told_everywhere_and_signed_off_by_another(
    place: Path, alone: Database, told: Told
) -> None:
    assert told("--as", "mgarcia", "company", "--self", "review")[0] == 2
    assert told("--as", "jlopez", "company", "--self", "review", "--comment", "x")[0] == 5
    code, out, _ = told(
        "--as", "mgarcia", "company", "--self", "review", "--order", "block", "--comment", "alone"
    )
    assert code == 0 and "Policy self = review" in out and "Policy order = block" in out
    number = make(alone, erp_status="not_sent", creator="x@y.example")
    review.send(alone, directory.actor(alone, "mgarcia"), Marked({number: 1}))
    code, out, err = told("--as", "mgarcia", "export", "101-001", "--yes")
    assert code == 0 and "1 is your own, marked SELF" in err and "alone" in err
    assert "1 is your own and waits for another person's sign-off (SELF)" in err
    code, out, _ = told("--as", "jlopez", "status")
    assert "that wait for another person: 1 (payapp sign-off)" in out and "policy self = review" in out
    code, out, _ = told("--as", "jlopez", "sign-off")
    assert "101-001" in out and "mgarcia" in out and "waits" in out
    assert told("--as", "mgarcia", "sign-off", "101-001", "--agree", "--yes")[0] == 5
    assert told("--as", "jlopez", "sign-off", "101-001", "--object", "--yes")[0] == 2
    assert told("--as", "jlopez", "sign-off", "101-001")[0] == 2
    assert told("--as", "jlopez", "sign-off", "--agree", "--object")[0] == 2
    code, out, _ = told("--as", "jlopez", "sign-off", "101-001", "--agree", "--comment", "seen", "--yes")
    assert code == 0 and "1 signed off" in out and signing.waiting(alone) == 0
    code, out, _ = told("--as", "jlopez", "sign-off", "--all", "--json")
    [one] = json.loads(out)
    assert (one["verdict"], one["signed_by"], one["comment"], one["net"]) == (
        "agreed",
        "jlopez",
        "seen",
        "900.00",
    )
    assert told("--as", "jlopez", "sign-off", "101-001", "--agree", "--yes")[0] == 4


def test_a_no_changes_nothing(
    place: Path, company: Database, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = make(company)
    book(place, company, number)
    void(place)

    def declined(question: str, *, yes: bool) -> None:
        assert "paid twice" in question and not yes
        raise Declined("Nothing was changed")

    monkeypatch.setattr("tui.commands.undoing.confirm", declined)
    assert told("--as", "jlopez", "unlink", "101-001", "--comment", "void")[0] == 130
    assert state(company, number) == "synced"
