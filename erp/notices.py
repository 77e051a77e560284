"""Mails: takes waiting notices to the mail server, many on one connection, each acknowledged by itself."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.charset import QP, Charset
from email.header import Header
from email.message import Message
from email.mime.nonmultipart import MIMENonMultipart
from email.policy import compat32
from email.utils import format_datetime, formataddr
from typing import TYPE_CHECKING, Any

from erp import eventlog, owing, secret
from erp.settings import MailSettings
from store import notices
from store.domain.text import one_line
from store.notices import Notice

if TYPE_CHECKING:
    import aiosmtplib

    from store.db import Database

__all__ = ["MailSettings", "Mailer"]

BATCH = 50
LEASE = 120.0
# Refusals by a server that wants us to log in or encrypt first: our settings' fault, not the mail's.
_OUR_FAULT = (530, 534, 535, 538)


class Mailer:
    """Delivers what waits in the notices outbox."""

    def __init__(self, settings: MailSettings) -> None:
        self._settings = settings

    async def deliver(self, db: Database, worker: str) -> int:
        """Deliver notices that are due, over one connection; returns how many the server took.

        A server that cannot be reached loses nothing: the notices wait, with the reason. Call it until nothing is due.
        """
        pending = await db.write(notices.claim, worker, BATCH, round(LEASE * 1000))
        if not pending:
            return 0
        # What is not tried by then would outlive its lease; it goes back and is claimed again.
        until = asyncio.get_running_loop().time() + LEASE / 2 - self._settings.timeout
        count, tried = 0, None
        claimed = len(pending)
        try:
            async with self._connected() as smtp:
                while pending and asyncio.get_running_loop().time() < until:
                    tried = pending[0]
                    count += await self._send(db, worker, smtp, tried)
                    pending.pop(0)
        except Exception as error:  # noqa: BLE001 - whatever it is, the mails wait and their notices say why
            eventlog.warning("mail.trouble", error=error, kind=type(error).__name__, waiting=len(pending))
            # Without a connection all wait. Over the first mail of one, that one waits. Behind another, nobody knows over
            # which it broke: they are first on the next connection, and one mail keeps no other from going.
            guilty = pending if tried is None else pending[:1] if len(pending) == claimed else []
            for notice in guilty:
                await db.write(notices.failed, worker, notice, _said(error), permanent=False)
            pending = pending[len(guilty) :]
        await db.write(notices.release, worker, pending)
        return count

    async def owe(self, db: Database) -> float:
        """Write the mails that a moment owes, summaries and digests; returns after how many seconds to ask again."""
        return await owing.write(db, self._settings)

    async def check(self) -> None:
        """Connect, encrypt and log in as for a delivery, and mail nothing. Raises what stands in the way."""
        async with self._connected():
            pass

    async def _send(self, db: Database, worker: str, smtp: aiosmtplib.SMTP, notice: Notice) -> bool:
        """Send one; its own refusal is its own. Raises what the whole connection suffers from."""
        import aiosmtplib

        try:
            await smtp.sendmail(self._settings.sender, [notice.address], _message(notice, self._settings))
        except (aiosmtplib.SMTPRecipientsRefused, aiosmtplib.SMTPDataError) as error:
            permanent = all(500 <= code < 600 and code not in _OUR_FAULT for code in _codes(error))
            await db.write(notices.failed, worker, notice, _said(error), permanent=permanent)
            eventlog.warning("notice.refused", notice=notice.id, permanent=permanent, error=_said(error))
            return False
        await db.write(notices.sent, worker, notice)
        return True

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[aiosmtplib.SMTP]:
        import aiosmtplib

        mail = self._settings
        smtp = aiosmtplib.SMTP(
            hostname=mail.host,
            port=mail.port,
            username=mail.user or None,
            password=await asyncio.to_thread(_password, mail) if mail.user else None,
            timeout=mail.timeout,
            use_tls=mail.tls == "tls",
            start_tls=mail.tls == "starttls",
            tls_context=_tls(mail),
        )
        await smtp.connect()
        try:
            yield smtp
        finally:
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                await smtp.quit(timeout=5)
            smtp.close()


def _tls(mail: MailSettings) -> ssl.SSLContext | None:
    return None if mail.tls == "none" else ssl.create_default_context(cafile=mail.ca_file or None)


def _password(mail: MailSettings) -> str:
    """The password, read anew for each connection. Raises SettingsError where it is not to be had."""
    given = {"env": mail.password_env, "file": mail.password_file, "keyring": mail.password_keyring}
    return secret.read("mail password", **given).reveal()


def _codes(error: aiosmtplib.SMTPRecipientsRefused | aiosmtplib.SMTPDataError) -> list[int]:
    recipients = getattr(error, "recipients", None)
    return [one.code for one in recipients] if recipients else [getattr(error, "code", 0)]


def _said(error: Exception) -> str:
    """The server's words, or the reason why there are none."""
    said: list[Any] = list(getattr(error, "recipients", [])) or [error]
    parts = []
    for one in said:
        code, message = getattr(one, "code", ""), getattr(one, "message", "") or str(one)
        parts.append(one_line(f"{code} {message}") or type(one).__name__)
    return "; ".join(parts)


# -- the message -----------------------------------------------------------------------------------------------


def _message(notice: Notice, mail: MailSettings) -> bytes:
    """The notice as bytes, the same ones each time: date and ids are those of its making."""
    charset = Charset("utf-8")
    charset.body_encoding = QP
    message = MIMENonMultipart("text", "plain")
    message.set_payload(notice.body, charset)
    made = datetime.fromtimestamp(notice.created_at / 1000, UTC)
    message["From"] = mail.sender
    message["To"] = _mailbox(notice.recipient, notice.address)
    if notice.reply_to:
        message["Reply-To"] = notice.reply_to
    message["Subject"] = _text(notice.subject)
    message["Date"] = format_datetime(made)
    message["Message-ID"] = notice.message_id
    if notice.thread_id:
        message["In-Reply-To"] = notice.thread_id
        message["References"] = notice.thread_id
    message["Auto-Submitted"] = "auto-generated"
    return _bytes(message)


def _bytes(message: Message) -> bytes:
    return message.as_bytes(policy=compat32.clone(linesep="\r\n"))


def _plain(text: str) -> bool:
    """Whether a header shows the text as it stands: ASCII, and nothing that a reader would decode."""
    return text.isascii() and "=?" not in text


def _text(text: str) -> str:
    clean = one_line(text)
    return clean if _plain(clean) else Header(clean, "utf-8", header_name="Subject").encode()


def _mailbox(name: str, address: str) -> str:
    clean = one_line(name)
    if _plain(clean):
        return formataddr((clean, address))
    header = Header(header_name="To")
    header.append(clean, "utf-8")
    header.append(f"<{address}>", "us-ascii")
    return header.encode()
