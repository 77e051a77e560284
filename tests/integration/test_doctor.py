"""payapp doctor looks at everything that could keep payapp from working, and says what helps."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_case import Told
from invoice_factory import make
from mail_server import MailServer, certificate, free_port, login
from terminal import PAYAPP, Terminal

from store import soundness, verifying
from store.db import Database
from store.domain.errors import StoreError

pytest_plugins = ["cli_case"]


def looked(told: Told, *words: object) -> tuple[int, dict[str, tuple[str, str, str]]]:
    """The exit code, and verdict, sentence and fix by what was looked at."""
    code, out, _ = told(*words, "doctor", "--json")
    return code, {f["about"]: (f["verdict"], f["said"], f["fix"]) for f in json.loads(out)}


@pytest.mark.usefixtures("company")
def test_a_fresh_demo_is_well(told: Told) -> None:
    code, found = looked(told)
    assert code == 0
    assert {about: verdict for about, (verdict, _, _) in found.items() if verdict != "ok"} == {
        "terminal": "note",
        "worker": "note",
        "mail": "note",
    }
    assert "answered" in found["ERP"][1]
    _, out, _ = told("doctor")
    assert all(len(line) <= 200 for line in out.splitlines())
    assert "notices wait" in out


def test_settings_that_cannot_be_used_are_the_first_trouble(place: Path, told: Told) -> None:
    (place / "payapp.toml").write_text("[database]\nurl = 7\n")
    code, found = looked(told)
    assert code == 1
    assert found["settings"][0] == "bad"
    assert "$.database.url" in found["settings"][1]
    assert "database" not in found


def test_an_option_that_the_erp_needs_is_named_with_its_fix(
    place: Path, company: Database, told: Told
) -> None:
    (place / "payapp.toml").write_text(
        '[database]\nurl = "sqlite:payapp.db"\n[erp]\nconnector = "files"\n[erp.options]\nform = "iif"\n'
    )
    company.execute("UPDATE company SET erp = 'quickbooks-desktop'")
    code, found = looked(told)
    assert code == 1
    assert "erp.options.payable cannot be used: the form iif needs it" in found["ERP"][1]
    assert found["ERP"][2] == "Give payable (docs/files.md)"


def test_a_database_that_is_gone_is_named(place: Path, told: Told) -> None:
    (place / "payapp.db").unlink()
    code, found = looked(told)
    assert (code, found["database"][0]) == (1, "bad")


@pytest.mark.usefixtures("place")
def test_a_password_in_the_url_is_not_shown(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAYAPP_DATABASE", f"postgresql://payapp:hunter2@127.0.0.1:{free_port()}/payapp")
    code, out, err = told("doctor")
    assert code == 1
    assert "hunter2" not in out + err


def test_a_file_that_is_spoilt_is_told(place: Path, company: Database, told: Told) -> None:
    company.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    root, size = company.execute(
        "SELECT rootpage, (SELECT page_size FROM pragma_page_size) FROM sqlite_master WHERE name = 'audit_rows'"
    ).fetchone()
    company.pw.close()
    with (place / "payapp.db").open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * size)
    code, found = looked(told)
    assert code == 1
    assert found["books"][0] == "bad"
    assert found["books"][1].startswith("The database is spoilt")
    assert "restore the last backup" in found["books"][2]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE invoices SET vendor_id = 999 WHERE id = 1", "a row of invoices refers to one of vendors"),
        ("UPDATE invoices SET phase = 'synced' WHERE id = 1", "#1 is listed in another view"),
    ],
)
def test_rows_that_do_not_belong_together_are_told(
    company: Database, told: Told, change: str, said: str
) -> None:
    assert make(company) == 1
    company.execute("PRAGMA foreign_keys = OFF")
    company.execute(change)
    code, found = looked(told)
    assert (code, found["books"][0]) == (1, "bad")
    assert said in found["books"][1]


def test_what_cannot_be_written_is_found_and_what_can_is_as_it_was(db: Database) -> None:
    before = verifying.head(db)
    soundness.try_writing(db)
    soundness.require_whole(db)
    db.execute("SET default_transaction_read_only = on" if db.postgres else "PRAGMA query_only = ON")
    with pytest.raises(StoreError, match="The database is read-only"):
        soundness.try_writing(db)
    assert verifying.head(db) == before


def test_a_copied_database_is_told(company: Database, told: Told) -> None:
    company.execute('UPDATE epochs SET place = \'{"engine": "sqlite", "file": "elsewhere"}\'')
    code, found = looked(told)
    assert (code, found["place"][0]) == (1, "bad")
    assert "adopt" in found["place"][1]


def test_an_erp_that_is_away_is_told(place: Path, told: Told) -> None:
    for file in place.glob("sandbox.db*"):
        file.unlink()
    (place / "sandbox.db").mkdir()
    code, found = looked(told)
    assert (code, found["ERP"][0]) == (1, "bad")
    assert "[erp.options]" in found["ERP"][2]


def test_a_paused_erp_is_told(company: Database, told: Told) -> None:
    company.execute(
        "INSERT INTO erp_state (erp, open_until, failures, error_text) VALUES ('sandbox', ?, 9, 'HTTP 503')",
        (company.now() + 60_000,),
    )
    code, found = looked(told)
    assert (code, found["queue"][0]) == (1, "bad")
    assert "503" in found["queue"][1]


@pytest.fixture
def cert(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    return certificate(tmp_path)


@pytest.fixture
def mail(cert: tuple[Path, ssl.SSLContext]) -> Iterator[MailServer]:
    options: dict[str, Any] = {"tls_context": cert[1], "require_starttls": True, "auth_required": True}
    with MailServer(authenticator=login("payapp", "right"), **options) as running:
        yield running


@pytest.mark.parametrize(("password", "verdict"), [("right", "ok"), ("wrong", "bad")])
def test_the_mail_server_is_logged_in_to_and_nothing_is_mailed(
    place: Path,
    told: Told,
    mail: MailServer,
    cert: tuple[Path, ssl.SSLContext],
    monkeypatch: pytest.MonkeyPatch,
    password: str,
    verdict: str,
) -> None:
    with (place / "payapp.toml").open("a") as settings:
        settings.write(
            f'\n[mail]\nhost = "127.0.0.1"\nport = {mail.port}\nca_file = "{cert[0]}"\nsender = "payapp@acme.example"\n'
            'user = "payapp"\npassword_env = "SECRET"\n'
        )
    monkeypatch.setenv("SECRET", password)
    _, found = looked(told)
    assert found["mail"][0] == verdict, found["mail"]
    assert password not in str(found["mail"])
    assert mail.taken == []


def test_a_keymap_with_a_fault_is_named(place: Path, told: Told) -> None:
    (place / "mine.toml").write_text('[keys]\n"no.such" = ["x"]\n')
    with (place / "payapp.toml").open("a") as settings:
        settings.write('\n[desk]\nkeymap = "mine.toml"\n')
    code, found = looked(told)
    assert (code, found["keys"][0]) == (1, "bad")


def test_each_key_tells_what_it_sends_and_does(tmp_path: Path) -> None:
    terminal = Terminal([PAYAPP, "doctor", "--keys"], cwd=tmp_path)
    try:
        terminal.shows("Ctrl+C ends")
        for sent, told in {
            "x": "x                        x: ",
            "\x1b[A": "ESC [ A                  up: ",
            "\x1b[17~": "f6: ",
            "é": "c3 a9",
        }.items():
            terminal.type(sent)
            terminal.shows(told)
        terminal.type("\x03")
        assert terminal.ended() == 0
    finally:
        terminal.close()


def test_keys_need_a_terminal(told: Told) -> None:
    code, _, err = told("doctor", "--keys")
    assert code == 2
    assert "terminal" in err
