"""The whole loop by keyboard at 80x24, as four users, with real processes and a real mail server.

Created, edited, approved, sent, rejected and mailed, corrected, sent again with the difference shown, accepted, failed, repaired,
synced, paid, unlinked.
"""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest
from desks import ended_with, wait_until
from mail_server import MailServer
from terminal import PAYAPP, Terminal

NUMBER = "2026-10-DELTA-0008"
RIGHT, LEFT = "\x1b[C", "\x1b[D"


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


@pytest.fixture
def company(tmp_path: Path, mail: MailServer) -> Iterator[Path]:
    """The settings of the example company, with a fourth user whom its Directory Admin has added at her desk."""
    folder = tmp_path / "loop"
    settings = folder / "payapp.toml"
    made = ["demo", "--empty", "--no-open", "--dir", str(folder), "--mail", f"127.0.0.1:{mail.port}"]
    subprocess.run([PAYAPP, *made], check=True, capture_output=True)
    with ended_with(settings):
        payapp(settings, "mgarcia", "example", str(folder / "example"))
        for name in (
            "vendors.csv",
            "projects.csv",
            "cost-codes.csv",
            "billing-periods.csv",
            "commitments.csv",
            "invoices.json",
        ):
            payapp(settings, "mgarcia", "import", str(folder / "example" / name))
        yield settings


def payapp(settings: Path, who: str, *words: str) -> str:
    done = subprocess.run(
        [PAYAPP, "--config", str(settings), "--as", who, *words], check=False, capture_output=True, text=True,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def desk(settings: Path, who: str) -> Iterator[Terminal]:
    """That user's desk, until he quits."""
    terminal = Terminal([PAYAPP, "--config", str(settings), "--as", who])
    try:
        terminal.until(lambda screen: "q quit" in screen, "the desk")
        yield terminal
        # A tool that was opened is left first, and so is what was said.
        while (
            "More m" in terminal.text()
            and "| Mappings" not in terminal.text()
            and " INVOICES " not in terminal.text()
        ):
            terminal.type("q")
        terminal.press("q")
        assert terminal.ended() == 0
    finally:
        terminal.close()


def value(settings: Path, column: str, number: str = NUMBER) -> object:
    """What the books have of that invoice."""
    with closing(sqlite3.connect(settings.parent / "payapp.db")) as db:
        return db.execute(f"SELECT {column} FROM invoices WHERE number = ?", (number,)).fetchone()[0]


def synced(settings: Path, number: str) -> bool:
    """Whether the ERP has it."""
    return value(settings, "erp_status", number) == "synced"


def subjects(mail: MailServer) -> list[tuple[str, str]]:
    """To whom, and about what."""
    return [(str(message["To"]), str(message["Subject"])) for message in mail.messages]


def test_the_whole_loop_as_four_users(company: Path, mail: MailServer) -> None:
    with desk(company, "kchen") as kim:
        kim.type("m", "5")
        kim.shows("3 of 3")
        add_user(kim)
    assert "pkim" in payapp(company, "kchen", "users", "list")

    with desk(company, "pkim") as pat:
        pat.type("m", "6", "Enter", "Down", "Down")
        pat.shows("Delta Steel")
        # The next application of Delta's commitment, prefilled; it foots as it is typed.
        pat.type("i", "9000", "Down", "2500")
        pat.shows("Gross 11,500.00   Retainage 1,150.00   Net 10,350.00")
        pat.type("Enter", "Enter", "Enter", "Enter", "Enter")
        pat.shows("is created, a draft")
        pat.type("Enter", "G", "e")
        pat.shows("This period")
        pat.type("10000")
        pat.shows("Gross 12,500.00")
        pat.type("Down", "Enter", "Enter", "Enter", "Enter", "Enter")
        pat.shows("is saved")
        # Standard prepares; approving is an Admin's.
        pat.type("Space", "y")
        pat.shows("Admin on Commitments")
    assert (value(company, "gross"), value(company, "creator_login")) == (1_250_000, "pkim")

    with desk(company, "mgarcia") as maria:
        maria.type("m", "2", "2", "/", "delta", "Enter", "A", "y")
        maria.press("y")
        maria.shows("approved")
        maria.type("A", "f")
        maria.shows("Send 3 invoices?")
        maria.type("y")
        maria.shows("3 sent to ERP Integrations")
    assert value(company, "erp_status") == "ready_to_export"

    with desk(company, "jlopez") as juan:
        juan.type("/", "0008", "Enter", "Space", "r", "Retainage is 5 percent", "Tab", "Tab", "Enter")
        juan.shows("1 rejected")
    wait_until(lambda: len(mail.taken) >= 2, "the mails of the rejection")
    told = subjects(mail)
    assert {to.partition("<")[2].rstrip(">") for to, _ in told} == {
        "pkim@acme.example",
        "mgarcia@acme.example",
    }
    assert all(NUMBER in subject and "rejected" in subject for _, subject in told)

    # The rejection keeps the status: who approved it hands it back to who prepared it.
    with desk(company, "mgarcia") as maria:
        maria.type("m", "2")
        maria.shows("Returned 1")
        maria.type("d")
        maria.shows("Status of")
        maria.type(LEFT, "Tab", "Correct the retainage", "Tab", "Tab", "Enter")
        maria.until(lambda _: value(company, "status") == "revise_and_resubmit", "the status")

    with desk(company, "pkim") as pat:
        pat.shows("Returned 1")
        pat.type("Enter")
        pat.shows("Retainage is 5 percent")
        pat.type("Escape", "e", "Tab", "Tab", "500")
        pat.shows("Retainage 750.00")
        pat.type("Down", "Enter", "Enter", "Enter")
        pat.shows("is saved")

    with desk(company, "mgarcia") as maria:
        maria.type("m", "2", "1", "Space", "y", "f")
        maria.shows("1 sent to ERP Integrations")
    wait_until(lambda: any("jlopez@" in to for to, _ in subjects(mail)), "the alert")
    [alert] = [message for message in mail.messages if "jlopez@" in str(message["To"])]
    assert (
        NUMBER in str(alert["Subject"])
        and "1,250.00" in alert.get_content()
        and "750.00" in alert.get_content()
    )

    with desk(company, "jlopez") as juan:
        juan.type("/", "0008", "Enter", "Enter")
        juan.until(lambda text: "1,250.00" in text and "750.00" in text, "the difference")
        # Delta's earlier applications go with it: theirs and its own number are too long but for one.
        juan.type("Escape", "\\", "/", "delta", "Enter", "A", "x")
        juan.shows("Export: ACME BUILDERS")
        juan.type("y")
        juan.shows("FAIL 2")
        for number, repaired in (("0007", "DELTA-0007"), ("0008", "DELTA-0008")):
            juan.type(
                "3", "\\", "/", number, "Enter", "Space", "D", "Tab", "Tab", repaired, "Enter", "Enter", "x"
            )
            juan.shows("Retry: ACME BUILDERS")
            juan.type("y")
            wait_until(partial(synced, company, f"2026-10-DELTA-{number}"), f"{number} to be synced")
        assert value(company, "origin_id") == "SBX-000003"
        # Paid in the ERP, and told of.
        assert "1 payment" in payapp(company, "jlopez", "payments", "pull")
        juan.type("4", "\\", "/", "0008", "Enter", "Enter")
        for _ in range(3):
            if "CHK-000003" not in juan.text():
                juan.type("Space")
        juan.shows("CHK-000003")
        # The ERP is asked first: while the bill is there nothing else is.
        juan.type("Escape", ":", "unlink", "Enter")
        juan.shows("The requisition is still in your ERP system. Please delete it before retrying.")
        with closing(sqlite3.connect(company.parent / "sandbox.db")) as bills, bills:
            bills.execute("DELETE FROM bills WHERE number = 'DELTA-0008'")
        juan.type(":", "unlink", "Enter")
        juan.shows("omment")
        juan.type("Voided in the ERP", "Tab", "Tab", "Enter")
        wait_until(lambda: value(company, "erp_status") == "not_sent", "the unlinking")
    assert (value(company, "outcome"), value(company, "outcome_reason")) == ("unlinked", "Voided in the ERP")

    with desk(company, "pkim") as pat:
        pat.shows("Returned 1")
        pat.type("Enter")
        pat.shows("Voided in the ERP")
    trail = payapp(company, "jlopez", "audit", "verify")
    assert "sound" in trail or "whole" in trail or "events" in trail


def add_user(kim: Terminal) -> None:
    """Pat Kim, Standard on Commitments, by the form."""
    kim.type("n", "pkim", "Tab", "Pat Kim", "Tab", "pkim@acme.example", "Tab", "Tab", RIGHT, RIGHT)
    kim.shows("[Standard]")
    kim.type(*["Tab"] * 8, "Enter")
    kim.shows("4 of 4")
