"""Tryton's JSON-RPC: one session with its log-in, and what each kind of answer proves."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from erp import secret
from erp.connector import UnavailableError
from erp.connectors.tryton_settings import TrytonSettings
from erp.secret import Secret
from store.domain.errors import SettingsError
from store.domain.text import one_line

if TYPE_CHECKING:
    import httpx

# No answer that is wanted here comes near it.
BYTES_AT_MOST = 8 * 1024 * 1024
# What these statuses prove: the request was turned away before anything was done.
_UNTOUCHED = {
    403: "it does not know that call, or {user} may not make it",
    404: "it has no database {database}",
    429: "it has seen too many attempts to log in",
}
_REFUSED = (400, 413, 415, 422)
# With 503 Tryton also says that its database went away, maybe in the middle of a commit. These were rolled back.
_ROLLED_BACK = (b"could not obtain lock", b"could not serialize access", b"deadlock detected")


class TrytonRefusedError(Exception):
    """Tryton's own refusal: the transaction was rolled back. ``name`` is a warning's; both texts are on one line."""

    def __init__(self, kind: str, name: str, message: str) -> None:
        self.kind = kind
        self.name = name
        self.message = one_line(message)[:500]
        super().__init__(self.message)


class DoubtfulReplyError(Exception):
    """Tryton may or may not have done what it was asked."""


class Session:
    """A log-in to Tryton that renews itself.

    ``seconds`` bounds each wait for the server, a third of it each wait for an answer to a question: so a server that
    hangs is found out before anything is sent.
    """

    def __init__(self, settings: TrytonSettings, seconds: float) -> None:
        self._settings = settings
        self._seconds = seconds
        self._client: httpx.AsyncClient | None = None
        self._token: Secret | None = None
        self._turn = asyncio.Lock()

    async def read(self, method: str, *params: Any) -> Any:
        """Ask what changes nothing. Raises UnavailableError for whatever is no answer."""
        try:
            return await self._call(method, params, self._seconds / 3)
        except (DoubtfulReplyError, TrytonRefusedError) as error:
            raise UnavailableError(str(error)) from error

    async def write(self, method: str, *params: Any) -> Any:
        """Have something done.

        Raises TrytonRefusedError and UnavailableError: nothing was done. DoubtfulReplyError: nobody knows.
        """
        return await self._call(method, params, self._seconds)

    async def close(self) -> None:
        """Log out of nothing, close the connections. Closing twice is no harm."""
        if self._client is not None:
            await self._client.aclose()

    async def _call(self, method: str, params: tuple[Any, ...], seconds: float) -> Any:
        token = self._token or await self._login(None)
        try:
            return await self._post(method, params, token, seconds)
        except _SessionOverError:
            # Nothing was done: a session that is over is turned away before anything else.
            token = await self._login(token)
        try:
            return await self._post(method, params, token, seconds)
        except _SessionOverError:
            raise UnavailableError("Tryton ends each session at once (401)") from None

    async def _login(self, old: Secret | None) -> Secret:
        """A new token; the one that another call has fetched meanwhile, where there is one."""
        async with self._turn:
            if self._token is None or self._token == old:
                self._token = await self._logged_in()
            return self._token

    async def _logged_in(self) -> Secret:
        user = self._settings.user
        word = await self._password()
        try:
            asked = (user, {"password": word}, "en")
            reply = await self._post("common.db.login", asked, None, self._seconds / 3)
            number, token = int(reply[0]), Secret(str(reply.pop(1)))
        except _SessionOverError:
            raise UnavailableError(f"Tryton does not let {user} log in with this password (401)") from None
        except TrytonRefusedError as error:
            said = error.message.replace(word.reveal(), "…")
            why = "it wants more than a password" if error.kind == "LoginException" else said
            raise UnavailableError(f"Tryton does not let {user} log in: {why}") from None
        except (DoubtfulReplyError, TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
            said = str(error) if isinstance(error, DoubtfulReplyError) else "Tryton's log-in has another form"
            raise UnavailableError(said) from None
        return Secret(base64.b64encode(f"{user}:{number}:{token.reveal()}".encode()).decode())

    async def _password(self) -> Secret:
        own = self._settings
        given = {"env": own.password_env, "file": own.password_file, "keyring": own.password_keyring}
        try:
            # A keyring may ask a person first.
            asking = asyncio.to_thread(secret.read, "Tryton password", **given)
            return await asyncio.wait_for(asking, self._seconds)
        except SettingsError as error:
            raise UnavailableError(str(error)) from None
        except TimeoutError:
            raise UnavailableError(
                "The Tryton password is missing: the keyring did not answer in time"
            ) from None

    # -- bytes -------------------------------------------------------------------------------------------------

    async def _post(self, method: str, params: tuple[Any, ...], token: Secret | None, seconds: float) -> Any:
        import httpx

        where = f"{self._settings.url.rstrip('/')}/{self._settings.database}/rpc/"
        try:
            client = self._connected()
            # The body and the headers hold secrets, and stand in no variable here.
            async with client.stream(
                "POST", where, content=_body(method, params), headers=_headers(token), timeout=seconds
            ) as reply:
                raw = await _bounded(reply) if reply.status_code in {200, 503} else b""
                self._proven(reply.status_code, raw)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise UnavailableError(_unreached(error)) from None
        except httpx.TimeoutException:
            raise DoubtfulReplyError("Tryton did not answer in time") from None
        except httpx.HTTPError as error:
            why = one_line(str(error)) or type(error).__name__
            raise DoubtfulReplyError(f"the connection to Tryton broke: {why}") from None
        except (UnavailableError, DoubtfulReplyError, TrytonRefusedError, _SessionOverError):
            raise
        except Exception as error:  # noqa: BLE001 - the frames below hold secrets, which a traceback may show
            raise DoubtfulReplyError(f"the request to Tryton failed ({type(error).__name__})") from None
        return _result(raw)

    def _proven(self, status: int, raw: bytes) -> None:
        """Return for an answer that can be read; otherwise raise what the status proves."""
        if status == 200:
            return
        if status == 401:
            raise _SessionOverError
        if status in _UNTOUCHED:
            given = self._settings
            why = _UNTOUCHED[status].format(user=given.user, database=given.database)
            raise UnavailableError(f"Tryton turned the request away: {why}")
        if status in _REFUSED:
            raise TrytonRefusedError("HTTP", "", f"Tryton does not take the request ({status})")
        if status == 503 and any(words in raw for words in _ROLLED_BACK):
            raise UnavailableError("Tryton is busy: it waited for another booking (503)")
        raise DoubtfulReplyError(f"Tryton answered with status {status}")

    def _connected(self) -> httpx.AsyncClient:
        if self._client is None:
            import httpx

            # trust_env would let a .netrc log in as somebody else. An idle connection may be closed under a request.
            self._client = httpx.AsyncClient(
                trust_env=False,
                # To read the machine's certificates takes a while, and without TLS there is nothing to verify.
                verify=self._certificates() if self._settings.url.startswith("https:") else False,
                limits=httpx.Limits(keepalive_expiry=2.0),
            )
        return self._client

    def _certificates(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self._settings.ca_file or None)
        except OSError as error:
            why = error.strerror or "it holds no certificate"
            raise UnavailableError(f"ca_file {self._settings.ca_file} cannot be used: {why}") from None


class _SessionOverError(Exception):
    """401: the session is over, or there was none."""


def _body(method: str, params: tuple[Any, ...]) -> bytes:
    return json.dumps({"id": 1, "method": method, "params": params}, default=_encoded).encode()


def _headers(token: Secret | None) -> dict[str, str]:
    own = {} if token is None else {"Authorization": f"Session {token.reveal()}"}
    return {"Content-Type": "application/json", **own}


async def _bounded(reply: httpx.Response) -> bytes:
    parts, size = [], 0
    async for part in reply.aiter_bytes():
        size += len(part)
        if size > BYTES_AT_MOST:
            raise DoubtfulReplyError(f"Tryton's answer is longer than {BYTES_AT_MOST} bytes")
        parts.append(part)
    return b"".join(parts)


def _result(raw: bytes) -> Any:
    """The result in an answer. Raises TrytonRefusedError for a refusal, DoubtfulReplyError for what is no answer."""
    try:
        reply = json.loads(raw, object_hook=_decoded)
    except (ValueError, RecursionError, ArithmeticError, KeyError, TypeError):
        raise DoubtfulReplyError("what answers is not Tryton: no JSON") from None
    if not isinstance(reply, dict) or reply.get("id") != 1:
        raise DoubtfulReplyError("what answers is not Tryton: no JSON-RPC")
    if "error" not in reply and "result" in reply:
        return reply["result"]
    match reply.get("error"):
        case ["UserError", [str(message), *rest]]:
            # A domain that follows can be tens of kilobytes, and says nothing to a person.
            described = rest[0] if rest and isinstance(rest[0], str) else ""
            raise TrytonRefusedError("UserError", "", f"{message} {described}")
        case ["UserWarning", [str(name), str(message), *_]]:
            raise TrytonRefusedError("UserWarning", name, message)
        case ["LoginException" | "ConcurrencyException" as kind, *_]:
            raise TrytonRefusedError(kind, "", f"Tryton refused it: {kind}")
        case [str(said), *_]:
            raise DoubtfulReplyError(f"Tryton failed: {one_line(said)[:300]}")
        case _:
            raise DoubtfulReplyError("what answers is not Tryton: neither result nor error")


def _encoded(value: object) -> Mapping[str, object] | str:
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, date):
        return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}
    if isinstance(value, Decimal):
        return {"__class__": "Decimal", "decimal": f"{value:f}"}
    raise TypeError(f"Tryton takes no {type(value).__name__} from payapp")


def _decoded(value: dict[str, Any]) -> Any:
    match value.get("__class__"):
        case "date":
            return date(value["year"], value["month"], value["day"])
        case "Decimal":
            return Decimal(value["decimal"])
    return value


def _unreached(error: Exception) -> str:
    """Why there is no connection; a certificate that does not verify is named as such."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = one_line(cause.verify_message)
            return (
                f"the certificate of the Tryton server does not verify: {why}; name its authority in ca_file"
            )
        cause = cause.__cause__ or cause.__context__
    return f"Tryton was not reached: {one_line(str(error)) or type(error).__name__}"
