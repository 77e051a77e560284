"""Settings: one TOML file and a few variables of the environment, as one frozen struct.

``PAYAPP_CONFIG`` names the file, ``PAYAPP_DATABASE`` the database's URL. Paths in the file are relative to its folder.
Secrets never stand in it: they come from the environment or from files that it names.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
import platformdirs

from erp.settings import MailSettings, WorkerSettings
from store.domain.errors import SettingsError


class DatabaseSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the books are: ``sqlite:PATH`` or ``postgresql://…``."""

    url: str


class ErpSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which connector sends, and its own ``options``: tui.bootstrap checks them against that connector's settings.

    A dry run asks the ERP for what it knows of a code when that is older than ``known_for``, for ``ask_for`` at most;
    both in seconds. ``profile`` is a TOML file: the company's own profile of its ERP (docs/erps.md).
    """

    connector: str = "sandbox"
    profile: str | None = None
    known_for: Annotated[float, msgspec.Meta(ge=0, le=7 * 24 * 3600)] = 900.0
    ask_for: Annotated[float, msgspec.Meta(ge=0, le=600)] = 30.0
    options: dict[str, Any] = msgspec.field(default_factory=dict)


class DeskSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The desk: a keymap file (None: keys.toml in the user's own folder, where there is one), and idle minutes."""

    keymap: str | None = None
    # After so long without a key the desk quits; 0: never.
    idle_minutes: Annotated[float, msgspec.Meta(ge=0, le=7 * 24 * 60)] = 0.0


Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]


class GatewaySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The SSH gateway: the account of the operating system that alone may serve it, and where its users' files are.

    Each user's files are in a folder of ``files`` of the user's own. After ``idle_minutes`` without a key a session ends.
    """

    account: str
    files: str = "files"
    idle_minutes: Annotated[float, msgspec.Meta(gt=0, le=7 * 24 * 60)] = 30.0


class RejectSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rejecting: the company's usual reasons, offered in the dialog."""

    templates: tuple[Reason, ...] = ()


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that a settings file says."""

    database: DatabaseSettings
    erp: ErpSettings = msgspec.field(default_factory=ErpSettings)
    mail: MailSettings | None = None
    worker: WorkerSettings = msgspec.field(default_factory=WorkerSettings)
    desk: DeskSettings = msgspec.field(default_factory=DeskSettings)
    reject: RejectSettings = msgspec.field(default_factory=RejectSettings)
    gateway: GatewaySettings | None = None


def config_path(given: str | None = None) -> Path:
    """The settings file: the one given, that of PAYAPP_CONFIG, or payapp.toml in the user's configuration folder."""
    named = given or os.environ.get("PAYAPP_CONFIG")
    return _expanded(named) if named else Path(platformdirs.user_config_dir("payapp")) / "payapp.toml"


def keymap_path(settings: Settings | None, folder: Path) -> Path | None:
    """The user's keymap: the file that the settings name, else keys.toml in the user's folder where there is one."""
    if settings is not None and settings.desk.keymap is not None:
        return anchored(settings.desk.keymap, folder)
    own = Path(platformdirs.user_config_dir("payapp")) / "keys.toml"
    return own if own.exists() else None


def load(path: Path) -> Settings:
    """The settings of that file. Raises SettingsError that names the file and the key."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise SettingsError(
            f"There is no settings file {path}",
            fix="Make one with payapp init, try payapp demo, or name one with --config",
        ) from None
    except OSError as error:
        raise SettingsError(f"The settings file {path} cannot be read", why=str(error.strerror)) from None
    settings = _read(raw, path)
    url = os.environ.get("PAYAPP_DATABASE") or anchored_url(settings.database.url, path.parent)
    return msgspec.structs.replace(
        settings,
        database=DatabaseSettings(url),
        mail=settings.mail and _anchored_mail(settings.mail, path.parent),
    )


def _read(raw: bytes, path: Path) -> Settings:
    try:
        return msgspec.toml.decode(raw, type=Settings)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"The settings file {path} cannot be used", why=str(error), fix="Mend that key"
        ) from None


def write(path: Path, tables: Mapping[str, Mapping[str, str | int]]) -> None:
    """Write a new settings file that its owner alone may read: a database's URL may hold a password.

    ``tables`` by name, ``erp.options`` among them. Raises SettingsError for what could not be read again, and
    FileExistsError where there is a file.
    """
    text = "\n".join(
        f"[{name}]\n" + "".join(f"{key} = {_value(value)}\n" for key, value in table.items())
        for name, table in tables.items()
    )
    _read(text.encode(), path)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except BaseException:
        path.unlink()
        raise


def _value(value: str | int) -> str:
    # A JSON string is a basic string of TOML, but for DEL, which TOML wants escaped.
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")


def anchored_url(url: str, folder: Path) -> str:
    """A SQLite path that is relative, seen from the settings file's folder."""
    return f"sqlite:{anchored(url.removeprefix('sqlite:'), folder)}" if url.startswith("sqlite:") else url


def without_password(url: str) -> str:
    """The database's URL as it may be shown: without the password that may stand before its host or behind its ``?``."""
    before, mark, query = url.partition("?")
    head, at, rest = before.rpartition("@")
    scheme, slashes, user = head.partition("://")
    shown = f"{scheme}{slashes}{user.partition(':')[0]}@{rest}" if at and slashes else before
    kept = "&".join(part for part in query.split("&") if "password" not in part.partition("=")[0].lower())
    return f"{shown}{mark}{kept}" if kept else shown


def _anchored_mail(mail: MailSettings, folder: Path) -> MailSettings:
    """The files that mail names, seen from the settings file's folder."""
    return msgspec.structs.replace(
        mail,
        password_file=mail.password_file and str(anchored(mail.password_file, folder)),
        ca_file=mail.ca_file and str(anchored(mail.ca_file, folder)),
    )


def anchored(path: str, folder: Path) -> Path:
    """A path of the settings file, seen from that file's folder."""
    return (folder / _expanded(path)).resolve()


def _expanded(path: str) -> Path:
    """The path with ``~`` and ``~user`` as the folders they stand for."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise SettingsError(
            f"The path {path} cannot be used", why="there is no such home folder", fix="Write it out"
        ) from None
