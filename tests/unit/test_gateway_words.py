"""What the SSH gateway takes of a client: its words, the names of files, the environment."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from store.domain.errors import BadInput, NothingMatched, NotPermitted
from tui import gateway


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ("", ("desk", "")), ("  ", ("desk", "")), ("files", ("files", "")), ("get a b.csv", ("get", "a b.csv")), ("keys", ("keys", "")),
        ("keys add jlopez", ("keys add", "jlopez")), ("keys  add  a b", ("keys add", "a b")), ("keys revoke #3", ("keys revoke", "#3")),
    ],
)  # fmt: skip
def test_what_may_be_asked(words: str, asked: tuple[str, str]) -> None:
    assert gateway.asked(words) == asked


@pytest.mark.parametrize(
    "words",
    [
        "id", "sh -c id", "payapp --as mgarcia list", "get", "files; id", "files\nid", "desk", "\x1b[2J", "desk --help",
        "scp -f /etc/passwd", "/usr/lib/openssh/sftp-server", "internal-sftp", "keys add", "keys revoke", "keys list", "keys addjlopez",
        "FILES", "getfile",
    ],
)  # fmt: skip
def test_what_is_refused(words: str) -> None:
    with pytest.raises(NotPermitted) as refused:
        gateway.asked(words)
    assert "\x1b" not in str(refused.value)


@pytest.mark.parametrize(
    "name",
    [
        "", ".", "..", ".profile", "../a", "a/b", "/etc/passwd", "a;id", "$(id)", "a\nb", "a\x00b", "~", "-f", "a" * 500, "a.", "a ",
        "\x1b[2J", "\u202eabc",
    ],
)  # fmt: skip
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(BadInput):
        gateway.checked_name(name)


def test_a_file_is_never_reached_through_something_else(tmp_path: Path) -> None:
    own = gateway.folder(tmp_path / "files", "jlopez", 1)
    (tmp_path / "secret.csv").write_text("x", encoding="utf-8")
    (own / "link.csv").symlink_to(tmp_path / "secret.csv")
    (own / "folder.csv").mkdir()
    os.mkfifo(own / "pipe.csv")
    (own / ".payapp-half").write_text("x", encoding="utf-8")
    (own / "own.csv").write_text("mine", encoding="utf-8")
    assert gateway.names(own) == [("own.csv", 4)]
    for name in ("link.csv", "folder.csv", "pipe.csv", "none.csv"):
        with pytest.raises(NothingMatched), gateway.opened(own, name):
            pass
    with gateway.opened(own, "own.csv") as file:
        assert file.read() == b"mine"


@pytest.mark.parametrize("login", ["..", "a/b", "建設", "ada@acme.example", "a" * 300, ".", "~", "#7"])
def test_every_login_has_a_folder_of_its_own(tmp_path: Path, login: str) -> None:
    files = tmp_path / "files"
    own = gateway.folder(files, login, 7)
    assert own.parent == files and own.is_dir() and own.stat().st_mode & 0o777 == 0o700
    assert gateway.folder(files, "jlopez", 7) != own != gateway.folder(files, login, 8)


def test_a_folder_that_is_a_link_is_none(tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (files / "jlopez").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotPermitted):
        gateway.folder(files, "jlopez", 1)


def test_of_the_environment_little_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {
        "HOME": "/h", "LANG": "de_DE.UTF-8", "LC_ALL": "C", "TERM": "xterm-256color", "NO_COLOR": "1", "SSH_ORIGINAL_COMMAND": "id",
    }  # fmt: skip
    gone = {
        "PAYAPP_CONFIG": "x", "PAYAPP_DATABASE": "x", "PYTHONPATH": "x", "PAGER": "sh", "COLUMNS": "999999", "TEXTUAL": "x",
        "LC_TIME": "../../x", "TZ": "Etc/GMT+12", "STY": "x", "BROWSER": "sh",
    }  # fmt: skip
    environment = {**kept, **gone}
    gateway.cleaned(environment)
    assert environment == kept
    for term in ("../../../../etc/passwd", "$(id)", "xterm;id", "a" * 300, "%s%n", ""):
        environment = {"TERM": term}
        gateway.cleaned(environment)
        assert environment == {}


def test_days_are_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TZ", raising=False)
    time.tzset()
    here = time.tzname
    with monkeypatch.context() as client:
        for name, value in os.environ.items():
            # Put back behind the block.
            client.setenv(name, value)
        client.setenv("TZ", "XXX+12")
        time.tzset()
        assert time.tzname == ("XXX", "XXX")
        # As the process's own environment, which the C library reads.
        gateway.cleaned(os.environ)
        assert time.tzname == here
