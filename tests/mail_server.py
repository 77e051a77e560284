"""A real SMTP server for tests: what it took, whom it refuses, with STARTTLS and AUTH where wanted."""

from __future__ import annotations

import email
import email.policy
import socket
import ssl
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Self

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword


class MailServer:
    """Start it with ``with``; ``replies`` maps an address to the answer it gets at RCPT, ``data`` that at the end."""

    def __init__(self, port: int | None = None, **options: Any) -> None:
        self.replies: dict[str, str] = {}
        self.data = "250 OK"
        self.taken: list[tuple[str, list[str], bytes]] = []
        # Called when it has taken a message, before it says so.
        self.on_taken: Callable[[], None] = lambda: None
        self.sessions: set[int] = set()
        self.port = port or free_port()
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, **options)

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's hook
        self, _server: Any, session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        self.sessions.add(id(session))
        if reply := self.replies.get(address):
            return reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's hook
        self, _server: Any, _session: Any, envelope: Any
    ) -> str:
        if self.data.startswith("250"):
            self.taken.append((envelope.mail_from, list(envelope.rcpt_tos), envelope.content))
            self.on_taken()
        return self.data

    @property
    def messages(self) -> list[EmailMessage]:
        """What it took, as a mail program reads it."""
        return [
            email.message_from_bytes(content, policy=email.policy.default) for _, _, content in self.taken
        ]


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def login(user: str, password: str) -> Any:
    """An authenticator that lets in this user alone."""

    def check(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
        known = isinstance(given, LoginPassword) and (given.login, given.password) == (
            user.encode(),
            password.encode(),
        )
        return AuthResult(success=known, handled=False)

    return check


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """The certificate of an authority of its own, and the context of a server for 127.0.0.1 that it vouches for."""
    authority = trustme.CA()
    cert = folder / "cert.pem"
    authority.cert_pem.write_to_path(cert)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return cert, context
