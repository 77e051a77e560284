"""Setting up from the command line: init, demo and users leave something whole or nothing."""

import json
import os
import re
import stat
import tomllib
from pathlib import Path

import pytest
from cli_case import Told

from erp.connectors import sandbox
from store import db as database
from store import directory
from store.directory import UserValues
from store.domain.actor import Level
from tui import bootstrap, settings
from tui.cli import run

ROOT = Path(__file__).parents[2]


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A real company (no demo) whose Directory Admin is this process's user; its settings in the environment."""
    path = tmp_path / "office" / "payapp.toml"
    assert run(["--config", str(path), "init", "--company", "ACME", "--currency", "USD"]) == 0
    monkeypatch.setenv("PAYAPP_CONFIG", str(path))
    return path


def left(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


pytest_plugins = ["cli_case"]


# -- init ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", ['a"b', "back\\slash", "new\nline", "del\x7f", "東京 \u202ex", "[/]", ""])
def test_init_writes_any_folder_so_that_it_is_read_again(tmp_path: Path, told: Told, folder: str) -> None:
    config = tmp_path / "payapp.toml"
    assert told("--config", config, "init", "--company", "ACME", "--drop-folder", folder)[0] == 0
    assert tomllib.loads(config.read_text())["erp"]["options"]["folder"] == folder
    assert settings.load(config).erp.options == {"folder": folder}
    assert told("--config", config, "list")[0] == 0


def test_init_for_tryton_leaves_to_fill_in_what_a_worker_then_asks_for(tmp_path: Path, told: Told) -> None:
    config = tmp_path / "payapp.toml"
    code, out, _ = told("--config", config, "init", "--company", "ACME", "--erp", "tryton")
    assert code == 0 and "[erp.options]" in out
    code, _, error = told("--config", config, "worker", "--idle-exit", "1")
    assert code != 0 and "$.database" in error
    text = config.read_text()
    for name in ("database", "user", "payable", "retainage"):
        text = text.replace(f'{name} = ""', f'{name} = "x"')
    config.write_text(text)
    code, _, error = told("--config", config, "worker", "--idle-exit", "1")
    assert code != 0 and "set one of password_file, password_env and password_keyring" in error


def test_settings_are_for_their_owners_eyes(office: Path, place: Path) -> None:
    for path in (office, place / "payapp.toml"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_init_for_the_sandbox_makes_its_books_and_leaves_those_that_are_there(
    tmp_path: Path, told: Told
) -> None:
    for folder in ("new", "old"):
        books = tmp_path / folder / "sandbox.db"
        if folder == "old":
            books.parent.mkdir()
            sandbox.seed(books, [("V-1", "Apex")], [], [])
        before = books.read_bytes() if books.exists() else b""
        told("--config", books.with_name("payapp.toml"), "init", "--company", "ACME", "--erp", "sandbox")
        assert sandbox.ledger(books) == [] and (not before or books.read_bytes() == before)


def test_init_takes_a_relative_database_from_the_settings_folder(
    tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    config = tmp_path / "office" / "payapp.toml"
    assert told("--config", config, "init", "--company", "ACME", "--database", "sqlite:own.db")[0] == 0
    assert left(elsewhere) == [] and (config.parent / "own.db").exists()
    assert told("--config", config, "list")[0] == 0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--currency", "usd"], 2),
        (["--database", "mysql://x"], 2),
        (["--database", "sqlite:no/such/x.db"], 1),
    ],
)
def test_an_init_that_is_refused_leaves_nothing(
    tmp_path: Path, told: Told, words: list[str], code: int
) -> None:
    config = tmp_path / "new" / "deep" / "payapp.toml"
    assert told("--config", config, "init", "--company", "ACME", *words)[0] == code
    assert left(tmp_path) == []
    assert told("--config", config, "init", "--company", "ACME")[0] == 0


def test_an_init_whose_settings_cannot_be_written_leaves_no_company(
    tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device", "payapp.toml")

    kept = tmp_path / "kept.db"
    database.create(f"sqlite:{kept}").close()
    monkeypatch.setattr("tui.settings.write", full)
    config = tmp_path / "payapp.toml"
    for url in ([], ["--database", f"sqlite:{kept}"]):
        code, _, err = told("--config", config, "init", "--company", "ACME", *url)
        assert code == 1 and "No space left on device" in err
        assert left(tmp_path) == ["kept.db"]
    monkeypatch.undo()
    assert told("--config", config, "init", "--company", "ACME", "--database", f"sqlite:{kept}")[0] == 0


# -- demo ------------------------------------------------------------------------------------------------------


def test_a_demo_has_at_least_one_row(tmp_path: Path, told: Told) -> None:
    assert told("demo", "--dir", tmp_path / "d", "--rows", "0")[0] == 2
    assert left(tmp_path) == []
    assert told("demo", "--dir", tmp_path / "d", "--rows", "1", "--no-open")[0] == 0
    assert left(tmp_path / "d") == ["payapp.db", "payapp.toml", "sandbox.db"]


@pytest.mark.parametrize("there", [None, [], ["notes.txt"]])
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_a_demo_that_ends_midway_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: list[str] | None, error: type[BaseException]
) -> None:
    folder = tmp_path / "deep" / "d"
    if there is not None:
        folder.mkdir(parents=True)
        for name in there:
            (folder / name).write_text("mine")
    before = left(tmp_path)

    def stopped(*_args: object, **_more: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr("tui.bootstrap.seed_sandbox", stopped)
        words = ["demo", "--dir", str(folder), "--rows", "1", "--no-open"]
        if error is KeyboardInterrupt:
            assert run(words) == 130
        else:
            with pytest.raises(error):
                run(words)
    assert left(tmp_path) == before
    assert run(words) == 0
    assert left(folder) == sorted(["payapp.db", "payapp.toml", "sandbox.db", *(there or [])])


def test_a_demo_overwrites_nothing(tmp_path: Path, told: Told) -> None:
    (tmp_path / "sandbox.db").write_text("mine")
    code, _, err = told("demo", "--dir", tmp_path, "--rows", "1", "--no-open")
    assert code == 2 and "sandbox.db already" in err
    assert left(tmp_path) == ["sandbox.db"] and (tmp_path / "sandbox.db").read_text() == "mine"


@pytest.mark.parametrize(
    "server", ["x", ":25", "host:", "host:٢", "ho st:25", "host:0", "host:99999", 'a"b:x']
)
def test_a_demo_with_a_mail_server_that_is_none_leaves_nothing(
    tmp_path: Path, told: Told, server: str
) -> None:
    assert told("demo", "--dir", tmp_path / "d", "--empty", "--mail", server)[0] == 2
    assert left(tmp_path) == []


# -- users -----------------------------------------------------------------------------------------------------


def kept(office: Path, login: str) -> UserValues:
    db = database.open(settings.load(office).database.url)
    try:
        found = directory.find_user(db, login)
    finally:
        db.close()
    assert found
    return found


def test_a_change_of_a_user_keeps_what_is_left_out(office: Path, told: Told) -> None:
    add = ("users", "add", "jlopez")
    code, _, _ = told(
        *add, "--name", "Juan", "--email", "j@x.example", "--erp", "standard", "--commitments", "admin",
        "--directory", "read_only", "--can-push", "--limit", "50,000.00",
    )  # fmt: skip
    whole = UserValues(
        "jlopez", "Juan", "j@x.example", Level.STANDARD, Level.ADMIN, Level.READ_ONLY,
        can_push=True, limit_invoice=5_000_000,
    )  # fmt: skip
    assert code == 0 and kept(office, "jlopez") == whole
    assert told(*add)[0] == 0 and kept(office, "jlopez") == whole
    assert told(*add, "--name", "Juan Lopez")[0] == 0
    assert kept(office, "jlopez").name == "Juan Lopez" and kept(office, "jlopez").limit_invoice == 5_000_000
    assert told(*add, "--no-can-push", "--erp", "none", "--no-limit", "--inactive")[0] == 0
    changed = kept(office, "jlopez")
    assert (changed.can_push, changed.erp_level, changed.limit_invoice, changed.active) == (
        False, Level.NONE, None, False,
    )  # fmt: skip
    assert "jlopez" not in told("users", "list")[1]
    assert told(*add, "--active")[0] == 0
    assert kept(office, "jlopez").active and kept(office, "jlopez").commitments_level is Level.ADMIN


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--erp", "standard"], "needs a name"),
        (["--name", "N", "--limit", "lots"], "--limit"),
        (["--name", "N", "--limit", ""], "--limit"),
        (["--name", "N", "--limit", "-1"], "below zero"),
        (["--name", "N", "--limit", "1.005"], "decimals"),
        (["--name", "N", "--limit", "5", "--no-limit"], "both"),
    ],
)
def test_a_user_who_cannot_be_is_refused(office: Path, told: Told, words: list[str], sentence: str) -> None:
    code, _, err = told("users", "add", "new", *words)
    assert (code, sentence in err) == (2, True), err
    assert "new" not in told("users", "list")[1]


def test_the_list_of_users_tells_their_limits(office: Path, told: Told) -> None:
    told("users", "add", "jlopez", "--name", "Juan", "--limit", "50000")
    assert "50000.00" in told("users", "list")[1]
    users = json.loads(told("users", "list", "--json")[1])
    assert {u["login"]: u["limit"] for u in users}["jlopez"] == "50000.00"


def test_the_company_says_above_what_the_count_is_typed(office: Path, told: Told) -> None:
    assert "more than 500 invoices." in told("company")[1]
    code, out, _ = told("company", "--confirm-count", "200", "--confirm-net", "250000")
    assert (code, "more than 200 invoices, or of more than 250,000.00 net." in out) == (0, True)
    assert "more than 200 invoices, or" in told("company")[1]
    assert "more than 200 invoices." in told("company", "--no-confirm-net")[1]
    assert told("company", "--confirm-net", "1", "--no-confirm-net")[0] == 2
    assert told("company", "--confirm-net", "-1")[0] == 2


def test_users_are_changed_by_a_directory_admin_only(place: Path, told: Told) -> None:
    for words in (["new"], ["new", "--name", "New"], ["mgarcia", "--limit", "1"]):
        code, _, err = told("--as", "jlopez", "users", "add", *words)
        assert code == 5 and "Directory" in err


# -- paths and people that are not there -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["demo", "--dir", "/etc/passwd", "--no-open"], 1, "/etc/passwd"),
        (["--config", "/proc/x/y.toml", "init", "--company", "A"], 1, "/proc/x"),
        (["--config", "/etc/passwd/y.toml", "init", "--company", "A"], 1, "/etc/passwd"),
        (["--config", "~nobody-of-that-name/y.toml", "init", "--company", "A"], 2, "home folder"),
        (["--config", "x" * 300, "init", "--company", "A"], 1, "too long"),
    ],
)
def test_a_path_that_cannot_be_is_a_sentence(told: Told, words: list[str], code: int, sentence: str) -> None:
    found, _, err = told(*words)
    assert (found, sentence in err) == (code, True), err


def test_a_user_without_a_login_is_not_permitted(
    office: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 3_999_999)
    code, _, err = told("list")
    assert code == 5 and "no login for user id 3999999" in err


def test_what_the_makefile_names_is_there() -> None:
    named = re.findall(r"\w[\w./-]*\.(?:md|py|toml|txt)", (ROOT / "Makefile").read_text())
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_database_that_is_made_is_its_owners_alone(tmp_path: Path, told: Told) -> None:
    assert told("demo", "--empty", "--dir", tmp_path / "demo")[0] == 0
    assert stat.S_IMODE((tmp_path / "demo" / "payapp.db").stat().st_mode) == 0o600
    # One that is there already keeps what its owner gave it.
    (tmp_path / "demo" / "payapp.db").chmod(0o660)
    with bootstrap.created(f"sqlite:{tmp_path / 'demo' / 'payapp.db'}"):
        pass
    assert stat.S_IMODE((tmp_path / "demo" / "payapp.db").stat().st_mode) == 0o660
