"""A connector's secret: its three places, each failure a sentence with the fix, and nothing that tells it."""

from __future__ import annotations

import asyncio
import base64
import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import keyring
import keyring.errors
import msgspec
import pytest
from keyring.backend import KeyringBackend
from rich.console import Console
from rich.traceback import Traceback

from erp import secret
from erp.connector import UnavailableError
from erp.connectors.tryton_rpc import Session
from erp.connectors.tryton_settings import TrytonSettings
from erp.secret import Secret
from erp.settings import MailSettings
from store.domain.errors import SettingsError

CANARY = "canary-7f3a: 東京"
TRYTON = {
    "url": "http://127.0.0.1:9", "database": "acme", "user": "payapp", "company": "ACME", "journal": "EXP",
    "payable": "2-100", "retainage": "2-150",
}  # fmt: skip
MAIL = {"host": "mail.acme.example", "sender": "payapp@acme.example", "user": "u"}


class Keyring(KeyringBackend):
    """A keyring that has one password, or fails."""

    priority = 1

    def __init__(self, answer: Callable[[str, str], str | None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # the library's own
        self._answer = answer

    def get_password(self, service: str, username: str) -> str | None:
        return self._answer(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        raise NotImplementedError


@pytest.fixture
def use_keyring() -> Iterator[Callable[[Callable[[str, str], str | None]], None]]:
    before = keyring.get_keyring()
    yield lambda answer: keyring.set_keyring(Keyring(answer))
    keyring.set_keyring(before)


def fails(error: Exception) -> Callable[[str, str], str | None]:
    def answer(*_: str) -> str | None:
        raise error

    return answer


def test_it_is_read_from_each_of_its_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use_keyring: Callable[..., None]
) -> None:
    monkeypatch.setenv("WORD", CANARY)
    file = tmp_path / "word"
    file.write_text(CANARY + "\n")
    file.chmod(0o600)
    use_keyring(lambda service, user: CANARY if (service, user) == ("erp/acme", "payapp") else None)
    for given in ({"env": "WORD"}, {"file": str(file)}, {"keyring": "erp/acme/payapp"}):
        found = secret.read("word", **given)
        assert found.reveal() == CANARY
        assert CANARY not in f"{found} {found!r} {[found]} {found:}"


@pytest.mark.parametrize(
    ("answer", "said", "fix"),
    [
        (lambda *_: None, "has none for payapp at erp", "keyring set erp payapp"),
        (lambda *_: "", "has none for payapp at erp", "keyring set erp payapp"),
        (fails(keyring.errors.NoKeyringError(CANARY)), "has no keyring", "password_file"),
        (fails(keyring.errors.KeyringLocked(CANARY)), "is locked", "Unlock it"),
        (fails(RuntimeError(CANARY)), "failed (RuntimeError)", "password_env"),
    ],
)
def test_a_keyring_that_does_not_have_it_is_a_sentence_with_the_fix(
    use_keyring: Callable[..., None], answer: Any, said: str, fix: str
) -> None:
    use_keyring(answer)
    with pytest.raises(SettingsError) as error:
        secret.read("Tryton password", keyring="erp/payapp")
    assert said in str(error.value) and fix in str(error.value)
    assert CANARY not in str(error.getrepr(style="native"))


def test_a_keyring_package_that_is_missing_is_a_sentence_with_the_fix(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(SettingsError, match=r"pip install 'payapp\[keyring\]', or use password_file"):
        secret.read("mail password", keyring="smtp/payapp")


def test_a_file_that_others_may_read_is_empty_or_is_not_there_is_not_used(tmp_path: Path) -> None:
    file = tmp_path / "word"
    with pytest.raises(SettingsError, match="cannot be read"):
        secret.read("word", file=str(file))
    file.write_text("\n")
    file.chmod(0o600)
    with pytest.raises(SettingsError, match="is empty"):
        secret.read("word", file=str(file))
    file.write_text(CANARY)
    for mode in (0o640, 0o604, 0o660, 0o622):
        file.chmod(mode)
        with pytest.raises(SettingsError, match="chmod 600"):
            secret.read("word", file=str(file))
    file.write_bytes(b"\xff" + CANARY.encode())
    file.chmod(0o600)
    with pytest.raises(SettingsError, match="no text in UTF-8") as error:
        secret.read("word", file=str(file))
    assert "canary" not in str(error.value)


@pytest.mark.parametrize(
    ("kind", "given", "where"), [(TrytonSettings, TRYTON, ""), (MailSettings, MAIL, "mail.")]
)
@pytest.mark.parametrize(
    ("named", "good"),
    [
        ({"password_keyring": "erp/payapp"}, True),
        ({"password_env": "WORD"}, True),
        ({}, False),
        ({"password_keyring": "payapp"}, False),
        ({"password_keyring": "/payapp"}, False),
        ({"password_keyring": "erp/payapp", "password_env": "WORD"}, False),
        ({"password_keyring": "erp/payapp", "password_file": "word"}, False),
    ],
)
def test_settings_name_one_place(
    kind: type[Any], given: dict[str, Any], where: str, named: dict[str, str], good: bool
) -> None:
    if good:
        msgspec.convert({**given, **named}, kind)
        return
    with pytest.raises(msgspec.ValidationError, match=f"{where}password_"):
        msgspec.convert({**given, **named}, kind)


def test_no_traceback_shows_it_even_one_with_its_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORD", CANARY)

    def breaks(*_: Any, **asked: Any) -> None:
        raise RuntimeError(f"cannot send {asked['content']!r} {asked['headers']}")

    monkeypatch.setattr(httpx.AsyncClient, "stream", breaks)
    session = Session(msgspec.convert({**TRYTON, "password_env": "WORD"}, TrytonSettings), 1.0)
    session_on = Session(msgspec.convert({**TRYTON, "password_env": "WORD"}, TrytonSettings), 1.0)
    session_on._token = Secret(base64.b64encode(CANARY.encode()).decode())
    for each, method in ((session, session.read), (session_on, session_on.write)):
        try:
            asyncio.run(method("model.party.party.read", [1]))
        except Exception as error:  # noqa: BLE001 - whichever it is, it is shown
            assert not isinstance(error, RuntimeError)
            shown = io.StringIO()
            Console(file=shown, width=400).print(
                Traceback.from_exception(
                    type(error), error, error.__traceback__, show_locals=True, locals_max_string=10_000
                )
            )
            told = shown.getvalue() + repr(vars(each))
            assert "the request to Tryton failed (RuntimeError)" in told and "locals" in told
            assert "canary" not in told and base64.b64encode(CANARY.encode()).decode()[:12] not in told
        else:
            pytest.fail("nothing was raised")
    assert issubclass(UnavailableError, Exception)
