"""What [erp.options] says of a Tryton: where it is, who logs in, and the accounts of what is no line."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from erp import secret
from erp.settings import LOOPBACK

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class TrytonSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``url`` without the database, ``company`` by its name in Tryton, accounts and the journal by their codes.

    ``payable``, ``retainage`` and ``tax`` are the accounts of net, retainage and tax ("": bills with tax are refused);
    ``payment_term`` is a term's name ("": none). What vendors and cost codes are called there says the table of
    mappings. ``export_key``: whether the server has the module of that name. The password stands in a file of mode 0600,
    a variable or the system's keyring ("service/user"), never here. Raises ValueError for what does not go together.
    """

    url: Name
    database: Name
    user: Name
    company: Name
    journal: Name
    payable: Name
    retainage: Name
    tax: str = ""
    payment_term: str = ""
    export_key: bool = True
    password_file: str = ""
    password_env: str = ""
    password_keyring: str = ""
    ca_file: str = ""

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("url is not the address of a Tryton server, such as https://tryton.example.com")
        if parts.username or parts.password:
            raise ValueError(
                "url must not hold a user or password; use user and password_file or password_env"
            )
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise ValueError("url is http, so the password would travel in the clear; use https")
        secret.check("", env=self.password_env, file=self.password_file, keyring=self.password_keyring)
        if self.ca_file and parts.scheme == "http":
            raise ValueError("ca_file means nothing while url is http")
