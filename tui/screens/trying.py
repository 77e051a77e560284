"""What a dry run tries: shared by its screens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date

from store.domain.status import Action
from store.review import Plan


@dataclass(frozen=True, slots=True)
class Subject:
    """What is tried: the action, the accounting date and description given; ``again`` looks at all of it anew.

    ``override``: why what may be a duplicate would go.
    """

    action: Action
    day: date | None
    again: Callable[[], Awaitable[Plan]]
    override: str | None = None
    description: str | None = None
