"""Mail settings: what does not go together is refused, with the key at fault."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from erp.settings import MailSettings

GOOD = {"host": "mail.acme.example", "sender": "payapp@acme.example"}


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"user": "u"}, "mail.user"),
        ({"password_file": "p"}, "mail.user"),
        ({"user": "u", "password_file": "p", "password_env": "P"}, "mail.password_file"),
        ({"user": "u", "password_env": "P", "tls": "none"}, "mail.tls"),
        ({"ca_file": "ca.pem", "tls": "none"}, "mail.ca_file"),
        ({"sender": "payapp"}, "mail.sender"),
        ({"sender": "a@b.example\nBcc: c@d.example"}, "mail.sender"),
        ({"host": ""}, "mail.host"),
        ({"host": "a b"}, "mail.host"),
        ({"tls": "ssl"}, "tls"),
        ({"port": 0}, "port"),
        ({"password": "secret"}, "password"),
    ],
)
def test_what_does_not_go_together_is_refused(values: dict[str, Any], key: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=key):
        msgspec.convert({**GOOD, **values}, MailSettings)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"user": "u", "password_file": "p"},
        {"user": "u", "password_env": "P", "tls": "tls", "port": 465},
        {"user": "u", "password_env": "P", "tls": "none", "host": "localhost"},
        {"tls": "none", "port": 25},
    ],
)
def test_what_goes_together_is_taken(values: dict[str, Any]) -> None:
    settings = msgspec.convert({**GOOD, **values}, MailSettings)
    assert settings.tls == values.get("tls", "starttls")
