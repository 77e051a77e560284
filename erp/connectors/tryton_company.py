"""One company of a Tryton, as its user sees it: the context of every request, and asking for rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from erp.connector import UnavailableError
from erp.connectors.tryton_rpc import Session
from erp.connectors.tryton_settings import TrytonSettings

Rows = list[dict[str, Any]]


class Company:
    """The company that the settings name. It is looked up once, before anything else is asked."""

    def __init__(self, settings: TrytonSettings, session: Session) -> None:
        self._settings = settings
        self._session = session
        self._context: dict[str, Any] | None = None

    async def about(self) -> dict[str, Any]:
        """The context of every request: the user's own, for the one company, in English.

        Raises UnavailableError, also where the user does not work for that company.
        """
        if self._context is None:
            user = await self._session.read("model.res.user.get_preferences", True, {})
            if not isinstance(user, dict):
                raise UnavailableError("Tryton's preferences have another form")
            context = {"language": "en", "company": user.get("company"), "employee": user.get("employee")}
            asked = [[("party.name", "=", self._settings.company)], 0, 2, None, ["id"], context]
            found = await self._session.read("model.company.company.search_read", *asked)
            mine = user.get("companies") or [user.get("company")]
            if not _rows(found) or len(found) != 1 or found[0]["id"] not in mine:
                who, name = self._settings.user, self._settings.company
                raise UnavailableError(
                    f"{who} does not work for a company {name} in Tryton; correct erp.options.company, or add it to that"
                    " user's companies there"
                )
            self._context = {**context, "company": found[0]["id"]}
        return self._context

    async def id(self) -> int:
        """Its id in Tryton."""
        return int((await self.about())["company"])

    async def own(self) -> tuple[str, str, int]:
        """The clause of a search that keeps to its own records."""
        return ("company", "=", await self.id())

    async def search(
        self, model: str, domain: Sequence[Any], fields: list[str], limit: int | None = None
    ) -> Rows:
        """The rows of that model, by id. Raises UnavailableError, also for what has another form."""
        asked = [domain, 0, limit, [("id", "ASC")], fields, await self.about()]
        found = await self._session.read(f"model.{model}.search_read", *asked)
        if not _rows(found):
            raise UnavailableError(f"Tryton's answer about {model} has another form")
        return list(found)

    async def named(self, model: str, name: str, domain: Sequence[Any]) -> dict[str, int]:
        """The ids of that model's records by one of their fields."""
        return {row[name]: row["id"] for row in await self.search(model, domain, [name])}

    async def write(self, method: str, *arguments: Any) -> Any:
        """Have something done there; raises as Session.write does."""
        return await self._session.write(method, *arguments, await self.about())


def texts(codes: Iterable[str]) -> list[str]:
    """Those that can be asked for, each once and in order."""
    return sorted(text for text in set(codes) if text and "\x00" not in text)


def _rows(found: object) -> bool:
    return isinstance(found, list) and all(
        isinstance(row, dict) and type(row.get("id")) is int for row in found
    )
