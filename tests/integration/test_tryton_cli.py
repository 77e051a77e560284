"""From the settings file to Tryton's ledger and back, by the commands alone."""

from __future__ import annotations

import asyncio
import json
import logging
import shlex
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest
import tryton_page
from cli_case import Told
from invoice_factory import line, make, state
from tryton_front import Front
from tryton_paying import pay
from tryton_server import PASSWORD
from tryton_server import Tryton as Server

from erp import profiles
from erp.connectors.tryton import Tryton
from store.db import Database

pytest_plugins = ["cli_case"]
pytestmark = pytest.mark.xdist_group("tryton")


@pytest.fixture
def settings(place: Path, company: Database, tryton: Server) -> Path:
    """The demo company's settings, for Tryton; the password in a file beside them."""
    with company.transaction():
        company.execute("UPDATE company SET erp = 'tryton', hold_ms = 0")
        company.execute(
            "INSERT INTO mappings (erp, kind, code, target, set_by, set_at)"
            " SELECT 'tryton', 'account', '03-300', '09-250', id, 0 FROM users WHERE login = 'jlopez'"
        )
    word = place / "word"
    word.write_text(PASSWORD + "\n")
    word.chmod(0o600)
    file = place / "payapp.toml"
    database = file.read_text().partition("[erp]")[0]
    file.write_text(
        f'{database}[erp]\nconnector = "tryton"\n[erp.options]\nurl = "{tryton.url}"\ndatabase = "{tryton.database}"\n'
        'user = "payapp"\ncompany = "ACME BUILDERS"\njournal = "EXP"\npayable = "2-100"\nretainage = "2-150"\n'
        'password_file = "word"\n'
    )
    return file


def test_what_is_exported_by_command_is_in_the_ledger_and_reconciles(
    settings: Path, company: Database, tryton: Server, told: Told
) -> None:
    good = make(company, vendor_ref="V-1", lines=(line(work=123_456, held=12_345),))
    strange = make(company, "S-1", vendor_ref="V-9", vendor="Strange", commitment="SC-9")
    assert told("--as", "jlopez", "export", "--all", "--yes")[0] == 0
    code, _, log = told("worker", "--until-idle")
    assert code == 0 and PASSWORD.partition(":")[0] not in log
    assert (state(company, good), state(company, strange)) == ("synced", "failed_to_export")
    assert tryton.ledger() == {
        "09-250": Decimal("1234.56"), "2-150": Decimal("-123.45"), "2-100": Decimal("-1111.11"),
    }  # fmt: skip
    assert "is not a party in Tryton" in told("--as", "jlopez", "show", "S-1")[1]

    code, out, _ = told("--as", "jlopez", "reconcile", "--period", "2026-10", "--json")
    assert code == 0, out
    # Somebody books one by hand: it has no key, and is told apart.
    tryton.sql("UPDATE account_invoice SET export_key = NULL, reference = 'BY HAND'")
    code, out, _ = told("--as", "jlopez", "reconcile", "--period", "2026-10", "--json")
    assert code == 6 and json.loads(out)


def test_the_password_is_in_no_output_log_or_file_whatever_goes_wrong(
    settings: Path, company: Database, tryton: Server, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("httpx").setLevel(logging.DEBUG)
    make(company, vendor_ref="V-1", lines=(line(work=123_456, held=12_345),))
    said = "".join(told("--as", "jlopez", "export", "--all", "--yes")[1:])
    good = settings.read_text()
    with Front(tryton.url) as front:
        for mood in ("html", "drop", "session", ""):
            front.moods = {"login": mood} if mood else {}
            settings.write_text(good.replace(tryton.url, front.url))
            for words in (["payments", "pull"], ["doctor"]):
                said += "".join(told("--as", "jlopez", *words)[1:])
    for words in (["reconcile", "--period", "2026-10"], ["status"]):
        said += "".join(told("--as", "jlopez", *words)[1:])
    settings.write_text(good)
    code, out, err = told("worker", "--until-idle")
    assert code == 0
    said += out + err + "".join(told("--as", "jlopez", "show", "101-001", "--json")[1:]) + caplog.text
    kept = b"".join(
        file.read_bytes() for file in settings.parent.iterdir() if file.is_file() and file.name != "word"
    )
    for canary in (PASSWORD, json.dumps(PASSWORD), "a long word"):
        assert canary not in said and canary.encode() not in kept
    assert "HTTP Request: POST" in said and "Authorization" not in said


def test_what_was_paid_in_tryton_is_pulled_by_command(
    settings: Path, company: Database, tryton: Server, told: Told
) -> None:
    make(company, vendor_ref="V-1", lines=(line(work=123_456, held=12_345),))
    told("--as", "jlopez", "export", "--all", "--yes")
    assert told("worker", "--until-idle")[0] == 0
    asyncio.run(paid(tryton, str(company.execute("SELECT origin_id FROM invoices").fetchone()[0])))
    code, out, _ = told("--as", "jlopez", "payments", "pull", "--json")
    assert code == 0 and json.loads(out)["issued"] == [{"currency": "USD", "amount": "1000.01"}]
    assert "111.10" in told("--as", "jlopez", "show", "101-001")[1].partition("Still to pay")[2]


async def paid(tryton: Server, ref: str) -> None:
    clerk = Tryton(tryton.settings(), profiles.load("tryton"))
    await pay(clerk, ref, "1000.01")
    await clerk.close()


def test_a_server_that_is_not_there_is_said_and_nothing_else(
    settings: Path, tryton: Server, told: Told
) -> None:
    settings.write_text(settings.read_text().replace(tryton.url, "https://127.0.0.1:9"))
    code, _, err = told("--as", "jlopez", "reconcile", "--period", "2026-10")
    assert code == 1 and "not reached" in err


def test_the_pages_first_invoice_is_booked_by_the_commands_as_they_stand_there(
    tryton: Server, told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.bootstrap.start_worker", lambda _books: False)
    monkeypatch.setattr("tui.bootstrap.own_login", lambda: "mgarcia")
    monkeypatch.setenv("PAYAPP_CONFIG", str(tmp_path / "payapp.toml"))
    monkeypatch.chdir(tmp_path)
    before, admin, approver = tryton_page.invoice()
    [page] = tryton_page.blocks("toml")

    def typed(commands: list[str]) -> str:
        said = ""
        for command in commands:
            program, *words = shlex.split(command)
            code, out, err = told(*words)
            assert (program, code) == ("payapp", 0), f"{command}\n{out}{err}"
            said = out
        return said

    typed(before)
    settings = tmp_path / "payapp.toml"
    written = settings.read_text()
    assert page.count("[erp.options]") == written.count("[erp.options]") == 1
    options = tomllib.loads(page)["erp"]
    assert options["connector"] == tomllib.loads(written)["erp"]["connector"]
    # Each key that it writes, the page explains; nothing else needs filling in.
    assert options["options"].keys() == tomllib.loads(written)["erp"]["options"].keys()
    filled = page.replace("https://tryton.example.com", tryton.url)
    settings.write_text(written.partition("[erp]")[0] + filled.replace('"acme"', f'"{tryton.database}"'))
    word = tmp_path / options["options"]["password_file"]
    word.write_text(PASSWORD)
    word.chmod(0o600)
    typed(admin)
    monkeypatch.setattr("tui.bootstrap.own_login", lambda: "jlopez")
    assert "201-006" in typed(approver)
    ledger = tryton.ledger()
    assert ledger["2-100"] < 0 and ledger["2-100"] + ledger["2-150"] == -ledger["09-250"]
