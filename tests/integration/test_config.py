"""payapp config show: what counts, and who says so."""

import json
from pathlib import Path

import pytest
from cli_case import Told

from tui.settings import without_password

pytest_plugins = ["cli_case"]


def test_each_value_says_where_it_comes_from(
    place: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = place / "payapp.toml"
    settings.write_text(
        settings.read_text(encoding="utf-8")
        + '[mail]\nhost = "mail.example.com"\nsender = "payapp@example.com"\nuser = "payapp"\n'
        'password_env = "PAYAPP_MAIL_PASSWORD"\n[worker]\nlease = 90\n',
        encoding="utf-8",
    )
    monkeypatch.delenv("PAYAPP_MAIL_PASSWORD", raising=False)
    code, out, _ = told("config", "show", "--json")
    said = json.loads(out)
    assert code == 0 and said["file"] == str(settings)
    found = {each["key"]: (each["value"], each["source"]) for each in said["settings"]}
    assert found["worker.lease"] == ("90.0", "file") and found["worker.poll"] == ("0.15", "default")
    assert found["mail.password_env"] == ("PAYAPP_MAIL_PASSWORD (NOT SET here)", "file")
    assert found["PAYAPP_CONFIG"] == (str(settings), "environment")
    monkeypatch.setenv("PAYAPP_MAIL_PASSWORD", "canary-4711")
    monkeypatch.setenv("PAYAPP_DATABASE", "postgresql://payapp:canary-4711@db/books")
    code, out, _ = told("config", "show")
    assert code == 0 and "canary" not in out
    assert "postgresql://payapp@db/books" in out and "(set here)" in out
    row = next(line for line in out.splitlines() if line.startswith("database.url"))
    assert row.endswith("environment")


def test_a_key_that_is_unknown_is_named(place: Path, told: Told) -> None:
    settings = place / "payapp.toml"
    settings.write_text(settings.read_text(encoding="utf-8") + "[desk]\ncolour = 1\n", encoding="utf-8")
    code, _, err = told("config", "show")
    assert code == 2 and "colour" in err and str(settings) in err


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:sec:r@t@db:5432/books", "postgresql://me@db:5432/books"),
        ("postgresql://db/books?user=me&password=secret", "postgresql://db/books?user=me"),
        ("postgresql://db/books?sslpassword=secret", "postgresql://db/books"),
        ("postgresql://me@db/books?sslmode=require", "postgresql://me@db/books?sslmode=require"),
        ("sqlite:/home/me@work/pay:app.db", "sqlite:/home/me@work/pay:app.db"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert without_password(url) == shown
