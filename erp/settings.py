"""What a settings file says of the worker and of mail. Imports nothing heavy: the desk reads it before its first paint."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec

from erp import secret
from store.domain.address import valid_address

Seconds = Annotated[float, msgspec.Meta(gt=0)]


class WorkerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Times in seconds. ``idle_exit``: end after so long with nothing to do; none: stay.

    ``lease`` must be more than twice the ERP profile's timeout. ``poll`` is how often other processes' changes are
    looked for, ``periods`` how often the ERP is asked for its accounting periods, ``payments`` how often what it paid;
    none: only ``payapp payments pull`` asks.
    """

    lease: Seconds = 70.0
    poll: Seconds = 0.15
    idle_exit: Seconds | None = None
    periods: Seconds = 300.0
    payments: Seconds | None = None


LOOPBACK = ("localhost", "127.0.0.1", "::1")


class MailSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The mail server. The password stands in a file of mode 0600, a variable or the keyring, never here.

    ``tls``: "starttls", "tls" from the first byte, or "none". ``sender`` is the address mails come from, ``ca_file``
    the certificates of a private authority, ``timeout`` in seconds for each answer. Raises ValueError for what does
    not go together; read from a file that is an error which names the file and the key.
    """

    host: str
    sender: str
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 587
    tls: Literal["none", "starttls", "tls"] = "starttls"
    user: str = ""
    password_file: str = ""
    password_env: str = ""
    password_keyring: str = ""
    ca_file: str = ""
    timeout: Seconds = 20.0
    # When the daily summary is written, "HH:MM" in that IANA time zone; "": never, and the zone of the worker's machine.
    summary_at: str = "07:00"
    time_zone: str = ""

    def __post_init__(self) -> None:
        if not self.host or any(c.isspace() for c in self.host):
            raise ValueError("mail.host is not the name of a mail server")
        if not valid_address(self.sender):
            raise ValueError(f"mail.sender: {self.sender!r} is not a mail address")
        given = {"env": self.password_env, "file": self.password_file, "keyring": self.password_keyring}
        secret.check("mail.", **given, needed=False)
        has_password = any(given.values())
        if self.user and not has_password:
            raise ValueError("mail.user needs mail.password_file, mail.password_env or mail.password_keyring")
        if has_password and not self.user:
            raise ValueError("a password of mail needs mail.user")
        if self.user and self.tls == "none" and self.host not in LOOPBACK:
            raise ValueError(
                "mail.tls is none, so the password would travel in the clear; use starttls or tls"
            )
        if self.ca_file and self.tls == "none":
            raise ValueError("mail.ca_file means nothing while mail.tls is none")
        if self.summary_at and re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", self.summary_at) is None:
            raise ValueError(f"mail.summary_at: {self.summary_at!r} is no time of the day like 07:00")
        if self.time_zone and not _is_zone(self.time_zone):
            raise ValueError(f"mail.time_zone: {self.time_zone!r} is no time zone that this machine knows")


def _is_zone(name: str) -> bool:
    import zoneinfo

    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
