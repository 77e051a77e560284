"""Lists that an ERP gives in pages: each page in time, whatever fails told in one way, and closed at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import TypeVar

from store.domain.errors import PayappError
from store.domain.text import one_line

T = TypeVar("T")


async def paged(
    pages: AsyncIterator[Sequence[T]], seconds: float, *, what: str, fix: str
) -> AsyncGenerator[Sequence[T], None]:
    """The pages of a connector's list, each within so many seconds. Close it: contextlib.aclosing().

    Raises PayappError with ``what`` did not come and its ``fix`` for whatever the connector raises.
    """
    try:
        while (page := await _next(pages, seconds, what, fix)) is not None:
            yield page
    finally:
        if hasattr(pages, "aclose"):
            await pages.aclose()


async def _next(pages: AsyncIterator[Sequence[T]], seconds: float, what: str, fix: str) -> Sequence[T] | None:
    """The next page; None: that was the last one."""
    try:
        async with asyncio.timeout(seconds):
            return await anext(pages)
    except StopAsyncIteration:
        return None
    except TimeoutError:
        why = "it did not answer in time"
    except Exception as error:  # noqa: BLE001 - whatever a connector raises, there is no answer
        why = one_line(str(error)) or type(error).__name__
    raise PayappError(what, why=why, fix=fix)
