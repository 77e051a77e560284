"""A secret of a connector: from the environment, a file that its owner alone may read, or the system's keyring."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from store.domain.errors import SettingsError


class Secret:
    """A secret as it is handed on: nothing that prints, logs or formats it shows it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret itself, where it is sent; keep it in no variable: a traceback may show those."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"


def check(where: str, *, env: str, file: str, keyring: str, needed: bool = True) -> None:
    """Raise ValueError unless one place is named, such as ``password_file``; ``needed``: none is not enough.

    ``where`` stands before the names of the keys: "mail." or "".
    """
    named = [
        name
        for name, value in (("password_file", file), ("password_env", env), ("password_keyring", keyring))
        if value
    ]
    keys = f"{where}password_file, {where}password_env and {where}password_keyring"
    if len(named) > 1:
        raise ValueError(f"{' and '.join(where + name for name in named)} are both set; keep one")
    if needed and not named:
        raise ValueError(f"set one of {keys}")
    service, _, user = keyring.rpartition("/")
    if keyring and not (service and user):
        raise ValueError(f"{where}password_keyring is not the name of a password, such as service/user")


def read(what: str, *, env: str = "", file: str = "", keyring: str = "") -> Secret:
    """The secret ``what`` (such as "Tryton password") of that variable, file or keyring, read anew each time.

    ``keyring`` is "service/user". It may take long where a keyring asks a person: not for the event loop. Raises
    SettingsError where it is not to be had, or where others may read the file; none of it tells the secret.
    """
    if env:
        if text := os.environ.get(env):
            return Secret(text)
        raise SettingsError(
            f"The {what} is missing",
            why=f"the variable {env} is not set",
            fix="Set it in the environment of the worker",
        )
    return _of_keyring(what, keyring) if keyring else _of_file(what, file)


def _of_file(what: str, file: str) -> Secret:
    try:
        if stat.S_IMODE(Path(file).stat().st_mode) & 0o077:
            raise SettingsError(
                f"The {what} is not used", why=f"others may read {file}", fix=f"chmod 600 {file}"
            )
        if text := Path(file).read_text(encoding="utf-8").rstrip("\r\n"):
            return Secret(text)
        why = f"{file} is empty"
    except OSError as error:
        why = f"{file} cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        why = f"{file} is no text in UTF-8"
    raise SettingsError(f"The {what} is missing", why=why, fix="Make it readable for the worker") from None


def _of_keyring(what: str, name: str) -> Secret:
    service, _, user = name.rpartition("/")
    instead = "or use password_file (mode 0600) or password_env"
    try:
        import keyring
        import keyring.errors
    except ImportError:
        raise SettingsError(
            f"The {what} is missing",
            why="the Python package keyring is not installed",
            fix=f"Install payapp with its extra: pip install 'payapp[keyring]', {instead}",
        ) from None
    try:
        found = keyring.get_password(service, user)
    except keyring.errors.NoKeyringError:
        why, fix = "this system has no keyring that payapp can use", f"Set one up for this user, {instead}"
    except keyring.errors.KeyringLocked:
        why, fix = "the keyring is locked", f"Unlock it for this user, {instead}"
    except Exception as error:  # noqa: BLE001 - a backend raises what it likes, and its words may hold the secret
        why, fix = f"the keyring failed ({type(error).__name__})", f"Look at it with keyring get, {instead}"
    else:
        if found:
            return Secret(found)
        why, fix = f"the keyring has none for {user} at {service}", f"keyring set {service} {user}"
    raise SettingsError(f"The {what} is missing", why=why, fix=fix) from None
