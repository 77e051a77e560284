"""The connector to the chaos harness's own ERP, and the ERP's process as the harness starts it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Literal

import httpx
import msgspec

from erp.connector import ParcelRefusedError, UnavailableError
from store.domain.bill import Bill
from store.domain.knowing import Fact, Kind, Paid
from store.domain.outcome import Answer, Booked, ErpBill, Later, Missing, Period, Refused, Unknown
from store.domain.profile import Finding, Profile

NAME = "chaos"
PERIOD = Period(date(2020, 1, 1), date(2039, 12, 31), True)
PROGRAM = Path(__file__).with_name("erp_server.py")


class Outcome(msgspec.Struct):
    key: str
    status: Literal["booked", "refused", "later"]
    ref: str = ""
    cause: str = ""


class Posted(msgspec.Struct):
    outcomes: list[Outcome]


class Found(msgspec.Struct):
    found: dict[str, str]


class Listed(msgspec.Struct):
    bills: list[ErpBill]


class HttpErp:
    """The ERP's books at ``url``. ``reach`` is called at each named point of a sending.

    ``keys``: whether a request says that keys count; ``asks``: whether a look-up asks at all. Without one of them the
    harness must find what it is there to find.
    """

    def __init__(
        self,
        url: str,
        profile: Profile,
        *,
        reach: Callable[[str], None] = lambda _: None,
        keys: bool = True,
        asks: bool = True,
    ) -> None:
        self.profile = profile
        self._url = url
        self._reach = reach
        self._keys = keys
        self._asks = asks
        self._client: httpx.AsyncClient | None = None

    async def post(self, bills: Sequence[Bill]) -> Sequence[Booked | Refused | Later | Unknown]:
        self._reach("post:before")
        body = msgspec.json.encode({"bills": bills})
        headers = {"Content-Length": str(len(body)), "Keys-Count": "yes" if self._keys else "no"}
        reply = await self._request("POST", "bills", content=self._halves(body), headers=headers)
        self._reach("post:booked")
        if reply.status_code == 422:
            raise ParcelRefusedError(reply.text)
        outcomes = [_outcome(said) for said in _read(reply, Posted).outcomes]
        self._reach("post:after")
        return outcomes

    async def find(self, bills: Sequence[Bill]) -> Sequence[Answer]:
        if not self._asks:
            return [Missing(bill.key) for bill in bills]
        self._reach("find:before")
        body = msgspec.json.encode({"keys": [bill.key for bill in bills]})
        found = _read(await self._request("POST", "find", content=body), Found).found
        self._reach("find:after")
        return [
            Booked(bill.key, found[bill.key]) if bill.key in found else Missing(bill.key) for bill in bills
        ]

    async def check(self, bills: Sequence[Bill]) -> dict[str, list[Finding]]:
        return {bill.key: [] for bill in bills}

    async def periods(self) -> Sequence[Period]:
        return [PERIOD]

    async def exists(self, ref: str) -> bool:
        return (await self._request("GET", f"bills/{ref}")).status_code == 200

    async def bills(self, period: Period) -> AsyncIterator[Sequence[ErpBill]]:
        asked = f"bills?start={period.start.isoformat()}&end={period.end.isoformat()}"
        yield _read(await self._request("GET", asked), Listed).bills

    async def known(self, kind: Kind, codes: Sequence[str]) -> Sequence[Fact] | None:
        del kind, codes
        return None

    async def payments(self, refs: Sequence[str]) -> AsyncIterator[Sequence[Paid]]:
        # Its profile says that it tells of none.
        for _ in refs[:0]:
            yield []

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()

    async def _halves(self, body: bytes) -> AsyncIterator[bytes]:
        yield body[: len(body) // 2]
        self._reach("post:halfway")
        yield body[len(body) // 2 :]

    async def _request(self, method: str, path: str, **given: Any) -> httpx.Response:
        if self._client is None:
            # The queue has its own time-out over the whole of it.
            self._client = httpx.AsyncClient(timeout=None, trust_env=False, verify=False)
        try:
            reply = await self._client.request(method, f"{self._url}/{path}", **given)
        except httpx.ConnectError as error:
            raise UnavailableError(str(error)) from error
        if reply.status_code == 503:
            raise UnavailableError(reply.text)
        return reply


def _read(reply: httpx.Response, kind: type[Any]) -> Any:
    reply.raise_for_status()
    return msgspec.json.decode(reply.content, type=kind)


def _outcome(said: Outcome) -> Booked | Refused | Later:
    if said.status == "booked":
        return Booked(said.key, said.ref)
    if said.status == "later":
        return Later(said.key, said.cause)
    return Refused(said.key, "refused", said.cause, "Correct it, then x retries; r rejects it")


class ErpProcess:
    """The ERP as a process of its own, for the life of a run; its ledgers stay in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self._url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"

    def keep(self, name: str, **terms: Any) -> str:
        """Open books of that name on these terms (erp_server.Terms); returns their URL."""
        httpx.put(f"{self._url}/{name}", json=terms, trust_env=False).raise_for_status()
        return f"{self._url}/{name}"

    def state(self, name: str) -> dict[str, Any]:
        """How many requests are ``under_way``, the ``count`` of bills, and how often each of the ``moods`` was shown."""
        found: dict[str, Any] = httpx.get(f"{self._url}/{name}/state", trust_env=False).json()
        return found

    def ledger(self, name: str) -> Path:
        """The file of these books."""
        return self.folder / f"{name}.jsonl"

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()
